"""Real collections: what is read is what the files say, and a fault is one clear line."""

from __future__ import annotations

import gzip
import json
import shutil

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.rng import Streams
from ltrr.types import Items
from ltrr.worlds import Collection
from ltrr.worlds.variants import VARIANT_KINDS, token_key
from tests import naive_worlds

CORPUS = [
    {
        "_id": "d1",
        "title": "Red shoe",
        "text": "a shoe for running",
        "metadata": {"date_released": "2020-01-02"},
    },
    {
        "_id": "d2",
        "title": "",
        "text": "blue hät",
        "metadata": {"price": 3, "released": "2020-01-01T00:00:00Z"},
    },
    {"_id": "d3", "text": "", "metadata": {"release_date": "soon"}},
    {"_id": "d4", "title": None, "text": "green coat", "metadata": None},
]
QUERIES = [
    {"_id": "q1", "text": "running shoes for winter"},
    {"_id": "q2", "text": "blue hat with feathers"},
    {"_id": "q3", "text": "nothing fits"},
    {"_id": "q4", "text": "Blue  hat with feathers"},
]
QRELS = [
    ("q2", "d2", 2),
    ("q1", "d3", 1),
    ("q1", "d1", 3),
    ("q3", "d1", 0),
    ("q4", "d4", 1),
    ("q2", "d1", -1),
]


def as_files(corpus=CORPUS, queries=QUERIES, qrels=QRELS):
    lines = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in qrels)]
    return {
        "corpus.jsonl": "".join(json.dumps(x, ensure_ascii=False) + "\n" for x in corpus).encode(),
        "queries.jsonl": "".join(json.dumps(x) + "\n" for x in queries).encode(),
        "qrels/test.tsv": "".join(x + "\n" for x in lines).encode(),
    }


def write(folder, files):
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "qrels").mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "shop", as_files())


def test_reads_what_the_files_say(folder):
    world = Collection(folder, variants=0, held_out=0.0, zipf=1.0, shift=0.0)
    t, c = world.topics, world.catalogue
    assert c.name == ("d1", "d2", "d3", "d4")
    assert dict(c.fields) == {
        "title": ("Red shoe", "", "", ""),
        "text": ("a shoe for running", "blue hät", "", "green coat"),
    }
    assert [json.loads(m) for m in c.metadata] == [x["metadata"] or {} for x in CORPUS]
    # the clock starts with the latest release; without a date an item counts as the oldest
    assert c.released.tolist() == [0.0, -86_400.0, -86_400.0, -86_400.0]
    assert t.queries.text == ("running shoes for winter", "blue hat with feathers")
    assert t.query_indptr.tolist() == [0, 1, 3]
    assert t.query_topic.tolist() == [0, 1, 2]
    assert t.query_weight.tolist() == [1.0, 0.5, 0.5]
    assert t.topic_indptr.tolist() == [0, 2, 4, 5]
    assert t.topic_item.tolist() == [0, 2, 0, 1, 3]
    assert t.topic_grade.tolist() == [3, 1, 0, 2, 1]
    assert sorted(t.traffic.tolist()) == pytest.approx([1 / 3, 2 / 3])
    assert not t.held_out.any()
    assert (t.max_grade, t.complete) == (3, False)
    assert world.notes == (
        "1 scores below 0 count as 0",
        "1 of 4 queries have no positive judgement and are left out",
        "1 queries repeat the text of another",
    )


def test_truth_equals_the_naive_twin(folder):
    world = Collection(folder).fork(Streams(3))
    for requests in (world.next(40), world.held_out(40)):
        lists = [[3, -1, 2, 1, 0]] * 40
        items = Items(np.arange(41) * 5, np.array(lists).reshape(-1))
        truth = world.truth(requests, items)
        want = naive_worlds.truth(world.topics, Streams(3), requests.request, requests.query, lists)
        assert truth.grade.tolist() == [g for one in want for g in one["grade"]]
        assert truth.judged.tolist() == [j for one in want for j in one["judged"]]
        assert truth.topic.tolist() == [one["topic"] for one in want]
        assert truth.ideal.tolist() == [one["ideal"] for one in want]


