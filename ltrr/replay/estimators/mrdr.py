"""More robust doubly robust estimation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ltrr.replay.estimators.base import needed
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.estimators.dr import DR
from ltrr.types import Float64

__all__ = ["MRDR"]


@dataclass
class MRDR(DR):
    """Doubly robust with predictions fitted to minimise its own variance.

    The formula is that of `DR`, ``(1/n) Σ q̂(x_i, π) + w_i (r_i − q̂(x_i, a_i))``; the reward model is fitted
    with weights that make the estimate's variance, not the prediction error, small. It helps where the model
    cannot fit all rewards, so that it matters where it errs. Unbiased where DR is.

    Examples
    --------
    >>> import numpy as np
    >>> mrdr = MRDR()
    >>> reward, weight = np.array([1.0, 0.0]), np.array([2.0, 0.5])
    >>> logged, target = np.array([0.75, 0.25]), np.array([0.5, 0.5])
    >>> mrdr.add(ReplayBatch(np.arange(2), reward, weight=weight, mrdr_logged=logged, mrdr_target=target))
    >>> mrdr.value()
    0.6875

    References
    ----------
    Farajtabar, Chow, Ghavamzadeh, "More robust doubly robust off-policy evaluation", ICML 2018, section 4.
    """

    name: ClassVar[str] = "mrdr"
    needs: ClassVar[frozenset[str]] = frozenset({"weight", "mrdr"})

    def terms(self, batch: ReplayBatch) -> Float64:
        """Return ``q̂(x, π) + w (r − q̂(x, a))`` with the predictions fitted for it."""
        term = batch.reward - needed(batch, "mrdr_logged", self.name)
        term *= needed(batch, "weight", self.name)
        term += needed(batch, "mrdr_target", self.name)
        return term[:, None]
