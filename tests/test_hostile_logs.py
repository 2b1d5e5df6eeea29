"""Logs that once gave wrong numbers without a word, or ended in something other than one clear line."""

import json
import os

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from ltrr.errors import InputError
from ltrr.logs import read

HEAD = "action,reward,propensity"


def save(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def kept(log):
    """Return the row, the action's name and the reward of all rows that went in."""
    names = log.space.actions
    return [
        (row, names[action], reward)
        for e in log.chunks()
        for row, action, reward in zip(e.row.tolist(), e.action.tolist(), e.reward.tolist(), strict=True)
    ]


@pytest.mark.parametrize("chunk_rows", [1, 2, 3, 100])
@pytest.mark.parametrize("ids", ["7 8 8 9 9 9", "q7 q8 q8 q9 q9 q9"])
def test_an_unreadable_row_spoils_the_request_that_its_id_names_and_no_other(tmp_path, ids, chunk_rows):
    q = ids.split()
    rows = [f"{q[0]},0,a,1", f"{q[1]},0,a,oops", f"{q[2]},1,b,1", f"{q[3]},0,a,1", f"{q[4]},1,b,0"]
    text = "\n".join(["request_id,slot,action,reward", *rows, f"{q[5]},2,b,2"])
    log = read(save(tmp_path / "log.csv", text), on_error="skip", chunk_rows=chunk_rows)
    assert kept(log) == [(1, "a", 1.0), (4, "a", 1.0), (5, "b", 0.0), (6, "b", 2.0)]
    assert log.faults.counts == {"unreadable": 1, "slot of a faulty request": 1}


@pytest.mark.parametrize("ids", ["7 7 _ 7 8 8 8", "a a _ a b b b"])
def test_a_slot_without_an_id_spoils_its_request_whatever_ids_are(tmp_path, ids):
    q = ids.replace("_", "").split(" ")
    rows = [f"{q[i]},{slot},a,1" for i, slot in enumerate([0, 1, 2, 3, 0, 1, 2])]
    log = read(
        save(tmp_path / "log.csv", "\n".join(["request_id,slot,action,reward", *rows])), on_error="skip"
    )
    assert [row for row, _, _ in kept(log)] == [5, 6, 7]
    assert log.faults.counts["missing value"] == 1


def test_a_column_with_a_role_is_no_context_and_no_target_by_its_name_alone(tmp_path):
    path = save(
        tmp_path / "log.csv", f"{HEAD},context_click,context_x,target_a\na,1,0.5,3,1,1\nb,0,0.5,4,2,1"
    )
    log = read(path, columns={"reward": "context_click"}, fill_columns=True)
    assert log.space.context_names == ("context_x",)
    log = read(path, columns={"reward": "target_a"}, fill_columns=True)
    assert log.columns.target == {}


def test_a_pattern_takes_no_reward_into_the_context(tmp_path):
    path = save(tmp_path / "log.csv", f"{HEAD},x\na,1,0.5,3\nb,0,0.5,4")
    given = {"reward": "reward", "action": "action", "propensity": "propensity"}
    assert read(path, columns=given | {"context": "*"}).space.context_names == ("x",)
    # who names it means it
    assert read(path, columns=given | {"context": ["reward", "x"]}).space.context_names == ("reward", "x")


@pytest.mark.parametrize("mark", ["\t", ";"])
def test_thousands_do_not_become_fractions(tmp_path, mark):
    path = save(
        tmp_path / "log.csv", mark.join(HEAD.split(",")) + f"\na{mark}1,234{mark}1\nb{mark}5,678{mark}1"
    )
    with pytest.raises(InputError, match="row 1: unreadable: `reward` must be a number, got '1,234'"):
        kept(read(path))
    assert [reward for _, _, reward in kept(read(path, decimal=","))] == [1.234, 5.678]


def test_next_to_decimal_commas_a_point_between_thousands_is_no_decimal_point(tmp_path):
    path = save(tmp_path / "log.csv", HEAD.replace(",", ";") + "\na;1.234;0,5\nb;12,5;0,5\n")
    with pytest.raises(
        InputError, match=r"row 1: .* got '1.234 \(a thousand\? the decimal mark is a comma\)'"
    ):
        kept(read(path))


@pytest.mark.parametrize(
    ("given", "bad"),
    [({"where": "country=DE"}, "b,0"), ({"since": 50}, "b,0,0.5,DE,noon"), ({"until": 500}, "b,0,.5,DE,?")],
)
def test_a_row_of_which_nobody_knows_whether_it_fits_is_reported(tmp_path, given, bad):
    good = "a,1,0.5,DE,100\n"
    path = save(tmp_path / "log.csv", f"{HEAD},country,timestamp\n{good}{bad}\na,1,0.5,FR,10\n{good}")
    with pytest.raises(InputError, match="row 2: unreadable"):
        kept(read(path, **given))
    log = read(path, on_error="skip", **given)
    kept(log)
    assert log.faults.counts["unreadable"] == 1


def test_a_condition_on_a_name_that_two_columns_have(tmp_path):
    names = ["action", "reward", "x", "x"]
    table = pa.Table.from_arrays([pa.array(["a"]), *(pa.array([1.0]) for _ in range(3))], names=names)
    with pytest.raises(InputError, match="`where` names 'x', which two columns of the log are called"):
        read(table, where="x=1")
    save(tmp_path / "country=DE" / "a.csv", "action,reward,country\na,1,FR\n")
    with pytest.raises(InputError, match="`where` names 'country', which two columns"):
        read(tmp_path, where="country=DE")


@pytest.mark.parametrize("first", [1, 1001])
def test_lists_that_are_empty_at_first(tmp_path, first):
    rows = 'a,1,0.5,"[]"\n' * first + 'a,1,0.5,"[1,2]"\n'
    log = read(save(tmp_path / "log.csv", f"{HEAD},context_e\n{rows}"), on_error="skip")
    kept(log)
    assert log.faults.counts["unreadable"] == 1


@pytest.mark.parametrize("mode", ["first", "last", "max", "sum"])
def test_copies_of_a_log_of_costs_keep_the_sign_of_rewards(tmp_path, mode):
    rows = [("e1", 1.0), ("e2", 0.0), ("e1", 0.0), ("e3", 2.0), ("e3", 2.0), ("e1", 3.0)]
    wanted = {"first": [1, 0, 2], "last": [3, 0, 2], "max": [3, 0, 2], "sum": [4, 0, 4]}[mode]
    lines = [
        {
            "_label_cost": -r,
            "_label_probability": 0.5,
            "_labelIndex": 0,
            "EventId": e,
            "a": [1, 2],
            "p": [0.5, 0.5],
        }
        | {"c": {"_multi": [{"id": "x"}, {"id": "y"}]}, "Timestamp": "2024-01-01T00:00:00Z"}
        for e, r in rows
    ]
    path = save(tmp_path / "log.json", "\n".join(map(json.dumps, lines)))
    assert [reward for _, _, reward in kept(read(path, copies=mode))] == wanted
    table = pa.table({"event": [e for e, _ in rows], "action": ["a"] * 6, "cost": [-r for _, r in rows]})
    assert [reward for _, _, reward in kept(read(table, copies=mode))] == wanted


@pytest.mark.parametrize("kind", [pa.string(), pa.uint64(), pa.float64()])
def test_parts_of_which_one_holds_integers_and_one_text(tmp_path, kind):
    one = {"action": pa.array([1, 2]), "reward": [1, 0], "request_id": pa.array([1, 2]), "slot": [0, 0]}
    pq.write_table(pa.table(one), tmp_path / "a.parquet")
    ids = pa.array([2, 3]).cast(kind)
    own = pa.array([2, 3], kind if kind == pa.uint64() else pa.int64())
    pq.write_table(pa.table(one | {"action": ids, "request_id": own, "slot": [1, 0]}), tmp_path / "b.parquet")
    assert kept(read(tmp_path)) == [(1, "1", 1.0), (2, "2", 0.0), (3, "2", 1.0), (4, "3", 0.0)]
    if kind == pa.string():
        pq.write_table(pa.table(one | {"request_id": ids, "slot": [1, 0]}), tmp_path / "b.parquet")
        with pytest.raises(InputError, match="ids must be integers or texts in the whole log, got both"):
            kept(read(tmp_path))


@pytest.mark.parametrize("bad", ["zz,a,oops", "zz,a", ",a,oops", "9223372036854775813,a,oops"])
def test_ids_of_faulty_rows_may_be_no_integers(tmp_path, bad):
    path = save(tmp_path / "log.csv", f"event_id,action,reward\n1,a,1\n{bad}\n2,b,0\n")
    log = read(path, on_error="skip")
    assert kept(log) == [(1, "a", 1.0), (3, "b", 0.0)]
    assert log.faults.counts["unreadable"] == 1


def test_an_unreadable_line_among_integer_ids(tmp_path):
    line = (
        '{"_label_cost":-1,"_label_probability":0.5,"_labelIndex":0,"EventId":"%d","a":[1,2],"p":[0.5,0.5],'
    )
    line += '"c":{"_multi":[{"id":"x"},{"id":"y"}]},"Timestamp":"2024-01-01T00:00:00Z"}\n'
    path = save(tmp_path / "log.json", line % 1 + "broken\n" + line % 2)
    log = read(path, on_error="skip")
    assert [row for row, _, _ in kept(log)] == [1, 3]
    assert log.faults.counts["unreadable"] == 1


@pytest.mark.parametrize("kind", [pa.map_(pa.string(), pa.string()), pa.map_(pa.int64(), pa.float64())])
def test_maps_of_other_things_than_numbers_by_name(kind):
    maps = pa.array([[("1", "2")]], pa.map_(pa.string(), pa.string())).cast(kind)
    table = pa.table({"action": ["a"], "reward": [1], "context_m": maps})
    with pytest.raises(InputError, match="column `context_m` must hold numbers by name, it holds map<"):
        kept(read(table))


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_numbers_of_the_context_that_begin_late(tmp_path, ending):
    values = [None] * 1001 + [3, 2.5, None, 4]
    rows = [{"action": "a", "reward": 1, "context_x": v} for v in values]
    lines = ["action,reward,context_x", *(f"a,1,{'' if v is None else v}" for v in values)]
    text = "\n".join(map(json.dumps, rows) if ending == "jsonl" else lines)
    path = save(tmp_path / f"log.{ending}", text)
    columns = {"action": "action", "reward": "reward", "context": ["context_x"]}
    log = read(path, columns=columns)
    assert log.space.context_names == ("context_x",)
    x = np.concatenate([e.context[:, 0] for e in log.chunks()])
    assert np.array_equal(x, np.array(values, np.float32), equal_nan=True)
    # who calls it a category gets levels, and so do words
    names = read(path, columns=columns | {"categories": ["context_x"]}).space.context_names
    assert names == ("context_x:3", "context_x:4", "context_x:(missing)", "context_x:2.5")
    path.write_text(text.replace("2.5", '"tea"' if ending == "jsonl" else "tea"))
    assert "context_x:tea" in read(path, columns=columns).space.context_names


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "log.csv")
    with pytest.raises(InputError, match="must be a file or a folder, which can be read twice"):
        read(tmp_path / "log.csv")


