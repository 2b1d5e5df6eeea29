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


BROKEN = [
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
]


def test_the_right_one_passes():
    check_world(small(TopicWorld))


@pytest.mark.parametrize(("check", "kind"), BROKEN)
def test_a_broken_one_fails_where_it_is_broken(check, kind):
    must_fail(check, lambda: check_world(small(kind)))


def test_every_check_can_fail():
    assert set(WORLD_CHECKS) == {check for check, _ in BROKEN}
