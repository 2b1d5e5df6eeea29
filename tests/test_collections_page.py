"""The page ``docs/collections.md``: its code runs as it is."""

import re
import tomllib
from pathlib import Path

import pytest

from ltrr.registry import registry_of
from ltrr.retrieval import BM25
from ltrr.worlds.trec_tables import write_run
from ltrr.worlds.trec_topics import topics_of
from tests.naive_retrieval import depths, requests_of, rows

PAGE = Path(__file__).resolve().parents[1] / "docs" / "collections.md"
COLOURS, THINGS = ["red", "blue", "green", "black"], ["shoe", "hat", "coat", "scarf", "glove"]
NAMES = [f"{colour} {thing}" for thing in THINGS for colour in COLOURS]


def answer(world):
    """Answer all topics as the page asks a reader's own retriever to do."""
    topics, bm25 = topics_of("all-topics.txt"), BM25()
    bm25.index(world.catalogue)
    found = bm25.retrieve(requests_of(list(topics.values())), depths(len(topics), 5))
    lists = [[world.catalogue.name[i] for i, _ in own] for own in rows(found)]
    pairs = [(topic, own) for topic, own in zip(topics, lists, strict=True) if own]
    write_run("mine.run", pairs, name="mine")


@pytest.mark.usefixtures("untuned")
def test_the_code_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    for n, name in enumerate(NAMES):
        text = f"<DOC>\n<DOCNO>d{n}</DOCNO>\n<TEXT>a {name} for winter</TEXT>\n</DOC>\n"
        (tmp_path / "docs" / f"{n:02d}.txt").write_text(text)
    topics = [f"<top>\n<num> Number: {n:03d}\n<title> {name}\n</top>\n" for n, name in enumerate(NAMES)]
    (tmp_path / "topics.txt").write_text("".join(topics))
    judged = [f"{n} 0 d{m} {1 + (n == m)}\n" for n in range(20) for m in range(20) if n // 4 == m // 4]
    (tmp_path / "qrels.txt").write_text("".join(judged))
    page = PAGE.read_text(encoding="utf-8")
    read, own, tune, judge = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = {}
    exec(read, names)  # noqa: S102
    exec(own.replace("# … your", "answer(world)  # … your"), names | {"answer": answer}, names)  # noqa: S102
    exec(tune, names)  # noqa: S102
    assert 0.2 < names["before"] <= names["after"] <= 1.0
    (toml,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    table = tomllib.loads(toml)["arms"]["hybrid"]
    arm = registry_of("arms").make(table.pop("kind"), table, "arms.hybrid")
    assert sorted(arm.weights) == sorted(names["tuned"].weights)
    exec(judge, names)  # noqa: S102
    values = list(names["values"])
    assert len(values) == 60
    assert 0.2 < sum(m.value for m in values) / 60 <= 1.0
    assert names["result"].rounds("linucb").own_mine.sum() > 0
    assert (tmp_path / "my-collection" / "qrels" / "test.tsv").is_file()
