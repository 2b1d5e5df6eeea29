"""A finished run in TREC's forms: ir_measures judges its pages as the run itself does."""

import shutil

import ir_measures
import numpy as np
import pytest

from ltrr.errors import InputError
from ltrr.logs.tables import Log
from ltrr.study import Result
from ltrr.study.trec import write_trec
from ltrr.worlds import Music
from ltrr.worlds.trec_tables import read_run
from tests import small_runs

LOOP = small_runs.LOOP | {"page_size": 10}


def judged(measure, qrels, run):
    """A value a request, by number; those without a relevant document count as 0."""
    found = {int(m.query_id): m.value for m in ir_measures.iter_calc([measure], qrels, run)}
    return np.array([found.get(n, 0.0) for n in range(small_runs.ROUNDS)])


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """Result of a run on a world that its study file can make again."""
    place = tmp_path_factory.mktemp("trec") / "run"
    world = {"kind": "music", "n_items": 300, "n_queries": 100, "seed": 2}
    return small_runs.run_small(place, ["equal", "linucb"], rounds=small_runs.ROUNDS, world=world, loop=LOOP)


@pytest.mark.parametrize("policy", ["equal", "linucb"])
def test_ir_measures_judges_pages_as_the_run_does(logged, policy):
    k, rounds = LOOP["page_size"], logged.rounds(policy)
    qrels, run = logged.trec_qrels(0), logged.trec_run(policy, 0)
    ndcg = judged(ir_measures.nDCG @ k, qrels, run)
    assert np.allclose(ndcg, rounds.ndcg, atol=1e-6)
    assert np.ptp(ndcg) > 0.5
    assert np.allclose(judged(ir_measures.R @ k, qrels, run), rounds.recall_page, atol=1e-6)
    drawn = logged.trec_run(policy, 0, candidates=True)
    assert np.allclose(judged(ir_measures.R @ 1000, qrels, drawn), rounds.recall_budget, atol=1e-6)


def test_candidates_begin_with_the_page(logged):
    page = logged.trec_run("linucb").groupby("query_id").doc_id.agg(list)
    drawn = logged.trec_run("linucb", candidates=True).groupby("query_id").doc_id.agg(list)
    assert (drawn.str.len() > page.str.len()).mean() > 0.5
    assert all(set(page[q]) <= set(drawn[q]) for q in page.index)
    assert sum(drawn[q][: len(page[q])] == page[q] for q in page.index) > 0.5 * len(page)
    frame = logged.trec_run("equal")
    assert (frame.groupby("query_id").score.agg(list).map(lambda s: s == list(range(len(s), 0, -1)))).all()
    assert (frame["rank"] + frame.score == frame.groupby("query_id").score.transform("max")).all()


def test_shadows_are_not_candidates(logged, tmp_path):
    shadowed = small_runs.run_small(
        tmp_path / "run",
        ["equal"],
        rounds=small_runs.ROUNDS,
        world={"kind": "music", "n_items": 300, "n_queries": 100, "seed": 2},
        loop=LOOP | {"log_shadow": True},
    )
    plain = logged.trec_run("equal", candidates=True)
    assert shadowed.trec_run("equal", candidates=True).equals(plain)


def test_the_command_line_writes_files_that_come_back(logged, tmp_path, ltrr):
    out = tmp_path / "trec"
    status, text, err = ltrr("report", logged.folder, "--trec", out)
    assert (status, err) == (0, "")
    names = ["qrels-000.txt"] + [
        f"{p}-000{kind}" for p in ("equal", "linucb") for kind in (".run", ".candidates.run")
    ]
    assert [line.rpartition("/")[2] for line in text.split()] == names
    assert sorted(file.name for file in out.iterdir()) == sorted(names)
    qrels = list(ir_measures.read_trec_qrels(str(out / "qrels-000.txt")))
    for policy in ("equal", "linucb"):
        run = list(ir_measures.read_trec_run(str(out / f"{policy}-000.run")))
        got = judged(ir_measures.nDCG @ 10, qrels, run)
        assert np.allclose(got, logged.rounds(policy).ndcg, atol=1e-6)
    frame = logged.trec_run("equal", candidates=True)
    rows = [(q, i, s) for _, q, i, s in read_run(out / "equal-000.candidates.run")]
    assert rows == list(zip(frame.query_id, frame.doc_id, frame.score, strict=True))


def test_what_cannot_be_written_is_one_line(logged, tmp_path, ltrr, monkeypatch):
    def refused(*words):
        status, out, err = ltrr("report", *words)
        assert (status, out) == (2, "")
        assert err.count("\n") == 1
        return err

    assert "give the folder of a single run" in refused(
        logged.folder, logged.folder, "--trec", tmp_path / "x"
    )
    shutil.copytree(logged.folder, tmp_path / "bare", ignore=shutil.ignore_patterns("log"))
    assert "log.json is missing" in refused(tmp_path / "bare", "--trec", tmp_path / "x")
    monkeypatch.setattr("ltrr.study.trec._item_names", lambda log: ["a", "b c"])
    with pytest.raises(InputError, match="must be without spaces, got 'b c': give the items other ids"):
        write_trec(logged.folder, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_world_that_no_file_can_make_again(tmp_path):
    class Mine(Music):
        pass

    result = small_runs.run_small(
        tmp_path / "run",
        ["equal"],
        rounds=20,
        world=Mine(300, n_queries=100),
        loop={"held_out": 0, "warmup": 10},
    )
    with pytest.raises(InputError, match="cannot"):
        Result(result.folder).trec_qrels()
    assert result.trec_qrels(world=Mine(300, n_queries=100)).relevance.max() > 0
    with pytest.raises(InputError, match="has no judgements by topic: only a world of"):
        result.trec_qrels(world=object())
    assert len(Log(result.folder / "log").requests) == 20
