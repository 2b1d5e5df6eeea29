"""The Poisson bootstrap."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from ltrr import _check
from ltrr._kernels.bootstrap import BLOCK, poisson_sums
from ltrr.errors import InputError
from ltrr.metrics.intervals import Interval
from ltrr.replay.estimators.base import Estimator
from ltrr.replay.intervals.level import FEW, check_seen, tail
from ltrr.rng import Streams
from ltrr.types import Float64, Int64

__all__ = ["PoissonBootstrap"]


@dataclass
class PoissonBootstrap:
    """Percentiles of the estimate over resamples in which request i counts ``p_i ~ Poisson(1)`` times.

    Resample b of an estimator with rows ``x_i`` is ``of_rows(Σ_i p_i(b) x_i / n)``. A weight is a function of
    the seed, the request's key and b, so chunks, their order and merging do not change the intervals (up to
    rounding), and estimates of two policies on one log are resampled together. Its memory is n_resamples
    numbers a column. Where rows of a cluster are dependent, give them one key: they are then resampled
    together, and clusters are what varies.

    Percentiles miss on the same side as normal intervals where few large weights dominate the estimate. There
    BCa and studentised percentiles were tried in their place, on four kinds of skewed logs (largest weights
    700 and 8,700; 1,000 rows, 300 logs, and 10,000 rows, 120 logs). Percentiles covered IPS in 83 to 88 % and
    SNIPS in 92 %; BCa IPS in 86 to 88 % and SNIPS in 89 to 95 %; studentised ones IPS in 86 to 90 % and SNIPS
    in 92 to 93 %, 2 to 4.6 times (IPS) and 1.4 to 1.6 times (SNIPS) as wide. None is worth its cost.

    Drawing costs more than adding, so one bootstrap can serve many estimators: give `add` their rows joined
    column by column, and `interval` the first column of each.

    Parameters
    ----------
    n_resamples : int
        Number of resamples B, at least 100.
    seed : int
        Seed of the weights.

    Raises
    ------
    InputError
        If a parameter is out of range, or rows change their width.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.replay.estimators.batch import ReplayBatch
    >>> from ltrr.replay.estimators.snips import SNIPS
    >>> batch = ReplayBatch(np.arange(500), np.arange(500.0) % 2, weight=np.ones(500))
    >>> snips, bootstrap = SNIPS(), PoissonBootstrap(seed=1)
    >>> snips.add(batch)
    >>> bootstrap.add(snips.rows(batch), snips.keys(batch))
    >>> interval = bootstrap.interval(snips)
    >>> interval.mean, 0.44 < interval.low < 0.47, 0.53 < interval.high < 0.56
    (0.5, True, True)

    References
    ----------
    Hanley, MacGibbon, "Creating non-parametric bootstrap samples using Poisson frequencies", Computer Methods
    and Programs in Biomedicine 83(1), 2006; Chamandy, Muralidharan, Najmi, Naidu, "Estimating uncertainty for
    massive data streams", Google technical report, 2012, section 3.
    """

    clustered: ClassVar[bool] = True

    n_resamples: int = 1000
    seed: int = 0
    n: int = field(default=0, init=False, repr=False)
    sums: Float64 | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        _check.integer("PoissonBootstrap.n_resamples", self.n_resamples, low=100)
        _check.integer("PoissonBootstrap.seed", self.seed, low=0)

    @property
    def name(self) -> str:
        """``bootstrap``."""
        return "bootstrap"

    def fork(self, estimator: Estimator | None = None) -> PoissonBootstrap:
        """Return a bootstrap with the same parameters that has seen nothing."""
        del estimator
        return replace(self)

    def add(self, rows: Float64, key: Int64) -> None:
        """Take in rows (requests, columns), of one estimator or of several joined, and their keys."""
        sums = self._room(rows.shape[1])
        k0, k1 = Streams(seed=self.seed).key("poisson bootstrap")
        poisson_sums(k0, k1, np.ascontiguousarray(key).view(np.uint64), np.ascontiguousarray(rows), sums)
        self.n += len(rows)

    def merge(self, other: PoissonBootstrap) -> None:
        """Take in what another bootstrap of the same parameters has seen.

        Raises
        ------
        InputError
            If number of resamples or seed differ.
        """
        if (other.n_resamples, other.seed) != (self.n_resamples, self.seed):
            raise InputError(f"`{self!r}` cannot be merged with `{other!r}`: other resamples")
        if other.sums is not None:
            sums = self._room(len(other.sums))
            sums += other.sums
            self.n += other.n

    def _room(self, width: int) -> Float64:
        """Return the sums, made when their width is first known; whole blocks are kept, spares unused."""
        if self.sums is None:
            self.sums = np.zeros((width, -(-self.n_resamples // BLOCK) * BLOCK))
        if len(self.sums) != width:
            raise InputError(f"`PoissonBootstrap.add` has seen rows of {len(self.sums)} columns, got {width}")
        return self.sums

    def resampled(self, estimator: Estimator, start: int = 0) -> Float64:
        """Return the estimate in each resample, (n_resamples,); NaN where no row has a weight.

        Parameters
        ----------
        estimator : Estimator
            The estimator.
        start : int
            First of its columns in the rows that were added.
        """
        check_seen("PoissonBootstrap", self.n, estimator)
        stop = start + estimator.moments.width
        if self.sums is None or not 0 <= start <= stop <= len(self.sums):
            have = 0 if self.sums is None else len(self.sums)
            raise InputError(
                f"`start` must leave columns {start} to {stop} within the {have} that were added"
            )
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(estimator.of_rows(self.sums[start:stop, : self.n_resamples].T / self.n))

    def interval(self, estimator: Estimator, level: float = 0.95, start: int = 0) -> Interval | None:
        """Return the percentile interval; None for fewer than two requests.

        Resamples without any weight have no value: they count as −inf for the low end, as inf for the
        high one.
        """
        outside = tail(level)
        if estimator.moments.n < 2:
            return None
        values = self.resampled(estimator, start)
        known = np.isfinite(values)
        # the high end is the low end of the negated values: as many resamples lie beyond either
        low = np.quantile(np.where(known, values, -np.inf), outside, method="inverted_cdf")
        high = -np.quantile(np.where(known, -values, -np.inf), outside, method="inverted_cdf")
        return Interval(estimator.value(), float(low), float(high), self.n)

    def lacks(self, estimator: Estimator) -> str:
        """Return what is missing for an interval: a second request, or nothing."""
        return FEW if estimator.moments.n < 2 else ""
