"""Policies to be judged from a log."""

from ltrr.replay.targets.base import Target

__all__ = ["Target"]
