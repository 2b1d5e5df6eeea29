"""The tables of a replay's page."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ltrr.replay.judging.answers import AS_LOGGED
from ltrr.replay.judging.evaluation import Evaluation, Records
from ltrr.replay.judging.metrics import REWARD
from ltrr.replay.report.best import of_log
from ltrr.replay.report.cells import (
    guardrail_cells,
    has_clusters,
    is_adjusted,
    lacks_interval,
    segment_cells,
)
from ltrr.replay.report.numbers import count, effective, estimate, marks, number, p_value
from ltrr.replay.report.segment_rows import by_segment
from ltrr.replay.report.verdict_lines import verdicts

__all__ = ["tables"]

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

Row = dict[str, Any]
Table = dict[str, Any]


def tables(evaluation: Evaluation) -> list[Table]:
    """Return the page's tables: estimates, verdicts, guardrails, differences, segments, diagnostics."""
    about = evaluation.about
    found = [
        *_estimates(evaluation),
        _verdicts(evaluation),
        _guardrails(evaluation),
        _differences(evaluation),
        _segments(evaluation),
        _left_out(evaluation),
        _diagnostics(evaluation.rows["diagnostics"]),
    ]
    if about["faults"]:
        found.append(
            _table(
                "Faults of the log",
                "Rows are counted from 1.",
                ["fault", "rows", "first row", "found", "meaning"],
                _plain([_fault_cells(fault) for fault in about["faults"]]),
                wrap=True,
            )
        )
    return [table for table in found if table is not None]


def _table(
    title: str,
    note: str,
    head: list[str],
    groups: list[dict[str, Any]],
    *,
    wrap: bool = False,
    meanings: Sequence[tuple[str, str]] = (),
    footnotes: Sequence[str] = (),
) -> Table:
    return {
        "title": title,
        "note": note,
        "head": head,
        "groups": groups,
        "wrap": wrap,
        "meanings": meanings,
        "footnotes": footnotes,
    }


def _plain(rows: list[list[str]]) -> list[dict[str, Any]]:
    return [{"name": "", "rows": [{"cells": cells, "note": ""} for cells in rows]}]


def _grouped(
    records: Iterable[Mapping[Any, Any]], cells: Callable[[Mapping[Any, Any]], list[str]]
) -> list[dict[str, Any]]:
    """Return rows under the name of their policy, which long names would otherwise repeat in every row.

    A note is given once, with the last of the rows next to one another that it is on. Why there is no
    interval is a footnote: many rows have the same reason.
    """
    groups: dict[str, list[Row]] = {}
    for record in records:
        rows = groups.setdefault(str(record["policy"]), [])
        note = "" if lacks_interval(record) else str(record.get("note", ""))
        if rows and rows[-1]["note"] == note:
            rows[-1]["note"] = ""
        rows.append({"cells": cells(record), "note": note})
    return [{"name": name, "rows": rows} for name, rows in groups.items()]


def _estimates(evaluation: Evaluation) -> list[Table]:
    """Return the estimates of the whole log, a table a metric."""
    metrics = dict.fromkeys(row["metric"] for row in evaluation.rows["estimates"])
    return [_of_metric(evaluation, metric) for metric in metrics]


def _of_metric(evaluation: Evaluation, metric: str) -> Table:
    about, rows = evaluation.about, of_log(evaluation.rows["estimates"], metric)
    wanted = "as asked" if about["settings"].get("half_width") else "of a tenth of the estimate"
    note = f"{_what(evaluation, metric)}."
    clusters, missing = has_clusters(rows), marks(row["note"] for row in rows if lacks_interval(row))
    if metric == REWARD:  # the columns of all metrics mean the same
        note += (
            " ESS: effective sample size, in rows of the policy's own log. Rows needed: for an interval with "
            f"a half-width {wanted}."
        )
    if metric == REWARD and clusters:
        note += f" Clusters: rows with the same {about.get('cluster') or 'cluster'} may be dependent."
    head = ["estimator", "value", "interval", "by", "ESS", "clusters", "verdict", "rows needed"]
    return _table(
        "Estimates" if metric == REWARD else f"Estimates of {metric}",
        note,
        [name for name in head if clusters or name != "clusters"],
        _grouped(rows, lambda row: _estimate_cells(row, missing, clusters=clusters)),
        footnotes=[f"{mark} {reason}" for reason, mark in missing.items()],
    )


def _what(evaluation: Evaluation, metric: str) -> str:
    """Say what a metric is."""
    if metric == REWARD:
        return "Reward a request"
    known = {text.partition("=")[0]: text for text in evaluation.about["settings"].get("metrics", ())}
    formula = known.get(metric, metric).rpartition("=")[2]
    if "/" in formula:
        return f"Mean of {formula.replace('/', ' / mean of ')}"
    return f"Mean of {formula} a request"


def _estimate_cells(r: Mapping[Any, Any], missing: Mapping[str, str], *, clusters: bool) -> list[str]:
    value, interval = estimate(r["value"], r["low"], r["high"])
    return [
        str(r["estimator"]),
        value,
        f"{interval} {missing[r['note']]}" if lacks_interval(r) else interval,
        "–" if r["interval"] == "none" else str(r["interval"]),
        effective(r["ess"]),
        *([count(r["clusters"])] if clusters else []),
        str(r["verdict"]),
        _rounded(r["rows_needed"]),
    ]


