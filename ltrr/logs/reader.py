"""One reader for the logs of all formats: a first pass that learns what is there, then chunks, checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from ltrr.errors import InputError
from ltrr.logs.admit import AdmitState, admit
from ltrr.logs.columns import Columns
from ltrr.logs.columns_used import columns_line
from ltrr.logs.copies import Copies
from ltrr.logs.copy_finder import CopyFinder
from ltrr.logs.events import Events, Space
from ltrr.logs.extra import Extra, ExtraColumns, extra_columns
from ltrr.logs.faults import Faults
from ltrr.logs.format import FAULT, ROW, WHOLE
from ltrr.logs.items import ItemTable
from ltrr.logs.own_columns import with_extra
from ltrr.logs.raw import Raw
from ltrr.logs.regroup import pieces
from ltrr.logs.roles import Role, roles_of
from ltrr.logs.rows import Rows, slots_of
from ltrr.logs.selection import Selection
from ltrr.logs.source import Source
from ltrr.logs.survey import Survey, Surveyor
from ltrr.logs.vocabulary import Actions
from ltrr.types.arrow import as_numpy

__all__ = ["LogReader"]

_ROWS = 65_536
_FLAT = 1 << 22
"""Most entries (rows × actions, or rows × context columns) that a chunk expands to."""

_COMPARED = ("event", "request", "slot", "action", "reward", "cost", "propensity")
"""Roles in which copies of a row are compared."""

_CELLS = 1 << 24
"""Most numbers that the features of a chunk's actions hold."""


