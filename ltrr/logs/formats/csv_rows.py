"""CSV files as Arrow tables of text; rows with a wrong number of fields keep their place."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from ltrr.errors import InputError
from ltrr.logs.files import open_bytes

__all__ = ["csv_names", "csv_tables"]

_BLOCK_BYTES = 1 << 22
_NO_TEXT = re.compile("[\udc80-\udcff]")
"""What bytes that are not UTF-8 become when they are decoded with "surrogateescape"."""


def csv_names(part: Path) -> list[str]:
    """Return the columns that the first line of a file names.

    Raises
    ------
    InputError
        If it names none or is not text.
    """
    # the first line alone must be text: a fault in a later row is that row's
    text = partial(io.TextIOWrapper, encoding="utf-8-sig", errors="surrogateescape", newline="")
    with open_bytes(part) as raw, text(raw) as file:
        try:
            names = next((row for row in csv.reader(file) if row), [])
        except csv.Error as error:
            raise InputError(f"{part}: its first line must name the columns: {error}") from error
    if not names or any("\0" in n or _NO_TEXT.search(n) for n in names):
        raise InputError(f"{part}: its first line must name the columns, it is empty or not text")
    return names


def csv_tables(part: Path, wanted: Mapping[str, str], bad: str) -> Iterator[pa.Table]:
    """Yield the wanted columns as text; column ``bad`` marks rows with a wrong number of fields.

    Such rows are null in all other columns. Bytes that are not UTF-8 become NUL. Blank lines do not count.

    Raises
    ------
    InputError
        If a quotation mark is never closed.
    """
    if not _has_rows(part):
        return
    wrong: list[tuple[int, str]] = []
    last = (-1, False)

    def note(row: pacsv.InvalidRow) -> str:
        # the header is row 1 and blank lines do not count
        detail = f"a row must have {row.expected_columns} fields, got {row.actual_columns}"
        wrong.append((row.number - 2, detail))
        nonlocal last
        last = (row.number - 2, "\n" in row.text)
        return "skip"

    names = csv_names(part)
    with open_bytes(part) as raw:
        text = _Text(raw)
        done = 0
        for batch in _opened(text, names, list(wanted) or names[:1], note):
            table, done = _filled(pa.Table.from_batches([batch]), wrong, done, bad)
            yield table.select([*wanted, *([bad] if bad in table.column_names else [])])
        if wrong:
            empty = pa.table({n: pa.array([], pa.string()) for n in wanted})
            table, done = _filled(empty, wrong, done, bad)
            yield table
    if text.quotes % 2 and (last == (done - 1, True) or _ends_in_quotes(part, names)):
        raise InputError(
            f"{part}: a quotation mark is opened and never closed, so that rows after it are lost; close it"
        )


def _opened(text: _Text, names: list[str], include: list[str], note: Any) -> Any:
    return pacsv.open_csv(
        pa.PythonFile(text, "r"),
        read_options=pacsv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
        parse_options=pacsv.ParseOptions(invalid_row_handler=note, newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            include_columns=include, column_types=dict.fromkeys(names, pa.string()), check_utf8=False
        ),
    )


class _Text(io.RawIOBase):
    """A byte stream of valid UTF-8 that counts quotation marks; other bytes become NUL.

    Arrow hands rows with a wrong number of fields to Python as text, and loses those that are not text.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._rest = b""
        self.quotes = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while not self._rest:
            data = self._raw.read(size)
            self.quotes += data.count(b'"')
            text = self._decoder.decode(data, final=not data)
            try:
                self._rest = text.encode()
            except UnicodeEncodeError:
                self._rest = _NO_TEXT.sub("\0", text).encode()
            if not data:
                break
        # the decoder may have held back a character, so that there is more than was asked for
        out, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return out


def _ends_in_quotes(part: Path, names: list[str]) -> bool:
    """Return whether the last value of a CSV file holds the end of its line: its quote was never closed."""
    last = ""
    with open_bytes(part) as raw:
        for batch in _opened(_Text(raw), names, names, lambda _: "skip"):
            if len(batch):
                last = max((c[-1].as_py() for c in batch.columns), key=lambda value: value.count("\n"))
    return "\n" in last


def _has_rows(part: Path) -> bool:
    """Return whether anything but white space follows the first line: Arrow refuses a bare header."""
    with open_bytes(part) as raw:
        raw.readline()
        return any(line.strip() for line in raw)


def _filled(table: pa.Table, wrong: list[tuple[int, str]], done: int, bad: str) -> tuple[pa.Table, int]:
    """Put null rows where rows were skipped: ``done`` rows of the part came before this table."""
    n, mine = len(table), 0
    # a skipped row belongs here if it stands before the table's last good row, or nothing follows
    while mine < len(wrong) and (wrong[mine][0] < done + n + mine or n == 0):
        mine += 1
    if mine == 0:
        return table, done + n
    at = np.array([row - done for row, _ in wrong[:mine]])
    index = np.zeros(n + mine, np.int64)
    gap = np.zeros(n + mine, bool)
    gap[at] = True
    index[~gap] = np.arange(n)
    details = np.full(n + mine, None, object)
    details[at] = [text for _, text in wrong[:mine]]
    del wrong[:mine]
    out = table.take(pa.array(index, mask=gap))
    return out.append_column(bad, pa.array(details, pa.string())), done + n + mine
