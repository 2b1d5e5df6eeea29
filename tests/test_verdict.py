"""Verdict, differences and findings: by hand, against pandas, and on worlds with known answers."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ltrr.errors import InputError
from ltrr.metrics.holm import judged_together
from ltrr.study.arms import arm_rows
from ltrr.study.cells import Cells
from ltrr.study.differences import DIFFERENCES, difference_rows
from ltrr.study.findings import findings
from ltrr.study.tables import Tables
from ltrr.study.verdict import verdict
from tests import made_worlds
from tests.small_runs import run_small

WORLDS = {
    "clear_winner": ("knows", "yes"),
    "tie": (None, "not shown"),
    "dearer": ("knows", "yes, at a price"),
}


def right(name, result):
    """Say whether a verdict is the known answer of its world."""
    found, (policy, answer) = result.verdict(), WORLDS[name]
    return found.answer == answer and policy in (None, found.policy)


@pytest.mark.parametrize("name", WORLDS)
def test_made_worlds_get_their_known_answer(name):
    result = getattr(made_worlds, name)(1)
    assert right(name, result)
    if name == "dearer":
        assert any(reason.startswith("It is dearer: +0.39") for reason in result.verdict().reasons)


@pytest.mark.soak
@pytest.mark.parametrize("name", WORLDS)
def test_made_worlds_get_their_known_answer_on_nearly_every_seed(name):
    answers = [right(name, getattr(made_worlds, name)(seed)) for seed in range(100)]
    assert sum(answers) >= 95, f"{sum(answers)} of 100"


@pytest.fixture(scope="module")
def run(tmp_path_factory, untuned):
    return run_small(
        tmp_path_factory.mktemp("verdict") / "run",
        ["best-static", "memory", "linucb", "rrf"],
        rounds=160,
        seeds=3,
        log_seeds=0,
        loop={"warmup": 40, "feedback_every": 20, "held_out": 30, "oracle_every": 5, "slot_size": 6},
    )


def seed_means(folder, policy, metric):
    """One mean a seed by set of requests, with pandas."""
    out = {}
    for seed in range(3):
        rounds = pd.read_parquet(folder / "rounds" / f"{policy}-{seed:03d}.parquet")
        rounds = rounds[rounds.request >= 40]
        held = pd.read_parquet(folder / "held_out" / f"{policy}-{seed:03d}.parquet")
        parts = {
            "all": rounds,
            "repeated": rounds[rounds.asked > 0],
            "first-time": rounds[rounds.asked == 0],
            "held-out": held,
            "reserved": held[held.reserved],
        }
        for name, part in parts.items():
            out.setdefault(name, []).append(part[metric].mean())
    return {name: np.array(values) for name, values in out.items()}


def test_differences_equal_those_of_pandas(run):
    table = run.differences()
    assert tuple(table.columns) == DIFFERENCES
    best = run.tables.means.index[run.tables.means.index != "best-static"][0]
    pairs = [(p, "best-static") for p in ("memory", "linucb", "rrf")]
    pairs += [(best, p) for p in ("memory", "linucb", "rrf") if p != best]
    assert set(zip(table.policy, table.reference, strict=True)) == set(pairs)
    assert len(table) == len(pairs) * 5 * 3
    for row in table.itertuples():
        values = (seed_means(run.folder, row.policy, row.metric)[row.set]
                  - seed_means(run.folder, row.reference, row.metric)[row.set])  # fmt: skip
        assert row.mean == pytest.approx(values.mean(), abs=1e-12)
        half = stats.t.ppf(0.975, 2) * values.std(ddof=1) / np.sqrt(3)
        assert (row.low, row.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=1e-9)
        if row.metric == "reward" and values.std() > 0:
            assert row.p == pytest.approx(stats.ttest_1samp(values, 0.0).pvalue, abs=1e-9)
            assert row.p_holm >= row.p
            assert (row.holm_low > 0 or row.holm_high < 0) == (row.p_holm < 0.05)
        else:
            assert np.isnan(row.p) or row.metric == "reward"


def test_verdict_summary_and_terminal_say_the_same_numbers(run, capsys):
    from ltrr.cli.run_table import print_run

    found, table = run.verdict(), run.differences()
    row = table[(table.policy == found.policy) & (table.reference == "best-static") & (table["set"] == "all")]
    reward = row[row.metric == "reward"].iloc[0]
    text = f"{reward['mean']:+.3f} [{reward.holm_low:+.3f}, {reward.holm_high:+.3f}]"
    assert text in found.detail
    assert found.lines.loc["reward, all requests", "against static"] == text
    print_run(run.tables)
    out = " ".join(capsys.readouterr().out.split())
    assert out.count(text) == 2
    page = run.report().read_text(encoding="utf-8")
    first, rest = text.split(" ", 1)
    assert (
        page.count(f'{first} <span class="pm">{rest}</span>') == 3
    )  # the box, and the tables of differences and policies
    means = run.tables.means
    lead = means.reward[found.policy] - means.reward["best-static"]
    assert means.difference_static[found.policy] == pytest.approx(lead, abs=1e-12)
    assert means.difference_static[found.policy] == pytest.approx(reward["mean"], abs=1e-12)
    regret = -means.difference_static[found.policy] * (160 - 40)
    assert means.regret_static[found.policy] == pytest.approx(regret, abs=1e-9)


def test_arms_are_counted(run):
    table = run.arms().set_index(["policy", "arm"])
    for policy in ("best-static", "memory", "linucb", "rrf"):
        rounds = pd.concat(
            pd.read_parquet(run.folder / "rounds" / f"{policy}-{seed:03d}.parquet") for seed in range(3)
        )
        for arm in ("bm25", "dense", "memory", "popular"):
            row, asked = table.loc[(policy, arm)], rounds[rounds[f"slots_{arm}"] > 0]
            assert (row.requests, row.slots) == (len(asked), asked[f"slots_{arm}"].sum())
            assert row.answered == pytest.approx((asked[f"own_{arm}"] > 0).mean())
            assert row.filled == pytest.approx(asked[f"own_{arm}"].sum() / (6 * row.slots))
        own = sum(rounds[f"own_{arm}"] for arm in ("bm25", "dense", "memory", "popular"))
        delivered = own + rounds.spilled
        np.testing.assert_allclose(rounds.own, own / delivered, rtol=0, atol=1e-12)


def test_an_arm_without_slots_has_no_shares():
    tables = [{f"{kind}_{arm}": np.zeros(3, int) for kind in ("slots", "own") for arm in ("a", "b")}]
    tables[0] |= {"slots_a": np.array([1, 0, 2]), "own_a": np.array([0, 0, 3])}

    class Study:
        class loop:
            arms, slot_size = ("a", "b"), 2

    a, b = arm_rows({"p": Cells(tables)}, Study)
    assert a == {"policy": "p", "arm": "a", "requests": 2, "answered": 0.5, "slots": 3, "filled": 0.5}
    assert (b["requests"], b["slots"]) == (0, 0)
    assert np.isnan([b["answered"], b["filled"]]).all()


# Verdicts on tables made by hand: per-seed values of each policy on all requests, and its costs.
FIVE = np.array([-0.002, -0.001, 0.0, 0.001, 0.002])


def made(
    values,
    *,
    costs=None,
    seed_calls=None,
    held_out=None,
    shared=None,
    rankers=(),
    static="s",
    arms=(),
    own=None,
    only_rows=False,
):
    """Return the tables of a run with one number a seed and policy."""
    cells = {}
    for name, seeds in values.items():
        calls, candidates = (costs or {}).get(name, (2.0, 50.0))
        row = {"round": np.array([0]), "asked": np.array([1]), "request": np.array([0])}
        row |= {"calls": np.array([calls]), "candidates": np.array([candidates])}
        late = (held_out or values)[name]
        called = (seed_calls or {}).get(name, np.full(len(seeds), calls))
        cells[name] = Cells(
            [
                {**row, "reward": np.array([v]), "calls": np.array([c])}
                for v, c in zip(seeds, called, strict=True)
            ],
            held_out=[
                {k: v for k, v in row.items() if k != "round"}
                | {"reward": np.array([v]), "reserved": np.array([False])}
                for v in late
            ],
        )
    n = len(next(iter(values.values())))
    study = {
        "name": "made",
        "seeds": n,
        "rounds": 100,
        "seed": 1,
        "reward": {"kind": "satisfied"},
        "policies": [
            {"name": p, "kind": "best-static" if p == static else "linucb"}
            | ({"ranker": {"kind": "rrf"}} if p in rankers else {})
            for p in values
        ],
        "loop": {"warmup": 0, "fallback": ["bm25"], "oracle_every": 10},
    }

    class Plain:
        seed = 1

        class loop:
            warmup = 0

    rows = difference_rows(cells, static if static in values else None, Plain)
    metrics = {
        name: {
            "reward": np.mean(seeds),
            "calls": (costs or {}).get(name, (2.0, 50.0))[0],
            "candidates": (costs or {}).get(name, (2.0, 50.0))[1],
            "own": (own or {}).get(name, 1.0),
            "slots_a": 1.0,
        }
        for name, seeds in values.items()
    }
    summary = pd.DataFrame(
        [
            {"policy": p, "metric": m, "mean": v, "low": v, "high": v, "n_seeds": n}
            for p, own_metrics in metrics.items()
            for m, v in own_metrics.items()
        ]
    )
    empty = pd.DataFrame(columns=["policy", "metric", "round", "mean", "low", "high"])
    arm_table = pd.DataFrame(arms, columns=["policy", "arm", "requests", "answered", "slots", "filled"])
    differences = pd.DataFrame(rows, columns=list(DIFFERENCES))
    tables = Tables(None, study, summary, empty, empty, differences, arm_table, (), ())
    pairs = dict.fromkeys(zip(differences.policy, differences.reference, strict=True))
    found = [(p, r, *(shared or {}).get(p, (0.4, 0.4))) for p, r in pairs]
    tables.__dict__["shared"] = pd.DataFrame(found, columns=["policy", "reference", "candidates", "page"])
    return tables


def replaced(tables, differences):
    """Return tables with other differences."""
    out = dataclasses.replace(tables, differences=differences)
    out.__dict__["shared"] = tables.shared
    return out


def test_a_better_policy_at_no_cost_is_a_yes():
    found = verdict(made({"s": 0.5 + FIVE, "x": 0.6 - FIVE, "y": 0.55 + FIVE}))
    assert (found.policy, found.answer, found.runner_up, found.peers) == ("x", "yes", "y", ())
    assert found.reasons == ("It calls no more arms and draws no more candidates, within 1 %.",)
    assert found.headline == "Ship x? Yes."
    # the seeds' differences to static are .1 -+ .004 at the ends
    assert "+0.100 [" in found.detail


def over_topics(tables, low, high, of="all", policy="x", reference="s"):
    """Return tables with an interval over seeds and topics."""
    row = {"policy": policy, "reference": reference, "set": of, "metric": "reward"}
    row |= {"mean": 0.1, "low": low, "high": high, "n_seeds": 5, "n_topics": 9}
    out = dataclasses.replace(tables, two_way=pd.DataFrame([*tables.two_way.to_dict("records"), row]))
    out.__dict__["shared"] = tables.shared
    return out


def test_a_yes_needs_both_intervals():
    tables = made({"s": 0.5 + FIVE, "x": 0.6 - FIVE})
    found = verdict(over_topics(tables, 0.02, 0.18))
    assert found.answer == "yes"
    assert "correction; over seeds and topics [+0.020, +0.180])." in found.detail
    assert found.lines.loc["… over seeds and topics", "against static"] == "+0.100 [+0.020, +0.180]"
    found = verdict(over_topics(tables, 0.0, 0.2))
    assert found.answer == "not shown"
    assert found.detail.endswith("seeds agree, but topics do not; other topics could reverse it.")
    few = verdict(over_topics(tables, -np.inf, np.inf))
    assert few.answer == "not shown"
    assert "over seeds and topics no interval: too few topics or seeds)" in few.detail
    worse = made({"s": 0.5 + FIVE, "x": 0.4 - FIVE})
    assert verdict(over_topics(worse, -0.2, -0.1)).answer == "no"
    assert verdict(over_topics(worse, -0.2, 0.1)).answer == "not shown"


def test_peers_and_open_sets_need_both_intervals():
    tables = over_topics(made({"s": 0.5 + FIVE, "x": 0.6 - FIVE, "y": 0.55 + FIVE}), 0.02, 0.18)
    assert verdict(tables).peers == ()
    both = over_topics(tables, -0.01, 0.11, reference="y")
    assert verdict(both).peers == ("y",)
    one_set = over_topics(tables, -0.01, 0.2, of="held-out")
    assert "On held-out queries no difference is shown." in verdict(one_set).reasons


def test_costs_and_sets_are_the_price():
    values = {"s": 0.5 + FIVE, "x": 0.6 - FIVE}
    found = verdict(made(values, costs={"x": (2.5, 50.2)}))
    assert found.answer == "yes, at a price"
    assert found.reasons == ("It is dearer: +0.50 [+0.50, +0.50] arm calls a request on 2.00.",)
    cheap = verdict(made(values, costs={"x": (1.5, 50.0)}))
    assert cheap.reasons == ("It calls no more arms and draws no more candidates, within 1 %.",)
    found = verdict(made(values, costs={"x": (1.5, 60.0)}))
    assert found.reasons == ("It is dearer: +10.00 [+10.00, +10.00] candidates a request on 50.00.",)
    found = verdict(made(values, held_out={"s": 0.5 + FIVE, "x": 0.4 - FIVE}))
    assert found.answer == "yes, at a price"
    assert found.reasons[0].startswith("It is worse on held-out queries: -0.100 [")


def test_what_cannot_be_told_apart_is_not_shown_and_peers_are_named():
    wide = np.array([-0.1, 0.05, 0.1, -0.03, 0.02])
    found = verdict(made({"s": 0.5 + FIVE, "x": 0.51 + wide, "y": 0.505 - wide}))
    assert found.answer == "not shown"
    assert "cannot be told apart" in found.detail
    assert found.peers == ("y",)
    assert found.reasons == ("Nor can it be told apart from y.",)
    found = verdict(made({"s": 0.5 + FIVE, "x": 0.4 - FIVE}))
    assert found.answer == "no"
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, (9, 5))
    noise += (np.arange(9) / 1e4)[:, None] - noise.mean(axis=1, keepdims=True)  # x8 is the best by a hair
    many = {"s": 0.5 + FIVE} | {f"x{i}": 0.5 + own for i, own in enumerate(noise)}
    assert "from x7, x6, x5, x4, x3, x2, x1, x0." in verdict(made(many)).reasons[0]


def test_the_number_of_seeds_needed_shows_the_difference():
    values = np.array([0.01, 0.03, -0.01, 0.02, 0.0])  # mean .01, too few seeds
    found = verdict(made({"s": np.zeros(5), "x": values}))
    needed = int(found.detail.split("about ")[1].split(" ")[0])
    spread = values.std(ddof=1)
    for n, shown in ((needed, True), (needed - 1, False)):
        # found with probability .8: the mean lies .84 standard errors and more above what Holm asks for
        ends = stats.t.ppf(1 - 0.025 / 3, n - 1) + stats.t.ppf(0.8, n - 1)
        assert (ends * spread / np.sqrt(n) < 0.01) == shown
    assert (
        "seeds would show" not in verdict(made({"s": np.zeros(4), "x": values[:4]})).detail
    )  # too few to say
    assert (
        "seeds would show" not in verdict(made({"s": np.zeros(5), "x": values - 0.012})).detail
    )  # it is behind


def test_the_cheapest_of_equals_is_named():
    wide = np.array([-0.004, 0.002, 0.001, 0.003, -0.002])
    costs = {"s": (2.0, 50.0), "x": (2.0, 50.0), "y": (1.2, 50.0)}
    found = verdict(made({"s": 0.5 + FIVE, "x": 0.6 + wide, "y": 0.599 - wide}, costs=costs))
    assert found.answer == "yes"
    assert found.reasons[1] == "It cannot be told apart from y."
    assert (
        found.reasons[2] == "Of those that earn more than s, y calls the fewest arms: 1.20 a request, x 2.00."
    )


def test_one_seed_and_equal_candidates_are_not_answered():
    found = verdict(made({"s": np.array([0.5]), "x": np.array([0.6])}))
    assert found.answer == "cannot answer"
    assert found.detail == "It earns +0.100 (one seed: no interval) a request against s."
    assert "--seeds 5" in found.reasons[0]
    values = {"s": 0.5 + FIVE, "x": 0.6 - FIVE}
    found = verdict(made(values, shared={"x": (0.985, 0.3)}))
    assert found.answer == "cannot answer"
    assert "draws nearly the same candidates as s (98.5 % in common)" in found.reasons[0]
    found = verdict(made(values, shared={"x": (0.5, 0.99)}))
    assert "shows nearly the same pages as s (99.0 % in common)" in found.reasons[0]
    assert (
        verdict(made(values, shared={"x": (0.985, 0.3)}, rankers=["x"])).answer == "yes"
    )  # it ranks otherwise
    blind = verdict(made({"x": 0.6 - FIVE, "y": 0.5 + FIVE}, static="none", shared={"x": (0.99, 0.9)}))
    assert (blind.answer, blind.reasons[0].count("as y (99.0 % in common)")) == ("cannot answer", 1)


def test_without_best_static_or_rivals():
    found = verdict(made({"x": 0.6 - FIVE, "y": 0.5 + FIVE}, static="none"))
    assert (found.policy, found.answer, found.static) == ("x", "yes", None)
    assert "no best static allocation" in found.reasons[0]
    assert verdict(made({"x": 0.6 + FIVE}, static="none")) is None
    assert verdict(made({"s": 0.6 + FIVE})) is None


def test_findings_by_hand():
    arms = [("s", "a", 10, 0.0, 10, 0.0), ("x", "a", 5, 0.0, 5, 0.0), ("x", "b", 5, 0.2, 5, 0.1)]
    values = {"s": 0.5 + FIVE, "x": 0.6 - FIVE, "y": 0.5 - FIVE}
    lines = findings(made(values, arms=arms, own={"x": 0.01}))
    assert lines[0].startswith("Arm a found nothing on any of the 15 requests that gave it a slot")
    assert lines[0].endswith("its slots were filled by the fallback (bm25).")
    assert lines[1].startswith(
        "Policy x gives every slot to arm a, but only 1% of its candidates come from there"
    )
    assert len(lines) == 2
    assert "but only 0.4% of its" in findings(made(values, arms=arms, own={"x": 0.004}))[1]
    lines = findings(made(values, shared={"x": (0.99, 0.9), "y": (0.995, 0.9)}))
    assert lines[0].startswith("This study cannot tell its policies apart")
    assert "(99.0 % in common or more)" in lines[0]
    lines = findings(made(values, shared={"x": (0.99, 0.9)}))
    text = "x cannot be told apart from s: each draws nearly the same candidates (99.0 % in common or more)."
    assert lines == (text,)
    assert findings(made(values)) == ()
    assert findings(made({"s": np.array([0.5])}))[-1].startswith("One seed: no interval.")


def test_no_number_is_infinite_for_one_seed(untuned, tmp_path):
    result = run_small(
        tmp_path / "one", ["best-static", "linucb"], rounds=60, loop={"warmup": 20, "held_out": 10}
    )
    page = result.report().read_text(encoding="utf-8")
    assert "inf" not in page.replace("informational", "").replace("information", "")
    assert "One seed: no interval." in page


def together_twin(values, weights, level=0.95):
    """Holm's test by the book, one difference after another."""
    m, n = len(values), len(values[0])
    p = [stats.ttest_1samp(row, 0.0).pvalue for row in values]
    order = sorted(range(m), key=lambda i: p[i] / weights[i])
    adjusted, low, high, stopped, before = [0.0] * m, [0.0] * m, [0.0] * m, None, 0.0
    for place, i in enumerate(order):
        rest = sum(weights[j] for j in order[place:])
        before = adjusted[i] = min(1.0, max(before, p[i] / weights[i] * rest))
        share = stopped or (1.0 - level) / rest
        if stopped is None and p[i] / weights[i] > share:
            stopped = share
        compared = share * weights[i]
        error = np.std(values[i], ddof=1) / np.sqrt(n)
        half = stats.t.ppf(1.0 - compared / 2, n - 1) * error
        low[i], high[i] = np.mean(values[i]) - half, np.mean(values[i]) + half
    return p, adjusted, low, high


