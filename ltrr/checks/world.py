"""What every world must keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ltrr._state import pack, unpack
from ltrr.checks.common import Case
from ltrr.checks.compare import same, same_requests
from ltrr.checks.data import feedback_of
from ltrr.errors import InputError
from ltrr.protocols import World
from ltrr.rng import TUNING_REPLICATE, Streams
from ltrr.types import Items, Requests, Truth

__all__ = ["WORLD_CHECKS", "check_world"]

_STREAMS = Streams(seed=17)
_OTHERS = Streams(seed=17, replicate=1)
_REQUESTS = 60
_LONG = 600
_ASKED = 12
_SUM_TOLERANCE = 1e-6
_PER_REQUEST = ("n_relevant", "ideal", "topic")


@dataclass(frozen=True, kw_only=True)
class _Case(Case):
    """A world under check."""

    call = "check_world"
    group = "worlds"
    protocol = World

    def fresh(self) -> Any:
        return self.component.fork(_STREAMS)

    def asked(self, n: int = _ASKED) -> tuple[Any, Requests]:
        """Return a fork and its first requests."""
        world = self.fresh()
        return world, world.next(n)

    def lists(self, n: int = _ASKED) -> Items:
        """Return lists of different lengths, with empty places."""
        rng = np.random.default_rng(18)
        indptr = np.concatenate([[0], np.cumsum(rng.integers(0, 9, n))])
        return Items(indptr, rng.integers(-1, len(self.component.catalogue), indptr[-1]))

    def check_follows_protocol(self) -> None:
        """All members of the protocol are there, and there is something to ask about."""
        super().check_follows_protocol()
        top = self.component.max_grade
        self.must("max_grade")(isinstance(top, int) and top >= 1, f"be an integer >= 1, got {top!r}")

    def check_arguments_are_left_alone(self) -> None:
        """Neither truth nor feedback is written into, nor the catalogue that all share."""
        (world, requests), items = self.asked(), self.lists()
        feedback = feedback_of(requests, alive=world.catalogue.alive)
        with self.left_alone(requests, items, feedback, world.catalogue):
            world.truth(requests, items)
            world.next(_ASKED, feedback)

    def check_requests_are_numbered(self) -> None:
        """Ids rise by one from 0, time never falls, and every query has a text."""
        world, must, asked = self.fresh(), self.must("next"), [_REQUESTS, 1, 0, _REQUESTS]
        parts = [world.next(n) for n in asked]
        requests, got = Requests.concat(parts), [len(p) for p in parts]
        must(got == asked, f"return as many requests as it is asked for, got {got} for {asked}")
        ids = requests.request
        must(same(ids, np.arange(len(ids))), f"number requests 0, 1, 2 …, got {ids[:3].tolist()} …")
        rises = (np.diff(requests.time) >= 0.0).all() and np.isfinite(requests.time).all()
        must(rises, "never turn time back, got an earlier time")
        known = (requests.query >= 0).all() and len(requests.queries) <= len(world.queries)
        must(known, f"ask queries of `{self.name}.queries`, got others")
        must(np.isfinite(requests.context).all(), "give finite context, got others")

    def check_batches_may_be_cut_anywhere(self) -> None:
        """Cut the stream otherwise: it is the same, however it is asked for."""
        whole, cut = self.fresh(), self.fresh()
        pieces = Requests.concat([cut.next(n) for n in (1, 7, 0, _REQUESTS - 8)])
        self.must("next")(
            same_requests(whole.next(_REQUESTS), pieces),
            "give the same stream in batches of any size, got another; let every draw be a function of the "
            "request's id",
        )

    def check_fork_starts_anew(self) -> None:
        """Fork: the world is at its beginning, other streams draw other requests, and forks do not meet."""
        (world, first), must = self.asked(_REQUESTS), self.must("fork")
        before = pack(world.state())
        again = world.fork(_STREAMS).next(_REQUESTS)
        text = "start at the beginning with the same requests for the same streams, got others"
        must(same_requests(first, again), text)
        moved = pack(world.state()) != before
        must(not moved, "share nothing that moves, got a world that moved with its fork")
        other = world.fork(_OTHERS).next(_REQUESTS)
        text = "ask other queries for other streams, got the same; draw from the given streams"
        must(not same(first.query, other.query), text)

    def check_truth_fits(self) -> None:
        """Grades lie in range, −1 marks exactly the empty places, and what nobody judged has grade 0."""
        (world, requests), items, must = self.asked(), self.lists(), self.must("truth")
        truth: Truth = world.truth(requests, items)
        answers = same(truth.indptr, items.indptr) and same(truth.item, items.item)
        must(answers, "answer about the items asked about, got others")
        fits = truth.max_grade == world.max_grade and (truth.grade <= world.max_grade).all()
        must(fits, f"give no grade above {world.max_grade}, got {truth.grade.max(initial=0)}")
        fits = same(truth.grade < 0, items.item < 0) and (truth.grade >= -1).all()
        must(fits, "give grade -1 to empty places and to nothing else, got otherwise")
        graded = truth.grade[~truth.judged & (items.item >= 0)].any()
        must(not graded, "give grade 0 to what nobody judged, got another")

    def check_truth_of_an_item_is_its_own(self) -> None:
        """Ask about fewer items: a grade does not depend on what else is asked about, nor on when."""
        (world, requests), items, must = self.asked(), self.lists(), self.must("truth")
        truth, text = world.truth(requests, items), "not depend on what else is asked, got"
        for b in range(len(requests)):
            row = np.array([b])
            own = items.take(row).item[::-1].copy()
            alone = world.truth(requests.take(row), Items(np.array([0, len(own)]), own))
            grades = truth.grade[items.indptr[b] : items.indptr[b + 1]]
            must(same(alone.grade, grades[::-1]), f"{text} other grades for request {b} alone")
            alike = all(same(getattr(alone, key)[0], getattr(truth, key)[b]) for key in _PER_REQUEST)
            must(alike, f"{text} another ideal, number of relevant items or topic for request {b} alone")
        world.next(_REQUESTS)
        later = world.truth(requests, items)
        must(same(later.grade, truth.grade), f"{text} other grades after more requests")

    def check_ideal_is_the_best(self) -> None:
        """``ideal`` and ``n_relevant`` are what grading the whole catalogue gives."""
        (world, requests), must = self.asked(), self.must("truth")
        everything = Items(
            np.array([0, len(world.catalogue)]), np.arange(len(world.catalogue), dtype=np.int32)
        )
        for b in range(len(requests)):
            truth: Truth = world.truth(requests.take(np.array([b])), everything)
            width = truth.ideal.shape[1]
            best = np.zeros(width, np.int64)
            top = -np.sort(-truth.grade.astype(np.int64))[:width]
            best[: len(top)] = top
            must(
                same(truth.ideal[0].astype(np.int64), best),
                "hold the catalogue's highest grades in `ideal`, descending, got "
                f"{truth.ideal[0, :5].tolist()} instead of {best[:5].tolist()} for request {b}",
            )
            got, relevant = int(truth.n_relevant[0]), int((truth.grade >= 1).sum())
            text = f"count items of grade >= 1 in `n_relevant`, got {got} instead of {relevant}"
            must(got == relevant, f"{text} for request {b}")

    def check_held_out_changes_nothing(self) -> None:
        """Held-out requests are the same every time, move nothing, and ask what the stream never asks."""
        (world, stream), must = self.asked(_REQUESTS), self.must("held_out")
        before = pack(world.state())
        try:
            held: Requests = world.held_out(_ASKED)
        except InputError:  # how a world says that it holds nothing out
            return
        must(len(held) == _ASKED, f"return as many requests as it is asked for, got {len(held)}")
        still = same_requests(held, world.held_out(_ASKED)) and pack(world.state()) == before
        must(still, "change nothing, got other requests or another state the second time")
        stream = Requests.concat([stream, world.next(_LONG)])
        asked, met = ({r.queries.text[q] for q in r.query.tolist()} for r in (stream, held))
        both = sorted(asked & met)
        must(not both, f"ask what the stream never asks, got {both[:1]}")
        none = len(world.held_out(0))
        must(none == 0, f"be empty for no requests, got {none}")

    def check_context_keeps_the_secret(self) -> None:
        """No column of the context is a mere function of the hidden topic.

        A column that differs between topics, yet never between the requests of one topic, although these ask
        by different texts at different times, reveals to a policy what only the world may know.
        """
        world, requests = self.asked(_LONG)
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
            split = (low == high)[topic[several]].all() and column.min() < column.max()
            text = f"not reveal the hidden topic by context column {name!r}, got one value a topic"
            self.must("next")(not split, text)

    def check_empty_batch(self) -> None:
        """No requests move nothing and have no truth."""
        world, _ = self.asked()
        before = pack(world.state())
        none = world.next(0)
        still = len(none) == 0 and pack(world.state()) == before
        self.must("next")(still, "return nothing and move nothing for no requests, got otherwise")
        truth = world.truth(none, Items(np.zeros(1, np.int64), np.zeros(0, np.int32)))
        self.must("truth")(len(truth) == 0, f"be empty for no requests, got {len(truth)} rows")

    def check_state_continues_exactly(self) -> None:
        """Restore from stored state: the copy continues from the same point."""
        (world, requests), other = self.asked(_REQUESTS), self.fresh()
        state = world.state()
        stored = pack(state)
        other.restore(unpack(stored))
        items = self.lists(len(requests))
        grades = other.truth(requests, items).grade
        alike = same_requests(world.next(_REQUESTS), other.next(_REQUESTS))
        self.must("restore")(
            alike and same(grades, world.truth(requests, items).grade),
            "go on with the same requests and grades, got others; is something that moves missing from "
            "`state()`?",
        )
        text = "return copies, got arrays that went on to change"
        self.must("state")(pack(state) == stored, text)

    def check_shares_are_those_of_the_requests(self) -> None:
        """Where a world states its split: two distributions without a common topic, which requests follow.

        Reserved topics are held out in every replicate of a study, and in the stream of none.
        """
        if not hasattr(self.component, "shares"):
            return
        for streams in (_STREAMS, _OTHERS, Streams(seed=17, replicate=TUNING_REPLICATE)):
            world = self.component.fork(streams)
            stream, held = self._shares(world)
            requests, reserved = world.next(_REQUESTS), getattr(world, "reserved", None)
            self._follow(world, requests, stream, band=(0, 1, 2))
            if held.any():
                self._follow(world, world.held_out(_ASKED), held, band=(-1,))
            if reserved is None:
                continue
            must = self.must("reserved")
            must(len(reserved) == len(stream), f"have a place for each topic, got {len(reserved)}")
            must(not stream[reserved].any(), "hold no topic of the stream in any replicate, got one")
            out = streams.tuning or (held[reserved] > 0.0).all()
            must(out, "hold only topics that every replicate of a study holds out, got another")

    def _shares(self, world: Any) -> tuple[Any, Any]:
        """Return the shares of topics, known to be two distributions without a common topic."""
        (stream, held), must = world.shares(), self.must("shares")
        sums = float(stream.sum()), float(held.sum())
        whole = abs(sums[0] - 1.0) < _SUM_TOLERANCE and min(sums[1], abs(sums[1] - 1.0)) < _SUM_TOLERANCE
        must(whole, f"sum to 1 in the stream, and to 1 or 0 among held-out requests, got {sums}")
        apart = len(stream) == len(held) and not ((stream > 0.0) & (held > 0.0)).any()
        must(apart, "give no topic to both the stream and the held-out requests, got one")
        return stream, held

    def _follow(self, world: Any, requests: Requests, share: Any, *, band: tuple[int, ...]) -> None:
        """Require that requests mean topics with a share, of the right bands."""
        none = Items(np.zeros(len(requests) + 1, np.int64), np.zeros(0, np.int32))
        alike = (share[world.truth(requests, none).topic] > 0.0).all()
        self.must("shares")(alike, "be above 0 for every topic that is asked about, got 0")
        if hasattr(world, "band"):
            got = np.unique(world.band(requests)).tolist()
            self.must("band")(set(got) <= set(band), f"be of {band} here, got {got}")


WORLD_CHECKS = _Case.checks()
"""Names of the checks, in the order in which they run."""


def check_world(world: Any, *, skip: Mapping[str, str] | None = None) -> None:
    """Check that a world keeps `ltrr.protocols.World`; it is only ever forked.

    Parameters
    ----------
    world : World
        Preferably a small one: the whole catalogue is graded for a dozen requests.
    skip : mapping of check to reason, optional
        Checks of `WORLD_CHECKS` that do not apply.

    Raises
    ------
    CheckError
        At the first check that fails.
    InputError
        If ``world`` is a class or another kind of object, or ``skip`` names no check or gives no reason.

    Examples
    --------
    >>> from ltrr.worlds import Music
    >>> check_world(Music(300, n_queries=60))
    """
    _Case(component=world).run(skip)
