"""One reader for all formats: what is read, how often it is parsed, and how much memory that takes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.logs import read
from ltrr.logs.events import Events
from ltrr.logs.format import log_format
from ltrr.logs.formats.csv import batches as csv_batches
from tests.dialect_makers import changed, missing, plain_rows, save, table, text_of

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "log-formats.md").read_text(encoding="utf-8")


def whole(log):
    return Events.concat(list(log.chunks()))


def counting(calls):
    """Return CSV as a user's own format, which notes the columns of each time that it parses a file."""

    @log_format(endings=(".mine",))
    def batches(part, wanted):
        calls.append(None if wanted is None else set(wanted))
        yield from csv_batches(part, wanted)

    return batches


NEEDED = {"action", "reward", "propensity", "timestamp"}
CONTEXT = {"context_age", "context_country"}


@pytest.fixture
def counted(tmp_path):
    """Return a log of text and the list of its parses."""
    calls = []
    log = read(save(tmp_path, "log.mine", text_of(plain_rows())), format=counting(calls))
    assert calls.pop() is None  # the first rows, to find the columns
    assert calls == []
    return log, calls


# -- what is read, and how often


def test_a_log_is_parsed_once_however_often_it_is_read(counted):
    log, calls = counted
    first = whole(log)
    assert calls == [NEEDED | CONTEXT | {"target_new"}]
    second = whole(log)
    assert len(calls) == 1
    assert first.reward.tolist() == second.reward.tolist() == [row["reward"] for row in plain_rows()]


def test_what_nobody_asks_for_is_not_read(counted):
    log, calls = counted
    narrow = log.only(features=False, targets=frozenset())
    events = whole(narrow)
    assert calls == [NEEDED]
    assert narrow.space.context_names == ()
    assert events.context.shape == (30, 0)
    assert dict(events.targets) == {}
    assert events.reward.tolist() == whole(log).reward.tolist()


def test_only_the_targets_that_are_asked_for_are_read(counted):
    log, calls = counted
    assert list(whole(log.only(features=False, targets=frozenset({"new"}))).targets) == ["new"]
    assert calls == [NEEDED | {"target_new"}]
    assert list(whole(log.only(features=False, targets=None)).targets) == ["new"]
    assert len(calls) == 1


def test_a_narrower_log_reads_what_a_wider_one_parsed(counted):
    log, calls = counted
    whole(log)
    narrow = log.only(features=False, targets=frozenset())
    assert narrow.source is log.source
    assert whole(narrow).propensity.tolist() == [row["propensity"] for row in plain_rows()]
    assert len(calls) == 1


def test_features_that_were_not_parsed_are_parsed_when_they_are_asked_for(counted):
    log, calls = counted
    whole(log.only(features=False, targets=frozenset()))
    events = whole(log)
    assert calls == [NEEDED, NEEDED | CONTEXT | {"target_new"}]
    assert events.context[:, 0].tolist() == [row["context_age"] for row in plain_rows()]
    whole(log.only(features=False, targets=frozenset()))
    assert len(calls) == 2


def test_a_log_that_never_had_features_cannot_be_widened(tmp_path):
    log = read(save(tmp_path, "log.csv", text_of(plain_rows())), features=False)
    assert log.only(features=True, targets=None).space.context_names == ()


def test_a_pass_cut_short_leaves_no_file(counted):
    log, calls = counted
    passing = log.source.batches(log.roles, None, log.selection)
    next(passing)
    passing.close()
    assert log.source.spool is None
    assert len(whole(log)) == 30
    assert len(calls) == 2
    assert log.source.spool.size > 0


def test_a_fault_in_the_middle_of_a_pass_leaves_no_file(tmp_path):
    @log_format(endings=())
    def broken(part, wanted):
        yield pa.record_batch({"action": ["a"], "reward": ["1"]})
        if wanted is not None:
            raise OSError(5, "the disk is gone")

    log = read(save(tmp_path, "log.x", "x"), format=broken)
    with pytest.raises(InputError, match=r"cannot be read: .*the disk is gone"):
        whole(log)
    assert log.source.spool is None


def test_columns_that_are_not_read_have_no_faults(tmp_path):
    rows = plain_rows()
    text = text_of(changed(context_age=lambda v, i: "old" if i == 29 else v)(rows))
    path = save(tmp_path, "log.csv", text)
    with pytest.raises(InputError, match="row 30: unreadable: `context_age` must be a number, got 'old'"):
        whole(read(path))
    assert len(whole(read(path, features=False))) == 30
    assert len(whole(read(path).only(features=False, targets=None))) == 30
    path = save(tmp_path, "log.csv", text_of(missing("target_new", 7)(rows)))
    with pytest.raises(InputError, match="row 8: missing value: no target probability new"):
        whole(read(path))
    assert len(whole(read(path).only(features=True, targets=frozenset()))) == 30


