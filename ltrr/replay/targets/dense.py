"""Probabilities in a column an action."""

from __future__ import annotations

import numpy as np

from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.replay.targets.distribution import checked
from ltrr.types import Float64, row_of

__all__ = ["of_matrix"]

_DUST = 1e-9
"""Mass on an ineligible action that rounding leaves."""


def of_matrix(name: str, events: Events, matrix: Float64) -> Float64:
    """Return the rows of a matrix with a column an action, ragged like ``events.actions``.

    Parameters
    ----------
    name : str
        What the policy is called in messages.
    events : Events
    matrix : float64 (n, A)
        Columns in the order of the log's actions; NaN counts as 0 where the action was not eligible.

    Raises
    ------
    InputError
        If an action that was not eligible has mass, or a row is not a distribution.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> space = Space(("a", "b", "c"))
    >>> one = Events(space, [1], [1], [1], [1], indptr=[0, 2], eligible=[2, 1])
    >>> of_matrix("new", one, np.array([[0.0, 0.25, 0.75]])).tolist()
    [0.75, 0.25]
    """
    if events.eligible is None or events.indptr is None:
        return checked(name, events, matrix)
    row = row_of(events.indptr)
    stray = np.abs(matrix) > _DUST
    stray[row, events.eligible] = False
    if stray.any():
        i, j = (int(at[0]) for at in np.nonzero(stray))
        raise InputError(
            f"`{name}` must give actions that were not eligible the probability 0, and gives "
            f"{events.space.actions[j]!r} {matrix[i, j]:.6g} in row {int(events.row[i])}; set it to 0 and "
            "let the rest of the row sum to 1"
        )
    return checked(name, events, matrix[row, events.eligible])
