"""The ranges that `ContextFeatures` states: on collections, in Music, and for odd texts."""

import math

import numpy as np
import pytest

from ltrr.features.context import LIMIT, ContextFeatures
from ltrr.retrieval import Memory
from ltrr.rng import Streams
from ltrr.types import Catalogue, Queries, Requests
from ltrr.worlds import Collection, Music

CLOCK = {"hour_sin": -1.0, "hour_cos": -1.0, "day": 0.0}
HIGHEST = {
    **dict.fromkeys(CLOCK, 1.0),
    "query_unknown": 1.0,
    "memory_items": math.log(65),
    "memory_actions": 22.0,
    "memory_best_rate": 1.0,
}


def out_of_range(requests):
    """Return the columns that leave their stated range."""
    wrong = {}
    for name, column in zip(requests.context_names, requests.context.T, strict=True):
        high = 1.0 if name.startswith("query_in_") else HIGHEST.get(name, LIMIT)
        low, most = float(column.min()), float(column.max())
        # float32 may round up to the next number
        if not (CLOCK.get(name, 0.0) <= low and most <= high * (1 + 1e-6)):
            wrong[name] = (low, most)
    return wrong


def learned_memory(catalogue, n_queries, actions=3.0):
    memory = Memory()
    memory.index(catalogue)
    some = np.arange(min(64, len(catalogue)))
    item = np.full((n_queries, 64), -1)
    item[:, some] = some
    counts = np.where(item >= 0, actions, 0.0)
    memory.restore({"query": np.arange(n_queries), "item": item, "actions": counts, "shows": counts})
    return memory


def all_queries(world, features):
    n = len(world.queries)
    asked = world.fork(Streams(1)).next(n)
    ids = np.arange(n)
    return features.build(
        Requests(ids, ids, ids, ids, asked.time * 997, asked.context, asked.context_names, world.queries)
    )


@pytest.mark.parametrize("name", ["cranfield", "chorus-electronics", "cacm", "vaswani"])
def test_collections_keep_the_stated_ranges(data_dir, name):
    folder = data_dir / "ir" / name
    if not folder.is_dir():
        pytest.skip(f"collection not found at {folder}")
    world = Collection(folder)
    memory = learned_memory(world.catalogue, len(world.queries))
    seen = all_queries(world, ContextFeatures(world.catalogue, {"memory": memory}))
    assert out_of_range(seen) == {}
    assert np.ptp(seen.context, axis=0).astype(bool).sum() > 7


def test_music_keeps_the_stated_ranges():
    world = Music(n_items=2000, n_queries=500)
    memory = learned_memory(world.catalogue, 500)
    features = ContextFeatures(world.catalogue, {"memory": memory})
    assert out_of_range(all_queries(world, features)) == {}


def test_texts_that_nobody_types_keep_the_stated_ranges():
    words = [f"w{i}" for i in range(3000)]
    catalogue = Catalogue(
        tuple("abc"), {"title": (" ".join(words), "w1 w1 w2", "w1"), "text": ("", "w3", "")}
    )
    texts = (
        "",
        " ",
        "w1",
        "x" * 10_000,
        " ".join("w1" for _ in range(5000)),
        " ".join(words),
        "zebra " * 2000,
        "日本語" * 3000,
        "\u0301" * 10_000,
    )
    memory = learned_memory(catalogue, len(texts), actions=1e6)
    features = ContextFeatures(catalogue, {"memory": memory})
    ids = np.arange(len(texts))
    asks = Requests(ids, ids, ids, ids, ids, np.zeros((len(ids), 0)), (), Queries(texts))
    for asked in (0, 5_000_000, 2**31 - 1):
        features.restore({"asked": np.full(len(texts), asked)})
        seen = features.build(asks)
        assert out_of_range(seen) == {}
        assert np.isfinite(seen.context).all()
    # where it is cut off, and not before
    column = dict(zip(seen.context_names, seen.context.T, strict=True))
    assert column["query_characters"][3] == column["query_terms"][4] == column["query_asked"][0] == LIMIT
    assert column["query_characters"][2] == np.float32(math.log(3) / 4)
