"""The context's columns: what a policy may see, as float32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa

from ltrr.logs.convert import Found, numbers
from ltrr.logs.ragged import codes_of, flat_lists, flat_maps
from ltrr.logs.roles import Role
from ltrr.logs.vocabulary import Category
from ltrr.types import Float32, Int32, Int64
from ltrr.types.arrow import as_floats

__all__ = ["ContextColumns", "sparse_matrix"]


@dataclass(frozen=True)
class ContextColumns:
    """How the columns of a log's context become columns of numbers.

    Parameters
    ----------
    roles : sequence of Role
        Those of the context, in order.
    categories : mapping of str to Category
        Levels of the columns of labels, by role.
    features : mapping of str to tuple of str
        Names of the columns of features by name, by role.

    Examples
    --------
    >>> columns = ContextColumns((Role("context:x", "x", "number"), Role("context:c", "c", "label")),
    ...     {"context:c": Category(("de", "fr"))})
    >>> columns.names
    ('x', 'c:de', 'c:fr')
    >>> columns.matrix(pa.record_batch({"context:x": [2.5], "context:c": ["fr"]})).tolist()
    [[2.5, 0.0, 1.0]]
    """

    roles: Sequence[Role]
    categories: Mapping[str, Category] = field(default_factory=dict)
    features: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of numbers."""
        return tuple(name for role in self.roles for name in self._names(role))

    def _names(self, role: Role) -> tuple[str, ...]:
        if role.kind == "number":
            return (role.column,)
        if role.kind == "numbers":
            return tuple(f"{role.column}[{i}]" for i in range(role.width))
        if role.kind == "sparse":
            return self.features[role.name]
        return tuple(f"{role.column}:{level}" for level in self.categories[role.name].levels)

    def matrix(self, batch: pa.RecordBatch) -> Float32:
        """Return the context of typed rows, (n, D); NaN where a number is missing."""
        n = batch.num_rows
        out = np.zeros((n, len(self.names)), np.float32)
        at = 0
        for role in self.roles:
            column = batch.column(batch.schema.get_field_index(role.name))
            width = len(self._names(role))
            to = out[:, at : at + width]
            if role.kind == "number":
                # what was first taken for labels is still text
                value = as_floats(column) if not role.late else numbers(column, role.column, Found())
                with np.errstate(over="ignore"):
                    to[:, 0] = value
            elif role.kind == "numbers":
                self._fill_lists(to, column)
            elif role.kind == "sparse":
                indptr, names, values = flat_maps(column)
                row = np.repeat(np.arange(n), np.diff(indptr))
                sparse_matrix(names, values, row, self._at[role.name], to)
            else:
                code = self.categories[role.name].codes(column)
                rows = np.flatnonzero(code >= 0)
                to[rows, code[rows]] = 1.0
            at += width
        return out

    @staticmethod
    def _fill_lists(to: Float32, column: pa.Array) -> None:
        if to.shape[1] == 0:
            return
        indptr, flat = flat_lists(column)
        whole = np.diff(indptr) == to.shape[1]
        to[~whole] = np.nan
        values = as_floats(flat)
        with np.errstate(over="ignore"):
            to[whole] = values[np.repeat(whole, np.diff(indptr))].reshape(-1, to.shape[1])

    @cached_property
    def _at(self) -> dict[str, dict[str, int]]:
        return {role: {name: i for i, name in enumerate(names)} for role, names in self.features.items()}


def sparse_matrix(
    names: pa.Array, values: np.ndarray, row: Int64, place: Mapping[str, int], out: Float32
) -> None:
    """Add features by name to a matrix: values under one name add up, as they do in a linear model.

    A number too large for float32 becomes infinite there, which is a fault of the context.
    """
    codes, texts = codes_of(names)
    column: Int32 = np.array([place.get(text, -1) for text in texts] + [-1], np.int32)[codes]
    kept = np.flatnonzero(column >= 0)
    with np.errstate(over="ignore"):
        np.add.at(out, (row[kept], column[kept]), values[kept].astype(np.float32))
