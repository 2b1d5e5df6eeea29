"""Tokens: texts cut into words, and into character n-grams where a script has no spaces."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from ltrr import _check
from ltrr.errors import InputError

__all__ = [
    "Characters",
    "Tokenizer",
    "clusters",
    "is_spaceless",
    "normalise",
    "tokenize",
    "unicode_words",
]


class Tokenizer(Protocol):
    """Turns a text into its tokens, in order, repeated ones included.

    Any function from a text to a sequence of texts will do.

    Examples
    --------
    >>> cut: Tokenizer = str.split
    >>> cut("blue blue sky")
    ['blue', 'blue', 'sky']
    """

    def __call__(self, text: str, /) -> Sequence[str]:
        """Return the tokens of a text."""


def _chars(ranges: Iterable[tuple[int, int]], categories: str) -> str:
    """Return the characters of some ranges whose category begins with one of some letters."""
    codes = (chr(code) for low, high in ranges for code in range(low, high + 1))
    return "".join(c for c in codes if unicodedata.category(c)[0] in categories)


# All marks lie in these ranges; going through all of Unicode would cost 0.1 s at each start.
_MARK = _chars([(0x300, 0x1E95F), (0xE0100, 0xE01EF)], "M")

# Blocks of Han with Bopomofo, of the two kana with their repetition and length marks, of Hangul, and of the
# scripts that Unicode's line breaking calls "complex context" (class SA): Thai, Lao, Myanmar, Khmer, Tai.
_SCRIPTS = (
    "\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U0001aff0-\U0001b16f\U00020000-\U0003ffff",
    "\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff",
    _chars([(0xE00, 0xEFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x1950, 0x19DF)], "L")
    + _chars([(0x1A20, 0x1AAF), (0xA9E0, 0xA9FF), (0xAA60, 0xAADF)], "L"),
)

_ASCII_WORD = re.compile(r"\w+", re.ASCII)
# A word begins with a letter or digit: a variation selector behind a picture is none.
_WORD = re.compile(rf"\w[\w{_MARK}]*")
_CLUSTER = re.compile(rf".[{_MARK}]*", re.DOTALL)
_SPACELESS = re.compile(f"[{''.join(_SCRIPTS)}]")
_PIECE = re.compile(
    "|".join([*(rf"[{script}][{script}{_MARK}]*" for script in _SCRIPTS), f"[^{''.join(_SCRIPTS)}]+"])
)
# Written or not as the writer likes: zero width joiners, the points of Hebrew and of Arabic, the nukta of
# Devanagari (not that of Bengali, whose letters with it are letters of their own).
_OPTIONAL = re.compile(
    "[\u093c\u200c\u200d\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u0652\u0670]"
)

# Longer words hardly recur, sentences of scripts without spaces least of all.
_LONG = 24


def normalise(text: str) -> str:
    """Return a text in Unicode's compatibility form NFKC and lower case.

    Examples
    --------
    >>> normalise("ﬁne Ⅳ CAFÉ")
    'fine iv café'
    """
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()


def unicode_words(text: str) -> list[str]:
    r"""Return the words of a text: runs of letters, digits and ``_`` with their combining marks.

    Vowel signs and viramas belong to the word. Zero width joiners, the points of Arabic and Hebrew, and the
    dot of Devanagari (nukta) are left out, as many writers do. In a text without any of these, words are the
    runs of ``\w`` after `normalise`. A sentence of a script without spaces is one word; `tokenize` cuts it
    further.

    Examples
    --------
    >>> unicode_words("Don't stop, ＡＢＢＡ!"), unicode_words("नई दिल्ली")
    (['don', 't', 'stop', 'abba'], ['नई', 'दिल्ली'])
    >>> unicode_words("كَتَبَ") == unicode_words("كتب"), unicode_words("हेडफ़ोन") == unicode_words("हेडफोन")
    (True, True)
    """
    return _words(normalise(text))


def tokenize(text: str) -> list[str]:
    """Return the words of a text, and single characters and pairs of them where a script has no spaces.

    Words are those of `unicode_words`. Where a script is written without spaces (Han, kana, Thai, Lao,
    Khmer, Myanmar, Tai) a run of it becomes all its characters and all pairs of neighbours, a character being
    a letter with its marks. N-grams find as much as words from a dictionary do, and single characters help
    either [1]_; they let a query of one character find something, too. Hangul has spaces, but its words carry
    particles; pairs match the stem [2]_, so it is cut likewise. Runs of different scripts are cut apart.

    Examples
    --------
    >>> tokenize("Don't stop"), tokenize("东京 tower 2"), tokenize("雪")
    (['don', 't', 'stop'], ['东', '京', '东京', 'tower', '2'], ['雪'])
    >>> tokenize("第3号")
    ['第', '3', '号']

    References
    ----------
    .. [1] Nie, Gao, Zhang, Zhou, "On the use of words and n-grams for Chinese information retrieval",
       IRAL 2000. Lucene's ``CJKBigramFilter`` does the same with ``outputUnigrams``.
    .. [2] Lee, Ahn, "Using n-grams for Korean text retrieval", SIGIR 1996.
    """
    text = normalise(text)
    words = _words(text)
    if text.isascii() or _SPACELESS.search(text) is None:
        return words
    return [token for word in words for token in _by_script(word, 2)]


@dataclass(frozen=True)
class Characters:
    """Character n-grams of each word, as language-independent terms.

    A word of at most ``n`` characters is a token itself. Runs of scripts without spaces give all lengths up
    to ``n``, since a query may be shorter. A character is a letter with its marks.

    Parameters
    ----------
    n : int
        Length of the n-grams, >= 1.
    ends : bool
        Mark both ends of each word by ``#``, so that beginnings and endings count as such. Scripts without
        spaces have no ends to mark.

    Raises
    ------
    InputError
        If a parameter is out of range.

    Examples
    --------
    >>> Characters(n=4)("Juggling is"), Characters(n=3)("北海道")
    (['jugg', 'uggl', 'ggli', 'glin', 'ling', 'is'], ['北', '海', '道', '北海', '海道', '北海道'])
    >>> Characters(n=3, ends=True)("is it")
    ['#is', 'is#', '#it', 'it#']

    References
    ----------
    .. [1] McNamee, Mayfield, "Character n-gram tokenization for European language text retrieval",
       Information Retrieval 7, 2004: n = 4 does best on most European languages.
    """

    n: int = 4
    ends: bool = False

    def __post_init__(self) -> None:
        _check.integer("Characters.n", self.n, low=1)
        if not isinstance(self.ends, bool):
            raise InputError(f"`Characters.ends` must be true or false, got {self.ends!r}")

    def __call__(self, text: str, /) -> list[str]:
        """Return the n-grams of a text."""
        out: list[str] = []
        for word in unicode_words(text):
            out += _kept(self, word) if len(word) <= _LONG else self._cut(word)
        return out

    def _cut(self, word: str) -> list[str]:
        out: list[str] = []
        for piece in _PIECE.findall(word):
            units, spaceless = clusters(piece), _SPACELESS.match(piece) is not None
            if self.ends and not spaceless:
                units = ["#", *units, "#"]
            out += _grams(units, 1 if spaceless else min(self.n, len(units)), self.n)
        return out


@lru_cache(maxsize=2**15)
def _kept(grams: Characters, word: str) -> tuple[str, ...]:
    # few words make up most of any text, and most of the time of indexing it went into cutting them again
    return tuple(grams._cut(word))


def clusters(text: str) -> list[str]:
    """Return the characters of a text, each with the marks that follow it.

    Examples
    --------
    >>> clusters("हिन्दी")
    ['हि', 'न्', 'दी']
    """
    return _CLUSTER.findall(text)


def is_spaceless(text: str) -> bool:
    """Return whether a text holds a letter of a script that `tokenize` cuts into characters.

    Examples
    --------
    >>> is_spaceless("東京 tower"), is_spaceless("हिन्दी")
    (True, False)
    """
    return not text.isascii() and _SPACELESS.search(normalise(text)) is not None


def _words(text: str) -> list[str]:
    """Return the words of a normalised text."""
    if text.isascii():
        return _ASCII_WORD.findall(text)
    return _WORD.findall(_OPTIONAL.sub("", text))


def _by_script(word: str, n: int) -> list[str]:
    """Return a word's pieces: n-grams of scripts without spaces, other runs as they are."""
    out: list[str] = []
    for piece in _PIECE.findall(word):
        if _SPACELESS.match(piece):
            out += _grams(clusters(piece), 1, n)
        else:
            out.append(piece)
    return out


def _grams(units: Sequence[str], low: int, high: int) -> list[str]:
    """Return the n-grams of lengths ``low`` to ``high``, the shorter ones first."""
    # a shifted copy of the units for each place in an n-gram: three times as fast as slicing each one
    shifted = [units[i:] for i in range(high)]
    return ["".join(gram) for n in range(low, high + 1) for gram in zip(*shifted[:n], strict=False)]
