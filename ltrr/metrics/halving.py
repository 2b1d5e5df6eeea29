"""Successive halving: the search for the best of many candidates under a budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import stats

from ltrr import _check
from ltrr.errors import InputError
from ltrr.types import Bool, Float64, Int64

__all__ = ["Halving", "clearly_worse", "successive_halving"]


@dataclass(frozen=True)
class Halving:
    """How a search by successive halving went.

    Parameters
    ----------
    survivors : int64 (n,)
        What the last rung kept, best first.
    values : float64 (n,)
        Their mean values on the last rung.
    rungs : tuple of int64 arrays
        The candidates that each rung evaluated.

    Examples
    --------
    >>> import numpy as np
    >>> found = Halving(np.array([2]), np.array([0.9]), (np.arange(4), np.array([2, 3])))
    >>> [len(rung) for rung in found.rungs], found.survivors.tolist()
    ([4, 2], [2])
    """

    survivors: Int64
    values: Float64
    rungs: tuple[Int64, ...]


def successive_halving(
    n_candidates: int,
    evaluate: Callable[[Int64, int], Float64],
    *,
    budgets: Sequence[int],
    keep: Sequence[int],
) -> Halving:
    """Search the best of many candidates: judge all cheaply, then fewer and fewer at greater expense.

    Parameters
    ----------
    n_candidates : int
        Number of candidates, at least 1.
    evaluate : callable
        ``evaluate(indices (n,), budget) -> values (n, s)``, one a seed, higher is better. All candidates of a
        rung share its seeds, which should be tuning seeds that no reported figure uses.
    budgets : sequence of int
        What each rung spends on a candidate (rounds, seeds), in the order of the rungs.
    keep : sequence of int
        How many candidates survive each rung at most, never rising. Those that are worse than the rung's best
        by an interval are dropped too, see `clearly_worse`; the search ends where one is left.

    Returns
    -------
    Halving
        Ties go to the lower index.

    Raises
    ------
    InputError
        If the rungs do not fit together or a value is not a finite number.

    Examples
    --------
    >>> import numpy as np
    >>> def near(i, budget):
    ...     return -np.abs(i - 2.2)[:, None] * np.ones(budget)
    >>> found = successive_halving(4, near, budgets=[1, 10], keep=[2, 1])
    >>> found.survivors.tolist(), [rung.tolist() for rung in found.rungs]
    ([2], [[0, 1, 2, 3], [2, 3]])

    References
    ----------
    Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", AISTATS
    2016, section 3.
    """
    _check.integer("n_candidates", n_candidates, low=1)
    sizes = [n_candidates, *keep]
    falling = all(1 <= after <= before for before, after in pairwise(sizes))
    if not budgets or len(budgets) != len(keep) or not falling:
        raise InputError(
            f"`keep` must fall from at most {n_candidates} to at least 1, one number for each of "
            f"{len(budgets)} budgets, got {keep}"
        )
    alive = np.arange(n_candidates, dtype=np.int64)
    values = np.zeros(n_candidates, np.float64)
    rungs = []
    for budget, size in zip(budgets, keep, strict=True):
        alive = np.sort(alive)
        rungs.append(alive)
        found = _check.array("evaluate(...)", evaluate(alive, budget), np.float64, (len(alive), None))
        if not np.isfinite(found).all():
            raise InputError("`evaluate` must return finite values, got NaN or infinity")
        values = found.mean(axis=1)
        best = np.lexsort((alive, -values))[:size]
        best = best[~clearly_worse(found[best])]
        alive, values = alive[best], values[best]
        if len(alive) == 1:
            break
    return Halving(alive, values, tuple(rungs))


def clearly_worse(values: Float64, level: float = 0.95) -> Bool:
    """Return which candidates are worse than the first by an interval, (n,).

    The interval is Student's, for differences to the first that are paired by seed; their variance is pooled
    over candidates, because three seeds say little of each one's own. Nobody is dropped on a single seed.

    Parameters
    ----------
    values : float64 (n, s)
        By candidate and seed; the first candidate has the highest mean.
    level : float
        Two-sided level of the interval.

    Examples
    --------
    >>> import numpy as np
    >>> clearly_worse(np.array([[0.80, 0.83, 0.81], [0.80, 0.82, 0.82], [0.60, 0.64, 0.62]])).tolist()
    [False, False, True]
    """
    n, s = values.shape
    if n == 1 or s == 1:
        return np.zeros(n, np.bool_)
    lost = values[0] - values
    spread = lost[1:].var(axis=1, ddof=1).mean()
    half = stats.t.ppf(0.5 + level / 2, (n - 1) * (s - 1)) * np.sqrt(spread / s)
    return np.asarray(lost.mean(axis=1) > half)
