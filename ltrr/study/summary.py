"""From the cells' tables to summary, curves and comparators, with intervals over seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ltrr._state import write_aside
from ltrr.metrics.intervals import Interval, bootstrap_curve, bootstrap_mean, paired_ratio
from ltrr.metrics.measures import JUDGED, STANDARD
from ltrr.protocols import World
from ltrr.simulation.measure import round_columns
from ltrr.study.arms import ARMS, arm_rows
from ltrr.study.build import make_measures
from ltrr.study.cells import (
    SETS,
    Cells,
    Table,
    after_warmup,
    bootstrap_rng,
    ends,
    judged_gaps,
    means,
    read_cells,
    rows_of_set,
    some,
    static_excess,
)
from ltrr.study.comparators import comparators
from ltrr.study.crossing import TWO_WAY, Crossing, crossings, two_way_rows
from ltrr.study.curves import checkpoints, curve_values
from ltrr.study.differences import DIFFERENCES, difference_rows, shown_pairs
from ltrr.study.ground import TRAFFIC, ground_of, traffic_rows, write_ground
from ltrr.study.overlap import SHARED, shared_rows, shared_with
from ltrr.study.segments import SEGMENTS, segment_rows
from ltrr.study.study import Study
from ltrr.types import Float64

__all__ = ["summarise"]


def summarise(folder: Path, study: Study, world: World | None = None) -> None:
    """Write ``summary.csv``, ``curves.csv``, ``comparators.csv`` and the other tables of a finished run.

    Every metric is first one number a seed (``per_seed.csv``), then a mean and a 95 % interval over seeds.
    Rewards are expected ones, net of costs.

    ===================================== ================================================================
    metric of ``summary.csv``             one number a seed
    ===================================== ================================================================
    those of `round_columns`              mean over the rounds after the warm-up
    ``…_seen``, ``…_first``, ``share_…``  the same where the text was, or was not, asked in an earlier
                                          batch, and the share of such rounds. Two requests of one batch
                                          with the same new text are both first: nothing is learned between
    ``…_held_out``                        the frozen policy on held-out queries
    ``…_reserved``                        likewise on those of topics that are never in a stream
    ``difference_static``                 policy minus best static (its own trajectory, same seed): mean over
                                          the rounds after the warm-up
    ``regret_static``                     best static (its own trajectory, same seed) minus policy, summed
                                          over the rounds after the warm-up
    ``regret_oracle``                     best quota of each request on the policy's own state minus its own,
                                          both without explored places: mean over judged rounds after the
                                          warm-up, times the number of rounds after it
    ``regret_class``                      likewise of the best linear policy in hindsight with full
                                          information on the logged context
    ``regret_ideal``                      likewise of the ideal page, which costs nothing
    ``excess_static_…``,                  mean a round in the first (``early``) and last third (``late``)
    ``excess_class_…``                    of the rounds after the warm-up; ``fall`` is early minus late
    judged measures                       mean over judged rounds after the warm-up;
                                          ``ideal_is_exact`` is 0 where grade order is not the best order
                                          for this user and reward, so that ``ideal``, the losses and
                                          ``regret_ideal`` are about the page in grade order
    ``candidates_shared``,                share of candidates, and of the page's items, that the policy has in
    ``page_shared``                       common with the best static allocation, on evenly spaced rounds
    ``oracle_gap_closed``                 (policy − static) / (oracle − static), with Fieller's interval;
                                          absent where the gap's interval touches zero, over seeds or over
                                          seeds and topics
    ===================================== ================================================================

    ``curves.csv`` has the means over the rounds since the previous checkpoint, or the regret until then.
    ``differences.csv`` has paired differences of policies (`difference_rows`), ``shared.csv`` what the same
    pairs draw and show in common, ``arms.csv`` what each arm
    delivered to its own slots (`arm_rows`), ``comparators.csv`` what full information on the reference
    policy's judged rounds could earn, ``two_way.csv`` intervals over seeds and topics (`two_way_rows`),
    ``segments.csv`` head, torso, tail and kinds of query apart (`segment_rows`), ``traffic.csv`` and
    ``ground.json`` what the run rests on (`ltrr.study.ground`). Ends of intervals are ``-inf`` and
    ``inf`` where one seed says nothing about the spread, and empty where a value has no interval.

    Parameters
    ----------
    folder : Path
        The run's folder, with the tables of its cells.
    study : Study
    world : World, optional
        Where given, its own shares of topics and names of kinds of query are used.
    """
    cells = {spec.name: read_cells(folder, spec.name, study) for spec in study.policies}
    static = next((s.name for s in study.policies if s.best_static), None)
    reference = cells[static] if static is not None else None
    points = checkpoints(study)
    drawn = crossings(cells, study)
    summary: list[dict[str, Any]] = []
    per_seed: list[dict[str, Any]] = []
    curves: list[dict[str, Any]] = []
    for name, own in cells.items():
        for metric, values in summary_values(own, reference, study):
            interval = bootstrap_mean(values, rng=bootstrap_rng(study, metric))
            summary.append({"policy": name, "metric": metric, **ends(interval), "n_seeds": interval.n})
            own_row = {"policy": name, "metric": metric}
            per_seed += [{**own_row, "seed": seed, "value": value} for seed, value in enumerate(values)]
        closed = gap_closed(own, reference, study, drawn[0])
        if closed is not None:
            row = {"policy": name, "metric": "oracle_gap_closed", **ends(closed), "n_seeds": closed.n}
            summary.append(row)
        for metric, table, rounds in curve_values(own, reference, study, points):
            curve = bootstrap_curve(table, rng=bootstrap_rng(study, metric))
            curves += [
                {"policy": name, "metric": metric, "round": int(t), "mean": m, "low": lo, "high": hi}
                for t, m, lo, hi in zip(rounds, curve.mean, curve.low, curve.high, strict=True)
            ]
    _write(folder / "summary.csv", summary, ["policy", "metric", "mean", "low", "high", "n_seeds"])
    _write(folder / "per_seed.csv", per_seed, ["policy", "metric", "seed", "value"])
    _write(folder / "curves.csv", curves, ["policy", "metric", "round", "mean", "low", "high"])
    chosen = static if static is not None else next(iter(cells))
    rows = [{**row, "reference": chosen} for row in comparators(cells[chosen], study, drawn)]
    columns = ["set", "comparator", "metric", "mean", "low", "high", "n", "reference"]
    _write(folder / "comparators.csv", rows, columns)
    _write(folder / "differences.csv", difference_rows(cells, static, study), DIFFERENCES)
    pairs = shown_pairs(cells, static, study)
    _write(folder / "shared.csv", shared_rows(cells, pairs, study), SHARED)
    _write(folder / "arms.csv", arm_rows(cells, study), ARMS)
    _write(folder / "two_way.csv", two_way_rows(cells, pairs, study, drawn), TWO_WAY)
    intents = getattr(world, "intent_names", ())
    _write(folder / "segments.csv", segment_rows(cells, static, study, intents), SEGMENTS)
    traffic = traffic_rows(cells, study, world)
    _write(folder / "traffic.csv", traffic, TRAFFIC)
    write_ground(folder, ground_of(cells, static, study, traffic, drawn[0]))


def _write(path: Path, rows: list[dict[str, Any]], columns: Sequence[str]) -> None:
    """Write rows as CSV with every digit."""
    text = pd.DataFrame(rows, columns=list(columns)).to_csv(index=False, lineterminator="\n")
    write_aside(path, text.encode())


def summary_values(own: Cells, static: Cells | None, study: Study) -> Iterator[tuple[str, Float64]]:
    """Yield (metric, one value a seed)."""
    late = after_warmup(own.rounds, study)
    measures = make_measures(study)
    split = [m.name for m in (*STANDARD, *measures) if m.split]
    for metric in round_columns(study.loop.arms, measures):
        yield metric, means(own.rounds, late, metric)
    for name in ("repeated", "first-time"):
        tables, rows = rows_of_set(own, study, name)
        if some(rows):
            share = np.array([len(p) / len(r) for p, r in zip(rows, late, strict=True)])
            yield f"share{SETS[name]}", share
            for metric in split:
                yield f"{metric}{SETS[name]}", means(tables, rows, metric)
    if own.held_out:
        tables, rows = rows_of_set(own, study, "held-out")
        for metric in (*split, "calls", "candidates"):
            yield f"{metric}_held_out", means(tables, rows, metric)
        tables, rows = rows_of_set(own, study, "reserved")
        for metric in split if some(rows) else ():
            yield f"{metric}_reserved", means(tables, rows, metric)
    if own.held_out_oracles:
        rows = after_warmup(own.held_out_oracles, study)
        for metric in ("oracle_reward", "oracle_recall"):
            yield f"{metric}_held_out", means(own.held_out_oracles, rows, metric)
    if static is not None:
        gaps = static_excess(own, static)
        yield "difference_static", np.array([-g[r].mean() for g, r in zip(gaps, late, strict=True)])
        yield "regret_static", np.array([g[r].sum() for g, r in zip(gaps, late, strict=True)])
        yield from trend("excess_static", gaps, own.rounds, study)
        yield from shared_with(own, static, study)
    judged = after_warmup(own.oracles, study)
    if some(judged):
        for metric in (m.name for m in JUDGED):
            yield metric, means(own.oracles, judged, metric)
        n = study.rounds - study.loop.warmup
        for name, gaps in judged_gaps(own):
            yield name, np.array([g[r].mean() * n for g, r in zip(gaps, judged, strict=True)])
        yield from trend("excess_class", own.class_excess, own.oracles, study)


def trend(name: str, gaps: list[Float64], tables: list[Table], study: Study) -> Iterator[tuple[str, Float64]]:
    """Yield the mean gap in the first and the last third of the rounds after the warm-up, and its fall."""
    start, end = study.loop.warmup, study.rounds
    third = (end - start) // 3
    pairs = [(g, t["round"]) for g, t in zip(gaps, tables, strict=True)]
    early = [g[(start <= r) & (r < start + third)] for g, r in pairs]
    late = [g[end - third <= r] for g, r in pairs]
    if some([*early, *late]):
        first, last = np.array([g.mean() for g in early]), np.array([g.mean() for g in late])
        yield from ((f"{name}_early", first), (f"{name}_late", last), (f"{name}_fall", first - last))


def gap_closed(own: Cells, static: Cells | None, study: Study, crossing: Crossing) -> Interval | None:
    """Return (policy − best static) / (oracle − best static), paired by seed.

    None where the interval of oracle − best static touches zero, over seeds or over seeds and topics.

    The policy's lead over static is taken on all rounds, what the oracle adds to the policy on the judged
    ones: taken on these alone, the lead spreads about twice as much over seeds, and so does the ratio.
    """
    late, judged = after_warmup(own.rounds, study), after_warmup(own.oracles, study)
    if static is None or static is own or not some(judged):
        return None
    lead = means(own.rounds, late, "reward") - means(static.rounds, late, "reward")
    room = means(own.oracles, judged, "oracle_reward") - means(own.oracles, judged, "reward_ranked")
    gaps = [t["oracle_reward"] - t["reward_ranked"] for t in own.oracles]
    whole = crossing.mean(own.rounds, late, "reward") - crossing.mean(static.rounds, late, "reward")
    whole += crossing.mean(own.oracles, judged, gaps)
    return paired_ratio(lead, lead + room) if whole.interval().low > 0.0 else None
