"""A loop that learns during its warm-up and never again, so that all policies face the same system."""

from __future__ import annotations

from dataclasses import dataclass

from ltrr.simulation.loop import Loop
from ltrr.types import Feedback

__all__ = ["FrozenLoop"]


@dataclass
class FrozenLoop(Loop):
    """A `Loop` whose arms, credits, policy and ranker learn from the random warm-up alone.

    All policies of one replicate (in one action space) share the warm-up's requests, draws and clicks, so
    after it they face the same ranker, memory and popularity: what a log of one policy says about another is
    then about the policy and nothing else, and running that other for real gives the truth. Under the plain
    loop a policy's own traffic also trains what all its later pages depend on.

    Parameters
    ----------
    system, setting, streams
        As in `Loop`.

    Examples
    --------
    >>> from ltrr.simulation.example import small_example
    >>> plain = small_example()
    >>> loop = FrozenLoop(plain.system, plain.setting, plain.streams)
    >>> while loop.round <= loop.setting.warmup:
    ...     batch = loop.step(20)
    >>> learnt = loop.lessons
    >>> batch = loop.step(20)
    >>> loop.lessons == learnt
    True
    """

    def _learn(self, feedback: Feedback) -> None:
        """Learn from the warm-up; what arrives after it is only logged."""
        if self.round <= self.setting.warmup:
            super()._learn(feedback)
