"""Further columns of a log, asked for by name: numbers, labels and ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from ltrr.errors import InputError
from ltrr.logs.columns import Columns, column_hint
from ltrr.logs.convert import Found, holds_numbers, ids
from ltrr.logs.format import FAULT, ROW, WHOLE
from ltrr.logs.labels import Labels
from ltrr.logs.ragged import codes_of
from ltrr.logs.roles import Role
from ltrr.types import Int64
from ltrr.types.arrow import as_numpy

__all__ = [
    "NO_DAY",
    "Extra",
    "ExtraColumns",
    "extra_columns",
    "fits_pattern",
    "ids_of",
    "labels_of",
    "lone_ids",
]

_OWN = {
    "numbers": ("reward", "cost", "propensity", "slot", "position", "timestamp", "count"),
    "labels": ("reward", "cost", "action", "slot", "position"),
    "ids": ("user", "session", "action", "slot", "position", "request"),
}
"""Roles whose columns `Events` has anyway."""

_KINDS = {"numbers": ("number", "number"), "labels": ("label", "tag"), "ids": ("id", "id")}
"""How a column's role is named, and its kind."""


@dataclass(frozen=True)
class Extra:
    """Names of further columns.

    Parameters
    ----------
    numbers, labels, ids : frozenset of str
        A name is looked up among the mapped roles (``user``, ``reward``, …), then among the log's columns,
        then among the columns that the context becomes (numbers and labels only). ``day`` is the UTC date of
        the log's times, where no column has that name. Of numbers, a name with ``*`` stands for all columns
        of numbers that it fits.

    Examples
    --------
    >>> bool(Extra()), sorted(Extra(numbers=frozenset({"price"})).named())
    (False, [('numbers', 'price')])
    """

    numbers: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.numbers or self.labels or self.ids)

    def named(self) -> Iterator[tuple[str, str]]:
        """Yield what is asked for, "numbers", "labels" or "ids", and each name, in alphabetical order."""
        for what in _KINDS:
            yield from ((what, name) for name in sorted(getattr(self, what)))


@dataclass(frozen=True)
class ExtraColumns:
    """Where the columns of an `Extra` come from.

    Parameters
    ----------
    roles : tuple of Role
        Columns of the log that are read.
    own : Extra
        What `Events` holds under other names.
    context : bool
        Whether that may be a column of the context.

    Examples
    --------
    >>> ExtraColumns().roles
    ()
    """

    roles: tuple[Role, ...] = ()
    own: Extra = field(default_factory=Extra)
    context: bool = False


def extra_columns(
    extra: Extra, columns: Columns, head: pa.RecordBatch, context: Sequence[Role], *, propensity: bool
) -> ExtraColumns:
    """Return where further columns come from.

    Parameters
    ----------
    extra : Extra
    columns : Columns
        The column map, resolved.
    head : pyarrow.RecordBatch
        The first rows with all columns.
    context : sequence of Role
        The roles of the context's columns.
    propensity : bool
        Whether the propensity is read as such.

    Raises
    ------
    InputError
        If a name is not known.

    Examples
    --------
    >>> log = pa.record_batch({"a": ["x"], "r": [1], "q_x": [0.5], "q_y": [0.2], "q_note": ["none"]})
    >>> asked, mapped = Extra(numbers=frozenset({"q_*", "reward"})), Columns(action="a", reward="r")
    >>> found = extra_columns(asked, mapped, log, (), propensity=True)
    >>> [role.name for role in found.roles], found.own.numbers
    (['number:q_x', 'number:q_y'], frozenset({'reward'}))
    """
    names = [name for name in head.schema.names if name not in (FAULT, ROW, WHOLE)]
    single = columns.single()
    own: dict[str, set[str]] = {"numbers": set(), "labels": set(), "ids": set()}
    roles: dict[str, Role] = {}
    from_context = False
    for what, name in extra.named():
        prefix, kind = _KINDS[what]
        served = _is_own(what, name, columns, propensity=propensity)
        here = [] if served else _columns_of(what, name, single, names, head)
        for key, column in here:
            roles[f"{prefix}:{key}"] = Role(f"{prefix}:{key}", column, kind)
        if not here:
            in_context = not served and what != "ids" and _may_be_context(name, context)
            if not (served or in_context or (name == "day" and what != "numbers")):
                hint = column_hint(name, sorted({*names, *single}))
                raise InputError(f"there is no column {name!r} to read {what} from{hint}")
            if name == "day" and columns.timestamp is None and not in_context:
                raise InputError(NO_DAY)
            own[what].add(name)
            from_context = from_context or in_context
    kept = Extra(**{what: frozenset(found) for what, found in own.items()})
    return ExtraColumns(tuple(roles.values()), kept, from_context)