@pytest.mark.parametrize(("m", "n", "shift"), [(1, 2, 0.0), (7, 3, 1.0), (20, 5, 0.7), (12, 20, 0.3)])
def test_holm_equals_the_twin(m, n, shift):
    rng = np.random.default_rng(m)
    for _ in range(20):
        values = rng.normal(shift * (rng.random((m, 1)) < 0.5), 1.0, (m, n)) + rng.normal(0, 0.5, (1, n))
        weights = np.ones(m) if m == 7 else rng.uniform(0.1, 2.0, m)
        found = judged_together(values, weights=None if m == 7 else weights)
        twin = together_twin(values, weights)
        for got, want in zip((found.p, found.p_holm, found.low, found.high), twin, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)
        assert ((found.low > 0) | (found.high < 0)).tolist() == (found.p_holm <= 0.05).tolist()


def test_weights_of_the_shown_and_the_hidden():
    """Three rivals: three comparisons with static of weight 1, three pairs of weight 2/3, on three sets."""
    rng = np.random.default_rng(5)
    values = {name: 0.5 + rng.normal(0, 0.01, 5) for name in "sxyz"}
    table = made(values).differences
    best = max("xyz", key=lambda name: values[name].mean())
    rest = [name for name in "xyz" if name != best]
    rows = [values[name] - values["s"] for name in "xyz"]
    rows += [values[a] - values[b] for a, b in [(best, rest[0]), (best, rest[1]), (rest[0], rest[1])]]
    twin = together_twin(rows * 3, [1, 1, 1, 2 / 3, 2 / 3, 2 / 3] * 3)
    own = table[(table.metric == "reward") & (table["set"] == "all")].set_index(["policy", "reference"])
    assert len(own) == 5
    for i, pair in enumerate([*((name, "s") for name in "xyz"), (best, rest[0]), (best, rest[1])]):
        assert own.p_holm[pair] == pytest.approx(twin[1][i], rel=1e-9)
        assert own.holm_low[pair] == pytest.approx(twin[2][i], abs=1e-12)


