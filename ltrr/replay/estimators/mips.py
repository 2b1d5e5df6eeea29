"""Marginalised inverse propensity scoring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ltrr.replay.estimators.base import needed
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.estimators.ips import IPS
from ltrr.types import Float64

__all__ = ["MIPS"]


@dataclass
class MIPS(IPS):
    """Mean of rewards weighted by their action's category.

    ``(1/n) Σ r_i p(e_i | x_i; π) / p(e_i | x_i; π_b)``, where e is a category (embedding) of the action. Its
    probabilities are sums over the category's actions, so their ratios spread less than those of single
    actions, and the log need not have tried every action, only every category. Unbiased if actions of one
    category have the same expected reward in the same context; where they have not, biased by what the
    category leaves out, which the log alone does not show. With every action its own category it is IPS.

    Examples
    --------
    >>> import numpy as np
    >>> mips = MIPS()
    >>> mips.add(ReplayBatch(np.arange(2), np.array([1.0, 0.0]), marginal_weight=np.array([1.5, 0.5])))
    >>> mips.value()
    0.75

    References
    ----------
    Saito, Joachims, "Off-policy evaluation for large action spaces via embeddings", ICML 2022, section 3.
    """

    name: ClassVar[str] = "mips"
    needs: ClassVar[frozenset[str]] = frozenset({"marginal"})
    weight: ClassVar[str] = "marginal_weight"
    bias: ClassVar[str] = "right only where the reward depends on the category of the action alone."

    def terms(self, batch: ReplayBatch) -> Float64:
        """Return ``w r`` with the weight of the action's category."""
        return (needed(batch, "marginal_weight", self.name) * batch.reward)[:, None]

    def largest(self, weight_bound: float) -> float:
        """Return the weights' bound: a category's weight is a mean of those of its actions."""
        return weight_bound
