"""What every retrieval strategy must keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ltrr.checks.common import LearningCase
from ltrr.checks.compare import same
from ltrr.checks.data import catalogue_of, reordered, requests_of
from ltrr.checks.retriever_index import IndexChecks
from ltrr.types import Candidates, Catalogue, Items, Requests

__all__ = ["RETRIEVER_CHECKS", "check_retriever"]

_SHALLOW = 10


@dataclass(frozen=True, kw_only=True)
class _Case(IndexChecks):
    """An arm under check, with what it indexes and what it is asked."""

    def check_arguments_are_left_alone(self) -> None:
        """Neither indexing, asking nor teaching writes into what was given."""
        depth, items, feedback = self.mixed(), self.pairs(), self.feedback(0)
        with self.left_alone(self.catalogue, self.requests, depth, items, feedback):
            arm = self.fresh()
            arm.retrieve(self.requests, depth)
            arm.learn(feedback)
            arm.retrieve(self.requests, depth)
            self.features(arm, items)

    def check_lists_are_lists(self) -> None:
        """Items exist, live and are distinct; scores are finite; no list is longer than asked."""
        depth = self.mixed()
        for when, arm in self.both():
            must, got = self.must(self.verb, when), arm.retrieve(self.requests, depth)
            fits = isinstance(got, Candidates) and len(got) == len(depth)
            must(fits, f"return `Candidates` of {len(depth)} requests, got {type(got).__name__}")
            length = np.diff(got.indptr)
            must((length <= depth).all(), "return at most `depth` items, got more")
            known = (got.item >= 0) & (got.item < len(self.catalogue))
            must(known.all(), f"return ids of the catalogue, got {got.item[~known][:1]}")
            must(self.catalogue.alive[got.item].all(), "return living items only, got dead ones")
            pairs = np.repeat(np.arange(len(depth)), length) * len(self.catalogue) + got.item
            must(len(np.unique(pairs)) == len(pairs), "return distinct items, got one twice")
            must(np.isfinite(got.score).all(), "score with finite numbers, got others")
            full = same(got.capped, length == depth)
            must(full, "set `capped` exactly where a list ends at its depth, got otherwise")

    def check_available_is_what_lists_hold(self) -> None:
        """Ask an arm that says how many items it has for all of them: it returns that many."""
        if not hasattr(self.component, "available"):
            return
        for when, arm in self.both():
            said = np.asarray(arm.available(self.requests))
            must, length = self.must("available", when), np.diff(self.found(arm).indptr)
            whole = same(said, length.astype(np.int32))
            must(whole, "return the lengths of the longest lists as int32, got others")
            none = arm.available(self.requests.take(np.zeros(0, np.int64)))
            must(len(none) == 0, f"return nothing for no requests, got {len(none)} numbers")

    def check_best_come_first(self) -> None:
        """Scores descend, and equal ones are ordered by item id."""
        for when, arm in self.both():
            must, got = self.must(self.verb, when), self.found(arm)
            row = np.repeat(np.arange(len(got)), np.diff(got.indptr))
            neighbours, fall = row[1:] == row[:-1], np.diff(got.score)
            must((fall[neighbours] <= 0).all(), "return the highest score first, got a rise")
            rises = np.diff(got.item)[neighbours & (fall == 0)] > 0
            must(rises.all(), "order ties by item id ascending, got a lower id later")

    def check_batch_does_not_matter(self) -> None:
        """Ask for requests alone: they get the same lists as in a batch, and so does the same batch again."""
        depth = self.mixed()
        for when, arm in self.both():
            must, got = self.must(self.verb, when), arm.retrieve(self.requests, depth)
            for row in np.arange(len(depth))[:, None]:
                alike = self.same(arm.retrieve(self.requests.take(row), depth[row]), got.take(row))
                must(alike, f"not depend on the batch, got another list for request {row[0]} alone")
            again = arm.retrieve(self.requests, depth)
            must(self.same(again, got), "give the same answer to the same question, got another list")

    def check_deeper_extends_shallower(self) -> None:
        """Ask for less: a list is the beginning of the deeper one, scores included."""
        depth = self.mixed()
        for when, arm in self.both():
            deep, shallow = self.found(arm), arm.retrieve(self.requests, depth)
            row = np.repeat(np.arange(len(depth)), np.diff(deep.indptr))
            begin = np.arange(len(deep.item)) - deep.indptr[row] < depth[row]
            indptr = np.append(0, np.cumsum(np.minimum(np.diff(deep.indptr), depth)))
            want = Candidates(indptr, deep.item[begin], deep.score[begin], shallow.capped)
            text = "extend the shallower list when asked for more, got another"
            self.must(self.verb, when)(self.same(want, shallow), text)

    def check_features_are_numbers(self) -> None:
        """Where an arm offers ``features``: named columns, one finite row a pair, zeros at empty places."""
        items, known = self.pairs(), []
        for when, arm in self.both() if hasattr(self.component, "features") else ():
            must, (names, rows) = self.must("features", when), arm.features(self.requests, items)
            known.append(tuple(names))
            texts = all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
            must(texts, f"name its columns by distinct texts, got {names!r}")
            must(tuple(names) == known[0], f"have the same names every time, got {names!r} and {known[0]!r}")
            shape = (len(items.item), len(names))
            fits = isinstance(rows, np.ndarray) and rows.shape == shape and rows.dtype == np.float32
            must(fits, f"be float32 {shape}, got {getattr(rows, 'dtype', '')} {np.shape(rows)}")
            must(np.isfinite(rows).all(), f"be finite, got {rows[~np.isfinite(rows)][:1]}")
            must(not rows[items.item < 0].any(), "be 0 at empty places (item -1), got another number")

    def check_features_are_of_the_pair(self) -> None:
        """Where an arm offers ``features``: rows follow the items, and do not depend on other pairs."""
        items = self.pairs()
        for when, arm in self.both() if hasattr(self.component, "features") else ():
            must, (known, rows) = self.must("features", when), arm.features(self.requests, items)
            for b in range(len(self.requests)):
                place = np.arange(items.indptr[b], items.indptr[b + 1])[::-1]
                alone = Items(np.array([0, len(place)]), items.item[place])
                names, got = arm.features(self.requests.take(np.array([b])), alone)
                text = "follow the items and not depend on the other pairs"
                must(self.same(rows[place], got), f"{text}, got other rows for request {b} alone, backwards")
                must(tuple(names) == tuple(known), f"have the same names every time, got {names!r}")
            must(
                self.same(self.features(arm), rows),
                "give the same answer to the same question, got other rows",
            )

    check_empty_batch = LearningCase.check_empty_batch

    def check_static_never_changes(self) -> None:
        """Where ``static``, results depend on the query alone: not on feedback, user, time or context."""
        if not self.component.static:
            return
        fresh, must = self.found(self.fresh()), self.must("static")
        alike = self.same(fresh, self.found(self.learned()))
        must(alike, "be False where feedback changes results, got True")
        asked = replace(
            self.requests,
            request=self.requests.request + 977,
            session=np.arange(len(self.requests)) + 5,
            user=(self.requests.user + 1) % 3,
            time=self.requests.time + 1e6,
            context=1.0 - self.requests.context,
        )
        alike = self.same(fresh, self.fresh().retrieve(asked, self.level()))
        must(alike, "be False where more than the query decides, got True")

    def check_index_starts_afresh(self) -> None:
        """Index again: what was learned is forgotten."""
        arm = self.learned()
        arm.index(self.catalogue)
        alike = self.same(self.ask(self.fresh()), self.ask(arm))
        text = "start afresh when called again, got lists of what was learned before"
        self.must("index")(alike, text)

    def check_order_of_items_does_not_matter(self) -> None:
        """Renumber the items: the same ones are found with the same scores, but for the order of ties."""
        must, n = self.must(self.verb), len(self.catalogue)
        old = np.random.default_rng(12).permutation(n)
        new = np.argsort(old).astype(np.int32)
        arm, turned = self.fresh(), self.indexed(reordered(self.catalogue, old))
        for batch in range(self.lessons):
            feedback = self.course[batch]
            arm.learn(feedback)
            item = np.where(feedback.item >= 0, new[feedback.item], np.int32(-1))
            turned.learn(replace(feedback, item=item))
        asked = self.level(min(_SHALLOW, n))
        one, other = arm.retrieve(self.requests, asked), turned.retrieve(self.requests, asked)
        alike = same(one.indptr, other.indptr) and np.allclose(
            one.score, other.score, rtol=1e-4, atol=max(1e-5, self.tolerance)
        )
        must(alike, "find the same scores when items are renumbered, got others")
        for row in np.flatnonzero(np.diff(one.indptr))[:, None]:
            here, there = one.take(row), other.take(row)
            # what ties with the last place may be cut off by either numbering
            slack = 1e-4 * (1.0 + abs(here.score[-1])) + 2.0 * self.tolerance
            safe = here.item[here.score > (here.score[-1] + slack if here.capped[0] else -np.inf)]
            must(
                np.isin(safe, old[there.item]).all(),
                f"find the same items when they are renumbered, got others for request {row[0]}",
            )


RETRIEVER_CHECKS = _Case.checks()
"""Names of the checks, in the order in which they run."""


def check_retriever(
    retriever: Any,
    *,
    catalogue: Catalogue | None = None,
    requests: Requests | None = None,
    tolerance: float = 0.0,
    skip: Mapping[str, str] | None = None,
) -> None:
    """Check that an arm keeps `ltrr.protocols.Retriever`; it is only ever copied (`copy.deepcopy`).

    Parameters
    ----------
    retriever : Retriever
        Its ``features(requests, items) -> (names, float32 (N, len(names)))`` and its
        ``available(requests) -> int32 (B,)`` are checked where it has them.
    catalogue : Catalogue, optional
        What to index; by default 60 short texts of English words, with ties and dead items.
    requests : Requests, optional
        What to ask, at least one request; by default 24 queries of these words, with unknown words, the empty
        text and no query at all among them.
    tolerance : float >= 0
        Largest allowed absolute difference wherever a check asks for the same bits; 0 is exact. Items whose
        scores are that close may change places.
    skip : mapping of check to reason, optional
        Checks of `RETRIEVER_CHECKS` that do not apply.

    Raises
    ------
    CheckError
        At the first check that fails.
    InputError
        If ``retriever`` is a class or another kind of object, or ``skip`` names no check or gives no reason.

    Examples
    --------
    >>> from ltrr.retrieval import BM25
    >>> check_retriever(BM25())
    """
    _Case(
        component=retriever,
        tolerance=tolerance,
        catalogue=catalogue_of() if catalogue is None else catalogue,
        requests=requests_of(24) if requests is None else requests,
    ).run(skip)
