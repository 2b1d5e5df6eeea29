"""The queue of pending feedback: only feedback that has arrived is learned from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ltrr.protocols import State
from ltrr.types import ActionSet, CandidateRows, Decision, Feedback, Queries, Requests

__all__ = ["DelayQueue", "pack_feedback", "unpack_feedback"]


@dataclass
class DelayQueue:
    """Holds feedback until its time of arrival.

    Feedback leaves in order of arrival, ties by request id, so that learning does not depend on how batches
    were cut.

    Examples
    --------
    Two pages: the feedback on one arrives after a minute, that on the other after an hour.

    >>> from dataclasses import replace
    >>> from ltrr.checks.data import feedback_of, requests_of
    >>> queue = DelayQueue()
    >>> queue.push(replace(feedback_of(requests_of(2)), arrived_at=np.array([60.0, 3600.0])))
    >>> queue.pop(now=59.0) is None, len(queue.pop(now=60.0)), len(queue)
    (True, 1, 1)
    """

    _pending: list[Feedback] = field(init=False, repr=False, default_factory=list)

    def __len__(self) -> int:
        return sum(len(part) for part in self._pending)

    def push(self, feedback: Feedback) -> None:
        """Add feedback that will arrive at ``feedback.arrived_at``."""
        if len(feedback):
            self._pending.append(feedback)

    def pop(self, now: float) -> Feedback | None:
        """Return what has arrived by ``now`` (seconds), or None."""
        ready: list[Feedback] = []
        waiting: list[Feedback] = []
        for part in self._pending:
            arrived = part.arrived_at <= now
            if arrived.all():
                ready.append(part)
            elif not arrived.any():
                waiting.append(part)
            else:
                ready.append(part.take(np.flatnonzero(arrived)))
                waiting.append(part.take(np.flatnonzero(~arrived)))
        self._pending = waiting
        if not ready:
            return None
        whole = ready[0] if len(ready) == 1 else Feedback.concat(ready)
        if len(whole) == 1:
            return whole
        order = np.lexsort((whole.requests.request, whole.arrived_at))
        return whole if bool((order[1:] > order[:-1]).all()) else whole.take(order)

    def state(self) -> State:
        """Return the pending feedback as arrays."""
        if not self._pending:
            return {}
        return pack_feedback(Feedback.concat(self._pending))

    def restore(self, state: State, queries: Queries) -> None:
        """Continue from pending feedback; ``queries`` is the world's table of texts."""
        self._pending = [unpack_feedback(state, queries)] if state else []


_REQUEST = ("request", "session", "user", "query", "time", "context")
_DECISION = ("action", "propensity", "quota", "audit", "version")
_OWN = (
    "item",
    "slots",
    "features",
    "click",
    "satisfied",
    "abandoned",
    "arrived_at",
    "reward",
    "value",
    "credit",
    "propensity",
    "explored",
)
_CANDIDATES = ("indptr", "features", "shown")


def pack_feedback(feedback: Feedback) -> State:
    """Return feedback as nested dictionaries of arrays."""
    requests, decision = feedback.requests, feedback.decision
    slots = {
        str(s): {
            "indptr": a.indptr,
            "action": a.action,
            "features": a.features,
            "names": list(a.names),
            "n_actions": a.n_actions,
            "quota": np.zeros((0, 0), np.int32) if a.quota is None else a.quota,
            "probabilities": p,
        }
        for s, (a, p) in enumerate(zip(decision.actions, decision.probabilities, strict=True))
    }
    return {
        "requests": {k: getattr(requests, k) for k in _REQUEST} | {"names": list(requests.context_names)},
        "decision": {k: getattr(decision, k) for k in _DECISION} | {"slots": slots},
        "candidates": {k: getattr(feedback.candidates, k) for k in _CANDIDATES},
        **{k: getattr(feedback, k) for k in _OWN},
    }


def unpack_feedback(state: State, queries: Queries) -> Feedback:
    """Return the feedback that `pack_feedback` took apart; ``queries`` is the world's table of texts.

    Examples
    --------
    >>> from ltrr.checks.data import feedback_of, requests_of
    >>> before = feedback_of(requests_of(3))
    >>> after = unpack_feedback(pack_feedback(before), before.requests.queries)
    >>> np.array_equal(after.credit, before.credit), after.requests.texts() == before.requests.texts()
    (True, True)
    """
    requests, decision = state["requests"], state["decision"]
    slots = [decision["slots"][str(s)] for s in range(len(decision["slots"]))]
    actions = tuple(
        ActionSet(
            a["indptr"],
            a["action"],
            a["features"],
            tuple(a["names"]),
            a["n_actions"],
            a["quota"] if len(a["quota"]) else None,
        )
        for a in slots
    )
    return Feedback(
        requests=Requests(
            **{k: requests[k] for k in _REQUEST}, context_names=tuple(requests["names"]), queries=queries
        ),
        decision=Decision(
            action=decision["action"],
            propensity=decision["propensity"],
            quota=decision["quota"],
            audit=decision["audit"],
            actions=actions,
            probabilities=tuple(a["probabilities"] for a in slots),
            version=decision["version"],
        ),
        candidates=CandidateRows(**{k: state["candidates"][k] for k in _CANDIDATES}),
        **{k: state[k] for k in _OWN},
    )
