"""Columns that are asked for by name, from logs of every kind, and what excluded rows looked like."""

import copy
import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ltrr
from ltrr.errors import InputError
from ltrr.logs import read
from ltrr.logs.events import Events, Space
from ltrr.logs.extra import Extra, fits_pattern, lone_ids
from ltrr.logs.faults import Faults
from ltrr.logs.format import log_format
from ltrr.logs.formats.csv import batches as csv_batches
from ltrr.logs.formats.run_log import open_run_log
from ltrr.logs.labels import Labels
from ltrr.logs.memory import EventsLog
from ltrr.logs.own_columns import ExtraLog, with_extra
from ltrr.replay.targets.reads import NO_COLUMNS, Reads, narrowed
from tests.dialect_makers import save
from tests.test_lean_replay import Narrow

nan = float("nan")
DAY = 86_400
ROWS = [
    # action, reward, propensity, user, timestamp, price, country, house
    ("a", 1.0, 0.5, "ann", 10.0, 2.5, "de", "h1"),
    ("b", 0.0, 0.5, "bob", 20.0, None, "fr", None),
    ("a", 0.0, 0.5, "ann", DAY + 10.0, 1.0, None, "h1"),
    ("b", 1.0, 0.5, "cid", 2 * DAY - 1.0, 0.0, "de", None),
]
NAMES = ("action", "reward", "propensity", "user", "timestamp", "price", "country", "house")
FORMS = ("csv", "jsonl", "parquet", "arrow", "pandas", "polars", "memory")


def frame(rows=ROWS):
    return pd.DataFrame(rows, columns=NAMES)


def log_of(form, tmp_path, table=None, **options):
    """Return one table as a log of a form."""
    table = frame() if table is None else table
    path = tmp_path / f"log.{form}"
    if form == "csv":
        table.to_csv(path, index=False)
    elif form == "jsonl":
        records = [{k: v for k, v in row.items() if not pd.isna(v)} for row in table.to_dict("records")]
        path.write_text("\n".join(map(json.dumps, records)) + "\n", encoding="utf-8")
    elif form == "parquet":
        table.to_parquet(path, index=False)
    elif form == "arrow":
        table.to_feather(path)
    elif form == "pandas":
        return read(table, **options)
    elif form == "polars":
        polars = pytest.importorskip("polars")
        return read(polars.from_pandas(table), **options)
    else:
        return read(pa.Table.from_pandas(table), **options)
    return read(path, **options)


def only(log, **asked):
    sets = {key: frozenset(value) if key != "propensity" else value for key, value in asked.items()}
    return log.only(features=False, targets=frozenset(), **sets)


def events_of(log, **asked):
    return Events.concat(list(only(log, **asked).chunks()))


def texts(labels):
    return [None if c < 0 else labels.names[c] for c in labels.code.tolist()]


# ------------------------------------------------------------------ tables


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("chunk_rows", [1, 100])
def test_columns_by_name_are_the_same_in_all_forms(form, chunk_rows, tmp_path):
    log = log_of(form, tmp_path, chunk_rows=chunk_rows)
    asked = {"numbers": ["price", "reward"], "labels": ["country", "user", "day"]}
    events = events_of(log, **asked, ids=["house", "user", "day"])
    assert events.numbers["price"].tolist() == pytest.approx([2.5, nan, 1.0, 0.0], nan_ok=True)
    assert events.numbers["reward"].tolist() == events.reward.tolist() == [1.0, 0.0, 0.0, 1.0]
    assert texts(events.labels["country"]) == ["de", "fr", None, "de"]
    assert texts(events.labels["user"]) == ["ann", "bob", "ann", "cid"]
    assert texts(events.labels["day"]) == ["1970-01-01"] * 2 + ["1970-01-02"] * 2
    house = events.ids["house"].tolist()
    assert house[0] == house[2]
    assert len(set(house)) == 3
    assert (events.ids["user"] == events.user).all()
    assert events.ids["day"].tolist() == [0, 0, 1, 1]
    assert set(events.numbers) == {"price", "reward"}


@pytest.mark.parametrize("form", FORMS)
def test_what_is_not_asked_for_is_not_there(form, tmp_path):
    events = events_of(log_of(form, tmp_path))
    assert (dict(events.numbers), dict(events.labels), dict(events.ids)) == ({}, {}, {})


