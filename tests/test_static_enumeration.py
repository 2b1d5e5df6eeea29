"""The script that holds the tuning's choice against all distinct quotas, at toy size."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ltrr as package
from ltrr.study.study import Tuning
from ltrr.types.quotas import all_quotas, quota_name

SCRIPTS = Path(__file__).parents[1] / "simulations"


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(SCRIPTS))
    try:
        import static_enumeration
    finally:
        sys.path.remove(str(SCRIPTS))
    return static_enumeration


def made(script, rewards, chosen):
    effort = script.Effort(2, 4, 40, 1.0)
    return script.Held("toy", ("a", "b"), 3, chosen, pd.DataFrame(rewards), effort, effort)


def test_rank_and_regrets_by_hand(script):
    rewards = {"2 a": [0.25, 0.5, 0.75], "1 a + 1 b": [0.75, 0.5, 0.625], "2 b": [0.25, 0.75, 0.5]}
    found = made(script, rewards, "2 a")  # means .5, .625, .5
    assert (found.rank, found.ranked.index[0]) == (2, "1 a + 1 b")
    assert found.regret.mean == 0.125
    # on the other seeds: of two quotas with 1.25 the first, 2 a; then twice 1 a + 1 b
    assert found.regret_elsewhere.mean == pytest.approx(np.mean([0.25 - 0.25, 0.5 - 0.5, 0.625 - 0.75]))
    assert made(script, rewards, "1 a + 1 b").regret.mean == 0.0
    said = script.report(made(script, rewards, "2 b"))
    assert "The search chose 2 b: rank 2 of 3." in said
    assert "Regret against 1 a + 1 b, the best on these seeds: +0.1250" in said


def test_every_distinct_quota_runs_on_common_seeds_and_the_arms_are_the_studys(script):
    arms = ("bm25", "dense", "memory", "popular")
    base = package.read_study("default")
    study = replace(
        base,
        world=replace(base.world, params={"n_items": 300, "n_queries": 60}),
        tuning=Tuning(shares=(0.5, 1.0), keep=(2, 1), seeds=(1, 2)),
        loop=replace(base.loop, warmup=30, feedback_every=30),
    )
    found = script.held(study, seeds=2, jobs=1, rounds=120, arms=arms[1:])
    assert found.arms == arms[1:]
    names = {quota_name(q, arms[1:]) for q in all_quotas(3, 3)}
    assert found.every == len(names) == 10
    assert set(found.rewards.columns) <= names
    assert found.chosen in found.rewards
    assert found.rewards.shape[1] == found.search.quotas < 10  # memory is used up
    assert found.rewards.index.tolist() == [script.FIRST, script.FIRST + 1]
    n = found.enumeration.quotas
    assert (found.enumeration.runs, found.enumeration.rounds) == (2 * n, 2 * n * 120)
    assert found.search.rounds <= n * 75 + 2 * 2 * 120
    assert found.rewards.notna().all().all()
    # the same quota on the same seed, without a tuning
    name = found.rewards.columns[0]
    again = script.held(study, seeds=1, jobs=1, rounds=120, arms=arms[1:])
    assert again.rewards[name].iloc[0] == found.rewards[name].iloc[0]
