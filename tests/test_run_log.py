"""Logs of ltrr as events: nothing lost, every fault reported; and shadow retrieval, which changes nothing."""

import json
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import ltrr
from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.logs.formats.run_log import open_run_log
from ltrr.logs.replay_log import ReplayLog
from ltrr.logs.tables import TABLES
from ltrr.simulation.loop import Loop
from tests.small_runs import ROUNDS, WARM, run_small

POLICIES = ["linucb", "linucb-disjoint", "rrf"]
SHORT = {"warmup": 20, "feedback_every": 20, "checkpoint_every": 30, "audit": 0.1, "held_out": 20}
SHORT |= {"slot_size": 5, "page_size": 4}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return run_small(tmp_path_factory.mktemp("plain") / "run", POLICIES, rounds=60, loop=SHORT)


@pytest.fixture(scope="module")
def shadowed(tmp_path_factory):
    loop = SHORT | {"log_shadow": True}
    return run_small(tmp_path_factory.mktemp("shadow") / "run", POLICIES, rounds=60, loop=loop)


@pytest.fixture
def copy(small_run, tmp_path):
    """A folder of one policy and one seed that a test may spoil."""
    small_run.log("linucb", 0).save(tmp_path / "log")
    about = json.loads((tmp_path / "log" / "log.json").read_text())
    (tmp_path / "log" / "log.json").write_text(json.dumps(about | {"policies": ["linucb"]}))
    return tmp_path / "log"


def part(folder, table, number=0, policy="linucb"):
    return folder / table / f"policy={policy}" / "seed=0" / f"part-{number:05d}.parquet"


def last_part(folder, table):
    return max(part(folder, table).parent.glob("part-*.parquet"))


def rewrite(folder, table, change, number=0):
    file = part(folder, table, number)
    pq.write_table(change(pq.ParquetFile(file).read()), file)


def read(log):
    return Events.concat(list(log.chunks()))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("seed", [None, 1])
def test_events_hold_what_the_tables_hold(small_run, policy, seed):
    log = open_run_log(small_run.folder, policy=policy, seed=seed)
    assert isinstance(log, ReplayLog)
    events, tables = read(log), small_run.log(policy, seed)
    decisions = tables.decisions.reset_index(drop=True)
    decisions["row"] = decisions.index + 1
    decisions = decisions.sort_values(["seed", "request", "slot"])
    joined = decisions.merge(tables.requests, on=["seed", "request"], how="left", validate="many_to_one")
    assert len(joined) == len(events)
    for name, values in (
        ("row", events.row),
        ("slot", events.slot),
        ("action", events.action),
        ("propensity", events.propensity),
        ("time", events.time),
        ("user", events.user),
        ("session", events.session),
        ("query", events.query),
    ):
        np.testing.assert_array_equal(values, joined[name])
    np.testing.assert_array_equal(events.context, np.stack(joined.context))
    np.testing.assert_array_equal(events.eligible, np.concatenate(joined.actions.tolist()))
    np.testing.assert_array_equal(events.probabilities, np.concatenate(joined.probabilities.tolist()))
    np.testing.assert_array_equal(events.features.reshape(-1), np.concatenate(joined.features.tolist()))
    assert len(np.unique(events.key)) == len(joined.drop_duplicates(["seed", "request"]))
    # the reward stands once a request, at its end
    last = np.append(events.key[1:] != events.key[:-1], True)
    np.testing.assert_array_equal(events.reward[last], joined.reward[last])
    assert not events.reward[~last].any()
    assert set(log.faults.counts) <= {"constant column"}


def test_the_space_names_actions_context_and_features(small_run):
    slabs, whole = (open_run_log(small_run.folder, policy=p).space for p in ("linucb", "linucb-disjoint"))
    assert slabs.actions == ("bm25", "dense", "memory", "popular")
    assert (slabs.n_slots, slabs.slot_rewards) == (3, False)
    assert slabs.feature_names[:2] == ("arm:bm25", "arm:dense")
    assert "memory_items" in slabs.context_names
    assert len(whole.actions) == 20
    assert {"3 bm25", "1 bm25 + 1 dense + 1 memory"} <= set(whole.actions)
    assert (whole.n_slots, whole.slot_rewards) == (1, True)
    assert whole.feature_names[0] == "share:bm25"


def test_query_texts_are_those_of_the_log(small_run):
    events = read(open_run_log(small_run.folder, policy="rrf", seed=0))
    texts = pd.read_parquet(small_run.folder / "log" / "queries.parquet").text.tolist()
    assert [events.queries.text[q] for q in events.query[:9]] == [texts[q] for q in events.query[:9]]


def test_warm_up_rows_are_told_apart(small_run):
    only = list(open_run_log(small_run.folder, policy="linucb", seed=0, warm_up="only").read())
    rest = list(open_run_log(small_run.folder, policy="linucb", seed=0, warm_up="without").read())
    assert {v for p in only for v in p.version} == {-1}
    assert min(v for p in rest for v in p.version) >= 0
    assert sum(len(p.events) for p in only) == 3 * WARM
    assert sum(len(p.events) for p in rest) == 3 * (ROUNDS - WARM)
    assert np.concatenate([p.request for p in only]).tolist() == np.repeat(np.arange(WARM), 3).tolist()


