"""What a policy has chosen since it last learned, and how much surer that will make it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ltrr import _check
from ltrr._kernels.linucb import Bank
from ltrr._kernels.linucb_in_turn import count
from ltrr.protocols import State
from ltrr.types import Float32, Float64, Int64, Requests

__all__ = ["OwnChoices"]

KEY = "counted"
"""Name of the inverses in a policy's state; absent where they are those of the regressions."""


@dataclass
class OwnChoices:
    """The rows chosen since the last learning, and the inverses A⁻¹ that count them.

    A row that was chosen will be learned whatever it earns, so that A is known before any reward; the weights
    are not, and stay. Slots are decided one after another for a whole batch: a call on the requests of the
    last call is its next slot. A request counts all slots so far of the requests before it, and none of its
    own, so that a batch of one request is decided as if nothing were counted.

    Examples
    --------
    One regression of one feature, A = 1. Two choices of x = 1 make it 3, until something is learned:

    >>> from ltrr._kernels.linucb import new_bank
    >>> from ltrr.checks.data import requests_of
    >>> bank, choices = new_bank(1, 1, 1.0), OwnChoices()
    >>> choices.begin(requests_of(2), bank)
    >>> choices.add(np.ones((2, 1), np.float32), np.zeros(2, np.int64))
    >>> round(float(1 / choices.counted(bank)[0, 0, 0]), 12)
    3.0
    >>> choices.forget()
    >>> choices.counted(bank) is bank.inverse
    True
    """

    _inverse: Float64 | None = field(init=False, default=None, repr=False)
    _request: Int64 | None = field(init=False, default=None, repr=False)
    _x: list[Float32] = field(init=False, default_factory=list, repr=False)
    _model: list[Int64] = field(init=False, default_factory=list, repr=False)

    def begin(self, requests: Requests, bank: Bank) -> None:
        """Take these requests as the batch, or as its next slot if they are those of the last call."""
        same = requests.request is self._request
        if same or (self._request is not None and np.array_equal(requests.request, self._request)):
            return
        if self._x:
            self._inverse = self.counted(bank)
        self._request = requests.request
        self._x, self._model = [], []

    def base(self, bank: Bank) -> Float64:
        """Return the inverses (M, d, d) as the batch found them; not to be written to."""
        return bank.inverse if self._inverse is None else self._inverse

    def earlier(self, n_columns: int) -> tuple[Float32, Int64]:
        """Return rows (B, s, d) and regressions (B, s) of the s slots decided so far."""
        n = 0 if self._request is None else len(self._request)
        if not self._x:
            return np.empty((n, 0, n_columns), np.float32), np.empty((n, 0), np.int64)
        return np.stack(self._x, axis=1), np.stack(self._model, axis=1)

    def add(self, x: Float32, model: Int64) -> None:
        """Count one slot's choices: rows (B, d) of the regressions (B,)."""
        self._x.append(x)
        self._model.append(model)

    def counted(self, bank: Bank) -> Float64:
        """Return the inverses (M, d, d) that count all choices so far; not to be written to."""
        if not self._x:
            return self.base(bank)
        inverse = self.base(bank).copy()
        x, model = self.earlier(inverse.shape[1])
        count(x.reshape(-1, inverse.shape[1]), model.reshape(-1), inverse)
        return inverse

    def forget(self) -> None:
        """Drop all choices: what was learned counts its own rows."""
        self._inverse = self._request = None
        self._x, self._model = [], []

    def state(self, bank: Bank) -> State:
        """Return a copy of the inverses where they differ from those of the regressions."""
        inverse = self.counted(bank)
        return {} if inverse is bank.inverse else {KEY: inverse.copy()}

    def restore(self, name: str, state: State, bank: Bank) -> None:
        """Continue from ``state`` of the policy ``name``, whose regressions are ``bank``."""
        self.forget()
        if KEY in state:
            self._inverse = _check.array(f"{name}.{KEY}", state[KEY], np.float64, bank.inverse.shape).copy()
