"""Small logs that were judged too kindly: the shared cases, and others of the same kinds made here."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ltrr.logs import read
from ltrr.replay import run, validate


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def table(ltrr):
    """Return the table of a replay by policy and estimator."""

    def call(*words):
        status, out, err = ltrr("replay", *map(str, words), "--json", "--out", "out", "--no-figures")
        assert status == 0, err
        return pd.DataFrame(json.loads(out)).set_index(["policy", "estimator"])

    return call


def judged(frame, policy="uniform", estimators=("ips", "snips"), **options):
    log = read(pd.DataFrame(frame), on_error=options.pop("on_error", "fail"))
    found = run(log, [policy], estimators=list(estimators), quiet=True, clips=False, **options)
    return {(row["policy"], row["estimator"]): row for row in found.rows["estimates"]}, found


# -- propensities that do not fit the actions taken


def test_a_constant_in_place_of_propensities(table, cases):
    frame = table(cases / "constant_propensity.csv", "-p", "uniform", "--estimators", "ips,snips")
    for name in ("ips", "snips"):
        row = frame.loc[("uniform", name)]
        assert row.verdict == "cannot answer"
        assert row.value is None or np.isnan(row.value)
        assert "propensities do not fit the actions taken" in row.reason
        assert "'0' 1.8" in row.reason
        assert "'1' 0.1" in row.reason or "'1' 0.2" in row.reason
        assert "every propensity is 0.5" in row.reason
        assert "--propensity-model" in row.reason
    assert frame.verdict["as logged", "on-policy"] == "supported"


def test_estimated_propensities_find_the_truth(table, cases):
    words = ("-p", "uniform", "--estimators", "snips", "--propensity-model", "frequency")
    row = table(cases / "constant_propensity.csv", *words).loc[("uniform", "snips")]
    assert row.low <= 0.45 <= row.high
    assert row.verdict == "weak"
    assert "ESTIMATED" in row.estimated


def test_an_interval_that_cannot_be_given_says_why(table, cases):
    words = ("-p", "uniform", "--estimators", "ips,snips", "--intervals", "empirical-bernstein")
    row = table(cases / "constant_propensity.csv", *words).loc[("as logged", "on-policy")]
    assert row.interval == "empirical-bernstein"
    assert "--reward-range" in row.note
    row = table(cases / "constant_propensity.csv", *words, "--reward-range", "0,1").loc[
        ("as logged", "on-policy")
    ]
    assert row.low < row.value < row.high


def test_ones_in_place_of_propensities(table, cases, ltrr):
    frame = table(cases / "reagent133.csv", "-p", "uniform")
    reason = frame.reason["uniform", "ips"]
    assert frame.verdict["uniform", "ips"] == "cannot answer"
    assert "placeholders (every propensity is 1, though" in reason
    assert "in one context" in reason
    assert "estimate them" in reason
    _, out, _ = ltrr("validate", str(cases / "reagent133.csv"))
    assert "placeholders" in out


@pytest.mark.parametrize("fault", ["constant", "shuffled", "other action"])
@pytest.mark.parametrize("share", [(0.7, 0.2, 0.1), (0.5, 0.4, 0.1)])
def test_wrong_propensities_of_other_logs(fault, share):
    rng = np.random.default_rng(5)
    action = rng.choice(3, 3_000, p=share)
    right = np.array(share)[action]
    wrong = {
        "constant": np.full(3_000, 1 / 3),
        "shuffled": rng.permutation(right),
        "other action": np.array(share)[(action + 1) % 3],
    }[fault]
    frame = {"action": action, "reward": rng.integers(0, 2, 3_000)}
    rows, _ = judged(frame | {"propensity": right})
    assert rows["uniform", "ips"]["verdict"] == "supported"
    rows, _ = judged(frame | {"propensity": wrong})
    assert rows["uniform", "ips"]["verdict"] == "cannot answer"
    assert "do not fit the actions" in rows["uniform", "ips"]["reason"]
    assert validate(pd.DataFrame(frame | {"propensity": wrong})).supports == "model"
    assert validate(pd.DataFrame(frame | {"propensity": right})).supports == "weighting"


# -- dependent rows


def test_rows_of_users(table, cases):
    row = table(cases / "users.csv", "--column", "user=user_id", "--estimators", "snips").loc[
        ("uniform", "snips")
    ]
    assert (row.high - row.low) / 2 == pytest.approx(0.08, abs=0.005)
    assert row.clusters == 120
    assert row.verdict == "weak"
    assert "120 clusters in 1,200 rows" in row.reason
    asked = table(
        cases / "users.csv", "--column", "user=user_id", "--estimators", "snips", "--cluster", "none"
    ).loc[("uniform", "snips")]
    assert (asked.high - asked.low) / 2 == pytest.approx(0.026, abs=0.001)


def test_any_column_can_be_the_cluster(table, cases):
    row = table(cases / "users.csv", "--cluster", "user_id", "--estimators", "snips").loc[
        ("uniform", "snips")
    ]
    assert row.clusters == 120


def test_days_are_clusters_on_request():
    rng = np.random.default_rng(2)
    day = np.repeat(np.arange(30), 60)
    rate = rng.beta(2, 2, 30)[day]
    frame = {
        "action": rng.integers(0, 2, 1_800),
        "reward": (rng.random(1_800) < rate).astype(int),
        "propensity": 0.5,
        "timestamp": 1.7e9 // 86_400 * 86_400 + day * 86_400 + rng.integers(0, 86_400, 1_800),
    }
    alone, _ = judged(frame)
    rows, _ = judged(frame, cluster="day")
    mine, other = rows["uniform", "snips"], alone["uniform", "snips"]
    assert mine["clusters"] == 30
    assert mine["high"] - mine["low"] > 2 * (other["high"] - other["low"])
    assert "30 clusters" in mine["reason"]


def test_few_clusters_cannot_answer():
    rng = np.random.default_rng(2)
    frame = {
        "action": rng.integers(0, 2, 2_000),
        "reward": rng.integers(0, 2, 2_000),
        "propensity": 0.5,
        "user": rng.integers(0, 6, 2_000),
    }
    rows, _ = judged(frame)
    assert rows["uniform", "ips"]["verdict"] == "cannot answer"
    assert "6 clusters" in rows["uniform", "ips"]["reason"]


def test_intervals_for_independent_rows_are_refused_with_clusters():
    rng = np.random.default_rng(2)
    frame = {
        "action": rng.integers(0, 2, 400),
        "reward": rng.integers(0, 2, 400),
        "propensity": 0.5,
        "user": np.arange(400) // 4,
    }
    methods = ["hoeffding", "clopper-pearson", "confidence-sequence"]
    _, found = judged(frame, intervals=methods, reward_range=(0.0, 1.0))
    for row in found.rows["estimates"]:
        assert np.isnan(row["low"])
        assert "--cluster none" in row["note"]


# -- rows left out


def test_most_rows_left_out(table, cases, ltrr):
    frame = table(cases / "left_out.csv", "--on-error", "skip")
    for row in frame.itertuples():
        assert row.verdict != "supported"
        assert "58% of the rows were left out" in row.reason
    left_out = pd.read_csv("out/left_out.csv").set_index("what")
    assert left_out.loc["rows"].tolist() == [169, 231]
    assert np.isfinite(left_out.loc["mean reward of a row"]).all()
    shares = left_out[left_out.index.str.startswith("share of action")]
    assert shares.sum().tolist() == pytest.approx([1.0, 1.0])


def test_copies_are_no_rows_left_out():
    frame = pd.DataFrame(
        {"event": np.repeat(np.arange(2_000), 2), "action": np.repeat(np.arange(2_000) % 2, 2), "reward": 1.0}
    ).assign(reward=lambda t: (t.event % 3 == 0) * 1.0, propensity=0.5)
    rows, found = judged(frame, on_error="skip")
    assert found.about["skipped"] == 2_000
    assert "left out" not in rows["uniform", "ips"]["reason"]
    assert found.rows["left_out"] == []


def test_left_out_rows_by_hand():
    frame = {
        "action": list("aabbb") * 40,
        "reward": [1, 0, 1, 1, 0] * 40,
        "propensity": [0.5, 0.5, 0.5, 2.0, -1.0] * 40,
    }
    _, found = judged(frame, on_error="skip")
    assert {row["what"]: (row["kept"], row["left_out"]) for row in found.rows["left_out"]} == {
        "rows": (120.0, 80.0),
        "mean reward of a row": (pytest.approx(2 / 3), 0.5),
        "share of action a": (pytest.approx(2 / 3), 0.0),
        "share of action b": (pytest.approx(1 / 3), 1.0),
    }


# -- no support, no model; no tuning; signed and rare rewards


def test_a_model_does_not_replace_support(table, cases):
    frame = table(cases / "dm_no_support.csv", "-p", "always:2", "--estimators", "dm,ips")
    assert frame.verdict["always:2"].tolist() == ["cannot answer", "cannot answer"]
    assert frame.value["always:2"].isna().all()


def test_no_rows_are_needed_by_a_model():
    rng = np.random.default_rng(0)
    frame = {"action": rng.integers(0, 2, 2_000), "reward": rng.random(2_000), "propensity": 0.5}
    rows, _ = judged(frame, "always:1", ["dm", "ips"])
    assert np.isnan(rows["always:1", "dm"]["rows_needed"])
    assert rows["always:1", "ips"]["rows_needed"] > 0


def test_nothing_is_tuned_unless_asked(table, cases):
    words = ("-p", "column:new", "--estimators", "ips,clipped-ips,sub-gaussian,slope:clipped-ips")
    frame = table(cases / "slope.csv", *words).loc["column:new"]
    assert frame.parameter["clipped-ips"] == 10.0
    assert frame.value["clipped-ips"] == pytest.approx(0.37, abs=0.01)
    assert frame.parameter["sub-gaussian"] == pytest.approx(0.1)
    assert frame.low["ips"] <= frame.value["slope:clipped-ips"] <= frame.high["ips"]


def test_signed_rewards_have_rows_that_count(table, cases):
    frame = table(cases / "centred_reward.csv", "-p", "uniform", "--estimators", "ips")
    assert not frame.reason.str.contains("effective rewarded rows").any()


@pytest.mark.parametrize("reward", [0, 1])
def test_none_of_150_is_no_certainty(reward):
    frame = {"action": np.arange(150) % 2, "reward": reward, "propensity": 0.5}
    rows, _ = judged(frame)
    ends = [rows["as logged", "on-policy"][end] for end in ("low", "high")]
    assert ends == pytest.approx([0.0, 0.0243] if reward == 0 else [1 - 0.0243, 1.0], abs=1e-4)
    for intervals in (["asymptotic"], ["bootstrap:100"]):
        rows, _ = judged(frame, intervals=intervals)
        row = rows["as logged", "on-policy"]
        assert row["high"] - row["low"] == pytest.approx(0.0243, abs=1e-4)
    users, _ = judged(frame | {"user": np.arange(150) // 3})
    row = users["as logged", "on-policy"]
    reach = 1 - 0.025 ** (1 / 50)
    ends = [0.0, reach] if reward == 0 else [1.0 - reach, 1.0]
    assert [row["low"], row["high"]] == pytest.approx(ends, rel=1e-6)


def test_one_rule_for_the_same_number():
    rng = np.random.default_rng(1)
    for n in (300, 3_000):
        for reward in (rng.integers(0, 2, n), rng.random(n)):
            frame = {"action": np.resize([0, 1], n), "reward": reward, "propensity": 0.5}
            rows, _ = judged(frame, estimators=["ips", "snips", "clipped-ips"])
            logged = rows["as logged", "on-policy"]
            for name in ("ips", "snips"):
                row = rows["uniform", name]
                assert row["verdict"] == logged["verdict"]
                assert [row["value"], row["low"], row["high"]] == pytest.approx(
                    [logged["value"], logged["low"], logged["high"]], rel=1e-9
                )


def test_rounding_noise_is_not_printed(ltrr, cases):
    for words in (["centred_reward.csv"], ["constant_propensity.csv"], ["count_column.csv"]):
        _, out, _ = ltrr("replay", str(cases / words[0]), "--out", words[0] + ".out", "--no-figures")
        assert "e-1" not in out
        assert "standard errors off" not in out


# -- estimates that disagree


def test_ips_and_dr_that_differ_are_reported():
    rng = np.random.default_rng(3)
    n = 6_000
    x = rng.integers(0, 2, n)
    right = np.where(x[:, None] == 1, [0.8, 0.2], [0.2, 0.8])
    action = (rng.random(n) > right[:, 0]).astype(int)
    reward = (rng.random(n) < np.where(x == action, 0.9, 0.1)).astype(int)
    # equal on average, wrong by context: no mean of 1/p by action shows it
    frame = {"context_x": x, "action": action, "reward": reward, "propensity": np.full(n, 0.5)}
    rows, _ = judged(frame, "uniform", ["ips", "snips", "dr"])
    reasons = [rows["uniform", name]["reason"] for name in ("ips", "snips", "dr")]
    assert all(rows["uniform", name]["verdict"] != "supported" for name in ("ips", "snips", "dr"))
    assert any("differ" in reason or "do not fit" in reason for reason in reasons)


@pytest.mark.parametrize(("bad", "reported"), [(80, False), (120, True)])
def test_a_twentieth_left_out_is_a_reason(bad, reported):
    frame = pd.DataFrame(
        {"action": np.arange(2_000) % 2, "reward": np.arange(2_000) % 3 / 2.0, "propensity": 0.5}
    )
    frame.loc[: bad - 1, "propensity"] = 2.0
    rows, _ = judged(frame, on_error="skip")
    assert ("left out" in rows["as logged", "on-policy"]["reason"]) is reported


def test_weights_of_ones_own_are_not_judged_by_others_rewards():
    # no row of the only action that the policy takes has a reward; others of its category have some
    rng = np.random.default_rng(4)
    action = rng.integers(0, 4, 4_000)
    reward = ((action == 1) & (rng.random(4_000) < 0.5)).astype(int)
    rows, _ = judged(
        {"action": action, "reward": reward, "propensity": 0.25},
        "always:0",
        ["ips", "mips"],
        embedding=[0, 0, 1, 1],
    )
    assert rows["always:0", "ips"]["verdict"] == "cannot answer"
    assert rows["always:0", "mips"]["value"] == pytest.approx(0.25, abs=0.05)
