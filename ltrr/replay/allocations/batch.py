"""What is known of logged requests under one allocation policy, at every level of weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ltrr.types import Bool, Float32, Float64, Int64

__all__ = ["LEVELS", "TwoStageBatch"]

LEVELS = ("sequence", "quota", "page")
"""What weights compare: the sequence of arms, its quota, or the page that the ranker makes of it."""


@dataclass(frozen=True)
class TwoStageBatch:
    """B requests under one target policy, at every level.

    Parameters
    ----------
    key : int64 (B,)
        Keys of the requests.
    reward : float64 (B,)
        Observed rewards.
    context : float32 (B, D)
        What the policy saw.
    quota : int64 (B,)
        The logged quota's place among all quotas.
    target : float64 (B, Q)
        The target's law of the quota.
    weight : mapping of level to float64 (B,)
        Target probability over logging probability of what was logged. Where a level's own weight is not
        known, the next lower level's is used, which is also right and varies more.
    own : mapping of level to bool (B,)
        Where the weight is the level's own.
    outside : mapping of level to float64 (B,)
        Target mass on what the logging policy could not have done; at the level of sequences an unbiased
        estimate of it from the logged sequence.
    square : mapping of level to float64 (B,)
        Mean of the squared weight over all that the logging policy could have done there, where the level's
        weight is its own; elsewhere the square of the weight itself. The logged weights alone do not show
        how large those are that were never drawn.
    seen : mapping of level to float64 (B, Q)
        The target's law of the quota given what was logged, at the levels of quota (the logged quota alone)
        and page (the quotas that show it); what a model of quotas predicts for the logged row is its mean
        over this law, or the doubly robust residual does not average 0.

    Examples
    --------
    >>> import ltrr
    >>> from ltrr.logs.formats.run_log import open_run_log
    >>> from ltrr.replay.allocations.weights import TwoStage
    >>> world = ltrr.worlds.Music(n_items=300, n_queries=100)
    >>> loop = {"warmup": 40, "log_shadow": True}
    >>> run = ltrr.simulate(world, policies=["random"], rounds=80, seeds=1, loop=loop, quiet=True)
    >>> log = open_run_log(run.folder, policy="random")
    >>> batch = next(TwoStage(log, "2 bm25 + 1 dense").batches())
    >>> len(batch), list(batch.weight), batch.target.shape
    (80, ['sequence', 'quota', 'page'], (80, 20))
    """

    key: Int64
    reward: Float64
    context: Float32
    quota: Int64
    target: Float64
    weight: Mapping[str, Float64]
    own: Mapping[str, Bool]
    outside: Mapping[str, Float64]
    square: Mapping[str, Float64]
    seen: Mapping[str, Float64]

    def __len__(self) -> int:
        return len(self.key)
