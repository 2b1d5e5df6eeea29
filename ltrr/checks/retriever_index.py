"""What an arm's index must keep: as the catalogue grows, as items are renumbered, and on disk."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ltrr.checks.compare import same
from ltrr.checks.data import reordered
from ltrr.checks.retriever_case import RetrieverCase
from ltrr.errors import InputError
from ltrr.retrieval.saved import load, save, why_not_saved
from ltrr.types import Candidates, Catalogue, Feedback, Int32, Items

__all__ = ["IndexChecks"]

_NEW = 0.2
"""Share of the catalogue that an arm under check has not seen at first."""


@dataclass(frozen=True, kw_only=True)
class IndexChecks(RetrieverCase):
    """The checks of an arm that concern its index.

    Parameters
    ----------
    component, tolerance, catalogue, requests
        As in `RetrieverCase`.

    Examples
    --------
    >>> IndexChecks.checks()[1:4]
    ('update_is_a_rebuild', 'relabelled_items_relabel_results', 'saved_is_loaded')
    """

    def check_update_is_a_rebuild(self) -> None:
        """Take in new items: all is as if the whole catalogue had been indexed before anything was learned.

        So it stays after more feedback, on new items too. An arm whose ``exact_when_renumbered`` is False is
        updated before it has learned anything.
        """
        n = len(self.catalogue)
        known = n - max(1, int(_NEW * n))
        part = reordered(self.catalogue, np.arange(known))
        if not hasattr(self.component, "update") or not part.alive.any():
            return
        # what was learned by a model of the old catalogue is kept, and differs from what the new one's would
        lessons_of = {"unlearned": 0} | ({"after learning": self.lessons} if self._exact() else {})
        for when, lessons in lessons_of.items():
            grown, whole = self.indexed(part), self.fresh()
            grown.retrieve(self.requests, self.level(known))  # what it keeps of queries may be out of date
            for batch in range(lessons):
                grown.learn(self.feedback_on(part.alive, batch))
                whole.learn(self.feedback_on(part.alive, batch))
            grown.update(self.catalogue, np.arange(known, n, dtype=np.int32))
            text = "lead to what indexing the whole catalogue leads to, got other lists or features"
            self.must("update", when)(self.same(self.ask(whole), self.ask(grown)), text)
            for arm in (whole, grown) if lessons else ():
                self.learned(arm, start=self.lessons)
            alike = self.same(self.ask(whole), self.ask(grown))
            self.must("update", when)(alike, "keep what was learned, got other lists after more feedback")

    def check_relabelled_items_relabel_results(self) -> None:
        """Renumber the items in the same order: the lists are the same, scores included, but for the numbers.

        Dead items stand once behind the others and once between them. So the catalogue as a whole, on which
        statistics rest, is the same, and items that tie are in the same order. Where the arm's
        ``exact_when_renumbered`` is False, scores and the order of near ties may differ by rounding.
        """
        behind, between, new = _spaced(self.catalogue)
        arm, moved = self.indexed(behind), self.indexed(between)
        must = self.must(self.verb)
        for when in ("before", "after") if not self.component.static else ("before",):
            if when == "after":
                for feedback in self.course[: self.lessons]:
                    arm.learn(feedback)
                    moved.learn(_moved(feedback, new))
            one, other = self.found(arm), self.found(moved)
            want = replace(one, item=new[one.item])
            alike = self.same(want, other) if self._exact() else _about_same(want, other)
            must(alike, "find the same items in the same order when they are renumbered, got others")
            if self._exact():
                items = self.pairs()
                there = Items(items.indptr, np.where(items.item >= 0, new[items.item], np.int32(-1)))
                alike = self.same(self.features(arm, items), self.features(moved, there))
                self.must("features")(alike, "not depend on how items are numbered, got other rows")

    def _exact(self) -> bool:
        inner = getattr(self.component, "retriever", self.component)
        return bool(getattr(inner, "exact_when_renumbered", True))

    def check_saved_is_loaded(self) -> None:
        """Save and load the arm: it answers, and goes on learning, as the original does.

        An arm that `ltrr.retrieval.save` refuses is not checked.
        """
        if why_not_saved(self.component):
            return
        for when, arm in self.both():
            with TemporaryDirectory() as name:
                try:
                    save(arm, Path(name) / "arm")
                except InputError:  # an encoder of the arm, for instance, says that it cannot be saved
                    return
                loaded = load(Path(name) / "arm")
                text = "lead to the same lists and features, got others; does `index_state` lack something?"
                self.must("restore_index", when)(self.same(self.ask(arm), self.ask(loaded)), text)
                for pupil in (arm, loaded) if not self.component.static else ():
                    self.learned(pupil, start=self.lessons)
                alike = self.same(self.knows(arm), self.knows(loaded))
                text = "learn on as it would have, got other lists after more feedback"
                self.must("restore_index", when)(alike, text)


def _spaced(catalogue: Catalogue) -> tuple[Catalogue, Catalogue, Int32]:
    """Return the catalogue with dead items behind it, that with these in between, and the new ids (N,)."""
    n = len(catalogue)
    rng = np.random.default_rng(13)
    dead = rng.integers(0, n, n // 3 + 2)
    copied = reordered(catalogue, np.concatenate([np.arange(n), dead]))
    name = (*catalogue.name, *(f"{catalogue.name[i]} dead {j}" for j, i in enumerate(dead.tolist())))
    alive = np.concatenate([catalogue.alive, np.zeros(len(dead), np.bool_)])
    behind = replace(copied, name=name, alive=alive)
    new = np.sort(rng.choice(len(behind), n, replace=False)).astype(np.int32)
    old = np.empty(len(behind), np.int64)
    old[new] = np.arange(n)
    old[np.setdiff1d(np.arange(len(behind)), new)] = np.arange(n, len(behind))
    return behind, reordered(behind, old), new


def _moved(feedback: Feedback, new: Int32) -> Feedback:
    return replace(feedback, item=np.where(feedback.item >= 0, new[feedback.item], np.int32(-1)))


def _about_same(one: Candidates, other: Candidates) -> bool:
    """Say whether two batches of lists differ by rounding alone."""
    if not (same(one.indptr, other.indptr) and same(one.capped, other.capped)):
        return False
    return bool(np.allclose(one.score, other.score, rtol=1e-4, atol=1e-5)) and all(
        _near(one.take(row), other.take(row)) for row in np.arange(len(one))[:, None]
    )


def _near(one: Candidates, other: Candidates) -> bool:
    """Say whether each item of a list has about the same score in the other."""
    here, there = np.argsort(one.item), np.argsort(other.item)
    equal = same(one.item[here], other.item[there])
    return equal and bool(np.allclose(one.score[here], other.score[there], rtol=1e-4, atol=1e-5))
