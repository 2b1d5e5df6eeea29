"""ir_datasets: collections by name, read through the package of that name, which finds or downloads them.

Source: MacAvaney et al., "Simplified data wrangling with ir_datasets", SIGIR 2021.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ltrr.errors import InputError, nearest
from ltrr.worlds.gathered import CollectionFiles, Gathered, Place
from ltrr.worlds.text_lines import shortened

__all__ = ["PREFIX", "read_ir_dataset"]

PREFIX = "ir_datasets:"
"""What a path begins with that names a dataset: ``ir_datasets:beir/scifact/test``."""


def read_ir_dataset(name: str, *, split: str = "test", skip_unknown: bool = False) -> CollectionFiles:
    """Read documents, queries and judgements of a dataset.

    A document's ``title`` and ``text`` are kept where it has them, otherwise its ``default_text()``. Of a
    pair that is judged in several ways, such as by subtopic, the highest score counts.

    Parameters
    ----------
    name : str
        As ir_datasets names it, for instance ``"cranfield"`` or ``"beir/scifact/test"``.
    split : str
        Which subset to take where ``name`` itself has no judgements: ``name/split``.
    skip_unknown : bool
        Leave out judgements of queries or documents that are not in the dataset, instead of refusing them.

    Raises
    ------
    InputError
        If ir_datasets is not installed, knows no such dataset, or cannot read it; if the dataset lacks
        documents, queries or judgements; or if ids are repeated.
    """
    full, dataset = _dataset(name, split)
    source = f"{PREFIX}{full}"
    found = Gathered("doc_id", "query_id", skip_unknown=skip_unknown)
    with _reading(source):
        _read_documents(dataset, source, found)
        _read_queries(dataset, source, found)
        for n, judged in enumerate(dataset.qrels_iter(), 1):
            place = Place(f"{source} qrels", n, "row")
            found.judgement(place, judged.query_id, judged.doc_id, float(judged.relevance), again=True)
    found.must_be_known(f"{source} qrels")
    return found.files(source)


def _dataset(name: str, split: str) -> tuple[str, Any]:
    """Return a dataset that has all that a world needs, and its whole name."""
    try:
        import ir_datasets
    except ImportError as error:
        raise InputError(
            f"{PREFIX}{name} needs the package ir_datasets ({error}); install it: "
            "pip install 'ltrr[datasets]'"
        ) from error
    found = {}
    for full in (name, f"{name}/{split}"):
        try:
            found[full] = ir_datasets.load(full)
        except KeyError:
            continue
        if not _lacks(found[full]):
            return full, found[full]
    known = sorted(ir_datasets.registry)
    if not found:
        raise InputError(f"ir_datasets knows no dataset {name!r}{nearest(name, known)}")
    whole = [other for other in known if other.startswith(f"{name}/") and not _lacks(ir_datasets.load(other))]
    remedy = f"take {', '.join(whole[:5])}" if whole else "take another"
    raise InputError(f"{PREFIX}{name} has no {_lacks(next(iter(found.values())))}; {remedy}")


def _lacks(dataset: Any) -> str:
    """Return what a dataset lacks, empty if nothing."""
    return next((kind for kind in ("docs", "queries", "qrels") if not dataset.has(kind)), "")


@contextmanager
def _reading(source: str) -> Iterator[None]:
    """Turn whatever a dataset raises, from downloading to decoding, into one line."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(
            f"{source} cannot be read: {shortened(cause)}; see what its documentation asks for, and whether "
            "it can be downloaded"
        ) from error


def _read_documents(dataset: Any, source: str, found: Gathered) -> None:
    fields = dataset.docs_cls()._fields
    for n, doc in enumerate(dataset.docs_iter(), 1):
        title = (doc.title or "") if "title" in fields else ""
        text = (doc.text or "") if "text" in fields else doc.default_text().removeprefix(title).strip()
        found.document(Place(f"{source} docs", n, "row"), doc.doc_id, title=title, text=text)
    found.must_hold_words(f"{source} docs")


def _read_queries(dataset: Any, source: str, found: Gathered) -> None:
    has_text = "text" in dataset.queries_cls()._fields
    for n, query in enumerate(dataset.queries_iter(), 1):
        text = query.text if has_text else query.default_text()
        found.query(Place(f"{source} queries", n, "row"), query.query_id, text or "")
