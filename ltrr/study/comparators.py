"""What full information on the logged context could earn: comparators no policy can be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ltrr.metrics.intervals import Interval, bootstrap_mean
from ltrr.metrics.router import learnable_gap
from ltrr.study.cells import Cells, Table, after_warmup, bootstrap_rng, ends
from ltrr.study.crossing import Crossing
from ltrr.study.study import Study
from ltrr.types import Float64, Int64
from ltrr.types.quotas import all_quotas

__all__ = ["WITH_EVIDENCE", "best_shares", "comparators"]

WITH_EVIDENCE = " with evidence"
"""Added to the names of routers that also see the previews of all arms. They do not pay for them."""

TIE = 1e-6
"""Values of quotas are kept as float32; what differs by less counts as equal."""


def comparators(
    own: Cells, study: Study, drawn: tuple[Crossing, Crossing | None]
) -> Iterator[dict[str, Any]]:
    """Yield what full information on the logged context could earn, on the policy's trajectory.

    No share of a gap is given whose own interval touches zero, over seeds or over seeds and topics.
    """
    for which, tables, crossing in (
        ("stream", own.oracles, drawn[0]),
        ("held-out", own.held_out_oracles, drawn[1]),
    ):
        late = after_warmup(tables, study)
        if sum(len(r) for r in late) < 50:
            continue
        parts = list(zip(tables, late, strict=True))
        context = np.concatenate([t["context"][r] for t, r in parts])
        evidence = None
        if all("evidence" in t for t in tables):
            more = np.concatenate([t["evidence"][r] for t, r in parts])
            evidence = np.concatenate([context, more], axis=1)
        topic = np.concatenate([t["topic"][r] for t, r in parts])
        if len(np.unique(topic)) < 10:
            continue
        for metric in ("reward", "ndcg", "recall"):
            values = np.concatenate([t[f"quota_{metric}"][r] for t, r in parts]).astype(np.float64)
            room = crossing is not None and _has_room(tables, late, metric, study, crossing)
            found: dict[str, Interval | None] = {}
            for seen, suffix in ((context, ""), (evidence, WITH_EVIDENCE)):
                if seen is None:
                    continue
                # the same folds with and without
                gap = learnable_gap(seen, values, topic, rng=bootstrap_rng(study, f"router {metric}"))
                keys = ("linear", "trees") if suffix else ("static", "oracle", "linear", "trees")
                for key in keys:
                    found[key + suffix] = Interval(getattr(gap, key), np.nan, np.nan, gap.n_rows)
                if room:
                    found[f"linear{suffix} gap closed"] = gap.linear_closed
                    found[f"trees{suffix} gap closed"] = gap.trees_closed
            for arm, share in zip(study.loop.arms, best_shares(values, study), strict=True):
                found[f"oracle's share of {arm}"] = Interval(float(share), np.nan, np.nan, len(values))
            for key, i in found.items():
                if i is not None:
                    yield {"set": which, "comparator": key, "metric": metric, **ends(i), "n": i.n}


def _has_room(tables: list[Table], rows: list[Int64], metric: str, study: Study, crossing: Crossing) -> bool:
    """Say whether the oracle's lead over the best single quota in hindsight is shown to be above zero."""
    values = [t[f"quota_{metric}"].astype(np.float64) for t in tables]
    best = int(sum(v[r].sum(axis=0) for v, r in zip(values, rows, strict=True)).argmax())
    room = [v.max(axis=1) - v[:, best] for v in values]
    by_seed = np.array([gap[r].mean() for gap, r in zip(room, rows, strict=True)])
    over_seeds = bootstrap_mean(by_seed, rng=bootstrap_rng(study, f"room {metric}"))
    return over_seeds.low > 0.0 and crossing.mean(tables, rows, room).interval().low > 0.0


def best_shares(values: Float64, study: Study) -> Float64:
    """Return each arm's share of slots (R,) in the best of the quotas (n, Q); equals share evenly."""
    quotas = all_quotas(study.loop.n_slots, len(study.loop.arms))
    best = values >= values.max(axis=1, keepdims=True) - TIE
    weight = best / best.sum(axis=1, keepdims=True)
    return np.asarray(weight.mean(axis=0) @ quotas / study.loop.n_slots)
