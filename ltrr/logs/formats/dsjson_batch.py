"""Rows of decision-service lines as a record batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from ltrr.logs.format import FAULT, FAULT_TYPE, ROW, WHOLE
from ltrr.logs.formats.dsjson_choices import Choice, Decision
from ltrr.logs.formats.dsjson_line import Line, seconds
from ltrr.logs.formats.json_features import Flat, Names, clean

__all__ = ["Row", "batch"]

_EMPTY = Flat([], [], [])

Row = tuple[int, Line, Decision, tuple[str, str] | None, Flat]
"""Number of the line, its fields, a decision, the fault if there is one, and the context."""


def batch(
    rows: Sequence[Row], asked: frozenset[str], names: tuple[Names, Names], reward: str
) -> pa.RecordBatch:
    """Return the columns ``asked`` of rows; ``names`` are those of actions and of features."""
    numbers, lines, decisions, faults, contexts = zip(*rows, strict=True)
    slot, choice, cost, original, propensity, probabilities, slates = zip(*decisions, strict=True)
    actions, features = names
    faulty = np.fromiter((fault is not None for fault in faults), np.bool_, len(rows))
    make: dict[str, Callable[[], pa.Array]] = {
        "event": lambda: _texts([line.event for line in lines]),
        "slot": lambda: pa.array(slot, pa.int32(), mask=faulty),
        "action": lambda: _actions([c.action for c in choice], actions),
        "cost": lambda: _numbers(cost if reward == "label" else original),
        "propensity": lambda: _numbers(propensity),
        "timestamp": lambda: _numbers([None if line.time is None else seconds(line.time) for line in lines]),
        "count": lambda: pa.array([_count(line.drop) for line in lines], pa.float64(), mask=faulty),
        "eligible": lambda: _eligible(choice, actions),
        "probabilities": lambda: _probabilities(probabilities, choice),
        "context": lambda: _context(contexts, features, faulty),
        "features": lambda: _features(choice, features),
    }
    columns = {name: column() for name, column in make.items() if name in asked}
    columns[ROW] = pa.array(numbers, pa.int64())
    columns[WHOLE] = pa.array(slates, pa.bool_())
    found = [None if fault is None else {"kind": fault[0], "detail": clean(fault[1])} for fault in faults]
    columns[FAULT] = pa.array(found, FAULT_TYPE) if faulty.any() else pa.nulls(len(rows), FAULT_TYPE)
    return pa.record_batch(columns)


def _texts(values: list[str | None]) -> pa.Array:
    return pa.array(values, pa.string())


def _numbers(values: Sequence[float | None]) -> pa.Array:
    """Return numbers, null for NaN."""
    return pa.array(values, pa.float64(), from_pandas=True)


def _count(drop: float | None) -> float | None:
    if drop is None:
        return None
    return 1.0 / (1.0 - drop) if 0.0 <= drop < 1.0 else 0.0


def _flat(lists: Iterable[Iterable[Any]], kind: type, n: int) -> Any:
    return np.fromiter(chain.from_iterable(lists), kind, n)


def _offsets(lengths: Any) -> Any:
    out = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=out[1:])
    return out


def _lists(lengths: Any, values: pa.Array, missing: Any) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(_offsets(lengths)), values, mask=pa.array(missing))


def _actions(numbers: list[int | None], names: Names) -> pa.DictionaryArray:
    missing = np.fromiter((number is None for number in numbers), np.bool_, len(numbers))
    return names.encoded(np.array([number or 0 for number in numbers], np.int32), missing)


def _eligible(choices: Sequence[Choice], names: Names) -> pa.ListArray:
    missing = np.fromiter((choice.eligible is None for choice in choices), np.bool_, len(choices))
    lengths = np.fromiter((len(choice.eligible or ()) for choice in choices), np.int32, len(choices))
    numbers = _flat((choice.eligible or () for choice in choices), np.int32, int(lengths.sum()))
    return _lists(lengths, names.encoded(numbers), missing)


def _probabilities(values: Sequence[list[float] | None], choices: Sequence[Choice]) -> pa.ListArray:
    """Return lists in the order of the eligible actions; null where one of its values is missing."""
    n = len(values)
    lengths = np.fromiter((len(p or ()) for p in values), np.int32, n)
    start = np.repeat(_offsets(lengths)[:-1], lengths)
    orders = (choice.order if p else () for choice, p in zip(choices, values, strict=True))
    flat = _flat((p or () for p in values), np.float64, len(start))
    flat = flat[start + _flat(orders, np.int32, len(start))]
    missing = lengths == 0
    missing[np.repeat(np.arange(n), lengths)[np.isnan(flat)]] = True
    return _lists(lengths, pa.array(flat), missing)


def _maps(lengths: Any, numbers: Any, values: Any, names: Names, missing: Any = None) -> pa.MapArray:
    offsets = pa.array(_offsets(lengths), mask=None if missing is None else np.append(missing, False))
    return pa.MapArray.from_arrays(offsets, names.encoded(numbers), pa.array(values))


def _context(flats: Sequence[Flat], names: Names, missing: Any) -> pa.MapArray:
    lengths = np.fromiter((len(flat.names) for flat in flats), np.int32, len(flats))
    n = int(lengths.sum())
    numbers, values = (
        _flat((f.names for f in flats), np.int32, n),
        _flat((f.values for f in flats), np.float64, n),
    )
    return _maps(lengths, numbers, values, names, missing)


def _features(choices: Sequence[Choice], names: Names) -> pa.ListArray:
    """Return the features of eligible actions; null where these are all actions of the log."""
    missing = np.fromiter((choice.eligible is None for choice in choices), np.bool_, len(choices))
    each = [choice.features or _EMPTY for choice in choices]
    lengths = np.fromiter((len(one.lengths) for one in each), np.int32, len(each))
    inner = _flat((one.lengths for one in each), np.int32, int(lengths.sum()))
    n = int(inner.sum())
    numbers, values = (
        _flat((one.names for one in each), np.int32, n),
        _flat((one.values for one in each), np.float64, n),
    )
    return _lists(lengths, _maps(inner, numbers, values, names), missing)
