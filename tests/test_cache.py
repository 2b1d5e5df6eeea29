"""The cache of static arms: what the arm would return, bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ltrr.errors import InputError
from ltrr.protocols import Retriever
from ltrr.retrieval import cache as module
from ltrr.retrieval.cache import StaticCache
from ltrr.retrieval.memory import Memory
from ltrr.types import Candidates, Queries
from tests.naive_union import make_catalogue, make_feedback, make_requests

N_ITEMS = 11


class Hashed:
    """An arm whose lists are a fixed function of the query's text: some short, some empty, with ties."""

    static = True

    def __init__(self):
        self.asked = []

    def index(self, catalogue):
        self.n = len(catalogue)

    def _list(self, text):
        rng = np.random.default_rng(list(text.encode()))
        length = 0 if not text else int(rng.integers(0, self.n + 1))
        pairs = zip(rng.permutation(self.n)[:length], rng.integers(0, 5, length) / 8, strict=True)
        return sorted(((int(i), float(s)) for i, s in pairs), key=lambda pair: (-pair[1], pair[0]))

    def retrieve(self, requests, depth):
        self.asked += requests.query.tolist()
        lists = [
            self._list(requests.queries.text[q] if q >= 0 else "")[:d]
            for q, d in zip(requests.query, depth, strict=True)
        ]
        flat = [pair for row in lists for pair in row]
        lengths = np.array([len(row) for row in lists], np.int64)
        return Candidates(
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            np.array([i for i, _ in flat]),
            np.array([s for _, s in flat]),
            lengths == np.asarray(depth),
        )

    def score(self, requests, items):
        return np.full(len(items.item), 0.25, np.float32)

    def learn(self, feedback):
        pass

    def state(self):
        return {}

    def restore(self, state):
        pass


class Ask:
    """The lists of an arm without a trace of having asked."""

    def __init__(self, arm):
        self.asked, self._list = [], arm._list


def table(n):
    return Queries(tuple(f"text {q}" for q in range(n)))


def built(n_queries, max_depth, arm=None):
    cache = StaticCache(Hashed() if arm is None else arm, table(n_queries), max_depth)
    cache.index(make_catalogue(N_ITEMS))
    return cache


def same(a, b):
    for key in ("indptr", "item", "score", "capped"):
        x, y = getattr(a, key), getattr(b, key)
        assert x.dtype == y.dtype
        assert x.tobytes() == y.tobytes()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 6), st.integers(1, 14), st.data())
def test_equals_the_arm_also_on_appended_queries(n_queries, max_depth, data):
    arm = Hashed()
    cache = built(n_queries, max_depth, arm)
    cache.warm()
    for grown in (n_queries, n_queries + 3):
        n = data.draw(st.integers(0, 8))
        query = data.draw(hnp.arrays(np.int32, n, elements=st.integers(-1, grown - 1)))
        depth = data.draw(hnp.arrays(np.int32, n, elements=st.integers(0, max_depth)))
        requests = make_requests(query, table(grown))
        same(cache.retrieve(requests, depth), arm.retrieve(requests, depth))


def test_each_query_is_asked_once(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 3)
    arm = Hashed()
    cache = built(7, 5, arm)
    cache.warm()
    cache.warm()
    requests = make_requests([0, 6, 0, -1], table(7))
    first = cache.retrieve(requests, np.array([5, 4, 0, 2]))
    assert sorted(arm.asked) == [-1, *range(7)]
    cache.retrieve(make_requests([8], table(9)), np.array([5]))
    assert sorted(arm.asked) == [-1, *range(9)]
    same(first, Hashed.retrieve(arm, requests, np.array([5, 4, 0, 2], np.int32)))


def test_serves_from_memory_mapped_and_frozen_arrays(tmp_path):
    cache = built(6, 4)
    cache.warm()
    requests = make_requests([3, 1, 5], table(6))
    before = cache.retrieve(requests, np.array([4, 2, 3]))
    for name in ("_indptr", "_item", "_score"):
        np.save(tmp_path / f"{name}.npy", getattr(cache, name))
        setattr(cache, name, np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
    same(cache.retrieve(requests, np.array([4, 2, 3])), before)


def test_runs_that_append_other_texts_get_their_own_results():
    arm = Hashed()
    cache = built(4, 6, arm)
    cache.warm()
    own = [Queries((*table(4).text, *(f"only {name}{i}" for i in range(3)))) for name in "ab"]
    arm.asked.clear()
    for texts in (own[0], own[1], table(4), own[1], table(2), own[0]):
        query = np.arange(-1, len(texts))
        requests, depth = make_requests(query, texts), np.full(len(query), 6, np.int32)
        same(cache.retrieve(requests, depth), Hashed.retrieve(Ask(arm), requests, depth))
    # Only what differs is computed again.
    assert arm.asked == [4, 5, 6] * 3


def test_passes_on_and_forgets_on_index():
    arm = Hashed()
    cache = built(3, 4, arm)
    cache.warm()
    cache.index(make_catalogue(3))
    requests = make_requests([0, 1, 2], table(3))
    same(cache.retrieve(requests, np.array([4] * 3)), arm.retrieve(requests, np.array([4] * 3)))
    cache.learn(make_feedback([0], [[1]], [[True]]))
    assert cache.state() == {}
    cache.restore({})
    assert cache.static
    assert isinstance(cache, Retriever)


def test_refuses_what_is_wrong():
    cache = built(3, 4)
    with pytest.raises(InputError, match="<= 4"):
        cache.retrieve(make_requests([0], table(3)), np.array([5]))
    with pytest.raises(InputError, match="depth"):
        cache.retrieve(make_requests([0], table(3)), np.array([-1]))
    with pytest.raises(InputError, match="static, got Memory"):
        StaticCache(Memory(), table(1), 4)
    with pytest.raises(InputError, match="max_depth"):
        StaticCache(Hashed(), table(1), 0)
