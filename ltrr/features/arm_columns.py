"""Columns of action features that describe arms: type, credit of the type, and evidence of a preview."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ltrr.features.evidence import Evidence, Retrieve
from ltrr.features.history import CreditHistory
from ltrr.protocols import State
from ltrr.types import Feedback, Float32, Float64, Int64, Requests

__all__ = ["FILLED", "ArmColumns", "ArmValues", "SourceHistory"]

FILLED = "evidence:filled"
"""Overlap of an arm's preview with those of the slots that are filled already; last of the columns."""

WITH = "evidence:with_"
"""Beginning of the columns that `FILLED` follows from."""


class ArmValues(Protocol):
    """Columns of arms that are the same for all slots of a request.

    Examples
    --------
    >>> class Length:
    ...     names = ("evidence:length",)
    ...     def value(self, requests):
    ...         return np.ones((len(requests), 3, 1), np.float32)
    >>> Length().value(Requests.empty()).shape
    (0, 3, 1)
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""

    def value(self, requests: Requests) -> Float32:
        """Return the columns (B, R, C)."""


class SourceHistory(CreditHistory):
    """Past credit by type of source, so that a new arm starts with that of its type.

    A slab counts for the type of its arm. An allocation counts for each type by its share of the slots.

    Parameters
    ----------
    share : float64 (A, T)
        Share of each type in each action.

    Examples
    --------
    >>> history = SourceHistory(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]))
    >>> history.value(Requests.empty()).shape
    (0, 2)
    """

    def __init__(self, share: Float64) -> None:
        super().__init__(share.shape[1])
        self._share = share

    def learn(self, feedback: Feedback) -> None:
        """Add the credits of matured rows to the types of what was chosen."""
        kind = np.repeat(self.kind(feedback.requests), feedback.decision.n_slots)
        share = self._share[feedback.decision.action.reshape(-1)]
        np.add.at(self._sum, kind, feedback.credit.reshape(-1)[:, None] * share)
        np.add.at(self._count, kind, share)
        self._value = None


class ArmColumns:
    """What a policy may know of each arm besides its name, a row an arm.

    Columns: ``source:<type>``, one-hot over the types that occur; ``source:credit``, past credit of the type
    for this kind of query (`SourceHistory`); and ``evidence:…`` of a preview (`Evidence`), if there is one.
    The slots of a request see the same values: those at the time of its first slot.

    Parameters
    ----------
    source : sequence of str
        Type of each arm's evidence (``Arm.source``).
    history : SourceHistory
        Over the types in order of their first arm, see `types_of`.
    evidence : Evidence, optional
    retrieve : callable, optional
        Retrieves the previews, where there is evidence.

    Examples
    --------
    >>> columns = ArmColumns(("lexical", "lexical", "memory"), SourceHistory(np.eye(2)))
    >>> columns.names
    ('source:lexical', 'source:memory', 'source:credit')
    """

    def __init__(
        self,
        source: Sequence[str],
        history: SourceHistory,
        evidence: Evidence | None = None,
        retrieve: Retrieve | None = None,
    ) -> None:
        types = types_of(source)
        own = () if evidence is None else tuple(f"evidence:{name}" for name in evidence.names)
        self.names: tuple[str, ...] = (*(f"source:{t}" for t in types), "source:credit", *own)
        self.history, self.evidence, self.retrieve = history, evidence, retrieve
        self._type = np.array([types.index(s) for s in source], np.int64)
        self._one_hot = np.eye(len(types), dtype=np.float32)[self._type]
        self._asked: Requests | None = None
        self._value: Float32 = np.zeros((0, len(source), len(self.names)), np.float32)

    def value(self, requests: Requests) -> Float32:
        """Return the columns (B, R, C); of the requests that were asked last, those that were returned."""
        if requests is not self._asked:
            self._asked, self._value = requests, self._build(requests)
        return self._value

    def _build(self, requests: Requests) -> Float32:
        one_hot = np.broadcast_to(self._one_hot, (len(requests), *self._one_hot.shape))
        credit = self.history.value(requests)[:, self._type, None]
        parts = [one_hot, credit]
        if self.evidence is not None and self.retrieve is not None:
            parts.append(self.evidence.build(requests, self.retrieve))
        return np.concatenate(parts, axis=2, dtype=np.float32)

    def evidence_of(self, requests: Requests) -> Float32 | None:
        """Return the evidence of all arms side by side, (B, R · C), or None without previews."""
        if self.evidence is None:
            return None
        own = self.value(requests)[:, :, -len(self.evidence.names) :]
        return np.ascontiguousarray(own.reshape(len(requests), -1))

    def count(self) -> None:
        """Take the last batch into the scale of the evidence."""
        if self.evidence is not None:
            self.evidence.count()

    def learn(self, feedback: Feedback) -> None:
        """Add matured credits to the history by type."""
        self.history.learn(feedback)
        self._asked = None

    def state(self) -> State:
        """Return the history and the scale of the evidence."""
        own = {} if self.evidence is None else {"evidence": self.evidence.state()}
        return {"history": self.history.state(), **own}

    def restore(self, state: State) -> None:
        """Continue from a state."""
        self.history.restore(state["history"])
        if self.evidence is not None:
            self.evidence.restore(state["evidence"])
        self._asked = None


def types_of(source: Sequence[str]) -> tuple[str, ...]:
    """Return the distinct types in order of their first arm."""
    return tuple(dict.fromkeys(source))


def share_of_types(source: Sequence[str], share: Float64) -> Float64:
    """Return the share (A, T) of each type in actions that give arms ``share`` (A, R).

    Examples
    --------
    >>> share_of_types(("lexical", "memory", "lexical"), np.array([[0.5, 0.25, 0.25]])).tolist()
    [[0.75, 0.25]]
    """
    types = types_of(source)
    return share @ np.eye(len(types))[[types.index(s) for s in source]]


def with_arms(names: tuple[str, ...]) -> Int64:
    """Return the positions of the columns that say what an arm shares with each other arm, by arm."""
    return np.array([i for i, name in enumerate(names) if name.startswith(WITH)], np.int64)
