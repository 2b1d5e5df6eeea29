"""What a replay sums once and shares: joint columns, clusters by weight, segments of logs of every kind."""

import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ltrr.errors import InputError
from ltrr.logs.faults import Faults
from ltrr.logs.labels import Labels
from ltrr.logs.left_out import LeftOut
from ltrr.logs.memory import EventsLog
from ltrr.metrics.holm_adjusted import holm_adjusted
from ltrr.replay import Events, Space, run
from ltrr.replay.estimators import IPS, Difference, OnPolicy
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.judging.joint import Joint
from ltrr.replay.judging.left_out import left_out_rows
from ltrr.replay.judging.time_blocks import BLOCKS, TimeBlocks
from tests.naive_clusters import sums_by_cluster
from tests.test_clusters import users_log

NUMBERS = ("value", "low", "high", "n", "ess", "clusters")


def log_of(n=3_000, seed=0, **columns):
    """Return events of three actions by two contexts, with two labels and further columns."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, n)
    p = np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]])[x]
    action = (p.cumsum(axis=1) < rng.random(n)[:, None]).sum(axis=1)
    reward = (rng.random(n) < np.array([0.2, 0.4, 0.6])[action]).astype(float)
    kept = {
        "context": np.eye(2, dtype=np.float32)[x],
        "labels": {"side": Labels(rng.integers(0, 2, n).astype(np.int32), ("left", "right"))},
        "user": rng.integers(0, 400, n),
        **columns,
    }
    space = Space(("a", "b", "c"), ("x0", "x1"))
    return Events(space, np.arange(1, n + 1), np.arange(n), action, reward, p[np.arange(n), action], **kept)


def judged(events, policies=("uniform", "always:c"), estimators=("ips", "snips"), chunk=10_000, **options):
    options = {"clips": False, "cluster": None, **options}
    log = EventsLog(events, chunk)
    return run(log, list(policies), estimators=list(estimators), quiet=True, **options)


def rows(found, table="estimates", **wanted):
    return [row for row in found.rows[table] if all(row[key] == value for key, value in wanted.items())]


def diagnostic(found, name, policy="uniform"):
    (row,) = rows(found, "diagnostics", diagnostic=name, policy=policy)
    return row["value"]


def assert_same(first, second, names):
    for one, other in zip(first, second, strict=True):
        assert [one[k] for k in names] == pytest.approx([other[k] for k in names], rel=1e-9, nan_ok=True)


# -- joint columns


def test_columns_are_reserved_once():
    joint = Joint()
    for _ in range(2):
        joint.reserve(("ips",), IPS())
    assert joint.width == 2


def test_equal_terms_have_a_difference_without_spread():
    """Weights that differ in their last digit leave a rounding error in place of a variance."""
    rng = np.random.default_rng(0)
    weight, reward = rng.gamma(1.0, size=1_000), rng.random(1_000)
    first, second, joint = IPS(), IPS(), Joint()
    made = {}
    for name, estimator, w in (("a", first, weight), ("b", second, np.nextafter(weight, np.inf))):
        joint.reserve((name,), estimator)
        made[name,] = estimator.rows(ReplayBatch(np.arange(1_000), reward, weight=w))
    joint.add(made, np.arange(1_000))
    difference = Difference(first, second)
    joint.give_to(difference, [("a",), ("b",)])
    assert difference.standard_error() == 0.0


def test_a_difference_from_joint_columns_is_that_of_pairs():
    rng = np.random.default_rng(1)
    batch = ReplayBatch(
        np.arange(300), rng.random(300), weight=rng.gamma(1.0, size=300), count=rng.integers(1, 4, 300) * 1.0
    )
    ips, logged, joint = IPS(), OnPolicy(), Joint()
    joint.reserve(("ips",), ips)
    joint.reserve(("logged",), logged)
    made = {("ips",): ips.rows(batch), ("logged",): logged.rows(batch)}
    joint.add(made, batch.key)
    found, plain = Difference(ips, logged), Difference(ips, logged)
    joint.give_to(found, [("ips",), ("logged",)])
    plain.moments.add(plain.paired(*made.values()))
    assert found.value() == pytest.approx(plain.value(), rel=1e-12)
    assert found.standard_error() == pytest.approx(plain.standard_error(), rel=1e-9)


def test_a_policy_is_compared_with_earlier_ones_only_where_pairs_are_wanted():
    against = {row["against"] for row in judged(log_of()).rows["differences"]}
    assert against == {"as logged", "uniform"}
    assert {row["against"] for row in judged(log_of(), pairs=False).rows["differences"]} == {"as logged"}


# -- doubly robust estimates against weighted ones


def test_the_gap_is_the_smaller_of_two_p_values_doubled():
    events = log_of(900)
    # propensities that are right on average only
    events = replace(events, propensity=np.array([0.35, 0.3, 0.35])[events.action])
    alone = [
        diagnostic(judged(events, estimators=["dr", name]), "gap_p", "always:c") for name in ("ips", "snips")
    ]
    both = diagnostic(judged(events, estimators=["ips", "snips", "dr"]), "gap_p", "always:c")
    assert 1e-12 < min(alone) < 0.1
    assert alone[0] != pytest.approx(alone[1], rel=1e-3)
    assert both == pytest.approx(min(1.0, 2.0 * min(alone)), rel=1e-9, abs=0.0)
    first = judged(events, ["always:a", "always:c"], estimators=["ips", "snips", "dr"])
    assert diagnostic(first, "gap_p", "always:c") == pytest.approx(both, rel=1e-9, abs=0.0)
    noise = np.random.default_rng(0).random(len(events))
    more = replace(events, numbers={"noise": noise})
    further = judged(more, estimators=["ips", "snips", "dr"], metrics=["noise"])
    assert diagnostic(further, "gap_p", "always:c") == pytest.approx(both, rel=1e-9, abs=0.0)


# -- what is counted over chunks


@pytest.mark.parametrize("chunk", [7, 1_000])
def test_tables_do_not_depend_on_chunks(chunk):
    events = log_of()
    options = {
        "cluster": "user",
        "by": "side",
        "clips": True,
        "estimators": ["ips", "snips", "dr"],
        "intervals": ["asymptotic", "bootstrap:100"],
        "guardrails": ["reward > -5%"],
    }
    whole, parts = judged(events, **options), judged(events, chunk=chunk, **options)
    for name, table in whole.rows.items():
        if name == "blocks":
            continue  # pieces of time are cut by chunk
        numbers = [k for k, v in table[0].items() if isinstance(v, float | int)] if table else []
        if name == "diagnostics":
            table, other = (
                [row for row in found.rows[name] if "drift" not in row["diagnostic"]]
                for found in (whole, parts)
            )
        else:
            other = parts.rows[name]
        assert_same(table, other, numbers)


def test_rewards_that_drift_make_the_value_as_logged_weak():
    n = 4_000
    events = log_of(n)
    reward = (np.random.default_rng(0).random(n) < np.linspace(0.1, 0.5, n)).astype(float)
    drifting = replace(events, reward=reward)
    for kind, label in ((events, "supported"), (drifting, "weak")):
        (row,) = rows(judged(kind), policy="as logged")
        assert row["verdict"] == label
    assert "drift over time" in row["reason"]


def test_few_rewarded_rows_are_those_of_the_metric():
    n = 4_000
    rare = (np.random.default_rng(9).random(n) < 0.002).astype(float) * 2.0
    found = judged(log_of(n, numbers={"rare": rare}), metrics=["rare"])
    for policy, name in (("as logged", "on-policy"), ("uniform", "ips")):
        by = {row["metric"]: row for row in rows(found, policy=policy, estimator=name)}
        assert by["reward"]["verdict"] == "supported"
        assert by["rare"]["verdict"] == "weak"
        assert "effective rewarded rows" in by["rare"]["reason"]
    none = judged(log_of(n, numbers={"none": np.zeros(n) - 0.0}), metrics=["none"], intervals=["asymptotic"])
    assert rows(none, metric="none", policy="always:c", estimator="ips")[0]["verdict"] == "cannot answer"
    assert rows(none, metric="reward", policy="always:c", estimator="ips")[0]["verdict"] == "supported"


def level_log(n=2_000):
    """Return events of three actions drawn alike, with their logged probabilities."""
    events, rng = log_of(n), np.random.default_rng(6)
    action = rng.integers(0, 3, n)
    reward = (rng.random(n) < 0.2 + 0.2 * action).astype(float)
    one = np.full(n, 1 / 3)
    return replace(events, action=action, reward=reward, propensity=one, probabilities=np.repeat(one, 3))


def test_the_number_as_logged_is_that_of_weights_alone():
    found = judged(level_log(), ["uniform"], ["ips", "dr", "dm"])
    by = {row["estimator"]: row for row in found.rows["estimates"]}
    assert (by["on-policy"]["interval"], by["ips"]["interval"]) == ("clopper-pearson", "clopper-pearson")
    assert_same([by["ips"]], [by["on-policy"]], NUMBERS)
    assert by["dr"]["interval"] == by["dm"]["interval"] == "asymptotic"
    assert by["dr"]["low"] != by["ips"]["low"]


def test_effective_rows_are_those_of_the_weights_used():
    events = level_log()
    found = judged(events, ["always:a"], ["ips", "mips"], embedding=[0, 0, 1])
    by = {row["estimator"]: row for row in rows(found, policy="always:a")}
    assert by["ips"]["ess"] == pytest.approx((events.action == 0).sum(), rel=1e-9)
    assert by["mips"]["ess"] == pytest.approx((events.action < 2).sum(), rel=1e-9)
    # 8 rows are a handful, 20 are not
    chosen = [np.flatnonzero(events.action == a)[:n] for a, n in ((0, 8), (1, 12), (2, 10))]
    part = events.take(np.concatenate(chosen))
    part = replace(part, reward=np.arange(30) % 2.0)
    few = judged(part, ["always:a"], ["ips", "mips"], embedding=[0, 0, 1])
    labels = {row["estimator"]: row["verdict"] for row in rows(few, policy="always:a")}
    assert labels == {"ips": "cannot answer", "mips": "weak"}


def test_the_number_as_logged_is_that_of_the_metric():
    events = level_log()
    odd = replace(events, reward=events.reward + 0.5, numbers={"hit": events.reward})
    found = judged(odd, ["uniform"], ["ips"], metrics=["hit"])
    logged, ips = rows(found, metric="hit")
    assert ips["interval"] == "clopper-pearson"
    assert_same([ips], [logged], NUMBERS)


def test_an_interval_is_exact_only_where_it_is_shown():
    few = level_log(300)
    for intervals, label in (((), "supported"), (("asymptotic",), "weak")):
        for row in judged(few, ["uniform"], ["ips"], intervals=intervals).rows["estimates"]:
            assert row["verdict"] == label


def test_no_exact_interval_of_clusters_that_were_kept_in_part():
    events = users_log(0, users=300, rows=8.0)
    events = replace(events, reward=np.ones(len(events)))
    found = judged(events, ["learning:linucb"], ["ips"], cluster="user")
    assert rows(found, policy="as logged")[0]["interval"] == "clopper-pearson"
    assert rows(found, policy="learning:linucb")[0]["interval"] == "asymptotic"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_metrics_are_finite(value):
    numbers = np.ones(50)
    numbers[4] = value
    with pytest.raises(InputError, match="`m` has no number in row 5"):
        judged(log_of(50, numbers={"m": numbers}), metrics=["m"])


def test_what_was_asked_is_reported_as_it_was_written():
    found = judged(
        log_of(numbers={"m": np.ones(3_000)}),
        metrics=["m", "ratio=m/reward", "reward/m"],
        guardrails=["ratio < 2%", "m > -0.5"],
    )
    assert found.about["settings"]["metrics"] == ["m", "ratio=m/reward", "reward/m"]
    assert found.about["settings"]["guardrails"] == ["ratio < 2%", "m > -0.5"]
    assert found.about["cluster"] == ""


# -- clusters


def test_policies_that_learn_have_errors_by_cluster():
    events = users_log(0, users=150, rows=40.0)
    options = {"estimators": ["ips"], "intervals": ["asymptotic", "bootstrap:200"]}
    by, alone = (judged(events, ["learning:linucb"], cluster=name, **options) for name in ("user", None))
    assert diagnostic(by, "clusters", "learning:linucb") == 150
    for name in ("asymptotic", "bootstrap"):
        wide, narrow = (rows(found, policy="learning:linucb", interval=name)[0] for found in (by, alone))
        assert wide["value"] == narrow["value"]
        assert wide["clusters"] == 150
        assert wide["high"] - wide["low"] > 1.5 * (narrow["high"] - narrow["low"])


def test_clusters_count_by_the_weights_of_each_policy():
    count = np.random.default_rng(4).integers(1, 4, 3_000).astype(float)
    for counted in (None, count):
        events = log_of(count=counted)
        found = judged(events, cluster="user")
        ones = np.ones(3_000) if counted is None else counted
        weights = {"uniform": 1 / 3 / events.propensity, "always:c": (events.action == 2) / events.propensity}
        for policy, weight in weights.items():
            total = sums_by_cluster(events.user, (ones * weight)[:, None])[:, 0]
            expected = total.sum() ** 2 / (total @ total)
            assert diagnostic(found, "ess_clusters", policy) == pytest.approx(expected, rel=1e-9)


def test_clips_have_errors_by_cluster():
    # every row logged five times: errors are √5 times those of independent rows
    events = log_of(2_000)
    five = events.take(np.repeat(np.arange(2_000), 5))
    five = replace(five, key=np.arange(10_000), user=np.repeat(np.arange(2_000), 5))
    by, alone = (judged(five, clips=True, cluster=name) for name in ("user", None))
    assert len(by.rows["clips"]) == len(alone.rows["clips"]) > 2
    for one, other in zip(by.rows["clips"], alone.rows["clips"], strict=True):
        assert one["value"] == other["value"]
        ratio = (one["high"] - one["low"]) / (other["high"] - other["low"])
        assert ratio == pytest.approx(np.sqrt(5.0), rel=2e-3)
    (last,) = rows(by, "clips", policy="always:c")[-1:]
    (ips,) = rows(by, policy="always:c", estimator="ips")
    assert_same([last], [ips], ("value", "low", "high"))


# -- segments of logs of every kind


def alone(events, chosen, **options):
    return judged(events.take(np.flatnonzero(chosen)), **options)


@pytest.mark.parametrize("cluster", [None, "user"])
def test_a_segment_draws_and_counts_as_its_rows_alone(cluster):
    events = log_of()
    options = {"cluster": cluster, "intervals": ["bootstrap:100", "asymptotic"]}
    found = judged(events, by="side", **options)
    for code, name in enumerate(("left", "right")):
        mine = alone(events, events.labels["side"].code == code, **options)
        assert_same(rows(found, segment=name), mine.rows["estimates"], NUMBERS)


def test_segments_come_in_the_order_of_the_log_and_have_names():
    code = np.random.default_rng(5).integers(-1, 3, 900).astype(np.int32)
    code[:4] = [2, -1, 1, 0]
    events = log_of(900, labels={"side": Labels(code, ("left", "", "right"))})
    found = judged(events, by="side")
    segments = list(dict.fromkeys(row["segment"] for row in found.rows["estimates"]))
    assert segments == ["", "right", "(missing)", "(empty)", "left"]


def ragged(n=2_000):
    """Return events whose actions are two or three of four, with their logged probabilities."""
    rng = np.random.default_rng(2)
    size = rng.integers(2, 4, n)
    indptr = np.concatenate([[0], np.cumsum(size)])
    eligible = np.concatenate([np.sort(rng.choice(4, k, replace=False)) for k in size])
    place = indptr[:-1] + (rng.random(n) * size).astype(int)
    action = eligible[place]
    reward = (rng.random(n) < 0.1 + 0.2 * action).astype(float)
    return Events(
        Space(tuple("abcd"), ("x",)),
        np.arange(1, n + 1),
        np.arange(n),
        action,
        reward,
        1.0 / size,
        context=rng.random((n, 1)).astype(np.float32),
        indptr=indptr,
        eligible=eligible,
        probabilities=np.repeat(1.0 / size, size),
        labels={"side": Labels(rng.integers(0, 2, n).astype(np.int32), ("left", "right"))},
    )


def test_segments_of_logs_with_other_actions_each_time():
    events = ragged()
    found = judged(events, ["uniform", "without:a"], by="side")
    for code, name in enumerate(("left", "right")):
        mine = alone(events, events.labels["side"].code == code, policies=["uniform", "without:a"])
        assert_same(rows(found, segment=name), mine.rows["estimates"], NUMBERS)


def slates(n=1_500):
    """Return requests of two slots; users have several requests."""
    rng = np.random.default_rng(3)
    action = rng.integers(0, 3, 2 * n)
    side = np.repeat(rng.integers(0, 2, n), 2).astype(np.int32)
    return Events(
        Space(("a", "b", "c"), n_slots=2),
        np.arange(1, 2 * n + 1),
        np.repeat(np.arange(n), 2),
        action,
        (rng.random(2 * n) < 0.2 * action).astype(float),
        np.full(2 * n, 1 / 3),
        slot=np.tile([0, 1], n),
        user=np.repeat(rng.integers(0, 150, n), 2),
        labels={"side": Labels(side, ("left", "right"))},
    )


@pytest.mark.parametrize("cluster", [None, "user"])
def test_segments_of_slates_take_whole_requests(cluster):
    events = slates()
    estimators = ["slate-ips", "slate-snips", "pi"]
    options = {"policies": ["always:c"], "estimators": estimators, "cluster": cluster}
    options["intervals"] = ["asymptotic", "bootstrap:100"]
    found = judged(events, by="side", chunk=1_000, **options)
    for code, name in enumerate(("left", "right")):
        chosen = events.labels["side"].code == code
        mine = alone(events, chosen, **options)
        assert_same(rows(found, segment=name), mine.rows["estimates"], NUMBERS)
        assert rows(found, segment=name)[0]["n"] == chosen.sum() / 2


def test_clusters_of_slates_by_hand():
    events = slates()
    found = judged(events, ["always:c"], ["slate-ips"], cluster="user")
    weight = np.multiply.reduceat((events.action == 2) * 3.0, np.arange(0, 3_000, 2))
    reward = events.reward.reshape(-1, 2).sum(axis=1)
    (row,) = rows(found, policy="always:c")
    assert row["value"] == pytest.approx((weight * reward).mean(), rel=1e-12)
    user = events.user[::2]
    total = sums_by_cluster(user, weight[:, None])[:, 0]
    ess = diagnostic(found, "ess_clusters", "always:c")
    assert ess == pytest.approx(total.sum() ** 2 / (total @ total), rel=1e-9)
    assert diagnostic(found, "clusters", "always:c") == len(set(user.tolist()))


# -- differences and guardrails


def test_p_values_are_adjusted_within_metric_and_interval():
    events = log_of(numbers={"m": np.random.default_rng(7).random(3_000)})
    found = judged(
        events, metrics=["m"], intervals=["asymptotic", "bootstrap:100"], estimators=["ips"], pairs=False
    )
    assert len(found.rows["differences"]) == 8
    for metric in ("reward", "m"):
        for by in ("asymptotic", "bootstrap"):
            family = rows(found, "differences", metric=metric, interval=by)
            adjusted = holm_adjusted([row["p"] for row in family])
            assert [row["p_adjusted"] for row in family] == pytest.approx(adjusted.tolist(), rel=1e-12, abs=0)


def test_a_difference_is_weak_where_either_side_is():
    found = judged(log_of(), ["always:c", "uniform"], ["ips"])
    labels = {row["policy"]: row["verdict"] for row in found.rows["estimates"]}
    assert labels == {"as logged": "supported", "always:c": "weak", "uniform": "supported"}
    by = {(row["policy"], row["against"]): row["verdict"] for row in found.rows["differences"]}
    assert by["uniform", "always:c"] == by["always:c", "as logged"] == "weak"
    assert by["uniform", "as logged"] == "supported"


def test_bounded_differences_take_the_largest_weight_seen():
    found = judged(
        replace(log_of(), space=replace(log_of().space, reward_range=(0.0, 1.0))),
        ["uniform"],
        ["ips"],
        intervals=["empirical-bernstein"],
    )
    (row,) = found.rows["differences"]
    assert row["interval"] == "empirical-bernstein*"
    assert row["low"] < row["difference"] < row["high"]


def test_guardrails_are_about_the_change_from_what_was_logged():
    none = np.zeros(3_000)
    rules = ["reward > -0.1", "none < 2%", "none < 0.1"]
    found = judged(log_of(numbers={"none": none}), ["uniform", "always:c"], ["ips"], guardrails=rules)
    found_rules = [(row["bound"], row["policy"]) for row in found.rows["guardrails"]]
    assert found_rules == [(rule, policy) for rule in rules for policy in ("uniform", "always:c")]
    # there is no share of nothing
    for row in rows(found, "guardrails", bound="none < 2%"):
        assert row["outcome"] == "not shown"
        assert np.isnan(row["difference"])


# -- clips, rows left out, time


def test_clips_end_where_no_weight_is_clipped():
    found = judged(log_of(), clips=True)
    assert [row["clip"] for row in rows(found, "clips", policy="uniform")] == [1.0, 2.0]
    assert [row["clip"] for row in rows(found, "clips", policy="always:c")] == [1.0, 2.0, 5.0]


def test_no_clips_of_a_policy_without_weight():
    events = level_log(300)
    events = events.take(np.flatnonzero(events.action != 2))
    found = judged(events, clips=True)
    assert {row["policy"] for row in found.rows["clips"]} == {"uniform"}


def left_out(kept, gone, *, reward=0.5, copies=0):
    """Return the rows of the table for counts by action of rows kept and left out."""
    faults = Faults()
    copy = np.arange(sum(gone) + copies) >= sum(gone)
    action = np.append(np.repeat(np.arange(len(gone)), gone), np.zeros(copies, int)).astype(np.int32)
    faults.left_out.add(action, np.ones(len(action)), copy, n_actions=len(gone))
    logged = OnPolicy()
    requests = sum(kept) // 2  # of two rows each
    logged.add(ReplayBatch(np.arange(requests), np.full(requests, reward)))
    log = SimpleNamespace(faults=faults, space=Space(tuple(f"a{i}" for i in range(len(kept)))))
    comparison = SimpleNamespace(taken=np.array(kept, float), logged=[SimpleNamespace(estimator=logged)])
    return {row["what"]: (row["kept"], row["left_out"]) for row in left_out_rows(log, comparison)}


def test_the_eight_actions_that_differ_most_are_listed():
    kept = [10] * 12
    gone = [10, 10, 10, 10, 15, 5, 16, 4, 17, 3, 18, 2]
    table = left_out(kept, gone, copies=3)
    assert list(table)[:2] == ["rows", "mean reward of a row"]
    assert table["rows"] == (120.0, 120.0)
    assert table["mean reward of a row"] == (pytest.approx(0.25), 1.0)
    assert list(table)[2:] == [f"share of action a{i}" for i in range(4, 12)]
    assert table["share of action a10"] == pytest.approx((10 / 120, 18 / 120))


def test_nothing_to_compare():
    assert left_out([3, 4], [0, 0], copies=2) == {}
    assert left_out([0, 0], [1, 2]) == {"rows": (0.0, 3.0), "mean reward of a row": (None, 1.0)}


def test_excluded_rows_that_are_read_in_part():
    out = LeftOut()
    action = np.array([0, -1, 1, 5, 1], np.int32)
    reward = np.array([1.0, 2.0, np.inf, np.nan, 4.0])
    out.add(action, reward, np.array([False, False, False, False, True]), n_actions=2)
    out.add(action[:1], reward[:1], np.array([False]), n_actions=2)
    assert (out.rows, out.copies, out.rewarded, out.reward_sum) == (6, 1, 3, 4.0)
    assert out.taken.tolist() == [2, 1]


def test_blocks_know_their_first_and_last_time_in_any_order():
    rng = np.random.default_rng(8)
    blocks, n = TimeBlocks(), 50
    times = [rng.permutation(np.arange(100.0 * k, 100.0 * k + n)) for k in range(1_400)]
    times[0][:3] = np.nan
    half = TimeBlocks()
    for k, time in enumerate(times):
        (blocks if k < 700 else half).add(np.ones(n), np.full(n, k % 2.0), time)
    blocks.merge(half)
    assert len(blocks._pieces) <= 64 * BLOCKS
    found = blocks.found()
    assert [b[0] for b in found] == pytest.approx([3_500] * BLOCKS, rel=0.1)
    assert sum(b[0] for b in found) == 70_000
    assert sum(b[3] for b in found) == 35_000
    assert found[0][5] == np.nanmin(times[0])
    assert found[-1][6] == times[-1].max()
    for one, other in itertools.pairwise(found):
        # a block ends within a chunk at the most, which is 50 seconds long
        assert one[5] < other[5] < one[6] + 52.0
        assert one[6] < other[5] + 50.0
    unknown = TimeBlocks()
    unknown.add(np.ones(30), np.ones(30), np.full(30, np.nan))
    assert np.isnan([b[5:] for b in unknown.found()]).all()


def test_blocks_of_few_rows_show_no_drift():
    for n, known in ((380, False), (400, True)):
        blocks = TimeBlocks()
        blocks.add(np.ones(n), np.arange(n) % 2.0)
        assert (blocks.drift_p("reward") is not None) is known


def test_errors_of_blocks_are_those_of_their_means():
    events = log_of(2_000)
    blocks = rows(judged(events, ["always:c"]), "blocks")
    parts = np.array_split(np.arange(2_000), 20)
    weight = (events.action == 2) / events.propensity
    for block, part in zip(blocks, parts, strict=True):
        root = np.sqrt(len(part))
        assert block["reward_se"] == pytest.approx(events.reward[part].std() / root, rel=1e-9)
        assert block["weight_se"] == pytest.approx(weight[part].std() / root, rel=1e-9)
