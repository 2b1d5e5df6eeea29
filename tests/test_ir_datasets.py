"""Collections of ir_datasets, through its real classes over local files, and what is said without it."""

import sys
from typing import NamedTuple

import pytest

import ltrr as package
from ltrr.errors import InputError
from ltrr.worlds import Collection, from_ir_datasets
from ltrr.worlds.ir_datasets import read_ir_dataset


class Titled(NamedTuple):
    doc_id: str
    title: str
    text: str

    def default_text(self):
        return f"{self.title} {self.text}"


class Parsed(NamedTuple):
    doc_id: str
    title: str
    body: str

    def default_text(self):
        return f"{self.title} {self.body}"


class Plain(NamedTuple):
    doc_id: str
    contents: str

    def default_text(self):
        return self.contents


PARTS = [("d1", "Red shoe", "for running"), ("d2", "", "blue hat"), ("d3", "Green coat", "")]
TOPICS = """<top>
<num> Number: 1
<title> red shoe
<desc> Description:
which shoes are red
<narr> Narrative:
none
</top>
<top>
<num> Number: 2
<title> hats
<desc> Description:
blue ones
<narr> Narrative:
none
</top>
"""
QRELS = {"test": "1 0 d1 2\n1 0 d2 0\n2 0 d2 1\n", "train": "1 0 d3 1\n"}


@pytest.fixture
def registered(tmp_path, monkeypatch):
    """Return a function that registers a dataset of local files, read by ir_datasets' own classes."""
    monkeypatch.setenv("IR_DATASETS_HOME", str(tmp_path / "home"))
    ir = pytest.importorskip("ir_datasets")
    formats, names = ir.formats, []

    def local(name, text):
        path = tmp_path / f"{len(names)}-{name.replace('/', '-')}"
        path.write_text(text, encoding="utf-8")
        return ir.util.LocalDownload(path)

    def register(name, *, docs=None, queries=None, qrels=None):
        class Docs(formats.BaseDocs):
            def docs_iter(self):
                yield from docs

            def docs_cls(self):
                return type(docs[0])

            def docs_count(self):
                return len(docs)

        parts = [
            Docs() if docs else None,
            formats.TrecQueries(local("topics", queries)) if queries else None,
            formats.TrecQrels(local("qrels", qrels), {}) if qrels else None,
        ]
        ir.registry.register(name, ir.Dataset(*parts))
        names.append(name)

    yield register
    for name in names:
        ir.registry._registered.pop(name)


def titled(parts=PARTS):
    return [Titled(*part) for part in parts]


@pytest.mark.parametrize(
    ("docs", "title", "text"),
    [
        (titled(), ("Red shoe", "", "Green coat"), ("for running", "blue hat", "")),
        ([Parsed(*p) for p in PARTS], ("Red shoe", "", "Green coat"), ("for running", "blue hat", "")),
        ([Plain(i, f"{t} {x}") for i, t, x in PARTS], ("",) * 3, None),
        ([Titled("d1", None, None), *titled()[1:]], ("", "", "Green coat"), ("", "blue hat", "")),
    ],
)
def test_documents_of_all_kinds(registered, docs, title, text):
    registered("ltrr-test", docs=docs, queries=TOPICS, qrels=QRELS["test"])
    files = read_ir_dataset("ltrr-test")
    assert files.item_name == ("d1", "d2", "d3")
    assert files.title == title
    assert files.text == (text or tuple(d.contents.strip() for d in docs))
    assert files.query_name == ("1", "2")
    assert files.query_text == ("red shoe", "hats")
    triples = (files.judged_query.tolist(), files.judged_item.tolist(), files.grade.tolist())
    assert list(zip(*triples, strict=True)) == [(0, 0, 2), (0, 1, 0), (1, 1, 1)]
    assert files.source == "ir_datasets:ltrr-test"


def test_splits(registered):
    registered("ltrr-test", docs=titled(), queries=TOPICS)
    for split, qrels in QRELS.items():
        registered(f"ltrr-test/{split}", docs=titled(), queries=TOPICS, qrels=qrels)
    assert read_ir_dataset("ltrr-test").grade.tolist() == [2, 0, 1]
    assert read_ir_dataset("ltrr-test", split="train").grade.tolist() == [1]
    assert read_ir_dataset("ltrr-test/train").grade.tolist() == [1]
    with pytest.raises(InputError, match=r"ltrr-test has no qrels; take ltrr-test/test, ltrr-test/train$"):
        read_ir_dataset("ltrr-test", split="dev")


def test_a_world_runs_and_its_study_file_makes_it_again(registered, tmp_path, ltrr):
    registered("ltrr-test", docs=titled(), queries=TOPICS, qrels=QRELS["test"])
    world = from_ir_datasets("ltrr-test", variants=1)
    assert world.catalogue.name == ("d1", "d2", "d3")
    assert world.parameters()["path"] == "ir_datasets:ltrr-test"
    words = ["--policies", "bm25", "--rounds", 20, "--seeds", 1, "--warmup", 5, "--jobs", 1]
    words += ["--set", "loop.held_out=5", "--out", tmp_path / "run"]
    status, _, err = ltrr("simulate", "--collection", "ir_datasets:ltrr-test", *words)
    assert (status, err) == (0, "")
    again = package.read_study(tmp_path / "run" / "study.toml")
    assert again.world.params["path"] == "ir_datasets:ltrr-test"
    result = package.simulate(
        "ir_datasets:ltrr-test", policies=["bm25"], rounds=10, seeds=1, warmup=5, loop={"held_out": 0}
    )
    assert len(result.rounds("bm25")) == 10


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"docs": titled([*PARTS, PARTS[1]])}, "docs: rows 2 and 4 have the same `doc_id` 'd2'; remove one"),
        ({"queries": TOPICS + TOPICS}, "queries: rows 1 and 3 have the same `query_id` '1'"),
        ({"qrels": "1 0 d1 1\n1 0 d9 1\n"}, "qrels: 1 judgements name a query or item .* 'd9' at row 2"),
        ({"qrels": "1 0 d1 x\n"}, "cannot be read: .ValueError"),
        ({"docs": [Titled("d1", "", "…")]}, "no document holds a letter or digit"),
        ({"docs": None}, "has no docs; take another"),
    ],
)
def test_faults_are_one_line(registered, change, words):
    registered("ltrr-test", **{"docs": titled(), "queries": TOPICS, "qrels": QRELS["test"], **change})
    with pytest.raises(InputError, match=rf"ir_datasets:ltrr-test.*{words}") as error:
        Collection("ir_datasets:ltrr-test")
    assert "\n" not in str(error.value)


def test_what_is_judged_twice_or_unknown_is_counted(registered):
    qrels = "1 a d1 1\n1 b d1 3\n1 a d2 0\n7 a d1 1\n"
    registered("ltrr-test", docs=titled(), queries=TOPICS, qrels=qrels)
    files = read_ir_dataset("ltrr-test", skip_unknown=True)
    assert files.grade.tolist() == [3, 0]
    assert files.notes == (
        "1 judgements of unknown queries or items are left out",
        "1 pairs are judged in several ways: the highest score counts",
    )


def test_names_that_are_not_there(registered):
    with pytest.raises(InputError, match=r"knows no dataset 'cranfeld'; did you mean 'cranfield'\?"):
        from_ir_datasets("cranfeld")


def test_without_the_package_one_line_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ir_datasets", None)
    with pytest.raises(InputError, match=r"^ir_datasets:cranfield needs .* pip install 'ltrr\[datasets\]'$"):
        from_ir_datasets("cranfield")
