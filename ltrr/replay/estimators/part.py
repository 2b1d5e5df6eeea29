"""Some of the terms of an estimator as what another has seen."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from ltrr.replay.estimators.base import Estimator

__all__ = ["fed_by"]

E = TypeVar("E", bound=Estimator)


def fed_by(source: Estimator, estimator: E, start: int) -> E:
    """Return a fork of an estimator that has seen as its own some of the terms that another has seen.

    Parameters
    ----------
    source : Estimator
        The other.
    estimator : Estimator
        One whose terms are terms ``start`` to ``start + width`` of the other.
    start : int
        First of these terms, from 0.

    Examples
    --------
    >>> from ltrr.replay.estimators.batch import ReplayBatch
    >>> from ltrr.replay.estimators.ips import IPS
    >>> from ltrr.replay.estimators.snips import SNIPS
    >>> snips = SNIPS()
    >>> snips.add(ReplayBatch(np.arange(2), np.array([1.0, 0.0]), weight=np.array([2.0, 0.5])))
    >>> fed_by(snips, IPS(), 0).value()
    1.0
    """
    out, columns = estimator.fork(), np.append(0, 1 + start + np.arange(estimator.width))
    out.moments = source.moments.part(columns)
    if source.clusters is not None:
        out.clusters = source.clusters.part(columns)
    return out
