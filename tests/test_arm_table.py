"""The tables of arms in simulations/: lists, tuning, what is judged, and the scripts at a small size."""

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ltrr.errors import InputError
from ltrr.study.call import study_of
from ltrr.study.folder import write_study
from ltrr.worlds import Music

FOLDER = Path(__file__).resolve().parents[1] / "simulations"
MUSIC = {"kind": "music", "n_items": 400, "n_queries": 200}
ARMS = ["bm25", "ngrams", "memory", "near-memory", "popular"]
SCRIPTS = ("arm_lists", "arm_latency", "arm_judge", "arm_table", "better_arms")


@pytest.fixture(scope="module")
def scripts():
    sys.path.insert(0, str(FOLDER))
    try:
        yield {name: importlib.import_module(name) for name in SCRIPTS}
    finally:
        sys.path.remove(str(FOLDER))
        for name in SCRIPTS:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def small(scripts):
    """A study, what its seeds share, and what all arms have for 60 requests of each set."""
    study = study_of(MUSIC, study="music", rounds=200, warmup=50)
    with pytest.MonkeyPatch.context() as patch:
        # memories of 200 requests are short: slots ask for less than they have
        patch.setattr(scripts["arm_table"], "SLABS", {"memory": 1, "near-memory": 2})
        whole, prepared = scripts["arm_table"].prepared_of(study, ARMS)
    loop, pools = scripts["arm_judge"].pools(whole, prepared, 0, 60)
    return whole, prepared, loop, pools


@pytest.fixture(params=["held-out", "repeated"])
def pool(small, request):
    return small[3][request.param]


def naive_list(pool, b, score, delivered):
    """Return the grades of what some arm delivers to a request, the highest score first."""
    union, found = pool.union, []
    for i in range(union.indptr[b], union.indptr[b + 1]):
        sources = range(union.source_indptr[i], union.source_indptr[i + 1])
        if any(union.rank[s] < delivered[union.arm[s]] for s in sources):
            found.append((-score[i], union.item[i], pool.truth.grade[i]))
    grades = [int(grade) for _, _, grade in sorted(found)][:100]
    return grades + [-1] * (100 - len(grades))


# ---- lists -------------------------------------------------------------------------------------------------


def test_the_list_of_one_arm_is_what_it_returns(small, pool):
    system = small[2].system
    for a in range(len(ARMS)):
        found = system.retrieve(a, pool.requests, np.full(len(pool.requests), 100, np.int32))
        grades = system.world.truth(pool.requests, found.items).grade
        got = pool.grades(pool.by_rank([a]))
        want = [grades[i:j].tolist() for i, j in zip(found.indptr, found.indptr[1:], strict=False)]
        assert [row[row >= 0].tolist() for row in got] == want


def test_lists_of_allocations_are_those_of_the_twin(pool):
    rng = np.random.default_rng(0)
    for quota in pool.quotas[rng.permutation(len(pool.quotas))[:5]]:
        delivered = pool.delivered(quota)
        got = pool.grades(pool.score, delivered)
        for b in range(len(pool.requests)):
            assert got[b].tolist() == naive_list(pool, b, pool.score, delivered[b])


def test_lists_are_worth_what_the_oracle_of_a_study_says(pool):
    for q, quota in enumerate(pool.quotas):
        found = pool.measures(pool.grades(pool.score, pool.delivered(quota)))
        np.testing.assert_allclose(found["reward"], pool.values.reward[:, q], rtol=1e-12)
        np.testing.assert_allclose(found["nDCG@10"], pool.values.ndcg[:, q], rtol=1e-12)


def test_the_oracle_takes_the_best_quota_of_each_request(scripts, pool):
    lists = scripts["arm_lists"]
    made = lists.candidates(ARMS, (), np.random.default_rng(0), 1)
    fusions = {name: found[0] for name, found in made.items()}
    rows = dict(pool.lists(ARMS, fusions, pool.quotas[0]))
    assert list(rows) == [*ARMS, *lists.ROWS]
    best = pool.reward(rows[lists.ORACLE])
    np.testing.assert_allclose(best, pool.values.reward.max(axis=1), rtol=1e-12)
    assert (best >= pool.reward(rows[lists.STATIC]) - 1e-12).all()
    assert best.mean() > pool.reward(rows[lists.STATIC]).mean()


