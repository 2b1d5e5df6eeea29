"""Paired differences of policies: to the best static allocation, and of the best policy to all others."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ltrr.metrics.holm import judged_together
from ltrr.metrics.intervals import bootstrap_mean
from ltrr.study.cells import SETS, Cells, bootstrap_rng, ends, means, rows_of_set, some
from ltrr.study.study import Study
from ltrr.types import Float64

__all__ = ["DIFFERENCES", "difference_rows", "shown_pairs"]

DIFFERENCES = (
    *("policy", "reference", "set", "metric", "mean", "low", "high"),
    *("holm_low", "holm_high", "p", "p_holm", "n_seeds"),
)
"""Columns of ``differences.csv``."""

COSTS = ("calls", "candidates")
"""Measures of cost whose differences are reported with those of the reward."""


def difference_rows(cells: Mapping[str, Cells], static: str | None, study: Study) -> list[dict[str, Any]]:
    """Return one row a comparison, set of requests and metric: policy minus reference, by seed.

    Every policy is compared with the best static allocation, and the policy of the highest reward (the best
    static allocation apart) with every other. ``low`` and ``high`` are the 95 % interval of the difference
    alone. ``holm_low`` and ``holm_high``, of rewards only, are corrected by Holm over comparisons of all
    sets together: they exclude zero where the difference is found. Since the best policy is picked in
    hindsight, the correction counts all pairs of policies, not only its own; all pairs of k policies share
    the weight of k − 1 comparisons (`ltrr.metrics.judged_together`).

    Parameters
    ----------
    cells : mapping of policy to Cells
    static : str or None
        Name of the best static allocation, where the study has it.
    study : Study
    """
    rivals = [name for name in cells if name != static]
    shown = shown_pairs(cells, static, study)
    best = shown[-1][0] if len(rivals) > 1 else None
    hidden = [pair for pair in itertools.combinations(rivals, 2) if best not in pair]
    found = [row for pair in (*shown, *hidden) for row in _of_pair(cells, *pair, study)]
    _judge(found, static, len(rivals))
    rows = []
    for row, values in found:
        if (row["policy"], row["reference"]) in shown:
            name = f"difference {row['metric']} {row['set']}"
            interval = bootstrap_mean(values, rng=bootstrap_rng(study, name))
            rows.append({**row, **ends(interval), "n_seeds": interval.n})
    return rows


def shown_pairs(cells: Mapping[str, Cells], static: str | None, study: Study) -> list[tuple[str, str]]:
    """Return the pairs (policy, reference) that are reported: all to static, the best to all others."""
    rivals = [name for name in cells if name != static]
    shown = [(name, static) for name in rivals if static is not None]
    if len(rivals) > 1:
        best = _best(cells, rivals, study)
        shown += [(best, name) for name in rivals if name != best]
    return shown


def _best(cells: Mapping[str, Cells], names: Sequence[str], study: Study) -> str:
    """Return the policy of the highest mean reward, of equals the first."""
    reward = {name: _seed_means(cells[name], study, "all", "reward").mean() for name in names}
    return max(names, key=lambda name: reward[name])


def _judge(found: Sequence[tuple[dict[str, Any], Float64]], static: str | None, n_rivals: int) -> None:
    """Add what Holm's correction over all differences of rewards says of each."""
    tested = [(row, values) for row, values in found if row["metric"] == "reward"]
    if not tested:
        return
    weights = np.array([1.0 if row["reference"] == static else 2.0 / n_rivals for row, _ in tested])
    together = judged_together(np.stack([values for _, values in tested]), weights=weights)
    for k, (row, _) in enumerate(tested):
        row |= {
            "holm_low": together.low[k],
            "holm_high": together.high[k],
            "p": together.p[k],
            "p_holm": together.p_holm[k],
        }


def _of_pair(
    cells: Mapping[str, Cells], policy: str, reference: str, study: Study
) -> Iterator[tuple[dict[str, Any], Float64]]:
    """Yield the rows of a comparison without their intervals, each with its values, one a seed."""
    for name in SETS:
        tables, rows = rows_of_set(cells[policy], study, name)
        if not some(rows):
            continue
        for metric in ("reward", *COSTS):
            values = means(tables, rows, metric) - _seed_means(cells[reference], study, name, metric)
            yield {"policy": policy, "reference": reference, "set": name, "metric": metric}, values


def _seed_means(own: Cells, study: Study, name: str, metric: str) -> Float64:
    return means(*rows_of_set(own, study, name), metric)
