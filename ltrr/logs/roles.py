"""Roles of a log's columns: what the reader makes of them, whatever the format calls them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ltrr.logs.columns import Columns
from ltrr.logs.convert import Found, is_text, looks_numeric, numbers, plain, trimmed
from ltrr.logs.lists import lists
from ltrr.logs.times import time_unit

__all__ = ["IDS", "MOST_SLOTS", "Role", "roles_of", "wanted_of"]

IDS = ("event", "request", "session", "user")
"""Roles whose columns hold ids."""

MOST_SLOTS = 32_767
"""Most slots of a request: slots are 16-bit numbers."""

_KINDS = {
    "reward": "number",
    "cost": "number",
    "action": "label",
    "propensity": "number",
    "slot": "slot",
    "position": "position",
    "timestamp": "time",
    "eligible": "labels",
    "probabilities": "numbers",
    "count": "number",
    "features": "sparses",
    **dict.fromkeys(IDS, "id"),
}
"""What the columns of the map's single fields hold."""

_OF_FORMAT = {
    "number": "number",
    "label": "text",
    "id": "text",
    "slot": "number",
    "position": "number",
    "time": "time",
    "labels": "texts",
    "numbers": "numbers",
    "sparse": "sparse",
    "sparses": "sparses",
    "tag": "text",
}
"""The same as formats are asked for them."""


@dataclass(frozen=True)
class Role:
    """One column of the reader's own tables.

    Parameters
    ----------
    name : str
        What it is called there: a field of `Columns`, ``context:NAME``, ``target:NAME``, ``item:NAME``, or
        of columns that were asked for by name ``number:NAME``, ``label:NAME`` or ``id:NAME``.
    column : str
        The log's column.
    kind : str
        "number", "label", "id", "slot", "position", "time", "labels", "numbers", "sparse", "sparses", or
        "tag": a label, or the text of any other plain value.
    unit : float
        Seconds of a unit of time.
    width : int
        Length of the lists of a context's list column.
    late : bool
        True for a context column without a value in the first rows: if all later ones are numbers, so is it.

    Examples
    --------
    >>> Role("context:age", "user_age", "number").name
    'context:age'
    """

    name: str
    column: str
    kind: str
    unit: float = 1.0
    width: int = 0
    late: bool = False


def roles_of(columns: Columns, head: pa.RecordBatch, extra: Sequence[str] = ()) -> tuple[Role, ...]:
    """Return the roles of a map's columns; what contexts and times hold is judged by the first rows.

    Parameters
    ----------
    columns : Columns
        Resolved.
    head : pyarrow.RecordBatch
        The first rows, with at least the map's columns.
    extra : sequence of str
        Further columns of numbers: features of actions.
    """
    out = []
    for field, column in columns.single().items():
        kind = _KINDS[field]
        unit = _unit(head, column) if kind == "time" else 1.0
        out.append(Role(field, column, kind, unit))
    out += [_context(c, head, category=c in columns.categories) for c in columns.context]
    out += [Role(f"target:{name}", column, "number") for name, column in columns.target.items()]
    out += [Role(f"item:{column}", column, "number") for column in extra]
    return tuple(out)


def wanted_of(roles: Sequence[Role]) -> dict[str, str]:
    """Return the columns to ask a format for, and what they hold.

    A column with two roles of different kinds is asked for as text, which every role can read.
    """
    out: dict[str, str] = {}
    for role in roles:
        kind = _OF_FORMAT[role.kind]
        out[role.column] = kind if out.get(role.column, kind) == kind else "text"
    return out


def _column(head: pa.RecordBatch, name: str) -> pa.Array:
    return head.column(head.schema.get_field_index(name)) if name in head.schema.names else pa.nulls(0)


def _unit(head: pa.RecordBatch, column: str) -> float:
    """Return the unit of a column of times in seconds."""
    values = _column(head, column)
    if is_text(values.type):
        # numbers in text are times too; dates are not
        trial = Found()
        return time_unit(numbers(values, column, trial))
    if pa.types.is_temporal(values.type) or pa.types.is_null(values.type):
        return 1.0
    return time_unit(numbers(values, column, Found()))


def _context(column: str, head: pa.RecordBatch, *, category: bool) -> Role:
    """Return a context column's role: a number, a list of numbers, features by name, or a label."""
    name, values = f"context:{column}", _column(head, column)
    if category:
        return Role(name, column, "label")
    if pa.types.is_null(values.type):
        return Role(name, column, "label", late=True)
    if pa.types.is_map(values.type):
        return Role(name, column, "sparse")
    if _holds_lists(values):
        indptr, _ = lists(values, column, Found())
        lengths = np.diff(indptr)
        return Role(
            name, column, "numbers", width=int(lengths[np.argmax(lengths > 0)]) if len(lengths) else 0
        )
    if is_text(values.type) and not looks_numeric(values, column):
        late = trimmed(plain(values, column, Found())).null_count == len(values)
        return Role(name, column, "label", late=late)
    return Role(name, column, "number")


def _holds_lists(values: pa.Array) -> bool:
    kind = values.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return True
    if not is_text(kind):
        return False
    shown = trimmed(plain(values, "", Found())).drop_null().slice(0, 20).to_pylist()
    return bool(shown) and all(v.startswith("[") for v in shown)
