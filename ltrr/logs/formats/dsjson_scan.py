"""A block of decision-service lines as columns: the kernel's, completed by Python's for what it left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ltrr._kernels import dsjson_columns as col
from ltrr._kernels.dsjson import scan as scan_lines
from ltrr.logs.formats.dsjson_line import Line, read_line
from ltrr.logs.formats.dsjson_values import Unreadable
from ltrr.types import Float64, Int32, Int64

__all__ = ["Scan", "Scanner"]


@dataclass(frozen=True)
class Scan:
    """What a block of text says of decisions; `ltrr._kernels.dsjson_columns` names the columns of the tables.

    Parameters
    ----------
    text : bytes
        The block.
    bytes_ : uint8 (size,)
        The block, for kernels; lines that are not UTF-8 are spoilt.
    lines, line_real, event : int64 (L, 9), float64 (L, 2), uint64 (L,)
        Lines that are not blank.
    rows, row_real : int64 (R, 5), float64 (R, 3)
        Slots of decisions, line by line.
    places, probabilities : int32, float64 (N,)
        What could have been chosen; a row's entries are ragged by LIST and LENGTH.
    ident, ident_kind : uint64, int32 (K,)
        What the elements of `_multi` are known by.
    asked : int64
        Lines that Python read.
    wrong : dict of int to str
        Lines that cannot be read, and why.
    n_numbers : int
        Lines of the block, blank ones too.
    """

    text: bytes
    bytes_: NDArray[np.uint8]
    lines: Int64
    line_real: Float64
    event: NDArray[np.uint64]
    rows: Int64
    row_real: Float64
    places: Int32
    probabilities: Float64
    ident: NDArray[np.uint64]
    ident_kind: Int32
    asked: Int64
    wrong: dict[int, str]
    n_numbers: int

    def line_text(self, line: int) -> bytes:
        """Return a line's bytes."""
        return self.text[self.lines[line, col.START] : self.lines[line, col.END]]

    @property
    def kind(self) -> Int64:
        """Kinds of the lines."""
        return self.lines[:, col.KIND]

    def lists(self, n_all: int) -> tuple[Int64, Int32, Float64]:
        """Return the rows' places and probabilities, ragged; all ``n_all`` where a row names none."""
        start, length = self.rows[:, col.LIST], self.rows[:, col.LENGTH]
        indptr = np.zeros(len(length) + 1, np.int64)
        if len(length) == 0:
            return indptr, np.zeros(0, np.int32), np.zeros(0)
        open_ = length < 0
        np.cumsum(np.where(open_, n_all, length), out=indptr[1:])
        if not open_.any() and (start == indptr[:-1]).all():
            return indptr, self.places[: indptr[-1]], self.probabilities[: indptr[-1]]
        if len(self.places) == 0:
            flat = np.zeros(indptr[-1], np.int64)
            places, probabilities = flat.astype(np.int32), np.full(indptr[-1], np.nan)
        else:
            flat = np.arange(indptr[-1]) + np.repeat(start - indptr[:-1], np.diff(indptr))
            flat = np.minimum(flat, len(self.places) - 1)
            places, probabilities = self.places[flat], self.probabilities[flat]
        entry_open = np.repeat(open_, np.diff(indptr))
        within = np.arange(indptr[-1]) - np.repeat(indptr[:-1], np.diff(indptr))
        return (
            indptr,
            np.where(entry_open, within, places).astype(np.int32),
            np.where(entry_open, np.nan, probabilities),
        )


class Scanner:
    """Reads blocks, in memory that is kept from one block to the next."""

    def __init__(self) -> None:
        self._room: col.Columns | None = None
        self._size = -1

    def scan(self, text: bytes) -> Scan:
        """Read a block of whole lines; what a `Scan` holds is its own."""
        if not text.endswith(b"\n"):
            text += b"\n"  # kernels find their way by it
        if self._room is None or len(text) > self._size:
            self._room, self._size = col.columns(len(text)), len(text)
        to = self._room
        raw = _kernel_bytes(text)
        n_lines, n_rows, n_places, n_idents, n_numbers = scan_lines(raw, len(text), to)
        lines = to.lines[:n_lines].copy()
        asked = np.flatnonzero(lines[:, col.KIND] == col.ASK)
        scan = Scan(
            text,
            raw,
            lines,
            to.line_real[:n_lines].copy(),
            to.event[:n_lines].copy(),
            to.rows[:n_rows].copy(),
            to.row_real[:n_rows].copy(),
            to.action[:n_places].copy(),
            to.probability[:n_places].copy(),
            to.ident[:n_idents].copy(),
            to.ident_info[:n_idents, 0].copy(),
            asked,
            {},
            n_numbers,
        )
        return _completed(scan) if len(asked) else scan


