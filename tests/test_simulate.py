"""Studies end to end: one worker or two, always the same bytes."""

from pathlib import Path

import pytest

import ltrr
from ltrr.errors import InputError

STUDY = """
name = "tiny"
question = "Does it survive?"
seed = 3
seeds = 2
rounds = 300
log_seeds = 1
[world]
kind = "music"
n_items = 400
n_queries = 150
[arms.dense.encoder]
kind = "lsa"
dim = 16
[ranker]
kind = "lambdamart"
first = 60
n_trees = 15
[tuning]
shares = [0.1, 0.2]
keep = [3, 1]
seeds = [1, 2]
draws = 3
[loop]
arms = ["bm25", "dense", "popular"]
fallback = ["popular"]
n_slots = 2
warmup = 50
feedback_every = 25
checkpoint_every = 50
oracle_every = 10
held_out = 40
slot_size = 8
delay_seconds = 120.0
[[policies]]
name = "best-static"
[[policies]]
name = "linucb"
[[policies]]
name = "vw-squarecb"
[[policies]]
name = "epsilon-greedy"
[[policies]]
name = "tuned-convex"
"""


@pytest.fixture(scope="module")
def study_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "tiny.toml"
    path.write_text(STUDY)
    return path


@pytest.fixture(scope="module")
def whole(study_file, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "whole"
    ltrr.run_study(ltrr.read_study(study_file), out=out, quiet=True)
    return out


def files(folder: Path):
    kinds = ("rounds", "oracles", "held_out", "held_out_oracles", "log", "policies")
    paths = [p for kind in kinds for p in (folder / kind).rglob("*") if p.is_file()]
    paths += [
        folder / f"{n}" for n in ("summary.csv", "curves.csv", "comparators.csv", "tuning.json", "study.toml")
    ]
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths}


def assert_same(a: Path, b: Path):
    one, two = files(a), files(b)
    assert sorted(one) == sorted(two)
    assert [name for name in one if one[name] != two[name]] == []


def test_two_workers_give_the_same_bytes(study_file, whole, tmp_path):
    ltrr.run_study(ltrr.read_study(study_file), out=tmp_path / "two", jobs=2, quiet=True)
    assert_same(whole, tmp_path / "two")


def test_run_folder_holds_what_it_promises(whole):
    result = ltrr.Result(whole)
    page = result.report()
    for name in (
        "study.toml",
        "summary.csv",
        "curves.csv",
        "regret.png",
        "recall.png",
        "loss_split.png",
        "slots.png",
        "report.html",
        "environment.json",
        "comparators.csv",
    ):
        assert (whole / name).stat().st_size > 0, name
    assert not (whole / "cells").exists()
    assert not list(whole.rglob("*.part"))
    assert list(result.summary().columns) == ["policy", "metric", "mean", "low", "high", "n_seeds"]
    assert list(result.curves().columns) == ["policy", "metric", "round", "mean", "low", "high"]
    text = page.read_text()
    assert "Does it survive?" in text
    assert "http://" not in text.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )
    again = {p.name: p.read_bytes() for p in whole.glob("*.png")} | {"page": page.read_bytes()}
    result.report(jobs=2)  # as one process does, to the byte
    assert {p.name: p.read_bytes() for p in whole.glob("*.png")} | {"page": page.read_bytes()} == again


def test_summary_agrees_with_the_rounds(whole):
    result = ltrr.Result(whole)
    table = result.summary().set_index(["policy", "metric"])
    for policy in ("linucb", "best-static"):
        late = [result.rounds(policy, s).iloc[50:] for s in range(2)]
        for metric in ("reward", "ndcg", "calls", "recall_budget"):
            want = sum(r[metric].mean() for r in late) / 2
            assert table.loc[(policy, metric), "mean"] == pytest.approx(want, abs=1e-12)
        gaps = [
            (result.rounds("best-static", s).reward - result.rounds(policy, s).reward)[50:].sum()
            for s in range(2)
        ]
        assert table.loc[(policy, "regret_static"), "mean"] == pytest.approx(sum(gaps) / 2, abs=1e-9)
    curve = result.curves().query("policy == 'linucb' and metric == 'regret_static'")
    assert curve["round"].iloc[-1] == 300
    assert curve["mean"].iloc[-1] == pytest.approx(table.loc[("linucb", "regret_static"), "mean"], abs=1e-9)


def test_loss_split_adds_up_and_the_oracle_bounds_what_was_got(whole):
    import pandas as pd

    for path in (whole / "oracles").glob("*.parquet"):
        t = pd.read_parquet(path)
        total = t.loss_retrieval + t.loss_ranking + t.loss_noise
        assert (t.ideal - t.reward_sampled - total).abs().max() < 1e-12
        assert (t.loss_retrieval > -1e-12).all()
        assert (t.loss_ranking > -1e-12).all()
        assert (t.reward <= t.oracle_reward + 1e-6).all()  # quota values are kept as float32


def test_an_object_world_and_own_policies_run(tmp_path):
    world = ltrr.worlds.Music(n_items=300, n_queries=100, seed=1)
    own = ltrr.bandits.LinUCB(alpha=2.0)
    result = ltrr.simulate(
        world,
        policies=[own, "equal"],
        rounds=100,
        seeds=2,
        jobs=2,
        out=tmp_path / "o",
        loop={"warmup": 50, "held_out": 0},
    )
    assert set(result.summary().policy) == {"best-static", "linucb", "equal"}
    assert result.policy("linucb").alpha == 2.0
    assert result.plot_regret().get_title(loc="left").startswith("Regret against the best static")
    result.policy("linucb").save(tmp_path / "saved")
    assert ltrr.load_policy(tmp_path / "saved").alpha == 2.0


def test_a_folder_is_never_written_over(whole, tmp_path):
    study = ltrr.read_study("default")
    with pytest.raises(InputError, match="holds a run already"):
        ltrr.run_study(study, out=whole)
    with pytest.raises(InputError, match="other settings"):
        ltrr.run_study(study, out=whole, resume=True)
    (tmp_path / "mine.txt").write_text("x")
    for resume in (False, True):
        with pytest.raises(InputError, match="not empty"):
            ltrr.run_study(study, out=tmp_path, resume=resume)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
