"""Every check of an interval method can fail."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from ltrr.checks import check_interval
from ltrr.checks.interval import INTERVAL_CHECKS
from ltrr.errors import InputError
from ltrr.metrics.intervals import Interval
from ltrr.replay import Moments, intervals
from ltrr.replay.estimators import slate
from tests.checks.stalls import must_fail


@dataclass
class SomeInterval:
    """Mean of one term ± ``stretch / sqrt(n (1 − level))``: right in every way."""

    stretch: float = 1.0
    seen: Moments = field(init=False, repr=False)

    name = "some"

    def __post_init__(self):
        self.seen = Moments(2)

    def fork(self, estimator=None):
        return replace(self)

    def add(self, rows, key):
        if rows.shape[1] == 2:
            self.seen.add(rows)

    def merge(self, other):
        if other.stretch != self.stretch:
            raise InputError("other parameters")
        self.seen.merge(other.seen)

    def half(self, level):
        return self.stretch / np.sqrt(self.seen.n * (1.0 - level))

    def interval(self, estimator, level=0.95):
        if not 0.0 < level < 1.0:
            raise InputError("no level")
        if self.seen.n == 0:
            return None
        mean, half = estimator.value(), self.half(level)
        return Interval(mean, mean - half, mean + half, self.seen.n)


class Unmergeable(SomeInterval):
    merge = None


class Silent(SomeInterval):
    def interval(self, estimator, level=0.95):
        return None


class Unlike(SomeInterval):
    def fork(self, estimator=None):
        return SomeInterval(self.stretch)


class Rounding(SomeInterval):
    def add(self, rows, key):
        super().add(rows, key)
        np.round(rows, out=rows)


class Draining(SomeInterval):
    """Takes from another what it takes in."""

    def merge(self, other):
        super().merge(other)
        other.seen = Moments(2)


class Astray(SomeInterval):
    def interval(self, estimator, level=0.95):
        got = super().interval(estimator, level)
        return None if got is None else replace(got, mean=got.mean + 1e-6)


class Turned(SomeInterval):
    """Ends in the wrong order at high levels."""

    def half(self, level):
        return super().half(level) * (-1.0 if level > 0.98 else 1.0)


class Tiring(SomeInterval):
    def interval(self, estimator, level=0.95):
        got = super().interval(estimator, level)
        self.stretch *= 1.1
        return got


class Stubborn(SomeInterval):
    def half(self, level):
        return super().half(0.9)


class Inverse(SomeInterval):
    def half(self, level):
        return super().half(1.0 - level)


class Anyhow(SomeInterval):
    def interval(self, estimator, level=0.95):
        return super().interval(estimator, level if 0.0 < level < 1.0 else 0.9)


class Inheriting(SomeInterval):
    def fork(self, estimator=None):
        heir = replace(self)
        heir.seen.merge(self.seen)
        return heir


class Shared(SomeInterval):
    """Its forks write down where it writes down, once it has seen something."""

    def fork(self, estimator=None):
        twin = replace(self)
        if self.seen.n:
            twin.seen = self.seen
        return twin


class Piecewise(SomeInterval):
    """Widens with every batch."""

    batches: int = 0

    def add(self, rows, key):
        super().add(rows, key)
        self.batches += 1

    def half(self, level):
        return super().half(level) * (1.0 + 0.01 * self.batches)


class Ignoring(SomeInterval):
    def merge(self, other):
        if other.stretch != self.stretch:
            raise InputError("other parameters")


class Twice(SomeInterval):
    """Becomes surer by merging than it may."""

    def half(self, level):
        return super().half(level) * getattr(self, "share", 1.0)

    def merge(self, other):
        super().merge(other)
        self.share = 0.9


class Promiscuous(SomeInterval):
    def merge(self, other):
        self.seen.merge(other.seen)
        self.stretch = min(self.stretch, other.stretch)


class Certain(SomeInterval):
    def half(self, level):
        return 0.0 if self.seen.n == 1 else super().half(level)


class FromNothing(SomeInterval):
    def interval(self, estimator, level=0.95):
        got = super().interval(estimator, level)
        return Interval(0.0, -np.inf, np.inf, 0) if got is None and not estimator.moments.n else got


class Dividing(SomeInterval):
    """Divides by the spread of the rows."""

    def half(self, level):
        spread = np.sqrt(self.seen.covariance[1, 1])
        return super().half(level) * (spread / spread if spread else np.nan) if self.seen.n > 1 else 1.0


class Anonymous(SomeInterval):
    name = ""


class Tupled(SomeInterval):
    def interval(self, estimator, level=0.95):
        got = super().interval(estimator, level)
        return None if got is None else (got.low, got.high)


class Verbose(SomeInterval):
    def interval(self, estimator, level=0.95):
        if self.seen.n == 0:
            raise InputError("nothing seen:\ngive it rows")
        return super().interval(estimator, level)


class Lopsided(SomeInterval):
    """Is wider at higher levels, on one side."""

    def interval(self, estimator, level=0.95):
        got = super().interval(estimator, level)
        return None if got is None else replace(got, low=got.mean - 0.1 * (1.0 - level))


class Choosy(SomeInterval):
    def interval(self, estimator, level=0.95):
        got = super().interval(estimator, level)
        return None if level == 0.99 else got


class Reverberant(SomeInterval):
    """What its forks see, it sees too, once it has seen something."""

    parent = None

    def fork(self, estimator=None):
        twin = replace(self)
        twin.parent = self
        return twin

    def add(self, rows, key):
        super().add(rows, key)
        if self.parent is not None and self.parent.seen.n:
            self.parent.add(rows, key)


class Reasonless(SomeInterval):
    """Has no interval of ratios, and gives no reason."""

    def lacks(self, estimator):
        return ""

    def interval(self, estimator, level=0.95):
        return None if estimator.width > 1 else super().interval(estimator, level)


class Excusing(SomeInterval):
    """Gives a reason where there is an interval."""

    def lacks(self, estimator):
        return "needs nothing"


class Wordy(SomeInterval):
    def lacks(self, estimator):
        return "" if self.seen.n else "needs rows:\nadd some"


class Undecided(SomeInterval):
    clustered = "sometimes"


class Lonely(SomeInterval):
    """Has no interval of one cluster, and gives no reason."""

    clustered = True

    def lacks(self, estimator):
        return "" if self.seen.n else "needs rows of one term"

    def interval(self, estimator, level=0.95):
        one = estimator.clusters is not None and estimator.clusters.n == 1
        return None if one else super().interval(estimator, level)


BROKEN = [
    ("says_what_it_lacks", Lonely),
    ("says_what_it_lacks", Reasonless),
    ("says_what_it_lacks", Excusing),
    ("says_what_it_lacks", Wordy),
    ("says_what_it_lacks", Undecided),
    ("follows_protocol", Anonymous),
    ("follows_protocol", Tupled),
    ("asking_changes_nothing", Verbose),
    ("wider_at_higher_levels", Lopsided),
    ("wider_at_higher_levels", Choosy),
    ("fork_has_seen_nothing", Reverberant),
    ("follows_protocol", Unmergeable),
    ("follows_protocol", Silent),
    ("follows_protocol", Unlike),
    ("arguments_are_left_alone", Rounding),
    ("arguments_are_left_alone", Draining),
    ("intervals_are_of_the_estimate", Astray),
    ("intervals_are_of_the_estimate", Turned),
    ("asking_changes_nothing", Tiring),
    ("wider_at_higher_levels", Stubborn),
    ("wider_at_higher_levels", Inverse),
    ("wider_at_higher_levels", Anyhow),
    ("fork_has_seen_nothing", Inheriting),
    ("fork_has_seen_nothing", Shared),
    ("chunks_are_one_pass", Piecewise),
    ("parts_merge_to_one_pass", Ignoring),
    ("parts_merge_to_one_pass", Twice),
    ("merge_minds_parameters", Promiscuous),
    ("few_requests", Certain),
    ("few_requests", FromNothing),
    ("odd_logs_have_no_nan", Dividing),
]


class Telling(SomeInterval):
    """Has the members that may be left out."""

    clustered = True

    def lacks(self, estimator):
        return "" if self.seen.n else "needs a mean of one term"


def test_the_right_one_passes():
    check_interval(SomeInterval())
    check_interval(Telling())


@pytest.mark.parametrize(("check", "kind"), BROKEN)
def test_a_broken_one_fails_where_it_is_broken(check, kind):
    must_fail(check, lambda: check_interval(kind()))


def test_every_check_can_fail():
    assert set(INTERVAL_CHECKS) == {check for check, _ in BROKEN}


def test_bounds_of_the_logs_are_checked():
    with pytest.raises(InputError, match=r"`reward_range\[1\]` must be a number > 1, got 0\.0"):
        check_interval(SomeInterval(), reward_range=(1.0, 0.0))
    with pytest.raises(InputError, match=r"`weight_bound` must be a number > 1, got 1\.0"):
        check_interval(SomeInterval(), weight_bound=1.0)


def test_intervals_of_slates():
    several = (slate.SlateIPS(), slate.SlateSNIPS(), slate.SNRIPS(1))
    check_interval(intervals.PoissonBootstrap(100), estimators=several)
    declared = intervals.ConfidenceSequence(weight_bound=10.0, reward_range=(0.0, 1.0))
    skip = {"parts_merge_to_one_pass": "a product of capitals is a capital, and not that of one gambler"}
    check_interval(declared, estimators=several, skip=skip)
