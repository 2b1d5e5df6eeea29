"""What a policy reads of a log, so that the rest need not be read at all."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from ltrr.logs.extra import Extra
from ltrr.logs.own_columns import extra_log
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
    numbers, labels, ids : frozenset of str
        Further columns that events get, by name (`ltrr.logs.extra.Extra`).

    Examples
    --------
    >>> both = Reads(features=False, targets=frozenset({"new"})) | NO_COLUMNS
    >>> both.features, both.targets
    (False, frozenset({'new'}))
    >>> (Reads() | NO_COLUMNS).targets is None
    True
    """

    features: bool = True
    targets: frozenset[str] | None = None
    numbers: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()

    def __or__(self, other: Reads) -> Reads:
        """Return what is read by one or the other."""
        some = self.targets is not None and other.targets is not None
        targets = (self.targets or frozenset()) | (other.targets or frozenset()) if some else None
        return Reads(
            self.features or other.features,
            targets,
            self.numbers | other.numbers,
            self.labels | other.labels,
            self.ids | other.ids,
        )


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


def narrowed(log: ReplayLog, reads: Reads, *, propensity: bool = True) -> ReplayLog:
    """Return the log with what is read alone, where its format can leave the rest out.

    A log that can has a method ``only(*, features, targets)`` that returns another log. What `Reads` asks for
    beyond that is given to ``only`` by further keywords, and only where it is asked for; where ``only`` does
    not take them, or the log has none, it is found in the events' own fields.

    Parameters
    ----------
    log : ReplayLog
    reads : Reads
    propensity : bool
        Whether propensities are read.

    Raises
    ------
    InputError
        If the log knows no column of a name.
    """
    only = getattr(log, "only", None)
    extra = Extra(reads.numbers, reads.labels, reads.ids)
    more: dict[str, Any] = {what: getattr(extra, what) for what, _ in extra.named()}
    more |= {} if propensity else {"propensity": False}
    if only is None:
        return extra_log(log, extra, propensity=propensity)
    if _takes(only, more):
        small: ReplayLog = only(features=reads.features, targets=reads.targets, **more)
        return small
    # a column of the context is found only if the context is read
    wide: ReplayLog = only(features=reads.features or bool(extra), targets=reads.targets)
    return extra_log(wide, extra, propensity=propensity)


def _takes(function: Callable[..., Any], names: Iterable[str]) -> bool:
    """Return whether a function takes keywords of these names."""
    known = inspect.signature(function).parameters
    free = any(p.kind is p.VAR_KEYWORD for p in known.values())
    return free or all(name in known for name in names)
