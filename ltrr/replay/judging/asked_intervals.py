"""The intervals of an estimate: those asked for, and exact ones where these have no width."""

from __future__ import annotations

from dataclasses import dataclass

from ltrr.metrics.intervals import Interval
from ltrr.replay.estimators import Estimator
from ltrr.replay.intervals import IntervalMethod
from ltrr.replay.intervals.bounded import Bounded
from ltrr.replay.intervals.proportion import proportion_of_clusters
from ltrr.replay.judging.comparison import Comparison
from ltrr.replay.judging.entry import Entry
from ltrr.replay.judging.settings import Settings

__all__ = ["AskedIntervals"]

EXACT = "clopper-pearson"

_INDEPENDENT = "if they are, say cluster=None, --cluster none"


@dataclass(frozen=True)
class AskedIntervals:
    """The intervals that settings ask for, of a comparison's estimates.

    Parameters
    ----------
    comparison : Comparison
        Finished.
    settings : Settings

    Examples
    --------
    >>> import pyarrow as pa
    >>> from ltrr.logs import read
    >>> from ltrr.replay.judging.plan import Plan
    >>> log = read(pa.table({"action": [*"ab"] * 75, "reward": [0] * 150, "propensity": [0.5] * 150}))
    >>> settings = Settings(intervals=["asymptotic"])
    >>> comparison = Comparison(Plan.of(log, settings), [])
    >>> comparison.add(next(log.chunks()))
    >>> comparison.finish()
    >>> logged = comparison.logged[0]
    >>> [(name, round(found.high, 4)) for name, found, _ in AskedIntervals(comparison, settings).of(logged)]
    [('asymptotic', 0.0)]
    >>> [(name, round(found.high, 4)) for name, found, _ in
    ...  AskedIntervals(comparison, settings).of(logged, logged=logged)]
    [('clopper-pearson', 0.0243)]
    """

    comparison: Comparison
    settings: Settings

    def of(
        self, entry: Entry, largest_weight: float | None = None, *, logged: Entry | None = None
    ) -> list[tuple[str, Interval | None, str]]:
        """Return every interval asked for, in the order asked for: name, interval, and why there is none.

        Where rewards are 0 or 1 and nothing is reweighted, the exact interval of a proportion is the default,
        and takes the place of any other without width: 0 of 150 does not show that there is none.
        """
        exact = self.exact(logged) if logged is not None else None
        asked = [
            _one(method, entry.estimator, self.settings.level, largest_weight) for method in entry.methods
        ]
        joint = self.comparison.joint
        if joint.bootstrap is not None and joint.knows(entry.estimator):
            resampled = joint.resampled(entry.estimator, self.settings.level)
            why = "" if resampled is not None else joint.bootstrap.lacks(entry.estimator)
            asked.append((joint.bootstrap.name, resampled, why))
        default = not self.settings.intervals
        return [
            (EXACT, exact, "") if exact and (default or _flat(found)) else (name, found, note)
            for name, found, note in asked
        ]

    def shows_exact(self, entry: Entry) -> bool:
        """Return whether the interval shown is exact: by default, and where another has no width."""
        found = self.exact(entry)
        return found is not None and (not self.settings.intervals or found.mean in (0.0, 1.0))

    def exact(self, entry: Entry) -> Interval | None:
        """Return the exact interval of a proportion, None where an estimate is none or rows are dependent."""
        if entry.refused or not entry.estimator.proportion or not entry.estimator.moments.n:
            return None
        if self.comparison.sums is None:
            return entry.exact.interval(entry.estimator, self.settings.level)
        exact, clusters = entry.exact, entry.estimator.clusters
        # which clusters count is known only where all rows do
        if entry.estimator.weight or clusters is None or not exact.applies:
            return None
        if exact.successes not in (0, exact.trials):
            return None
        all_or_none = clusters.n if exact.successes else 0
        low, high = proportion_of_clusters(all_or_none, clusters.n, self.settings.level)
        return Interval(entry.estimator.value(), low, high, clusters.n)


def _flat(interval: Interval | None) -> bool:
    """Return whether an interval has no width."""
    return interval is not None and interval.low == interval.high


def _one(
    method: IntervalMethod, estimator: Estimator, level: float, largest_weight: float | None
) -> tuple[str, Interval | None, str]:
    """Return a method's interval, or why it gives none; a star marks the largest weight seen as the bound."""
    name = method.name
    if estimator.clusters is not None and not getattr(method, "clustered", False):
        return name, None, f"{name} needs independent rows, and those of a cluster are not; {_INDEPENDENT}"
    if isinstance(method, Bounded):
        star = "*" if method.assumes(estimator) else ""
        found = method.interval(estimator, level, largest_weight=largest_weight)
        name += star if found is not None else ""
    else:
        found = method.interval(estimator, level)
    why = getattr(method, "lacks", None)
    return name, found, "" if found is not None else why(estimator) if why else "it does not apply"
