"""The cells' tables as arrays by column, seed by seed, and what several tables of a run share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ltrr.errors import InputError
from ltrr.metrics.intervals import Interval
from ltrr.metrics.router import best_in_class
from ltrr.rng import Streams
from ltrr.study.study import Study
from ltrr.types import Float64, Int64

__all__ = [
    "SETS",
    "Cells",
    "after_warmup",
    "bootstrap_rng",
    "ends",
    "judged_gaps",
    "means",
    "read_cells",
    "rows_of_set",
    "some",
    "static_excess",
]

SETS = {
    "all": "",
    "repeated": "_seen",
    "first-time": "_first",
    "held-out": "_held_out",
    "reserved": "_reserved",
}
"""The sets of requests that are reported apart, with what is added to a metric's name in ``summary.csv``.

Reserved are the held-out requests on topics that no replicate and no tuning ever has in its stream.
"""

Table = dict[str, Any]


@dataclass(frozen=True)
class Cells:
    """The tables of one policy, one a seed; those of the stream have a column ``round``, from 0.

    Parameters
    ----------
    rounds : list of tables
        One row a request of the stream.
    oracles, pages : list of tables
        One row an evenly spaced request: what oracles found, and what was shown and drawn.
    held_out, held_out_oracles : list of tables
        Likewise of the requests on held-out queries.

    Examples
    --------
    >>> table = {"round": np.arange(4), "reward": np.array([0.0, 0.0, 0.5, 1.0])}
    >>> means([table], [np.array([2, 3])], "reward").tolist()
    [0.75]
    """

    rounds: list[Table] = field(default_factory=list)
    oracles: list[Table] = field(default_factory=list)
    pages: list[Table] = field(default_factory=list)
    held_out: list[Table] = field(default_factory=list)
    held_out_oracles: list[Table] = field(default_factory=list)

    @cached_property
    def class_excess(self) -> list[Float64]:
        """The best in class's reward minus the policy's on judged rounds, seed by seed, exploration apart.

        The class is linear in the logged context, fitted in hindsight with full information on the judged
        rounds of all seeds together. Judged on the rows it was fitted on, it lies above what can be learned,
        the more so the fewer rounds were judged; held-out routers are among the comparators.
        """
        best = best_in_class(
            np.concatenate([t["context"] for t in self.oracles]),
            np.concatenate([t["quota_reward"] for t in self.oracles]).astype(np.float64),
        )
        ends = np.cumsum([len(t["reward"]) for t in self.oracles])[:-1]
        return [b - t["reward_ranked"] for b, t in zip(np.split(best, ends), self.oracles, strict=True)]


def read_cells(folder: Path, policy: str, study: Study) -> Cells:
    """Read a policy's tables as arrays by column: the rounds of every seed, of the others all or none."""
    cells = Cells()
    for kind in fields(cells):
        paths = [folder / kind.name / f"{policy}-{seed:03d}.parquet" for seed in range(study.seeds)]
        absent = [path for path in paths if not path.exists()]
        if kind.name != "rounds" and len(absent) == study.seeds:
            continue
        if absent:
            raise _not_whole(folder, absent[0], "is missing")
        getattr(cells, kind.name).extend(map(_columns, paths))
        for path, table in zip(paths, getattr(cells, kind.name), strict=True):
            if kind.name == "rounds" and len(table["request"]) != study.rounds:
                raise _not_whole(folder, path, f"does not hold {study.rounds} rounds")
    for tables in (cells.rounds, cells.oracles, cells.pages):
        for first, table in zip((t["request"][0] for t in cells.rounds), tables, strict=False):
            table["round"] = table["request"] - first
    return cells


def _not_whole(folder: Path, path: Path, fault: str) -> InputError:
    cell = folder / "rounds" / path.name
    return InputError(
        f"{path} {fault}: the run is not whole; remove {cell}, if it is there, to run its cell again, "
        "then resume"
    )


def _columns(path: Path) -> Table:
    table = pq.ParquetFile(path).read()
    columns: Table = {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        if pa.types.is_list(column.type):  # of any length: flat, with its ends
            columns[f"{name}_indptr"] = column.offsets.to_numpy().astype(np.int64)
            columns[name] = column.flatten().to_numpy()
        elif name.startswith(("quota_", "context", "evidence")):
            columns[name] = column.flatten().to_numpy(zero_copy_only=False).reshape(len(table), -1)
        else:
            columns[name] = column.to_numpy(zero_copy_only=False)
    return columns


def after_warmup(tables: list[Table], study: Study) -> list[Int64]:
    """Return each table's rows after the warm-up: all of them on held-out queries."""
    return [
        np.flatnonzero(t["round"] >= study.loop.warmup) if "round" in t else np.arange(len(t["request"]))
        for t in tables
    ]


def some(rows: list[Any]) -> bool:
    """Say whether there are tables, and each has rows left."""
    return bool(rows) and all(len(r) for r in rows)


def means(tables: list[Table], rows: list[Int64], metric: str) -> Float64:
    """Return one mean a seed over the chosen rows of its table."""
    return np.array([t[metric][r].mean() for t, r in zip(tables, rows, strict=True)], np.float64)


def rows_of_set(own: Cells, study: Study, name: str) -> tuple[list[Table], list[Int64]]:
    """Return the tables, one a seed, and the rows of them that make up one of `SETS`."""
    if name == "held-out":
        return own.held_out, after_warmup(own.held_out, study)
    if name == "reserved":
        return own.held_out, [np.flatnonzero(t["reserved"]) for t in own.held_out]
    late = after_warmup(own.rounds, study)
    if name == "all":
        return own.rounds, late
    repeated = name == "repeated"
    rows = [r[(t["asked"][r] > 0) == repeated] for t, r in zip(own.rounds, late, strict=True)]
    return own.rounds, rows


def static_excess(own: Cells, static: Cells) -> list[Float64]:
    """Return the best static's reward minus the policy's, round by round, on the same seed."""
    return [a["reward"] - b["reward"] for a, b in zip(static.rounds, own.rounds, strict=True)]


def judged_gaps(own: Cells) -> Iterator[tuple[str, list[Float64]]]:
    """Yield (regret, a comparator's reward minus the policy's on the judged rounds of each seed)."""
    yield "regret_oracle", [t["oracle_reward"] - t["reward_ranked"] for t in own.oracles]
    yield "regret_ideal", [t["ideal"] - t["reward"] for t in own.oracles]
    yield "regret_class", own.class_excess


def bootstrap_rng(study: Study, metric: str) -> np.random.Generator:
    """Return the generator of a metric's resamples."""
    return Streams(study.seed).generator(f"bootstrap {metric}")


def ends(interval: Interval) -> dict[str, float]:
    """Return mean and ends of an interval as columns of a table."""
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}
