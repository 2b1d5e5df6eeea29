"""What a policy reads of a log, so that the rest need not be read at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from ltrr.logs.replay_log import ReplayLog

__all__ = ["FEATURES", "NO_COLUMNS", "Reads", "narrowed", "reading"]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Reads:
    """Columns that a log must be read with, in addition to those that every estimate rests on.

    Parameters
    ----------
    features : bool
        Whether features of contexts or actions are read.
    targets : frozenset of str, or None
        The columns of target probabilities that are read; None for all.

    Examples
    --------
    >>> Reads(features=False, targets=frozenset({"new"})) | NO_COLUMNS
    Reads(features=False, targets=frozenset({'new'}))
    >>> Reads() | NO_COLUMNS
    Reads(features=True, targets=None)
    """

    features: bool = True
    targets: frozenset[str] | None = None

    def __or__(self, other: Reads) -> Reads:
        """Return what is read by one or the other."""
        some = self.targets is not None and other.targets is not None
        targets = (self.targets or frozenset()) | (other.targets or frozenset()) if some else None
        return Reads(self.features or other.features, targets)


NO_COLUMNS = Reads(features=False, targets=frozenset())
"""What a policy reads that looks at actions alone."""

FEATURES = Reads(features=True, targets=frozenset())
"""What a policy reads that looks at contexts and actions."""


def reading(of: Callable[..., Reads]) -> Callable[[F], F]:
    """Mark a function of `ltrr.replay.targets.named` with what its policy reads, by the same arguments."""

    def mark(maker: F) -> F:
        vars(maker)["reads"] = of
        return maker

    return mark


def narrowed(log: ReplayLog, reads: Reads) -> ReplayLog:
    """Return the log with what is read alone, where its format can leave the rest out.

    A log that can has a method ``only(*, features, targets)`` that returns another log.
    """
    only = getattr(log, "only", None)
    if only is None:
        return log
    small: ReplayLog = only(features=reads.features, targets=reads.targets)
    return small