def test_holm_at_the_edges():
    found = judged_together(np.array([[1.0, 1.0], [0.0, 0.0], [0.1 + 0.2, 0.3]]))
    assert found.p.tolist()[:2] == [0.0, 1.0]
    assert (found.low[0], found.high[0], found.low[1]) == (1.0, 1.0, 0.0)
    one = judged_together(np.array([[1.0]]))
    assert (one.low[0], one.high[0], one.p[0]) == (-np.inf, np.inf, 1.0)
    assert len(judged_together(np.empty((0, 3))).mean) == 0


def test_a_tie_of_many_policies_is_rarely_broken():
    """All policies are equal: any finding is false, also that of the best, picked in hindsight, over another.

    300 studies: more than 34 false ones (11 %) happen once in 100,000 at a true rate of 5 %. Without the
    pairs that are not shown in the correction 13 policies and 20 seeds gave 8.4 % of 500.
    """
    rng = np.random.default_rng(3)
    for k, n in ((3, 5), (13, 20)):
        false = 0
        for _ in range(300):
            values = rng.normal(0, 1, (4, k + 1, n)) + rng.normal(0, 2, (4, 1, n))  # static is row 0
            to_static = values[:, 1:] - values[:, :1]
            first, second = np.triu_indices(k, 1)
            pairs = values[:, 1 + first] - values[:, 1 + second]
            weights = np.tile(np.repeat([1.0, 2.0 / k], [k, len(first)]), 4)
            found = judged_together(
                np.concatenate([to_static, pairs], axis=1).reshape(-1, n), weights=weights
            )
            best = values[0, 1:].mean(axis=1).argmax()
            shown = np.tile(np.append(np.ones(k, bool), (first == best) | (second == best)), 4)
            false += (found.p_holm[shown] < 0.05).any()
        assert false <= 34, (k, n, false)


