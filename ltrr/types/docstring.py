"""What a NumPy docstring says: its first line, and an entry for each parameter."""

from __future__ import annotations

import functools
import inspect
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

__all__ = ["Entry", "entries", "first_line", "first_sentence"]


@dataclass(frozen=True)
class Entry:
    """What a docstring says of one parameter.

    Parameters
    ----------
    kind : str
        Its type in words, such as ``"float >= 0"``; empty where the docstring gives none.
    meaning : str
        The description in one line, without marks of code; empty where there is none.

    Examples
    --------
    >>> entries(Entry)["kind"].kind
    'str'
    """

    kind: str = ""
    meaning: str = ""


def first_line(thing: Any) -> str:
    """Return the first line of what an object says of itself, without the full stop.

    Examples
    --------
    >>> first_line(first_line)
    'Return the first line of what an object says of itself, without the full stop'
    """
    return _plain(str(_source(thing).__doc__ or "").strip().partition("\n")[0].rstrip("."))


def first_sentence(text: str) -> str:
    """Return the first sentence of a description, without the full stop.

    Examples
    --------
    >>> first_sentence("Share of slots, in [0, 0.9]. The rest is decided.")
    'Share of slots, in [0, 0.9]'
    """
    return re.split(r"\.\s+(?=[A-Z`])", text, maxsplit=1)[0].rstrip(".")


@functools.cache
def entries(thing: Any) -> dict[str, Entry]:
    """Return the entries of the Parameters section by name, those of base classes included.

    Several names may share an entry. An entry "As in `Base`" is that of the base class.

    Parameters
    ----------
    thing : class, function or partial

    Examples
    --------
    >>> entries(entries)["thing"]
    Entry(kind='class, function or partial', meaning='')
    """
    source = _source(thing)
    found: dict[str, Entry] = {}
    for one in source.__mro__ if inspect.isclass(source) else (source,):
        for name, entry in _own_entries(one.__doc__ or "").items():
            known = found.get(name, Entry())
            if not known.meaning or known.meaning.startswith("As in "):
                found[name] = Entry(known.kind or entry.kind, entry.meaning or known.meaning)
    return found


def _source(thing: Any) -> Any:
    """Return the class or function beneath a partial."""
    return thing.func if isinstance(thing, functools.partial) else thing


def _own_entries(text: str) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    names: list[str] = []
    for line in _section(inspect.cleandoc(text).splitlines(), "Parameters"):
        if line and not line[0].isspace():
            head, _, kind = line.partition(" : ")
            names = [name.strip(" *`") for name in head.split(",")]
            found |= dict.fromkeys(names, Entry(_plain(kind.removesuffix(", optional"))))
        else:
            for name in names:
                said = f"{found[name].meaning} {_plain(line.strip())}".strip()
                found[name] = Entry(found[name].kind, said)
    return found


def _section(lines: list[str], title: str) -> list[str]:
    """Return the lines of a section: those after its underlined title and before the next one."""
    titles = [i for i, (_, below) in enumerate(pairwise(lines)) if below and not below.strip("-")]
    begin = next((i for i in titles if lines[i] == title), None)
    if begin is None:
        return []
    end = next((i for i in titles if i > begin), len(lines))
    return lines[begin + 2 : end]


def _plain(text: str) -> str:
    """Return text without the marks of code and emphasis."""
    return re.sub(r"\*(\w+)\*", r"\1", text.replace("`", ""))
