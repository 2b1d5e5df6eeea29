"""From a log to a table: values, verdicts, refusals, differences, and and the notes that go with them."""

import numpy as np
import pytest

import ltrr
from ltrr.errors import InputError
from ltrr.replay import Events, Faults, Space, evaluate, run
from ltrr.replay.estimators import ESTIMATORS
from ltrr.replay.judging.evaluation import DIFFERENCE_COLUMNS, ESTIMATE_COLUMNS
from ltrr.replay.nuisance.sample import sample_events


class MemoryLog:
    """A log that is already in memory, in chunks."""

    def __init__(self, events, chunk=700, name="memory"):
        self.events, self.chunk, self.name = events, chunk, name
        self.format = "memory"
        self.faults = Faults()

    @property
    def space(self):
        return self.events.space

    def chunks(self):
        self.faults = Faults()
        for start in range(0, len(self.events), self.chunk):
            rows = np.arange(start, min(start + self.chunk, len(self.events)))
            self.faults.seen(len(rows), len(rows))
            yield self.events.take(rows)


def world(n=4_000, seed=0, *, temperature=1.0, floor=0.05, full=True, with_propensity=True):
    """A log of four contexts and five actions, and the true value of the uniform policy."""
    rng = np.random.default_rng(seed)
    mean = np.random.default_rng(5).uniform(0.1, 0.9, (4, 5))
    context = rng.integers(0, 4, n)
    score = np.exp(temperature * 3.0 * mean)
    logging = (1 - 5 * floor) * score / score.sum(axis=1, keepdims=True) + floor
    p = logging[context]
    action = (p.cumsum(axis=1) < rng.random(n)[:, None]).sum(axis=1)
    reward = (rng.random(n) < mean[context, action]).astype(float)
    space = Space(tuple("abcde"), tuple(f"c{i}" for i in range(4)))
    events = Events(
        space,
        np.arange(1, n + 1),
        np.arange(n),
        action,
        reward,
        p[np.arange(n), action] if with_propensity else None,
        context=np.eye(4, dtype=np.float32)[context],
        probabilities=p.reshape(-1) if full and with_propensity else None,
    )
    return events, float(mean.mean())


ALL = ["ips", "snips", "clipped-ips", "dm", "dr", "sndr", "switch-dr", "dr-os", "mrdr", "sub-gaussian"]


def test_the_table_by_hand():
    space = Space(("a", "b"))
    events = Events(
        space,
        np.arange(1, 41),
        np.arange(40),
        np.tile([0, 0, 0, 1], 10),
        np.tile([1.0, 0.0, 0.0, 1.0], 10),
        np.tile([0.75, 0.75, 0.75, 0.25], 10),
    )
    table = evaluate(MemoryLog(events), "uniform", estimators=["ips", "snips"])
    assert tuple(table.columns) == ESTIMATE_COLUMNS
    by = table.set_index("estimator")
    # weights 2/3 and 2: (2/3 + 2) / 4 and that over (3 · 2/3 + 2) / 4
    assert by.value["on-policy"] == pytest.approx(0.5)
    assert by.value["ips"] == pytest.approx(2 / 3, rel=1e-12)
    assert by.value["snips"] == pytest.approx(2 / 3, rel=1e-12)
    # (40 · 1)² / (30 · 4/9 + 10 · 4)
    assert by.ess["ips"] == pytest.approx(1600 / (40 / 3 + 40), rel=1e-12)
    assert by.verdict["ips"] == "weak"
    assert "below 1,000" in by.reason["ips"]


def test_estimates_are_near_the_truth_and_intervals_hold_it():
    events, truth = world(20_000)
    table = evaluate(
        MemoryLog(events, 5_000), "uniform", estimators=ALL, intervals=["asymptotic", "bootstrap:300"]
    )
    consistent = table[(table.policy == "uniform") & (table.bias == "")]
    assert set(consistent.estimator) == {"ips", "snips", "dr", "sndr", "mrdr"}
    # five standard errors; these logs are far from any doubt
    half = (consistent.high - consistent.low) / 2 / 1.96
    assert (np.abs(consistent.value - truth) < 5 * half).all()
    assert (consistent.verdict == "supported").all()
    assert (table.loc[table.estimator == "dm", "verdict"] == "weak").all()
    assert set(table.interval) == {"asymptotic", "bootstrap"}