def _kernel_bytes(text: bytes) -> NDArray[np.uint8]:
    """Return the block for kernels; they take any bytes for text, so lines that are none are spoilt."""
    raw = np.frombuffer(text, np.uint8)
    if text.isascii() or _is_utf8(text):
        return raw
    raw = raw.copy()
    start = 0
    for line in text.split(b"\n"):
        if not _is_utf8(line):
            raw[start + len(line) - len(line.lstrip(b" \t\r"))] = 0
        start += len(line) + 1
    raw.flags.writeable = False
    return raw


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _completed(scan: Scan) -> Scan:
    """Read lines with Python and put their rows where they belong."""
    lines, event, line_real = scan.lines.copy(), scan.event.copy(), scan.line_real.copy()
    wrong: dict[int, str] = {}
    extra = _Extra(len(scan.rows), len(scan.places), len(scan.ident))
    for line in scan.asked.tolist():
        try:
            read = read_line(scan.line_text(line))
        except Unreadable as error:
            wrong[line] = str(error)
            read = Line(col.UNREADABLE)
        lines[line, col.KIND] = read.kind
        if read.kind == col.UNREADABLE:
            lines[line, col.CONTEXT] = -1
        event[line] = read.event
        line_real[line] = read.drop, read.time
        extra.add(read, lines[line], line)
    rows, row_real, places, probabilities, ident, ident_kind = extra.columns()
    # rows stand in the order of their lines again
    indptr = np.append(0, np.cumsum(lines[:, col.ROWS]))
    order = np.repeat(lines[:, col.ROW] - indptr[:-1], lines[:, col.ROWS]) + np.arange(indptr[-1])
    lines[:, col.ROW] = indptr[:-1]
    return Scan(
        scan.text,
        scan.bytes_,
        lines,
        line_real,
        event,
        np.concatenate([scan.rows, rows])[order],
        np.concatenate([scan.row_real, row_real])[order],
        np.concatenate([scan.places, places]),
        np.concatenate([scan.probabilities, probabilities]),
        np.concatenate([scan.ident, ident]),
        np.concatenate([scan.ident_kind, ident_kind]),
        scan.asked,
        wrong,
        scan.n_numbers,
    )


class _Extra:
    """Columns of the lines that Python read, to stand behind the kernel's."""

    def __init__(self, n_rows: int, n_places: int, n_idents: int) -> None:
        self._start = (n_rows, n_places, n_idents)
        self._rows: list[list[int]] = []
        self._real: list[list[float]] = []
        self._places: list[int] = []
        self._probabilities: list[float] = []
        self._idents: list[tuple[int, int]] = []

    def add(self, read: Line, columns: Int64, line: int) -> None:
        """Take a line, and write where its rows and elements are."""
        n_rows, n_places, n_idents = self._start
        columns[col.ROW] = n_rows + len(self._rows)
        columns[col.ROWS] = len(read.rows)
        columns[col.IDENT] = n_idents + len(self._idents)
        columns[col.IDENTS] = len(read.idents) if read.rows else 0
        for row in read.rows:
            length = -1 if row.places is None else len(row.places)
            self._rows.append([line, row.slot, row.chosen, n_places + len(self._places), length])
            self._real.append([row.cost, row.original, row.propensity])
            self._places += row.places or []
            self._probabilities += row.probabilities
        if read.rows:
            self._idents += read.idents

    def columns(self) -> tuple[Any, ...]:
        """Return rows, their numbers, places, probabilities, hashes and kinds of elements."""
        return (
            np.array(self._rows, np.int64).reshape(-1, 5),
            np.array(self._real, np.float64).reshape(-1, 3),
            np.array(self._places, np.int32),
            np.array(self._probabilities, np.float64),
            np.array([h for _, h in self._idents], np.uint64),
            np.array([kind for kind, _ in self._idents], np.int32),
        )
