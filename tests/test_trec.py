"""TREC topics, documents, judgements, runs: sloppy forms are read, faults are one line with file and line."""

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.worlds import (
    Collection,
    CollectionFiles,
    Music,
    read_trec,
    write_trec_qrels,
    write_trec_topics,
)
from ltrr.worlds.gathered import Gathered, Place
from ltrr.worlds.trec_documents import read_trec_documents
from ltrr.worlds.trec_tables import read_qrels, read_run, write_qrels, write_run
from ltrr.worlds.trec_topics import read_topics, topics_of, write_topics

CLASSIC = """
<top>
<head> Tipster Topic Description
<num> Number:  051
<dom> Domain:  International Economics
<title> Topic:  Airbus
Subsidies &amp; more

<desc> Description:
Document will discuss government
assistance to Airbus.

<narr> Narrative:
A relevant document will cite x < y.
</top>


<top>
<num> Number: 52
<title>
 South African Sanctions

<desc> Description: sanctions
</top>
"""

CLOSED = """<top><num>1</num><title>one shoe</title><desc>d</desc><narr>n</narr></top>
<TOP><NUM>Number: 2</NUM><TITLE>two
shoes</TITLE></TOP>"""

XML = """<?xml version="1.0" encoding="UTF-8"?>
<topics track="web">
 <topic number="7" type="faceted"><query>blue hat</query>
  <description>Find <![CDATA[hats & scarves]]>.</description>
  <subtopic number="1" type="nav">felt hats</subtopic>
  <description>another</description></topic>
 <topic id='t-8'>
  <title>red &lt;shoe&gt;</title><narrative>no</narrative>
 </topic>
</topics>
"""

OPEN = "<top>\n<num> Number: 1\n<title> one\n<top>\n<num> Number: 2\n<title> two\n"


def put(path, text, **kinds):
    data = text if isinstance(text, bytes) else text.encode(kinds.get("encoding", "utf-8"))
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        (CLASSIC, {"51": "Airbus Subsidies & more", "52": "South African Sanctions"}),
        (CLOSED, {"1": "one shoe", "2": "two shoes"}),
        (XML, {"7": "blue hat", "t-8": "red <shoe>"}),
        (OPEN, {"1": "one", "2": "two"}),
        ("1:red shoe\n2:hat: blue\n", {"1": "red shoe", "2": "hat: blue"}),
        ("q1\tred shoe\n\n q2\t blue: hat \n", {"q1": "red shoe", "q2": "blue: hat"}),
    ],
)
@pytest.mark.parametrize("change", ["plain", "crlf", "bom", "gz"])
def test_topics_of_all_forms(tmp_path, text, topics, change):
    text = text.replace("\n", "\r\n") if change == "crlf" else text
    data = ("\ufeff" if change == "bom" else "") + text
    path = put(tmp_path / ("topics.gz" if change == "gz" else "topics"), data)
    assert topics_of(path) == topics


def test_topics_in_json_lines_and_in_parts(tmp_path):
    assert topics_of(put(tmp_path / "q.jsonl", '{"_id": "007", "text": "red"}\n')) == {"7": "red"}
    for parts, text in (
        (("description",), "Document will discuss government assistance to Airbus."),
        (("narrative",), "A relevant document will cite x < y."),
        (("title", "narrative"), "Airbus Subsidies & more A relevant document will cite x < y."),
    ):
        found = Gathered(numbers=True)
        wanted = CLASSIC[: CLASSIC.index("</top>") + 6]
        read_topics(put(tmp_path / "topics", wanted), found, parts=parts)
        assert found.queries() == {"51": text}
    found = Gathered()
    read_topics(put(tmp_path / "x.xml", XML.split(" <topic id")[0]), found, parts=("description",))
    assert found.queries() == {"7": "Find hats & scarves."}


