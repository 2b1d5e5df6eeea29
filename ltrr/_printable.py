"""Text of users and logs as terminals, figures and pages may show it."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str, *, keep: str = "") -> str:
    r"""Return text with control characters, line ends and marks of direction spelled out.

    Such characters move a terminal's cursor, turn a line around, or are no XML.

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
