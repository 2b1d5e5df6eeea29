"""Paired differences of policies: to the best static allocation, and of the best policy to all others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ltrr.metrics.holm import judged_together
from ltrr.metrics.intervals import bootstrap_mean
from ltrr.study.cells import SETS, Cells, bootstrap_rng, ends, means, rows_of_set, some
from ltrr.study.study import Study
from ltrr.types import Float64

__all__ = ["DIFFERENCES", "difference_rows"]

DIFFERENCES = (
    *("policy", "reference", "set", "metric", "mean", "low", "high"),
    *("holm_low", "holm_high", "p", "p_holm", "n_seeds"),
)
"""Columns of ``differences.csv``."""

COSTS = ("calls", "candidates")
"""Measures of cost whose differences are reported beside those of the reward."""


def difference_rows(cells: Mapping[str, Cells], static: str | None, study: Study) -> list[dict[str, Any]]:
    """Return one row a comparison, set of requests and metric: policy minus reference, paired by seed.

    Every policy is compared with the best static allocation, and the policy of the highest reward (the best
    static allocation apart) with every other. ``low`` and ``high`` are the 95 % interval of the difference
    alone. ``holm_low`` and ``holm_high``, of rewards only, are corrected over all rewards' differences of the
    table together (`ltrr.metrics.judged_together`): they exclude zero where the difference is found.

    Parameters
    ----------
    cells : mapping of policy to Cells
    static : str or None
        Name of the best static allocation, where the study has it.
    study : Study
    """
    found = [row for pair in _pairs(cells, static, study) for row in _of_pair(cells, *pair, study)]
    tested = [i for i, (row, _) in enumerate(found) if row["metric"] == "reward"]
    together = judged_together(np.stack([found[i][1] for i in tested])) if tested else None
    rows: list[dict[str, Any]] = []
    for row, values in found:
        name = f"difference {row['metric']} {row['set']}"
        interval = bootstrap_mean(values, rng=bootstrap_rng(study, name))
        rows.append({**row, **ends(interval), "n_seeds": interval.n})
    if together is not None:
        for k, i in enumerate(tested):
            rows[i] |= {
                "holm_low": together.low[k],
                "holm_high": together.high[k],
                "p": together.p[k],
                "p_holm": together.p_holm[k],
            }
    return rows


def _pairs(cells: Mapping[str, Cells], static: str | None, study: Study) -> Iterator[tuple[str, str]]:
    """Yield (policy, reference)."""
    rivals = [name for name in cells if name != static]
    if static is not None:
        yield from ((name, static) for name in rivals)
    if len(rivals) > 1:
        reward = {name: _seed_means(cells[name], study, "all", "reward").mean() for name in rivals}
        best = max(rivals, key=lambda name: reward[name])  # of equals the first
        yield from ((best, name) for name in rivals if name != best)


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
