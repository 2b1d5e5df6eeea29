"""Query variants: how else people type a query."""

from __future__ import annotations

from collections.abc import Set
from functools import partial
from string import punctuation

import numpy as np

from ltrr.features.tokens import clusters, is_spaceless, unicode_words
from ltrr.worlds.english import other_number
from ltrr.worlds.synonyms import Synonyms

__all__ = ["VARIANT_KINDS", "token_key", "variants"]

VARIANT_KINDS = ("dropped", "misspelt", "prefix", "synonym", "reordered", "inflected")
"""Kinds of variants: a word left out, a letter mistyped, the text cut short while typing, a word or phrase
replaced by another of its meaning, the words in another order, a noun in its other number."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LATIN_END = "\u0250"  # where Latin letters and their accented forms end
_NO_SYNONYMS = Synonyms()
_ATTEMPTS = 8  # a try fails by repeating a known text; short queries run out of new ones


def token_key(text: str) -> str:
    """Return what a search engine sees of a text: its words without case and punctuation.

    Examples
    --------
    >>> token_key("Flow past  a CYLINDER .")
    'flow past a cylinder'
    """
    return " ".join(unicode_words(text.casefold()))


def variants(
    text: str,
    *,
    n: int,
    rng: np.random.Generator,
    taken: Set[str],
    synonyms: Synonyms = _NO_SYNONYMS,
    english: bool = True,
) -> list[tuple[str, int]]:
    """Return up to ``n`` variants of a query, each with the index of its kind in `VARIANT_KINDS`.

    The kinds take turns; where one has nothing new to offer the next one steps in. No two variants, and none
    of them and ``taken``, have the same `token_key`.

    Where a script has no spaces, two neighbouring characters are left out in place of a word. Letters keep
    their marks, and scripts other than Latin are mistyped with letters of the query.

    Parameters
    ----------
    text : str
        The query.
    n : int
        How many are wanted; short queries have fewer.
    rng : numpy.random.Generator
        Draws words, letters and places.
    taken : set of str
        Token keys that must not come again: those of all other queries.
    synonyms : Synonyms
        What may replace what; by default nothing.
    english : bool
        Whether nouns are inflected, by the rules of English.

    Examples
    --------
    >>> import numpy as np
    >>> found = variants("laminar boundary layer", n=3, rng=np.random.default_rng(1), taken=set())
    >>> [VARIANT_KINDS[kind] for _, kind in found]
    ['dropped', 'misspelt', 'prefix']
    >>> all(token_key(variant) != "laminar boundary layer" for variant, _ in found)
    True
    """
    words = text.split()
    inflect = _inflect if english else _keep
    makers = (_drop, _misspell, _cut, partial(_replace, synonyms=synonyms), _reorder, inflect)
    known = {"", token_key(text)}
    out: list[tuple[str, int]] = []
    for turn in range(n):
        for attempt in range(_ATTEMPTS * len(makers)):
            kind = (turn + attempt // _ATTEMPTS) % len(makers)
            variant = " ".join(makers[kind](words, rng))
            key = token_key(variant)
            if key not in known and key not in taken:
                known.add(key)
                out.append((variant, kind))
                break
    return out


def _drop(words: list[str], rng: np.random.Generator) -> list[str]:
    """Leave one word out."""
    if len(words) < 2:
        return [_drop_pair(word, rng) for word in words]
    i = int(rng.integers(len(words)))
    return words[:i] + words[i + 1 :]


def _drop_pair(word: str, rng: np.random.Generator) -> str:
    """Leave two neighbouring characters out of a text without spaces: about a word of Chinese."""
    units = clusters(word)
    if len(units) < 4 or not is_spaceless(word):
        return word
    at = int(rng.integers(len(units) - 1))
    return "".join(units[:at] + units[at + 2 :])


def _misspell(words: list[str], rng: np.random.Generator) -> list[str]:
    """Swap, delete, insert or replace a letter of one word; its first letter is hardly ever mistyped."""
    units = [clusters(word) for word in words]
    long = [i for i, word in enumerate(units) if len(word) >= 3]
    if not long:
        return words
    i = long[int(rng.integers(len(long)))]
    word = units[i]
    latin = max(words[i]) < _LATIN_END
    letters = _LETTERS if latin else sorted({unit for own in units for unit in own})
    letter = letters[int(rng.integers(len(letters)))]
    operation = int(rng.integers(4))
    if operation == 0:
        at = int(rng.integers(1, len(word) - 1))
        wrong = [*word[:at], word[at + 1], word[at], *word[at + 2 :]]
    else:
        at = int(rng.integers(1, len(word)))
        deleted, inserted = operation == 1, operation == 2
        wrong = [*word[:at], *([] if deleted else [letter]), *word[at if inserted else at + 1 :]]
    return [*words[:i], "".join(wrong), *words[i + 1 :]]


def _cut(words: list[str], rng: np.random.Generator) -> list[str]:
    """Stop typing within the last word, or after the first half of the words or later."""
    while words and not token_key(words[-1]):
        words = words[:-1]
    if not words:
        return words
    last = clusters(words[-1])
    if len(last) >= 3 and (len(words) == 1 or rng.random() < 0.5):
        return [*words[:-1], "".join(last[: int(rng.integers((len(last) + 1) // 2, len(last)))])]
    return words[: int(rng.integers((len(words) + 1) // 2, max(len(words), 2)))]


def _replace(words: list[str], rng: np.random.Generator, *, synonyms: Synonyms) -> list[str]:
    """Replace a word or phrase by one of the same meaning."""
    places = synonyms.places(_bare(words))
    if not places:
        return words
    start, stop, others = places[int(rng.integers(len(places)))]
    return [*words[:start], others[int(rng.integers(len(others)))], *words[stop:]]


def _reorder(words: list[str], rng: np.random.Generator) -> list[str]:
    """Swap the two parts before and behind a cut, or two words."""
    if len(words) < 2:
        return words
    if rng.random() < 0.5:
        cut = int(rng.integers(1, len(words)))
        return words[cut:] + words[:cut]
    first, second = rng.choice(len(words), size=2, replace=False).tolist()
    out = list(words)
    out[first], out[second] = words[second], words[first]
    return out


def _inflect(words: list[str], rng: np.random.Generator) -> list[str]:
    """Turn one noun to its other number."""
    places = other_number(_bare(words))
    if not places:
        return words
    at, other = places[int(rng.integers(len(places)))]
    return [*words[:at], other, *words[at + 1 :]]


def _keep(words: list[str], rng: np.random.Generator) -> list[str]:
    """Change nothing: what stands for a kind that a language has not."""
    del rng
    return words


def _bare(words: list[str]) -> list[str]:
    """Return words in lower case without the punctuation around them."""
    return [word.casefold().strip(punctuation) for word in words]
