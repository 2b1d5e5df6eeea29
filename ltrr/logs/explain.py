"""Everything that a log holds of one request: what could be chosen, what the arms delivered, the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ltrr.errors import InputError
from ltrr.logs.cell_files import COLUMNS, CellFiles
from ltrr.types.quotas import quota_name

__all__ = ["LoggedRequest", "read_requests"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class LoggedRequest:
    """One request of a log under one policy and seed.

    Parameters
    ----------
    request : int
    policy : str
    seed : int
    query : str
        The query's text.
    context : mapping of str to float
        What the policy saw of the request, by name.
    time : float
        Seconds on the world's clock.
    reward : float
        As observed.
    abandoned : bool
        True where the user clicked nothing.
    slots : DataFrame
        A row an action of a slot; see `ltrr.logs.Log.explain`.
    arms : DataFrame
        A row an arm: ``arm``, ``slots`` (given to it), ``delivered``, ``spilled`` (of those, delivered
        beyond the arm's own slabs, to fill slots), ``shown`` (places of the page that it found),
        ``logged_only`` (retrieved for the log alone).
    candidates : DataFrame
        A row a source, by arm and rank: ``item``, ``name``, ``title``, ``arm``, ``rank``, ``score``,
        ``spilled``, ``logged_only``, ``ranker_score``.
    places : DataFrame
        A row a place of the page; see `ltrr.logs.Log.explain`.

    Examples
    --------
    >>> import ltrr
    >>> world = ltrr.worlds.Music(n_items=300, n_queries=100)
    >>> run = ltrr.simulate(world, policies=["random"], rounds=40, seeds=1, warmup=20, quiet=True)
    >>> request = run.log("random").find([30])[0]
    >>> request.policy, int(request.arms["slots"].sum()), len(request.places)
    ('random', 3, 10)
    """

    request: int
    policy: str
    seed: int
    query: str
    context: Mapping[str, float]
    time: float
    reward: float
    abandoned: bool
    slots: pd.DataFrame
    arms: pd.DataFrame
    candidates: pd.DataFrame
    places: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return slots and places as one frame; what a part has no value for is missing there."""
        parts = []
        for part, frame in (("slot", self.slots), ("place", self.places)):
            named = pd.DataFrame({"part": _typed([part] * len(frame), "string")}, frame.index)
            parts.append(pd.concat([named, frame], axis=1))
        return pd.concat(parts, ignore_index=True)


def read_requests(cell: CellFiles, requests: Sequence[int]) -> list[LoggedRequest]:
    """Return what a log holds of some requests of one policy and seed, in the order asked for.

    Raises
    ------
    InputError
        If a request is not in the log, or the log's files are damaged.
    """
    tables = {name: dict(tuple(cell.read(name, requests).groupby("request"))) for name in COLUMNS}
    for request in requests:
        if request not in tables["requests"]:
            raise InputError(_unknown(cell, request))
    items = _Items.read(
        cell, [rows for name in ("candidates", "impressions") for rows in tables[name].values()]
    )
    asked = [int(rows["query"].iloc[0]) for rows in tables["requests"].values()]
    texts = cell.lookup("queries.parquet", "query", asked)["text"]
    return [
        _one(cell, {name: tables[name].get(request) for name in COLUMNS}, items, texts)
        for request in requests
    ]


def _unknown(cell: CellFiles, request: int) -> str:
    span = cell.span()
    held = f"it holds requests {span[0]} to {span[1]}" if span else "it holds none"
    return f"the log of {cell.policy}, seed {cell.seed}, has no request {request}; {held}"


@dataclass(frozen=True)
class _Items:
    """External names and titles by item id."""

    rows: pd.DataFrame

    @staticmethod
    def read(cell: CellFiles, frames: Sequence[pd.DataFrame]) -> _Items:
        ids = np.concatenate([np.zeros(0, np.int64), *(frame["item"].to_numpy() for frame in frames)])
        return _Items(cell.lookup("items.parquet", "item", ids.tolist()))

    def columns(self, item: pd.Series) -> dict[str, Any]:
        """Return the columns ``name`` and ``title``; a log without titles has names for titles."""
        name = self.rows["name"].reindex(item)
        title = self.rows["title"].reindex(item) if "title" in self.rows else name
        return {"name": _typed(name, "string"), "title": _typed(title, "string")}


def _one(
    cell: CellFiles, rows: Mapping[str, pd.DataFrame | None], items: _Items, texts: pd.Series
) -> LoggedRequest:
    """Return one request from its rows of the four tables."""
    own = {name: frame if frame is not None else _nothing(name) for name, frame in rows.items()}
    about, request = cell.about, own["requests"].iloc[0]
    arms, decisions = list(about["arms"]), own["decisions"].sort_values("slot")
    quota = np.asarray(decisions["quota"].iloc[0]) if len(decisions) else np.zeros(len(arms), np.int32)
    sources = _sources(own["candidates"], quota)
    shown = own["impressions"].sort_values("position")
    rank = _ranks(shown, sources[~sources["logged_only"]], len(arms))
    context = _named([request["context"]], list(about["context"]), "context")
    return LoggedRequest(
        request=int(request["request"]),
        policy=cell.policy,
        seed=cell.seed,
        query=str(texts.get(request["query"], "")),
        context={key: float(value[0]) for key, value in context.items()},
        time=float(request["time"]),
        reward=float(request["reward"]),
        abandoned=bool(request["abandoned"]),
        slots=_slots(decisions, arms, list(about["action_features"].get(cell.policy, ()))),
        arms=_arms(sources, rank, quota, arms),
        candidates=_candidates(sources, items, arms),
        places=_places(
            shown,
            sources,
            rank,
            items,
            arms,
            list(about["rank_features"].get(cell.policy, ())),
            len(decisions),
        ),
    )


def _sources(rows: pd.DataFrame, quota: Array) -> pd.DataFrame:
    """Return the sources and why each is there: asked for, spilled, or for the log alone."""
    arm, drawn = rows["arm"].to_numpy(), rows["slots"].to_numpy() != 0
    # the bits are those of the item; a source was spilled where its slab is none of the arm's own
    return rows.assign(spilled=drawn & (rows["slab"].to_numpy() >= quota[arm]), logged_only=~drawn)


def _nothing(table: str) -> pd.DataFrame:
    """Return a table without rows: an empty union has no candidates, an empty page no places."""
    return pd.DataFrame({name: np.zeros(0, np.int64) for name in COLUMNS[table]})


def _named(rows: Sequence[Any], names: Sequence[str], what: str) -> dict[str, Array]:
    """Return lists of equal length, one a row, as columns by name."""
    if not names or not len(rows):
        return {name: np.zeros(0) for name in names}
    widths = {0 if row is None else len(row) for row in rows}
    if widths != {len(names)}:
        raise InputError(
            f"log.json must name every value of {what}: it names {len(names)}, the log holds {max(widths)}; "
            "simulate the run again"
        )
    return dict(zip(names, np.stack([np.asarray(row, np.float64) for row in rows], axis=1), strict=True))


def _slots(decisions: pd.DataFrame, arms: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
    """Return a row an action of each slot."""
    slots, before = [], np.zeros(len(arms), np.int64)
    rows: Any = decisions.itertuples()
    for row in rows:
        n = len(row.actions)
        after = np.asarray(row.action_quotas).reshape(n, len(arms))
        own = list(np.asarray(row.features).reshape(n, -1))
        chosen = np.asarray(row.actions) == row.action
        columns = {
            "number": _typed([row.slot] * n, "Int64"),
            "name": _typed([_action(quota, arms) for quota in after - before], "string"),
            "probability": _typed(row.probabilities, "Float64"),
            "chosen": _typed(chosen, "boolean"),
            "audit": _typed([row.audit] * n, "boolean"),
            "propensity": _typed([row.propensity] * n, "Float64"),
            "version": _typed([row.version] * n, "Int64"),
        }
        slots.append(pd.DataFrame(columns | _features(own, names, "the features of actions")))
        before = after[chosen][0]
    return pd.concat(slots, ignore_index=True) if slots else pd.DataFrame({"number": _typed([], "Int64")})


def _action(quota: Array, arms: Sequence[str]) -> str:
    """Return an arm's name where an action adds one slab, else the name of what it adds."""
    return arms[int(quota.argmax())] if quota.sum() == 1 else quota_name(quota, arms)


def _features(rows: Sequence[Any], names: Sequence[str], what: str) -> dict[str, Any]:
    columns = _named(rows, names, what)
    return {f"feature.{name}": _typed(values, "Float64") for name, values in columns.items()}


def _ranks(shown: pd.DataFrame, drawn: pd.DataFrame, n_arms: int) -> Array:
    """Return the rank of each place's item with each arm, (K, R); -1 where the arm did not draw it."""
    items = shown["item"].to_numpy()
    out = np.full((len(items), n_arms), -1, np.int64)
    on_page = drawn[drawn["item"].isin(items)]
    order = np.argsort(items, kind="stable")
    place = order[np.searchsorted(items[order], on_page["item"].to_numpy())] if len(items) else order
    out[place, on_page["arm"].to_numpy()] = on_page["rank"].to_numpy()
    return out


def _arms(sources: pd.DataFrame, rank: Array, quota: Array, arms: Sequence[str]) -> pd.DataFrame:
    """Return a row an arm: what it was given and what it delivered."""

    def count(rows: pd.DataFrame) -> Array:
        return np.bincount(rows["arm"].to_numpy(np.int64), minlength=len(arms))

    drawn = sources[~sources["logged_only"]]
    return pd.DataFrame(
        {
            "arm": _typed(list(arms), "string"),
            "slots": quota.astype(np.int64),
            "delivered": count(drawn),
            "spilled": count(drawn[drawn["spilled"]]),
            "shown": (rank >= 0).sum(axis=0),
            "logged_only": count(sources[sources["logged_only"]]),
        }
    )


def _candidates(sources: pd.DataFrame, items: _Items, arms: Sequence[str]) -> pd.DataFrame:
    """Return a row a source, each arm's list best first."""
    rows = sources.sort_values(["arm", "rank"], ignore_index=True)
    names = _typed([arms[a] for a in rows["arm"]], "string")
    columns = {"item": rows["item"], **items.columns(rows["item"]), "arm": names}
    kept = ("rank", "score", "spilled", "logged_only", "ranker_score")
    return pd.DataFrame(columns | {name: rows[name] for name in kept})


def _places(
    shown: pd.DataFrame,
    sources: pd.DataFrame,
    rank: Array,
    items: _Items,
    arms: Sequence[str],
    names: Sequence[str],
    n_slots: int,
) -> pd.DataFrame:
    """Return a row a place of the page."""
    scores = sources.drop_duplicates("item").set_index("item")["ranker_score"]
    bits = shown["slots"].to_numpy(np.int64)
    drawn = sources[~sources["logged_only"]]
    asked_for = drawn.loc[~drawn["spilled"], "item"]
    found = [
        ", ".join(f"{arm} #{r}" for arm, r in zip(arms, row, strict=True) if r >= 0) for row in rank.tolist()
    ]
    columns = {
        "number": _typed(shown["position"], "Int64"),
        **items.columns(shown["item"]),
        "item": _typed(shown["item"], "Int64"),
        "arms": _typed(found, "string"),
        **{f"rank.{arm}": _missing_below_zero(rank[:, a]) for a, arm in enumerate(arms)},
        "slots": [tuple(s for s in range(n_slots) if word >> s & 1) for word in bits.tolist()],
        "spilled": _typed(~shown["item"].isin(asked_for).to_numpy(), "boolean"),
        "click": _typed(shown["click"].to_numpy(bool), "boolean"),
        "satisfied": _typed(shown["satisfied"].to_numpy(bool), "boolean"),
        "value": _typed(shown["value"], "Float64"),
        "censored": _typed(shown["censored"].to_numpy(bool), "boolean"),
        "ranker_score": _typed(scores.reindex(shown["item"]), "Float64"),
        "propensity": _typed(shown["propensity"], "Float64"),
        "explored": _typed(shown["explored"].to_numpy(bool), "boolean"),
    }
    return pd.DataFrame(
        columns | _features(list(shown["features"]), names, "the features that the ranker saw")
    )


def _typed(values: Any, dtype: str) -> Any:
    """Return a nullable column."""
    return pd.array(values, dtype=pd.api.types.pandas_dtype(dtype))


def _missing_below_zero(values: Array) -> Any:
    return pd.arrays.IntegerArray(values, values < 0)
