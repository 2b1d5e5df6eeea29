"""What all estimators share: sums of terms, a smooth function of their means, and merging."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, ClassVar, TypeVar

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.estimators.moments import Moments
from ltrr.types import Float64, Int64

__all__ = ["BIASED", "Estimator", "needed", "positive"]

E = TypeVar("E", bound="Estimator")

BIASED = "biased by design: the interval leaves the bias out."
"""`Estimator.bias` where no more is known."""

_STEP = 1e-100
"""Step of the complex-step derivative: its square vanishes, so the derivative has no cancellation."""


def needed(batch: ReplayBatch, name: str, estimator: str) -> Float64:
    """Return a column of a batch that an estimator needs."""
    value: Float64 | None = getattr(batch, name)
    if value is None:
        raise InputError(f"`{estimator}` needs `ReplayBatch.{name}`, which was not given")
    return value


def positive(name: str, value: float, *, zero: bool = False) -> float:
    """Return a parameter after checking that it is above 0 (or 0, if ``zero``); it may be infinite."""
    if isinstance(value, float) and value == math.inf:
        return value
    return _check.number(name, value, low=0.0, open_low=not zero)


@dataclass
class Estimator(ABC):
    """An estimate of a policy's value per request as a smooth function of means of per-request terms.

    A request i with count c_i (how many events it stands for) has terms s_i (k,); with
    ``m = Σ c_i s_i / Σ c_i`` the value is ``combine(m)``. The accumulator holds number, mean and co-moments
    of the rows ``(c_i, c_i s_i)``, which is all that point estimate, delta method and merging need; intervals
    that need more take the same rows.

    Examples
    --------
    >>> from typing import ClassVar
    >>> from ltrr.replay import ReplayBatch
    >>> class Mean(Estimator):
    ...     name: ClassVar[str] = "mean"
    ...     def terms(self, batch):
    ...         return batch.reward[:, None]
    ...     def combine(self, mean):
    ...         return mean[..., 0]
    >>> mean = Mean()
    >>> mean.add(ReplayBatch(np.arange(4), np.array([0.0, 1.0, 1.0, 0.0])))
    >>> mean.value(), round(mean.standard_error(), 3)
    (0.5, 0.289)
    """

    name: ClassVar[str]
    """Name in tables and on the command line."""
    width: ClassVar[int] = 1
    """Number of terms, k."""
    needs: ClassVar[frozenset[str]] = frozenset({"weight"})
    """Optional columns of `ReplayBatch` that the terms are made of."""
    weight: ClassVar[str] = "weight"
    """Column of `ReplayBatch` that reweights the rows; "" where the estimate needs no weights."""
    slate: ClassVar[bool] = False
    """True where requests may have several slots."""
    whole_reward: ClassVar[bool] = False
    """True where the total reward of a slate is enough; others need the reward of every slot."""
    bias: ClassVar[str] = ""
    """Why the interval does not cover the whole error; "" where the estimate is consistent.

    Consistent: it converges to the policy's value when the weights are right.
    """
    ratio: ClassVar[bool] = False
    """True where the terms are ``(w r, w)`` with weights that average 1, and the value is their ratio."""
    proportion: ClassVar[bool] = False
    """True where the value is a proportion of rows as soon as all rewards and weights are 0 or 1."""

    moments: Moments = field(init=False, repr=False, compare=False)
    clusters: Moments | None = field(default=None, init=False, repr=False, compare=False)
    """Moments of the sums of `rows` by cluster, where rows of a cluster are dependent."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __post_init__(self) -> None:
        self.moments = Moments(self.width + 1)

    @property
    def label(self) -> str:
        """The name, with parameters where it has any."""
        return ":".join([self.name, *(f"{v:g}" for v in self.parameters().values() if isinstance(v, float))])

    @property
    def whole_target(self) -> bool:
        """True where the target's probabilities of all eligible actions are needed."""
        return bool(self.needs - {"weight", "accept"})

    @property
    def parameter(self) -> float | None:
        """The hyper-parameter, given or chosen; None where there is none or more than one."""
        numbers = [v for v in self.parameters().values() if isinstance(v, float)]
        return numbers[0] if len(numbers) == 1 else None

    @classmethod
    def for_log(cls, *, n_slots: int, weight_bound: float | None) -> Estimator:
        """Return the estimator that suits a log, where no parameter was given.

        Parameters
        ----------
        n_slots : int
            Most slots of a request.
        weight_bound : float or None
            Declared largest weight.
        """
        del n_slots, weight_bound
        return cls()

    @classmethod
    def bent_at(cls, weight: float) -> Estimator | None:
        """Return the estimator that bends weights from about ``weight`` on, inf for not at all.

        `ltrr.replay.estimators.slope.Slope` chooses among such estimators where no parameter was given. None
        for those that bend no weights.
        """
        del weight
        return None

    def parameters(self) -> dict[str, Any]:
        """Return the parameters by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}

    def fork(self: E) -> E:
        """Return an estimator with the same parameters that has seen nothing."""
        return replace(self)

    @abstractmethod
    def terms(self, batch: ReplayBatch) -> Float64:
        """Return the terms of each request, (requests, k)."""

    @abstractmethod
    def combine(self, mean: Float64) -> Float64:
        """Return the value from means of terms, (..., k) → (...); analytic: derivatives go through it."""

    def bounds(self, weight_bound: float, low: float, high: float) -> tuple[float, float] | None:
        """Return the range of the one term, given the largest weight and the range of rewards.

        None where the estimate is not a mean of bounded terms, so that finite-sample bounds do not apply.
        """
        del weight_bound, low, high
        return None

    def rows(self, batch: ReplayBatch) -> Float64:
        """Return ``(c, c · terms)`` of each request, (requests, k + 1)."""
        if not self.slate and not batch.single:
            raise InputError(
                f"`{self.name}` judges one decision a request, this log has several slots; use a slate "
                "estimator: slate-ips, independent-ips, pi, rips or cascade-dr"
            )
        terms = self.terms(batch)
        out = np.ones((len(terms), self.width + 1))
        out[:, 1:] = terms
        if batch.count is not None:
            out *= batch.count[batch.indptr[:-1], None]
        return out

    @staticmethod
    def keys(batch: ReplayBatch) -> Int64:
        """Return the key of each request, in the order of `rows`."""
        return batch.key if batch.single else batch.key[batch.indptr[:-1]]

    def add(self, batch: ReplayBatch) -> None:
        """Take in a batch."""
        self.moments.add(self.rows(batch))

    def merge(self, other: Estimator) -> None:
        """Take in what another estimator of the same kind and parameters has seen.

        Raises
        ------
        InputError
            If kind or parameters differ.
        """
        if type(other) is not type(self) or other.parameters() != self.parameters():
            raise InputError(f"`{self.label}` cannot be merged with `{other.label}`: not the same estimator")
        self.moments.merge(other.moments)

    def of_rows(self, mean: Float64) -> Float64:
        """Return the value from means of `rows`, (..., k + 1) → (...)."""
        return self.combine(mean[..., 1:] / mean[..., :1])

    def value(self) -> float:
        """Return the estimate.

        Raises
        ------
        InputError
            If nothing was added, or no row carries weight.
        """
        if self.moments.n == 0:
            raise InputError(f"`{self.label}` has seen no rows: there is nothing to estimate from")
        with np.errstate(divide="ignore", invalid="ignore"):
            value = float(np.real(self.of_rows(self.moments.mean)))
        if not np.isfinite(value):
            raise InputError(f"`{self.label}` is undefined: no row has a weight above 0")
        return value

    def gradient(self) -> Float64:
        """Return the derivative of the value with respect to the means of `rows`, (k + 1,)."""
        return self._gradient(self.of_rows)

    def _gradient(self, of_rows: Callable[[Float64], Float64]) -> Float64:
        """Return the derivative of a function of the means of `rows`."""
        stepped = self.moments.mean + 1j * _STEP * np.eye(self.width + 1)
        return np.asarray(np.imag(of_rows(stepped)) / _STEP)

    def standard_error(self) -> float:
        """Return the standard error by the delta method; 0 where the terms have no spread.

        Where rows of a cluster are dependent, `clusters` holds their sums, which take the place of the rows:
        the value depends on ratios of means, which sums do not change.
        """
        moments, gradient = self.moments, self.gradient()
        if self.clusters is not None:
            # means of sums are rows a cluster times larger, so derivatives are as much smaller
            moments, gradient = self.clusters, gradient * (self.clusters.n / self.moments.n)
        covariance = moments.covariance
        variance = float(gradient @ covariance @ gradient)
        # equal terms leave a rounding error where the parts of a ratio cancel
        scale = float(np.abs(gradient) @ np.sqrt(np.diag(covariance))) ** 2
        if variance <= 1e-13 * scale:
            return 0.0
        return float(np.sqrt(variance / moments.n))
