"""Policies to be judged from a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ltrr import _lazy

if TYPE_CHECKING:
    from ltrr.replay.targets.always import Always
    from ltrr.replay.targets.base import Target
    from ltrr.replay.targets.column import ColumnTarget
    from ltrr.replay.targets.columns import ColumnsTarget
    from ltrr.replay.targets.distribution import Distribution
    from ltrr.replay.targets.examples import vw_examples
    from ltrr.replay.targets.exploration import Exploration
    from ltrr.replay.targets.fixed import FixedTarget
    from ltrr.replay.targets.function import FunctionTarget
    from ltrr.replay.targets.logged import Logged
    from ltrr.replay.targets.logged_distribution import LoggedDistribution
    from ltrr.replay.targets.matrix import MatrixTarget
    from ltrr.replay.targets.object import ObjectTarget
    from ltrr.replay.targets.parse import parse_target
    from ltrr.replay.targets.policy import PolicyTarget
    from ltrr.replay.targets.registry import TARGETS
    from ltrr.replay.targets.uniform import UniformTarget
    from ltrr.replay.targets.vector import VectorTarget
    from ltrr.replay.targets.vw import VWTarget
    from ltrr.replay.targets.without import Without

__all__ = [
    "TARGETS",
    "Always",
    "ColumnTarget",
    "ColumnsTarget",
    "Distribution",
    "Exploration",
    "FixedTarget",
    "FunctionTarget",
    "Logged",
    "LoggedDistribution",
    "MatrixTarget",
    "ObjectTarget",
    "PolicyTarget",
    "Target",
    "UniformTarget",
    "VWTarget",
    "VectorTarget",
    "Without",
    "parse_target",
    "vw_examples",
]

__getattr__ = _lazy.names(
    __name__,
    {
        ".always": "Always",
        ".base": "Target",
        ".column": "ColumnTarget",
        ".columns": "ColumnsTarget",
        ".distribution": "Distribution",
        ".examples": "vw_examples",
        ".exploration": "Exploration",
        ".fixed": "FixedTarget",
        ".function": "FunctionTarget",
        ".logged": "Logged",
        ".logged_distribution": "LoggedDistribution",
        ".matrix": "MatrixTarget",
        ".object": "ObjectTarget",
        ".parse": "parse_target",
        ".policy": "PolicyTarget",
        ".registry": "TARGETS",
        ".uniform": "UniformTarget",
        ".vector": "VectorTarget",
        ".vw": "VWTarget",
        ".without": "Without",
    },
)
