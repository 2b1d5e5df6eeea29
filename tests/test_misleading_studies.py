"""Studies that would mislead a reader: what the terminal and the page say of them."""

import html
import json
import re
from pathlib import Path

import pytest

import ltrr as package
from ltrr.retrieval import Arm
from ltrr.types import Candidates

CITIES = ("东京大学的历史", "大阪城的建筑", "京都的寺庙", "北海道的雪", "东京的美食", "大学的历史研究")
QUERIES = {"q0": "东京", "q1": "历史", "q2": "寺庙", "q3": "建筑"}


@pytest.fixture
def chinese(tmp_path):
    """A collection in Chinese: 30 documents, four queries."""
    folder = tmp_path / "chinese"
    (folder / "qrels").mkdir(parents=True)
    docs = [{"_id": f"d{i}", "title": "", "text": f"{CITIES[i % 6]}。第{i}号"} for i in range(30)]
    (folder / "corpus.jsonl").write_text("\n".join(json.dumps(d) for d in docs), encoding="utf-8")
    queries = [{"_id": q, "text": text} for q, text in QUERIES.items()]
    (folder / "queries.jsonl").write_text("\n".join(json.dumps(q) for q in queries), encoding="utf-8")
    lines = [f"{q}\td{i}\t1" for q, text in QUERIES.items() for i in range(30) if text in CITIES[i % 6]]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(lines) + "\n")
    return folder


def said(ltrr, *words):
    """Run a study by the command line; return what the terminal and the page say, each as one line."""
    status, out, _ = ltrr("simulate", *words, "--jobs", 1)
    assert status == 0
    place = out.splitlines()[-1].removeprefix("Report: ")
    text = re.sub(r"<[^>]+>", " ", Path(place).read_text(encoding="utf-8"))
    return " ".join(out.split()), " ".join(html.unescape(text).split())


def options(**settings):
    return [
        word for key, value in settings.items() for word in ("--set", f"{key.replace('__', '.')}={value}")
    ]


SMALL = ["--rounds", 120, "--warmup", 40, "--policies", "equal,random"]
QUICK = options(
    loop__feedback_every=20,
    loop__oracle_every=5,
    loop__held_out=20,
    loop__n_slots=2,
    tuning__shares="[0.5]",
    tuning__keep="[1]",
    tuning__seeds="[1]",
)


def test_a_chinese_collection_is_found(ltrr, chinese, tmp_path):
    words = ["--collection", chinese, *SMALL, *QUICK, "--seeds", 1, "--out", tmp_path / "run"]
    for text in said(ltrr, *words):
        assert "found nothing" not in text
        assert "One seed: no interval" in text
    arms = package.Result(tmp_path / "run").arms()
    answered = arms.groupby("arm").apply(lambda a: (a.answered * a.requests).sum() / a.requests.sum())
    assert answered["bm25"] > 0.9
    assert answered["dense"] > 0.9


def test_a_chinese_collection_without_a_tokenizer_for_it_is_said_to_be_dead(ltrr, chinese, tmp_path):
    """Words alone: a run of Chinese is one word, so BM25 finds nothing, and the other arms hide it.

    The encoder of dense also knows characters, so that it finds some.
    """
    blind = options(arms__bm25__tokenizer="unicode-words")
    words = ["--collection", chinese, *SMALL, *QUICK, *blind, "--seeds", 1, "--out", tmp_path / "run"]
    for text in said(ltrr, *words):
        assert "Arm bm25 found nothing on any of the" in text


class Dead(Arm):
    """An arm that finds nothing."""

    def index(self, catalogue):
        del catalogue

    def retrieve(self, requests, depth):
        return Candidates.from_lists([[] for _ in requests.query], depth=depth)


LOOP = {
    "n_slots": 2,
    "feedback_every": 20,
    "oracle_every": 5,
    "held_out": 20,
    "fallback": ["bm25", "popular"],
}


def printed(result, capsys):
    from ltrr.cli.run_table import print_run

    capsys.readouterr()
    print_run(result.tables)
    out = " ".join(capsys.readouterr().out.split())
    page = re.sub(r"<[^>]+>", " ", result.report().read_text(encoding="utf-8"))
    return out, " ".join(html.unescape(page).split())


def test_a_dead_arm_is_said_to_be_dead(capsys, untuned):
    result = package.simulate(
        package.worlds.Music(n_items=300, n_queries=100, seed=2),
        arms={"bm25": "bm25", "dead": Dead(), "popular": "popular"},
        policies=["equal", "random", "dead"],
        rounds=160,
        seeds=2,
        warmup=40,
        loop=LOOP,
        quiet=True,
    )
    arms = result.arms()
    assert (arms[arms.arm == "dead"].answered.fillna(0.0) == 0.0).all()
    for text in printed(result, capsys):
        assert re.search(r"Arm dead found nothing on any of the [\d,]+ requests that gave it a slot", text)
        assert re.search(r"less than half of the candidates come .*dead \(0%\)", text)
        assert "Arm popular found nothing" not in text


def test_a_study_that_cannot_differ_crowns_no_winner(capsys, untuned):
    """Memory holds a few items of a query, the rest of its slots goes to BM25: all policies draw the same."""
    result = package.simulate(
        package.worlds.Music(n_items=2_000, seed=7),
        arms=["memory", "bm25"],
        policies=["equal", "random", "linucb", "memory"],
        rounds=400,
        seeds=3,
        warmup=100,
        loop={**LOOP, "fallback": ["bm25"], "n_slots": 3, "feedback_every": 50},
        quiet=True,
    )
    shared = result.table(["candidates_shared"]).candidates_shared
    assert shared.min() > 0.98
    found = result.verdict()
    assert found.answer == "cannot answer"
    for text in printed(result, capsys):
        assert "This study cannot tell its policies apart" in text
        assert f"Ship {found.policy}? Cannot answer." in text
        assert "Yes." not in text