def test_tables_can_be_replaced():
    """The hand-made tables above are what the code reads: a change of theirs changes the verdict."""
    tables = made({"s": 0.5 + FIVE, "x": 0.6 - FIVE})
    worse = tables.differences.assign(holm_low=-1.0)
    assert verdict(replaced(tables, worse)).answer == "not shown"


def test_names_that_look_like_numbers_stay_names(untuned, tmp_path):
    policies = ["best-static", *({"name": name, "kind": "equal"} for name in ("7", "nan", "1e5"))]
    result = run_small(tmp_path / "run", policies, rounds=60, seeds=2, loop={"warmup": 20, "held_out": 10})
    assert set(result.tables.means.index) == {"best-static", "7", "nan", "1e5"}
    assert result.verdict().policy in {"7", "nan", "1e5"}
    page = result.report().read_text(encoding="utf-8")
    assert page.count('<th scope="row">nan') > 3


def test_a_truncated_table_is_one_line():
    tables = made({"s": 0.5 + FIVE, "x": 0.6 - FIVE, "y": 0.5 - FIVE})
    cut = tables.differences[tables.differences.reference != "s"]
    with pytest.raises(InputError, match=r"differences\.csv is not complete: x against s is missing"):
        verdict(replaced(tables, cut))


def test_what_is_not_shown_of_cost_and_sets_is_said():
    rng = np.random.default_rng(1)
    values = {"s": 0.5 + FIVE, "x": 0.6 - FIVE}
    noisy = {"s": np.full(5, 2.0), "x": np.array([2.0, 4.0, 1.5, 5.0, 2.1])}
    found = verdict(made(values, seed_calls=noisy))
    assert found.answer == "yes"
    assert found.reasons[0].startswith("Whether it needs over 1 % more arm calls is not shown: +0.92 [")
    held = {"s": 0.5 + FIVE, "x": 0.48 + rng.normal(0, 0.1, 5)}
    found = verdict(made(values, held_out=held))
    assert "On held-out queries no difference is shown." in found.reasons
    values |= {"y": 0.5 + np.roll(FIVE, 2)}  # one more that is not found, so that the correction weighs
    held = {"s": 0.5 + FIVE, "x": 0.4 + 1.6 * np.array([0.03, -0.05, 0.06, -0.02, 0.0]), "y": values["y"]}
    found = verdict(made(values, held_out=held))
    assert found.answer == "yes, at a price"
    assert any(reason.startswith("It looks worse on held-out queries: -0.") for reason in found.reasons)
    found = verdict(made(values, own={"x": 0.3}))
    assert "Most of its candidates did not come from the arms that it chose." in found.reasons


def test_rarely_answering_arms_and_empty_slots_are_said():
    values = {"s": 0.5 + FIVE, "x": 0.6 - FIVE}
    lines = findings(made(values, arms=[("x", "a", 1000, 0.009, 1000, 0.001)]))
    assert lines[0].startswith("Arm a found something on only 0.9% of the requests that gave it a slot")
    tables = made(values, arms=[("x", "a", 10, 0.0, 10, 0.0)], own={"x": 0.1})
    tables.study["loop"]["fallback"] = []
    assert findings(tables) == (
        "Arm a found nothing on any of the 10 requests that gave it a slot: its slots were left empty.",
    )


def test_audit_slots_do_not_hide_a_single_arm_that_finds_nothing():
    values = {"s": 0.5 + FIVE, "x": 0.6 - FIVE}
    tables = made(values, arms=[("x", "a", 10, 0.5, 30, 0.02)], own={"x": 0.62})
    entry = tables.study["policies"][1]
    entry |= {"kind": "single", "arm": "a"}
    assert findings(tables)[0].startswith("Policy x gives every slot to arm a, but only 62%")
