"""Every check of an arm can fail."""

from dataclasses import replace

import numpy as np
import pytest

from ltrr.checks import check_retriever, retriever_index
from ltrr.checks import retriever as module
from ltrr.checks.compare import same
from ltrr.checks.data import catalogue_of, requests_of
from ltrr.checks.retriever import RETRIEVER_CHECKS
from ltrr.errors import InputError
from ltrr.retrieval import Memory
from ltrr.types import Candidates
from tests.checks.stalls import must_fail
from tests.test_checks_all import small_collection


class SomeArm:
    """Counts clicks a item and returns what has words in common or was clicked: right in every way."""

    static = False

    def index(self, catalogue):
        self.words = [
            set(" ".join(fields).split()) for fields in zip(*catalogue.fields.values(), strict=True)
        ]
        self.alive = catalogue.alive.copy()
        self.clicks = np.zeros(len(catalogue))

    def points(self, text):
        asked = set(text.split())
        shared = np.array([len(asked & words) for words in self.words], np.float64)
        return np.where(self.alive, shared + self.bonus(), 0.0)

    def bonus(self):
        return self.clicks / (1.0 + self.clicks.sum())

    def order(self, points):
        return np.lexsort((np.arange(len(points)), -points))

    def pick(self, points, depth):
        return [i for i in self.order(points) if points[i] > 0][:depth]

    def retrieve(self, requests, depth):
        items, scores = [], []
        for query, d in zip(requests.query.tolist(), depth.tolist(), strict=True):
            points = self.points(requests.queries.text[query] if query >= 0 else "").astype(np.float32)
            best = self.pick(points, d)
            items.append(best)
            scores.append(points[best])
        lengths = np.array([len(best) for best in items], np.int64)
        return Candidates(
            np.append(0, np.cumsum(lengths)),
            np.concatenate([[], *items]).astype(np.int32),
            np.concatenate([np.zeros(0), *scores]),
            lengths == depth,
        )

    def learn(self, feedback):
        np.add.at(self.clicks, feedback.item[feedback.click], 1.0)

    def state(self):
        return {"clicks": self.clicks.copy()}

    def restore(self, state):
        self.clicks = state["clicks"].copy()


class Counting(SomeArm):
    """Knows how many items it has."""

    def available(self, requests):
        return np.diff(self.retrieve(requests, np.full(len(requests), 99, np.int32)).indptr).astype(np.int32)


class Boasting(Counting):
    def available(self, requests):
        return super().available(requests) + np.int32(1)


class Exact(Counting):
    def available(self, requests):
        return super().available(requests).astype(np.int64)


class NoIndex(SomeArm):
    index = None


class Undead(SomeArm):
    def index(self, catalogue):
        super().index(catalogue)
        self.alive[:] = True


class TwiceTheSame(SomeArm):
    def retrieve(self, requests, depth):
        got = super().retrieve(requests, depth)
        item = got.item.copy()
        longer = np.flatnonzero(np.diff(got.indptr) > 1)
        item[got.indptr[longer] + 1] = item[got.indptr[longer]]
        return replace(got, item=item)


class LateTies(SomeArm):
    def order(self, points):
        return np.lexsort((-np.arange(len(points)), -points))


class WorstFirst(SomeArm):
    def retrieve(self, requests, depth):
        got = super().retrieve(requests, depth)
        return replace(got, score=-got.score)


class Averse(SomeArm):
    """Turns away from whatever is asked for most in the batch."""

    def retrieve(self, requests, depth):
        self.crowd = len(requests)
        return super().retrieve(requests, depth)

    def points(self, text):
        points = super().points(text)
        return points + 0.001 * self.crowd * (points > 0)


class Diverse(SomeArm):
    """Leaves out the best where three are asked for."""

    def pick(self, points, depth):
        return super().pick(points, depth + 1)[1:] if depth == 3 else super().pick(points, depth)


class Ticking(SomeArm):
    def learn(self, feedback):
        super().learn(feedback)
        self.clicks[1] += 1.0


class Truncating(SomeArm):
    def retrieve(self, requests, depth):
        got = super().retrieve(requests, depth)
        np.minimum(depth, 5, out=depth)
        return got


class SoCalledStatic(SomeArm):
    static = True


class BySession(SomeArm):
    """Never learns, and yet does not go by the query alone."""

    static = True

    def learn(self, feedback):
        pass

    def retrieve(self, requests, depth):
        return super().retrieve(replace(requests, query=np.minimum(requests.query, requests.user)), depth)


class Elephant(SomeArm):
    def index(self, catalogue):
        clicks = getattr(self, "clicks", None)
        super().index(catalogue)
        self.clicks = self.clicks if clicks is None else clicks


