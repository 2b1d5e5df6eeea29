"""Collection: a world over a real collection with human judgements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.rng import Streams
from ltrr.types import Bool, Catalogue, Float64, Int8, Int16, Int32, Int64, Queries, indptr_of
from ltrr.worlds.collection_files import CollectionFiles, read_collection
from ltrr.worlds.english import is_english
from ltrr.worlds.synonyms import Synonyms
from ltrr.worlds.topic_world import TopicWorld
from ltrr.worlds.topics import Topics
from ltrr.worlds.traffic import HoldOut, RankedTraffic
from ltrr.worlds.variants import VARIANT_KINDS, token_key, variants

__all__ = ["Collection"]

_ORIGINAL_SHARE = 0.5
"""Share of a query's traffic that uses its original text; the variants share the rest."""


class Collection(TopicWorld):
    r"""Read a folder in the BEIR layout and let users ask its queries.

    Each query with at least one positive judgement is a topic. Its text has up to ``variants`` variants that
    mean the same: a word dropped, a word misspelt, the text cut short, a synonym, the words in another order,
    and a noun in the other number. Synonyms and numbers are those of English, where the texts are English.

    Texts and variants are one pool, made once by ``seed``. Each fork draws by its streams which texts are
    held out and in which order of popularity the stream asks the others, by p(rank) ∝ (rank + shift)^−zipf
    (Zipf–Mandelbrot). Held-out texts weigh equally. Half of the requests use the original text, the rest its
    variants in equal parts. A tenth of the texts is reserved (`ltrr.worlds.traffic.HoldOut`): held out in
    every replicate and absent from tuning.

    Queries with the same text (but for case and spaces) become one text with several topics, equally likely.

    Scores that are whole numbers up to 10 are the grades; of fractions and higher ones only the order counts
    (`ltrr.worlds.grades.grades_of`). Pairs without a judgement are unjudged, with grade 0: judgements were
    pooled from other systems, so what nobody had retrieved before counts as not relevant. Traffic, variants
    and users are made up; texts and grades are real.

    The catalogue keeps title and text as two fields, also where the text repeats its title: dropping the
    repetition lowered BM25's nDCG@10 on Cranfield from .352 to .337, since it doubles the weight of titles.
    ``metadata`` is kept as JSON. ``released`` is read from ``date_released``, ``release_date`` or
    ``released`` (ISO 8601): the clock starts with the latest release, and items without a date count as old
    as the oldest.

    Parameters
    ----------
    path : str, Path or CollectionFiles
        The folder with ``corpus.jsonl``, ``queries.jsonl`` and ``qrels/<split>.tsv``, each plain or .gz;
        ``ir_datasets:NAME``; or what was read already, such as by `read_trec`.
    variants : int
        Variants of each query text, >= 0, as far as there are enough; the kinds take turns.
    synonyms : str or Path, optional
        A table of synonyms that replaces the package's own, of everyday and technical English: a text file
        with a group of words or phrases a line, separated by commas. Lines with ``#`` first are comments.
    held_out : float
        Share of the query texts that the stream never asks, in [0, 1]; at least one text stays in the stream.
    zipf : float
        Exponent of the traffic, >= 0; 0 asks all originals equally often.
    shift : float
        Flattens the head of the traffic, >= 0; 0 is Zipf's law, by which one text has a fifth of the stream.
    seed : int
        Draws the variants, and which texts are reserved.
    skip_unknown : bool
        Leave out judgements of queries or items that are not in the collection, instead of refusing them.
    split : str
        Which judgements to read.
    ignore_identical_ids : bool
        Never show a query the document that has the query's own id, nor judge it: for collections whose
        queries are documents, such as ArguAna. Off by default, unlike in BEIR's evaluation, since ids also
        agree by chance where queries and documents are both numbered.
    n_users, gap_seconds
        As in `TopicWorld`.

    Attributes
    ----------
    notes : tuple of str
        What was left out, merged or read as something else, one sentence each.

    Raises
    ------
    InputError
        If a parameter is out of range, a file is absent or malformed (with file and line), or no query has a
        positive judgement.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from ltrr.rng import Streams
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = Path(name)
    ...     (folder / "qrels").mkdir()
    ...     _ = (folder / "corpus.jsonl").write_text('{"_id": "d1", "title": "Shoe", "text": "red"}\n')
    ...     _ = (folder / "queries.jsonl").write_text('{"_id": "q1", "text": "red shoe"}\n')
    ...     _ = (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t2\n")
    ...     world = Collection(folder, variants=2)
    >>> world
    Collection(items=1, queries=3, topics=1, n_users=500, gap_seconds=30)
    >>> requests = world.fork(Streams(seed=1)).next(4)
    >>> len(requests), world.max_grade, world.queries.text[0]
    (4, 2, 'red shoe')
    """

    def __init__(
        self,
        path: str | Path | CollectionFiles,
        *,
        variants: int = 6,
        synonyms: str | Path | None = None,
        held_out: float = 0.3,
        zipf: float = 1.1,
        shift: float = 10.0,
        seed: int = 0,
        skip_unknown: bool = False,
        split: str = "test",
        ignore_identical_ids: bool = False,
        n_users: int = 500,
        gap_seconds: float = 30.0,
    ) -> None:
        self._parameters = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        n_variants = _check.integer("Collection.variants", variants, low=0)
        share = _check.fraction("Collection.held_out", held_out)
        exponent = _check.number("Collection.zipf", zipf, low=0.0)
        flat = _check.number("Collection.shift", shift, low=0.0)
        streams = Streams(_check.integer("Collection.seed", seed))
        files = read_collection(path, split=split, skip_unknown=skip_unknown)
        own = _items_of_same_id(files)
        if ignore_identical_ids:
            files = _without_own(files, own)
        used, left_out = _used_queries(files, str(path))
        texts, means, merged = _merge(files.query_text, used)
        query_text, source, intent = _add_variants(texts, n_variants, streams, files, synonyms)
        hold_out = HoldOut.of(np.zeros(len(texts)), share, streams)
        splitter = RankedTraffic(hold_out, source, _share_of_source(source), exponent=exponent, shift=flat)
        traffic, withheld = splitter(Streams(seed=0))
        topic_indptr, topic_item, topic_grade = _judgements(files, used)
        meanings = [means[s] for s in source]
        super().__init__(
            Topics(
                catalogue=_catalogue(files),
                queries=Queries(tuple(query_text)),
                query_indptr=indptr_of(np.array([len(m) for m in meanings])),
                query_topic=np.array([t for m in meanings for t in m], np.int32),
                query_weight=np.array([1.0 / len(m) for m in meanings for _ in m]),
                topic_indptr=topic_indptr,
                topic_item=topic_item,
                topic_grade=topic_grade,
                traffic=traffic,
                held_out=withheld,
                intent=intent,
                intent_names=("original", *VARIANT_KINDS),
                max_grade=int(topic_grade.max()),
                complete=False,
                excluded=own[used] if ignore_identical_ids else None,
                reserved=_reserved_topics(hold_out.reserved, means, len(used)),
            ),
            n_users=n_users,
            gap_seconds=gap_seconds,
            splitter=splitter,
        )
        identical = _note_on_identical_ids(files, used, own, ignored=ignore_identical_ids)
        self.notes = (*files.notes, *left_out, *merged, *identical)

    def parameters(self) -> dict[str, Any]:
        """Return the parameters by name, as they were given."""
        return dict(self._parameters)