@pytest.mark.parametrize("form", ["table", "parquet"])
def test_what_needs_no_parsing_is_not_kept(form, tmp_path):
    held = table(plain_rows())
    if form == "parquet":
        pa.parquet.write_table(held, tmp_path / "log.parquet")
        held = tmp_path / "log.parquet"
    log = read(held)
    whole(log)
    assert not log.source.parses
    assert getattr(log.source, "spool", None) is None


# -- embeddings


def embedded(vectors):
    return [row | {"context_v": v} for row, v in zip(plain_rows(), vectors, strict=False)]


FORMS = {
    "csv": text_of,
    "jsonl": lambda rows: "".join(json.dumps(row) + "\n" for row in rows),
}


def held_as(form, rows, folder):
    return table(rows) if form == "table" else save(folder, f"log.{form}", FORMS[form](rows))


@pytest.mark.parametrize("form", ["csv", "jsonl", "table"])
def test_a_list_is_a_column_an_entry(form, tmp_path):
    vectors = [[0.5 * i, -1.0] for i in range(4)]
    vectors[1] = None
    log = read(held_as(form, embedded(vectors), tmp_path))
    events = whole(log)
    names = log.space.context_names
    assert names == ("context_age", *(f"context_country:{c}" for c in ("de", "fr", "it")), *NAMES)
    expected = [[np.nan, np.nan] if v is None else v for v in vectors]
    np.testing.assert_array_equal(events.context[:, -2:], np.array(expected, np.float32))


@pytest.mark.parametrize("word", ["", " ", "NA", "null"])
def test_a_missing_list_in_text_is_no_fault(word, tmp_path):
    text = f"action,reward,context_v\na,0,[0.5]\na,1,{word}\na,1,[1.5]\n"
    events = whole(read(save(tmp_path, "log.csv", text)))
    np.testing.assert_array_equal(events.context[:, 0], [0.5, np.nan, 1.5])


NAMES = ("context_v[0]", "context_v[1]")


@pytest.mark.parametrize("form", ["csv", "jsonl", "table"])
@pytest.mark.parametrize("wrong", [[], [1.0], [1.0, 2.0, 3.0]], ids=len)
def test_a_list_of_another_length_is_a_fault_of_its_row(form, wrong, tmp_path):
    vectors = [[0.5, -1.0], [1.5, 0.0], wrong, [2.5, 1.0]]
    log = read(held_as(form, embedded(vectors), tmp_path), on_error="report")
    events = whole(log)
    assert events.row.tolist() == [1, 2, 4]
    (fault,) = [f for f in log.faults.kept if f.kind == "unreadable"]
    assert (fault.row, fault.detail) == (
        3,
        f"`context_v` must be a list of 2 numbers, as in the first rows; entries, got {len(wrong)}",
    )


# -- features by name


def naive_context(rows):
    """Return names and values of features by name, one row after another."""
    names = sorted({name for row in rows for name, _ in row})
    out = np.zeros((len(rows), len(names)))
    for i, row in enumerate(rows):
        for name, value in row:
            out[i, names.index(name)] += value
    return names, out


PAIRS = st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from([-1.5, 0.25, 1.0, 8.0])), max_size=5)


@settings(max_examples=60, deadline=None)
@given(st.lists(PAIRS, min_size=1, max_size=12), st.integers(1, 5))
def test_features_by_name_are_those_of_a_slow_loop(rows, chunk_rows):
    kind = pa.map_(pa.string(), pa.float64())
    held = pa.table(
        {
            "action": ["a"] * len(rows),
            "reward": [0.0] * len(rows),
            "context_f": pa.array(rows, kind),
        }
    )
    log = read(held, chunk_rows=chunk_rows)
    names, expected = naive_context(rows)
    assert sorted(log.space.context_names) == names
    order = [log.space.context_names.index(name) for name in names]
    np.testing.assert_array_equal(whole(log).context[:, order], expected)


def test_the_most_frequent_names_become_columns():
    rows = [[("a", 1.0), ("b", 2.0)], [("b", 3.0)], [("c", 4.0), ("b", 1.0), ("c", 4.0)]]
    kind = pa.map_(pa.string(), pa.float64())
    held = pa.table({"action": ["a"] * 3, "reward": [0] * 3, "context_f": pa.array(rows, kind)})
    log = read(held, max_features=1)
    assert log.space.context_names == ("b",)
    assert log.left_out == (2, 0)
    assert whole(log).context[:, 0].tolist() == [2.0, 3.0, 1.0]


