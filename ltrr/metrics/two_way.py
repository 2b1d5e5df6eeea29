"""Intervals for means over requests, whose seeds and topics are both drawn at random.

An interval over seeds says how far other random numbers would move a mean on the same topics. Topics are a
sample too: another collection of the same kind has others. The pigeonhole bootstrap draws seeds and topics
with replacement, independently of each other, and weighs the requests of a cell (seed, topic) by the product
of how often both were drawn.

Measured coverage of 95 % intervals, 1,000 data sets each, 1,000 resamples, 2,000 requests a seed. T' is the
effective number of topics, 1 / Σ p². All seeds have the same traffic, or each its own order of topics.
Effects of topics, of seeds, of both, or of each pair of seed and topic (cells) dominate; they are normal, or
exponential (skewed). Intervals: percentiles of the bootstrap; both, that is `two_way_bootstrap`; and
Student's over seeds alone.

==  ====  ===============  ================  ================  ================
..  ....  ...............  5 seeds           10 seeds          20 seeds
T'  order effects          pct   both  seed  pct   both  seed  pct   both  seed
==  ====  ===============  ================  ================  ================
10  same  topics            .93   .97   .36   .91   .92   .23   .93   .94   .15
10  same  seeds             .88   .95   .94   .93   .94   .93   .94   .94   .89
10  same  both              .94   .97   .77   .95   .94   .58   .93   .92   .45
10  same  cells             1.0   .99   .94   1.0   .98   .95   1.0   .99   .94
10  same  noise             1.0   1.0   .96   1.0   .98   .95   1.0   .98   .95
10  same  topics, skewed    .91   .94   .37   .89   .89   .23   .89   .90   .15
10  own   topics            .97   .99   .90   .98   .97   .80   .97   .95   .66
10  own   seeds             .91   .96   .96   .94   .94   .94   .96   .94   .94
10  own   both              .97   .98   .93   .98   .96   .89   .98   .96   .83
10  own   cells             .99   .99   .94   1.0   .97   .95   1.0   .97   .95
10  own   noise             1.0   1.0   .94   1.0   .97   .94   1.0   .97   .96
10  own   topics, skewed    .97   .97   .87   .97   .95   .79   .96   .94   .68
40  same  topics            .94   .99   .48   .92   .95   .30   .93   .95   .20
40  same  seeds             .86   .95   .95   .90   .94   .94   .94   .94   .93
40  same  both              .93   .97   .83   .95   .95   .73   .95   .94   .56
40  same  cells             1.0   .99   .95   1.0   .98   .95   1.0   .97   .96
40  same  noise             1.0   1.0   .96   1.0   .98   .95   1.0   .97   .95
40  same  topics, skewed    .91   .96   .50   .93   .94   .32   .90   .91   .21
40  own   topics            .97   .99   .87   .97   .97   .74   .97   .97   .62
40  own   seeds             .86   .95   .95   .92   .95   .95   .93   .94   .94
40  own   both              .96   .97   .92   .96   .95   .86   .98   .95   .84
40  own   cells             1.0   .99   .94   1.0   .98   .96   1.0   .96   .94
40  own   noise             1.0   1.0   .94   1.0   .98   .94   1.0   .96   .94
40  own   topics, skewed    .97   .98   .85   .97   .97   .74   .96   .96   .59
==  ====  ===============  ================  ================  ================

An interval over seeds alone covers where topics do not matter; where they do, it misses more often the more
seeds there are. Percentiles cover too little with few seeds. Where cells or single requests scatter most, the
bootstrap counts them three times, so its percentiles are 1.7 times too wide; `two_way_bootstrap` corrects
that. Where topics differ by a few large effects, none covers fully. Where topics do not matter,
`two_way_bootstrap` is 1.0 to 1.2 times as wide as the interval over seeds, so little is lost by it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.metrics.intervals import Interval
from ltrr.types import Float64

__all__ = ["CrossedMean", "Resamples", "two_way_bootstrap"]

FEWEST_TOPICS = 2.0
"""With fewer effective topics than this nothing is known of their spread."""


@dataclass(frozen=True)
class CrossedMean:
    """A mean over requests of S seeds and T topics, or a sum or difference of such means.

    Parameters
    ----------
    mean : float
        The estimate.
    influence : float64 (S, T)
        What each cell adds to the estimate's error; it sums to zero.
    resampled : float64 (n_resamples,)
        The estimate in each resample.
    share : float64 (T,)
        Share of each topic in the requests.

    Examples
    --------
    >>> draws = Resamples.draw(2, 3, rng=np.random.default_rng(0))
    >>> mean = draws.mean(np.array([[1.0, 0.0, 2.0], [1.0, 1.0, 2.0]]), np.ones((2, 3)) * 2)
    >>> round(mean.mean, 4), mean.effective_topics
    (0.5833, 3.0)
    >>> (mean - mean).interval()
    Interval(mean=0.0, low=0.0, high=0.0, n=2)
    """

    mean: float
    influence: Float64
    resampled: Float64
    share: Float64

    def __add__(self, other: CrossedMean) -> CrossedMean:
        return CrossedMean(
            self.mean + other.mean,
            self.influence + other.influence,
            self.resampled + other.resampled,
            (self.share + other.share) / 2.0,
        )

    def __sub__(self, other: CrossedMean) -> CrossedMean:
        return self + CrossedMean(-other.mean, -other.influence, -other.resampled, other.share)

    @property
    def effective_topics(self) -> float:
        """``1 / Σ p²`` over the topics' shares."""
        return float(1.0 / (self.share**2).sum())

    def interval(self, level: float = 0.95) -> Interval:
        """Return the estimate with its interval, as `two_way_bootstrap` describes it."""
        n_seeds, topics = len(self.influence), self.effective_topics
        if n_seeds == 1 or topics < FEWEST_TOPICS:
            return Interval(self.mean, -np.inf, np.inf, n_seeds)
        by_seed = float((self.influence.sum(axis=1) ** 2).sum())
        by_topic = float((self.influence.sum(axis=0) ** 2).sum())
        seeds = by_seed * n_seeds / (n_seeds - 1)
        both = seeds + by_topic * topics / (topics - 1)
        small = both / (by_seed + by_topic) if by_seed + by_topic > 0.0 else 1.0
        variance = float(self.resampled.var()) * small - 2.0 * float((self.influence**2).sum())
        error = float(np.sqrt(max(variance, seeds, both - seeds)))
        half = _student(min(n_seeds, topics) - 1.0, level) * error
        return Interval(self.mean, self.mean - half, self.mean + half, n_seeds)


