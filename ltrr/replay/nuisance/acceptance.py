"""Which rows a replay by rejection keeps."""

from __future__ import annotations

import numpy as np

from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.logs.replay_log import ReplayLog
from ltrr.rng import Streams
from ltrr.types import Float64

__all__ = ["accepted", "smallest_propensity"]


def _propensity(events: Events) -> Float64:
    if events.propensity is None:
        raise InputError("replay by rejection needs the log's propensities, and the log has none")
    return events.propensity


def smallest_propensity(log: ReplayLog) -> float:
    """Return the least probability that the log gave a choice: the declared floor, or by a pass.

    Raises
    ------
    InputError
        If the log has no propensities, no rows, or is deterministic.
    """
    least = log.space.floor
    if least is None:
        least = np.inf
        for events in log.chunks():
            least = min(least, float(_propensity(events).min(initial=np.inf)))
    if not np.isfinite(least):
        raise InputError(f"{log.name} has no usable rows to replay")
    if least >= 1.0:
        raise InputError(
            f"{log.name} is deterministic (every propensity is 1): a replay accepts only what was done"
        )
    return least


def accepted(
    events: Events, probabilities: Float64, streams: Streams, *, floor: float | None = None
) -> Float64:
    """Return 1 for rows that a replay of the target keeps and 0 elsewhere, (n,).

    A row is kept with probability ``π(a | x) · f / π_b(a | x)``, f the smallest propensity of the log. Summed
    over what the log might have chosen that is f in every context, so the kept rows have the log's contexts
    and the target's choices. On a log of uniform choices over the same number of actions the correction
    ``f / π_b`` is 1, and a row is kept as often as a draw of the target's own would be the logged action.

    Parameters
    ----------
    events : Events
    probabilities : float64, ragged like the actions, or (n,)
        π, or what it gives the chosen actions (`Target.logged`).
    streams : Streams
        The uniforms are those of the stream "replay" at each request's key and slot.
    floor : float in (0, 1], optional
        f, as of `smallest_propensity`; the log's declared floor by default. It must be the same for all
        chunks.

    Raises
    ------
    InputError
        If the log has no propensities, one lies below ``floor``, or no floor is known.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> ids = np.arange(4)
    >>> log = Events(
    ...     Space(("a", "b")), row=ids, key=ids, action=ids % 2, reward=np.ones(4), propensity=np.full(4, 0.5)
    ... )
    >>> accepted(log, np.array([1.0, 0.0, 1.0, 0.0]), Streams(1), floor=0.5).tolist()
    [1.0, 0.0, 1.0, 0.0]

    References
    ----------
    Li, Chu, Langford, Wang, "Unbiased offline evaluation of contextual-bandit-based news article
    recommendation algorithms", WSDM 2011, section 3; for logs that are not uniform, rejection sampling: von
    Neumann, "Various techniques used in connection with random digits", 1951.
    """
    propensity = _propensity(events)
    floor = events.space.floor if floor is None else floor
    if floor is None:
        raise InputError(
            "replay by rejection needs the log's smallest propensity: declare it as the floor when reading"
        )
    below = propensity < floor * (1.0 - 1e-9)
    if below.any():
        row = int(np.flatnonzero(below)[0])
        raise InputError(
            f"the smallest propensity is declared as {floor:g}, and row {int(events.row[row])} has "
            f"{propensity[row]:g}; declare a lower floor or none"
        )
    u = streams.uniform("replay", events.key, events.slot)
    chosen = probabilities if len(probabilities) == len(events) else probabilities[events.place]
    return np.asarray(u * propensity < chosen * floor, np.float64)
