"""CSV in many dialects, as columns of text; rows with a wrong number of fields keep their place."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
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
from ltrr.types.arrow import scalar

__all__ = ["Dialect", "batches", "dialect"]

_BLOCK_BYTES = 1 << 22
_LONGEST_ROW = 1 << 26
_NUMERIC = ("number", "numbers", "any", "time")
_COMMA = r"[+-]?\d*,\d+([eE][+-]?\d+)?"
_COMMAS = rf"^\s*({_COMMA}|[+-]?\d+)(\s*\|\s*({_COMMA}|[+-]?\d+))*\s*$"
"""A number with a decimal comma, or a list of numbers of which some have one."""

_THOUSANDS = r"^\s*[+-]?[1-9]\d{0,2}(\.\d{3})+\s*$"
_UNCLEAR = " (a thousand? the decimal mark is a comma)"

codecs.register_error("ltrr.nul", lambda error: ("\0", error.end))  # type: ignore[attr-defined]  # of decoding


def _unusual(part: Part, options: Mapping[str, Any]) -> str:
    """Say how a part is written unless it is what is usually called CSV."""
    found = dialect(part, **options)
    return "" if found == Dialect(",") else f"read with {found}"


@log_format(endings=ENDINGS, recognise=recognise, setup=setup, dialect=_unusual)
def batches(
    part: Part,
    wanted: Mapping[str, str] | None,
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
) -> Iterator[pa.RecordBatch]:
    """Read text with a delimiter, whose first line names the columns.

    A row with a wrong number of fields is "unreadable" and null in all columns. Bytes that are not text
    become NUL. Blank lines do not count. Where the decimal mark is a comma, numbers get a point in columns
    that hold numbers or anything.

    Parameters
    ----------
    part : Part
    wanted : mapping of str to str or None
        Columns and what they hold; None for all, of equal names the first, whatever encoding they are in.
    delimiter : str or None
        The mark between fields; None to find it in the first lines.
    decimal : str or None
        Decimal mark, a point or a comma; None to find it in the first lines.
    encoding : str or None
        Encoding by its name in Python; None for UTF-8, or UTF-16 where the text is.

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
        some = False
        with open_bytes(part.path) as raw:
            for rows in _whole_rows(part, _utf8(raw, top.dialect.encoding, top.skip), top.dialect.delimiter):
                table, wrong = _parsed(rows, top, sorted(set(places.values())) or [0])
                columns = {n: table.column(str(i)).combine_chunks() for n, i in places.items()}
                if top.dialect.decimal == ",":
                    columns = {n: _points(c) if kinds[n] in _NUMERIC else c for n, c in columns.items()}
                some = True
                yield _with_gaps(picked(columns, dict.fromkeys(columns, ()), len(table)), wrong)
        if not some:
            # a part of one line: its columns show whether that was a header
            yield pa.RecordBatch.from_arrays([pa.nulls(0, pa.string()) for _ in places], names=list(places))


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


def _parsed(rows: bytes, top: Top, columns: Sequence[int]) -> tuple[pa.Table, dict[int, str]]:
    """Return columns of text by their positions, and rows with a wrong number of fields, which they lack.

    Whole rows in memory are parsed at once: a reader of a Python file has a thread that reads ahead, which
    may hang or abort the process if it ends before the file.
    """
    wrong: dict[int, str] = {}

    def note(row: pacsv.InvalidRow) -> str:
        # blank lines do not count
        wrong[row.number - 1] = f"a row must have {row.expected_columns} fields, got {row.actual_columns}"
        return "skip"

    names = [str(i) for i in range(len(top.names))]
    table = pacsv.read_csv(
        pa.BufferReader(rows),
        read_options=pacsv.ReadOptions(block_size=len(rows) + 1, use_threads=False, column_names=names),
        parse_options=pacsv.ParseOptions(
            delimiter=top.dialect.delimiter, invalid_row_handler=note, newlines_in_values=True
        ),
        convert_options=pacsv.ConvertOptions(
            include_columns=[names[i] for i in columns],
            column_types=dict.fromkeys(names, pa.string()),
            check_utf8=False,
        ),
    )
    return table, wrong


def _points(column: pa.Array) -> pa.Array:
    """Return text with decimal points in place of the commas of numbers and of lists of numbers.

    Next to decimal commas 1.234 may be a thousand: it is not a number then.
    """
    thousand = pc.match_substring_regex(column, _THOUSANDS)
    if pc.any(thousand).as_py():
        said = pc.binary_join_element_wise(column, scalar(_UNCLEAR), scalar(""))
        column = pc.if_else(thousand, said, column)
    number = pc.match_substring_regex(column, _COMMAS)
    return pc.if_else(number, pc.replace_substring(column, ",", "."), column)


def _whole_rows(part: Part, blocks: Iterator[bytes], delimiter: str) -> Iterator[bytes]:
    """Cut a file after the ends of rows, which are not within quotation marks; without blank lines alone."""
    mark = re.escape(delimiter.encode())
    quoted = re.compile(rb"(?:\A|(?<=[\r\n]|" + mark + rb'))"[^"]*(?:""[^"]*)*("|\Z)')
    rest = b""
    for block in blocks:
        rest += block
        cut = _cut(rest, quoted)
        if rest[:cut].strip(b" \r\n"):
            yield rest[:cut]
        rest = rest[cut:]
        if len(rest) > _LONGEST_ROW:
            break
    if len(rest) > _LONGEST_ROW or any(not found[1] for found in quoted.finditer(rest)):
        raise InputError(
            f"{part.path}: a quotation mark is opened and never closed, so that rows after it are lost; "
            "close it"
        )
    if rest.strip(b" \r\n"):
        yield rest


def _cut(text: bytes, quoted: re.Pattern[bytes]) -> int:
    """Return the length of the whole rows at the beginning of a text."""
    spans = [found.span() for found in quoted.finditer(text)] if b'"' in text else []
    # an end of a row is after the last quoted value, or before it and after the one before
    after = len(text)
    for start, end in reversed(spans):
        if (found := max(text.rfind(b"\n", end, after), text.rfind(b"\r", end, after))) >= 0:
            return found + 1
        after = start
    return max(text.rfind(b"\n", 0, after), text.rfind(b"\r", 0, after)) + 1


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


def _with_gaps(batch: pa.RecordBatch, wrong: Mapping[int, str]) -> pa.RecordBatch:
    """Return a batch with null rows and their faults at the places of wrong rows."""
    if not wrong:
        return batch
    gap = np.zeros(batch.num_rows + len(wrong), bool)
    gap[list(wrong)] = True
    index = np.zeros(len(gap), np.int64)
    index[~gap] = np.arange(batch.num_rows)
    details = np.full(len(gap), None, object)
    details[list(wrong)] = list(wrong.values())
    fault = [pa.array(["unreadable"] * len(gap)), pa.array(details, pa.string())]
    faults: Any = pa.StructArray.from_arrays(fault, fields=list(FAULT_TYPE), mask=pa.array(~gap))
    columns = [c.take(pa.array(index, mask=gap)) for c in batch.columns]
    return pa.RecordBatch.from_arrays([*columns, faults], names=[*batch.schema.names, FAULT])