@dataclass(frozen=True)
class Resamples:
    """How often each seed and each topic was drawn in each resample, for any number of means.

    Parameters
    ----------
    seeds : float64 (n_resamples, S)
    topics : float64 (n_resamples, T)

    Examples
    --------
    >>> draws = Resamples.draw(5, 40, rng=np.random.default_rng(0), n_resamples=100)
    >>> draws.seeds.sum(axis=1).max().item(), draws.topics.shape
    (5.0, (100, 40))
    """

    seeds: Float64
    topics: Float64

    @staticmethod
    def draw(n_seeds: int, n_topics: int, *, rng: np.random.Generator, n_resamples: int = 1000) -> Resamples:
        """Draw seeds and topics with replacement, independently of each other."""
        _check.integer("n_resamples", n_resamples, low=100)
        return Resamples(_drawn(rng, n_seeds, n_resamples), _drawn(rng, n_topics, n_resamples))

    def total(self, values: Float64) -> Float64:
        """Return the sum of values (S, T) in each resample."""
        return np.asarray(np.einsum("bs,sb->b", self.seeds, values @ self.topics.T))

    def mean(self, sums: Float64, counts: Float64, drawn: Float64 | None = None) -> CrossedMean:
        """Return the mean over requests; ``drawn`` is `total` of the counts where several means share it.

        Raises
        ------
        InputError
            If the shapes differ from what was drawn, a count is negative or no request is left.
        """
        shape = (self.seeds.shape[1], self.topics.shape[1])
        sums, counts = (
            _check.array(name, value, np.float64, shape)
            for name, value in (("sums", sums), ("counts", counts))
        )
        n = float(counts.sum())
        if not (np.isfinite(sums).all() and n > 0.0 and counts.min() >= 0.0):
            raise InputError("`counts` must be numbers >= 0, one of them positive, and `sums` finite")
        mean = float(sums.sum()) / n
        influence = (sums - mean * counts) / n
        drawn = self.total(counts) if drawn is None else drawn
        # a resample without a request says nothing
        error = np.divide(n * self.total(influence), drawn, out=np.zeros(len(drawn)), where=drawn > 0.0)
        return CrossedMean(mean, influence, mean + error, counts.sum(axis=0) / n)


