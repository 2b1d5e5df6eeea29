"""Which estimators and intervals are requested, and which the log must refuse."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from typing import Any, cast

from ltrr.errors import InputError
from ltrr.logs.replay_log import ReplayLog
from ltrr.replay.estimators import ESTIMATORS, Estimator, OnPolicy, make_estimator
from ltrr.replay.estimators.ratio import Ratio
from ltrr.replay.estimators.registry import open_kind
from ltrr.replay.estimators.slope import Slope, slope_of
from ltrr.replay.intervals import IntervalMethod, PoissonBootstrap
from ltrr.replay.intervals.registry import make_interval
from ltrr.replay.judging.entry import Entry
from ltrr.replay.judging.metrics import REWARD, Metric
from ltrr.replay.judging.models import Models
from ltrr.replay.judging.policy_judge import PolicyJudge
from ltrr.replay.judging.settings import Settings
from ltrr.replay.targets.base import Target

__all__ = ["DEFAULT_ESTIMATORS", "DEFAULT_SLATE_ESTIMATORS", "Plan", "needs_of"]

DEFAULT_ESTIMATORS = ("ips", "snips", "dr")
DEFAULT_SLATE_ESTIMATORS = ("slate-ips", "slate-snips", "pi", "rips")


def needs_of(estimators: Iterable[Any]) -> frozenset[str]:
    """Return the needs of all estimators."""
    return frozenset().union(*(make_estimator(wanted).needs for wanted in estimators))


@dataclass(frozen=True)
class Plan:
    """Which estimators and intervals are requested.

    Parameters
    ----------
    estimators : tuple of str, mapping or Estimator
        As `make_estimator` takes them.
    methods : tuple of IntervalMethod
        All but the bootstrap.
    bootstrap : PoissonBootstrap or None
    settings : Settings
    slot_rewards : bool
    n_slots : int
        Of the log's space.
    weight_bound : float or None
        Declared largest weight.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from ltrr.logs import read
    >>> log = read(pa.table({"action": ["a", "b"], "reward": [0, 1], "propensity": [0.5, 0.5]}), floor=0.1)
    >>> plan = Plan.of(log, Settings(estimators=["ips", "dm"]))
    >>> plan.weight_bound, sorted(plan.needs)
    (10.0, ['q', 'weight'])
    """

    estimators: tuple[Any, ...]
    methods: tuple[IntervalMethod, ...]
    bootstrap: PoissonBootstrap | None
    settings: Settings
    slot_rewards: bool
    n_slots: int
    weight_bound: float | None

    @staticmethod
    def of(log: ReplayLog, settings: Settings) -> Plan:
        """Return the plan that settings make for a log."""
        space = log.space
        chosen = tuple(settings.estimators)
        if not chosen:
            chosen = DEFAULT_ESTIMATORS if space.n_slots == 1 else DEFAULT_SLATE_ESTIMATORS
            if space.n_slots > 1 and not space.slot_rewards:
                chosen = tuple(name for name in chosen if make_estimator(name).whole_reward)
        for wanted in chosen:
            make_estimator(wanted)
        bound = settings.weight_bound
        if bound is None and space.floor is not None:
            bound = 1.0 / space.floor
        reward_range = settings.reward_range or space.reward_range
        methods = [
            make_interval(m, seed=settings.seed, weight_bound=bound, reward_range=reward_range)
            for m in settings.intervals or ("asymptotic",)
        ]
        if len({m.name for m in methods}) != len(methods):
            raise InputError(f"`intervals` must name none twice, got {[m.name for m in methods]}")
        shared = next((m for m in methods if isinstance(m, PoissonBootstrap)), None)
        own = tuple(m for m in methods if m is not shared)
        return Plan(chosen, own, shared, settings, space.slot_rewards, space.n_slots, bound)

    @property
    def sampled(self) -> bool:
        """True where a hyper-parameter is to be chosen from the weights."""
        return any(slope_of(wanted) is not None for wanted in self.estimators)

    @property
    def needs(self) -> frozenset[str]:
        """Needs of all estimators."""
        return needs_of(self.estimators)

    def entry(
        self,
        name: str,
        estimator: Estimator,
        refused: str = "",
        *,
        metric: str = REWARD,
        places: tuple[int, ...] = (0,),
    ) -> Entry:
        """Return an estimator with its own intervals."""
        methods = [m if metric == REWARD else without_range(m) for m in self.methods]
        return Entry(name, estimator, [m.fork(estimator) for m in methods], refused, metric, places)

    def logged(self) -> list[Entry]:
        """Return the entries of the values as logged, one a metric."""
        return [
            self.entry(OnPolicy.name, of_metric(metric, OnPolicy()), metric=metric.name, places=places)
            for metric, places in self._placed
        ]

    @property
    def _placed(self) -> list[tuple[Metric, tuple[int, ...]]]:
        measured = self.settings.measured
        return [(metric, measured.places(metric)) for metric in measured.metrics]

    def judge(self, target: Target, models: Models, n_actions: int) -> PolicyJudge:
        """Return the judge of one policy; what SLOPE chooses among comes from the sample's weights."""
        bare = PolicyJudge(target, [], models, n_actions, self.settings)
        made = []
        for wanted in self.estimators:
            estimator = self._made(wanted, bare)
            made.append((wanted if isinstance(wanted, str) else estimator.label, estimator))
        if len({name for name, _ in made}) != len(made):
            raise InputError(f"`estimators` must name none twice, got {[name for name, _ in made]}")
        entries = [
            self.entry(
                name,
                of_metric(metric, estimator),
                self._refused(estimator),
                metric=metric.name,
                places=places,
            )
            for metric, places in self._placed
            for name, estimator in made
        ]
        return PolicyJudge(target, entries, models, n_actions, self.settings)

    def _made(self, wanted: Any, judge: PolicyJudge) -> Estimator:
        """Return an estimator; what a log declares is set, and SLOPE gets its grid where it is asked for."""
        sample = judge.models.sample
        if slope_of(wanted) is not None and sample is not None:
            return cast(Slope, make_estimator(wanted)).over(judge.batches(sample).batches[0].weight)
        kind = open_kind(wanted)
        if kind is None:
            return make_estimator(wanted)
        return kind.for_log(n_slots=self.n_slots, weight_bound=self.weight_bound)

    def _refused(self, estimator: Estimator) -> str:
        """Say why an estimator would be wrong on this log."""
        if estimator.slate and not self.slot_rewards and not estimator.whole_reward:
            others = [name for name, kind in ESTIMATORS.makers.items() if kind.slate and kind.whole_reward]
            return (
                f"`{estimator.name}` needs the reward of every slot, this log has one reward a request; use "
                f"{', '.join(sorted(others))}"
            )
        return ""


def of_metric(metric: Metric, estimator: Estimator) -> Estimator:
    """Return what estimates a metric: the estimator, or the ratio of two of its kind."""
    return Ratio(estimator.fork(), estimator.fork()) if metric.per else estimator.fork()


def without_range(method: IntervalMethod) -> IntervalMethod:
    """Return an interval method that knows no range of rewards: what is declared is the reward's."""
    if getattr(method, "reward_range", None) is None:
        return method
    bare = copy(method)
    bare.reward_range = None  # type: ignore[attr-defined]  # it has one, as was just asked
    return bare
