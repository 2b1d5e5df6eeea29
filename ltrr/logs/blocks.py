"""Rows of CSV, Parquet and JSON-lines files as Arrow tables of an exact size, unreadable rows in place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ltrr.errors import InputError
from ltrr.logs.files import name_of, parts_of, readable
from ltrr.logs.formats.csv_rows import csv_names, csv_tables
from ltrr.logs.formats.json_rows import json_names, json_tables

__all__ = ["BAD", "Block", "TableFiles"]

BAD = "\0unreadable"
"""Column of a table that says why a row cannot be parsed at all; null, or not there, where it can."""


@dataclass(frozen=True)
class Block:
    """Consecutive rows of one part.

    Parameters
    ----------
    part : str
        The part's name.
    table : pyarrow.Table
        The wanted columns, and `BAD` where rows could not be parsed.
    """

    part: str
    table: pa.Table


@dataclass(frozen=True)
class TableFiles:
    """The parts of a CSV, Parquet or JSON-lines log.

    Parameters
    ----------
    path : Path
        A file or a folder of parts.
    format : "csv", "parquet" or "jsonl"
    parts : tuple of Path
        The files, in the order they are read.
    """

    path: Path
    format: str
    parts: tuple[Path, ...]

    @staticmethod
    def find(path: Path, kind: str) -> TableFiles:
        """Return the parts that a path names."""
        return TableFiles(path, kind, parts_of(path, kind))

    @property
    def name(self) -> str:
        """What the log is called."""
        return name_of(self.path)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Columns of the first part, and those that folders named ``key=value`` stand for."""
        return (*self._own(self.parts[0]), *self._by_folder(self.parts[0]))

    @cached_property
    def frequent(self) -> tuple[str, ...]:
        """Columns that half of the first rows have: of JSON lines each may have keys of its own."""
        if self.format != "jsonl":
            return self.names
        with readable(self.parts[0]):
            own = json_names(self.parts[0], share=0.5)
        return (*own, *self._by_folder(self.parts[0]))

    def blocks(self, wanted: Mapping[str, str], rows: int) -> Iterator[Block]:
        """Yield blocks of exactly ``rows`` rows (fewer at the end of a part).

        Parameters
        ----------
        wanted : mapping of str to str
            Columns, and what they hold: "number", "text", "time", "numbers" or "texts" (lists), "any".
        rows : int
            Rows of a block.
        """
        for part in self.parts:
            by_folder = self._by_folder(part)
            own = {n: kind for n, kind in wanted.items() if n not in by_folder}
            has = self._own(part)
            absent = [n for n in own if n not in has]
            if absent:
                raise InputError(f"{part}: has no column {absent[0]!r}, which other parts of the log have")
            twice = [n for n in own if has.count(n) > 1]
            if twice:
                raise InputError(f"{part}: has two columns {twice[0]!r}; rename one")
            with readable(part):
                for table in _resized(self._tables(part, own, rows), rows):
                    for name, value in by_folder.items():
                        if name in wanted:
                            table = table.append_column(name, pa.array([value] * len(table), pa.string()))
                    yield Block(name_of(part), table)

    def _by_folder(self, part: Path) -> dict[str, str]:
        folders = part.relative_to(self.path).parts[:-1] if self.path.is_dir() else ()
        return dict(f.split("=", 1) for f in folders if "=" in f)

    def _own(self, part: Path) -> list[str]:
        with readable(part):
            if self.format == "parquet":
                return list(pq.read_schema(part).names)
            if self.format == "jsonl":
                return json_names(part)
            return csv_names(part)

    def _tables(self, part: Path, wanted: Mapping[str, str], rows: int) -> Iterator[pa.Table]:
        if self.format == "parquet":
            # a buffered stream reads pages, not whole column chunks: memory does not grow with row groups
            with pq.ParquetFile(part, buffer_size=1 << 20, pre_buffer=False) as file:
                for batch in file.iter_batches(batch_size=rows, columns=list(wanted), use_threads=False):
                    yield pa.Table.from_batches([batch])
        elif self.format == "jsonl":
            yield from json_tables(part, wanted, BAD, self.parts[0])
        else:
            yield from csv_tables(part, wanted, BAD)


def _resized(tables: Iterator[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Cut and join tables to ``rows`` rows each."""
    kept: list[pa.Table] = []
    size = 0
    for table in tables:
        kept.append(table)
        size += len(table)
        if size < rows:
            continue
        whole = kept[0] if len(kept) == 1 else pa.concat_tables(kept, promote_options="default")
        start = 0
        while size - start >= rows:
            yield whole.slice(start, rows)
            start += rows
        kept, size = ([whole.slice(start)], size - start) if size > start else ([], 0)
    if size:
        yield kept[0] if len(kept) == 1 else pa.concat_tables(kept, promote_options="default")
