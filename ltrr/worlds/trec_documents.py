"""TREC documents: files of ``<DOC>`` elements, which are no XML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

from ltrr.errors import InputError
from ltrr.worlds.gathered import Gathered, Place
from ltrr.worlds.text_lines import lines_of, shortened

__all__ = ["read_trec_documents"]

_ID = re.compile(r"<DOCNO>(.*?)</DOCNO>", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<(TITLE|HEADLINE|HEAD|HL|TTL|TI)\b[^>]*>(.*?)</\1>", re.IGNORECASE | re.DOTALL)
_TEXT = re.compile(r"<(TEXT|BODY|LEADPARA|LP|ABSTRACT)\b[^>]*>(.*?)</\1>", re.IGNORECASE | re.DOTALL)
_OTHER = re.compile(r"<(DOCNO|DOCID|DOCHDR|TITLE|HEADLINE|HEAD|HL|TTL|TI)\b[^>]*>.*?</\1>", re.I | re.DOTALL)
_TAG = re.compile(r"<[!/?A-Za-z][^>]*>")


def read_trec_documents(path: Path, found: Gathered, *, encoding: str = "utf-8") -> None:
    """Read documents from a file, or from all files of a folder in the order of their paths.

    The title is what ``TITLE``, ``HEADLINE``, ``HEAD``, ``HL``, ``TTL`` and ``TI`` hold, the text what
    ``TEXT``, ``BODY``, ``LEADPARA``, ``LP`` and ``ABSTRACT`` hold; where a document has none of these, all
    that is neither id nor title. Tags within are dropped.

    Raises
    ------
    InputError
        If a file cannot be read, a document is not closed or has no ``DOCNO``, or none holds a word.
    """
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path} holds no files: give the folder or file of the documents")
    for file in files:
        for place, document in _documents(file, encoding):
            name = _ID.search(document)
            if name is None or not name[1].strip():
                raise InputError(f"{place} begins a document without an id; write <DOCNO> id </DOCNO>")
            title, text = _all(_TITLE, document), _all(_TEXT, document)
            found.document(
                place, name[1].strip(), title=title, text=text or _plain(_OTHER.sub(" ", document))
            )
    found.must_hold_words(str(path))


def _documents(file: Path, encoding: str) -> Iterator[tuple[Place, str]]:
    """Yield the place and content of each document; only one is held at a time."""
    start: Place | None = None
    held: list[str] = []
    for number, line in lines_of(file, encoding=encoding):
        tag = line.strip().upper()
        if tag == "<DOC>" or (start is None and tag.startswith("<DOC>")):
            if start is not None:
                raise InputError(f"{start} begins a document that is not closed; write </DOC>")
            start, held = Place(str(file), number), []
            line = line.strip()[len("<DOC>") :]
            tag = line.strip().upper()
        if start is None:
            raise InputError(
                f"{Place(str(file), number)} must begin a document, <DOC>, got {shortened(line)}"
            )
        if tag.endswith("</DOC>"):
            held.append(line.rstrip()[: -len("</DOC>")])
            yield start, "\n".join(held)
            start = None
        else:
            held.append(line)
    if start is not None:
        raise InputError(f"{start} begins a document that is not closed; write </DOC>")


def _all(pattern: re.Pattern[str], document: str) -> str:
    return " ".join(_plain(match[2]) for match in pattern.finditer(document)).strip()


def _plain(marked: str) -> str:
    """Return a text without tags and entities, its spaces as one."""
    return " ".join(html.unescape(_TAG.sub(" ", marked)).split())
