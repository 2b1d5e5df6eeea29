"""What does each arm find? ``python simulations/arm_table.py [STUDY] [--collection DIR] [--seeds 5]``.

Every row is one ranked list of at most 100 items a request: of each arm alone, of all arms together by
several rules, and of the best quota of each request, which knows the truth. The learning arms and the ranker
are trained by the study's `equal` policy on the stream; then all is frozen and judged by the world's own
truth on held-out queries and, apart, on queries that the stream had asked before. Fusions and the static
allocation are tuned on other seeds, for each of the two apart: on held-out queries whose needs the judged
seed does not hold out, and on repeated ones.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from arm_judge import ALL, SETS, in_worker, judge, tune
from arm_lists import MEASURES, STATIC, deep
from threadpoolctl import threadpool_limits

from ltrr.embeddings import ENCODERS
from ltrr.errors import InputError
from ltrr.metrics.intervals import bootstrap_mean, paired_difference
from ltrr.retrieval import ARMS as REGISTERED
from ltrr.simulation.system import Prepared
from ltrr.study.build import build, make_world, settled
from ltrr.study.call import study_of
from ltrr.study.study import Study
from ltrr.study.transport import put

ARMS: dict[str, Any] = {
    "bm25": "bm25",
    "bm25f": "bm25f",
    "ngrams": "ngrams",
    "dense": {"kind": "dense", "encoder": {"kind": "lsa"}},
    "dense-static": {"kind": "dense", "encoder": {"kind": "static-vectors"}},
    "memory": "memory",
    "near-memory": "near-memory",
    "popular": "popular",
    "hybrid": "hybrid",
    "fresh": "fresh",
    "explore": "explore",
}
"""The rows of single arms, by name; those that are not registered or lack their extra have no row."""
NAMES = {"dense": "dense, LSA", "dense-static": "dense, static vectors"}
FALLBACK = ("bm25", "ngrams", "dense", "popular")
SLABS = {"memory": 5, "near-memory": 5}


def arms_of(n_fields: int, wanted: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the arms that there are: BM25F where there are several fields, encoders that are installed."""
    out = {}
    for name, arm in ARMS.items():
        table = arm if isinstance(arm, dict) else {"kind": arm}
        if table["kind"] not in REGISTERED.names or (name == "bm25f" and n_fields < 2):
            continue
        if "encoder" in table and not _installed(table["encoder"]["kind"]):
            continue
        if wanted is None or name in wanted:
            out[name] = arm
    return out


def _installed(encoder: str) -> bool:
    try:
        ENCODERS.make(encoder, {}, "encoder")
    except InputError:
        return False
    return True


def prepared_of(study: Study, wanted: Sequence[str] | None = None) -> tuple[Study, Prepared]:
    """Return the study with the arms of the table, and all that its seeds share."""
    world = make_world(study)
    arms = arms_of(sum(map(any, world.catalogue.fields.values())), wanted)  # not counting empty fields
    loop = {
        "fallback": [a for a in FALLBACK if a in arms],
        "slab_size": {a: size for a, size in SLABS.items() if a in arms} or None,
        "oracle_every": study.rounds + 1,
    }
    whole = study_of(study=study, arms=arms, policies=["equal"], loop=loop)
    parts = build(whole)
    whole = settled(whole, parts)
    return whole, Prepared.build(world, parts.arms, deep(whole.loop), parts.providers)


def measure(study: Study, asked: argparse.Namespace) -> tuple[Study, list[dict[str, Any]]]:
    """Return the study and what each seed measured."""
    with tempfile.TemporaryDirectory() as folder, joblib.Parallel(n_jobs=asked.jobs) as workers:
        place = Path(folder) / "prepared"
        with threadpool_limits(1):
            whole, prepared = prepared_of(study, asked.arms)
        put(place, (whole, prepared))
        del prepared
        run = joblib.delayed(in_worker)
        tuned = workers(run(tune, place, seed, asked) for seed in range(asked.tuning_seeds))
        found = workers(run(judge, place, seed, asked, tuned) for seed in range(asked.seeds))
    return whole, found


def cell(values: Sequence[float], others: Sequence[float] | None = None) -> str:
    """Return mean ± half of the 95 % interval over seeds, of values or of paired differences."""
    rng, own = np.random.default_rng(0), np.array(values)
    if others is None:
        i = bootstrap_mean(own, rng=rng)
        return f"{i.mean:.3f} ± {(i.high - i.low) / 2:.3f}" if i.n > 1 else f"{i.mean:.3f}"
    i = paired_difference(own, np.array(others), rng=rng)
    text = f"{i.mean:+.3f}".replace("-", "−")
    return f"{text} ± {(i.high - i.low) / 2:.3f}" if i.n > 1 else text


