"""Logged decisions as columns: the output of every reader and the input of every estimate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.logs.labels import Labels
from ltrr.types import ActionSet, Float32, Float64, Int16, Int32, Int64, Queries, Requests, chosen
from ltrr.types.ragged import concat_indptr, take_flat

__all__ = ["Events", "Space"]


@dataclass(frozen=True)
class Space:
    """What the ids of a log mean, the same for all its chunks.

    Parameters
    ----------
    actions : tuple of str, length A
        External names of the actions; ids are positions.
    context_names : tuple of str, length D
        Names of the context's columns.
    feature_names : tuple of str, length F
        Names of the action features.
    features : float32 (A, F) or None
        Features of an action that are the same in every request; None where events carry their own.
    n_slots : int
        Most slots that one request has.
    slot_rewards : bool
        True where every slot has its own reward; False where the request's reward is recorded at its last
        slot, with zeros before it, so that only weights of whole sequences are right.
    timed : bool
        True where the log has times.
    floor : float or None
        Smallest propensity the logging policy could have had, if declared; bounds the weights.
    reward_range : (float, float) or None
        Declared range of the rewards of a request.

    Examples
    --------
    >>> space = Space(("tea", "latte"), context_names=("hour",))
    >>> space.actions[1], space.n_slots
    ('latte', 1)
    """

    actions: tuple[str, ...]
    context_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    features: Float32 | None = None
    n_slots: int = 1
    slot_rewards: bool = True
    timed: bool = False
    floor: float | None = None
    reward_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.features is not None:
            shape = (len(self.actions), len(self.feature_names))
            features = _check.array("Space.features", self.features, np.float32, shape)
            object.__setattr__(self, "features", features)


@dataclass(frozen=True)
class Events:
    """A chunk of n logged decisions, one slot each; the slots of one request are adjacent.

    Parameters
    ----------
    space : Space
        What the ids mean (shared by all chunks of a log).
    row : int64 (n,)
        Row number in the log, from 1.
    key : int64 (n,)
        Key of the request: slots of one request share it. Resampling weights are drawn by it.
    action : int32 (n,)
        The chosen action.
    reward : float64 (n,)
        Observed reward, finite.
    propensity : float64 (n,) or None
        Logged probability of the chosen action, in (0, 1]; None where the log has none.
    slot : int16 (n,), optional
        Slot within the request, from 0; zeros where requests have one slot.
    position : int32 (n,), optional
        Place on the page where the action was shown, as logged; zeros where there is none.
    time : float64 (n,), optional
        Seconds; zeros where the log has no times.
    context : float32 (n, D), optional
        What a policy may see.
    count : float64 (n,) or None
        How many events the row stands for (1 / probability of having been kept); None for one each.
    indptr, eligible : int64 (n + 1,), int32 (N,), or both None
        The actions that could have been chosen; None where all actions of the space could.
    probabilities : float64 (N,) or None
        The full logged distribution, ragged like the eligible actions.
    features : float32 (N, F) or None
        Action features that differ between requests, ragged like the eligible actions.
    targets : mapping of str to float64 (n,)
        Columns of target probabilities of the chosen action, by name.
    queries : Queries
        Query texts, where ``query`` points into them.
    session, user, query : int64, int64, int32 (n,) or None
        Ids as logged; None where the log has none.
    numbers : mapping of str to float64 (n,)
        Further columns of numbers that were asked for, by name; NaN where a value is missing.
    labels : mapping of str to Labels
        Further columns of labels.
    ids : mapping of str to int64 (n,)
        Further columns of ids, such as those of clusters; a row without an id has one of its own.

    Examples
    --------
    >>> space = Space(("tea", "latte"))
    >>> events = Events(space, row=[1, 2], key=[1, 2], action=[0, 1], reward=[0, 1], propensity=[0.5, 0.5])
    >>> len(events), events.take(np.array([1])).reward.tolist()
    (2, [1.0])
    """

    space: Space
    row: Int64
    key: Int64
    action: Int32
    reward: Float64
    propensity: Float64 | None = None
    slot: Int16 = field(default=None)  # type: ignore[arg-type]  # filled in below
    position: Int32 = field(default=None)  # type: ignore[arg-type]  # filled in below
    time: Float64 = field(default=None)  # type: ignore[arg-type]  # filled in below
    context: Float32 = field(default=None)  # type: ignore[arg-type]  # filled in below
    count: Float64 | None = None
    indptr: Int64 | None = None
    eligible: Int32 | None = None
    probabilities: Float64 | None = None
    features: Float32 | None = None
    targets: Mapping[str, Float64] = field(default_factory=dict)
    queries: Queries = field(default_factory=Queries)
    session: Int64 | None = None
    user: Int64 | None = None
    query: Int32 | None = None
    numbers: Mapping[str, Float64] = field(default_factory=dict)
    labels: Mapping[str, Labels] = field(default_factory=dict)
    ids: Mapping[str, Int64] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.row)
        width = len(self.space.context_names)
        for key, dtype, shape, optional in (
            ("row", np.int64, (n,), False),
            ("key", np.int64, (n,), False),
            ("action", np.int32, (n,), False),
            ("reward", np.float64, (n,), False),
            ("slot", np.int16, (n,), False),
            ("position", np.int32, (n,), False),
            ("time", np.float64, (n,), False),
            ("context", np.float32, (n, width), False),
            ("propensity", np.float64, (n,), True),
            ("count", np.float64, (n,), True),
            ("session", np.int64, (n,), True),
            ("user", np.int64, (n,), True),
            ("query", np.int32, (n,), True),
        ):
            value = getattr(self, key)
            if value is None:
                if optional:
                    continue
                value = np.zeros(shape, dtype)
            object.__setattr__(self, key, _check.array(f"Events.{key}", value, dtype, shape))
        if (self.indptr is None) != (self.eligible is None):
            raise InputError("`Events.indptr` and `Events.eligible` must be given together")
        if self.eligible is not None:
            eligible = _check.array("Events.eligible", self.eligible, np.int32, (None,))
            object.__setattr__(self, "eligible", eligible)
            indptr = _check.indptr("Events.indptr", self.indptr, n, len(eligible))
            object.__setattr__(self, "indptr", indptr)
        size = len(self.eligible) if self.eligible is not None else n * len(self.space.actions)
        if self.probabilities is not None:
            value = _check.array("Events.probabilities", self.probabilities, np.float64, (size,))
            object.__setattr__(self, "probabilities", value)
        if self.features is not None:
            shape_f = (size, len(self.space.feature_names))
            value = _check.array("Events.features", self.features, np.float32, shape_f)
            object.__setattr__(self, "features", value)
        for key, dtype in (("numbers", np.float64), ("ids", np.int64)):
            columns = getattr(self, key)
            if columns:
                typed = {k: _check.array(f"Events.{key}[{k!r}]", v, dtype, (n,)) for k, v in columns.items()}
                object.__setattr__(self, key, typed)
        for key, column in self.labels.items():
            _check.array(f"Events.labels[{key!r}].code", column.code, np.int32, (n,))

    def __len__(self) -> int:
        return len(self.row)

    @cached_property
    def actions(self) -> ActionSet:
        """The action set of every decision, with features; built when first asked for."""
        n, size = len(self), len(self.space.actions)
        if self.eligible is None or self.indptr is None:
            indptr = np.arange(n + 1, dtype=np.int64) * size
            action = np.tile(np.arange(size, dtype=np.int32), n)
        else:
            indptr, action = self.indptr, self.eligible
        if self.features is not None:
            features = self.features
        elif self.space.features is not None:
            features = self.space.features[action]
        else:
            features = np.zeros((len(action), len(self.space.feature_names)), np.float32)
        return ActionSet(indptr, action, features, self.space.feature_names, size)

    @cached_property
    def place(self) -> Int64:
        """Flat position of the chosen action in `actions`, (n,)."""
        if self.eligible is None:
            return np.arange(len(self), dtype=np.int64) * len(self.space.actions) + self.action
        return chosen(self.actions, self.action)

    @cached_property
    def requests(self) -> Requests:
        """The decisions as requests, one a row; ``request`` is the row number."""
        n = len(self)
        zero = np.zeros(n, np.int64)
        return Requests(
            self.row,
            zero if self.session is None else self.session,
            zero if self.user is None else self.user,
            np.full(n, -1, np.int32) if self.query is None else self.query,
            self.time,
            self.context,
            self.space.context_names,
            self.queries,
        )

    @cached_property
    def request_indptr(self) -> Int64:
        """Request boundaries: request j owns rows ``request_indptr[j]:request_indptr[j + 1]``."""
        if len(self) == 0:
            return np.zeros(1, np.int64)
        start = np.flatnonzero(np.append(True, self.key[1:] != self.key[:-1]))
        return np.append(start, len(self)).astype(np.int64)

    def take(self, rows: Int64) -> Events:
        """Return the chosen rows; ``rows`` must keep the slots of a request together."""
        size = len(self.space.actions)
        if self.eligible is not None and self.indptr is not None:
            indptr, flat = take_flat(self.indptr, rows)
            eligible: Int32 | None = self.eligible[flat]
        else:
            indptr, eligible = None, None
            wanted = self.probabilities is not None or self.features is not None
            flat = (rows[:, None] * size + np.arange(size)).reshape(-1) if wanted else rows[:0]

        def some(value: Float64 | None) -> Float64 | None:
            return None if value is None else value[rows]

        return Events(
            self.space,
            self.row[rows],
            self.key[rows],
            self.action[rows],
            self.reward[rows],
            some(self.propensity),
            self.slot[rows],
            self.position[rows],
            self.time[rows],
            self.context[rows],
            some(self.count),
            indptr,
            eligible,
            None if self.probabilities is None else self.probabilities[flat],
            None if self.features is None else self.features[flat],
            {name: value[rows] for name, value in self.targets.items()},
            self.queries,
            None if self.session is None else self.session[rows],
            None if self.user is None else self.user[rows],
            None if self.query is None else self.query[rows],
            {name: value[rows] for name, value in self.numbers.items()},
            {name: value.take(rows) for name, value in self.labels.items()},
            {name: value[rows] for name, value in self.ids.items()},
        )

    @staticmethod
    def concat(parts: Sequence[Events]) -> Events:
        """Join chunks of one log; at least one."""
        first = parts[0]
        plain: dict[str, Any] = {}
        for f in fields(Events):
            values = [getattr(p, f.name) for p in parts]
            if f.name in ("space", "targets", "queries", "indptr", "numbers", "labels", "ids"):
                continue
            plain[f.name] = None if any(v is None for v in values) else np.concatenate(values)
        indptr = [p.indptr for p in parts if p.indptr is not None]
        return Events(
            first.space,
            **plain,
            indptr=concat_indptr(indptr) if len(indptr) == len(parts) else None,
            targets={name: np.concatenate([p.targets[name] for p in parts]) for name in first.targets},
            queries=max((p.queries for p in parts), key=len),
            numbers={name: np.concatenate([p.numbers[name] for p in parts]) for name in first.numbers},
            labels={name: Labels.concat([p.labels[name] for p in parts]) for name in first.labels},
            ids={name: np.concatenate([p.ids[name] for p in parts]) for name in first.ids},
        )
