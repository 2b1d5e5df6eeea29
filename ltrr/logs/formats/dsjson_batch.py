"""Rows of decision-service lines as a record batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from ltrr.logs.format import FAULT, FAULT_TYPE, ROW, WHOLE
from ltrr.logs.formats.dsjson_choices import Actions, Choice
from ltrr.logs.formats.dsjson_line import Line, seconds
from ltrr.logs.formats.json_features import EMPTY, Features, Flat, Names, clean

__all__ = ["Rows", "batch"]


@dataclass(slots=True)
class Rows:
    """Rows of a block, gathered. Lists of plain values: they are nothing to Python's collector.

    Parameters
    ----------
    number : list of int
        Numbers of lines.
    line : list of Line
        Labels.
    choice : list of int
        Numbers of choices.
    p, lengths : list of float, list of int
        Probabilities, one row's behind the other's, and how many it has.
    slot : dict of int to int
        Slots of rows, 0 where there is none.
    slates : list of int
        Rows of slates.
    fault : dict of int to (str, str)
        Kind and detail of a row's fault.
    context : Flat
        Features of the rows' contexts.

    Examples
    --------
    >>> rows = Rows()
    >>> rows.add(1, Line(cost=-1.0), 0, [0.25, 0.75])
    >>> rows.lengths, rows.p
    ([2], [0.25, 0.75])
    """

    number: list[int] = field(default_factory=list)
    line: list[Line] = field(default_factory=list)
    choice: list[int] = field(default_factory=list)
    p: list[float] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    slot: dict[int, int] = field(default_factory=dict)
    slates: list[int] = field(default_factory=list)
    fault: dict[int, tuple[str, str]] = field(default_factory=dict)
    context: Flat = field(default_factory=lambda: Flat([], [], []))

    def add(self, number: int, line: Line, choice: int, p: Sequence[float]) -> None:
        """Add a row."""
        self.number.append(number)
        self.line.append(line)
        self.choice.append(choice)
        self.p.extend(p)
        self.lengths.append(len(p))
        line.probabilities = None

    def add_fault(self, number: int, line: Line, kind: str, detail: str) -> None:
        """Add a row that is no decision."""
        self.fault[len(self.number)] = kind, clean(detail)
        self.context.add(())
        self.add(number, line, 0, ())


def batch(
    rows: Rows, asked: frozenset[str], actions: Actions, features: Features, reward: str
) -> pa.RecordBatch:
    """Return the columns ``asked`` of rows; cost is that of ``reward``, "label" or "original"."""
    n = len(rows.number)
    faulty, slates, slot = np.zeros(n, np.bool_), np.zeros(n, np.bool_), np.zeros(n, np.int32)
    faulty[list(rows.fault)] = True
    slates[rows.slates] = True
    slot[list(rows.slot)] = list(rows.slot.values())
    used, at = np.unique(np.array(rows.choice, np.int32), return_inverse=True)
    choices = [actions.choices[number] for number in used.tolist()]
    lines, names = rows.line, features.names
    make: dict[str, Callable[[], pa.Array]] = {
        "event": lambda: pa.array([line.event for line in lines], pa.string()),
        "slot": lambda: pa.array(slot, mask=faulty),
        "action": lambda: _actions(choices, actions.names).take(at),
        "cost": lambda: _numbers(
            [line.cost for line in lines] if reward == "label" else [line.original for line in lines], faulty
        ),
        "propensity": lambda: _numbers([line.propensity for line in lines], faulty),
        "timestamp": lambda: _numbers([line.time and seconds(line.time) for line in lines]),
        "count": lambda: _counts([line.drop for line in lines], faulty),
        "eligible": lambda: _eligible(choices, actions.names).take(at),
        "probabilities": lambda: _probabilities(rows, choices, at),
        "context": lambda: _maps(rows.context, names, faulty),
        "features": lambda: _features(choices, names).take(at),
    }
    columns = {name: column() for name, column in make.items() if name in asked}
    columns[ROW] = pa.array(rows.number, pa.int64())
    columns[WHOLE] = pa.array(slates)
    columns[FAULT] = _faults(rows, n)
    return pa.record_batch(columns)


def _numbers(values: list[Any], missing: Any = None) -> pa.Array:
    """Return numbers, null for None, NaN, and where ``missing`` is true."""
    out = np.array(values, np.float64)
    return pa.array(out, mask=np.isnan(out) if missing is None else np.isnan(out) | missing)


def _counts(drops: list[float | None], missing: Any) -> pa.Array:
    """Return how many events rows are for; 0 where the dropped share is none."""
    if not any(drop is not None for drop in drops):
        return pa.nulls(len(drops), pa.float64())
    kept = [None if drop is None else 1.0 - drop for drop in drops]
    return _numbers([share and (1.0 / share if 0.0 < share <= 1.0 else 0.0) for share in kept], missing)


def _faults(rows: Rows, n: int) -> pa.Array:
    if not rows.fault:
        return pa.nulls(n, FAULT_TYPE)
    found = ({"kind": kind, "detail": detail} for kind, detail in rows.fault.values())
    by_row = dict(zip(rows.fault, found, strict=True))
    return pa.array([by_row.get(row) for row in range(n)], FAULT_TYPE)


def _flat(lists: Iterable[Iterable[Any]], kind: type) -> Any:
    return np.fromiter(chain.from_iterable(lists), kind)


def _offsets(lengths: Any, missing: Any = None) -> pa.Array:
    out = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=out[1:])
    return pa.array(out, mask=None if missing is None else np.append(missing, np.False_))


def _open(choices: Sequence[Choice]) -> Any:
    """Say of which choices all actions of the log can be chosen."""
    return np.fromiter((choice.eligible is None for choice in choices), np.bool_, len(choices))


def _actions(choices: Sequence[Choice], names: Names) -> pa.Array:
    numbers = [-1 if choice.action is None else choice.action for choice in choices]
    return names.encoded(np.array(numbers, np.int32))


def _eligible(choices: Sequence[Choice], names: Names) -> pa.ListArray:
    numbers = _flat([choice.eligible or () for choice in choices], np.int32)
    offsets = _offsets([len(choice.eligible or ()) for choice in choices], _open(choices))
    return pa.ListArray.from_arrays(offsets, names.encoded(numbers))


def _probabilities(rows: Rows, choices: Sequence[Choice], at: Any) -> pa.ListArray:
    """Return lists in the order of the eligible actions; null where one of its values is missing."""
    lengths = np.array(rows.lengths, np.int32)
    start = np.cumsum(lengths) - lengths
    p = np.array(rows.p, np.float64)
    # every choice keeps its order once; a row's is found there by the choice's first entry
    orders = _flat([choice.order for choice in choices], np.int32)
    ends = np.cumsum([len(choice.order) for choice in choices])
    first = (ends - [len(choice.order) for choice in choices])[at]
    entry = np.arange(len(p)) + np.repeat(first - start, lengths)
    p = p[np.repeat(start, lengths) + orders[entry]] if len(p) else p
    missing = lengths == 0
    missing[np.repeat(np.arange(len(lengths)), lengths)[np.isnan(p)]] = True
    return pa.ListArray.from_arrays(_offsets(lengths, missing), pa.array(p))


def _maps(flat: Flat, names: Names, missing: Any = None) -> pa.MapArray:
    numbers, values = np.array(flat.names, np.int32), np.array(flat.values, np.float64)
    return pa.MapArray.from_arrays(_offsets(flat.lengths, missing), names.encoded(numbers), pa.array(values))


def _features(choices: Sequence[Choice], names: Names) -> pa.ListArray:
    """Return the features of eligible actions; null where these are all actions of the log."""
    each = [choice.features or EMPTY for choice in choices]
    inner = Flat(*(list(chain.from_iterable(lists)) for lists in zip(*each, strict=True)))
    offsets = _offsets([len(one.lengths) for one in each], _open(choices))
    return pa.ListArray.from_arrays(offsets, _maps(inner, names))
