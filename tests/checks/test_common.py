"""What all checks share: who is refused, what may be skipped, how is compared."""

import numpy as np
import pytest

from ltrr import bandits, checks
from ltrr.checks.common import refused
from ltrr.checks.compare import copies, same, variants
from ltrr.embeddings import LSA
from ltrr.errors import InputError
from ltrr.ranking import PriorRanker
from ltrr.replay import estimators, intervals
from ltrr.retrieval import BM25
from ltrr.users import PBM
from ltrr.worlds import Music

COMPONENTS = {
    "check_encoder": LSA(),
    "check_estimator": estimators.IPS(),
    "check_interval": intervals.Asymptotic(),
    "check_policy": bandits.Uniform(),
    "check_ranker": PriorRanker(("x",), weights={"x": 1.0}),
    "check_retriever": BM25(),
    "check_user_model": PBM(),
    "check_world": Music(200, n_queries=20),
}
WRONG = {
    "check_encoder": ("encode", "ltrr.protocols.Encoder"),
    "check_estimator": ("combine", "ltrr.replay.estimators.Estimator"),
    "check_interval": ("name", "ltrr.replay.intervals.IntervalMethod"),
    "check_policy": ("space", "ltrr.bandits.BasePolicy"),
    "check_ranker": ("version", "ltrr."),
    "check_retriever": ("static", "ltrr.retrieval.Arm"),
    "check_user_model": ("tables", "ltrr.users.TableUser"),
    "check_world": ("catalogue", "ltrr.worlds.TopicWorld"),
}


def test_every_check_is_here():
    assert set(COMPONENTS) == set(WRONG) == {name for name in checks.__all__ if name.startswith("check_")}


@pytest.mark.parametrize("call", COMPONENTS)
def test_a_class_is_refused_in_one_line(call):
    kind = type(COMPONENTS[call])
    with pytest.raises(InputError) as caught:
        getattr(checks, call)(kind)
    assert str(caught.value) == f"pass an instance: {call}({kind.__name__}(...))"


@pytest.mark.parametrize("call", WRONG)
def test_another_kind_of_object_is_refused_in_one_line(call):
    member, base = WRONG[call]
    wrong = COMPONENTS["check_ranker" if call in ("check_policy", "check_encoder") else "check_policy"]
    wrong = COMPONENTS["check_world"] if call == "check_interval" else wrong
    with pytest.raises(InputError) as caught:
        getattr(checks, call)(wrong)
    start = f"{call} needs `{member}`, which `{type(wrong).__name__}` does not have; inherit from `{base}"
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)


def test_skip_needs_a_check_and_a_reason():
    with pytest.raises(InputError, match="did you mean 'empty_batch'"):
        checks.check_policy(bandits.Uniform(), skip={"empty_bach": "why"})
    with pytest.raises(InputError, match="must say why"):
        checks.check_policy(bandits.Uniform(), skip={"empty_batch": " "})


@pytest.mark.parametrize("call", ["check_encoder", "check_policy", "check_ranker", "check_retriever"])
def test_a_tolerance_is_a_number(call):
    with pytest.raises(InputError, match="`tolerance` must be a number >= 0, got -1"):
        getattr(checks, call)(COMPONENTS[call], tolerance=-1)


def test_what_is_the_same():
    one = np.array([1.0, 2.0, np.inf])
    assert same(one, one.copy())
    assert not same(one, one + 1e-12)
    assert same(one, one + 1e-12, 1e-9)
    assert not same(one, one + 1e-3, 1e-9)
    assert not same(one, one.astype(np.float32), 1e-9)
    assert not same(one, one[:2], 1e-9)
    assert not same([np.nan], [np.nan], 1e-9)
    assert not same(np.array([1, 2]), np.array([1, 3]), 5.0)
    assert same([one, one], [one, one + 1e-12], 1e-9)
    assert not same([one], [one, one], 1e-9)


def test_what_is_written_into_is_found():
    texts, rows = ["a", "b"], {"x": (np.zeros(2),)}
    untouched = copies(texts, rows)
    assert untouched()
    texts.reverse()
    assert not untouched()
    texts.reverse()
    rows["x"][0][1] = 1.0
    assert not untouched()
    rows["x"][0][1] = 0.0
    assert untouched()
    texts.append("c")
    assert not untouched()


def test_variants_change_one_number_at_a_time():
    assert variants(intervals.Hoeffding(10.0, (0.0, 1.0))) == [
        intervals.Hoeffding(5.0, (0.0, 1.0)),
        intervals.Hoeffding(10.0, (0.0, 0.5)),
    ]
    # half of 0 is no other number, and a weight bound of 1 or less is refused
    assert variants(estimators.SubGaussian(0.0)) == [estimators.SubGaussian(0.5)]
    assert variants(estimators.CressieRead(0.0, 1.5))[1] == estimators.CressieRead(0.0, 3.0)
    assert variants(intervals.PoissonBootstrap(100)) == [
        intervals.PoissonBootstrap(101),
        intervals.PoissonBootstrap(100, 1),
    ]
    assert variants(estimators.IPS()) == variants(object()) == []


def test_refusals_are_one_line_of_input_error():
    def raises(error):
        raise error

    refused(lambda: raises(InputError("one line")), "a call")
    with pytest.raises(Exception, match="a call must raise an `InputError` of one line, got 2 lines"):
        refused(lambda: raises(InputError("two\nlines")), "a call")
    with pytest.raises(Exception, match="a call must raise `InputError`, got 3"):
        refused(lambda: 3, "a call")
    with pytest.raises(ZeroDivisionError):
        refused(lambda: 1 / 0, "a call")
