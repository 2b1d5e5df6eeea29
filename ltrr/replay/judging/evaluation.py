"""The result of a replay: tables, verdicts, and the data of figures and pages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ltrr.logs.faults import Faults

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["COLUMNS", "DIFFERENCE_COLUMNS", "ESTIMATE_COLUMNS", "TEXTS", "Evaluation", "Records", "whole"]

Records = Sequence[Mapping[str, Any]]
"""The rows of a table."""

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
    "metric",
    "segment",
    "clusters",
    "note",
)
"""Columns of the table of estimates; one row a policy, metric, estimator, segment and interval."""

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
    "metric",
    "segment",
    "p",
    "p_adjusted",
    "note",
)
"""Columns of the table of paired differences."""


COLUMNS: Mapping[str, tuple[str, ...]] = {
    "estimates": ESTIMATE_COLUMNS,
    "differences": DIFFERENCE_COLUMNS,
    "diagnostics": ("policy", "diagnostic", "value", "meaning"),
    "weights": ("policy", "low", "rows", "mass"),
    "blocks": (
        "policy",
        "block",
        "rows",
        "reward",
        "weight",
        "reward_se",
        "weight_se",
        "start",
        "end",
    ),
    "guardrails": (
        "policy",
        "metric",
        "estimator",
        "bound",
        "margin",
        "difference",
        "low",
        "high",
        "level",
        "outcome",
    ),
    "clips": ("policy", "clip", "value", "low", "high"),
    "left_out": ("what", "kept", "left_out"),
}
"""The tables of a replay and their columns; each is a file of its folder."""

TEXTS = frozenset(
    [
        "policy",
        "against",
        "estimator",
        "interval",
        "verdict",
        "reason",
        "estimated",
        "bias",
        "diagnostic",
        "meaning",
        "metric",
        "segment",
        "note",
        "bound",
        "outcome",
        "what",
    ]
)
"""Columns of text; the others hold numbers."""


def whole(table: str, rows: Iterable[Mapping[str, Any]]) -> Records:
    """Return rows of a table with all of its columns in their order: NaN where a number is missing.

    Examples
    --------
    >>> whole("weights", [{"policy": "uniform", "low": 0.0, "rows": 3}])
    [{'policy': 'uniform', 'low': 0.0, 'rows': 3, 'mass': nan}]
    """
    return [{name: _value(name, row.get(name)) for name in COLUMNS[table]} for row in rows]


def _value(column: str, value: Any) -> Any:
    if column in TEXTS:
        return "" if value is None else str(value)
    return math.nan if value is None else value.item() if hasattr(value, "item") else value


@dataclass(frozen=True)
class Evaluation:
    """The outcome of judging policies from one log.

    Parameters
    ----------
    rows : mapping of str to records
        The rows of the tables `COLUMNS`, as `whole` returns them.
    about : mapping
        The log (name, format, rows, used, skipped, faults) and the settings.
    faults : Faults
        What the pass over the log found; nothing where the evaluation was read from a folder.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from ltrr.replay import run
    >>> log = pa.table({"action": ["a", "b"] * 50, "reward": [0, 1] * 50, "propensity": [0.5] * 100})
    >>> found = run(log, ["always:b"], estimators=["ips"], quiet=True)
    >>> found.about["used"], found.table["value"].tolist()
    (100, [0.5, 1.0])
    """

    rows: Mapping[str, Records]
    about: Mapping[str, Any]
    faults: Faults = field(default_factory=Faults, repr=False, compare=False)

    def __repr__(self) -> str:
        from ltrr.replay import report

        return report.brief(self)

    def _frame(self, table: str) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(list(self.rows[table]), columns=list(COLUMNS[table]))

    @property
    def table(self) -> pd.DataFrame:
        """The estimates, columns `ESTIMATE_COLUMNS`.

        ``value``, ``low`` and ``high`` are empty where the log cannot answer; ``parameter`` is the
        hyper-parameter, given, at its default, or chosen by SLOPE where that was asked for; ``estimated``
        says which probabilities are estimates, ``bias`` why the estimator is biased; ``rows_needed`` is the
        number of such rows that would give the requested half-width; ``note`` is to be read with the number,
        or says why there is no interval.
        """
        return self._frame("estimates")

    @property
    def differences(self) -> pd.DataFrame:
        """Columns `DIFFERENCE_COLUMNS`: policy minus ``against`` on the same rows."""
        return self._frame("differences")

    @property
    def diagnostics(self) -> pd.DataFrame:
        """Columns policy, diagnostic, value, meaning."""
        return self._frame("diagnostics")

    @property
    def weights(self) -> pd.DataFrame:
        """Histogram of the weights: policy, low (of the bin), rows, mass (sum of weights)."""
        return self._frame("weights")

    @property
    def blocks(self) -> pd.DataFrame:
        """Over time: policy, block, rows, means of reward and weight with standard errors, start, end."""
        return self._frame("blocks")

    @property
    def guardrails(self) -> pd.DataFrame:
        """What each guardrail shows: change from the value as logged, its interval, and the outcome."""
        return self._frame("guardrails")

    @property
    def clips(self) -> pd.DataFrame:
        """Estimates by weights clipped at several values: how much the largest weights decide."""
        return self._frame("clips")

    @property
    def left_out(self) -> pd.DataFrame:
        """Rows that were kept and rows that were left out: number, mean reward, shares of actions."""
        return self._frame("left_out")

    def plot_forest(self) -> Axes:
        """Return a forest plot: every estimate with its interval, and the reward as logged."""
        from ltrr.replay import report

        return report.forest(self)

    def plot_weights(self) -> Axes:
        """Return the histogram of the weights of every policy."""
        from ltrr.replay import report

        return report.weights(self)

    def plot_segments(self) -> Axes:
        """Return a forest plot of the differences by segment."""
        from ltrr.replay import report

        return report.segments(self)

    def plot_clips(self) -> Axes:
        """Return the estimates by clip: how much the largest weights decide."""
        from ltrr.replay import report

        return report.clips(self)

    def plot_over_time(self) -> Axes:
        """Return rewards and weights over the log, with a band of chance."""
        from ltrr.replay import report

        return report.over_time(self)

    def report(self, folder: Path | str, *, figures: bool = True) -> Path:
        """Write tables (csv), figures (svg) and report.html to a folder, made if absent.

        Parameters
        ----------
        folder : path
        figures : bool
            False for the tables alone: no figure is drawn, and no page.

        Returns
        -------
        Path
            The page; the folder where there is none.
        """
        from ltrr.replay import report

        return report.write_replay(self, Path(folder), figures=figures)
