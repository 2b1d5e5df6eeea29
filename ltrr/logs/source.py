"""Where a log's rows come from: files of one format, parsed once, or tables in memory."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

from ltrr.errors import InputError
from ltrr.logs.files import readable
from ltrr.logs.format import FAULT, ROW, WHOLE, Format, Part
from ltrr.logs.regroup import regrouped, resized
from ltrr.logs.roles import Role, wanted_of
from ltrr.logs.selection import Selection
from ltrr.logs.spool import Spool
from ltrr.logs.typed import typed
from ltrr.logs.usual import usual_batch

__all__ = ["FileSource", "Source", "TableSource"]

_ROWS = 65_536
_HEAD_ROWS = 1000

_log = logging.getLogger(__name__)

Typed = Iterator[tuple[str, pa.RecordBatch]]


class Source(Protocol):
    """Rows in the reader's own columns, again and again.

    Examples
    --------
    >>> source: Source = TableSource("a table", pa.table({"action": ["tea"], "reward": [1.0]}))
    >>> source.name, source.parses
    ('a table', False)
    """

    name: str

    @property
    def n_parts(self) -> int:
        """Number of parts."""

    @property
    def parses(self) -> bool:
        """True where a first pass keeps all that it reads, so that later ones need not parse again."""

    @property
    def dialect(self) -> str:
        """How the text was read, in a few words; empty where there is nothing to say."""

    @property
    def kept(self) -> str:
        """Size and place of what was parsed and kept; empty where nothing was."""

    def head(self) -> pa.RecordBatch:
        """Return the first rows with all their columns, as the format has them."""

    def last_names(self) -> tuple[str, ...]:
        """Return the columns of the last part; none where there is one part only."""

    def integer_range(self, column: str) -> tuple[int, int] | None:
        """Return the smallest and the largest value of a column of integers, if that is stated somewhere."""

    def batches(self, roles: Sequence[Role], group: str | None, selection: Selection) -> Typed:
        """Yield the name of a part and rows of it, the roles' columns; requests are whole."""


@dataclass
class FileSource:
    r"""The parts of a log in one format.

    Parameters
    ----------
    name : str
        What the log is called in messages.
    parts : tuple of Part
    format : Format
    options : mapping
        Options of the format's function.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from ltrr.logs.format import format_of
    >>> from ltrr.logs.formats import csv
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     part = Part(Path(folder) / "log.csv")
    ...     n = part.path.write_text("action,reward\ntea,1\n")
    ...     FileSource("log.csv", (part,), format_of(csv.batches)).head().to_pydict()
    {'action': ['tea'], 'reward': ['1']}
    """

    name: str
    parts: tuple[Part, ...]
    format: Format
    options: Mapping[str, Any] = field(default_factory=dict)
    _spool: Spool | None = field(default=None, init=False, repr=False)
    _held: tuple[Any, ...] = field(default=(), init=False, repr=False)

    @property
    def n_parts(self) -> int:
        """Number of parts."""
        return len(self.parts)

    @property
    def parses(self) -> bool:
        """True where a first pass keeps all that it reads, so that later ones need not parse again."""
        return self.format.spooled

    @property
    def dialect(self) -> str:
        """How the text was read, in a few words; empty where there is nothing to say."""
        known = self.format.dialect
        return "" if known is None else known(self.parts[0], self.options)

    @property
    def kept(self) -> str:
        """Size and place of what was parsed and kept; empty where nothing was."""
        spool = self._spool
        return "" if spool is None else f"{spool.size / 1e6:,.1f} MB in {spool.place}"

    @property
    def spool(self) -> Spool | None:
        """The temporary file of what was parsed; None where nothing has been."""
        return self._spool

    def integer_range(self, column: str) -> tuple[int, int] | None:
        """Return the smallest and the largest value of a column of integers, if the files state them."""
        known = self.format.integer_range
        return None if known is None else known(self.parts, column)

    def head(self) -> pa.RecordBatch:
        """Return the first rows with all their columns, and those that folders stand for.

        Raises
        ------
        InputError
            If the log holds no rows.
        """
        for part in self.parts:
            with readable(part.path), closing(self._read(part, None, _HEAD_ROWS)) as batches:
                for batch in batches:
                    if batch.num_rows:
                        return _with_folders(batch.slice(0, _HEAD_ROWS), part, None)
        raise InputError(f"{self.name}: must hold rows, it holds none")

    def last_names(self) -> tuple[str, ...]:
        """Return the columns of the last part; none where there is one part only."""
        part = self.parts[-1]
        if len(self.parts) == 1:
            return ()
        with readable(part.path), closing(self._read(part, None, 1)) as batches:
            return next((tuple(batch.schema.names) for batch in batches), ())

    def batches(self, roles: Sequence[Role], group: str | None, selection: Selection) -> Typed:
        """Yield the name of a part and rows of it, the roles' columns; requests are whole."""
        roles = tuple(dict.fromkeys((*roles, *selection.roles)))
        if not self.format.spooled:
            return selection.chosen(regrouped(self._typed(roles), group, self.name), group)
        if self._spool is not None and self._holds(roles, group, selection):
            return self._spool.batches([role.name for role in roles] + [ROW, WHOLE, FAULT])
        return self._spooled(roles, group, selection)

    def _holds(self, roles: tuple[Role, ...], group: str | None, selection: Selection) -> bool:
        """Return whether the temporary file is what a pass over these roles would read.

        Where rows are faulty, the fault may be one of a column that the pass does not read.
        """
        held, *others, clean = self._held
        return others == [group, selection] and (
            set(roles) <= set(held) if clean else set(roles) == set(held)
        )

    def _spooled(self, roles: tuple[Role, ...], group: str | None, selection: Selection) -> Typed:
        """Yield all rows while they are written to the temporary file; a pass cut short leaves none."""
        spool, clean = Spool(), True
        try:
            for part, batch in selection.chosen(regrouped(self._typed(roles), group, self.name), group):
                spool.write(part, batch)
                clean = clean and batch[FAULT].null_count == batch.num_rows
                yield part, batch
            spool.close()
        except BaseException:
            spool.discard()
            raise
        self._spool, self._held = spool, (roles, group, selection, clean)
        _log.info("%s: parsed once, %.1f MB kept in %s", self.name, spool.size / 1e6, spool.place)

    def _typed(self, roles: tuple[Role, ...]) -> Typed:
        return resized(self._parsed(roles), _ROWS)

    def _parsed(self, roles: tuple[Role, ...]) -> Typed:
        wanted = wanted_of(roles)
        row = 0
        for part in self.parts:
            base, numbered = row, False
            asked = {name: kind for name, kind in wanted.items() if name not in part.values}
            with readable(part.path), closing(self._read(part, asked, _ROWS)) as batches:
                for batch in batches:
                    whole = _with_folders(batch, part, wanted)
                    numbered = ROW in batch.schema.names
                    try:
                        out = typed(
                            whole,
                            roles,
                            base if numbered else row,
                            fixed=self.format.spooled,
                            unnamed="event" in self.format.absent,
                        )
                    except InputError as error:
                        raise InputError(f"{part.path}: {error}") from error
                    row = int(out.column(out.schema.get_field_index(ROW))[-1].as_py()) if len(out) else row
                    yield part.name, out

    def _read(self, part: Part, wanted: Mapping[str, str] | None, rows: int) -> Any:
        """Return the format's batches of a part; what is given back can be closed."""
        options = dict(self.options)
        if self.format.takes_rows:
            options["rows"] = rows
        return _closable(self.format.batches(part, wanted, **options))