def main_table(found: Sequence[Mapping[str, Any]], rows: Sequence[str], where: str) -> Iterator[str]:
    """Yield the lines of the table of all measures; latencies stand in the first set's alone."""
    timed = where == SETS[0]
    heads = [*MEASURES, f"nDCG@10 − {STATIC}", f"reward − {STATIC}", *(["ms, 1", "ms, 64"] * timed)]
    yield f"| list of | {' | '.join(heads)} |"
    yield "|---|" + "--:|" * len(heads)
    for row in rows:
        cells = [cell([f["mean"][where, row, ALL, m] for f in found]) for m in MEASURES]
        for m in ("nDCG@10", "reward"):
            own, static = ([f["mean"][where, r, ALL, m] for f in found] for r in (row, STATIC))
            cells.append("–" if row == STATIC else cell(own, static))
        if timed:
            taken = [f["ms"].get(row, (np.nan, np.nan)) for f in found]
            cells += ["–" if np.isnan(ms) else f"{ms:.2f}" for ms in np.median(taken, axis=0)]
        yield f"| {NAMES.get(row, row)} | {' | '.join(cells)} |"


def kinds_table(found: Sequence[Mapping[str, Any]], rows: Sequence[str], where: str, m: str) -> Iterator[str]:
    """Yield the lines of a table of one measure by kind of query; seeds without a kind do not count there."""
    kinds = list(dict.fromkeys(kind for f in found for (w, kind) in f["n"] if w == where))
    share = {kind: np.mean([f["n"].get((where, kind), 0) for f in found]) for kind in kinds}
    yield f"| {m} | " + " | ".join(f"{kind} ({share[kind]:.0f})" for kind in kinds) + " |"
    yield "|---|" + "--:|" * len(kinds)
    for row in rows:
        means = [[f["mean"][where, row, k, m] for f in found if (where, k) in f["n"]] for k in kinds]
        yield f"| {NAMES.get(row, row)} | {' | '.join(map(cell, means))} |"


def about(study: Study, asked: argparse.Namespace) -> str:
    """Return how the tables were made."""
    setting = deep(study.loop)
    return (
        f"{asked.seeds} seeds from {study.seed}, {study.rounds} requests each, decided by the `equal` policy "
        f"over {', '.join(study.loop.arms)}; {asked.tuning_seeds} other seeds for tuning, {asked.draws} "
        "settings of each fusion. Mean ± half of the 95 % interval over seeds; differences are paired. An "
        f"allocation gives {setting.n_slots} slots of {setting.slot_size} items to arms, at most 5 a slot to "
        "a memory; the equal union takes the same share of the list from each arm; both are ordered by the "
        "ranker that the `equal` policy trained. Fusions merge the lists of all arms to depth "
        f"{setting.budget}. `reward` is the expected reward of the first ten, before costs; it is what is "
        "tuned for. Milliseconds a query are on one thread, in batches of 1 and of 64, words and vectors of "
        "the query included, except near-memory's, which keeps vectors and neighbours of known texts."
    )


def text(study: Study, found: Sequence[Mapping[str, Any]], asked: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the page."""
    rows = list(dict.fromkeys(row for _, row, _, _ in found[0]["mean"]))
    yield f"## {study.name}: what each arm finds\n"
    yield about(study, asked)
    for where in SETS:
        n = np.mean([f["n"][where, ALL] for f in found])
        quotas = dict.fromkeys(f["chosen"][where] for f in found)
        yield f"\n{where} queries, {n:.0f} requests a seed; {STATIC}: {', or '.join(quotas)}\n"
        yield from main_table(found, rows, where)
    for m in MEASURES[:3]:
        yield f"\n{m} on held-out queries by kind (requests a seed)\n"
        yield from kinds_table(found, rows, "held-out", m)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", nargs="?", default="music", help="name of a shipped study, or a file")
    parser.add_argument("--collection", help="folder of the collection, for the studies that need one")
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), help="only these rows of single arms")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tuning-seeds", type=int, default=3)
    parser.add_argument("--draws", type=int, default=64, help="settings of each fusion that are tried")
    parser.add_argument("--rounds", type=int, default=3_000)
    parser.add_argument("--judged", type=int, default=800, help="requests that are judged in each set")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, help="also write the tables to this file")
    return parser


def main(words: Sequence[str] | None = None) -> None:
    """Print the tables of a world."""
    asked = options().parse_args(words)
    world = None if asked.collection is None else {"kind": "collection", "path": asked.collection}
    study = study_of(world, study=asked.study, rounds=asked.rounds)
    study = replace(study, name=Path(asked.collection).name if asked.collection else asked.study)
    page = "\n".join(text(*measure(study, asked), asked))
    print(page)
    if asked.out is not None:
        asked.out.write_text(page + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
