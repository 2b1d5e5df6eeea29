"""One request of a log: against the tables read whole, and what is refused."""

import json
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ltrr.errors import InputError
from ltrr.logs import cell_files
from ltrr.logs.cell_files import CellFiles
from ltrr.logs.tables import TABLES, Log
from ltrr.study.folder import LONGEST_TITLE, item_titles
from ltrr.types import Catalogue
from ltrr.types.quotas import quota_name
from tests.small_runs import POLICIES, SLAB, run_small

REQUESTS = [0, 89, 90, 131, 179]
"""The first of all, the last and the first of a part, one within, the last of all."""


@pytest.fixture(scope="module")
def shadow(tmp_path_factory):
    """A run whose log holds what all arms would have delivered."""
    loop = {"warmup": 20, "feedback_every": 20, "slot_size": 5, "held_out": 0, "log_shadow": True}
    return run_small(tmp_path_factory.mktemp("shadow") / "run", ["linucb"], rounds=40, loop=loop)


def naive_slots(log, request):
    """Return a row an action of each slot from the table read whole."""
    about, rows = log.about, log.decisions
    rows = rows[rows.request == request].sort_values("slot")
    names, arms = about["action_features"][log.policy], about["arms"]
    whole = log.policy == "linucb-disjoint"
    out = []
    for _, row in rows.iterrows():
        width = len(names)
        for i, action in enumerate(row.actions):
            out.append(
                {
                    "part": "slot",
                    "number": row.slot,
                    "name": quota_name(about["quotas"][action], arms) if whole else arms[action],
                    "probability": row.probabilities[i],
                    "chosen": action == row.action,
                    "audit": row.audit,
                    "propensity": row.propensity,
                    "version": row.version,
                    **{f"feature.{n}": row.features[i * width + j] for j, n in enumerate(names)},
                }
            )
    return out


def naive_places(log, request):
    """Return a row a place of the page from the tables read whole."""
    about, shown, sources = log.about, log.impressions, log.candidates
    items = pd.read_parquet(log.folder / "items.parquet").set_index("item")
    out = []
    for _, row in shown[shown.request == request].sort_values("position").iterrows():
        quota = log.decisions[log.decisions.request == request].quota.iloc[0]
        mine = sources[(sources.request == request) & (sources.item == row["item"]) & (sources.slots > 0)]
        found = {about["arms"][a]: r for a, r in zip(mine.arm, mine["rank"], strict=True)}
        out.append(
            {
                "part": "place",
                "number": row.position,
                "name": items.name[row["item"]],
                "title": items.title[row["item"]],
                "item": row["item"],
                "arms": ", ".join(f"{a} #{found[a]}" for a in about["arms"] if a in found),
                **{f"rank.{a}": found.get(a, pd.NA) for a in about["arms"]},
                "slots": tuple(s for s in range(31) if row.slots & (1 << s)),
                "spilled": all(s >= quota[a] for a, s in zip(mine.arm, mine.slab, strict=True)),
                "click": row.click,
                "satisfied": row.satisfied,
                "value": row.value,
                "censored": row.censored,
                "ranker_score": mine.ranker_score.iloc[0],
                "propensity": row.propensity,
                "explored": row.explored,
                **{f"feature.{n}": row.features[j] for j, n in enumerate(about["rank_features"][log.policy])},
            }
        )
    return out


def same(got, want):
    """Compare a part of the frame with rows made one at a time."""
    assert len(got) == len(want) > 0
    for (_, row), expected in zip(got.iterrows(), want, strict=True):
        known = {name: value for name, value in row.items() if isinstance(value, tuple) or not pd.isna(value)}
        assert known == {name: value for name, value in expected.items() if value is not pd.NA}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("request_id", REQUESTS)
def test_equals_the_tables_read_whole(policy, request_id, small_run):
    log = small_run.log(policy, 1)
    frame = log.explain(request_id)
    same(frame[frame.part == "slot"], naive_slots(log, request_id))
    same(frame[frame.part == "place"], naive_places(log, request_id))


@pytest.mark.parametrize("policy", ["equal", "linucb-disjoint", "rrf"])
def test_arms_add_up_to_what_the_rounds_counted(policy, small_run):
    rounds = small_run.rounds(policy).set_index("request")
    log = small_run.log(policy, 0)
    sizes = log.candidates.groupby("request").item.nunique()
    spilled = 0
    for found in log.find(REQUESTS):
        row, arms = rounds.loc[found.request], found.arms.set_index("arm")
        assert arms.slots.to_dict() == {a: row[f"slots_{a}"] for a in log.about["arms"]}
        assert arms.spilled.sum() == row.spilled
        assert (arms.delivered - arms.spilled <= arms.slots * SLAB).all()
        assert found.candidates.item.nunique() == row.candidates == sizes[found.request]
        assert found.reward == row.reward_observed
        assert found.abandoned == (not found.places.click.any())
        assert found.arms.shown.tolist() == [found.places[f"rank.{a}"].notna().sum() for a in arms.index]
        spilled += row.spilled
    assert spilled > 0


