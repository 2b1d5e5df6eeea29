"""The error that ltrr raises when its input is at fault."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["InputError", "nearest", "printable"]


class InputError(ValueError):
    """Bad input, reported in one line with the cause and the remedy; the command line exits with 2.

    Examples
    --------
    >>> from ltrr.retrieval import BM25
    >>> BM25(k1=-1.0)
    Traceback (most recent call last):
    ltrr.errors.InputError: `BM25.k1` must be a number >= 0 and <= 1000, got -1.0
    """


def nearest(name: str, known: Iterable[str]) -> str:
    """Suggest which known name was meant: ``"; did you mean 'bm25'?"`` or the whole list.

    Examples
    --------
    >>> nearest("bm52", ["bm25", "dense"])
    "; did you mean 'bm25'?"
    >>> nearest("zzz", ["bm25", "dense"])
    '; known: bm25, dense'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(names)}"


def printable(text: str, *, keep: str = "") -> str:
    r"""Return text with control characters, line ends and directional marks spelled out.

    Such characters move a terminal's cursor, reverse a line, or are not valid XML.

    Parameters
    ----------
    text : str
    keep : str
        Characters that stay as they are, such as line feeds.

    Examples
    --------
    >>> printable("a\x1b[31m, naïve 日本\n")
    'a\\x1b[31m, naïve 日本\\n'
    """
    if text.isprintable():
        return text
    spelled = (c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)
    return "".join(spelled)
