"""What the reading of logs says, and what it takes, where one would expect it."""

import logging

import pyarrow as pa
import pytest

from ltrr.errors import InputError
from ltrr.logs import read
from ltrr.logs.registry import LOG_FORMATS
from ltrr.logs.validation import validate
from ltrr.replay import learn_policy, run, split

PLAIN = "action,reward,propensity\n" + "a,1,0.5\nb,0,0.5\n" * 20


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(PLAIN, "utf-8")
    return path


def table(n=40):
    return pa.table({"action": ["a", "b"] * (n // 2), "reward": [1, 0] * (n // 2), "propensity": [0.5] * n})


@pytest.mark.parametrize("name", LOG_FORMATS.names)
def test_the_listing_of_a_format_holds_its_options_and_nothing_else(name, ltrr):
    status, out, _ = ltrr("list", "log_formats", name)
    listed = [line.split()[0] for line in out.splitlines()[1:] if line[:1].strip()]
    assert status == 0
    assert not {"part", "wanted", "path", "rows", "on_error", "check_duplicates"} & set(listed)
    if name == "obd":
        assert "affinity" in listed


def test_no_format_is_described_by_what_its_function_yields(ltrr):
    _, out, _ = ltrr("list", "log_formats")
    assert "Yield" not in out
    assert "a part" not in out


@pytest.mark.parametrize("key", ["on_error=skip", "check_duplicates=false", "columns=a", "fill_columns=true"])
def test_what_has_an_option_of_its_own_is_no_option_of_the_format(key, path, ltrr):
    status, _, err = ltrr("validate", path, "--option", key)
    assert status == 2
    assert err.startswith("ltrr: --option is for what the format takes, got ")


def test_a_reward_of_no_cost_is_zero_without_a_sign():
    log = pa.table({"action": ["a", "b"], "cost": [0.0, -1.0], "propensity": [0.5, 0.5]})
    assert "from 0 to 1," in validate(read(log)).text()


def test_a_column_without_a_name_is_shown_as_one():
    log = pa.table({"": [0, 1], "action": ["a", "b"], "reward": [0, 1]})
    assert "not used: (no name)" in read(log).columns_line


def test_only_what_excludes_rows_is_given_as_the_reason():
    rows = table().append_column("event", [[*range(39), 1]]).append_column("context_x", [[1.0] * 40])
    found = run(read(rows, on_error="skip"), ["uniform"], estimators=["dm"], quiet=True)
    notes = [note for note in found.about["notes"] if "excluded" in note]
    assert found.faults.counts == {"duplicate event": 1, "constant column": 1}
    assert notes == ["1 of 40 rows were excluded: duplicate event (1)."]


def test_a_part_of_a_log_is_said_to_be_one(path, ltrr):
    log = read(path, rows=30, where="action=a")
    assert log.selected == "the first 30 rows, action=a"
    assert "read         the first 30 rows, action=a" in validate(log).text()
    _, out, _ = ltrr("replay", path, "--rows", 30, "--no-figures", "--out", path.parent / "out")
    assert "! Only a part of the log was read: the first 30 rows." in out
    assert read(path).selected == ""


def test_validate_says_what_is_being_done(path, ltrr, monkeypatch):
    logger = logging.getLogger("ltrr")
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "level", logger.level)
    assert "parsed once" in ltrr("validate", path, "-v")[2]


def test_a_log_may_be_split_and_learned_from_as_it_is(path):
    for log in (path, str(path), table()):
        early, late = split(log)
        assert [sum(map(len, part.chunks())) for part in (early, late)] == [20, 20]
        assert learn_policy(log, method="ips").name == learn_policy(read(log), method="ips").name


def test_targets_are_mapped_in_a_call_as_at_the_command_line():
    log = table().append_column("p_new", [[0.5] * 40])
    one = read(log, columns={"target.new": "p_new"}, fill_columns=True)
    assert one.space == read(log, columns={"target": {"new": "p_new"}}, fill_columns=True).space
    assert next(one.chunks()).targets["new"].tolist() == [0.5] * 40


def test_a_map_that_lacks_a_column_with_a_usual_name_has_a_hint():
    with pytest.raises(InputError, match="or take 'action' and other usual names by fill_columns=True"):
        read(table(), columns={"reward": "reward"})


def test_an_option_of_the_reading_says_where_it_goes():
    with pytest.raises(InputError, match=r"no option `where`; .* ltrr.logs.read\(log, where=…\)"):
        run(table(), where="action=a")
    with pytest.raises(InputError, match="no option `seeed`; did you mean 'seed'"):
        run(table(), seeed=1)


def test_an_empty_folder_is_said_to_be_one(tmp_path):
    with pytest.raises(InputError, match="it holds no files of a log"):
        read(tmp_path)
