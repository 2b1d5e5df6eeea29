"""The clicks of a run's log as (query, item) pairs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from ltrr.logs.tables import Log, whole_parts
from ltrr.types import Int64
from ltrr.types.arrow import as_numpy

__all__ = ["Actions", "actions_of"]


class Actions(NamedTuple):
    """Actions of users on items, one a row.

    Parameters
    ----------
    query : list of str
        Text of the query.
    item : int64 (n,)
        The item's row in the catalogue.
    session : int64 (n,)
        Ids of sessions.

    Examples
    --------
    >>> Actions(["red shoe"], np.array([3]), np.array([0])).item.tolist()
    [3]
    """

    query: list[str]
    item: Int64
    session: Int64


def actions_of(log: Log | str | Path) -> Actions:
    """Return the clicks of all chosen cells of a run's log; those of requests without a query are left out.

    Sessions of different cells are different.

    Parameters
    ----------
    log : Log or path
        The folder ``log`` of a run, or some cells of it.

    Raises
    ------
    InputError
        If it is not a log, or not whole.

    Examples
    --------
    >>> import ltrr
    >>> world = ltrr.worlds.Music(n_items=300, n_queries=100)
    >>> run = ltrr.simulate(world, policies=["random"], rounds=40, seeds=1, warmup=20, quiet=True)
    >>> found = actions_of(run.folder / "log")
    >>> clicks = int(Log(run.folder / "log").impressions.click.sum())
    >>> len(found.query) == len(found.item) == clicks > 0
    True
    """
    log = log if isinstance(log, Log) else Log(Path(log))
    query, item, session = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    first = 0
    for policy, seed in log.cells():
        asked = _columns(log, "requests", policy, seed, ("request", "query", "session"))
        shown = _columns(log, "impressions", policy, seed, ("request", "item", "click"))
        order = np.argsort(asked["request"], kind="stable")
        row = order[np.searchsorted(asked["request"], shown["request"], sorter=order)]
        kept = shown["click"].astype(np.bool_) & (shown["item"] >= 0) & (asked["query"][row] >= 0)
        query.append(asked["query"][row[kept]])
        item.append(shown["item"][kept])
        session.append(first + asked["session"][row[kept]])
        first += int(asked["session"].max(initial=-1)) + 1
    table = pq.read_table(log.folder / "queries.parquet")
    text = dict(zip(table["query"].to_pylist(), table["text"].to_pylist(), strict=True))
    return Actions(
        [text[q] for q in np.concatenate(query).tolist()], np.concatenate(item), np.concatenate(session)
    )


def _columns(log: Log, table: str, policy: str, seed: int, names: tuple[str, ...]) -> dict[str, Int64]:
    """Return some columns of a cell's table as integers."""
    files = whole_parts(log.folder, log.about, table, policy, seed)
    parts = [pq.ParquetFile(file).read(columns=list(names)) for file in files]
    return {name: np.concatenate([as_numpy(part[name]).astype(np.int64) for part in parts]) for name in names}
