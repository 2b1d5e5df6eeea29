"""A cell: one policy on one seed, from its beginning or its last checkpoint to its files."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ltrr._state import load_state, pack, unpack, write_aside
from ltrr.bandits.saved import save as save_policy
from ltrr.bandits.saved import why_not_saved
from ltrr.errors import InputError
from ltrr.logs.tables import TABLES
from ltrr.logs.writer import LogWriter, write_table
from ltrr.metrics.measures import Measure
from ltrr.simulation.batch import Batch
from ltrr.simulation.joined import Waiting
from ltrr.simulation.loop import Loop
from ltrr.simulation.measure import Measures

__all__ = ["Cell"]

SAMPLED = ("oracles", "pages")
"""Tables of evenly spaced requests: what `Measures` has a method for, and may have no rows of."""

CHECKS = "ranker_checks"
"""The table of a ranker's decisions on which model serves (`ltrr.ranking.guard.Check`)."""

KINDS = (*SAMPLED, CHECKS)
"""Tables that a part of a cell may lack."""


@dataclass
class Cell:
    """Runs a loop into a folder, part by part, and can be killed at any moment.

    Every ``checkpoint_every`` rounds the parts so far are on disk and then the state. The state is put away
    and taken out again at each checkpoint even in an uninterrupted run, so that engines whose models
    change in the last digit when reloaded give the same bytes either way.

    Parameters
    ----------
    loop : Loop
        At its beginning.
    folder : Path
        The run's folder.
    policy, seed : str, int
        Names of the cell.
    rounds : int
        Requests to serve.
    logged : bool
        Write the four log tables.
    measures : sequence of Measure
        Kept besides the standard ones.
    metadata : mapping of str to str
        Written into every Parquet file: study, versions.
    progress : callable, optional
        Called with the number of rounds served so far.

    Examples
    --------
    >>> import tempfile
    >>> from ltrr.simulation.example import small_example
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cell = Cell(small_example(), Path(folder), "linucb", seed=0, rounds=20, logged=False)
    ...     cell.run()
    ...     cell.finished.relative_to(folder).as_posix(), pq.read_metadata(cell.finished).num_rows
    ('rounds/linucb-000.parquet', 20)
    """

    loop: Loop
    folder: Path
    policy: str
    seed: int
    rounds: int
    logged: bool = True
    measures: Sequence[Measure] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    progress: Callable[[int], None] | None = None

    @property
    def name(self) -> str:
        """File name of the cell."""
        return f"{self.policy}-{self.seed:03d}"

    @property
    def finished(self) -> Path:
        """The file whose presence says that the cell is finished."""
        return self.folder / "rounds" / f"{self.name}.parquet"

    def run(self) -> None:
        """Run to the end; a finished cell is left alone."""
        if self.finished.exists():
            return
        started, cpu = time.perf_counter(), time.process_time()
        work = self.folder / "cells" / self.name
        work.mkdir(parents=True, exist_ok=True)
        checkpoint = work / "checkpoint.npz"
        part: int = 0
        parts: dict[str, list[int]] = {kind: [] for kind in KINDS}
        writer = LogWriter(self.folder / "log", self.policy, self.seed)
        if checkpoint.exists():
            saved = load_state(checkpoint)
            if "parts" not in saved:
                raise _not_whole(checkpoint, "was written by another version of ltrr", work)
            part, parts = saved["part"], saved["parts"]
            self._check_parts(work, part, parts, writer)
            self.loop.restore(saved["loop"])
        writer.drop_after(part)
        measures = Measures(self.loop, tuple(self.measures))
        while self.loop.round < self.rounds:
            for kind in self._segment(work, part, measures, writer if self.logged else None):
                parts[kind].append(part)
            part += 1
            state = pack({"part": part, "parts": parts, "loop": self.loop.state()})
            write_aside(checkpoint, state)
            self.loop.restore(unpack(state)["loop"])
        self._finish(work, part, parts, measures)
        seconds = {"wall_seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - cpu}
        place = self.folder / "timings" / f"{self.name}.json"
        place.parent.mkdir(exist_ok=True)
        write_aside(place, json.dumps(seconds).encode())

    def _check_parts(
        self, work: Path, n_parts: int, parts: Mapping[str, list[int]], writer: LogWriter
    ) -> None:
        """Refuse to go on from a checkpoint if a part that it counts is missing."""
        paths = [_part(work, "rounds", n) for n in range(n_parts)]
        paths += [_part(work, kind, n) for kind, numbers in parts.items() for n in numbers]
        if self.logged:
            paths += [writer.path(table, n) for table in TABLES for n in range(n_parts)]
        for path in paths:
            if not path.exists():
                raise _not_whole(path, "is missing", work)

    def _segment(self, work: Path, part: int, measures: Measures, writer: LogWriter | None) -> list[str]:
        """Serve up to the next checkpoint, write the segment's parts, return the kinds of sampled ones."""
        setting, loop = self.loop.setting, self.loop
        end = min((loop.round // setting.checkpoint_every + 1) * setting.checkpoint_every, self.rounds)
        rounds, waiting = [], Waiting()
        sampled: dict[str, list[pa.Table]] = {kind: [] for kind in KINDS}
        while loop.round < end:
            stop = min(setting.warmup, end) if loop.round < setting.warmup else end
            batch = loop.step(min(setting.feedback_every, stop - loop.round))
            whole = waiting.add(batch)
            if loop.round == end:
                whole += waiting.rest()
            rounds += [measures.rounds(part) for part in whole]
            if writer is not None:
                _log(writer, whole)
            found = {kind: getattr(measures, kind)(batch) for kind in SAMPLED}
            for kind, table in (found | {CHECKS: ranker_checks(loop.system.ranker)}).items():
                if table is not None:
                    sampled[kind].append(table)
            if self.progress is not None:
                self.progress(loop.round)
        if writer is not None:
            writer.flush(part)
        write_table(_part(work, "rounds", part), pa.concat_tables(rounds))
        written = [kind for kind, tables in sampled.items() if tables]
        for kind in written:
            write_table(_part(work, kind, part), pa.concat_tables(sampled[kind]))
        return written

    def _finish(self, work: Path, n_parts: int, parts: Mapping[str, list[int]], measures: Measures) -> None:
        """Judge the frozen policy, join the parts, and put everything into its place."""
        if self.loop.setting.held_out:
            batch = self.loop.judge_held_out(self.loop.setting.held_out)
            if len(batch.feedback):
                self._put("held_out", measures.rounds(batch))
                oracles = measures.oracles(batch)
                if oracles is not None:
                    self._put("held_out_oracles", oracles)
        if self.logged:
            place = self.folder / "states" / f"{self.name}.npz"
            place.parent.mkdir(exist_ok=True)
            write_aside(place, pack({"round": self.loop.round, "system": self.loop.system.state()}))
        policy = self.loop.system.policy
        # policies of a notebook can be judged, but nobody could load them again
        if not why_not_saved(policy):
            save_policy(policy, self.folder / "policies" / self.name)
        for kind, numbers in parts.items():
            if numbers:
                self._put(kind, _joined(work, kind, numbers))
        rounds = _joined(work, "rounds", range(n_parts))
        if len(rounds) != self.rounds:
            raise _not_whole(work, f"holds {len(rounds)} rounds in place of {self.rounds}", work)
        self._put("rounds", rounds)
        shutil.rmtree(work)

    def _put(self, kind: str, table: pa.Table) -> None:
        about: dict[str, str] = {**self.metadata, "policy": self.policy, "seed": str(self.seed)}
        whole = table.combine_chunks().replace_schema_metadata({f"ltrr:{k}": v for k, v in about.items()})
        write_table(self.folder / kind / f"{self.name}.parquet", whole)


def ranker_checks(ranker: Any) -> pa.Table | None:
    """Return the decisions that a ranker has made since the last call, a row each, or None."""
    checks = ranker.drain() if hasattr(ranker, "drain") else []
    return pa.Table.from_pylist([asdict(check) for check in checks]) if checks else None


def _log(writer: LogWriter, batches: Sequence[Batch]) -> None:
    for batch in batches:
        writer.append(
            batch.feedback,
            batch.union,
            batch.score,
            batch.page,
            censored=batch.censored,
            model_version=batch.model_version,
            available=batch.available,
            shadow=batch.shadow,
        )


def _part(work: Path, kind: str, part: int) -> Path:
    """Return the place of a part of a cell that is not finished."""
    return work / f"{kind}-{part:05d}.parquet"


def _joined(work: Path, kind: str, parts: Iterable[int]) -> pa.Table:
    """Return parts as one table; they must all be there."""
    tables = []
    for path in (_part(work, kind, part) for part in parts):
        try:
            tables.append(pq.ParquetFile(path).read())
        except (OSError, pa.ArrowException) as error:
            raise _not_whole(path, f"cannot be read ({error})", work) from error
    return pa.concat_tables(tables)


def _not_whole(path: Path, fault: str, work: Path) -> InputError:
    return InputError(f"{path} {fault}: the cell is not whole; remove {work} to run it again, then resume")


def latent_mean(folder: Path, name: str, start: int) -> float:
    """Return a cell's mean expected reward from round ``start`` on."""
    table: Any = pq.ParquetFile(folder / "rounds" / f"{name}.parquet").read(columns=["reward"])
    return float(np.mean(table["reward"].to_numpy()[start:]))