def test_the_bootstrap_serves_every_estimator_tuned_or_not():
    events, _ = world(6_000)
    names = [*ALL, "cressie-read", "clipped-ips:2", "replay"]
    found = run(
        MemoryLog(events, 2_000),
        ["uniform", "always:b"],
        estimators=names,
        intervals=["asymptotic", "bootstrap:400"],
        reward_model="ridge",
    )
    for frame in (found.table, found.differences):
        keys = [c for c in ("policy", "against", "estimator") if c in frame]
        width = frame.assign(width=frame.high - frame.low).pivot_table(
            index=keys, columns="interval", values="width", dropna=False
        )
        width = width[width.asymptotic.notna() & (width.asymptotic > 0)]
        assert len(width) >= len(names)
        # 400 resamples: the width's own error is some 5 %
        np.testing.assert_allclose(width.bootstrap / width.asymptotic, 1.0, atol=0.35)


def test_chunks_do_not_matter():
    events, _ = world(1_500)
    options = {
        "estimators": [*ALL, "replay"],
        "intervals": ["asymptotic", "bootstrap:100"],
        "reward_model": "ridge",
    }
    one = run(MemoryLog(events, 10_000), ["uniform", "always:b"], **options)
    other = run(MemoryLog(events, 77), ["uniform", "always:b"], **options)
    numbers = ["value", "low", "high", "ess", "rows_needed"]
    np.testing.assert_allclose(
        one.table[numbers].astype(float), other.table[numbers].astype(float), rtol=1e-9, atol=1e-12
    )
    assert one.table.verdict.tolist() == other.table.verdict.tolist()


def test_a_policy_equal_to_the_logging_one_gets_the_mean_reward():
    events, _ = world(1_000)

    class Same:
        def probabilities(self, events):
            return events.probabilities

    table = evaluate(MemoryLog(events), Same(), estimators=["ips", "snips"]).set_index("estimator")
    np.testing.assert_allclose(table.value[["ips", "snips"]], events.reward.mean(), rtol=1e-12)


def test_differences_are_paired():
    events, _ = world(6_000)
    found = run(MemoryLog(events), ["uniform", "always:b"], estimators=["snips"])
    assert tuple(found.differences.columns) == DIFFERENCE_COLUMNS
    by = found.table.set_index(["policy", "estimator"]).value
    own = found.differences.set_index(["policy", "against"])
    assert own.difference["always:b", "uniform"] == pytest.approx(
        by["always:b", "snips"] - by["uniform", "snips"], rel=1e-12
    )
    assert own.difference["uniform", "as logged"] == pytest.approx(
        by["uniform", "snips"] - by["as logged", "on-policy"], rel=1e-12
    )
    width = own.high - own.low
    alone = found.table.set_index("policy")
    apart = np.hypot(
        alone.high["uniform"] - alone.low["uniform"], alone.high["as logged"] - alone.low["as logged"]
    )
    # rewards that both share cancel
    assert width["uniform", "as logged"] < apart


def test_a_few_rows_cannot_answer():
    events, _ = world(3_000, temperature=6.0, floor=0.0005)
    rare = events.take(np.arange(40))
    table = evaluate(MemoryLog(rare), "always:c", estimators=["ips", "snips", "dm"]).set_index("estimator")
    assert table.ess["ips"] < 10
    assert table.verdict["ips"] == table.verdict["snips"] == "cannot answer"
    assert table.value[["ips", "snips", "dm"]].isna().all()
    assert table.verdict["dm"] == "cannot answer"


def test_a_deterministic_log_is_refused_for_weights():
    events, _ = world(2_000)
    of_context = events.context.argmax(axis=1)
    for action, reason in ((of_context, "deterministic"), (events.action, "placeholders")):
        one = np.ones(len(events))
        sure = Events(
            events.space, events.row, events.key, action, events.reward, one, context=events.context
        )
        table = evaluate(MemoryLog(sure), "uniform", estimators=["ips", "snips", "dr", "replay", "dm"])
        by = table.set_index("estimator")
        for name in ("ips", "snips", "dr", "replay"):
            assert by.verdict[name] == "cannot answer"
            assert np.isnan(by.value[name])
        assert reason in by.reason["ips"]
        assert by.verdict["on-policy"] == "supported"


def test_without_propensities_they_are_estimated_and_said_to_be():
    events, truth = world(20_000, with_propensity=False)
    found = run(
        MemoryLog(events, 20_000), ["uniform"], estimators=["snips", "dm"], propensity_model="logistic"
    )
    by = found.table.set_index("estimator")
    assert by.verdict["snips"] == "weak"
    assert "ESTIMATED" in by.estimated["snips"]
    assert by.estimated["dm"] == ""
    said = "Propensities ESTIMATED by a logistic model of the choice (the log's, if any, are not used): 5"
    assert any(note.startswith(said) for note in found.about["notes"])
    assert by.value["snips"] == pytest.approx(truth, abs=0.03)


