"""Estimators: each a small mergeable accumulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ltrr import _lazy

if TYPE_CHECKING:
    from ltrr.replay.estimators.balanced_ips import BalancedIPS
    from ltrr.replay.estimators.base import Estimator
    from ltrr.replay.estimators.clip_grid import ClipGrid
    from ltrr.replay.estimators.clipped_ips import ClippedIPS
    from ltrr.replay.estimators.cressie_read import CressieRead
    from ltrr.replay.estimators.difference import Difference
    from ltrr.replay.estimators.dm import DM
    from ltrr.replay.estimators.dr import DR
    from ltrr.replay.estimators.dros import DROS
    from ltrr.replay.estimators.ips import IPS
    from ltrr.replay.estimators.mips import MIPS
    from ltrr.replay.estimators.mrdr import MRDR
    from ltrr.replay.estimators.on_policy import OnPolicy
    from ltrr.replay.estimators.ratio import Ratio
    from ltrr.replay.estimators.registry import ESTIMATORS, make_estimator
    from ltrr.replay.estimators.rejection_replay import RejectionReplay
    from ltrr.replay.estimators.slope import Slope
    from ltrr.replay.estimators.sndr import SNDR
    from ltrr.replay.estimators.snips import SNIPS
    from ltrr.replay.estimators.sub_gaussian import SubGaussian, SubGaussianDR
    from ltrr.replay.estimators.switch_dr import SwitchDR

__all__ = [
    "ESTIMATORS",
    "IPS",
    "MIPS",
    "MRDR",
    "SNDR",
    "SNIPS",
    "DM",
    "DR",
    "DROS",
    "BalancedIPS",
    "ClipGrid",
    "ClippedIPS",
    "CressieRead",
    "Difference",
    "Estimator",
    "OnPolicy",
    "Ratio",
    "RejectionReplay",
    "Slope",
    "SubGaussian",
    "SubGaussianDR",
    "SwitchDR",
    "make_estimator",
]

__getattr__ = _lazy.names(
    __name__,
    {
        ".balanced_ips": "BalancedIPS",
        ".base": "Estimator",
        ".clip_grid": "ClipGrid",
        ".clipped_ips": "ClippedIPS",
        ".cressie_read": "CressieRead",
        ".difference": "Difference",
        ".dm": "DM",
        ".dr": "DR",
        ".dros": "DROS",
        ".ips": "IPS",
        ".mips": "MIPS",
        ".mrdr": "MRDR",
        ".on_policy": "OnPolicy",
        ".ratio": "Ratio",
        ".registry": "ESTIMATORS make_estimator",
        ".rejection_replay": "RejectionReplay",
        ".slope": "Slope",
        ".sndr": "SNDR",
        ".snips": "SNIPS",
        ".sub_gaussian": "SubGaussian SubGaussianDR",
        ".switch_dr": "SwitchDR",
    },
)