def test_topics_equal_what_ir_datasets_reads(tmp_path):
    ir = pytest.importorskip("ir_datasets")
    text = CLASSIC.replace(
        "South African Sanctions\n\n<desc> Description: sanctions", "South\n<desc> x\n<narr> y"
    )
    path = put(tmp_path / "topics", text)
    theirs = ir.formats.TrecQueries(ir.util.LocalDownload(path)).queries_iter()
    plain = {q.query_id.lstrip("0"): " ".join(q.title.split()) for q in theirs}
    assert {k: v.removeprefix("Topic: ").replace("&amp;", "&") for k, v in plain.items()} == topics_of(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<top>\n<title> a\n</top>\n", "line 1 begins a topic without a number; write <num> Number: 1"),
        (
            "\n<top>\n<num> Number: 5\n<desc> d\n</top>\n",
            "line 2 begins topic '5', which has no title; write one, or choose another of title, desc",
        ),
        ("1:a\n2 b\n", "line 2 must hold an id, a tab or colon, and a text, got '2 b'"),
        ("1:a\n2:\n", "line 2 must hold an id"),
        (OPEN + OPEN, "lines 1 and 7 have the same `num` '1'; remove one"),
        (OPEN.replace("2", "01"), "lines 1 and 4 have the same `num` '1'; remove one"),
        ("", "is empty"),
        ("<top>\n<num> 1\n<title> \xe9clair\n".encode("latin-1"), "line 3 is not UTF-8 .*0xe9.*; save it as"),
    ],
)
def test_faults_of_topics_are_one_line(tmp_path, text, words):
    path = put(tmp_path / "topics", text)
    with pytest.raises(InputError, match=rf"^{path}:? ?{words}") as error:
        topics_of(path)
    assert "\n" not in str(error.value)


DOCS = """<DOC>
<DOCNO> FT-1 </DOCNO>
<DATE>940101</DATE>
<HEADLINE>Red <i>shoe</i></HEADLINE>
<TEXT>
for running &amp; walking
</TEXT>
<TEXT>fast</TEXT>
</DOC>
<DOC><DOCNO>FT-2</DOCNO>
<TITLE></TITLE> blue
 hat </DOC>
"""


@pytest.mark.parametrize("change", ["plain", "crlf", "gz", "latin-1", "lower", "folder"])
def test_documents(tmp_path, change):
    text = DOCS.replace("blue", "bl\xfce") if change == "latin-1" else DOCS
    text = text.replace("\n", "\r\n") if change == "crlf" else text
    if change == "lower":
        for tag in ("DOCNO", "DOC", "HEADLINE", "TEXT", "TITLE"):
            text = text.replace(f"<{tag}>", f"<{tag.lower()}>").replace(f"</{tag}>", f"</{tag.lower()}>")
    folder, encoding = tmp_path / "docs", "latin-1" if change == "latin-1" else "utf-8"
    (folder / "b").mkdir(parents=True)
    if change == "folder":
        first, second = text.split("</DOC>\n", 1)
        put(folder / "a", first + "</DOC>\n")
        put(folder / "b" / "c.gz", second)
    path = folder if change == "folder" else put(tmp_path / f"d.{change}", text, encoding=encoding)
    found = Gathered()
    read_trec_documents(path, found, encoding=encoding)
    files = found.files("")
    assert files.item_name == ("FT-1", "FT-2")
    assert files.title == ("Red shoe", "")
    blue = "bl\xfce" if change == "latin-1" else "blue"
    assert files.text == ("for running & walking fast", f"{blue} hat")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<DOC>\n<TEXT>a</TEXT>\n</DOC>\n", "line 1 begins a document without an id; write <DOCNO>"),
        ("<DOC>\n<DOCNO>a</DOCNO>\n<DOC>\n", "line 1 begins a document that is not closed; write </DOC>"),
        ("<DOC>\n<DOCNO>a</DOCNO>\n", "line 1 begins a document that is not closed"),
        ("\nhello\n", "line 2 must begin a document, <DOC>, got 'hello'"),
        (DOCS + DOCS, "lines 1 and 13 have the same `DOCNO` 'FT-1'; remove one"),
        ("<DOC><DOCNO>a</DOCNO> … </DOC>", "no document holds a letter or digit"),
    ],
)
def test_faults_of_documents_are_one_line(tmp_path, text, words):
    path = put(tmp_path / "docs", text)
    with pytest.raises(InputError, match=rf"^{path}: {words}") as error:
        read_trec_documents(path, Gathered("DOCNO"))
    assert "\n" not in str(error.value)