def test_outside_the_support_there_is_no_answer():
    events, _ = world(4_000)
    kept = events.take(np.flatnonzero(events.action != 2))
    alone = Events(kept.space, kept.row, kept.key, kept.action, kept.reward, kept.propensity)
    by = evaluate(MemoryLog(alone), "uniform", estimators=["snips"]).set_index("estimator")
    assert by.verdict["snips"] == "cannot answer"
    assert "20%" in by.reason["snips"]


def test_slates_take_slate_estimators_only():
    rng = np.random.default_rng(3)
    n = 2_000
    action = rng.integers(0, 3, 2 * n)
    space = Space(("a", "b", "c"), n_slots=2)
    events = Events(
        space,
        np.arange(1, 2 * n + 1),
        np.repeat(np.arange(n), 2),
        action,
        (rng.random(2 * n) < 0.2 * action).astype(float),
        np.full(2 * n, 1 / 3),
        slot=np.tile([0, 1], n),
    )
    table = evaluate(MemoryLog(events, 500), "always:c", estimators=["pi", "rips", "cascade-dr", "ips"])
    by = table.set_index("estimator")
    for name in ("pi", "rips", "cascade-dr"):
        assert by.value[name] == pytest.approx(0.8, abs=5 * (by.high[name] - by.low[name]) / 4)
    assert by.verdict["ips"] == "cannot answer"
    assert "slate" in by.reason["ips"]
    default = evaluate(MemoryLog(events, 500), "always:c")
    assert set(default.estimator) == {"on-policy", "slate-ips", "slate-snips", "pi", "rips"}


def test_one_reward_a_request_refuses_estimators_of_slots():
    events, _ = world(100)
    space = Space(events.space.actions, n_slots=2, slot_rewards=False)
    both = Events(
        space,
        events.row,
        np.repeat(np.arange(50), 2),
        events.action,
        np.where(np.arange(100) % 2, events.reward, 0.0),
        events.propensity,
        slot=np.tile([0, 1], 50),
    )
    by = evaluate(MemoryLog(both), "uniform", estimators=["slate-ips", "rips"]).set_index("estimator")
    assert by.verdict["rips"] == "cannot answer"
    assert "reward of every slot" in by.reason["rips"]


def test_hyper_parameters_are_chosen_or_given():
    events, _ = world(4_000)
    by = evaluate(MemoryLog(events), "uniform", estimators=["clipped-ips", "clipped-ips:2", "ips"]).set_index(
        "estimator"
    )
    assert by.parameter["clipped-ips:2"] == 2.0
    assert by.parameter["clipped-ips"] >= 1.0
    assert np.isnan(by.parameter["ips"])
    assert by.value["clipped-ips:2"] < by.value["ips"]
    assert (by.bias[["clipped-ips", "clipped-ips:2"]] != "").all()


def test_learning_policies_are_judged_by_what_the_replay_keeps():
    events, _ = world(6_000)
    names = ["learning:linucb", "learning:epsilon-greedy"]
    for intervals in (["asymptotic", "bootstrap:200"], ["bootstrap:200"]):
        found = run(MemoryLog(events), ["uniform", *names], estimators=["snips"], intervals=intervals)
        own = found.table[found.table.policy.isin(names)]
        assert own.estimator.tolist() == ["replay"] * 2 * len(intervals)
        assert set(own.interval) == {i.partition(":")[0] for i in intervals}
        # both find the best actions, worth .73, where uniform choice earns .51
        assert (own.low > found.table.set_index("policy").high["uniform"].max()).all()
        assert sum("rows kept of 6,000" in note for note in found.about["notes"]) == 2
    alone = run(MemoryLog(events), names[:1])
    assert alone.table.policy.tolist() == ["as logged", names[0]]