def test_every_arm_has_its_share_of_the_equal_union_and_others_fill_what_is_missing(small, pool):
    delivered, fallback = pool.equal(), list(small[0].loop.fallback_index)
    assert (delivered.sum(axis=1) == np.minimum(pool.have.sum(axis=1), 100)).mean() > 0.9
    others = [a for a in range(len(ARMS)) if a not in fallback]
    np.testing.assert_array_equal(delivered[:, others], np.minimum(pool.have[:, others], 20))
    assert (delivered[:, fallback] >= np.minimum(pool.have[:, fallback], 20)).all()


def test_turns_go_round_the_arms(pool):
    score = pool.by_rank(range(len(ARMS)))
    candidate, _ = pool.sources
    union = pool.union
    for i in range(0, len(union.item), 97):
        own = candidate == i
        assert -score[i] == min(union.rank[own].astype(int) * len(ARMS) + union.arm[own])


# ---- what is judged, and tuning ----------------------------------------------------------------------------


def test_held_out_queries_are_new_to_the_memory_and_repeated_ones_are_not(small):
    _, _, loop, pools = small
    memory = ARMS.index("memory")
    assert (pools["held-out"].have[:, memory] == 0).all()
    assert (pools["repeated"].have[:, memory] > 0).mean() > 0.5
    assert (loop.system.context.asked(pools["repeated"].requests) > 0).all()


def test_settings_are_best_on_needs_that_are_not_judged(scripts):
    best_of = scripts["arm_judge"].best_of
    # the second setting is better, but only by the need that is judged
    tuned = [{"held-out": {"topic": np.array([0, 1]), "rule": np.array([[0.3, 0.2], [0.1, 0.9]])}}]
    assert best_of(tuned, "held-out", np.array([0.0, 1.0])) == {"rule": 0}
    assert best_of(tuned, "held-out", np.array([0.0, 0.0])) == {"rule": 1}
    with pytest.raises(InputError, match="take more of them"):
        best_of(tuned, "held-out", np.array([0.5, 0.5]))


def test_what_settings_earn_is_the_reward_of_their_lists(scripts, small, pool):
    lists = scripts["arm_lists"]
    fusions = lists.candidates(ARMS, (), np.random.default_rng(0), 3)
    found = lists.tried(pool, fusions)
    assert set(found) == {lists.STATIC, *lists.FUSIONS}
    for name, settings in fusions.items():
        assert len({repr(setting) for setting in settings}) == 3
        rewards = [pool.reward(pool.grades(setting.score(pool.provenance))) for setting in settings]
        np.testing.assert_allclose(found[name], np.stack(rewards, axis=1), rtol=1e-12)


def test_arms_that_cannot_be_made_have_no_row(scripts, monkeypatch):
    table = scripts["arm_table"]
    monkeypatch.setitem(table.ARMS, "magic", "magic")
    monkeypatch.setitem(table.ARMS, "dense-static", {"kind": "dense", "encoder": {"kind": "absent"}})
    assert {"magic", "bm25f", "dense-static"}.isdisjoint(table.arms_of(1))
    assert {"bm25f", "dense", "near-memory"} <= set(table.arms_of(2))
    assert list(table.arms_of(2, ["popular", "bm25"])) == ["bm25", "popular"]


# ---- the scripts -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(scripts, tmp_path_factory):
    """The page of two seeds."""
    place = tmp_path_factory.mktemp("study") / "small.toml"
    study = study_of(MUSIC, study="music", warmup=50)
    write_study(place.parent, study)
    out = place.parent / "page.md"
    words = [str(place.parent / "study.toml"), "--arms", *ARMS, "--out", str(out)]
    few = ["--seeds", "2", "--tuning-seeds", "1", "--rounds", "200", "--judged", "40", "--draws", "3"]
    scripts["arm_table"].main([*words, *few])
    return out.read_text(encoding="utf-8")


@pytest.mark.compiled
def test_the_page_has_a_row_for_each_list_and_a_column_for_each_kind(scripts, page):
    lists = scripts["arm_lists"]
    blocks = [block.splitlines() for block in page.split("\n\n") if block.startswith("|")]
    assert len(blocks) == 5
    for block in blocks:
        assert [line.split(" | ")[0].strip("| ") for line in block[2:]] == [*ARMS, *lists.ROWS]
        assert len({line.count("|") for line in block}) == 1
    head, *_ = blocks[0]
    assert all(name in head for name in (*lists.MEASURES, "ms, 1", "ms, 64"))
    assert all(kind in blocks[2][0] for kind in ("all (40)", "entity", "misspelt"))
    assert "ms, 64" not in blocks[1][0]


