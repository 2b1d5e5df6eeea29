"""Features and quotas of slabs: what may be chosen in a slot, for all requests at once."""

from __future__ import annotations

import numpy as np

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Float32, Int32

__all__ = ["slab_actions", "unfilled"]


@kernel
def _unfilled(have: int, quota: int, slab: int, slot_size: int) -> float:
    """Return the share of a slot that an arm leaves to the fallback after ``quota`` slots."""
    # −1: an arm that does not know what it has is taken to have what it is asked for.
    left = slab if have == -1 else min(max(have - quota * slab, 0), slab)
    return 1.0 - left / slot_size


@kernel
def unfilled(have: Int32, quota: Int32, slabs: Int32, slot_size: int, out: Float32) -> None:
    """Fill ``out`` (B, R) with the share of the next slot that each arm leaves to the fallback.

    Parameters
    ----------
    have : int32 (B, R)
        Items of each arm, −1 where it does not know.
    quota : int32 (B, R)
        Slots that each arm has already.
    slabs : int32 (R,)
        Candidates that a slot asks of each arm.
    slot_size : int
        Candidates a slot.
    out : float32 (B, R)
        Filled.
    """
    for b in range(out.shape[0]):
        for a in range(out.shape[1]):
            out[b, a] = _unfilled(have[b, a], quota[b, a], slabs[a], slot_size)


@kernel
def slab_actions(
    have: Int32,
    quota: Int32,
    slabs: Int32,
    slot_size: int,
    n_slots: int,
    credit: Float32,
    features: Float32,
    after: Int32,
) -> None:
    """Fill the features (B, R, 2R + 2) of the next slab of each arm, and the quota after it (B, R, R).

    Parameters
    ----------
    have, quota, slabs, slot_size
        As for `unfilled`.
    n_slots : int
        Slots of a request.
    credit : float32 (B, R)
        Past credit of each arm.
    features : float32 (B, R, 2R + 2)
        Filled: one-hot arm, its share of the slots so far, share left to the fallback, credit.
    after : int32 (B, R, R)
        Filled.
    """
    n_arms = quota.shape[1]
    for b in range(quota.shape[0]):
        for a in range(n_arms):
            row = features[b, a]
            row[:] = 0.0
            row[a] = 1.0
            row[n_arms + a] = np.float64(quota[b, a]) / n_slots
            row[2 * n_arms] = _unfilled(have[b, a], quota[b, a], slabs[a], slot_size)
            row[2 * n_arms + 1] = credit[b, a]
            for j in range(n_arms):
                after[b, a, j] = quota[b, j] + (j == a)
