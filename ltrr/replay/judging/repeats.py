"""Rows that repeat what was chosen in the same context before: copies, or choices that were kept."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ltrr.logs.events import Events
from ltrr.types import Float64, Int64

__all__ = ["Repeats"]

_MOST = 1 << 15
"""Contexts whose last action is kept; of more, those with a hash in an ever smaller part of its range."""

_STAKE = 0.2

_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass
class Repeats:
    """Compares each action with the last one in the same context; memory does not grow with the log.

    Let a row be preceded by one with the same context and action a. Whatever its distribution, 1{a chosen
    again}/p has mean at most 1 where p is the probability given the past. A bet on it, of a fifth of the
    capital a pair, has an expectation of at most 1 at any number of pairs. It wins where rows are copies of
    others, or where a choice is kept for a user: p may be right on average then, but rows are not
    independent, and intervals from single rows are too short.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> context = np.repeat(np.arange(100.0), 2)[:, None]
    >>> action, key = np.repeat(np.arange(100) % 2, 2), np.arange(200)
    >>> repeats = Repeats()
    >>> space = Space(("a", "b"), ("x",))
    >>> repeats.add(Events(space, key, key, action, action, np.full(200, 0.5), context=context))
    >>> found = repeats.summary()
    >>> found["repeat_p"] < 1e-6, found["repeat_share"]
    (True, 0.5)

    References
    ----------
    Ramdas, Grünwald, Vovk, Shafer, "Game-theoretic statistics and safe anytime-valid inference", Statistical
    Science 38(4), 2023, section 3.
    """

    rows: float = field(default=0.0, init=False)
    pairs: float = field(default=0.0, init=False)
    _same: float = field(default=0.0, init=False, repr=False)
    _inverse: float = field(default=0.0, init=False, repr=False)
    _capital: float = field(default=0.0, init=False, repr=False)
    _best: float = field(default=0.0, init=False, repr=False)
    _mask: int = field(default=0, init=False, repr=False)
    _known: Int64 = field(default_factory=lambda: np.zeros(0, np.int64), init=False, repr=False)
    _last: Int64 = field(default_factory=lambda: np.zeros(0, np.int64), init=False, repr=False)

    def add(self, events: Events, ids: Int64 | None = None) -> None:
        """Take in a chunk; one without context or propensities, or with several slots, says nothing.

        Parameters
        ----------
        events : Events
        ids : int64 (n,), optional
            What takes the place of the context, such as users.
        """
        if events.propensity is None or events.space.n_slots > 1:
            return
        if events.count is not None or not len(events) or not (ids is not None or events.space.context_names):
            return
        hashed = _hashed(events.context) if ids is None else ids
        kept = np.flatnonzero((hashed & self._mask) == 0)
        self.rows += len(kept)
        hashed, action = hashed[kept], events.action[kept].astype(np.int64)
        before = self._before(hashed, action)
        paired = before >= 0
        same = before[paired] == action[paired]
        self._bet(same, events.propensity[kept][paired])

    def _before(self, hashed: Int64, action: Int64) -> Int64:
        """Return the last action in each row's context, −1 where there is none, and keep those of now."""
        known, place = np.unique(np.concatenate([self._known, hashed]), return_inverse=True)
        actions = np.concatenate([self._last, action])
        order = np.argsort(place, kind="stable")
        sorted_place = place[order]
        follows = np.append(False, sorted_place[1:] == sorted_place[:-1])
        earlier = np.full(len(order), -1, np.int64)
        earlier[order[follows]] = actions[order[np.flatnonzero(follows) - 1]]
        latest = np.append(sorted_place[1:] != sorted_place[:-1], True)
        self._known, self._last = known, actions[order[latest]]
        while len(self._known) > _MOST:
            self._mask = 2 * self._mask + 1
            stay = (self._known & self._mask) == 0
            self._known, self._last = self._known[stay], self._last[stay]
            # what was counted of all these contexts stands for half of them from now on
            for name in ("rows", "pairs", "_same", "_inverse"):
                setattr(self, name, 0.5 * getattr(self, name))
        return earlier[len(actions) - len(action) :]

    def _bet(self, same: np.ndarray, p: Float64) -> None:
        """Bet on every pair, in their order."""
        if not len(same):
            return
        inverse = 1.0 / p
        gain = np.cumsum(np.log1p(_STAKE * (same * inverse - 1.0))) + self._capital
        self._capital, self._best = float(gain[-1]), max(self._best, float(gain.max()))
        self.pairs += len(same)
        self._same += int(same.sum())
        self._inverse += float(inverse[same].sum())

    def summary(self) -> dict[str, float | None]:
        """Return the p-value of no repeats, and which share of the rows repeats others beyond chance."""
        if not self.pairs:
            return {"repeat_p": None, "repeat_share": None}
        # of a share f of copies the mean of 1{same}/p is 1 − f + f E(1/p)
        expected = self._inverse / self._same - 1.0 if self._same else 0.0
        beyond = self._inverse / self.pairs - 1.0
        share = min(max(beyond / expected, 0.0), 1.0) if expected > 0.0 else 0.0
        return {"repeat_p": math.exp(-self._best), "repeat_share": share * self.pairs / self.rows}


def _hashed(context: np.ndarray) -> Int64:
    """Return a hash of each row of the context."""
    bits = np.ascontiguousarray(context).view(np.uint32).reshape(len(context), -1).astype(np.uint64)
    factors = np.cumsum(np.full(bits.shape[1], _ODD, np.uint64)) | np.uint64(1)
    mixed = factors ^ (factors >> np.uint64(29))
    out = (bits ^ (bits << np.uint64(21))) @ (mixed * _ODD | np.uint64(1))
    out = (out ^ (out >> np.uint64(31))) * _ODD
    return np.asarray(out ^ (out >> np.uint64(32))).view(np.int64)
