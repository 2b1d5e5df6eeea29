"""A finished run: its tables, figures, logs and trained policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ltrr.bandits import load as load_policy
from ltrr.errors import InputError, nearest
from ltrr.logs.tables import Log
from ltrr.metrics.measures import Measure
from ltrr.study.notes import read_measures, read_notes
from ltrr.study.tables import HEADS, Tables, read_csv
from ltrr.study.trec import trec_qrels, trec_run
from ltrr.study.verdict import Verdict, verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Result"]


@dataclass(frozen=True, repr=False)
class Result:
    """What a simulation left in its folder.

    Parameters
    ----------
    folder : str or Path
        The run's folder.

    Examples
    --------
    A run of ten requests, in which one policy gives all three slots to bm25:

    >>> import ltrr
    >>> from ltrr.bandits.spec import policy_spec
    >>> loop = ltrr.simulation.LoopSetting(arms=("bm25", "popular"), warmup=5, held_out=0)
    >>> study = ltrr.study.Study(
    ...     world={"kind": "music", "n_items": 200, "n_queries": 40}, ranker="rrf", features=["bm25"],
    ...     loop=loop, policies=(policy_spec("bm25", loop.arms),), seeds=1, rounds=10,
    ... )
    >>> result = ltrr.study.run_study(study, quiet=True)
    >>> result.table(["slots_bm25", "slots_popular"]).to_dict("index")
    {'bm25': {'slots_bm25': 3.0, 'slots_popular': 0.0}}
    >>> len(result.rounds("bm25"))
    10
    """

    folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))
        if not (self.folder / "summary.csv").is_file():
            begun = (self.folder / "study.toml").is_file()
            remedy = "resume it (--resume, resume=True)" if begun else "give a run's folder"
            raise InputError(f"{self.folder} holds no finished run: summary.csv is missing; {remedy}")

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
        return read_csv(self.folder / "summary.csv")

    def curves(self) -> pd.DataFrame:
        """Return policy, metric, round, mean, low, high at log-spaced rounds."""
        return read_csv(self.folder / "curves.csv")

    def comparators(self) -> pd.DataFrame:
        """Return what a full-information router and the oracle reach on the reference's trajectory."""
        return read_csv(self.folder / "comparators.csv")

    def differences(self) -> pd.DataFrame:
        """Return policy, reference, set, metric, mean, low, high, holm_low, holm_high, p, p_holm, n_seeds.

        Paired differences of policies to the best static allocation, and of the best policy to all others.
        """
        return self.tables.differences

    def two_way(self) -> pd.DataFrame:
        """Return policy, reference, set, metric, mean, low, high, n_seeds, n_topics.

        Intervals over seeds and topics of rewards (reference ``""``) and of the differences above.
        """
        return self.tables.two_way

    def segments(self) -> pd.DataFrame:
        """Return rewards and differences to the best static allocation by traffic and by kind of query."""
        return self.tables.segments

    def traffic(self) -> pd.DataFrame:
        """Return replicate, set, topics, effective, effective_entropy, top_share."""
        return self.tables.traffic

    def arms(self) -> pd.DataFrame:
        """Return policy, arm, requests, answered, slots, filled: what arms delivered to their own slots."""
        return self.tables.arms

    def verdict(self) -> Verdict | None:
        """Return whether the best policy should be shipped, and why; None where there is a single policy."""
        return verdict(self.tables)

    @property
    def tables(self) -> Tables:
        """All tables of the run."""
        return Tables.read(self.folder)

    def table(self, metrics: Sequence[str] | None = None) -> pd.DataFrame:
        """Return one row a policy, one column a metric, means only, best reward first.

        Parameters
        ----------
        metrics : sequence of str, optional
            Metrics of ``summary.csv``, or heads of the terminal's table such as ``recall``; by default all.
        """
        frame = self.tables.means
        if metrics is None:
            return frame
        if isinstance(metrics, str):
            raise InputError(f"`metrics` must be a list of names, got {metrics!r}; write [{metrics!r}]")
        by_head = {head: metric for metric, head in HEADS.items()}
        known = {str(m): m if m in frame else by_head.get(str(m), m) for m in metrics}
        for given, metric in known.items():
            if metric not in frame:
                names = [*frame.columns, *by_head]
                raise InputError(f"the run has no metric {given!r}{nearest(given, names)}")
        return frame[list(known.values())].set_axis(list(known), axis=1)

    def rounds(self, policy: str, seed: int = 0) -> pd.DataFrame:
        """Return the rounds of one cell."""
        return pd.read_parquet(self.folder / "rounds" / f"{self._known(policy)}-{seed:03d}.parquet")

    def log(self, policy: str | None = None, seed: int | None = None) -> Log:
        """Return the log, of all policies or one, with propensities, ready for replay."""
        return Log(self.folder / "log", policy, seed)

    def trec_run(self, policy: str, seed: int = 0, *, candidates: bool = False) -> pd.DataFrame:
        """Return query_id, doc_id, rank, score of logged pages, or of all candidates in the ranker's order.

        A request is a query of its own, so that ``ir_measures.iter_calc(measures, result.trec_qrels(seed),
        result.trec_run(policy, seed))`` judges each page. ``ltrr report RUN --trec DIR`` writes files.
        """
        return trec_run(self.log(self._known(policy), seed), candidates=candidates)

    def trec_qrels(self, seed: int = 0, *, world: Any = None) -> pd.DataFrame:
        """Return query_id, doc_id, relevance: all judgements of what each request of a seed is about.

        ``world`` is needed only where ``study.toml`` cannot make it again.
        """
        return trec_qrels(self.folder, self.rounds(str(self.summary().policy[0]), seed), world)

    def policy(self, policy: str, seed: int = 0) -> Any:
        """Return a policy as trained at the end of a seed, to judge frozen or to take elsewhere."""
        place = self.folder / "policies" / f"{self._known(policy)}-{seed:03d}"
        if not place.is_dir() and (self.folder / "rounds" / f"{place.name}.parquet").exists():
            raise InputError(
                f"policy {policy!r} was not saved, since it could not be loaded again: put its class into a "
                "module and keep each parameter under its own name"
            )
        return load_policy(place)

    def plot_differences(
        self,
        of: str | None = None,
        *,
        ax: Axes | None = None,
        policies: Sequence[str] | None = None,
        figsize: tuple[float, float | None] | None = None,
    ) -> Axes:
        """Draw a forest of paired differences to the best static allocation, a panel a set of requests.

        Parameters
        ----------
        of : str, optional
            One set: ``all``, ``repeated``, ``first-time``, ``held-out`` or ``reserved``.
        ax : Axes, optional
            Where to draw; by default a figure of its own.
        policies : sequence of str, optional
            Those to draw; by default all.
        figsize : (float, float), optional
            Width and height in inches; a height of None is as high as the figure needs.
        """
        from ltrr.study import figures

        return figures.differences(self.tables, of=of, ax=ax, policies=policies, figsize=figsize)

    def plot_learning(
        self,
        *,
        ax: Axes | None = None,
        policies: Sequence[str] | None = None,
        figsize: tuple[float, float | None] | None = None,
    ) -> Axes:
        """Draw each policy's lead over the best static allocation over time; see `plot_differences`."""
        from ltrr.study import figures

        return figures.learning(self.tables, ax=ax, policies=policies, figsize=figsize)

    def plot_regret(
        self,
        against: str = "static",
        *,
        ax: Axes | None = None,
        policies: Sequence[str] | None = None,
        figsize: tuple[float, float | None] | None = None,
    ) -> Axes:
        """Draw cumulative regret against ``static``, ``oracle``, ``class`` or ``ideal``."""
        from ltrr.study import figures

        return figures.regret(self.tables, against=against, ax=ax, policies=policies, figsize=figsize)

    def plot_recall(
        self,
        *,
        ax: Axes | None = None,
        policies: Sequence[str] | None = None,
        figsize: tuple[float, float | None] | None = None,
    ) -> Axes:
        """Draw candidate recall at the budget over time."""
        from ltrr.study import figures

        return figures.recall(self.tables, ax=ax, policies=policies, figsize=figsize)

    def plot_cost(
        self,
        metric: str = "calls",
        *,
        ax: Axes | None = None,
        policies: Sequence[str] | None = None,
        figsize: tuple[float, float | None] | None = None,
    ) -> Axes:
        """Draw reward against cost: ``calls`` or ``candidates`` a request."""
        from ltrr.study import figures

        return figures.cost(self.tables, metric=metric, ax=ax, policies=policies, figsize=figsize)

    def plot_slots(
        self,
        policies: str | Sequence[str] | None = None,
        *,
        ax: Axes | None = None,
        figsize: tuple[float, float | None] | None = None,
    ) -> Axes:
        """Draw the shares of slots that policies give to each arm over time."""
        from ltrr.study import figures

        names = [policies] if isinstance(policies, str) else policies
        return figures.slots(self.tables, ax=ax, policies=names, figsize=figsize)

    def plot_loss(
        self,
        *,
        ax: Axes | None = None,
        policies: Sequence[str] | None = None,
        figsize: tuple[float, float | None] | None = None,
    ) -> Axes:
        """Draw how each policy's distance to the ideal page divides into retrieval and ranking."""
        from ltrr.study import figures

        return figures.loss(self.tables, ax=ax, policies=policies, figsize=figsize)

    def __repr__(self) -> str:
        study = self.tables.study
        found = self.verdict()
        answer = f" {found.headline}" if found is not None else ""
        return (
            f"Result of {study['name']!r}: {len(study['policies'])} policies, {study['seeds']} seeds.{answer}"
        )

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the verdict, what to know besides, and the table of policies."""
        from ltrr.study.report import notebook_view

        return notebook_view(self.tables)

    def report(self, *, jobs: int = 1) -> Path:
        """Redraw all figures and ``report.html``, on some processes, and return the page's path."""
        from ltrr.study.report import write_report

        return write_report(self.folder, jobs=jobs)

    def _known(self, policy: str) -> str:
        names = self.summary().policy.unique().tolist()
        if policy not in names:
            raise InputError(f"the run has no policy {policy!r}{nearest(policy, names)}")
        return policy
