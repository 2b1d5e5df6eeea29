"""Which estimators and intervals are wanted of a log, and which it must refuse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ltrr.errors import InputError
from ltrr.replay.estimators import CressieRead, Estimator, make_estimator
from ltrr.replay.estimators.slate import SNRIPS
from ltrr.replay.intervals import IntervalMethod, PoissonBootstrap
from ltrr.replay.intervals.registry import make_interval
from ltrr.replay.models import Models
from ltrr.replay.policy_judge import Entry, PolicyJudge
from ltrr.replay.replay_log import ReplayLog
from ltrr.replay.settings import Settings
from ltrr.replay.slope import SLOPE_KINDS, Slope, grid_of
from ltrr.replay.targets import Target

__all__ = ["DEFAULT_ESTIMATORS", "DEFAULT_SLATE_ESTIMATORS", "WHOLE_REWARD", "Plan"]

DEFAULT_ESTIMATORS = ("ips", "snips", "dr")
DEFAULT_SLATE_ESTIMATORS = ("slate-ips", "slate-snips", "pi", "rips")
WHOLE_REWARD = frozenset({"slate-ips", "slate-snips", "pi"})
"""Slate estimators that need no reward of each slot."""


@dataclass(frozen=True)
class Plan:
    """Which estimators and intervals are wanted.

    Parameters
    ----------
    estimators : tuple of str or Estimator
    methods : tuple of IntervalMethod
        All but the bootstrap.
    bootstrap : PoissonBootstrap or None
    settings : Settings
    slot_rewards : bool
    n_slots : int
        Of the log's space.
    weight_bound : float or None
        Declared largest weight.
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
                chosen = tuple(name for name in chosen if name in WHOLE_REWARD)
        for name in chosen:
            if isinstance(name, str):
                make_estimator(name)
        bound = settings.weight_bound
        if bound is None and space.floor is not None:
            bound = 1.0 / space.floor
        reward_range = settings.reward_range or space.reward_range
        methods = [
            make_interval(m, seed=settings.seed, weight_bound=bound, reward_range=reward_range)
            if isinstance(m, str)
            else m
            for m in settings.intervals
        ]
        if len({m.name for m in methods}) != len(methods):
            raise InputError(f"`intervals` must name none twice, got {[m.name for m in methods]}")
        shared = [m for m in methods if isinstance(m, PoissonBootstrap)]
        own = tuple(m for m in methods if not isinstance(m, PoissonBootstrap))
        return Plan(
            chosen, own, shared[0] if shared else None, settings, space.slot_rewards, space.n_slots, bound
        )

    @property
    def sampled(self) -> bool:
        """True where a hyper-parameter is to be chosen from the weights."""
        return any(name in SLOPE_KINDS for name in self.estimators if isinstance(name, str))

    @property
    def needs(self) -> frozenset[str]:
        """Needs of all estimators."""
        made = [make_estimator(e) if isinstance(e, str) else e for e in self.estimators]
        return frozenset().union(*(e.needs for e in made))

    def entry(self, name: str, estimator: Estimator, refused: str = "") -> Entry:
        """Return an estimator with intervals of its own."""
        return Entry(name, estimator, [m.fork(estimator) for m in self.methods], refused)

    def judge(self, target: Target, models: Models, n_actions: int) -> PolicyJudge:
        """Return the judge of one policy; hyper-parameters get their grids from the sample's weights."""
        entries = []
        bare = PolicyJudge(target, [], models, n_actions, self.settings.seed)
        for wanted in self.estimators:
            estimator = wanted.fork() if isinstance(wanted, Estimator) else self._made(wanted, bare)
            name = estimator.label if isinstance(wanted, Estimator) else wanted
            entries.append(self.entry(name, estimator, self._refused(estimator)))
        if len({entry.name for entry in entries}) != len(entries):
            raise InputError(f"`estimators` must name none twice, got {[entry.name for entry in entries]}")
        return PolicyJudge(target, entries, models, n_actions, self.settings.seed)

    def _made(self, name: str, judge: PolicyJudge) -> Estimator:
        if name == SNRIPS.name:
            return SNRIPS(self.n_slots)
        if name == CressieRead.name and self.weight_bound is not None:
            return CressieRead(weight_high=self.weight_bound)
        sample = judge.models.sample
        if name not in SLOPE_KINDS or sample is None:
            return make_estimator(name)
        weight = judge.batch(sample)[0].weight
        if weight is None or not (weight > 0.0).any():
            return make_estimator(name)
        return Slope(name, grid_of(weight))

    def _refused(self, estimator: Estimator) -> str:
        """Say why an estimator would be wrong on this log."""
        if estimator.slate and not self.slot_rewards and estimator.name not in {*WHOLE_REWARD, "on-policy"}:
            return (
                f"`{estimator.name}` needs the reward of every slot, this log has one reward a request; use "
                f"{', '.join(sorted(WHOLE_REWARD))}"
            )
        return ""
