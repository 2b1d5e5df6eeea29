"""The log: four linked tables, written in parts, read back whole.

========================  =============================================================================
table                     one row is
========================  =============================================================================
``requests``              a request with the context its policy saw, and the observed reward
``decisions``             a slot of a request: actions, features, full conditional distribution, draw
``candidates``            a source (arm, slab, rank) of a candidate of a request, with the ranker's score
``impressions``           a place of a page: item, features as shown, click, satisfaction, arrival
========================  =============================================================================

A row of ``candidates`` whose ``slots`` is 0 is a shadow: a source that the quota did not ask for, retrieved
and scored for the log alone (`ltrr.LoopSetting.log_shadow`). Without these rows the table is that of a run
without shadow retrieval. Their ``ranker_score`` is NaN where the ranker's scores depend on the allocation.

All join on (policy, seed, request). On disk: ``log/<table>/policy=<p>/seed=<s>/part-<n>.parquet`` next to
``log/log.json`` (names, settings, format version), ``log/items.parquet`` (item id to external name and
title) and ``log/queries.parquet`` (query id to text).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ltrr import _check
from ltrr._state import write_aside
from ltrr.errors import InputError, nearest
from ltrr.logs.cell_files import CellFiles
from ltrr.types import Decision, Feedback, Float64, Page, Requests, Union

if TYPE_CHECKING:
    import pandas as pd

    from ltrr.logs.explain import LoggedRequest

__all__ = ["FORMAT_VERSION", "TABLES", "Log", "LogWriter", "Shadow"]

FORMAT_VERSION = 1
TABLES = ("requests", "decisions", "candidates", "impressions")


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
    """

    folder: Path
    policy: str
    seed: int
    _rows: dict[str, list[pa.Table]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._rows = {name: [] for name in TABLES}

    def path(self, table: str, part: int) -> Path:
        """Return the place of a part."""
        return (
            self.folder / table / f"policy={self.policy}" / f"seed={self.seed}" / f"part-{part:05d}.parquet"
        )

    def append(
        self,
        feedback: Feedback,
        union: Union,
        score: Float64,
        page: Page,
        *,
        censored: np.ndarray[Any, Any],
        model_version: int,
        shadow: Shadow | None = None,
    ) -> None:
        """Add one batch, with the ranker's ``score`` of each candidate of ``union``."""
        requests, decision = feedback.requests, feedback.decision
        self._rows["requests"].append(_requests(requests, feedback))
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


def _requests(requests: Requests, feedback: Feedback) -> pa.Table:
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
    }
    return pa.table(
        {name: values[shown] for name, values in columns.items()} | {"features": _wide(features[shown])}
    )


