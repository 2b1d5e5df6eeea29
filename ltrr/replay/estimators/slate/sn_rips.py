"""Self-normalised reward interaction inverse propensity scoring."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from ltrr import _check
from ltrr._kernels.slate import prefixes
from ltrr.errors import InputError
from ltrr.replay.estimators.base import BIASED, Estimator, needed
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.types import Float64

__all__ = ["SNRIPS"]


@dataclass
class SNRIPS(Estimator):
    """`RIPS` with the weights of every slot normalised, ``Σ_k s_k (Σ_i W_ik r_ik) / (Σ_i W_ik)``.

    ``W_ik`` is the product of request i's weights up to slot k, and ``s_k`` the share of requests that have a
    slot k (all 1 where slates have one size; how many slots there are must not depend on the actions).
    Consistent under the cascade assumption of `RIPS`, with a bias of order 1/n, and far less variable on long
    slates; a constant reward per slot is returned exactly.

    Parameters
    ----------
    n_slots : int
        Most slots that a request may have, >= 1: `Space.n_slots`, or more at the cost of some time.

    Raises
    ------
    InputError
        If a request has more slots.

    Examples
    --------
    >>> import numpy as np
    >>> rips = SNRIPS(n_slots=2)
    >>> key, reward = np.array([0, 0, 1, 1]), np.array([1.0, 1.0, 0.0, 1.0])
    >>> rips.add(ReplayBatch(key, reward, weight=np.array([2.0, 1.5, 0.5, 2.0])))
    >>> rips.value()
    1.8

    References
    ----------
    McInerney, Brost, Chandar, Mehrotra, Carterette, "Counterfactual evaluation of slate recommendations with
    sequential reward interactions", KDD 2020; without their limit on how far back the weights reach.
    """

    name: ClassVar[str] = "rips-sn"
    slate: ClassVar[bool] = True
    bias: ClassVar[str] = BIASED

    n_slots: int = 10
    # three terms a slot: for this one estimator the width is not the class's but follows from a parameter
    width: int = field(init=False, repr=False)  # type: ignore[misc]

    def __post_init__(self) -> None:
        _check.integer("SNRIPS.n_slots", self.n_slots, low=1)
        self.width = 3 * self.n_slots
        super().__post_init__()

    @classmethod
    def for_log(cls, *, n_slots: int, weight_bound: float | None) -> SNRIPS:
        """Return the estimator with room for the log's slots."""
        del weight_bound
        return cls(n_slots)

    def terms(self, batch: ReplayBatch) -> Float64:
        """Return ``W_k r_k``, ``W_k`` and whether there is a slot k, for all k, (requests, 3 n_slots)."""
        longest = int(np.diff(batch.indptr).max(initial=0))
        if longest > self.n_slots:
            raise InputError(
                f"`SNRIPS.n_slots` must be the most slots of a request, got {self.n_slots}; "
                f"a request has {longest}"
            )
        out = np.empty((len(batch.indptr) - 1, self.width))
        prefixes(batch.indptr, needed(batch, "weight", self.name), batch.reward, out)
        return out

    def combine(self, mean: Float64) -> Float64:
        """Return the sum over slots of the ratios, slots that no request has left out."""
        reward, weight, share = np.split(mean, 3, axis=-1)
        there = np.real(share) > 0
        ratio = reward / np.where(there, weight, 1.0)
        return np.asarray(np.where(there, share * ratio, 0.0).sum(axis=-1))
