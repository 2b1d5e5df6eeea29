"""Judge policies from a log in one call."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ltrr.errors import InputError, nearest
from ltrr.logs.extra import Extra
from ltrr.logs.own_columns import with_extra
from ltrr.logs.propensity_check import PropensityCheck
from ltrr.logs.reading import read
from ltrr.logs.replay_log import ReplayLog
from ltrr.replay import allocations, learning
from ltrr.replay.judging.clustered_check import ClusteredCheck
from ltrr.replay.judging.clusters import cluster_name, has_users
from ltrr.replay.judging.comparison import Comparison
from ltrr.replay.judging.evaluation import Evaluation
from ltrr.replay.judging.models import MODELLED, fit_models
from ltrr.replay.judging.plan import DEFAULT_ESTIMATORS, Plan, needs_of
from ltrr.replay.judging.repeats import Repeats
from ltrr.replay.judging.segments import Segments
from ltrr.replay.judging.settings import Settings, several
from ltrr.replay.judging.tables import Pass, tables_of
from ltrr.replay.learning.rejection import LearningReplay
from ltrr.replay.nuisance.stated_rewards import check_named
from ltrr.replay.targets.base import Target
from ltrr.replay.targets.by_row import check_lengths
from ltrr.replay.targets.parse import parse_target, reads
from ltrr.replay.targets.reads import FEATURES, Reads, narrowed
from ltrr.report.progress import ProgressBar

if TYPE_CHECKING:
    import pandas as pd

    from ltrr.replay.allocations.comparison import AllocationComparison
    from ltrr.replay.learning.learner import LearningTarget

__all__ = ["evaluate", "run"]

_log = logging.getLogger(__name__)


def evaluate(
    log: Any, policy: Any = "uniform", *, estimators: Sequence[Any] = (), **options: Any
) -> pd.DataFrame:
    """Return a policy's value as estimated from a log, with intervals and a verdict.

    Parameters
    ----------
    log : ReplayLog, path, or table in memory
        What `ltrr.logs.read` takes.
        From `ltrr.replay.read`, or what it reads.
    policy : str, Target, Policy or another object with probabilities
        See `ltrr.replay.targets.parse_target`.
    estimators : sequence of str or Estimator
        Empty for the default.
    **options
        Fields of `ltrr.replay.judging.settings.Settings`: intervals, level, seed, half_width, reward_model…

    Returns
    -------
    DataFrame
        Columns `ltrr.replay.judging.evaluation.ESTIMATE_COLUMNS`, the reward as logged first.

    Raises
    ------
    InputError
        If the log cannot be read, or policy, estimators or options are unknown or do not fit the log.
    """
    return run(log, [policy], estimators=estimators, **options).table


def run(
    log: Any,
    policies: Sequence[Any] = ("uniform",),
    *,
    estimators: Sequence[Any] = (),
    quiet: bool = False,
    on_stage: Callable[[str], None] | None = None,
    on_chunk: Callable[[int], None] | None = None,
    **options: Any,
) -> Evaluation:
    """Judge several policies from one log, with diagnostics and paired differences.

    The log is read once to estimate, and once before where models or hyper-parameters are fitted (on a sample
    of bounded size); memory does not grow with the log.

    Parameters
    ----------
    log : ReplayLog, path, or table in memory
        What `ltrr.logs.read` takes.
    policies : sequence
        As in `evaluate`; names must differ. ``learning:NAME`` or a `LearningReplay` is a policy that learns
        along the log, judged by rejection replay alone; ``quota:2 bm25 + 1 memory``, on logs of
        this package, is a division of the slots, judged together with the ranker and the page.
    estimators : sequence of str or Estimator
    quiet : bool
        Show no progress; it is also left to the callables where they are given.
    on_stage : callable, optional
        Called with a line about the next stage.
    on_chunk : callable, optional
        Called with the number of rows of each chunk read.
    **options
        As in `evaluate`.
    """
    known = [f.name for f in fields(Settings)]
    for key in options:
        if key in known:
            continue
        reads = key in inspect.signature(read).parameters
        way = f"; it is for the reading: give the log as ltrr.logs.read(log, {key}=…)" if reads else ""
        raise InputError(f"there is no option `{key}`{way or nearest(key, known)}")
    settings = Settings(estimators=estimators, **options)
    policies = several("policies", policies)
    opened = read(log)
    if on_stage is not None or on_chunk is not None:
        return _run(opened, policies, settings, on_stage, on_chunk)
    with ProgressBar(quiet=quiet, unit="rows") as bar:
        return _run(opened, policies, settings, bar.stage, bar.add)


def _run(
    opened: ReplayLog,
    policies: Sequence[Any],
    settings: Settings,
    on_stage: Callable[[str], None] | None,
    on_chunk: Callable[[int], None] | None,
) -> Evaluation:
    """Judge policies from an opened log."""

    def say(stage: str) -> None:
        _log.info("%s: %s", opened.name, stage)
        if on_stage is not None:
            on_stage(stage)

    say("scanning the log")
    automatic = settings.cluster == "auto"
    settings = replace(settings, cluster=cluster_name(settings.cluster, opened) or None)
    wanted = _reads(policies, settings)
    log = narrowed(opened, wanted, propensity=settings.propensity_model is None)
    space = log.space
    if automatic and has_users(log, opened):
        settings = replace(settings, cluster="user")
    if kept := getattr(log, "kept", ""):
        say(f"the log was parsed once and is kept until the end: {kept}")
    # another log named by a policy is read as this one was
    reader = partial(read, **getattr(opened, "arguments", {"format": opened.format}))
    learners: list[LearningTarget] = []
    quotas: list[str] = []
    targets: list[Target] = []
    for policy in policies:
        text = policy if isinstance(policy, str) else ""
        if isinstance(policy, LearningReplay) or text.startswith("learning:"):
            learners.append(learning.learning_target(policy, seed=settings.seed))
        elif text.startswith("quota:"):
            quotas.append(allocations.allocation_of(policy, opened))
        else:
            targets.append(parse_target(policy, log, read=reader))
    names = [*(target.name for target in (*targets, *learners)), *quotas]
    if len(set(names)) != len(names) or not names:
        raise InputError(f"`policies` must name at least one policy and none twice, got {names}")
    check_named(settings.q, targets)
    plan = Plan.of(log, settings)
    say(
        "fitting models on a sample" if plan.sampled or plan.needs & MODELLED else "looking at the first rows"
    )
    models = fit_models(
        log,
        targets,
        plan.needs,
        settings,
        sampled=plan.sampled,
        outcome=settings.measured.matrix if settings.measured.numbers else None,
        on_chunk=on_chunk,
    )
    judges = [plan.judge(target, models, len(space.actions)) for target in targets]
    comparison = Comparison(plan, judges, settings.cluster or "")
    segments = Segments(settings.by, comparison) if settings.by else None
    bare = not getattr(getattr(opened, "columns", None), "context", True)
    checks = [PropensityCheck(len(space.actions), whole=bare or wanted.features) for _ in range(2)]
    check = ClusteredCheck(*checks) if models.trusts_log else None
    repeats = Repeats() if models.trusts_log and not comparison.cluster else None
    weighed: AllocationComparison | None = None
    if quotas:
        say("fitting the model of quotas")
        weighed = allocations.compared_allocations(opened, quotas, settings)
    say("estimating")
    extra = Extra(wanted.numbers, wanted.labels, wanted.ids)
    for events in allocations.chunks_of(opened, weighed) if weighed else log.chunks():
        if not len(events):  # a piece of the log whose rows were all excluded
            continue
        chunk = comparison.chunk(with_extra(events, extra, opened.name))
        comparison.take_in(chunk)
        if segments is not None:
            segments.add(chunk)
        if check is not None:
            check.add(chunk)
        if repeats is not None:
            repeats.add(events)
        if on_chunk is not None:
            on_chunk(len(events))
    check_lengths(targets, log)
    comparison.finish()
    if segments is not None:
        segments.finish()
    learned = []
    for learner in learners:
        say(f"replaying {learner.name}")
        learned.append(learner.judge(log, plan, on_chunk))
    found = {} if segments is None else segments.found
    evaluation = tables_of(
        Pass(
            log,
            comparison,
            found,
            learned,
            models,
            settings,
            None if check is None else check.chosen,
            repeats,
        )
    )
    return allocations.with_allocations(evaluation, weighed) if weighed else evaluation


def _reads(policies: Sequence[Any], settings: Settings) -> Reads:
    """Return what policies and estimators read of a log, before it is opened."""
    modelled = needs_of(settings.estimators or DEFAULT_ESTIMATORS) & MODELLED
    modelled_choice = settings.propensity_model not in (None, "frequency")
    found = Reads(
        features=bool(modelled) or modelled_choice,
        targets=frozenset(),
        numbers=settings.measured.numbers | _predictions(settings.q),
        labels=frozenset({settings.by} if settings.by else ()),
        ids=frozenset({settings.cluster} if settings.cluster else ()),
    )
    for policy in policies:
        found |= FEATURES if isinstance(policy, LearningReplay) else reads(policy)
    return found


def _predictions(q: Any) -> frozenset[str]:
    """Return the columns, or the pattern of columns, that hold predictions of rewards."""
    if isinstance(q, Mapping):
        return frozenset(str(column) for column in q.values())
    return frozenset({q} if isinstance(q, str) else ())