def _closable(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Return an iterator that closes a generator's files when it is closed."""
    yield from batches


def _with_folders(batch: pa.RecordBatch, part: Part, wanted: Mapping[str, str] | None) -> pa.RecordBatch:
    """Return a batch with the columns that the part's folders stand for."""
    extra = {n: v for n, v in part.values.items() if wanted is None or n in wanted}
    if not extra:
        return batch
    arrays = [*batch.columns, *(pa.array([v] * batch.num_rows, pa.string()) for v in extra.values())]
    return pa.RecordBatch.from_arrays(arrays, names=[*batch.schema.names, *extra])


@dataclass
class TableSource:
    """A table in memory as a log.

    Parameters
    ----------
    name : str
    table : pyarrow.Table

    Examples
    --------
    >>> source = TableSource("a table", pa.table({"action": ["tea"], "reward": [1.0]}))
    >>> source.n_parts, source.head().num_rows
    (1, 1)
    """

    name: str
    table: pa.Table = field(repr=False)

    @property
    def n_parts(self) -> int:
        """One."""
        return 1

    @property
    def parses(self) -> bool:
        """False: nothing is parsed."""
        return False

    @property
    def dialect(self) -> str:
        """Nothing: there is no text."""
        return ""

    @property
    def kept(self) -> str:
        """Nothing: nothing is parsed."""
        return ""

    def last_names(self) -> tuple[str, ...]:
        """Return nothing: a table is one part."""
        return ()

    def integer_range(self, column: str) -> tuple[int, int] | None:
        """Return None: a table states no range."""
        del column
        return None

    def head(self) -> pa.RecordBatch:
        """Return the first rows.

        Raises
        ------
        InputError
            If the table holds no rows.
        """
        for batch in self.table.slice(0, _HEAD_ROWS).to_batches():
            if batch.num_rows:
                return usual_batch(batch)
        raise InputError(f"{self.name}: must hold rows, it holds none")

    def batches(self, roles: Sequence[Role], group: str | None, selection: Selection) -> Typed:
        """Yield rows of the table, the roles' columns; requests are whole."""
        roles = tuple(dict.fromkeys((*roles, *selection.roles)))
        return selection.chosen(regrouped(resized(self._typed(roles), _ROWS), group, self.name), group)

    def _typed(self, roles: tuple[Role, ...]) -> Typed:
        wanted, row = list(wanted_of(roles)), 0
        absent = [name for name in wanted if name not in self.table.column_names]
        if absent:
            raise InputError(f"{self.name}: has no column {absent[0]!r}")
        for batch in self.table.select(wanted).to_batches(max_chunksize=_ROWS):
            yield self.name, typed(usual_batch(batch), roles, row, fixed=False)
            row += batch.num_rows