def test_a_log_of_several_policies_wants_a_name(small_run):
    with pytest.raises(InputError, match=r"name one of .*linucb"):
        open_run_log(small_run.folder)
    with pytest.raises(InputError, match="did you mean 'linucb'"):
        open_run_log(small_run.folder / "log", policy="linucbb")
    with pytest.raises(InputError, match=r"no seed 7 .*known: 0, 1"):
        open_run_log(small_run.folder, policy="linucb", seed=7)
    with pytest.raises(InputError, match=r"log\.json is missing"):
        open_run_log(small_run.folder / "rounds")
    with pytest.raises(InputError, match="warm_up"):
        open_run_log(small_run.folder, policy="linucb", warm_up="some")


def test_a_copy_reads_alike_without_a_name(small_run, copy):
    a, b = read(open_run_log(copy)), read(open_run_log(small_run.folder, policy="linucb", seed=0))
    np.testing.assert_array_equal(a.features, b.features)
    np.testing.assert_array_equal(a.row, b.row)


def test_decisions_without_their_request_are_told_and_left_out(copy):
    rewrite(copy, "requests", lambda t: t.filter(pc.not_equal(t["request"], 7)))
    with pytest.raises(InputError, match="missing value: request 7 is not in the table of requests"):
        read(open_run_log(copy))
    log = open_run_log(copy, on_error="skip")
    events = read(log)
    assert len(events) == 3 * (ROUNDS - 1)
    assert 7 not in events.key
    assert log.faults.counts["missing value"] == 3


def test_requests_without_decisions_are_told(copy):
    rewrite(copy, "decisions", lambda t: t.filter(pc.not_equal(t["request"], 7)))
    log = open_run_log(copy)
    assert len(read(log)) == 3 * (ROUNDS - 1)
    assert log.faults.counts["dangling event"] == 1
    assert "request 7 " in log.faults.first["dangling event"].detail


def test_a_request_short_of_slots_is_left_out(copy):
    def without_last(t):
        return t.filter(pc.invert(pc.and_(pc.equal(t["request"], 7), pc.equal(t["slot"], 2))))

    rewrite(copy, "decisions", without_last)
    log = open_run_log(copy, on_error="skip")
    assert 7 not in read(log).key
    assert log.faults.counts["slots out of order"] == 1


def test_clicks_on_what_was_no_candidate_are_told(copy):
    shown = pq.ParquetFile(part(copy, "impressions")).read()
    request = shown["request"][shown["click"].to_numpy().nonzero()[0][0]].as_py()
    rewrite(copy, "candidates", lambda t: t.filter(pc.not_equal(t["request"], request)))
    with pytest.raises(InputError, match=f"click without impression: a click of request {request} "):
        read(open_run_log(copy))
    log = open_run_log(copy, on_error="skip")
    assert request not in read(log).key
    assert log.faults.counts["click without impression"] == 1


def test_a_click_of_a_request_that_nothing_decided_is_told(copy):
    def lost(t):
        return t.set_column(0, "request", pa.array(np.where(t["click"].to_numpy(), 10**6, t["request"])))

    rewrite(copy, "impressions", lost)
    log = open_run_log(copy, on_error="report")
    assert len(read(log)) == 3 * ROUNDS
    assert log.faults.first["click without impression"].row == 0