@pytest.mark.parametrize("form", ["csv", "jsonl", "memory"])
def test_what_is_no_number_is_a_fault_of_its_row(form, tmp_path):
    table = frame().assign(price=["2.5", "much", "1", "inf"])
    log = log_of(form, tmp_path, table, on_error="skip")
    narrow = only(log, numbers=["price"])
    assert Events.concat(list(narrow.chunks())).row.tolist() == [1, 3]
    assert narrow.faults.counts["unreadable"] == 2
    found = [(fault.row, fault.detail) for fault in narrow.faults.kept]
    assert (2, "`price` must be a number, got 'much'") in found
    assert (4, "`price` must be a finite number, got inf") in found
    plain = only(log)
    assert sum(len(events) for events in plain.chunks()) == 4  # nobody asked


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", ["numbers", "labels", "ids"])
def test_an_unknown_name_is_one_line_before_anything_is_read(form, what, tmp_path):
    log = log_of(form, tmp_path)
    with pytest.raises(InputError, match=f"no column 'prise' to read {what} from; did you mean 'price'") as e:
        only(log, **{what: ["prise"]})
    assert "\n" not in str(e.value)


def test_labels_of_any_plain_type(tmp_path):
    table = pa.table(
        {
            "action": ["a", "b", "a"],
            "reward": [1, 0, 0],
            "half": [0.5, 2.0, None],
            "flag": [True, None, False],
            "date": pa.array([0, 1, None], pa.date32()),
            "code": pa.array([7, None, 8], pa.int16()),
            "name": pa.array(["x", "y", "x"]).dictionary_encode(),
        }
    )
    events = events_of(read(table), labels=["half", "flag", "date", "code", "name"])
    assert {name: texts(column) for name, column in events.labels.items()} == {
        "half": ["0.5", "2", None],
        "flag": ["true", None, "false"],
        "date": ["1970-01-01", "1970-01-02", None],
        "code": ["7", None, "8"],
        "name": ["x", "y", "x"],
    }
    listed = read(table.set_column(2, "half", pa.array([[1], [2], [3]])))
    with pytest.raises(InputError, match="column `half` must hold labels, it holds list"):
        events_of(listed, labels=["half"])


def test_roles_come_before_columns(tmp_path):
    table = pd.DataFrame(
        {"arm": ["a", "b"], "clicked": [1, 0], "reward": [7, 8], "p": 0.5, "household": [3, 4]}
    )
    columns = {"action": "arm", "reward": "clicked", "propensity": "p", "user": "household"}
    events = events_of(
        read(table, columns=columns), numbers=["reward", "propensity"], ids=["user"], labels=["action", "arm"]
    )
    assert events.numbers["reward"].tolist() == [1.0, 0.0]
    assert events.numbers["propensity"].tolist() == [0.5, 0.5]
    assert events.ids["user"].tolist() == [3, 4]
    assert texts(events.labels["action"]) == texts(events.labels["arm"]) == ["a", "b"]


def test_the_cost_of_a_log_of_costs():
    table = pd.DataFrame({"action": ["a", "b"], "cost": [1.0, -2.0]})
    events = events_of(read(table), numbers=["cost", "reward"])
    assert events.numbers["cost"].tolist() == [1.0, -2.0]
    assert events.numbers["reward"].tolist() == [-1.0, 2.0]


def test_requests_are_ids_where_there_are_slots():
    table = pd.DataFrame(
        {"action": list("abab"), "reward": 1, "request_id": ["x", "x", "y", "y"], "slot": [0, 1, 0, 1]}
    )
    events = events_of(read(table), ids=["request", "slot"], labels=["slot", "request"], numbers=["slot"])
    request = events.ids["request"].tolist()
    assert request[0] == request[1] != request[2] == request[3]
    assert events.ids["slot"].tolist() == events.numbers["slot"].tolist() == [0, 1, 0, 1]
    assert texts(events.labels["slot"]) == ["0", "1", "0", "1"]
    assert texts(events.labels["request"]) == ["x", "x", "y", "y"]


