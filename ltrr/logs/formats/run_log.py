"""Logs that ltrr wrote: four linked tables, streamed part by part as slots with rewards."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ltrr import _check
from ltrr.errors import InputError
from ltrr.logs.admit import AdmitState, admit
from ltrr.logs.copies import Copies
from ltrr.logs.copy_finder import CopyFinder
from ltrr.logs.events import Events, Space
from ltrr.logs.extra import Extra
from ltrr.logs.faults import Faults
from ltrr.logs.format import log_format
from ltrr.logs.formats.run_faults import faults_of_rows, note_undecided, unseen_clicks
from ltrr.logs.formats.run_parts import PartColumns, RunParts, find_log
from ltrr.logs.own_columns import extra_log
from ltrr.logs.raw import Raw
from ltrr.logs.replay_log import ReplayLog
from ltrr.types import Bool, Int16, Int32, Int64, Queries
from ltrr.types.quotas import quota_name
from ltrr.types.ragged import take_flat

__all__ = ["WARM_UP", "RunLog", "RunPart", "open_run_log"]

WARM_UP = ("all", "only", "without")
"""Which requests are read, by whether the random warm-up decided them."""

_REQUESTS = ("request", "session", "user", "query", "time", "context", "reward")
_DECISIONS = ("request", "slot", "action", "propensity", "version", "actions", "probabilities", "features")
_IDS = ("request", "slot", "action", "propensity", "version")

_SEED_STRIDE = 1 << 40
"""Request ids lie below this, so that the seed times this plus the id is unique over seeds."""


@dataclass(frozen=True)
class RunPart:
    """One part of a log of ltrr, with what events alone do not hold.

    Parameters
    ----------
    seed, part : int
        Which part.
    events : Events
        Its slots, request by request.
    request : int64 (n,)
        Each row's request id as logged.
    version : int32 (n,)
        Number of learning updates of the logging policy; −1 for the random warm-up.

    Examples
    --------
    >>> import ltrr
    >>> world = ltrr.worlds.Music(n_items=300, n_queries=100)
    >>> run = ltrr.simulate(world, policies=["random"], rounds=40, seeds=1, warmup=20, quiet=True)
    >>> part = next(open_run_log(run.folder, policy="random").read())
    >>> part.request[:4].tolist(), part.version[:4].tolist()
    ([0, 0, 0, 1], [-1, -1, -1, -1])
    """

    seed: int
    part: int
    events: Events
    request: Int64
    version: Int32


@dataclass
class RunLog:
    """The log of one policy of a run as a `ltrr.replay.ReplayLog`; see `open_run_log`.

    Parameters
    ----------
    parts : RunParts
        Where the parts lie.
    warm_up : "all", "only" or "without"
        Which requests are read.
    on_error : "fail", "skip" or "report"
        What to do about faulty rows.
    check_duplicates : bool
        Look for requests that are logged twice.

    Examples
    --------
    >>> import ltrr
    >>> world = ltrr.worlds.Music(n_items=300, n_queries=100)
    >>> run = ltrr.simulate(world, policies=["random"], rounds=40, seeds=1, warmup=20, quiet=True)
    >>> log = RunLog(RunParts(run.folder / "log", "random"), warm_up="only")
    >>> sum(len(events) for events in log.chunks())
    60
    """

    parts: RunParts
    warm_up: str = "all"
    on_error: str = "fail"
    check_duplicates: bool = True
    faults: Faults = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check.choice("warm_up", self.warm_up, WARM_UP)
        self.faults = Faults(self.on_error, self.name)

    @property
    def name(self) -> str:
        """Name of the log in tables: folder and policy."""
        return f"{self.parts.folder} ({self.parts.policy})"

    @property
    def format(self) -> str:
        """The format's name."""
        return "ltrr"

    @cached_property
    def queries(self) -> Queries:
        """The query texts."""
        return self.parts.queries()

    @cached_property
    def n_slots(self) -> int:
        """Number of slots that a quota divides, however many decisions were logged."""
        return self.parts.n_slots()

    @cached_property
    def space(self) -> Space:
        """Arms or allocations as actions, context and features as named in the log."""
        about = self.parts.about
        arms = tuple(str(a) for a in about["arms"])
        slabs = self.parts.slabs
        return Space(
            arms if slabs else tuple(quota_name(q, arms) for q in about["quotas"]),
            context_names=tuple(str(c) for c in about["context"]),
            feature_names=self.parts.feature_names,
            n_slots=self.n_slots if slabs else 1,
            slot_rewards=not slabs or self.n_slots == 1,
            timed=True,
        )

    def only(
        self,
        *,
        features: bool,
        targets: frozenset[str] | None,
        numbers: frozenset[str] = frozenset(),
        labels: frozenset[str] = frozenset(),
        ids: frozenset[str] = frozenset(),
        propensity: bool = True,
    ) -> ReplayLog:
        """Return the log with further columns by name, as far as its events hold them."""
        del features, targets
        return extra_log(self, Extra(numbers, labels, ids), propensity=propensity)

    def chunks(self) -> Iterator[Events]:
        """Yield the log part by part, checked."""
        for part in self.read():
            yield part.events

    def read(self) -> Iterator[RunPart]:
        """Yield the parts: events with request ids and versions."""
        self.faults = Faults(self.on_error, self.name)
        state = AdmitState(self.copies if self.check_duplicates else None)
        first, before = 0, None
        for seed, number in self.parts.parts:
            if seed != before:
                state.time = math.nan  # every seed has a clock of its own
            before = seed
            decisions = self.parts.read("decisions", seed, number, _DECISIONS)
            order = self._order(decisions)
            request = decisions.numbers("request", np.int64)[order]
            raw = self._raw(seed, number, decisions, order, first)
            events = admit(raw, self.space, self.faults, state)
            # rows go by request, so their numbers do not rise; those left out are missing from the events
            by_row = np.argsort(raw.row, kind="stable")
            kept = by_row[np.searchsorted(raw.row[by_row], events.row)]
            version = decisions.numbers("version", np.int32)[order]
            yield RunPart(seed, number, events, request[kept], version[kept])
            first += len(decisions)
        state.finish(self.faults)

    @cached_property
    def copies(self) -> Copies:
        """Slots that are logged twice: a pass over the decisions' ids, actions and propensities."""
        finder, first = CopyFinder(), 0
        for seed, number in self.parts.parts:
            decisions = self.parts.read("decisions", seed, number, _IDS)
            order = self._order(decisions)
            finder.add(
                seed * _SEED_STRIDE + decisions.numbers("request", np.int64)[order],
                row=order + (first + 1),
                # the reward is the request's, the same for all copies
                reward=np.zeros(len(order)),
                slot=decisions.numbers("slot", np.int16)[order],
                action=decisions.numbers("action", np.int32)[order],
                propensity=decisions.numbers("propensity", np.float64)[order],
            )
            first += len(decisions)
        return finder.finish()

    def _order(self, decisions: PartColumns) -> Int64:
        """Return the chosen rows by request and slot."""
        order = np.lexsort((decisions.numbers("slot", np.int16), decisions.numbers("request", np.int64)))
        if self.warm_up == "all":
            return order
        warm = decisions.numbers("version", np.int32)[order] == -1
        return np.asarray(order[warm == (self.warm_up == "only")])

    def _raw(self, seed: int, number: int, decisions: PartColumns, order: Int64, first: int) -> Raw:
        """Return the unchecked columns of a part, ``first`` rows of the table before it."""
        requests = self.parts.read("requests", seed, number, _REQUESTS)
        request = decisions.numbers("request", np.int64)[order]
        known = requests.numbers("request", np.int64)
        if len(request) and not 0 <= int(request.min()) <= int(request.max()) < _SEED_STRIDE:
            raise InputError(f"{decisions.file}: column `request` must lie in [0, 2^40); write the log again")
        at = _places(known, request)
        found = at >= 0
        rows = at[found]

        def of_request(values: NDArray[Any]) -> NDArray[Any]:
            out = np.zeros((len(at), *values.shape[1:]), values.dtype)
            out[found] = values[rows]
            return out

        slot = decisions.numbers("slot", np.int16)[order]
        last = _last(request, slot)
        reward = of_request(requests.numbers("reward", np.float64))
        action = decisions.numbers("action", np.int32)[order]
        indptr, eligible = decisions.lists("actions", np.int32)
        ragged, flat = take_flat(indptr, order)
        width = len(self.space.feature_names)
        unseen = unseen_clicks(self.parts, seed, number, known)
        if self.warm_up == "all":
            note_undecided(self.faults, request, known, unseen)
        return Raw(
            row=order + (first + 1),
            action=np.where(found, action, np.int32(-1)),
            reward=np.where(found, np.where(last, reward, 0.0), np.nan),
            event=seed * _SEED_STRIDE + request,
            propensity=decisions.numbers("propensity", np.float64)[order],
            slot=slot,
            time=of_request(requests.numbers("time", np.float64)),
            context=of_request(requests.wide("context", len(self.space.context_names), np.float32)),
            indptr=ragged,
            eligible=eligible[flat],
            probabilities=decisions.per_action("probabilities", indptr, 1, np.float64)[flat, 0],
            features=decisions.per_action("features", indptr, width, np.float32)[flat],
            session=of_request(requests.numbers("session", np.int64)),
            user=of_request(requests.numbers("user", np.int64)),
            query=of_request(requests.numbers("query", np.int32)),
            queries=self.queries,
            faults=faults_of_rows(request, known, found, unseen, self.space.n_slots),
        )


