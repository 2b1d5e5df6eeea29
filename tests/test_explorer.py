"""The request explorer: what it samples and shows, and that text of the data stays text."""

import re
import shutil
from html.parser import HTMLParser

import jinja2
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ltrr.errors import printable
from ltrr.logs.tables import Log
from ltrr.report.page import render
from ltrr.study.explorer import HEAD, LONGEST, LOSSES, _slot, explorer
from ltrr.types.quotas import quota_name
from tests.small_runs import POLICIES, WARM

FULL = ["linucb", "linucb-disjoint", "rrf", "equal", "vw-epsilon"]
HOSTILE = {
    "script": "<script>alert(1)</script>",
    "attribute": '"><img src=x onerror=alert(1)>',
    "direction": "\u202egnp.exe\u202c",
    "control": "a\x00b\x1b[31m\x08",
    "template": "{{ 7 * 7 }}{% raw %}",
    "entity": "&lt;b&gt; &amp;",
    "long": "word" * 1_250,
    "long attribute": '"><img src=x onerror=alert(1)>' * 160,
}


class Page(HTMLParser):
    """Tags with their attributes, and all text outside scripts and styles."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.apart = [], [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.apart = tag if tag in ("script", "style") else self.apart

    def handle_endtag(self, tag):
        self.apart = "" if tag == self.apart else self.apart

    def handle_data(self, data):
        if not self.apart:
            self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def page(monkeypatch):
    """Return a function that puts explorers on a page."""
    around = (
        '{% extends "base.html.j2" %}{% block body %}'
        '{% for explorer in explorers %}{% include "explorer.html.j2" %}{% endfor %}{% endblock %}'
    )
    package = jinja2.PackageLoader("ltrr.report")
    loader = jinja2.ChoiceLoader([jinja2.DictLoader({"around.html.j2": around}), package])
    monkeypatch.setattr("jinja2.PackageLoader", lambda _: loader)
    return lambda *shown: render("around.html.j2", title="t", explorers=shown)


@pytest.fixture(scope="module")
def shown(small_run):
    return explorer(small_run.folder, FULL)


@pytest.fixture
def copy(small_run, tmp_path):
    shutil.copytree(small_run.folder, tmp_path / "run")
    return tmp_path / "run"


def rewritten(file, **columns):
    """Write columns of a Parquet file anew."""
    table = pq.ParquetFile(file).read()
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, pa.array(values, table.schema.field(name).type))
    pq.write_table(table, file)


def test_requests_are_judged_late_and_of_both_kinds(small_run, shown):
    judged = pd.read_parquet(small_run.folder / "oracles" / "linucb-000.parquet").set_index("request")
    late = judged[judged.index >= WARM]
    assert [block["number"] for block in shown["shown"]] == late.index.tolist()
    assert len(late) == 6
    for block in shown["shown"]:
        asked = late.asked[block["number"]]
        assert block["asked"].startswith("asked" if asked else "first time")
        assert ("repeated" in block["label"]) == (asked > 0)


@pytest.mark.parametrize(
    ("asked", "want"),
    [
        ([0, 1, 0, 2, 0, 1], [0, 1, 4, 5]),
        ([0, 0, 0, 0, 1, 2], [0, 3, 4, 5]),
        ([0, 0, 0, 0, 0, 3], [0, 2, 4, 5]),
        ([1, 1, 0, 1, 1, 1], [0, 2, 3, 5]),
        ([0] * 6, [0, 2, 3, 5]),
        ([2] * 6, [0, 2, 3, 5]),
    ],
)
def test_half_are_repeated_as_far_as_there_are_enough(asked, want, copy):
    file = copy / "rounds" / "linucb-000.parquet"
    judged = pd.read_parquet(copy / "oracles" / "linucb-000.parquet").request
    late = judged[judged >= WARM].tolist()
    values = pd.Series(0, index=range(180))
    values[late] = asked
    rewritten(file, asked=values.tolist())
    got = [block["number"] for block in explorer(copy, ["linucb"], n=4)["shown"]]
    assert got == [late[place] for place in want]


def test_every_policy_has_a_row(small_run, shown):
    for block in shown["shown"]:
        assert [row["policy"] for row in block["rows"]] == POLICIES
        for row in block["rows"]:
            line = small_run.rounds(row["policy"]).set_index("request").loc[block["number"]]
            arms = small_run.log().about["arms"]
            quota = quota_name([int(line[f"slots_{a}"]) for a in arms], arms)
            assert row["quota"] == quota.replace(" + ", " · ")
            numbers = [line.candidates, line.spilled, line.clicks, line.satisfied_clicks]
            assert [float(number) for number in row["numbers"]] == numbers
            assert row["reward"] == f"{line.reward:.3f}"
            if row["policy"] == "rrf":
                assert row["regret"] == "–"
                continue
            oracles = pd.read_parquet(small_run.folder / "oracles" / f"{row['policy']}-000.parquet")
            judged = oracles.set_index("request").loc[block["number"]]
            regret = float(row["regret"].replace("−", "-"))
            assert regret == pytest.approx(judged.oracle_reward - judged.reward, abs=6e-4)


def test_four_policies_are_shown_in_full(small_run, shown):
    assert shown["policies"] == FULL[:4]
    for block in shown["shown"]:
        assert [choice["policy"] for choice in block["choices"]] == FULL[:4]
        for choice in block["choices"]:
            log = small_run.log(choice["policy"], 0)
            found = log.find([block["number"]])[0]
            assert block["query"]["text"] == found.query
            assert [place["arms"] for place in choice["places"]] == found.places.arms.tolist()
            assert [place["text"] for place in choice["places"]] == found.places.title.tolist()
            for mark in ("spilled", "explored"):
                assert [mark in place["marks"] for place in choice["places"]] == found.places[mark].tolist()
            acts = {(False, False): "", (True, False): "clicked", (True, True): "satisfied"}
            users = zip(found.places.click, found.places.satisfied, strict=True)
            assert [place["act"] for place in choice["places"]] == [acts[user] for user in users]
            for arm, row in zip(choice["arms"], found.arms.to_dict("records"), strict=True):
                assert (arm["name"], arm["delivered"], arm["spilled"]) == (
                    row["arm"],
                    row["delivered"],
                    row["spilled"],
                )
                mine = found.candidates[found.candidates.arm == arm["name"]].sort_values("rank").head(HEAD)
                assert [(i["rank"], i["text"]) for i in arm["head"]] == [
                    (row["rank"], row["title"]) for row in mine.to_dict("records")
                ]
                on_page = mine["item"].isin(found.places["item"])
                assert [i["on_page"] for i in arm["head"]] == on_page.tolist()


def test_slots_show_the_chosen_first_and_count_the_rest(small_run, shown):
    for block in shown["shown"]:
        for choice in block["choices"]:
            slots = small_run.log(choice["policy"], 0).find([block["number"]])[0].slots
            assert [slot["number"] for slot in choice["slots"]] == sorted(slots.number.unique())
            for slot in choice["slots"]:
                rows = slots[slots.number == slot["number"]]
                names = [action["name"] for action in slot["actions"]]
                known = rows.set_index("name").probability
                assert names[0] == slot["chosen"] == rows[rows.chosen].name.item()
                assert [action["chosen"] for action in slot["actions"]] == [True] + [False] * (len(names) - 1)
                assert [a["probability"] for a in slot["actions"]] == [f"{known[name]:.2f}" for name in names]
                assert known[names[1:]].is_monotonic_decreasing
                if len(names) == len(rows):
                    assert slot["rest"] == ""
                else:
                    rest = known.drop(names).sum()
                    assert slot["rest"] == f"{len(rows) - len(names)} more: {abs(rest):.2f}"
                    assert known[names].min() >= known.drop(names).max()


def test_what_could_not_be_chosen_is_counted_not_named():
    names, probability = ["a", "b", "c", "d"], [0.0, 0.25, 0.75, 0.0]
    columns = {"number": 1, "name": names, "probability": probability, "audit": False}
    slot = _slot(pd.DataFrame(columns | {"chosen": [False, True, False, False]}))
    assert [(a["name"], a["probability"], a["width"]) for a in slot["actions"]] == [
        ("b", "0.25", 25),
        ("c", "0.75", 75),
    ]
    assert (slot["number"], slot["chosen"], slot["rest"]) == (1, "b", "2 more: 0.00")


def test_losses_lead_from_the_ideal_to_what_was_received(small_run, shown):
    for block in shown["shown"]:
        for choice in block["choices"]:
            if choice["policy"] == "rrf":
                assert choice["losses"] == []
                continue
            judged = pd.read_parquet(small_run.folder / "oracles" / f"{choice['policy']}-000.parquet")
            row = judged.set_index("request").loc[block["number"]]
            values = [float(step["value"].replace("−", "-")) for step in choice["losses"]]
            losses = [-row[f"loss_{part}"] for part in LOSSES]
            assert values == pytest.approx([row.ideal, *losses, row.reward_sampled], abs=6e-4)
            assert sum(values[:-1]) == pytest.approx(values[-1], abs=3e-3)
            assert all(0 <= step["width"] <= 100 for step in choice["losses"])


def test_what_was_not_logged_has_no_explorer(small_run, tmp_path, copy):
    assert explorer(tmp_path, FULL) is None
    assert explorer(small_run.folder, ["nobody"]) is None
    assert explorer(small_run.folder, []) is None
    for table in ("requests", "decisions", "candidates", "impressions"):
        shutil.rmtree(copy / "log" / table / "policy=linucb" / "seed=0")
    assert explorer(copy, ["linucb"]) is None
    assert explorer(copy, ["linucb", "equal"])["policies"] == ["equal"]


def test_a_run_without_oracles_is_sampled_from_its_rounds(copy, page, shown):
    shutil.rmtree(copy / "oracles")
    got = explorer(copy, ["linucb"])
    assert "that oracles judged" in " ".join(page(shown).split())
    assert "that oracles judged" not in " ".join(page(got).split())
    numbers = [block["number"] for block in got["shown"]]
    assert len(numbers) == 12
    assert min(numbers) >= WARM
    assert {row["regret"] for block in got["shown"] for row in block["rows"]} == {"–"}


def test_a_run_that_is_all_warm_up_has_no_explorer(copy):
    log = Log(copy / "log")
    text = (copy / "log" / "log.json").read_text()
    assert log.about["settings"]["loop"]["warmup"] == WARM
    (copy / "log" / "log.json").write_text(text.replace(f'"warmup": {WARM}', '"warmup": 180'))
    assert explorer(copy, ["linucb"]) is None


def test_the_page_shows_it_all_without_a_script(page, shown):
    html = page(shown)
    read = Page(html)
    assert len(read.all("article")) == len(shown["shown"])
    hidden = [attributes for _, attributes in read.tags if "hidden" in attributes]
    assert [attributes.get("class") for attributes in hidden] == ["pick"]
    text = " ".join(" ".join(read.text).split())
    for block in shown["shown"]:
        assert f"Request {block['number']}: {block['query']['text']}" in text
        for choice in block["choices"]:
            for place in choice["places"]:
                assert place["text"] in text
    assert not re.search(r"https?://", html)


def test_controls_are_labelled_and_tables_are_reached_by_keyboard(page, shown):
    html = page(shown)
    read = Page(html)
    assert len(read.all("select")) == html.count("<label>") == 2
    assert len(read.all("option")) == len(shown["shown"]) + len(shown["policies"])
    boxes = [box for box in read.all("div") if box.get("class") == "scroll"]
    assert len(boxes) == len(read.all("table"))
    assert all(box["tabindex"] == "0" and box["role"] == "region" and box["aria-label"] for box in boxes)
    bars = [bar for bar in read.all("span") if bar.get("class") == "track"]
    assert bars
    assert all(bar["aria-hidden"] == "true" for bar in bars)


def test_two_explorers_stand_on_one_page(page, shown):
    html = page(shown, shown)
    assert html.count("document.currentScript.parentElement") == 2
    assert "id=" not in html.split("</head>")[1]


def test_only_names_of_colours_are_used(page, shown):
    style = page(shown).split("</head>")[1].split("<style>")[1].split("</style>")[0]
    assert not re.search(r"#[0-9a-fA-F]{3}|rgb|: *(white|black)", style)
    assert set(re.findall(r"var\(--(\w+)\)", style)) <= {"ink", "soft", "line", "wash", "accent"}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_stays_text(kind, copy, page):
    text = HOSTILE[kind]
    plain = Page(page(explorer(copy, ["linucb"])))
    for file, column in (("items", "title"), ("queries", "text")):
        place = copy / "log" / f"{file}.parquet"
        rewritten(place, **{column: [text] * pq.ParquetFile(place).metadata.num_rows})
    html = page(explorer(copy, ["linucb"]))
    read = Page(html)
    assert [tag for tag, _ in read.tags] == [tag for tag, _ in plain.tags]
    pairs = zip(read.tags, plain.tags, strict=True)
    assert all(set(attributes) <= {*known, "title"} for (_, attributes), (_, known) in pairs)
    whole = printable(text)
    short = whole if len(whole) <= LONGEST else f"{whole[: LONGEST - 1]}…"
    blocks = explorer(copy, ["linucb"])["shown"]
    places = sum(len(choice["places"]) for block in blocks for choice in block["choices"])
    assert read.text.count(short) >= places > 0
    titles = {attributes["title"] for _, attributes in read.tags if "title" in attributes}
    assert titles == ({whole} if whole != short else set())
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", html)


def test_an_item_without_a_title_is_shown_by_its_name(copy):
    items = copy / "log" / "items.parquet"
    rewritten(items, title=[" "] * pq.ParquetFile(items).metadata.num_rows)
    found = Log(copy / "log", "linucb", 0).find([79])[0]
    places = explorer(copy, ["linucb"])["shown"][0]["choices"][0]["places"]
    assert [place["text"] for place in places] == found.places.name.tolist()


def test_the_page_is_small(page, shown):
    """A block takes some 6 kB, so that twelve requests of four policies stay below 400."""
    blocks = len(shown["shown"]) * len(shown["policies"])
    assert len(page(shown).encode()) / blocks < 8_000