def test_columns_of_the_context_by_their_expanded_names(tmp_path):
    table = frame().assign(vector=[[1.0, 2.0]] * 4, country=["de", "fr", "fr", "de"])
    log = read(table, columns={"context": ["country", "vector"]}, fill_columns=True)
    events = events_of(log, numbers=["country:de", "vector[1]"], labels=["vector[0]"])
    assert events.numbers["country:de"].tolist() == [1.0, 0.0, 0.0, 1.0]
    assert events.numbers["vector[1]"].tolist() == [2.0] * 4
    assert texts(events.labels["vector[0]"]) == ["1"] * 4
    with pytest.raises(InputError, match=r"'country:dee' to read numbers from; did you mean 'country:de'"):
        events_of(log, numbers=["country:dee"])
    with pytest.raises(InputError, match="to read ids from"):
        only(log, ids=["country:de"])
    assert events_of(log, numbers=["price"]).context.shape == (4, 0)


def test_a_pattern_stands_for_the_columns_of_numbers(tmp_path):
    table = frame().assign(q_a=0.5, q_b=["", "", "1", "2"], q_note="none", other=1)
    for form in ("csv", "memory"):
        events = events_of(log_of(form, tmp_path, table), numbers=["q_*"])
        assert set(events.numbers) == {"q_a", "q_b"}
        assert events.numbers["q_b"].tolist() == pytest.approx([nan, nan, 1.0, 2.0], nan_ok=True)
    with pytest.raises(InputError, match=r"no column 'z_\*' to read numbers from"):
        only(read(table), numbers=["z_*"])
    with pytest.raises(InputError, match=r"no column 'q_\*' to read labels from"):
        only(read(table), labels=["q_*"])
    starred = table.rename(columns={"other": "q_*"})
    assert list(events_of(read(starred), numbers=["q_*"]).numbers) == ["q_*"]


def test_days_need_times():
    table = pd.DataFrame({"action": ["a", "b"], "reward": [0, 1]})
    for what in ("labels", "ids"):
        with pytest.raises(InputError, match="`day` needs the log's times: map their column, timestamp=NAME"):
            only(read(table), **{what: ["day"]})
    own = table.assign(day=["mon", "tue"])
    assert texts(events_of(read(own), labels=["day"]).labels["day"]) == ["mon", "tue"]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_the_propensity_may_stay_unread(form, tmp_path):
    log = log_of(form, tmp_path, frame().assign(propensity=[0.5, 7.0, -1.0, 0.5]))
    events = events_of(log, propensity=False)
    assert events.propensity is None
    assert len(events) == 4
    asked = events_of(log, propensity=False, numbers=["propensity"])
    assert asked.propensity is None
    assert asked.numbers["propensity"].tolist() == [0.5, 7.0, -1.0, 0.5]
    with pytest.raises(InputError, match="propensity above 1"):
        events_of(log)


def test_only_what_is_asked_for_is_parsed(tmp_path):
    calls = []

    @log_format(endings=(".mine",))
    def batches(part, wanted):
        calls.append(None if wanted is None else set(wanted))
        yield from csv_batches(part, wanted)

    log = read(save(tmp_path, "log.mine", frame().to_csv(index=False)), format=batches)
    needed = {"action", "reward", "propensity", "user", "timestamp"}
    del calls[:]
    events_of(log, numbers=["price", "reward"], ids=["user"])
    assert calls == [needed | {"price"}]
    events_of(log, numbers=["price"])
    assert len(calls) == 1  # what was parsed is read again
    events_of(log, propensity=False)
    assert len(calls) == 1


def test_open_bandit_data_have_further_columns(tmp_path):
    head = "timestamp,item_id,position,click,propensity_score,user_feature_0,campaign"
    rows = ["2019-11-24 00:00:01,0,1,1,0.5,x,men", "2019-11-25 00:00:01,1,2,0,0.5,y,women"]
    path = save(tmp_path, "log.csv", "\n".join([head, *rows]) + "\n")
    log = read(path, format="obd")
    assert log.format == "obd"
    events = events_of(log, labels=["campaign", "position", "day"], numbers=["reward", "user_feature_0:x"])
    assert texts(events.labels["campaign"]) == ["men", "women"]
    assert texts(events.labels["position"]) == ["1", "2"]
    assert texts(events.labels["day"]) == ["2019-11-24", "2019-11-25"]
    assert events.numbers["user_feature_0:x"].tolist() == [1.0, 0.0]


# ------------------------------------------------------------------ other logs


