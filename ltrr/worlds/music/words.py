"""Pseudo-words: invented vocabularies of a few languages, and the misspellings of their words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr import _check
from ltrr.errors import InputError

__all__ = ["LANGUAGES", "Language", "coin", "misspell"]

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Language:
    """The sounds that words of one language are made of: onset + nucleus + coda, a syllable at a time.

    Parameters
    ----------
    name : str
        Name of the language.
    onsets, nuclei, codas : tuple of str
        What a syllable may begin with, hold and end with; only a word's last syllable takes a coda.

    Examples
    --------
    >>> import numpy as np
    >>> tongue = Language("toy", onsets=("k", "t"), nuclei=("a",), codas=("", "n"))
    >>> words = coin(np.random.default_rng(1), tongue, n=5, taken=set())
    >>> all(set(word) <= set("ktan") for word in words)
    True
    """

    name: str
    onsets: tuple[str, ...]
    nuclei: tuple[str, ...]
    codas: tuple[str, ...]


LANGUAGES: tuple[Language, ...] = (
    Language(
        "northern",
        ("b", "br", "d", "dr", "f", "gr", "h", "k", "kl", "l", "m", "n", "r", "s", "st", "t", "v", "w"),
        ("a", "e", "i", "o", "u", "ea", "oo"),
        ("", "", "n", "r", "st", "ck", "ld", "ng", "t", "m", "rt"),
    ),
    Language(
        "southern",
        ("b", "c", "d", "f", "g", "l", "m", "n", "p", "r", "s", "t", "v", "z", "ch"),
        ("a", "e", "i", "o", "u", "ia", "io"),
        ("", "", "", "s", "n", "r"),
    ),
    Language(
        "island",
        ("h", "k", "l", "m", "n", "p", "w", "t", "f", "r"),
        ("a", "e", "i", "o", "u", "ai", "ao"),
        ("", "", "", "ka", "la"),
    ),
    Language(
        "eastern",
        ("j", "zh", "sh", "y", "x", "q", "g", "d", "b", "kh", "ts", "m"),
        ("a", "i", "u", "o", "ei", "ou", "ya"),
        ("", "n", "ng", "k", "sh"),
    ),
)


def coin(rng: np.random.Generator, language: Language, *, n: int, taken: set[str]) -> list[str]:
    """Return ``n`` new words of two to four syllables and add them to ``taken``.

    Parameters
    ----------
    rng : numpy Generator
        Source of the sounds.
    language : Language
        What the words are made of.
    n : int
        Number of words, >= 0.
    taken : set of str
        Words that must not be coined again; the new ones are put in.

    Raises
    ------
    InputError
        If the language is too small to give so many distinct words.

    Examples
    --------
    >>> import numpy as np
    >>> taken = set()
    >>> words = coin(np.random.default_rng(1), LANGUAGES[0], n=50, taken=taken)
    >>> len(set(words)), taken == set(words)
    (50, True)
    """
    _check.integer("coin.n", n, low=0)
    out: list[str] = []
    for _ in range(50):
        missing = n - len(out)
        if missing == 0:
            return out
        size = missing + missing // 4 + 8
        onset = rng.integers(len(language.onsets), size=(size, 4)).tolist()
        nucleus = rng.integers(len(language.nuclei), size=(size, 4)).tolist()
        coda = rng.integers(len(language.codas), size=size).tolist()
        length = rng.choice(np.array([2, 3, 4]), size=size, p=[0.5, 0.4, 0.1]).tolist()
        for first, middle, last, syllables in zip(onset, nucleus, coda, length, strict=True):
            sounds = [language.onsets[first[s]] + language.nuclei[middle[s]] for s in range(syllables)]
            word = "".join(sounds) + language.codas[last]
            if word not in taken and len(out) < n:
                taken.add(word)
                out.append(word)
    raise InputError(f"`coin.n` must be within what {language.name!r} can say, got {n}; add sounds")


def misspell(word: str, rng: np.random.Generator) -> str:
    """Return ``word`` with one letter swapped, dropped, doubled or replaced; never the word itself.

    Words of a single letter are doubled, since nothing would be left of them otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(3)
    >>> wrong = [misspell("garden", rng) for _ in range(20)]
    >>> "garden" in wrong, max(len(w) for w in wrong)
    (False, 7)
    """
    if len(word) < 2:
        return word * 2 if word else "x"
    # A word's first letter is the one least often wrong, so the place is drawn behind it.
    place = int(rng.integers(1, len(word)))
    way = int(rng.integers(4))
    if way == 0 and word[place] != word[place - 1]:
        return word[: place - 1] + word[place] + word[place - 1] + word[place + 1 :]
    if way == 1:
        return word[:place] + word[place + 1 :]
    if way == 2:
        return word[:place] + word[place] + word[place:]
    letters = [letter for letter in _LETTERS if letter != word[place]]
    return word[:place] + letters[int(rng.integers(len(letters)))] + word[place + 1 :]
