"""Policies that learn along a log, or from one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ltrr import _lazy

if TYPE_CHECKING:
    from ltrr.replay.learning.learner import LearningTarget, learning_target
    from ltrr.replay.learning.rejection import LearningReplay

__all__ = ["LearningReplay", "LearningTarget", "learning_target"]

__getattr__ = _lazy.names(
    __name__, {".learner": "LearningTarget learning_target", ".rejection": "LearningReplay"}
)
