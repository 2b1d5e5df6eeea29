"""Means of a run over seeds and topics: ``two_way.csv``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltrr.metrics.two_way import CrossedMean, Resamples
from ltrr.study.cells import SETS, Cells, Table, bootstrap_rng, ends, rows_of_set, some
from ltrr.study.study import Study
from ltrr.types import Float64, Int64

__all__ = ["TWO_WAY", "Crossing", "crossings", "two_way_rows"]

TWO_WAY = ("policy", "reference", "set", "metric", "mean", "low", "high", "n_seeds", "n_topics")
"""Columns of ``two_way.csv``."""


@dataclass(frozen=True)
class Crossing:
    """The draws of seeds and topics that all means over one kind of requests share.

    Parameters
    ----------
    topics : int64 (T,)
        Labels of the topics, ascending.
    draws : Resamples

    Examples
    --------
    >>> tables = [{"topic": np.array([3, 5, 3]), "query": np.zeros(3, np.int32), "reward": np.ones(3)}] * 2
    >>> crossing = Crossing.of(tables, np.random.default_rng(0))
    >>> crossing.topics.tolist(), crossing.mean(tables, [np.arange(3)] * 2, "reward").mean
    ([3, 5], 1.0)
    """

    topics: Int64
    draws: Resamples
    _drawn: dict[bytes, Float64] = field(default_factory=dict, repr=False)

    @staticmethod
    def of(tables: Sequence[Table], rng: np.random.Generator) -> Crossing:
        """Draw for the topics of tables, one table a seed."""
        topics = np.unique(np.concatenate([np.unique(_labels(table)) for table in tables]))
        return Crossing(topics, Resamples.draw(len(tables), len(topics), rng=rng))

    def mean(
        self, tables: Sequence[Table], rows: Sequence[Int64], metric: str | Sequence[Float64]
    ) -> CrossedMean:
        """Return the mean over the chosen rows of each seed's table.

        Parameters
        ----------
        tables : sequence of tables
        rows : sequence of int64
        metric : str, or sequence of float64
            A column, or a value a row of each table.
        """
        sums, counts = np.zeros((2, len(tables), len(self.topics)))
        for seed, (table, chosen) in enumerate(zip(tables, rows, strict=True)):
            value = table[metric] if isinstance(metric, str) else metric[seed]
            place = np.searchsorted(self.topics, _labels(table)[chosen])
            counts[seed] = np.bincount(place, minlength=len(self.topics))
            sums[seed] = np.bincount(place, value[chosen], minlength=len(self.topics))
        key = counts.tobytes()  # policies of one study have the same requests
        if key not in self._drawn:
            self._drawn[key] = self.draws.total(counts)
        return self.draws.mean(sums, counts, self._drawn[key])


def _labels(table: Table) -> Int64:
    """Return the topic of each row; where the world knows none, the query is used instead."""
    topic: Int64 = table["topic"].astype(np.int64)
    return np.where(topic >= 0, topic, -1 - table["query"].astype(np.int64))


def crossings(cells: Mapping[str, Cells], study: Study) -> tuple[Crossing, Crossing | None]:
    """Return the draws for the stream's requests, and for held-out ones where there are any."""
    stream = [_joined(tables) for tables in zip(*(own.rounds for own in cells.values()), strict=True)]
    held = [_joined(tables) for tables in zip(*(own.held_out for own in cells.values()), strict=True)]
    return (
        Crossing.of(stream, bootstrap_rng(study, "two-way stream")),
        Crossing.of(held, bootstrap_rng(study, "two-way held-out")) if held else None,
    )


def _joined(tables: Sequence[Table]) -> Table:
    """Return the topics of all policies on one seed: a world may answer to what policies do."""
    return {key: np.concatenate([t[key] for t in tables]) for key in ("topic", "query")}


def two_way_rows(
    cells: Mapping[str, Cells],
    pairs: Iterable[tuple[str, str]],
    study: Study,
    drawn: tuple[Crossing, Crossing | None],
) -> list[dict[str, Any]]:
    """Return one row a set of requests for each policy, and for each pair: intervals over seeds and topics.

    Parameters
    ----------
    cells : mapping of policy to Cells
    pairs : pairs (policy, reference)
        Those of ``differences.csv``.
    study : Study
    drawn : pair of Crossing
        As `crossings` returns them.
    """
    chosen, rows = list(pairs), []
    for name in SETS:
        crossing = drawn[1] if name in ("held-out", "reserved") else drawn[0]
        found = {policy: rows_of_set(own, study, name) for policy, own in cells.items()}
        if crossing is None or not all(some(part) for _, part in found.values()):
            continue
        levels = {policy: crossing.mean(*tables, "reward") for policy, tables in found.items()}
        named = {(policy, ""): mean for policy, mean in levels.items()}
        named |= {(policy, other): levels[policy] - levels[other] for policy, other in chosen}
        for (policy, reference), mean in named.items():
            interval = mean.interval()
            row = {"policy": policy, "reference": reference, "set": name, "metric": "reward"}
            counts = {"n_seeds": interval.n, "n_topics": int((mean.share > 0.0).sum())}
            rows.append({**row, **ends(interval), **counts})
    return rows