def test_gzip_bom_crlf_and_blank_lines_make_no_difference(tmp_path, folder):
    plain = Collection(folder)
    files = as_files()
    odd = {"corpus.jsonl.gz": gzip.compress(files["corpus.jsonl"])}
    odd["qrels/test.tsv.gz"] = gzip.compress(files["qrels/test.tsv"].replace(b"\n", b"\r\n"))
    odd["queries.jsonl"] = b"\xef\xbb\xbf" + files["queries.jsonl"].replace(b"\n", b"\r\n\r\n")
    other = Collection(write(tmp_path / "odd", odd))
    assert other.queries == plain.queries
    assert other.catalogue.fields == plain.catalogue.fields
    for key in ("traffic", "held_out", "topic_item", "topic_grade", "intent", "query_topic"):
        assert np.array_equal(getattr(other.topics, key), getattr(plain.topics, key))


def test_seed_alone_decides(folder):
    a, b = Collection(folder, seed=4), Collection(folder, seed=4)
    assert a.queries == b.queries
    assert np.array_equal(a.topics.traffic, b.topics.traffic)
    assert len({Collection(folder, seed=s).queries.text for s in range(5)}) > 1


def many_queries(n):
    rng = np.random.default_rng(0)
    words = ["alpha", "beta", "gamma", "delta", "omega", "sigma", "kappa", "theta"]
    queries = [{"_id": f"q{i}", "text": f"{words[i % 8]} {words[(i // 8) % 8]} shoe {i}"} for i in range(n)]
    qrels = [(f"q{i}", f"d{j + 1}", 1) for i in range(n) for j in rng.permutation(4)[:2]]
    return as_files(queries=queries, qrels=qrels)


def test_split_variants_and_traffic(tmp_path):
    n = 40
    folder = write(tmp_path / "many", many_queries(n))
    world = Collection(folder, variants=3, held_out=0.3, zipf=1.1, shift=4.0, seed=2).fork(Streams(5))
    t = world.topics
    assert len(t.queries) == 4 * n
    assert t.intent_names == ("original", *VARIANT_KINDS)
    assert np.all(t.intent[:n] == 0)
    assert np.all(t.intent[n:] > 0)
    topic = t.query_topic
    assert np.all(np.diff(t.query_indptr) == 1)
    held = set(topic[t.held_out > 0].tolist())
    assert len(held) == round(0.3 * n)
    assert held.isdisjoint(topic[t.traffic > 0].tolist())
    assert t.reserved.sum() == 4
    assert set(np.flatnonzero(t.reserved)) < held
    stream, out = world.shares()
    law = (np.arange(1, 29) + 4.0) ** -1.1
    assert np.sort(stream)[:11:-1] == pytest.approx(law / law.sum())
    assert out[sorted(held)] == pytest.approx(np.full(12, 1 / 12))
    for part, share in ((t.traffic, stream), (t.held_out, out)):
        # half of a topic's traffic is the original text, the rest its variants in equal parts
        assert share == pytest.approx(2 * part[:n])
        assert part[n:] == pytest.approx(share[topic[n:]] / 6)
    assert len({token_key(x) for x in t.queries.text}) == 4 * n


def test_variants_of_different_queries_never_meet(tmp_path):
    queries = [
        {"_id": f"q{i}", "text": f"{word} shoe"} for i, word in enumerate(("tan", "tin", "ten", "shoe"))
    ]
    files = as_files(queries=queries, qrels=[(f"q{i}", "d1", 1) for i in range(4)])
    folder = write(tmp_path / "near", files)
    for seed in range(5):
        text = Collection(folder, variants=9, seed=seed).queries.text
        assert len({token_key(t) for t in text}) == len(text) > 30


def test_stream_follows_the_traffic(tmp_path):
    world = Collection(write(tmp_path / "many", many_queries(12)), variants=2, seed=1).fork(Streams(8))
    t = world.topics
    counts = np.bincount(world.next(50_000).query, minlength=len(t.queries))
    expected = 50_000 * t.traffic
    asked = t.traffic > 0
    assert asked.sum() == 24
    assert not counts[~asked].any()
    # 23 degrees of freedom: P(above 80) is about 3e-8
    assert (((counts - expected) ** 2)[asked] / expected[asked]).sum() < 80


def test_one_query_stays_in_the_stream(tmp_path):
    files = as_files(queries=QUERIES[:1], qrels=QRELS[1:3])
    world = Collection(write(tmp_path / "one", files), held_out=1.0)
    assert world.topics.traffic.sum() == pytest.approx(1.0)
    with pytest.raises(InputError, match="holds no query out"):
        world.held_out(1)


def fault(**files):
    names = {"corpus": "corpus.jsonl", "queries": "queries.jsonl", "qrels": "qrels/test.tsv"}
    return {names[key]: value for key, value in files.items()}


