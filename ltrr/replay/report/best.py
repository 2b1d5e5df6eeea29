"""The row of a policy's estimates to read first, and what goes with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ltrr.replay.judging.answers import AS_LOGGED
from ltrr.replay.judging.evaluation import Evaluation, Records
from ltrr.replay.judging.guardrails import HOLDS
from ltrr.replay.judging.metrics import REWARD
from ltrr.replay.judging.verdict import CANNOT, SUPPORTED, WEAK

__all__ = ["best_row", "first_differences", "guarded", "of_log", "shortfalls"]

_RANK = {SUPPORTED: 0, WEAK: 1, CANNOT: 2}


def of_log(rows: Records, metric: str = REWARD) -> Records:
    """Return the rows of the whole log about one metric.

    Examples
    --------
    >>> rows = [{"metric": "reward", "segment": ""}, {"metric": "reward", "segment": "DE"}]
    >>> of_log(rows)
    [{'metric': 'reward', 'segment': ''}]
    """
    return [row for row in rows if row["metric"] == metric and row["segment"] == ""]


def best_row(rows: Records, policy: str) -> Mapping[str, Any]:
    """Return the row to read first: of the best verdict, unbiased before biased, the narrowest interval.

    Only the reward in the whole log counts.
    """

    def place(row: Mapping[str, Any]) -> tuple[int, bool, float]:
        width = row["high"] - row["low"]
        return _RANK[row["verdict"]], row["bias"] != "", width if width == width else math.inf

    return min((row for row in of_log(rows) if row["policy"] == policy), key=place)


def first_differences(evaluation: Evaluation) -> Records:
    """Return the paired differences to read first: each policy's by the estimator of its row to read first.

    Of several intervals, the first that was asked for; those from the log's own policy come first.
    """
    estimates = evaluation.rows["estimates"]
    found: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    best = {policy: best_row(estimates, policy)["estimator"] for policy in evaluation.about["policies"]}
    for row in evaluation.rows["differences"]:
        if row["segment"] == "" and best.get(row["policy"]) == row["estimator"]:
            found.setdefault((row["policy"], row["against"], row["metric"]), row)
    return sorted(found.values(), key=lambda row: row["against"] != AS_LOGGED)


def guarded(evaluation: Evaluation, policy: str) -> Records:
    """Return the guardrails of a policy by the estimator of its row to read first."""
    rows = [row for row in evaluation.rows["guardrails"] if row["policy"] == policy]
    if not rows:
        return []
    estimator = best_row(evaluation.rows["estimates"], policy)["estimator"]
    return [row for row in rows if row["estimator"] == estimator]


def shortfalls(evaluation: Evaluation, required: str) -> list[str]:
    """Return a line for each policy whose verdict falls short, and for each guardrail that does not hold.

    Parameters
    ----------
    evaluation : Evaluation
    required : "supported" or "weak"
        The least verdict that is enough.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from ltrr.replay import run
    >>> log = pa.table({"action": ["a", "b"] * 50, "reward": [0, 1] * 50, "propensity": [0.5] * 100})
    >>> found = run(log, ["always:b"], estimators=["ips"], quiet=True)
    >>> shortfalls(found, "weak"), len(shortfalls(found, "supported"))
    ([], 1)
    """
    out = []
    rules = evaluation.about["settings"].get("guardrails", [])
    for policy in evaluation.about["policies"]:
        row = best_row(evaluation.rows["estimates"], policy)
        if _RANK[row["verdict"]] > _RANK[required]:
            out.append(f"{policy}: {row['verdict']}, below --require {required}: {row['reason']}")
        else:
            out += _doubtful(evaluation, policy, row["estimator"], required)
        outcomes = {rule["bound"]: rule["outcome"] for rule in guarded(evaluation, policy)}
        out += [
            f"{policy}: the guardrail {rule} is {outcomes.get(rule, 'not judged')} by {row['estimator']}"
            for rule in rules
            if outcomes.get(rule) != HOLDS
        ]
    return out


def _doubtful(evaluation: Evaluation, policy: str, estimator: str, required: str) -> list[str]:
    """Return a line for each metric with a guardrail whose verdict falls short, the reward aside."""
    about = {rule["metric"] for rule in guarded(evaluation, policy) if rule["outcome"] == HOLDS} - {REWARD}
    found = {}
    for metric in sorted(about):
        for row in of_log(evaluation.rows["estimates"], metric):
            asked = (row["policy"], row["estimator"]) == (policy, estimator)
            if _RANK[row["verdict"]] > _RANK[required] and asked:
                found[metric] = (
                    f"{policy}: {metric}: {row['verdict']}, below --require {required}: {row['reason']}"
                )
    return list(found.values())
