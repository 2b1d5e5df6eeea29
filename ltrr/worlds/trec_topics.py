"""TREC topics, in and out: the classic form with its habits, XML, and one query a line.

Classic topics are no XML: tags are mostly not closed, texts begin with a label (``<num> Number: 051``), and a
text may begin on the line after its tag. Source: the topic files at https://trec.nist.gov/data.html.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from ltrr._state import write_aside
from ltrr.errors import InputError
from ltrr.worlds.beir import read_queries
from ltrr.worlds.gathered import Gathered, Place
from ltrr.worlds.text_lines import lines_of, shortened

__all__ = ["read_topics", "topics_of", "write_topics"]

PARTS = {
    "title": ("title", "query"),
    "description": ("desc", "description"),
    "narrative": ("narr", "narrative"),
}
"""Parts of a topic, and the tags that they have."""

_NUMBER_TAGS = ("num", "number")
_BEGIN = re.compile(r"<(top|topic)\b([^>]*)>", re.IGNORECASE)
_END = re.compile(r"</(top|topic)\s*>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\b(?:number|num|id)\s*=\s*[\"']?([^\"'\s>]+)", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([A-Za-z][\w-]*)\b[^>]*>")
_LABEL = re.compile(r"\s*(number|topic|title|description|narrative)\s*:", re.IGNORECASE)
_LINE = re.compile(r"\s*([^\t:]+)[\t:](.*)")


def read_topics(
    path: Path, found: Gathered, *, parts: tuple[str, ...] = ("title",), encoding: str = "utf-8"
) -> None:
    """Read topics into queries.

    The form is seen from the file: ``.jsonl`` is BEIR's; a file with ``<top>`` or ``<topic>`` holds these;
    any other holds one query a line, id and text with a tab or colon between them.

    Parameters
    ----------
    path : Path
    found : Gathered
    parts : tuple of str
        What the query text is made of: ``title``, ``description``, ``narrative``.
    encoding : str
        As Python names it; TREC's older files are ``latin-1``.

    Raises
    ------
    InputError
        If the file cannot be read, or a topic lacks its number or all of ``parts``, with file and line.
    """
    for part in parts:
        if part not in PARTS:
            raise InputError(f"`parts` must name {', '.join(PARTS)}, got {part!r}")
    if path.name.removesuffix(".gz").endswith(".jsonl"):
        read_queries(path, found)
        return
    lines = list(lines_of(path, encoding=encoding))
    marked = any(_BEGIN.search(line) for _, line in lines)
    for place, name, text in _marked(path, lines, parts) if marked else _by_line(path, lines):
        found.query(place, name, text)


def topics_of(path: str | Path, *, encoding: str = "utf-8") -> dict[str, str]:
    """Return the texts of a file of topics by id, without leading zeros; see `read_topics`."""
    found = Gathered(query_id="num", numbers=True)
    read_topics(Path(path), found, encoding=encoding)
    return found.queries()


def _by_line(path: Path, lines: list[tuple[int, str]]) -> Iterator[tuple[Place, str, str]]:
    """Yield place, id and text of one query a line."""
    for number, line in lines:
        place, cells = Place(str(path), number), _LINE.fullmatch(line)
        if cells is None or not cells[1].strip() or not cells[2].strip():
            raise InputError(
                f"{place} must hold an id, a tab or colon, and a text, got {shortened(line)}; topics with "
                "tags begin with <top>"
            )
        yield place, cells[1].strip(), cells[2].strip()


def _marked(
    path: Path, lines: list[tuple[int, str]], parts: tuple[str, ...]
) -> Iterator[tuple[Place, str, str]]:
    """Yield place, number and text of topics with tags."""
    for number, attributes, body in _blocks(lines):
        place = Place(str(path), number)
        texts = _texts(body)
        given = _ATTRIBUTE.search(attributes)
        name = next((texts[tag] for tag in _NUMBER_TAGS if tag in texts), given[1] if given else "")
        if not name:
            raise InputError(f"{place} begins a topic without a number; write <num> Number: 1")
        chosen = [next((texts[tag] for tag in PARTS[part] if texts.get(tag)), "") for part in parts]
        text = " ".join(filter(None, chosen))
        if not text:
            raise InputError(
                f"{place} begins topic {shortened(name)}, which has no {' or '.join(parts)}; write one, or "
                f"choose another of {', '.join(PARTS)}"
            )
        yield place, name, text


def _blocks(lines: list[tuple[int, str]]) -> Iterator[tuple[int, str, str]]:
    """Yield line, attributes and body of each topic; one that is not closed ends where the next begins."""
    start, attributes, body = 0, "", ""
    for number, line in lines:
        rest = line
        while begin := _BEGIN.search(rest):
            body += rest[: begin.start()]
            if start:
                yield start, attributes, _END.split(body)[0]
            start, attributes, body, rest = number, begin[2], "", rest[begin.end() :]
        body += rest + "\n"
    if start:
        yield start, attributes, _END.split(body)[0]


def _texts(body: str) -> dict[str, str]:
    """Return the text after each tag, up to the next; of a tag that is repeated, the first."""
    body = body.replace("<![CDATA[", "").replace("]]>", "")
    tags = list(_TAG.finditer(body))
    ends = [tag.start() for tag in tags[1:]] + [len(body)]
    texts: dict[str, str] = {}
    for tag, end in zip(tags, ends, strict=True):
        label = _LABEL.match(body, tag.end(), end)
        text = body[label.end() if label else tag.end() : end]
        if not tag[1]:
            texts.setdefault(tag[2].lower(), " ".join(html.unescape(text).split()))
    return texts


def write_topics(path: str | Path, queries: Mapping[str, str]) -> None:
    """Write topics in the classic form.

    Parameters
    ----------
    path : str or Path
    queries : mapping of id to text

    Raises
    ------
    InputError
        If an id is empty or holds a space, which tables of judgements and runs could not name.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_topics(Path(folder) / "topics", {"1": "fish & chips"})
    ...     topics_of(Path(folder) / "topics")
    {'1': 'fish & chips'}
    """
    for name in queries:
        if not name or len(name.split()) != 1:
            raise InputError(f"ids of topics must be without spaces, got {name!r}")
    texts = {name: html.escape(" ".join(text.split()), quote=False) for name, text in queries.items()}
    topics = (f"<top>\n<num> Number: {name}\n<title> Topic: {text}\n</top>\n" for name, text in texts.items())
    write_aside(Path(path), "\n".join(topics).encode())
