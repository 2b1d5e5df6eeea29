"""Lines of text files, plain or gzipped, with one line of error that says where reading failed."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ltrr.errors import InputError

__all__ = ["lines_of", "shortened"]


def lines_of(path: Path, *, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    r"""Yield the numbered lines of a file that are not blank, without a byte order mark and line ends.

    Parameters
    ----------
    path : Path
        Gzipped if its name ends in ``.gz``.
    encoding : str
        As Python names it.

    Raises
    ------
    InputError
        If the file cannot be read, is damaged or empty, or a line is not of this encoding.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.txt"
    ...     _ = path.write_bytes(b"\xef\xbb\xbfone\r\n\n two\n")
    ...     list(lines_of(path))
    [(1, 'one'), (3, ' two')]
    """
    number, empty = 0, True
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                line = _decoded(raw, encoding, path, number)
                if line.strip():
                    empty = False
                    yield number, line.rstrip("\r\n")
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read after line {number}: {error}; download it again") from error
    if empty:
        raise InputError(f"{path} is empty: download it again")


def _decoded(raw: bytes, encoding: str, path: Path, number: int) -> str:
    """Return a line as text."""
    try:
        return raw.decode(encoding).removeprefix("\ufeff" if number == 1 else "")
    except UnicodeDecodeError as error:
        bad = f"byte {error.start + 1} of the line, 0x{raw[error.start]:02x}"
        raise InputError(
            f"{path}: line {number} is not {encoding.upper()} ({bad}); save it as UTF-8"
        ) from error
    except LookupError as error:
        raise InputError(f"`encoding` must be one that Python knows, got {encoding!r}") from error


def shortened(value: Any) -> str:
    """Return a value as one short line, for messages.

    Examples
    --------
    >>> shortened("a"), shortened(None), len(shortened("a" * 99))
    ("'a'", 'nothing', 58)
    """
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
