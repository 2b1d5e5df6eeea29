"""Historical credit: what each action earned so far for this kind of query."""

from __future__ import annotations

import numpy as np

from ltrr.protocols import State
from ltrr.types import Feedback, Float32, Int64, Requests

__all__ = ["CreditHistory"]

# Edges that cut a context column into buckets; the product of the buckets is the kind of query.
_CUTS: dict[str, tuple[float, ...]] = {
    "memory_items": (0.01,),
    "query_unknown": (0.01, 0.6),
    "query_terms": (0.2, 0.3),
    "query_df_product": (0.01, 0.2),
}


class CreditHistory:
    """Mean credit of each action by kind of query, shrunk to the action's mean over all kinds.

    The kind is a bucket of the logged context (memory knows the query; share of unknown terms; length;
    expected number of matching items), so it can be recomputed from the log.

    Parameters
    ----------
    n_actions : int
    weight : float
        Rows that the overall mean counts for within a kind, and that ``prior`` counts for overall.
    prior : float
        Credit assumed before any evidence.

    Examples
    --------
    Action 1 earned 1 once, for a query that the memory does not know. Its mean over all kinds is
    (1 + 0.5) / 2 = 0.75, and for this kind (1 + 0.75) / 2 = 0.875.

    >>> from ltrr.types import Queries
    >>> history = CreditHistory(n_actions=2, weight=1.0, prior=0.5)
    >>> seen = history.state()
    >>> seen["sum"][0, 1] = seen["count"][0, 1] = 1.0
    >>> history.restore(seen)
    >>> ids, queries = np.arange(2), Queries(("new", "known"))
    >>> requests = Requests(ids, ids, ids, ids, ids, [[0.0], [1.0]], ("memory_items",), queries)
    >>> history.value(requests).tolist()
    [[0.5, 0.875], [0.5, 0.75]]
    """

    def __init__(self, n_actions: int, weight: float = 10.0, prior: float = 0.2) -> None:
        self.weight = weight
        self.prior = prior
        n_kinds = int(np.prod([len(c) + 1 for c in _CUTS.values()]))
        self._sum = np.zeros((n_kinds, n_actions))
        self._count = np.zeros((n_kinds, n_actions))

    def kind(self, requests: Requests) -> Int64:
        """Return the kind of query of each request, (B,)."""
        out = np.zeros(len(requests), np.int64)
        for name, cuts in _CUTS.items():
            if name in requests.context_names:
                column = requests.context[:, requests.context_names.index(name)]
                out = out * (len(cuts) + 1) + np.searchsorted(cuts, column, side="right")
            else:
                out = out * (len(cuts) + 1)
        return out

    def value(self, requests: Requests) -> Float32:
        """Return the shrunk mean credit of every action for each request, (B, A)."""
        total, count = self._sum.sum(axis=0), self._count.sum(axis=0)
        overall = (total + self.weight * self.prior) / (count + self.weight)
        table = (self._sum + self.weight * overall) / (self._count + self.weight)
        return np.asarray(table[self.kind(requests)], np.float32)

    def learn(self, feedback: Feedback) -> None:
        """Add the credits of matured rows."""
        kind = np.repeat(self.kind(feedback.requests), feedback.decision.n_slots)
        action = feedback.decision.action.reshape(-1)
        np.add.at(self._sum, (kind, action), feedback.credit.reshape(-1))
        np.add.at(self._count, (kind, action), 1.0)

    def state(self) -> State:
        """Return sums and counts."""
        return {"sum": self._sum.copy(), "count": self._count.copy()}

    def restore(self, state: State) -> None:
        """Continue from sums and counts."""
        self._sum, self._count = np.array(state["sum"]), np.array(state["count"])
