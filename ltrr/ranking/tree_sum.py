"""Predictions of a LightGBM model without LightGBM: a call on a few rows costs microseconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr._kernels.trees import sum_plain_trees, sum_trees
from ltrr.errors import InputError
from ltrr.types import Bool, Float32, Float64, Int8, Int32, Int64

__all__ = ["TreeSum"]

_KEYS = ("split_feature", "threshold", "decision_type", "left_child", "right_child", "leaf_value")
_DEFAULT_LEFT, _MISSING = 2, 2
"""Of ``decision_type``: the bit set where the missing go left, and the place of the kind of missing."""


@dataclass(frozen=True)
class TreeSum:
    """The trees of a model, node after node, as `ltrr._kernels.trees` reads them.

    Scores equal those of ``Booster.predict(rows, raw_score=True)`` to the last bit. LightGBM's call takes a
    hundred microseconds before it reaches the first tree; a loop that learns after every request ranks sixty
    rows a call.

    Parameters
    ----------
    root, height, column, threshold, missing, child, value
        Arrays, see there.

    Examples
    --------
    >>> import lightgbm
    >>> rows = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    >>> data = lightgbm.Dataset(rows, rows[:, 0] * rows[:, 1], params={"verbosity": -1})
    >>> booster = lightgbm.train({"num_leaves": 7, "verbosity": -1}, data, num_boost_round=5)
    >>> trees = TreeSum.of(booster.model_to_string())
    >>> bool((trees.score(rows) == booster.predict(rows, raw_score=True)).all())
    True
    """

    root: Int64
    height: Int64
    column: Int32
    threshold: Float64
    missing: Int8
    child: Int32
    value: Float64

    @staticmethod
    def of(text: str) -> TreeSum:
        """Return the trees of LightGBM's model text; splits must be numerical, and leaves constant.

        Raises
        ------
        InputError
            If the model has categorical splits or linear leaves.
        """
        trees = [_fields(part) for part in text.split("\nTree=")[1:]]
        if any(tree.get("num_cat", "0") != "0" or tree.get("is_linear", "0") != "0" for tree in trees):
            raise InputError("`TreeSum.of text` must be a model of numerical splits and constant leaves")
        flat = {key: _numbers(" ".join(tree.get(key, "") for tree in trees)) for key in _KEYS}
        n_splits = np.array([len(tree.get("left_child", "").split()) for tree in trees], np.int64)
        n_leaves = np.array([len(tree.get("leaf_value", "").split()) for tree in trees], np.int64)
        first = np.cumsum(n_splits + n_leaves) - n_splits - n_leaves
        tree_of = np.repeat(np.arange(len(trees)), n_splits + n_leaves)
        is_split = np.arange(len(tree_of)) - first[tree_of] < n_splits[tree_of]
        child = np.repeat(np.arange(len(tree_of)), 2).reshape(-1, 2)
        both = np.stack([flat["left_child"], flat["right_child"]], axis=1).astype(np.int64)
        own = tree_of[is_split, None]
        # LightGBM writes −1 − i for leaf i; leaves come after the splits
        child[is_split] = first[own] + np.where(both >= 0, both, n_splits[own] - 1 - both)
        kind = _spread(flat["decision_type"], is_split).astype(np.int8)
        return TreeSum(
            root=first,
            height=_heights(first, child),
            column=_spread(flat["split_feature"], is_split).astype(np.int32),
            threshold=_spread(flat["threshold"], is_split),
            missing=((kind >> _MISSING & 3) + 4 * ((kind & _DEFAULT_LEFT) > 0)).astype(np.int8),
            child=child.reshape(-1).astype(np.int32),
            value=_spread(flat["leaf_value"], ~is_split),
        )

    def score(self, features: Float32) -> Float64:
        """Return the sum of the trees' values of each row (N, F), (N,)."""
        out = np.empty(len(features))
        shape = self.column, self.threshold
        plain = not (self.missing & 3 == 1).any()
        if plain and sum_plain_trees(features, self.root, self.height, *shape, self.child, self.value, out):
            return out
        sum_trees(features, self.root, *shape, self.missing, self.child, self.value, out)
        return out


def _spread(values: Float64, chosen: Bool) -> Float64:
    """Return one value a node: those given at the chosen nodes, 0 elsewhere."""
    out = np.zeros(len(chosen))
    out[chosen] = values
    return out


def _heights(root: Int64, child: Int64) -> Int64:
    """Return the number of splits on the longest path of each tree, level by level in all trees at once."""
    at, tree = root, np.arange(len(root))
    height = np.zeros(len(root), np.int64)
    while len(at):
        inner = child[at, 0] != at
        height[tree[inner]] += 1  # once a tree, however many of its nodes there are
        at, tree = child[at[inner]].reshape(-1), np.repeat(tree[inner], 2)
    return height


def _fields(part: str) -> dict[str, str]:
    """Return the lines ``key=value`` of one tree."""
    block = part.split("\n\n", 1)[0]
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _numbers(text: str) -> Float64:
    # by float(), which reads what LightGBM wrote with 17 digits to the last bit
    return np.array([float(word) for word in text.split()])
