"""Logs on which a number would mislead: ratios by nothing, negative values, rounded propensities."""

import numpy as np
import pandas as pd
import pytest

from ltrr.errors import InputError
from ltrr.logs import read
from ltrr.replay import run
from ltrr.replay.judging.largest import Largest
from ltrr.replay.judging.pareto import pareto_k
from ltrr.replay.judging.time_blocks import TimeBlocks
from ltrr.replay.judging.verdict import judge
from ltrr.replay.report.best import shortfalls


def table(n=4_000, seed=0):
    rng = np.random.default_rng(seed)
    p = np.array([0.5, 0.3, 0.2])
    action = rng.choice(3, n, p=p)
    click = (rng.random(n) < np.array([0.1, 0.3, 0.5])[action]).astype(int)
    return pd.DataFrame(
        {
            "action": np.array(list("abc"))[action],
            "reward": click,
            "propensity": p[action],
            "revenue": click * rng.gamma(2.0, 3.0, n),
            "loss": -1.0 - click * rng.gamma(2.0, 3.0, n),
            "nothing": 0.0,
            "noise": rng.normal(-0.001, 1.0, n),
            "rare": (np.arange(n) % 200 == 7).astype(float),
            "signed": rng.normal(0.07, 1.0, n),
        }
    )


def judged(log, policies=("uniform",), estimators=("snips",), **options):
    return run(read(log), list(policies), estimators=list(estimators), quiet=True, clips=False, **options)


def only(found, name="estimates", **wanted):
    (row,) = [r for r in found.rows[name] if all(r[key] == value for key, value in wanted.items())]
    return row


@pytest.mark.parametrize("policy", ["as logged", "uniform"])
def test_a_ratio_whose_denominator_is_0_cannot_be_answered(policy):
    log = table()
    log["half"] = np.where(np.arange(len(log)) % 2, log.reward, 0)
    log["side"] = np.arange(len(log)) % 2
    found = judged(
        log, metrics=["x=revenue/nothing", "y=revenue/half"], guardrails=["x > -5%", "x > 0"], by="side"
    )
    assert only(found, metric="x", policy=policy, segment="")["verdict"] == "cannot answer"
    assert only(found, metric="y", policy=policy, segment="0")["verdict"] == "cannot answer"
    assert only(found, metric="y", policy=policy, segment="1")["verdict"] != "cannot answer"
    assert {row["outcome"] for row in found.rows["guardrails"]} == {"not shown"}


def test_a_ratio_rests_on_the_rarer_of_its_columns():
    found = judged(table(), metrics=["x=revenue/rare", "y=reward/revenue", "z=revenue/signed"])
    for policy in ("as logged", "uniform"):
        assert "effective rewarded rows" in only(found, metric="x", policy=policy)["reason"]
        assert "effective rewarded rows" not in only(found, metric="y", policy=policy)["reason"]
    # of a denominator with both signs many rows may leave a mean near 0
    row = only(found, metric="z", policy="as logged")
    assert row["verdict"] == "weak"
    assert "the mean to divide by is 3.5 standard errors from 0, below 5" in row["reason"]
    row = only(judged(table(), metrics=["z=revenue/noise"]), metric="z", policy="as logged")
    assert row["verdict"] == "cannot answer"
    assert "the ratio may have any value" in row["reason"]


def test_a_relative_change_has_the_sign_of_the_change():
    log = table()
    found = judged(log, ["always:c"], guardrails=["loss > -5%", "loss < 5%", "loss > 0"])
    share = only(found, "guardrails", bound="loss > -5%")
    plain = only(found, "guardrails", bound="loss > 0")
    logged = only(found, metric="loss", policy="as logged")["value"]
    # policy c costs more: its change is negative, and so is its share
    assert plain["difference"] < 0.0
    assert share["difference"] == pytest.approx(plain["difference"] / abs(logged))
    assert share["low"] < share["difference"] < share["high"]
    assert share["outcome"] == "broken"
    assert only(found, "guardrails", bound="loss < 5%")["outcome"] == "holds"


def test_a_share_of_what_may_be_0_is_not_shown():
    found = judged(table(), guardrails=["noise > -5%", "noise > -1"])
    row = only(found, "guardrails", bound="noise > -5%")
    assert row["outcome"] == "not shown"
    assert row["low"] != row["low"] or row["low"] is None
    assert only(found, "guardrails", bound="noise > -1")["outcome"] == "holds"