class ByNumber(SomeArm):
    def points(self, text):
        points = super().points(text)
        return points * (1.0 + np.arange(len(points)))


class Lending(SomeArm):
    def state(self):
        return {"clicks": self.clicks}


class Blank(SomeArm):
    def restore(self, state):
        pass


class Offering(SomeArm):
    """Offers what it scores by as features of a pair: right in every way."""

    names = ("shared", "clicks")

    def features(self, requests, items):
        rows = np.zeros((len(items.item), 2), np.float32)
        for b, query in enumerate(requests.query.tolist()):
            asked = set(requests.queries.text[query].split()) if query >= 0 else set()
            for place in range(items.indptr[b], items.indptr[b + 1]):
                item = items.item[place]
                if item >= 0:
                    rows[place] = len(asked & self.words[item]), self.clicks[item]
        return self.names, rows


class Alike(Offering):
    names = ("shared", "shared")


class Numbered(Offering):
    names = ("shared", 2)


class Renaming(Offering):
    def features(self, requests, items):
        names, rows = super().features(requests, items)
        return (names if self.clicks.any() else names[::-1]), rows


class Narrow(Offering):
    def features(self, requests, items):
        names, rows = super().features(requests, items)
        return names, rows[:, :1]


class Double(Offering):
    def features(self, requests, items):
        names, rows = super().features(requests, items)
        return names, rows.astype(np.float64)


class Logarithmic(Offering):
    def features(self, requests, items):
        names, rows = super().features(requests, items)
        with np.errstate(divide="ignore"):
            return names, np.where(items.item[:, None] < 0, np.float32(0.0), np.log(rows))


class Constant(Offering):
    """Fills empty places."""

    def features(self, requests, items):
        names, rows = super().features(requests, items)
        return names, rows + np.float32(1.0)


class Standardised(Offering):
    def features(self, requests, items):
        names, rows = super().features(requests, items)
        rows[items.item >= 0] -= rows.mean(axis=0) if len(rows) else np.float32(0.0)
        return names, rows


class ByPlace(Offering):
    """Thinks that items come sorted."""

    def features(self, requests, items):
        names, rows = super().features(requests, items)
        out = np.zeros_like(rows)
        for b in range(len(requests)):
            places = np.arange(items.indptr[b], items.indptr[b + 1])
            places = places[items.item[places] >= 0]
            out[places] = rows[places[np.argsort(items.item[places], kind="stable")]]
        return names, out


class Wearing(Offering):
    """Every look at a pair costs a click."""

    def features(self, requests, items):
        names, rows = super().features(requests, items)
        if len(items.item) > 40:
            self.clicks = self.clicks * 0.5
        return names, rows


class Needy(Offering):
    def features(self, requests, items):
        names, rows = super().features(requests, items)
        return names, rows if len(requests) else rows[:, :0]


class Emptying(Offering):
    def features(self, requests, items):
        answer = super().features(requests, items)
        items.item[:] = np.maximum(items.item, 0)
        return answer


class Halved(Offering):
    """Its features rest on a counter that no state holds."""

    def index(self, catalogue):
        super().index(catalogue)
        self.lessons = 0

    def learn(self, feedback):
        super().learn(feedback)
        self.lessons += len(feedback) > 0

    def features(self, requests, items):
        names, rows = super().features(requests, items)
        rows[items.item >= 0] += np.float32(self.lessons)
        return names, rows


class Tupled(SomeArm):
    def retrieve(self, requests, depth):
        got = super().retrieve(requests, depth)
        return Listed(got.indptr, got.item, got.score, got.capped)


class Listed(Candidates):
    """Of its own kind, and of no length."""

    def __len__(self):
        return 0


class Overlong(SomeArm):
    """One item more than asked for, where any is."""

    def retrieve(self, requests, depth):
        got = super().retrieve(requests, depth + (depth > 0))
        return replace(got, capped=np.diff(got.indptr) == depth)


class Endless(SomeArm):
    def points(self, text):
        return np.where(super().points(text) > 0, np.inf, 0.0)


class Modest(SomeArm):
    """Never says that there may be more."""

    def retrieve(self, requests, depth):
        got = super().retrieve(requests, depth)
        return replace(got, capped=np.zeros(len(got), bool))


class Swinging(SomeArm):
    """Every second batch has another answer."""

    batches = 0

    def retrieve(self, requests, depth):
        self.batches += len(requests) > 1
        got = super().retrieve(requests, depth)
        return replace(got, score=got.score * (1 + (len(requests) > 1 and self.batches % 2 == 0)))


