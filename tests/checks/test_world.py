"""Every check of a world can fail."""

from dataclasses import replace

import numpy as np
import pytest

from ltrr.checks import check_world
from ltrr.checks.world import WORLD_CHECKS
from ltrr.worlds import TopicWorld
from tests.checks.stalls import must_fail
from tests.test_checks_all import small_topics


def small(kind):
    return kind(small_topics(), n_users=5)


class Mute(TopicWorld):
    held_out = None


class Stuck(TopicWorld):
    """Repeats ids: every batch starts at 0."""

    def next(self, n, feedback=None):
        requests = super().next(n, feedback)
        return replace(requests, request=np.arange(n))


class Backwards(TopicWorld):
    def next(self, n, feedback=None):
        requests = super().next(n, feedback)
        return replace(requests, time=-requests.time)


class Lumpy(TopicWorld):
    def next(self, n, feedback=None):
        requests = super().next(n, feedback)
        return replace(requests, user=requests.user + n)


class Forever(TopicWorld):
    """Its forks stand where it stands."""

    def fork(self, streams):
        world = super().fork(streams)
        world._cursor = self._cursor
        return world


class OneStream(TopicWorld):
    def fork(self, streams):
        return super().fork(replace(streams, replicate=0))


class TooGood(TopicWorld):
    def truth(self, requests, items):
        truth = super().truth(requests, items)
        return replace(truth, grade=np.where(truth.grade == 3, 4, truth.grade))


class Filled(TopicWorld):
    def truth(self, requests, items):
        truth = super().truth(requests, items)
        return replace(truth, grade=np.maximum(truth.grade, 0))


class Envious(TopicWorld):
    """Grades the item asked about first better."""

    def truth(self, requests, items):
        truth = super().truth(requests, items)
        grade = truth.grade.copy()
        first = items.indptr[:-1][np.diff(items.indptr) > 0]
        grade[first] = np.where(grade[first] >= 0, 3, grade[first])
        return replace(truth, grade=grade)


class Cheap(TopicWorld):
    def truth(self, requests, items):
        truth = super().truth(requests, items)
        return replace(truth, ideal=np.maximum(truth.ideal - 1, 0))


class Miscounted(TopicWorld):
    def truth(self, requests, items):
        truth = super().truth(requests, items)
        return replace(truth, n_relevant=truth.n_relevant + 1)


class Spent(TopicWorld):
    def held_out(self, n):
        self._cursor += n
        return super().held_out(n)


class Leaky(TopicWorld):
    def held_out(self, n):
        return replace(super().held_out(n), query=np.zeros(n))


class Telling(TopicWorld):
    """Its context says how many items are relevant."""

    def next(self, n, feedback=None):
        requests = super().next(n, feedback)
        told = self.topics.query_topic[requests.query] % 3
        context = np.column_stack([requests.context, told]).astype(np.float32)
        return requests.with_context(context, (*requests.context_names, "hint"))


class Counting(TopicWorld):
    """Counts how often it was asked, which moves it where nothing was."""

    calls = 0

    def next(self, n, feedback=None):
        self.calls += 1
        return super().next(n, feedback)

    def state(self):
        return {**super().state(), "calls": self.calls}


class Sorting(TopicWorld):
    def next(self, n, feedback=None):
        if feedback is not None:
            feedback.credit.sort(axis=0)
        return super().next(n, feedback)


class Lost(TopicWorld):
    def restore(self, state):
        pass


class Graded(TopicWorld):
    max_grade = 3.0


class Liberal(TopicWorld):
    def next(self, n, feedback=None):
        return super().next(n + (n == 1), feedback)


class Wordless(TopicWorld):
    def next(self, n, feedback=None):
        requests = super().next(n, feedback)
        return replace(requests, query=np.where(requests.request > 50, -1, requests.query))


class Unmeasured(TopicWorld):
    def next(self, n, feedback=None):
        requests = super().next(n, feedback)
        return requests.with_context(np.full((n, 1), np.nan, np.float32), ("nothing",))


class Tired(TopicWorld):
    """Every fork costs it a request."""

    def fork(self, streams):
        world = super().fork(streams)
        self._cursor += 1
        return world


class Astray(TopicWorld):
    def truth(self, requests, items):
        truth = super().truth(requests, items)
        return replace(truth, item=truth.item[::-1].copy())