def gathered():
    found = Gathered(numbers=True)
    for n, name in enumerate(("d1", "d 2", "d3"), 1):
        found.document(Place("docs", n), name, text="red")
    for n, name in enumerate(("1", "2"), 1):
        found.query(Place("topics", n), name, "red")
    return found


def test_judgements(tmp_path):
    text = "001 0 d1 2\n2\tx\td 2\t1.0\n2  0   d1\t-1\n2 Q0 d3 0\n2 Q1 d3 1\n2 Q2 d3 0\n1 0 d1 2\n"
    for change in (text, "\ufeff" + text.replace("\n", "\r\n")):
        found = gathered()
        read_qrels(put(tmp_path / "qrels", change), found)
        files = found.files("")
        pairs = zip(
            files.judged_query.tolist(), files.judged_item.tolist(), files.grade.tolist(), strict=True
        )
        assert list(pairs) == [(0, 0, 2), (1, 1, 1), (1, 0, 0), (1, 2, 1)]
        assert files.notes == (
            "1 pairs are judged in several ways: the highest score counts",
            "1 scores below 0 count as 0",
        )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 0 d1\n", "line 1 must hold 4 columns .topic, iteration, document, score., got 3: '1 0 d1'"),
        ("1 0 d1 1\n1 0 d 2 1\n", "line 2 must hold 4 columns .*got 5"),
        ("1 0 d1 high\n", "line 1 must hold a score, a number, got 'high'"),
        ("1 0 d1 1\n1 0 d1 2\n", "lines 1 and 2 judge query '1' and item 'd1' differently; remove one"),
        ("1 0 d1 1\n9 0 d1 1\n1 0 d9 1\n", "2 judgements name .* first query '9' at line 2; correct them"),
    ],
)
def test_faults_of_judgements_are_one_line(tmp_path, text, words):
    path = put(tmp_path / "qrels", text)
    with pytest.raises(InputError, match=rf"^{path}: {words}") as error:
        read_qrels(path, gathered())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 Q0 d1 0 1.5\n", "line 1 must hold 6 columns .*got 5"),
        ("1 Q0 d1 0 good r\n", "line 1 must hold a score, a finite number, got 'good'"),
        ("1 Q0 d1 0 1 r\n1 Q0 d1 0 nan r\n", "line 2 must hold a score, a finite number, got 'nan'"),
        ("1 Q0 d1 0 inf r\n", "line 1 must hold a score"),
    ],
)
def test_faults_of_runs_are_one_line(tmp_path, text, words):
    path = put(tmp_path / "run", text)
    with pytest.raises(InputError, match=rf"^{path}: {words}") as error:
        list(read_run(path))
    assert "\n" not in str(error.value)


def collection(folder):
    folder.mkdir(exist_ok=True)
    return {
        "corpus": put(folder / "docs.gz", DOCS),
        "topics": put(folder / "topics", CLASSIC + "<top>\n<num> 53\n<title> nothing\n</top>\n"),
        "qrels": put(folder / "qrels", "51 0 FT-1 3\n051 0 FT-2 1\n52 0 FT-2 1\n"),
    }


def test_a_world_of_trec_files(tmp_path):
    files = read_trec(**collection(tmp_path))
    world = Collection(files, variants=0)
    assert world.catalogue.name == ("FT-1", "FT-2")
    assert world.queries.text == ("Airbus Subsidies & more", "South African Sanctions")
    assert world.topics.topic_grade.tolist() == [3, 1, 1]
    assert "1 of 3 queries have no positive judgement and are left out" in world.notes
    with pytest.raises(InputError, match=r"docs\.gz with .*/q: no query has a positive judgement"):
        Collection(read_trec(**collection(tmp_path) | {"qrels": put(tmp_path / "q", "51 0 FT-1 0\n")}))
    with pytest.raises(InputError, match="x does not exist: give the corpus"):
        read_trec(**collection(tmp_path) | {"topics": tmp_path / "x"})
    with pytest.raises(InputError, match="`parts` must name title, description, narrative, got 'head'"):
        read_trec(**collection(tmp_path), parts=("head",))


