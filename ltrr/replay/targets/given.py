"""Policies given as what they state: arrays, tables, mappings and functions."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ltrr.errors import InputError
from ltrr.replay.targets.base import Target
from ltrr.replay.targets.fixed import FixedTarget
from ltrr.replay.targets.function import FunctionTarget
from ltrr.replay.targets.matrix import MatrixTarget, in_order, is_table
from ltrr.replay.targets.reads import NO_COLUMNS, Reads
from ltrr.replay.targets.vector import VectorTarget

__all__ = ["is_data", "of_data", "of_function", "reads_of_data"]


def is_data(item: Any) -> bool:
    """Return whether a policy is given as an array, a table, a list of numbers, a series or a mapping."""
    listed = isinstance(item, Sequence) and not isinstance(item, (str, bytes))
    arrays = isinstance(item, (np.ndarray, Mapping, pa.Array, pa.ChunkedArray))
    return listed or arrays or is_table(item) or _is_series(item)


def reads_of_data(item: Any) -> Reads | None:
    """Return what a policy given as data reads of a log; None where it is not given so."""
    return NO_COLUMNS if is_data(item) else None


def of_data(item: Any, actions: Sequence[str]) -> Target:
    """Return the target that an array, a table, a series or a mapping means.

    Parameters
    ----------
    item : object
        A mapping, or a series of pandas by the actions' names: `FixedTarget`. Two dimensions: `MatrixTarget`.
        One dimension: `VectorTarget`.
    actions : sequence of str
        The log's actions.

    Raises
    ------
    InputError
        If it is none of these.

    Examples
    --------
    >>> of_data({"a": 1.0}, ("a", "b")).name, of_data(np.full((3, 2), 0.5), ("a", "b")).name
    ('fixed:a=1', 'matrix')
    """
    if isinstance(item, Mapping):
        return FixedTarget(item)
    if _is_pandas(item):
        label = "" if item.name is None else str(item.name)
        # a longer one cannot be by the actions' names, and may have millions of rows
        names = [str(key) for key in item.index] if len(item) <= len(actions) else [""]
        if set(names) <= set(actions):
            return FixedTarget(dict(zip(names, item.tolist(), strict=True)), label=label)
        if not np.array_equal(item.index.to_numpy(), np.arange(len(item))):
            raise InputError(
                "a Series must have the actions' names as its index, or the numbers of the log's rows from 0 "
                f"on, got {item.index[0]!r}; give it as .to_numpy() if it has a value for every row"
            )
        return VectorTarget(in_order(label or "vector", item.to_numpy(), actions), label=label or "vector")
    if is_table(item):
        return MatrixTarget.of(item, actions)
    value = in_order("matrix", item, actions)
    if value.ndim == 1:
        return VectorTarget(value)
    return MatrixTarget.of(value, actions)


def of_function(item: Callable[..., Any]) -> Target:
    """Return the target that a function of events is."""
    return FunctionTarget(item)


def _is_pandas(item: Any) -> bool:
    pandas = sys.modules.get("pandas")  # who has a Series has loaded it
    return pandas is not None and isinstance(item, pandas.Series)


def _is_series(item: Any) -> bool:
    """Return whether an object is a series of pandas or polars."""
    polars = sys.modules.get("polars")
    return _is_pandas(item) or (polars is not None and isinstance(item, polars.Series))
