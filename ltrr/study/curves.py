"""Curves: what a policy earns, finds and costs over time, at checkpoints."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ltrr.study.cells import Cells, judged_gaps, static_excess
from ltrr.study.study import Study
from ltrr.types import Float64, Int64

__all__ = ["checkpoints", "curve_values", "even_checkpoints", "windows"]

N_CHECKPOINTS = 30
N_WINDOWS = 15
"""Windows of equal length after the warm-up, of curves that are drawn on a linear scale."""


def checkpoints(study: Study) -> Int64:
    """Return log-spaced numbers of rounds, multiples of the feedback batch.

    The end of the warm-up is among them, so that no window mixes it with what follows, and the last round.
    """
    step, rounds, warmup = study.loop.feedback_every, study.rounds, study.loop.warmup
    raw = np.geomspace(min(step, rounds), rounds, N_CHECKPOINTS)
    points = np.minimum(np.ceil(raw / step).astype(np.int64) * step, rounds)
    return np.unique(np.append(points, warmup if warmup else rounds))


def curve_values(
    own: Cells, static: Cells | None, study: Study, points: Int64
) -> Iterator[tuple[str, Float64, Int64]]:
    """Yield (metric, values by seed and checkpoint, rounds)."""
    for metric in ("reward", "ndcg", "recall_budget", *(f"slots_{a}" for a in study.loop.arms)):
        yield metric, np.stack([windows(t[metric], points) for t in own.rounds]), points
    if static is not None:
        gaps = static_excess(own, static)
        start = study.loop.warmup
        late = points[points > start]
        yield "regret_static", np.stack([np.cumsum(g[start:])[late - start - 1] for g in gaps]), late
        yield "excess_static", np.stack([windows(g, points) for g in gaps]), points
        even = even_checkpoints(study)
        lead = np.stack([-windows(g[start:], even - start) for g in gaps])
        yield "difference_static", lead, even
    if own.oracles:
        yield from _judged_curves(own, study, points)


def _judged_curves(own: Cells, study: Study, points: Int64) -> Iterator[tuple[str, Float64, Int64]]:
    """Yield the curves of judged rounds; regret counts from the end of the warm-up."""
    judged = own.oracles[0]["round"]
    ends, rounds = _distinct(np.searchsorted(judged, points), points)
    start = int(np.searchsorted(judged, study.loop.warmup))
    late, until = _distinct(np.searchsorted(judged, points) - start, points)
    for metric, gaps in judged_gaps(own):
        if len(late):
            total = [np.cumsum(g[start:])[late - 1] / late * (until - study.loop.warmup) for g in gaps]
            yield metric, np.stack(total), until
    yield "excess_class", np.stack([windows(g, ends) for g in own.class_excess]), rounds
    for metric in ("loss_retrieval", "loss_ranking", "oracle_recall"):
        yield metric, np.stack([windows(t[metric], ends) for t in own.oracles]), rounds


def _distinct(ends: Int64, points: Int64) -> tuple[Int64, Int64]:
    """Return numbers of judged rounds that grow, and their checkpoints.

    Of checkpoints without a judged round between them the last is kept, so that curves reach the end.
    """
    keep = (ends > 0) & np.append(ends[1:] > ends[:-1], True)
    return ends[keep], points[keep]


def even_checkpoints(study: Study) -> Int64:
    """Return the ends of windows of equal length after the warm-up, multiples of the feedback batch.

    Examples
    --------
    >>> from ltrr.study.files import read_study
    >>> even_checkpoints(read_study("default")).tolist()[-3:]
    [2650, 2850, 3000]
    """
    step, start, rounds = study.loop.feedback_every, study.loop.warmup, study.rounds
    raw = start + np.linspace(0, rounds - start, N_WINDOWS + 1)[1:]
    return np.unique(np.minimum(np.ceil((raw - start) / step).astype(np.int64) * step + start, rounds))


def windows(values: Float64, ends: Int64) -> Float64:
    """Return the means of what lies between one end and the next, the first from the beginning.

    Examples
    --------
    >>> windows(np.array([1.0, 3.0, 5.0, 7.0]), np.array([1, 4])).tolist()
    [1.0, 5.0]
    """
    total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    starts = np.concatenate([[0], ends[:-1]])
    return np.asarray((total[ends] - total[starts]) / (ends - starts))
