"""How often a ranker that is retrained on its own clicks falls, and what its guard does about it.

``python simulations/falls.py --collection DIR --collection DIR --music`` runs one policy on each world and,
batch by batch, orders the same candidates by other models too, with the same explored places:

prior      the ranker before anything was learned
replaced   the model that served before the present one

A *window* is 250 requests, from any batch on; a *fall* is a window in which the serving ranker earns more
than .05 less (expected reward) than the prior, or than the model it replaced. A fall outlasts the next check
if it still goes on in a window that begins after the first check that follows its first window.

``--before`` switches off all that is meant to prevent falls: no guard, no explored places, training at each
doubling, no prior under the trees. ``--set NAME=VALUE`` changes any other setting of the ranker.

Measured: simulations/README.md, "The ranker that does not gamble".
"""

from __future__ import annotations

import argparse
import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import t as student
from threadpoolctl import threadpool_limits

import ltrr
from ltrr.ranking.guarded import GuardedRanker
from ltrr.rng import Streams
from ltrr.simulation.loop import Loop
from ltrr.study.build import build, make_world, prepare, system_of
from ltrr.study.study import Study
from ltrr.types import Float64, Requests, Union

WINDOW, DROP = 250, 0.05
BEFORE = {"guard": False, "explore": 0.0, "factor": 2.0, "prior_weight": 0.0}
UNJUDGED = 10**9
"""The oracles judge one request in this many: none."""


@dataclass(frozen=True)
class Run:
    """What one run showed.

    Parameters
    ----------
    served, prior, replaced : float64 (rounds,)
        Expected reward of each request's page, as the ranker that served ordered it and as others would have.
    first : bool (rounds,)
        Requests on queries that were never asked before.
    held_out : float64 (n,)
        What the ranker gains over the prior on queries that the stream never asks, at the end.
    checks : tuple of int
        Rounds after which the ranker may have changed.
    """

    served: Float64
    prior: Float64
    replaced: Float64
    first: np.ndarray[Any, Any]
    held_out: Float64
    checks: tuple[int, ...]


def windows(gain: Float64, batch: int) -> Float64:
    """Return the mean of each window, one from each batch on."""
    total = np.concatenate([[0.0], np.cumsum(gain)])
    start = np.arange(0, len(gain) - WINDOW + 1, batch)
    return np.asarray((total[start + WINDOW] - total[start]) / WINDOW)


def outlasting(falls: np.ndarray[Any, Any], batch: int, checks: tuple[int, ...]) -> int:
    """Return how many falls go on in a window that begins after the check that follows their first window."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], falls, [False]]).astype(int)))
    out = 0
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        following = [check for check in checks if check >= start * batch + WINDOW]
        out += bool(following) and (end - 1) * batch >= following[0]
    return out


def value(loop: Loop, requests: Requests, union: Union, score: Float64, *, judging: bool) -> Float64:
    """Return the expected reward of each page that ``score`` makes of the candidates."""
    page = loop.page(requests, union, score, judging=judging)
    system = loop.system
    return system.reward.expected(system.user, system.world.truth(requests, page.items))


def run(study: Study, prepared: Any, policy: str, replicate: int, settings: dict[str, Any]) -> Run:
    """Run one policy on one replicate."""
    streams = Streams(study.seed, replicate)
    spec = next(p for p in study.policies if p.name == policy)
    system = system_of(study, prepared, spec, streams)
    ranker: GuardedRanker
    system.ranker = ranker = replace(system.ranker, **settings)
    loop = Loop(system, study.loop, streams)
    served, prior, replaced, first, checks = [], [], [], [], []
    before: GuardedRanker | None = None
    while loop.round < study.rounds:
        now = copy.copy(ranker)
        batch = loop.step(min(study.loop.feedback_every, study.rounds - loop.round))
        requests, rows = batch.feedback.requests, batch.feedback.candidates.features
        query = np.repeat(requests.query, np.diff(batch.union.indptr))
        served.append(batch.expected)
        prior.append(value(loop, requests, batch.union, ranker.prior.score(rows), judging=False))
        if before is None:
            replaced.append(batch.expected)
        else:
            before._asked = now._asked
            score = before.score_for(rows, query)
            replaced.append(value(loop, requests, batch.union, score, judging=False))
        first.append(batch.asked == 0)
        if ranker.serving != now.serving:
            before = now
        if ranker.drain() or ranker.serving != now.serving:
            checks.append(loop.round)
    held = loop.judge_held_out(study.loop.held_out)
    score = ranker.prior.score(held.feedback.candidates.features)
    gain = held.expected - value(loop, held.feedback.requests, held.union, score, judging=True)
    columns = (np.concatenate(part) for part in (served, prior, replaced, first))
    return Run(*columns, gain, tuple(checks))


def worlds(options: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield name, settings and study of each world."""
    for folder in options.collection:
        yield Path(folder).name, {"kind": "collection", "path": folder}, "collection"
    if options.music:
        yield "music", {"kind": "music", "n_items": 20_000}, "default"


