"""Quotas judged in a replay: paired differences, floors of effective rows, cautions beside the numbers."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from ltrr import replay
from ltrr.logs.formats.run_log import open_run_log
from ltrr.replay.allocations.comparison import AllocationComparison
from ltrr.replay.allocations.ratios import Level
from ltrr.replay.allocations.target import LEVELS, compared_allocations
from ltrr.replay.allocations.two_stage import two_stage
from ltrr.replay.allocations.verdict import FLOOR, PAGE_FLOOR, allocation_verdict
from ltrr.replay.allocations.weights import TwoStage
from ltrr.replay.judging.settings import Settings
from tests import naive_two_stage as naive
from tests.hand_log import change, hand_log

TWO, MIXED, NONE = "2 a", "1 a + 1 b", "2 b"
Z = 1.959963984540054


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """4,800 requests."""
    return hand_log(tmp_path_factory.mktemp("many"), copies=1_200)


def judged(folder, quotas, **options) -> AllocationComparison:
    """Return the comparison after a pass."""
    log = open_run_log(folder)
    comparison = compared_allocations(log, quotas, Settings(**options))
    for part in log.read():
        comparison.add(part)
    comparison.finish()
    return comparison


def replayed(folder, quotas, **options):
    """Return the tables of a replay."""
    log = replay.read(folder)
    return replay.run(log, [f"quota:{q}" for q in quotas], quiet=True, **options)


# ---- differences -------------------------------------------------------------------------------------------


def test_differences_worked_by_hand(tmp_path):
    """Sequences aa, ab, ba, bb, rewards 1 0 1 0: w r of "2 a" is 4 0 0 0, of the mixed quota 0 0 2 0."""
    found = judged(hand_log(tmp_path), [TWO, MIXED])
    by = {(p.quota, p.estimator, p.against): p.difference for p in found.pairs}
    for key, gaps in (
        ((TWO, "quota-ips", None), [3, 0, -1, 0]),
        ((MIXED, "quota-ips", None), [-1, 0, 1, 0]),
        ((MIXED, "quota-ips", TWO), [-4, 0, 2, 0]),
        # both quotas show the same page
        ((MIXED, "page-ips", TWO), [0, 0, 0, 0]),
        ((TWO, "page-ips", None), [1 / 3, 0, 1 / 3, 0]),
    ):
        assert by[key].value() == pytest.approx(np.mean(gaps), abs=1e-12)
        assert by[key].standard_error() == pytest.approx(np.std(gaps, ddof=1) / 2, abs=1e-9)
    assert len(by) == len(LEVELS) * 3


@pytest.mark.parametrize("parts", [1, 3])
def test_rows_of_differences_are_those_of_the_twin(tmp_path, parts):
    folder = hand_log(tmp_path, copies=300, parts=parts)
    found = replayed(folder, [TWO, MIXED], level=0.95)
    table = found.differences.set_index(["policy", "against", "estimator"])
    batches = {q: list(TwoStage(open_run_log(folder), q).batches()) for q in (TWO, MIXED)}
    reward = np.concatenate([b.reward for b in batches[TWO]]).tolist()
    logged = naive.ips_parts([1.0] * len(reward), reward)
    twins = {"ips": naive.ips_parts, "snips": naive.snips_parts}
    for name in ("sequence-ips", "quota-ips", "quota-snips", "page-ips", "page-snips"):
        level, kind = name.split("-")
        sides = {
            f"quota:{q}": twins[kind](np.concatenate([b.weight[level] for b in of]).tolist(), reward)
            for q, of in batches.items()
        } | {"as logged": logged}
        pairs = [(f"quota:{TWO}", "as logged"), (f"quota:{MIXED}", "as logged")]
        for policy, against in [*pairs, (f"quota:{MIXED}", f"quota:{TWO}")]:
            row = table.loc[(policy, against, name)]
            value, error = naive.difference(sides[policy], sides[against])
            assert row.difference == pytest.approx(value, abs=1e-12)
            assert row.low == pytest.approx(value - Z * error, abs=1e-9)
            assert row.high == pytest.approx(value + Z * error, abs=1e-9)
            if error > 1e-9:
                assert row.p == pytest.approx(math.erfc(abs(value) / error / math.sqrt(2)), rel=1e-6)
            else:
                assert math.isnan(row.p)
    assert len(table) == 3 * len(LEVELS)
    assert (table.metric == "reward").all()
    assert (table.segment == "").all()
    assert (found.table[found.table.policy == f"quota:{TWO}"].metric == "reward").all()


def test_pairs_of_quotas_are_left_out_where_no_pairs_are_wanted(tmp_path):
    found = replayed(hand_log(tmp_path, copies=300), [TWO, MIXED], pairs=False).differences
    assert set(found.against) == {"as logged"}
    assert len(found) == 2 * len(LEVELS)


def test_no_difference_where_one_of_the_two_cannot_be_answered(tmp_path):
    # 120 requests: of "2 a" and "2 b" 30 effective rows by quota, of the mixed quota 60
    folder = hand_log(tmp_path, copies=29)
    found = replayed(folder, [TWO, MIXED])
    verdicts = found.table.set_index(["policy", "estimator"]).verdict
    assert verdicts[f"quota:{TWO}", "quota-ips"] == "cannot answer"
    assert verdicts[f"quota:{MIXED}", "quota-ips"] == "weak"
    rows = found.differences[found.differences.estimator == "quota-ips"]
    assert rows[["policy", "against"]].to_numpy().tolist() == [[f"quota:{MIXED}", "as logged"]]
    assert rows.verdict.tolist() == ["weak"]
    answered = replayed(hand_log(tmp_path / "more", copies=30), [TWO, MIXED]).differences
    assert len(answered[answered.estimator == "quota-ips"]) == 3


def test_a_difference_is_weak_where_one_of_the_two_is(tmp_path):
    # 2,400 requests: 600 effective rows of "2 a" by quota, 1,200 of the mixed one
    found = replayed(hand_log(tmp_path, copies=600), [TWO, MIXED])
    rows = found.differences[found.differences.estimator == "quota-ips"].set_index(["policy", "against"])
    assert rows.verdict.to_dict() == {
        (f"quota:{TWO}", "as logged"): "weak",
        (f"quota:{MIXED}", "as logged"): "supported",
        (f"quota:{MIXED}", f"quota:{TWO}"): "weak",
    }


# ---- the bootstrap -----------------------------------------------------------------------------------------


def test_the_bootstrap_goes_by_request_whatever_the_parts(tmp_path):
    one = hand_log(tmp_path / "one", copies=300)
    many = hand_log(tmp_path / "many", copies=300, parts=4)
    tables = [
        replayed(folder, [TWO, MIXED], intervals=["bootstrap:400", "asymptotic"], seed=3)
        for folder in (one, many)
    ]
    for name in ("table", "differences"):
        first, second = (getattr(found, name) for found in tables)
        np.testing.assert_allclose(first[["low", "high"]], second[["low", "high"]], atol=1e-9)
    rows = tables[0].differences
    assert set(rows.interval) == {"asymptotic", "bootstrap"}
    width = (rows.high - rows.low).to_numpy()
    drawn, normal = width[rows.interval == "bootstrap"], width[rows.interval == "asymptotic"]
    # 400 resamples give a width within a tenth of it, or so
    np.testing.assert_allclose(drawn, normal, rtol=0.3, atol=1e-9)
    assert not np.allclose(drawn, normal, rtol=1e-6)
    # drawn together: two quotas of one page differ by nothing in every resample
    same = rows[(rows.estimator == "page-ips") & (rows.against == f"quota:{TWO}")]
    assert (same[["low", "high"]].abs() < 1e-12).all(axis=None)
    only = replayed(one, [TWO], intervals=["bootstrap:100"])
    assert set(only.table[only.table.policy != "as logged"].interval) == {"bootstrap"}


# ---- the verdict -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estimator", "rows", "label"),
    [
        ("quota-ips", FLOOR - 0.5, "cannot answer"),
        ("quota-ips", FLOOR, "weak"),
        ("sequence-ips", FLOOR - 0.5, "cannot answer"),
        ("sequence-ips", FLOOR, "weak"),
        ("page-ips", PAGE_FLOOR - 0.5, "cannot answer"),
        ("page-ips", PAGE_FLOOR, "weak"),
        ("page-ips", 999.0, "weak"),
        ("page-ips", 1_000.0, "supported"),
    ],
)
@pytest.mark.parametrize("which", ["ess", "expected_ess"])
def test_floors_are_of_the_smaller_number_of_effective_rows(many, estimator, rows, label, which):
    answer = two_stage(many, target=TWO, estimators=[estimator])[0]
    other = "ess" if which == "expected_ess" else "expected_ess"
    verdict = allocation_verdict(replace(answer, **{which: rows, other: 5_000.0}))
    assert verdict.label == label
    if label == "cannot answer":
        floor = 100 if estimator == "page-ips" else 30
        assert verdict.reason.startswith(f"{rows:.3g} effective rows, below {floor}:")


def test_what_makes_other_policies_weak_makes_quotas_weak(tmp_path):
    """Rewards that drift: the log's first half has none where the second has all."""
    folder = hand_log(tmp_path, copies=1_200)
    change(folder, "requests", reward=np.repeat([0.0, 1.0], 2_400))
    table = replayed(folder, [TWO]).table.set_index("estimator")
    assert table.verdict["page-ips"] == "weak"
    assert "drift over time" in table.reason["page-ips"]


