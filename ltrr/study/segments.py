"""What policies earn on head, torso and tail queries, and on each kind of query: ``segments.csv``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ltrr.metrics.intervals import bootstrap_mean
from ltrr.study.cells import Cells, Table, after_warmup, bootstrap_rng, ends
from ltrr.study.study import Study
from ltrr.types import Float64

__all__ = ["BANDS", "SEGMENTS", "segment_rows"]

BANDS = ("head", "torso", "tail")
"""Topics by their place in the stream's traffic: each has a third of it."""

SEGMENTS = (
    *("policy", "by", "segment", "share", "mean", "low", "high"),
    *("difference", "difference_low", "difference_high", "n_seeds"),
)
"""Columns of ``segments.csv``."""


def segment_rows(
    cells: Mapping[str, Cells], static: str | None, study: Study, intents: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return one row a policy and segment: its share of the requests, the reward, the difference to static.

    ``by`` is ``traffic`` (`BANDS`), ``query`` (kinds of query in the stream) or ``held-out query``. Requests
    of the stream count after the warm-up. Seeds without a request of a segment do not count there.

    Parameters
    ----------
    cells : mapping of policy to Cells
    static : str or None
        Name of the best static allocation, where the study has it.
    study : Study
    intents : sequence of str
        Names of the kinds of query; numbers where the world has none.
    """
    rows = []
    for by, column, kind in _WAYS:
        names = BANDS if column == "band" else intents
        kept = {policy: _kept(getattr(own, kind), study) for policy, own in cells.items()}
        for policy, tables in kept.items():
            others = kept[static] if static is not None and policy != static else None
            for value in _known(tables, column):
                segment = names[value] if value < len(names) else str(value)
                rng = partial(bootstrap_rng, study, f"segment {by} {segment}")
                rewards, theirs = (_rewards(part, column, value) for part in (tables, others or ()))
                found = _numbers(rewards, theirs, sum(len(t["reward"]) for t in tables), rng)
                rows.append({"policy": policy, "by": by, "segment": segment, **found})
    return rows


_WAYS = (
    ("traffic", "band", "rounds"),
    ("query", "intent", "rounds"),
    ("held-out query", "intent", "held_out"),
)
"""What segments are by, the column that says so, and the tables that have it."""


def _kept(tables: Sequence[Table], study: Study) -> list[Table]:
    """Return what segments need of the requests that count."""
    late = after_warmup(list(tables), study)
    return [{c: t[c][r] for c in ("reward", "band", "intent")} for t, r in zip(tables, late, strict=True)]


def _known(tables: Sequence[Table], column: str) -> list[int]:
    """Return the segments that occur; −1 is unknown."""
    found = np.unique(np.concatenate([t[column] for t in tables])) if tables else np.empty(0, np.int64)
    return [int(value) for value in found if value >= 0]


def _rewards(tables: Sequence[Table], column: str, value: int) -> list[Float64]:
    """Return the rewards of a segment's requests, seed by seed."""
    return [table["reward"][table[column] == value] for table in tables]


def _numbers(
    own: Sequence[Float64],
    others: Sequence[Float64],
    n_requests: int,
    rng: Callable[[], np.random.Generator],
) -> dict[str, float]:
    """Return the numbers of a segment; seeds without a request of it do not count."""
    interval = bootstrap_mean(np.array([rewards.mean() for rewards in own if len(rewards)]), rng=rng())
    out = {"share": sum(map(len, own)) / n_requests, **ends(interval), "n_seeds": interval.n}
    # in a world that answers to what policies do, a seed may have the segment under one of them alone
    pairs = [(a.mean(), b.mean()) for a, b in zip(own, others, strict=False) if len(a) and len(b)]
    if pairs:
        gap = bootstrap_mean(-np.diff(np.array(pairs))[:, 0], rng=rng())
        out |= {"difference": gap.mean, "difference_low": gap.low, "difference_high": gap.high}
    return out
