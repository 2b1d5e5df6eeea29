"""The first pass over a decision-service log: its actions, its features, and which fields it has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from ltrr._kernels import dsjson_columns as col
from ltrr._kernels.dsjson_features import repeats
from ltrr.errors import InputError
from ltrr.logs.formats.dsjson_features import Emitter, FeatureNames, names_of
from ltrr.logs.formats.dsjson_names import action_name, elements_of
from ltrr.logs.formats.dsjson_scan import Scan, Scanner
from ltrr.logs.formats.dsjson_values import load
from ltrr.logs.formats.hash_index import HashIndex
from ltrr.types import Int32, Int64

__all__ = ["MOST_BY_CONTENT", "MOST_BY_NAME", "Survey", "survey"]

MOST_BY_NAME = 1 << 20
"""Most actions told apart by tags or ids."""

MOST_BY_CONTENT = 4096
"""Most actions told apart by their features: where there are more, features belong to requests."""


@dataclass
class Survey:
    """What a decision-service log holds.

    Parameters
    ----------
    by_position : bool
        Actions are places in `_multi`; else they are known by tag, id or content. `finish` decides where half
        of the decisions leave no other choice; single ones that do are faulty lines.
    context, action_features : FeatureNames
        Names of features; empty where features are not wanted.
    """

    by_position: bool
    context: FeatureNames
    action_features: FeatureNames
    actions: tuple[str, ...] = field(default=(), init=False)
    size: int = field(default=0, init=False)
    n_lines: int = field(default=0, init=False)
    n_rows: int = field(default=0, init=False)
    n_entries: int = field(default=0, init=False)
    n_places: int = field(default=0, init=False)
    n_slots: int = field(default=1, init=False)
    timed: bool = field(default=False, init=False)
    has_ids: bool = field(default=False, init=False)
    has_propensities: bool = field(default=False, init=False)
    has_distributions: bool = field(default=True, init=False)
    thinned: bool = field(default=False, init=False)
    kinds: set[int] = field(default_factory=set, init=False)
    _table: HashIndex = field(default_factory=lambda: HashIndex(MOST_BY_NAME), init=False, repr=False)
    _action: Int32 = field(default_factory=lambda: np.zeros(0, np.int32), init=False, repr=False)
    _names: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _all_named: bool = field(default=True, init=False, repr=False)
    _decisions: int = field(default=0, init=False, repr=False)
    _bare: int = field(default=0, init=False, repr=False)
    _repeating: int = field(default=0, init=False, repr=False)

    @property
    def slates(self) -> bool:
        """True where one reward stands for all slots."""
        return col.SLATES in self.kinds

    @property
    def cells_per_byte(self) -> float:
        """Numbers in the feature columns for each byte of the log."""
        cells = self.n_rows * len(self.context.names) + self.n_entries * len(self.action_features.names)
        return cells / max(self.size, 1)

    def ids(self, scan: Scan, row: Int64, places: Int32) -> Int32:
        """Return the actions at places of the rows' lists, −1 where the place or the action is unknown."""
        if self.by_position:
            return np.where(places < len(self.actions), places, np.int32(-1))
        line = scan.lines[scan.rows[row, col.LINE]]
        number = self._table.find(scan.ident)
        action = np.append(self._action, np.int32(-1))[number]
        known = (places >= 0) & (places < line[:, col.IDENTS])
        at = np.where(known, line[:, col.IDENT] + places, 0)
        return np.where(known, action[at], np.int32(-1)) if len(action) else np.full(len(row), -1, np.int32)

    def look(self, scan: Scan) -> None:
        """Take a block into account."""
        self.size += len(scan.text)
        self.n_lines += len(scan.lines)
        self.n_rows += len(scan.rows)
        if len(scan.rows) == 0:
            return
        good = scan.kind <= col.SLATES
        indptr, places, probabilities = scan.lists(0)
        self.kinds |= set(np.unique(scan.kind[good]).tolist())
        self.n_entries += len(places)
        self.n_places = max(
            self.n_places, int(places.max(initial=-1)) + 1, int(scan.rows[:, col.CHOSEN].max()) + 1
        )
        self.n_slots = max(self.n_slots, int(scan.rows[:, col.SLOT].max()) + 1)
        self.timed |= bool((~np.isnan(scan.line_real[good, col.TIME])).any())
        self.has_ids |= bool((scan.event[good] != 0).any())
        self.thinned |= bool((scan.line_real[good, col.DROP] != 0.0).any())
        self.has_propensities |= bool((~np.isnan(scan.row_real[:, col.PROPENSITY])).any())
        unlisted = bool((scan.rows[:, col.LENGTH] < 0).any())
        self.has_distributions &= not unlisted and not bool(np.isnan(probabilities).any())
        if not self.by_position:
            self._look_at_actions(scan, indptr, places, good)

    def _look_at_actions(self, scan: Scan, indptr: Int64, places: Int32, good: np.ndarray) -> None:
        self._decisions += int(good.sum())
        self._bare += int((scan.lines[good, col.IDENTS] == 0).sum())
        if len(scan.ident) == 0:
            return
        number, new = self._table.add(scan.ident)
        self._all_named &= bool((scan.ident_kind != col.BY_CONTENT).all())
        limit = MOST_BY_NAME if self._all_named else MOST_BY_CONTENT
        if len(self._table) >= limit:
            self.by_position = True
            return
        self._action = np.append(self._action, np.zeros(len(new), np.int32))
        starts = np.where(scan.lines[:, col.IDENTS] > 0, scan.lines[:, col.IDENT], -1)
        order = np.argsort(starts, kind="stable")
        owner = order[np.searchsorted(starts[order], new, side="right") - 1]
        for line in np.unique(owner).tolist():
            elements = elements_of(load(scan.line_text(line)))
            for at in new[owner == line].tolist():
                name = action_name(elements[at - int(scan.lines[line, col.IDENT])])
                self._action[number[at]] = self._names.setdefault(name, len(self._names))
        row = np.repeat(np.arange(len(scan.rows)), np.diff(indptr))
        stamp = np.empty(len(self._names), np.int64)
        ids = self.ids(scan, row, places)
        if not repeats(indptr, ids, stamp):
            return
        # the same features may well stand twice in a list; tags and ids should not
        self.by_position = not self._all_named
        pair, times = np.unique(row * (len(self._names) + 1) + ids + 1, return_counts=True)
        twice = (times > 1) & (pair % (len(self._names) + 1) > 0)
        self._repeating += len(np.unique(pair[twice] // (len(self._names) + 1)))

    def finish(self) -> None:
        """Name the actions and choose the features, when all has been seen."""
        if 2 * self._bare >= max(self._decisions, 1) or 2 * self._repeating >= max(self.n_rows, 1):
            self.by_position = True
        if self.by_position:
            self.actions = tuple(str(j + 1) for j in range(self.n_places))
        else:
            self.actions = tuple(self._names)
        self.context.finish()
        self.action_features.finish()


def survey(
    texts: Iterable[bytes], *, features: bool, max_features: int, by_position: bool, name: str
) -> Survey:
    """Look through a log once.

    Raises
    ------
    InputError
        If the log holds no decision, or mixes slates with slots that have rewards of their own.
    """
    out = Survey(
        by_position, FeatureNames(max_features, of_actions=False), FeatureNames(max_features, of_actions=True)
    )
    scanner, emitter = Scanner(), Emitter()
    wrong = ""
    for text in texts:
        scan = scanner.scan(text)
        out.look(scan)
        if scan.wrong and not wrong:
            wrong = f"; the first line that cannot be read: {next(iter(scan.wrong.values()))}"
        if features and len(scan.rows):
            emitted = emitter.emit(scan)
            named = partial(names_of, scan)
            out.context.count(emitted, named)
            out.action_features.count(emitted, named)
    if out.n_rows == 0:
        raise InputError(f"{name}: must hold decisions with outcomes, {out.n_lines:,} lines hold none{wrong}")
    if {col.SLATES, col.CCB} <= out.kinds:
        raise InputError(
            f"{name}: must not mix slates (one cost for all slots) with slots that have costs of their own; "
            "split the log"
        )
    out.finish()
    return out
