"""What every retrieval strategy must keep."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ltrr._state import pack, unpack
from ltrr.checks.data import catalogue_of, feedback_of, reordered, requests_of
from ltrr.checks.error import copies, require, run, same, same_lists
from ltrr.protocols import Retriever
from ltrr.types import Bool, Candidates, Catalogue, Feedback, Int32, Int64, Requests

__all__ = ["RETRIEVER_CHECKS", "check_retriever"]

_LESSONS = 80
_SHALLOW = 10


@dataclass(frozen=True)
class _Case:
    """An arm under check, with what it indexes and what it is asked."""

    arm: Any
    catalogue: Catalogue
    requests: Requests

    @property
    def name(self) -> str:
        return type(self.arm).__name__

    def indexed(self, catalogue: Catalogue | None = None) -> Any:
        arm = copy.deepcopy(self.arm)
        arm.index(self.catalogue if catalogue is None else catalogue)
        return arm

    def feedback(self, batch: int) -> Feedback:
        rng = np.random.default_rng([10, batch])
        rows = rng.integers(0, len(self.requests), _LESSONS)
        ids = np.arange(_LESSONS * batch, _LESSONS * (batch + 1))
        requests = replace(self.requests.take(rows), request=ids, time=ids.astype(np.float64))
        return feedback_of(requests, alive=self.catalogue.alive)

    def learned(self, arm: Any = None, *, start: int = 0, n: int = 3) -> Any:
        """Return ``arm`` (a freshly indexed one if None) after ``n`` batches of feedback."""
        pupil = self.indexed() if arm is None else arm
        for i in range(start, start + n):
            pupil.learn(self.feedback(i))
        return pupil

    def mixed(self) -> Int32:
        """Return depths from none to everything."""
        depths = np.array([0, 1, 3, _SHALLOW, len(self.catalogue)], np.int32)
        return np.random.default_rng(11).choice(depths, len(self.requests))

    def level(self, depth: int) -> Int32:
        return np.full(len(self.requests), depth, np.int32)

    def found(self, arm: Any) -> Candidates:
        answer: Candidates = arm.retrieve(self.requests, self.level(len(self.catalogue)))
        return answer

    def both(self) -> Iterator[tuple[str, Any]]:
        """Yield the arm before and after learning."""
        yield "unlearned", self.indexed()
        yield "after learning", self.learned()


def follows_protocol(case: _Case) -> None:
    """All members of the protocol are there."""
    require(
        isinstance(case.arm, Retriever),
        f"`{case.name}` must have the members of `ltrr.protocols.Retriever`, got only some of them",
    )


def _within(indptr: Int64) -> Bool:
    """Return which neighbours of the flat array belong to one request, (N − 1,)."""
    row = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    return np.asarray(row[1:] == row[:-1])


def lists_are_lists(case: _Case) -> None:
    """Items exist, live and are distinct; scores are finite and fall; no list is longer than asked."""
    depth = case.mixed()
    for when, arm in case.both():
        where = f"`{case.name}.retrieve` ({when})"
        got: Candidates = arm.retrieve(case.requests, depth)
        require(
            isinstance(got, Candidates) and len(got) == len(depth),
            f"{where} must return `Candidates` of {len(depth)} requests, got {type(got).__name__}",
        )
        length = np.diff(got.indptr)
        require((length <= depth).all(), f"{where} must return at most `depth` items, got more")
        in_range = (got.item >= 0) & (got.item < len(case.catalogue))
        require(in_range.all(), f"{where} must return ids of the catalogue, got {got.item[~in_range][:1]}")
        require(case.catalogue.alive[got.item].all(), f"{where} must return living items only, got dead ones")
        row = np.repeat(np.arange(len(depth)), length)
        pairs = row * len(case.catalogue) + got.item
        require(len(np.unique(pairs)) == len(pairs), f"{where} must return distinct items, got one twice")
        require(np.isfinite(got.score).all(), f"{where} must score with finite numbers, got others")
        require(
            same(got.capped, length == depth),
            f"{where} must set `capped` exactly where a list ends at its depth, got otherwise",
        )


def best_come_first(case: _Case) -> None:
    """Scores descend, and equal ones are ordered by item id."""
    for when, arm in case.both():
        got = case.found(arm)
        neighbours = _within(got.indptr)
        fall = got.score[1:] - got.score[:-1]
        require(
            (fall[neighbours] <= 0).all(),
            f"`{case.name}.retrieve` ({when}) must return the highest score first, got a rise",
        )
        tied = neighbours & (fall == 0)
        require(
            (got.item[1:] > got.item[:-1])[tied].all(),
            f"`{case.name}.retrieve` ({when}) must order ties by item id ascending, got a lower id later",
        )


def deeper_extends_shallower(case: _Case) -> None:
    """Ask for less: a list is the beginning of the deeper one, scores included."""
    depth = case.mixed()
    for when, arm in case.both():
        deep = case.found(arm)
        shallow = arm.retrieve(case.requests, depth)
        length = np.minimum(np.diff(deep.indptr), depth)
        row = np.repeat(np.arange(len(depth)), np.diff(deep.indptr))
        begin = np.arange(len(deep.item)) - deep.indptr[row] < depth[row]
        require(
            same(np.diff(shallow.indptr), length)
            and same(shallow.item, deep.item[begin])
            and same(shallow.score, deep.score[begin]),
            f"`{case.name}.retrieve` ({when}) must extend the shallower list when asked for more, got "
            "another",
        )


def batch_does_not_matter(case: _Case) -> None:
    """Ask for requests alone: they get the same bits as in a batch, and so does the same batch again."""
    depth = case.mixed()
    for when, arm in case.both():
        got = arm.retrieve(case.requests, depth)
        for b in range(len(depth)):
            row = np.array([b])
            require(
                same_lists(arm.retrieve(case.requests.take(row), depth[row]), got.take(row)),
                f"`{case.name}.retrieve` ({when}) must not depend on the batch, got another list for request "
                f"{b} alone",
            )
        require(
            same_lists(arm.retrieve(case.requests, depth), got),
            f"`{case.name}.retrieve` ({when}) must answer the same question alike, got another list",
        )


def empty_batch(case: _Case) -> None:
    """No requests, no depth and no feedback are all well."""
    none = np.zeros(0, np.int64)
    for when, arm in case.both():
        before = case.found(arm)
        got = arm.retrieve(case.requests.take(none), np.zeros(0, np.int32))
        require(
            len(got) == 0 and len(got.item) == 0,
            f"`{case.name}.retrieve` ({when}) must return nothing for no requests, got {len(got)} lists",
        )
        got = arm.retrieve(case.requests, case.level(0))
        require(
            len(got) == len(case.requests) and len(got.item) == 0,
            f"`{case.name}.retrieve` ({when}) must return empty lists at depth 0, got {len(got.item)} items",
        )
        arm.learn(case.feedback(0).take(none))
        require(
            same_lists(before, case.found(arm)),
            f"`{case.name}.learn` ({when}) must learn nothing from empty feedback, got other lists",
        )


def arguments_are_left_alone(case: _Case) -> None:
    """Neither indexing, asking nor teaching writes into what was given."""
    depth, feedback = case.mixed(), case.feedback(0)
    untouched = copies(case.catalogue, case.requests, depth, feedback)
    arm = case.indexed()
    arm.retrieve(case.requests, depth)
    arm.learn(feedback)
    arm.retrieve(case.requests, depth)
    require(untouched(), f"`{case.name}` must not write into its arguments: copy what it changes")


def static_never_changes(case: _Case) -> None:
    """Where ``static``, results depend on the query alone: not on feedback, user, time or context."""
    if not case.arm.static:
        return
    fresh = case.found(case.indexed())
    require(
        same_lists(fresh, case.found(case.learned())),
        f"`{case.name}.static` must be False where feedback changes results, got True",
    )
    n = len(case.requests)
    asked = replace(
        case.requests,
        request=case.requests.request + 977,
        session=np.arange(n) + 5,
        user=(case.requests.user + 1) % 3,
        time=case.requests.time + 1e6,
        context=1.0 - case.requests.context,
    )
    other = case.indexed().retrieve(asked, case.level(len(case.catalogue)))
    require(
        same_lists(fresh, other),
        f"`{case.name}.static` must be False where more than the query decides, got True",
    )


def index_starts_afresh(case: _Case) -> None:
    """Index again: what was learned is forgotten."""
    arm = case.learned()
    arm.index(case.catalogue)
    require(
        same_lists(case.found(case.indexed()), case.found(arm)),
        f"`{case.name}.index` must start afresh when called again, got lists of what was learned before",
    )


def order_of_items_does_not_matter(case: _Case) -> None:
    """Renumber the items: the same ones are found with the same scores; only ties may fall otherwise."""
    n = len(case.catalogue)
    old = np.random.default_rng(12).permutation(n)
    new = np.argsort(old).astype(np.int32)
    arm, turned = case.indexed(), case.indexed(reordered(case.catalogue, old))
    for i in range(3):
        feedback = case.feedback(i)
        arm.learn(feedback)
        item = np.where(feedback.item >= 0, new[feedback.item], np.int32(-1))
        turned.learn(replace(feedback, item=item))
    asked = case.level(min(_SHALLOW, n))
    one, other = arm.retrieve(case.requests, asked), turned.retrieve(case.requests, asked)
    require(
        same(one.indptr, other.indptr) and np.allclose(one.score, other.score, rtol=1e-4, atol=1e-5),
        f"`{case.name}.retrieve` must find the same scores when items are numbered otherwise, got others",
    )
    for b in range(len(case.requests)):
        here, there = one.take(np.array([b])), other.take(np.array([b]))
        if len(here.item) == 0:
            continue
        # what ties with the last place may be cut off by either numbering
        low = here.score[-1] + 1e-4 * (1.0 + abs(here.score[-1])) if here.capped[0] else -np.inf
        safe = here.item[here.score > low]
        require(
            np.isin(safe, old[there.item]).all(),
            f"`{case.name}.retrieve` must find the same items when they are numbered otherwise, got others "
            f"for request {b}",
        )


def state_can_be_stored(case: _Case) -> None:
    """State is arrays, bytes and plain values, and stays what it was while the arm goes on learning."""
    pupil = case.learned()
    state = pupil.state()
    before = pack(state)
    case.learned(pupil, start=3)
    require(
        pack(state) == before,
        f"`{case.name}.state()` must return copies, got arrays that learning went on to change",
    )


def state_continues_exactly(case: _Case) -> None:
    """Restore from stored state: the copy finds, and goes on learning, bit for bit as the original does."""
    pupil, other = case.learned(), case.indexed()
    other.restore(unpack(pack(pupil.state())))
    require(
        same_lists(case.found(pupil), case.found(other)),
        f"`{case.name}.restore` must lead to the same lists, got others; is something learned missing from "
        "`state()`?",
    )
    case.learned(pupil, start=3), case.learned(other, start=3)
    require(
        same_lists(case.found(pupil), case.found(other)),
        f"`{case.name}` must learn on from restored state as it would have, got other lists after more "
        "feedback; are counters missing from `state()`?",
    )


RETRIEVER_CHECKS: Sequence[Callable[[_Case], None]] = (
    follows_protocol,
    arguments_are_left_alone,
    lists_are_lists,
    best_come_first,
    batch_does_not_matter,
    deeper_extends_shallower,
    empty_batch,
    static_never_changes,
    index_starts_afresh,
    order_of_items_does_not_matter,
    state_can_be_stored,
    state_continues_exactly,
)
"""The checks, in the order in which they are run."""


def check_retriever(
    retriever: Any,
    *,
    catalogue: Catalogue | None = None,
    requests: Requests | None = None,
    skip: Mapping[str, str] | None = None,
) -> None:
    """Check that an arm keeps `ltrr.protocols.Retriever`; it is only ever copied (`copy.deepcopy`).

    Parameters
    ----------
    retriever : Retriever
    catalogue : Catalogue, optional
        What to index; by default 60 short texts of English words, with ties and dead items.
    requests : Requests, optional
        What to ask, at least one request; by default 24 queries of these words, with unknown words, the empty
        text and no query at all among them.
    skip : mapping of check to reason, optional
        Checks of `RETRIEVER_CHECKS` that do not apply.

    Raises
    ------
    CheckError
        At the first check that fails.
    InputError
        If ``skip`` names no check or gives no reason.

    Examples
    --------
    >>> from ltrr.retrieval import BM25
    >>> check_retriever(BM25())
    """
    case = _Case(
        retriever,
        catalogue_of() if catalogue is None else catalogue,
        requests_of(24) if requests is None else requests,
    )
    run(RETRIEVER_CHECKS, case, skip)
