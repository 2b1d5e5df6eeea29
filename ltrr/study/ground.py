"""What a run rests on: how many topics its traffic has, and whether the world can tell policies apart.

``traffic.csv`` has one row a replicate and set of requests, ``ground.json`` what is said of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ltrr._state import write_aside
from ltrr.metrics.intervals import bootstrap_mean
from ltrr.protocols import World
from ltrr.registry import registry_of
from ltrr.rng import Streams
from ltrr.study.cells import Cells, after_warmup, bootstrap_rng, means, some
from ltrr.study.crossing import Crossing
from ltrr.study.study import Study
from ltrr.types import Float64, Int64
from ltrr.types.quotas import all_quotas

__all__ = ["TRAFFIC", "concentration", "ground_of", "read_ground", "traffic_rows", "write_ground"]

TRAFFIC = ("replicate", "set", "topics", "effective", "effective_entropy", "top_share")
"""Columns of ``traffic.csv``."""

PLACE = "ground.json"


def concentration(share: Float64, n: int | None = None) -> dict[str, float]:
    """Return how many topics there are, how many they count for, and the largest share.

    ``effective`` is ``1 / Σ p²``, ``effective_entropy`` ``exp(−Σ p log p)``. Of shares counted in ``n``
    requests, Σ p² is too large by chance: the probability that two different requests have the same topic is
    used instead (Simpson), of which the counts give an unbiased estimate.

    Parameters
    ----------
    share : float64 (T,)
        Share of each topic; they sum to 1.
    n : int, optional
        Number of requests in which the shares were counted; None where they are known.

    Examples
    --------
    >>> concentration(np.array([0.5, 0.25, 0.25, 0.0]))["effective"]
    2.6666666666666665
    >>> concentration(np.array([0.5, 0.5]), n=4)["effective"]
    3.0
    """
    p = share[share > 0.0]
    same = float((p**2).sum())
    if n is not None and n > 1:
        same = (same * n - 1.0) / (n - 1.0)
    return {
        "topics": len(p),
        "effective": 1.0 / same if same > 0.0 else float(n or np.nan),  # no topic was asked twice
        "effective_entropy": float(np.exp(-(p * np.log(p)).sum())),
        "top_share": float(p.max()),
    }


def traffic_rows(cells: Mapping[str, Cells], study: Study, world: World | None) -> list[dict[str, Any]]:
    """Return one row a replicate and set: ``stream``, ``held-out``, ``reserved``.

    The world's own shares are taken where it states them, else those of the first policy's requests.
    """
    rows = []
    for replicate in range(study.seeds):
        parts = _stated(world, study, replicate) or _counted(next(iter(cells.values())), replicate)
        for name, (share, n) in parts.items():
            if share.sum() > 0.0:
                found = concentration(share / share.sum(), n)
                rows.append({"replicate": replicate, "set": name, **found})
    return rows


def _stated(
    world: World | None, study: Study, replicate: int
) -> dict[str, tuple[Float64, int | None]] | None:
    """Return the shares of topics that the world states for a replicate."""
    if getattr(world, "shares", None) is None or world is None:
        return None
    own: Any = world.fork(Streams(study.seed, replicate))
    stream, held_out = own.shares()
    if not (np.isfinite(stream).all() and np.isfinite(held_out).all()):
        return None  # what it states is no share of anything: the requests say
    reserved = getattr(own, "reserved", None)
    parts: dict[str, tuple[Float64, int | None]] = {"stream": (stream, None), "held-out": (held_out, None)}
    if reserved is not None:
        parts["reserved"] = (np.where(reserved, held_out, 0.0), None)
    return parts


def _counted(own: Cells, replicate: int) -> dict[str, tuple[Float64, int | None]]:
    """Return the shares of topics among a replicate's requests.

    Held-out texts come as often as their probability says, not by chance, so that nothing is corrected.
    """
    stream = own.rounds[replicate]["topic"]
    out: dict[str, tuple[Float64, int | None]] = {"stream": (_shares(stream), len(stream))}
    if own.held_out:
        table = own.held_out[replicate]
        held_out = {"held-out": table["topic"], "reserved": table["topic"][table["reserved"]]}
        out |= {name: (_shares(topic), None) for name, topic in held_out.items() if len(topic)}
    return out


def _shares(topic: Int64) -> Float64:
    counts = np.unique(topic, return_counts=True)[1]
    return np.asarray(counts / len(topic), np.float64)


def ground_of(
    cells: Mapping[str, Cells],
    static: str | None,
    study: Study,
    traffic: Sequence[Mapping[str, Any]],
    crossing: Crossing,
) -> dict[str, Any]:
    """Return what is said of a run's ground.

    ``traffic`` holds the means of `traffic_rows`; ``blind`` the arm that earns the most of those that ignore
    the query, with its reward; ``static`` and ``oracle`` the rewards of the best static allocation and of the
    best quota of each request on its state; ``gap`` their difference, with its intervals over seeds, and over
    seeds and topics (None where an end is infinite).
    """
    names = dict.fromkeys(str(row["set"]) for row in traffic)
    found: dict[str, Any] = {
        "traffic": {
            name: {
                column: float(np.mean([row[column] for row in traffic if row["set"] == name]))
                for column in TRAFFIC[2:]
            }
            for name in names
        },
        "blind": None,
        "static": None,
        "oracle": None,
        "gap": None,
    }
    reference = static if static is not None else next(iter(cells))
    blind = dict(_blind(cells, reference, study))
    if blind:
        arm = max(blind, key=lambda name: blind[name])
        found["blind"] = {"arm": arm, "reward": blind[arm]}
    if static is not None:
        found |= _room(cells[static], study, crossing)
    return found


def _blind(cells: Mapping[str, Cells], reference: str, study: Study) -> Iterator[tuple[str, float]]:
    """Yield (arm, reward) of the arms that ignore the query: of a policy, else of a quota in hindsight.

    A quota is compared with the reference on the judged requests, which are few, and its difference is added
    to the reference's reward on all: the level of the judged ones is luck that both share.
    """
    judged, every = cells[reference].oracles, cells[reference].rounds
    rows, late = after_warmup(judged, study), after_warmup(every, study)
    for arm, component in study.arms.items():
        made = component.given or registry_of("arms").maker(component.kind, f"arms.{arm}")
        if not getattr(made, "query_blind", False):
            continue
        alone = next((s.name for s in study.policies if _is_single(s, arm)), None)
        if alone is not None:
            own = cells[alone]
            yield arm, float(means(own.rounds, after_warmup(own.rounds, study), "reward").mean())
        elif some(rows):
            quotas = all_quotas(study.loop.n_slots, len(study.loop.arms))
            place = int(quotas[:, study.loop.arms.index(arm)].argmax())
            leads = [t["quota_reward"][:, place] - t["reward_ranked"] for t in judged]
            lead = np.mean([own[r].mean() for own, r in zip(leads, rows, strict=True)])
            yield arm, float(means(every, late, "reward").mean() + lead)


def _is_single(spec: Any, arm: str) -> bool:
    """Say whether a policy gives every slot to an arm, with the ranker of the study."""
    return spec.component.kind == "single" and spec.component.params.get("arm") == arm and not spec.ranker


def _room(own: Cells, study: Study, crossing: Crossing) -> dict[str, Any]:
    """Return the static allocation's reward, the oracle's on its state, and their gap."""
    late, rows = after_warmup(own.rounds, study), after_warmup(own.oracles, study)
    reward = float(means(own.rounds, late, "reward").mean())
    if not some(rows):
        return {"static": reward}
    gaps = [t["oracle_reward"] - t["reward_ranked"] for t in own.oracles]
    by_seed = np.array([g[r].mean() for g, r in zip(gaps, rows, strict=True)])
    over_seeds = bootstrap_mean(by_seed, rng=bootstrap_rng(study, "ground gap"))
    over_both = crossing.mean(own.oracles, rows, gaps).interval()
    gap = {
        "mean": over_seeds.mean,
        "low": _finite(over_seeds.low),
        "high": _finite(over_seeds.high),
        "two_way_low": _finite(over_both.low),
        "two_way_high": _finite(over_both.high),
    }
    return {"static": reward, "oracle": reward + over_seeds.mean, "gap": gap}


def _finite(value: float) -> float | None:
    """Return a number as JSON can hold it."""
    return float(value) if np.isfinite(value) else None


def write_ground(folder: Path, found: Mapping[str, Any]) -> None:
    """Write ``ground.json``."""
    write_aside(folder / PLACE, json.dumps(found, indent=1).encode())


def read_ground(folder: Path) -> dict[str, Any]:
    """Return what `write_ground` wrote; nothing for a run of an earlier version."""
    place = folder / PLACE
    found: dict[str, Any] = {}
    return json.loads(place.read_text(encoding="utf-8")) if place.is_file() else found
