"""The findings of a validation as plain lines."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ltrr.logs.validation import Validation

__all__ = ["text_of"]


def text_of(found: Validation) -> str:
    """Return the findings as plain lines."""
    out = [
        f"{found.name} ({found.format})",
        f"rows         {found.rows:,}, usable {found.usable:,}, excluded {found.rows - found.usable:,}",
        f"requests     {found.requests:,}, up to {found.slots} slot{'s' * (found.slots != 1)} each",
        f"actions      {found.actions:,}, taken {found.actions_taken:,}{_eligible(found)}",
    ]
    if found.usable:
        whole = "" if found.slot_rewards else "; a request's reward is at its last slot"
        out.append(
            f"reward       mean {_g(found.reward_mean)}, from {_g(found.reward_min)} to "
            f"{_g(found.reward_max)}, other than 0 in {found.reward_nonzero:,} rows{whole}"
        )
    if found.has_propensities:
        out += [
            f"propensity   median {_g(found.propensity_median)}, from {_g(found.propensity_min)} to "
            f"{_g(found.propensity_max)}, 1 in {found.certain_share or 0.0:.2%} of rows",
            f"1/propensity over actions: mean {_g(found.mean_inverse_propensity)} ± "
            f"{_error(found.mean_inverse_propensity_se)} (standard error), 1 expected",
            f"propensities against actions: {_fit(found)}",
        ]
    if found.first_time is not None and found.last_time is not None:
        span = found.last_time - found.first_time
        out.append(f"time         {_moment(found.first_time)} to {_moment(found.last_time)}, {_span(span)}")
    parts = {
        "propensities": found.has_propensities,
        "full distributions": found.has_distributions,
        "event ids": found.has_ids,
        "times": found.has_times,
        "context": found.has_context,
        "action features": found.has_features,
        "sampled rows": found.sampled,
    }
    out.append("has          " + (", ".join(k for k, v in parts.items() if v) or "none of the options"))
    absent = ", ".join(k for k, v in parts.items() if not v and k != "sampled rows")
    out += [f"has not      {absent}"] if absent else []
    out += [f"targets      {', '.join(found.targets)}"] if found.targets else []
    out += [f"read         {found.selected}"] if found.selected else []
    out += [f"columns      {found.columns.removeprefix('columns used: ')}"] if found.columns else []
    out.append(f"faults       {'none' if not found.faults else ''}".rstrip())
    for f in found.faults:
        where = f", rows {', '.join(map(str, f.rows))}{'…' * (f.count > len(f.rows))}" if f.rows else ""
        detail = f" ({f.detail})" if f.detail else ""
        out.append(f"  {f.kind}: {f.count:,}{where}{detail}: {f.meaning}")
    out.append(found.answer)
    return "\n".join(out)


def _eligible(found: Validation) -> str:
    if found.eligible_mean is None:
        return ""
    if found.eligible_min == found.eligible_max:
        return f", {found.eligible_max:,.0f} to choose from"
    span = f"{found.eligible_min:,.0f} to {found.eligible_max:,.0f}"
    return f", {span} to choose from (mean {_g(found.eligible_mean)})"


def _g(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def _error(value: float | None) -> str:
    """Return a standard error; 0 where it is rounding noise."""
    return "0" if value is not None and value < 1e-7 else _g(value)


def _fit(found: Validation) -> str:
    """Say whether propensities fit the actions taken."""
    if found.placeholder:
        return f"placeholders: {found.placeholder}"
    if found.misfit:
        return f"they do not fit: {found.misfit}"
    return f"no sign that they do not fit (p = {_g(found.propensity_p)})"


def _moment(seconds: float) -> str:
    """Return a date where seconds can only count from 1970, else the number."""
    if not 1e8 <= seconds < 1e10:
        return f"{seconds:.3f}"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _span(seconds: float) -> str:
    for size, unit in ((86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2.0 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.3g} seconds"
