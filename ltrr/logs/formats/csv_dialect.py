"""The dialect of a CSV file, from its first lines: delimiter, decimal mark and encoding."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ltrr.errors import InputError
from ltrr.logs.files import bare_name, head, open_bytes, readable
from ltrr.logs.format import Part

__all__ = ["ENDINGS", "Dialect", "Top", "dialect", "recognise", "setup", "top_of"]

ENDINGS = (".csv", ".tsv", ".tab", ".psv")

_DELIMITERS = ",;\t|"
_BY_ENDING = {".tsv": "\t", ".tab": "\t", ".psv": "|"}
_WORDS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
_LIKE_TEXT = (".txt", ".text", ".dat", ".data", ".log")
_HEAD_CHARACTERS = 1 << 16
_LONGEST_LINE = 1 << 26
_DECIMAL_ROWS = 200
_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
_BOMS |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
"""Encodings by the mark at a file's beginning. UTF-32 is tried first: its mark begins with that of UTF-16."""

_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_POINT = re.compile(r"[+-]?(\d+\.\d*|\.\d+)([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_WHOLE = re.compile(r"[+-]?\d+")
_MISSING = {"", "NA", "N/A", "n/a", "null", "NULL", "None", "<NA>", "nan", "NaN"}
_SEP = re.compile(r'"?sep=(.)"?\s*')
_NO_TEXT = re.compile("[\udc80-\udcff]")
"""What bytes that are not UTF-8 become when they are decoded with "surrogateescape"."""


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written.

    Parameters
    ----------
    delimiter : str
        One character.
    decimal : "." or ","
    encoding : str

    Examples
    --------
    >>> print(Dialect(";", ",", "utf-16"))
    delimiter ';', decimal ',', encoding utf-16
    """

    delimiter: str = ","
    decimal: str = "."
    encoding: str = "utf-8"

    def __str__(self) -> str:
        mark = "tab" if self.delimiter == "\t" else repr(self.delimiter)
        return f"delimiter {mark}, decimal {self.decimal!r}, encoding {self.encoding}"


@dataclass(frozen=True)
class Top:
    r"""The first lines of a file.

    Parameters
    ----------
    dialect : Dialect
    names : tuple of str
        The columns, without white space and quotation marks around their names.
    rows : list of list of str
        The fields of the first rows below the header.
    skip : int
        Length of the header, and of what stands before it, in bytes of UTF-8.

    Examples
    --------
    >>> rows = [[b"k\xf6ln".decode("utf-8", "surrogateescape")]] * 3
    >>> Top(Dialect(), ("name",), rows, skip=5).foreign([0])
    'latin-1'
    """

    dialect: Dialect
    names: tuple[str, ...]
    rows: list[list[str]]
    skip: int

    def foreign(self, columns: Sequence[int]) -> str:
        """Return the encoding that many of the first rows seem to have instead of UTF-8; "" if none.

        Only these columns count. One bad byte, or two, are faults of their rows.
        """
        bad = [
            t
            for row in self.rows
            if len(row) == len(self.names)
            and _NO_TEXT.search(t := "".join(row[i] for i in columns if i < len(row)))
        ]
        if len(bad) < 3 or 50 * len(bad) < len(self.rows):
            return ""
        # bytes 80 to 9f are letters and quotation marks in Windows, and unused in latin-1
        return "cp1252" if re.search("[\udc80-\udc9f]", "".join(bad)) else "latin-1"


def dialect(
    part: Part, *, delimiter: str | None = None, decimal: str | None = None, encoding: str | None = None
) -> Dialect:
    """Return how a part is written: what is given, the rest from its first lines.

    The delimiter is the one of ``, ; tab |`` that splits the header and most evenly the rows below it. The
    decimal mark is a comma where the delimiter is none, some column's values all look like ``0,5``, not all
    of them like ``1,234``, and no column's like ``0.5``. The encoding is UTF-8 or that of a byte order mark,
    or UTF-16 by its zero bytes.

    Parameters
    ----------
    part : Part
    delimiter : str or None
        One character, or one of the words tab, comma, semicolon, pipe, space.
    decimal : "." or "," or None
    encoding : str or None
        A name that Python knows.

    Raises
    ------
    InputError
        If a setting is unusable, or the file's first line names no columns.
    """
    return top_of(part, delimiter=delimiter, decimal=decimal, encoding=encoding).dialect


def setup(parts: Sequence[Part], settings: Mapping[str, str | None]) -> dict[str, str]:
    """Return further settings for all parts of a log: a decimal comma if the first lines of any have it."""
    if settings.get("decimal"):
        return {}
    return {"decimal": ","} if any(dialect(p, **settings).decimal == "," for p in parts) else {}


def top_of(
    part: Part, *, delimiter: str | None = None, decimal: str | None = None, encoding: str | None = None
) -> Top:
    """Return the dialect of a part, its columns and its first rows.

    Raises
    ------
    InputError
        If a setting is unusable, or the file's first line names no columns.
    """
    _check_settings(delimiter, decimal, encoding)
    encoding = encoding or _encoding(head(part.path, _HEAD_CHARACTERS))
    lines = _first_lines(part.path, encoding)
    mark = "\ufeff" if lines and lines[0].startswith("\ufeff") else ""
    lines[:1] = [line.removeprefix(mark) for line in lines[:1]]
    before = 0
    if lines and (found := _SEP.fullmatch(lines[0])):
        delimiter, before = delimiter or found[1], 1
    delimiter = _WORDS.get(delimiter or "", delimiter) or _delimiter(lines, bare_name(part.path))
    try:
        reader = csv.reader(lines[before:], delimiter=delimiter)
        names = next((row for row in reader if row), [])
    except csv.Error as error:
        raise InputError(f"{part.path}: its first line must name the columns: {error}") from error
    below = before + reader.line_num
    skip, rows = "".join(lines[:below]), _rows(lines[below:], delimiter)
    if not any(n.strip() for n in names) or "\0" in skip or _NO_TEXT.search(skip):
        remedy = "; in another encoding give it, such as --encoding latin-1" if skip.strip() else ""
        raise InputError(
            f"{part.path}: its first line must name the columns, it is empty or not text in {encoding}"
            + remedy
        )
    if skip.count('"') % 2:
        raise InputError(
            f"{part.path}: its first line must name the columns: a quotation mark is never closed"
        )
    comma = delimiter != "," and _has_decimal_commas(rows, len(names))
    return Top(
        Dialect(delimiter, decimal or (",."[not comma]), encoding),
        tuple(n.strip().strip('"').strip() for n in names),
        rows,
        len((mark + skip).encode()),
    )


def recognise(name: str, start: bytes) -> bool:
    """Return whether a file is CSV: by its ending, or a text that one delimiter splits evenly."""
    if name.endswith(ENDINGS):
        return True
    if "." in name and not name.endswith(_LIKE_TEXT):
        return False
    lines = io.StringIO(start.decode(_encoding(start), "replace"), newline="").readlines()
    # the last line may be cut off
    lines = [line for line in lines[: max(len(lines) - 1, 2)] if line.strip()]
    if len(lines) < 2 or any("\0" in line for line in lines):
        return False
    rows = _rows(lines, _delimiter(lines, name))
    if len(rows) < 2 or len(rows[0]) < 2:
        return False
    named = all(n.strip() and not _POINT.fullmatch(n) and not _WHOLE.fullmatch(n) for n in rows[0])
    return named and 10 * sum(len(row) == len(rows[0]) for row in rows) >= 9 * len(rows)


def _check_settings(delimiter: str | None, decimal: str | None, encoding: str | None) -> None:
    mark = None if delimiter is None else _WORDS.get(delimiter, delimiter)
    if mark is not None and (len(mark) != 1 or not mark.isascii() or mark.isalnum() or mark in '"\r\n\0.+-'):
        raise InputError(
            f"`delimiter` must be one character such as ; or one of {', '.join(_WORDS)}, got {delimiter!r}"
        )
    if decimal not in (None, ".", ","):
        raise InputError(f"`decimal` must be . or , got {decimal!r}")
    try:
        io.TextIOWrapper(io.BytesIO(), encoding)
    except LookupError as error:
        raise InputError(
            f"`encoding` must be one that Python knows, such as latin-1 or utf-16, got {encoding!r}"
        ) from error


def _encoding(start: bytes) -> str:
    """Return the encoding that the first bytes tell, by their mark or their zeros."""
    for mark, name in _BOMS.items():
        if start.startswith(mark):
            return name
    # of two bytes of a digit, a letter or a delimiter in UTF-16 one is zero
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) > max(len(start) // 10, 3) and 10 * min(even, odd) < max(even, odd):
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8"


def is_utf8(encoding: str) -> bool:
    """Return whether a name means UTF-8, with or without a mark."""
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")


def _first_lines(path: Path, encoding: str) -> list[str]:
    """Return whole lines with their ends, at least one and about as many as `_HEAD_CHARACTERS` hold."""
    lines: list[str] = []
    errors = "surrogateescape" if is_utf8(encoding) else "replace"
    with (
        readable(path),
        open_bytes(path) as raw,
        io.TextIOWrapper(raw, "utf-8" if is_utf8(encoding) else encoding, errors, newline="") as file,
    ):
        size = 0
        while size < _HEAD_CHARACTERS and (line := file.readline(_LONGEST_LINE)):
            lines.append(line)
            size += len(line)
    return lines


def _rows(lines: list[str], delimiter: str) -> list[list[str]]:
    """Return the fields of rows, up to one that Python cannot read: Arrow may."""
    rows: list[list[str]] = []
    with suppress(csv.Error):
        rows.extend(row for row in csv.reader(lines, delimiter=delimiter) if row)
    return rows


def _delimiter(lines: list[str], name: str) -> str:
    best, found = (0.0, 1), ","
    for mark in _DELIMITERS:
        rows = _rows(lines, mark)
        width = len(rows[0]) if rows else 0
        if width < 2:
            continue
        if _BY_ENDING.get(Path(name).suffix) == mark:
            return mark
        even = sum(len(row) == width for row in rows[1:]) / max(len(rows) - 1, 1)
        if (even, width) > best:
            best, found = (even, width), mark
    return found


def _has_decimal_commas(rows: list[list[str]], width: int) -> bool:
    """Return whether some column's values all look like ``0,5`` and no column's all like ``0.5``."""
    commas = False
    columns = zip(*(row for row in rows[:_DECIMAL_ROWS] if len(row) == width), strict=True)
    for column in columns:
        values = [v for v in map(str.strip, column) if v not in _MISSING and not _WHOLE.fullmatch(v)]
        if values and all(map(_POINT.fullmatch, values)):
            return False
        # 1,234 may be a thousand: a column of such values proves nothing
        commas |= all(map(_COMMA.fullmatch, values)) and not all(map(_THOUSANDS.fullmatch, values))
    return commas
