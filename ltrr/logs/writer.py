"""How the four tables of a log are written: batch by batch, one part at each checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ltrr._state import write_aside
from ltrr.logs.tables import TABLES, part_file
from ltrr.types import Decision, Feedback, Float64, Int32, Page, Requests, Union

__all__ = ["LogWriter", "Shadow", "write_table"]


def _wide(values: np.ndarray[Any, Any]) -> pa.Array:
    """Return a (N, W) array as a column of fixed-size lists."""
    flat = pa.array(np.ascontiguousarray(values).reshape(-1))
    return (
        pa.FixedSizeListArray.from_arrays(flat, values.shape[1]) if values.shape[1] else pa.nulls(len(values))
    )


def _lists(indptr: np.ndarray[Any, Any], values: np.ndarray[Any, Any]) -> pa.Array:
    """Return CSR rows as a column of lists."""
    return pa.ListArray.from_arrays(pa.array(indptr.astype(np.int32)), pa.array(values))


def write_table(path: Path, table: pa.Table) -> None:
    """Write a Parquet file aside and rename it."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", row_group_size=1 << 17)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_aside(path, sink.getvalue().to_pybytes())


@dataclass(frozen=True)
class Shadow:
    """What all arms would have delivered to B requests at the whole budget.

    Parameters
    ----------
    union : Union
        Every candidate of every arm; lists that were drawn are beginnings of these.
    score : float64 (N,) or None
        The ranker's scores; None where they depend on the allocation, so that there are none.

    Examples
    --------
    >>> from ltrr.simulation.example import small_example
    >>> batch = small_example().step(20)
    >>> len(Shadow(batch.union, batch.score).score) == len(batch.union.item)
    True
    """

    union: Union
    score: Float64 | None