def test_what_is_read_can_be_saved_and_named(tmp_path):
    files = read_trec(**collection(tmp_path))
    files.save(tmp_path / "beir", split="mine")
    again, world = Collection(tmp_path / "beir", split="mine"), Collection(files)
    assert again.catalogue.name == world.catalogue.name
    assert again.catalogue.fields == world.catalogue.fields
    assert again.queries == world.queries
    assert np.array_equal(again.topics.topic_grade, world.topics.topic_grade)
    assert str(files).startswith(str(tmp_path))
    assert repr(files).endswith("items=2, queries=3, judgements=3)")


def test_a_corpus_of_json_lines(tmp_path):
    place = put(
        tmp_path / "corpus.jsonl.gz", '{"_id": "FT-1", "text": "red"}\n{"_id": "FT-2", "text": "b"}\n'
    )
    files = read_trec(**collection(tmp_path) | {"corpus": place})
    assert isinstance(files, CollectionFiles)
    assert files.text == ("red", "b")


NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=5)
TEXTS = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=20).filter(
    lambda text: text.split() and not text.lower().split()[0].rstrip(":").endswith(("topic", "title"))
)


@settings(max_examples=60, deadline=None)
@given(
    queries=st.dictionaries(st.integers(1, 10**6).map(str), TEXTS.filter(lambda t: ":" not in t), min_size=1)
)
def test_topics_come_back(tmp_path_factory, queries):
    path = tmp_path_factory.mktemp("t") / "topics"
    write_topics(path, queries)
    assert topics_of(path) == {name: " ".join(text.split()) for name, text in queries.items()}


@settings(max_examples=60, deadline=None)
@given(lists=st.dictionaries(NAMES, st.lists(NAMES, min_size=1, max_size=5, unique=True), min_size=1))
def test_runs_come_back_best_first(tmp_path_factory, lists):
    path = tmp_path_factory.mktemp("t") / "run"
    write_run(path, lists.items(), name="mine")
    back = {}
    for _, topic, item, score in read_run(path):
        back.setdefault(topic, []).append((score, item))
    assert {t: [i for _, i in sorted(own, reverse=True)] for t, own in back.items()} == lists


def test_ids_with_spaces_cannot_be_written(tmp_path):
    for write in (
        lambda: write_topics(tmp_path / "t", {"a b": "c"}),
        lambda: write_qrels(tmp_path / "t", [("1", "a b", 1)]),
        lambda: write_run(tmp_path / "t", [("1", ["a", ""])], name="x"),
    ):
        with pytest.raises(InputError, match=r"must be without spaces, got '(a b)?'"):
            write()
        assert not (tmp_path / "t").exists()


def test_topics_and_judgements_of_a_world(tmp_path):
    world = Music(300, n_queries=40, seed=3)
    write_trec_topics(world, tmp_path / "topics")
    write_trec_qrels(world, tmp_path / "qrels")
    assert topics_of(tmp_path / "topics") == {
        str(n): " ".join(text.split()) for n, text in enumerate(world.queries.text)
    }
    t, want = world.topics, {}
    for query in range(len(world.queries)):
        for topic in t.query_topic[t.query_indptr[query] : t.query_indptr[query + 1]]:
            for at in range(t.topic_indptr[topic], t.topic_indptr[topic + 1]):
                key = (str(query), world.catalogue.name[t.topic_item[at]])
                want[key] = max(want.get(key, 0), int(t.topic_grade[at]))
    lines = [line.split() for line in (tmp_path / "qrels").read_text().splitlines()]
    assert {(q, i): int(g) for q, _, i, g in lines} == want
    assert len(lines) == len(want) > 300
