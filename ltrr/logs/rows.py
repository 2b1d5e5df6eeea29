"""A chunk of a table as the columns that a replay checks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ltrr.logs.blocks import BAD
from ltrr.logs.columns import Columns
from ltrr.logs.convert import Found, ids, labels, numbers, times, whole
from ltrr.logs.items import ItemTable
from ltrr.logs.lists import lists
from ltrr.logs.raw import Raw
from ltrr.logs.survey import MOST_SLOTS, Survey, run_starts
from ltrr.logs.vocabulary import context_matrix
from ltrr.types import Float64, Int16, Int32, Int64

__all__ = ["raw_rows"]

_MOST_POSITIONS = 2**31 - 1


def raw_rows(
    table: pa.Table, row: int, columns: Columns, survey: Survey, items: ItemTable, n_context: int
) -> Raw:
    """Return rows of a table as `Raw`.

    Parameters
    ----------
    table : pyarrow.Table
        Rows of the log; the slots of a request are together.
    row : int
        Number of the first row in the log, from 1.
    columns : Columns
    survey : Survey
    items : ItemTable
    n_context : int
        Width of the context.
    """
    found, n = Found(), len(table)
    if BAD in table.column_names:
        bad_text = table[BAD].combine_chunks()
        bad = np.flatnonzero(bad_text.is_valid().to_numpy(zero_copy_only=False))
        if len(bad):
            found.notes.append(("unreadable", bad.astype(np.int64), bad_text.take(pa.array(bad)).to_pylist()))

    def number(name: str | None) -> Float64 | None:
        return None if name is None else numbers(table[name], name, found)

    def id_of(name: str | None) -> Int64 | None:
        return None if name is None else ids(table[name], name, found)

    action = _action(table, columns, survey, found)
    reward = -numbers(table[columns.cost], columns.cost, found) if columns.cost else number(columns.reward)
    indptr, eligible = _eligible(table, columns, survey, found)
    probabilities = _probabilities(table, columns, survey, indptr, found)
    context = context_matrix(table, survey.context, n_context, found) if survey.context else None
    position = None
    if columns.position is not None:
        position = whole(table[columns.position], columns.position, found, top=_MOST_POSITIONS)
    event, slot = _request(table, columns, found)
    time = None if columns.timestamp is None else times(table[columns.timestamp], columns.timestamp, found)
    raw = Raw(
        np.arange(row, row + n, dtype=np.int64),
        action,
        np.full(n, np.nan) if reward is None else reward,
        event,
        number(columns.propensity),
        slot,
        None if position is None else position.astype(np.int32),
        time,
        context,
        number(columns.count),
        indptr,
        eligible,
        probabilities,
        items.features(table, survey.actions.names, found),
        {name: numbers(table[column], column, found) for name, column in columns.target.items()},
        id_of(columns.session),
        id_of(columns.user),
    )
    if found.notes:
        raw.faults = _once(found)
        noted = np.concatenate([rows for _, rows, _ in raw.faults])
        # the arrays may be views of the file's own
        raw.action, raw.reward = raw.action.copy(), raw.reward.copy()
        raw.action[noted] = -1
        raw.reward[noted] = np.nan
    return raw


def _once(found: Found) -> list[tuple[str, Int64, list[str]]]:
    """Return what was found with each row at most once: what was found first."""
    rows = np.concatenate([rows for _, rows, _ in found.notes])
    texts = [text for _, _, details in found.notes for text in details]
    kinds = [kind for kind, rows, _ in found.notes for _ in range(len(rows))]
    _, first = np.unique(rows, return_index=True)
    out = []
    for kind in dict.fromkeys(kinds):
        mine = [i for i in first.tolist() if kinds[i] == kind]
        out.append((kind, rows[mine].astype(np.int64), [texts[i] for i in mine]))
    return [entry for entry in out if len(entry[1])]


def _action(table: pa.Table, columns: Columns, survey: Survey, found: Found) -> Int32:
    name = str(columns.action)
    label = labels(table[name], name, found)
    out = survey.actions.ids(label)
    if (out < 0).any():
        unknown = np.flatnonzero((out < 0) & label.is_valid().to_numpy(zero_copy_only=False))
        values = label.take(pa.array(unknown)).to_pylist()
        found.note("unseen category", unknown, values, f"`{name}` must be one of the actions")
    return out


def _eligible(
    table: pa.Table, columns: Columns, survey: Survey, found: Found
) -> tuple[Int64 | None, Int32 | None]:
    if columns.eligible is None:
        return None, None
    indptr, flat = lists(table[columns.eligible], columns.eligible, found)
    inner = Found()
    label = labels(flat, columns.eligible, inner)
    out = survey.actions.ids(label)
    row = np.repeat(np.arange(len(table)), np.diff(indptr))
    for kind, at, details in inner.notes:
        found.notes.append((kind, row[at], details))
    unknown = np.flatnonzero(out < 0)
    values = label.take(pa.array(unknown)).to_pylist() if len(unknown) else []
    found.note("unseen category", row[unknown], values, f"`{columns.eligible}` must hold actions")
    return indptr, out


def _probabilities(
    table: pa.Table, columns: Columns, survey: Survey, indptr: Int64 | None, found: Found
) -> Float64 | None:
    if columns.probabilities is None:
        return None
    name, n = columns.probabilities, len(table)
    own, flat = lists(table[name], name, found)
    inner = Found()
    value = numbers(flat, name, inner)
    row = np.repeat(np.arange(n), np.diff(own))
    for kind, at, details in inner.notes:
        found.notes.append((kind, row[at], details))
    if indptr is None:
        indptr = np.arange(n + 1, dtype=np.int64) * len(survey.actions.names)
    have, want = np.diff(own), np.diff(indptr)
    wrong = np.flatnonzero(have != want)
    if len(wrong) == 0:
        return value
    pairs = [f"{h} for {w}" for h, w in zip(have[wrong].tolist(), want[wrong].tolist(), strict=True)]
    found.note("unreadable", wrong, pairs, f"`{name}` must have as many entries as there are actions")
    out = np.full(indptr[-1], np.nan)
    good = have == want
    out[np.repeat(good, want)] = value[np.repeat(good, have)]
    return out


def _request(table: pa.Table, columns: Columns, found: Found) -> tuple[Any, Int16 | None]:
    """Return ids and slots: those of requests where there are any, else those of events."""
    name = columns.request or columns.event
    if name is None:
        return None, None
    label = labels(table[name], name, found)
    if columns.slot is not None:
        slot = whole(table[columns.slot], columns.slot, found, top=MOST_SLOTS - 1).astype(np.int16)
    elif columns.request is not None:
        starts = run_starts(pc.fill_null_forward(label))
        slot = (np.arange(len(label)) - np.repeat(starts[:-1], np.diff(starts))).astype(np.int16)
    else:
        slot = None
    if not pa.types.is_integer(label.type):
        return label.cast(pa.string()), slot
    gone = np.flatnonzero(label.is_null().to_numpy(zero_copy_only=False))
    found.note("missing value", gone, [None] * len(gone), f"`{name}` must be an id")
    return label.fill_null(0).to_numpy(), slot