def test_a_request_logged_twice_is_told(copy):
    rewrite(copy, "requests", lambda t: pa.concat_tables([t, t.slice(5, 1)]))
    log = open_run_log(copy, on_error="skip")
    assert len(read(log)) == 3 * (ROUNDS - 1)
    assert log.faults.counts["duplicate event"] == 3


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda f: part(f, "candidates", 1).unlink(), r"part-00001\.parquet is missing"),
        (lambda f: shutil.rmtree(f / "impressions"), "impressions.*is missing"),
        (lambda f: [shutil.rmtree(f / t) for t in TABLES], "holds no parts"),
        (lambda f: [last_part(f, t).unlink() for t in TABLES], r"part-\d+\.parquet is missing.* --resume"),
        (
            lambda f: part(f, "requests").rename(part(f, "requests").with_stem("part-x")),
            "is not a part of a log",
        ),
        (lambda f: part(f, "decisions").write_bytes(b"PAR1"), "cannot be read as Parquet"),
        (lambda f: (f / "queries.parquet").unlink(), "queries.parquet cannot be read"),
        (lambda f: (f / "log.json").write_text("{"), "log.json cannot be read"),
        (lambda f: (f / "log.json").write_text("[]"), "log.json cannot be read"),
        (lambda f: (f / "log.json").write_text('{"format_version": 1}'), "`policies` is missing"),
        (lambda f: rewrite(f, "requests", lambda t: t.drop_columns(["reward"])), "has no column `reward`"),
        (
            lambda f: rewrite(f, "requests", lambda t: t.set_column(4, "time", pa.array(["x"] * len(t)))),
            "`time` must be numbers, got string",
        ),
        (
            lambda f: rewrite(f, "requests", lambda t: t.append_column("time", t["time"])),
            "the column `time` more than once",
        ),
        (
            lambda f: rewrite(
                f, "decisions", lambda t: t.set_column(0, "request", pa.nulls(len(t), pa.int64()))
            ),
            "`request` must be a value in every row",
        ),
        (
            lambda f: rewrite(f, "decisions", lambda t: t.set_column(1, "slot", pa.array([0.5] * len(t)))),
            "`slot` must be integers, got double",
        ),
        (
            lambda f: rewrite(f, "decisions", lambda t: t.set_column(7, "actions", t["action"])),
            "`actions` must be a column of lists",
        ),
        (
            lambda f: rewrite(f, "decisions", lambda t: t.set_column(8, "probabilities", t["features"])),
            "`probabilities` must hold 1 values for each",
        ),
        (
            lambda f: rewrite(f, "requests", lambda t: t.set_column(5, "context", t["time"])),
            "`context` must be a column of lists of",
        ),
    ],
)
def test_what_is_missing_or_damaged_is_one_line(copy, spoil, says):
    spoil(copy)
    with pytest.raises(InputError, match=says) as caught:
        read(open_run_log(copy))
    assert "\n" not in str(caught.value)


def test_quotas_that_are_no_catalogue_are_refused(copy):
    about = json.loads((copy / "log.json").read_text())
    for quotas in ([], [[10**9, 0, 0, 0]], [["a"]], about["quotas"][::-1]):
        (copy / "log.json").write_text(json.dumps(about | {"quotas": quotas}))
        with pytest.raises(InputError, match="`quotas` must list all ways"):
            read(open_run_log(copy))


def test_spoilt_bytes_end_in_one_line_or_in_faults(copy):
    rng = np.random.default_rng(5)
    files = [*(part(copy, table) for table in TABLES), copy / "log.json", copy / "queries.parquet"]
    for trial in range(60):
        file = files[trial % len(files)]
        whole = file.read_bytes()
        spoilt = bytearray(whole)
        for at in rng.integers(0, len(whole), 3):
            spoilt[at] = rng.integers(256)
        file.write_bytes(spoilt[: rng.integers(len(whole) // 2, len(whole) + 1)] if trial % 2 else spoilt)
        message = ""
        try:
            read(open_run_log(copy, on_error="skip"))
        except InputError as error:
            message = str(error)
        assert "\n" not in message
        file.write_bytes(whole)


def test_shadow_retrieval_changes_nothing_else(plain, shadowed):
    files = sorted(p.relative_to(plain.folder) for p in plain.folder.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(shadowed.folder) for p in shadowed.folder.rglob("*") if p.is_file())
    for name in files:
        a, b = plain.folder / name, shadowed.folder / name
        if name.parts[:2] == ("log", "candidates"):
            table = pq.ParquetFile(b).read()
            assert table.filter(pc.not_equal(table["slots"], 0)).equals(pq.ParquetFile(a).read())
        elif name.parts[0] != "timings" and name.name not in ("study.toml", "log.json"):
            assert a.read_bytes() == b.read_bytes(), name


@pytest.mark.parametrize("policy", ["linucb", "rrf"])
def test_shadows_reach_the_whole_budget_and_are_scored(shadowed, policy):
    rows = shadowed.log(policy, 0).candidates
    assert rows.sort_values(["request", "item", "arm"], kind="stable").index.equals(rows.index)
    depth = rows.groupby(["request", "arm"])["rank"].agg(["max", "size"])
    assert (depth["max"] + 1 == depth["size"]).all()
    static = rows[rows.arm == 1].groupby("request").size()
    assert (static == 15).all()  # the dense arm never runs short
    assert rows[rows.slots == 0].ranker_score.isna().all() == (policy == "rrf")
    if policy != "rrf":
        assert (rows.groupby(["request", "item"]).ranker_score.nunique() == 1).all()


def test_cells_that_are_not_logged_have_no_shadows(monkeypatch, tmp_path):
    def refuse(self, requests):
        raise AssertionError("retrieved for no log")

    monkeypatch.setattr(Loop, "_shadow", refuse)
    loop = SHORT | {"log_shadow": True}
    run_small(tmp_path / "run", ["equal"], rounds=40, log_seeds=0, loop=loop)
    with pytest.raises(AssertionError, match="for no log"):
        run_small(tmp_path / "logged", ["equal"], rounds=40, log_seeds=1, loop=loop)


def test_the_setting_must_be_a_truth_value():
    with pytest.raises(InputError, match=r"`loop.log_shadow` must be true or false, got 1"):
        ltrr.LoopSetting(log_shadow=1)
