"""From the cells' tables to summary, curves and comparators, with intervals over seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from ltrr._state import write_aside
from ltrr.errors import InputError
from ltrr.metrics.intervals import Interval, bootstrap_curve, bootstrap_mean, paired_ratio
from ltrr.metrics.measures import JUDGED, STANDARD
from ltrr.metrics.router import best_in_class, learnable_gap
from ltrr.rng import Streams
from ltrr.simulation.measure import round_columns
from ltrr.study.build import make_measures
from ltrr.study.study import Study
from ltrr.types import Float64, Int64
from ltrr.types.quotas import all_quotas

__all__ = ["summarise"]

N_CHECKPOINTS = 30
TIE = 1e-6
"""Values of quotas are kept as float32; what differs by less counts as equal."""

_Table = dict[str, Any]


@dataclass(frozen=True)
class _Cells:
    """The tables of one policy, one a seed; those of the stream have a column ``round``, from 0."""

    rounds: list[_Table] = field(default_factory=list)
    oracles: list[_Table] = field(default_factory=list)
    held_out: list[_Table] = field(default_factory=list)
    held_out_oracles: list[_Table] = field(default_factory=list)

    @cached_property
    def class_excess(self) -> list[Float64]:
        """The best in class's reward minus the policy's on the judged rounds, seed by seed.

        The class is linear in the logged context, fitted in hindsight with full information on the judged
        rounds of all seeds together. Judged on the rows it was fitted on, it lies above what can be learnt,
        the more so the fewer rounds were judged; held-out routers are among the comparators.
        """
        best = best_in_class(
            np.concatenate([t["context"] for t in self.oracles]),
            np.concatenate([t["quota_reward"] for t in self.oracles]).astype(np.float64),
        )
        ends = np.cumsum([len(t["reward"]) for t in self.oracles])[:-1]
        return [b - t["reward"] for b, t in zip(np.split(best, ends), self.oracles, strict=True)]


def summarise(folder: Path, study: Study) -> None:
    """Write ``summary.csv``, ``curves.csv`` and ``comparators.csv`` of a finished run.

    Every metric is first one number a seed, then a mean and a 95 % interval over seeds. Rewards are expected
    ones, net of costs.

    ===================================== ================================================================
    metric of ``summary.csv``             one number a seed
    ===================================== ================================================================
    those of `round_columns`              mean over the rounds after the warm-up
    ``…_seen``, ``…_first``, ``share_…``  the same where the text was, or was not, asked in an earlier
                                          batch, and the share of such rounds. Two requests of one batch
                                          with the same new text are both first: nothing is learnt between
    ``…_held_out``                        the frozen policy on held-out queries
    ``regret_static``                     best static (its own trajectory, same seed) minus policy, summed
                                          over all rounds
    ``regret_oracle``                     best quota of each request on the policy's own state minus
                                          policy: mean over judged rounds, times rounds
    ``regret_class``                      likewise of the best linear policy in hindsight with full
                                          information on the logged context
    ``regret_ideal``                      likewise of the ideal page, which costs nothing
    ``excess_static_…``,                  mean a round in the first (``early``) and last third (``late``)
    ``excess_class_…``                    of the rounds after the warm-up; ``fall`` is early minus late
    judged measures                              mean over judged rounds after the warm-up;
                                          ``ideal_is_exact`` is 0 where grade order is not the best order
                                          for this user and reward, so that ``ideal``, the losses and
                                          ``regret_ideal`` are about the page in grade order
    ``oracle_gap_closed``                 (policy − static) / (oracle − static), with Fieller's interval;
                                          absent where the gap's own interval touches zero
    ===================================== ================================================================

    ``curves.csv`` has the means over the rounds since the previous checkpoint, or the regret until then.
    ``comparators.csv`` has what full information on the reference policy's judged rounds could earn. Ends of
    intervals are ``-inf`` and ``inf`` where one seed says nothing about the spread, and empty where a value
    has no interval.
    """
    cells = {spec.name: _read(folder, spec.name, study) for spec in study.policies}
    static = next((s.name for s in study.policies if s.best_static), None)
    reference = cells[static] if static is not None else None
    points = _checkpoints(study)
    summary: list[dict[str, Any]] = []
    curves: list[dict[str, Any]] = []
    for name, own in cells.items():
        for metric, values in _summary_values(own, reference, study):
            interval = bootstrap_mean(values, rng=_rng(study, metric))
            summary.append({"policy": name, "metric": metric, **_ends(interval), "n_seeds": interval.n})
        closed = _gap_closed(own, reference, study)
        if closed is not None:
            row = {"policy": name, "metric": "oracle_gap_closed", **_ends(closed), "n_seeds": closed.n}
            summary.append(row)
        for metric, table, rounds in _curve_values(own, reference, study, points):
            curve = bootstrap_curve(table, rng=_rng(study, metric))
            curves += [
                {"policy": name, "metric": metric, "round": int(t), "mean": m, "low": lo, "high": hi}
                for t, m, lo, hi in zip(rounds, curve.mean, curve.low, curve.high, strict=True)
            ]
    _write(folder / "summary.csv", summary, ["policy", "metric", "mean", "low", "high", "n_seeds"])
    _write(folder / "curves.csv", curves, ["policy", "metric", "round", "mean", "low", "high"])
    chosen = static if static is not None else next(iter(cells))
    rows = [{**row, "reference": chosen} for row in _comparators(cells[chosen], study)]
    columns = ["set", "comparator", "metric", "mean", "low", "high", "n", "reference"]
    _write(folder / "comparators.csv", rows, columns)


def _write(path: Path, rows: list[dict[str, Any]], columns: list[str]) -> None:
    """Write rows as CSV with every digit."""
    text = pd.DataFrame(rows, columns=columns).to_csv(index=False, lineterminator="\n")
    write_aside(path, text.encode())


def _rng(study: Study, metric: str) -> np.random.Generator:
    return Streams(study.seed).generator(f"bootstrap {metric}")


def _ends(interval: Interval) -> dict[str, float]:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}


def _read(folder: Path, policy: str, study: Study) -> _Cells:
    """Read a policy's tables as arrays by column: the rounds of every seed, of the others all or none."""
    cells = _Cells()
    for kind in fields(cells):
        paths = [folder / kind.name / f"{policy}-{seed:03d}.parquet" for seed in range(study.seeds)]
        absent = [path for path in paths if not path.exists()]
        if kind.name != "rounds" and len(absent) == study.seeds:
            continue
        if absent:
            raise _not_whole(folder, absent[0], "is missing")
        getattr(cells, kind.name).extend(map(_columns, paths))
        for path, table in zip(paths, getattr(cells, kind.name), strict=True):
            if kind.name == "rounds" and len(table["request"]) != study.rounds:
                raise _not_whole(folder, path, f"does not hold {study.rounds} rounds")
    for tables in (cells.rounds, cells.oracles):
        for first, table in zip((t["request"][0] for t in cells.rounds), tables, strict=False):
            table["round"] = table["request"] - first
    return cells


