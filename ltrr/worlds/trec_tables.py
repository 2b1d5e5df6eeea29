"""TREC tables, in and out: judgements (qrels) of four columns and runs of six.

Columns are separated by spaces or tabs; a line of tabs alone may have spaces in its ids. Source: the formats
that trec_eval reads, https://github.com/usnistgov/trec_eval.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ltrr._state import write_aside
from ltrr.errors import InputError
from ltrr.worlds.beir import score_of
from ltrr.worlds.gathered import Gathered, Place
from ltrr.worlds.text_lines import lines_of, shortened

__all__ = ["read_qrels", "read_run", "write_qrels", "write_run"]


def read_qrels(path: Path, found: Gathered, *, encoding: str = "utf-8") -> None:
    """Read topic, iteration, document and score of each judgement; of subtopics the highest score counts.

    Raises
    ------
    InputError
        If a line does not have four columns, has no score, or contradicts another of the same iteration.
    """
    iterations: dict[tuple[str, str], str] = {}
    for place, (topic, iteration, item, score) in _rows(
        path, 4, "topic, iteration, document, score", encoding
    ):
        again = iterations.setdefault((topic, item), iteration) != iteration
        found.judgement(place, topic, item, score_of(place, score), again=again)
    found.must_be_known(str(path))


def read_run(path: Path, *, encoding: str = "utf-8") -> Iterator[tuple[Place, str, str, float]]:
    """Yield place, topic, document and score of each row of a run; its column of ranks is not looked at."""
    names = "topic, Q0, document, rank, score, name of the run"
    for place, (topic, _, item, _, score, _) in _rows(path, 6, names, encoding):
        try:
            value = float(score)
        except ValueError:
            value = float("nan")
        if value != value or value in (float("inf"), float("-inf")):
            raise InputError(f"{place} must hold a score, a finite number, got {shortened(score)}")
        yield place, topic, item, value


def _rows(path: Path, width: int, names: str, encoding: str) -> Iterator[tuple[Place, list[str]]]:
    """Yield the place and cells of each line."""
    source = str(path)
    for number, line in lines_of(path, encoding=encoding):
        place = Place(source, number)
        cells = line.split()
        if len(cells) != width and "\t" in line:
            cells = [cell.strip() for cell in line.strip().split("\t")]
        if len(cells) != width:
            raise InputError(
                f"{place} must hold {width} columns ({names}), got {len(cells)}: {shortened(line)}"
            )
        yield place, cells


def write_qrels(path: str | Path, rows: Iterable[tuple[str, str, int]]) -> None:
    """Write judgements from topic, document and grade.

    Raises
    ------
    InputError
        If an id is empty or holds a space.
    """
    _write(path, ((topic, "0", item, str(grade)) for topic, item, grade in rows))


def write_run(path: str | Path, rankings: Iterable[tuple[str, Sequence[str]]], *, name: str) -> None:
    """Write a run from topics and their documents, best first.

    The score of rank r of n is n − r: trec_eval goes by scores alone, and breaks ties in an order of its own.

    Raises
    ------
    InputError
        If an id or ``name`` is empty or holds a space.
    """
    _write(
        path,
        (
            (topic, "Q0", item, str(rank), str(len(items) - rank), name)
            for topic, items in rankings
            for rank, item in enumerate(items)
        ),
    )


def _write(path: str | Path, rows: Iterable[tuple[str, ...]]) -> None:
    lines = []
    for row in rows:
        line = " ".join(row)
        if len(line.split()) != len(row):
            bad = next(cell for cell in row if len(cell.split()) != 1)
            raise InputError(f"ids in a TREC file must be without spaces, got {bad!r}; give it another id")
        lines.append(line)
    write_aside(Path(path), "".join(f"{line}\n" for line in lines).encode())
