"""What every estimator must keep."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.checks._estimator_case import EXACT, REQUESTS, Case, close, given, requests_in, weighty, without
from ltrr.checks.data import batch_of
from ltrr.checks.error import copies, refused, require, run, same, variants
from ltrr.replay.batch import Batch
from ltrr.replay.estimators.base import Estimator
from ltrr.replay.estimators.ips import IPS
from ltrr.replay.estimators.registry import ESTIMATORS, make_estimator
from ltrr.replay.estimators.snips import SNIPS

__all__ = ["ESTIMATOR_CHECKS", "check_estimator"]

_RANGES = ((0.0, 1.0), (-1.0, 2.0), (1.0, 2.0), (-2.0, -1.0))


def follows_protocol(case: Case) -> None:
    """Estimators are of that kind, have a name and a docstring, and fork to their own kind."""
    require(
        isinstance(case.estimator, Estimator),
        f"`{case.name}` must be an `ltrr.replay.estimators.Estimator`, got another kind",
    )
    name = getattr(case.estimator, "name", None)
    require(isinstance(name, str) and name != "", f"`{case.name}.name` must be a word, got {name!r}")
    doc = inspect.getdoc(type(case.estimator)) or ""
    # a dataclass without a docstring gets its signature for one
    own = doc != inspect.getdoc(Estimator) and not doc.startswith(f"{case.name}(")
    require(bool(doc) and own, f"`{case.name}` must say in a docstring what it estimates, got {doc[:40]!r}")
    require(
        type(case.estimator.fork()) is type(case.estimator),
        f"`{case.name}.fork()` must return a {case.name}, got {type(case.estimator.fork()).__name__}",
    )


def parameters_are_fields(case: Case) -> None:
    """Parameters are dataclass fields and nothing else is: equality, repr and forks rest on them."""
    estimator = case.estimator
    known = [f.name for f in fields(estimator) if f.init]
    taken = list(inspect.signature(type(estimator)).parameters)
    require(
        is_dataclass(type(estimator)) and taken == known,
        f"`{case.name}` must have its parameters as dataclass fields, got {taken} for fields {known}",
    )
    text = repr(estimator)
    require(
        all(f"{name}=" in text for name in known) and repr(case.fed(case.batch())) == repr(case.fed()),
        f"`repr` of `{case.name}` must name all parameters and nothing that was seen, got {text!r}; give "
        "state `field(init=False, repr=False)`",
    )


def terms_have_their_shape(case: Case) -> None:
    """Terms are finite float64, one row a request and one column a term."""
    estimator = case.estimator.fork()
    for batch in (case.batch(), case.batch(counted=False), case.batch(1), case.batch(0)):
        terms, want = estimator.terms(batch), (len(batch.indptr) - 1, estimator.width)
        require(
            isinstance(terms, np.ndarray) and terms.shape == want and terms.dtype == np.float64,
            f"`{case.name}.terms` must be float64 {want}, got {getattr(terms, 'dtype', type(terms))} "
            f"{np.shape(terms)}",
        )
        require(np.isfinite(terms).all(), f"`{case.name}.terms` must be finite, got others")
        rows = estimator.rows(batch)
        require(
            np.shape(rows) == (want[0], want[1] + 1) and len(estimator.keys(batch)) == want[0],
            f"`{case.name}.rows` must have shape {(want[0], want[1] + 1)}, got {np.shape(rows)}",
        )


def arguments_are_left_alone(case: Case) -> None:
    """Nothing is written into a batch, nor into what is merged."""
    batch, other = case.batch(), case.fed(case.batch(seed=11))
    untouched = copies(batch, other.moments)
    pupil = case.fed(batch)
    pupil.merge(other)
    pupil.add(batch)
    pupil.value()
    require(untouched(), f"`{case.name}` must not write into its arguments: copy what it changes")


def needs_are_columns(case: Case) -> None:
    """``needs`` names columns of `Batch`; without them there is an `InputError`, and no others are read."""
    batch, estimator = case.batch(), case.estimator.fork()
    optional = [f.name for f in fields(Batch) if f.name not in ("key", "reward", "slot", "count")]
    needed: set[str] = set()
    for need in sorted(estimator.needs):
        columns = {name for name in optional if name == need or name.startswith(f"{need}_")}
        require(
            bool(columns),
            f"`{case.name}.needs` must name columns of `Batch`, or what they start with, got {need!r}",
        )
        needed |= columns
        refused(partial(estimator.rows, without(batch, columns)), f"`{case.name}.rows` without {need!r}")
    bare = without(batch, [name for name in optional if name not in needed])
    require(
        same(estimator.rows(bare), estimator.rows(batch)),
        f"`{case.name}.needs` must name all columns that terms are made of, got other terms without the rest",
    )


def several_slots_where_declared(case: Case) -> None:
    """``slate = False`` refuses requests with several slots: it would take each for a request."""
    require(
        isinstance(case.estimator.slate, bool),
        f"`{case.name}.slate` must be True or False, got {case.estimator.slate!r}",
    )
    if not case.estimator.slate:
        several = batch_of(20, n_slots=3, weight_bound=case.weight_bound, reward_range=case.reward_range)
        text = f"`{case.name}` for requests with several slots, with `slate = False`,"
        refused(partial(case.estimator.fork().rows, several), text)
        refused(partial(case.fed, several), text)


def value_is_a_number(case: Case) -> None:
    """Nothing has no value; what was seen has a finite one."""
    refused(case.estimator.fork().value, f"`{case.name}.value()` before any row")
    for n in (1, REQUESTS):
        value = case.fed(weighty(case.batch(n))).value()
        require(
            isinstance(value, float) and np.isfinite(value),
            f"`{case.name}.value()` must be a finite float, got {value!r}",
        )


def standard_error_is_one(case: Case) -> None:
    """No standard error is negative, and that of requests that are all alike is 0."""
    for n in (2, REQUESTS):
        error = case.fed(weighty(case.batch(n))).standard_error()
        require(
            np.isfinite(error) and error >= 0.0,
            f"`{case.name}.standard_error()` must be finite and >= 0, got {error!r}",
        )
    alike = case.fed(requests_in(weighty(case.batch(counted=False)), np.zeros(50, np.int64)))
    require(
        alike.standard_error() <= EXACT * (1.0 + abs(alike.value())),
        f"`{case.name}.standard_error()` must be 0 where all terms are alike, got {alike.standard_error()!r}",
    )


def order_does_not_matter(case: Case) -> None:
    """Turn the requests about: their rows are the same, and so is the estimate."""
    batch = case.batch()
    order = np.random.default_rng(12).permutation(REQUESTS)
    turned = requests_in(batch, order)
    require(
        close(case.estimator.fork().rows(batch)[order], case.estimator.fork().rows(turned)),
        f"`{case.name}.rows` must be each request's own, got others for another order of requests",
    )
    text = f"`{case.name}` must not depend on the order of requests"
    case.must_agree(case.fed(batch), case.fed(turned), text)


def empty_batch(case: Case) -> None:
    """No requests add nothing, and merging what has seen nothing adds nothing."""
    pupil, none = case.fed(case.batch()), case.batch(0)
    before = (pupil.moments.n, pupil.value(), pupil.standard_error())
    pupil.add(none)
    pupil.merge(case.fed(none))
    after = (pupil.moments.n, pupil.value(), pupil.standard_error())
    require(after == before, f"`{case.name}` must add nothing for an empty batch, got another estimate")
    refused(case.fed(none).value, f"`{case.name}.value()` after an empty batch alone")


def parts_merge_to_one_pass(case: Case) -> None:
    """Cut the log anywhere and merge the parts in any order: it is one pass."""
    batch = case.batch()
    whole = case.fed(batch)
    cuts = (0, 1, 1, 40, 41, 200, REQUESTS)
    parts = [requests_in(batch, np.arange(i, j)) for i, j in pairwise(cuts)]
    require(
        close(case.estimator.fork().rows(batch), np.concatenate([case.fed().rows(part) for part in parts])),
        f"`{case.name}.rows` must be each request's own, got others in other batches",
    )
    for name, order in (("in order", parts), ("backwards", parts[::-1])):
        merged = case.estimator.fork()
        for part in order:
            merged.merge(case.fed(part))
        case.must_agree(
            whole, merged, f"`{case.name}.merge` of parts ({name}) must lead to what one pass does"
        )
    case.must_agree(whole, case.fed(*parts), f"`{case.name}.add` in parts must lead to what one pass does")


def counts_are_repetitions(case: Case) -> None:
    """Repeat requests as often as they count: the estimate is the same."""
    batch = case.batch()
    first = batch.indptr[:-1]
    order = np.repeat(np.arange(len(first)), given(batch.count)[first].astype(np.int64))
    repeated = case.fed(replace(requests_in(batch, order), count=None))
    counted = case.fed(batch)
    size = abs(repeated.value()) + repeated.standard_error() * np.sqrt(len(order))
    require(
        abs(counted.value() - repeated.value()) <= EXACT * size,
        f"`{case.name}` must take a request with a count for as many requests, got {counted.value()!r} "
        f"instead of {repeated.value()!r}",
    )


def fork_has_seen_nothing(case: Case) -> None:
    """Fork what has seen a log: the fork has seen nothing, has the same parameters, and goes its own way."""
    pupil = case.fed(case.batch())
    fork = pupil.fork()
    require(
        fork.parameters() == case.estimator.parameters() and repr(fork) == repr(case.estimator),
        f"`{case.name}.fork()` must keep the parameters, got {fork!r} for {case.estimator!r}",
    )
    refused(fork.value, f"`{case.name}.fork()` must have seen nothing; its value")
    before = pupil.value()
    fork.add(case.batch(seed=13))
    require(
        pupil.value() == before and fork.value() == case.fed(case.batch(seed=13)).value(),
        f"`{case.name}.fork()` must share nothing that moves, got estimates that moved together",
    )


def merge_refuses_others(case: Case) -> None:
    """Another kind, or other parameters, cannot be merged."""
    pupil = case.fed(case.batch())
    before = pupil.value()
    other: Estimator = SNIPS() if type(case.estimator) is IPS else IPS()
    other.add(batch_of(50))
    refused(partial(pupil.merge, other), f"`{case.name}.merge` of another kind of estimator")
    # weights of 1 lie in every declared range
    plain = case.batch(50)
    plain = replace(plain, weight=np.ones(len(plain)))
    for variant in variants(case.estimator):
        variant.add(plain)
        refused(partial(pupil.merge, variant), f"`{case.name}.merge` of other parameters ({variant!r})")
    require(
        pupil.value() == before, f"`{case.name}.merge` must change nothing where it refuses, got a change"
    )


def many_means_at_once(case: Case) -> None:
    """``of_rows`` takes means of any leading shape, as resampling gives them."""
    pupil = case.fed(case.batch())
    size = len(pupil.moments.mean)
    means = pupil.moments.mean * (1.0 + 0.01 * np.random.default_rng(14).random((2, 3, size)))
    got = np.asarray(pupil.of_rows(means))
    alone = np.array([[float(np.real(pupil.of_rows(mean))) for mean in row] for row in means])
    require(
        got.shape == (2, 3) and close(alone, got),
        f"`{case.name}.of_rows` must be (...,) for means (..., {size}), the same as one by one, got "
        f"{got.shape} for {means.shape}",
    )


def gradient_is_the_derivative(case: Case) -> None:
    """``gradient`` is what finite differences of ``of_rows`` are."""
    pupil = case.fed(case.batch())
    mean, gradient = pupil.moments.mean, pupil.gradient()
    require(
        np.shape(gradient) == mean.shape and gradient.dtype == np.float64,
        f"`{case.name}.gradient()` must be float64 {mean.shape}, got {np.shape(gradient)}",
    )
    step = 1e-6 * np.abs(mean)
    high = np.real(pupil.of_rows(mean + np.diag(step)))
    low = np.real(pupil.of_rows(mean - np.diag(step)))
    # what was never other than 0 has no scale to step by
    moved = step > 0.0
    change = 0.5e6 * (high - low)[moved]
    stated = (gradient * np.abs(mean))[moved]
    gap = np.abs(change - stated).max()
    require(
        gap <= 1e-6 * (abs(pupil.value()) + np.abs(change).sum()),
        f"`{case.name}.gradient()` must be the derivative of `of_rows`, got one that is {gap:.3g} off; does "
        "`combine` take complex numbers as they are?",
    )


def bounds_hold(case: Case) -> None:
    """Terms lie within ``bounds``, which only a mean of one term has."""
    for reward_range in _RANGES:
        for top in (1.0, 0.5 * (1.0 + case.weight_bound), case.weight_bound):
            bounds = case.estimator.bounds(top, *reward_range)
            if bounds is None:
                continue
            mean = np.array([[0.25], [-3.0]])
            require(
                case.estimator.width == 1 and same(case.estimator.fork().combine(mean), mean[:, 0]),
                f"`{case.name}.bounds` must be None, as the estimate is no mean of one term, got {bounds}",
            )
            low, high = bounds
            terms = case.estimator.fork().terms(batch_of(2000, weight_bound=top, reward_range=reward_range))
            slack = EXACT * (abs(low) + abs(high))
            require(
                low - slack <= terms.min() and terms.max() <= high + slack,
                f"`{case.name}.bounds({top:g}, {reward_range[0]:g}, {reward_range[1]:g})` must hold, got "
                f"{bounds} and terms in [{terms.min():.4g}, {terms.max():.4g}]",
            )


def label_makes_it_again(case: Case) -> None:
    """Make a registered kind from its label: it has the same parameters, to the digits of the label."""
    kind = ESTIMATORS.makers.get(case.estimator.name)
    if kind is None:
        return
    require(
        kind is type(case.estimator),
        f"`{case.name}.name` must be its own, got {case.estimator.name!r}, which is `{kind.__name__}`'s",
    )
    label = case.estimator.label
    made = make_estimator(label)
    for name, value in case.estimator.parameters().items():
        got = made.parameters()[name]
        alike = got == value or (isinstance(value, float) and bool(np.isclose(got, value, rtol=1e-5)))
        require(alike, f"`make_estimator({label!r}).{name}` must be {value!r}, got {got!r}")
    require(made.label == label, f"`make_estimator({label!r})` must have that label, got {made.label!r}")


ESTIMATOR_CHECKS: Sequence[Callable[[Case], None]] = (
    follows_protocol,
    terms_have_their_shape,
    arguments_are_left_alone,
    parameters_are_fields,
    needs_are_columns,
    several_slots_where_declared,
    value_is_a_number,
    many_means_at_once,
    order_does_not_matter,
    standard_error_is_one,
    empty_batch,
    parts_merge_to_one_pass,
    counts_are_repetitions,
    fork_has_seen_nothing,
    merge_refuses_others,
    gradient_is_the_derivative,
    bounds_hold,
    label_makes_it_again,
)
"""The checks, in the order in which they are run."""


def check_estimator(
    estimator: Any,
    *,
    weight_bound: float = 20.0,
    reward_range: tuple[float, float] = (-1.0, 2.0),
    n_slots: int = 3,
    skip: Mapping[str, str] | None = None,
) -> None:
    """Check that an estimator keeps `ltrr.replay.estimators.Estimator`; it is only ever forked.

    Parameters
    ----------
    estimator : Estimator
        One that takes a batch at a time.
    weight_bound : float > 1
        Largest weight of the logs it is given.
    reward_range : (float, float)
        Range of rewards and predictions of these logs.
    n_slots : int >= 1
        Most slots of their requests, where the estimator takes several.
    skip : mapping of check to reason, optional
        Checks of `ESTIMATOR_CHECKS` that do not apply.

    Raises
    ------
    CheckError
        At the first check that fails.
    InputError
        If ``skip`` names no check or gives no reason, or a number is out of range.

    Examples
    --------
    >>> from ltrr.replay.estimators import SNIPS
    >>> check_estimator(SNIPS())
    """
    low = _check.number("reward_range[0]", reward_range[0])
    high = _check.number("reward_range[1]", reward_range[1], low=low, open_low=True)
    bound = _check.number("weight_bound", weight_bound, low=1.0, open_low=True)
    slots = _check.integer("n_slots", n_slots, low=1)
    run(ESTIMATOR_CHECKS, Case(estimator, bound, (low, high), slots), skip)
