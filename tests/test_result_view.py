"""A result in a notebook: what it shows, and its tables under the terminal's heads."""

import re
import shutil
from html.parser import HTMLParser

import pandas as pd
import pytest

from ltrr.errors import InputError
from ltrr.study.result import Result
from ltrr.study.tables import HEADS
from tests.small_runs import LOOP, run_small

HOSTILE = "<img src=x onerror=alert(1)>"
VOID = {"br", "hr", "img", "meta", "link", "input"}


@pytest.fixture(scope="module")
def result(untuned, tmp_path_factory):
    """Result of a small run with the best static allocation."""
    folder = tmp_path_factory.mktemp("view") / "run"
    return run_small(folder, ["best-static", "equal", "linucb"], rounds=120, seeds=2, loop=LOOP)


class Shape(HTMLParser):
    """The tags of a page, refused where they do not close in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.text = [], [], []
        self.feed(text)
        if self.open:
            raise ValueError(f"not closed: {self.open}")

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            raise ValueError(f"closes out of order: {tag}")

    def handle_data(self, data):
        self.text.append(data)


def hostile_copy(result, place):
    """Return a copy of a run whose policy and question are hostile."""
    folder = shutil.copytree(result.folder, place / "hostile")
    for path in folder.glob("*.csv"):
        frame = pd.read_csv(path)
        frame.replace({c: {"linucb": HOSTILE} for c in ("policy", "reference") if c in frame}).to_csv(
            path, index=False
        )
    study = folder / "study.toml"
    text = study.read_text().replace('name = "linucb"', f"name = '{HOSTILE}'")
    study.write_text(re.sub('question = ".*"', 'question = "<script>alert(2)</script>"', text))
    return Result(folder)


def test_a_notebook_shows_verdict_and_table(result):
    view = result._repr_html_()
    shape = Shape(view)
    words = " ".join(" ".join(shape.text).split())
    found = result.verdict()
    assert f"Ship {found.policy}? {found.answer.capitalize()}." in words
    assert found.detail in words
    assert "against best-static" in words
    for policy, reward in result.table(["reward"]).reward.items():
        assert re.search(rf"{policy} {reward:.3f} ±", words)
    assert shape.seen.count("table") == 2
    # a notebook has its own page: neither head nor script, nor what is fetched from elsewhere
    assert not {"html", "head", "body", "script", "link", "img"} & set(shape.seen)


def test_hostile_names_are_text(result, tmp_path):
    hostile = hostile_copy(result, tmp_path)
    shape = Shape(hostile._repr_html_())
    assert "img" not in shape.seen
    assert HOSTILE in " ".join(shape.text)
    page = Shape(hostile.report().read_text())
    assert "img" not in page.seen
    assert page.seen.count("script") == 1  # the request explorer's own
    assert "<script>alert(2)</script>" in page.text
    assert HOSTILE in " ".join(page.text)


def test_one_policy_has_no_verdict_and_a_table(tmp_path):
    result = run_small(tmp_path / "one", ["equal"], rounds=120, loop=LOOP)
    shape = Shape(result._repr_html_())
    words = " ".join(shape.text)
    assert "Ship" not in words
    assert "equal" in words
    assert "One seed: no interval" in words
    assert shape.seen.count("table") == 1


def test_one_seed_shows_no_infinities(untuned, tmp_path):
    result = run_small(tmp_path / "one", ["best-static", "equal", "linucb"], rounds=120, loop=LOOP)
    words = " ".join(Shape(result._repr_html_()).text)
    assert "one seed: no interval" in words
    for word in ("inf", "nan"):
        assert not re.search(rf"\b{word}\b", words)


def test_tables_know_the_terminals_heads(result):
    frame = result.table(["recall", "held-out"])
    assert list(frame.columns) == ["recall", "held-out"]
    everything = result.table()
    assert frame["recall"].tolist() == everything["recall_budget"].tolist()
    assert frame["held-out"].tolist() == everything["reward_held_out"].tolist()
    known = [head for head, metric in ((h, m) for m, h in HEADS.items()) if metric in everything]
    assert list(result.table(known).columns) == known
    mixed = result.table(("calls", "recall"))
    assert list(mixed.columns) == ["calls", "recall"]
    assert frame.index.tolist() == everything.reward.sort_values(ascending=False).index.tolist()


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ("recall", r"must be a list of names, got 'recall'; write \['recall'\]"),
        (["recal"], "no metric 'recal'; did you mean 'recall'"),
        ([3], "no metric"),
        (["rewrd", "recall"], "no metric 'rewrd'; did you mean 'reward'"),
    ],
)
def test_tables_refuse_what_they_lack_in_a_line(result, metrics, said):
    with pytest.raises(InputError, match=said) as refused:
        result.table(metrics)
    assert "\n" not in str(refused.value)


def test_an_empty_list_is_an_empty_table(result):
    frame = result.table([])
    assert frame.shape == (3, 0)
