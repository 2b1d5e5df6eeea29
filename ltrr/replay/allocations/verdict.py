"""The verdict on an allocation's estimate, from the effective rows that it rests on."""

from __future__ import annotations

from ltrr.replay.allocations.estimate import TwoStageEstimate
from ltrr.replay.judging.verdict import CANNOT, Verdict, judge

__all__ = ["FLOOR", "PAGE_FLOOR", "allocation_verdict"]

FLOOR = 30.0
"""Effective rows below which a value by sequence or by quota is no answer.

From here to 1,000, 95 % intervals held the truth in 94 % of simulated logs, and in 81 % of the worst kind of
log; with a floor of 10, in 52 % of that kind (simulations/closed-loop.md).
"""
PAGE_FLOOR = 100.0
"""Effective rows below which a value by page is no answer.

Weights by page differ from request to request, so that as many effective rows hold fewer of the large ones.
From 30 to 100 effective rows intervals of IPS held the truth in 89 to 92 % of simulated logs, from 100 on in
94 to 96 % (simulations/closed-loop.md).
"""


def allocation_verdict(answer: TwoStageEstimate) -> Verdict:
    """Return the verdict on an estimate and its reason.

    Above the floor it is `ltrr.replay.judging.verdict.judge`'s, as for every other policy, on effective rows
    in place of the effective sample size of the drawn weights.

    Examples
    --------
    >>> import ltrr
    >>> from ltrr.replay.allocations.two_stage import two_stage
    >>> world = ltrr.worlds.Music(n_items=300, n_queries=100)
    >>> loop = {"warmup": 40, "log_shadow": True}
    >>> run = ltrr.simulate(world, policies=["random"], rounds=80, seeds=1, loop=loop, quiet=True)
    >>> answer = two_stage(run.folder, policy="random", target="2 bm25 + 1 dense")[1]
    >>> allocation_verdict(answer).label
    'cannot answer'
    """
    if answer.reason:
        return Verdict(CANNOT, answer.reason)
    rows, floor = answer.effective, PAGE_FLOOR if answer.level == "page" else FLOOR
    verdict = judge(
        {**answer.summary, "ess": rows, "unsupported_mass": answer.outside},
        biased=f"{answer.doubt}." if answer.doubt else "",
    )
    if verdict.label == CANNOT or rows >= floor:
        return verdict
    few = f"{rows:.3g} effective rows, below {floor:.0f}"
    return Verdict(CANNOT, f"{few}: with fewer, intervals by {answer.level} miss too often.")
