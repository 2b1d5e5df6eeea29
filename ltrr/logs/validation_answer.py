"""What kind of evaluation a log can support, in one sentence."""

from __future__ import annotations

import numpy as np

from ltrr.logs.propensity_tests import ESTIMATE, doubtful, far_off
from ltrr.logs.tally import Tally

__all__ = ["answer_of"]


def answer_of(
    tally: Tally, certain: float | None, inverse: float | None, error: float | None
) -> tuple[str, str]:
    """Say what kind of evaluation a log can support, and why."""
    if tally.n == 0:
        return "nothing", "This log cannot support evaluation: no usable row is left."
    low, high = tally.ranges["reward"]
    if low == high:
        return "nothing", f"This log cannot tell policies apart: every reward is {low:.4g}."
    if len(tally.space.actions) > 1 and np.count_nonzero(tally.taken) == 1:
        name = tally.space.actions[int(np.argmax(tally.taken))]
        return "nothing", f"This log cannot tell policies apart: {name!r} is the only action ever taken."
    if certain is None or inverse is None or error is None:
        return "model", (
            "This log has no propensities: it supports the direct method only, or estimators that weight by "
            "propensities estimated from it, which are then marked as estimated; if a column holds them, map "
            "it: --column propensity=NAME."
        )
    unfit = _unfit(tally)
    if unfit:
        return unfit
    if certain == 1.0 and len(tally.space.actions) > 1:
        return "model", (
            "This log is deterministic (every propensity is 1): no estimator that weights can use it, and "
            "what the direct method predicts for actions that were not taken cannot be checked."
        )
    if doubtful(tally.check.summary()):
        return "weighting", (
            "This log supports estimators that weight by propensities, with doubt: propensities do not fit "
            f"the actions taken ({tally.check.worst(tally.space.actions)})."
        )
    # exact by construction where one action a request is eligible, else beyond what chance explains
    if abs(inverse - 1.0) > max(5.0 * error, 0.05):
        return "weighting", (
            f"This log supports estimators that weight by propensities, with doubt: 1/propensity averages "
            f"{inverse:.3g} times the number of actions where 1 is expected, so that propensities are not "
            "those of the actions taken, or some eligible actions could not be chosen."
        )
    whole = "" if tally.space.slot_rewards else " of whole sequences (the reward is a request's)"
    full = ", full distributions included" if "distributions" in tally.has else ""
    return "weighting", (
        f"This log supports evaluation by weighting{whole}, by models and by both: its propensities are "
        f"there{full}, and agree with the number of actions."
    )


def _unfit(tally: Tally) -> tuple[str, str] | None:
    """Say why the propensities of a log are of no use, or nothing."""
    check, reasons = tally.check, []
    if far_off(check.summary()):
        where = check.worst(tally.space.actions)
        reasons.append(f"propensities do not fit the actions taken ({where})")
    if check.placeholder:
        reasons.append(f"its propensities are placeholders ({check.placeholder})")
    if not reasons:
        return None
    return "model", f"This log cannot support weighting: {'; '.join(reasons)}; {ESTIMATE}."
