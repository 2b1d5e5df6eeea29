"""Anytime-valid intervals by betting."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from ltrr._kernels.betting import bet
from ltrr.errors import InputError
from ltrr.metrics.intervals import Interval
from ltrr.replay.estimators.base import Estimator
from ltrr.replay.intervals.bounded import NO_BOUND, NO_RANGE, check_range
from ltrr.replay.intervals.level import COUNTED, check_seen, tail
from ltrr.types import Bool, Float64, Int64

__all__ = ["ConfidenceSequence"]

_ENDS = np.geomspace(1e-6, 1.0 / 512.0, 256, endpoint=False)
CANDIDATES = np.concatenate([_ENDS, np.arange(1, 512) / 512.0, 1.0 - _ENDS[::-1]])
"""Candidates as shares of the range of values: evenly spaced, and finely where rewards are rare or sure."""

_LOG = math.log(2.0 / 0.05)
"""Stakes are tuned for 95 %; the intervals hold at every level."""


@dataclass
class ConfidenceSequence:
    """An interval that holds at all numbers of rows at once: one may look at any time and stop.

    For each candidate value v a gambler who believes that the mean is larger bets on the rows in their order,
    ``K_t(v) = Π_i (1 + λ_i(v) (x_i − v))`` with stakes that depend on earlier rows only, ``λ_i(v) =
    min(sqrt(2 ln(2/α) / (σ̂²_{i−1} i ln(1 + i))), 1 / (2 v))``. Were v the mean, or larger, K would be a
    non-negative supermartingale, which reaches 2/α with probability at most α/2; v is ruled out while
    ``K_t(v) >= 2/α``. A second gambler does the same from above.

    Both need terms that are bounded on one side only. For ``snips`` and ``slate-snips`` the gamblers bet on
    ``w (r − low)`` and ``w (high − r)``, which are >= 0 however large the weight, and whose means are ``V −
    low`` and ``high − V`` because weights average 1: no weight bound is needed, and the interval is one for
    V. Means of bounded terms (``ips``, ``dr``, their `Difference`…) need the declared ``weight_bound`` from
    above; without it ``ips`` gets a low end, and the largest possible value as high end. With a known bound
    and rare rewards the interval of ``ips`` is the narrower one from above.

    Rows may be dependent: it is enough that each row's terms have the right mean given all before it, as when
    the logging policy learns. `merge` multiplies the capitals of two parts, which is a capital again; the
    second part's stakes did not know the first, so the interval is wider than that of one pass: half as wide
    again for two halves of 4,000 rows.

    Parameters
    ----------
    weight_bound : float or None
        Declared largest weight, >= 1.
    reward_range : (float, float) or None
        Declared range of a request's reward; without it no interval is given.
    estimator : Estimator or None
        The estimator whose rows are bet on; `fork` sets it.

    Raises
    ------
    InputError
        If a row lies outside the declared range.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.replay.estimators.batch import ReplayBatch
    >>> from ltrr.replay.estimators.snips import SNIPS
    >>> snips = SNIPS()
    >>> sequence = ConfidenceSequence(reward_range=(0.0, 1.0)).fork(snips)
    >>> batch = ReplayBatch(np.arange(1000), np.arange(1000) % 2.0, weight=np.ones(1000))
    >>> snips.add(batch)
    >>> sequence.add(snips.rows(batch), snips.keys(batch))
    >>> interval = sequence.interval(snips)
    >>> 0.43 < interval.low < 0.45, 0.55 < interval.high < 0.57
    (True, True)

    References
    ----------
    Waudby-Smith, Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86(1), 2024,
    sections 4.2 and 4.3; Waudby-Smith, Wu, Ramdas, Karampatziakis, Mineiro, "Anytime-valid off-policy
    inference for contextual bandits", ACM/IMS Journal of Data Science 1(3), 2024, section 2.
    """

    clustered: ClassVar[bool] = False

    weight_bound: float | None = None
    reward_range: tuple[float, float] | None = None
    estimator: Estimator | None = None
    n: int = field(default=0, init=False, repr=False)
    counted: bool = field(default=False, init=False, repr=False)
    capital: Float64 = field(init=False, repr=False)
    state: Float64 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_range("ConfidenceSequence", self.weight_bound, self.reward_range)
        self.capital = np.zeros((2, len(CANDIDATES)))
        self.state = np.zeros((2, 3))

    @property
    def name(self) -> str:
        """``confidence-sequence``."""
        return "confidence-sequence"

    def fork(self, estimator: Estimator | None = None) -> ConfidenceSequence:
        """Return a sequence with the same parameters that has seen nothing, for an estimator's rows."""
        return replace(self, estimator=self.estimator if estimator is None else estimator.fork())

    def _ends(self) -> tuple[float, float] | None:
        """Return the range of the value: that of the term where no weight is above 1."""
        if self.reward_range is None or self.estimator is None:
            return None
        if self.estimator.ratio:
            return self.reward_range
        return self.estimator.bounds(1.0, *self.reward_range)

    def _sides(self, rows: Float64) -> list[tuple[Float64, float] | None]:
        """Return what to bet on from below and from above, >= 0, with its value where the estimate is 0."""
        ends = self._ends()
        if ends is None or self.estimator is None or self.reward_range is None:
            return [None, None]
        term = rows[:, 1]
        if self.estimator.ratio:
            low, high = ends
            return [(term - low * rows[:, 2], -low), (high * rows[:, 2] - term, high)]
        if self.weight_bound is not None:
            low, high = self.estimator.bounds(self.weight_bound, *self.reward_range) or ends
            return [(term - low, -low), (high - term, high)]
        twice = self.estimator.bounds(2.0, *self.reward_range) or ends
        return [
            (term - ends[0], -ends[0]) if twice[0] == ends[0] else None,
            (ends[1] - term, ends[1]) if twice[1] == ends[1] else None,
        ]

    def add(self, rows: Float64, key: Int64) -> None:
        """Take in rows (requests, k + 1) in the order in which they were logged.

        Raises
        ------
        InputError
            If no estimator was given, or a row lies outside the declared range.
        """
        del key
        if self.estimator is None:
            raise InputError("`ConfidenceSequence` must know whose rows it sees: make it by fork(estimator)")
        self.n += len(rows)
        self.counted = self.counted or bool((rows[:, 0] != 1.0).any())
        ends = self._ends()
        # rows with counts get no interval, and lie beyond the range of one event
        if ends is None or len(rows) == 0 or self.counted:
            return
        value = ends[0] + (ends[1] - ends[0]) * CANDIDATES
        for side, bets in enumerate(self._sides(rows)):
            if bets is None:
                continue
            x, at_zero = bets
            if x.min() < -1e-9 * (ends[1] - ends[0]):
                raise InputError(
                    f"`ConfidenceSequence`: rows of `{self.estimator.label}` lie outside the range that "
                    f"follows from weight_bound={self.weight_bound} and reward_range={self.reward_range}; "
                    "correct them"
                )
            mean = at_zero + (value if side == 0 else -value)
            prior = np.array([at_zero + (0.5 if side == 0 else -0.5) * (ends[0] + ends[1]), 0.0])
            prior[1] = 0.25 * (ends[1] - ends[0]) ** 2
            bet(np.maximum(x, 0.0), mean, _LOG, prior, self.state[side], self.capital[side])

    def merge(self, other: ConfidenceSequence) -> None:
        """Take in what another sequence of the same parameters has seen of other rows."""
        if (other.weight_bound, other.reward_range) != (self.weight_bound, self.reward_range):
            raise InputError(f"`{self!r}` cannot be merged with `{other!r}`: other bounds")
        self.n += other.n
        self.counted = self.counted or other.counted
        self.capital += other.capital
        self.state += other.state

    def interval(self, estimator: Estimator, level: float = 0.95) -> Interval | None:
        """Return the values that no gambler has ruled out, rounded outwards to the grid.

        None where rows stand for more or fewer events than one, where the estimate is neither SNIPS nor a
        mean of bounded terms, where no range was declared, and where nothing bounds the terms on either side.
        """
        outside = tail(level)
        check_seen("ConfidenceSequence", self.n, estimator)
        ends = self._ends()
        sides = self._sides(np.zeros((0, 3)))
        if self.counted or self.n == 0 or ends is None or sides == [None, None]:
            return None
        value = ends[0] + (ends[1] - ends[0]) * CANDIDATES
        # capital falls as the candidate nears what was bet against, so what is ruled out is one piece
        lost = self.capital >= -math.log(outside)
        low = ends[0] if not lost[0, 0] else float(value[_run(lost[0]) - 1])
        high = ends[1] if not lost[1, -1] else float(value[len(value) - _run(lost[1, ::-1])])
        return Interval(estimator.value(), min(low, high), max(low, high), self.n)

    def lacks(self, estimator: Estimator) -> str:
        """Return what is missing for an interval, "" where there is one."""
        if self.counted:
            return COUNTED
        if not estimator.ratio and estimator.bounds(1.0, 0.0, 1.0) is None:
            return "needs snips, slate-snips or a mean of bounded terms, such as ips, clipped-ips or dr"
        if self.reward_range is None:
            return NO_RANGE
        if self.n == 0:
            return "needs at least one request"
        return NO_BOUND if self._sides(np.zeros((0, 3))) == [None, None] else ""


def _run(ruled_out: Bool) -> int:
    """Return how many candidates are ruled out before the first that is not."""
    return len(ruled_out) if ruled_out.all() else int(np.argmin(ruled_out))