def _rounded(rows: Any) -> str:
    """Return a number of rows to two digits: it is extrapolated, not counted."""
    if rows is None or not math.isfinite(rows):
        return "–"
    digits = math.floor(math.log10(rows)) if rows >= 1.0 else 0
    return f"{round(rows, 1 - digits) if digits > 1 else math.ceil(rows):,.0f}"


def _verdicts(evaluation: Evaluation) -> Table:
    rows = [row for row in evaluation.rows["estimates"] if row["segment"] == ""]
    return _table(
        "Verdicts",
        "The most serious reason of each.",
        ["verdict", "reason", "of"],
        _plain([[label, reason, "; ".join(of)] for label, reason, of in verdicts(rows)]),
        wrap=True,
    )


def _guardrails(evaluation: Evaluation) -> Table | None:
    rows = evaluation.rows["guardrails"]
    if not rows:
        return None
    return _table(
        "Guardrails",
        f"Change from the value as logged, on the same rows, with its {rows[0]['level']:.0%} interval. A "
        "guardrail holds where the whole interval is on the right side of the bound, is broken where the "
        "whole interval is on the wrong side, and is not shown otherwise.",
        ["guardrail", "estimator", "change", "interval", "outcome"],
        _grouped(rows, lambda row: [str(row["bound"]), str(row["estimator"]), *guardrail_cells(row)]),
    )


def _differences(evaluation: Evaluation) -> Table | None:
    """Return the paired differences of the whole log; with p-values where several were adjusted."""
    rows, more = [row for row in evaluation.rows["differences"] if row["segment"] == ""], ""
    if len(rows) > _PAIRS:
        rows = [row for row in rows if row["against"] == AS_LOGGED]
        more = " Those between policies are in differences.csv."
    if not rows:
        return None
    several, adjusted = {row["metric"] for row in rows} != {REWARD}, is_adjusted(rows)
    head = ["against", *(["metric"] if several else []), "estimator", "difference", "interval", "by"]
    if adjusted:
        more += " p: of no difference, and adjusted for the number of comparisons by Holm's procedure."

    def cells(r: Mapping[Any, Any]) -> list[str]:
        return [
            str(r["against"]),
            *([str(r["metric"])] if several else []),
            str(r["estimator"]),
            *estimate(r["difference"], r["low"], r["high"]),
            str(r["interval"]),
            *([p_value(r["p"]), p_value(r["p_adjusted"])] if adjusted else []),
            str(r["verdict"]),
        ]

    what = "Policy" if several else "Reward a request, policy"
    return _table(
        "Paired differences",
        f"{what} minus the other on the same rows: what both share cancels.{more}",
        [*head, *(["p", "adjusted"] if adjusted else []), "verdict"],
        _grouped(rows, cells),
    )


def _segments(evaluation: Evaluation) -> Table | None:
    rows = by_segment(evaluation)
    if not rows:
        return None
    return _table(
        "By segment",
        f"Reward a request by {_segmented(evaluation)}, by the estimator to read first, and its paired "
        "difference from the reward as logged. Intervals are each at its own level; p, of no difference, is "
        "adjusted for all segments and policies by Holm's procedure.",
        ["segment", "estimator", "rows", "as logged", "value", "difference", "interval", "p", "verdict"],
        _grouped(rows, lambda row: [str(row["segment"]), str(row["estimator"]), *segment_cells(row)]),
    )


def _segmented(evaluation: Evaluation) -> str:
    """Return the column that segments are of."""
    return str(evaluation.about["settings"].get("by") or "segment")


def _left_out(evaluation: Evaluation) -> Table | None:
    rows = evaluation.rows["left_out"]
    if not rows:
        return None
    return _table(
        "Kept and left-out rows",
        "Where the two differ, every estimate is one of the rows that were kept, not of all.",
        ["", "kept", "left out"],
        _plain([[str(row["what"]), number(row["kept"]), number(row["left_out"])] for row in rows]),
    )


def _fault_cells(f: dict[str, Any]) -> list[str]:
    first = f"{f['first_row']:,}" if f["first_row"] else "–"  # a fault of the whole log has no row
    return [f["fault"], f"{f['rows']:,}", first, f["detail"], f["meaning"]]


def _diagnostics(rows: Records) -> Table | None:
    meanings = {row["diagnostic"]: row["meaning"] for row in rows}
    shown = [name for name in _DIAGNOSTICS if name in meanings]
    if not shown:  # allocations have theirs by estimator, in diagnostics.csv alone
        return None
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["diagnostic"] in shown:
            found.setdefault(row["policy"], {})[row["diagnostic"]] = row["value"]
    names = [name.replace("_", " ") for name in shown]

    def cell(name: str, value: Any) -> str:
        return p_value(value) if name.endswith("_p") else number(value)

    return _table(
        "Diagnostics",
        "Of the weights, by policy. All of them are in diagnostics.csv.",
        ["policy", *names],
        _plain([[policy, *(cell(name, own.get(name)) for name in shown)] for policy, own in found.items()]),
        meanings=[(name, meanings[key]) for name, key in zip(names, shown, strict=True)],
    )
