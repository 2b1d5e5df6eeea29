"""The result of a replay: tables, verdicts, and the data of figures and pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DIFFERENCE_COLUMNS", "ESTIMATE_COLUMNS", "Evaluation"]

ESTIMATE_COLUMNS = (
    "policy",
    "estimator",
    "parameter",
    "value",
    "low",
    "high",
    "interval",
    "level",
    "n",
    "ess",
    "verdict",
    "reason",
    "estimated",
    "bias",
    "rows_needed",
)
"""Columns of the table of estimates; one row a policy, estimator and interval."""

DIFFERENCE_COLUMNS = (
    "policy",
    "against",
    "estimator",
    "difference",
    "low",
    "high",
    "interval",
    "level",
    "verdict",
)
"""Columns of the table of paired differences."""


@dataclass(frozen=True)
class Evaluation:
    """The outcome of judging policies from one log.

    Parameters
    ----------
    table : DataFrame
        Columns `ESTIMATE_COLUMNS`. ``value``, ``low`` and ``high`` are empty where the log cannot answer;
        ``parameter`` is the hyper-parameter, given or chosen by SLOPE; ``estimated`` says which probabilities
        are estimates, ``bias`` why the estimator is biased; ``rows_needed`` is the number of such rows that
        would give the requested half-width.
    differences : DataFrame
        Columns `DIFFERENCE_COLUMNS`: policy minus ``against`` on the same rows.
    diagnostics : DataFrame
        Columns policy, diagnostic, value, meaning.
    weights : DataFrame
        Histogram of the weights: policy, low (of the bin), rows, mass (sum of weights).
    blocks : DataFrame
        Over time: policy, block, rows, reward (mean), weight (mean).
    about : mapping
        The log (name, format, rows, used, skipped, faults) and the settings.
    """

    table: pd.DataFrame
    differences: pd.DataFrame
    diagnostics: pd.DataFrame
    weights: pd.DataFrame
    blocks: pd.DataFrame
    about: Mapping[str, Any]

    def plot_forest(self) -> Axes:
        """Return a forest plot: every estimate with its interval, and the reward as logged."""
        from ltrr.replay.report.figures import forest

        return forest(self)

    def plot_weights(self) -> Axes:
        """Return the histogram of the weights of every policy."""
        from ltrr.replay.report.figures import weights

        return weights(self)

    def report(self, folder: Path | str) -> Path:
        """Write tables (csv), figures (png) and report.html to a folder, made if absent; return the page."""
        from ltrr.replay.report.page import write_replay

        return write_replay(self, Path(folder))