def dsjson(tmp_path):
    lines = [
        {
            "_label_cost": -float(i % 2),
            "_label_probability": 0.5,
            "_labelIndex": i % 2,
            "a": [i % 2 + 1, 2 - i % 2],
            "p": [0.5, 0.5],
            "EventId": f"e{i}",
            "Timestamp": datetime.fromtimestamp(i * DAY, UTC).isoformat(),
            "c": {"User": {"age": i}, "_multi": [{"_tag": "x"}, {"_tag": "y"}]},
        }
        for i in range(4)
    ]
    return save(tmp_path, "log.dsjson", "\n".join(map(json.dumps, lines)) + "\n")


def test_decision_service_lines_give_what_they_hold(tmp_path):
    log = read(dsjson(tmp_path))
    asked = {"numbers": ["reward", "User.age"], "labels": ["action", "day", "event"], "ids": ["event"]}
    events = events_of(log, **asked)
    assert events.numbers["User.age"].tolist() == [0, 1, 2, 3]
    assert events.numbers["reward"].tolist() == [0, 1, 0, 1]
    assert texts(events.labels["action"]) == ["x", "y", "x", "y"]
    assert texts(events.labels["day"])[3] == "1970-01-04"
    assert texts(events.labels["event"]) == ["e0", "e1", "e2", "e3"]
    assert (events.ids["event"] == events.key).all()
    with pytest.raises(InputError, match=r"log.dsjson: .* 'User.aeg' to read numbers .* mean 'User.age'"):
        events_of(log, numbers=["User.aeg"])
    with pytest.raises(InputError, match="there is no column 'user' to read ids from"):
        events_of(log, ids=["user"])


def test_text_of_vw_gives_what_it_holds(tmp_path):
    path = save(tmp_path, "log.vw", "1:-1:0.5 | age:3\n2:0:0.5 | age:4\n")
    log = read(path, format="vw")
    events = events_of(log, numbers=["age", "cost"], labels=["action"])
    assert events.numbers["age"].tolist() == [3.0, 4.0]
    assert events.numbers["cost"].tolist() == [-1.0, 0.0]
    assert texts(events.labels["action"]) == ["1", "2"]
    with pytest.raises(InputError, match="`day` needs the log's times"):
        events_of(log, ids=["day"])
    assert events_of(log, propensity=False).propensity is None


def test_runs_give_what_they_hold(tmp_path):
    log = open_run_log(
        ltrr.simulate(
            ltrr.worlds.Music(n_items=300, n_queries=100),
            policies=["random"],
            rounds=40,
            seeds=1,
            warmup=20,
            quiet=True,
            out=tmp_path / "run",
        ).folder,
        policy="random",
    )
    plain = Events.concat(list(log.chunks()))
    assert only(log) is log
    events = events_of(
        log, ids=["user", "request"], labels=["action", "day"], numbers=["reward"], propensity=False
    )
    assert (events.ids["user"] == plain.user).all()
    assert (events.ids["request"] == plain.key).all()
    assert (events.numbers["reward"] == plain.reward).all()
    assert events.labels["action"].names == log.space.actions
    assert events.propensity is None
    context = log.space.context_names[0]
    assert events_of(log, numbers=[context]).numbers[context].tolist() == plain.context[:, 0].tolist()
    with pytest.raises(InputError, match="there is no column 'price' to read numbers from"):
        events_of(log, numbers=["price"])


def memory(n=5, **more):
    space = Space(("a", "b"), ("hour",), timed="time" in more)
    ids = np.arange(1, n + 1)
    context = np.arange(n, dtype=float)[:, None]
    return EventsLog(Events(space, ids, ids, ids % 2, ids * 1.0, np.full(n, 0.5), context=context, **more), 2)


