"""Sums of regression trees, with the arithmetic of LightGBM's own prediction.

Source: LightGBM 4, `include/LightGBM/tree.h`, `NumericalDecision`: what is compared, what counts as missing.
"""

from __future__ import annotations

import numpy as np

from ltrr._kernels.jit import kernel
from ltrr.types.arrays import Float32, Float64, Int8, Int32, Int64

__all__ = ["sum_plain_trees", "sum_trees"]

_ZERO = float(np.float32(1e-35))
_MISSING_ZERO = 1
_MISSING_NAN = 2


@kernel
def sum_trees(
    features: Float32,
    root: Int64,
    column: Int32,
    threshold: Float64,
    missing: Int8,
    child: Int32,
    value: Float64,
    out: Float64,
) -> None:
    """Fill ``out`` (N,) with the sum of the trees' values of each row, added tree by tree.

    Parameters
    ----------
    features : float32 (N, F)
    root : int64 (T,)
        The first node of each tree.
    column, threshold : int32 (M,), float64 (M,)
        A row goes left at a node if its value in the column is no larger than the threshold.
    missing : int8 (M,)
        0: nothing is missing, and NaN counts as 0; 1: zeros are, 2: NaN is. 4 is added where the missing go
        left.
    child : int32 (2·M,)
        Nodes to the left and to the right of each node; a leaf itself.
    value : float64 (M,)
        Values of the leaves.
    out : float64 (N,)
        Filled.
    """
    for n in range(len(features)):
        total = 0.0
        for t in range(len(root)):
            node = root[t]
            while child[2 * node] != node:
                x = np.float64(features[n, column[node]])
                kind = missing[node] & 3
                gone = np.isnan(x)
                # LightGBM drops what is so near to zero before it predicts.
                if abs(x) <= _ZERO or (gone and kind != _MISSING_NAN):
                    x = np.float64(0.0)
                    gone = kind == _MISSING_ZERO
                right = missing[node] < 4 if gone else x > threshold[node]
                node = np.int64(child[2 * node + right])
            total += value[node]
        out[n] = total


@kernel
def sum_plain_trees(
    features: Float32,
    root: Int64,
    height: Int64,
    column: Int32,
    threshold: Float64,
    child: Int32,
    value: Float64,
    out: Float64,
) -> bool:
    """Fill ``out`` as `sum_trees` does where nothing counts as missing; return False at a NaN, unfinished.

    Rows take the same number of steps through a tree, whatever their path: leaves lead to themselves. So
    nothing is left to guess for the processor, and the rows' steps overlap: three times as fast.

    Parameters
    ----------
    features : float32 (N, F)
    root, height : int64 (T,)
        The first node of each tree, and how many splits its longest path has.
    column, threshold : int32 (M,), float64 (M,)
        A row goes left at a node if its value in the column is no larger than the threshold.
    child : int32 (2·M,)
        Nodes to the left and to the right of each node; a leaf itself.
    value : float64 (M,)
        Values of the leaves.
    out : float64 (N,)
        Filled.
    """
    n_rows, width = features.shape
    rows = np.empty((n_rows, width), np.float64)
    for n in range(n_rows):
        out[n] = 0.0
        for f in range(width):
            x = np.float64(features[n, f])
            if np.isnan(x):
                return False
            rows[n, f] = 0.0 if abs(x) <= _ZERO else x
    for t in range(len(root)):
        for n in range(n_rows):
            # Unsigned, so that no index is checked for a count from the end.
            node = np.uint64(root[t])
            row = rows[n]
            for _ in range(height[t]):
                right = row[np.uint64(column[node])] > threshold[node]
                node = np.uint64(child[node + node + np.uint64(right)])
            out[n] += value[node]
    return True
