"""Weights of an action's category, in place of the action."""

from __future__ import annotations

import numpy as np

from ltrr import _check
from ltrr._kernels.nuisance import category_masses
from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.types import Float64, Int32

__all__ = ["marginal_weights"]


def marginal_weights(events: Events, pi: Float64, logging: Float64, embedding: Int32) -> Float64:
    """Return the ratio of the policies' probabilities of the chosen action's category, (n,).

    ``w_i = Σ_{a : e(a) = e(a_i)} π(a | x_i) / Σ_{a : e(a) = e(a_i)} π_b(a | x_i)``. It lies between the
    smallest and the largest weight of the category's actions, and is right as a weight where the category
    carries all of an action's effect on the reward.

    Parameters
    ----------
    events : Events
    pi : float64 (N,)
        Target probabilities, ragged like ``events.actions``.
    logging : float64 (N,)
        Logged (or estimated) probabilities of the same shape.
    embedding : int32 (A,)
        Category of each action of the space.

    Raises
    ------
    InputError
        If lengths do not agree, or the logging policy gives a chosen category no probability.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.logs.events import Events, Space
    >>> one = np.array([1])
    >>> events = Events(Space(("a", "b", "c")), one, one, np.array([0]), np.array([1.0]))
    >>> pi, logging = np.array([0.1, 0.5, 0.4]), np.array([0.4, 0.4, 0.2])
    >>> marginal_weights(events, pi, logging, np.array([0, 0, 1])).round(12).tolist()
    [0.75]

    References
    ----------
    Saito, Joachims, "Off-policy evaluation for large action spaces via embeddings", ICML 2022, section 3.
    """
    actions = events.actions
    size = len(actions.action)
    category = _check.array("embedding", embedding, np.int32, (len(events.space.actions),))
    target = _check.array("pi", pi, np.float64, (size,))
    below = _check.array("logging", logging, np.float64, (size,))
    out = np.empty((len(events), 2))
    category_masses(actions.indptr, category[actions.action], events.place, target, below, out)
    bad = np.flatnonzero(~(out[:, 1] > 0))
    if len(bad):
        raise InputError(
            f"`logging` must give the chosen category a probability > 0, got {out[bad[0], 1]:g} in row "
            f"{int(events.row[bad[0]])} of the log; give estimated probabilities a floor"
        )
    return np.asarray(out[:, 0] / out[:, 1])