def _items_of_same_id(files: CollectionFiles) -> Int32:
    """Return the item that has each query's own id, −1 where there is none."""
    item = {name: i for i, name in enumerate(files.item_name)}
    return np.array([item.get(name, -1) for name in files.query_name], np.int32)


def _without_own(files: CollectionFiles, own: Int32) -> CollectionFiles:
    """Return the files without judgements of queries on the item of their own id."""
    kept = files.judged_item != own[files.judged_query]
    return replace(
        files,
        judged_query=files.judged_query[kept],
        judged_item=files.judged_item[kept],
        grade=files.grade[kept],
    )


def _note_on_identical_ids(
    files: CollectionFiles, used: Int64, own: Int32, *, ignored: bool
) -> tuple[str, ...]:
    """Return a note where used queries have the id of a document, which may be chance or the query itself."""
    both = [(query, item) for query, item in zip(used.tolist(), own[used].tolist(), strict=True) if item >= 0]
    if not both:
        return ()
    found = f"{len(both)} queries have the id of a document"
    if ignored:
        return (f"{found}, which is never shown to them",)
    same = sum(
        token_key(files.query_text[query])
        in (token_key(files.text[item]), token_key(f"{files.title[item]} {files.text[item]}"))
        for query, item in both
    )
    if same:
        return (
            f"{found}, {same} its text too: `world.ignore_identical_ids = true` leaves these documents out",
        )
    return (f"{found} but not its text; if they are one, set `world.ignore_identical_ids = true`",)


