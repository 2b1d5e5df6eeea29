"""A typed batch as the columns that are checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ltrr.logs.context import sparse_matrix
from ltrr.logs.convert import Found
from ltrr.logs.extra import ids_of, labels_of
from ltrr.logs.format import ROW
from ltrr.logs.items import ItemTable
from ltrr.logs.ragged import flat_lists, flat_maps
from ltrr.logs.raw import Raw
from ltrr.logs.regroup import run_starts
from ltrr.logs.roles import Role
from ltrr.logs.survey import Survey
from ltrr.logs.typed import faults_of
from ltrr.types import Float32, Float64, Int16, Int32, Int64
from ltrr.types.arrow import as_arrow, as_floats, as_numpy

__all__ = ["Rows", "slots_of"]


@dataclass(frozen=True)
class Rows:
    """How typed rows of a log become `Raw`.

    Parameters
    ----------
    roles : sequence of Role
    survey : Survey
    items : ItemTable
        Features of the actions from a table of their own.
    unlisted : bool
        True where a row without eligible actions could have taken any, and one without a count stands for
        itself; False where such rows are faulty.

    Examples
    --------
    >>> from ltrr.logs.context import ContextColumns
    >>> from ltrr.logs.vocabulary import Actions
    >>> from ltrr.logs.typed import typed
    >>> roles = (Role("action", "arm", "label"), Role("reward", "clicked", "number"))
    >>> batch = pa.RecordBatch.from_pydict({"arm": ["b", "a"], "clicked": ["1", "0"]})
    >>> rows = Rows(roles, Survey(Actions(("a", "b")), ContextColumns(())), ItemTable())
    >>> raw = rows.raw(typed(batch, roles, 0, fixed=True))
    >>> raw.action.tolist(), raw.reward.tolist()
    ([1, 0], [1.0, 0.0])
    """

    roles: Sequence[Role]
    survey: Survey
    items: ItemTable
    unlisted: bool = False

    def raw(self, batch: pa.RecordBatch) -> Raw:
        """Return rows of the log, unchecked; the slots of a request are together."""
        n, found = batch.num_rows, Found()
        columns = {
            name: column
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
            if name not in self.survey.absent
        }
        found.notes += faults_of(batch)

        def number(role: str) -> Float64 | None:
            return None if role not in columns else _numbers(columns[role])

        def id_of(role: str) -> Int64 | None:
            # visitors who are not known are as many as their rows: anonymous visits are part of the log
            return None if role not in columns else ids_of(columns[role], columns[ROW])

        action = self._action(columns["action"], found)
        reward = 0.0 - _numbers(columns["cost"]) if "cost" in columns else number("reward")
        indptr, eligible = self._eligible(columns, n, found)
        probabilities = self._probabilities(columns, indptr, n, found)
        context = self.survey.context.matrix(batch) if self.survey.context.roles else None
        event, slot = self._request(columns)
        position, count = columns.get("position"), number("count")
        if self.unlisted and count is not None:
            count = np.where(np.isnan(count), 1.0, count)
        raw = Raw(
            np.asarray(as_numpy(columns[ROW]), np.int64),
            action,
            np.full(n, np.nan) if reward is None else reward,
            event,
            number("propensity"),
            slot,
            None if position is None else np.asarray(as_numpy(position), np.int32),
            number("timestamp"),
            context,
            count,
            indptr,
            eligible,
            probabilities,
            self._features(columns, indptr),
            {
                role.name.partition(":")[2]: _numbers(columns[role.name])
                for role in self.roles
                if role.name.startswith("target:")
            },
            id_of("session"),
            id_of("user"),
            numbers={name: _numbers(column) for name, column in self._extra("number", columns)},
            labels={name: labels_of(column) for name, column in self._extra("label", columns)},
            ids={name: ids_of(column, columns[ROW]) for name, column in self._extra("id", columns)},
        )
        if found.notes:
            raw.faults = _once(found)
            raw.stated = raw.action, raw.reward
            label = columns.get(slots_of(columns)[0])
            raw.named = None if label is None else np.asarray(as_numpy(label.is_valid()), bool)
            # what never had an outcome is reported, and is no fault of a decision
            noted = np.concatenate([rows for _, rows, _ in raw.faults])
            # the arrays may be views of the file's own
            raw.action, raw.reward = raw.action.copy(), raw.reward.copy()
            raw.action[noted] = -1
            raw.reward[noted] = np.nan
        return raw

    def _extra(self, kind: str, columns: Mapping[str, pa.Array]) -> list[tuple[str, pa.Array]]:
        """Return the names and columns of further roles: numbers, labels or ids."""
        roles = [role.name for role in self.roles if role.name.startswith(f"{kind}:")]
        return [(name.partition(":")[2], columns[name]) for name in roles]

    def _column(self, role: str) -> str:
        """Return the log's name of a role's column, for messages."""
        return next((r.column for r in self.roles if r.name == role), role)

    def _action(self, label: pa.Array, found: Found) -> Int32:
        out = self.survey.actions.ids(label)
        if (out < 0).any():
            unknown = np.flatnonzero((out < 0) & as_numpy(label.is_valid()))
            values = label.take(as_arrow(unknown)).to_pylist()
            found.note(
                "unseen category", unknown, values, f"`{self._column('action')}` must be one of the actions"
            )
        return out

    def _eligible(
        self, columns: dict[str, pa.Array], n: int, found: Found
    ) -> tuple[Int64 | None, Int32 | None]:
        if "eligible" not in columns:
            return None, None
        indptr, flat = flat_lists(columns["eligible"])
        out = self.survey.actions.ids(flat)
        row = np.repeat(np.arange(n), np.diff(indptr))
        unknown = np.flatnonzero(out < 0)
        values = flat.take(as_arrow(unknown)).to_pylist() if len(unknown) else []
        name = self._column("eligible")
        found.note("unseen category", row[unknown], values, f"`{name}` must hold actions")
        gone = np.asarray(as_numpy(columns["eligible"].is_null()), bool)
        if self.unlisted and gone.any():
            return _filled(indptr, out, gone, len(self.survey.actions.names))
        return indptr, out

    def _probabilities(
        self, columns: dict[str, pa.Array], indptr: Int64 | None, n: int, found: Found
    ) -> Float64 | None:
        if "probabilities" not in columns:
            return None
        own, flat = flat_lists(columns["probabilities"])
        value = _numbers(flat)
        if indptr is None:
            indptr = np.arange(n + 1, dtype=np.int64) * len(self.survey.actions.names)
        have, want = np.diff(own), np.diff(indptr)
        wrong = np.flatnonzero(have != want)
        if len(wrong) == 0:
            return value
        pairs = [f"{h} for {w}" for h, w in zip(have[wrong].tolist(), want[wrong].tolist(), strict=True)]
        detail = f"`{self._column('probabilities')}` must have as many entries as there are actions"
        found.note("unreadable", wrong, pairs, detail)
        out = np.full(indptr[-1], np.nan)
        good = have == want
        out[np.repeat(good, want)] = value[np.repeat(good, have)]
        return out

    def _features(self, columns: dict[str, pa.Array], indptr: Int64 | None) -> Float32 | None:
        """Return the actions' features, ragged like the eligible actions."""
        if self.items.columns:
            return self.items.features(columns, self.survey.actions.names)
        names = self.survey.feature_names
        if "features" not in columns or indptr is None:
            return None
        own, maps = flat_lists(columns["features"])
        entries, keys, values = flat_maps(maps)
        # lists of features go with lists of actions; a row without them has zeros
        start = np.where(np.diff(own) == np.diff(indptr), indptr[:-1], -1)
        entry = np.repeat(start - own[:-1], np.diff(own)) + np.arange(own[-1])
        kept = np.repeat(start >= 0, np.diff(own))
        out = np.zeros((int(indptr[-1]), len(names)), np.float32)
        owner = np.repeat(np.where(kept, entry, -1), np.diff(entries))
        good = owner >= 0
        if not good.all():
            keys, values, owner = keys.filter(as_arrow(good)), values[good], owner[good]
        sparse_matrix(keys, values, owner, {name: i for i, name in enumerate(names)}, out)
        return out

    def _request(self, columns: dict[str, pa.Array]) -> tuple[Any, Int16 | None]:
        """Return ids and slots: those of requests where there are any, else those of events."""
        role, slot = slots_of(columns)
        if role not in columns:
            return None, None
        label = columns[role]
        # a format that always has slots may have none to speak of
        slot = None if self.unlisted and self.survey.n_slots == 1 else slot
        if role in self.survey.integers and not pa.types.is_integer(label.type):
            label = label.cast(pa.int64())
        return label if pa.types.is_integer(label.type) else label.cast(pa.string()), slot


def slots_of(columns: Mapping[str, pa.Array]) -> tuple[str, Int16 | None]:
    """Return the role whose ids name requests, and the slots; None where every row is a request."""
    role = "request" if "request" in columns else "event"
    if "slot" in columns:
        return role, np.asarray(as_numpy(columns["slot"]), np.int16)
    if role == "event":
        return role, None
    starts = run_starts(pc.fill_null_forward(columns[role]))
    return role, (np.arange(starts[-1]) - np.repeat(starts[:-1], np.diff(starts))).astype(np.int16)


def _numbers(column: pa.Array) -> Float64:
    return as_floats(column)


def _filled(indptr: Int64, eligible: Int32, gone: Any, n_actions: int) -> tuple[Int64, Int32]:
    """Give rows without a list all actions."""
    lengths = np.where(gone, n_actions, np.diff(indptr))
    out_ptr = np.append(0, np.cumsum(lengths))
    out = np.empty(int(out_ptr[-1]), np.int32)
    inside = np.repeat(~gone, lengths)
    out[inside] = eligible
    out[~inside] = np.tile(np.arange(n_actions, dtype=np.int32), int(gone.sum()))
    return out_ptr, out


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
