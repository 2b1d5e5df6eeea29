"""Index and queries of every arm with memory, at several sizes: ``python benchmarks/arms.py [SIZE…]``.

Each arm of the world of Music runs in a process of its own, on one thread: how long it takes to index the
catalogue, how large the index is and how much the process grew, and how long a query takes, in batches of 64
and alone, for the 100 best. Arms that learn are first given 3,000 requests' pages, so that they hold what a
study's would. Then BM25 against bm25s and tantivy, and exact dense search against faiss, on the same titles
and vectors, interleaved in one process. Compilation is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import psutil

from ltrr.checks.data import feedback_of
from ltrr.registry import registry_of
from ltrr.types import Requests

ARMS: dict[str, dict[str, Any]] = {
    "bm25": {},
    "bm25f": {},
    "ngrams": {},
    "dense": {},
    "hybrid": {},
    "memory": {},
    "near-memory": {},
    "popular": {},
    "fresh": {},
    "explore": {},
}
DEPTH, QUERIES, LEARNED = 100, 2_000, 3_000


def world_of(n_items: int) -> Any:
    """Return the world of Music with a catalogue of some size."""
    return registry_of("worlds").make("music", {"n_items": n_items}, "world")


def measured(name: str, n_items: int) -> dict[str, float]:
    """Return what an arm costs: seconds, MB and milliseconds."""
    world, process = world_of(n_items), psutil.Process()
    registry = registry_of("arms")
    small = world_of(200)
    run(registry.make(name, ARMS[name], name), small, small.next(64))  # compiles
    arm = registry.make(name, ARMS[name], name)
    before = process.memory_info().rss
    start = time.perf_counter()
    arm.index(world.catalogue)
    indexed = time.perf_counter() - start
    grown = process.memory_info().rss - before
    if not arm.static:
        teach(arm, world)
    parts, ones = [world.next(64) for _ in range(32)], [world.next(1) for _ in range(500)]
    depth = np.full(64, DEPTH, np.int32)
    arm.retrieve(parts[0], depth)  # texts are cut into terms, or made vectors, once
    batched = seconds(lambda: [arm.retrieve(p, depth) for p in parts])
    alone = seconds(lambda: [arm.retrieve(p, depth[:1]) for p in ones])
    return {
        "index s": indexed,
        "index MB": size_of(arm.index_state()) / 1e6,
        "process MB": grown / 1e6,
        "ms in batches": 1e3 * batched / (64 * len(parts)),
        "ms alone": 1e3 * alone / len(ones),
    }


def run(arm: Any, world: Any, requests: Requests) -> None:
    """Index, learn and retrieve once."""
    arm.index(world.catalogue)
    if not arm.static:
        teach(arm, world, rounds=64)
    arm.retrieve(requests, np.full(len(requests), 10, np.int32))


def teach(arm: Any, world: Any, rounds: int = LEARNED) -> None:
    """Show pages of random items, some of which are acted on: what the arm holds is what counts here."""
    for _ in range(0, rounds, 50):
        arm.learn(feedback_of(world.next(50), alive=world.catalogue.alive))


def seconds(run: Callable[[], Any], repeats: int = 5) -> float:
    """Return the median of several runs."""
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return float(np.median(found))


def size_of(state: Any) -> int:
    """Return the bytes of a state."""
    if isinstance(state, np.ndarray):
        return state.nbytes
    if isinstance(state, Mapping):
        return sum(size_of(v) for v in state.values())
    if isinstance(state, (list, tuple)):
        return sum(len(v) if isinstance(v, str) else size_of(v) for v in state)
    return len(state) if isinstance(state, (bytes, str)) else 8


def lexical_peers(n_items: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Return seconds of indexing and milliseconds a query of BM25: ours, bm25s and tantivy."""
    import bm25s
    import tantivy

    world = world_of(n_items)
    catalogue, requests = world.catalogue, world.next(QUERIES)
    titles = [" ".join(texts) for texts in zip(*catalogue.fields.values(), strict=True)]
    ours = registry_of("arms").make("bm25", {}, "bm25")
    indexed = {"ltrr": once(lambda: ours.index(catalogue))}
    tokens = [title.lower().split() for title in titles]
    theirs = bm25s.BM25(backend="numba")
    indexed["bm25s"] = once(lambda: theirs.index(tokens, show_progress=False))
    schema = tantivy.SchemaBuilder().add_text_field("title", stored=False).build()
    tree = tantivy.Index(schema)

    def fill() -> None:
        writer = tree.writer(heap_size=500_000_000, num_threads=1)
        for title in titles:
            writer.add_document(tantivy.Document(title=[title]))
        writer.commit()
        writer.wait_merging_threads()
        tree.reload()

    indexed["tantivy"] = once(fill)
    words = [text.lower().split() for text in requests.texts()]
    ids = [theirs.get_tokens_ids(w) for w in words]
    searcher = tree.searcher()
    asked = [tree.parse_query(plain(" ".join(w)) or "x", ["title"]) for w in words]
    ours.retrieve(requests, np.full(QUERIES, 1, np.int32))

    # what is found is kept for a text: only the search itself is compared
    indptr, term = ours.index_.encode(" ".join(w) for w in words)
    depth = np.full(QUERIES, DEPTH, np.int32)
    runs: dict[str, Callable[[], Any]] = {
        "ltrr": lambda: ours.search(indptr, term, depth),
        "bm25s": lambda: theirs.retrieve(ids, k=DEPTH, n_threads=1, show_progress=False),
        "tantivy": lambda: [searcher.search(q, DEPTH) for q in asked],
    }
    return {name: (indexed[name], 1e3 * s / QUERIES) for name, s in interleaved(runs, rounds).items()}