def _not_whole(folder: Path, path: Path, fault: str) -> InputError:
    cell = folder / "rounds" / path.name
    return InputError(
        f"{path} {fault}: the run is not whole; remove {cell}, if it is there, to run its cell anew, "
        "then resume"
    )


def _columns(path: Path) -> _Table:
    table = pq.ParquetFile(path).read()
    columns: _Table = {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        if name.startswith(("quota_", "context")):
            columns[name] = column.flatten().to_numpy(zero_copy_only=False).reshape(len(table), -1)
        else:
            columns[name] = column.to_numpy(zero_copy_only=False)
    return columns


def _checkpoints(study: Study) -> Int64:
    """Return log-spaced numbers of rounds, multiples of the feedback batch.

    The end of the warm-up is among them, so that no window mixes it with what follows, and the last round.
    """
    step, rounds, warmup = study.loop.feedback_every, study.rounds, study.loop.warmup
    raw = np.geomspace(min(step, rounds), rounds, N_CHECKPOINTS)
    points = np.minimum(np.ceil(raw / step).astype(np.int64) * step, rounds)
    return np.unique(np.append(points, warmup if warmup else rounds))


def _late(tables: list[_Table], study: Study) -> list[Int64]:
    """Return each table's rows after the warm-up: all of them on held-out queries."""
    return [
        np.flatnonzero(t["round"] >= study.loop.warmup) if "round" in t else np.arange(len(t["request"]))
        for t in tables
    ]


def _some(rows: list[Any]) -> bool:
    """Say whether there are tables, and each has rows left."""
    return bool(rows) and all(len(r) for r in rows)


def _means(tables: list[_Table], rows: list[Int64], metric: str) -> Float64:
    return np.array([t[metric][r].mean() for t, r in zip(tables, rows, strict=True)], np.float64)


def _summary_values(own: _Cells, static: _Cells | None, study: Study) -> Iterator[tuple[str, Float64]]:
    """Yield (metric, one value a seed)."""
    late = _late(own.rounds, study)
    measures = make_measures(study)
    split = [m.name for m in (*STANDARD, *measures) if m.split]
    if _some(late):
        for metric in round_columns(study.loop.arms, measures):
            yield metric, _means(own.rounds, late, metric)
        for suffix, seen in (("seen", True), ("first", False)):
            picks = [r[(t["asked"][r] > 0) == seen] for t, r in zip(own.rounds, late, strict=True)]
            if _some(picks):
                yield f"share_{suffix}", np.array([len(p) / len(r) for p, r in zip(picks, late, strict=True)])
                for metric in split:
                    yield f"{metric}_{suffix}", _means(own.rounds, picks, metric)
    if own.held_out:
        for metric in (*split, "calls", "candidates"):
            yield f"{metric}_held_out", _means(own.held_out, _late(own.held_out, study), metric)
    if own.held_out_oracles:
        for metric in ("oracle_reward", "oracle_recall"):
            rows = _late(own.held_out_oracles, study)
            yield f"{metric}_held_out", _means(own.held_out_oracles, rows, metric)
    if static is not None:
        gaps = _static_excess(own, static)
        yield "regret_static", np.array([g.sum() for g in gaps])
        yield from _trend("excess_static", gaps, own.rounds, study)
    judged = _late(own.oracles, study)
    if _some(judged):
        for metric in (m.name for m in JUDGED):
            yield metric, _means(own.oracles, judged, metric)
        for name, gaps in _judged_gaps(own):
            yield name, np.array([g.mean() * study.rounds for g in gaps])
        yield from _trend("excess_class", own.class_excess, own.oracles, study)


def _static_excess(own: _Cells, static: _Cells) -> list[Float64]:
    """Return the best static's reward minus the policy's, round by round, on the same seed."""
    return [a["reward"] - b["reward"] for a, b in zip(static.rounds, own.rounds, strict=True)]


def _judged_gaps(own: _Cells) -> Iterator[tuple[str, list[Float64]]]:
    """Yield (regret, a comparator's reward minus the policy's on the judged rounds of each seed)."""
    yield "regret_oracle", [t["oracle_reward"] - t["reward"] for t in own.oracles]
    yield "regret_ideal", [t["ideal"] - t["reward"] for t in own.oracles]
    yield "regret_class", own.class_excess


def _trend(
    name: str, gaps: list[Float64], tables: list[_Table], study: Study
) -> Iterator[tuple[str, Float64]]:
    """Yield the mean gap in the first and the last third of the rounds after the warm-up, and its fall."""
    start, end = study.loop.warmup, study.rounds
    third = (end - start) // 3
    pairs = [(g, t["round"]) for g, t in zip(gaps, tables, strict=True)]
    early = [g[(start <= r) & (r < start + third)] for g, r in pairs]
    late = [g[end - third <= r] for g, r in pairs]
    if _some([*early, *late]):
        first, last = np.array([g.mean() for g in early]), np.array([g.mean() for g in late])
        yield from ((f"{name}_early", first), (f"{name}_late", last), (f"{name}_fall", first - last))


def _gap_closed(own: _Cells, static: _Cells | None, study: Study) -> Interval | None:
    """Return (policy − best static) / (oracle − best static), paired by seed.

    The policy's lead over static is taken on all rounds, what the oracle adds to the policy on the judged
    ones: taken on these alone, the lead spreads about twice as much over seeds, and so does the ratio.
    """
    late, judged = _late(own.rounds, study), _late(own.oracles, study)
    if static is None or static is own or not (_some(late) and _some(judged)):
        return None
    lead = _means(own.rounds, late, "reward") - _means(static.rounds, late, "reward")
    room = _means(own.oracles, judged, "oracle_reward") - _means(own.oracles, judged, "reward")
    return paired_ratio(lead, lead + room)


def _curve_values(
    own: _Cells, static: _Cells | None, study: Study, points: Int64
) -> Iterator[tuple[str, Float64, Int64]]:
    """Yield (metric, values by seed and checkpoint, rounds)."""
    for metric in ("reward", "ndcg", "recall_budget", *(f"slots_{a}" for a in study.loop.arms)):
        yield metric, np.stack([_windows(t[metric], points) for t in own.rounds]), points
    if static is not None:
        gaps = _static_excess(own, static)
        yield "regret_static", np.stack([np.cumsum(g)[points - 1] for g in gaps]), points
        yield "excess_static", np.stack([_windows(g, points) for g in gaps]), points
    if not own.oracles:
        return
    ends = np.searchsorted(own.oracles[0]["round"], points)
    # of checkpoints without a judged round between them the last one stands, so that curves reach the end
    keep = (ends > 0) & np.append(ends[1:] > ends[:-1], True)
    ends, rounds = ends[keep], points[keep]
    for metric, gaps in _judged_gaps(own):
        yield metric, np.stack([np.cumsum(g)[ends - 1] / ends * rounds for g in gaps]), rounds
    yield "excess_class", np.stack([_windows(g, ends) for g in own.class_excess]), rounds
    for metric in ("loss_retrieval", "loss_ranking", "oracle_recall"):
        yield metric, np.stack([_windows(t[metric], ends) for t in own.oracles]), rounds


def _windows(values: Float64, ends: Int64) -> Float64:
    """Return the means of what lies between one end and the next, the first from the beginning.

    Examples
    --------
    >>> _windows(np.array([1.0, 3.0, 5.0, 7.0]), np.array([1, 4])).tolist()
    [1.0, 5.0]
    """
    total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    starts = np.concatenate([[0], ends[:-1]])
    return np.asarray((total[ends] - total[starts]) / (ends - starts))


def _comparators(own: _Cells, study: Study) -> Iterator[dict[str, Any]]:
    """Yield what full information on the logged context could earn, on the policy's trajectory."""
    for which, tables in (("stream", own.oracles), ("held-out", own.held_out_oracles)):
        late = _late(tables, study)
        if sum(len(r) for r in late) < 50:
            continue
        parts = list(zip(tables, late, strict=True))
        context = np.concatenate([t["context"][r] for t, r in parts])
        topic = np.concatenate([t["topic"][r] for t, r in parts])
        if len(np.unique(topic)) < 10:
            continue
        for metric in ("reward", "ndcg", "recall"):
            values = np.concatenate([t[f"quota_{metric}"][r] for t, r in parts]).astype(np.float64)
            gap = learnable_gap(context, values, topic, rng=_rng(study, f"router {metric}"))
            found: dict[str, Interval | None] = {
                key: Interval(getattr(gap, key), np.nan, np.nan, gap.n_rows)
                for key in ("static", "oracle", "linear", "trees")
            }
            found |= {"linear gap closed": gap.linear_closed, "trees gap closed": gap.trees_closed}
            for arm, share in zip(study.loop.arms, _best_shares(values, study), strict=True):
                found[f"oracle's share of {arm}"] = Interval(float(share), np.nan, np.nan, len(values))
            for key, i in found.items():
                if i is not None:
                    yield {"set": which, "comparator": key, "metric": metric, **_ends(i), "n": i.n}


def _best_shares(values: Float64, study: Study) -> Float64:
    """Return each arm's share of slots (R,) in the best of the quotas (n, Q); equals share evenly."""
    quotas = all_quotas(study.loop.n_slots, len(study.loop.arms))
    best = values >= values.max(axis=1, keepdims=True) - TIE
    weight = best / best.sum(axis=1, keepdims=True)
    return np.asarray(weight.mean(axis=0) @ quotas / study.loop.n_slots)
