"""The reward of the rest of a slate, for every slot."""

from __future__ import annotations

import numpy as np

from ltrr import _check
from ltrr._kernels import slate
from ltrr.logs.events import Events
from ltrr.types import Float64

__all__ = ["rewards_to_go"]


def rewards_to_go(events: Events, weight: Float64 | None = None) -> Float64:
    """Return ``G_k = r_k + w_{k+1} G_{k+1}`` for every slot k, (n,): what a model for cascade-DR learns.

    Given context and slots up to k, its mean is the target policy's reward from slot k to the end. Without
    weights it is the logging policy's. Where requests have one slot it is the reward.

    Parameters
    ----------
    events : Events
    weight : float64 (n,), optional
        π / π_b of the chosen actions; ones if None.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.logs.events import Events, Space
    >>> key, reward = np.array([1, 1]), np.array([1.0, 2.0])
    >>> events = Events(Space(("a",), n_slots=2), np.array([1, 2]), key, np.zeros(2), reward)
    >>> rewards_to_go(events, np.array([9.0, 0.5])).tolist()
    [2.0, 2.0]

    References
    ----------
    Precup, Sutton, Singh, "Eligibility traces for off-policy policy evaluation", ICML 2000, section 3
    (importance sampling by decision).
    """
    w = np.ones(len(events)) if weight is None else weight
    w = _check.array("weight", w, np.float64, (len(events),))
    out = np.empty(len(events))
    slate.rewards_to_go(events.request_indptr, w, events.reward, out)
    return out
