"""The music world: its words, its catalogue, what is asked in it and what is true."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.rng import Streams
from ltrr.types import Items
from ltrr.worlds.music.catalogue import ALBUM, ARTIST, PLAYLIST, SONG, MusicCatalogue
from ltrr.worlds.music.needs import Needs
from ltrr.worlds.music.nicknames import give_nicknames
from ltrr.worlds.music.queries import INTENTS
from ltrr.worlds.music.traffic import HEAD_SHIFT
from ltrr.worlds.music.words import LANGUAGES, coin, misspell
from ltrr.worlds.music.world import MUSIC_INTENTS, Music
from ltrr.worlds.traffic import zipf_law


@pytest.fixture(scope="module")
def world():
    return Music(8_000, n_queries=3_000, seed=3)


@pytest.fixture(scope="module")
def music():
    return MusicCatalogue.build(np.random.default_rng(5), n_items=2_000, n_nicknames=50)


def of_intent(world, name):
    return np.flatnonzero(world.topics.intent == INTENTS.index(name))


def relevant(world, query, lowest=1):
    """Items of at least a grade for a query's first interpretation."""
    t = world.topics
    topic = t.query_topic[t.query_indptr[query]]
    part = slice(t.topic_indptr[topic], t.topic_indptr[topic + 1])
    return t.topic_item[part][t.topic_grade[part] >= lowest]


def words_of(texts):
    return [set(text.split()) for text in texts]


# --- words


@given(st.text("abcdefgh", min_size=1, max_size=12), st.integers(0, 10_000))
@settings(max_examples=200, deadline=None)
def test_misspelt_word_differs_by_one_edit(word, seed):
    wrong = misspell(word, np.random.default_rng(seed))
    assert wrong != word
    assert abs(len(wrong) - len(word)) <= 1
    # All but a window of two letters survives at both ends.
    common = 0
    while common < min(len(word), len(wrong)) and word[common] == wrong[common]:
        common += 1
    tail = 0
    while tail < min(len(word), len(wrong)) - common and word[-1 - tail] == wrong[-1 - tail]:
        tail += 1
    assert common + tail >= len(word) - 2


def test_coined_words_are_new_and_stay_within_the_language():
    taken = {"bamela"}
    words = coin(np.random.default_rng(0), LANGUAGES[1], n=3_000, taken=taken)
    assert len(set(words)) == 3_000
    assert taken == {"bamela", *words}
    assert set("".join(words)) <= set("".join(LANGUAGES[1].onsets + LANGUAGES[1].nuclei + LANGUAGES[1].codas))


def test_exhausted_language_is_one_clear_line():
    tiny = type(LANGUAGES[0])("tiny", ("b",), ("a",), ("",))
    with pytest.raises(InputError, match="what 'tiny' can say, got 99"):
        coin(np.random.default_rng(0), tiny, n=99, taken=set())


def test_zipf_law_by_hand():
    np.testing.assert_allclose(zipf_law(2, exponent=1.0, shift=1.0), [3 / 5, 2 / 5])
    np.testing.assert_allclose(zipf_law(3, exponent=0.0), 1 / 3)


# --- catalogue


def test_catalogue_is_consistent(music):
    n = len(music)
    assert np.bincount(music.kind, minlength=4).tolist() == [1320, 160, 280, 240]
    work = np.isin(music.kind, (SONG, ALBUM))
    assert np.all(music.kind[music.artist[work]] == ARTIST)
    assert np.array_equal(music.artist[music.kind == ARTIST], np.flatnonzero(music.kind == ARTIST))
    assert np.all(music.artist[music.kind == PLAYLIST] == -1)
    on_album = np.flatnonzero(music.album >= 0)
    assert np.all(music.kind[on_album] == SONG)
    assert np.all(music.kind[music.album[on_album]] == ALBUM)
    assert np.array_equal(music.artist[on_album], music.artist[music.album[on_album]])
    titles, artists = music.catalogue.fields["title"], music.catalogue.fields["artist"]
    assert all(titles)
    assert all(artists[i] == titles[music.artist[i]] for i in np.flatnonzero(work))
    assert np.all(music.catalogue.released < 0)
    assert np.array_equal(music.catalogue.released[on_album], music.catalogue.released[music.album[on_album]])
    assert music.catalogue.popularity.shape == (n,)


