"""Nuisance models: rewards, propensities and weights that are predicted, cross-fitted by key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ltrr import _lazy

if TYPE_CHECKING:
    from ltrr.replay.nuisance.balanced_weights import BalancedWeights
    from ltrr.replay.nuisance.expected import expected_value
    from ltrr.replay.nuisance.folds import fold_of, sample_rows
    from ltrr.replay.nuisance.marginal import marginal_weights
    from ltrr.replay.nuisance.mrdr import mrdr_weights
    from ltrr.replay.nuisance.propensity_model import PropensityModel
    from ltrr.replay.nuisance.reward_model import RewardModel
    from ltrr.replay.nuisance.stated_rewards import StatedRewards
    from ltrr.replay.nuisance.to_go import rewards_to_go

__all__ = [
    "BalancedWeights",
    "PropensityModel",
    "RewardModel",
    "StatedRewards",
    "expected_value",
    "fold_of",
    "marginal_weights",
    "mrdr_weights",
    "rewards_to_go",
    "sample_rows",
]

__getattr__ = _lazy.names(
    __name__,
    {
        ".balanced_weights": "BalancedWeights",
        ".expected": "expected_value",
        ".folds": "fold_of sample_rows",
        ".marginal": "marginal_weights",
        ".mrdr": "mrdr_weights",
        ".propensity_model": "PropensityModel",
        ".reward_model": "RewardModel",
        ".stated_rewards": "StatedRewards",
        ".to_go": "rewards_to_go",
    },
)
