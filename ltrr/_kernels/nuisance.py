"""Sums over the actions of a row, behind models of rewards and propensities."""

from __future__ import annotations

from ltrr._kernels.jit import fast, kernel
from ltrr.types.arrays import Float64, Int32, Int64

__all__ = ["category_masses", "expected"]


@fast
def expected(indptr: Int64, probability: Float64, value: Float64, out: Float64) -> None:
    """Fill ``out`` (n,) with each row's sum of probability times value; actions of probability 0 add 0.

    A value may then be anything, NaN included, where the probability is 0.

    Parameters
    ----------
    indptr : int64 (n + 1,)
        Actions of each row.
    probability, value : float64 (N,)
        Of each action.
    out : float64 (n,)
        Filled.
    """
    for i in range(len(indptr) - 1):
        total = 0.0
        for j in range(indptr[i], indptr[i + 1]):
            # A condition instead of a plain product: 0 times NaN is NaN.
            total += probability[j] * value[j] if probability[j] != 0.0 else 0.0
        out[i] = total


@kernel
def category_masses(
    indptr: Int64, category: Int32, place: Int64, target: Float64, logging: Float64, out: Float64
) -> None:
    """Fill ``out`` (n, 2) with both policies' probability of the category of the action at ``place``.

    ``category`` (N,) is that of each flat action.

    Parameters
    ----------
    indptr : int64 (n + 1,)
        Actions of each row.
    category : int32 (N,)
        Of each action.
    place : int64 (n,)
        Flat position of the action that each row took.
    target, logging : float64 (N,)
        Both policies' probabilities.
    out : float64 (n, 2)
        Filled.
    """
    for i in range(len(indptr) - 1):
        mine = category[place[i]]
        above, below = 0.0, 0.0
        for j in range(indptr[i], indptr[i + 1]):
            if category[j] == mine:
                above += target[j]
                below += logging[j]
        out[i, 0] = above
        out[i, 1] = below
