"""A bounded sample of a log, whatever its length and however it is cut into chunks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ltrr import _check
from ltrr.logs.events import Events
from ltrr.logs.replay_log import ReplayLog
from ltrr.rng import Streams

__all__ = ["sample_events"]


def sample_events(
    log: ReplayLog, *, max_rows: int, seed: int = 0, on_chunk: Callable[[int], None] | None = None
) -> Events | None:
    """Return all events, or a random part of the requests that has at most ``max_rows`` rows.

    A request is kept where the uniform of its key lies below the rate, which is halved whenever more rows
    have been kept than allowed: what is kept depends on keys alone, and slots of a request stay together.

    Parameters
    ----------
    log : ReplayLog
    max_rows : int >= 1
    seed : int
    on_chunk : callable, optional
        Called with the number of rows of each chunk read.

    Returns
    -------
    Events or None
        None where the log has no usable row.
    """
    _check.integer("max_rows", max_rows, low=1)
    streams = Streams(seed)
    rate, kept, rows = 1.0, list[Events](), 0
    for events in log.chunks():
        if on_chunk is not None:
            on_chunk(len(events))
        part = _below(events, streams, rate)
        if not len(part):
            continue
        kept.append(part)
        rows += len(part)
        while rows > max_rows:
            rate /= 2.0
            kept = [part for part in (_below(p, streams, rate) for p in kept) if len(part)]
            rows = sum(map(len, kept))
    return Events.concat(kept) if kept else None


def _below(events: Events, streams: Streams, rate: float) -> Events:
    """Return the rows whose key's uniform lies below the rate."""
    if rate >= 1.0:
        return events
    keep = np.flatnonzero(streams.uniform("replay-sample", events.key) < rate)
    return events if len(keep) == len(events) else events.take(keep)