@pytest.mark.parametrize("digits", [3, 4, 6])
def test_rounded_propensities_are_no_difference_from_the_log(digits):
    rng = np.random.default_rng(1)
    action, reward = rng.integers(0, 3, 5_000), rng.random(5_000)
    log = pd.DataFrame({"action": action, "reward": reward, "propensity": round(1 / 3, digits)})
    rules = ["reward > 0", "reward < 0", "reward > -1%", "reward > 0%"]
    found = judged(log, estimators=("ips", "snips"), guardrails=rules)
    for row in found.rows["differences"]:
        assert row["low"] < 0.0 < row["high"]
        assert not row["p"] < 0.999
    outcomes = {row["bound"]: row["outcome"] for row in found.rows["guardrails"]}
    assert outcomes == {
        "reward > 0": "not shown",
        "reward < 0": "not shown",
        "reward > 0%": "not shown",
        "reward > -1%": "holds",
    }


@pytest.mark.parametrize("chunk", [100, 5_000])
def test_heavy_tails_of_rewards_are_weak(chunk):
    rng = np.random.default_rng(0)
    n = 5_000
    log = pd.DataFrame({"action": rng.integers(0, 2, n), "reward": rng.pareto(1.2, n), "propensity": 0.5})
    log["light"], log["spiked"] = rng.gamma(2.0, 3.0, n), 5.0 + rng.normal(size=n)
    log["tame"] = rng.pareto(4.0, n)
    log.loc[77, "spiked"] = 2_000.0
    read_log = read(log, chunk_rows=chunk)
    found = run(read_log, ["always:1"], estimators=["snips"], metrics=["light", "spiked", "tame"], quiet=True)
    for policy in ("as logged", "always:1"):
        heavy = only(found, policy=policy, metric="reward")
        assert heavy["verdict"] == "weak"
        assert "Pareto k̂" in heavy["reason"] or "sum of squared" in heavy["reason"]
        assert only(found, policy=policy, metric="light")["verdict"] == "supported"
        assert only(found, policy=policy, metric="tame")["verdict"] == "supported"
    assert "one row holds 9" in only(found, policy="as logged", metric="spiked")["reason"]


def test_the_largest_are_kept_in_any_order():
    values = np.random.default_rng(0).pareto(1.0, 3_000)
    whole, parts, other = Largest(500), Largest(500), Largest(500)
    whole.add(values)
    for part in np.array_split(values[:2_000], 13):
        parts.add(part)
    other.add(values[2_000:])
    parts.merge(other)
    assert sorted(parts.values) == sorted(whole.values) == sorted(values)[-500:]
    assert parts.tail(3_000) == pytest.approx(pareto_k(values, 3_000))


def test_other_policies_differ_as_before():
    found = judged(table(), ["always:c"]).rows["differences"][0]
    half = (found["high"] - found["low"]) / 2
    assert found["low"] + half == pytest.approx(found["difference"])
    assert found["p"] < 1e-4


def test_a_gate_needs_its_verdict_for_guardrails_too():
    rng = np.random.default_rng(0)
    log = pd.concat([table(20_000)], ignore_index=True)
    log["complaint"] = (rng.random(len(log)) < 0.001).astype(int)
    found = judged(log, guardrails=["complaint < 0.05", "revenue > -50%"])
    assert {row["outcome"] for row in found.rows["guardrails"]} == {"holds"}
    (line,) = shortfalls(found, "supported")
    assert line.startswith("uniform: complaint: weak, below --require supported: only ")
    assert shortfalls(found, "weak") == []


def test_one_is_singular():
    one = {"n": 1.0, "ess": 1.0}
    assert judge(one, weighting=False, exact=True).reason == "the mean of 1 request: nothing is reweighted."
    assert judge({**one, "n": 40.0, "ess": 40.0, "clusters": 1.0}).reason.startswith("1 cluster in 40 rows")


