"""What the rows excluded from a log looked like, as far as they could be read."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ltrr.types import Bool, Float64, Int32, Int64

__all__ = ["LeftOut"]

_LARGEST = 1e30
"""Rewards beyond this are no rewards (`ltrr.logs.faults.SPOILS`)."""


@dataclass(eq=False)
class LeftOut:
    """Counts of the rows that a pass excluded, to be compared with those that it kept.

    Attributes
    ----------
    rows : int
        Rows excluded.
    copies : int
        Those of them that are copies of an earlier row, without which no data are lost. They do not count in
        what follows.
    rewarded : int
        Excluded rows whose reward could be read.
    reward_sum : float
        Sum of these rewards.
    taken : int64 (A,)
        How often each known action was chosen in excluded rows; empty before the first.

    Examples
    --------
    >>> out = LeftOut()
    >>> copy = np.array([False, True, False])
    >>> out.add(np.array([1, 0, -1], np.int32), np.array([1.0, 1.0, np.nan]), copy, n_actions=2)
    >>> out.rows, out.copies, out.rewarded, out.reward_sum, out.taken.tolist()
    (3, 1, 1, 1.0, [0, 1])
    """

    rows: int = field(default=0, init=False)
    copies: int = field(default=0, init=False)
    rewarded: int = field(default=0, init=False)
    reward_sum: float = field(default=0.0, init=False)
    taken: Int64 = field(default_factory=lambda: np.zeros(0, np.int64), init=False)

    def add(self, action: Int32, reward: Float64, copy: Bool, *, n_actions: int) -> None:
        """Count excluded rows.

        Parameters
        ----------
        action : int32 (m,)
            −1 where it is not known.
        reward : float64 (m,)
            NaN where it is not known.
        copy : bool (m,)
            Which rows are copies of earlier ones.
        n_actions : int
            Number of the log's actions.
        """
        self.rows += len(action)
        self.copies += int(copy.sum())
        known = reward[~copy]
        known = known[np.abs(known) <= _LARGEST]
        self.rewarded += len(known)
        self.reward_sum += float(known.sum())
        chosen = action[~copy & (action >= 0) & (action < n_actions)]
        counts = np.bincount(chosen, minlength=n_actions)
        self.taken = counts + self.taken if len(self.taken) else counts
