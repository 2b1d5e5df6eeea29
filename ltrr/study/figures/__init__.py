"""Figures fit for a paper: each takes a run's tables and returns Axes."""

from ltrr.study.figures.cost import cost
from ltrr.study.figures.forest import differences
from ltrr.study.figures.loss import loss
from ltrr.study.figures.over_time import learning, recall, regret
from ltrr.study.figures.slots import slots

__all__ = ["cost", "differences", "learning", "loss", "recall", "regret", "slots"]
