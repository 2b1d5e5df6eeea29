"""The one place where actions are drawn."""

from __future__ import annotations

import numpy as np

from ltrr._kernels.draw import draw_rows
from ltrr.errors import InputError
from ltrr.types import ActionSet, Bool, Float64, Int64

__all__ = ["draw"]


def draw(
    actions: ActionSet,
    probabilities: Float64,
    u: Float64,
    *,
    u_audit: Float64 | None = None,
    audit: float = 0.0,
) -> tuple[Int64, Float64, Bool]:
    """Draw one action a request.

    Parameters
    ----------
    actions : ActionSet
        Actions of B requests.
    probabilities : float64, ragged like ``actions``
        What the policy states; each request's sum to 1 within 1e-9.
    u : float64 (B,)
        Uniforms for the draw.
    u_audit : float64 (B,), optional
        Uniforms that decide which rows are audit draws.
    audit : float in [0, 1]
        Share of rows drawn uniformly at random.

    Returns
    -------
    position : int64 (B,)
        Flat position of the drawn action.
    mixed : float64, ragged
        The distribution drawn from: (1 − audit)·stated + audit·uniform.
    audited : bool (B,)
        Rows drawn uniformly.

    Raises
    ------
    InputError
        Where stated probabilities are negative, not finite or do not sum to one.

    Examples
    --------
    >>> import numpy as np
    >>> two = ActionSet(np.array([0, 2]), np.array([0, 1]), np.zeros((2, 0)), (), 2)
    >>> position, mixed, _ = draw(two, np.array([.25, .75]), np.array([.3]))
    >>> int(position[0]), mixed.tolist()
    (1, [0.25, 0.75])
    """
    out = np.empty(len(actions), np.int64)
    mixed = np.empty(len(probabilities), np.float64)
    if len(probabilities) != len(actions.action):
        raise InputError(
            f"`probabilities` must hold one number for each of the {len(actions.action)} actions, "
            f"got {len(probabilities)}"
        )
    # no uniform is below 0: without audit any serve
    watch = u if u_audit is None and audit == 0.0 else np.ones(len(actions)) if u_audit is None else u_audit
    bad = draw_rows(actions.indptr, probabilities, u, watch, audit, out, mixed)
    if bad >= 0:
        row = probabilities[actions.indptr[bad] : actions.indptr[bad + 1]]
        raise InputError(
            f"probabilities must be >= 0 and sum to 1 for each request, got {row.tolist()} in row {bad}; "
            "correct the policy (`ltrr.checks.check_policy` finds the case)"
        )
    if audit == 0.0:
        return out, mixed, np.zeros(len(actions), np.bool_)
    audited = out < 0
    return np.where(audited, -1 - out, out), mixed, audited
