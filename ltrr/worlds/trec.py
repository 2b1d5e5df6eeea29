"""TREC: collections of documents, topics and judgements in TREC's forms."""

from __future__ import annotations

from pathlib import Path

from ltrr.errors import InputError
from ltrr.types import row_of
from ltrr.worlds.beir import read_documents
from ltrr.worlds.gathered import CollectionFiles, Gathered
from ltrr.worlds.topic_world import TopicWorld
from ltrr.worlds.trec_documents import read_trec_documents
from ltrr.worlds.trec_tables import read_qrels, write_qrels
from ltrr.worlds.trec_topics import read_topics, write_topics

__all__ = ["read_trec", "write_trec_qrels", "write_trec_topics"]


def read_trec(
    *,
    corpus: str | Path,
    topics: str | Path,
    qrels: str | Path,
    parts: tuple[str, ...] = ("title",),
    skip_unknown: bool = False,
    encoding: str = "utf-8",
) -> CollectionFiles:
    r"""Read a TREC collection, for `Collection`.

    Files may be gzipped; CRLF and byte order marks do no harm. Topics numbered with leading zeros meet
    judgements without.

    Parameters
    ----------
    corpus : str or Path
        A file of ``<DOC>`` elements or a folder of such files, or a ``.jsonl`` as BEIR has it.
    topics : str or Path
        Topics with tags, or one a line: `ltrr.worlds.trec_topics.read_topics`.
    qrels : str or Path
        Four columns: topic, iteration, document, score.
    parts : tuple of str
        What a query's text is made of: ``title``, ``description``, ``narrative``.
    skip_unknown : bool
        Leave out judgements of topics or documents that are not in the collection, instead of refusing them.
    encoding : str
        As Python names it; TREC's older files are ``latin-1``.

    Raises
    ------
    InputError
        With file and line, if one cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = Path(name)
    ...     _ = (folder / "docs").write_text("<DOC><DOCNO>d1</DOCNO><TEXT>red shoe</TEXT></DOC>")
    ...     _ = (folder / "topics").write_text("<top>\n<num> Number: 051\n<title> Topic: shoe\n</top>\n")
    ...     _ = (folder / "qrels").write_text("51 0 d1 1\n")
    ...     files = read_trec(corpus=folder / "docs", topics=folder / "topics", qrels=folder / "qrels")
    >>> files.query_name, files.query_text, files.text, files.grade.tolist()
    (('51',), ('shoe',), ('red shoe',), [1])
    """
    place, asked, judged = Path(corpus), Path(topics), Path(qrels)
    for path in (place, asked, judged):
        if not path.exists():
            raise InputError(f"{path} does not exist: give the corpus, the topics and the qrels")
    found = Gathered("DOCNO", "num", skip_unknown=skip_unknown, numbers=True)
    if place.name.removesuffix(".gz").endswith(".jsonl"):
        read_documents(place, found)
    else:
        read_trec_documents(place, found, encoding=encoding)
    read_topics(asked, found, parts=parts, encoding=encoding)
    read_qrels(judged, found, encoding=encoding)
    return found.files(f"{corpus} with {topics} and {qrels}")


def write_trec_topics(world: TopicWorld, path: str | Path) -> None:
    """Write every text that a world's users may ask as a topic, for a retriever of one's own to answer.

    A topic's number is the text's place in ``world.queries``. The run that answers them is an arm:
    ``{"kind": "trec-run", "path": ..., "topics": path}`` (`ltrr.retrieval.TrecRun`).
    """
    write_topics(path, {str(n): text for n, text in enumerate(world.queries.text)})


def write_trec_qrels(world: TopicWorld, path: str | Path) -> None:
    """Write the judgements of every text of `write_trec_topics`.

    Of several meanings of a text the highest grade counts. Grades of 0 are written where they were judged.
    """
    topics = world.topics
    best: dict[tuple[int, int], int] = {}
    for query, topic in zip(row_of(topics.query_indptr).tolist(), topics.query_topic.tolist(), strict=True):
        judged = slice(topics.topic_indptr[topic], topics.topic_indptr[topic + 1])
        pairs = zip(topics.topic_item[judged].tolist(), topics.topic_grade[judged].tolist(), strict=True)
        for item, grade in pairs:
            best[query, item] = max(best.get((query, item), 0), grade)
    names = world.catalogue.name
    write_qrels(path, ((str(query), names[item], grade) for (query, item), grade in best.items()))
