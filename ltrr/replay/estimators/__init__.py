"""Estimators: each a small mergeable accumulator."""

from ltrr.replay.estimators.base import Estimator
from ltrr.replay.estimators.ips import IPS
from ltrr.replay.estimators.snips import SNIPS

__all__ = ["IPS", "SNIPS", "Estimator"]
