"""Several rewards, ratios, guardrails and segments in one pass."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.logs import read
from ltrr.metrics.holm_adjusted import holm_adjusted
from ltrr.metrics.intervals import Interval
from ltrr.replay import run
from ltrr.replay.judging import segments as module
from ltrr.replay.judging.guardrails import Guardrail
from ltrr.replay.judging.metrics import Metric, metrics_of


def frame(n=3_000, seed=0):
    rng = np.random.default_rng(seed)
    action = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    click = (rng.random(n) < np.array([0.1, 0.3, 0.5])[action]).astype(int)
    return pd.DataFrame(
        {
            "action": np.array(list("abc"))[action],
            "reward": click,
            "propensity": np.array([0.5, 0.3, 0.2])[action],
            "revenue": click * rng.gamma(2.0, 3.0, n),
            "complaint": (rng.random(n) < 0.05).astype(int),
            "country": np.array(["de", "fr", "it"])[rng.integers(0, 3, n)],
            "who": rng.integers(0, 300, n),
        }
    )


def judged(table, policies=("uniform",), estimators=("ips", "snips"), **options):
    options = {"clips": False, "cluster": None, **options}
    return run(read(table), list(policies), estimators=list(estimators), quiet=True, **options)


def rows(found, table="estimates", **wanted):
    return [row for row in found.rows[table] if all(row[key] == value for key, value in wanted.items())]


NUMBERS = ("value", "low", "high", "n")


def same(first, second, names=NUMBERS):
    return [first[name] for name in names] == pytest.approx([second[name] for name in names], rel=1e-12)


@pytest.mark.parametrize("cluster", [None, "who"])
def test_a_metric_is_what_its_column_as_the_reward_would_be(cluster):
    table = frame()
    found = judged(table, ["uniform", "always:b"], metrics=["revenue"], cluster=cluster)
    alone = judged(
        table.drop(columns="reward").rename(columns={"revenue": "reward"}),
        ["uniform", "always:b"],
        cluster=cluster,
    )
    mine = rows(found, metric="revenue")
    assert len(mine) == len(alone.rows["estimates"]) == 5
    for one, other in zip(mine, alone.rows["estimates"], strict=True):
        assert (one["policy"], one["estimator"]) == (other["policy"], other["estimator"])
        assert same(one, other)
    for one, other in zip(
        rows(found, "differences", metric="revenue"), alone.rows["differences"], strict=True
    ):
        assert same(one, other, ("difference", "low", "high", "p"))


def test_further_metrics_leave_the_reward_as_it_is():
    table = frame()
    found, alone = judged(table, metrics=["revenue", "rpc=revenue/reward"]), judged(table)
    for one, other in zip(rows(found, metric="reward"), alone.rows["estimates"], strict=True):
        assert same(one, other)
        assert one["verdict"] == other["verdict"]


def test_a_ratio_by_hand():
    table = frame()
    found = judged(table, ["always:b"], metrics={"rpc": "revenue/reward"})
    (logged,) = rows(found, policy="as logged", metric="rpc")
    assert logged["value"] == pytest.approx(table.revenue.sum() / table.reward.sum(), rel=1e-12)
    b = table[table.action == "b"]
    for row in rows(found, policy="always:b", metric="rpc"):
        assert row["value"] == pytest.approx(b.revenue.sum() / b.reward.sum(), rel=1e-12)
    ratio = logged["value"]
    residual = table.revenue - ratio * table.reward
    error = residual.std(ddof=1) / table.reward.mean() / np.sqrt(len(table))
    assert logged["high"] - logged["low"] == pytest.approx(2 * 1.959964 * error, rel=1e-6)


def test_draws_are_shared_by_metrics():
    table = frame().assign(twice=lambda t: 2.0 * t.reward)
    found = judged(table, metrics=["twice"], intervals=["bootstrap:100"])
    for name in ("ips", "snips"):
        (one,) = rows(found, policy="uniform", metric="reward", estimator=name)
        (two,) = rows(found, policy="uniform", metric="twice", estimator=name)
        assert [2 * one["low"], 2 * one["high"]] == pytest.approx([two["low"], two["high"]], rel=1e-12)


def test_a_metric_without_a_number_is_an_error():
    table = frame(100)
    table.loc[6, "revenue"] = np.nan
    with pytest.raises(InputError, match="`revenue` has no number in row 7; write 0 there"):
        judged(table, metrics=["revenue"])
    judged(table)


@pytest.mark.parametrize("text", ["", "a/", "/b", "a=b/c/d", "=b", "a="])
def test_metrics_that_say_nothing(text):
    with pytest.raises(InputError, match="must be NAME=COLUMN"):
        Metric.parsed(text)


def test_metrics_need_names_of_their_own():
    for asked in (["a", "a=b"], ["reward"], ["reward=b"]):
        with pytest.raises(InputError, match="different names"):
            metrics_of(asked)
    assert [m.name for m in metrics_of(["a"], ["a", "b", "reward"]).metrics] == ["reward", "a", "b"]


# -- guardrails


@pytest.mark.parametrize(
    ("text", "low", "high", "outcome"),
    [
        ("x > -0.01", -0.005, 0.1, "holds"),
        ("x > -0.01", -0.02, 0.1, "not shown"),
        ("x > -0.01", -0.5, -0.02, "broken"),
        ("x < 2%", -0.5, 0.01, "holds"),
        ("x < 2 %", -0.5, 0.03, "not shown"),
        ("x<+2%", 0.021, 0.03, "broken"),
        ("x > −1e-2", -0.005, 0.1, "holds"),
        ("x > 0", 0.0, 0.1, "not shown"),
        ("x < 0", 0.0, 0.1, "not shown"),
        ("x < 0", -0.1, 0.0, "not shown"),
    ],
)
def test_what_a_guardrail_shows(text, low, high, outcome):
    rule = Guardrail.parsed(text)
    assert rule.outcome(Interval((low + high) / 2, low, high, 10)) == outcome
    assert rule.outcome(None) == "not shown"
    assert Guardrail.parsed(rule.text) == rule


@pytest.mark.parametrize("text", ["revenue", "revenue > ", "> 3", "revenue >= 3x", "revenue = 3", 5])
def test_guardrails_that_say_nothing(text):
    with pytest.raises(InputError, match="must be METRIC > MARGIN"):
        Guardrail.parsed(text)


def test_guardrails_test_the_paired_change():
    table = frame()
    rules = ["complaint < 0.02", "revenue > -50%", "reward > 0", "complaint < -0.9"]
    found = judged(table, guardrails=rules, estimators=["ips"])
    outcomes = {row["bound"]: row["outcome"] for row in found.rows["guardrails"]}
    assert list(outcomes) == ["complaint < 0.02", "revenue > -50%", "reward > 0", "complaint < -0.9"]
    assert list(outcomes.values()) == ["holds", "holds", "holds", "broken"]
    (paired,) = rows(found, "differences", metric="complaint", estimator="ips")
    (row,) = rows(found, "guardrails", bound="complaint < 0.02")
    assert same(row, paired, ("difference", "low", "high"))
    (share,) = rows(found, "guardrails", bound="revenue > -50%")
    values = [rows(found, metric="revenue", policy=p)[0]["value"] for p in ("uniform", "as logged")]
    assert share["difference"] == pytest.approx(values[0] / values[1] - 1.0, rel=1e-12)


def test_a_guardrail_on_an_estimate_that_cannot_be_given_is_not_shown():
    found = judged(frame(30), ["always:c"], guardrails=["reward > -1"])
    assert {row["verdict"] for row in rows(found, policy="always:c")} == {"cannot answer"}
    assert {row["outcome"] for row in found.rows["guardrails"]} == {"not shown"}


# -- segments


@pytest.mark.parametrize("cluster", [None, "who"])
@pytest.mark.parametrize("chunk", [100, 10_000])
def test_a_segment_is_what_its_rows_alone_would_be(cluster, chunk):
    table = frame()
    log = read(table, chunk_rows=chunk)
    found = run(
        log, ["uniform", "always:c"], estimators=["ips", "snips"], by="country", cluster=cluster, quiet=True
    )
    assert {row["segment"] for row in found.rows["estimates"]} == {"", "de", "fr", "it"}
    for country in ("de", "fr", "it"):
        alone = judged(table[table.country == country], ["uniform", "always:c"], cluster=cluster)
        mine = rows(found, segment=country)
        for one, other in zip(mine, alone.rows["estimates"], strict=True):
            assert same(one, other)
        for one, other in zip(
            rows(found, "differences", segment=country), alone.rows["differences"], strict=True
        ):
            assert same(one, other, ("difference", "low", "high", "p"))


def test_p_values_of_segments_are_holms():
    found = judged(frame(), by="country", estimators=["ips"])
    mine = [row for row in found.rows["differences"] if row["segment"]]
    assert len(mine) == 3
    assert [row["p_adjusted"] for row in mine] == pytest.approx(holm_adjusted([row["p"] for row in mine]))
    (whole,) = rows(found, "differences", segment="")
    assert whole["p_adjusted"] == whole["p"]


@given(st.lists(st.floats(0.0, 1.0), max_size=12))
def test_holm_step_by_step(p):
    order = sorted(range(len(p)), key=lambda i: p[i])
    expected, worst = [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, (len(p) - rank) * p[i]))
        expected[i] = worst
    assert holm_adjusted(p) == pytest.approx(expected)


def test_later_segments_are_judged_together(monkeypatch):
    monkeypatch.setattr(module, "MOST", 2)
    table = frame(900).assign(country=np.repeat(["x", "y", "z", "w", "x"], 180))
    table.loc[5, "country"] = None
    found = run(
        read(table, chunk_rows=200), ["uniform"], estimators=["ips"], by="country", quiet=True, cluster=None
    )
    sizes = {row["segment"]: row["n"] for row in rows(found, policy="as logged")}
    assert sizes == {"": 900, "x": 359, "(missing)": 1, "(other)": 540}


def test_an_unknown_segment_is_an_error():
    with pytest.raises(InputError, match="countri"):
        judged(frame(50), by="countri")


def test_a_policy_without_any_weight_has_no_differences():
    table = frame(60)
    table = table[table.action != "c"].assign(x=1.0)
    log = read(table, actions=["a", "b", "c"], columns={"context": ["x"]}, fill_columns=True)
    found = run(log, ["always:c", "uniform"], quiet=True)
    assert {row["verdict"] for row in rows(found, policy="always:c")} == {"cannot answer"}
    assert not rows(found, "differences", policy="always:c")


# -- models of several rewards, and what belongs to the reward alone


def with_context(n=1_500):
    table = frame(n)
    rng = np.random.default_rng(8)
    return table.assign(context_x=rng.normal(size=n), revenue=table.revenue + 0.1 * (table.action == "c"))


def test_doubly_robust_metrics_are_those_of_their_column_alone():
    table = with_context()
    found = judged(table, estimators=["dr", "dm"], metrics=["revenue"])
    alone = judged(
        table.drop(columns="reward").rename(columns={"revenue": "reward"}), estimators=["dr", "dm"]
    )
    for one, other in zip(rows(found, metric="revenue"), alone.rows["estimates"], strict=True):
        assert [one[name] for name in NUMBERS] == pytest.approx([other[name] for name in NUMBERS], rel=1e-9)


def test_models_that_are_the_rewards_serve_no_other_metric():
    found = judged(with_context(), estimators=["mrdr"], metrics=["revenue"])
    answered = {row["metric"]: row["verdict"] for row in rows(found, policy="uniform")}
    assert answered["reward"] != "cannot answer"
    assert answered["revenue"] == "cannot answer"


def test_a_declared_range_is_the_rewards():
    options = {"intervals": ["hoeffding"], "reward_range": (0.0, 1.0), "weight_bound": 5.0}
    found = judged(frame(), estimators=["ips"], metrics=["revenue"], **options)
    (reward,) = rows(found, policy="uniform", metric="reward")
    (revenue,) = rows(found, policy="uniform", metric="revenue")
    assert reward["low"] < reward["value"] < reward["high"]
    assert np.isnan(revenue["low"])
    assert "--reward-range" in revenue["note"]


def test_blocks_say_when_they_begin_and_end():
    table = frame(400).assign(timestamp=1.7e9 + np.arange(400) * 60.0)
    blocks = judged(table).rows["blocks"]
    assert [blocks[0]["start"], blocks[-1]["end"]] == [1.7e9, 1.7e9 + 399 * 60.0]
    assert all(block["start"] < block["end"] for block in blocks)
    assert all(np.isnan(block["start"]) for block in judged(frame(400)).rows["blocks"])
