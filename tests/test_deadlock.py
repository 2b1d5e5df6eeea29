"""A study or policy that can only find what was clicked before is named before the work begins."""

import importlib
from dataclasses import replace

import pytest

import ltrr
from ltrr.bandits.spec import policy_spec
from ltrr.study import Result
from ltrr.study.build import build, make_world
from ltrr.study.deadlock import deadlocks

NOTHING = "Nothing can be learned"


def study_of(arms, *policies, **loop):
    base = ltrr.read_study("default")
    setting = replace(base.loop, arms=arms, fallback=loop.pop("fallback", None), **loop)
    given = {name: {"kind": "memory"} for name in arms if name.startswith("other")}
    return replace(
        base,
        world={"kind": "music", "n_items": 300, "n_queries": 60},
        loop=setting,
        arms=given,
        policies=tuple(policy_spec(p, arms) for p in policies),
    )


def found(*args, **loop):
    study = study_of(*args, **loop)
    return deadlocks(study, build(study))


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        (("memory",), "Nothing can be learned: memory returns only"),
        (("memory", "other"), "Nothing can be learned: memory and other return only"),
        (("other1", "memory", "other2"), "Nothing can be learned: other1, memory and other2 return only"),
    ],
)
def test_memories_alone_are_named_whatever_the_loop(arms, words):
    for loop in ({}, {"warmup": 0}, {"audit": 0.5}, {"fallback": ["memory"]}):
        (sentence,) = found(arms, "uniform", "memory", **loop)
        assert sentence.startswith(words)
        assert "`loop.arms`" in sentence


PAIR = ("bm25", "memory", "other")


@pytest.mark.parametrize(
    ("policy", "loop", "words"),
    [
        ("memory", {}, "queries without a click in the warm-up get empty pages"),
        ("memory", {"warmup": 0}, "never shows an item"),
        ("memory", {"fallback": ["other"]}, "queries without a click"),
        ({"name": "q", "kind": "static", "quota": [0, 2, 1]}, {}, "memory and other, where only"),
        ({"name": "q", "kind": "single", "arm": 2}, {}, "every slot to other, where only"),
        # somebody else answers
        ("memory", {"fallback": ["bm25"]}, None),
        ("memory", {"audit": 0.1}, None),
        ({"name": "q", "kind": "static", "quota": [1, 2, 0]}, {}, None),
        ("bm25", {"warmup": 0}, None),
        ("linucb", {}, None),
        ("best-static", {}, None),
    ],
)
def test_a_policy_that_can_only_remember(policy, loop, words):
    sentences = found(PAIR, policy, **loop)
    assert len(sentences) == (words is not None)
    assert words is None or words in sentences[0]


def test_popular_fills_in_by_itself():
    assert found(("memory", "popular"), "memory", "uniform", warmup=0) == []


def test_what_is_noted_is_true_and_said_before_the_work(tmp_path, ltrr, monkeypatch):
    """Memory alone shows nothing; with popular items it does."""
    said = []
    running = importlib.import_module("ltrr.study.simulate")  # the package has a function of this name
    monkeypatch.setattr(running, "make_world", lambda s: said.append("work") or make_world(s))
    monkeypatch.setattr("ltrr.report.progress.ProgressBar.remark", lambda _, text: said.append(text))
    small = ["--set", "loop.held_out=0", "--set", "world.n_items=300", "--set", "world.n_queries=60"]
    words = ["--policies", "uniform", "--rounds", 20, "--seeds", 1, "--warmup", 5, "--jobs", 1, *small]
    for arms, shows in (("memory", False), ("memory,popular", True)):
        out = tmp_path / arms
        said.clear()
        status, text, err = ltrr("simulate", "--arms", arms, "--out", out, *words)
        assert (status, err) == (0, "")
        told = [line for line in said if not line.startswith("Compiling")]
        assert ["Nothing" in line for line in told] == ([False] if shows else [True, False])
        assert told[-1] == "work"
        page = (out / "report.html").read_text(encoding="utf-8")
        found = [NOTHING in where for where in (text, page, (out / "notes.json").read_text())]
        assert found == [not shows] * 3
        assert bool(Result(out).rounds("uniform").reward.any()) is shows
