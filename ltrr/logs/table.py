"""A log in CSV, Parquet or JSON lines, read through a column map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ltrr import _check
from ltrr.errors import InputError
from ltrr.logs.admit import AdmitState, admit
from ltrr.logs.blocks import TableFiles
from ltrr.logs.columns import Columns, columns_from
from ltrr.logs.convert import Found, labels
from ltrr.logs.copies import Copies
from ltrr.logs.copy_finder import find_copies
from ltrr.logs.events import Events, Space
from ltrr.logs.faults import ON_ERROR, Faults
from ltrr.logs.items import ItemTable
from ltrr.logs.raw import Raw
from ltrr.logs.rows import raw_rows
from ltrr.logs.survey import MOST_SLOTS, Survey, kinds_of, run_starts, survey
from ltrr.logs.vocabulary import Actions

__all__ = ["TableLog", "open_table"]

_ROWS = 65_536
_FLAT = 1 << 22
"""Most entries (rows × actions, or rows × context columns) that a chunk expands to."""


@dataclass
class TableLog:
    """A CSV, Parquet or JSON-lines log of any size, read in chunks.

    Parameters
    ----------
    files : TableFiles
        The parts.
    columns : Columns
        The column map, resolved.
    on_error : "fail", "skip" or "report"
    check_duplicates : bool
    chunk_rows : int or None
        Rows of a chunk; None for 65,536, or fewer where there are many actions.
    actions : int, sequence of str or int, or None
        Declared actions; None to find them in the log.
    floor : float or None
        Smallest propensity the logging policy could have had.
    reward_range : (float, float) or None
    items : ItemTable
        Features of the actions.
    format : str
        The format's name.
    """

    files: TableFiles
    columns: Columns
    on_error: str = "fail"
    check_duplicates: bool = True
    chunk_rows: int | None = None
    actions: int | Sequence[str | int] | None = None
    floor: float | None = None
    reward_range: tuple[float, float] | None = None
    items: ItemTable = field(default_factory=ItemTable)
    format: str = "csv"
    faults: Faults = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.faults = Faults(self.on_error, self.name)

    @property
    def name(self) -> str:
        """The file's or folder's name."""
        return self.files.name

    @cached_property
    def survey(self) -> Survey:
        """What the first pass found."""
        return survey(self.files, self.columns, self.actions)

    @cached_property
    def space(self) -> Space:
        """What ids mean; found in a first pass where the files do not state it."""
        found = self.survey
        names = []
        for column, category in found.context.items():
            names += [column] if category is None else [f"{column}:{level}" for level in category.levels]
        return Space(
            found.actions.names,
            tuple(names),
            (*self.items.names, *self.items.columns),
            None if self.items.columns or not self.items.names else self.items.aligned(found.actions.names),
            found.n_slots,
            timed=self.columns.timestamp is not None,
            floor=self.floor,
            reward_range=self.reward_range,
        )

    @property
    def rows_per_chunk(self) -> int:
        """Rows of a chunk."""
        if self.chunk_rows is not None:
            return self.chunk_rows
        width = max(self.survey.eligible, len(self.space.context_names), 1.0)
        return int(min(_ROWS, max(_FLAT / width, 1)))

    def chunks(self) -> Iterator[Events]:
        """Yield the log in chunks, checked; the slots of a request are never separated."""
        self.faults = Faults(self.on_error, self.name)
        group = self.columns.request or self.columns.event or "request"
        state = AdmitState(self.copies, (group, self.columns.slot or "slot"))
        faults = self.faults
        row = 1
        for part, table in self._whole_requests():
            faults.where = f"{self.name}, {part}" if len(self.files.parts) > 1 else self.name
            yield admit(self._raw(table, row), self.space, faults, state)
            row += len(table)
        faults.where = self.name
        state.finish(faults)

    @cached_property
    def copies(self) -> Copies | None:
        """What the log holds twice, found in a pass of its own."""
        if not self.check_duplicates:
            return None
        return find_copies(self._raws())

    def _raws(self) -> Iterator[Raw]:
        row = 1
        for _, table in self._whole_requests():
            yield self._raw(table, row)
            row += len(table)

    def _raw(self, table: pa.Table, row: int) -> Raw:
        return raw_rows(table, row, self.columns, self.survey, self.items, len(self.space.context_names))

    def _whole_requests(self) -> Iterator[tuple[str, pa.Table]]:
        """Yield (part, rows), keeping the last request of a block until the next block begins."""
        wanted = kinds_of(self.columns) | dict.fromkeys(
            self.items.wanted(self.survey.actions.names), "number"
        )
        blocks = self.files.blocks(wanted, self.rows_per_chunk)
        group = self.columns.request or (self.columns.event if self.columns.slot else None)
        if group is None:
            yield from ((block.part, block.table) for block in blocks)
            return
        part, kept = "", None
        for block in blocks:
            table = block.table
            if kept is not None:
                table = pa.concat_tables([kept, table], promote_options="permissive")
            part = block.part
            # an unreadable row has no id and may be a slot of the request before it
            starts = run_starts(pc.fill_null_forward(labels(table[group], group, Found())))
            cut = int(starts[-2])
            if len(table) - cut > MOST_SLOTS:
                raise InputError(
                    f"{self.name}, {part}: column `{group}` has the same value in more than {MOST_SLOTS:,} "
                    "consecutive rows, so it does not name requests; map another column"
                )
            if cut:
                yield part, table.slice(0, cut)
            kept = table.slice(cut)
        if kept is not None:
            yield part, kept


def open_table(
    path: str | Path,
    format: str,  # noqa: A002 - named as in `read`
    *,
    columns: Columns | Mapping[str, Any] | str | Path | None = None,
    fill_columns: bool = False,
    on_error: str = "fail",
    check_duplicates: bool | None = None,
    chunk_rows: int | None = None,
    actions: int | Sequence[str | int] | None = None,
    floor: float | None = None,
    reward_range: tuple[float, float] | None = None,
) -> TableLog:
    """Return a log in CSV, Parquet or JSON lines.

    Parameters
    ----------
    path : str or Path
        A file, or a folder of parts (subfolders named ``key=value`` are columns).
    format : "csv", "parquet" or "jsonl"
    columns : Columns, dict, path of a TOML file, or None
        The column map; None where the columns have the usual names.
    fill_columns : bool
        True to fill what the map leaves out by columns with the usual names.
    on_error : "fail", "skip" or "report"
        What to do about faulty rows.
    check_duplicates : bool or None
        Whether event ids are checked for duplicates; None where there are such ids.
    chunk_rows : int or None
        Rows of a chunk; None for 65,536, or fewer where there are many actions.
    actions : int, sequence of str or int, or None
        Their number N, for integers 0…N − 1, or their names; None to find them in the log.
    floor : float or None
        Smallest propensity the logging policy could have had, in (0, 1].
    reward_range : (float, float) or None
        Declared range of the rewards.

    Raises
    ------
    InputError
        If the path, the map or an argument is wrong.
    """
    files = TableFiles.find(Path(path), format)
    given = columns_from(columns)
    if given is not None and fill_columns:
        given = given.filled(files.names, frequent=files.frequent)
    usual = given or Columns.usual(files.names, frequent=files.frequent)
    resolved = usual.resolve(files.names, str(path))
    common = checked(on_error, chunk_rows, floor, reward_range)
    if actions is not None:
        Actions.given(actions)
    has_ids = resolved.event is not None or resolved.request is not None
    return TableLog(
        files,
        resolved,
        check_duplicates=has_ids if check_duplicates is None else check_duplicates,
        actions=actions,
        format=format,
        **common,
    )


def checked(
    on_error: str, chunk_rows: int | None, floor: float | None, reward_range: tuple[float, float] | None
) -> dict[str, Any]:
    """Return the arguments that all table readers share, checked.

    Raises
    ------
    InputError
        If one is out of its range.
    """
    _check.choice("on_error", on_error, ON_ERROR)
    if chunk_rows is not None:
        _check.integer("chunk_rows", chunk_rows, low=1)
    if floor is not None:
        _check.number("floor", floor, low=0.0, high=1.0, open_low=True)
    if reward_range is not None:
        good = isinstance(reward_range, Sequence) and len(reward_range) == 2
        if not good or not reward_range[0] <= reward_range[1]:
            raise InputError(f"`reward_range` must be two numbers, the lower first, got {reward_range!r}")
        low, high = reward_range
        reward_range = (_check.number("reward_range", low), _check.number("reward_range", high))
    return {"on_error": on_error, "chunk_rows": chunk_rows, "floor": floor, "reward_range": reward_range}
