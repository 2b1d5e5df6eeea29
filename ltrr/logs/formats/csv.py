"""CSV in many dialects, as columns of text; rows with a wrong number of fields keep their place."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from ltrr.errors import InputError
from ltrr.logs.files import open_bytes, readable
from ltrr.logs.format import FAULT, FAULT_TYPE, Part, log_format
from ltrr.logs.formats.csv_dialect import (
    ENDINGS,
    Dialect,
    Top,
    dialect,
    is_utf8,
    recognise,
    setup,
    top_of,
)
from ltrr.logs.formats.leaves import picked

__all__ = ["Dialect", "batches", "dialect"]

_BLOCK_BYTES = 1 << 22
_NUMERIC = ("number", "numbers", "any", "time")
_COMMA = r"[+-]?\d*,\d+([eE][+-]?\d+)?"
_COMMAS = rf"^\s*({_COMMA}|[+-]?\d+)(\s*\|\s*({_COMMA}|[+-]?\d+))*\s*$"
"""A number with a decimal comma, or a list of numbers of which some have one."""

codecs.register_error("ltrr.nul", lambda error: ("\0", error.end))  # type: ignore[attr-defined]  # of decoding


@log_format(endings=ENDINGS, recognise=recognise, setup=setup)
def batches(
    part: Part,
    wanted: Mapping[str, str] | None,
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield the wanted columns as text.

    A row with a wrong number of fields is "unreadable" and null in all columns. Bytes that are not text
    become NUL. Blank lines do not count. Where the decimal mark is a comma, numbers get a point in columns
    that hold numbers or anything.

    Parameters
    ----------
    part : Part
    wanted : mapping of str to str or None
        Columns and what they hold; None for all, of equal names the first, whatever encoding they are in.
    delimiter, decimal, encoding : str or None
        See `dialect`; None to take it from the first lines.

    Raises
    ------
    InputError
        If the first line names no columns or a wanted one twice, wanted columns seem to be in another
        encoding, or a quotation mark is never closed.
    """
    with readable(part.path):
        top = top_of(part, delimiter=delimiter, decimal=decimal, encoding=encoding)
        places = _places(part, top, wanted)
        kinds = dict.fromkeys(places, "any") if wanted is None else wanted
        wrong = _Wrong()
        with open_bytes(part.path) as raw:
            text = _Text(raw, top)
            if not text.has_rows():
                return
            for batch in _parsed(text, top, sorted(set(places.values())) or [0], wrong):
                rows = batch.num_rows
                columns = {n: batch.column(str(i)) for n, i in places.items()}
                if top.dialect.decimal == ",":
                    columns = {n: _points(c) if kinds[n] in _NUMERIC else c for n, c in columns.items()}
                yield wrong.put(picked(columns, dict.fromkeys(columns, ()), rows))
        if wrong.notes:
            empty = dict.fromkeys(places, pa.array([], pa.string()))
            yield wrong.put(picked(empty, dict.fromkeys(places, ()), 0))
        if text.quotes % 2 and (wrong.last == (wrong.done - 1, True) or _ends_in_quotes(part, top)):
            raise InputError(
                f"{part.path}: a quotation mark is opened and never closed, so that rows after it are lost; "
                "close it"
            )


def _places(part: Part, top: Top, wanted: Mapping[str, str] | None) -> dict[str, int]:
    """Return the positions of the wanted columns that there are."""
    first = {n: i for i, n in reversed(list(enumerate(top.names)))}
    if wanted is None:
        return {n: first[n] for n in dict.fromkeys(top.names)}
    twice = [n for n in wanted if top.names.count(n) > 1]
    if twice:
        raise InputError(f"{part.path}: has two columns {twice[0]!r}; rename one")
    places = {n: first[n] for n in wanted if n in first}
    if is_utf8(top.dialect.encoding) and (other := top.foreign([*places.values()])):
        raise InputError(
            f"{part.path}: must be text in UTF-8, and many of its first rows are not; it looks like {other}: "
            f"give --encoding {other}"
        )
    return places


def _parsed(text: _Text, top: Top, columns: Sequence[int], wrong: _Wrong) -> Iterator[pa.RecordBatch]:
    names = [str(i) for i in range(len(top.names))]
    reader = pacsv.open_csv(
        pa.PythonFile(text, "r"),
        read_options=pacsv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
        parse_options=pacsv.ParseOptions(
            delimiter=top.dialect.delimiter, invalid_row_handler=wrong.note, newlines_in_values=True
        ),
        convert_options=pacsv.ConvertOptions(
            include_columns=[names[i] for i in columns],
            column_types=dict.fromkeys(names, pa.string()),
            check_utf8=False,
        ),
    )
    with reader:
        yield from reader


