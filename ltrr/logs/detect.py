"""Recognise a log's format from names and first bytes."""

from __future__ import annotations

from pathlib import Path

from ltrr.errors import InputError
from ltrr.logs.files import bare_name, head
from ltrr.logs.format import format_of
from ltrr.logs.registry import LOG_FORMATS
from ltrr.logs.tables import TABLES

__all__ = ["detect"]

_HEAD_BYTES = 1 << 16
_ITEMS = "item_context.csv"


def detect(path: str | Path) -> str:
    """Return the format of a log, a name of `LOG_FORMATS`.

    Raises
    ------
    InputError
        If there is no such file, it cannot be read, or its format is unknown.
    """
    place = Path(path)
    if not place.exists():
        raise InputError(f"{path}: no such file or folder")
    if place.is_dir():
        if (place / "log.json").is_file() or (place / "log" / "log.json").is_file():
            return "ltrr"
        # the tables of our own log without what describes them: its reader says what is missing
        if all((place / table).is_dir() for table in TABLES):
            return "ltrr"
        return _of_folder(place)
    found = _of_file(place)
    if found is None:
        raise InputError(
            f"{path}: its format is not recognised: it is not Parquet, Arrow or CSV, and its first lines are "
            "neither JSON objects nor VW labels action:cost:probability; name it with --format "
            f"{'|'.join(LOG_FORMATS.names)}"
        )
    return found


def _of_folder(folder: Path) -> str:
    files = [
        p
        for p in sorted(folder.rglob("*"))
        if p.is_file() and not any(part.startswith(("_", ".")) for part in p.relative_to(folder).parts)
    ]
    if not files:
        raise InputError(f"{folder}: it holds no files of a log, nor is there a log.json")
    # a table of items next to a log sorts before it, and there may be other files
    for file in files:
        if file.name != _ITEMS and (found := _of_file(file)) is not None:
            return found
    raise InputError(
        f"{folder}: the format of no file in the folder is recognised, nor is there a log.json; name it with "
        f"--format {'|'.join(LOG_FORMATS.names)}"
    )


def _of_file(path: Path) -> str | None:
    """Return the first format, in the registry's order, that knows a file by its name and first bytes."""
    name, start = bare_name(path), head(path, _HEAD_BYTES)
    for kind in LOG_FORMATS.names:
        recognise = format_of(LOG_FORMATS.maker(kind, "format")).recognise
        if recognise is not None and recognise(name, start):
            return kind
    return None
