"""The words of the music world: vocabularies of titles and names, and concepts with their synonyms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr.types import Int16, Int64
from ltrr.worlds.music.words import LANGUAGES, coin
from ltrr.worlds.traffic import zipf_law

__all__ = ["FACETS", "Lexicon"]

FACETS: tuple[tuple[str, int, int], ...] = (
    ("genre", 12, 5),
    ("mood", 10, 5),
    ("decade", 6, 4),
    ("theme", 40, 6),
)
"""Name, number of concepts and synonyms a concept of each facet."""

_LANGUAGE_SHARE = (0.5, 0.25, 0.15, 0.1)
_GENERIC = (
    *("top", "best", "new", "hit", "hits", "popular", "trending", "charts", "chart", "greatest"),
    *("essential", "essentials", "favourites", "favourite", "most", "played", "classics", "anthems"),
    *("collection", "songs", "music", "mix", "playlist", "tracks", "now"),
)


@dataclass(frozen=True)
class Lexicon:
    """All words by id, in blocks: title words, name words, synonyms, nicknames, generic words.

    Parameters
    ----------
    words : tuple of str
        The word of each id.
    title, name : tuple of int64 arrays, one a language
        Ids of title words and of words in artists' names, the most frequent first.
    synonyms : int64 (C, S)
        Ids of the synonyms of every concept, the most used in tags first; −1 where there are fewer.
    offset : int64 (F + 1,)
        Concepts of facet f are ``offset[f]:offset[f + 1]``.
    nickname : int64 (K,)
        Words that only nicknames are made of.
    generic : int64 (G,)
        Words such as "top" and "hits".

    Examples
    --------
    >>> import numpy as np
    >>> two = np.arange(2)
    >>> lexicon = Lexicon(
    ...     words=("blue", "rain", "joni", "sad", "gloomy"), title=(two,), name=(two[:1] + 2,),
    ...     synonyms=np.array([[3, 4]]), offset=np.array([0, 1]), nickname=two[:0], generic=two[:0],
    ... )
    >>> lexicon.phrases(np.array([[0, 1], [2, -1]]))
    ('blue rain', 'joni')
    >>> usual = lexicon.synonym(np.random.default_rng(0), np.array([0, 0, -1]), gap=0.0)
    >>> set(usual[:2].tolist()) <= {3, 4}, int(usual[2])
    (True, -1)
    """

    words: tuple[str, ...]
    title: tuple[Int64, ...]
    name: tuple[Int64, ...]
    synonyms: Int64
    offset: Int64
    nickname: Int64
    generic: Int64

    @staticmethod
    def coin(rng: np.random.Generator, *, n_items: int) -> Lexicon:
        """Return the words for a catalogue of ``n_items``; vocabularies grow with its square root.

        Examples
        --------
        >>> import numpy as np
        >>> lexicon = Lexicon.coin(np.random.default_rng(1), n_items=2_000)
        >>> len(lexicon.words) == len(set(lexicon.words)), len(lexicon.synonyms)
        (True, 68)
        """
        words: list[str] = list(_GENERIC)
        taken = set(words)

        def block(count: int, language: int) -> Int64:
            start = len(words)
            words.extend(coin(rng, LANGUAGES[language], n=count, taken=taken))
            return np.arange(start, len(words))

        root = float(n_items) ** 0.5
        title = tuple(block(int(40 * root * s) + 40, k) for k, s in enumerate(_LANGUAGE_SHARE))
        name = tuple(block(int(12 * root * s) + 30, k) for k, s in enumerate(_LANGUAGE_SHARE))
        offset = np.cumsum([0] + [count for _, count, _ in FACETS])
        synonyms = np.full((int(offset[-1]), max(s for _, _, s in FACETS)), -1, np.int64)
        for facet, (_, count, size) in enumerate(FACETS):
            # The synonyms of one concept come from all languages, so that letters do not give them away.
            pool = np.concatenate([block(count * size // 4 + 1, k) for k in range(4)])
            pool = rng.permutation(pool)[: count * size]
            synonyms[offset[facet] : offset[facet + 1], :size] = pool.reshape(count, size)
        nickname = np.concatenate([block(int(root) + 10, k) for k in range(4)])
        return Lexicon(
            tuple(words), title, name, synonyms, offset, rng.permutation(nickname), np.arange(len(_GENERIC))
        )

    def titles(self, rng: np.random.Generator, language: Int16, *, width: int, exponent: float) -> Int64:
        """Return word ids (n, ``width``) of titles in each row's language, by the Zipf law of its words."""
        out = np.empty((len(language), width), np.int64)
        for k, block in enumerate(self.title):
            rows = np.flatnonzero(language == k)
            law = zipf_law(len(block), exponent=exponent, shift=8.0)
            out[rows] = rng.choice(block, size=(len(rows), width), p=law)
        return out

    def synonym(self, rng: np.random.Generator, concept: Int64, *, gap: float) -> Int64:
        """Return one word for each concept (n,); −1 for the concept −1.

        Tags draw the j-th synonym with a probability ∝ 2^−j. With probability ``gap`` the order is turned
        round, so that the word is one that tags seldom use.
        """
        size = np.maximum((self.synonyms[concept] >= 0).sum(axis=-1), 1)
        # Inverse of the truncated geometric law's distribution function.
        u = rng.random(len(concept))
        place = np.floor(-np.log2(1.0 - u * (1.0 - 2.0 ** -size.astype(np.float64)))).astype(np.int64)
        place = np.minimum(place, size - 1)
        turned = rng.random(len(concept)) < gap
        place = np.where(turned, size - 1 - place, place)
        word = self.synonyms[concept, place]
        return np.asarray(np.where(concept >= 0, word, -1))

    def phrases(self, ids: Int64) -> tuple[str, ...]:
        """Return the text of each row of word ids; −1 stands for no word."""
        words = np.array([*self.words, ""], dtype=object)[ids]
        return tuple(" ".join(filter(None, row)) for row in words.tolist())
