"""A finished run: its tables, figures, logs and trained policies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ltrr.bandits import load as load_policy
from ltrr.errors import InputError, nearest
from ltrr.logs.tables import Log
from ltrr.metrics.measures import Measure
from ltrr.study.notes import read_measures, read_notes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Result"]


@dataclass(frozen=True)
class Result:
    """What a simulation left in its folder.

    Parameters
    ----------
    folder : str or Path
        The run's folder.
    """

    folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))
        if not (self.folder / "summary.csv").is_file():
            raise InputError(
                f"{self.folder} holds no finished run: summary.csv is missing; run `ltrr simulate` "
                "(add --resume if it was interrupted)"
            )

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The measures that the study kept besides the standard ones, to read their labels."""
        return read_measures(self.folder)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know besides the numbers."""
        return read_notes(self.folder)

    def summary(self) -> pd.DataFrame:
        """Return policy, metric, mean, low, high, n_seeds: 95 % intervals over seeds."""
        return pd.read_csv(self.folder / "summary.csv")

    def curves(self) -> pd.DataFrame:
        """Return policy, metric, round, mean, low, high at log-spaced rounds."""
        return pd.read_csv(self.folder / "curves.csv")

    def comparators(self) -> pd.DataFrame:
        """Return what a full-information router and the oracle reach on the reference's trajectory."""
        return pd.read_csv(self.folder / "comparators.csv")

    def table(self, metrics: list[str] | None = None) -> pd.DataFrame:
        """Return one row a policy, one column a metric, means only, best reward first."""
        frame = self.summary().pivot_table(index="policy", columns="metric", values="mean")
        frame = frame.sort_values("reward", ascending=False)
        for metric in metrics or ():
            if metric not in frame:
                raise InputError(f"the run has no metric {metric!r}{nearest(str(metric), frame.columns)}")
        return frame if metrics is None else frame[list(metrics)]

    def rounds(self, policy: str, seed: int = 0) -> pd.DataFrame:
        """Return the rounds of one cell."""
        return pd.read_parquet(self.folder / "rounds" / f"{self._known(policy)}-{seed:03d}.parquet")

    def log(self, policy: str | None = None, seed: int | None = None) -> Log:
        """Return the log, of all policies or one, with propensities, ready for replay."""
        return Log(self.folder / "log", policy, seed)

    def policy(self, policy: str, seed: int = 0) -> Any:
        """Return a policy as trained at the end of a seed, to judge frozen or to take elsewhere."""
        place = self.folder / "policies" / f"{self._known(policy)}-{seed:03d}"
        if not place.is_dir() and (self.folder / "rounds" / f"{place.name}.parquet").exists():
            raise InputError(
                f"policy {policy!r} was not saved, since it could not be loaded again: put its class into a "
                "module and keep each parameter under its own name"
            )
        return load_policy(place)

    def plot_regret(self, against: str = "static") -> Axes:
        """Draw cumulative regret against ``static``, ``oracle``, ``class`` or ``ideal``."""
        from ltrr.study import figures

        return figures.regret(self.curves(), self.summary(), against=against)

    def plot_recall(self) -> Axes:
        """Draw candidate recall at the budget over time."""
        from ltrr.study import figures

        return figures.recall(self.curves())

    def plot_slots(self, policy: str) -> Axes:
        """Draw the slots that a policy gives to each arm over time."""
        from ltrr.study import figures

        return figures.slots(self.curves(), self._known(policy))

    def plot_loss(self) -> Axes:
        """Draw how each policy's distance to the ideal page divides into retrieval and ranking."""
        from ltrr.study import figures

        return figures.loss(self.summary())

    def report(self) -> Path:
        """Draw all figures and ``report.html`` anew and return the page's path."""
        from ltrr.study.report import write_report

        return write_report(self.folder)

    def _known(self, policy: str) -> str:
        names = self.summary().policy.unique().tolist()
        if policy not in names:
            raise InputError(f"the run has no policy {policy!r}{nearest(policy, names)}")
        return policy
