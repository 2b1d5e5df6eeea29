"""What every estimator must keep."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.checks.common import refused
from ltrr.checks.compare import same, variants
from ltrr.checks.logged import LogCase, batch_of, given, requests_in, weighty, without
from ltrr.replay.estimators.base import Estimator
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.estimators.ips import IPS
from ltrr.replay.estimators.registry import ESTIMATORS, make_estimator
from ltrr.replay.estimators.snips import SNIPS
from ltrr.types import Float64

__all__ = ["ESTIMATOR_CHECKS", "check_estimator"]

_RANGES = ((0.0, 1.0), (-1.0, 2.0), (1.0, 2.0), (-2.0, -1.0))
_REQUESTS = 300
_EXACT = 1e-12
_SPREAD = 1e-9
"""Standard errors are roots of differences, which keep fewer digits."""


@dataclass(frozen=True, kw_only=True)
class _Case(LogCase):
    """An estimator under check, and the log that it sees."""

    n_slots: int

    call = "check_estimator"
    group = "estimators"
    protocol = Estimator

    def fresh(self) -> Any:
        return self.component.fork()

    def batch(self, n: int = _REQUESTS, *, counted: bool = True, seed: int = 10) -> ReplayBatch:
        """Return a batch, of several slots a request where the estimator takes them."""
        slots = self.n_slots if self.component.slate else 1
        bounds = {"weight_bound": self.weight_bound, "reward_range": self.reward_range}
        return batch_of(n, **bounds, n_slots=slots, counted=counted, seed=seed)  # type: ignore[arg-type]

    def fed(self, *batches: ReplayBatch) -> Any:
        """Return a fork that has seen the batches."""
        pupil = self.fresh()
        for batch in batches:
            pupil.add(batch)
        return pupil

    def must_agree(self, one: Any, other: Any, member: str, what: str) -> None:
        """Require that two estimators agree, but for rounding."""
        must, root = self.must(member), np.sqrt(one.moments.n)
        value, error = one.value(), one.standard_error()
        size = abs(value) + abs(error) * root
        got = other.value()
        must(abs(value - got) <= _EXACT * size, f"{what}, got {got!r} instead of {value!r}")
        got = other.standard_error()
        text = f"{what}, got a standard error of {got!r} instead of {error!r}"
        must(abs(error - got) <= _SPREAD * size / root, text)

    def check_follows_protocol(self) -> None:
        """Estimators are of that kind, have a name and a docstring, and fork to their own kind."""
        super().check_follows_protocol()
        kind, must = type(self.component), self.must()
        must(isinstance(self.component, Estimator), "be an `ltrr.replay.estimators.Estimator`, got another")
        name = getattr(self.component, "name", None)
        self.must("name")(isinstance(name, str) and name != "", f"be a name, got {name!r}")
        doc = inspect.getdoc(kind) or ""
        # a dataclass without a docstring gets its signature for one
        own = doc not in ("", inspect.getdoc(Estimator)) and not doc.startswith(f"{self.name}(")
        must(own, f"say in a docstring what it estimates, got {doc[:40]!r}")
        got = type(self.fresh())
        self.must("fork")(got is kind, f"return a {self.name}, got {got.__name__}")

    def check_terms_have_their_shape(self) -> None:
        """Terms are finite float64, one row a request and one column a term."""
        estimator = self.fresh()
        for batch in (self.batch(), self.batch(counted=False), self.batch(1), self.batch(0)):
            terms, want = estimator.terms(batch), (len(batch.indptr) - 1, estimator.width)
            must, found = self.must("terms"), f"{getattr(terms, 'dtype', type(terms))} {np.shape(terms)}"
            fits = isinstance(terms, np.ndarray) and terms.shape == want and terms.dtype == np.float64
            must(fits, f"be float64 {want}, got {found}")
            must(np.isfinite(terms).all(), "be finite, got others")
            shape, want = np.shape(estimator.rows(batch)), (want[0], want[1] + 1)
            fits = shape == want and len(estimator.keys(batch)) == want[0]
            self.must("rows")(fits, f"have shape {want}, and a key each, got {shape}")

    def check_arguments_are_left_alone(self) -> None:
        """Nothing is written into a batch, nor into what is merged."""
        batch, other = self.batch(), self.fed(self.batch(seed=11))
        with self.left_alone(batch, other.moments):
            pupil = self.fed(batch)
            pupil.merge(other)
            pupil.add(batch)
            pupil.value()

    def check_parameters_are_fields(self) -> None:
        """Parameters are dataclass fields and nothing else is: equality, repr and forks rest on them."""
        estimator, must = self.component, self.must()
        known = [f.name for f in fields(estimator) if f.init]
        taken = list(inspect.signature(type(estimator)).parameters)
        fits = is_dataclass(type(estimator)) and taken == known
        must(fits, f"have its parameters as dataclass fields, got {taken} for fields {known}")
        text = repr(estimator)
        fits = all(f"{name}=" in text for name in known) and repr(self.fed(self.batch())) == repr(self.fed())
        must(
            fits,
            f"name in `repr` all parameters and nothing that was seen, got {text!r}; give state "
            "`field(init=False, repr=False)`",
        )

    def check_needs_are_columns(self) -> None:
        """``needs`` names columns of `ReplayBatch`: an absent one is an error, and no others are read."""
        batch, estimator, must = self.batch(), self.fresh(), self.must("needs")
        optional = [f.name for f in fields(ReplayBatch) if f.name not in ("key", "reward", "slot", "count")]
        needed: set[str] = set()
        for need in sorted(estimator.needs):
            columns = {name for name in optional if name == need or name.startswith(f"{need}_")}
            must(columns, f"name columns of `ReplayBatch`, or what they start with, got {need!r}")
            needed |= columns
            refused(partial(estimator.rows, without(batch, columns)), f"`{self.name}.rows` without {need!r}")
        bare = without(batch, [name for name in optional if name not in needed])
        alike = same(estimator.rows(bare), estimator.rows(batch))
        must(alike, "name all columns that terms are made of, got other terms without the rest")

    def check_several_slots_where_declared(self) -> None:
        """``slate = False`` refuses requests with several slots: it would take each for a request."""
        slate = self.component.slate
        self.must("slate")(isinstance(slate, bool), f"be True or False, got {slate!r}")
        if not slate:
            several = batch_of(20, n_slots=3, weight_bound=self.weight_bound, reward_range=self.reward_range)
            text = f"`{self.name}` for requests with several slots, with `slate = False`,"
            refused(partial(self.fresh().rows, several), text)
            refused(partial(self.fed, several), text)

    def check_value_is_a_number(self) -> None:
        """Without rows there is no value; with rows it is finite."""
        refused(self.fresh().value, f"`{self.name}.value()` before any row")
        for n in (1, _REQUESTS):
            value = self.fed(weighty(self.batch(n))).value()
            fits = isinstance(value, float) and np.isfinite(value)
            self.must("value")(fits, f"be a finite float, got {value!r}")

    def check_many_means_at_once(self) -> None:
        """``of_rows`` takes means of any leading shape, as resampling gives them."""
        pupil = self.fed(self.batch())
        size = len(pupil.moments.mean)
        means = pupil.moments.mean * (1.0 + 0.01 * np.random.default_rng(14).random((2, 3, size)))
        got = np.asarray(pupil.of_rows(means))
        alone = np.array([[float(np.real(pupil.of_rows(mean))) for mean in row] for row in means])
        self.must("of_rows")(
            got.shape == (2, 3) and _close(alone, got),
            f"be (...,) for means (..., {size}), the same as one by one, got {got.shape} for {means.shape}",
        )

    def check_order_does_not_matter(self) -> None:
        """Reorder the requests: their rows are the same, and so is the estimate."""
        batch = self.batch()
        order = np.random.default_rng(12).permutation(_REQUESTS)
        turned = requests_in(batch, order)
        alike = _close(self.fresh().rows(batch)[order], self.fresh().rows(turned))
        self.must("rows")(alike, "be each request's own, got others for another order of requests")
        self.must_agree(self.fed(batch), self.fed(turned), "add", "not depend on the order of requests")

    def check_standard_error_is_one(self) -> None:
        """No standard error is negative, and that of identical requests is 0."""
        must = self.must("standard_error")
        for n in (2, _REQUESTS):
            error = self.fed(weighty(self.batch(n))).standard_error()
            must(np.isfinite(error) and error >= 0.0, f"be finite and >= 0, got {error!r}")
        alike = self.fed(requests_in(weighty(self.batch(counted=False)), np.zeros(50, np.int64)))
        error = alike.standard_error()
        must(error <= _EXACT * (1.0 + abs(alike.value())), f"be 0 where all terms are equal, got {error!r}")

    def check_empty_batch(self) -> None:
        """No requests add nothing, and merging what has seen nothing adds nothing."""
        pupil, none = self.fed(self.batch()), self.batch(0)
        before = (pupil.moments.n, pupil.value(), pupil.standard_error())
        pupil.add(none)
        pupil.merge(self.fed(none))
        after = (pupil.moments.n, pupil.value(), pupil.standard_error())
        self.must("add")(after == before, "add nothing for an empty batch, got another estimate")
        refused(self.fed(none).value, f"`{self.name}.value()` after an empty batch alone")

    def check_parts_merge_to_one_pass(self) -> None:
        """Cut the log anywhere and merge the parts in any order: the result equals one pass."""
        batch = self.batch()
        whole = self.fed(batch)
        cuts = (0, 1, 1, 40, 41, 200, _REQUESTS)
        parts = [requests_in(batch, np.arange(i, j)) for i, j in pairwise(cuts)]
        alike = _close(self.fresh().rows(batch), np.concatenate([self.fed().rows(part) for part in parts]))
        self.must("rows")(alike, "be each request's own, got others in other batches")
        for order, some in (("in order", parts), ("backwards", parts[::-1])):
            merged = self.fresh()
            for part in some:
                merged.merge(self.fed(part))
            self.must_agree(whole, merged, "merge", f"lead from parts {order} to what one pass does")
        self.must_agree(whole, self.fed(*parts), "add", "lead in parts to what one pass does")

    def check_counts_are_repetitions(self) -> None:
        """Repeat requests as often as they count: the estimate is the same."""
        batch = self.batch()
        first = batch.indptr[:-1]
        order = np.repeat(np.arange(len(first)), given(batch.count)[first].astype(np.int64))
        repeated = self.fed(replace(requests_in(batch, order), count=None))
        size = abs(repeated.value()) + repeated.standard_error() * np.sqrt(len(order))
        got, want = self.fed(batch).value(), repeated.value()
        text = f"take a request with a count for as many requests, got {got!r} instead of {want!r}"
        self.must()(abs(got - want) <= _EXACT * size, text)

    def check_fork_has_seen_nothing(self) -> None:
        """Fork what has seen a log: the fork is empty, independent, and has the same parameters."""
        pupil, must = self.fed(self.batch()), self.must("fork")
        fork = pupil.fork()
        kept = fork.parameters() == self.component.parameters() and repr(fork) == repr(self.component)
        must(kept, f"keep the parameters, got {fork!r} for {self.component!r}")
        refused(fork.value, f"`{self.name}.fork()` must have seen nothing; its value")
        before = pupil.value()
        fork.add(self.batch(seed=13))
        apart = pupil.value() == before and fork.value() == self.fed(self.batch(seed=13)).value()
        must(apart, "share nothing that moves, got estimates that moved together")

    def check_merge_refuses_others(self) -> None:
        """Another kind, or other parameters, cannot be merged."""
        pupil = self.fed(self.batch())
        before = pupil.value()
        other: Estimator = SNIPS() if type(self.component) is IPS else IPS()
        other.add(batch_of(50))
        refused(partial(pupil.merge, other), f"`{self.name}.merge` of another kind of estimator")
        # weights of 1 lie in every declared range
        plain = self.batch(50)
        plain = replace(plain, weight=np.ones(len(plain)))
        for variant in variants(self.component):
            variant.add(plain)
            refused(partial(pupil.merge, variant), f"`{self.name}.merge` of other parameters ({variant!r})")
        self.must("merge")(pupil.value() == before, "change nothing where it refuses, got a change")

    def check_gradient_is_the_derivative(self) -> None:
        """``gradient`` is what finite differences of ``of_rows`` are."""
        pupil, must = self.fed(self.batch()), self.must("gradient")
        mean, gradient = pupil.moments.mean, pupil.gradient()
        fits = np.shape(gradient) == mean.shape and gradient.dtype == np.float64
        must(fits, f"be float64 {mean.shape}, got {np.shape(gradient)}")
        step = 1e-6 * np.abs(mean)
        high, low = (np.real(pupil.of_rows(mean + sign * np.diag(step))) for sign in (1, -1))
        # what was never other than 0 has no scale to step by
        moved = step > 0.0
        change = 0.5e6 * (high - low)[moved]
        gap = np.abs(change - (gradient * np.abs(mean))[moved]).max()
        must(
            gap <= 1e-6 * (abs(pupil.value()) + np.abs(change).sum()),
            f"be the derivative of `of_rows`, got one that is {gap:.3g} off; does `combine` take complex "
            "numbers as they are?",
        )

    def check_bounds_hold(self) -> None:
        """Terms lie within ``bounds``, which only a mean of one term has."""
        for span in _RANGES:
            for top in (1.0, 0.5 * (1.0 + self.weight_bound), self.weight_bound):
                estimator, bounds = self.fresh(), self.component.bounds(top, *span)
                if bounds is None:
                    continue
                must, (low, high) = self.must("bounds"), bounds
                mean = np.array([[0.25], [-3.0]])
                alone = self.component.width == 1 and same(estimator.combine(mean), mean[:, 0])
                must(alone, f"be None, as the estimate is not the mean of one term, got {bounds}")
                terms = estimator.terms(batch_of(2000, weight_bound=top, reward_range=span))
                slack = _EXACT * (abs(low) + abs(high))
                must(
                    low - slack <= terms.min() and terms.max() <= high + slack,
                    f"hold for weights up to {top:g} and rewards in {span}, got {bounds} and terms in "
                    f"[{terms.min():.4g}, {terms.max():.4g}]",
                )

    def check_label_makes_it_again(self) -> None:
        """Make a registered kind from its label: it has the same parameters, to the digits of the label."""
        known: Mapping[str, Any] = ESTIMATORS.makers
        name, label = self.component.name, self.component.label
        kind = known.get(name)
        if kind is None:
            return
        own = kind is type(self.component)
        self.must("name")(own, f"be its own, got {name!r}, which is `{kind.__name__}`'s")
        made, must = make_estimator(label), self.must("label")
        for key, value in self.component.parameters().items():
            got = made.parameters()[key]
            alike = got == value or (isinstance(value, float) and bool(np.isclose(got, value, rtol=1e-5)))
            must(alike, f"make it again: `make_estimator({label!r}).{key}` must be {value!r}, got {got!r}")
        must(made.label == label, f"make an estimator of that label, got {made.label!r} from {label!r}")


def _close(one: Float64, other: Float64) -> bool:
    """Say whether rows are the same, but for rounding."""
    size = np.abs(one).max(initial=0.0)
    return one.shape == other.shape and bool((np.abs(one - other) <= _EXACT * size).all())


ESTIMATOR_CHECKS = _Case.checks()
"""Names of the checks, in the order in which they run."""


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
        If ``estimator`` is a class or another kind of object, a number is out of range, or ``skip`` names no
        check or gives no reason.

    Examples
    --------
    >>> from ltrr.replay.estimators import SNIPS
    >>> check_estimator(SNIPS())
    """
    slots = _check.integer("n_slots", n_slots, low=1)
    bounds = {"weight_bound": weight_bound, "reward_range": reward_range}
    _Case(component=estimator, n_slots=slots, **bounds).run(skip)  # type: ignore[arg-type]