def interval(values: list[float]) -> str:
    """Return mean and 95 % Student interval over runs."""
    n = len(values)
    half = student.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n) if n > 1 else float("nan")
    return f"{np.mean(values):+.3f} ± {half:.3f}"


def row(name: str, runs: list[Run], batch: int) -> list[str]:
    """Return a world's row of the table."""
    falls = {
        key: [windows(r.served - getattr(r, key), batch) < -DROP for r in runs]
        for key in ("prior", "replaced")
    }
    either = [a | b for a, b in zip(*falls.values(), strict=True)]
    longest = sum(
        outlasting(fallen, batch, r.checks)
        for key in falls
        for fallen, r in zip(falls[key], runs, strict=True)
    )
    return [
        name,
        str(len(runs)),
        f"{np.mean([r.served.mean() for r in runs]):.3f}",
        f"{np.mean([r.prior.mean() for r in runs]):.3f}",
        *(f"{100 * np.mean(np.concatenate(falls[key])):.1f} %" for key in ("prior", "replaced")),
        str(sum(bool(fallen.any()) for fallen in either)),
        str(longest),
        interval([float((r.served - r.prior)[r.first].mean()) for r in runs]),
        interval([float(r.held_out.mean()) for r in runs]),
    ]


def main() -> None:
    """Run what was asked for and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--collection", action="append", default=[], metavar="DIR")
    parser.add_argument("--music", action="store_true")
    parser.add_argument("--policy", default="equal")
    parser.add_argument("--rounds", type=int, default=3_000)
    parser.add_argument("--seeds", type=int, default=5, help="replicates of each world")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--worlds", type=int, default=3, help="seeds of each world")
    parser.add_argument("--before", action="store_true", help="switch guard and exploration off")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="settings")
    options = parser.parse_args()
    changed = dict(pair.split("=", 1) for pair in options.settings)
    settings = (BEFORE if options.before else {}) | {key: json.loads(text) for key, text in changed.items()}
    columns = (
        *("world", "runs", "reward", "prior, same candidates", "falls: prior", "falls: replaced"),
        *("runs with a fall", "outlasting", "first-time − prior", "held-out − prior"),
    )
    table = Table(*columns)
    for name, world, kind in worlds(options):
        runs = []
        for seed in range(options.worlds):
            study = ltrr.read_study(kind)
            loop = replace(study.loop, oracle_every=UNJUDGED, held_out_oracle_every=UNJUDGED)
            study = replace(study, world={**world, "seed": seed}, loop=loop, rounds=options.rounds)
            with threadpool_limits(1):
                prepared = prepare(build(study), make_world(study))
                replicates = range(options.first_seed, options.first_seed + options.seeds)
                runs += [run(study, prepared, options.policy, r, settings) for r in replicates]
        table.add_row(*row(name, runs, ltrr.read_study(kind).loop.feedback_every))
    Console(width=180).print(table)


if __name__ == "__main__":
    main()
