"""Recognise a log's format from names and first bytes."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ltrr.errors import InputError
from ltrr.logs.files import head
from ltrr.logs.formats.obd import OBD_COLUMNS
from ltrr.logs.registry import LOG_FORMATS
from ltrr.logs.tables import TABLES

__all__ = ["detect"]

_HEAD_BYTES = 1 << 16
_DSJSON = {"_label_cost", "_label_Cost", "_labelIndex", "_label_probability", "_outcomes", "_label_Action"}
_OUTCOME = {"EventId", "RewardValue"}
_LABEL = r"\d+:[-+.\deE]+:[-+.\deE]+"
_VW = re.compile(rf"^\s*({_LABEL}\s+)*({_LABEL}|shared)\s*('?\S+)?\s*\|")


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
            f"{path}: its format is not recognised: it is not Parquet, not CSV by its name, and its first "
            "lines are neither JSON objects nor VW labels action:cost:probability; name it with --format "
            f"{'|'.join(LOG_FORMATS.names)}"
        )
    return found


def _of_folder(folder: Path) -> str:
    files = [
        p
        for p in sorted(folder.rglob("*"))
        if p.is_file() and not any(part.startswith(("_", ".")) for part in p.relative_to(folder).parts)
    ]
    # a table of items next to a log sorts before it, and there may be other files
    for file in files:
        if file.name != "item_context.csv" and (found := _of_file(file)) is not None:
            return found
    raise InputError(
        f"{folder}: the format of no file in the folder is recognised, nor is there a log.json; name it with "
        f"--format {'|'.join(LOG_FORMATS.names)}"
    )


def _of_file(path: Path) -> str | None:
    name = path.name.lower().removesuffix(".gz")
    start = head(path, _HEAD_BYTES)
    if start[:4] == b"PAR1" or name.endswith((".parquet", ".pq")):
        return "parquet"
    if name.endswith(".csv"):
        first = start.split(b"\n", 1)[0].decode("utf-8", "replace")
        names = {n.strip().strip('"') for n in first.lstrip("\ufeff").split(",")}
        return "obd" if names.issuperset(OBD_COLUMNS) else "csv"
    lines = start.split(b"\n")
    # the last line may be cut off
    whole = [
        line
        for line in (lines[:-1] if len(start) == _HEAD_BYTES and len(lines) > 1 else lines)
        if line.strip()
    ]
    if not whole:
        return None
    if name.endswith((".jsonl", ".ndjson", ".json", ".dsjson")) or whole[0].lstrip()[:1] == b"{":
        if name.endswith(".dsjson") or any(_is_dsjson(line) for line in whole):
            return "dsjson"
        return "jsonl"
    if any(_VW.match(line.decode("utf-8", "replace")) for line in whole[:100]):
        return "vw"
    return None


def _is_dsjson(line: bytes) -> bool:
    try:
        value = json.loads(line.decode())
    except (ValueError, RecursionError):
        # a line that is too long for the bytes read: its beginning tells
        return any(f'"{key}"'.encode() in line for key in _DSJSON)
    return isinstance(value, dict) and (not _DSJSON.isdisjoint(value) or value.keys() >= _OUTCOME)
