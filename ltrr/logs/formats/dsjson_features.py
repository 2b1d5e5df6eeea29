"""Features of decision-service lines: which names there are, and their values as columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ltrr._kernels import dsjson_features as kernels
from ltrr.logs.formats.hash_index import HashIndex
from ltrr.types import Float32, Int32, Int64

__all__ = ["CANDIDATES", "Emitted", "FeatureNames", "fill"]

CANDIDATES = 1 << 18
"""Names that are counted; those first seen after so many others are left out."""


@dataclass(frozen=True)
class Emitted:
    """Features of a block in the order found.

    Parameters
    ----------
    name : uint64 (n,)
        Hashes of the names.
    value : float64 (n,)
    line : int32 (n,)
    owner : int32 (n,)
        −1 for the context, j >= 0 for the action at place j, −2 − k for slot k.
    """

    name: NDArray[np.uint64]
    value: NDArray[np.float64]
    line: Int32
    owner: Int32


@dataclass
class FeatureNames:
    """The names of the context's features, or of the actions'; the most frequent become columns.

    Parameters
    ----------
    most : int
        Most columns.
    of_actions : bool
        Which of the two.
    """

    most: int
    of_actions: bool
    names: tuple[str, ...] = field(default=(), init=False)
    left_out: int = field(default=0, init=False)
    _table: HashIndex = field(default_factory=lambda: HashIndex(CANDIDATES), init=False, repr=False)
    _count: Int64 = field(default_factory=lambda: np.zeros(0, np.int64), init=False, repr=False)
    _known: dict[int, str] = field(default_factory=dict, init=False, repr=False)
    _column: Int32 = field(default_factory=lambda: np.zeros(0, np.int32), init=False, repr=False)

    def _mine(self, emitted: Emitted) -> Int64:
        return np.flatnonzero((emitted.owner >= 0) == self.of_actions)

    def count(self, emitted: Emitted, named: Callable[[int], Iterable[tuple[str, int]]]) -> None:
        """Count the names of a block; ``named`` returns the names of a line's features and their hashes."""
        mine = self._mine(emitted)
        numbers, new = self._table.add(emitted.name[mine])
        count = np.bincount(numbers[numbers >= 0], minlength=len(self._table)).astype(np.int64)
        count[: len(self._count)] += self._count
        self._count = count
        for line in np.unique(emitted.line[mine[new]]).tolist():
            names = list(named(line))
            ids = self._table.find(np.array([h for _, h in names], np.uint64))
            for (name, _), number in zip(names, ids.tolist(), strict=True):
                if number >= 0:
                    self._known.setdefault(number, name)

    def finish(self) -> None:
        """Choose the columns: the most frequent names, in alphabetical order."""
        kept = np.argsort(-self._count, kind="stable")[: self.most]
        by_name = sorted(kept.tolist(), key=lambda number: self._known[number])
        # a name with half a surrogate pair is legal JSON, and no text
        self.names = tuple(
            self._known[number].encode("utf-8", "surrogatepass").decode("utf-8", "replace")
            for number in by_name
        )
        self.left_out = len(self._table) - len(kept)
        self._column = np.full(len(self._table), -1, np.int32)
        self._column[by_name] = np.arange(len(by_name), dtype=np.int32)

    def columns(self, emitted: Emitted) -> Int32:
        """Return the column of each feature, −1 for those that are not kept or not of this kind."""
        out = np.full(len(emitted.name), -1, np.int32)
        if self.names:
            mine = self._mine(emitted)
            number = self._table.find(emitted.name[mine])
            # no number is −1, and so is the last entry that it finds
            out[mine] = np.append(self._column, np.int32(-1))[number]
        return out


def fill(
    emitted: Emitted,
    names: tuple[FeatureNames, FeatureNames],
    rows: tuple[Int64, Int64],
    lists: tuple[Int64, Int32],
) -> tuple[Float32, Float32]:
    """Return the context (rows, D) and the actions' features, ragged like ``lists`` (entries, F).

    Values under one name add up, as they do in a linear model. ``names`` are those of the context and of the
    actions; ``rows`` the first row of each line, (lines + 1,), and the rows' slots; ``lists`` row pointer and
    places of the actions.
    """
    context, actions = names
    first_row, slot = rows
    indptr, places = lists
    out = (
        np.zeros((len(slot), len(context.names)), np.float32),
        np.zeros((len(places), len(actions.names)), np.float32),
    )
    column = np.maximum(context.columns(emitted), actions.columns(emitted))
    to = kernels.Found(
        emitted.name,
        emitted.value,
        emitted.line,
        emitted.owner,
        np.zeros(0, np.uint64),
        np.zeros(0, np.int64),
    )
    # a number too large for float32 becomes infinite there, which is told as a fault of the context
    kernels.fill(to, column, first_row, slot, indptr, np.ascontiguousarray(places), out)
    return out