def test_query_context_and_lists_are_those_of_the_request(small_run):
    log = small_run.log("linucb", 0)
    found = log.find([131])[0]
    row = log.requests.set_index("request").loc[131]
    texts = pd.read_parquet(log.folder / "queries.parquet").set_index("query").text
    assert found.query == texts[row["query"]]
    assert list(found.context) == log.about["context"]
    assert list(found.context.values()) == list(row.context)
    for _, own in found.candidates.groupby("arm"):
        assert own["rank"].tolist() == list(range(len(own)))
        assert (own.score.diff().iloc[1:] <= 0).all()


def test_several_requests_come_in_the_order_asked_for(small_run):
    log = small_run.log("linucb", 0)
    assert [found.request for found in log.find([90, 3, 90])] == [90, 3, 90]
    assert log.find([]) == []
    pd.testing.assert_frame_equal(log.find([3, 90])[1].to_frame(), log.explain(90))


def test_rows_may_stand_in_any_order(small_run, tmp_path):
    log = small_run.log("linucb", 0)
    copy = log.save(tmp_path / "log")
    for table in TABLES:
        for file in (copy.folder / table / "policy=linucb" / "seed=0").iterdir():
            whole = pq.ParquetFile(file).read()
            pq.write_table(whole.take(np.arange(len(whole))[::-1]), file)
    pd.testing.assert_frame_equal(copy.explain(131), log.explain(131))


def test_a_boolean_column_filters_both_parts(small_run):
    frame = small_run.log("linucb", 0).explain(131)
    assert frame[frame.chosen].number.tolist() == [0, 1, 2]
    assert len(frame[frame["rank.bm25"] < 10]) == (frame["rank.bm25"].dropna() < 10).sum() > 0


def test_shadows_are_counted_apart(shadow):
    log = shadow.log("linucb", 0)
    found = log.find([30])[0]
    n = log.about["settings"]["loop"]["n_slots"]
    assert found.arms.logged_only.sum() == found.candidates.logged_only.sum() > 0
    assert found.arms.delivered.sum() == (~found.candidates.logged_only).sum() <= n * 5
    assert not (found.candidates.spilled & found.candidates.logged_only).any()
    same(found.to_frame().query("part == 'place'"), naive_places(log, 30))


def test_only_the_parts_that_hold_the_request_are_read(small_run, tmp_path):
    """A part whose pages are damaged, but not its footer, does not matter to requests of other parts."""
    copy = small_run.log("linucb", 0).save(tmp_path / "log")
    for table in TABLES:
        file = tmp_path / "log" / table / "policy=linucb" / "seed=0" / "part-00000.parquet"
        data = bytearray(file.read_bytes())
        footer = int.from_bytes(data[-8:-4], "little") + 8
        data[4:-footer] = bytes(len(data) - footer - 4)
        file.write_bytes(data)
    assert (copy.explain(90).part == "place").any()
    with pytest.raises(InputError, match="cannot be read"):
        copy.explain(89)


def test_of_a_large_part_only_the_row_group_is_read(small_run, tmp_path):
    """Where a part has several row groups, damage to others does not matter either."""
    copy = small_run.log("linucb", 0).save(tmp_path / "log")
    for table in TABLES:
        file = tmp_path / "log" / table / "policy=linucb" / "seed=0" / "part-00000.parquet"
        whole = pq.ParquetFile(file).read()
        first = whole.filter(pa.compute.less(whole["request"], 50))
        with pq.ParquetWriter(file, whole.schema) as out:
            out.write_table(first)
            end = out.file_handle.tell() if hasattr(out.file_handle, "tell") else None
            out.write_table(whole.filter(pa.compute.greater_equal(whole["request"], 50)))
        assert end
        data = bytearray(file.read_bytes())
        data[4:end] = bytes(end - 4)
        file.write_bytes(data)
    assert (copy.explain(60).part == "slot").any()


