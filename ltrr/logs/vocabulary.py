"""The meaning of a log's labels: numbers of actions, columns of the context."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ltrr.errors import InputError
from ltrr.logs.convert import Found, labels
from ltrr.logs.ragged import codes_of
from ltrr.types import Int32, Int64
from ltrr.types.arrow import as_numpy, filled, texts

__all__ = ["CANDIDATES", "LEVELS", "MISSING", "OTHER", "Actions", "Category", "Counts", "NameCounts"]

LEVELS = 64
"""Most levels of a category that get their own column."""

OTHER = "(other)"
MISSING = "(missing)"

CANDIDATES = 1 << 18
"""Names of features that are counted; those first seen after this many others are left out."""

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
    def seen(names: Iterable[str], *, in_order: bool = False) -> Actions:
        """Return the actions that a log was found to hold; in the order given if ``in_order``."""
        found = list(names)
        if in_order:
            return Actions(tuple(found))
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
        whole = [int(n) for n in self.names]
        if min(whole) < -(2**63) or max(whole) >= 2**63:
            return None
        value = np.array(whole, np.int64)
        return value if bool((value[1:] > value[:-1]).all()) else None

    @cached_property
    def _texts(self) -> pa.Array:
        return texts(self.names)

    def ids(self, label: pa.Array) -> Int32:
        """Return the ids of labels (int64 or text, also by dictionary); −1 for null and unknown ones."""
        if len(self.names) == 0:
            return np.full(len(label), -1, np.int32)
        if pa.types.is_dictionary(label.type):
            codes, _ = codes_of(label)
            return np.append(self.ids(label.dictionary), np.int32(-1))[codes]
        if pa.types.is_integer(label.type) and (table := self._integers) is not None:
            missing = None
            if label.null_count:
                missing = np.asarray(as_numpy(label.is_null()), bool)
                label = filled(label, int(table[0]))
            value = np.asarray(as_numpy(label), np.int64)
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
        return np.asarray(as_numpy(filled(at, -1)), np.int32)


def _integer(name: str) -> bool:
    """Return whether a name is an integer as it is usually written."""
    digits = name.removeprefix("-")
    return (
        digits.isascii()
        and digits.isdigit()
        and len(digits) <= 20
        and (digits == "0" or digits[0] != "0")
        and name != "-0"
    )


@dataclass
class Counts:
    """How often the values of a column occur.

    Parameters
    ----------
    name : str
        The column's name.

    Examples
    --------
    >>> counts = Counts("drink")
    >>> counts.add(pa.array(["tea", "latte", "tea"]))
    >>> counts.of, counts.levels()
    ({'tea': 2, 'latte': 1}, ('latte', 'tea'))
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
        label = column if pa.types.is_dictionary(column.type) else labels(column, self.name, Found())
        counted = pc.value_counts(label)
        names = counted.field("values").cast(pa.string()).to_pylist()
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

    Examples
    --------
    >>> Category(("latte", "tea", OTHER)).codes(pa.array(["tea", "water"])).tolist()
    [1, 2]
    """

    levels: tuple[str, ...]

    @cached_property
    def _texts(self) -> pa.Array:
        return texts(self.levels)

    def codes(self, label: pa.Array) -> Int64:
        """Return the positions of labels among the levels; −1 for any other."""
        last = len(self.levels) - 1 if self.levels[-1:] == (OTHER,) else -1
        if pa.types.is_dictionary(label.type):
            codes, _ = codes_of(label)
            missing = self.levels.index(MISSING) if MISSING in self.levels else last
            return np.append(self.codes(label.dictionary), np.int64(missing))[codes]
        text = filled(label.cast(pa.string()), MISSING)
        at = filled(pc.index_in(text, value_set=self._texts), last)
        return np.asarray(as_numpy(at), np.int64)


@dataclass
class NameCounts:
    """How often the names of features occur; the most frequent become columns.

    Parameters
    ----------
    most : int
        Most columns.

    Examples
    --------
    >>> counts = NameCounts(1)
    >>> counts.add(pa.array(["b", "a", "b"]))
    >>> counts.names(), counts.left_out
    (('b',), 1)
    """

    most: int
    of: dict[str, int] = field(default_factory=dict, init=False)

    def add(self, names: pa.Array) -> None:
        """Take in names; those first seen after `CANDIDATES` others are left out."""
        codes, texts = codes_of(names)
        counts = np.bincount(codes[codes >= 0], minlength=len(texts))
        for text, count in zip(texts, counts.tolist(), strict=True):
            if count and (text in self.of or len(self.of) < CANDIDATES):
                self.of[text] = self.of.get(text, 0) + count

    def names(self) -> tuple[str, ...]:
        """Return the names that become columns, in alphabetical order."""
        return tuple(sorted(sorted(self.of, key=lambda name: (-self.of[name], name))[: self.most]))

    @property
    def left_out(self) -> int:
        """How many names are too rare to become columns."""
        return max(0, len(self.of) - self.most)
