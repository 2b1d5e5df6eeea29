"""What every world must keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ltrr._state import pack, unpack
from ltrr.checks.data import feedback_of
from ltrr.checks.error import copies, require, run, same, same_requests
from ltrr.errors import InputError
from ltrr.protocols import World
from ltrr.rng import Streams
from ltrr.types import Int32, Items, Requests, Truth

__all__ = ["WORLD_CHECKS", "check_world"]

_STREAMS = Streams(seed=17)
_OTHERS = Streams(seed=17, replicate=1)
_REQUESTS = 60
_LONG = 600
_ASKED = 12
_PER_REQUEST = ("n_relevant", "ideal", "topic")


@dataclass(frozen=True)
class _Case:
    """A world under check."""

    world: Any

    @property
    def name(self) -> str:
        return type(self.world).__name__

    def fork(self, streams: Streams = _STREAMS) -> Any:
        return self.world.fork(streams)

    def asked(self, n: int = _ASKED) -> tuple[Any, Requests]:
        """Return a fork and its first requests."""
        world = self.fork()
        return world, world.next(n)

    def lists(self, n: int) -> Items:
        """Return lists of different lengths, with empty places."""
        rng = np.random.default_rng(18)
        indptr = np.concatenate([[0], np.cumsum(rng.integers(0, 9, n))])
        return Items(indptr, rng.integers(-1, len(self.world.catalogue), indptr[-1]))


def follows_protocol(case: _Case) -> None:
    """All members of the protocol are there, and there is something to ask about."""
    require(
        isinstance(case.world, World),
        f"`{case.name}` must have the members of `ltrr.protocols.World`, got only some of them",
    )
    top = case.world.max_grade
    require(
        isinstance(top, int) and top >= 1, f"`{case.name}.max_grade` must be an integer >= 1, got {top!r}"
    )


def requests_are_numbered(case: _Case) -> None:
    """Ids rise by one from 0, time never falls, and every query has a text."""
    world = case.fork()
    parts = [world.next(n) for n in (_REQUESTS, 1, 0, _REQUESTS)]
    requests = Requests.concat(parts)
    require(
        [len(p) for p in parts] == [_REQUESTS, 1, 0, _REQUESTS],
        f"`{case.name}.next(n)` must return n requests, got {[len(p) for p in parts]}",
    )
    require(
        same(requests.request, np.arange(len(requests))),
        f"`{case.name}.next` must number requests 0, 1, 2 …, got {requests.request[:3].tolist()} …",
    )
    require(
        (np.diff(requests.time) >= 0.0).all() and np.isfinite(requests.time).all(),
        f"`{case.name}.next` must never turn time back, got a fall",
    )
    require(
        (requests.query >= 0).all() and len(requests.queries) <= len(world.queries),
        f"`{case.name}.next` must ask queries of `{case.name}.queries`, got others",
    )
    require(np.isfinite(requests.context).all(), f"`{case.name}.next` must give finite context, got others")


def batches_may_be_cut_anywhere(case: _Case) -> None:
    """Cut the stream otherwise: it is the same, however it is asked for."""
    whole, cut = case.fork(), case.fork()
    pieces = Requests.concat([cut.next(n) for n in (1, 7, 0, _REQUESTS - 8)])
    require(
        same_requests(whole.next(_REQUESTS), pieces),
        f"`{case.name}.next` must give the same stream in batches of any size, got another; let every "
        "draw be a function of the request's id",
    )


def fork_starts_anew(case: _Case) -> None:
    """Fork: it is the world at its beginning, other streams draw other requests, and forks do not meet."""
    world, first = case.asked(_REQUESTS)
    before = pack(world.state())
    again = world.fork(_STREAMS)
    require(
        same_requests(first, again.next(_REQUESTS)),
        f"`{case.name}.fork` must start at the beginning with the same requests for the same "
        "streams, got others",
    )
    require(
        pack(world.state()) == before,
        f"`{case.name}.fork` must share nothing that moves, got a world that moved with its fork",
    )
    other = world.fork(_OTHERS).next(_REQUESTS)
    require(
        not same(first.query, other.query),
        f"`{case.name}.fork` must ask other queries for other streams, got the same; draw from the "
        "given streams",
    )


def truth_fits(case: _Case) -> None:
    """Grades lie in range, −1 stands exactly at empty places, and what nobody judged has grade 0."""
    world, requests = case.asked()
    items = case.lists(len(requests))
    truth: Truth = world.truth(requests, items)
    require(
        same(truth.indptr, items.indptr) and same(truth.item, items.item),
        f"`{case.name}.truth` must answer about the items asked about, got others",
    )
    require(
        truth.max_grade == world.max_grade and (truth.grade <= world.max_grade).all(),
        f"`{case.name}.truth` must give no grade above {world.max_grade}, got {truth.grade.max(initial=0)}",
    )
    require(
        same(truth.grade < 0, items.item < 0) and (truth.grade >= -1).all(),
        f"`{case.name}.truth` must give grade -1 to empty places and to nothing else, got otherwise",
    )
    require(
        not truth.grade[~truth.judged & (items.item >= 0)].any(),
        f"`{case.name}.truth` must give grade 0 to what nobody judged, got another",
    )


def truth_of_an_item_is_its_own(case: _Case) -> None:
    """Ask about fewer items: a grade does not depend on what else is asked about, nor on when."""
    world, requests = case.asked()
    items = case.lists(len(requests))
    truth = world.truth(requests, items)
    text = f"`{case.name}.truth` must not depend on what else is asked, got"
    for b in range(len(requests)):
        row = np.array([b])
        own = items.take(row).item[::-1].copy()
        alone = world.truth(requests.take(row), Items(np.array([0, len(own)]), own))
        grades = truth.grade[items.indptr[b] : items.indptr[b + 1]]
        require(same(alone.grade, grades[::-1]), f"{text} other grades for request {b} alone")
        require(
            all(same(getattr(alone, key)[0], getattr(truth, key)[b]) for key in _PER_REQUEST),
            f"{text} another ideal, number of relevant items or topic for request {b} alone",
        )
    world.next(_REQUESTS)
    later = world.truth(requests, items)
    require(same(later.grade, truth.grade), f"{text} other grades after more requests")


def ideal_is_the_best(case: _Case) -> None:
    """``ideal`` and ``n_relevant`` are what grading the whole catalogue gives."""
    world, requests = case.asked()
    n = len(world.catalogue)
    everything: Int32 = np.arange(n, dtype=np.int32)
    for b in range(len(requests)):
        truth: Truth = world.truth(requests.take(np.array([b])), Items(np.array([0, n]), everything))
        width = truth.ideal.shape[1]
        best = np.zeros(width, np.int64)
        top = -np.sort(-truth.grade.astype(np.int64))[:width]
        best[: len(top)] = top
        require(
            same(truth.ideal[0].astype(np.int64), best),
            f"`{case.name}.truth(...).ideal` must hold the catalogue's highest grades, descending, got "
            f"{truth.ideal[0, :5].tolist()} instead of {best[:5].tolist()} for request {b}",
        )
        relevant = int((truth.grade >= 1).sum())
        require(
            int(truth.n_relevant[0]) == relevant,
            f"`{case.name}.truth(...).n_relevant` must count items of grade >= 1, got {truth.n_relevant[0]} "
            f"instead of {relevant} for request {b}",
        )


def held_out_changes_nothing(case: _Case) -> None:
    """Held-out requests are the same every time, move nothing, and ask what the stream never asks."""
    world, stream = case.asked(_REQUESTS)
    before = pack(world.state())
    try:
        held: Requests = world.held_out(_ASKED)
    except InputError:  # how a world says that it holds nothing out
        return
    require(len(held) == _ASKED, f"`{case.name}.held_out(n)` must return n requests, got {len(held)}")
    require(
        same_requests(held, world.held_out(_ASKED)) and pack(world.state()) == before,
        f"`{case.name}.held_out` must change nothing, got other requests or another state the second time",
    )
    stream = Requests.concat([stream, world.next(_LONG)])
    asked = {stream.queries.text[q] for q in stream.query.tolist()}
    met = sorted(asked & {held.queries.text[q] for q in held.query.tolist()})
    require(not met, f"`{case.name}.held_out` must ask what the stream never asks, got {met[:1]}")
    require(
        len(world.held_out(0)) == 0, f"`{case.name}.held_out(0)` must be empty, got {len(world.held_out(0))}"
    )


def context_keeps_the_secret(case: _Case) -> None:
    """No column of the context is a mere function of the hidden topic.

    A column that differs between topics, yet never between the requests of one topic, although these ask by
    different texts at different times, tells a policy what only the world may know.
    """
    world, requests = case.asked(_LONG)
    none = Items(np.zeros(len(requests) + 1, np.int64), np.zeros(0, np.int32))
    _, topic = np.unique(world.truth(requests, none).topic, return_inverse=True)
    pairs = np.unique(np.stack([topic, requests.query]), axis=1)
    several = np.bincount(pairs[0])[topic] > 1
    if len(np.unique(topic[several])) < 3:
        return
    for name, column in zip(requests.context_names, requests.context.T[:, several], strict=True):
        low, high = np.full(topic.max() + 1, np.inf), np.full(topic.max() + 1, -np.inf)
        np.minimum.at(low, topic[several], column)
        np.maximum.at(high, topic[several], column)
        told = (low == high)[topic[several]].all() and column.min() < column.max()
        require(
            not told,
            f"`{case.name}.next`: context column {name!r} must not tell the hidden topic, got one "
            "value a topic",
        )


def empty_batch(case: _Case) -> None:
    """No requests move nothing and have no truth."""
    world, _ = case.asked()
    before = pack(world.state())
    none = world.next(0)
    require(
        len(none) == 0 and pack(world.state()) == before,
        f"`{case.name}.next(0)` must return nothing and move nothing, got otherwise",
    )
    truth = world.truth(none, Items(np.zeros(1, np.int64), np.zeros(0, np.int32)))
    require(len(truth) == 0, f"`{case.name}.truth` must be empty for no requests, got {len(truth)} rows")


def arguments_are_left_alone(case: _Case) -> None:
    """Neither truth nor feedback is written into, nor the catalogue that all share."""
    world, requests = case.asked()
    items = case.lists(len(requests))
    feedback = feedback_of(requests, alive=world.catalogue.alive)
    untouched = copies(requests, items, feedback, world.catalogue)
    world.truth(requests, items)
    world.next(_ASKED, feedback)
    require(untouched(), f"`{case.name}` must not write into its arguments: copy what it changes")


def state_continues_exactly(case: _Case) -> None:
    """Restore from stored state: the copy goes on where the original stands."""
    world, requests = case.asked(_REQUESTS)
    state = world.state()
    stored = pack(state)
    other = case.fork()
    other.restore(unpack(stored))
    items = case.lists(len(requests))
    grades = other.truth(requests, items).grade
    require(
        same_requests(world.next(_REQUESTS), other.next(_REQUESTS))
        and same(grades, world.truth(requests, items).grade),
        f"`{case.name}.restore` must go on with the same requests and grades, got others; is something that "
        "moves missing from `state()`?",
    )
    require(
        pack(state) == stored, f"`{case.name}.state()` must return copies, got arrays that went on to change"
    )


WORLD_CHECKS: Sequence[Callable[[_Case], None]] = (
    follows_protocol,
    arguments_are_left_alone,
    requests_are_numbered,
    batches_may_be_cut_anywhere,
    fork_starts_anew,
    truth_fits,
    truth_of_an_item_is_its_own,
    ideal_is_the_best,
    held_out_changes_nothing,
    context_keeps_the_secret,
    empty_batch,
    state_continues_exactly,
)
"""The checks, in the order in which they are run."""


def check_world(world: Any, *, skip: Mapping[str, str] | None = None) -> None:
    """Check that a world keeps `ltrr.protocols.World`; it is only ever forked.

    Parameters
    ----------
    world : World
        Best a small one: the whole catalogue is graded for a dozen requests.
    skip : mapping of check to reason, optional
        Checks of `WORLD_CHECKS` that do not apply.

    Raises
    ------
    CheckError
        At the first check that fails.
    InputError
        If ``skip`` names no check or gives no reason.

    Examples
    --------
    >>> from ltrr.worlds import Music
    >>> check_world(Music(300, n_queries=60))
    """
    run(WORLD_CHECKS, _Case(world), skip)