def test_a_feature_that_is_no_number_is_a_fault_of_its_row():
    kind = pa.map_(pa.string(), pa.float64())
    rows = pa.array([[("a", 1.0)], [("a", float("nan"))]], kind)
    log = read(pa.table({"action": ["a"] * 2, "reward": [0] * 2, "context_f": rows}), on_error="report")
    assert whole(log).row.tolist() == [1]
    assert [(f.kind, f.row, f.detail) for f in log.faults.kept if f.row] == [
        ("context not finite", 2, "a = nan")
    ]


# -- roles


@pytest.mark.parametrize("form", ["csv", "jsonl", "table"])
def test_a_column_may_have_two_roles_of_different_kinds(form, tmp_path):
    rows = [row | {"action": 7 + i % 2} for i, row in enumerate(plain_rows())]
    columns = {"reward": "reward", "action": "action", "context": ["action", "reward"], "event": "timestamp"}
    log = read(held_as(form, rows, tmp_path), columns=columns | {"timestamp": "timestamp"})
    events = whole(log)
    assert log.space.actions == ("7", "8")
    assert log.space.context_names == ("action", "reward")
    assert events.context.tolist() == [[row["action"], row["reward"]] for row in rows]
    assert events.key.tolist() == events.time.tolist() == [row["timestamp"] for row in rows]


# -- a format of one's own

OWN = """
import pyarrow as pa


def batches(part, wanted, *, mark="="):
    rows = [line.split(mark) for line in part.path.read_text(encoding="utf-8").splitlines()]
    yield pa.record_batch({"action": [row[0] for row in rows], "reward": [row[1] for row in rows]})
"""


def test_a_format_of_ones_own_by_name(tmp_path, monkeypatch):
    (tmp_path / "own_format_of_pairs.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    path = save(tmp_path, "log.pairs", "a:1\nb:0.5\n")
    log = read(path, format="own_format_of_pairs:batches", mark=":")
    assert log.space.actions == ("a", "b")
    assert whole(log).reward.tolist() == [1.0, 0.5]
    with pytest.raises(InputError, match="takes no `delimiter`"):
        read(path, format="own_format_of_pairs:batches", delimiter=":")
    with pytest.raises(InputError, match="own_format_of_pairs"):
        read(path, format="own_format_of_pairs:batch")


def test_the_format_on_the_page_works(tmp_path):
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    names = {}
    exec(compile(code, "page", "exec"), names)  # noqa: S102 - the page's own example
    save(tmp_path, "logs/1.pairs", "a=1\nb=0.5\n")
    save(tmp_path, "logs/2.pairs", "b=2\n")
    events = whole(read(tmp_path / "logs", format=names["batches"]))
    assert events.reward.tolist() == [1.0, 0.5, 2.0]
    save(tmp_path, "log.pairs", "a:1\n")
    assert whole(read(tmp_path / "log.pairs", format=names["batches"], mark=":")).reward.tolist() == [1.0]


@pytest.mark.parametrize("format_", [3, ["csv"]])
def test_what_is_no_format_is_one_line(format_, tmp_path):
    with pytest.raises(InputError, match="`format` must be a known name or a function, got"):
        read(save(tmp_path, "log.csv", "a,b\n1,2\n"), format=format_)


# -- memory

GROWTH = """
import resource, sys
from ltrr.logs import read

def used():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

list(read(sys.argv[1]).chunks())  # what is loaded and compiled does not count
before = used()
rows = total = 0
log = read(sys.argv[2])
for _ in range(2):
    for events in log.chunks():
        rows += len(events)
        total += float(events.reward.sum())
print(used() - before, rows, total)
"""


@pytest.mark.soak
def test_memory_does_not_grow_with_the_log(tmp_path):
    lines = "".join(
        f"{i % 50},{i % 2},{0.02},{1_704_067_200 + i},{'x' * 40}{i % 7},{i * 0.5}\n" for i in range(4000)
    )
    head = "action,reward,propensity,timestamp,context_kind,context_size\n"
    small = save(tmp_path, "small.csv", head + lines)
    times = 300_000_000 // len(lines)
    with (tmp_path / "big.csv").open("w", encoding="utf-8") as file:
        file.write(head)
        for _ in range(times):
            file.write(lines)
    assert (tmp_path / "big.csv").stat().st_size > 290e6
    call = [sys.executable, "-W", "ignore", "-c", GROWTH, str(small), str(tmp_path / "big.csv")]
    done = subprocess.run(call, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    growth, rows, total = done.stdout.split()
    assert int(rows) == 2 * 4000 * times
    assert float(total) == 4000 * times
    assert int(growth) < 300e6


def test_an_id_that_is_no_integer_may_stand_in_a_faulty_row(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("event,action,reward,propensity\n1,a,1,0.5\nabc,b,zero,0.5\n 3,b,0,0.5\n", "utf-8")
    log = read(path, on_error="skip")
    assert whole(log).row.tolist() == [1, 3]
    assert log.faults.counts == {"unreadable": 1}
