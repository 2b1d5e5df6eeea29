"""The files of a log: one, or a folder of parts in the order of their names."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import pyarrow as pa

from ltrr.errors import InputError

__all__ = ["SUFFIXES", "head", "name_of", "open_bytes", "parts_of", "readable"]

SUFFIXES = {
    "csv": (".csv", ".csv.gz"),
    "parquet": (".parquet", ".pq"),
    "jsonl": (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz"),
}
"""Endings of the files that a folder of parts is made of, by format."""


def name_of(path: Path) -> str:
    """Return a log's name in tables: the file's or the folder's name."""
    return path.name or path.resolve().name


def parts_of(path: Path, kind: str) -> tuple[Path, ...]:
    """Return the files of a log; of a folder those with the endings of its format, subfolders included.

    Files and folders whose names begin with ``_`` or ``.`` are marks of other programs and ignored.

    Raises
    ------
    InputError
        If there is no such file, or no part in the folder.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if not path.is_dir():
        return (path,)
    found = [
        p
        for p in sorted(path.rglob("*"))
        if p.name.lower().endswith(SUFFIXES[kind])
        and p.is_file()
        and not any(part.startswith(("_", ".")) for part in p.relative_to(path).parts)
    ]
    if not found:
        endings = ", ".join(f"*{s}" for s in SUFFIXES[kind])
        raise InputError(f"{path}: the folder must hold parts of the log ({endings}), it holds none")
    return tuple(found)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn any error of reading a damaged file into one line that names it.

    Raises
    ------
    InputError
        In place of errors of the file system, of compression and of Arrow.
    """
    try:
        yield
    except InputError:
        raise
    except (OSError, EOFError, zlib.error, pa.ArrowException, UnicodeDecodeError, MemoryError) as error:
        detail = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"{path}: cannot be read: {detail}; the file is damaged or in another format"
        ) from error


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file for reading, unpacked if its name ends in ``.gz``."""
    if path.name.lower().endswith(".gz"):
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")


def head(path: Path, size: int) -> bytes:
    """Return the first bytes of a file, unpacked.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    with readable(path), open_bytes(path) as file:
        return file.read(size)
