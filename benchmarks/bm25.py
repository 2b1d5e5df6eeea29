"""BM25 top 100 of 100,000 ten-token titles on one thread, against bm25s, interleaved in one run.

Words follow Zipf's law over 30,000 words; a query is three tokens of one title, so that it asks for
frequent words as often as they occur. Run: ``python benchmarks/bm25.py [--rounds 5]``.
"""

from __future__ import annotations

import argparse
import time

import bm25s
import numpy as np

from ltrr.retrieval.lexical import BM25
from ltrr.types import Catalogue

N_TITLES, N_WORDS, LENGTH, N_QUERIES, DEPTH = 100_000, 30_000, 10, 2_000, 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--exponent", type=float, default=1.0)
    args = parser.parse_args()

    rng = np.random.default_rng(0)
    share = np.arange(1, N_WORDS + 1.0) ** -args.exponent
    words = rng.choice(N_WORDS, size=(N_TITLES, LENGTH), p=share / share.sum())
    titles = tuple(" ".join(f"w{w}" for w in row) for row in words)
    drawn = words[rng.integers(N_TITLES, size=N_QUERIES)]
    picks = rng.permuted(np.tile(np.arange(LENGTH), (N_QUERIES, 1)), axis=1)[:, :3]
    queries = [[f"w{w}" for w in row] for row in np.take_along_axis(drawn, picks, axis=1)]

    start = time.perf_counter()
    ours = BM25()
    ours.index(Catalogue(titles, {"title": titles}))
    print(f"ltrr index   {time.perf_counter() - start:6.2f} s")
    start = time.perf_counter()
    theirs = bm25s.BM25(backend="numba")
    theirs.index([title.split() for title in titles], show_progress=False)
    print(f"bm25s index  {time.perf_counter() - start:6.2f} s")

    indptr, term = ours.index_.encode(" ".join(query) for query in queries)
    depth = np.full(N_QUERIES, DEPTH, np.int32)
    ids = [theirs.get_tokens_ids(query) for query in queries]

    def run_ours() -> np.ndarray:
        return ours.search(indptr, term, depth).score

    def run_theirs() -> np.ndarray:
        _, scores = theirs.retrieve(ids, k=DEPTH, n_threads=1, show_progress=False)
        return scores[scores > 0]

    # the first call compiles; the scores must be the same
    np.testing.assert_allclose(run_ours(), run_theirs(), rtol=1e-5)
    rates: dict[str, list[float]] = {"ltrr": [], "bm25s": []}
    for _ in range(args.rounds):
        for name, run in (("ltrr", run_ours), ("bm25s", run_theirs)):
            start = time.perf_counter()
            run()
            rates[name].append(N_QUERIES / (time.perf_counter() - start))
    for name, values in rates.items():
        print(
            f"{name:6s} {np.median(values):10,.0f} queries/s (from {min(values):,.0f} to {max(values):,.0f})"
        )
    print(f"ratio  {np.median(rates['ltrr']) / np.median(rates['bm25s']):10.1f}")


if __name__ == "__main__":
    main()
