"""Vectors from actions: counts and information by hand, twins, and what texts without actions get."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import ltrr as package
from ltrr.embeddings import CoAction
from ltrr.embeddings.ppmi import co_counts, factors, ppmi
from ltrr.errors import InputError
from ltrr.features.tokens import Characters
from ltrr.logs import Log, actions_of
from ltrr.retrieval import Dense, load, save
from tests.naive_retrieval import catalogue_of, depths, naive_co_counts, naive_ppmi, requests_of, rows

ITEMS = ["red shoe", "sandals", "tea pot", "kettle", "blue shoe", "unknown thing"]
QUERIES = ["footwear", "footwear", "shoe", "hot water", "hot water"]
CLICKED = [0, 1, 0, 2, 3]


def fitted(**settings):
    return CoAction(**{"dim": 2, **settings}).observe(QUERIES, CLICKED).fit(ITEMS)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 40),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.sampled_from([0.5, 1.0]),
)
def test_counts_and_information_agree_with_the_naive_twins(seed, m, share, smoothing):
    rng = np.random.default_rng(seed)
    query, item, session = rng.integers(0, 6, (3, m))
    weight = rng.integers(0, 3, m).astype(float)
    counts = co_counts(query, item, weight, session - 2, n=6, share=share).toarray()
    np.testing.assert_allclose(counts, naive_co_counts(query, item, weight, session, 6, share), atol=1e-12)
    got = ppmi(sparse.csr_matrix(counts), smoothing=smoothing).toarray()
    np.testing.assert_allclose(got, naive_ppmi(counts, smoothing), atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_all_directions_give_the_matrix_back_with_signs_that_are_fixed(seed):
    rng = np.random.default_rng(seed)
    matrix = np.where(rng.random((12, 9)) < 0.4, rng.random((12, 9)), 0.0)
    left, right = factors(sparse.csr_matrix(matrix), dim=9, seed=0)
    np.testing.assert_allclose(left @ right.T, matrix, atol=1e-9)
    others = [factors(sparse.csr_matrix(matrix), dim=4, seed=s) for s in range(4)]
    for one, other in others:
        assert (other[np.abs(other).argmax(axis=0), np.arange(4)] > 0).all()
        np.testing.assert_allclose(one, others[0][0], atol=1e-6)
    u, s, v = np.linalg.svd(matrix)
    np.testing.assert_allclose(others[0][0] @ others[0][1].T, (u[:, :4] * s[:4]) @ v[:4], atol=1e-6)


def test_worked_by_hand():
    # two queries with an item each: information ln 2 on the diagonal, so that each query lies on its item
    encoder = (
        CoAction(smoothing=1.0, prior=1e-9).observe(["a", "b"], [0, 1], weight=[3.0, 3.0]).fit(["x", "y"])
    )
    a, b, x, y = encoder.encode(["a", "b", "x", "y"])
    np.testing.assert_allclose([a @ x, b @ y, a @ y, b @ x, a @ b], [1, 1, 0, 0, 0], atol=1e-6)
    by_text = dict(zip(encoder.texts_, np.linalg.norm(encoder.vectors_, axis=1), strict=True))
    assert by_text == pytest.approx({"a": 3.0, "b": 3.0, "x": 3.0, "y": 3.0})


def test_texts_without_actions_are_found_through_their_words():
    encoder = fitted()
    shoe, sandals, pot, new, other, nothing = encoder.encode(
        ["red shoe", "sandals", "tea pot", "blue footwear", "hot drinks", "unknown thing"]
    )
    assert shoe @ sandals > 0.99
    assert abs(sandals @ pot) < 0.01
    assert new @ sandals > 0.99
    assert other @ pot > 0.99
    assert not nothing.any()
    np.testing.assert_array_equal(encoder.encode(["  RED  Shoe"])[0], shoe)


def test_a_term_has_the_mean_of_its_holders_times_its_idf():
    encoder = fitted()
    unit = encoder.vectors_ / np.linalg.norm(encoder.vectors_, axis=1)[:, None]
    n = len(encoder.texts_)
    assert sorted(encoder.texts_) == sorted({*QUERIES, *ITEMS[:4]})
    for term, holders in {"shoe": ["red shoe", "shoe"], "pot": ["tea pot"], "hot": ["hot water"]}.items():
        mean = unit[[encoder.texts_.index(text) for text in holders]].mean(axis=0)
        got = encoder.terms_[encoder.index_state()["terms"].index(term)]
        np.testing.assert_allclose(got, mean * np.log1p(n / len(holders)), atol=1e-6)


def test_a_term_counts_as_the_prior_says():
    # "pot shoe" was clicked as footwear alone, while its words are mostly those of hot water
    items = ["pot shoe", "tea pot", "iron pot", "boot"]
    queries, clicked = ["footwear", "footwear", "hot water", "hot water"], [0, 3, 1, 2]
    near = {}
    for prior in (1e-6, 1e6):
        encoder = CoAction(dim=2, prior=prior).observe(queries, clicked).fit(items)
        odd, pot, boot = encoder.encode(["pot shoe", "tea pot", "boot"])
        near[prior] = float(odd @ pot), float(odd @ boot)
    assert near[1e-6] == pytest.approx((0.0, 1.0), abs=1e-4)
    assert near[1e6][0] > 0.4


def test_a_session_joins_its_queries():
    queries, clicked, session = ["a", "b", "c", "d"], [0, 1, 2, 3], [5, 5, 6, 6]
    items = ["w", "x", "y", "z"]
    apart = CoAction(dim=4, same_session=0.0).observe(queries, clicked, session=session).fit(items)
    joined = CoAction(dim=4, same_session=1.0).observe(queries, clicked, session=session).fit(items)
    default = CoAction(dim=4, same_session=0.5).observe(queries, clicked).fit(items)
    a, x, y = apart.encode(["a", "x", "y"])
    assert abs(a @ x) < 1e-5
    a, x, y = joined.encode(["a", "x", "y"])
    assert a @ x > 0.99
    assert abs(a @ y) < 1e-5
    np.testing.assert_allclose(default.encode(items), apart.encode(items), atol=1e-5)


def test_a_dense_arm_finds_by_actions_and_is_saved(tmp_path):
    arm = Dense(CoAction(dim=2).observe(QUERIES, CLICKED))
    arm.index(catalogue_of(ITEMS))
    asks = requests_of(["footwear", "hot shower", "xyz"])
    found = rows(arm.retrieve(asks, depths(3, 3)))
    assert [{i for i, _ in one[:2]} for one in found] == [{0, 1}, {2, 3}, set()]
    assert found[0][2][0] == 4  # the blue shoe, through its word
    save(arm, tmp_path / "arm")
    assert rows(load(tmp_path / "arm").retrieve(asks, depths(3, 3))) == found


def test_ngrams_as_terms():
    encoder = CoAction(dim=2, tokenizer=Characters(n=3, ends=True)).observe(QUERIES, CLICKED).fit(ITEMS)
    misspelt, sandals = encoder.encode(["fotwear", "sandals"])
    assert misspelt @ sandals > 0.9


def test_the_clicks_of_a_run(tmp_path):
    world = package.worlds.Music(n_items=300, n_queries=100)
    run = package.simulate(
        world, policies=["random"], rounds=60, seeds=2, warmup=20, quiet=True, out=tmp_path / "run"
    )
    folder = run.folder / "log"
    log = Log(folder)
    keys = ["policy", "seed", "request"]
    clicks = log.impressions[log.impressions.click].merge(log.requests[[*keys, "query", "session"]], on=keys)
    import pyarrow.parquet as pq

    text = pq.read_table(folder / "queries.parquet").to_pandas().set_index("query")["text"]
    found = actions_of(folder)
    want = sorted(zip(text[clicks["query"]], clicks["item"], strict=True))
    assert sorted(zip(found.query, found.item.tolist(), strict=True)) == want
    sessions = clicks.groupby(["policy", "seed", "session"]).ngroups
    assert len(np.unique(found.session)) == sessions
    one = actions_of(Log(folder, "random", 1))
    assert len(one.query) == (clicks["policy"].eq("random") & clicks["seed"].eq(1)).sum()
    texts = [f"song {i}" for i in range(300)]
    by_log = CoAction(log=folder, dim=8, same_session=0.5).fit(texts)
    given = (
        CoAction(dim=8, same_session=0.5).observe(found.query, found.item, session=found.session).fit(texts)
    )
    np.testing.assert_array_equal(by_log.encode(texts), given.encode(texts))


@pytest.mark.parametrize(
    ("query", "item", "more", "message"),
    [
        (["a"], [7], {}, "must be rows of the 2 items, got 7 to 7"),
        (["a"], [-1], {}, "must be rows of the 2 items"),
        (["a"], [0, 1], {}, r"`item` must have shape \(1\), got \(2,\)"),
        (["a"], [0], {"weight": [-1.0]}, "`weight` must be finite and >= 0"),
        (["a"], [0], {"weight": [np.nan]}, "`weight` must be finite and >= 0"),
        (["a"], [0], {}, "needs actions that tell items apart, got 1 actions on 1 items"),
        (["a", "b"], [0, 1], {"weight": [0.0, 0.0]}, "needs actions that tell items apart"),
        ([], [], {}, "needs actions that tell items apart"),
        (["?", "!"], [0, 1], {}, "that hold a word"),
    ],
)
def test_actions_that_say_nothing_are_refused(query, item, more, message):
    with pytest.raises(InputError, match=message):
        CoAction().observe(query, item, **more).fit(["...", "--"])


def test_without_actions_one_line_says_how_to_give_them(tmp_path):
    with pytest.raises(InputError, match=r"name a `log`, or call `observe\(query, item\)`"):
        Dense(CoAction()).index(catalogue_of(["a"]))
    with pytest.raises(InputError, match="must be fitted before it encodes"):
        CoAction().encode(["a"])
    with pytest.raises(InputError, match="is not a log"):
        CoAction(log=tmp_path).fit(["a"])
    for name, value in {"dim": 0, "smoothing": 0.0, "same_session": 2.0, "prior": 0.0}.items():
        with pytest.raises(InputError, match=name):
            CoAction(**{name: value})


@pytest.mark.parametrize("settings", [{"seed": "x"}, {"log": 3}])
def test_settings_of_the_wrong_type_are_refused(settings):
    with pytest.raises(InputError, match=f"`CoAction.{next(iter(settings))}` must be"):
        CoAction(**settings)
