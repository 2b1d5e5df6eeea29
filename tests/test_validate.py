"""What `validate` says of a log is what the log holds."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.logs.admit import AdmitState, admit
from ltrr.logs.raw import Raw
from ltrr.logs.replay_log import ReplayLog
from ltrr.logs.validation import validate
from ltrr.replay import Faults, Space


class MemoryLog:
    """A log of chunks held in memory."""

    def __init__(self, space, raws, on_error="report"):
        self.name, self.format, self.space = "in memory", "memory", space
        self.raws, self.on_error = raws, on_error
        self.faults = Faults(on_error=on_error, where=self.name)

    def chunks(self):
        self.faults, state = Faults(on_error=self.on_error, where=self.name), AdmitState()
        for raw in self.raws:
            yield admit(raw, self.space, self.faults, state)
        state.finish(self.faults)


def uniform_log(n=3_000, chunk=1_000, seed=1, **changes):
    """Make a log of three actions at random, with time and context."""
    rng = np.random.default_rng(seed)
    columns = {
        "action": rng.integers(0, 3, n).astype(np.int32),
        "reward": (rng.random(n) < 0.2).astype(float),
        "propensity": np.full(n, 1 / 3),
        "time": np.arange(n) * 60.0,
        "context": rng.normal(size=(n, 2)).astype(np.float32),
    } | changes
    columns = {key: value for key, value in columns.items() if value is not None}
    raws = [
        Raw(np.arange(i + 1, min(i + chunk, n) + 1), **{k: v[i : i + chunk] for k, v in columns.items()})
        for i in range(0, n, chunk)
    ]
    return raws, columns


SPACE = Space(("a", "b", "c"), ("age", "day"), timed=True)


def test_a_clean_log():
    raws, columns = uniform_log()
    log = MemoryLog(SPACE, raws)
    assert isinstance(log, ReplayLog)
    found = validate(log)
    assert (found.name, found.format, found.rows, found.usable) == ("in memory", "memory", 3_000, 3_000)
    assert (found.requests, found.slots, found.actions, found.actions_taken) == (3_000, 1, 3, 3)
    assert (found.eligible_min, found.eligible_mean, found.eligible_max) == (3, 3, 3)
    assert found.reward_mean == pytest.approx(columns["reward"].mean(), rel=1e-12)
    assert (found.reward_min, found.reward_max) == (0, 1)
    assert found.reward_nonzero == columns["reward"].sum()
    assert (found.first_time, found.last_time) == (0, 2_999 * 60)
    assert found.propensity_min == found.propensity_median == found.propensity_max == 1 / 3
    assert found.certain_share == 0
    assert found.mean_inverse_propensity == pytest.approx(1, abs=1e-12)
    assert found.mean_inverse_propensity_se == pytest.approx(0, abs=1e-7)
    assert found.has_propensities
    assert found.has_times
    assert found.has_context
    absent = (found.has_distributions, found.has_ids, found.has_features, found.sampled)
    assert absent == (False,) * 4
    assert (found.faults, found.constant_columns, found.supports) == ((), (), "weighting")
    assert found.answer.startswith("This log supports evaluation by weighting, by models and by both")


def test_faults_are_listed_with_their_rows():
    propensity = np.full(3_000, 0.3333)
    propensity[[4, 1_500, 2_999]] = np.nan
    reward = np.ones(3_000)
    reward[[7, 8]] = 0, np.inf
    context = np.zeros((3_000, 2), np.float32)
    context[:, 0] = np.arange(3_000)
    found = validate(MemoryLog(SPACE, uniform_log(propensity=propensity, reward=reward, context=context)[0]))
    assert (found.rows, found.usable) == (3_000, 2_996)
    assert [(f.kind, f.count, f.rows) for f in found.faults] == [
        ("propensity missing", 3, (5, 1_501, 3_000)),
        ("constant column", 1, ()),
        ("reward not finite", 1, (9,)),
    ]
    assert found.constant_columns == ("day = 0",)
    text = found.text()
    assert "  propensity missing: 3, rows 5, 1501, 3000 (no value): no propensity in a log" in text
    assert "excluded 4" in text
    with pytest.raises(InputError, match="in memory, row 5: propensity missing"):
        validate(MemoryLog(SPACE, uniform_log(propensity=propensity)[0], on_error="fail"))


@pytest.mark.parametrize(
    ("changes", "supports", "says"),
    [
        ({"propensity": None}, "model", "no propensities"),
        ({"propensity": np.ones(3_000)}, "model", "deterministic"),
        ({"propensity": np.full(3_000, 0.2)}, "model", "every propensity is 0.2, though shares"),
        (
            {"propensity": np.where(np.arange(3_000) % 2, 0.25, 0.26)},
            "model",
            "do not fit the actions taken (mean",
        ),
        (
            {"propensity": np.where(np.arange(3_000) % 2, 0.3, 0.32)},
            "weighting",
            "with doubt: propensities do not",
        ),
        ({"propensity": np.where(np.arange(3_000) % 2, 0.5, 0.52)}, "weighting", "averages 0.654 times"),
        ({"reward": np.full(3_000, 2.5)}, "nothing", "every reward is 2.5"),
        ({"action": np.full(3_000, 1, np.int32)}, "nothing", "'b' is the only action"),
        ({"reward": np.full(3_000, np.nan)}, "nothing", "no usable row"),
    ],
)
def test_what_a_log_can_support(changes, supports, says):
    found = validate(MemoryLog(SPACE, uniform_log(**changes)[0]))
    assert found.supports == supports
    assert says in found.answer
    assert found.text().endswith(found.answer)
    assert found.answer.count(". ") == 0


def test_mean_inverse_propensity_by_hand():
    # two rows, the second one stands for three events: (1 · 1 + 3 · 2) / 4 over two actions
    raw = Raw(
        np.array([1, 2]),
        np.array([0, 1], np.int32),
        np.array([0.0, 1.0]),
        propensity=np.array([0.5, 0.25]),
        count=np.array([1.0, 3.0]),
    )
    found = validate(MemoryLog(Space(("a", "b")), [raw]))
    assert found.mean_inverse_propensity == pytest.approx(7 / 4)
    # sqrt(1² (1 − 7/4)² + 3² (2 − 7/4)²) / 4
    assert found.mean_inverse_propensity_se == pytest.approx(np.sqrt(0.5625 + 9 * 0.0625) / 4)
    assert found.sampled


def test_slates_and_sets():
    raw = Raw(
        np.arange(1, 5),
        np.array([0, 1, 2, 0], np.int32),
        np.array([0.0, 1.0, 0.0, 0.0]),
        event=np.array([11, 11, 12, 12]),
        slot=np.array([0, 1, 0, 1], np.int16),
        propensity=np.array([0.5, 1.0, 0.5, 0.5]),
        indptr=np.array([0, 2, 3, 5, 7]),
        eligible=np.array([0, 1, 1, 1, 2, 0, 2], np.int32),
        probabilities=np.array([0.5, 0.5, 1.0, 0.5, 0.5, 0.5, 0.5]),
        targets={"new": np.full(4, 0.5)},
    )
    found = validate(MemoryLog(Space(("a", "b", "c"), n_slots=2, slot_rewards=False), [raw]))
    assert (found.requests, found.slots, found.has_ids, found.has_distributions) == (2, 2, True, True)
    assert (found.eligible_min, found.eligible_mean, found.eligible_max) == (1, 1.75, 2)
    assert (found.certain_share, found.mean_inverse_propensity) == (0.25, 1.0)
    assert found.targets == ("new",)
    assert "whole sequences" in found.answer
    assert "full distributions included" in found.answer
    assert "1 to 2 to choose from (mean 1.75)" in found.text()


@given(st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=50))
@settings(max_examples=50, deadline=None)
def test_median_propensity(propensity):
    n = len(propensity)
    raw = Raw(
        np.arange(1, n + 1), np.arange(n, dtype=np.int32) % 2, np.zeros(n), propensity=np.array(propensity)
    )
    found = validate(MemoryLog(Space(("a", "b")), [raw]))
    median = sorted(propensity)[(n + 1) // 2 - 1]
    assert found.propensity_median == pytest.approx(median, rel=1e-3)


def test_times_are_dates_where_they_can_be():
    raws, columns = uniform_log(n=30)
    assert "time         0.000 to 1740.000, 29.0 minutes" in validate(MemoryLog(SPACE, raws)).text()
    raws, _ = uniform_log(n=30, time=columns["time"] + 1.6e9)
    assert "2020-09-13 12:26:40 UTC to 2020-09-13 12:55:40 UTC" in validate(MemoryLog(SPACE, raws)).text()


def test_chunks_make_no_difference():
    propensity = np.random.default_rng(2).uniform(0.1, 1, 3_000)
    propensity[100] = 2
    whole = validate(MemoryLog(SPACE, uniform_log(chunk=3_000, propensity=propensity)[0])).to_dict()
    parts = validate(MemoryLog(SPACE, uniform_log(chunk=7, propensity=propensity)[0])).to_dict()
    for key, value in whole.items():
        assert parts[key] == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value), key


def test_it_goes_into_json():
    propensity = np.full(3_000, 1 / 3)
    propensity[3] = -1
    found = validate(MemoryLog(SPACE, uniform_log(propensity=propensity)[0]))
    again = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert again == found.to_dict()
    assert again["faults"][0]["rows"] == [4]
    empty = validate(MemoryLog(SPACE, []))
    json.dumps(empty.to_dict(), allow_nan=False)
    assert (empty.rows, empty.usable, empty.supports) == (0, 0, "nothing")
    assert "no usable row" in empty.text()


def test_the_text_says_whether_propensities_fit():
    def line(**changes):
        found = validate(MemoryLog(SPACE, uniform_log(**changes)[0]))
        lines = [x for x in found.text().split("\n") if x.startswith("propensities against actions: ")]
        return found, lines[0].partition(": ")[2]

    found, says = line()
    assert says == "no sign that they do not fit (p = 1)"
    assert (found.propensity_p, found.propensity_mean, found.misfit, found.placeholder) == (1.0, 1.0, "", "")
    assert found.text().count("± 0 (standard error)") == 1
    found, says = line(propensity=np.where(np.arange(3_000) % 2, 0.25, 0.26))
    assert says == f"they do not fit: {found.misfit}"
    assert found.misfit.startswith("mean of 1/p per action: ")
    assert found.propensity_p < 1e-9
    assert found.propensity_mean == pytest.approx(1.33, abs=0.1)
    found, says = line(propensity=np.full(3_000, 0.2))
    assert says == f"placeholders: {found.placeholder}"
    found = validate(MemoryLog(SPACE, uniform_log(propensity=None)[0]))
    assert "propensities against actions" not in found.text()
    assert (found.propensity_p, found.misfit, found.placeholder) == (None, "", "")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "constant_propensity",
            "propensities do not fit the actions taken (mean of 1/p per action: '0' 1.81, '1' 0.19)",
        ),
        (
            "reagent133",
            "placeholders (every propensity is 1, though 2 actions were taken in one context); estimate",
        ),
    ],
)
def test_cases_of_wrong_propensities(name, says, data_dir):
    path = data_dir.parent / "cases" / "replay" / f"{name}.csv"
    if not path.exists():
        pytest.skip(f"shared cases not found at {path}")
    found = validate(path)
    assert found.supports == "model"
    assert says in found.answer
    assert found.answer.startswith("This log cannot support weighting: ")
    assert "--propensity-model logistic" in found.answer
