"""Example queries of a run: what each arm returns, what a trained policy chooses and why, and the page.

They are asked at the end of a run, while its indexes are in memory, and kept in ``examples.json``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ltrr._state import write_aside
from ltrr.errors import InputError
from ltrr.protocols import World
from ltrr.rng import Streams
from ltrr.simulation.loop import Loop
from ltrr.simulation.system import Prepared
from ltrr.study.ask import answered, restored
from ltrr.study.lookup import best_learner, open_log
from ltrr.study.study import Study
from ltrr.study.tuning import Tuned
from ltrr.types import Int32, Items, Requests

__all__ = ["ABSENT", "examples_of", "write_examples"]

_log = logging.getLogger(__name__)

PLACE = "examples.json"

SEED = 0
"""The seed whose states are asked."""

OF_EACH = 3
"""Queries of the stream, and as many of the held-out part."""

DEPTH = 8
"""Items of each arm's list."""

ACTIONS = 4
"""Actions of each slot that are shown."""

LONGEST = 90
"""Letters of a title that are shown."""

ABSENT = (
    "No example is shown: the run kept no trained states, or an earlier version of ltrr made it. Simulate it "
    "again with log_seeds of at least 1."
)
"""Said in place of examples."""


def write_examples(folder: Path, study: Study, prepared: Prepared, tuning: Tuned) -> None:
    """Ask the best learner of the first logged seed a few queries, and write what came back.

    Nothing is written where the run logs no seed.
    """
    if not study.log_seeds:
        return
    policy = best_learner(*open_log(folder)) or study.policies[0].name
    try:
        loop = restored(folder, study, prepared, tuning, policy=policy, seed=SEED)
        asked = [_example(loop, requests, times) for requests, times in _chosen(loop, study)]
    except InputError as error:  # a world from outside that cannot be asked in this way: the run is whole
        _log.warning("no example queries on the page: %s", error)
        return
    found = {"policy": policy, "seed": SEED, "arms": list(loop.system.arm_names), "queries": asked}
    write_aside(folder / PLACE, json.dumps(found, indent=1).encode())


def examples_of(folder: Path) -> dict[str, Any] | None:
    """Return what `write_examples` wrote; None where it wrote nothing."""
    place = folder / PLACE
    if not place.is_file():
        return None
    found: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    return found


def _chosen(loop: Loop, study: Study) -> Iterator[tuple[Requests, int]]:
    """Yield single requests, and how often the stream asked their query: 0 for held-out ones."""
    world = loop.system.world
    stream = world.fork(Streams(study.seed, SEED)).next(study.rounds)
    query, times = np.unique(stream.query, return_counts=True)
    order = np.lexsort((query, -times))
    like = world.fork(Streams(study.seed, SEED))
    like.restore(world.state())
    following = like.next(1)
    for at in dict.fromkeys(np.linspace(0, len(order) - 1, min(OF_EACH, len(order))).round().astype(int)):
        chosen = order[at]
        yield replace(following, query=query[[chosen]].astype(np.int32)), int(times[chosen])
    for requests in _held_out(world, study.loop.held_out):
        yield requests, 0


def _held_out(world: World, n: int) -> Iterator[Requests]:
    """Yield requests on different held-out queries."""
    if not n or not getattr(world, "holds_out", True):
        return
    requests = world.held_out(n)
    _, first = np.unique(requests.query, return_index=True)
    for row in np.sort(first)[:OF_EACH]:
        yield requests.take(np.array([row]))


def _example(loop: Loop, requests: Requests, times: int) -> dict[str, Any]:
    slots, arms, page = answered(loop, requests, DEPTH)
    lists = arms if len(arms) else pd.DataFrame(columns=["arm", "item", "title", "name", "place", "score"])
    places = page if len(page) else pd.DataFrame(columns=["item", "title", "name", "score", "arms"])
    both = np.concatenate([lists["item"], places["item"]]).astype(np.int32)
    relevant, total = _relevant(loop.system.world, requests, both)
    lists, places = (
        lists.assign(relevant=relevant[: len(lists)]),
        places.assign(relevant=relevant[len(lists) :]),
    )
    by_arm = {name: _items(lists[lists["arm"] == name]) for name in loop.system.arm_names}
    return {
        "query": requests.texts()[0],
        "asked": times,
        "relevant": total,
        "slots": _slots(slots),
        "arms": by_arm,
        "page": _items(places),
    }


def _relevant(world: World, requests: Requests, item: Int32) -> tuple[Any, int]:
    """Return which items are relevant to the request, and how many are in the whole catalogue."""
    different, back = np.unique(item, return_inverse=True)
    truth = world.truth(requests, Items(np.array([0, len(different)]), different.astype(np.int32)))
    return (truth.grade > 0)[back], int(truth.n_relevant[0])


def _items(rows: pd.DataFrame) -> list[dict[str, Any]]:
    keys = [key for key in ("score", "place", "relevant", "arms") if key in rows]
    return [
        {"title": _short(row), **{key: _plain(row[key]) for key in keys}} for row in rows.to_dict("records")
    ]


def _short(row: dict[Any, Any]) -> str:
    text = " ".join(str(row["title"]).split()) or str(row["name"])
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _slots(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return of each slot the chosen action and the next by what the policy says of them."""
    terms = [name for name in rows.columns if name not in ("slot", "name", "probability", "chosen")]
    ranked = rows.assign(_sum=rows[terms].sum(axis=1) if terms else 0.0)
    ranked = ranked.sort_values(
        ["slot", "chosen", "probability", "_sum"], ascending=[True, False, False, False], kind="stable"
    )
    return [
        {
            **{key: _plain(row[key]) for key in ("slot", "name", "probability", "chosen")},
            "terms": {term: _plain(row[term]) for term in terms},
        }
        for row in ranked.groupby("slot").head(ACTIONS).to_dict("records")
    ]


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; None for a number that is not finite."""
    plain = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(plain, float) and not np.isfinite(plain) else plain
