"""Historical credit: what each action earned so far for this kind of query."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ltrr._kernels.kinds import kinds
from ltrr.protocols import State
from ltrr.types import Feedback, Float32, Int64, Requests, indptr_of

__all__ = ["CreditHistory"]

# Edges that cut a context column into buckets; the product of the buckets is the kind of query.
_CUTS: dict[str, tuple[float, ...]] = {
    "memory_items": (0.01,),
    "query_unknown": (0.01, 0.6),
    "query_terms": (0.2, 0.3),
    "query_df_product": (0.01, 0.2),
}


_CUT = np.concatenate([np.asarray(cuts) for cuts in _CUTS.values()])
_CUT_INDPTR = indptr_of([len(cuts) for cuts in _CUTS.values()])


@lru_cache(maxsize=64)
def _columns(names: tuple[str, ...]) -> Int64:
    """Return the position of each column that is cut, −1 where the context has none of its name."""
    return np.array([names.index(name) if name in names else -1 for name in _CUTS], np.int64)


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
        self._asked: Requests | None = None
        self._kind: Int64 | None = None
        self._value: Float32 | None = None

    def kind(self, requests: Requests) -> Int64:
        """Return the kind of query of each request, (B,)."""
        # the slots of a batch ask one after another, and so does learning where feedback comes at once
        if self._kind is None or requests is not self._asked:
            self._asked, self._kind, self._value = requests, self._kinds(requests), None
        return self._kind

    def _kinds(self, requests: Requests) -> Int64:
        out = np.empty(len(requests), np.int64)
        kinds(requests.context, _columns(requests.context_names), _CUT, _CUT_INDPTR, out)
        return out

    def value(self, requests: Requests) -> Float32:
        """Return the shrunk mean credit of every action for each request, (B, A)."""
        kind = self.kind(requests)
        if self._value is None:
            total, count = self._sum.sum(axis=0), self._count.sum(axis=0)
            overall = (total + self.weight * self.prior) / (count + self.weight)
            # only the kinds that are asked for: there may be one request and as many actions as quotas
            table = (self._sum[kind] + self.weight * overall) / (self._count[kind] + self.weight)
            self._value = table.astype(np.float32)
        return self._value

    def learn(self, feedback: Feedback) -> None:
        """Add the credits of matured rows."""
        kind = np.repeat(self.kind(feedback.requests), feedback.decision.n_slots)
        action = feedback.decision.action.reshape(-1)
        np.add.at(self._sum, (kind, action), feedback.credit.reshape(-1))
        np.add.at(self._count, (kind, action), 1.0)
        self._value = None

    def state(self) -> State:
        """Return sums and counts."""
        return {"sum": self._sum.copy(), "count": self._count.copy()}

    def restore(self, state: State) -> None:
        """Continue from sums and counts."""
        self._sum, self._count = np.array(state["sum"]), np.array(state["count"])
        self._asked = self._kind = self._value = None
