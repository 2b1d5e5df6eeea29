"""The files of a log: one, or a folder of parts in the order of their names; packed files are unpacked."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast
from urllib.parse import unquote

import pyarrow as pa

from ltrr.errors import InputError
from ltrr.logs.format import Part

__all__ = [
    "SUFFIXES",
    "bare_name",
    "head",
    "is_companion",
    "log_parts",
    "name_of",
    "open_bytes",
    "parts_of",
    "readable",
]

SUFFIXES = {
    "csv": (".csv", ".csv.gz"),
    "parquet": (".parquet", ".pq"),
    "jsonl": (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz"),
}
"""Endings of the files that a folder of parts is made of, by format."""

_PACKED = {".gz": "gz", ".gzip": "gz", ".bz2": "bz2", ".xz": "xz", ".zst": "zst", ".zstd": "zst"}
_MAGIC = {
    "gz": (b"\x1f\x8b\x08",),
    "bz2": tuple(b"BZh%d" % n + b for n in range(1, 10) for b in (b"1AY&SY", b"\x17rE8P\x90")),
    "xz": (b"\xfd7zXZ\x00",),
    "zst": (b"\x28\xb5\x2f\xfd",),
}
"""First bytes of packed files. Those of bz2 are its first ten: "BZh9" alone might begin a text."""

_COMPANION_STEMS = (
    *("readme", "license", "licence", "copying", "notice", "citation", "authors", "changelog"),
    *("source", "sources", "version", "manifest", "metadata", "schema", "dataset_info", "codebook"),
    *("data_dictionary", "checksums", "md5sums", "sha1sums", "sha256sums", "item_context"),
    *("desktop", "thumbs"),
)
_COMPANION_ENDINGS = (
    *(".md", ".rst", ".html", ".htm", ".pdf", ".bib", ".png", ".jpg", ".svg"),
    *(".toml", ".yaml", ".yml", ".ini", ".cfg", ".xsd", ".sql", ".py", ".r", ".sh", ".ipynb"),
    *(".md5", ".sha1", ".sha256", ".sha512", ".crc", ".asc", ".sig"),
)


def name_of(path: Path) -> str:
    """Return a log's name in tables: the file's or the folder's name."""
    return path.name or path.resolve().name


def bare_name(path: Path) -> str:
    """Return a file's name in lower case, without the ending of a compression.

    Examples
    --------
    >>> bare_name(Path("logs/Day1.CSV.gz")), bare_name(Path("day1.parquet"))
    ('day1.csv', 'day1.parquet')
    """
    name = path.name.lower()
    return name.removesuffix(path.suffix.lower()) if path.suffix.lower() in _PACKED else name


def is_companion(path: Path) -> bool:
    """Return whether a file is one that lies next to logs and is not a part of them.

    These are what describes data (README, LICENSE, SOURCE, schema and metadata, with any ending), sums of
    bytes, pages, pictures, programs, settings such as a column map in TOML, and ``item_context.csv``, the
    items of Open Bandit Data.

    Examples
    --------
    >>> [is_companion(Path(name)) for name in ("SOURCE.txt", "README", "map.toml", "day1.csv", "notes.txt")]
    [True, True, True, False, False]
    """
    name = bare_name(path)
    return name.split(".", 1)[0] in _COMPANION_STEMS or name.endswith(_COMPANION_ENDINGS)


def log_parts(path: Path, endings: tuple[str, ...]) -> tuple[Part, ...]:
    """Return the parts of a log: the file, or all files of a folder and its subfolders, by name.

    Files and folders whose names begin with ``_`` or ``.`` are marks of other programs and ignored, and so
    are companions (`is_companion`). Folders named ``key=value`` are columns of the parts below them.

    Parameters
    ----------
    path : Path
    endings : tuple of str
        Endings that a part in a folder must have, without those of compression; any if empty.

    Raises
    ------
    InputError
        If there is no such file, no part in the folder, or a file of another kind.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if not path.is_dir():
        return (Part(path),)
    files = [p for p in _files(path) if not is_companion(p)]
    found = [p for p in files if not endings or bare_name(p).endswith(endings)]
    kinds = ", ".join(f"*{s}" for s in endings) or "any name"
    if not found:
        raise InputError(f"{path}: the folder must hold parts of the log ({kinds}), it holds none")
    if len(found) < len(files):
        other = next(p for p in files if p not in found)
        raise InputError(
            f"{path}: all files of the folder must be parts of the log ({kinds}), got "
            f"{other.relative_to(path).as_posix()}; move it elsewhere, begin its name with _, or put the "
            "parts into a folder of their own"
        )
    return tuple(Part(p, _folder_values(p.relative_to(path).parts[:-1])) for p in found)


def _files(folder: Path) -> list[Path]:
    return [
        p
        for p in sorted(folder.rglob("*"))
        if p.is_file() and not any(part.startswith(("_", ".")) for part in p.relative_to(folder).parts)
    ]


def _folder_values(folders: tuple[str, ...]) -> dict[str, str]:
    """Return what folders named ``key=value`` say, as Hive and Spark write them."""
    pairs = (f.split("=", 1) for f in folders if "=" in f)
    return {key: "" if value == "__HIVE_DEFAULT_PARTITION__" else unquote(value) for key, value in pairs}


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
    found = [p for p in _files(path) if p.name.lower().endswith(SUFFIXES[kind])]
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
    damage = (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException, UnicodeDecodeError)
    try:
        yield
    except InputError:
        raise
    except (*damage, MemoryError) as error:
        detail = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"{path}: cannot be read: {detail}; the file is damaged or in another format"
        ) from error


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file for reading, unpacked if its first bytes or the ending of its name say that it is packed.

    Gzip, bzip2, xz and Zstandard are known. Errors of damaged files are for `readable`.
    """
    with path.open("rb") as file:
        start = file.read(10)
    packed = next((kind for kind, magic in _MAGIC.items() if start.startswith(magic)), None)
    match packed or _PACKED.get(path.suffix.lower()):
        case "gz":
            return cast(IO[bytes], gzip.open(path, "rb"))
        case "bz2":
            return bz2.open(path, "rb")
        case "xz":
            return lzma.open(path, "rb")
        case "zst":
            return cast(IO[bytes], io.BufferedReader(pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")))
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