def _points(column: pa.Array) -> pa.Array:
    """Return text with decimal points in place of the commas of numbers and of lists of numbers."""
    number = pc.match_substring_regex(column, _COMMAS)
    return pc.if_else(number, pc.replace_substring(column, ",", "."), column)


class _Text(io.RawIOBase):
    """A file's bytes in UTF-8 below a header of plain numbers; other bytes become NUL, quotes are counted.

    Arrow hands rows with a wrong number of fields to Python as text, and loses those that are not text.
    """

    def __init__(self, raw: IO[bytes], top: Top) -> None:
        self._blocks = _utf8(raw, top.dialect.encoding, top.skip)
        self._rest = (top.dialect.delimiter.join(map(str, range(len(top.names)))) + "\n").encode()
        self.quotes = 0

    def readable(self) -> bool:
        return True

    def has_rows(self) -> bool:
        """Return whether anything but white space follows the header: Arrow refuses a bare header."""
        for block in self._blocks:
            self._take(block)
            if block.strip(b" \r\n"):
                return True
        return False

    def read(self, size: int = -1) -> bytes:
        while not self._rest and (block := next(self._blocks, None)) is not None:
            self._take(block)
        # a block may have become longer, so that there is more than was asked for
        out, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return out

    def _take(self, block: bytes) -> None:
        self.quotes += block.count(b'"')
        self._rest += block


def _utf8(raw: IO[bytes], encoding: str, skip: int) -> Iterator[bytes]:
    """Yield a file in UTF-8, without its first bytes."""
    for block in _valid(raw) if is_utf8(encoding) else _decoded(raw, encoding):
        if skip < len(block):
            yield block[skip:]
        skip = max(skip - len(block), 0)


def _valid(raw: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while True:
        data = raw.read(_BLOCK_BYTES)
        block = rest + data
        try:
            # decoding is the fastest check, and the text is rarely needed
            used = codecs.utf_8_decode(block, "strict", not data)[1]
            yield block[:used]
        except UnicodeDecodeError:
            text, used = codecs.utf_8_decode(block, "ltrr.nul", not data)
            yield text.encode()
        rest = block[used:]
        if not data:
            return


def _decoded(raw: IO[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("ltrr.nul")
    while data := raw.read(_BLOCK_BYTES):
        yield decoder.decode(data).encode()
    yield decoder.decode(b"", final=True).encode()


@dataclass
class _Wrong:
    """Rows with a wrong number of fields, which Arrow skips, and their places.

    Parameters
    ----------
    notes : list of (int, str)
        Position in the part and what was found, of rows that are in no batch yet.
    done : int
        Rows of the part that are in batches.
    last : (int, bool)
        Position of the last wrong row, and whether it holds the end of a line.
    """

    notes: list[tuple[int, str]] = field(default_factory=list)
    done: int = 0
    last: tuple[int, bool] = (-1, False)

    def note(self, row: pacsv.InvalidRow) -> str:
        # the header is row 1 and blank lines do not count
        detail = f"a row must have {row.expected_columns} fields, got {row.actual_columns}"
        self.notes.append((row.number - 2, detail))
        self.last = (row.number - 2, "\n" in row.text)
        return "skip"

    def put(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch with null rows where rows were skipped."""
        n, mine = batch.num_rows, 0
        # a skipped row belongs here if it stands before the batch's last good row, or nothing follows
        while mine < len(self.notes) and (self.notes[mine][0] < self.done + n + mine or n == 0):
            mine += 1
        before, self.done = self.done, self.done + n + mine
        if mine == 0:
            return batch
        gap = np.zeros(n + mine, bool)
        gap[[row - before for row, _ in self.notes[:mine]]] = True
        index = np.zeros(n + mine, np.int64)
        index[~gap] = np.arange(n)
        columns = [c.take(pa.array(index, mask=gap)) for c in batch.columns]
        details = np.full(n + mine, None, object)
        details[gap] = [text for _, text in self.notes[:mine]]
        del self.notes[:mine]
        fault = {"kind": pa.array(["unreadable"] * (n + mine)), "detail": pa.array(details, pa.string())}
        faults: Any = pa.StructArray.from_arrays(
            [*fault.values()], fields=list(FAULT_TYPE), mask=pa.array(~gap)
        )
        return pa.RecordBatch.from_arrays([*columns, faults], names=[*batch.schema.names, FAULT])


def _ends_in_quotes(part: Part, top: Top) -> bool:
    """Return whether the last value of a CSV file holds the end of its line: its quote was never closed."""
    last = ""
    with open_bytes(part.path) as raw:
        for batch in _parsed(_Text(raw, top), top, range(len(top.names)), _Wrong()):
            if batch.num_rows:
                last = max((c[-1].as_py() for c in batch.columns), key=lambda value: value.count("\n"))
    return "\n" in last
