"""Ranking metrics: against slow twins, by hand, and against ir-measures on real and random runs."""

import csv
import json

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from ltrr.errors import InputError
from ltrr.metrics import answerable, candidate_recall, ndcg, recall, reciprocal_rank, unjudged_share
from ltrr.types import Truth
from tests import naive_metrics as naive


def lists(draw, low):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    b, k, w = draw(st.integers(0, 6)), draw(st.integers(1, 8)), draw(st.integers(8, 12))
    grade = rng.integers(low, 5, (b, k)).astype(np.int8)
    ideal = -np.sort(-rng.integers(0, 5, (b, w)), axis=1).astype(np.int8)
    ideal[rng.random(b) < 0.3] = 0
    return grade, ideal, rng.integers(0, 9, b).astype(np.int32)


@st.composite
def pages(draw):
    return (*lists(draw, -1), draw(st.integers(1, 8)), draw(st.integers(1, 4)))


@settings(max_examples=60, deadline=None)
@given(pages())
def test_equal_naive_twins(case):
    grade, ideal, n_relevant, k, level = case
    for gain in ("linear", "exponential"):
        np.testing.assert_allclose(
            ndcg(grade, ideal, k=k, gain=gain), naive.ndcg(grade, ideal, k, gain), rtol=1e-12, atol=0
        )
    assert np.array_equal(
        recall(grade, n_relevant, k=k, level=level), naive.recall(grade, n_relevant, k, level)
    )
    assert np.array_equal(reciprocal_rank(grade, k=k, level=level), naive.reciprocal_rank(grade, k, level))
    assert np.array_equal(reciprocal_rank(grade), naive.reciprocal_rank(grade, None, 1))


def test_by_hand():
    grade = np.array([[0, 3, -1], [2, 0, 0], [0, 0, -1]], np.int8)
    ideal = np.array([[3, 1, 0], [2, 2, 1], [0, 0, 0]], np.int8)
    log3 = np.log2(3)
    want = [(3 / log3) / (3 + 1 / log3), 2 / (2 + 2 / log3 + 1 / 2), 0.0]
    np.testing.assert_allclose(ndcg(grade, ideal, k=3), want, rtol=1e-14)
    want = [(7 / log3) / (7 + 1 / log3), 3 / (3 + 3 / log3 + 1 / 2), 0.0]
    np.testing.assert_allclose(ndcg(grade, ideal, k=3, gain="exponential"), want, rtol=1e-14)
    assert ndcg(ideal, ideal, k=3).tolist() == [1.0, 1.0, 0.0]
    assert ndcg(grade, ideal, k=1).tolist() == [0.0, 1.0, 0.0]
    assert recall(grade, np.array([2, 3, 0]), k=3).tolist() == [0.5, 1 / 3, 0.0]
    assert reciprocal_rank(grade).tolist() == [0.5, 1.0, 0.0]
    assert reciprocal_rank(grade, k=1).tolist() == [0.0, 1.0, 0.0]
    assert reciprocal_rank(grade, level=3).tolist() == [0.5, 0.0, 0.0]
    assert answerable(np.array([2, 3, 0])).tolist() == [True, True, False]


def test_candidates_by_hand():
    truth = Truth(
        indptr=np.array([0, 3, 3, 5, 6]),
        item=np.array([1, 4, 7, 2, -1, 3]),
        grade=np.array([0, 2, 1, 0, -1, 0]),
        judged=np.array([False, True, True, True, False, True]),
        n_relevant=np.array([5, 2, 0, 1]),
        ideal=np.zeros((4, 1)),
        topic=np.zeros(4),
        max_grade=2,
    )
    assert candidate_recall(truth).tolist() == [0.4, 0.0, 0.0, 0.0]
    assert unjudged_share(truth).tolist() == [1 / 3, 0.0, 0.0, 0.0]


