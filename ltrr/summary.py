"""From the cells' tables to summary, curves and comparators, with intervals over seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from ltrr._state import write_aside
from ltrr.features.quotas import all_quotas
from ltrr.measure import round_columns
from ltrr.metrics.intervals import Interval, bootstrap_curve, bootstrap_mean, paired_ratio
from ltrr.metrics.router import best_in_class, learnable_gap
from ltrr.rng import Streams
from ltrr.study import Study
from ltrr.types import Float64, Int64

__all__ = ["summarise"]

SPLIT = ("reward", "ndcg", "recall_budget", "recall_page", "mrr")
"""Measures reported for seen and first-time queries apart and on held-out queries."""

N_CHECKPOINTS = 30


@dataclass(frozen=True)
class _Cells:
    """The tables of one policy, a row of arrays a seed."""

    rounds: list[Mapping[str, Any]]
    oracles: list[Mapping[str, Any]]
    held_out: list[Mapping[str, Any]]
    held_out_oracles: list[Mapping[str, Any]]


def summarise(folder: Path, study: Study) -> None:
    """Write ``summary.csv``, ``curves.csv`` and ``comparators.csv`` of a finished run."""
    cells = {spec.name: _read(folder, spec.name, study.seeds) for spec in study.policies}
    static = next((s.name for s in study.policies if s.kind == "best-static"), None)
    points = _checkpoints(study)
    summary: list[dict[str, Any]] = []
    curves: list[dict[str, Any]] = []
    for name, own in cells.items():
        reference = cells[static] if static is not None else None
        for metric, values in _summary_values(own, reference, study):
            interval = bootstrap_mean(values, rng=_rng(study, metric))
            summary.append(_row(name, metric, interval))
        closed = _gap_closed(own, reference, study)
        if closed is not None:
            summary.append(_row(name, "oracle_gap_closed", closed))
        for metric, table, rounds in _curve_values(own, reference, study, points):
            curve = bootstrap_curve(table, rng=_rng(study, metric))
            curves += [
                {"policy": name, "metric": metric, "round": int(t), "mean": m, "low": lo, "high": hi}
                for t, m, lo, hi in zip(rounds, curve.mean, curve.low, curve.high, strict=True)
            ]
    _write(folder / "summary.csv", summary, ["policy", "metric", "mean", "low", "high", "n_seeds"])
    _write(folder / "curves.csv", curves, ["policy", "metric", "round", "mean", "low", "high"])
    chosen = static if static is not None else next(iter(cells))
    columns = ["set", "comparator", "metric", "mean", "low", "high", "n", "reference"]
    _write(folder / "comparators.csv", _comparators(cells[chosen], chosen, study), columns)


def _write(path: Path, rows: list[dict[str, Any]], columns: list[str]) -> None:
    """Write rows as CSV with every digit."""
    text = pd.DataFrame(rows, columns=columns).to_csv(index=False, lineterminator="\n")
    write_aside(path, text.encode())


def _rng(study: Study, metric: str) -> np.random.Generator:
    return Streams(study.seed).generator(f"bootstrap {metric}")


def _row(policy: str, metric: str, interval: Interval) -> dict[str, Any]:
    return {
        "policy": policy,
        "metric": metric,
        "mean": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "n_seeds": interval.n,
    }


def _read(folder: Path, policy: str, seeds: int) -> _Cells:
    """Read a policy's tables as arrays by column."""
    out: dict[str, list[Mapping[str, Any]]] = {}
    for kind in ("rounds", "oracles", "held_out", "held_out_oracles"):
        paths = [folder / kind / f"{policy}-{seed:03d}.parquet" for seed in range(seeds)]
        out[kind] = [_columns(p) for p in paths if p.exists()]
    return _Cells(out["rounds"], out["oracles"], out["held_out"], out["held_out_oracles"])