@dataclass(frozen=True)
class Log:
    """A log on disk: the four tables of some cells, with what is needed to read them.

    Parameters
    ----------
    folder : Path
        Folder that holds ``log.json`` and a folder a table.
    policy, seed : str, int, optional
        Restrict to one policy and one seed.
    """

    folder: Path
    policy: str | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))
        if not (self.folder / "log.json").is_file():
            raise InputError(
                f"{self.folder} is not a log: log.json is missing; give the folder `log` of a run"
            )
        version = self.about.get("format_version")
        if version != FORMAT_VERSION:
            raise InputError(
                f"{self.folder}/log.json has format version {version!r}, this ltrr reads {FORMAT_VERSION}; "
                "write the log again with this version"
            )
        if self.policy is not None and self.policy not in self.about["policies"]:
            hint = nearest(self.policy, self.about["policies"])
            raise InputError(f"the log at {self.folder} has no policy {self.policy!r}{hint}")

    @property
    def about(self) -> Mapping[str, Any]:
        """Names (arms, context, action features…), settings and versions."""
        loaded: dict[str, Any] = json.loads((self.folder / "log.json").read_text(encoding="utf-8"))
        return loaded

    def table(self, name: str) -> pa.Table:
        """Return one of the four tables with columns ``policy`` and ``seed``, rows in the order written."""
        if name not in TABLES:
            raise InputError(f"no log table {name!r}{nearest(name, TABLES)}")
        parts = []
        for policy, seed in self.cells():
            for file in self._parts(name, policy, seed):
                table = pq.ParquetFile(file).read()
                table = table.append_column(
                    "policy", pa.array([policy]).take(pa.array(np.zeros(len(table), int)))
                )
                parts.append(table.append_column("seed", pa.array(np.full(len(table), seed, np.int64))))
        if not parts:
            raise InputError(f"the log at {self.folder} holds no rows of table {name!r} for this choice")
        return pa.concat_tables(parts)

    def find(
        self, requests: Sequence[int], *, policy: str | None = None, seed: int | None = None
    ) -> list[LoggedRequest]:
        """Return what the log holds of some requests, in the order asked for.

        Parameters
        ----------
        requests : sequence of int
        policy, seed : str, int, optional
            Which of those that the log holds; may be left out where there is one.

        Raises
        ------
        InputError
            If policy or seed must be chosen, or a request was not logged.
        """
        wanted = [_check.integer("request", request) for request in requests]
        cell = self._cell(policy, seed)
        parts = {name: self._parts(name, *cell) for name in TABLES}
        from ltrr.logs.explain import read_requests

        return read_requests(CellFiles(self.folder, self.about, *cell, parts), wanted)

    def explain(self, request: int, *, policy: str | None = None, seed: int | None = None) -> pd.DataFrame:
        """Return what could be chosen for one request, and the page that came of it, as one tidy frame.

        Only what belongs to the request is read, however large the log is.

        ==================  ========================================================================
        column              meaning
        ==================  ========================================================================
        ``part``            ``slot`` (a row an action of a slot) or ``place`` (a row a place)
        ``number``          slot or place, from 0
        ``name``            slot: the arm, or the quota, as in ``2 bm25 + 1 memory``; place: the
                            item's external name
        ``feature.<name>``  slot: features of the action; place: features that the ranker saw
        ==================  ========================================================================

        ==================  ========================================================================
        of slots            meaning
        ==================  ========================================================================
        ``probability``     of the action, audit included
        ``chosen``          whether it was drawn
        ``audit``           whether the slot was filled at random, to keep the log judgeable
        ``propensity``      probability of what was drawn in this slot
        ``version``         learning updates of the policy so far; -1 during the warm-up
        ==================  ========================================================================

        ==================  ========================================================================
        of places           meaning
        ==================  ========================================================================
        ``title``           the item's title, or the beginning of its text
        ``item``            its number in the catalogue
        ``arms``            the arms that delivered it, with its rank there, from 0: ``bm25 #3``
        ``rank.<arm>``      the same as numbers; missing where the arm did not deliver it
        ``slots``           the slots that asked for it, a tuple
        ``spilled``         whether no slot asked for it: an arm found too few, and the fallback filled up
        ``click``           also ``satisfied``, ``value`` (the reward's), ``censored`` (acted too late)
        ``ranker_score``    what the page is ordered by
        ==================  ========================================================================

        Parameters
        ----------
        request : int
        policy, seed : str, int, optional
            Which of those that the log holds; may be left out where there is one.

        Returns
        -------
        DataFrame
            Nullable columns: what a part has no value for is missing there.

        Raises
        ------
        InputError
            If policy or seed must be chosen, or the request was not logged.

        Examples
        --------
        >>> import ltrr
        >>> world = ltrr.worlds.Music(n_items=300, n_queries=60)
        >>> run = ltrr.simulate(world, policies=["equal"], rounds=40, seeds=1, warmup=20, quiet=True)
        >>> why = run.log().explain(30, policy="equal")
        >>> slots, places = why[why.part == "slot"], why[why.part == "place"]
        >>> slots[slots.chosen][["number", "name", "probability"]].values.tolist()
        [[0, 'popular', 0.25], [1, 'dense', 0.3333333333333333], [2, 'memory', 0.5]]
        >>> bool((places["rank.bm25"] < 60).any())
        True
        """
        return self.find([request], policy=policy, seed=seed)[0].to_frame()

    def _cell(self, policy: str | None, seed: int | None) -> tuple[str, int]:
        """Return the one cell (policy, seed) that is meant."""
        cells = self.cells()
        for what, value, i in (("policy", policy, 0), ("seed", seed, 1)):
            known = list(dict.fromkeys(cell[i] for cell in cells))
            if value is None and len(known) > 1:
                raise InputError(
                    f"the log at {self.folder} holds several of `{what}`: "
                    f"choose one of {', '.join(map(str, known))}"
                )
            if value is not None and value not in known:
                hint = nearest(str(value), map(str, known)) if known else ""
                raise InputError(f"the log at {self.folder} has no {what} {value!r}{hint}")
            cells = [cell for cell in cells if value in (None, cell[i])]
        if not cells:
            raise InputError(f"the log at {self.folder} holds no rows for this choice")
        return cells[0]

    def cells(self) -> list[tuple[str, int]]:
        """Return the chosen cells (policy, seed) that there are parts of, in order."""
        files = [
            file for name in TABLES for file in (self.folder / name).glob("policy=*/seed=*/part-*.parquet")
        ]
        cells = {
            (file.parts[-3].removeprefix("policy="), int(file.parts[-2].removeprefix("seed=")))
            for file in files
        }
        return sorted(c for c in cells if self.policy in (None, c[0]) and self.seed in (None, c[1]))

    def _parts(self, name: str, policy: str, seed: int) -> list[Path]:
        """Return the parts of a cell's table: as many as the other tables have, and the run's rounds need."""
        writer = LogWriter(self.folder, policy, seed)
        found = [
            int(file.stem.removeprefix("part-"))
            for table in TABLES
            for file in writer.path(table, 0).parent.glob("part-*.parquet")
        ]
        parts = [writer.path(name, n) for n in range(max([self._least_parts(), *(n + 1 for n in found)]))]
        for part in parts:
            if not part.exists():
                raise InputError(
                    f"{part} is missing, so that the log is not whole; finish its run with --resume, or "
                    "simulate it again"
                )
        return parts

    def _least_parts(self) -> int:
        """Return how many parts a cell has by the settings of its run; 0 where these do not tell."""
        settings: Any = self.about.get("settings", {})
        try:
            parts: int = math.ceil(settings["rounds"] / settings["loop"]["checkpoint_every"])
        except (KeyError, TypeError, ZeroDivisionError):
            return 0
        return parts

    def to_frame(self, name: str) -> pd.DataFrame:
        """Return one of the four tables as a DataFrame."""
        frame: pd.DataFrame = self.table(name).to_pandas()
        return frame

    @property
    def requests(self) -> pd.DataFrame:
        """The table of requests."""
        return self.to_frame("requests")

    @property
    def decisions(self) -> pd.DataFrame:
        """The table of decisions."""
        return self.to_frame("decisions")

    @property
    def candidates(self) -> pd.DataFrame:
        """The table of candidates."""
        return self.to_frame("candidates")

    @property
    def impressions(self) -> pd.DataFrame:
        """The table of impressions."""
        return self.to_frame("impressions")

    def save(self, folder: str | Path) -> Log:
        """Copy the log (all of it, or the chosen cells) to another folder and return it there."""
        target = Path(folder)
        if target.exists():
            raise InputError(f"{target} exists already; choose another place")
        target.mkdir(parents=True)
        for name in TABLES:
            for file in (self.folder / name).glob("policy=*/seed=*/part-*.parquet"):
                policy = file.parts[-3].removeprefix("policy=")
                seed = int(file.parts[-2].removeprefix("seed="))
                if self.policy in (None, policy) and self.seed in (None, seed):
                    place = target / file.relative_to(self.folder)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    write_aside(place, file.read_bytes())
        for extra in ("items.parquet", "queries.parquet", "log.json"):
            if (self.folder / extra).is_file():
                write_aside(target / extra, (self.folder / extra).read_bytes())
        return Log(target, self.policy, self.seed)
