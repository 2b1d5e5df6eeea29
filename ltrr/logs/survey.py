"""The first pass over a log: its actions, levels and names of features, its longest request, its copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ltrr.errors import InputError
from ltrr.logs.context import ContextColumns
from ltrr.logs.convert import Found, numbers
from ltrr.logs.format import FAULT, ROW, WHOLE
from ltrr.logs.ragged import flat_lists
from ltrr.logs.regroup import run_starts
from ltrr.logs.roles import IDS, MOST_SLOTS, Role
from ltrr.logs.typed import UNNAMED
from ltrr.logs.vocabulary import MISSING, Actions, Category, Counts, NameCounts
from ltrr.types import Bool
from ltrr.types.arrow import as_numpy, filled, texts

__all__ = ["INTEGER", "Survey", "Surveyor"]

_MOST_ACTIONS = 10_000_000
_SPAN = 50_000_000
"""Widest range of integer actions for which a table of those seen is kept."""

INTEGER = r"^(0|-?[1-9]\d{0,17})$"


@dataclass(frozen=True)
class Survey:
    """What a log's ids mean, and what it lacks.

    Parameters
    ----------
    actions : Actions
    context : ContextColumns
    feature_names : tuple of str
        Names of the actions' features by name.
    n_slots : int
        Most slots that one request has.
    eligible : float
        Mean number of eligible actions; the number of all actions where none are listed.
    absent : frozenset of str
        Roles that the log turned out to lack.
    whole : bool
        True where some request has one reward for all its slots.
    integers : frozenset of str
        Roles of ids that are all integers.
    left_out : (int, int)
        Names of context features and of action features that were too rare to become columns.

    Examples
    --------
    >>> Survey(Actions(("a", "b")), ContextColumns(())).n_slots
    1
    """

    actions: Actions
    context: ContextColumns
    feature_names: tuple[str, ...] = ()
    n_slots: int = 1
    eligible: float = 1.0
    absent: frozenset[str] = frozenset()
    whole: bool = False
    integers: frozenset[str] = frozenset()
    left_out: tuple[int, int] = (0, 0)


@dataclass
class Surveyor:
    """Collects a `Survey` from typed batches of whole requests.

    Parameters
    ----------
    roles : sequence of Role
        All roles of the log; batches may lack those that teach nothing.
    declared : Actions or None
        Actions that were given.
    absent : frozenset of str
        Roles that the log may lack.
    in_order : bool
        Number actions in the order in which they are seen.
    max_features : int
        Most columns of features by name.
    name : str
        What the log is called in messages.

    Examples
    --------
    >>> from ltrr.logs.typed import typed
    >>> roles = (Role("action", "arm", "label"), Role("reward", "clicked", "number"))
    >>> batch = pa.RecordBatch.from_pydict({"arm": ["b", "a"], "clicked": ["1", "0"]})
    >>> surveyor = Surveyor(roles)
    >>> surveyor.add(typed(batch, roles, 0, fixed=True))
    >>> surveyor.finish().actions.names
    ('a', 'b')
    """

    roles: Sequence[Role]
    declared: Actions | None = None
    absent: frozenset[str] = frozenset()
    in_order: bool = False
    max_features: int = 4096
    name: str = "the log"
    _names: dict[str, None] = field(default_factory=dict, init=False, repr=False)
    _counts: dict[str, Counts] = field(init=False, repr=False)
    _features: dict[str, NameCounts] = field(init=False, repr=False)
    _lacking: set[str] = field(init=False, repr=False)
    _gaps: bool = field(default=False, init=False, repr=False)
    _not_integers: set[str] = field(default_factory=set, init=False, repr=False)
    _whole: bool = field(default=False, init=False, repr=False)
    _apart: bool = field(default=False, init=False, repr=False)
    _first: str = field(default="", init=False, repr=False)
    _n_slots: int = field(default=1, init=False, repr=False)
    _rows: int = field(default=0, init=False, repr=False)
    _entries: int = field(default=0, init=False, repr=False)
    _low: int = field(default=0, init=False, repr=False)
    _seen: Bool | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        context = [role for role in self.roles if role.name.startswith("context:")]
        self._counts = {r.name: Counts(r.column) for r in context if r.kind == "label"}
        sparse = [r for r in self.roles if r.kind in ("sparse", "sparses")]
        self._features = {r.name: NameCounts(self.max_features) for r in sparse}
        self._lacking = set(self.absent) & {role.name for role in self.roles}

    @property
    def wanted(self) -> tuple[Role, ...]:
        """The roles that teach something."""
        teach = {*self._counts, *self._features, *self._lacking, "slot", "request", *IDS}
        teach |= set() if self.declared is not None else {"action", "eligible"}
        return tuple(role for role in self.roles if role.name in teach)

    def expect(self, low: int, high: int) -> None:
        """Note that all actions are integers in a range: when all have been seen there is no more to see."""
        if high - low < _SPAN:
            self._low, self._seen = low, np.zeros(high - low + 1, np.bool_)

    @property
    def done(self) -> bool:
        """True when further rows can teach nothing."""
        return self._seen is not None and bool(self._seen.all())

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in rows; those that name no action teach nothing but what ids look like.

        Raises
        ------
        InputError
            If there are too many actions, or too many values of a category.
        """
        names = batch.schema.names
        # a faulty row keeps its id, and an unreadable line is named by its number
        self._look_at_ids(dict(zip(names, batch.columns, strict=True)))
        faults = batch.column(names.index(FAULT))
        if faults.null_count < len(faults):
            self._note_first(batch, faults)
            # a row that names its action teaches what it names: which columns are read must not change that
            gone = faults.is_valid()
            if "action" in names:
                gone = pc.and_(gone, batch["action"].is_null())
            batch = batch.filter(pc.invert(gone))
        self._rows += batch.num_rows
        if batch.num_rows == 0:
            return
        columns = dict(zip(names, batch.columns, strict=True))
        for role, count in self._counts.items():
            count.add(columns[role])
        for role, features in self._features.items():
            features.add(_all_names(columns[role]))
        self._look_for(columns)
        if WHOLE in columns:
            self._whole |= bool(pc.any(columns[WHOLE]).as_py())
            self._apart |= not pc.all(columns[WHOLE]).as_py()
        if "eligible" in columns:
            indptr, flat = flat_lists(columns["eligible"])
            self._entries += int(indptr[-1])
            if self.declared is None:
                self._take_names(flat)
        if self.declared is None:
            self._take_names(columns["action"])
        self._take_slots(columns)

    def _note_first(self, batch: pa.RecordBatch, faults: pa.Array) -> None:
        """Keep what is wrong with the first faulty row: if no row is readable, it says why."""
        if self._first:
            return
        i = int(np.argmax(as_numpy(faults.is_valid())))
        row = batch.column(batch.schema.get_field_index(ROW))[i].as_py()
        fault = faults[i].as_py()
        self._first = f"row {row}: {fault['kind']}: {fault['detail']}"

    def _look_at_ids(self, columns: dict[str, pa.Array]) -> None:
        """Note the ids that are other than integers."""
        for role in IDS:
            column = columns.get(role)
            if column is None or role in self._not_integers or pa.types.is_integer(column.type):
                continue
            fits = filled(pc.match_substring_regex(column, INTEGER), True)
            if not pc.all(fits).as_py():
                self._not_integers.add(role)

    def _look_for(self, columns: dict[str, pa.Array]) -> None:
        """Note the roles that have a value after all, and if some row has no whole distribution."""
        for role in tuple(self._lacking):
            column = columns.get(role)
            if column is None:
                continue
            missing = column.null_count
            if role == "event":
                missing = pc.sum(pc.starts_with(column, UNNAMED)).as_py()
            if pa.types.is_floating(column.type):
                values = as_numpy(column)
                # a count of 1 says no more than none
                missing = int((np.isnan(values) | ((values == 1.0) & (role == "count"))).sum())
            if missing < len(column):
                self._lacking.discard(role)
        if "probabilities" in self.absent and "probabilities" in columns:
            self._gaps |= columns["probabilities"].null_count > 0

    def _take_names(self, label: pa.Array) -> None:
        if self._seen is not None:
            self._seen[as_numpy(label.drop_null()) - self._low] = True
            return
        unique = label.unique()
        if pa.types.is_dictionary(label.type):
            # a format that numbers actions itself has all of them, in its order, in the dictionary
            unique = label.dictionary if self.in_order else unique.dictionary_decode()
        self._names.update(dict.fromkeys(unique.drop_null().cast(pa.string()).to_pylist()))
        if len(self._names) > _MOST_ACTIONS:
            raise InputError(
                f"{self.name}: holds more than {_MOST_ACTIONS:,} different actions; is the right column "
                "mapped?"
            )

    def _take_slots(self, columns: dict[str, pa.Array]) -> None:
        if "slot" in columns:
            top = pc.max(columns["slot"]).as_py()
            self._n_slots = max(self._n_slots, 0 if top is None else int(top) + 1)
        elif "request" in columns:
            runs = np.diff(run_starts(columns["request"]))
            self._n_slots = min(max(self._n_slots, int(runs.max(initial=0))), MOST_SLOTS)

    def _settled(self, role: Role) -> Role:
        """Return a context's role, now that all values are known."""
        if not role.late:
            return role
        values = [value for value in self._counts[role.name].of if value != MISSING]
        found = Found()
        number = numbers(texts(values), role.column, found)
        return replace(role, kind="number") if np.isfinite(number).any() and not found.notes else role

    def finish(self) -> Survey:
        """Return what was found.

        Raises
        ------
        InputError
            If a log of decisions (dsjson, vw) holds none, or requests with one reward are mixed with slots
            with their own.
        """
        if self.absent and not self._rows:
            raise InputError(
                f"{self.name}: must hold decisions with outcomes, it holds none: {self._first}; if it is in "
                "another format, name it with --format"
            )
        if self._whole and self._apart:
            raise InputError(
                f"{self.name}: must not mix slates, which have one reward a request, with decisions that "
                "have rewards of their own; make two logs of it"
            )
        if self._seen is not None:
            self._names = {str(i): None for i in np.flatnonzero(self._seen) + self._low}
        actions = self.declared or Actions.seen(self._names, in_order=self.in_order)
        names = {role: count.names() for role, count in self._features.items()}
        context = [self._settled(role) for role in self.roles if role.name.startswith("context:")]
        missing = {"probabilities"} if self._gaps else set()
        if self._n_slots > 1:
            self._lacking.discard("event")  # lines show which slots are one request
        lists = "eligible" in {role.name for role in self.roles} and "eligible" not in self._lacking
        return Survey(
            actions,
            ContextColumns(
                context,
                {role: Category(count.levels()) for role, count in self._counts.items()},
                {role.name: names[role.name] for role in context if role.kind == "sparse"},
            ),
            names.get("features", ()),
            self._n_slots,
            self._entries / max(self._rows, 1) if lists else float(len(actions.names)),
            frozenset(self._lacking | missing),
            self._whole,
            frozenset(IDS) - self._not_integers,
            (
                sum(c.left_out for role, c in self._features.items() if role != "features"),
                sum(c.left_out for role, c in self._features.items() if role == "features"),
            ),
        )


def _all_names(column: pa.Array) -> pa.Array:
    """Return the names in a column of maps, or of lists of maps."""
    if not pa.types.is_map(column.type):
        _, column = flat_lists(column)
    offsets = column.offsets
    first, last = (offsets[0].as_py(), offsets[-1].as_py()) if len(offsets) else (0, 0)
    return column.keys.slice(first, last - first)
