"""Empirical likelihood under the constraint that weights average one."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.replay.estimators.base import Estimator, needed, positive
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.types import Float64

__all__ = ["CressieRead"]


@dataclass
class CressieRead(Estimator):
    """Value under the reweighting of the rows, closest to equal, that makes the weights average 1.

    The N rows and one unseen row of weight ω get probabilities ``p_i = (1 + g (w_i − a)) / (N + 1)``,
    ``g = (1 − a) / (b − a²)``, which minimise the Cressie–Read
    divergence of power −2 (Euclidean likelihood) under ``Σ p_i = 1`` and ``Σ p_i w_i = 1``; a and b are means
    of w and w² with the unseen row. ω is ``weight_high`` where the weights average below 1 and ``weight_low``
    elsewhere. The value is ``Σ p_i w_i r_i`` over the rows plus the unseen row's share ``p_ω ω`` times the
    mean logged reward.

    Consistent; a constant reward is returned exactly and a shift of all rewards shifts the estimate. To first
    order it is IPS with the weights' mean as control variate, which never has a larger variance than IPS.
    With ``weight_high`` = ∞, ω's share is ``1 − w̄`` where it is positive: the estimate then has a kink just
    where weights average 1, and the standard error is that of its own side. Give the true bound (one over the
    smallest propensity) where the log declares it. Probabilities may be negative with few rows and large
    weights; declared rewards keep the value in their range.

    Parameters
    ----------
    weight_low : float
        Smallest possible weight, in [0, 1).
    weight_high : float
        Largest possible weight, above 1; inf where unknown. A larger weight is refused.
    reward_low, reward_high : float
        Range of rewards, to which the value is clipped; −inf and inf where unknown. The standard error is
        that of the value before clipping.

    Examples
    --------
    >>> import numpy as np
    >>> cressie_read = CressieRead()
    >>> cressie_read.add(ReplayBatch(np.arange(2), np.array([1.0, 0.0]), weight=np.array([1.0, 0.5])))
    >>> cressie_read.value()
    0.625

    References
    ----------
    Karampatziakis, Langford, Mineiro, "Empirical likelihood for contextual bandits", NeurIPS 2020, section
    4.2, for the unseen row; Baggerly, "Empirical likelihood as a goodness-of-fit measure", Biometrika 85(3),
    1998, section 2, for the power-divergence family.
    """

    name: ClassVar[str] = "cressie-read"
    width: ClassVar[int] = 5

    weight_low: float = 0.0
    weight_high: float = math.inf
    reward_low: float = -math.inf
    reward_high: float = math.inf

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 <= _check.number("CressieRead.weight_low", self.weight_low) < 1.0:
            raise InputError(f"`CressieRead.weight_low` must be in [0, 1), got {self.weight_low!r}")
        if positive("CressieRead.weight_high", self.weight_high) <= 1.0:
            raise InputError(
                f"`CressieRead.weight_high` must be above 1, got {self.weight_high!r}; weights average 1, so "
                "some must exceed it"
            )
        if not self.reward_low < self.reward_high:
            raise InputError(
                "`CressieRead.reward_low` must be below `CressieRead.reward_high`, got "
                f"{self.reward_low!r} and {self.reward_high!r}"
            )

    @classmethod
    def for_log(cls, *, n_slots: int, weight_bound: float | None) -> CressieRead:
        """Return the estimator with the declared largest weight, where there is one."""
        del n_slots
        return cls() if weight_bound is None else cls(weight_high=weight_bound)

    @property
    def label(self) -> str:
        """The name, with the parameters that are not the default up to the last of them."""
        values = [getattr(self, f.name) for f in fields(self) if f.init]
        defaults = [f.default for f in fields(self) if f.init]
        while values and values[-1] == defaults[len(values) - 1]:
            values.pop()
        return ":".join([self.name, *(f"{v:g}" for v in values)])

    def terms(self, batch: ReplayBatch) -> Float64:
        """Return ``(w, w², w r, w² r, r)``.

        Raises
        ------
        InputError
            If a weight exceeds its declared range.
        """
        weight = needed(batch, "weight", self.name)
        # a propensity at the floor may give a weight a rounding error above its bound
        slack = 1e-9 * max(self.weight_high, 1.0) if math.isfinite(self.weight_high) else 0.0
        if len(weight) and not (
            self.weight_low - 1e-9 <= weight.min() and weight.max() <= self.weight_high + slack
        ):
            raise InputError(
                f"`ReplayBatch.weight` must be within `CressieRead`'s [{self.weight_low:g}, "
                f"{self.weight_high:g}], got [{weight.min():g}, {weight.max():g}]; "
                "declare the range that the weights can have"
            )
        weighted = weight * batch.reward
        return np.stack([weight, weight * weight, weighted, weight * weighted, batch.reward], axis=1)

    def combine(self, mean: Float64) -> Float64:
        """Return the value as if there were infinitely many rows, so that the unseen row has no mass."""
        return self._clipped(self._likeliest(mean, np.asarray(np.inf)))

    def of_rows(self, mean: Float64) -> Float64:
        """Return the value from means of `rows`, given as many events as were added."""
        return self._clipped(self._of_rows(mean))

    def gradient(self) -> Float64:
        """Return the derivative of the value before clipping, on its side of weights averaging 1."""
        return self._gradient(self._of_rows)

    def _of_rows(self, mean: Float64) -> Float64:
        # the number that was added, so that sums of rows by cluster have the same value as the rows
        events = self.moments.n * self.moments.mean[0] if self.moments.n else np.inf
        return self._likeliest(mean[..., 1:] / mean[..., :1], np.asarray(events))

    def _clipped(self, value: Float64) -> Float64:
        value = np.where(np.real(value) < self.reward_low, self.reward_low, value)
        return np.where(np.real(value) > self.reward_high, self.reward_high, value)

    def _likeliest(self, mean: Float64, events: Float64) -> Float64:
        """Return the value before clipping from means of terms and the number of events, N."""
        w, ww, wr, wwr, r = (mean[..., j] for j in range(5))
        below = np.real(w) < 1.0
        # an unseen weight without bound takes a share of 1 − w̄ at no mass, and leaves the rows equal
        free = below & np.isinf(self.weight_high)
        unseen = np.where(below & ~free, self.weight_high, self.weight_low)
        share = 1.0 / (events + 1.0)
        a = w + (unseen - w) * share
        b = ww + (unseen**2 - ww) * share
        spread = b - a * a
        flat = np.real(spread) <= 0.0
        g = np.where(flat, 0.0, (1.0 - a) / np.where(flat, 1.0, spread))
        rows = (1.0 - share) * ((1.0 - g * a) * wr + g * wwr)
        missing = share * unseen * (1.0 + g * (unseen - a))
        return np.where(free, wr + (1.0 - w) * r, rows + missing * r)
