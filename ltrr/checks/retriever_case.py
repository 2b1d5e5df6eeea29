"""An arm under check: what it indexes, what it is asked, and what it learns."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ltrr.checks.common import LearningCase
from ltrr.checks.data import feedback_of
from ltrr.protocols import Retriever
from ltrr.types import Bool, Candidates, Catalogue, Feedback, Float32, Int32, Items, Requests

__all__ = ["RetrieverCase"]

_LESSONS = 80
_SHALLOW = 10


@dataclass(frozen=True, kw_only=True)
class RetrieverCase(LearningCase):
    """An arm under check, with what it indexes and what it is asked.

    Parameters
    ----------
    component, tolerance
        As in `ltrr.checks.common.Case`.
    catalogue : Catalogue
        What is indexed.
    requests : Requests
        What is asked, at least one request.

    Examples
    --------
    >>> from ltrr.checks.data import catalogue_of, requests_of
    >>> from ltrr.retrieval import BM25
    >>> case = RetrieverCase(component=BM25(), catalogue=catalogue_of(), requests=requests_of(24))
    >>> len(case.found(case.fresh()))
    24
    """

    catalogue: Catalogue
    requests: Requests

    call = "check_retriever"
    group = "arms"
    protocol = Retriever
    verb, answers = "retrieve", "lists"

    def fresh(self) -> Any:
        """Return a copy of the arm that has indexed the catalogue."""
        return self.indexed(self.catalogue)

    def indexed(self, catalogue: Catalogue) -> Any:
        """Return a copy of the arm that has indexed this catalogue."""
        arm = copy.deepcopy(self.component)
        arm.index(catalogue)
        return arm

    def feedback(self, batch: int) -> Feedback:
        """Return one of the batches of feedback, numbered from 0."""
        return self.feedback_on(self.catalogue.alive, batch)

    def feedback_on(self, alive: Bool, batch: int) -> Feedback:
        """Return a batch of feedback on pages of some items."""
        rng = np.random.default_rng([10, batch])
        rows = rng.integers(0, len(self.requests), _LESSONS)
        ids = np.arange(_LESSONS * batch, _LESSONS * (batch + 1))
        requests = replace(self.requests.take(rows), request=ids, time=ids.astype(np.float64))
        return feedback_of(requests, alive=alive)

    def both(self) -> Iterator[tuple[str, Any]]:
        """Yield the arm before and after learning, which no loop asks of a static one."""
        yield "unlearned", self.fresh()
        if not self.component.static:
            yield "after learning", self.learned()

    def mixed(self) -> Int32:
        """Return depths from none to everything."""
        depths = np.array([0, 1, 3, _SHALLOW, len(self.catalogue)], np.int32)
        return np.random.default_rng(11).choice(depths, len(self.requests))

    def level(self, depth: int | None = None) -> Int32:
        """Return the same depth for all, everything if None."""
        return np.full(len(self.requests), len(self.catalogue) if depth is None else depth, np.int32)

    def found(self, arm: Any) -> Candidates:
        """Return the longest lists."""
        answer: Candidates = arm.retrieve(self.requests, self.level())
        return answer

    def pairs(self) -> Items:
        """Return lists of living items of different lengths, with empty places and repetitions."""
        rng = np.random.default_rng(19)
        indptr = np.concatenate([[0], np.cumsum(rng.integers(0, 9, len(self.requests)))])
        item = rng.choice(np.flatnonzero(self.catalogue.alive), indptr[-1])
        return Items(indptr, np.where(rng.random(len(item)) < 0.2, -1, item))

    def features(self, arm: Any, items: Items | None = None) -> Float32:
        """Return the arm's features of the pairs, no columns where it offers none."""
        if not hasattr(arm, "features"):
            return np.zeros((0, 0), np.float32)
        rows: Float32 = arm.features(self.requests, self.pairs() if items is None else items)[1]
        return rows

    def ask(self, component: Any) -> Any:
        """Return the longest lists, and the features of some pairs."""
        return [self.found(component), self.features(component)]

    def ask_nothing(self, component: Any, when: str) -> None:
        """Require empty lists where there are no requests or no depth."""
        must, none = self.must(self.verb, when), self.requests.take(np.zeros(0, np.int64))
        got = component.retrieve(none, np.zeros(0, np.int32))
        must(len(got) == len(got.item) == 0, f"return nothing for no requests, got {len(got)} lists")
        got = component.retrieve(self.requests, self.level(0))
        empty = len(got) == len(self.requests) and len(got.item) == 0
        must(empty, f"return empty lists at depth 0, got {len(got.item)} items")
        if hasattr(component, "features"):
            names, _ = component.features(self.requests, self.pairs())
            shape = np.shape(component.features(none, Items(np.zeros(1, np.int64), np.zeros(0, np.int32)))[1])
            text = f"be {(0, len(names))} for no requests, got {shape}"
            self.must("features", when)(shape == (0, len(names)), text)
