"""What a ranker's guard does within a loop: explored places, decisions in files, blindness to the truth."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from ltrr import Streams
from ltrr._state import pack, unpack
from ltrr.simulation.cell import Cell
from ltrr.simulation.loop import Loop
from tests.test_loop import Scrambled, make_loop, prepared  # noqa: F401

EARLY = {"first": 60, "factor": 1.5, "n_trees": 3, "min_data_in_leaf": 5, "least_pages": 5, "explore": 0.1}


def early(prepared, **settings):  # noqa: F811
    loop = make_loop(prepared, "equal", audit=0.0, warmup=0, checkpoint_every=100)
    loop.system.ranker = replace(loop.system.ranker, **{**EARLY, **settings})
    return loop


class Replayed:
    """A user who does what another run's log says."""

    def __init__(self, user, outcomes):
        self.user, self.outcomes = user, list(outcomes)

    def __getattr__(self, name):
        return getattr(self.user, name)

    def sample(self, truth, u):
        return self.outcomes.pop(0)


def test_decisions_are_the_same_whatever_the_truth(prepared):  # noqa: F811
    one, other = early(prepared), early(prepared)
    batches = [one.step(20) for _ in range(15)]
    other.system.world = Scrambled(other.system.world)
    other.system.user = Replayed(other.system.user, [b.outcome for b in batches])
    again = [other.step(20) for _ in range(15)]
    assert all(np.array_equal(a.page.item, b.page.item) for a, b in zip(batches, again, strict=True))
    assert any((a.expected != b.expected).any() for a, b in zip(batches, again, strict=True))
    assert one.system.ranker.checks == other.system.ranker.checks
    assert len(one.system.ranker.checks) > 2


def test_a_share_of_places_is_explored_but_never_when_judged(prepared):  # noqa: F811
    loop = early(prepared, explore=0.2)
    batch = loop.step(40)
    feedback, page = batch.feedback, batch.page
    n = np.diff(batch.union.indptr)
    k = page.item.shape[1]
    outside, m = n - k, np.maximum(k, n - k)
    assert (outside > 0).all()
    want = np.where(page.explored, (0.2 / m)[:, None], (1.0 - 0.2 * outside / m)[:, None])
    assert page.propensity == pytest.approx(want)
    assert 0.05 < page.explored.mean() < 0.4
    assert np.array_equal(feedback.explored, page.explored)
    assert np.array_equal(feedback.propensity, page.propensity)
    at = np.arange(40)[:, None]
    rows = batch.union.indptr[:-1][at] + feedback.candidates.shown
    assert np.array_equal(batch.union.item[rows], feedback.item)
    assert np.array_equal(feedback.candidates.features[rows], feedback.features)
    assert not loop.judge_held_out(20).page.explored.any()


def test_without_a_declared_share_pages_are_the_best(prepared):  # noqa: F811
    batch = early(prepared, explore=0.0).step(20)
    assert not batch.page.explored.any()
    assert (batch.page.propensity == 1.0).all()
    assert (np.diff(batch.page.score, axis=1) <= 0.0).all()


def test_queries_apart_are_scored_apart(prepared):  # noqa: F811
    loop = early(prepared, margin=0.0)
    ranker = loop.system.ranker
    while ranker.serving[0] == 0 and loop.round < 600:
        loop.step(20)
    ranker._open, ranker._champion = False, ranker._champion or 1
    if ranker._champion not in ranker._models:
        ranker._models[ranker._champion] = ranker._train(ranker._pages.whole())
    batch = loop.step(20)
    rows = batch.feedback.candidates.features
    new = np.repeat(batch.asked == 0, np.diff(batch.union.indptr))
    assert new.any()
    assert batch.score[new].tolist() == ranker.prior.score(rows)[new].tolist()
    assert (batch.score[~new] != ranker.prior.score(rows)[~new]).any()


def test_a_cell_writes_every_decision_once(prepared, tmp_path):  # noqa: F811
    def fresh():
        return early(prepared)

    whole = Cell(fresh(), tmp_path / "whole", "equal", 0, rounds=300, logged=False)
    whole.run()
    table = pq.ParquetFile(tmp_path / "whole" / "ranker_checks" / "equal-000.parquet").read()
    names = ["round", "stratum", "challenger", "against", "difference", "low", "high"]
    assert table.column_names == [*names, "pages", "queries", "served"]
    direct = fresh()
    for _ in range(15):
        direct.step(20)
    checks = direct.system.ranker.checks
    assert table["round"].to_pylist() == [check.round for check in checks]
    assert table["difference"].to_pylist() == [check.difference for check in checks]
    assert table["served"].to_pylist() == [check.served for check in checks]

    class Killed(Exception):
        pass

    def kill(done):
        if done == 180:
            raise Killed

    cut = Cell(fresh(), tmp_path / "cut", "equal", 0, rounds=300, logged=False, progress=kill)
    with pytest.raises(Killed):
        cut.run()
    again = Cell(fresh(), tmp_path / "cut", "equal", 0, rounds=300, logged=False)
    again.run()
    for kind in ("ranker_checks", "rounds"):
        files = [tmp_path / run / kind / "equal-000.parquet" for run in ("whole", "cut")]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_feedback_with_candidates_survives_a_delay(prepared):  # noqa: F811
    changes = {"audit": 0.0, "warmup": 0, "delay_seconds": 300.0}
    one, other = (make_loop(prepared, "equal", **changes) for _ in range(2))
    for loop in (one, other):
        loop.system.ranker = replace(loop.system.ranker, **EARLY)
    for loop in (one, other):
        for _ in range(6):
            loop.step(20)
    assert len(one.queue) > 0
    state = unpack(pack(one.state()))
    study, setting = other.system, other.setting
    again = Loop(study, setting, Streams(1))
    again.restore(state)
    for _ in range(6):
        one.step(20)
        again.step(20)
    assert pack(one.system.ranker.state()) == pack(again.system.ranker.state())
    assert one.system.ranker.version > 0