def test_what_is_not_clear_is_asked_for(small_run):
    log = small_run.log()
    with pytest.raises(InputError, match=r"several of `policy`: choose one of epsilon-greedy, equal, linucb"):
        log.explain(3)
    with pytest.raises(InputError, match=r"several of `seed`: choose one of 0, 1$"):
        log.explain(3, policy="equal")
    with pytest.raises(InputError, match="has no policy 'linucbb'; did you mean 'linucb'"):
        log.explain(3, policy="linucbb", seed=0)
    with pytest.raises(InputError, match="has no seed 5; known: 0, 1"):
        log.explain(3, policy="equal", seed=5)
    assert len(log.explain(3, policy="equal", seed=0))
    assert len(Log(log.folder, "equal", 1).explain(3))


@pytest.mark.parametrize("request_id", [-1, 180, 10**12])
def test_an_unknown_request_names_those_that_there_are(request_id, small_run):
    with pytest.raises(InputError, match=f"no request {request_id}; it holds requests 0 to 179"):
        small_run.log("equal", 0).explain(request_id)


def test_a_request_must_be_an_integer(small_run):
    with pytest.raises(InputError, match="`request` must be an integer, got 'seven'"):
        small_run.log("equal", 0).explain("seven")


def test_damaged_logs_are_one_line(small_run, tmp_path):
    log = small_run.log("equal", 0)
    copy = log.save(tmp_path / "names")
    about = json.loads((copy.folder / "log.json").read_text())
    about["action_features"]["equal"].pop()
    (copy.folder / "log.json").write_text(json.dumps(about))
    with pytest.raises(InputError, match=r"features of actions: it names 9, the log holds 10"):
        copy.explain(3)
    copy = log.save(tmp_path / "columns")
    file = copy.folder / "candidates" / "policy=equal" / "seed=0" / "part-00000.parquet"
    pq.write_table(pq.ParquetFile(file).read().drop_columns(["arm"]), file)
    with pytest.raises(InputError, match=r"seed=0 has no column arm: another version of ltrr wrote it"):
        copy.explain(3)
    file.write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(InputError, match="cannot be read") as error:
        copy.explain(3)
    assert "\n" not in str(error.value)
    copy = log.save(tmp_path / "items")
    (copy.folder / "items.parquet").unlink()
    with pytest.raises(InputError, match=r"items\.parquet is missing"):
        copy.explain(3)


def test_a_log_without_titles_shows_names(small_run, tmp_path):
    copy = small_run.log("equal", 0).save(tmp_path / "log")
    file = copy.folder / "items.parquet"
    pq.write_table(pq.ParquetFile(file).read().drop_columns(["title"]), file)
    places = copy.find([3])[0].places
    assert places.title.tolist() == places.name.tolist()


def test_a_request_without_candidates_has_no_places(small_run, tmp_path):
    shutil.copytree(small_run.folder / "log", tmp_path / "log")
    for table in ("candidates", "impressions"):
        for file in (tmp_path / "log" / table / "policy=equal" / "seed=0").iterdir():
            whole = pq.ParquetFile(file).read()
            pq.write_table(whole.filter(pa.compute.not_equal(whole["request"], 3)), file)
    found = Log(tmp_path / "log").find([3], policy="equal", seed=0)[0]
    assert (len(found.slots), len(found.places), len(found.candidates)) == (12, 0, 0)
    assert found.arms.delivered.tolist() == [0, 0, 0, 0]
    assert (found.to_frame().part == "slot").all()


def test_titles_are_the_field_or_the_beginning_of_the_first_text():
    fields = {"title": ("Blue", " ", "", ""), "text": ("a song", "b\n  c", "word " * 60, "")}
    got = item_titles(Catalogue(("a", "b", "c", "d"), fields))
    assert got[:2] == ["Blue", "b c"]
    assert got[2].startswith("word word")
    assert got[2].endswith("word…")
    assert len(got[2]) <= LONGEST_TITLE
    assert got[3] == ""
    assert item_titles(Catalogue(("a",), {"body": ("x" * 500,)})) == ["x" * (LONGEST_TITLE - 1) + "…"]


def test_titles_of_a_run_are_those_of_its_catalogue(small_run):
    items = pd.read_parquet(small_run.folder / "log" / "items.parquet")
    assert list(items.columns) == ["item", "name", "title"]
    assert items.title.str.len().min() > 0
    assert (items.title != items.name).all()


def test_no_column_beyond_those_named_is_read(small_run, monkeypatch):
    asked = []
    plain = cell_files._matching
    monkeypatch.setattr(
        cell_files,
        "_matching",
        lambda files, key, ids, columns: asked.append(columns) or plain(files, key, ids, columns),
    )
    small_run.log("equal", 0).explain(3)
    assert [columns for columns in asked if columns] == [cell_files.COLUMNS[name] for name in TABLES]
    assert CellFiles(small_run.folder, {}, "equal", 0, {"requests": []}).span() is None