def plain(text: str) -> str:
    """Return a text without what tantivy's query language reads as an operator."""
    return "".join(c if c.isalnum() else " " for c in text).strip()


def dense_peers(n_items: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Return seconds of indexing and milliseconds a query of exact search by vectors: ours and faiss."""
    import faiss

    faiss.omp_set_num_threads(1)
    world = world_of(n_items)
    requests = world.next(QUERIES)
    ours = registry_of("arms").make("dense", {}, "dense")
    ours.index(world.catalogue)
    vectors = ours.vectors_
    flat = faiss.IndexFlatIP(vectors.shape[1])
    indexed = {"faiss": once(lambda: flat.add(vectors)), "ltrr": 0.0}
    depth = np.full(QUERIES, DEPTH, np.int32)
    ours.retrieve(requests, depth)
    asked = np.ascontiguousarray(ours._query_rows(requests)[0][requests.query])
    runs: dict[str, Callable[[], Any]] = {
        "ltrr": lambda: ours.retrieve(requests, depth),
        "faiss": lambda: flat.search(asked, DEPTH),
    }
    return {name: (indexed[name], 1e3 * s / QUERIES) for name, s in interleaved(runs, rounds).items()}


def once(run: Callable[[], Any]) -> float:
    """Return the seconds of one run."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def interleaved(runs: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each, taken in turns; the first turn compiles and does not count."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, run in runs.items():
            took = once(run)
            if turn:
                found[name].append(took)
    return {name: float(np.median(values)) for name, values in found.items()}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", type=int, default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measured(asked.one, asked.sizes[0])))
        return
    one_thread = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    print("| arm | items | index s | index MB | process MB | ms in batches | ms alone |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    known = registry_of("arms")
    for n_items in asked.sizes:
        for name in ARMS:
            if name not in known.names:
                continue
            command = [sys.executable, __file__, "--one", name, str(n_items)]
            done = subprocess.run(command, env=os.environ | one_thread, capture_output=True, text=True)
            if done.returncode:
                print(f"| {name} | {n_items:,} | {done.stderr.strip().splitlines()[-1]} |")
                continue
            cells = [f"{v:.3g}" for v in json.loads(done.stdout).values()]
            print(f"| {name} | {n_items:,} | {' | '.join(cells)} |", flush=True)
    print("\n| search | items | index s | ms a query |")
    print("|---|--:|--:|--:|")
    for n_items in asked.sizes:
        for kind, peers in (("BM25", lexical_peers), ("dense", dense_peers)):
            for name, (indexed, query) in peers(n_items, asked.rounds).items():
                print(f"| {kind}, {name} | {n_items:,} | {indexed:.3g} | {query:.3g} |", flush=True)


if __name__ == "__main__":
    main()
