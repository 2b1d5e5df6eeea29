"""The arm of character n-grams: BM25 over them, and what words alone do not find."""

import numpy as np
import pytest

from ltrr.errors import InputError
from ltrr.features.tokens import Characters
from ltrr.retrieval import BM25, NGrams
from ltrr.types import Catalogue, Items, Queries, Requests


def asked(*texts):
    n = np.arange(len(texts))
    return Requests(n, n, n, n, n, np.zeros((len(texts), 0)), (), Queries(texts))


TITLES = ("wireless headphones", "telephone cable", "coffee machine", "waterproof jacket", "green field")


def test_it_is_bm25_over_trigrams_with_ends():
    catalogue = Catalogue(tuple("abcde"), {"title": TITLES})
    one, other = NGrams(), BM25(tokenizer=Characters(n=3, ends=True))
    requests = asked("hedphones", "machine", "", "zq")
    depth = np.array([5, 5, 5, 5], np.int32)
    for arm in (one, other):
        arm.index(catalogue)
    got, want = (arm.retrieve(requests, depth) for arm in (one, other))
    np.testing.assert_array_equal(got.item, want.item)
    np.testing.assert_array_equal(got.score, want.score)
    items = Items(np.array([0, 2, 3, 3, 4]), np.array([0, 1, 2, 4]))
    names, values = one.features(requests, items)
    assert names == ("ngrams", "ngrams_share")
    np.testing.assert_array_equal(values, other.features(requests, items)[1])


@pytest.mark.parametrize(
    ("query", "best"), [("hedphones", 0), ("wirel", 0), ("proof", 3), ("telefone", 1), ("fields", 4)]
)
def test_misspellings_prefixes_compounds_and_endings_are_found(query, best):
    catalogue = Catalogue(tuple("abcde"), {"title": TITLES})
    words, grams = BM25(), NGrams()
    for arm in (words, grams):
        arm.index(catalogue)
    depth = np.array([1], np.int32)
    assert grams.retrieve(asked(query), depth).item.tolist() == [best]
    assert words.retrieve(asked(query), depth).item.tolist() == []


def test_ends_are_marked_once_a_word_and_not_in_scripts_without_spaces():
    assert Characters(n=3, ends=True)("ab c") == ["#ab", "ab#", "#c#"]
    assert Characters(n=2, ends=True)("北海") == Characters(n=2)("北海")
    with pytest.raises(InputError, match=r"`Characters\.ends` must be true or false"):
        Characters(ends=1)
