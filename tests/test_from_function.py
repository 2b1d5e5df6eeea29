"""Any function as an encoder: what it returns is passed on, and refused in one line where it is no matrix."""

import sys
import types

import numpy as np
import pytest

from ltrr.checks import CheckError, check_encoder
from ltrr.embeddings import ENCODERS, FromFunction
from ltrr.errors import InputError
from ltrr.retrieval import Dense, load, save
from tests.naive_retrieval import catalogue_of, depths, requests_of, rows


def letters(texts):
    """Counts of letters, in float64."""
    return np.array([[text.lower().count(c) for c in "abcdefghijklmnopqrstuvwxyz"] for text in texts], float)


class Model:
    """An object of another package."""

    def __init__(self):
        self.sizes = []

    def encode(self, texts):
        self.sizes.append(len(texts))
        return letters(texts).tolist()


@pytest.mark.parametrize("made", [letters, Model()])
def test_functions_and_objects_keep_the_protocol(made):
    check_encoder(FromFunction(made))
    got = FromFunction(made).encode(["abba", ""])
    assert got.dtype == np.float32
    assert got[:, :2].tolist() == [[2.0, 2.0], [0.0, 0.0]]


def test_at_most_so_many_texts_are_encoded_at_once():
    model = Model()
    encoder = FromFunction(model, batch_size=3)
    texts = ["a", "b", "ab", "c", "abc", "d", "x"]
    np.testing.assert_array_equal(encoder.encode(texts), letters(texts))
    assert encoder.encode([]).shape == (0, 26)
    assert model.sizes == [3, 3, 1]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda texts: np.ones(len(texts)), r"must have shape \(2, any\), got \(2,\)"),
        (lambda texts: np.ones((1, 4)), r"must have shape \(2, any\), got \(1, 4\)"),
        (lambda texts: [[1.0], [np.nan]], "must be finite, got NaN or infinity for the text 'bad'"),
        (lambda texts: [[1.0], [1e60]], "must be finite, got NaN or infinity for the text 'bad'"),
        (lambda texts: [[1.0], [1.0, 2.0]], "must return one row of numbers a text"),
        (lambda texts: None, r"must have shape \(2, any\), got \(\)"),
        (lambda texts: [["a"], ["b"]], "must return one row of numbers a text"),
    ],
)
def test_what_is_no_matrix_is_refused(returned, message):
    with pytest.raises(InputError, match=message):
        FromFunction(returned).encode(["good", "bad"])


def test_all_vectors_have_one_dimension():
    encoder = FromFunction(lambda texts: np.ones((len(texts), len(texts))))
    encoder.encode(["a", "b"])
    with pytest.raises(InputError, match=r"must have shape \(1, 2\), got \(1, 1\)"):
        encoder.encode(["a"])


def test_what_cannot_encode_is_refused():
    with pytest.raises(InputError, match=r"must be a function of texts or have `encode\(texts\)`, got int"):
        FromFunction(3)
    with pytest.raises(InputError, match=r"got the class Model; write Model\(…\)"):
        FromFunction(Model)
    with pytest.raises(InputError, match="batch_size"):
        FromFunction(letters, batch_size=0)


def test_vectors_that_depend_on_their_batch_are_found():
    with pytest.raises(CheckError, match="not depend on the other texts"):
        check_encoder(FromFunction(lambda texts: letters(texts) + len(texts)))


def test_a_study_names_the_function_and_a_saved_arm_finds_it(monkeypatch, tmp_path):
    module = types.ModuleType("my_vectors")
    letters.__module__, module.letters = "my_vectors", letters
    monkeypatch.setitem(sys.modules, "my_vectors", module)
    encoder = ENCODERS.make("function", {"function": "my_vectors:letters"}, "encoder")
    arm = Dense(encoder)
    arm.index(catalogue_of(["abc", "xyz"]))
    save(arm, tmp_path / "arm")
    asks = requests_of(["a", "z"])
    found = [rows(one.retrieve(asks, depths(2, 1))) for one in (arm, load(tmp_path / "arm"))]
    assert found[0] == found[1]
    assert [one[0][0] for one in found[0]] == [0, 1]


def test_a_text_is_no_function():
    with pytest.raises(InputError, match="must be a function or an object, got the text 'mod:f'"):
        FromFunction("mod:f")