def test_a_cut_ideal_is_refused_only_where_it_matters():
    grade = np.array([[1, 0, 0]], np.int8)
    with pytest.raises(InputError, match="at least k = 3"):
        ndcg(grade, np.array([[1, 1]], np.int8), k=3)
    assert ndcg(grade, np.array([[1, 0]], np.int8), k=3).tolist() == [1.0]
    with pytest.raises(InputError, match="gain"):
        ndcg(grade, grade, k=3, gain="log")
    with pytest.raises(InputError, match="`k`"):
        recall(grade, np.array([1]), k=0)


def against_ir_measures(run, qrels):
    """Compare on a run of strictly ordered scores: {query: [(item, score), …]}, {query: {item: grade}}."""
    queries = sorted(run)
    depth = max(len(found) for found in run.values())
    grade = np.full((len(queries), depth), -1, np.int8)
    ideal = np.zeros((len(queries), 10), np.int8)
    for row, query in enumerate(queries):
        found = sorted(run[query], key=lambda pair: -pair[1])
        assert len({score for _, score in found}) == len(found)
        grade[row, : len(found)] = [qrels[query].get(item, 0) for item, _ in found]
        best = sorted(qrels[query].values(), reverse=True)[:10]
        ideal[row, : len(best)] = best
    n_relevant = np.array([sum(g > 0 for g in qrels[q].values()) for q in queries])
    got = {
        "nDCG@10": ndcg(grade, ideal, k=10),
        "R@100": recall(grade, n_relevant, k=100),
        "RR": reciprocal_rank(grade),
    }
    triples = [ir_measures.Qrel(q, d, g) for q in queries for d, g in qrels[q].items()]
    scored = [ir_measures.ScoredDoc(q, d, s) for q in queries for d, s in run[q]]
    measures = [ir_measures.nDCG @ 10, ir_measures.R @ 100, ir_measures.RR]
    wanted = {(str(m.measure), m.query_id): m.value for m in ir_measures.iter_calc(measures, triples, scored)}
    assert len(wanted) == 3 * len(queries)
    for name, values in got.items():
        want = [wanted[name, q] for q in queries]
        np.testing.assert_allclose(values, want, rtol=0, atol=1e-9)
        assert 0.0 < values.mean() < 1.0


def test_equals_ir_measures_on_random_runs():
    rng = np.random.default_rng(4)
    qrels = {f"q{i}": {f"d{j}": int(g) for j, g in enumerate(rng.integers(0, 4, 40))} for i in range(60)}
    for i in range(5):
        qrels[f"q{i}"] = dict.fromkeys(qrels[f"q{i}"], 0)
    run = {}
    for query in qrels:
        size = int(rng.integers(1, 200))
        items = rng.permutation(200)[:size]
        # the reference keeps scores in single precision: whole numbers stay distinct
        run[query] = [(f"d{d}", float(s)) for d, s in zip(items, rng.permutation(size), strict=True)]
    against_ir_measures(run, qrels)


def test_equals_ir_measures_on_a_real_collection(data_dir):
    folder = data_dir / "ir" / "cranfield"
    if not folder.is_dir():
        pytest.skip("cranfield is absent")

    def rows(name):
        return [json.loads(line) for line in (folder / name).read_text().splitlines()]

    qrels = {}
    with (folder / "qrels" / "test.tsv").open() as file:
        for row in csv.DictReader(file, delimiter="\t"):
            grade = max(int(row["score"]), 0)
            qrels.setdefault(row["query-id"], {})[row["corpus-id"]] = grade
    corpus = rows("corpus.jsonl")
    queries = [query for query in rows("queries.jsonl") if query["_id"] in qrels]
    assert len(corpus) > 900
    assert len(queries) > 150
    vectorizer = TfidfVectorizer(sublinear_tf=True)
    items = vectorizer.fit_transform(doc["text"] for doc in corpus)
    scores = (vectorizer.transform(query["text"] for query in queries) @ items.T).toarray()
    run = {}
    for query, row in zip(queries, scores, strict=True):
        best = np.argsort(-row, kind="stable")[:200]
        # places as scores: strictly ordered whatever the ties
        run[query["_id"]] = [(corpus[d]["_id"], float(-place)) for place, d in enumerate(best)]
    against_ir_measures(run, qrels)