def _places(known: Int64, wanted: Int64) -> Int64:
    """Return the first place of each wanted id in ``known``; −1 where it is absent."""
    order = np.argsort(known, kind="stable")
    place = np.searchsorted(known[order], wanted)
    hit = np.append(known[order], -1)[place] == wanted
    return np.where(hit, np.append(order, -1)[place], -1)


def _last(request: Int64, slot: Int16) -> Bool:
    """Return which rows, sorted by request and slot, are their request's last; of copies the first."""
    new = np.append(True, (request[1:] != request[:-1]) | (slot[1:] != slot[:-1]))[: len(request)]
    rows = np.flatnonzero(new)
    out = np.zeros(len(request), np.bool_)
    out[rows[np.append(request[rows[1:]] != request[rows[:-1]], True)[: len(rows)]]] = True
    return out


@log_format(opens=True)
def open_run_log(
    path: str | Path,
    *,
    policy: str | None = None,
    seed: int | None = None,
    on_error: str = "fail",
    warm_up: str = "all",
    check_duplicates: bool = True,
) -> RunLog:
    """Open the log of one policy that ltrr itself wrote.

    One row is a slot of a request; seeds are one log. Eligible actions, distributions and action features
    (named as logged) are those that the policy decided with. The reward is what was observed, net of costs:
    actions that came later than the setting's attribution window are not in it, as the policy did not learn
    from them. Where a request has several slots its reward is recorded at the last of them, with zeros
    before. A part of the log is in memory at a time.

    Parameters
    ----------
    path : path
        The log's folder, or a run's folder that holds ``log``.
    policy : str, optional
        The logged policy, where there are several.
    seed : int, optional
        One logged seed; all of them by default.
    on_error : "fail", "skip" or "report"
        What to do about faulty rows.
    warm_up : "all", "only" or "without"
        Read all requests, only those that the random warm-up decided, or only the others.
    check_duplicates : bool
        Look for requests that are logged twice.

    Raises
    ------
    InputError
        If this is not a log, a table, part or column is missing or damaged, or the choice is not clear.

    Examples
    --------
    >>> import ltrr
    >>> world = ltrr.worlds.Music(n_items=300, n_queries=100, seed=1)
    >>> loop = {"warmup": 20, "slot_size": 4, "held_out": 0}
    >>> run = ltrr.simulate(world, policies=["random"], rounds=40, seeds=1, loop=loop, quiet=True)
    >>> log = open_run_log(run.folder, policy="random")
    >>> log.space.actions, log.space.n_slots, sum(len(events) for events in log.chunks())
    (('bm25', 'dense', 'memory', 'popular'), 3, 120)
    """
    parts = RunParts(find_log(path), policy or "", seed)
    return RunLog(parts, warm_up, on_error, check_duplicates)
