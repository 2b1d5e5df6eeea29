"""Guardrails: metrics that a policy must not make worse than the policy that wrote the log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ltrr.errors import InputError
from ltrr.metrics.intervals import Interval

__all__ = ["BROKEN", "HOLDS", "NOT_SHOWN", "Guardrail"]

HOLDS, NOT_SHOWN, BROKEN = "holds", "not shown", "broken"

_FORM = re.compile(
    r"(?P<metric>.+?)\s*(?P<sign>[<>])\s*(?P<margin>[-+−]?\d*\.?\d+(?:[eE][-+]?\d+)?)\s*(?P<share>%?)\s*$"
)


@dataclass(frozen=True)
class Guardrail:
    """A bound on the change of a metric from its value as logged.

    It *holds* where the whole paired interval of the change is on the right side of the bound: a test of
    non-inferiority (of superiority, where the bound is not on the side of harm). It is *broken* where the
    whole interval is beyond the bound, and *not shown* else. An interval at 95 % makes each a one-sided test
    at 2.5 %.

    Parameters
    ----------
    metric : str
        Name of the metric.
    sign : ">" or "<"
        On which side of the margin the change must be.
    margin : float
        The margin: of the difference, or of the relative change.
    relative : bool
        True for a share of the value as logged.

    Examples
    --------
    >>> rule = Guardrail.parsed("revenue > -2%")
    >>> rule
    Guardrail(metric='revenue', sign='>', margin=-0.02, relative=True)
    >>> rule.outcome(Interval(0.01, -0.01, 0.03, 100)), rule.outcome(Interval(0.01, -0.03, 0.05, 100))
    ('holds', 'not shown')

    References
    ----------
    Piaggio, Elbourne, Pocock, Evans, Altman, "Reporting of noninferiority and equivalence randomized trials",
    JAMA 308(24), 2012.
    """

    metric: str
    sign: str
    margin: float
    relative: bool = False

    @staticmethod
    def parsed(rule: Any) -> Guardrail:
        """Return the guardrail that a text such as ``complaints < 0.005`` or ``revenue > -2%`` means.

        Raises
        ------
        InputError
            If the text has another form.
        """
        if isinstance(rule, Guardrail):
            return rule
        found = _FORM.match(str(rule).strip())
        if found is None:
            raise InputError(
                "`guardrails` must be METRIC > MARGIN or METRIC < MARGIN, the margin a difference or a share "
                f"of the value as logged, for instance 'revenue > -2%' or 'complaints < 0.005', got {rule!r}"
            )
        share = bool(found["share"])
        margin = float(found["margin"].replace("−", "-"))
        return Guardrail(found["metric"].strip(), found["sign"], margin / 100.0 if share else margin, share)

    @property
    def text(self) -> str:
        """The rule as it is written."""
        margin = f"{self.margin * 100.0:g}%" if self.relative else f"{self.margin:g}"
        return f"{self.metric} {self.sign} {margin}"

    def outcome(self, change: Interval | None) -> str:
        """Return what an interval of the change shows: "holds", "not shown" or "broken"."""
        if change is None:
            return NOT_SHOWN
        low, high = change.low - self.margin, change.high - self.margin
        if self.sign == "<":
            low, high = -high, -low
        return HOLDS if low > 0.0 else BROKEN if high < 0.0 else NOT_SHOWN