HEADER = b"query-id\tcorpus-id\tscore\n"
D1 = b'{"_id": "d1", "text": "a"}\n'


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (fault(corpus=None), r"holds no corpus\.jsonl \(or corpus\.jsonl\.gz\)"),
        (fault(queries=None), r"holds no queries\.jsonl"),
        (fault(qrels=None), r"holds no qrels/test\.tsv"),
        (fault(corpus=b""), r"corpus\.jsonl is empty"),
        (fault(queries=b" \n\n"), r"queries\.jsonl is empty"),
        (fault(qrels=b""), r"test\.tsv is empty"),
        (fault(corpus=D1 + b"{nonsense}\n"), r"corpus\.jsonl: line 2 is not JSON"),
        (fault(corpus=D1 + b"\n[1, 2]\n"), r"line 3 must hold a JSON object, got \[1, 2\]"),
        (fault(corpus=b"[" * 100_000), "line 1 is not JSON"),
        (fault(corpus=b'{"_id": ' + b"1" * 5000 + b"}\n"), "line 1 is not JSON"),
        (fault(corpus=b'{"text": "a"}\n'), "line 1 must have `_id`, a text, got nothing"),
        (fault(corpus=b'{"_id": 7.0, "text": "a"}\n'), r"line 1 must have `_id`, a text, got 7\.0"),
        (fault(corpus=b'{"_id": true, "text": "a"}\n'), "line 1 must have `_id`, a text, got True"),
        (fault(corpus=b'{"_id": 1, "text": "a"}\n{"_id": "1", "text": "b"}\n'), "same `_id` '1'"),
        (fault(corpus=b'{"_id": "", "text": "a"}\n'), "line 1 must have `_id`"),
        (fault(corpus=b'{"_id": "x"}\n'), "line 1 must have `text`, a text, got nothing"),
        (fault(queries=b'{"_id": "x", "text": ["a"]}\n'), "line 1 must have `text`, a text"),
        (fault(corpus=b'{"_id": "x", "text": "a", "title": 3}\n'), "line 1 must have `title`"),
        (fault(corpus=b'{"_id": "x", "text": "a", "metadata": []}\n'), "an object as `metadata`"),
        (fault(corpus=b'{"_id": "x", "text": "a", "metadata": {"p": NaN}}\n'), "`metadata` that is not JSON"),
        (fault(corpus=b'{"_id": "x", "text": "\\ud800"}\n'), "line 1 is not JSON"),
        (fault(corpus=D1 + D1), "lines 1 and 2 have the same `_id` 'd1'"),
        (fault(corpus=D1 + b'{"_id": "d\xff"}'), "line 2 is not UTF-8 .byte 11 of the line, 0xff"),
        (fault(qrels=b"q1\td1\t1\n"), "line 1 must be the header query-id<tab>corpus-id<tab>score"),
        (
            fault(qrels=HEADER + b"q1 d1 1\n"),
            "line 2 must hold query-id, corpus-id and score separated by tabs",
        ),
        *(
            (fault(qrels=HEADER + b"q1\td1\t" + score + b"\n"), "line 2 must hold a score, a number, got '")
            for score in (b"high", b"nan", b"inf", b"1,5", b"0x1", b"1e999", b"", "\u0661".encode())
        ),
        (
            fault(qrels=HEADER + b"q1\td1\t0.5\nq1\td1\t1.5\n"),
            "lines 2 and 3 judge query 'q1' and item 'd1' differ",
        ),
        (
            fault(corpus=b'{"_id": "d", "title": "", "text": " "}\n'),
            r"corpus\.jsonl: no document has any text",
        ),
        (fault(corpus=b'{"_id": "d", "text": "?! -"}\n'), r"corpus\.jsonl: no document holds a letter or"),
        (
            fault(qrels=HEADER + b"q1\td1\t1\nq1\td9\t1\nq9\td1\t1\n"),
            "2 judgements .* first item 'd9' at line 3",
        ),
        (fault(qrels=HEADER + b"q9\td9\t1\n"), "first query 'q9' at line 2; .* --skip-unknown"),
        (
            fault(qrels=HEADER + b"q1\td1\t1\nq1\td1\t2\n"),
            "lines 2 and 3 judge query 'q1' and item 'd1' differ",
        ),
        (fault(qrels=HEADER), "no query has a positive judgement"),
        (fault(qrels=HEADER + b"q1\td1\t0\nq2\td1\t-3\n"), "no query has a positive judgement"),
    ],
)
def test_faults_are_one_clear_line(tmp_path, files, message):
    content = {k: v for k, v in {**as_files(), **files}.items() if v is not None}
    with pytest.raises(InputError, match=message) as caught:
        Collection(write(tmp_path / "bad", content))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(tmp_path))