@pytest.mark.compiled
def test_latencies_are_of_all_rows_but_the_oracle(scripts, page):
    lists = scripts["arm_lists"]
    first = next(block for block in page.split("\n\n") if block.startswith("|"))
    lines = [line.strip("| ").split(" | ") for line in first.splitlines()[2:]]
    cells = {name: line[-2:] for name, *line in lines}
    assert cells.pop(lists.ORACLE) == ["–", "–"]
    assert all(float(ms) >= 0.0 for pair in cells.values() for ms in pair)
    # a combination takes at least the time of one of its arms
    assert float(cells[lists.EQUAL][0]) >= float(cells["ngrams"][0])


@pytest.mark.compiled
def test_memories_are_compared_by_set_and_kind(scripts, monkeypatch):
    better = scripts["better_arms"]
    few = {name: better.MEMORIES[name] for name in ("memory", "audit")}
    monkeypatch.setattr(better, "MEMORIES", few)
    monkeypatch.setattr(better, "MEMORY_CHANGES", better.MEMORY_CHANGES[1:2])
    words = ["--near", "--seeds", "2", "--rounds", "400", "--jobs", "1", "--policies", "equal"]
    page = list(better.lines(MUSIC, better.options().parse_args(words)))
    assert "\nmusic, 2 seeds of 400 requests\n" in page
    rows = [line.split(" | ") for line in page if line.startswith("| equal")]
    assert [row[1] for row in rows[:4]] == list(better.SETS)
    assert {"first-time, misspelt", "held-out, entity"} <= {row[1] for row in rows}
    assert len({len(row) for row in rows}) == 1


def test_means_are_by_set_and_kind_after_the_warm_up(scripts, tmp_path):
    frame = pd.DataFrame(
        {"request": range(6), "asked": [0, 0, 0, 1, 2, 0], "intent": [0, 0, 1, 0, 1, 0], "reward": range(6)}
    )
    for name, rows in {"rounds": frame, "held_out": frame.assign(reward=[9, 9, 7, 9, 7, 9])}.items():
        (tmp_path / name).mkdir()
        rows.to_parquet(tmp_path / name / "cell.parquet")
    kinds = {"": [0, 1], "second": [1]}
    got = dict(scripts["better_arms"]._means(tmp_path, "cell.parquet", 1, kinds))
    assert got == {
        ("all", ""): 3.0,
        ("all", "second"): 3.0,
        ("first-time", ""): pytest.approx(8 / 3),
        ("first-time", "second"): 2.0,
        ("repeated", ""): 3.5,
        ("repeated", "second"): 4.0,
        ("held-out", ""): pytest.approx(50 / 6),
        ("held-out", "second"): 7.0,
    }


def test_variants_are_taken_together_where_a_world_has_them(scripts, monkeypatch):
    better = scripts["better_arms"]
    names = ("original", "dropped", "misspelt", "prefix", "synonym", "reordered", "inflected")
    monkeypatch.setattr(better, "make_world", lambda study: type("World", (), {"intent_names": names}))
    kinds = better.kinds_of(None)
    assert kinds["paraphrased"] == [4, 5, 6]
    assert kinds["shortened or misspelt"] == [1, 2, 3]
    assert kinds[""] == list(range(7))
    monkeypatch.setattr(better, "make_world", lambda study: type("World", (), {"intent_names": names[:3]}))
    assert "paraphrased" not in better.kinds_of(None)


def test_the_audits_memory_has_its_constants(scripts):
    audit = scripts["better_arms"].AUDIT
    assert (audit.near, audit.floor, audit.discount, audit.discount_weight) == (5, 0.6, 0.7, np.inf)
    assert audit.encoder.characters is None


def test_differences_are_paired(scripts):
    cell = scripts["arm_table"].cell
    assert cell([0.1, 0.5, 0.9], [0.2, 0.6, 1.0]) == "−0.100 ± 0.000"
    assert cell([0.5]) == "0.500"
    assert cell([0.1, 0.5, 0.9]).startswith("0.500 ± 0.")


def test_a_field_without_texts_does_not_count(scripts):
    world = Music(n_items=400, n_queries=200)
    fields = world.catalogue.fields
    empty = {**dict.fromkeys(fields, ("",) * 400), "title": fields["title"]}
    world.topics = replace(world.topics, catalogue=replace(world.catalogue, fields=empty))
    study = study_of(world, study="music", rounds=400)
    whole, _ = scripts["arm_table"].prepared_of(study, ["bm25", "bm25f", "popular"])
    assert whole.loop.arms == ("bm25", "popular")
    whole, _ = scripts["arm_table"].prepared_of(study_of(MUSIC, study="music"), ["bm25", "bm25f", "popular"])
    assert whole.loop.arms == ("bm25", "bm25f", "popular")
