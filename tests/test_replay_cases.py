"""Small logs that went wrong in reading: the shared cases, and others of the same kinds made here."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ltrr.errors import InputError
from ltrr.logs.reading import read


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def table(ltrr, *words):
    """Return the table of a replay by policy and estimator."""
    status, out, err = ltrr("replay", *map(str, words), "--json", "--out", "out", "--no-figures")
    assert status == 0, err
    return pd.DataFrame(json.loads(out)).set_index(["policy", "estimator"])


def value(frame, estimator, policy="uniform"):
    return frame.value[policy, estimator]


def whole(log):
    return [event for events in log.chunks() for event in zip(events.action, events.reward, strict=True)]


# -- requests whose rows lie apart


def test_slots_of_a_request_together(ltrr, cases):
    frame = table(ltrr, cases / "slots.csv", "--on-error", "skip", "--estimators", "slate-snips")
    assert value(frame, "slate-snips") == pytest.approx(0.796, abs=5e-4)


def test_slots_of_a_request_apart(ltrr, cases):
    status, out, err = ltrr(
        "replay", str(cases / "slots_by_slot.csv"), "--on-error", "skip", "--estimators", "slate-snips"
    )
    assert (status, out) == (2, "")
    assert "not adjacent" in err
    assert "sort the log by request_id, slot" in err


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_requests_that_lie_apart_are_an_error_in_any_format(tmp_path, kind):
    rows = [(r, s) for s in range(3) for r in range(40)]
    frame = pd.DataFrame(rows, columns=["page", "slot"]).assign(action="a", reward=1.0, propensity=0.5)
    path = tmp_path / f"log.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_json(path, orient="records", lines=True)
    columns = {"request": "page", "slot": "slot", "action": "action", "reward": "reward"}
    for on_error in ("fail", "skip"):
        with pytest.raises(InputError, match="sort the log by page, slot"):
            whole(read(path, columns=columns, on_error=on_error))
    log = read(path, columns=columns, on_error="report")
    whole(log)
    assert log.faults.counts["request not adjacent"] == 120


# -- names that say nothing by themselves


def test_a_column_called_count_is_no_weight(ltrr, cases):
    mapped = [f"--column={role}={role}" for role in ("action", "reward", "propensity")]
    for words in (mapped, []):
        frame = table(ltrr, cases / "count_column.csv", *words, "--estimators", "ips")
        assert value(frame, "on-policy", "as logged") == pytest.approx(0.2933, abs=5e-4)
    weighted = table(ltrr, cases / "count_column.csv", "--column=count=count", "--estimators", "ips")
    assert value(weighted, "on-policy", "as logged") == pytest.approx(0.0441, abs=5e-5)


def test_a_column_called_request_needs_slots_beside_it(tmp_path):
    rows = b"request,action,reward\n1,a,1\n1,b,0\n2,a,1\n"
    (tmp_path / "log.csv").write_bytes(rows)
    assert read(tmp_path / "log.csv").space.n_slots == 1
    (tmp_path / "log.csv").write_bytes(b"request,slot,action,reward\n1,0,a,1\n1,1,b,0\n2,0,a,1\n2,1,b,1\n")
    assert read(tmp_path / "log.csv").space.n_slots == 2


# -- dialects and ids


@pytest.mark.parametrize("name", ["tab.tsv", "bool.csv"])
def test_tables_in_other_dialects_are_read(ltrr, cases, name):
    status, out, err = ltrr("validate", str(cases / name))
    assert (status, err) == (0, "")
    assert "rows         40, usable 40" in out
    assert "mean 0.425" in out


def test_hashes_as_ids_are_read_exactly(ltrr, cases):
    frame = table(ltrr, cases / "uint64.parquet", "--estimators", "ips")
    assert np.isfinite(value(frame, "on-policy", "as logged"))
    assert read(cases / "uint64.parquet").space.actions == ("9223372036854775813", "9223372036854775815")


@pytest.mark.parametrize("offset", [0, 2**31, 2**53 + 1, 2**63 - 3, 2**64 - 8])
def test_ids_of_any_size_are_named_alike_in_every_format(tmp_path, offset):
    ids = [offset + 5, offset + 6, offset + 5]
    names = tuple(map(str, sorted({*ids})))
    frame = {"action": pa.array(ids, pa.uint64()), "reward": pa.array([1.0, 0.0, 1.0])}
    pq.write_table(pa.table(frame), tmp_path / "log.parquet")
    lines = [{"action": i, "reward": r} for i, r in zip(ids, [1.0, 0.0, 1.0], strict=True)]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "log.csv").write_text(
        "action,reward\n" + "".join(f"{x['action']},{x['reward']}\n" for x in lines)
    )
    logs = [read(tmp_path / f"log.{kind}") for kind in ("parquet", "jsonl", "csv")]
    assert [log.space.actions for log in logs] == [names] * 3
    assert whole(logs[0]) == whole(logs[1]) == whole(logs[2])


def test_floats_that_are_integers_are_named_alike(ltrr, cases, tmp_path):
    log = read(cases / "float_ids.csv")
    assert log.space.actions == ("0", "1")
    frame = table(ltrr, cases / "float_ids.csv", "-p", "always:1", "--estimators", "ips")
    assert np.isfinite(value(frame, "ips", "always:1"))
    pd.DataFrame({"action": [1.0, 0.0], "reward": [1, 0]}).to_parquet(tmp_path / "log.parquet")
    assert read(tmp_path / "log.parquet").space.actions == ("0", "1")


# -- what nobody asks for stops nothing


def test_a_missing_context_is_no_fault(ltrr, cases):
    frame = table(ltrr, cases / "nan_context.csv", "--estimators", "ips,dr")
    assert frame.n["uniform", "ips"] == frame.n["uniform", "dr"] == 40
    assert np.isfinite(value(frame, "dr"))


def test_columns_nobody_asks_for_stop_no_log(ltrr, cases, tmp_path):
    frame = table(ltrr, cases / "target_text.csv", "--estimators", "ips")
    assert frame.n["uniform", "ips"] == 40
    (tmp_path / "log.csv").write_text(
        "action,reward,propensity,target_new,context_x\n" + "a,1,0.5,0.5,1\nb,0,0.5,7,inf\n" * 20
    )
    assert table(ltrr, tmp_path / "log.csv", "--estimators", "ips").n["uniform", "ips"] == 40
    status, _, err = ltrr("replay", str(tmp_path / "log.csv"), "-p", "column:new", "--estimators", "ips")
    assert (status, "row 2: target outside [0, 1]: new = 7" in err) == (2, True)
    status, _, err = ltrr("replay", str(tmp_path / "log.csv"), "--estimators", "dr")
    assert (status, "row 2: context not finite: context_x = inf" in err) == (2, True)


def test_a_target_that_is_no_probability_names_its_row(ltrr, cases):
    status, _, err = ltrr("replay", str(cases / "ray12047.csv"), "-p", "column:new")
    assert status == 2
    assert "row 1: target outside [0, 1]: new = -0.69" in err


# -- times


def test_milliseconds_are_known_by_their_size(ltrr, cases):
    status, out, _ = ltrr("validate", str(cases / "milliseconds.csv"))
    assert status == 0
    assert "39 seconds" in out
    assert "2023-11-14 22:13:20 UTC" in out


# -- decision-service JSON


def test_a_propensity_that_is_missing_in_json(ltrr, cases):
    status, out, _ = ltrr("validate", str(cases / "vw2253.json"))
    assert status == 1
    assert "usable 29, excluded 1" in out
    assert "propensity missing: 1, rows 1" in out


def test_actions_without_features_are_places(ltrr, cases):
    frame = table(ltrr, cases / "vw2793.json", "-p", "uniform")
    assert np.isfinite(value(frame, "ips"))
    assert read(cases / "vw2793.json").space.actions == ("1", "2")


def test_a_line_that_is_no_json_has_its_own_message(ltrr, cases):
    status, _, err = ltrr("replay", str(cases / "vw3007.json"), "-p", "uniform")
    assert status == 2
    assert "vw3007.json, row 8: unreadable: not JSON:" in err
    frame = table(ltrr, cases / "vw3007.json", "-p", "uniform", "--on-error", "skip")
    assert frame.n["uniform", "ips"] == 29


def test_pages_without_labels_are_dangling(ltrr, cases):
    log = read(cases / "vw4661.json")
    assert len(whole(log)) == 20
    assert log.faults.counts["dangling event"] == 10
    assert log.space.n_slots == 2
    assert not log.space.slot_rewards
    frame = table(ltrr, cases / "vw4661.json", "-p", "uniform")
    assert np.isfinite(value(frame, "slate-ips"))


# -- another log named by a policy


def test_another_log_is_read_with_the_settings_of_the_one_at_hand(ltrr, tmp_path):
    lines = ["item;clicked;p;x", *(f"{'ab'[i % 2]};{i % 3 == 0:d};0,5;{i % 5}" for i in range(60))]
    (tmp_path / "one.csv").write_text("\n".join(lines))
    (tmp_path / "two.csv").write_text(
        "\n".join([lines[0], *(line.replace("b;", "a;", 1) for line in lines[1:41])])
    )
    mapped = [
        "--column=action=item",
        "--column=reward=clicked",
        "--column=propensity=p",
        "--column=context=x",
    ]
    frame = table(
        ltrr, tmp_path / "one.csv", *mapped, "-p", f"logged:{tmp_path / 'two.csv'}", "--estimators=ips"
    )
    always = table(ltrr, tmp_path / "one.csv", *mapped, "-p", "always:a", "--estimators", "ips")
    (policy,) = {name for name, _ in frame.index} - {"as logged"}
    assert value(frame, "ips", policy) == pytest.approx(value(always, "ips", "always:a"))


def test_another_log_of_open_bandit_data(ltrr, data_dir):
    men = data_dir / "obd"
    frame = table(ltrr, men / "random" / "men", "-p", f"logged:{men / 'bts' / 'men'}", "--estimators", "ips")
    (policy,) = {name for name, _ in frame.index} - {"as logged"}
    assert 0.0 < value(frame, "ips", policy) < 0.03
