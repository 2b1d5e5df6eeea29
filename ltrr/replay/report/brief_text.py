"""A replay in a few lines."""

from __future__ import annotations

from ltrr.replay.judging.evaluation import Evaluation
from ltrr.replay.judging.verdict import CANNOT
from ltrr.replay.report.best import best_row, of_log
from ltrr.replay.report.numbers import estimate

__all__ = ["brief"]


def brief(evaluation: Evaluation) -> str:
    """Return a line on the log, and one for each policy with its row to read first.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from ltrr.replay import run
    >>> log = pa.table({"action": ["a", "b"] * 50, "reward": [0, 1] * 50, "propensity": [0.5] * 100})
    >>> print(brief(run(log, ["always:b"], estimators=["ips"], quiet=True)).splitlines()[1])
    always:b: weak, 1.00 [0.80, 1.20] by ips
    """
    about, rows = evaluation.about, of_log(evaluation.rows["estimates"])
    lines = [f"Replay of {about['log']}: {about['used']:,} of {about['rows']:,} rows"]
    for policy in about["policies"]:
        row = best_row(rows, policy)
        value = " ".join(estimate(row["value"], row["low"], row["high"]))
        found = "" if row["verdict"] == CANNOT else f", {value} by {row['estimator']}"
        lines.append(f"{policy}: {row['verdict']}{found}")
    return "\n".join(
        [*lines, "(.table, .differences, .guardrails, .diagnostics, …; .report(folder) for the page)"]
    )
