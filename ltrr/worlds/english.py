"""English: whether texts are, and its nouns turned from singular to plural and back.

Rules of our own: of the packages that offer this, `inflect` takes longer to import than a collection to load,
and makes "ga" of "gas" and "analysi" of "analysis".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice

from ltrr.features.tokens import unicode_words

__all__ = ["FUNCTION_WORDS", "is_english", "other_number"]

_FUNCTION_WORDS = """
a about above after all also an and any anyone are as at be been being between both but by can could
did do does done during each either for from had has have how i if in into is it its like may me
more most must my no not of off on one only or other our out over please should so some such than
that the their them then there these they this those through to under up upon use used using very
was we were what when where which while who why will with within without would you your
"""

FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
"""English words that name nothing."""

_IRREGULAR = (
    "analysis analyses, axis axes, basis bases, hypothesis hypotheses, synthesis syntheses, "
    "bus buses, child children, cookie cookies, criterion criteria, foot feet, formula formulae, gas gases, "
    "half halves, index indices, knife knives, leaf leaves, lens lenses, life lives, man men, "
    "matrix matrices, mouse mice, movie movies, person people, "
    "phenomenon phenomena, radius radii, shelf shelves, spectrum spectra, stimulus stimuli, tooth teeth, "
    "vertex vertices, vortex vortices, wife wives, wolf wolves, woman women"
)
_PLURAL_OF = dict(pair.split() for pair in _IRREGULAR.split(", "))
_SINGULAR_OF = {plural: singular for singular, plural in _PLURAL_OF.items()}

_SAME = "data equipment information media news research reynolds series species windows"
_SKIPPED = FUNCTION_WORDS.union(_SAME.split())
# Adjectives, adverbs, participles, and nouns that have no plural, by their endings. Some nouns end so too.
_NO_NOUN = re.compile(
    r"(?!(?:fabric|integral|logic|manual|material|signal|terminal|topic|variable)$)"
    r".*(?:[cinru]al|[ln]ar|.{3}[ai]ble|[aeiouy][^aeiouy]+ed|ful|ics?|[aeiouy].*ing|is|ish|.{3}ive|less|ly"
    r"|us|ward|ware|wise)$"
)
_REGULAR_PLURAL = re.compile(r"(?!.*(?:ics|is|ss|us)$).*s$")
_SAMPLE = 1_000
_MARKS = frozenset(("and", "for", "the", "with"))
_MARKED_SHARE = 0.005  # product titles in English have .014, running texts .14 and more, other languages none
_RULES = (
    (re.compile(r"(.{2,}[^aeiou])ies$"), r"\1y"),
    (re.compile(r"(.+(?:ss|x|ch|sh|zz))es$"), r"\1"),
    (re.compile(r"(.{2,})s$"), r"\1"),
)


def is_english(texts: Iterable[str]) -> bool:
    """Return whether texts are English, judged by four frequent words in the first thousand of them.

    Examples
    --------
    >>> is_english(["Pump for the garden"]), is_english(["Pumpe für den Garten"])
    (True, False)
    """
    words = [word for text in islice(texts, _SAMPLE) for word in unicode_words(text)]
    return sum(word in _MARKS for word in words) > _MARKED_SHARE * len(words)


def other_number(words: Sequence[str]) -> list[tuple[int, str]]:
    """Return the places of a query's nouns, each with its other number, as far as endings tell.

    Plurals are recognised anywhere, singulars only at the end of the query or before a function word, where
    noun phrases end: "shock wave" has no "shocks wave".

    Parameters
    ----------
    words : sequence of str
        The words of the query, in lower case.

    Examples
    --------
    >>> other_number("boundary layer in gas flows".split())
    [(1, 'layers'), (4, 'flow')]
    >>> other_number(["wireless", "mouse"]), other_number(["dynamics"])
    ([(1, 'mice')], [])
    """
    found = []
    for place, word in enumerate(words):
        last = place + 1 == len(words) or words[place + 1] in FUNCTION_WORDS
        other = _other(word, last=last)
        if other:
            found.append((place, other))
    return found


def _other(word: str, *, last: bool) -> str:
    """Return a noun in its other number, or nothing."""
    if len(word) < 3 or not (word.isascii() and word.isalpha()) or word in _SKIPPED:
        return ""
    if word in _SINGULAR_OF or (_REGULAR_PLURAL.match(word) and word not in _PLURAL_OF):
        return _SINGULAR_OF.get(word) or _singular(word)
    if not last or (_NO_NOUN.match(word) and word not in _PLURAL_OF):
        return ""
    return _PLURAL_OF.get(word) or _plural(word)


def _singular(word: str) -> str:
    """Return the regular singular."""
    for pattern, singular in _RULES:
        if pattern.match(word):
            return pattern.sub(singular, word)
    return ""


def _plural(word: str) -> str:
    """Return the regular plural."""
    if word[-1] == "y" and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("ss", "x", "ch", "sh", "z")) else "s")
