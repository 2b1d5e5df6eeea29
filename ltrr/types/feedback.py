"""Feedback: what came back from users, with all that learners may use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.types.arrays import Bool, Float32, Float64, Int32, Int64, UInt32
from ltrr.types.candidate_rows import CandidateRows
from ltrr.types.decision import Decision
from ltrr.types.requests import Requests

__all__ = ["Feedback"]

_DEFAULT: Any = None
"""Stands for what the other columns decide."""


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """Observed outcomes of B requests with pages of K places and S slots.

    Parameters
    ----------
    requests : Requests
        With the context as it was at decision time.
    decision : Decision
    item : int32 (B, K)
        The page; −1 for an empty place.
    slots : uint32 (B, K)
        Bit s is set where slot s drew the shown item (see `Union.slots`).
    features : float32 (B, K, F)
        Ranker features of the shown rows as they were when shown (zeros in empty places).
    click, satisfied : bool (B, K)
        What the user did.
    abandoned : bool (B,)
        True where no click was made.
    arrived_at : float64 (B,)
        Time in seconds at which this becomes known.
    reward : float64 (B,)
        Observed reward of the page.
    value : float64 (B, K)
        The share of ``reward``, before costs, that each shown item earned.
    credit : float64 (B, S)
        The reward that each slot is credited with.
    propensity : float64 (B, K), optional
        Probability that the page showed the item at its place (`ltrr.types.Page`); all 1 by default.
    explored : bool (B, K), optional
        True where the page showed an item from outside the best K; all false by default.
    candidates : CandidateRows, optional
        What the ranker saw of all candidates; by default those that were shown.

    Examples
    --------
    One slot chose arm 1, which drew item 7; a click on it satisfied the user a minute later.

    >>> import numpy as np
    >>> from ltrr.types import ActionSet, Queries
    >>> one, two = np.zeros(1), ActionSet(np.array([0, 2]), np.arange(2), np.zeros((2, 0)), (), n_actions=2)
    >>> feedback = Feedback(
    ...     requests=Requests(one, one, one, one, one, np.zeros((1, 0)), (), Queries(("blue",))),
    ...     decision=Decision(
    ...         action=[[1]], propensity=[[0.5]], quota=[[0, 1]], audit=[[False]], version=[0],
    ...         actions=(two,), probabilities=(np.array([0.5, 0.5]),),
    ...     ),
    ...     item=[[7, -1]], slots=[[1, 0]], features=np.zeros((1, 2, 0)), click=[[True, False]],
    ...     satisfied=[[True, False]], abandoned=[False], arrived_at=[60.0], reward=[1.0],
    ...     value=[[1.0, 0.0]], credit=[[1.0]],
    ... )
    >>> len(feedback), feedback.decision.action.tolist(), feedback.credit.tolist()
    (1, [[1]], [[1.0]])
    """

    requests: Requests
    decision: Decision
    item: Int32
    slots: UInt32
    features: Float32
    click: Bool
    satisfied: Bool
    abandoned: Bool
    arrived_at: Float64
    reward: Float64
    value: Float64
    credit: Float64
    propensity: Float64 = _DEFAULT
    explored: Bool = _DEFAULT
    candidates: CandidateRows = _DEFAULT

    def __post_init__(self) -> None:
        item = _check.array("Feedback.item", self.item, np.int32, (len(self.requests), None))
        n, k = item.shape
        object.__setattr__(self, "item", item)
        if self.propensity is _DEFAULT:
            object.__setattr__(self, "propensity", np.ones(item.shape))
        if self.explored is _DEFAULT:
            object.__setattr__(self, "explored", np.zeros(item.shape, np.bool_))
        for key, dtype, shape in (
            ("slots", np.uint32, (n, k)),
            ("features", np.float32, (n, k, None)),
            ("click", np.bool_, (n, k)),
            ("satisfied", np.bool_, (n, k)),
            ("abandoned", np.bool_, (n,)),
            ("arrived_at", np.float64, (n,)),
            ("reward", np.float64, (n,)),
            ("value", np.float64, (n, k)),
            ("credit", np.float64, (n, self.decision.n_slots)),
            ("propensity", np.float64, (n, k)),
            ("explored", np.bool_, (n, k)),
        ):
            object.__setattr__(self, key, _check.array(f"Feedback.{key}", getattr(self, key), dtype, shape))
        if self.candidates is _DEFAULT:
            object.__setattr__(self, "candidates", CandidateRows.of_pages(item, self.features))

    def __len__(self) -> int:
        return len(self.requests)

    def take(self, rows: Int64) -> Feedback:
        """Return the chosen rows."""
        plain = {name: getattr(self, name)[rows] for name in _PLAIN}
        return Feedback(
            requests=self.requests.take(rows),
            decision=self.decision.take(rows),
            candidates=self.candidates.take(rows),
            **plain,
        )

    @staticmethod
    def concat(parts: Sequence[Feedback]) -> Feedback:
        """Join batches of one loop."""
        plain = {name: np.concatenate([getattr(p, name) for p in parts]) for name in _PLAIN}
        return Feedback(
            requests=Requests.concat([p.requests for p in parts]),
            decision=Decision.concat([p.decision for p in parts]),
            candidates=CandidateRows.concat([p.candidates for p in parts]),
            **plain,
        )


_PLAIN = tuple(f.name for f in fields(Feedback) if f.name not in ("requests", "decision", "candidates"))
"""Columns with a row a request."""