NO_DAY = "`day` needs the log's times: map their column, timestamp=NAME"
"""What is wrong where days are asked for and there are no times."""


def _is_own(what: str, name: str, columns: Columns, *, propensity: bool) -> bool:
    """Return whether a name is a role whose column `Events` has."""
    if name not in _OWN[what]:
        return name == "event" and what == "ids" and columns.event is not None and columns.request is None
    if name == "reward":
        return True
    return getattr(columns, name) is not None and (name != "propensity" or propensity)


def _columns_of(
    what: str, name: str, single: dict[str, str], names: Sequence[str], head: pa.RecordBatch
) -> list[tuple[str, str]]:
    """Return the columns that a name means, each with the name that it gets."""
    if name in single or name in names:
        return [(name, single.get(name, name))]
    if what != "numbers":
        return []
    fits = [n for n in names if fits_pattern(name, n)]
    return [(n, n) for n in fits if holds_numbers(head.column(head.schema.get_field_index(n)), n)]


def fits_pattern(pattern: str, name: str) -> bool:
    """Return whether a name fits a pattern with one ``*``.

    Examples
    --------
    >>> fits_pattern("q_*", "q_tea"), fits_pattern("q_tea", "q_tea")
    (True, False)
    """
    start, star, end = pattern.partition("*")
    fits = name.startswith(start) and name.endswith(end) and len(name) >= len(start) + len(end)
    return bool(star) and fits


def _may_be_context(name: str, context: Iterable[Role]) -> bool:
    """Return whether a name can be one that the context's columns are expanded to."""
    return any(
        role.kind == "sparse" or name.startswith((f"{role.column}:", f"{role.column}[")) for role in context
    )


def labels_of(column: pa.Array) -> Labels:
    """Return a typed column of labels.

    Examples
    --------
    >>> labels_of(pa.array([7, None, 7])).names
    ('7',)
    """
    code, names = codes_of(column)
    return Labels(code, tuple(map(str, names)))


def ids_of(column: pa.Array, row: pa.Array) -> Int64:
    """Return a typed column of ids as int64; a row without one has an id that no other row has.

    Examples
    --------
    >>> found = ids_of(pa.array(["7", "tea", None, None]), pa.array([1, 2, 3, 4]))
    >>> int(found[0]), len(set(found.tolist()))
    (7, 4)
    """
    out = ids(column, "", Found())
    gone = np.asarray(as_numpy(column.is_null()), bool)
    return np.where(gone, lone_ids(np.asarray(as_numpy(row), np.int64)), out) if gone.any() else out


def lone_ids(row: Int64) -> Int64:
    """Return an id for each row by its number, far from all that logs number: the mix of splitmix64.

    Examples
    --------
    >>> found = lone_ids(np.arange(1, 1001))
    >>> len(set(found.tolist())), bool((np.abs(found.astype(float)) > 1e12).all())
    (1000, True)
    """
    with np.errstate(over="ignore"):
        z = row.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return (z ^ (z >> np.uint64(31))).view(np.int64)
