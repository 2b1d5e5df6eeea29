"""Estimators by name."""

from __future__ import annotations

from dataclasses import fields

from ltrr.errors import InputError, nearest
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
from ltrr.replay.estimators.sndr import SNDR
from ltrr.replay.estimators.snips import SNIPS
from ltrr.replay.estimators.sub_gaussian import SubGaussian, SubGaussianDR
from ltrr.replay.estimators.switch_dr import SwitchDR

__all__ = ["ESTIMATORS", "make_estimator"]

ESTIMATORS: dict[str, type[Estimator]] = {
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
    )
}
"""Kinds of estimator by their name in tables and on the command line."""


def make_estimator(spec: str) -> Estimator:
    """Return an estimator from its name and parameters, ``name[:value…]``, as `Estimator.label` writes them.

    Parameters
    ----------
    spec : str
        A key of `ESTIMATORS`; values, if any, are its parameters in their order, separated by colons.

    Raises
    ------
    InputError
        If there is no such estimator, if it has fewer parameters, or if a value is none it can have.

    Examples
    --------
    >>> make_estimator("clipped-ips:20")
    ClippedIPS(max_weight=20.0)
    >>> make_estimator("snisp")
    Traceback (most recent call last):
    ltrr.errors.InputError: `estimator` must be a known name, got 'snisp'; did you mean 'snips'?
    """
    name, *values = spec.strip().split(":")
    if name not in ESTIMATORS:
        raise InputError(f"`estimator` must be a known name, got {name!r}{nearest(name, ESTIMATORS)}")
    kind = ESTIMATORS[name]
    known = [f.name for f in fields(kind) if f.init]
    if len(values) > len(known):
        takes = f"takes {', '.join(known)}" if known else "takes no parameter"
        raise InputError(f"`estimator` {name!r} {takes}, got {spec!r}")
    given: dict[str, float] = {}
    for parameter, value in zip(known, values, strict=False):
        try:
            given[parameter] = float(value)
        except ValueError:
            raise InputError(
                f"`{kind.__name__}.{parameter}` must be a number, got {value!r} in {spec!r}"
            ) from None
    return kind(**given)