def test_embeddings_make_mips():
    events, _ = world(6_000)
    by = evaluate(
        MemoryLog(events), "uniform", estimators=["mips", "ips"], embedding=[0, 1, 2, 3, 4]
    ).set_index("estimator")
    # a category an action: nothing is pooled
    assert by.value["mips"] == pytest.approx(by.value["ips"], rel=1e-9)
    # distributions that were not logged are estimated for mips alone: the propensities were logged
    bare, _ = world(6_000, full=False)
    some = run(MemoryLog(bare), ["uniform"], estimators=["mips", "ips"], embedding=[0, 0, 1, 1, 2])
    message = some.table.set_index("estimator").estimated
    assert "ESTIMATED" in message["mips"]
    assert message["ips"] == ""
    assert not any("ESTIMATED" in note for note in some.about["notes"])
    refused = evaluate(MemoryLog(events), "uniform", estimators=["mips"]).set_index("estimator")
    assert refused.verdict["mips"] == "cannot answer"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policies": ["unifrom"]}, "did you mean 'uniform'"),
        ({"policies": ["uniform", "uniform"]}, "none twice"),
        ({"policies": []}, "at least one"),
        ({"policies": ["always:zz"]}, "'zz'"),
        ({"estimators": ["ipss"]}, "did you mean"),
        ({"estimators": ["ips", "ips"]}, "none twice"),
        ({"estimators": "ips"}, "must be a list of names"),
        ({"intervals": ["asymtotic"]}, "did you mean"),
        ({"intervals": ["bootstrap", "bootstrap:200"]}, "none twice"),
        ({"level": 1.0}, "below 1"),
        ({"level": "high"}, "`level`"),
        ({"seed": -1}, "`seed`"),
        ({"folds": 1}, "`folds`"),
        ({"half_width": 0.0}, "`half_width`"),
        ({"reward_model": "oracle", "estimators": ["dm"]}, "oracle"),
        ({"embedding": [0, 1], "estimators": ["mips"]}, "embedding"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_one_line(options, message):
    events, _ = world(200)
    with pytest.raises(InputError) as error:
        run(MemoryLog(events), **{"policies": ["uniform"], **options})
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_an_empty_log_has_no_answer():
    events, _ = world(10)
    table = evaluate(MemoryLog(events.take(np.arange(0))), "uniform", estimators=["ips", "dm"])
    assert set(table.verdict) == {"cannot answer"}
    assert table.value.isna().all()


def test_bounds_and_stars():
    events, truth = world(4_000)
    methods = ["hoeffding", "empirical-bernstein", "confidence-sequence", "clopper-pearson"]
    found = evaluate(
        MemoryLog(events), "uniform", estimators=["ips"], intervals=methods, reward_range=(0.0, 1.0)
    )
    own = found[found.estimator == "ips"].set_index("interval")
    assert "needs a proportion" in own.note["clopper-pearson"]
    own = own.drop(index="clopper-pearson")
    assert set(own.index) == {"hoeffding*", "empirical-bernstein*", "confidence-sequence"}
    assert ((own.low <= truth) & (truth <= own.high)).all()
    declared = evaluate(
        MemoryLog(events),
        "uniform",
        estimators=["ips"],
        intervals=methods,
        reward_range=(0.0, 1.0),
        weight_bound=4.0,
    )
    assert "hoeffding" in set(declared[declared.estimator == "ips"].interval)
    logged = declared[declared.estimator == "on-policy"]
    assert "clopper-pearson" in set(logged.interval)


def test_samples_do_not_depend_on_chunks():
    events, _ = world(5_000)
    one = sample_events(MemoryLog(events, 5_000), max_rows=800)
    other = sample_events(MemoryLog(events, 13), max_rows=800)
    assert one.row.tolist() == other.row.tolist()
    assert 200 < len(one) <= 800
    assert len(sample_events(MemoryLog(events), max_rows=5_000)) == 5_000


def test_every_estimator_is_on_the_list_of_some_log():
    events, _ = world(2_000)
    single = [name for name, kind in ESTIMATORS.makers.items() if not kind.slate]
    by = evaluate(MemoryLog(events, 2_000), "uniform", estimators=single, embedding=[0, 0, 1, 1, 2])
    assert set(by.estimator) == {"on-policy", *single}
    assert by.set_index("estimator").value[single].notna().all()


def test_open_bandit_data(data_dir):
    folder = data_dir / "obd"
    log = ltrr.replay.read(folder / "bts" / "men" / "men.csv", format="obd")
    table = ltrr.replay.evaluate(log, policy="uniform", estimators=["ips", "snips"])
    by = table.set_index("estimator")
    assert f"{by.value['ips']:.5f}" == "0.00301"
    assert f"{by.value['snips']:.5f}" == "0.00319"
    assert by.verdict[["ips", "snips"]].tolist() == ["weak", "weak"]
    assert round(by.ess["ips"]) == 656
    random = ltrr.replay.read(folder / "random" / "men" / "men.csv", format="obd")
    exact = ltrr.replay.evaluate(random, "uniform", estimators=["ips"]).set_index("estimator")
    assert set(exact.interval) == {"clopper-pearson"}
    logged = ltrr.replay.evaluate(random, "uniform", estimators=["ips"], intervals=["asymptotic"])
    logged = logged.set_index("estimator")
    assert f"{logged.low['on-policy']:.5f}" == "0.00327"
    assert f"{logged.high['on-policy']:.5f}" == "0.00593"
    assert logged.value["ips"] == pytest.approx(logged.value["on-policy"], rel=1e-9)
