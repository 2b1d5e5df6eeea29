"""Inverse propensity scoring at many clips at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ltrr.errors import InputError
from ltrr.replay.estimators.base import Estimator, needed, positive
from ltrr.replay.estimators.batch import ReplayBatch
from ltrr.replay.estimators.clipped_ips import ClippedIPS
from ltrr.replay.estimators.part import fed_by
from ltrr.types import Float64

__all__ = ["CLIPS", "ClipGrid"]

CLIPS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, math.inf)
"""Clips from the strongest to none."""


@dataclass
class ClipGrid(Estimator):
    """IPS with weights clipped at each of a grid of M, ``(1/n) Σ min(w_i, M) r_i``, in one pass.

    It shows how far an estimate rests on large weights: where the values still rise at the largest clips, few
    rows carry the estimate; where they are level from some clip on, clipping there costs nothing. The value
    is that of the largest clip, IPS by default. Nothing is chosen.

    Parameters
    ----------
    clips : tuple of float
        Clips M > 0, rising; inf for none.

    Examples
    --------
    >>> grid = ClipGrid((1.0, 4.0, np.inf))
    >>> grid.add(ReplayBatch(np.arange(2), np.array([1.0, 1.0]), weight=np.array([5.0, 0.5])))
    >>> [grid.at(i).value() for i in range(3)], grid.at(1)
    ([0.75, 2.25, 2.75], ClippedIPS(max_weight=4.0))

    References
    ----------
    Ionides, "Truncated importance sampling", Journal of Computational and Graphical Statistics 17(2), 2008,
    section 2.
    """

    name: ClassVar[str] = "clip-grid"

    clips: tuple[float, ...] = CLIPS

    def __post_init__(self) -> None:
        self.clips = tuple(positive("ClipGrid.clips", clip) for clip in self.clips)
        if not self.clips or list(self.clips) != sorted(set(self.clips)):
            raise InputError(f"`ClipGrid.clips` must be rising numbers > 0, at least one, got {self.clips!r}")
        super().__post_init__()

    @property
    def width(self) -> int:  # type: ignore[override]  # constant for other kinds; here the grid decides
        """Number of clips."""
        return len(self.clips)

    @property
    def bias(self) -> str:  # type: ignore[override]  # that of the largest clip
        """Why the value is biased; "" without a clip."""
        return "" if self.clips[-1] == math.inf else ClippedIPS.bias

    @property
    def label(self) -> str:
        """The name."""
        return self.name

    def terms(self, batch: ReplayBatch) -> Float64:
        """Return ``min(w, M) r`` for every clip."""
        weight = needed(batch, "weight", self.name)
        return np.asarray(np.minimum(weight[:, None], np.array(self.clips)) * batch.reward[:, None])

    def combine(self, mean: Float64) -> Float64:
        """Return the mean at the largest clip."""
        return mean[..., -1]

    def at(self, index: int) -> ClippedIPS:
        """Return clipped IPS at one of the clips, as if it had seen what was added."""
        return fed_by(self, ClippedIPS(self.clips[index]), range(self.width)[index])