def test_blocks_in_time_do_not_depend_on_chunks():
    rng = np.random.default_rng(0)
    n = 100_001
    weight, reward, time = rng.gamma(1.0, 1.0, n), rng.random(n), np.arange(float(n))
    time[::3] = np.nan
    reward[50_000:] += 0.02
    wholes = {}
    for size in (n, 37, 1_000, 60_000):
        blocks = wholes[size] = TimeBlocks()
        for at in range(0, n, size):
            part = slice(at, at + size)
            blocks.add(weight[part], reward[part], time[part])
    found = [np.array(blocks.found()) for blocks in wholes.values()]
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-9)
    assert found[0].shape == (20, 7)
    lengths = found[0][:, 0]
    # all blocks are alike in length, however long the log
    assert lengths.sum() == n
    assert lengths.min() > 0.9 * n / 20
    assert lengths.max() < 1.1 * n / 20
    ends = np.cumsum(lengths).astype(int)
    for block, start, end in zip(found[0], [0, *ends[:-1]], ends, strict=True):
        part = slice(start, end)
        sums = [weight[part].sum(), (weight[part] ** 2).sum(), reward[part].sum(), (reward[part] ** 2).sum()]
        np.testing.assert_allclose(block[1:5], sums)
        assert block[5:].tolist() == [np.nanmin(time[part]), np.nanmax(time[part])]
    assert wholes[37].drift_p("reward") == pytest.approx(wholes[n].drift_p("reward"), rel=1e-6)


def test_blocks_of_parts_merge():
    rng = np.random.default_rng(0)
    weight, reward = rng.random((2, 30_000))
    whole, first, second = TimeBlocks(), TimeBlocks(), TimeBlocks()
    whole.add(weight, reward)
    first.add(weight[:500], reward[:500])
    second.add(weight[500:], reward[500:])
    first.merge(second)
    first.add(weight[:0], reward[:0])
    merged, blocks = np.array(first.found()), np.array(whole.found())
    assert merged[:, 0].sum() == 30_000
    assert merged[:, 3].sum() == pytest.approx(reward.sum())
    assert len(merged) == len(blocks) == 20
    np.testing.assert_allclose(merged[:, 0], blocks[:, 0], atol=100)


def test_a_piece_of_a_log_without_a_usable_row_is_passed_over():
    log = table(200)
    log["reward"] = log.reward.astype(float)
    log.loc[20:60, "reward"] = np.nan
    log["country"] = np.where(log.index % 2, "de", "fr")
    read_log = read(log, chunk_rows=7, on_error="skip", columns={"context": ["noise"]}, fill_columns=True)
    found = run(read_log, ["uniform"], estimators=["dr"], metrics=["revenue"], by="country", quiet=True)
    whole = read(log, on_error="skip", columns={"context": ["noise"]}, fill_columns=True)
    again = run(whole, ["uniform"], estimators=["dr"], metrics=["revenue"], by="country", quiet=True)
    for row, other in zip(found.rows["estimates"], again.rows["estimates"], strict=True):
        assert row["value"] == pytest.approx(other["value"], nan_ok=True)
        assert row["reason"] == other["reason"]


@pytest.mark.parametrize("by", ["slot", "action"])
def test_a_request_of_several_rows_has_one_segment(by):
    log = pd.DataFrame(
        {
            "request_id": np.repeat(np.arange(100), 2),
            "slot": np.tile([0, 1], 100),
            "action": np.tile([0, 1, 1, 0], 50),
            "reward": np.tile([0, 1, 1, 1], 50),
            "propensity": 0.5,
            "country": np.repeat(["de", "fr"], 100),
        }
    )
    columns = {"request": "request_id", "slot": "slot"}
    options = {"estimators": ["slate-snips"], "quiet": True}
    with pytest.raises(InputError, match=f"same in all rows of a request, and `{by}` differs in row 2"):
        run(read(log, columns=columns, fill_columns=True), ["uniform"], by=by, **options)
    found = run(read(log, columns=columns, fill_columns=True), ["uniform"], by="country", **options)
    assert {row["segment"] for row in found.rows["estimates"]} == {"", "de", "fr"}


@pytest.mark.parametrize("sticky", [True, False])
def test_users_side_by_side_are_no_drift(sticky):
    drifts = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        user = np.repeat(np.arange(3_000), 10)
        taste = rng.beta(0.5, 0.5, 3_000)[user]
        action = rng.integers(0, 2, 3_000)[user] if sticky else rng.integers(0, 2, len(user))
        reward = (rng.random(len(user)) < taste).astype(int)
        log = pd.DataFrame({"user": user, "action": action, "reward": reward, "propensity": 0.5})
        found = judged(log, ["always:1"])
        assert {row["verdict"] for row in found.rows["estimates"]} == {"supported"}
        drifts += [row["value"] for row in found.rows["diagnostics"] if row["diagnostic"][:5] == "drift"]
    assert 0.2 < np.mean(drifts) < 0.8
    log["reward"] = (rng.random(len(user)) < np.linspace(0.2, 0.4, len(user))).astype(int)
    assert "drift over time" in only(judged(log, ["always:1"]), policy="as logged")["reason"]
