"""Columns by name from what `Events` holds anyway, for logs of every kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ltrr.errors import InputError
from ltrr.logs.columns import column_hint
from ltrr.logs.events import Events
from ltrr.logs.extra import NO_DAY, Extra, fits_pattern, lone_ids
from ltrr.logs.labels import Labels
from ltrr.logs.replay_log import ReplayLog
from ltrr.logs.view import LogView
from ltrr.types import Float64, Int64

__all__ = ["ExtraLog", "extra_log", "with_extra"]

_SECONDS = 86_400.0
_WHOLE: dict[str, Callable[[Events], NDArray[Any] | None]] = {
    "slot": lambda events: events.slot,
    "position": lambda events: events.position,
    "user": lambda events: events.user,
    "session": lambda events: events.session,
    "query": lambda events: events.query,
}
"""Fields of integers."""

_REAL: dict[str, Callable[[Events], NDArray[Any] | None]] = {
    "reward": lambda events: events.reward,
    "cost": lambda events: 0.0 - events.reward,
    "propensity": lambda events: events.propensity,
    "count": lambda events: events.count,
    "timestamp": lambda events: events.time if events.space.timed else None,
}
"""Fields of numbers with a fraction."""


def with_extra(events: Events, extra: Extra, where: str) -> Events:
    """Return events with further columns, those that they do not have yet from their other fields.

    Parameters
    ----------
    events : Events
    extra : Extra
    where : str
        What the log is called in messages.

    Raises
    ------
    InputError
        If there is no such column.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> events = Events(Space(("a", "b"), ("hour",)), [1, 2], [1, 2], [0, 1], [0.5, 1], context=[[7], [8]])
    >>> found = with_extra(events, Extra(numbers=frozenset({"hour"}), labels=frozenset({"action"})), "a log")
    >>> found.numbers["hour"].tolist(), found.labels["action"].names
    ([7.0, 8.0], ('a', 'b'))
    """
    if not extra:
        return events
    made: dict[str, Any] = {
        "numbers": dict(events.numbers),
        "labels": dict(events.labels),
        "ids": dict(events.ids),
    }
    for what, name in extra.named():
        if name in made[what] or any(fits_pattern(name, have) for have in made[what]):
            continue
        column = _MAKERS[what](events, name)
        if column is None:
            raise InputError(f"{where}: {_missing(events, what, name)}")
        made[what][name] = column
    return replace(events, **made)


def _missing(events: Events, what: str, name: str) -> str:
    if name == "day":
        return NO_DAY
    fields_ = [n for n in (*_REAL, *_WHOLE) if _plain(events, n) is not None]
    known = {*getattr(events, what), *fields_, *(() if what == "ids" else events.space.context_names)}
    return f"there is no column {name!r} to read {what} from{column_hint(name, sorted(known))}"


def _plain(events: Events, name: str) -> NDArray[Any] | None:
    """Return a field of numbers by its name, or a column of the context."""
    field_of = _REAL.get(name) or _WHOLE.get(name)
    if field_of is not None:
        return field_of(events)
    names = events.space.context_names
    return events.context[:, names.index(name)] if name in names else None


def _number(events: Events, name: str) -> Float64 | None:
    value = _plain(events, name)
    return None if value is None else value.astype(np.float64)


def _label(events: Events, name: str) -> Labels | None:
    if name == "action":
        return Labels(events.action, events.space.actions)
    if name == "day" and events.space.timed:
        day, known = _days(events)
        dates, code = np.unique(day, return_inverse=True)
        texts = dates.astype("datetime64[D]").astype(str).tolist()
        return Labels(np.where(known, code, -1), tuple(texts))
    value = _plain(events, name)
    return None if value is None else Labels.of_numbers(value)


def _id(events: Events, name: str) -> Int64 | None:
    if name in ("request", "event"):
        return events.key
    if name == "action":
        return events.action.astype(np.int64)
    if name == "day" and events.space.timed:
        day, known = _days(events)
        return np.where(known, day, lone_ids(events.row))
    field_of = _WHOLE.get(name)
    value = None if field_of is None else field_of(events)
    return None if value is None else value.astype(np.int64)


_MAKERS: dict[str, Callable[[Events, str], Any]] = {"numbers": _number, "labels": _label, "ids": _id}


def _days(events: Events) -> tuple[Int64, NDArray[np.bool_]]:
    """Return the number of each row's day since 1970, and where the time is known."""
    known = np.isfinite(events.time)
    return np.floor(np.where(known, events.time, 0.0) / _SECONDS).astype(np.int64), known


@dataclass(frozen=True)
class ExtraLog(LogView):
    """A log whose events have further columns.

    Parameters
    ----------
    log : ReplayLog
        What it is otherwise; its other attributes are this log's.
    extra : Extra
    propensity : bool
        False for a log without propensities.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> from ltrr.logs.memory import EventsLog
    >>> log = EventsLog(Events(Space(("a", "b")), [1, 2], [1, 2], [0, 1], [0.5, 1]))
    >>> next(ExtraLog(log, Extra(numbers=frozenset({"reward"}))).chunks()).numbers["reward"].tolist()
    [0.5, 1.0]
    """

    extra: Extra = field(default_factory=Extra)
    propensity: bool = True

    def chunks(self) -> Iterator[Events]:
        """Yield the log in chunks, with the further columns."""
        for events in self.log.chunks():
            some = with_extra(events, self.extra, self.name)
            yield some if self.propensity else replace(some, propensity=None)


def extra_log(log: ReplayLog, extra: Extra, *, propensity: bool = True) -> ReplayLog:
    """Return a log with further columns that its events hold anyway; the log itself where none are asked."""
    return ExtraLog(log, extra, propensity) if extra or not propensity else log