class Padding(SomeArm):
    def retrieve(self, requests, depth):
        got = super().retrieve(requests, depth)
        return got if len(requests) else Candidates([0, 0], [], [], [True])


class Eager(SomeArm):
    """Finds one item for all where none is asked for."""

    def retrieve(self, requests, depth):
        return super().retrieve(requests, depth + (len(depth) > 1 and depth.max() == 0))


class Anchored(SomeArm):
    """Scores by what item 0 holds."""

    def points(self, text):
        return super().points(text) * (1.0 + len(self.words[0]))


class Nicknames(Offering):
    def features(self, requests, items):
        names, rows = super().features(requests, items)
        return (names if len(requests) != 1 else ("a", "b")), rows


class Alternating(Offering):
    """Every second batch has other features."""

    batches = 0

    def features(self, requests, items):
        names, rows = super().features(requests, items)
        self.batches += len(requests) > 1
        rows[items.item >= 0] += np.float32(self.batches > 1)
        return names, rows


class Growing(SomeArm):
    """Takes in new items, and what it has indexed can be written to disk: right in every way."""

    def update(self, catalogue, new_items):
        clicks = self.clicks
        self.index(catalogue)
        self.clicks[: len(clicks)] = clicks

    def index_state(self):
        return {"words": [" ".join(sorted(words)) for words in self.words], "alive": self.alive}

    def restore_index(self, state):
        self.words = [set(words.split()) for words in state["words"]]
        self.alive = np.array(state["alive"])


class Forgetful(Growing):
    def update(self, catalogue, new_items):
        self.index(catalogue)


class Stale(Growing):
    """Knows of new items that they are there, and nothing else."""

    def update(self, catalogue, new_items):
        words = self.words
        super().update(catalogue, new_items)
        self.words = words + [set()] * len(new_items)


class Shifted(Growing):
    """Writes what comes after an update to the next item."""

    grown = False

    def index(self, catalogue):
        super().index(catalogue)
        self.grown = False

    def update(self, catalogue, new_items):
        super().update(catalogue, new_items)
        self.grown = True

    def learn(self, feedback):
        before = self.clicks.copy()
        super().learn(feedback)
        self.clicks = before + np.roll(self.clicks - before, self.grown)


class Noisy(SomeArm):
    """Scores by number, a little."""

    def points(self, text):
        points = super().points(text)
        return points * (1.0 + 1e-6 * np.arange(len(points)))


class Tagged(Offering):
    """Shows the ranker which item it is."""

    def features(self, requests, items):
        names, rows = super().features(requests, items)
        return names, rows + np.where(items.item >= 0, items.item, 0).astype(np.float32)[:, None]


class Revived(Growing):
    def restore_index(self, state):
        super().restore_index(state)
        self.alive[:] = True


class Deaf(Growing):
    """Learns nothing any more once it was loaded."""

    loaded = False

    def restore_index(self, state):
        super().restore_index(state)
        self.loaded = True

    def learn(self, feedback):
        if not self.loaded:
            super().learn(feedback)


class Unwilling(Growing):
    def index_state(self):
        raise InputError("`Unwilling` cannot be saved: it holds a connection")


BROKEN = [
    ("follows_protocol", NoIndex),
    ("lists_are_lists", Undead),
    ("lists_are_lists", TwiceTheSame),
    ("available_is_what_lists_hold", Boasting),
    ("available_is_what_lists_hold", Exact),
    ("best_come_first", LateTies),
    ("best_come_first", WorstFirst),
    ("batch_does_not_matter", Averse),
    ("deeper_extends_shallower", Diverse),
    ("empty_batch", Ticking),
    ("arguments_are_left_alone", Truncating),
    ("static_never_changes", SoCalledStatic),
    ("static_never_changes", BySession),
    ("index_starts_afresh", Elephant),
    ("order_of_items_does_not_matter", ByNumber),
    ("state_can_be_stored", Lending),
    ("state_continues_exactly", Blank),
    ("features_are_numbers", Alike),
    ("features_are_numbers", Numbered),
    ("features_are_numbers", Renaming),
    ("features_are_numbers", Narrow),
    ("features_are_numbers", Double),
    ("features_are_numbers", Logarithmic),
    ("features_are_numbers", Constant),
    ("features_are_of_the_pair", Standardised),
    ("features_are_of_the_pair", ByPlace),
    ("features_are_of_the_pair", Wearing),
    ("empty_batch", Needy),
    ("arguments_are_left_alone", Emptying),
    ("state_continues_exactly", Halved),
    ("lists_are_lists", Tupled),
    ("lists_are_lists", Overlong),
    ("lists_are_lists", Endless),
    ("lists_are_lists", Modest),
    ("batch_does_not_matter", Swinging),
    ("empty_batch", Padding),
    ("empty_batch", Eager),
    ("order_of_items_does_not_matter", Anchored),
    ("features_are_of_the_pair", Nicknames),
    ("features_are_of_the_pair", Alternating),
    ("update_is_a_rebuild", Forgetful),
    ("update_is_a_rebuild", Stale),
    ("update_is_a_rebuild", Shifted),
    ("relabelled_items_relabel_results", Noisy),
    ("relabelled_items_relabel_results", Tagged),
    ("saved_is_loaded", Revived),
    ("saved_is_loaded", Deaf),
]


