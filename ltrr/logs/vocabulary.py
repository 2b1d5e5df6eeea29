"""The meaning of a log's labels: numbers of actions, columns of the context."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ltrr.errors import InputError
from ltrr.logs.convert import Found, labels, numbers
from ltrr.types import Float32, Int32, Int64

__all__ = ["LEVELS", "MISSING", "OTHER", "Actions", "Category", "Counts", "context_matrix"]

LEVELS = 64
"""Most levels of a category that get their own column."""

OTHER = "(other)"
MISSING = "(missing)"

_MOST = 1_000_000
"""Most values of a category: a column with more is not a category, and would fill the memory."""


@dataclass(frozen=True)
class Actions:
    """The actions of a log and their ids: integers in order of size, text in alphabetical order.

    Parameters
    ----------
    names : tuple of str
        Names of the actions; ids are positions.
    declared : bool
        True where the names were given, so that others are faults.

    Examples
    --------
    >>> actions = Actions.seen({"10", "9", "2"})
    >>> actions.names, actions.ids(pa.array([9, 2, None, 3])).tolist()
    (('2', '9', '10'), [1, 0, -1, -1])
    """

    names: tuple[str, ...]
    declared: bool = False

    @staticmethod
    def seen(names: Iterable[str]) -> Actions:
        """Return the actions that a log was found to hold."""
        found = list(names)
        if all(_integer(n) for n in found):
            return Actions(tuple(sorted(found, key=int)))
        return Actions(tuple(sorted(found)))

    @staticmethod
    def given(value: int | Sequence[str | int]) -> Actions:
        """Return declared actions: a number N for 0…N − 1, or their names in the order of their ids.

        Raises
        ------
        InputError
            If the number is not positive, or a name occurs twice.
        """
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return Actions(tuple(map(str, range(value))), declared=True)
        good = isinstance(value, Sequence) and not isinstance(value, str) and len(value)
        if not good or not all(isinstance(v, (str, int)) for v in value):  # type: ignore[union-attr]  # a sequence
            raise InputError(f"`actions` must be their number or a list of their names, got {value!r}")
        names = tuple(map(str, value))  # type: ignore[arg-type]  # a sequence
        if len(set(names)) < len(names):
            twice = next(n for i, n in enumerate(names) if n in names[:i])
            raise InputError(f"`actions` must be different names, got {twice!r} twice")
        return Actions(names, declared=True)

    @cached_property
    def _integers(self) -> Int64 | None:
        """The names as integers where all are and they rise; None elsewhere."""
        if not all(_integer(n) for n in self.names):
            return None
        value = np.array([int(n) for n in self.names], np.int64)
        return value if bool((value[1:] > value[:-1]).all()) else None

    @cached_property
    def _texts(self) -> pa.Array:
        return pa.array(self.names, pa.string())

    def ids(self, label: pa.Array) -> Int32:
        """Return the ids of labels (int64 or text); −1 for null and for what is not among the actions."""
        if len(self.names) == 0:
            return np.full(len(label), -1, np.int32)
        if pa.types.is_integer(label.type) and (table := self._integers) is not None:
            missing = None
            if label.null_count:
                missing = np.asarray(label.is_null().to_numpy(zero_copy_only=False), bool)
                label = label.fill_null(int(table[0]))
            value = np.asarray(label.to_numpy(zero_copy_only=False), np.int64)
            if len(table) == int(table[-1]) - int(table[0]) + 1:
                # without gaps the id is the distance to the first; in unsigned numbers one bound is enough
                at = (value - table[0]).view(np.uint64)
                out = np.where(at < len(table), at, np.uint64(0)).astype(np.int32)
                wrong = at >= len(table)
            else:
                out = np.minimum(np.searchsorted(table, value), len(table) - 1).astype(np.int32)
                wrong = table[out] != value
            if wrong.any():
                out[wrong] = -1
            if missing is not None:
                out[missing] = -1
            return out
        text = label.cast(pa.string())
        at = pc.index_in(text, value_set=self._texts, skip_nulls=True)
        return np.asarray(at.fill_null(-1).to_numpy(zero_copy_only=False), np.int32)


def _integer(name: str) -> bool:
    """Return whether a name is an integer of 64 bits as it is usually written."""
    digits = name.removeprefix("-")
    return (
        digits.isascii()
        and digits.isdigit()
        and len(digits) < 20
        and (digits == "0" or digits[0] != "0")
        and name != "-0"
        and -(2**63) <= int(name) < 2**63
    )


@dataclass
class Counts:
    """How often the values of a column occur.

    Parameters
    ----------
    name : str
        The column's name.
    """

    name: str
    of: dict[str, int] = field(default_factory=dict, init=False)

    def add(self, column: pa.Array | pa.ChunkedArray) -> None:
        """Take in values.

        Raises
        ------
        InputError
            If there are too many different ones.
        """
        label = labels(column, self.name, Found()).cast(pa.string())
        counted = pc.value_counts(label)
        names = counted.field("values").to_pylist()
        for value, count in zip(names, counted.field("counts").to_pylist(), strict=True):
            key = MISSING if value is None else value
            self.of[key] = self.of.get(key, 0) + count
        if len(self.of) > _MOST:
            raise InputError(
                f"column `{self.name}` has more than {_MOST:,} different values: it is not a category; "
                "leave it out of the context"
            )

    def levels(self) -> tuple[str, ...]:
        """Return the levels, the most frequent `LEVELS` if there are more, ties by name; sorted by name."""
        ranked = sorted(self.of, key=lambda k: (-self.of[k], k))
        kept = sorted(ranked[:LEVELS], key=lambda k: (not _integer(k), int(k) if _integer(k) else 0, k))
        return tuple(kept) + ((OTHER,) if len(ranked) > LEVELS else ())


@dataclass(frozen=True)
class Category:
    """A column of labels as columns of zeros and ones, one a level.

    Parameters
    ----------
    levels : tuple of str
        The levels; if `OTHER` is the last, it stands for all other values.
    """

    levels: tuple[str, ...]

    @cached_property
    def _texts(self) -> pa.Array:
        return pa.array(self.levels, pa.string())

    def codes(self, label: pa.Array) -> Int64:
        """Return the positions of labels among the levels; −1 for any other."""
        text = label.cast(pa.string()).fill_null(MISSING)
        last = len(self.levels) - 1 if self.levels[-1:] == (OTHER,) else -1
        at = pc.index_in(text, value_set=self._texts).fill_null(last)
        return np.asarray(at.to_numpy(zero_copy_only=False), np.int64)


def context_matrix(
    table: pa.Table, columns: Mapping[str, Category | None], n_columns: int, found: Found
) -> Float32:
    """Return the context (n, D): categories as zeros and ones, other columns as numbers.

    Parameters
    ----------
    table : pyarrow.Table
        Rows of the log.
    columns : mapping of str to Category or None
        The context's columns in their order; None for numbers.
    n_columns : int
        Width of the result, D.
    found : Found
        Receives values that are not numbers.
    """
    out = np.zeros((len(table), n_columns), np.float32)
    at = 0
    for name, category in columns.items():
        if category is None:
            with np.errstate(over="ignore"):
                out[:, at] = numbers(table[name], name, found)
            at += 1
            continue
        code = category.codes(labels(table[name], name, found))
        rows = np.flatnonzero(code >= 0)
        out[rows, at + code[rows]] = 1.0
        at += len(category.levels)
    return out
