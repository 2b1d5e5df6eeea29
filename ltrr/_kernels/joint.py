"""Joint features: bias, features of an action, and some of these crossed with the context."""

from __future__ import annotations

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Float32, Int32, Int64

__all__ = ["joint", "joint_taken"]


@kernel
def _fill(features: Float32, context: Float32, crossed: Int64, out: Float32) -> None:
    """Fill one row ``out`` from the features (F,) of an action and the context (D,) of its request."""
    out[0] = 1.0
    place = 1 + len(features)
    for f in range(len(features)):
        out[1 + f] = features[f]
    for column in crossed:
        factor = features[column]
        for j in range(len(context)):
            out[place + j] = factor * context[j]
        place += len(context)


@kernel
def joint(indptr: Int64, features: Float32, context: Float32, crossed: Int64, out: Float32) -> None:
    """Fill ``out`` (N, 1 + F + len(crossed)·D) with bias, action features and crossed features × context.

    Parameters
    ----------
    indptr : int64 (B + 1,)
        Actions of each request.
    features : float32 (N, F)
        Of the actions.
    context : float32 (B, D)
        Of the requests.
    crossed : int64 (c,)
        Columns of ``features`` that are multiplied by the context.
    out : float32 (N, 1 + F + c·D)
        Filled.
    """
    for b in range(len(indptr) - 1):
        for n in range(indptr[b], indptr[b + 1]):
            _fill(features[n], context[b], crossed, out[n])


@kernel
def joint_taken(
    indptr: Int64,
    action: Int32,
    features: Float32,
    context: Float32,
    crossed: Int64,
    taken: Int32,
    slot: int,
    out: Float32,
) -> int:
    """Fill ``out[:, slot]`` with the rows of `joint` of actions taken; return −1, or a row that took none.

    Parameters
    ----------
    indptr, action, features : int64 (B + 1,), int32 (N,), float32 (N, F)
        Actions of each request.
    context : float32 (B, D)
        Of the requests.
    crossed : int64 (c,)
        Columns of ``features`` that are multiplied by the context.
    taken : int32 (B,)
        The action that each request took.
    slot : int
        Which rows of ``out`` are filled.
    out : float32 (B, S, 1 + F + c·D)
        Filled.
    """
    for b in range(len(indptr) - 1):
        n = indptr[b]
        while n < indptr[b + 1] and action[n] != taken[b]:
            n += 1
        if n == indptr[b + 1]:
            return b
        _fill(features[n], context[b], crossed, out[b, slot])
    return -1
