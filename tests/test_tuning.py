"""The tuning: quotas that differ in what they deliver, and rankers with settings to search."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ltrr
from ltrr.bandits.spec import policy_spec
from ltrr.errors import InputError
from ltrr.simulation.setting import LoopSetting
from ltrr.study.build import build, make_ranker, make_world, prepare, settled
from ltrr.study.distinct import delivered_by, delivering, distinct, scouted
from ltrr.study.runner import Job
from ltrr.study.study import Study, Tuning
from ltrr.study.tables import Tables
from ltrr.types import all_quotas, quota_name

ARMS = ("bm25", "memory", "popular")
LOOP = LoopSetting(arms=ARMS, fallback=("bm25", "popular"), n_slots=3, slot_size=4, warmup=40)
TUNED = ("prior", "best-static", "tuned-rrf", "tuned-convex")


def drawn_one_by_one(quota, available, loop):
    """Ask arm by arm, candidate by candidate."""
    got = [min(q * loop.slot_size, have) for q, have in zip(quota, available, strict=True)]
    spilled = 0
    for a in loop.fallback_index:
        while sum(got) < loop.budget and got[a] < available[a]:
            got[a] += 1
            spilled += 1
    return got, spilled


@settings(max_examples=40, deadline=None)
@given(available=st.lists(st.tuples(*[st.integers(0, 12)] * 3), min_size=1, max_size=5))
def test_what_quotas_deliver(available):
    quotas = all_quotas(3, 3)
    out, spilled = delivered_by(quotas, np.array(available, np.int32), LOOP)
    for q, quota in enumerate(quotas.tolist()):
        want = [drawn_one_by_one(quota, have, LOOP) for have in available]
        assert out[q].tolist() == [got for got, _ in want]
        assert spilled[q].tolist() == [more for _, more in want]


def test_quotas_that_deliver_the_same_are_one():
    quotas = all_quotas(3, 3)
    names = quotas.tolist()
    # the memory has one item: more than one slot of it goes to bm25
    groups = distinct(quotas, np.array([[12, 1, 12]] * 200), LOOP)
    same = {tuple(names[g[0]]): [names[i] for i in g[1:]] for g in groups}
    assert sorted(i for g in groups for i in g) == list(range(len(quotas)))
    assert same[2, 1, 0] == [[1, 2, 0], [0, 3, 0]]
    assert same[1, 1, 1] == [[0, 2, 1]]
    assert same[0, 1, 2] == []
    assert len(groups) == 7
    # on 2 of 200 requests it has more: still the same; on 3 of 200 it is not
    for n, expected in ((2, 7), (3, 9)):
        available = np.array([[12, 1, 12]] * (200 - n) + [[12, 8, 12]] * n)
        assert len(distinct(quotas, available, LOOP)) == expected


def test_without_requests_all_quotas_are_candidates():
    none = np.zeros((0, 3), np.int32)
    assert distinct(all_quotas(3, 3), none, LOOP) == [[i] for i in range(10)]
    assert delivering((3, 0, 0), none, LOOP) == list(ARMS)


def small(policies, **changes):
    tuning = Tuning(shares=(0.5, 1.0), keep=(2, 1), seeds=(2, 2), draws=3)
    loop = replace(LOOP, feedback_every=20, oracle_every=500, held_out=20)
    return Study(
        seed=4,
        seeds=1,
        rounds=120,
        world={"kind": "music", "n_items": 300, "n_queries": 60, "seed": 2},
        ranker={"kind": "lambdamart", "first": 40, "n_trees": 5},
        loop=loop,
        tuning=tuning,
        policies=tuple(policy_spec(p, ARMS) for p in policies),
        **changes,
    )


@pytest.mark.parametrize("ranker", ["lambdamart", "rrf"])
def test_the_scout_tells_what_arms_have(ranker):
    study = replace(small(["linucb"]), ranker=ranker)
    parts = build(study)
    study = settled(study, parts)
    available = scouted(study, prepare(parts, make_world(study)))
    assert len(available) == 80  # every request after the warm-up, as there are few
    assert (available[:, 2] == LOOP.budget).all()
    assert available[:, 1].min() == 0
    assert 0 < available[:, 1].max() < LOOP.budget


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned") / "run"
    return ltrr.run_study(small(TUNED), out=folder, quiet=True)


def test_tuning_says_what_was_tried(run):
    found = json.loads((run.folder / "tuning.json").read_text())
    assert found["arms"] == list(ARMS)
    assert sum(found["quota"]) == 3
    first, last = found["rungs"]
    assert (first["rounds"], last["rounds"]) == (80, 120)
    assert (first["seeds"], last["seeds"]) == ([10_000, 10_001], [10_002, 10_003])
    names = [*first["values"], *(name for same in found["same"].values() for name in same)]
    assert len(set(names)) == len(names) == 10  # every quota, once
    assert set(found["same"]) <= set(first["values"])
    assert set(last["values"]) < set(first["values"])
    for name in ("tuned-rrf", "tuned-convex"):
        rungs = found["rankers"][name]["rungs"]
        first, last = rungs[0], rungs[-1]  # one rung where the others were clearly worse
        assert len(first["values"]) == 3
        assert "{}" in first["values"]  # the ranker's own settings
        best = max(last["values"], key=last["values"].get)
        assert json.loads(best) == found["rankers"][name]["settings"]
    assert not (run.folder / "tuning").exists()


def test_tuned_policies_draw_the_same_candidates_by_the_quota_and_rank_otherwise(run):
    rounds = {name: run.rounds(name, 0) for name in TUNED}
    after = {name: table.iloc[LOOP.warmup :] for name, table in rounds.items()}
    quota = json.loads((run.folder / "tuning.json").read_text())["quota"]
    for table in after.values():
        assert [table[f"slots_{arm}"].unique().tolist() for arm in ARMS] == [[q] for q in quota]
    rewards = [table.reward.sum() for table in after.values()]
    assert len(set(rewards)) == len(TUNED)


def test_the_reference_is_the_one_with_the_studys_ranker():
    specs = [policy_spec(name, ARMS) for name in ("tuned-rrf", "prior", "best-static")]
    assert [spec.static_quota for spec in specs] == [True] * 3
    assert [spec.best_static for spec in specs] == [False, False, True]
    assert not policy_spec({"name": "x", "kind": "best-static", "tune": True}, ARMS).best_static


def test_differences_are_to_the_reference(run):
    tables = Tables.read(run.folder)  # the prior comes first in the study
    assert tables.best_static == "best-static"
    assert not (tables.differences.policy == "best-static").any()
    assert set(TUNED[2:]) <= set(tables.differences[tables.differences.reference == "best-static"].policy)


def test_tune_is_written_and_read(run):
    again = ltrr.read_study(run.folder / "study.toml")
    assert [spec.tune for spec in again.policies] == [False, False, True, True]
    assert again.policies == small(TUNED).policies


def test_any_policy_may_have_its_ranker_tuned():
    study = small([{"name": "mine", "kind": "equal", "ranker": "rrf", "tune": True}])
    job = Job("trial-0001", 10_000, 50, of="mine", ranker={"k": 3.0}, tuning=True)
    spec = job.spec(study)
    assert (spec.name, spec.component.kind) == ("mine", "equal")
    assert make_ranker(study, spec, job.ranker).k == 3.0


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"name": "prior", "tune": True}, r"policies\.prior\.tune` needs a ranker with `search.*PriorRanker"),
        ({"name": "best-static", "tune": True}, r"needs a ranker with `search.*got LambdaMART"),
        ({"name": "rrf", "tune": 1}, r"policies\.rrf\.tune` must be true or false, got 1"),
        ({"name": "rrf", "ranker": {"kind": "rrf", "weights": {"dense": 1}}}, "must name arms, got 'dense'"),
        ({"name": "best-static", "alpha": 1}, r"takes no settings but `ranker` and `tune`, got \['alpha'\]"),
    ],
)
def test_refuses(entry, said):
    with pytest.raises(InputError, match=said):
        build(small([entry]))


def test_refuses_no_draws():
    with pytest.raises(InputError, match=r"tuning\.draws"):
        Tuning(draws=0)


def test_where_there_are_many_quotas_policies_over_allocations_choose_among_the_best(tmp_path: Path) -> None:
    arms = ["bm25", "dense", "memory", "popular"]
    tuning = Tuning(shares=(0.3, 0.6), keep=(3, 1), seeds=(1, 1))
    result = ltrr.simulate(
        {"kind": "music", "n_items": 300, "n_queries": 60},
        policies=["best-static", "linucb-allocations"],
        rounds=120,
        seeds=1,
        loop={"arms": arms, "warmup": 20, "catalogue": 6, "held_out": 0},
        study=replace(ltrr.read_study("default"), tuning=tuning),
        out=tmp_path / "run",
    )
    found = json.loads((result.folder / "tuning.json").read_text(encoding="utf-8"))
    quotas = all_quotas(3, 4)
    named = {quota_name(q, arms): i for i, q in enumerate(quotas)}
    last, first = found["rungs"][1]["values"], found["rungs"][0]["values"]
    assert len(found["catalogue"]) == 6
    assert {named[f"3 {arm}"] for arm in arms} <= set(found["catalogue"])
    best = [named[n] for n in sorted(last, key=lambda n: -last[n])]
    best += [named[n] for n in sorted(first, key=lambda n: -first[n])]
    others = [i for i in dict.fromkeys(best) if quotas[i].max() < 3][:2]
    assert set(found["catalogue"]) == {*others, *(named[f"3 {arm}"] for arm in arms)}
    # the log's actions are the places of quotas among all, and only those on offer are chosen
    decisions = result.log("linucb-allocations").decisions
    assert set(decisions["action"]) <= set(found["catalogue"])
    assert decisions["action"].nunique() > 1