def two_way_bootstrap(
    sums: Float64, counts: Float64, *, rng: np.random.Generator, level: float = 0.95, n_resamples: int = 1000
) -> Interval:
    """Return a mean over requests with an interval over seeds and topics.

    ``mean ± t √V`` with Student's quantile of ``min(S, T') − 1`` degrees of freedom, where ``T' = 1 / Σ p²``
    is the effective number of topics. V is the variance of the resampled mean, with the factors
    ``S / (S − 1)`` and ``T' / (T' − 1)`` of small samples, minus twice the sum of the cells' squared
    influences, which the bootstrap counts three times; it is at least the variance between seeds, and at
    least that between topics. The interval is infinite for one seed, or for fewer than two effective topics.

    Parameters
    ----------
    sums : float64 (S, T)
        Sum of the values of the requests of each seed and topic.
    counts : float64 (S, T)
        Number of these requests; 0 where a topic is not in the traffic of a seed.
    rng : numpy Generator
        For the resamples.
    level : float
        Confidence level in (0, 1).
    n_resamples : int
        Number of resamples, at least 100.

    Raises
    ------
    InputError
        If the tables differ in shape, no request is left, or a value is not finite.

    Examples
    --------
    Two topics of three requests a seed: one earns 1, the other nothing, on every seed.

    >>> sums = np.array([[3.0, 0.0], [3.0, 0.0], [3.0, 0.0]])
    >>> found = two_way_bootstrap(sums, np.full((3, 2), 3.0), rng=np.random.default_rng(0))
    >>> found.mean, bool(found.low < -5.0)
    (0.5, True)

    References
    ----------
    Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1(2), 2007, section 4. Cameron, Gelbach
    and Miller, "Robust inference with multiway clustering", JBES 29(2), 2011, section 2.
    """
    if np.ndim(sums) != 2 or np.shape(sums) != np.shape(counts):
        raise InputError(
            f"`sums` and `counts` must be tables of one shape (seeds, topics), got {np.shape(sums)} and "
            f"{np.shape(counts)}"
        )
    if not 0.0 < _check.number("level", level, low=0.0, high=1.0) < 1.0:
        raise InputError(f"`level` must lie between 0 and 1, got {level}")
    draws = Resamples.draw(*np.shape(sums), rng=rng, n_resamples=n_resamples)
    return draws.mean(sums, counts).interval(level)


def _drawn(rng: np.random.Generator, n: int, n_resamples: int) -> Float64:
    """Return how often each of n was drawn in each resample, (n_resamples, n)."""
    place = rng.integers(n, size=(n_resamples, n)) + np.arange(n_resamples)[:, None] * n
    return (
        np.bincount(place.reshape(-1), minlength=n * n_resamples).reshape(n_resamples, n).astype(np.float64)
    )


def _student(degrees: float, level: float) -> float:
    """Return a quantile of Student's distribution; its library is loaded here, where alone it is needed."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 + level / 2.0))