class Prejudiced(TopicWorld):
    """Grades what it says nobody judged."""

    def truth(self, requests, items):
        truth = super().truth(requests, items)
        return replace(truth, judged=np.zeros(len(truth.judged), np.bool_))


class Sociable(TopicWorld):
    """Takes another topic for a request in company."""

    def truth(self, requests, items):
        truth = super().truth(requests, items)
        return replace(truth, topic=truth.topic + (len(truth) > 1))


class Mellowing(TopicWorld):
    """Grades better, the more was asked."""

    def truth(self, requests, items):
        truth = super().truth(requests, items)
        return replace(truth, grade=np.where((truth.grade == 1) & (self._cursor > 50), 2, truth.grade))


class Lavish(TopicWorld):
    def held_out(self, n):
        return super().held_out(n + (n > 1))


class Insistent(TopicWorld):
    def held_out(self, n):
        return super().held_out(max(n, 1))


class Lending(TopicWorld):
    seen = None

    def fork(self, streams):
        world = super().fork(streams)
        world.seen = None
        return world

    def next(self, n, feedback=None):
        self.seen = np.zeros(1) if self.seen is None else self.seen
        self.seen += n
        return super().next(n, feedback)

    def state(self):
        return {**super().state(), "seen": np.zeros(1) if self.seen is None else self.seen}

    def restore(self, state):
        self.seen = state["seen"].copy()
        super().restore({key: value for key, value in state.items() if key != "seen"})


class Boastful(TopicWorld):
    def shares(self):
        stream, held = super().shares()
        return 2 * stream, held


class Mixed(TopicWorld):
    def shares(self):
        stream, held = super().shares()
        return (stream + held) / 2, held


class Swapped(TopicWorld):
    def shares(self):
        return super().shares()[::-1]


class Headlong(TopicWorld):
    def band(self, requests):
        return np.zeros(len(requests), np.int8)


class Promising(TopicWorld):
    """Reserves a topic that its stream asks."""

    reserved = np.arange(6) == 0


class Overdone(TopicWorld):
    """Reserves more than it holds out."""

    reserved = np.arange(6) >= 4

    def shares(self):
        stream, held = super().shares()
        stream[4] = 0.0
        return stream / stream.sum(), held

    def next(self, n, feedback=None):
        requests = super().next(n, feedback)
        return replace(requests, query=np.where(requests.query < 8, requests.query, requests.query - 4))


BROKEN = [
    ("shares_are_those_of_the_requests", Boastful),
    ("shares_are_those_of_the_requests", Mixed),
    ("shares_are_those_of_the_requests", Swapped),
    ("shares_are_those_of_the_requests", Headlong),
    ("shares_are_those_of_the_requests", Promising),
    ("shares_are_those_of_the_requests", Overdone),
    ("follows_protocol", Mute),
    ("requests_are_numbered", Stuck),
    ("requests_are_numbered", Backwards),
    ("batches_may_be_cut_anywhere", Lumpy),
    ("fork_starts_anew", Forever),
    ("fork_starts_anew", OneStream),
    ("truth_fits", TooGood),
    ("truth_fits", Filled),
    ("truth_of_an_item_is_its_own", Envious),
    ("ideal_is_the_best", Cheap),
    ("ideal_is_the_best", Miscounted),
    ("held_out_changes_nothing", Spent),
    ("held_out_changes_nothing", Leaky),
    ("context_keeps_the_secret", Telling),
    ("empty_batch", Counting),
    ("arguments_are_left_alone", Sorting),
    ("state_continues_exactly", Lost),
    ("follows_protocol", Graded),
    ("requests_are_numbered", Liberal),
    ("requests_are_numbered", Wordless),
    ("requests_are_numbered", Unmeasured),
    ("fork_starts_anew", Tired),
    ("truth_fits", Astray),
    ("truth_fits", Prejudiced),
    ("truth_of_an_item_is_its_own", Sociable),
    ("truth_of_an_item_is_its_own", Mellowing),
    ("held_out_changes_nothing", Lavish),
    ("held_out_changes_nothing", Insistent),
    ("state_continues_exactly", Lending),
]


def test_the_right_one_passes():
    check_world(small(TopicWorld))


@pytest.mark.parametrize(("check", "kind"), BROKEN)
def test_a_broken_one_fails_where_it_is_broken(check, kind):
    must_fail(check, lambda: check_world(small(kind)))


def test_every_check_can_fail():
    assert set(WORLD_CHECKS) == {check for check, _ in BROKEN}