def test_popularity_is_heavy_tailed_and_runs_in_artists(music):
    popularity = np.sort(music.catalogue.popularity)[::-1]
    assert popularity[: len(popularity) // 20].sum() > 0.35 * popularity.sum()
    songs = np.flatnonzero(music.kind == SONG)
    log = np.log(music.appeal)
    assert np.corrcoef(log[songs], log[music.artist[songs]])[0, 1] > 0.5
    assert 0.7 < np.corrcoef(log, np.log(music.catalogue.popularity))[0, 1] < 0.99


def test_titles_are_shared_across_artists(music):
    songs = np.flatnonzero(music.kind == SONG)
    singers = {}
    for i in songs:
        singers.setdefault(music.catalogue.fields["title"][i], set()).add(int(music.artist[i]))
    shared = np.mean([len(singers[music.catalogue.fields["title"][i]]) > 1 for i in songs])
    assert 0.1 < shared < 0.6


def test_tags_name_concepts_by_several_words_miss_some_and_err_in_some(music):
    songs = np.flatnonzero(music.kind == SONG)
    lexicon = music.lexicon
    tags = words_of(music.catalogue.fields["tags"])
    genres = lexicon.synonyms[: lexicon.offset[1]]
    named = {lexicon.words[w]: concept for concept, row in enumerate(genres) for w in row if w >= 0}
    told = [{named[w] for w in tags[i] if w in named} for i in songs]
    missing = np.mean([music.main[i, 0] not in t for i, t in zip(songs, told, strict=True)])
    assert 0.2 < missing < 0.35
    wrong = np.mean(
        [bool(t - {music.main[i, 0], music.second[i, 0]}) for i, t in zip(songs, told, strict=True)]
    )
    assert 0.02 < wrong < 0.12
    used = {w for i in songs for w in tags[i] if named.get(w) == 0}
    assert len(used) >= 4


def test_nicknames_avoid_every_word_of_their_item(music):
    lexicon = music.lexicon
    # Items whose texts hold all title words leave nothing but words of nicknames' own.
    text = np.tile(np.concatenate(lexicon.title), (3, 1))
    item, words = give_nicknames(
        np.random.default_rng(1), lexicon, weight=np.array([1.0, 0.0, 3.0]), text=text, n=200
    )
    assert set(item.tolist()) == {0, 2}
    assert np.isin(words, lexicon.nickname).all()
    # Where nothing is taken, ordinary words are drawn too.
    _, free = give_nicknames(np.random.default_rng(1), lexicon, weight=np.ones(3), text=text[:, :0], n=200)
    assert 0.3 < np.isin(free, lexicon.nickname).mean() < 0.7


# --- needs


def naive_concepts(music, wanted):
    """Grade each item by itself, then keep the best 150."""
    factor = {SONG: 1.0, ARTIST: 0.8, ALBUM: 0.9, PLAYLIST: 0.85}
    scored = []
    for i in range(len(music)):
        above = sum(music.appeal[j] > music.appeal[i] for j in range(len(music)))
        score = factor[int(music.kind[i])] * (0.35 + 0.65 * (1 - (above + 0.5) / len(music)))
        for facet, concept in wanted.items():
            main, second = int(music.main[i, facet]), int(music.second[i, facet])
            near = second == concept or (facet == 2 and abs(main - concept) == 1)
            score *= 1.0 if main == concept else 0.6 if near and main >= 0 else 0.25
        scored.append((-score, i))
    out = {}
    for rank, (score, i) in enumerate(sorted(scored)[:150]):
        grade = sum(-score >= bound for bound in (0.25, 0.5, 0.7, 0.85))
        grade = max(grade, 1) if rank < 10 else grade
        if grade:
            out[i] = grade
    return out


@pytest.mark.parametrize("wanted", [{0: 1, 1: 3}, {2: 2, 0: 0}, {3: 7}, {0: 5, 1: 1, 2: 4}])
def test_concept_grades_equal_the_naive_twin(wanted):
    small = MusicCatalogue.build(np.random.default_rng(2), n_items=400, n_nicknames=0)
    item, grade = Needs(small).concepts(wanted)
    assert dict(zip(item.tolist(), grade.tolist(), strict=True)) == naive_concepts(small, wanted)


def test_entity_grades_by_hand(music):
    needs = Needs(music)
    titles = music.catalogue.fields["title"]
    song = int(np.flatnonzero(music.album >= 0)[0])
    item, grade = needs.entity(song)
    got = dict(zip(item.tolist(), grade.tolist(), strict=True))
    alike = [i for i in range(len(music)) if titles[i] == titles[song] and music.kind[i] != PLAYLIST]
    want = dict.fromkeys(alike, 1) | {int(music.artist[song]): 2, int(music.album[song]): 2, song: 4}
    assert got == want
    artist = int(music.artist[song])
    item, grade = needs.entity(artist)
    works = np.flatnonzero((music.artist == artist) & (music.kind != ARTIST))
    assert set(item.tolist()) == {artist, *works.tolist()}
    assert grade[item == artist].tolist() == [4]
    best = works[np.argmax(music.appeal[works])]
    assert grade[item == best].tolist() == [3]


# --- the world


def test_same_seed_same_world_other_seed_another():
    one, two, other = (Music(600, n_queries=150, seed=s) for s in (1, 1, 2))
    assert one.queries == two.queries
    assert one.catalogue.fields == two.catalogue.fields
    for key in ("query_topic", "query_weight", "topic_item", "topic_grade", "traffic", "held_out", "intent"):
        assert np.array_equal(getattr(one.topics, key), getattr(two.topics, key)), key
    assert np.array_equal(one.catalogue.popularity, two.catalogue.popularity)
    assert one.queries != other.queries
    assert one.catalogue.fields != other.catalogue.fields


def test_texts_are_distinct_and_every_topic_is_asked_and_answerable(world):
    t = world.topics
    assert len(set(t.queries.text)) == len(t.queries)
    assert all(text.strip() == text and text for text in t.queries.text)
    assert np.array_equal(np.unique(t.query_topic), np.arange(t.n_topics))
    best = np.maximum.reduceat(t.topic_grade, t.topic_indptr[:-1])
    assert best.min() >= 1
    assert t.topic_grade.min() >= 1
    entity = [INTENTS.index(name) for name in ("entity", "alias", "ambiguous")]
    for query in np.flatnonzero(np.isin(t.intent, entity))[:300]:
        assert best[t.query_topic[t.query_indptr[query] : t.query_indptr[query + 1]]].min() == 4


def test_intents_have_the_declared_shares(world):
    t = world.topics
    # The first wording of a need is followed by its others: count needs by their first topic.
    first = t.query_topic[t.query_indptr[:-1]]
    _, where = np.unique(first, return_index=True)
    counts = np.bincount(t.intent[where], minlength=len(INTENTS))
    want = np.array([MUSIC_INTENTS[name] for name in INTENTS]) * 3_000
    assert np.array_equal(counts, want.round())


def test_only_the_asked_intents_appear():
    small = Music(500, n_queries=60, intents={"generic": 1.0, "entity": 1.0})
    assert set(small.topics.intent.tolist()) == {INTENTS.index("entity"), INTENTS.index("generic")}


def test_held_out_part_is_the_declared_share_of_each_intent_and_shares_no_topic(world):
    t = world.topics
    row = np.repeat(np.arange(len(t.queries)), np.diff(t.query_indptr))
    out, stream = t.held_out[row] > 0, t.traffic[row] > 0
    assert np.array_equal(out, ~stream)
    assert not set(t.query_topic[out].tolist()) & set(t.query_topic[stream].tolist())
    for name in INTENTS:
        part = t.held_out[of_intent(world, name)] > 0
        assert 0.18 < part.mean() < 0.32, name
    assert Music(300, n_queries=40, held_out=0.0).topics.held_out.sum() == 0


def shared_pairs(world, name, lowest=1):
    """Share of (query, relevant item) pairs of an intent that have a word in common."""
    texts = words_of(world.catalogue.texts())
    hits = total = 0
    for query in of_intent(world, name)[:300]:
        asked = set(world.queries.text[query].split())
        items = relevant(world, query, lowest)
        hits += sum(bool(asked & texts[i]) for i in items)
        total += len(items)
    return hits / total


def test_vocabulary_gap_is_real_and_is_the_knob(world):
    assert shared_pairs(world, "entity", lowest=4) == 1.0
    gap = shared_pairs(world, "attribute")
    assert gap < 0.35
    closed = Music(3_000, n_queries=600, seed=3, vocabulary_gap=0.0)
    open_ = Music(3_000, n_queries=600, seed=3, vocabulary_gap=1.0)
    assert shared_pairs(closed, "attribute") > 0.4
    assert shared_pairs(open_, "attribute") < 0.02


def test_aliases_share_no_word_with_their_targets(world):
    texts = words_of(world.catalogue.texts())
    queries = of_intent(world, "alias")
    assert len(queries) > 200
    for query in queries:
        target = relevant(world, query, lowest=4)
        assert len(target) == 1
        assert not set(world.queries.text[query].split()) & texts[target[0]]


def test_misspelt_queries_are_mostly_out_of_vocabulary(world):
    known = set().union(*words_of(world.catalogue.texts()))

    def unknown(name):
        return np.mean(
            [w not in known for q in of_intent(world, name) for w in world.queries.text[q].split()]
        )

    assert unknown("misspelt") > 0.75
    assert unknown("entity") == 0.0
    assert unknown("generic") == 0.0
    assert unknown("ambiguous") == 0.0


def test_ambiguous_words_have_several_weighted_interpretations(world):
    t = world.topics
    width = np.diff(t.query_indptr)
    queries = of_intent(world, "ambiguous")
    assert width[queries].min() >= 2
    assert width[queries].max() <= 4
    assert np.all(np.delete(width, queries) == 1)
    titles = world.catalogue.fields["title"]
    for query in queries[:50]:
        word = world.queries.text[query]
        topics = t.query_topic[t.query_indptr[query] : t.query_indptr[query + 1]]
        for topic in topics:
            part = slice(t.topic_indptr[topic], t.topic_indptr[topic + 1])
            target = t.topic_item[part][t.topic_grade[part] == 4]
            assert word in titles[target[0]].split()
        weight = t.query_weight[t.query_indptr[query] : t.query_indptr[query + 1]]
        assert np.all(np.diff(weight) <= 0)  # the better loved, the likelier


def test_generic_queries_want_what_is_popular(world):
    popular = set(np.argsort(-world.catalogue.popularity, kind="stable")[:100].tolist())
    found = [len(popular & set(relevant(world, q, lowest=4).tolist())) for q in of_intent(world, "generic")]
    assert np.mean(found) > 5  # of 15


@pytest.mark.parametrize("zipf", [0.8, 1.1])
def test_sampled_traffic_has_the_declared_exponent(zipf):
    """Maximum likelihood of the exponent over the true ranks; at n = 20,000 its error is below 0.02."""
    small = Music(500, n_queries=400, zipf=zipf, seed=2).fork(Streams(seed=9))
    query = small.next(20_000).query
    order = np.argsort(-small.topics.traffic, kind="stable")
    counts = np.bincount(query, minlength=len(order))[order][: np.count_nonzero(small.topics.traffic)]
    log_rank = np.log(np.arange(1, len(counts) + 1) + HEAD_SHIFT)
    grid = np.linspace(0.3, 2.0, 341)
    likelihood = [-s * (counts @ log_rank) - counts.sum() * np.log(np.exp(-s * log_rank).sum()) for s in grid]
    assert abs(grid[int(np.argmax(likelihood))] - zipf) < 0.15


def test_about_half_of_the_first_requests_are_on_texts_seen_before():
    query = Music(seed=1).fork(Streams(seed=4)).next(3_000).query
    assert 0.4 < 1.0 - len(np.unique(query)) / len(query) < 0.65


def test_world_grades_items(world):
    fork = world.fork(Streams(seed=8))
    requests = fork.next(50)
    t = world.topics
    lists = [relevant(world, q) for q in requests.query]
    items = Items(np.cumsum([0] + [len(x) for x in lists]), np.concatenate(lists))
    truth = fork.truth(requests, items)
    plain = np.diff(t.query_indptr)[requests.query] == 1
    assert np.array_equal(truth.n_relevant[plain], np.diff(items.indptr)[plain])
    assert truth.grade[np.repeat(plain, np.diff(items.indptr))].min() >= 1
    assert truth.max_grade == 4


def test_generation_is_quick():
    Music(500, n_queries=50)
    # Processor time, not the clock: other work on the machine is no fault of the generator.
    start = time.process_time()
    Music()
    assert time.process_time() - start < 4.0


@given(st.integers(200, 400), st.integers(20, 80), st.floats(0, 0.9), st.floats(0, 1), st.integers(0, 99))
@settings(max_examples=12, deadline=None)
def test_small_worlds_of_any_make_are_valid(n_items, n_queries, held_out, gap, seed):
    small = Music(
        n_items, n_queries=n_queries, held_out=held_out, vocabulary_gap=gap, misspelling=gap, seed=seed
    )
    assert len(small.catalogue) == n_items
    assert len(small.fork(Streams(seed=1)).next(0)) == 0
    assert 0 < small.topics.n_topics <= 4 * n_queries


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_items": 10}, "`Music.n_items` must be an integer >= 200, got 10"),
        ({"n_queries": 1}, "`Music.n_queries` must be an integer >= 20, got 1"),
        ({"held_out": 1.0}, "`Music.held_out` must be a number >= 0 and <= 0.9, got 1.0"),
        ({"zipf": -1}, "`Music.zipf` must be a number >= 0, got -1"),
        ({"vocabulary_gap": 2}, "`Music.vocabulary_gap`"),
        ({"misspelling": float("nan")}, "`Music.misspelling`"),
        ({"wordings": 0}, "`Music.wordings` must be an integer >= 1, got 0"),
        ({"intents": {"entitty": 1.0}}, "did you mean 'entity'"),
        ({"intents": {"entity": -1.0}}, "`Music.intents\\['entity'\\]`"),
        ({"intents": {}}, "at least one share above 0"),
    ],
)
def test_bad_parameters_are_one_clear_line(parameters, message):
    with pytest.raises(InputError, match=message):
        Music(**parameters)