def test_large_weights_that_were_never_drawn_count():
    """Two quotas, half the target's mass on one that the log shows in one of 10,000 requests."""
    n = 500
    level = Level.of(np.tile([0.5, 0.5], (n, 1)), np.tile([0.9999, 0.0001], (n, 1)), np.zeros(n, int))
    drawn = level.weight.sum() ** 2 / (level.weight**2).sum()
    assert drawn == pytest.approx(n)
    assert n**2 / level.square.sum() == pytest.approx(n / (0.25 / 0.9999 + 2_500))


# ---- cautions ----------------------------------------------------------------------------------------------


def test_costs_make_values_by_page_weak_where_the_number_stands(tmp_path):
    costly = replayed(hand_log(tmp_path / "costly", copies=1_200, arm_cost=0.01), [TWO])
    plain = replayed(hand_log(tmp_path / "plain", copies=1_200), [TWO])
    says = "costs are those of the logged quotas, not of the target's"
    page, quota = (costly.table[costly.table.estimator == name].iloc[0] for name in ("page-ips", "quota-ips"))
    assert (page.verdict, page.reason, page.bias) == ("weak", f"{says}.", says)
    assert page.note.startswith(f"{says}; rewards are assumed to depend on a quota only through its page")
    assert (quota.verdict, quota.note) == ("supported", "")
    rows = costly.differences.set_index("estimator")
    assert (rows.verdict["page-ips"], rows.note["page-ips"]) == ("weak", page.note)
    assert (rows.verdict["quota-ips"], rows.note["quota-ips"]) == ("supported", "")
    assert plain.table.set_index("estimator").verdict["page-ips"] == "supported"


def test_arms_that_learn_from_the_traffic_are_named(small_run):
    answer = two_stage(small_run.folder, policy="equal", target="3 bm25", estimators=["sequence-ips"])[0]
    assert "its traffic trained memory and popular" in answer.note
    assert answer.doubt == ""


def test_arms_of_unknown_kinds_are_not_said_to_learn(tmp_path):
    folder = hand_log(tmp_path, copies=2)
    about = json.loads((folder / "log.json").read_text())
    about["settings"]["arms"] = {"a": {"kind": "mine:Arm"}, "b": {"kind": "bm25"}}
    (folder / "log.json").write_text(json.dumps(about))
    assert two_stage(folder, target=TWO, estimators=["quota-ips"])[0].note == ""
