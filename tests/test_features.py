"""Context features, action sets, credit history, quotas, spilling."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr._kernels.spill import delivered
from ltrr.features import Allocations, ContextFeatures, CreditHistory, Slabs, tokenize
from ltrr.retrieval import Memory
from ltrr.types import Catalogue, Queries, Requests, all_quotas
from tests.naive import naive_context, naive_delivered, naive_kind, naive_quotas

CATALOGUE = Catalogue(
    ("a", "b", "c"), {"title": ("red moon", "red sun", "blue"), "text": ("of the sea", "sea", "red red")}
)
TEXTS = ("red", "sea moon", "zebra", "", "red zebra blue", "red red")


def requests(queries, names=(), context=None):
    n = len(queries)
    context = np.zeros((n, len(names))) if context is None else context
    ids = np.arange(n)
    return Requests(ids, ids, ids, queries, ids * 1.0, context, names, Queries(TEXTS))


def test_context_equals_its_twin_and_keeps_the_worlds_columns():
    build = ContextFeatures(CATALOGUE, None)
    got = build.build(requests(np.arange(6), ("hour",), np.full((6, 1), 0.5)))
    assert got.context_names[0] == "hour"
    assert np.all(got.context[:, 0] == 0.5)
    fields = {k: [tokenize(t) for t in v] for k, v in CATALOGUE.fields.items()}
    for row, text in enumerate(TEXTS):
        want = naive_context(tokenize(text), fields, 3)
        for name, value in want.items():
            if name == "fields":
                columns = [got.context_names.index(f"query_in_{f}") for f in fields]
                np.testing.assert_allclose(got.context[row, columns], value, rtol=1e-5, err_msg=text)
            else:
                column = got.context_names.index(name)
                np.testing.assert_allclose(
                    got.context[row, column], value, rtol=1e-5, atol=1e-7, err_msg=(text, name)
                )


def test_traffic_is_counted_after_the_snapshot_and_forks_start_anew():
    memory = Memory()
    memory.index(CATALOGUE)
    first = ContextFeatures(CATALOGUE)
    own = first.fork({"memory": memory})
    batch = requests(np.array([0, 0, -1, 2]))
    assert np.all(own.asked(batch) == 0)
    before = own.build(batch).context[:, -1]
    own.count(batch)
    assert np.all(before == 0)
    assert own.asked(batch).tolist() == [2, 2, 0, 1]
    assert np.all(first.asked(batch) == 0)
    other = first.fork({"memory": memory})
    other.restore(own.state())
    assert np.array_equal(other.build(batch).context, own.build(batch).context)


def test_slabs_and_allocations_state_quotas():
    history = CreditHistory(3)
    slabs = Slabs(("x", "y", "z"), 2, history)
    batch = requests(np.array([0, 1]))
    quota = np.array([[1, 0, 0], [0, 0, 1]], np.int32)
    actions = slabs.build(batch, quota)
    assert actions.quota.reshape(2, 3, 3).tolist() == (quota[:, None] + np.eye(3, dtype=int)).tolist()
    assert actions.features[0, actions.names.index("slab:x")] == 0.5
    assert actions.features[1, actions.names.index("slab:x")] == 0.0
    whole = Allocations(("x", "y", "z"), 2, CreditHistory(6)).build(batch, np.zeros((2, 3), np.int32))
    assert whole.quota[:6].tolist() == naive_quotas(2, 3)
    assert np.array_equal(whole.features[:6, :3] * 2, whole.quota[:6])


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 5))
def test_all_quotas_equal_their_twin(n_slots, n_arms):
    assert all_quotas(n_slots, n_arms).tolist() == naive_quotas(n_slots, n_arms)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_spilling_equals_its_twin(data):
    r = data.draw(st.integers(1, 5))
    quota = data.draw(st.lists(st.integers(0, 3), min_size=r, max_size=r))
    available = data.draw(st.lists(st.integers(0, 15), min_size=r, max_size=r))
    fallback = data.draw(st.permutations(range(r)))[: data.draw(st.integers(0, r))]
    slabs = data.draw(st.lists(st.integers(1, 4), min_size=r, max_size=r))
    given_in = [np.array(x, np.int32) for x in (quota, available, slabs, fallback)]
    out = np.empty(r, np.int32)
    spilled = delivered(*given_in[:3], 4, given_in[3], out)
    assert (out.tolist(), spilled) == naive_delivered(quota, available, slabs, 4, fallback)
    # short slabs change who delivers, never how much
    if fallback and all(have >= 4 * sum(quota) for have in available):
        assert out.sum() == 4 * sum(quota)


@pytest.mark.parametrize(
    "names", [(), ("query_terms", "memory_items"), ("query_df_product", "x", "query_unknown")]
)
def test_kinds_equal_their_twin(names):
    rng = np.random.default_rng(2)
    context = rng.choice([0.0, 0.01, 0.2, 0.25, 0.3, 0.6, 0.9, np.nan], (200, len(names))).astype(np.float32)
    asked = requests(np.zeros(200, np.int64), names, context)
    want = [naive_kind(row.astype(np.float64), names) for row in context]
    assert CreditHistory(2).kind(asked).tolist() == want


def test_history_shrinks_to_the_action_then_to_the_prior():
    history = CreditHistory(2, weight=10.0, prior=0.2)
    batch = requests(np.array([0]), ("memory_items",), np.array([[0.0]]))
    assert np.allclose(history.value(batch), 0.2)
    state = history.state()
    state["sum"][history.kind(batch)[0]] = [5.0, 0.0]
    state["count"][history.kind(batch)[0]] = [10.0, 0.0]
    history.restore(state)
    overall = (5 + 2) / 20
    assert np.allclose(history.value(batch), [[(5 + 10 * overall) / 20, 0.2]])
    other = requests(np.array([0]), ("memory_items",), np.array([[1.0]]))
    assert history.kind(other)[0] != history.kind(batch)[0]
    assert np.allclose(history.value(other), [[overall, 0.2]])
