"""Synonyms: words and phrases that people use for one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ltrr.errors import InputError

__all__ = ["Synonyms"]

_ENGLISH = Path(__file__).with_name("synonyms.txt")


@dataclass(frozen=True)
class Synonyms:
    """A table of groups of words and phrases; those of a group may replace one another.

    Only a world's variants of queries are made with it, when the world is made. Nothing that retrieves or
    decides may see it: what it says is what the arms are to find out.

    Parameters
    ----------
    groups : tuple of tuple of str
        Each of at least two words or phrases, in lower case, with single spaces between words. A word of two
        meanings may be in several groups.

    Examples
    --------
    >>> table = Synonyms((("cell phone", "mobile", "smartphone"), ("cheap", "inexpensive")))
    >>> table.places("cheap cell phone case".split())
    [(0, 1, ('inexpensive',)), (1, 3, ('mobile', 'smartphone'))]
    """

    groups: tuple[tuple[str, ...], ...] = ()
    _others: dict[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    _longest: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        others: dict[str, tuple[str, ...]] = {}
        for group in self.groups:
            for member in group:
                known = others.get(member, ())
                others[member] = known + tuple(m for m in group if m != member and m not in known)
        object.__setattr__(self, "_others", others)
        object.__setattr__(self, "_longest", max((m.count(" ") + 1 for m in others), default=0))

    @staticmethod
    def read(path: str | Path | None = None) -> Synonyms:
        """Return the table of a file, by default the English one: a group a line, separated by commas.

        Raises
        ------
        InputError
            If the file cannot be read, or a line holds fewer than two words or phrases.
        """
        file = _ENGLISH if path is None else Path(path)
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"`Collection.synonyms` must name a text file in UTF-8, got {str(file)!r}, which cannot be "
                f"read ({type(error).__name__})"
            ) from error
        groups = []
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            group = tuple(dict.fromkeys(" ".join(w.casefold().split()) for w in line.split(",") if w.strip()))
            if len(group) < 2:
                raise InputError(
                    f"{file}: line {number} must hold two or more words or phrases separated by commas, "
                    f"got {line.strip()[:60]!r}"
                )
            groups.append(group)
        return Synonyms(tuple(groups))

    def places(self, words: Sequence[str]) -> list[tuple[int, int, tuple[str, ...]]]:
        """Return where a query (in lower case) holds a member of a group: start, stop, the others.

        The longest phrase counts: the words of "hard drive" have no synonyms of their own.
        """
        found, start = [], 0
        while start < len(words):
            stops = range(min(start + self._longest, len(words)), start, -1)
            known = [stop for stop in stops if " ".join(words[start:stop]) in self._others]
            if known:
                found.append((start, known[0], self._others[" ".join(words[start : known[0]])]))
            start = known[0] if known else start + 1
        return found
