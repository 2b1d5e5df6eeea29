"""The answer of one estimator about one allocation policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ltrr.replay.estimators.base import Estimator

__all__ = ["TwoStageEstimate"]


@dataclass(frozen=True)
class TwoStageEstimate:
    """One estimator's answer about one target.

    Parameters
    ----------
    name : str
        Level and estimator: ``"quota-ips"``.
    value, standard_error : float or None
        The estimate per request and its standard error; None where the log cannot answer.
    n : int
        Requests.
    ess : float
        Effective sample size of the weights, ``(Σ w)² / Σ w²``.
    expected_ess : float
        The same from what the logging policy could have done, ``n² / Σ E[w²]``, where its law is known. The
        first is too large where the largest weights were never drawn.
    mean_weight : float
        Near 1 where probabilities are right and the target's choices are covered.
    own : float
        Share of requests whose weights are those of the level itself, see `TwoStageBatch`.
    outside : float
        Mean target mass on what the logging policy could not have done.
    reason : str
        Why there is no answer, or "".
    doubt : str
        Why the answer is biased, or "".
    notes : tuple of str
        What must be stated with the answer, ``doubt`` first.
    summary : mapping of str to float or None
        The diagnostics of the weights, see `ltrr.replay.judging.diagnostics.Diagnostics`.
    estimator : Estimator
        The accumulator itself, for intervals; its value is meaningless where ``reason`` is not empty.

    Examples
    --------
    >>> import ltrr
    >>> from ltrr.replay.allocations.two_stage import two_stage
    >>> world = ltrr.worlds.Music(n_items=300, n_queries=100)
    >>> loop = {"warmup": 40, "log_shadow": True}
    >>> run = ltrr.simulate(world, policies=["random"], rounds=80, seeds=1, loop=loop, quiet=True)
    >>> answer = two_stage(run.folder, policy="random", target="2 bm25 + 1 dense")[1]
    >>> answer.name, answer.n, answer.value is None
    ('quota-ips', 80, False)
    """

    name: str
    value: float | None
    standard_error: float | None
    n: int
    ess: float
    expected_ess: float
    mean_weight: float
    own: float
    outside: float
    reason: str
    doubt: str
    notes: tuple[str, ...]
    summary: Mapping[str, float | None]
    estimator: Estimator

    @property
    def level(self) -> str:
        """What the weights compare: sequence, quota or page."""
        return self.name.split("-")[0]

    @property
    def note(self) -> str:
        """All that must be stated with the answer, or ""."""
        return "; ".join(self.notes)

    @property
    def effective(self) -> float:
        """Effective rows: the smaller of the two effective sample sizes."""
        return min(self.ess, self.expected_ess)