@dataclass
class LogWriter:
    """Collects the tables of one cell (policy × seed) and writes them part by part.

    Parameters
    ----------
    folder : Path
        The log's folder.
    policy : str
    seed : int

    Examples
    --------
    >>> import tempfile
    >>> from ltrr.simulation.example import small_example
    >>> b = small_example().step(20)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     writer = LogWriter(Path(folder), "linucb", seed=0)
    ...     writer.append(b.feedback, b.union, b.score, b.page, censored=b.censored, model_version=0,
    ...                   available=b.available)
    ...     writer.flush(0)
    ...     pq.read_metadata(writer.path("requests", 0)).num_rows
    20
    """

    folder: Path
    policy: str
    seed: int
    _rows: dict[str, list[pa.Table]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._rows = {name: [] for name in TABLES}

    def path(self, table: str, part: int) -> Path:
        """Return the place of a part."""
        return part_file(self.folder, table, self.policy, self.seed, part)

    def append(
        self,
        feedback: Feedback,
        union: Union,
        score: Float64,
        page: Page,
        *,
        censored: np.ndarray[Any, Any],
        model_version: int,
        available: Int32,
        shadow: Shadow | None = None,
    ) -> None:
        """Add one batch, with the ranker's ``score`` of each candidate of ``union``.

        ``available`` (B, R) is what the arms said they have before the choice, −1 where they did not.
        """
        requests, decision = feedback.requests, feedback.decision
        self._rows["requests"].append(_requests(requests, feedback, available))
        self._rows["decisions"].append(_decisions(requests, decision))
        drawn = _candidates(requests, union, score, model_version)
        whole = drawn if shadow is None else _with_shadow(requests, union, drawn, shadow, model_version)
        self._rows["candidates"].append(whole)
        self._rows["impressions"].append(_impressions(feedback, page, censored))

    def flush(self, part: int) -> None:
        """Write what has been added since the last flush as part number ``part``."""
        for name, tables in self._rows.items():
            if tables:
                write_table(self.path(name, part), pa.concat_tables(tables).combine_chunks())
            tables.clear()

    def drop_after(self, parts: int) -> None:
        """Remove parts from number ``parts`` on: they were written after the last checkpoint."""
        for name in TABLES:
            for file in self.path(name, 0).parent.glob("part-*.parquet"):
                if int(file.stem.split("-")[1]) >= parts:
                    file.unlink()


def _requests(requests: Requests, feedback: Feedback, available: Int32) -> pa.Table:
    return pa.table(
        {
            "request": requests.request,
            "session": requests.session,
            "user": requests.user,
            "query": requests.query,
            "time": requests.time,
            "context": _wide(requests.context),
            "reward": feedback.reward,
            "abandoned": feedback.abandoned,
            "available": _wide(available),
        }
    )


def _decisions(requests: Requests, decision: Decision) -> pa.Table:
    slots = []
    for s, (actions, probability) in enumerate(zip(decision.actions, decision.probabilities, strict=True)):
        n, width = len(requests), actions.features.shape[1]
        after = actions.quota if actions.quota is not None else np.zeros((len(actions.action), 0), np.int32)
        slots.append(
            pa.table(
                {
                    "request": requests.request,
                    "slot": np.full(n, s, np.int16),
                    "action": decision.action[:, s],
                    "propensity": decision.propensity[:, s],
                    "sequence_propensity": decision.sequence_propensity,
                    "audit": decision.audit[:, s],
                    "version": decision.version,
                    "actions": _lists(actions.indptr, actions.action),
                    "probabilities": _lists(actions.indptr, probability),
                    "features": _lists(actions.indptr * width, actions.features.reshape(-1)),
                    "action_quotas": _lists(actions.indptr * after.shape[1], after.reshape(-1)),
                    "quota": _wide(decision.quota),
                }
            )
        )
    return pa.concat_tables(slots)


def _candidates(requests: Requests, union: Union, score: Float64, model_version: int) -> pa.Table:
    sources = np.diff(union.source_indptr)
    candidate = np.repeat(np.arange(len(union.item)), sources)
    request = np.repeat(requests.request, np.diff(union.indptr))
    return pa.table(
        {
            "request": request[candidate],
            "item": union.item[candidate],
            "arm": union.arm,
            "slab": union.slab,
            "rank": union.rank,
            "score": union.score,
            "slots": union.slots[candidate],
            "ranker_score": score[candidate],
            "model_version": np.full(len(candidate), model_version, np.int32),
        }
    )


def _with_shadow(
    requests: Requests, union: Union, drawn: pa.Table, shadow: Shadow, model_version: int
) -> pa.Table:
    """Return the table of all sources, those of ``drawn`` among them as they are."""
    n, pool = len(requests), shadow.union
    row, own = (np.repeat(np.arange(n), np.diff(u.source_indptr[u.indptr])) for u in (pool, union))
    n_arms = int(pool.arm.max(initial=-1)) + 1
    depth = np.bincount(own * n_arms + union.arm, minlength=n * n_arms)
    # lists only ever get deeper, and both tables go by request, item and arm: what was drawn of the pool
    # stands there in the same order
    asked = pool.rank < depth[row * n_arms + pool.arm]
    score = np.full(len(pool.item), np.nan) if shadow.score is None else shadow.score
    table = _candidates(requests, pool, score, model_version)
    slots, ranked = np.zeros(len(table), np.uint32), table["ranker_score"].to_numpy().copy()
    slots[asked] = drawn["slots"].to_numpy()
    ranked[asked] = drawn["ranker_score"].to_numpy()
    for name, values in (("slots", slots), ("ranker_score", ranked)):
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(values))
    return table


def _impressions(feedback: Feedback, page: Page, censored: np.ndarray[Any, Any]) -> pa.Table:
    n, k = page.item.shape
    shown = page.item.reshape(-1) >= 0
    features = feedback.features.reshape(n * k, -1)
    columns: dict[str, np.ndarray[Any, Any]] = {
        "request": np.repeat(feedback.requests.request, k),
        "position": np.tile(np.arange(k, dtype=np.int16), n),
        "item": page.item.reshape(-1),
        "slots": feedback.slots.reshape(-1),
        "click": feedback.click.reshape(-1),
        "satisfied": feedback.satisfied.reshape(-1),
        "value": feedback.value.reshape(-1),
        "arrived_at": np.repeat(feedback.arrived_at, k),
        "censored": np.repeat(censored, k),
        "propensity": page.propensity.reshape(-1),
        "explored": page.explored.reshape(-1),
    }
    return pa.table(
        {name: values[shown] for name, values in columns.items()} | {"features": _wide(features[shown])}
    )