def test_the_right_one_passes():
    check_retriever(SomeArm())
    check_retriever(Offering())
    check_retriever(Counting())
    check_retriever(Growing())


def test_an_arm_that_cannot_be_saved_is_not_checked_for_it():
    check_retriever(Unwilling())


def test_rounding_is_allowed_where_the_arm_says_so(monkeypatch):
    monkeypatch.setattr(Noisy, "exact_when_renumbered", False, raising=False)
    check_retriever(Noisy())


def test_lists_that_differ_by_rounding():
    one = lists([4, 7, 2], [0.5, 0.25, 0.125])
    for other, alike in (
        (lists([4, 7, 2], [0.50001, 0.25, 0.125]), True),
        (lists([4, 7, 2], [0.501, 0.25, 0.125]), False),
        (lists([7, 4, 2], [0.5, 0.25, 0.125]), False),
        (lists([4, 7, 9], [0.5, 0.25, 0.125]), False),
        (lists([4, 7], [0.5, 0.25]), False),
        (lists([4, 7, 2], [0.5, 0.25, 0.125], capped=False), False),
    ):
        assert retriever_index._about_same(one, other) == alike
    near, swapped = lists([4, 7], [0.5, 0.499999]), lists([7, 4], [0.5, 0.499999])
    assert retriever_index._about_same(near, swapped)


@pytest.mark.parametrize(("check", "kind"), BROKEN)
def test_a_broken_one_fails_where_it_is_broken(check, kind):
    must_fail(check, lambda: check_retriever(kind()))


def test_every_check_can_fail():
    assert set(RETRIEVER_CHECKS) == {check for check, _ in BROKEN}


def test_the_arm_of_a_world_on_its_own_requests():
    world = small_collection()
    check_retriever(Memory(), catalogue=world.catalogue, requests=world.next(15))


def test_the_lessons_teach_something():
    case = module._Case(component=Memory(), catalogue=catalogue_of(), requests=requests_of(24))
    lists = [len(case.found(memory).item) for memory in (case.fresh(), case.learned(), case.learned(n=6))]
    assert lists[0] == 0 < lists[1] < lists[2]


class Inexact(Offering):
    """Scores by how often it was asked, a little: near ties change places."""

    off = 1e-12

    def retrieve(self, requests, depth):
        self.asked = getattr(self, "asked", 0) + 1
        return super().retrieve(requests, depth)

    def points(self, text):
        points = super().points(text)
        wave = np.cos(np.arange(len(points)) + self.asked)
        # float32 has no room for so little beside a large score
        return np.where(points > 0, 1e-6 * points + self.off * wave, 0.0)


class Imprecise(Inexact):
    off = 1e-3

    def points(self, text):
        return np.where(super().points(text) != 0.0, super().points(text) + 1.0, 0.0)


def test_tolerance():
    check_retriever(Inexact(), tolerance=1e-9)
    must_fail("batch_does_not_matter", lambda: check_retriever(Inexact()))
    must_fail("batch_does_not_matter", lambda: check_retriever(Imprecise(), tolerance=1e-9))


def lists(items, scores, capped=True):
    return Candidates([0, len(items)], items, scores, [capped])


def test_near_ties_may_change_places():
    one = lists([4, 7, 2], [0.5, 0.25, 0.25])
    for other, alike in (
        (lists([4, 2, 7], [0.5, 0.25, 0.25]), True),
        (lists([4, 7, 9], [0.5, 0.25, 0.25]), True),
        (lists([7, 4, 2], [0.5, 0.25, 0.25]), False),
        (lists([9, 7, 2], [0.5, 0.25, 0.25]), False),
        (lists([4, 7, 2], [0.5, 0.25, 0.20]), False),
        (lists([4, 7], [0.5, 0.25]), False),
        (lists([4, 7, 2], [0.5, 0.25, 0.25], capped=False), False),
    ):
        assert same(one, other, 1e-6) == alike
        assert not same(one, other)
