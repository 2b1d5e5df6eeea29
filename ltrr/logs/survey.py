"""The first pass over a table: its actions, the levels of its categories, its longest request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ltrr.errors import InputError
from ltrr.logs.blocks import BAD, TableFiles
from ltrr.logs.columns import Columns
from ltrr.logs.convert import Found, is_text, labels, looks_numeric, whole
from ltrr.logs.files import readable
from ltrr.logs.lists import lists
from ltrr.logs.vocabulary import Actions, Category, Counts

__all__ = ["MOST_SLOTS", "Survey", "kinds_of", "run_starts", "survey"]

MOST_SLOTS = 32_767
"""Most slots of a request: slots are 16-bit numbers."""

_ROWS = 65_536
_HEAD_ROWS = 1000
_MOST_ACTIONS = 10_000_000
_SPAN = 50_000_000
"""Widest range of integer actions for which a table of those seen is kept."""


@dataclass(frozen=True)
class Survey:
    """What a log's ids mean.

    Parameters
    ----------
    actions : Actions
    context : mapping of str to Category or None
        Columns of the context in their order; None for numbers.
    n_slots : int
        Most slots that one request has.
    eligible : float
        Mean number of eligible actions in the first rows; the number of all actions where none are listed.
    """

    actions: Actions
    context: Mapping[str, Category | None]
    n_slots: int
    eligible: float


def kinds_of(columns: Columns) -> dict[str, str]:
    """Return the columns that a map names and what they hold, for readers of untyped files."""
    out = dict.fromkeys(columns.context, "any") | dict.fromkeys(columns.target.values(), "number")
    text = ("action", "event", "request", "session", "user")
    special = {"eligible": "texts", "probabilities": "numbers", "timestamp": "time"}
    for key, name in columns.single().items():
        kind = special.get(key, "text" if key in text else "number")
        # a column with two roles is kept as text, which every role can read
        out[name] = kind if out.get(name, kind) in (kind, "any") else "text"
    return out | dict.fromkeys(columns.categories, "text")


def run_starts(column: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return where runs of equal values begin, and the length of the column at the end.

    Examples
    --------
    >>> run_starts(pa.array(["a", "a", "b"])).tolist()
    [0, 2, 3]
    """
    if len(column) == 0:
        return np.zeros(1, np.int64)
    ends = pc.run_end_encode(column, run_end_type=pa.int64()).run_ends.to_numpy()
    return np.concatenate([[0], ends]).astype(np.int64)


@dataclass
class _Taken:
    """What a pass has seen so far."""

    names: set[str] = field(default_factory=set)
    table: np.ndarray[tuple[int], np.dtype[np.bool_]] | None = None
    low: int = 0
    last: object = None
    run: int = 0
    n_slots: int = 1


def survey(
    files: TableFiles,
    columns: Columns,
    declared: int | Sequence[str | int] | None,
) -> Survey:
    """Look through a log once; without a pass where types and statistics of the files tell everything.

    Raises
    ------
    InputError
        If a file cannot be read, or there are too many actions or levels.
    """
    actions = None if declared is None else Actions.given(declared)
    first = next(files.blocks(kinds_of(columns), _HEAD_ROWS), None)
    if first is None:
        raise InputError(f"{files.path}: must hold rows, it holds none")
    numeric = _numeric(columns, first.table)
    counts = {n: Counts(n) for n in columns.context if not numeric[n]}
    wanted: list[str] = list(counts)
    if actions is None:
        wanted += [str(columns.action)] + ([columns.eligible] if columns.eligible else [])
    slots = columns.slot or columns.request
    wanted += [slots] if slots else []
    taken = _Taken()
    alone = actions is None and not counts and not slots and not columns.eligible
    if alone:
        _expect(files, str(columns.action), taken)
    if wanted:
        _pass(files, columns, wanted, taken, counts, actions, alone=alone)
    if actions is None:
        if taken.table is not None:
            taken.names |= {str(i) for i in np.flatnonzero(taken.table) + taken.low}
        actions = Actions.seen(taken.names)
    levels = {n: None if n not in counts else Category(counts[n].levels()) for n in columns.context}
    mean = float(len(actions.names))
    if columns.eligible:
        mean = lists(first.table[columns.eligible], columns.eligible, Found())[0][-1] / len(first.table)
    return Survey(actions, levels, taken.n_slots, mean)


