"""How often intervals hold the truth: every estimator × interval on many simulated logs.

Estimators that are consistent are judged against the policy's value; others against what they go to with ever
more rows, and their bias is in the table. Run: ``python -m benchmarks.coverage [--logs 1000]``; it writes
``benchmarks/coverage.md``.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import binom

from benchmarks.coverage_worlds import WORLDS
from ltrr.errors import InputError
from ltrr.replay.estimators import ESTIMATORS
from ltrr.replay.estimators.base import Estimator
from ltrr.replay.estimators.difference import Difference
from ltrr.replay.estimators.dr import DR
from ltrr.replay.estimators.ips import IPS
from ltrr.replay.estimators.on_policy import OnPolicy
from ltrr.replay.estimators.slate import (
    PI,
    RIPS,
    SNRIPS,
    CascadeDR,
    IndependentIPS,
    SlateIPS,
    SlateSNIPS,
)
from ltrr.replay.estimators.snips import SNIPS
from ltrr.replay.intervals import (
    Asymptotic,
    ClopperPearson,
    ConfidenceSequence,
    EmpiricalBernstein,
    Hoeffding,
    PoissonBootstrap,
)

LEVEL = 0.95
ENOUGH_ESS = 1_000
"""Effective sample size from which on normal and bootstrap intervals are held to their level."""
CONSERVATIVE = ("hoeffding", "empirical-bernstein", "clopper-pearson", "confidence-sequence")


def estimators(world) -> list[Estimator]:
    """Return one of every kind that fits the world, and differences against the reward as logged."""
    if world.slate:
        kinds = (SlateIPS, SlateSNIPS, IndependentIPS, PI, RIPS, CascadeDR)
        pair = Difference(SlateIPS(), OnPolicy())
        return [*(kind() for kind in kinds), SNRIPS(world.n_slots), OnPolicy(), pair]
    single = [kind() for kind in ESTIMATORS.makers.values() if not kind.slate]
    pairs = [Difference(kind(), OnPolicy()) for kind in (IPS, SNIPS, DR)]
    return [*single, OnPolicy(), *pairs]


def rows_of(estimator, batch):
    if isinstance(estimator, Difference):
        return estimator.paired(estimator.first.rows(batch), estimator.second.rows(batch))
    return estimator.rows(batch)


def value_on(estimator, batch) -> float:
    fresh = estimator.fork()
    fresh.moments.add(rows_of(fresh, batch))
    return fresh.value()


def goals(world, kinds) -> list[tuple[float, float]]:
    """Return for each estimator what its intervals are to hold, and the truth that its bias refers to."""
    population = world.population()
    logged = value_on(OnPolicy(), population)
    out = []
    for kind in kinds:
        limit = value_on(kind, population)
        truth = world.truth
        if isinstance(kind, OnPolicy):
            truth = logged
        elif isinstance(kind, Difference):
            truth = world.truth - logged
        out.append((limit if kind.bias else truth, truth))
    return out


@dataclass
class Line:
    """One estimator × interval on one kind of log."""

    log: str
    n: int
    estimator: str
    interval: str
    n_logs: int
    hits: int
    below: int
    width: float
    bias: float
    limit_bias: float
    ess: float

    @property
    def judged(self) -> bool:
        return self.interval in CONSERVATIVE or self.ess >= ENOUGH_ESS

    @property
    def p_value(self) -> float:
        """Chance of such a count at the stated level: one-sided where an interval may cover more often."""
        low = float(binom.cdf(self.hits, self.n_logs, LEVEL))
        if self.interval in CONSERVATIVE:
            return low
        return min(1.0, 2.0 * min(low, float(binom.sf(self.hits - 1, self.n_logs, LEVEL))))

    def verdict(self, threshold: float) -> str:
        if not self.judged:
            return "weak log"
        return "in band" if self.p_value >= threshold else "**out of band**"


def one_log(kinds, batch, world, seed, n_resamples) -> dict[tuple[int, str], tuple[float, float, float]]:
    """Return (estimate, low, high) by estimator's place and interval's name."""
    declared = {"weight_bound": world.weight_bound, "reward_range": (0.0, 3.0 if world.slate else 1.0)}
    methods = (
        Asymptotic(),
        Hoeffding(**declared),
        EmpiricalBernstein(**declared),
        ConfidenceSequence(**declared),
        ClopperPearson(),
    )
    bootstrap = PoissonBootstrap(n_resamples, seed)
    fresh = [kind.fork() for kind in kinds]
    rows = [rows_of(estimator, batch) for estimator in fresh]
    bootstrap.add(np.hstack(rows), batch.key[batch.indptr[:-1]])
    out: dict[tuple[int, str], tuple[float, float, float]] = {}
    start = 0
    for i, (estimator, mine) in enumerate(zip(fresh, rows, strict=True)):
        estimator.moments.add(mine)
        try:
            estimator.value()
        except InputError:
            # rejection replay may accept no row of a short log: no estimate, no interval
            start += mine.shape[1]
            continue
        found = {"bootstrap": bootstrap.interval(estimator, LEVEL, start)}
        start += mine.shape[1]
        for method in methods:
            own = method.fork(estimator)
            own.add(mine, batch.key)
            found[method.name] = own.interval(estimator, LEVEL)
        out |= {(i, k): (v.mean, v.low, v.high) for k, v in found.items() if v is not None}
    return out


def study(log: str, n: int, n_logs: int, *, n_resamples: int = 1000, seed: int = 0) -> list[Line]:
    """Simulate logs of one kind and length and return a line for every estimator × interval."""
    world = WORLDS[log]
    kinds = estimators(world)
    found: dict[tuple[int, str], list[tuple[float, float, float]]] = {}
    for i in range(n_logs):
        batch = world.simulate(n, np.random.default_rng([seed, n, i]))
        for key, value in one_log(kinds, batch, world, i, n_resamples).items():
            found.setdefault(key, []).append(value)
    lines = []
    goal = goals(world, kinds)
    for (i, interval), values in sorted(found.items()):
        estimate, low, high = np.array(values).T
        aim, truth = goal[i]
        # a term without spread may miss its goal by a rounding error
        hit = (low <= aim + 1e-9) & (aim - 1e-9 <= high)
        lines.append(
            Line(
                log,
                n,
                kinds[i].label,
                interval,
                len(values),
                int(hit.sum()),
                int((high < aim - 1e-9).sum()),
                float((high - low).mean()),
                float(estimate.mean() - truth),
                value_on(kinds[i], world.population()) - truth,
                n * world.ess_share,
            )
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logs", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    args = parser.parse_args()
    lines: list[Line] = []
    for log in WORLDS:
        for n in (1_000, 10_000):
            start = time.perf_counter()
            lines += study(log, n, args.logs)
            print(f"{log} n={n}: {time.perf_counter() - start:.0f} s")
    judged = sum(line.judged for line in lines)
    threshold = 0.01 / judged
    args.out.write_text(page(lines, args.logs, threshold, judged), encoding="utf-8")


def page(lines: list[Line], n_logs: int, threshold: float, judged: int) -> str:
    """Return the table and its notes as Markdown."""
    rows = [
        f"| {x.log} | {x.n:,} | {x.ess:,.0f} | {x.estimator} | {x.interval} | {x.hits / x.n_logs:.3f} | "
        f"{x.below / x.n_logs:.3f} | {x.width:.4f} | {x.bias:+.4f} | {x.limit_bias:+.4f} | "
        f"{x.verdict(threshold)} |"
        for x in lines
    ]
    out = [x for x in lines if x.verdict(threshold) == "**out of band**"]
    weak = [x for x in lines if not x.judged and x.p_value < threshold]
    bounds = ", ".join(
        f"{w.name}: weights to {w.weight_bound:.0f}, effective share {w.ess_share:.3f}"
        for w in WORLDS.values()
    )
    head = f"""# Coverage of 95 % intervals

{n_logs:,} simulated logs of each kind and length; written by `python -m benchmarks.coverage`. {bounds}.

*covered*: share of logs whose interval contains the goal: the policy's value for consistent estimators, their
own limit for the others. *high end too low*: share whose interval lies below it. *bias*: mean estimate minus
the value; *of the limit*: the bias that remains as the number of rows grows; *width*: mean. *ESS* is
that of the population. Logs on which an estimator has no value (rejection replay that accepts no row) are
excluded from its lines.

Normal and bootstrap intervals must cover 95 %, neither less nor more, where ESS >= {ENOUGH_ESS:,}; the
others, which are conservative, must cover at least 95 %, everywhere. A line is out of band where the
binomial p-value is below 0.01 / {judged}, so that one table in a hundred would have
such a line by chance. "weak log" is not judged.

{len(out)} of {judged} judged lines are out of band. On weak logs {len(weak)} of
{sum(not x.judged for x in lines)} lines would be: normal and bootstrap intervals there miss more often than
stated, mostly by being too low, because the large weights that dominate the value were not drawn.

| log | n | ESS | estimator | interval | covered | high end too low | width | bias | of the limit | verdict |
|---|---:|---:|---|---|---:|---:|---:|---:|---:|---|
"""
    return head + "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