def _columns(path: Path) -> Mapping[str, Any]:
    table = pq.ParquetFile(path).read()
    columns: dict[str, Any] = {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        if name.startswith(("quota_", "context")):
            columns[name] = column.flatten().to_numpy(zero_copy_only=False).reshape(len(table), -1)
        else:
            columns[name] = column.to_numpy(zero_copy_only=False)
    return columns


def _checkpoints(study: Study) -> Int64:
    """Return log-spaced numbers of rounds, multiples of the feedback batch, the last one included."""
    step, rounds = study.loop.feedback_every, study.rounds
    raw = np.geomspace(min(step, rounds), rounds, N_CHECKPOINTS)
    return np.unique(np.minimum(np.ceil(raw / step).astype(np.int64) * step, rounds))


def _after(table: Mapping[str, Any], study: Study) -> Any:
    """Return the rows after the warm-up: request ids count rounds from 0."""
    return np.flatnonzero(table["request"] >= study.loop.warmup)


def _summary_values(own: _Cells, static: _Cells | None, study: Study) -> Iterator[tuple[str, Float64]]:
    """Yield (metric, one value a seed)."""
    late = [_after(t, study) for t in own.rounds]
    if all(len(rows) for rows in late):
        for metric in round_columns(study.loop.arms):
            yield metric, np.array([t[metric][r].mean() for t, r in zip(own.rounds, late, strict=True)])
        for suffix, seen in (("seen", True), ("first", False)):
            picks = [r[(t["asked"][r] > 0) == seen] for t, r in zip(own.rounds, late, strict=True)]
            if all(len(p) for p in picks):
                share = [len(p) / len(r) for p, r in zip(picks, late, strict=True)]
                yield f"share_{suffix}", np.array(share)
                for metric in SPLIT:
                    values = [t[metric][p].mean() for t, p in zip(own.rounds, picks, strict=True)]
                    yield f"{metric}_{suffix}", np.array(values)
    if own.held_out:
        for metric in (*SPLIT, "calls", "candidates"):
            yield f"{metric}_held_out", np.array([t[metric].mean() for t in own.held_out])
    if own.held_out_oracles:
        for metric in ("oracle_reward", "oracle_recall"):
            yield f"{metric}_held_out", np.array([t[metric].mean() for t in own.held_out_oracles])
    if static is not None and len(static.rounds) == len(own.rounds):
        pairs = zip(static.rounds, own.rounds, strict=True)
        yield "regret_static", np.array([(a["reward"] - b["reward"]).sum() for a, b in pairs])
    judged = [_after(t, study) for t in own.oracles]
    if judged and all(len(rows) for rows in judged):
        for metric in ("ideal", "oracle_reward", "oracle_ndcg", "oracle_recall"):
            yield metric, _means(own.oracles, judged, metric)
        for metric in ("loss_retrieval", "loss_ranking", "loss_noise"):
            yield metric, _means(own.oracles, judged, metric)
        every = study.loop.oracle_every
        yield (
            "regret_oracle",
            np.array([(t["oracle_reward"] - t["reward"]).sum() * every for t in own.oracles]),
        )
        yield "regret_ideal", np.array([(t["ideal"] - t["reward"]).sum() * every for t in own.oracles])
        yield "regret_class", np.array([e.sum() * every for e in _class_excess(own)])


def _means(tables: list[Mapping[str, Any]], rows: list[Any], metric: str) -> Float64:
    return np.array([t[metric][r].mean() for t, r in zip(tables, rows, strict=True)])


def _class_excess(own: _Cells) -> list[Float64]:
    """Return, a seed, the best in class's reward minus the policy's on the judged rounds.

    The class is linear in the logged context, fitted in hindsight with full information on the judged
    rounds of all seeds together.
    """
    best = best_in_class(
        np.concatenate([t["context"] for t in own.oracles]),
        np.concatenate([t["quota_reward"] for t in own.oracles]).astype(np.float64),
    )
    ends = np.cumsum([len(t["reward"]) for t in own.oracles])[:-1]
    return [b - t["reward"] for b, t in zip(np.split(best, ends), own.oracles, strict=True)]


def _gap_closed(own: _Cells, static: _Cells | None, study: Study) -> Interval | None:
    """Return (policy − best static) / (oracle − best static) on the judged rounds, paired by seed."""
    if static is None or static is own or len(own.oracles) < 2 or len(own.oracles) != len(static.oracles):
        return None
    rows = [_after(t, study) for t in own.oracles]
    if not all(len(r) for r in rows):
        return None
    base = _means(static.oracles, rows, "reward")
    got, oracle = _means(own.oracles, rows, "reward"), _means(own.oracles, rows, "oracle_reward")
    return paired_ratio(got - base, oracle - base)


def _curve_values(
    own: _Cells, static: _Cells | None, study: Study, points: Int64
) -> Iterator[tuple[str, Float64, Int64]]:
    """Yield (metric, values by seed and checkpoint, rounds)."""
    starts = np.concatenate([[0], points[:-1]])
    windowed = ("reward", "ndcg", "recall_budget", *(f"slots_{a}" for a in study.loop.arms))
    for metric in windowed:
        yield metric, np.stack([_windows(t[metric], starts, points) for t in own.rounds]), points
    if static is not None and len(static.rounds) == len(own.rounds):
        gaps = [a["reward"] - b["reward"] for a, b in zip(static.rounds, own.rounds, strict=True)]
        yield "regret_static", np.stack([np.cumsum(g)[points - 1] for g in gaps]), points
        yield "excess_static", np.stack([_windows(g, starts, points) for g in gaps]), points
    if not own.oracles:
        return
    every = study.loop.oracle_every
    held = [np.searchsorted(own.oracles[0]["request"], p) for p in points]
    judged = np.array([h for h in held if h > 0], np.int64)
    keep = np.unique(judged, return_index=True)[1]
    ends, rounds = judged[keep], points[len(points) - len(judged) :][keep]
    begins = np.concatenate([[0], ends[:-1]])
    class_excess = _class_excess(own)
    for metric, gaps in (
        ("regret_oracle", [t["oracle_reward"] - t["reward"] for t in own.oracles]),
        ("regret_ideal", [t["ideal"] - t["reward"] for t in own.oracles]),
        ("regret_class", class_excess),
    ):
        yield metric, np.stack([np.cumsum(g)[ends - 1] * every for g in gaps]), rounds
    yield "excess_class", np.stack([_windows(g, begins, ends) for g in class_excess]), rounds
    for metric in ("loss_retrieval", "loss_ranking", "oracle_recall"):
        yield metric, np.stack([_windows(t[metric], begins, ends) for t in own.oracles]), rounds


def _windows(values: Float64, starts: Int64, ends: Int64) -> Float64:
    """Return means over (start, end] of each checkpoint."""
    total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    return (total[ends] - total[starts]) / (ends - starts)


def _comparators(own: _Cells, name: str, study: Study) -> list[dict[str, Any]]:
    """Return what full information on the logged context could earn, on the reference's trajectory."""
    rows: list[dict[str, Any]] = []
    quotas = all_quotas(study.loop.n_slots, len(study.loop.arms))
    for which, tables in (("stream", own.oracles), ("held-out", own.held_out_oracles)):
        late = [_after(t, study) for t in tables]
        if not tables or sum(len(r) for r in late) < 50:
            continue
        parts = list(zip(tables, late, strict=True))
        context = np.concatenate([t["context"][r] for t, r in parts])
        topic = np.concatenate([t["topic"][r] for t, r in parts])
        if len(np.unique(topic)) < 10:
            continue
        for metric in ("reward", "ndcg", "recall"):
            values = np.concatenate([t[f"quota_{metric}"][r] for t, r in parts]).astype(np.float64)
            gap = learnable_gap(context, values, topic, rng=_rng(study, f"router {metric}"))
            pairs: list[tuple[str, Interval | None]] = [
                (key, Interval(getattr(gap, key), np.nan, np.nan, gap.n_rows))
                for key in ("static", "oracle", "linear", "trees")
            ]
            pairs += [("linear gap closed", gap.linear_closed), ("trees gap closed", gap.trees_closed)]
            rows += [
                {
                    "set": which,
                    "comparator": key,
                    "metric": metric,
                    "mean": i.mean,
                    "low": i.low,
                    "high": i.high,
                    "n": i.n,
                    "reference": name,
                }
                for key, i in pairs
                if i is not None
            ]
            best = values.argmax(axis=1)
            share = np.array(
                [np.mean(quotas[best, a] / study.loop.n_slots) for a in range(len(study.loop.arms))]
            )
            rows += [
                {
                    "set": which,
                    "comparator": f"oracle's share of {arm}",
                    "metric": metric,
                    "mean": float(s),
                    "low": np.nan,
                    "high": np.nan,
                    "n": len(values),
                    "reference": name,
                }
                for arm, s in zip(study.loop.arms, share, strict=True)
            ]
    return rows
