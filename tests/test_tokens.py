"""Tokens: English as it always was, every script cut as its readers would search it."""

from __future__ import annotations

import json
import re
import unicodedata

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from ltrr.embeddings import LSA
from ltrr.errors import InputError
from ltrr.features import TOKENIZERS, ContextFeatures
from ltrr.features.tokens import Characters, clusters, is_spaceless, normalise, tokenize, unicode_words
from ltrr.registry import registry_of
from ltrr.retrieval import BM25, Dense
from ltrr.types import Catalogue
from tests.naive_retrieval import catalogue_of, depths, requests_of
from tests.naive_text import naive_tokens

JOINERS = "\u200c\u200d"
LETTERS = "aZé_7ßøЖя京都东ひらカナー々〇한글กขงลาวកមမြ๒x̂"
MARKS = "\u0301\u0e34\u0e49\u17d2\u103c\u094d"


def words_before(text):
    """The words as they were before any other script was thought of."""
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).lower())


def has_marks(text):
    return any(unicodedata.category(c).startswith("M") or c in JOINERS for c in normalise(text))


def test_tokenize_folds_case_width_and_ligatures():
    assert tokenize("Straße ﬁsh ＡＢＣ, x_1!") == ["straße", "fish", "abc", "x_1"]
    assert tokenize(" .,!") == []


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=40),
        st.text(st.characters(max_codepoint=0x5FF), max_size=40),
        st.text("abcXYZé ñ_0'-.½²ﬁαЖ", max_size=40),
    )
)
@example("x² ½ Ⅳ ﬁne naïve_1 don´t a\u00adb ①")
def test_text_without_marks_has_the_words_it_always_had(text):
    assume(not has_marks(text))
    assert unicode_words(text) == words_before(text)
    if not is_spaceless(text):
        assert tokenize(text) == words_before(text)


@pytest.mark.parametrize("name", ["cranfield", "vaswani", "cacm", "chorus-electronics"])
def test_english_collections_have_the_tokens_they_always_had(data_dir, name):
    checked = 0
    for file in ("corpus.jsonl", "queries.jsonl"):
        for line in (data_dir / "ir" / name / file).read_bytes().splitlines():
            record = json.loads(line)
            text = f"{record.get('title') or ''} {record['text']}"
            if not is_spaceless(text):  # one product of the shop is partly Chinese
                assert tokenize(text) == words_before(text)
                checked += 1
    assert checked > 1_000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("தமிழ் மொழி", ["தமிழ்", "மொழி"]),
        ("বাংলা", ["বাংলা"]),
        ("cafe\u0301 x\u0302y", ["café", "x̂y"]),
        ("İstanbul", ["i\u0307stanbul"]),
        # joiners and points are written or not as one likes
        ("می\u200cخواهم", ["میخواهم"]),
        ("क्\u200dष", ["क्ष"]),
        ("كِتَابٌ", ["كتاب"]),
        ("שָׁלוֹם", ["שלום"]),
        # marks alone are no word
        ("❤\ufe0f \u0301 ok", ["ok"]),
    ],
)
def test_words_keep_their_marks(text, words):
    assert unicode_words(text) == tokenize(text) == words


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("东京 tower 2", "东 京 东京 tower 2"),
        ("第3号", "第 3 号"),
        ("iPhone手机壳", "iphone 手 机 壳 手机 机壳"),
        ("ラーメン", "ラ ー メ ン ラー ーメ メン"),
        ("ｶﾞｽ", "ガ ス ガス"),
        ("한국어 검색", "한 국 어 한국 국어 검 색 검색"),
        ("น้ำ", "น\u0e49\u0e4d า น\u0e49\u0e4dา"),
        ("๒๕๖๗ ปี", "๒๕๖๗ ปี"),
        ("ខ្មែរ", "ខ្ មែ រ ខ្មែ មែរ"),
        ("東京한국", "東 京 東京 한 국 한국"),
    ],
)
def test_scripts_without_spaces_become_characters_and_pairs(text, tokens):
    assert tokenize(text) == tokens.split()


@settings(max_examples=300, deadline=None)
@given(st.text(LETTERS + MARKS + " .", max_size=25))
def test_tokens_equal_the_naive_twin(text):
    assert tokenize(text) == naive_tokens(text, 2)
    words = [token for token in naive_tokens(text, 0) if token]
    assert unicode_words(text) == words


