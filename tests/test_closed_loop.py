"""Estimates against the truth: worlds that know it, loops that keep it, scores, and the study itself."""

import importlib
import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

import ltrr
from ltrr.bandits.spec import policy_spec
from ltrr.errors import InputError
from ltrr.logs.memory import EventsLog
from ltrr.replay import Events, Space, evaluate
from ltrr.replay.closed_loop.frozen_loop import FrozenLoop
from ltrr.replay.closed_loop.known_world import KnownTarget, KnownWorld
from ltrr.replay.closed_loop.run import answers, by_verdict, score
from ltrr.rng import Streams
from ltrr.simulation.loop import Loop
from ltrr.simulation.measure import Measures
from ltrr.study.build import build, make_world, prepare, system_of
from ltrr.types.quotas import all_quotas

SPACE = Space(("a", "b", "c"), ("x",))
MEAN = np.array([[0.1, 0.5, 0.9], [0.3, 0.2, 0.0], [0.6, 0.6, 0.4], [1.0, 0.0, 0.5]])
LOGGING = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [0.4, 0.0, 0.6], [0.25, 0.5, 0.25]])
TARGET = np.array([[0.2, 0.3, 0.5], [0.6, 0.2, 0.2], [1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
WORLD = KnownWorld(np.arange(4)[:, None], MEAN, SPACE)
OTHER = KnownTarget("other", TARGET)


# ---- worlds whose truth is known ---------------------------------------------------------------------------


def test_values_are_those_of_the_twin():
    want = sum(TARGET[i][a] * MEAN[i][a] for i in range(4) for a in range(3)) / 4
    assert WORLD.value(TARGET) == pytest.approx(want, rel=1e-12)


def test_a_log_is_drawn_as_stated():
    n = 40_000
    events = WORLD.log(LOGGING, n=n, streams=Streams(3)).events
    rows = events.query
    np.testing.assert_array_equal(events.context[:, 0], rows)
    np.testing.assert_array_equal(events.propensity, LOGGING[rows, events.action])
    np.testing.assert_array_equal(events.probabilities.reshape(n, 3), LOGGING[rows])
    assert (events.propensity > 0).all()
    for i in range(4):
        own = rows == i
        # two-sided, 24 comparisons: 5.3 sd are 3e-6 in all
        assert abs(own.mean() - 0.25) < 5.3 * np.sqrt(0.25 * 0.75 / n)
        for a in range(3):
            p, chosen = LOGGING[i, a], own & (events.action == a)
            assert abs(chosen.sum() / own.sum() - p) <= 5.3 * np.sqrt(p * (1 - p) / own.sum())
            if chosen.any():
                m = MEAN[i, a]
                assert abs(events.reward[chosen].mean() - m) <= 5.3 * np.sqrt(m * (1 - m) / chosen.sum())


def test_a_longer_log_begins_like_a_shorter_one():
    short, long = (WORLD.log(LOGGING, n=n, streams=Streams(1, 2)).events for n in (50, 80))
    for name in ("action", "reward", "query", "propensity"):
        np.testing.assert_array_equal(getattr(short, name), getattr(long, name)[:50])
    other = WORLD.log(LOGGING, n=50, streams=Streams(1, 3)).events
    assert (other.query != short.query).any()
    assert len(WORLD.log(LOGGING, n=0, streams=Streams(1)).events) == 0


@pytest.mark.parametrize("chunk_rows", [1, 7, 100])
def test_chunks_are_the_events_again(chunk_rows):
    log = replace(WORLD.log(LOGGING, n=23, streams=Streams(1)), chunk_rows=chunk_rows)
    for _ in range(2):
        again = Events.concat(list(log.chunks()))
        np.testing.assert_array_equal(again.row, log.events.row)
        np.testing.assert_array_equal(again.probabilities, log.events.probabilities)
        assert (log.faults.rows, log.faults.used) == (23, 23)


def test_wrong_worlds_and_policies_are_one_line():
    for make, says in (
        (lambda: KnownWorld(np.zeros((4, 1)), MEAN + 0.1, SPACE), "probabilities in"),
        (lambda: KnownWorld(np.zeros((0, 1)), MEAN[:0], SPACE), "at least one request"),
        (lambda: KnownWorld(np.zeros((4, 2)), MEAN, SPACE), "KnownWorld.context"),
        (lambda: WORLD.value(TARGET * 0.5), "distribution for every request"),
        (lambda: WORLD.log(TARGET[:, :2], n=1, streams=Streams(1)), "KnownWorld.log.policy"),
        (lambda: WORLD.log(TARGET, n=-1, streams=Streams(1)), "KnownWorld.log.n"),
        (lambda: EventsLog(WORLD.log(TARGET, n=1, streams=Streams(1)).events, chunk_rows=0), "chunk_rows"),
        (lambda: answers(WORLD.log(LOGGING, n=9, streams=Streams(1)), [OTHER], {}), "'other' is missing"),
    ):
        with pytest.raises(InputError, match=says) as error:
            make()
        assert "\n" not in str(error.value)
    plain = Events(SPACE, np.ones(1), np.ones(1), np.zeros(1), np.zeros(1), context=np.zeros((1, 1)))
    with pytest.raises(InputError, match="no others"):
        OTHER.probabilities(plain)


# ---- answers and scores ------------------------------------------------------------------------------------


def test_numbers_kept_back_are_told_here():
    log = WORLD.log(LOGGING, n=12, streams=Streams(8))
    events = log.events
    table = answers(log, [OTHER], {"other": WORLD.value(TARGET)}, estimators=["ips", "snips", "pi"])
    by = table.set_index("estimator")
    weight = [
        TARGET[x][a] / p for x, a, p in zip(events.query, events.action, events.propensity, strict=True)
    ]
    product = [w * r for w, r in zip(weight, events.reward, strict=True)]
    assert by.value["ips"] == pytest.approx(sum(product) / 12, rel=1e-12)
    half = 1.959963984540054 * np.std(product, ddof=1) / np.sqrt(12)
    assert by.high["ips"] - by.value["ips"] == pytest.approx(half, rel=1e-9)
    message = evaluate(log, OTHER, estimators=["ips", "snips", "pi"]).set_index("estimator")
    assert by.verdict.to_dict() == message.verdict.drop("on-policy").to_dict()
    assert by.verdict["ips"] == "cannot answer"
    assert np.isnan(message.value["ips"])


def test_without_any_weight_there_is_no_number():
    world = KnownWorld(np.zeros((1, 1)), np.array([[0.5, 0.5, 0.5]]), SPACE)
    log = world.log(np.array([[1.0, 0.0, 0.0]]), n=20, streams=Streams(1))
    never = KnownTarget("never", np.array([[0.0, 0.0, 1.0]]))
    table = answers(log, [never], {"never": 0.5}, estimators=["ips", "snips"]).set_index("estimator")
    assert (table.verdict == "cannot answer").all()
    assert np.isnan(table.value["snips"])
    assert np.isnan(score(table.reset_index(), ["policy"]).rmse.item())


def frame_of(data):
    n = data.draw(st.integers(1, 12))
    number = st.floats(-2, 2)
    rows = []
    for _ in range(n):
        value = data.draw(st.one_of(number, st.just(np.nan)))
        half = data.draw(st.floats(0, 1))
        rows.append(
            {
                "estimator": data.draw(st.sampled_from(["ips", "dr"])),
                "value": value,
                "low": value - half,
                "high": value + half,
                "ess": data.draw(st.floats(0, 100)),
                "verdict": data.draw(st.sampled_from(["supported", "weak", "cannot answer"])),
                "truth": data.draw(number),
            }
        )
    return pd.DataFrame(rows)


def twin(rows):
    """Return answered, bias, rmse and coverage of rows, one by one."""
    reported = [r for r in rows if r["value"] == r["value"]]
    if not reported:
        return 0, np.nan, np.nan, np.nan
    errors = [r["value"] - r["truth"] for r in reported]
    hits = sum(r["low"] <= r["truth"] <= r["high"] for r in reported)
    n = len(reported)
    return n, sum(errors) / n, (sum(e * e for e in errors) / n) ** 0.5, hits / n


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_scores_are_those_of_the_twin(data):
    frame = frame_of(data)
    rows = frame.to_dict("records")
    found = score(frame, ["estimator"]).set_index("estimator")
    assert found.logs.sum() == len(rows)
    for name, row in found.iterrows():
        own = [r for r in rows if r["estimator"] == name]
        want = twin([r for r in own if r["verdict"] != "cannot answer"])
        np.testing.assert_allclose(
            [row.answered, row.bias, row.rmse, row.coverage], want, rtol=1e-9, atol=1e-12
        )
        for column, word in (("supported", "supported"), ("weak", "weak"), ("cannot", "cannot answer")):
            assert row[column] == pytest.approx(sum(r["verdict"] == word for r in own) / len(own))
    for _, row in by_verdict(frame).iterrows():
        want = twin([r for r in rows if r["verdict"] == row.verdict])
        np.testing.assert_allclose(
            [row.answered, row.bias, row.rmse, row.coverage], want, rtol=1e-9, atol=1e-12
        )


def test_coverage_has_an_exact_interval():
    frame = pd.DataFrame(
        {"value": 0.0, "low": -1.0, "high": 1.0, "ess": 1.0, "verdict": "weak", "truth": [0.5] * 9 + [2.0]}
    )
    row = by_verdict(frame).iloc[0]
    # the ends at which ten draws give 9 or more, and 9 or fewer, hits with probability 2.5 %
    assert binom.sf(8, 10, row.coverage_low) == pytest.approx(0.025)
    assert binom.cdf(9, 10, row.coverage_high) == pytest.approx(0.025)


# ---- the loop closed ---------------------------------------------------------------------------------------


def test_over_many_logs_estimates_find_the_truth_and_wrong_propensities_do_not():
    logs, truth = 200, {"other": WORLD.value(TARGET)}
    logging = 0.85 * LOGGING + 0.05  # no action without a chance
    options = {"estimators": ["ips", "snips"]}
    parts, wrong = [], []
    for replicate in range(logs):
        log = WORLD.log(logging, n=2_500, streams=Streams(4, replicate))
        parts.append(answers(log, [OTHER], truth, **options))
        flat = replace(log.events, propensity=np.full(2_500, 1 / 3), probabilities=None)
        wrong.append(answers(EventsLog(flat), [OTHER], truth, **options))
    found = score(pd.concat(parts), ["estimator"]).set_index("estimator")
    assert (found.supported == 1.0).all()
    # 4.9 sd two-sided are 1e-6; the binomial band of 200 logs at 1e-6 two-sided
    assert (found.bias.abs() < 4.9 * found.bias_se).all()
    low, high = binom.ppf([5e-7, 1 - 5e-7], logs, 0.95) / logs
    assert found.coverage.between(low, high).all()
    missed = score(pd.concat(wrong), ["estimator"]).set_index("estimator")
    assert (missed.bias.abs() > 10 * missed.bias_se).all()


@pytest.fixture(scope="module")
def shared():
    study = ltrr.read_study("default")
    loop = replace(study.loop, warmup=100, feedback_every=50, held_out=0, oracle_every=1, slot_size=6)
    plain = {**study.ranker.settings(), "explore": 0.0}  # quotas are valued by pages without explored places
    study = replace(study, world={"kind": "music", "n_items": 400}, loop=loop, ranker=plain, seeds=1)
    return study, prepare(build(study), make_world(study))


def run(shared, kind, name):
    """Return expected rewards after the warm-up, what every quota would have earned, and the loop."""
    study, prepared = shared
    entry = {"name": name, "kind": "static", "quota": [0, 0, 3, 0]} if name == "static" else name
    streams = Streams(5)
    loop = kind(system_of(study, prepared, policy_spec(entry, study.loop.arms), streams), study.loop, streams)
    measures, own, quotas = Measures(loop), [], []
    while loop.round < 300:
        batch = loop.step(50)
        if loop.round > study.loop.warmup:
            own.append(batch.expected)
            quotas.append(np.stack(measures.oracles(batch)["quota_reward"].to_numpy()))
    return np.concatenate(own), np.concatenate(quotas), loop


def test_what_a_frozen_log_says_of_a_quota_is_what_running_it_brings(shared):
    place = all_quotas(3, 4).tolist().index([0, 0, 3, 0])
    frozen = [run(shared, FrozenLoop, name) for name in ("random", "static")]
    reported, real = frozen[0][1][:, place], frozen[1][0]
    np.testing.assert_allclose(reported, real, atol=1e-6)
    assert np.abs(frozen[0][0] - real).max() > 0.01  # the two policies do differ
    assert frozen[0][2].lessons == frozen[1][2].lessons == 2
    # a log whose traffic trains the memory and the ranker speaks of another system
    plain = [run(shared, Loop, name) for name in ("random", "static")]
    assert plain[0][2].lessons == 6
    assert np.abs(plain[0][1][:, place] - plain[1][0]).max() > 0.01


# ---- the study ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def study():
    place = Path(__file__).resolve().parents[1] / "simulations" / "closed_loop.py"
    spec = importlib.util.spec_from_file_location("closed_loop_study", place)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def larger():
    rng = np.random.default_rng(0)
    context = rng.standard_normal((300, 2))
    mean = 1 / (1 + np.exp(-context @ rng.standard_normal((2, 3))))
    return KnownWorld(context, mean, Space(("a", "b", "c"), ("x", "y")))


def test_what_is_left_out_of_a_log(study, larger):
    plan = replace(study.QUICK, sizes=(2_000, 2_000))
    table = study.omissions(plan, larger, 1, 0)
    ips = table[(table.estimator == "ips") & (table.policy == "uniform")].set_index("omitted")
    assert list(ips.index) == list(study.OMISSIONS)
    error = (ips.value - ips.truth).abs()
    half = (ips.high - ips.low) / 2
    assert error["nothing"] < 2.5 * half["nothing"]
    shares, stored = (name for name in study.OMISSIONS if "shares" in name)
    assert error[stored] < 2.5 * half[stored]
    assert error[shares] > 5 * half[shares]
    assert ips.n[stored] == ips.n[shares] < 2_000
    assert ips.verdict["exploration"] == "cannot answer"


def test_single_decisions_of_every_size(study, larger):
    plan = replace(study.QUICK, sizes=(40, 200), epsilons=(0.5,))
    table = study.single(plan, larger, 1, 0)
    assert len(table) == 2 * 3 * len(study.COMPARED)
    for name, own in table.groupby("policy"):
        target = next(t for t in study.policies_of(larger, 1)[1] if t.name == name)
        assert own.truth.unique().tolist() == [larger.value(target.table)]
    pd.testing.assert_frame_equal(table, study.single(plan, larger, 1, 0))
    assert (study.single(plan, larger, 1, 1).value != table.value).any()


def test_whole_runs(study):
    plan = study.Plan(300, 50, log_sizes=(50, 100), real=120)
    found, worlds = study.two_stage(plan, 0)
    assert set(found.logger) == set(study.LOGGERS)
    assert set(found.n) == {50, 100}
    # judging the logging policy itself, every weight is 1 at every level
    frozen = worlds[worlds.design == "frozen"]
    assert frozen.largest.max() < 1e-6
    own = worlds[(worlds.design == "learning") & (worlds.logger == worlds.policy)]
    assert own.largest.max() < 1e-6
    ips = found[(found.estimator == "page-ips") & (found.n == 100)].set_index(["logger", "policy"])
    sequence = found[(found.estimator == "sequence-ips") & (found.n == 100)].set_index(["logger", "policy"])
    assert (ips.ess["random"] >= sequence.ess["random"] - 1e-9).mean() > 0.5
    with pytest.raises(InputError, match="must end with a part"):
        study.until([np.arange(50), np.arange(50)], 70)


@pytest.fixture
def pages(monkeypatch):
    folder = Path(__file__).resolve().parents[1] / "simulations"
    monkeypatch.syspath_prepend(folder)
    for name in ("closed_loop", "page_coverage"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    module = importlib.import_module("page_coverage")
    monkeypatch.setattr(module, "ITEMS", 300)
    monkeypatch.setattr(module, "WARM_UP", 60)
    monkeypatch.setattr(module, "REQUESTS", 40)
    return module


def test_logs_drawn_from_frozen_states(pages):
    states = pages.states_of(0)
    assert states.mean.shape == states.group.shape == (40, 20)
    # quotas with one page bring the same
    np.testing.assert_array_equal(np.take_along_axis(states.mean, states.group, axis=1), states.mean)
    assert (states.group != np.arange(20)).any()
    for law in (*states.loggers.values(), *states.targets.values()):
        np.testing.assert_allclose(law.sum(axis=1), 1.0)
    found = pd.DataFrame(pages.answers(states, states.loggers["random"], 500, np.random.default_rng(1)))
    own = found[(found.target == "quota 19") & (found.level == "quota") & (found.kind == "ips")].iloc[0]
    assert own.truth == pytest.approx(states.mean[:, 19].mean())
    # three slots of one arm are one of 64 sequences
    assert own.expected == pytest.approx(500 / 64)
    page = found[(found.target == "quota 19") & (found.level == "page") & (found.kind == "ips")].iloc[0]
    assert page.expected > own.expected


def test_tables_of_coverage_by_effective_rows(pages, capsys):
    rows = [
        {"level": level, "kind": kind, "ess": 70.0, "expected": expected, "low": 0.0, "high": high}
        for level in ("quota", "page")
        for kind in ("ips", "snips", "dr")
        for expected, high in [(15.0, 0.4)] * 100 + [(150.0, 0.6)] * 100
    ]
    frame = pd.DataFrame(rows).assign(truth=0.5, off=False, world=0, logger="random", target="equal", n=300)
    pages.tables(frame)
    shown = capsys.readouterr().out
    assert shown.count("| 10–20 | " + " | ".join(["0.0% (100)"] * 6)) == 1
    assert "| 50–100 | " + " | ".join(["50.0% (200)"] * 6) in shown
    assert "| page | 10 | 600 | 50.0% | 50% | 100% |" in shown
    assert "| page | 20 | 300 | 100.0% | 100% | 0% |" in shown