@dataclass
class LogReader:
    """A log of any size and format, read in chunks; the slots of a request are never separated.

    Parameters
    ----------
    source : Source
        Where the rows come from.
    columns : Columns
        The column map, resolved.
    head : pyarrow.RecordBatch
        The first rows with all columns.
    format : str
        The format's name.
    on_error : "fail", "skip" or "report"
    check_duplicates : bool
        Whether event ids are compared with all earlier ones.
    copies : "first", "last", "max", "sum" or None
        The reward that the first of several copies of an event gets; None where copies that disagree are a
        fault.
    chunk_rows : int or None
        Rows of a chunk; None for 65,536, or fewer where there are many actions.
    actions : int, sequence of str or int, or None
        Declared actions; None to find them in the log.
    floor : float or None
        Smallest propensity the logging policy could have had.
    reward_range : (float, float) or None
    items : ItemTable
        Features of the actions from a table of their own.
    selection : Selection
        Which requests are read.
    absent : tuple of str
        Roles that a log of the format may lack.
    in_order : bool
        Number actions in the order in which they are seen.
    max_features : int
        Most columns of features by name.
    features : bool
        Whether the context and the actions' features are read.
    targets : frozenset of str or None
        Columns of target probabilities that are read; None for all.
    extra : Extra
        Further columns that are read.
    propensity : bool
        Whether the propensity is read.
    arguments : mapping
        Arguments of `ltrr.logs.read` by which another log is read as this one was.

    Examples
    --------
    >>> from ltrr.logs import read
    >>> log = read(pa.table({"action": ["a", "b", "b"], "reward": [0, 1, 1]}), chunk_rows=2)
    >>> isinstance(log, LogReader), [len(events) for events in log.chunks()]
    (True, [2, 1])
    """

    source: Source
    columns: Columns
    head: pa.RecordBatch = field(repr=False)
    format: str = "csv"
    on_error: str = "fail"
    check_duplicates: bool = True
    copies: str | None = None
    chunk_rows: int | None = None
    actions: int | Sequence[str | int] | None = None
    floor: float | None = None
    reward_range: tuple[float, float] | None = None
    items: ItemTable = field(default_factory=ItemTable)
    selection: Selection = field(default_factory=Selection)
    absent: tuple[str, ...] = ()
    in_order: bool = False
    max_features: int = 4096
    features: bool = True
    targets: frozenset[str] | None = None
    extra: Extra = field(default_factory=Extra)
    propensity: bool = True
    arguments: Mapping[str, Any] = field(default_factory=dict, repr=False)
    faults: Faults = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.faults = Faults(self.on_error, self.name)

    @property
    def name(self) -> str:
        """The file's or folder's name."""
        return self.source.name

    def only(
        self,
        *,
        features: bool,
        targets: frozenset[str] | None,
        numbers: frozenset[str] = frozenset(),
        labels: frozenset[str] = frozenset(),
        ids: frozenset[str] = frozenset(),
        propensity: bool = True,
    ) -> LogReader:
        """Return the same log without what nobody asks for, and with further columns by name.

        Parameters
        ----------
        features : bool
            Whether the context and the actions' features are read.
        targets : frozenset of str or None
            Columns of target probabilities that are read; None for all.
        numbers, labels, ids : frozenset of str
            Further columns that `Events` gets, by the names of roles, columns or columns of the context, as
            `ltrr.logs.extra.Extra` looks them up.
        propensity : bool
            False to leave the propensity unread, and unchecked.

        Raises
        ------
        InputError
            If a further column is not known.
        """
        asked = Extra(numbers, labels, ids)
        few = replace(
            self,
            features=features and self.features,
            targets=targets,
            extra=asked,
            propensity=propensity and self.propensity,
        )
        few._check_extra()
        return few

    def _check_extra(self) -> None:
        try:
            _ = self._further
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from error

    @cached_property
    def _further(self) -> ExtraColumns:
        if not self.extra:
            return ExtraColumns()
        context = [role for role in roles_of(self.columns, self.head) if role.name.startswith("context:")]
        return extra_columns(self.extra, self.columns, self.head, context, propensity=self.propensity)

    @cached_property
    def roles(self) -> tuple[Role, ...]:
        """What the columns that are read hold."""
        columns = self.columns
        target = {k: v for k, v in columns.target.items() if self.targets is None or k in self.targets}
        columns = replace(columns, target=target)
        if not self.propensity:
            columns = replace(columns, propensity=None)
        extra: list[str] = []
        if self.features:
            extra = self.items.wanted(self._declared.names) if self._declared is not None else []
        else:
            columns = replace(columns, features=None)
        if not (self.features or self._further.context):
            columns = replace(columns, context=(), categories=())
        return (*roles_of(columns, self.head, extra), *self._further.roles)

    @property
    def columns_line(self) -> str:
        """Which columns the log is read by, and which are not used; empty where a format has its own."""
        if self.absent:
            return ""
        names = [name for name in self.head.schema.names if name not in (FAULT, ROW, WHOLE)]
        return columns_line(self.roles, names, self.source.dialect)

    @property
    def selected(self) -> str:
        """Which part of the log is read, in words; empty where that is all of it."""
        return self.selection.text

    @property
    def kept(self) -> str:
        """Size and place of the temporary file of what was parsed; empty where there is none."""
        return self.source.kept

    @cached_property
    def _declared(self) -> Actions | None:
        return None if self.actions is None else Actions.given(self.actions)

    @property
    def group(self) -> str | None:
        """The role whose equal neighbours are one request; None where a row is one."""
        if self.columns.request:
            return "request"
        return "event" if self.columns.slot else None

    @property
    def survey(self) -> Survey:
        """What the first pass found."""
        return self._first_pass[0]

    @cached_property
    def _first_pass(self) -> tuple[Survey, Copies | None]:
        surveyor = Surveyor(
            self.roles,
            declared=self._declared,
            absent=frozenset(self.absent),
            in_order=self.in_order,
            max_features=self.max_features,
            name=self.name,
        )
        # what is parsed once is parsed whole; of other files only the columns that teach something are read
        wanted = self.roles if self.source.parses else surveyor.wanted
        finder = CopyFinder() if self.check_duplicates and self._has_ids else None
        if finder is not None:
            asked = {*(role.name for role in wanted), *_COMPARED}
            wanted = tuple(role for role in self.roles if role.name in asked)
        alone = wanted[0] if len(wanted) == 1 and wanted[0].name == "action" else None
        stated = None if alone is None else self.source.integer_range(alone.column)
        if stated is not None and stated[1] < 2**63:
            surveyor.expect(*stated)
        if wanted:
            for _, batch in self.source.batches(wanted, self._group_of(wanted), self.selection):
                surveyor.add(batch)
                if finder is not None:
                    _look_for_copies(finder, batch)
                if surveyor.done:
                    break
        return surveyor.finish(), None if finder is None else finder.finish().keeping(self.copies)

    @property
    def _has_ids(self) -> bool:
        return self.columns.event is not None or self.columns.request is not None

    def _group_of(self, roles: Sequence[Role]) -> str | None:
        return self.group if self.group in {role.name for role in roles} else None

    @cached_property
    def space(self) -> Space:
        """What ids mean; found in a first pass where the files do not state it."""
        found = self.survey
        items = self.items if self.features else ItemTable()
        own = items.names and not items.columns
        return Space(
            found.actions.names,
            found.context.names,
            (*items.names, *items.columns, *found.feature_names),
            items.aligned(found.actions.names) if own else None,
            found.n_slots,
            slot_rewards=not found.whole,
            timed=self.columns.timestamp is not None and "timestamp" not in found.absent,
            floor=self.floor,
            reward_range=self.reward_range,
        )

    @property
    def left_out(self) -> tuple[int, int]:
        """How many names of context features and of action features were too rare to become columns."""
        return self.survey.left_out

    @property
    def rows_per_chunk(self) -> int:
        """Rows of a chunk."""
        if self.chunk_rows is not None:
            return self.chunk_rows
        eligible, space = self.survey.eligible, self.space
        width = max(eligible, len(space.context_names), 1.0)
        own = len(space.feature_names) if space.features is None else 0
        return int(min(_ROWS, max(_FLAT / width, 1), max(_CELLS / max(eligible * own, 1.0), 1)))

    def chunks(self) -> Iterator[Events]:
        """Yield the log in chunks, checked."""
        self.faults = Faults(self.on_error, self.name)
        faults, space = self.faults, self.space
        faults.numbered = " of the log" if self.source.n_parts > 1 else ""
        group = self.columns.request or self.columns.event or "request"
        state = AdmitState(self._first_pass[1], (group, self.columns.slot or "slot"))
        for part, raw in self.raws():
            faults.where = f"{self.name}, {part}" if self.source.n_parts > 1 else self.name
            yield with_extra(admit(raw, space, faults, state), self._further.own, self.name)
        faults.where = self.name
        state.finish(faults)

    def raws(self) -> Iterator[tuple[str, Raw]]:
        """Yield chunks as they were parsed, unchecked, each with its part's name."""
        rows = Rows(self.roles, self.survey, self.items, unlisted=bool(self.absent))
        size = self.rows_per_chunk
        for part, batch in self.source.batches(self.roles, self.group, self.selection):
            for piece in pieces(batch, size, self.group, self.name):
                yield part, rows.raw(piece)


def _look_for_copies(finder: CopyFinder, batch: pa.RecordBatch) -> None:
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    role, slot = slots_of(columns)
    reward = as_numpy(columns["reward"]) if "reward" in columns else 0.0 - as_numpy(columns["cost"])
    finder.add(
        columns[role],
        row=as_numpy(columns[ROW]),
        reward=reward,
        slot=slot,
        action=columns["action"],
        propensity=None if "propensity" not in columns else as_numpy(columns["propensity"]),
        skip=np.asarray(as_numpy(columns[FAULT].is_valid()), bool),
    )
