"""Which requests of a log are read: those that fit conditions, lie between two times, or come first."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ltrr import _check
from ltrr.errors import InputError, nearest
from ltrr.logs.convert import Found, is_text, looks_numeric, plain
from ltrr.logs.format import FAULT
from ltrr.logs.regroup import run_starts
from ltrr.logs.roles import Role
from ltrr.types import Bool
from ltrr.types.arrow import as_arrow, as_numpy, filled, scalar

__all__ = ["Selection", "seconds_of", "selection_of"]

_CONDITION = re.compile(r"^\s*(.+?)\s*(==|!=|<=|>=|=|<|>)\s*(.*?)\s*$")
_COMPARE = {"=": "equal", "==": "equal", "!=": "not_equal", "<": "less", "<=": "less_equal"}
_COMPARE |= {">": "greater", ">=": "greater_equal"}
_INTEGER = re.compile(r"[+-]?\d+")
_WORDS = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True)
class Condition:
    """A comparison of a column with a value.

    Parameters
    ----------
    role : str
        Name of the role that holds the column.
    compare : str
        Name of the function in `pyarrow.compute`.
    value : float or str
    text : str
        As the user wrote it.
    """

    role: str
    compare: str
    value: float | str
    text: str = ""

    def holds(self, batch: pa.RecordBatch) -> Bool:
        """Return for each row whether it fits; a missing value never does."""
        column = batch.column(batch.schema.get_field_index(self.role))
        if isinstance(self.value, str):
            column = column.cast(pa.string())
        fits = getattr(pc, self.compare)(column, scalar(self.value))
        if not isinstance(self.value, str):
            # a missing number is NaN, which differs from all numbers
            fits = pc.and_(fits, pc.invert(pc.is_nan(column)))
        return as_numpy(filled(fits, False))

    def undecided(self, batch: pa.RecordBatch) -> Bool:
        """Return which rows are faulty and have no value here: they are reported, not left out."""
        faulty = batch.column(batch.schema.get_field_index(FAULT))
        if faulty.null_count == len(faulty):
            return np.zeros(batch.num_rows, bool)
        column = batch.column(batch.schema.get_field_index(self.role))
        return as_numpy(pc.and_(faulty.is_valid(), column.is_null(nan_is_null=True)))


@dataclass(frozen=True)
class Selection:
    """Which requests are read; a request is, where all its rows fit.

    Parameters
    ----------
    rows : int or None
        Requests that begin in the first so many rows that fit.
    conditions : tuple of Condition
    roles : tuple of Role
        Columns that the conditions need.

    Examples
    --------
    >>> Selection(rows=10).all_rows, Selection().all_rows
    (False, True)
    >>> Selection(rows=5000).text
    'the first 5,000 rows'
    """

    rows: int | None = None
    conditions: tuple[Condition, ...] = ()
    roles: tuple[Role, ...] = field(default=())

    @property
    def all_rows(self) -> bool:
        """True where nothing is left out."""
        return self.rows is None and not self.conditions

    @property
    def text(self) -> str:
        """What is read, in words; empty where that is everything."""
        first = [] if self.rows is None else [f"the first {self.rows:,} rows"]
        return ", ".join([*first, *(condition.text for condition in self.conditions)])

    def chosen(
        self, batches: Iterable[tuple[str, pa.RecordBatch]], group: str | None
    ) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yield the rows that are read of batches of whole requests.

        Raises
        ------
        InputError
            If there are rows and none is read.
        """
        if self.all_rows:
            yield from batches
            return
        left, seen, found = self.rows, 0, False
        for part, batch in batches:
            seen += batch.num_rows
            starts = _starts(batch, group)
            keep = np.ones(batch.num_rows, bool)
            for condition in self.conditions:
                keep &= condition.holds(batch) | condition.undecided(batch)
            whole = np.logical_and.reduceat(keep, starts[:-1]) if batch.num_rows else keep
            if left is not None:
                size = np.where(whole, np.diff(starts), 0)
                whole &= np.cumsum(size) - size < left
                left -= int(size[whole].sum())
            rows = np.flatnonzero(np.repeat(whole, np.diff(starts)))
            if len(rows):
                found = True
                yield part, batch if len(rows) == batch.num_rows else batch.take(as_arrow(rows))
            if left is not None and left <= 0:
                return
        if seen and not found:
            words = " and ".join(condition.text for condition in self.conditions)
            raise InputError(f"no request of the log's {seen:,} rows fits {words}; correct the condition")


