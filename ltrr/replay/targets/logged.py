"""The policy behind a log, estimated by the frequencies of its choices."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from ltrr import _check
from ltrr.errors import InputError, nearest
from ltrr.logs.events import Events, Space
from ltrr.logs.replay_log import ReplayLog
from ltrr.replay.targets.distribution import Distribution, kept_mass
from ltrr.replay.targets.reads import Reads
from ltrr.types import Float64, Int64, row_of

__all__ = ["Logged"]

_OWN = ("position", "slot")
"""Columns that every log has, in addition to its context."""

_CELLS = 20_000_000
"""Most entries of the table of counts, 160 MB."""


@dataclass
class Logged(Distribution):
    """A logging policy by its frequencies in cells of the context, from this log or another one.

    In cell z action a has ``p(a | z) = (chosen(z, a) + s) / (eligible(z, a) + s · A)``, the times it was
    chosen over the times it could have been, smoothed by s; a row's probabilities are those of its eligible
    actions, renormalised. Actions are matched by their external names. Rows in cells that the counted log
    does not have get its overall frequencies, and rows none of whose actions was ever chosen get even shares;
    `note` reports both.

    The estimate is right where the policy depends on nothing but the cell and does not change over time.
    Without smoothing, what was never chosen has probability 0.

    Parameters
    ----------
    cells : tuple of str
        What makes a cell: ``"position"``, ``"slot"`` or names of context columns; () makes one cell of all.
    smoothing : float >= 0
        Laplace's s; 0 for none.

    Raises
    ------
    InputError
        If the logs lack a column, there are too many cells, the counted log is empty, or it chose an action
        that the judged log does not know.

    Examples
    --------
    >>> space = Space(("a", "b"))
    >>> log = Events(
    ...     space, row=np.arange(4), key=np.arange(4), action=np.array([0, 1, 1, 1]), reward=np.ones(4),
    ...     position=np.array([1, 1, 2, 2]),
    ... )
    >>> target = Logged()
    >>> target.add(log)
    >>> target.logged(log).tolist()
    [0.5, 0.5, 1.0, 1.0]
    """

    cells: tuple[str, ...] = ("position",)
    _: KW_ONLY
    smoothing: float = 0.0
    _source: str = field(default="the log", init=False, repr=False)
    _space: Space | None = field(default=None, init=False, repr=False)
    _ids: dict[bytes, int] = field(default_factory=dict, init=False, repr=False)
    _chosen: Float64 = field(init=False, repr=False)
    _eligible: Float64 = field(init=False, repr=False)
    _table: tuple[Space, Float64] | None = field(default=None, init=False, repr=False)
    _unseen: set[bytes] = field(default_factory=set, init=False, repr=False)
    _emptied: int | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        cells: object = self.cells
        if isinstance(cells, str):
            raise InputError(f"`Logged.cells` must be a list of column names, got the text {cells!r}")
        self.cells = tuple(self.cells)
        self.smoothing = _check.number("Logged.smoothing", self.smoothing, low=0.0)
        self._chosen = np.zeros((0, 0))
        self._eligible = np.zeros((0, 0))

    @property
    def name(self) -> str:
        """Name in tables."""
        return "logged" if self._source == "the log" else f"logged:{self._source}"

    @property
    def estimated(self) -> str:
        """How the probabilities were estimated."""
        per = f" per {' × '.join(self.cells)}" if self.cells else ""
        return f"by frequencies{per} in {self._source}"

    @property
    def note(self) -> str:
        """Which cells were not found in the counted log."""
        notes = []
        if self._unseen:
            notes.append(
                f"{len(self._unseen)} cells of the judged log were never seen in {self._source}, whose "
                "overall frequencies are used there"
            )
        if self._emptied is not None:
            notes.append(
                f"none of the eligible actions was ever chosen in some rows (first: row {self._emptied})"
            )
        return "; ".join(notes)

    @property
    def reads(self) -> Reads:
        """The columns that make the cells."""
        return Reads(features=not set(self.cells) <= set(_OWN), targets=frozenset())

    def fit(self, log: ReplayLog, *, source: str = "") -> Logged:
        """Count one pass of a log and return the target; ``source`` is the log's name in tables."""
        self._source = source or self._source
        for events in log.chunks():
            self.add(events)
        if not self._ids:
            raise InputError(f"`logged` cannot be estimated from {log.name}, which has no usable rows")
        return self

    def _columns(self, events: Events) -> Float64:
        """Return the columns that make the cells, (n, C)."""
        columns: list[Float64] = []
        names = events.space.context_names
        for cell in self.cells:
            if cell in names:
                columns.append(events.context[:, names.index(cell)].astype(np.float64))
            elif cell in _OWN:
                columns.append((events.position if cell == "position" else events.slot).astype(np.float64))
            else:
                raise InputError(
                    f"`cells` must name position, slot or context columns of the log, got "
                    f"{cell!r}{nearest(cell, [*_OWN, *names])}"
                )
        if not columns:
            return np.zeros((len(events), 0))
        # adding 0 makes −0 the same cell as 0, and a missing value is a value of its own, whatever its bits
        found = np.stack(columns, axis=1) + 0.0
        found[np.isnan(found)] = np.nan
        return found

    def _cells_of(self, events: Events) -> tuple[list[bytes], Int64]:
        """Return the distinct cells of a chunk as bytes, and the one that each row lies in."""
        columns = self._columns(events)
        code = np.zeros(len(events), np.int64)
        for column in columns.T:
            value, place = np.unique(column, return_inverse=True)
            # renumbered after each column, so that products stay small
            code = np.unique(code * len(value) + place, return_inverse=True)[1]
        first, inverse = np.unique(code, return_index=True, return_inverse=True)[1:]
        return [row.tobytes() for row in columns[first]], inverse

    def add(self, events: Events) -> None:
        """Count a chunk of the log whose policy is to be estimated."""
        if len(events) == 0:
            return
        self._space = events.space if self._space is None else self._space
        size = len(self._space.actions)
        keys, inverse = self._cells_of(events)
        ids = np.array([self._ids.setdefault(key, len(self._ids)) for key in keys], np.int64)
        if len(self._ids) * size > _CELLS:
            raise InputError(
                f"`cells` makes more than {_CELLS // size} cells of {', '.join(self.cells)}; name fewer "
                "columns, or columns with few values"
            )
        self._table = None
        more = len(self._ids) - len(self._chosen)
        if more > 0:
            # grown by half at least: adding cell by cell must not copy the table each time
            grown = np.zeros((max(more, len(self._chosen) // 2), size))
            self._chosen = np.concatenate([self._chosen.reshape(-1, size), grown])
            self._eligible = np.concatenate([self._eligible.reshape(-1, size), grown])
        cell = ids[inverse]
        count = np.ones(len(events)) if events.count is None else events.count
        np.add.at(self._chosen, (cell, events.action), count)
        if events.eligible is None or events.indptr is None:
            rows = np.bincount(cell, count, minlength=len(self._eligible))
            self._eligible += rows[:, None]
        else:
            row = row_of(events.indptr)
            np.add.at(self._eligible, (cell[row], events.eligible), count[row])

    def _shares(self, space: Space) -> Float64:
        """Return p(a | z) by the judged log's ids, (cells + 1, A); the last row is all cells together."""
        if self._table is not None and self._table[0] is space:
            return self._table[1]
        if self._space is None:
            raise InputError("`logged` must be fitted to a log before it can state probabilities")
        size = len(self._space.actions)
        n = len(self._ids)
        chosen = np.concatenate([self._chosen[:n], self._chosen.sum(axis=0, keepdims=True)])
        eligible = np.concatenate([self._eligible[:n], self._eligible.sum(axis=0, keepdims=True)])
        bottom = eligible + self.smoothing * size
        shares = np.divide(chosen + self.smoothing, bottom, out=np.zeros_like(chosen), where=bottom > 0)
        place = {action: i for i, action in enumerate(self._space.actions)}
        source = np.array([place.get(action, -1) for action in space.actions], np.int64)
        lost = chosen[-1].copy()
        lost[source[source >= 0]] = 0.0
        if lost.any():
            worst = int(lost.argmax())
            action, share = self._space.actions[worst], lost[worst] / chosen[-1].sum()
            raise InputError(
                f"`{self.name}` chose {action!r} in {share:.2%} of its rows, an action that the judged log "
                "does not know; the log cannot answer for that policy"
            )
        out = np.where(source >= 0, shares[:, source], 0.0)
        out /= np.maximum(out.sum(axis=1, keepdims=True), np.finfo(float).tiny)
        self._table = (space, out)
        return out

    def _row_cells(self, events: Events) -> Int64:
        """Return each row's line of the table, noting cells that it lacks."""
        keys, inverse = self._cells_of(events)
        self._unseen.update(key for key in keys if key not in self._ids)
        return np.array([self._ids.get(key, len(self._ids)) for key in keys], np.int64)[inverse]

    def probabilities(self, events: Events) -> Float64:
        """Return the frequencies of each row's cell, renormalised over its eligible actions."""
        shares = self._shares(events.space)
        if len(events) == 0:
            return np.zeros(0)
        cell = self._row_cells(events)
        if events.eligible is None:
            return shares[cell].reshape(-1)
        row, action = row_of(events.actions.indptr), events.eligible
        out, empty = kept_mass(events, shares[cell[row], action])
        if empty.any():
            overall, never = kept_mass(events, shares[-1, action])
            even = kept_mass(events, np.ones(len(action)))[0]
            out = np.where(empty[row], np.where(never[row], even, overall), out)
            if never.any():
                first = int(events.row[never].min())
                self._emptied = first if self._emptied is None else min(first, self._emptied)
        return out

    def logged(self, events: Events) -> Float64:
        """Return the frequencies of the chosen actions, (n,)."""
        if events.eligible is not None or len(events) == 0:
            return np.asarray(self.probabilities(events)[events.place])
        return np.asarray(self._shares(events.space)[self._row_cells(events), events.action])
