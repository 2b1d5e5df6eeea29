"""Predictions of a LightGBM model without LightGBM: a call on a few rows costs microseconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr._kernels.trees import sum_plain_trees, sum_trees
from ltrr.errors import InputError
from ltrr.types import Float32, Float64, Int8, Int32, Int64

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
        parts = [{key: _numbers(tree.get(key, "")) for key in _KEYS} for tree in trees]
        nodes = [_nodes(part) for part in parts]
        first = np.cumsum([0, *(len(column) for column, *_ in nodes)])
        flat = [np.concatenate([np.empty(0), *arrays]) for arrays in zip(*nodes, strict=True)]
        column, threshold, decision, child, value = flat or [np.empty(0)] * 5
        kind = decision.astype(np.int8)
        return TreeSum(
            root=first[:-1],
            height=np.array([_height(child) for _, _, _, child, _ in nodes], np.int64),
            column=column.astype(np.int32),
            threshold=threshold,
            missing=((kind >> _MISSING & 3) + 4 * ((kind & _DEFAULT_LEFT) > 0)).astype(np.int8),
            child=(child + np.repeat(first[:-1], 2 * np.diff(first))).astype(np.int32),
            value=value,
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


def _nodes(tree: dict[str, Float64]) -> tuple[Float64, ...]:
    """Return column, threshold, kind, children (two a node) and value of one tree's nodes, leaves last."""
    n_splits, n_leaves = len(tree["split_feature"]), len(tree["leaf_value"])
    both = np.stack([tree["left_child"], tree["right_child"]], axis=1)
    leaves = n_splits + np.repeat(np.arange(n_leaves), 2)
    blank = np.zeros(n_leaves)
    return (
        np.concatenate([tree["split_feature"], blank]),
        np.concatenate([tree["threshold"], blank]),
        np.concatenate([tree["decision_type"], blank]),
        # LightGBM writes −1 − i for leaf i
        np.concatenate([np.where(both >= 0, both, n_splits - 1 - both).reshape(-1), leaves]),
        np.concatenate([np.zeros(n_splits), tree["leaf_value"]]),
    )


def _height(child: Float64) -> int:
    """Return the number of splits on the longest path of a tree."""
    at, height = np.zeros(1, np.int64), 0
    pairs = child.reshape(-1, 2).astype(np.int64)
    while len(at := at[pairs[at, 0] != at]):
        at, height = np.unique(pairs[at]), height + 1
    return height


def _fields(part: str) -> dict[str, str]:
    """Return the lines ``key=value`` of one tree."""
    block = part.split("\n\n", 1)[0]
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _numbers(text: str) -> Float64:
    # by float(), which reads what LightGBM wrote with 17 digits to the last bit
    return np.array([float(word) for word in text.split()])