def _starts(batch: pa.RecordBatch, group: str | None) -> np.ndarray[Any, np.dtype[np.int64]]:
    if group is None:
        return np.arange(batch.num_rows + 1)
    column = batch.column(batch.schema.get_field_index(group))
    return run_starts(pc.fill_null_forward(column))


def selection_of(
    head: pa.RecordBatch,
    timestamp: Role | None,
    *,
    rows: int | None,
    where: Sequence[str],
    since: Any,
    until: Any,
) -> Selection:
    """Return the selection that a user's words mean.

    Parameters
    ----------
    head : pyarrow.RecordBatch
        The first rows with all columns.
    timestamp : Role or None
        The role of times.
    rows : int or None
    where : sequence of str
        Conditions ``COLUMN OP VALUE`` with one of ``= == != < <= > >=``; all must hold.
    since, until : float, str, datetime or None
        From this time on, and before this time: seconds, or ISO 8601 (UTC where it has no time zone).

    Raises
    ------
    InputError
        If a condition cannot be read, names no column, or there are no times.
    """
    if rows is not None:
        _check.integer("rows", rows, low=1)
    conditions, roles = [], []
    for text in _texts(where):
        condition, role = _condition(text, head)
        conditions.append(condition)
        roles.append(role)
    for value, compare, name in ((since, "greater_equal", "since"), (until, "less", "until")):
        if value is None:
            continue
        if timestamp is None:
            raise InputError(
                f"`{name}` needs the log's times: map their column, timestamp=NAME (--column on the command "
                "line, columns= in a call)"
            )
        conditions.append(Condition(timestamp.name, compare, seconds_of(value, name), f"{name} {value}"))
        roles.append(timestamp)
    return Selection(rows, tuple(conditions), tuple(dict.fromkeys(roles)))


def _condition(text: str, head: pa.RecordBatch) -> tuple[Condition, Role]:
    match = _CONDITION.match(text)
    if match is None:
        raise InputError(f"`where` must be COLUMN OP VALUE, as country=DE or age>=30, got {text!r}")
    name, sign, value = match.groups()
    if name not in head.schema.names:
        raise InputError(
            f"`where` names no column of the log, got {name!r}{nearest(name, head.schema.names)}"
        )
    if head.schema.names.count(name) > 1:
        raise InputError(f"`where` names {name!r}, which two columns of the log are called; rename one")
    column = head.column(head.schema.get_field_index(name))
    number, quoted = _number(value), value[1:-1] if _is_quoted(value) else value
    if _COMPARE[sign] not in ("equal", "not_equal"):
        if number is None:
            raise InputError(f"`where` compares with a number by {sign}, got {text!r}")
        if is_text(column.type) and not _is_numeric(column, name):
            raise InputError(f"`where` compares numbers by {sign}, and {name!r} holds text, got {text!r}")
        kind = "number"
    else:
        number = _WORDS.get(value.lower(), number)
        kind = "number" if number is not None and _by_number(column, name, value) else "label"
    role = Role(f"where:{name}:{kind}", name, kind)
    against = number if kind == "number" and number is not None else quoted
    return Condition(role.name, _COMPARE[sign], against, text.strip()), role


def _texts(where: Any) -> list[str]:
    texts = [where] if isinstance(where, str) else where
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise InputError(f"`where` must be text or a list of texts COLUMN OP VALUE, got {where!r}")
    return list(texts)


def _is_quoted(value: str) -> bool:
    return len(value) > 1 and value[0] == value[-1] and value[0] in "'\""


def _by_number(column: pa.Array, name: str, value: str) -> bool:
    """Return whether values equal to a number are sought: 0.50 is 0.5, and an integer may be an id."""
    if is_text(column.type) or pa.types.is_integer(column.type):
        # integers of any length are compared as they are written
        return _INTEGER.fullmatch(value) is None and _is_numeric(column, name)
    return True


def _is_numeric(column: pa.Array, name: str) -> bool:
    known = plain(column, name, Found()).drop_null()
    return len(known) == 0 or looks_numeric(known, name)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def seconds_of(value: Any, name: str) -> float:
    """Return a time as seconds.

    Raises
    ------
    InputError
        If it is neither a number nor a time in ISO 8601.

    Examples
    --------
    >>> seconds_of("2024-01-01", "since"), seconds_of(12, "since")
    (1704067200.0, 12.0)
    """
    number = _number(value) if isinstance(value, str) else value
    if not isinstance(value, bool) and isinstance(number, numbers.Real) and math.isfinite(number):
        return float(number)
    try:
        stamp = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise InputError(f"`{name}` must be seconds or a time in ISO 8601, got {value!r}") from error
    return (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).timestamp()
