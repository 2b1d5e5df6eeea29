"""Results of the tests of propensities against actions: one p-value, one effect, one clause."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ltrr.logs.propensity_halves import Halves
from ltrr.logs.propensity_sums import STAKES, PropensitySums
from ltrr.logs.propensity_tests import ROUNDING, SURPRISE, bennett, mean_evidence, normal_tail, upper_z
from ltrr.types import Bool, Float64

__all__ = ["KEYS", "Findings"]

KEYS = ("propensity_p", "propensity_mean", "propensity_bits", "propensity_scale", "calibration_p")

_TESTS = 4
"""Actions, actions in halves, distributions, bets: each is given a quarter of the false alarms."""


@dataclass(frozen=True)
class Findings:
    """Results by test; arrays by action and part of the log: all rows, upper halves, lower halves.

    Parameters
    ----------
    mean, p : float64 (A, 1 + 2C)
        Mean of 1{a}/p, and p-value of a mean of at most 1.
    total, p_total : float
        Mean of 1/p over the number of eligible actions, and the same p-value.
    taken, expected, p_distribution : float64 (A,), (A,), float or None
        Actions taken, actions expected by the logged distributions, p-value; None where these are not logged.
    evidence, bits : float or None
        ln of the capital of bets on the actions, and log2 of the least mean of predicted over stated
        probability that they show; None where rows have different counts.

    Examples
    --------
    >>> from ltrr.logs.events import Events, Space
    >>> space, p = Space(("a", "b")), np.full(100, 0.5)
    >>> action = np.arange(100) % 10 == 0
    >>> events = Events(space, np.arange(100), np.arange(100), action, action, p)
    >>> sums = PropensitySums(2, 1, Halves.of(events.context, 2, ragged=False))
    >>> sums.add(events)
    >>> Findings.of(sums).mean[:, 0].tolist()
    [1.8, 0.2]
    """

    mean: Float64
    p: Float64
    total: float
    p_total: float
    taken: Float64
    expected: Float64
    p_distribution: float | None
    evidence: float | None
    bits: float | None

    @staticmethod
    def of(sums: PropensitySums) -> Findings:
        """Test sums over at least one row."""
        chosen, eligible = sums.chosen().transpose(1, 0, 2), sums.eligible().transpose(1, 0, 2)
        mean, z = upper_z(chosen, eligible[:2])
        p = np.array([normal_tail(float(x)) for x in z.reshape(-1)]).reshape(z.shape)
        off, squares, eligible_rows = sums.inverse
        total = float(1.0 + off / eligible_rows)
        z_total = (
            (off - ROUNDING * eligible_rows) / math.sqrt(squares) if squares > 1e-12 * eligible_rows else 0.0
        )
        distribution = None
        if sums.full:
            parts = bennett(chosen[0], eligible, sums.largest)
            distribution = min(1.0, float(parts.min()) * parts.size)
        evidence, bits = (None, None) if sums.sampled else _evidence(sums)
        expected = eligible[2, :, 0]
        return Findings(
            mean, p, total, normal_tail(z_total), chosen[0, :, 0], expected, distribution, evidence, bits
        )

    @property
    def by_action(self) -> Float64:
        """P-values of the actions over all rows, of all tests together."""
        return np.minimum(self.p[:, 0] * (len(self.p) + 1) * _TESTS, 1.0)

    @property
    def by_half(self) -> Float64:
        """P-values of the actions in halves of the context, of all tests together."""
        return np.minimum(self.p[:, 1:] * self.p[:, 1:].size * _TESTS, 1.0)

    @property
    def by_total(self) -> float:
        """P-value of the mean of 1/p over the number of actions, of all tests together."""
        return min(1.0, self.p_total * (len(self.p) + 1) * _TESTS)

    @property
    def by_bets(self) -> float:
        """P-value of the bets, of all tests together."""
        return 1.0 if self.evidence is None else min(1.0, _TESTS * math.exp(-max(self.evidence, 0.0)))

    @property
    def by_distribution(self) -> float:
        """P-value of the logged distributions, of all tests together."""
        return 1.0 if self.p_distribution is None else min(1.0, _TESTS * self.p_distribution)

    def summary(self) -> dict[str, float | None]:
        """Return one p-value of all tests, and effects: means that chance does not explain, bits of bets."""
        ps = (self.by_action.min(), self.by_half.min(initial=1.0), self.by_total, self.by_bets)
        means = [1.0, *self.mean[:, 0][_sure(self.by_action)], *self.mean[:, 1:][_sure(self.by_half)]]
        if self.by_total < SURPRISE:
            means.append(self.total)
        found = (
            min(*map(float, ps), self.by_distribution),
            float(max(means)),
            self.bits,
            self.total,
            self.p_distribution,
        )
        return dict(zip(KEYS, found, strict=True))

    def text(self, names: Sequence[str], columns: Sequence[str], halves: Halves) -> str:
        """Return where propensities and actions differ most, in one clause."""
        if _sure(self.by_action).any():
            return self._actions(names)
        half = _sure(self.by_half)
        if half.any():
            a, h = divmod(int(np.where(half, self.mean[:, 1:], 0.0).argmax()), half.shape[1])
            return f"mean of 1/p of {names[a]!r} where {halves.name(h, columns)}: {self.mean[a, 1 + h]:.2f}"
        if self.by_total < SURPRISE:
            return f"1/p averages {self.total:.3g} times the number of eligible actions"
        if self.by_bets < SURPRISE:
            return f"shares in earlier rows average {2.0 ** (self.bits or 0.0):.3g} times the propensities"
        if self.by_distribution < SURPRISE:
            a = int(np.abs(self.taken - self.expected).argmax())
            return f"{names[a]!r} was taken {self.taken[a]:,.0f} times, {self.expected[a]:,.0f} expected"
        return self._actions(names)

    def _actions(self, names: Sequence[str]) -> str:
        """Name the action whose mean is above 1 the most surely, and the one with the lowest mean."""
        shown = dict.fromkeys((int(self.p[:, 0].argmin()), int(self.mean[:, 0].argmin())))
        return "mean of 1/p per action: " + ", ".join(f"{names[a]!r} {self.mean[a, 0]:.2f}" for a in shown)


def _evidence(sums: PropensitySums) -> tuple[float, float]:
    """Return ln of the mean capital of all bets, and log2 of the least mean of r that one shows.

    By Jensen's inequality the mean of r, predicted over stated, is at least 1 + (e^g − 1) / s for a bet of
    stake s whose logarithm grows by g a row; for a stake of 1, the likelihood ratio, that is e^g.
    """
    least = 1.0 + np.expm1(sums.capital / sums.n) / STAKES
    bits = float(np.log2(least.max())) if least.max() > 0.0 else 0.0
    return mean_evidence(sums.capital.reshape(-1).tolist()), bits


def _sure(p: Float64) -> Bool:
    out: Bool = p < SURPRISE
    return out
