"""The section "What the arms return" of a run's page."""

import json
import re
import shutil

import numpy as np
import pytest

from ltrr.report.page import render
from ltrr.rng import Streams
from ltrr.study.ask import Trained, answered, restored
from ltrr.study.build import make_world
from ltrr.study.examples import ABSENT, DEPTH, OF_EACH, examples_of
from ltrr.study.files import read_study
from ltrr.study.report import write_report
from ltrr.types import Items
from tests.small_runs import SEED

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>{{ 7 * 7 }}\u202e\x1b[31m'


@pytest.fixture(scope="module")
def examples(small_run):
    return examples_of(small_run.folder)


def shown(examples):
    return render("examples.html.j2", examples=examples, absent=ABSENT)


def text_of(html):
    return " ".join(re.sub(r"<[^>]*>", " ", re.sub(r"(?s)<style>.*?</style>", "", html)).split())


def test_queries_are_those_of_the_stream_and_of_the_held_out_part(small_run, examples):
    study = read_study(small_run.folder / "study.toml")
    world = make_world(study).fork(Streams(SEED, 0))
    stream = world.next(study.rounds).texts()
    held_out = world.held_out(study.loop.held_out).texts()
    asked = [(q["query"], q["asked"]) for q in examples["queries"]]
    assert len({text for text, _ in asked}) == 2 * OF_EACH
    for text, times in asked[:OF_EACH]:
        assert times == stream.count(text) > 0
    assert asked[0][1] == max(map(stream.count, set(stream)))
    assert all(text in held_out and times == 0 for text, times in asked[OF_EACH:])


def test_an_example_is_what_the_command_says(small_run, examples):
    trained = Trained(small_run.folder)
    for example in examples["queries"][:OF_EACH]:
        found = trained.ask(example["query"], policy=examples["policy"], seed=0, depth=DEPTH)
        assert [item["title"] for item in example["page"]] == [
            " ".join(t.split()) or n for t, n in zip(found.page["title"], found.page["name"], strict=True)
        ]
        for arm, items in example["arms"].items():
            rows = found.arms[found.arms["arm"] == arm]
            assert [item["place"] for item in items] == rows["place"].tolist()
            np.testing.assert_allclose([item["score"] for item in items], rows["score"])
        chosen = found.slots[found.slots.chosen]
        assert [s["name"] for s in example["slots"] if s["chosen"]] == chosen["name"].tolist()


def test_marks_are_the_worlds_truth(small_run, examples):
    study = read_study(small_run.folder / "study.toml")
    trained, marked = Trained(small_run.folder), 0
    parts = (small_run.folder, study, trained._prepared, trained.tuned)
    loop = restored(*parts, policy=examples["policy"], seed=0)
    world = loop.system.world
    asked = world.held_out(study.loop.held_out)
    for example in examples["queries"][OF_EACH:]:
        row = asked.texts().index(example["query"])
        requests = asked.take(np.array([row]))
        _, _, page = answered(loop, requests, DEPTH)
        items = page["item"].to_numpy(np.int32)
        truth = world.truth(requests, Items(np.array([0, len(items)]), items))
        assert [item["relevant"] for item in example["page"]] == (truth.grade > 0).tolist()
        assert example["relevant"] == truth.n_relevant[0]
        marked += int((truth.grade > 0).sum())
    assert marked


def test_the_page_shows_every_column_and_needs_no_script(small_run, examples):
    page = write_report(small_run.folder).read_text(encoding="utf-8")
    section = page[page.index('<section class="examples">') :]
    section = section[: section.index("</section>")]
    assert "<script" not in section
    assert "What the arms return" in section
    assert section.count("<details") == 2 * OF_EACH
    assert section.count("<details open") == 1
    for example in examples["queries"]:
        assert example["query"] in section
    for arm in examples["arms"]:
        assert section.count(f"<h3>{arm}</h3>") == 2 * OF_EACH
    every = [*(i for q in examples["queries"] for i in q["page"])]
    every += [i for q in examples["queries"] for items in q["arms"].values() for i in items]
    signs = section.count('role="img" aria-label="relevant">✓')
    assert signs == sum(item["relevant"] for item in every) > 0
    assert section.count(">chosen<") == sum(s["chosen"] for q in examples["queries"] for s in q["slots"])
    for word in ("probability", *examples["queries"][0]["slots"][0]["terms"]):
        assert f'<th scope="col">{word}</th>' in section
    # what scrolls can be reached by keyboard
    assert section.count('class="scroll"') == section.count('class="scroll" tabindex="0"')


def test_text_of_the_data_stays_text(examples):
    changed = json.loads(json.dumps(examples))
    changed["policy"] = HOSTILE
    changed["arms"][0] = HOSTILE
    for example in changed["queries"]:
        example["query"] = HOSTILE
        example["arms"][HOSTILE] = [
            {"title": HOSTILE, "score": None, "place": 0, "relevant": True},
        ]
        for item in example["page"]:
            item["title"] = item["arms"] = HOSTILE
        for row in example["slots"]:
            row["name"] = HOSTILE
            row["terms"] = {HOSTILE: None}
    page = shown(changed)
    assert "<script" not in page
    assert "<img" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "{{ 7 * 7 }}" in page


def test_an_arm_that_found_nothing_says_so(examples):
    changed = json.loads(json.dumps(examples))
    changed["queries"] = changed["queries"][:1]
    changed["queries"][0]["arms"] = {name: [] for name in changed["arms"]}
    changed["queries"][0]["page"] = []
    said = text_of(shown(changed))
    assert said.count("no items") == len(changed["arms"])
    assert "No arm found anything." in said


def test_without_states_the_section_says_why(small_run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(small_run.folder, folder)
    (folder / "examples.json").unlink()
    page = write_report(folder).read_text(encoding="utf-8")
    assert "What the arms return" in page
    assert "the run kept no trained states" in text_of(page)
