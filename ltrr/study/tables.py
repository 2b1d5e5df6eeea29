"""The tables of a finished run, read once for page, figures, verdict and terminal."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from ltrr.bandits.registry import BEST_STATIC
from ltrr.errors import InputError
from ltrr.metrics.measures import Measure
from ltrr.study.ground import read_ground
from ltrr.study.notes import read_measures, read_notes
from ltrr.types.quotas import quota_name

__all__ = [
    "HEADS",
    "ONE_SEED",
    "Tables",
    "difference_text",
    "interval_text",
    "percent_below",
    "read_csv",
    "topics_text",
]

HEADS = {
    "reward": "reward",
    "difference_static": "difference",
    "reward_held_out": "held-out",
    "reward_first": "first-time",
    "reward_seen": "repeated",
    "own": "own",
    "ndcg": "nDCG",
    "recall_budget": "recall",
}
"""Metrics that the terminal's table shows, the most telling first, by a head short enough for it."""

ONE_SEED = " (one seed: no interval)"
"""What follows a mean where one seed says nothing about the spread."""

_CSV = ("summary", "curves", "comparators", "differences", "arms")
_LATER = ("two_way", "segments", "traffic")
"""Tables that runs of earlier versions do not have: their pages are without what is said of them."""


@dataclass(frozen=True)
class Tables:
    """What a finished run's folder says.

    Parameters
    ----------
    folder : Path
    study : dict
        The tables of ``study.toml``.
    summary, curves, comparators, differences, arms : DataFrame
        The CSV files of these names.
    measures : tuple of Measure
        The study's own, to read their labels.
    notes : tuple of str
        What was noted before the run: by the world, the ranker, the study file.
    two_way, segments, traffic : DataFrame
        The CSV files of these names; empty for a run of an earlier version.
    ground : dict
        ``ground.json``; likewise.

    Examples
    --------
    >>> study = {"policies": [{"name": "fixed", "kind": "best-static"}, {"name": "linucb", "kind": "linucb"}]}
    >>> summary = pd.DataFrame({"policy": ["fixed", "linucb"], "metric": "reward", "mean": [0.5, 0.75]})
    >>> none = pd.DataFrame()
    >>> tables = Tables(Path(), study, summary, none, none, none, none, measures=(), notes=())
    >>> tables.means.reward.to_dict(), tables.best_static
    ({'linucb': 0.75, 'fixed': 0.5}, 'fixed')
    """

    folder: Path
    study: dict[str, Any]
    summary: pd.DataFrame
    curves: pd.DataFrame
    comparators: pd.DataFrame
    differences: pd.DataFrame
    arms: pd.DataFrame
    measures: tuple[Measure, ...]
    notes: tuple[str, ...]
    two_way: pd.DataFrame = field(default_factory=pd.DataFrame)
    segments: pd.DataFrame = field(default_factory=pd.DataFrame)
    traffic: pd.DataFrame = field(default_factory=pd.DataFrame)
    ground: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def read(folder: str | Path) -> Tables:
        """Read a run's folder.

        Raises
        ------
        InputError
            If it holds no finished run, or one of another version.
        """
        place = Path(folder)
        if not (place / "summary.csv").is_file():
            begun = (place / "study.toml").is_file()
            remedy = f"go on with `ltrr simulate --resume --out {place}`" if begun else "give a run's folder"
            raise InputError(f"{place} holds no finished run: summary.csv is missing; {remedy}")
        for name in (*_CSV, "per_seed", "shared"):
            if not (place / f"{name}.csv").is_file():
                raise InputError(
                    f"{place} is not complete, or was written by another version of ltrr: {name}.csv is "
                    "missing; simulate it again"
                )
        study = tomllib.loads((place / "study.toml").read_text(encoding="utf-8"))
        later = [name for name in _LATER if (place / f"{name}.csv").is_file()]
        frames = {name: read_csv(place / f"{name}.csv") for name in (*_CSV, *later)}
        return Tables(
            place,
            study,
            **frames,
            measures=read_measures(place),
            notes=read_notes(place),
            ground=read_ground(place),
        )

    @cached_property
    def means(self) -> pd.DataFrame:
        """One row a policy, best reward first, one column a metric: means over seeds."""
        frame = self.summary.pivot_table(index="policy", columns="metric", values="mean")
        order = [name for name in dict.fromkeys(self.summary.policy) if name in frame.index]
        return frame.loc[order].sort_values("reward", ascending=False, kind="stable")

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The summary by policy and metric."""
        return self.summary.set_index(["policy", "metric"]).sort_index()

    @cached_property
    def per_seed(self) -> pd.DataFrame:
        """Policy, metric, seed, value: the numbers behind the summary."""
        return read_csv(self.folder / "per_seed.csv")

    @cached_property
    def best_static(self) -> str | None:
        """The name of the best static allocation under the study's own ranker, where the study has it."""
        own = (
            p
            for p in self.study["policies"]
            if p["kind"] == BEST_STATIC and not {"ranker", "tune"} & p.keys()
        )
        return next((p["name"] for p in own), None)

    @cached_property
    def tuned_quota(self) -> str | None:
        """The quota of the best static allocation, for a sentence; None where none was searched."""
        place = self.folder / "tuning.json"
        if not place.is_file():
            return None
        found = json.loads(place.read_text(encoding="utf-8"))
        return quota_name(found["quota"], found["arms"])

    @property
    def seeds(self) -> int:
        """Number of seeds."""
        return int(self.study["seeds"])

    def entry(self, policy: str) -> dict[str, Any]:
        """Return what the study says of a policy: name, kind, settings, and its own ranker if it has one."""
        return next(dict(p) for p in self.study["policies"] if p["name"] == policy)

    @cached_property
    def shared(self) -> pd.DataFrame:
        """Policy, reference, candidates, page: what pairs of policies have in common."""
        return read_csv(self.folder / "shared.csv")

    @cached_property
    def ranker_checks(self) -> pd.DataFrame:
        """Every decision whether a newly trained ranker serves, with policy and seed; empty where none is."""
        found = [
            pq.ParquetFile(path).read().to_pandas().assign(policy=path.stem[:-4], seed=int(path.stem[-3:]))
            for path in sorted((self.folder / "ranker_checks").glob("*-???.parquet"))
        ]
        return pd.concat(found, ignore_index=True) if found else pd.DataFrame()

    @property
    def pages(self) -> int:
        """Pages of each policy that were kept after the warm-up, over all seeds."""
        loop = self.study["loop"]
        every, first = int(loop["oracle_every"]), int(loop["warmup"])
        return self.seeds * (int(self.study["rounds"]) // every - first // every)

    @property
    def fallback(self) -> str:
        """The fallback arms in order, for a sentence; empty where there is none."""
        return ", then ".join(self.study["loop"].get("fallback", ()))

    @cached_property
    def stamp(self) -> str:
        """Study, seeds and version, for the corner of every figure."""
        environment = json.loads((self.folder / "environment.json").read_text(encoding="utf-8"))
        seeds = f"{self.seeds} {'seed' if self.seeds == 1 else 'seeds'} from {self.study['seed']}"
        return f"study {self.study['name']} · {seeds} · ltrr {environment['ltrr']}"

    def row(self, policy: str, metric: str) -> dict[str, float]:
        """Return mean, low and high of a policy's metric."""
        found = self.rows.loc[[(policy, metric)]]
        return {name: float(found[name].iloc[0]) for name in ("mean", "low", "high")}

    def mean(self, policy: str, metric: str) -> float:
        """Return a policy's mean of a metric over seeds."""
        return float(self.rows["mean"][policy, metric])

    def over_topics(self, policy: str, reference: str, of: str = "all") -> Any:
        """Return the row of ``two_way.csv`` of a pair and set of requests, None where there is none."""
        rows = self.two_way
        if not len(rows):
            return None
        found = rows[(rows.policy == policy) & (rows.reference == reference) & (rows["set"] == of)]
        return found.iloc[0] if len(found) else None

    def pairs(self, policy: str, reference: str, metric: str = "reward") -> pd.DataFrame:
        """Return the differences of a policy to a reference, by set of requests."""
        all_rows = self.differences
        found = all_rows[
            (all_rows.policy == policy) & (all_rows.reference == reference) & (all_rows.metric == metric)
        ]
        return found.set_index("set")


def read_csv(path: Path) -> pd.DataFrame:
    """Return a table of a run; names of policies and arms stay texts, also those that look like numbers."""
    names = dict.fromkeys(("policy", "reference", "arm", "segment"), str)
    frame = pd.read_csv(path, dtype=names, keep_default_na=False, na_values=[""])
    return frame.fillna({"reference": ""}) if "reference" in frame else frame  # levels have no reference


def interval_text(row: Any, digits: int = 3, *, holm: bool = False, sign: bool = False) -> str:
    """Return a mean with its interval, or with the words that one seed has none.

    Examples
    --------
    >>> interval_text({"mean": 0.5, "low": 0.25, "high": 0.75}, 2)
    '0.50 [0.25, 0.75]'
    >>> interval_text({"mean": 0.5, "low": float("-inf"), "high": float("inf")}, 2, sign=True)
    '+0.50 (one seed: no interval)'
    """
    low, high = (row["holm_low"], row["holm_high"]) if holm else (row["low"], row["high"])
    form = f"{'+' if sign else ''}.{digits}f"
    mean = format(row["mean"], form)
    if low == float("-inf") or high == float("inf"):
        return f"{mean}{ONE_SEED}"
    return f"{mean} [{format(low, form)}, {format(high, form)}]"


def difference_text(row: Any, digits: int = 3) -> str:
    """Return a difference of rewards with its interval after Holm's correction."""
    return interval_text(row, digits, holm=True, sign=True)


def topics_text(row: Any, digits: int = 3) -> str:
    """Return the interval of a difference over seeds and topics, or why there is none.

    Examples
    --------
    >>> topics_text({"mean": 0.5, "low": 0.25, "high": 0.75}, 2)
    '[+0.25, +0.75]'
    >>> topics_text({"mean": 0.5, "low": float("-inf"), "high": float("inf")})
    'no interval: too few topics or seeds'
    """
    if row["low"] == float("-inf"):
        return "no interval: too few topics or seeds"
    return f"[{row['low']:+.{digits}f}, {row['high']:+.{digits}f}]"


def percent_below(share: float) -> str:
    """Return a share in percent, rounded down: 100 % would say that nothing differs at all.

    Examples
    --------
    >>> percent_below(0.99996), percent_below(1.0)
    ('99.9 %', '100.0 %')
    """
    return f"{int(share * 1000) / 10:.1f} %"