def test_blocks_are_the_scripts():
    prefixes = (
        *("CJK ", "HIRAGANA", "KATAKANA", "HENTAIGANA", "BOPOMOFO", "IDEOGRAPHIC", "HANGUL"),
        *("THAI", "LAO", "KHMER", "MYANMAR", "TAI ", "NEW TAI", "MASU", "VERTICAL KANA", "VERTICAL IDEO"),
    )
    for code in range(0x300, 0x31350):
        # the halfwidth sound marks become combining ones
        if unicodedata.category(chr(code))[0] == "L" and code not in (0xFF9E, 0xFF9F):
            name = unicodedata.name(chr(code), "")
            known = any(part.startswith(prefixes) for part in (name, name.removeprefix("HALFWIDTH ")))
            assert is_spaceless(chr(code)) == known, name


def test_character_n_grams():
    assert Characters(n=3)("Go-kart, 2024") == ["go", "kar", "art", "202", "024"]
    assert Characters(n=2)("東京タ") == tokenize("東京タ")
    assert Characters(n=2)("हिन्दी") == ["हिन्", "न्दी"]
    assert Characters(n=1)("ab") == ["a", "b"]
    assert clusters("") == []
    with pytest.raises(InputError, match=r"`Characters\.n` must be an integer >= 1, got 0"):
        Characters(n=0)


def test_a_file_names_tokenizers():
    make = registry_of("arms").make
    assert make("bm25", {"tokenizer": "words"}, "arms.x").tokenizer is tokenize
    assert make("bm25", {"tokenizer": "unicode-words"}, "arms.x").tokenizer is unicode_words
    table = {"kind": "characters", "n": 3}
    assert make("bm25", {"tokenizer": table}, "arms.x").tokenizer == Characters(n=3)
    path = f"{__name__}:words_before"
    dense = make("dense", {"encoder": {"kind": "lsa", "tokenizer": path}}, "arms.x")
    assert dense.encoder.tokenizer is words_before
    # the function is the tokenizer; with settings it is what makes one
    factory = {"kind": f"{__name__}:factory", "n": 5}
    assert make("bm25", {"tokenizer": factory}, "arms.x").tokenizer == Characters(n=5)
    for bad, words in (("wrods", "did you mean 'words'"), ({"kind": "characters", "n": 0}, r"Characters\.n")):
        with pytest.raises(InputError, match=words):
            make("bm25", {"tokenizer": bad}, "arms.x")
    written = registry_of("arms").component(BM25(tokenizer=Characters(n=3)), "arms.x").settings()
    again = make(written.pop("kind"), written, "arms.x")
    assert again.tokenizer == Characters(n=3)
    assert set(TOKENIZERS.names) == {"words", "unicode-words", "characters"}


def factory(n):
    return Characters(n=n)


def test_context_counts_the_terms_of_its_tokenizer():
    catalogue = Catalogue(("a",), {"text": ("abcd",)})
    asks = requests_of(["abcz"])
    for tokenizer, unknown in ((tokenize, 1.0), (Characters(n=2), 1 / 3)):
        built = ContextFeatures(catalogue, tokenizer=tokenizer).build(asks)
        assert built.context[0, built.context_names.index("query_unknown")] == pytest.approx(unknown)


def test_lsa_knows_the_terms_of_its_tokenizer():
    texts = ["abcd", "xbcy", "zzzz", "zzww"]
    plain = LSA(dim=3, characters=None).fit(texts)
    grams = LSA(dim=3, characters=None, tokenizer=Characters(n=2)).fit(texts)
    assert not plain.encode(["qbcq"]).any()
    near = grams.encode(["qbcq"]) @ grams.encode(texts).T
    assert near[0, 0] > 0.5
    assert np.abs(near[0, 2:]).max() < 0.1


TEXTS = {
    "東京": ["東京の夜", "大阪の朝", "京都の寺"],
    "寺": ["東京の夜", "大阪の朝", "京都の寺"],
    "ラーメン": ["味噌ラーメン屋", "寿司屋", "喫茶店"],
    "ข้าวผัด": ["ร้านข้าวผัดอร่อย", "โรงแรมหรู", "สนามบินดอนเมือง"],
    "학교": ["학교에서 공부", "병원", "시장"],
    "हिन्दी": ["हिन्दी भाषा", "हन्द", "नदी"],
}


@pytest.mark.parametrize("query", TEXTS)
def test_both_arms_find_the_document_that_holds_the_query(query):
    texts = TEXTS[query]
    best = next(i for i, text in enumerate(texts) if query in text)
    for arm in (BM25(), Dense(), BM25(tokenizer=Characters(n=3))):
        arm.index(catalogue_of(texts))
        found = arm.retrieve(requests_of([query]), depths(1, 3))
        assert found.item[0] == best
        assert np.isfinite(found.score).all()
