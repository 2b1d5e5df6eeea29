from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.features.text import QueryTerms, TextIndex, catalogue_texts
from ltrr.types import Catalogue
from tests.naive_retrieval import catalogue_of, requests_of

TEXTS = st.lists(st.lists(st.sampled_from("abcdefg"), max_size=8).map(" ".join), max_size=8)


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_index_counts_like_counters(texts):
    index = TextIndex.build(texts)
    word = {i: w for w, i in index.vocabulary.items()}
    docs = [Counter(text.split()) for text in texts]
    assert len(index) == len(texts)
    assert index.length.tolist() == [sum(doc.values()) for doc in docs]
    for d, doc in enumerate(docs):
        row = slice(index.doc_indptr[d], index.doc_indptr[d + 1])
        terms = index.doc_term[row]
        assert np.all(np.diff(terms) > 0)
        assert dict(zip([word[t] for t in terms], index.doc_tf[row].tolist(), strict=True)) == doc
    for t, w in word.items():
        posting = slice(index.term_indptr[t], index.term_indptr[t + 1])
        holders = [(d, doc[w]) for d, doc in enumerate(docs) if w in doc]
        pairs = zip(index.term_doc[posting].tolist(), index.term_tf[posting].tolist(), strict=True)
        assert list(pairs) == holders
        assert index.df[t] == len(holders)
    assert index.doc_term.dtype == index.term_doc.dtype == np.int32
    assert index.doc_indptr.dtype == index.term_indptr.dtype == np.int64


def assert_same_index(one, other):
    assert list(one.vocabulary.items()) == list(other.vocabulary.items())
    for name, value in other.index_state().items():
        if name != "vocabulary":
            got = getattr(one, name)
            assert got.dtype == value.dtype, name
            np.testing.assert_array_equal(got, value, err_msg=name)


@settings(max_examples=60, deadline=None)
@given(TEXTS, TEXTS, TEXTS)
def test_extended_is_built_at_once(first, second, third):
    start = TextIndex.build(first)
    before = dict(start.vocabulary)
    assert_same_index(start.extend(second).extend(third), TextIndex.build(first + second + third))
    assert start.vocabulary == before
    assert len(start) == len(first)


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.integers(1, 3))
def test_joined_is_built_of_joined_texts(texts, n):
    texts = texts[: len(texts) // n * n]
    rows = [" ".join(texts[i : i + n]) for i in range(0, len(texts), n)]
    assert_same_index(TextIndex.build(texts).joined(n), TextIndex.build(rows))


def test_encode_keeps_order_and_repeats():
    index = TextIndex.build(["a b", "c"])
    indptr, term = index.encode(["c a zzz c", "", "b"])
    assert indptr.tolist() == [0, 4, 4, 5]
    assert term.tolist() == [2, 0, -1, 2, 1]


def test_query_terms_follow_a_growing_table(monkeypatch):
    index = TextIndex.build(["a b c"])
    encoded = []
    plain = TextIndex.encode

    def spy(self, texts):
        encoded.extend(texts)
        return plain(self, texts)

    monkeypatch.setattr(TextIndex, "encode", spy)
    terms = QueryTerms(index)
    assert [x.tolist() for x in terms.rows(requests_of(["a", "b b"], [1, -1, 0]))] == [
        [0, 2, 2, 3],
        [1, 1, 0],
    ]
    assert [x.tolist() for x in terms.rows(requests_of(["a", "b b", "c"], [2, 0]))] == [[0, 1, 2], [2, 0]]
    assert [x.tolist() for x in terms.rows(requests_of(["a"], [0]))] == [[0, 1], [0]]
    assert [x.tolist() for x in terms.rows(requests_of(["a", "b b", "c"], [1]))] == [[0, 2], [1, 1]]
    assert encoded == ["a", "b b", "c"]
    # the table of another world
    assert [x.tolist() for x in terms.rows(requests_of(["c c"], [0]))] == [[0, 2], [2, 2]]
    assert [x.tolist() for x in terms.rows(requests_of([], []))] == [[0], []]


def test_catalogue_texts_names_the_unknown_field():
    items = Catalogue(("x",), {"title": ("t",), "artist": ("a",)})
    assert catalogue_texts(items, fields=["artist", "title"]) == ["a t"]
    with pytest.raises(InputError, match="did you mean 'title'"):
        catalogue_texts(items, fields=["titel"])
    with pytest.raises(InputError, match="at least one text field"):
        catalogue_texts(items, fields=[])
    assert catalogue_texts(catalogue_of(["q"])) == ["q"]