def test_other_faults(tmp_path, folder):
    with pytest.raises(InputError, match="is not a folder"):
        Collection(tmp_path / "absent")
    with pytest.raises(InputError, match=r"holds no qrels/dev\.tsv"):
        Collection(folder, split="dev")
    packed = gzip.compress(as_files()["corpus.jsonl"])
    for damaged in (packed[:-12], b"no gzip at all", packed[:20] + b"\x00\x00" + packed[22:]):
        files = {k: v for k, v in as_files().items() if k != "corpus.jsonl"}
        with pytest.raises(InputError, match=r"corpus\.jsonl\.gz"):
            Collection(write(tmp_path / "gz", {**files, "corpus.jsonl.gz": damaged}))
    for bad in (
        {"variants": -1},
        {"held_out": 1.5},
        {"zipf": -1.0},
        {"shift": -1.0},
        {"seed": 0.5},
        {"n_users": 0},
    ):
        with pytest.raises(InputError, match=next(iter(bad))):
            Collection(folder, **bad)


def test_unknown_judgements_can_be_skipped(tmp_path):
    folder = write(tmp_path / "x", as_files(qrels=[*QRELS, ("q9", "d1", 1), ("q1", "d9", 1)]))
    world = Collection(folder, skip_unknown=True, variants=0, held_out=0.0)
    assert world.notes[0] == "2 judgements of unknown queries or items are left out"
    assert world.topics.topic_item.tolist() == [0, 2, 0, 1, 3]


BASE = {**as_files(), "gz": gzip.compress(as_files()["corpus.jsonl"])}


@pytest.mark.parametrize("name", sorted(BASE))
@given(
    edits=st.lists(
        st.tuples(st.integers(0, 10**6), st.sampled_from("rid"), st.binary(max_size=3)),
        min_size=1,
        max_size=4,
    ),
)
@example(edits=[(0, "r", b"\x00")])
@settings(max_examples=60, deadline=None)
def test_corrupted_bytes_end_in_input_error_or_in_a_world(tmp_path_factory, name, edits):
    data = BASE[name]
    for at, what, new in edits:
        at %= len(data) + 1
        skip = 0 if what == "i" else max(len(new), 1)
        data = data[:at] + (b"" if what == "d" else new) + data[at + skip :]
    files = {**as_files()}
    if name == "gz":
        del files["corpus.jsonl"]
        files["corpus.jsonl.gz"] = data
    else:
        files[name] = data
    folder = write(tmp_path_factory.getbasetemp() / "corrupted", files)
    try:
        world = Collection(folder)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        requests = world.fork(Streams(1)).next(5)
        world.truth(requests, Items(np.arange(6), np.zeros(5)))
        "".join([*world.queries.text, *world.catalogue.texts(), *world.catalogue.metadata]).encode()


@pytest.mark.parametrize(
    ("name", "items", "used", "judged", "max_grade"),
    [
        ("cranfield", 1400, 225, 1612, 4),
        ("vaswani", 11429, 93, 2083, 1),
        ("cacm", 3204, 52, 741, 1),
        ("chorus-electronics", 19406, 79, None, 3),
    ],
)
def test_real_collections(data_dir, name, items, used, judged, max_grade):
    world = Collection(data_dir / "ir" / name)
    assert len(world.catalogue) == items
    assert world.topics.n_topics == used
    assert world.max_grade == max_grade
    if judged is not None:
        assert len(world.topics.topic_item) == judged
    requests = world.fork(Streams(1)).held_out(50)
    items_asked = Items(np.arange(51) * 2, np.zeros(100))
    assert np.all(world.truth(requests, items_asked).n_relevant >= 1)
    t = world.topics
    source = data_dir / "ir" / name
    texts = [json.loads(line) for line in (source / "queries.jsonl").read_bytes().split(b"\n") if line]
    rows = [row.split("\t") for row in (source / "qrels" / "test.tsv").read_text().split("\n")[1:] if row]
    query = {x["_id"]: t.queries.text.index(x["text"]) for x in texts if x["text"] in t.queries.text}
    checked = 0
    for query_name, item_name, score in rows[::10]:
        if query_name in query:
            topic = int(t.query_topic[t.query_indptr[query[query_name]]])
            item = world.catalogue.name.index(item_name)
            assert naive_worlds.judgements(t, topic)[item] == int(score)
            checked += 1
    assert checked > 70
