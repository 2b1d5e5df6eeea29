"""Allocation policies by name, judged from logs of ltrr in a replay's pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.logs.formats.run_log import RunLog
from ltrr.logs.replay_log import ReplayLog
from ltrr.replay.allocations.comparison import AllocationComparison
from ltrr.replay.allocations.tables import PREFIX
from ltrr.replay.allocations.two_stage import AllocationJudge, fitted_model
from ltrr.replay.allocations.weights import TwoStage
from ltrr.replay.judging.settings import Settings

__all__ = ["allocation_of", "chunks_of", "compared_allocations"]

_FOREIGN = (
    "policy {!r} divides slots among arms: only logs written by ltrr hold what that needs, got "
    "the format {!r}"
)

LEVELS = ("sequence-ips", "quota-ips", "quota-snips", "quota-dr", "page-ips", "page-snips", "page-dr")
"""Estimators for an allocation policy, those with the fewest assumptions first."""


def allocation_of(item: str, log: ReplayLog) -> str:
    """Return the quota that ``quota:2 bm25 + 1 memory`` means.

    Raises
    ------
    InputError
        If ltrr did not write the log.
    """
    if not isinstance(log, RunLog):
        raise InputError(_FOREIGN.format(item, log.format))
    return item.removeprefix(PREFIX)


def compared_allocations(log: ReplayLog, quotas: Sequence[str], settings: Settings) -> AllocationComparison:
    """Return what judges quotas, as "2 bm25 + 1 memory"; a pass over the log fits the one model of all.

    Raises
    ------
    InputError
        If ltrr did not write the log, or a quota is not one of its.
    """
    if not isinstance(log, RunLog):
        raise InputError(_FOREIGN.format(quotas[0], log.format))
    stages = {quota: TwoStage(log, quota) for quota in quotas}
    model = fitted_model(next(iter(stages.values())), LEVELS)
    judges = {quota: AllocationJudge(stage, LEVELS, model) for quota, stage in stages.items()}
    return AllocationComparison(judges, settings)


def chunks_of(log: ReplayLog, comparison: AllocationComparison) -> Iterator[Events]:
    """Yield a log's chunks; the judges of allocations see them too, with what events alone do not hold."""
    if not isinstance(log, RunLog):
        yield from log.chunks()
        return
    for part in log.read():
        comparison.add(part)
        yield part.events
    comparison.finish()
