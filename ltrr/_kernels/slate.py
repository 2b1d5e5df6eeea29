"""Per-request sums over slots behind the slate estimators; W_k is the product of the weights up to slot k."""

from __future__ import annotations

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Float64, Int64

__all__ = ["additive", "cascade", "independent", "prefixes", "rewards_to_go", "sequence"]


@kernel
def sequence(indptr: Int64, weight: Float64, reward: Float64, out: Float64) -> None:
    """Fill ``out`` (B, 2) with ``W_K Σ_k r_k`` and ``W_K``.

    Parameters
    ----------
    indptr : int64 (B + 1,)
        Slots of each request.
    weight, reward : float64 (n,)
        w_k and r_k of each slot.
    out : float64 (B, 2)
        Filled.
    """
    for b in range(len(indptr) - 1):
        product, total = 1.0, 0.0
        for i in range(indptr[b], indptr[b + 1]):
            product *= weight[i]
            total += reward[i]
        out[b, 0] = product * total
        out[b, 1] = product


@kernel
def independent(indptr: Int64, weight: Float64, reward: Float64, out: Float64) -> None:
    """Fill ``out`` (B,) with ``Σ_k w_k r_k``.

    Parameters
    ----------
    indptr : int64 (B + 1,)
        Slots of each request.
    weight, reward : float64 (n,)
        w_k and r_k of each slot.
    out : float64 (B,)
        Filled.
    """
    for b in range(len(indptr) - 1):
        total = 0.0
        for i in range(indptr[b], indptr[b + 1]):
            total += weight[i] * reward[i]
        out[b] = total


@kernel
def additive(indptr: Int64, weight: Float64, reward: Float64, out: Float64) -> None:
    """Fill ``out`` (B,) with ``(1 + Σ_k (w_k − 1)) Σ_k r_k``.

    Parameters
    ----------
    indptr : int64 (B + 1,)
        Slots of each request.
    weight, reward : float64 (n,)
        w_k and r_k of each slot.
    out : float64 (B,)
        Filled.
    """
    for b in range(len(indptr) - 1):
        factor, total = 0.0, 0.0
        for i in range(indptr[b], indptr[b + 1]):
            factor += weight[i]
            total += reward[i]
        # one subtraction at the end: with a single slot the weight itself is left, to the last digit
        out[b] = (factor - (indptr[b + 1] - indptr[b] - 1)) * total


@kernel
def cascade(
    indptr: Int64,
    weight: Float64,
    reward: Float64,
    q_logged: Float64,
    q_target: Float64,
    out: Float64,
) -> None:
    """Fill ``out`` (B,) with ``Σ_k W_k (r_k − q_logged_k) + W_{k−1} q_target_k``.

    Predictions of length 0 stand for zeros everywhere, which leaves ``Σ_k W_k r_k``.

    Parameters
    ----------
    indptr : int64 (B + 1,)
        Slots of each request.
    weight, reward : float64 (n,)
        w_k and r_k of each slot.
    q_logged, q_target : float64 (n,) or (0,)
        Predicted reward from this slot on, of the logged action and under the target policy.
    out : float64 (B,)
        Filled.
    """
    plain = len(q_logged) == 0
    for b in range(len(indptr) - 1):
        product, total = 1.0, 0.0
        for i in range(indptr[b], indptr[b + 1]):
            if plain:
                product *= weight[i]
                total += product * reward[i]
            else:
                # Before the slot's own weight: the prediction for the target needs only the slots above it.
                total += product * q_target[i]
                product *= weight[i]
                total += product * (reward[i] - q_logged[i])
        out[b] = total


@kernel
def prefixes(indptr: Int64, weight: Float64, reward: Float64, out: Float64) -> None:
    """Fill ``out`` (B, 3 S) with ``W_k r_k``, then ``W_k``, then 1 for each slot k a request has, else 0.

    Slots from S on are not written: the caller makes S large enough.

    Parameters
    ----------
    indptr : int64 (B + 1,)
        Slots of each request.
    weight, reward : float64 (n,)
        w_k and r_k of each slot.
    out : float64 (B, 3 S)
        Filled.
    """
    size = out.shape[1] // 3
    for b in range(len(indptr) - 1):
        product = 1.0
        out[b, :] = 0.0
        for k in range(min(size, indptr[b + 1] - indptr[b])):
            product *= weight[indptr[b] + k]
            out[b, k] = product * reward[indptr[b] + k]
            out[b, size + k] = product
            out[b, 2 * size + k] = 1.0


@kernel
def rewards_to_go(indptr: Int64, weight: Float64, reward: Float64, out: Float64) -> None:
    """Fill ``out`` (n,) with ``G_k = r_k + w_{k+1} G_{k+1}``, from the last slot of each request back.

    Parameters
    ----------
    indptr : int64 (B + 1,)
        Slots of each request.
    weight, reward : float64 (n,)
        w_k and r_k of each slot.
    out : float64 (n,)
        Filled.
    """
    for b in range(len(indptr) - 1):
        # From the end, so that each weight is used once; forwards it would be a product for each pair of
        # slots.
        after = 0.0
        for i in range(indptr[b + 1] - 1, indptr[b] - 1, -1):
            out[i] = reward[i] + after
            after = weight[i] * out[i]
