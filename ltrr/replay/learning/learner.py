"""Policies that learn along the log, judged by rejection replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ltrr.bandits.registry import BEST_STATIC, POLICIES, PRESETS
from ltrr.errors import InputError, nearest
from ltrr.logs.events import Events
from ltrr.logs.replay_log import ReplayLog
from ltrr.replay.estimators import Estimator, RejectionReplay
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.judging.clusters import Clusters, ClusterSums, ids_of
from ltrr.replay.judging.models import Models
from ltrr.replay.judging.plan import Plan
from ltrr.replay.judging.policy_judge import PolicyJudge
from ltrr.replay.learning.rejection import LearningReplay
from ltrr.types import Float64
from ltrr.types.spec import make, spec_of

__all__ = ["LearningTarget", "learning_target"]

PREFIX = "learning:"


@dataclass
class LearningTarget:
    """A learning policy as a target: it has no probabilities before the walk.

    Parameters
    ----------
    name : str
        Name in tables.
    replay : LearningReplay

    Examples
    --------
    >>> learning_target("learning:linucb", seed=0).name
    'learning:linucb'
    """

    name: str
    replay: LearningReplay

    @property
    def estimated(self) -> str:
        """Nothing is estimated."""
        return ""

    @property
    def note(self) -> str:
        """How many rows the replay kept, which is the length of the policy's run."""
        kept, rows = self.replay.kept, self.replay.rows
        if not rows:
            return ""
        return f"learned from {kept:,} rows kept of {rows:,} ({self.replay.acceptance_rate:.1%})"

    def probabilities(self, events: Events) -> Float64 | None:
        """Return None: they change along the walk."""
        del events
        return None  # the protocol's word for "not known"

    def logged(self, events: Events) -> Float64:
        """Raise `InputError`: they change along the walk."""
        raise InputError(f"`{self.name}` states probabilities along a walk only, not of {len(events)} rows")

    def judge(self, log: ReplayLog, plan: Plan, on_chunk: Callable[[int], None] | None) -> PolicyJudge:
        """Walk the log and return the judge with the rows that were kept."""
        entry = plan.entry(RejectionReplay.name, RejectionReplay())
        if plan.bootstrap is not None:  # walked apart from the others, so with a bootstrap of its own
            entry.methods = [*entry.methods, plan.bootstrap.fork()]
        out = PolicyJudge(self, [entry], Models(), len(log.space.actions), plan.settings)
        estimator, cluster = entry.estimator, plan.settings.cluster or ""
        sums = ClusterSums(Clusters())
        sums.enrol(estimator, estimator.moments.width)
        for events, accept in self.replay.walk(log):
            batch = ReplayBatch(
                events.key, events.reward, slot=events.slot, count=events.count, accept=accept
            )
            out.diagnostics.add(batch, events, None)
            rows, key = estimator.rows(batch), Estimator.keys(batch)
            if cluster:
                key = ids_of(events, cluster)[batch.indptr[:-1]]
                sums.add([(estimator, rows)], sums.clusters.number(key))
            entry.add(rows, key, batch)
            if on_chunk is not None:
                on_chunk(len(events))
        if cluster and estimator.moments.n:
            sums.give_to(estimator)
        return out


def learning_target(item: Any, *, seed: int) -> LearningTarget:
    """Return what ``learning:NAME`` or a `LearningReplay` means.

    NAME is a kind of policy (``ltrr list policies``) or ``module:Class``, values of parameters after further
    colons; it starts untrained.

    Raises
    ------
    InputError
        If there is no such policy, or it does not learn.
    """
    if isinstance(item, LearningReplay):
        return LearningTarget(f"{PREFIX}{type(item.policy).__name__}", item)
    name = str(item).removeprefix(PREFIX)
    known = {name: s for name, s in PRESETS.items() if "ranker" not in s and s["kind"] != BEST_STATIC}
    if name in known:
        settings = dict(known[name])
        policy = POLICIES.make(settings.pop("kind"), settings, item)
    elif name in PRESETS or (":" not in name and name not in POLICIES.names):
        hint = nearest(name, [*known, *POLICIES.names])
        raise InputError(f"policy `{PREFIX}NAME` must name a kind of policy, got {name!r}{hint}")
    else:
        policy = make(POLICIES, spec_of(POLICIES, name, item), item)
    return LearningTarget(item, LearningReplay(policy, seed=seed))
