"""What are better arms worth? ``python simulations/better_arms.py [COLLECTION…] [--near] [--seeds 10]``.

The default study's four arms, and the same with character n-grams as a fifth arm, with a memory that also
answers near texts, and with both, on the same seeds; without a COLLECTION on Music. The table shows each
policy's reward with the four arms and the paired differences to it, with 95 % intervals over seeds: of all
requests, of first-time ones, and on held-out queries.

With ``--near`` the memories are compared: `memory`, `near-memory`, and one with an outside audit's constants
(vectors of words alone, five texts of cosine above .6, rates times .7 · cosine², never learned), each with
and without n-grams; and a second table has first-time and held-out queries by kind, paraphrased ones apart.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import ltrr
from ltrr.embeddings import LSA
from ltrr.metrics.intervals import paired_difference
from ltrr.retrieval import NearMemory
from ltrr.study.build import make_world
from ltrr.study.call import study_of
from ltrr.study.study import Study, Tuning
from ltrr.types.component import Component

PLAIN = ("bm25", "dense", "memory", "popular")
WITH_NGRAMS = (*PLAIN, "ngrams")
NEAR = {"kind": "near-memory"}
AUDIT = NearMemory(near=5, floor=0.6, discount=0.7, discount_weight=np.inf, encoder=LSA(characters=None))
FALLBACK = ("bm25", "dense", "popular")
POLICIES = ("best-static", "equal", "linucb")
SETS = ("all", "first-time", "repeated", "held-out")
GROUPS = {
    "shortened or misspelt": ("dropped", "misspelt", "prefix"),
    "paraphrased": ("synonym", "reordered", "inflected"),
}
"""Kinds of query variants that are also taken together, where a world has them all."""


class Change(NamedTuple):
    """A column: the rewards with some arms minus those with others."""

    title: str
    arms: str
    base: str


def arms_with(memory: Any = None, names: Sequence[str] = PLAIN) -> dict[str, Any]:
    """Return arms by name, with another memory if one is given."""
    return {name: name for name in names} | ({} if memory is None else {"memory": memory})


BETTER = {
    "four arms": arms_with(),
    "+ n-grams": arms_with(names=WITH_NGRAMS),
    "+ near texts": arms_with(NEAR),
    "+ both": arms_with(NEAR, WITH_NGRAMS),
}
BETTER_CHANGES = [Change(name, name, "four arms") for name in BETTER if name != "four arms"]
MEMORIES = {
    "memory": arms_with(),
    "near": arms_with(NEAR),
    "audit": arms_with(AUDIT),
    "memory, n-grams": arms_with(names=WITH_NGRAMS),
    "near, n-grams": arms_with(NEAR, WITH_NGRAMS),
    "audit, n-grams": arms_with(AUDIT, WITH_NGRAMS),
}
MEMORY_CHANGES = [
    Change("near-memory", "near", "memory"),
    Change("audit's constants", "audit", "memory"),
    Change("+ n-grams", "memory, n-grams", "memory"),
    Change("near-memory, both with n-grams", "near, n-grams", "memory, n-grams"),
    Change("audit's constants, both with n-grams", "audit, n-grams", "memory, n-grams"),
    Change("near-memory − audit's, both with n-grams", "near, n-grams", "audit, n-grams"),
]


def study_on(world: Any) -> Study:
    """Return the study to run on a collection's folder, a world's table, or Music where there is none."""
    study = ltrr.read_study("collection" if isinstance(world, str) else "default")
    # a lighter tuning than the study's own: several sets of arms are tuned a world
    tuning = Tuning(shares=(0.35, 1.0), keep=(3, 1), seeds=(2, 3))
    study = replace(study, loop=replace(study.loop, fallback=FALLBACK), tuning=tuning)
    if world is None:
        return study
    table = {"kind": "collection", "path": world} if isinstance(world, str) else dict(world)
    return replace(study, world=Component(table.pop("kind"), table))


def kinds_of(study: Study) -> dict[str, list[int]]:
    """Return the numbers of each kind of query, and of groups of them; the name of all is empty."""
    names = make_world(study).intent_names
    groups = {g: [names.index(n) for n in own] for g, own in GROUPS.items() if set(own) <= set(names)}
    return {"": list(range(len(names))), **{name: [i] for i, name in enumerate(names)}, **groups}


def per_seed(
    study: Study, arms: dict[str, Any], kinds: Mapping[str, Sequence[int]], asked: argparse.Namespace
) -> pd.DataFrame:
    """Return the mean reward of each policy, set and kind of query (columns) on each seed (rows)."""
    whole = study_of(study=study, arms=arms, policies=POLICIES, seeds=asked.seeds, rounds=asked.rounds)
    # without the best static allocation there is nothing to tune, which takes most of the time
    policies = tuple(spec for spec in whole.policies if spec.name in asked.policies)
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "run"
        ltrr.run_study(replace(whole, policies=policies), out=out, jobs=asked.jobs, quiet=True)
        means = [
            {
                (policy, *key): mean
                for policy in asked.policies
                for key, mean in _means(out, f"{policy}-{seed:03d}.parquet", study.loop.warmup, kinds)
            }
            for seed in range(asked.seeds)
        ]
    return pd.DataFrame(means)


def _means(
    folder: Path, cell: str, warmup: int, kinds: Mapping[str, Sequence[int]]
) -> Iterator[tuple[tuple[str, str], float]]:
    """Yield the mean reward of a cell's requests by set and kind; those of the warm-up do not count."""
    names = ["request", "asked", "intent", "reward"]
    stream = pd.read_parquet(folder / "rounds" / cell, columns=names)
    stream = stream[stream.request >= warmup]
    new = stream.asked == 0
    held_out = pd.read_parquet(folder / "held_out" / cell, columns=names)
    for name, rows in zip(SETS, (stream, stream[new], stream[~new], held_out), strict=True):
        for kind, intents in kinds.items():
            yield (name, kind), rows.reward[rows.intent.isin(intents)].mean()


