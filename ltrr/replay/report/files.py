"""The files of a replay's folder: written by the csv module with every digit, and read again."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ltrr._state import write_aside
from ltrr.errors import InputError
from ltrr.logs.faults import Faults
from ltrr.replay import report
from ltrr.replay.judging.evaluation import COLUMNS, TEXTS, Evaluation, Records

__all__ = ["is_replay", "read_replay", "write_faults", "write_replay"]

_ABOUT = ("log", "format", "rows", "used", "skipped", "faults", "notes", "policies", "settings", "versions")
"""What ``replay.json`` holds."""


def write_replay(evaluation: Evaluation, folder: Path, *, figures: bool = True) -> Path:
    """Write tables, figures and page to a folder, made if absent.

    Parameters
    ----------
    evaluation : Evaluation
    folder : Path
        Gets a CSV file for each table, replay.json, the figures and report.html, each whole or absent.
    figures : bool
        False for the tables alone: no figure is drawn, and no page.

    Returns
    -------
    Path
        The page; the folder where there is none.

    Raises
    ------
    InputError
        Where the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, columns in COLUMNS.items():
            write_aside(folder / f"{name}.csv", csv_bytes(columns, evaluation.rows[name]))
        text = json.dumps(evaluation.about, indent=2, ensure_ascii=False, default=str)
        write_aside(folder / "replay.json", text.encode())
        return report.write_page(evaluation, folder) if figures else folder
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}") from error


def write_faults(faults: Faults, folder: Path) -> None:
    """Write every kept fault with its row to faults.csv of a folder."""
    rows = sorted((fault.row, fault.kind, fault.detail) for fault in faults.kept)
    columns = ("row", "fault", "found")
    write_aside(folder / "faults.csv", csv_bytes(columns, [dict(zip(columns, r, strict=True)) for r in rows]))


def csv_bytes(columns: Sequence[str], rows: Records) -> bytes:
    r"""Return a table as CSV: numbers with every digit, empty where there is none.

    A column that holds a fraction, or lacks a number, is one of fractions: its whole numbers end in ``.0``.

    Examples
    --------
    >>> csv_bytes(("a", "b"), [{"a": 1, "b": 0.5}, {"a": 2, "b": 3}, {"a": 3, "b": math.nan}])
    b'a,b\n1,0.5\n2,3.0\n3,\n'
    """
    text = io.StringIO(newline="")
    write = csv.writer(text, lineterminator="\n")
    write.writerow(columns)
    write.writerows(zip(*(_cells([row[name] for row in rows]) for name in columns), strict=True))
    return text.getvalue().encode()


def _cells(values: list[Any]) -> Iterable[Any]:
    """Return the values of a column as they are written."""
    if not any(isinstance(value, float) for value in values):
        return values
    return ["" if math.isnan(value) else float(value) for value in values]


def is_replay(folder: Path) -> bool:
    """Say whether a folder holds the results of a replay."""
    return (folder / "replay.json").is_file()


def read_replay(folder: Path) -> Evaluation:
    """Return what a replay left in its folder.

    Raises
    ------
    InputError
        If a file of it is missing or cannot be read.
    """
    try:
        about: dict[str, Any] = json.loads((folder / "replay.json").read_text(encoding="utf-8"))
        absent = [key for key in _ABOUT if key not in about]
        if absent:
            raise ValueError(f"replay.json has no {absent[0]!r}")
        return Evaluation({name: _table(folder / f"{name}.csv", COLUMNS[name]) for name in COLUMNS}, about)
    except (OSError, ValueError, csv.Error) as error:
        cause = str(error).splitlines()[0]
        if isinstance(error, FileNotFoundError):
            cause = f"it has no {Path(error.filename).name}"
        raise InputError(
            f"{folder} holds no whole replay of this version ({cause}); run `ltrr replay` again"
        ) from error


def _table(path: Path, columns: Sequence[str]) -> Records:
    """Return the rows of a table with every digit; texts stay texts, whatever they look like."""
    with path.open(encoding="utf-8", newline="") as file:
        read = csv.DictReader(file)
        absent = [name for name in columns if name not in (read.fieldnames or ())]
        if absent:
            raise ValueError(f"{path.name} has no column {absent[0]!r}")
        rows: list[Mapping[str, Any]] = list(read)
    if any(row[name] is None for row in rows for name in columns):
        raise ValueError(f"{path.name} has a row that is too short")
    held = {name: [row[name] for row in rows] for name in columns}
    held |= {name: _numbers(held[name]) for name in columns if name not in TEXTS}
    return [dict(zip(columns, values, strict=True)) for values in zip(*held.values(), strict=True)]


def _numbers(texts: list[str]) -> list[Any]:
    """Return the numbers of a column: all whole, or all fractions, NaN where there is none."""
    if all(re.fullmatch(r"-?\d+", text) for text in texts):
        return [int(text) for text in texts]
    return [float(text or "nan") for text in texts]
