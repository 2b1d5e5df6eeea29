"""Summary, curves and comparators: against a slow twin over the same tables, and by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import ltrr
from ltrr import LoopSetting, Streams
from ltrr.bandits.spec import policy_spec
from ltrr.metrics import best_in_class, learnable_gap, paired_ratio
from ltrr.simulation.loop import Loop
from ltrr.simulation.measure import Measures, round_columns
from ltrr.study.build import build, make_world, prepare, system_of
from ltrr.study.cells import Cells
from ltrr.study.comparators import best_shares, comparators
from ltrr.study.crossing import Crossing
from ltrr.study.curves import checkpoints, curve_values, even_checkpoints, windows
from ltrr.study.page_parts import loss_note
from ltrr.study.report import write_report
from ltrr.study.study import Study, Tuning
from ltrr.study.summary import gap_closed, summary_values, trend
from ltrr.study.tables import Tables
from ltrr.types import all_quotas
from ltrr.users.rewards import Reward

ARMS = ("bm25", "dense", "memory", "popular")
ROUNDS, WARMUP, SEEDS = 200, 50, 2
LATE = ROUNDS - WARMUP
POLICIES = ("best-static", "linucb", "vw-squarecb")
SPLIT = ("reward", "ndcg", "recall_budget", "recall_page", "mrr")
JUDGED = [
    "ideal",
    "ideal_is_exact",
    "reward_ranked",
    "oracle_reward",
    "oracle_ndcg",
    "oracle_recall",
    "loss_retrieval",
    "loss_ranking",
    "loss_exploration",
    "loss_cost",
    "loss_noise",
]
SETTING = LoopSetting(
    arms=ARMS,
    warmup=WARMUP,
    feedback_every=20,
    slot_size=6,
    page_size=6,
    oracle_every=3,  # neither 200 rounds nor the checkpoints are multiples of it
    held_out=60,
    held_out_oracle_every=1,
    checkpoint_every=100,
)


def make_study(policies=POLICIES, **changes):
    settings = {
        "seed": 5,
        "rounds": ROUNDS,
        "seeds": SEEDS,
        "log_seeds": 0,
        "world": {"kind": "music", "n_items": 300, "n_queries": 100, "seed": 2},
        "arms": {"dense": {"encoder": {"kind": "lsa", "dim": 16}}},
        "ranker": {"kind": "lambdamart", "first": 60, "n_trees": 10},
        "loop": SETTING,
        "reward": {"kind": "satisfied", "arm_cost": 0.01, "candidate_cost": 0.001},
        "tuning": Tuning(shares=(0.1,), keep=(1,), seeds=(1,)),
        "policies": tuple(policy_spec(p, ARMS) for p in policies),
    }
    return Study(**(settings | changes))


@pytest.fixture(scope="module")
def run(tmp_path_factory, untuned):
    study = make_study()
    out = tmp_path_factory.mktemp("summary") / "run"
    ltrr.run_study(study, out=out, quiet=True)
    return study, out


def read(folder, kind, policy):
    """One frame a seed; lists stay lists."""
    return [pd.read_parquet(folder / kind / f"{policy}-{s:03d}.parquet") for s in range(SEEDS)]


def excess_over_class(oracles):
    """The best linear policy in hindsight minus the policy, a series a seed."""
    whole = pd.concat(oracles)
    best = best_in_class(np.stack(whole.context), np.stack(whole.quota_reward).astype(float))
    out, start = [], 0
    for t in oracles:
        out.append(
            pd.Series(best[start : start + len(t)] - t.reward_ranked.to_numpy(), index=t.request.to_numpy())
        )
        start += len(t)
    return out


def twin_summary(folder, policy):
    """Every metric of a policy: its values, one a seed."""
    rounds, oracles = read(folder, "rounds", policy), read(folder, "oracles", policy)
    static = read(folder, "rounds", "best-static")
    late = [t[t.request >= WARMUP] for t in rounds]
    judged = [t[t.request >= WARMUP] for t in oracles]
    out = {m: [t[m].mean() for t in late] for m in round_columns(ARMS)}
    for suffix, parts in (
        ("seen", [t[t.asked > 0] for t in late]),
        ("first", [t[t.asked == 0] for t in late]),
    ):
        out[f"share_{suffix}"] = [len(p) / len(t) for p, t in zip(parts, late, strict=True)]
        out |= {f"{m}_{suffix}": [p[m].mean() for p in parts] for m in SPLIT}
    held, held_oracles = read(folder, "held_out", policy), read(folder, "held_out_oracles", policy)
    out |= {f"{m}_held_out": [t[m].mean() for t in held] for m in (*SPLIT, "calls", "candidates")}
    out |= {f"{m}_reserved": [t[t.reserved][m].mean() for t in held] for m in SPLIT}
    out |= {f"{m}_held_out": [t[m].mean() for t in held_oracles] for m in ("oracle_reward", "oracle_recall")}
    gaps = [a.reward - b.reward for a, b in zip(static, rounds, strict=True)]
    out["regret_static"] = [g[WARMUP:].sum() for g in gaps]
    out["difference_static"] = [-g[WARMUP:].mean() for g in gaps]
    pages, others = read(folder, "pages", policy), read(folder, "pages", "best-static")
    for metric, column in (("candidates_shared", "candidates"), ("page_shared", "page")):
        out[metric] = [
            np.mean([
                len(set(a) & set(b)) / len(set(a) | set(b))
                for r, a, b in zip(mine.request, mine[column], theirs[column], strict=True)
                if r >= WARMUP
            ])
            for mine, theirs in zip(pages, others, strict=True)
        ]  # fmt: skip
    out |= {m: [t[m].mean() for t in judged] for m in JUDGED}
    out["regret_oracle"] = [LATE * (t.oracle_reward - t.reward_ranked).mean() for t in judged]
    out["regret_ideal"] = [LATE * (t.ideal - t.reward).mean() for t in judged]
    class_gaps = excess_over_class(oracles)
    out["regret_class"] = [LATE * g[g.index >= WARMUP].mean() for g in class_gaps]
    for name, parts in (("excess_static", gaps), ("excess_class", class_gaps)):
        early, late_third = range(50, 100), range(150, 200)
        out[f"{name}_early"] = [g[g.index.isin(early)].mean() for g in parts]
        out[f"{name}_late"] = [g[g.index.isin(late_third)].mean() for g in parts]
        out[f"{name}_fall"] = [a - b for a, b in zip(out[f"{name}_early"], out[f"{name}_late"], strict=True)]
    return out


def student(values):
    values = np.array(values)
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean(), values.mean() - half, values.mean() + half


@pytest.mark.parametrize("policy", POLICIES)
def test_summary_equals_the_twin(run, policy):
    _, folder = run
    table = pd.read_csv(folder / "summary.csv").query("policy == @policy").set_index("metric")
    want = twin_summary(folder, policy)
    assert set(table.index) - {"oracle_gap_closed"} == set(want)
    assert (table.n_seeds == SEEDS).all()
    for metric, values in want.items():
        got = table.loc[metric, ["mean", "low", "high"]].to_numpy(float)
        np.testing.assert_allclose(got, student(values), rtol=0, atol=1e-9 * max(1, abs(got).max()))
    lead = np.array(want["reward"]) - np.array(twin_summary(folder, "best-static")["reward"])
    judged = [t[t.request >= WARMUP] for t in read(folder, "oracles", policy)]
    room = lead + np.array([(t.oracle_reward - t.reward_ranked).mean() for t in judged])
    closed = None if policy == "best-static" else paired_ratio(lead, room)
    assert ("oracle_gap_closed" in table.index) == (closed is not None)
    if closed is not None:
        got = table.loc["oracle_gap_closed", ["mean", "low", "high"]].to_numpy(float)
        np.testing.assert_allclose(got, [closed.mean, closed.low, closed.high], atol=1e-9)


@pytest.mark.parametrize("policy", POLICIES)
def test_curves_equal_the_twin(run, policy):
    _, folder = run
    table = pd.read_csv(folder / "curves.csv").query("policy == @policy")
    rounds, oracles = read(folder, "rounds", policy), read(folder, "oracles", policy)
    static = read(folder, "rounds", "best-static")
    gaps = [a.reward - b.reward for a, b in zip(static, rounds, strict=True)]
    class_gaps = excess_over_class(oracles)
    by_round = [t.set_index("request") for t in oracles]
    series = {m: [t[m] for t in rounds] for m in ("reward", "ndcg", "recall_budget")}
    series |= {f"slots_{a}": [t[f"slots_{a}"] for t in rounds] for a in ARMS}
    series |= {"excess_static": gaps, "excess_class": class_gaps}
    series |= {m: [t[m] for t in by_round] for m in ("loss_retrieval", "loss_ranking", "oracle_recall")}
    total = {"regret_static": gaps, "regret_class": class_gaps}
    total["regret_oracle"] = [t.oracle_reward - t.reward_ranked for t in by_round]
    total["regret_ideal"] = [t.ideal - t.reward for t in by_round]
    series["difference_static"] = [-g for g in gaps]
    assert set(table.metric) == set(series) | set(total)
    for metric, own in table.groupby("metric"):
        points = own["round"].tolist()
        assert points == sorted(set(points))
        assert points[-1] == ROUNDS
        late = metric in total or metric == "difference_static"
        assert min(points) > WARMUP if late else WARMUP in points
        start = WARMUP if late else 0
        for point, *got in own[["round", "mean", "low", "high"]].itertuples(index=False):
            if metric in series:
                values = [g[(g.index >= start) & (g.index < point)].mean() for g in series[metric]]
            elif metric == "regret_static":
                values = [g[(g.index >= WARMUP) & (g.index < point)].sum() for g in gaps]
            else:
                until = [g[(g.index >= WARMUP) & (g.index < point)] for g in total[metric]]
                values = [g.mean() * (point - WARMUP) for g in until]
            np.testing.assert_allclose(
                got, student(values), rtol=0, atol=1e-9 * max(1, abs(np.array(got)).max())
            )
            start = point
    end = table[table["round"] == ROUNDS].set_index("metric")["mean"]
    summary = pd.read_csv(folder / "summary.csv").query("policy == @policy").set_index("metric")["mean"]
    for metric in total:
        assert end[metric] == pytest.approx(summary[metric], abs=1e-9)


def test_comparators_equal_the_twin(run):
    study, folder = run
    table = pd.read_csv(folder / "comparators.csv").set_index(["set", "comparator", "metric"])
    assert set(table.reference) == {"best-static"}
    quotas = all_quotas(3, 4)
    seen = 0
    for which, kind in (("stream", "oracles"), ("held-out", "held_out_oracles")):
        whole = pd.concat(read(folder, kind, "best-static"))
        whole = whole[whole.request >= WARMUP]
        for metric in ("reward", "ndcg", "recall"):
            values = np.stack(whole[f"quota_{metric}"]).astype(float)
            rng = Streams(study.seed).generator(f"bootstrap router {metric}")
            gap = learnable_gap(np.stack(whole.context), values, whole.topic.to_numpy(), rng=rng)
            want = {k: getattr(gap, k) for k in ("static", "oracle", "linear", "trees")}
            assert want["oracle"] == pytest.approx(whole[f"oracle_{metric}"].mean(), abs=1e-6)
            for a, arm in enumerate(ARMS):
                shares = []
                for row in values:
                    best = [q for q, v in zip(quotas.tolist(), row, strict=True) if v >= row.max() - 1e-6]
                    shares.append(sum(q[a] for q in best) / len(best) / 3)
                want[f"oracle's share of {arm}"] = np.mean(shares)
            for key, value in want.items():
                row = table.loc[(which, key, metric)]
                assert row["mean"] == pytest.approx(value, abs=1e-9)
                assert np.isnan(row.low)
                assert np.isnan(row.high)
                assert row.n == len(values)
            seen += len(want)
    # two seeds: no gap's interval excludes zero, so that no share of one is given
    assert not any("closed" in comparator for _, comparator, _ in table.index)
    assert seen == len(table)


def test_losses_and_costs_add_up(run):
    _, folder = run
    for policy in POLICIES:
        for t in [*read(folder, "oracles", policy), *read(folder, "held_out_oracles", policy)]:
            lost = t.loss_retrieval + t.loss_ranking + t.loss_exploration + t.loss_cost + t.loss_noise
            np.testing.assert_allclose(t.ideal - t.reward_sampled, lost, rtol=0, atol=1e-12)
            assert t.ideal_is_exact.all()
            assert (t.loss_cost > 0.01).all()
            # the cost is not in the ranking's loss: a page in the best order loses nothing by ranking
            assert t.loss_ranking.min() > -1e-12
            assert t.loss_ranking.min() < 1e-12
            assert t.loss_retrieval.min() > -1e-12
            assert (t.reward_ranked <= t.oracle_reward + 1e-6).all()


@pytest.fixture(scope="module")
def prepared():
    study = make_study(("equal",))
    return study, prepare(build(study), make_world(study))


KINDS = ("equal", "random", "memory", "popular", "best-static", "equal-memory-free", "epsilon-greedy")
LEARNERS = ("linucb", "linucb-disjoint", "vw-epsilon", "vw-squarecb")


@pytest.mark.parametrize("policy", [*KINDS, *LEARNERS])
@pytest.mark.parametrize("kind", ["satisfied", "clicks"])
def test_the_oracle_values_the_quota_that_was_drawn_as_what_happened(prepared, policy, kind):
    """Same memory, ranker, spills and costs: in the warm-up, with audit slots, frozen, in both spaces."""
    study, shared = prepared
    setting = replace(SETTING, warmup=20, oracle_every=2, audit=0.2, feedback_every=20)
    study = replace(study, loop=setting, reward=Reward(kind, arm_cost=0.03, candidate_cost=0.002))
    streams = Streams(3)
    system = system_of(study, shared, policy_spec(policy, ARMS), streams, quota=(1, 0, 2, 0))
    loop = Loop(system, setting, streams)
    measures = Measures(loop)
    quotas = all_quotas(3, 4)
    takes_over = 0
    for batch in [*(loop.step(20) for _ in range(5)), None]:
        batch = batch or loop.judge_held_out(20)
        rounds, judged = measures.rounds(batch).to_pandas(), measures.oracles(batch).to_pandas()
        rounds = rounds.set_index("request").loc[judged.request]
        drawn = rounds[[f"slots_{a}" for a in ARMS]].to_numpy()
        place = [(quotas == q).all(axis=1).argmax() for q in drawn]
        for name, column in (("reward", "reward"), ("ndcg", "ndcg"), ("recall", "recall_budget")):
            values = np.stack(judged[f"quota_{name}"])[np.arange(len(judged)), place]
            as_ranked = (~batch.page.explored.any(axis=1)[batch.sampled_rows]) | (name == "recall")
            np.testing.assert_allclose(values[as_ranked], rounds[column][as_ranked], rtol=0, atol=1e-6)
        ranked = np.stack(judged["quota_reward"])[np.arange(len(judged)), place]
        np.testing.assert_allclose(judged["reward_ranked"], ranked, rtol=0, atol=1e-6)
        takes_over += int((rounds.calls.to_numpy() > (drawn > 0).sum(axis=1)).sum())
    assert loop.system.ranker.version > 0 or policy in ("memory", "popular")
    if policy == "memory":
        assert takes_over > 20


def cells(reward, oracle):
    """Hand-made tables of seeds with all rounds judged."""
    n = len(reward[0])
    table = {"request": np.arange(n), "round": np.arange(n), "topic": np.arange(n), "query": np.arange(n)}
    rounds = [{**table, "reward": np.array(r, float)} for r in reward]
    oracles = [
        {
            **table,
            "reward": np.array(r, float),
            "reward_ranked": np.array(r, float),
            "oracle_reward": np.array(o, float),
        }
        for r, o in zip(reward, oracle, strict=True)
    ]
    return Cells(rounds, oracles)


def small(rounds, warmup, **loop):
    return make_study(rounds=rounds, loop=replace(SETTING, warmup=warmup, **loop))


def fourfold(*rows):
    """Return series of rounds, of which all after the first two come four times: on four topics."""
    return [[*row[:2], *np.repeat(row[2:], 4)] for row in rows]


def test_gap_closed_by_hand():
    study = small(10, 2)
    static = cells(fourfold([9, 9, 0.2, 0.4], [9, 9, 0.4, 0.4]), fourfold(*[[9, 9, 1, 1]] * 2))
    own = cells(fourfold([0, 0, 0.4, 0.6], [0, 0, 0.5, 0.68]), fourfold([5, 5, 0.8, 1.0], [5, 5, 0.9, 1.08]))
    crossing = Crossing.of(own.rounds, np.random.default_rng(0))
    # after two rounds of warm-up: leads .2 and .19; the oracle adds .4 to the policy
    closed = gap_closed(own, static, study, crossing)
    want = paired_ratio(np.array([0.2, 0.19]), np.array([0.6, 0.59]))
    assert closed.mean == pytest.approx(0.195 / 0.595, abs=1e-12)
    assert (closed.low, closed.high) == pytest.approx((want.low, want.high), abs=1e-9)
    assert gap_closed(own, own, study, crossing) is None
    assert gap_closed(own, None, study, crossing) is None
    assert gap_closed(Cells(own.rounds), static, study, crossing) is None
    early = Cells(own.rounds, [{k: v[:2] for k, v in t.items()} for t in own.oracles])
    assert gap_closed(early, static, study, crossing) is None
    # the same leads, all of them earned on one topic: over topics the gap is not above zero
    on_one = [np.where(np.arange(10) == 9, 8.0, 0.0) * lead for lead in (0.2, 0.19)]
    one = cells(on_one, [8.0 * (np.arange(10) == 9) * 0.6, 8.0 * (np.arange(10) == 9) * 0.59])
    zero = cells([np.zeros(10)] * 2, [np.zeros(10)] * 2)
    assert paired_ratio(np.array([0.2, 0.19]), np.array([0.6, 0.59])) is not None
    assert gap_closed(one, zero, study, crossing) is None


def test_windows_by_hand():
    values = np.array([1.0, 2.0, 6.0, 4.0, 9.0])
    assert windows(values, np.array([1, 3, 5])).tolist() == [1.0, 4.0, 6.5]
    assert windows(values, np.array([5])).tolist() == [4.4]
    assert windows(values > 3, np.array([2, 5])).tolist() == [0.0, 1.0]


def test_curves_of_judged_rounds_reach_the_end():
    """Seven rounds, the fourth judged: three checkpoints later it still speaks for all rounds so far."""
    study = small(7, 0, feedback_every=1)
    table = {m: np.ones(7) for m in round_columns(ARMS)}
    judged = {
        "round": np.array([3]),
        "reward_ranked": np.array([0.5]),
        "context": np.zeros((1, 2), np.float32),
    }
    judged["reward"] = judged["reward_ranked"]
    judged |= {m: np.array([0.75]) for m in ("oracle_reward", "ideal", "loss_retrieval", "loss_ranking")}
    judged |= {"oracle_recall": np.ones(1), "quota_reward": np.array([[0.5, 0.625]], np.float32)}
    own = Cells([table], [judged])
    got = {m: (v.tolist(), r.tolist()) for m, v, r in curve_values(own, None, study, checkpoints(study))}
    assert got["regret_oracle"] == ([[0.25 * 7]], [7])
    assert got["regret_class"] == ([[0.125 * 7]], [7])
    assert got["loss_ranking"] == ([[0.75]], [7])
    assert got["reward"] == ([[1.0] * 7], [1, 2, 3, 4, 5, 6, 7])


def test_trends_by_hand():
    """Ten rounds, a warm-up of three: thirds of two rounds, 3–4 and 8–9."""
    table = {"round": np.arange(10)}
    gap = np.array([9.0, 9.0, 9.0, 1.0, 3.0, 7.0, 7.0, 7.0, 0.0, 1.0])
    got = dict(trend("x", [gap, gap + 1], [table, table], small(10, 3)))
    assert {k: v.tolist() for k, v in got.items()} == {
        "x_early": [2.0, 3.0],
        "x_late": [0.5, 1.5],
        "x_fall": [1.5, 1.5],
    }
    judged = {"round": np.array([4, 9])}
    got = dict(trend("x", [np.array([4.0, 1.0])], [judged], small(10, 3)))
    assert got["x_fall"].tolist() == [3.0]
    assert dict(trend("x", [gap], [table], small(10, 9))) == {}


def test_checkpoints_by_hand():
    assert checkpoints(small(100, 30, feedback_every=50)).tolist() == [30, 50, 100]
    assert checkpoints(small(70, 0, feedback_every=100)).tolist() == [70]
    assert checkpoints(small(7, 6, feedback_every=1)).tolist() == [1, 2, 3, 4, 5, 6, 7]
    points = checkpoints(small(3010, 300, feedback_every=50))
    assert points[0] == 50
    assert points[-1] == 3010
    assert 300 in points
    assert set(points % 50) == {0, 10}
    assert np.all(np.diff(points) > 0)


def test_even_checkpoints_by_hand():
    assert even_checkpoints(small(3000, 300, feedback_every=50)).tolist()[:2] == [500, 700]
    assert even_checkpoints(small(100, 30, feedback_every=50)).tolist() == [80, 100]
    assert even_checkpoints(small(4, 2, feedback_every=1)).tolist() == [3, 4]


def judged(room, n_seeds=5, n=60):
    """Tables of judged rounds: quota 0 is best in half of the contexts, 19 in the others, by ``room``."""
    rng = np.random.default_rng(8)
    tables = []
    for _ in range(n_seeds):
        topic = rng.permutation(n) % 30
        side = topic % 2
        values = np.full((n, 20), 0.3)
        values[np.arange(n), np.where(side == 0, 0, 19)] += room[topic]
        table = {"request": np.arange(n), "round": np.arange(n) + 50, "topic": topic, "query": topic}
        table |= {f"quota_{m}": values for m in ("reward", "ndcg", "recall")}
        tables.append(table | {"context": np.eye(2, dtype=np.float32)[side]})
    return tables


def test_shares_of_a_gap_are_given_where_both_intervals_exclude_zero():
    study = make_study(seeds=5)
    uneven = np.where(np.arange(30) < 15, 0.2, 0.8)
    for room, n_seeds, shown in (
        (uneven, 5, True),
        (np.where(np.arange(30) < 2, 9.0, 0.0), 5, False),  # on two topics alone
        (uneven, 2, False),  # seeds are equal, topics are not: two are too few for both
    ):
        tables = judged(room, n_seeds)
        crossing = Crossing.of(tables, np.random.default_rng(1))
        found = {
            (row["comparator"], row["metric"]): row
            for row in comparators(Cells(oracles=tables), study, (crossing, None))
        }
        assert (("linear gap closed", "reward") in found) == shown
        assert ("oracle", "reward") in found
        gap = learnable_gap(
            np.concatenate([t["context"] for t in tables]),
            np.concatenate([t["quota_reward"] for t in tables]),
            np.concatenate([t["topic"] for t in tables]),
            rng=Streams(study.seed).generator("bootstrap router reward"),
        )
        assert (gap.linear_closed is not None) == (room is uneven)
        if shown:
            row = found["trees gap closed", "reward"]
            want = gap.trees_closed
            assert (row["mean"], row["low"], row["high"]) == pytest.approx((want.mean, want.low, want.high))


def test_equally_good_quotas_share_the_oracle_evenly():
    quotas = all_quotas(3, 4)
    values = np.zeros((3, len(quotas)))
    values[0, [0, 19]] = [1.0, 1.0 - 5e-7]  # (0, 0, 0, 3) and (3, 0, 0, 0)
    values[1, 19] = 1.0
    # all equal: every arm gets a quarter
    share = best_shares(values, make_study())
    np.testing.assert_allclose(share, [(0.5 + 1 + 0.25) / 3, 0.25 / 3, 0.25 / 3, (0.5 + 0.25) / 3])


def test_rounds_count_from_the_first_request_of_the_stream():
    """A world may number its requests from anywhere; only the order counts."""
    own = cells([[1, 2, 3, 4]], [[4, 4, 4, 4]])
    table = {**own.rounds[0], "request": np.arange(4) + 1000, "asked": np.array([0, 0, 1, 0])}
    table |= {m: table["reward"] for m in round_columns(ARMS) if m != "reward"}
    got = dict(summary_values(Cells([table]), None, small(4, 2)))
    assert got["reward"].tolist() == [3.5]
    assert got["reward_seen"].tolist() == [3.0]
    assert got["reward_first"].tolist() == [4.0]
    assert got["share_seen"].tolist() == [0.5]


def test_one_seed_and_a_user_whose_best_order_is_not_by_grade(untuned, tmp_path):
    study = make_study(("best-static", "rrf", "linucb"), seeds=1, rounds=100, reward=Reward("clicks"))
    result = ltrr.run_study(study, out=tmp_path / "one", quiet=True)
    text = (result.folder / "summary.csv").read_text()
    assert "linucb,reward," in text
    row = next(line for line in text.splitlines() if line.startswith("linucb,reward,"))
    assert row.split(",")[3:] == ["-inf", "inf", "1"]
    summary = result.summary()
    assert np.isinf(summary.low).all()
    assert (summary.set_index(["policy", "metric"]).loc[("linucb", "ideal_is_exact"), "mean"]) == 0
    # fused ranks depend on the quota: no oracle can judge them
    assert not summary.query("policy == 'rrf'").metric.str.startswith(("oracle", "loss", "ideal")).any()
    page = write_report(result.folder).read_text()
    assert "grade order is not the best order" in page
    for against in ("static", "oracle", "class", "ideal"):
        result.plot_regret(against)
    result.plot_loss()
    result.plot_slots("linucb")


def test_the_report_trusts_an_exact_ideal(run):
    _, folder = run
    assert "grade order is not the best order" not in loss_note(Tables.read(folder))


def test_the_report_explains_policies_that_no_oracle_judged(run):
    _, folder = run
    tables = Tables.read(folder)
    judged = tables.summary
    none = (judged.policy == "linucb") & (judged.metric == "ideal")
    assert "A dash: the order of fused lists" in loss_note(replace(tables, summary=judged[~none]))
    assert "A dash" not in loss_note(tables)


def test_the_losses_add_up_as_the_report_says(run):
    _, folder = run
    rows = pd.read_parquet(folder / "oracles" / "linucb-000.parquet")
    parts = loss_note(Tables.read(folder)).split("received = ")[1].removesuffix(".").split(" + ")
    lost = rows[[f"loss_{part}" for part in parts]].sum(axis=1)
    assert (rows.loss_exploration != 0).any()
    assert np.allclose(lost, rows.ideal - rows.reward_sampled)