def test_events_in_memory_give_what_they_hold():
    log = memory(numbers={"q": np.arange(5) / 2}, user=np.array([1, 1, 2, 2, 3]), time=np.arange(5) * DAY)
    events = events_of(log, numbers=["q", "hour"], labels=["user", "hour"], ids=["user", "day"])
    assert events.numbers["q"].tolist() == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert events.numbers["hour"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert texts(events.labels["user"]) == ["1", "1", "2", "2", "3"]
    assert events.ids["day"].tolist() == [0, 1, 2, 3, 4]
    assert only(log) is log
    assert next(only(log, propensity=False).chunks()).propensity is None
    untimed = memory()
    with pytest.raises(InputError, match="no column 'timestamp' to read numbers from"):
        only(untimed, numbers=["timestamp"])
    for what, name in (("numbers", "session"), ("labels", "price"), ("ids", "hour")):
        with pytest.raises(InputError, match=f"memory: there is no column '{name}' to read {what} from"):
            only(log, **{what: [name]})


# ------------------------------------------------------------------ what is passed on


def test_logs_of_users_need_not_know_of_further_columns():
    whole = Narrow(memory().events)
    assert narrowed(whole, NO_COLUMNS).asked == (False, frozenset())
    log = narrowed(whole, Reads(features=False, targets=frozenset(), numbers=frozenset({"hour"})))
    assert isinstance(log, ExtraLog)
    assert log.log.asked == (True, frozenset())  # `hour` is a column of the context
    assert next(log.chunks()).numbers["hour"].tolist() == list(range(5))
    assert (log.name, log.format, log.space) == ("memory", "memory", whole.space)
    assert log.faults.used == 5
    assert log.chunk_rows == copy.copy(log).chunk_rows == whole.chunk_rows
    assert next(narrowed(Narrow(memory().events), NO_COLUMNS, propensity=False).chunks()).propensity is None


class Bare:
    """A log with the members of the protocol alone."""

    name, format, faults = "mine", "mine", Faults()

    def __init__(self, events):
        self.events, self.space = events, events.space

    def chunks(self):
        yield self.events


def test_logs_without_only_serve_their_own_fields():
    bare = Bare(memory().events)
    assert narrowed(bare, NO_COLUMNS) is bare
    log = narrowed(bare, Reads(ids=frozenset({"request"}), labels=frozenset({"action"})))
    assert next(log.chunks()).ids["request"].tolist() == [1, 2, 3, 4, 5]
    with pytest.raises(InputError, match="mine: there is no column 'price' to read numbers from"):
        next(narrowed(bare, Reads(numbers=frozenset({"price"}))).chunks())


def test_reads_of_several_policies_are_joined():
    one = Reads(features=False, targets=frozenset(), numbers=frozenset({"a"}), ids=frozenset({"user"}))
    other = Reads(features=False, targets=frozenset(), numbers=frozenset({"b"}), labels=frozenset({"c"}))
    both = one | other
    assert (both.numbers, both.labels, both.ids) == ({"a", "b"}, {"c"}, {"user"})


# ------------------------------------------------------------------ events and labels


@given(st.lists(st.lists(st.sampled_from(["x", "y", "z", None])), min_size=1, max_size=4))
def test_labels_of_chunks_join_to_those_of_the_whole(chunks):
    parts = []
    for chunk in chunks:
        names = tuple(sorted({c for c in chunk if c}, reverse=True))
        parts.append(Labels([-1 if c is None else names.index(c) for c in chunk], names))
    whole = Labels.concat(parts)
    assert texts(whole) == [c for chunk in chunks for c in chunk]
    assert len(set(whole.names)) == len(whole.names)
    some = np.arange(len(whole))[::-2]
    assert texts(whole.take(some)) == [c for chunk in chunks for c in chunk][::-2]


def test_events_take_and_join_their_further_columns():
    more = {
        "numbers": {"q": np.arange(4.0)},
        "ids": {"h": np.arange(4)},
        "labels": {"c": Labels([0, 1, -1, 0], "xy")},
    }
    events = Events(Space(("a",)), *(np.arange(4),) * 2, np.zeros(4), np.ones(4), **more)
    few = events.take(np.array([3, 1]))
    assert (few.numbers["q"].tolist(), few.ids["h"].tolist()) == ([3.0, 1.0], [3, 1])
    assert texts(few.labels["c"]) == ["x", "y"]
    both = Events.concat([few, events])
    assert both.numbers["q"].tolist() == [3.0, 1.0, 0.0, 1.0, 2.0, 3.0]
    assert texts(both.labels["c"]) == ["x", "y", "x", "y", None, "x"]
    for key, wrong in (("numbers", {"q": [1.0]}), ("ids", {"h": [1]}), ("labels", {"c": Labels([0], "x")})):
        with pytest.raises(InputError, match=rf"`Events.{key}\['.'\].*must have shape \(4\)"):
            Events(Space(("a",)), *(np.arange(4),) * 2, np.zeros(4), np.ones(4), **{key: wrong})


def test_a_row_without_time_has_no_day():
    timed = Space(("a",), timed=True)
    events = Events(timed, [1, 2], [1, 2], [0, 0], [1, 1], time=[nan, DAY])
    found = with_extra(events, Extra(labels=frozenset({"day"}), ids=frozenset({"day"})), "log")
    assert texts(found.labels["day"]) == [None, "1970-01-02"]
    assert found.ids["day"].tolist() == [int(lone_ids(np.array([1]))[0]), 1]


# ------------------------------------------------------------------ what excluded rows looked like


def left_out(table, **options):
    log = read(table, on_error="skip", **options)
    for _ in range(2):  # every pass counts from the start
        list(log.chunks())
    return log


@pytest.mark.parametrize("chunk_rows", [1, 2, 100])
def test_rewards_and_actions_of_excluded_rows_are_counted(chunk_rows):
    table = pd.DataFrame(
        {
            "action": ["a", "b", "b", None, "a", "b"],
            "reward": [1.0, 1.0, 3.0, 5.0, None, 1e31],
            "propensity": [0.5, 7.0, -1.0, 0.5, 0.5, 0.5],
        }
    )
    log = left_out(table, chunk_rows=chunk_rows)
    out = log.faults.left_out
    assert (out.rows, out.copies, log.faults.skipped) == (5, 0, 5)
    assert (out.rewarded, out.reward_sum) == (3, 9.0)
    assert out.taken.tolist() == [1, 3]


@pytest.mark.parametrize("form", ["csv", "memory"])
def test_a_row_that_cannot_be_read_in_part_is_counted_with_the_rest(form, tmp_path):
    table = frame().assign(propensity=["0.5", "half", "0.5", "0.5"], reward=["1", "2", "3", "many"])
    log = log_of(form, tmp_path, table, on_error="skip")
    list(log.chunks())
    out = log.faults.left_out
    assert (out.rows, out.rewarded, out.reward_sum, out.taken.tolist()) == (2, 1, 2.0, [0, 2])


def test_copies_are_no_loss():
    table = pd.DataFrame(
        {
            "event": ["x", "x", "y", "y", "z"],
            "action": ["a", "a", "b", "b", "a"],
            "reward": [1.0, 1.0, 1.0, 0.0, 0.0],
            "propensity": 0.5,
        }
    )
    out = left_out(table).faults.left_out
    assert (out.rows, out.copies, out.rewarded, out.reward_sum) == (3, 1, 2, 1.0)  # the copies of y disagree
    assert out.taken.tolist() == [0, 2]
    out = left_out(table, copies="first").faults.left_out
    assert (out.rows, out.copies, out.rewarded) == (2, 2, 0)


def test_nothing_is_excluded_from_a_good_log():
    out = left_out(frame()).faults.left_out
    assert (out.rows, out.copies, out.rewarded, out.taken.tolist()) == (0, 0, 0, [])


def test_both_ends_of_a_pattern_fit_without_overlap():
    assert fits_pattern("ab*b", "abb")
    assert not fits_pattern("ab*b", "ab")


def test_a_role_comes_before_a_column_of_its_name():
    table = pa.table(
        {"action": ["x", "y"], "reward": [0, 1], "propensity": [0.5, 0.5], "who": [7, 8], "user": [1, 1]}
    )
    log = read(table, columns={"user": "who"}, fill_columns=True)
    asked = log.only(features=False, targets=frozenset(), numbers=frozenset({"user"}))
    assert next(asked.chunks()).numbers["user"].tolist() == [7.0, 8.0]


def test_days_before_1970_begin_at_midnight():
    space = Space(("a",), timed=True)
    events = Events(space, [1, 2], [1, 2], [0, 0], [0.0, 1.0], time=np.array([-1.0, 1.0]))
    found = with_extra(events, Extra(labels=frozenset({"day"})), "a log").labels["day"]
    assert [found.names[c] for c in found.code] == ["1969-12-31", "1970-01-01"]


def test_numbers_of_single_precision_are_labels_without_noise():
    assert Labels.of_numbers(np.array([0.1, 0.7], np.float32)).names == ("0.1", "0.7")
