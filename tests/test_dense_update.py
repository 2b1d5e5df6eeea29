"""New items in a dense arm, and encoders that stay as they have been fitted."""

from dataclasses import dataclass

import numpy as np
import pytest

from ltrr.embeddings import LSA
from ltrr.errors import InputError
from ltrr.retrieval import Dense, load, save
from tests.naive_retrieval import catalogue_of, depths, requests_of, rows
from tests.test_dense import WORDS, Numbers, as_text, sentences


def lists(arm, queries):
    return rows(arm.retrieve(requests_of(queries), depths(len(queries), 50)))


def grown(arm, texts, first, alive=None):
    arm.index(catalogue_of(texts[:first], None if alive is None else alive[:first]))
    arm.update(catalogue_of(texts, alive), np.arange(first, len(texts), dtype=np.int32))
    return arm


@pytest.mark.parametrize("first", [1, 170, 200])
def test_an_update_is_a_rebuild_and_encodes_new_texts_alone(first):
    rng = np.random.default_rng(0)
    texts, alive = as_text(rng.integers(-3, 4, (200, 5)).astype(float)), rng.random(200) < 0.8
    queries = as_text(rng.normal(size=(20, 5)))
    whole = Dense(Numbers())
    whole.index(catalogue_of(texts, alive))
    encoder = Numbers()
    arm = grown(Dense(encoder), texts, first, alive)
    assert encoder.asked == 200
    np.testing.assert_array_equal(arm.vectors_, whole.vectors_)
    assert lists(arm, queries) == lists(whole, queries)


def test_queries_are_found_among_new_items():
    arm = Dense(Numbers())
    arm.index(catalogue_of(["1 0"]))
    assert lists(arm, ["0 1"]) == [[(0, 0.0)]]
    arm.update(catalogue_of(["1 0", "0 2"]), np.array([1], np.int32))
    assert lists(arm, ["0 1"]) == [[(1, 1.0), (0, 0.0)]]


def test_what_else_is_new_is_encoded_again():
    encoder = Numbers()
    arm = Dense(encoder)
    arm.index(catalogue_of(["1 0", "0 1"]))
    arm.update(catalogue_of(["0 1", "0 1", "1 0"]), np.array([0, 2], np.int32))
    assert encoder.asked == 5
    assert lists(arm, ["1 0"])[0][0] == (2, 1.0)


def test_a_fitted_encoder_is_kept_where_fit_is_false():
    rng = np.random.default_rng(1)
    texts, queries = sentences(200, rng), sentences(20, rng)
    lsa = LSA(dim=8).fit(sentences(300, rng))
    before = lsa.encode(queries)
    whole = Dense(lsa, fit=False)
    whole.index(catalogue_of(texts))
    arm = grown(Dense(lsa, fit=False), texts, 120)
    np.testing.assert_array_equal(lsa.encode(queries), before)
    assert lists(arm, queries) == lists(whole, queries)
    fitted = grown(Dense(LSA(dim=8)), texts, 120)
    fresh = Dense(LSA(dim=8))
    fresh.index(catalogue_of(texts))
    assert lists(fitted, queries) == lists(fresh, queries) != lists(arm, queries)


def test_a_fitted_encoder_is_saved_with_its_arm(tmp_path):
    lsa = LSA(dim=4).fit(WORDS)
    arm = Dense(lsa, fit=False)
    arm.index(catalogue_of(WORDS[:30]))
    save(arm, tmp_path / "arm")
    loaded = load(tmp_path / "arm")
    assert lists(loaded, WORDS) == lists(arm, WORDS)
    loaded.update(catalogue_of(WORDS), np.arange(30, len(WORDS), dtype=np.int32))
    assert lists(loaded, WORDS) == lists(grown(arm, WORDS, 30), WORDS)


def test_an_unfitted_encoder_is_refused():
    with pytest.raises(InputError, match="must be a fitted encoder"):
        Dense(fit=False)
    with pytest.raises(InputError, match=r"`Dense.fit` must be true or false, got 1"):
        Dense(Numbers(), fit=1)
    with pytest.raises(InputError, match=r"must be fitted before it encodes: call `fit\(texts\)`"):
        Dense(LSA(), fit=False).index(catalogue_of(["sky"]))


def test_queries_and_new_items_have_the_dimension_of_items():
    arm = Dense(Numbers())
    arm.index(catalogue_of(["1 0"]))
    with pytest.raises(InputError, match=r"must have shape \(1, 2\), got \(1, 3\)"):
        lists(arm, ["1 0 0"])
    with pytest.raises(InputError, match=r"must have shape \(1, 2\), got \(1, 1\)"):
        arm.update(catalogue_of(["1 0", "1"]), np.array([1], np.int32))


@dataclass
class Mirrored(Numbers):
    """Stands for a model with a prompt for queries."""

    def encode_queries(self, texts):
        return -self.encode(texts)


def test_an_encoder_may_encode_queries_otherwise():
    arm = Dense(Mirrored())
    arm.index(catalogue_of(["1 0", "-1 0"]))
    assert lists(arm, ["1 0"]) == [[(1, 1.0), (0, -1.0)]]