def _cell(first: pd.Series, second: pd.Series | None = None) -> str:
    """Return a mean, or a paired difference with its interval; seeds without such requests do not count."""
    if second is None:
        return f"{first.mean():.3f}"
    has = first.notna() & second.notna()
    found = paired_difference(first[has].to_numpy(), second[has].to_numpy(), rng=np.random.default_rng(0))
    return f"{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]".replace("-", "−")


def table(
    values: Mapping[str, pd.DataFrame],
    changes: Sequence[Change],
    policies: Sequence[str],
    rows: Sequence[tuple[str, str]],
) -> Iterator[str]:
    """Yield a row a policy, set and kind: the reward with the first arms, and what each change adds."""
    base = next(iter(values))
    yield f"| policy | requests | {' | '.join([base, *(c.title for c in changes)])} |"
    yield "|---" * (3 + len(changes)) + "|"
    for policy in policies:
        for where, kind in rows:
            by = {name: frame[policy, where, kind] for name, frame in values.items()}
            if by[base].isna().all():
                continue
            cells = [_cell(by[base]), *(_cell(by[c.arms], by[c.base]) for c in changes)]
            yield f"| {policy} | {where}{', ' * bool(kind)}{kind} | {' | '.join(cells)} |"


def lines(world: Any, asked: argparse.Namespace) -> Iterator[str]:
    """Yield the tables of a world."""
    study = study_on(world)
    kinds = kinds_of(study)
    arms, changes = (MEMORIES, MEMORY_CHANGES) if asked.near else (BETTER, BETTER_CHANGES)
    values = {name: per_seed(study, own, kinds, asked) for name, own in arms.items()}
    name = Path(world).name if isinstance(world, str) else study.world.kind
    yield f"\n{name}, {asked.seeds} seeds of {asked.rounds} requests\n"
    sets = [where for where in SETS if asked.near or where != "repeated"]
    yield from table(values, changes, asked.policies, [(where, "") for where in sets])
    if asked.near:
        yield "\nBy kind of query\n"
        rows = [(where, kind) for where in ("first-time", "held-out") for kind in kinds if kind]
        yield from table(values, changes, asked.policies, rows)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("collections", nargs="*", help="folders of collections; Music where there is none")
    parser.add_argument("--near", action="store_true", help="compare memories, with and without n-grams")
    parser.add_argument(
        "--policies", nargs="+", choices=POLICIES, help="all three; with --near, equal and linucb"
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, help="also write the tables to this file")
    return parser


def main(words: Sequence[str] | None = None) -> None:
    """Print the tables of each world."""
    asked = options().parse_args(words)
    asked.policies = asked.policies or POLICIES[asked.near :]
    page = ""
    for collection in asked.collections or [None]:
        found = "\n".join(lines(collection, asked))
        print(found, flush=True)
        page += found + "\n"
        if asked.out is not None:
            asked.out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