def test_a_fault_of_a_column_read_before_is_none_of_a_replay_that_does_not_read_it(tmp_path):
    """Which estimator came first must not matter: what was parsed for one may not concern the other."""
    rows = [f"{'ab'[i % 2]},{i % 3 == 0:d},0.5,{'much' if i == 40 else i}" for i in range(80)]
    (tmp_path / "log.csv").write_text("\n".join(["action,reward,propensity,context_x", *rows]))
    log = read(tmp_path / "log.csv", on_error="skip")
    assert sum(map(len, log.chunks())) == 79
    narrow = log.only(features=False, targets=frozenset())
    assert sum(map(len, narrow.chunks())) == 80
    assert sum(map(len, log.chunks())) == 79
    strict = read(tmp_path / "log.csv")
    with pytest.raises(InputError, match="row 41: unreadable"):
        list(strict.chunks())
    assert sum(map(len, strict.only(features=False, targets=frozenset()).chunks())) == 80


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_the_actions_of_a_log_are_the_same_whatever_is_read_of_it(tmp_path, kind):
    """An action that only a faulty row took is one all the same, or `uniform` would mean something else."""
    rows = [
        {"action": "ab"[i % 2], "reward": "1", "propensity": "0.5", "context_x": str(i)} for i in range(60)
    ]
    rows[40] |= {"action": "c", "context_x": "much"}
    rows[50] |= {"action": "d", "reward": "much"}
    path = tmp_path / f"log.{kind}"
    if kind == "csv":
        path.write_text("\n".join(",".join(row) for row in [rows[0].keys(), *(row.values() for row in rows)]))
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    log = read(path, on_error="skip")
    assert log.space.actions == ("a", "b", "c", "d")
    assert log.only(features=False, targets=frozenset()).space.actions == ("a", "b", "c", "d")
    assert sum(map(len, log.chunks())) == 58
