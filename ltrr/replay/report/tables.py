"""The tables of a replay's page, and how numbers are written in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ltrr.replay.judging.answers import AS_LOGGED
from ltrr.replay.judging.evaluation import Evaluation, Records

__all__ = ["estimate", "number", "tables", "verdicts"]

_DIAGNOSTICS = (
    "ess",
    "max_weight",
    "max_weight_share",
    "pareto_k",
    "mean_weight",
    "zero_weight_share",
    "unsupported_mass",
    "ess_rewarded",
    "mean_inverse_propensity",
    "acceptance_rate",
    "drift_reward_p",
    "drift_weight_p",
)

_PAIRS = 100
"""Most paired differences on a page; beyond them only those with the reward as logged are shown."""

_WHOLE = 100.0
"""Effective sample sizes from here on are given without decimals."""

_NOTHING = 1e-12
"""Estimates and ends below this are what rounding leaves of 0."""


def number(value: Any) -> str:
    """Return a number with three significant digits after the leading zeros; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    digits = max(0, 3 - math.floor(math.log10(abs(value))) - 1) if abs(value) < 1000 else 0
    return f"{value:,.{min(max(digits, 0), 9)}f}"


def estimate(value: Any, low: Any, high: Any) -> tuple[str, str]:
    """Return a value and its interval with as many decimals as the interval's width makes meaningful.

    Two significant digits of the half-width, three where the value has them too; dashes for what is absent.

    Examples
    --------
    >>> estimate(-0.0000451, -0.000146, 0.0000556)
    ('-0.000045', '[-0.000146, 0.000056]')
    """
    if all(abs(one) < _NOTHING for one in (value, low, high)):
        return "0", "[0, 0]"
    if not all(map(math.isfinite, (value, low, high))) or low >= high:
        ends = f"[{number(low)}, {number(high)}]" if math.isfinite(low) else "–"
        return number(value), ends
    finest = 1 - math.floor(math.log10((high - low) / 2.0))
    own = 2 - math.floor(math.log10(abs(value))) if value else finest
    decimals = min(max(finest, min(own, finest + 1), 0), 9)
    return f"{value:,.{decimals}f}", f"[{low:,.{decimals}f}, {high:,.{decimals}f}]"


def verdicts(rows: Records) -> list[tuple[str, str, list[str]]]:
    """Return each verdict with its reason and the estimates that it is on, policy by policy."""
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for row in rows:
        names = found.setdefault((row["verdict"], row["reason"]), {}).setdefault(row["policy"], [])
        if row["estimator"] not in names:
            names.append(row["estimator"])
    return [
        (label, reason, [f"{policy} ({', '.join(names)})" for policy, names in whom.items()])
        for (label, reason), whom in found.items()
    ]


def _rounded(rows: Any) -> str:
    """Return a number of rows to two digits: it is extrapolated, not counted."""
    if rows is None or not math.isfinite(rows):
        return "–"
    digits = math.floor(math.log10(rows)) if rows >= 1.0 else 0
    return f"{round(rows, 1 - digits) if digits > 1 else math.ceil(rows):,.0f}"


def _grouped(
    records: Iterable[Mapping[Any, Any]], cells: Callable[[Mapping[Any, Any]], list[str]]
) -> list[dict[str, Any]]:
    """Return rows under the name of their policy, which long names would otherwise repeat in every row."""
    groups: dict[str, list[list[str]]] = {}
    for record in records:
        groups.setdefault(str(record["policy"]), []).append(cells(record))
    return [{"name": name, "rows": rows} for name, rows in groups.items()]


def _estimate_cells(r: Mapping[Any, Any]) -> list[str]:
    ess = f"{r['ess']:,.0f}" if r["ess"] >= _WHOLE else f"{r['ess']:.1f}"
    return [
        str(r["estimator"]),
        *estimate(r["value"], r["low"], r["high"]),
        "–" if r["interval"] == "none" else str(r["interval"]),
        ess,
        str(r["verdict"]),
        _rounded(r["rows_needed"]),
    ]


def _difference_cells(r: Mapping[Any, Any]) -> list[str]:
    return [
        str(r["against"]),
        str(r["estimator"]),
        *estimate(r["difference"], r["low"], r["high"]),
        str(r["interval"]),
        str(r["verdict"]),
    ]


def tables(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return the page's tables: estimates, verdicts, differences, diagnostics and faults."""
    table, about = evaluation.rows["estimates"], evaluation.about
    wanted = "as asked" if about["settings"].get("half_width") else "of a tenth of the estimate"
    out = [
        _table(
            "Estimates",
            "Reward a request. ESS: effective sample size, in rows of the policy's own log. Rows needed: for "
            f"an interval with a half-width {wanted}.",
            ["estimator", "value", "interval", "by", "ESS", "verdict", "rows needed"],
            _grouped(table, _estimate_cells),
        ),
        _table(
            "Verdicts",
            "The most serious reason of each.",
            ["verdict", "reason", "of"],
            _plain([[label, reason, "; ".join(of)] for label, reason, of in verdicts(table)]),
            wrap=True,
        ),
    ]
    differences, more = evaluation.rows["differences"], ""
    if len(differences) > _PAIRS:
        differences = [row for row in differences if row["against"] == AS_LOGGED]
        more = " Those between policies are in differences.csv."
    if len(differences):
        out.append(
            _table(
                "Paired differences",
                f"Reward a request, policy minus the other on the same rows: what both share cancels.{more}",
                ["against", "estimator", "difference", "interval", "by", "verdict"],
                _grouped(differences, _difference_cells),
            )
        )
    found = _diagnostics(evaluation.rows["diagnostics"])
    if len(found["head"]) > 1:  # allocations have theirs by estimator, in diagnostics.csv alone
        out.append(found)
    if about["faults"]:
        out.append(
            _table(
                "Faults of the log",
                "Rows are counted from 1.",
                ["fault", "rows", "first row", "found", "meaning"],
                _plain([_fault_cells(fault) for fault in about["faults"]]),
                wrap=True,
            )
        )
    return out


def _table(
    title: str,
    note: str,
    head: list[str],
    groups: list[dict[str, Any]],
    *,
    wrap: bool = False,
    meanings: Sequence[tuple[str, str]] = (),
) -> dict[str, Any]:
    return {"title": title, "note": note, "head": head, "groups": groups, "wrap": wrap, "meanings": meanings}


def _plain(rows: list[list[str]]) -> list[dict[str, Any]]:
    return [{"name": "", "rows": rows}]


def _fault_cells(f: dict[str, Any]) -> list[str]:
    first = f"{f['first_row']:,}" if f["first_row"] else "–"  # a fault of the whole log has no row
    return [f["fault"], f"{f['rows']:,}", first, f["detail"], f["meaning"]]


def _diagnostics(rows: Records) -> dict[str, Any]:
    meanings = {row["diagnostic"]: row["meaning"] for row in rows}
    shown = [name for name in _DIAGNOSTICS if name in meanings]
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["diagnostic"] in shown:
            found.setdefault(row["policy"], {})[row["diagnostic"]] = row["value"]
    names = [name.replace("_", " ") for name in shown]
    return _table(
        "Diagnostics",
        "Of the weights, by policy. All of them are in diagnostics.csv.",
        ["policy", *names],
        _plain([[policy, *(number(own.get(name)) for name in shown)] for policy, own in found.items()]),
        meanings=[(name, meanings[key]) for name, key in zip(names, shown, strict=True)],
    )