def _used_queries(files: CollectionFiles, path: str) -> tuple[Int64, tuple[str, ...]]:
    """Return the positions of the queries with a positive judgement, and a note on the others."""
    used = np.unique(files.judged_query[files.grade > 0]).astype(np.int64)
    if len(used) == 0:
        raise InputError(f"{path}: no query has a positive judgement: check the scores or take another split")
    n = len(files.query_name)
    if len(used) == n:
        return used, ()
    return used, (f"{n - len(used)} of {n} queries have no positive judgement and are left out",)


def _merge(query_text: tuple[str, ...], used: Int64) -> tuple[list[str], list[list[int]], tuple[str, ...]]:
    """Return distinct texts, the topics that each may mean, and a note on texts that were merged."""
    means: dict[str, list[int]] = {}
    texts: list[str] = []
    for topic, query in enumerate(used.tolist()):
        key = " ".join(query_text[query].casefold().split())
        if key not in means:
            texts.append(query_text[query])
        means.setdefault(key, []).append(topic)
    notes = (
        () if len(texts) == len(used) else (f"{len(used) - len(texts)} queries repeat the text of another",)
    )
    return texts, list(means.values()), notes


def _reserved_topics(reserved: Bool, means: list[list[int]], n: int) -> Bool:
    """Return which of ``n`` topics are meant by a reserved text."""
    out = np.zeros(n, np.bool_)
    out[[topic for text in np.flatnonzero(reserved) for topic in means[text]]] = True
    return out


def _add_variants(
    texts: list[str], n: int, streams: Streams, files: CollectionFiles, synonyms: str | Path | None
) -> tuple[list[str], Int64, Int16]:
    """Return originals and then variants, the original that each comes from, and its kind (0: original)."""
    english = is_english(chain.from_iterable(zip(files.title, files.text, strict=True)))
    table = Synonyms.read(synonyms) if english or synonyms is not None else Synonyms()
    out, source, intent = list(texts), list(range(len(texts))), [0] * len(texts)
    taken = {token_key(text) for text in texts}
    for i, text in enumerate(texts):
        rng = streams.generator("collection/variants", i)
        for variant, kind in variants(text, n=n, rng=rng, taken=taken, synonyms=table, english=english):
            out.append(variant)
            source.append(i)
            intent.append(kind + 1)
            taken.add(token_key(variant))
    return out, np.array(source, np.int64), np.array(intent, np.int16)


def _share_of_source(source: Int64) -> Float64:
    """Return the share (Q,) of its original's traffic that each text gets; originals come first."""
    n_variants = np.bincount(source) - 1
    share = np.where(n_variants == 0, 1.0, _ORIGINAL_SHARE)[source]
    is_variant = np.arange(len(source)) >= len(n_variants)
    share[is_variant] = (1.0 - _ORIGINAL_SHARE) / n_variants[source[is_variant]]
    return share


def _judgements(files: CollectionFiles, used: Int64) -> tuple[Int64, Int32, Int8]:
    """Return the judgements of the used queries by topic, items ascending."""
    topic_of = np.full(len(files.query_name), -1, np.int64)
    topic_of[used] = np.arange(len(used))
    topic = topic_of[files.judged_query]
    order = np.lexsort((files.judged_item, topic))
    order = order[topic[order] >= 0]
    counts = np.bincount(topic[order], minlength=len(used))
    return indptr_of(counts), files.judged_item[order], files.grade[order]


def _catalogue(files: CollectionFiles) -> Catalogue:
    """Return the items; release times count from the latest release."""
    dated = np.isfinite(files.released)
    released = np.zeros(len(dated))
    if dated.any():
        released = np.where(dated, files.released, files.released[dated].min()) - files.released[dated].max()
    fields: Mapping[str, tuple[str, ...]] = {"title": files.title, "text": files.text}
    return Catalogue(name=files.item_name, fields=fields, released=released, metadata=files.metadata)
