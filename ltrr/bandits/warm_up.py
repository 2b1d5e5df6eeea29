"""The declared logging policy of the warm-up: every slot to a random arm, in either action space."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from ltrr.types import ActionSet, Float64

__all__ = ["warm_up"]


def warm_up(actions: ActionSet, space: str) -> Float64:
    """Return the probabilities (N,) by which each slot would go to a uniformly random arm.

    Over slabs that is 1/n for each action. Over allocations it is the distribution of the quota that S such
    slots give, ``S! / Π q_a! · R^−S``, normalised over the quotas on offer, so that policies of both spaces
    have the same warm-up and their regrets can be compared from the first round.

    Parameters
    ----------
    actions : ActionSet
        Actions of B requests; with quotas where ``space`` is ``"allocations"``.
    space : str
        ``"slabs"`` or ``"allocations"``.

    Examples
    --------
    >>> import numpy as np
    >>> quota = np.array([[0, 2], [1, 1], [2, 0]])
    >>> warm_up(ActionSet([0, 3], [0, 1, 2], np.zeros((3, 0)), (), 3, quota), "allocations").tolist()
    [0.25, 0.5, 0.25]
    """
    weight = np.ones(len(actions.action))
    if space == "allocations" and actions.quota is not None:
        slots = actions.quota.sum(axis=1)
        weight = np.round(np.exp(gammaln(slots + 1) - gammaln(actions.quota + 1).sum(axis=1)))
    row = np.repeat(np.arange(len(actions)), np.diff(actions.indptr))
    total = np.bincount(row, weights=weight, minlength=len(actions))
    return np.asarray(weight / total[row])
