"""Slate estimators: requests whose slots were filled by several decisions."""

from ltrr.replay.estimators.slate.cascade_dr import CascadeDR
from ltrr.replay.estimators.slate.independent_ips import IndependentIPS
from ltrr.replay.estimators.slate.pi import PI
from ltrr.replay.estimators.slate.rips import RIPS
from ltrr.replay.estimators.slate.slate_ips import SlateIPS
from ltrr.replay.estimators.slate.slate_snips import SlateSNIPS
from ltrr.replay.estimators.slate.sn_rips import SNRIPS

__all__ = ["PI", "RIPS", "SNRIPS", "CascadeDR", "IndependentIPS", "SlateIPS", "SlateSNIPS"]
