"""Overlap of what the arms show of themselves, for all requests at once."""

from __future__ import annotations

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Float32, Int32

__all__ = ["overlaps"]


@kernel
def overlaps(item: Int32, pair: Float32, rest: Float32) -> None:
    """Fill the share of each preview that another arm, and that any other arm, previews too.

    Parameters
    ----------
    item : int32 (B, R, p)
        Items of each arm's preview, distinct, then −1.
    pair : float32 (B, R, R)
        Filled: share of the first arm's items that the second one has; 0 for an arm and itself.
    rest : float32 (B, R)
        Filled: share of the arm's items that at least one other arm has.
    """
    n_requests, n_arms, depth = item.shape
    for b in range(n_requests):
        for a in range(n_arms):
            pair[b, a] = 0.0
            rest[b, a] = 0.0
            n = 0
            while n < depth and item[b, a, n] >= 0:
                n += 1
            for i in range(n):
                found = False
                for other in range(n_arms):
                    if other == a:
                        continue
                    for j in range(depth):
                        if item[b, other, j] < 0:
                            break
                        if item[b, other, j] == item[b, a, i]:
                            pair[b, a, other] += 1.0
                            found = True
                            break
                if found:
                    rest[b, a] += 1.0
            # an empty preview overlaps with nothing
            if n > 0:
                rest[b, a] /= n
                for other in range(n_arms):
                    pair[b, a, other] /= n
