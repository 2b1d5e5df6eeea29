"""Two-stage value: what another allocation policy would have earned, candidates passing through a ranker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ltrr.errors import InputError, nearest
from ltrr.logs.formats.run_log import RunPart, open_run_log
from ltrr.protocols import Policy
from ltrr.replay.allocations.batch import LEVELS, TwoStageBatch
from ltrr.replay.allocations.caution import doubt, notes
from ltrr.replay.allocations.estimate import TwoStageEstimate
from ltrr.replay.allocations.quota_model import QuotaModel
from ltrr.replay.allocations.weights import TwoStage
from ltrr.replay.estimators.base import Estimator
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.estimators.dr import DR
from ltrr.replay.estimators.ips import IPS
from ltrr.replay.estimators.snips import SNIPS
from ltrr.replay.judging.diagnostics import Diagnostics
from ltrr.types import Float64

__all__ = ["DEFAULT_TWO_STAGE", "AllocationJudge", "fitted_model", "two_stage"]

DEFAULT_TWO_STAGE = ("sequence-ips", "quota-ips", "quota-snips", "quota-dr", "page-ips")
"""The default estimators; any level combines with any of ips, snips and dr."""

_KINDS: dict[str, type[Estimator]] = {kind.name: kind for kind in (IPS, SNIPS, DR)}
_NOTHING = 1e-9
"""Target mass outside the support below which it is a rounding error."""


def two_stage(
    path: str | Path,
    *,
    target: str | Mapping[str, float] | Policy,
    policy: str | None = None,
    seed: int | None = None,
    estimators: Sequence[str] = DEFAULT_TWO_STAGE,
    logging: Policy | None = None,
    warm_up: str = "all",
    on_error: str = "fail",
) -> tuple[TwoStageEstimate, ...]:
    """Estimate the value of an allocation policy from a log of ltrr.

    Parameters
    ----------
    path : path
        The log's folder, or a run's folder that holds ``log``.
    target : str, mapping of str to float, or Policy
        See `TwoStage`.
    policy, seed : str, int, optional
        Which logged policy and seed; all seeds by default.
    estimators : sequence of str
        Names like ``"quota-dr"``: a level (sequence, quota, page) and ips, snips or dr.
    logging : Policy, optional
        The policy that wrote the log, see `TwoStage`.
    warm_up : "all", "only" or "without"
        Which requests are used, by whether the random warm-up decided them.
    on_error : "fail", "skip" or "report"
        What to do about faulty rows.

    Raises
    ------
    InputError
        If the log cannot be read, a name is unknown, or the target cannot be stated on this log.

    Examples
    --------
    >>> import ltrr
    >>> world = ltrr.worlds.Music(n_items=300, n_queries=100, seed=1)
    >>> loop = {"warmup": 40, "slot_size": 4, "held_out": 0, "log_shadow": True}
    >>> run = ltrr.simulate(world, policies=["random"], rounds=80, seeds=1, loop=loop, quiet=True)
    >>> answers = two_stage(run.folder, policy="random", target="2 bm25 + 1 dense")
    >>> [answer.name for answer in answers if answer.reason]
    []
    >>> ess = {answer.name: answer.ess for answer in answers}
    >>> ess["sequence-ips"] <= ess["page-ips"]
    True
    """
    log = open_run_log(path, policy=policy, seed=seed, warm_up=warm_up, on_error=on_error)
    stage = TwoStage(log, target, logging)
    judge = AllocationJudge(stage, estimators, fitted_model(stage, estimators))
    for part in log.read():
        judge.add(part)
    return judge.answers()


def fitted_model(stage: TwoStage, estimators: Sequence[str]) -> QuotaModel | None:
    """Return the reward model that estimators need, fitted in a pass over the log; None if they need none.

    It is a model of rewards by context and logged quota, the same for all targets.
    """
    if not any(kind is DR for _, kind in map(_parsed, estimators)):
        return None
    log = stage.log
    model = QuotaModel(log.n_slots, len(log.parts.about["arms"]), len(log.space.context_names))
    for batch in stage.batches():
        model.add(batch.key, batch.context, batch.quota, batch.reward)
    return model


class AllocationJudge:
    """Judges one allocation policy, part by part, so that several are judged in one pass over a log.

    Parameters
    ----------
    stage : TwoStage
        The target on its log.
    estimators : sequence of str
        As in `two_stage`.
    model : QuotaModel or None
        As of `fitted_model`.

    Examples
    --------
    >>> import ltrr
    >>> world = ltrr.worlds.Music(n_items=300, n_queries=100, seed=1)
    >>> loop = {"warmup": 40, "slot_size": 4, "held_out": 0}
    >>> run = ltrr.simulate(world, policies=["random"], rounds=80, seeds=1, loop=loop, quiet=True)
    >>> log = open_run_log(run.folder, policy="random")
    >>> judge = AllocationJudge(TwoStage(log, "3 bm25"), ["sequence-ips"], None)
    >>> for part in log.read():
    ...     rows = judge.add(part)
    >>> judge.answers()[0].n
    80
    """

    def __init__(self, stage: TwoStage, estimators: Sequence[str], model: QuotaModel | None) -> None:
        self.stage, self._names, self._model = stage, tuple(estimators), model
        self._sums = [_Sums(level, kind()) for level, kind in map(_parsed, estimators)]

    @property
    def estimators(self) -> dict[str, Estimator]:
        """The accumulators by name, those that cannot answer included."""
        return {name: each.estimator for name, each in zip(self._names, self._sums, strict=True)}

    def add(self, part: RunPart) -> dict[str, Float64]:
        """Take in a part of the log; return the rows of every estimator by name, none of an empty part."""
        if not len(part.events):
            return {}
        batch, model = self.stage.batch(part), self._model
        rows = {}
        for name, each in zip(self._names, self._sums, strict=True):
            q_logged, q_target = None, None
            if model is not None:
                q_logged = model.predict(batch.key, batch.context, batch.seen[each.level])
                q_target = model.predict(batch.key, batch.context, batch.target)
            rows[name] = each.add(batch, q_logged, q_target)
        return rows

    def answers(self) -> tuple[TwoStageEstimate, ...]:
        """Return the answer of each estimator."""
        return tuple(
            each.estimate(name, self.stage) for name, each in zip(self._names, self._sums, strict=True)
        )


@dataclass
class _Sums:
    """What one estimator needs of all batches."""

    level: str
    estimator: Estimator
    weights: Diagnostics = field(default_factory=lambda: Diagnostics(1))
    expected: float = 0.0
    own: int = 0
    outside: float = 0.0

    def add(self, batch: TwoStageBatch, q_logged: Float64 | None, q_target: Float64 | None) -> Float64:
        """Take in a batch; return the estimator's rows."""
        self.expected += float(batch.square[self.level].sum())
        self.own += int(batch.own[self.level].sum())
        self.outside += float(batch.outside[self.level].sum())
        weighed = ReplayBatch(
            batch.key, batch.reward, weight=batch.weight[self.level], q_logged=q_logged, q_target=q_target
        )
        self.weights.add(weighed)
        rows = self.estimator.rows(weighed)
        self.estimator.moments.add(rows)
        return rows

    def estimate(self, name: str, stage: TwoStage) -> TwoStageEstimate:
        n = self.weights.n
        outside, own = self.outside / max(n, 1), self.own / max(n, 1)
        reason = self._reason(stage, outside)
        answered = not reason
        return TwoStageEstimate(
            name,
            self.estimator.value() if answered else None,
            self.estimator.standard_error() if answered else None,
            n,
            self.weights.ess,
            n**2 / self.expected if self.expected else 0.0,
            self.weights.mean_weight,
            own,
            outside,
            reason,
            doubt(stage.log, self.level),
            notes(stage.log, self.level, own),
            self.weights.summary(),
            self.estimator,
        )

    def _reason(self, stage: TwoStage, outside: float) -> str:
        if self.weights.n == 0:
            return "the log holds no such requests"
        if self.level == "page" and not stage.pages.logged:
            return "the log holds no shadow retrieval; log with loop.log_shadow = true"
        if self.level == "page" and self.own == 0:
            return "no request's other pages are known: the log lacks scores or the logging policy's law"
        if outside > _NOTHING:
            return f"{outside:.3g} of the target's choices have probability 0 under the logging policy"
        if self.weights.ess == 0.0:
            return "no logged request agrees with the target"
        return ""


def _parsed(name: str) -> tuple[str, type[Estimator]]:
    known = [f"{level}-{kind}" for level in LEVELS for kind in _KINDS]
    if name not in known:
        raise InputError(f"`estimators` must be known names, got {name!r}{nearest(str(name), known)}")
    level, kind = name.split("-")
    return level, _KINDS[kind]
