"""Estimators by name."""

from __future__ import annotations

import inspect
from typing import Any

from ltrr.registry import Registry
from ltrr.replay.estimators.balanced_ips import BalancedIPS
from ltrr.replay.estimators.base import Estimator
from ltrr.replay.estimators.clipped_ips import ClippedIPS
from ltrr.replay.estimators.cressie_read import CressieRead
from ltrr.replay.estimators.dm import DM
from ltrr.replay.estimators.dr import DR
from ltrr.replay.estimators.dros import DROS
from ltrr.replay.estimators.ips import IPS
from ltrr.replay.estimators.mips import MIPS
from ltrr.replay.estimators.mrdr import MRDR
from ltrr.replay.estimators.rejection_replay import RejectionReplay
from ltrr.replay.estimators.slate import PI, RIPS, SNRIPS, CascadeDR, IndependentIPS, SlateIPS, SlateSNIPS
from ltrr.replay.estimators.slope import Slope, slope_of
from ltrr.replay.estimators.sndr import SNDR
from ltrr.replay.estimators.snips import SNIPS
from ltrr.replay.estimators.sub_gaussian import SubGaussian, SubGaussianDR
from ltrr.replay.estimators.switch_dr import SwitchDR
from ltrr.types.spec import Spec, make, spec_of

__all__ = ["ESTIMATORS", "make_estimator", "open_kind"]

ESTIMATORS = Registry(
    "estimators",
    {
        kind.name: kind
        for kind in (
            RejectionReplay,
            IPS,
            ClippedIPS,
            SNIPS,
            DM,
            DR,
            SNDR,
            SwitchDR,
            DROS,
            MRDR,
            SubGaussian,
            SubGaussianDR,
            BalancedIPS,
            MIPS,
            CressieRead,
            SlateIPS,
            SlateSNIPS,
            IndependentIPS,
            PI,
            RIPS,
            SNRIPS,
            CascadeDR,
            Slope,
        )
    },
    makes=Estimator,
    needs=("name", "needs", "bias", "weight", "moments", "label", "rows", "combine", "fork"),
    base="ltrr.replay.estimators.Estimator",
)
"""Kinds of estimator by their name in tables and on the command line."""


def make_estimator(spec: Any, where: str = "estimators") -> Estimator:
    """Return an estimator from a text, a table with ``kind``, or an object.

    Parameters
    ----------
    spec : str, mapping or Estimator
        A text is ``name[:value…]``, as `Estimator.label` writes it, or ``module:Class[:value…]``; values are
        the parameters in their order, those left out have their declared defaults. ``slope:name`` has the
        parameter chosen from the log.
    where : str
        Names the setting in messages.

    Returns
    -------
    Estimator
        One that has seen nothing.

    Raises
    ------
    InputError
        If there is no such estimator, if it has fewer parameters, or if a value is not allowed.

    Examples
    --------
    >>> make_estimator("clipped-ips:20")
    ClippedIPS(max_weight=20.0)
    >>> make_estimator("ltrr.replay.estimators:SwitchDR:3")
    SwitchDR(tau=3.0)
    >>> make_estimator("snisp")
    Traceback (most recent call last):
    ltrr.errors.InputError: `estimators` names no known kind, got 'snisp'; did you mean 'snips'?
    """
    chosen = slope_of(spec) if isinstance(spec, str) else None
    if chosen is not None:
        made = Slope(chosen)
    elif isinstance(spec, str):
        made = make(ESTIMATORS, spec_of(ESTIMATORS, spec, where), where)
    else:
        asked = ESTIMATORS.component(spec, where)
        made = asked.given or ESTIMATORS.make(asked.kind, asked.params, where)
    fresh: Estimator = made.fork()
    return fresh


def open_kind(spec: Any, where: str = "estimators") -> type[Estimator] | None:
    """Return the class of an estimator whose parameters were not given; None where they were.

    They are not given by a name, or an import path of a class, without values. `Estimator.for_log` then sets
    what a log declares: its number of slots, and its largest weight.

    Examples
    --------
    >>> open_kind("dr-os").__name__
    'DROS'
    >>> open_kind("dr-os:9")
    """
    found = spec_of(ESTIMATORS, spec, where) if isinstance(spec, str) else Spec("", (), None)
    known = inspect.isclass(found.maker) and issubclass(found.maker, Estimator)
    return found.maker if known and not found.values else None
