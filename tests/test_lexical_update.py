"""Lexical arms take in a grown catalogue: the bits are those of a rebuild, and known texts are not read."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from ltrr.checks.compare import same
from ltrr.checks.data import reordered
from ltrr.retrieval import BM25, BM25F, NGrams, load, save
from ltrr.types import Catalogue
from tests.naive_retrieval import depths, requests_of

MAKERS = {
    "bm25": BM25,
    "quality": lambda: BM25(quality=0.5, method="atire"),
    "bm25f": lambda: BM25F(weights={"title": 3.0}, lengths={"text": 0.2}, quality=0.3),
    "ngrams": NGrams,
}
QUERIES = ["amber", "birch cedar", "ember fjord x", "new", ""]


def made_up(n=80):
    rng = np.random.default_rng(3)
    words = np.array(["amber", "birch", "cedar", "delta", "ember", "fjord", "new"])

    def texts(longest):
        return tuple(" ".join(words[rng.integers(0, 7, rng.integers(0, longest))]) for _ in range(n))

    return Catalogue(
        tuple(map(str, range(n))),
        {"title": texts(4), "text": texts(9)},
        popularity=rng.pareto(1.0, n).astype(np.float32),
        alive=rng.random(n) < 0.9,
    )


def knows(arm):
    asks = requests_of(QUERIES)
    found = arm.retrieve(asks, depths(len(QUERIES), 40))
    return [arm.index_state(), found, arm.score(asks, found.items), arm.features(asks, found.items)[1]]


def flat(state):
    for key, value in state.items():
        yield from flat(value) if isinstance(value, dict) else [(key, value)]


def assert_same(one, other):
    for (key, got), (_, want) in zip(flat(one[0]), flat(other[0]), strict=True):
        assert same(got, want) if isinstance(want, np.ndarray) else got == want, key
    assert same(one[1:], other[1:])


def cut(catalogue, n):
    return reordered(catalogue, np.arange(n))


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("steps", [(1, 80), (40, 41, 80), (79, 80, 80)])
def test_update_is_a_rebuild_bit_for_bit(name, steps):
    whole = made_up()
    grown, rebuilt = MAKERS[name](), MAKERS[name]()
    grown.index(cut(whole, steps[0]))
    for before, after in pairwise(steps):
        grown.retrieve(requests_of(QUERIES), depths(len(QUERIES), 5))
        grown.update(cut(whole, after), np.arange(before, after, dtype=np.int32))
    rebuilt.index(whole)
    assert_same(knows(grown), knows(rebuilt))


@pytest.mark.parametrize("name", MAKERS)
def test_known_items_may_die_and_become_popular(name):
    whole = made_up()
    earlier = replace(whole, popularity=whole.popularity[::-1].copy(), alive=~whole.alive)
    grown, rebuilt = MAKERS[name](), MAKERS[name]()
    grown.index(cut(earlier, 50))
    grown.update(whole, np.arange(50, 80, dtype=np.int32))
    rebuilt.index(whole)
    assert_same(knows(grown), knows(rebuilt))


@pytest.mark.parametrize("name", MAKERS)
def test_only_new_texts_are_cut(name):
    whole, seen = made_up(), []
    arm = MAKERS[name]()
    plain = arm.tokenizer

    def spy(text):
        seen.append(text)
        return plain(text)

    arm.tokenizer = spy
    arm.index(cut(whole, 78))
    seen.clear()
    arm.update(whole, np.array([78, 79], np.int32))
    assert " ".join(seen).split() == " ".join(whole.texts()[78:]).split()
    assert len(seen) == (4 if name == "bm25f" else 2)


@pytest.mark.parametrize("name", MAKERS)
def test_new_items_that_are_not_the_last_lead_to_a_rebuild(name):
    whole = made_up()
    other = replace(whole, fields={f: texts[::-1] for f, texts in whole.fields.items()})
    grown, rebuilt = MAKERS[name](), MAKERS[name]()
    grown.index(cut(other, 78))
    grown.update(whole, np.arange(80, dtype=np.int32))
    rebuilt.index(whole)
    assert_same(knows(grown), knows(rebuilt))


@pytest.mark.parametrize("name", MAKERS)
def test_a_loaded_arm_grows(name, tmp_path):
    whole = made_up()
    arm, rebuilt = MAKERS[name](), MAKERS[name]()
    arm.index(cut(whole, 60))
    save(arm, tmp_path / "arm")
    loaded = load(tmp_path / "arm")
    loaded.update(whole, np.arange(60, 80, dtype=np.int32))
    rebuilt.index(whole)
    assert_same(knows(loaded), knows(rebuilt))


@pytest.mark.parametrize("name", MAKERS)
def test_an_arm_that_was_given_another_index_grows(name):
    whole = made_up()
    other = replace(whole, fields={f: texts[::-1] for f, texts in whole.fields.items()})
    arm, given, rebuilt = (MAKERS[name]() for _ in range(3))
    arm.index(cut(other, 60))
    given.index(cut(whole, 60))
    arm.restore_index(given.index_state())
    arm.update(whole, np.arange(60, 80, dtype=np.int32))
    rebuilt.index(whole)
    assert_same(knows(arm), knows(rebuilt))


def test_an_arm_without_an_index_is_given_one():
    arm, rebuilt = BM25(), BM25()
    arm.update(made_up(), np.arange(80, dtype=np.int32))
    rebuilt.index(made_up())
    assert_same(knows(arm), knows(rebuilt))


def test_fields_are_cut_apart():
    # tokens that span the end of a field would be words of no field
    catalogue = Catalogue(("a", "b"), {"title": ("red sea", "blue"), "text": ("sky", "red sea sky")})
    arm = BM25F(tokenizer=lambda text: [text])
    arm.index(catalogue)
    asks = requests_of(["red sea", "red sea sky"])
    found = arm.retrieve(asks, depths(2, 9))
    assert (found.indptr.tolist(), found.item.tolist()) == ([0, 1, 2], [0, 1])
