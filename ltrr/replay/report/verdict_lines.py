"""The verdicts of a replay, each once, with the estimates that it is on."""

from __future__ import annotations

from ltrr.replay.judging.evaluation import Records
from ltrr.replay.judging.metrics import REWARD

__all__ = ["verdicts"]


def verdicts(rows: Records) -> list[tuple[str, str, list[str]]]:
    """Return each verdict with its reason and the estimates that it is on, policy by policy.

    Examples
    --------
    >>> row = {"policy": "a", "verdict": "weak", "reason": "few.", "metric": "reward"}
    >>> verdicts([row | {"estimator": "ips"}, row | {"estimator": "dr"}])
    [('weak', 'few.', ['a (ips, dr)'])]
    >>> verdicts([row | {"estimator": "ips", "metric": name} for name in ("reward", "revenue")])
    [('weak', 'few.', ['a (reward, revenue: ips)'])]
    """
    found: dict[tuple[str, str], dict[str, dict[str, dict[str, None]]]] = {}
    for row in rows:
        of_policy = found.setdefault((row["verdict"], row["reason"]), {}).setdefault(row["policy"], {})
        of_policy.setdefault(row["metric"], {})[row["estimator"]] = None
    return [
        (label, reason, [f"{policy} ({_listed(metrics)})" for policy, metrics in whom.items()])
        for (label, reason), whom in found.items()
    ]


def _listed(metrics: dict[str, dict[str, None]]) -> str:
    """Return estimators by metric; metrics of the same estimators are named together."""
    by_names: dict[tuple[str, ...], list[str]] = {}
    for metric, names in metrics.items():
        by_names.setdefault(tuple(names), []).append(metric)
    parts = [
        ", ".join(names) if of == [REWARD] else f"{', '.join(of)}: {', '.join(names)}"
        for names, of in by_names.items()
    ]
    return "; ".join(parts)