def _numeric(columns: Columns, first: pa.Table) -> dict[str, bool]:
    """Return which columns of the context are numbers, judged by the first rows."""
    out = {}
    for name in columns.context:
        kind = first[name].type
        out[name] = name not in columns.categories and (
            looks_numeric(first[name], name) if is_text(kind) else not pa.types.is_null(kind)
        )
    return out


def _expect(files: TableFiles, action: str, taken: _Taken) -> None:
    """Learn the range of integer actions from the statistics of Parquet files, if they have them."""
    if files.format != "parquet":
        return
    low, high = [], []
    for part in files.parts:
        with readable(part), pq.ParquetFile(part) as file:
            if action not in file.schema_arrow.names or not pa.types.is_integer(
                file.schema_arrow.field(action).type
            ):
                return
            place = [file.schema.column(i).path for i in range(len(file.schema))].index(action)
            for i in range(file.num_row_groups):
                found = file.metadata.row_group(i).column(place).statistics
                if found is None or not found.has_min_max:
                    return
                low.append(int(found.min))
                high.append(int(found.max))
    if low and max(high) - min(low) < _SPAN:
        taken.low = min(low)
        taken.table = np.zeros(max(high) - min(low) + 1, bool)


def _pass(
    files: TableFiles,
    columns: Columns,
    wanted: list[str],
    taken: _Taken,
    counts: Mapping[str, Counts],
    actions: Actions | None,
    *,
    alone: bool,
) -> None:
    kinds = kinds_of(columns)
    for block in files.blocks({n: kinds[n] for n in wanted}, _ROWS):
        table = block.table
        if BAD in table.column_names:
            table = table.filter(pc.is_null(table[BAD]))
        for name, count in counts.items():
            count.add(table[name])
        if columns.slot:
            slot = whole(table[columns.slot], columns.slot, Found(), top=MOST_SLOTS - 1)
            taken.n_slots = max(taken.n_slots, int(slot.max(initial=0)) + 1)
        elif columns.request:
            _longest(labels(table[columns.request], columns.request, Found()), taken)
        if actions is None:
            action = labels(table[str(columns.action)], str(columns.action), Found())
            if taken.table is not None:
                value = action.drop_null().to_numpy()
                taken.table[value - taken.low] = True
                # the statistics say what is to be found: nothing is left to look for
                if alone and taken.table.all():
                    return
                continue
            _take_names(action, taken, files)
            if columns.eligible:
                flat = lists(table[columns.eligible], columns.eligible, Found())[1]
                _take_names(labels(flat, columns.eligible, Found()), taken, files)


def _take_names(label: pa.Array, taken: _Taken, files: TableFiles) -> None:
    taken.names.update(pc.unique(label).drop_null().cast(pa.string()).to_pylist())
    if len(taken.names) > _MOST_ACTIONS:
        raise InputError(
            f"{files.path}: holds more than {_MOST_ACTIONS:,} different actions; is the right column mapped?"
        )


def _longest(request: pa.Array, taken: _Taken) -> None:
    """Note the longest run of one request's rows, across blocks."""
    starts = run_starts(request)
    if len(request) == 0:
        return
    runs = np.diff(starts)
    if request[0].as_py() == taken.last:
        runs[0] += taken.run
    taken.n_slots = min(max(taken.n_slots, int(runs.max())), MOST_SLOTS)
    taken.last, taken.run = request[-1].as_py(), int(runs[-1])
