"""Every fault of a log is found in its row, and only what is faulty is left out."""

from collections import Counter
from dataclasses import replace

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.logs.admit import RULES, AdmitState, admit
from ltrr.logs.copy_finder import find_copies
from ltrr.logs.faults import FAULTS, SPOILS, WARNS
from ltrr.logs.raw import Raw
from ltrr.replay import Events, Faults, ReplayBatch, Space
from ltrr.replay.estimators.ips import IPS
from tests.naive_replay_checks import clipped, naive_admit

nan, inf = float("nan"), float("inf")
ABC = Space(("a", "b", "c"))
FLOOR = replace(ABC, floor=0.2)
PLAIN = {"action": [0, 1, 2, 0], "reward": [1.0, 0.0, 0.5, 1.0]}
PROPENSITY = PLAIN | {"propensity": [0.5, 1, 0.1, 1]}
LISTS = PLAIN | {"eligible": [[0, 1], [1, 2], [0, 1, 2], [0]]}
STATED = LISTS | {"probabilities": [[0.5, 0.5], [0.9, 0.1], [0.2, 0.2, 0.6], [1.0]]}
SLATES = {
    "action": [0, 1, 2, 0, 1],
    "reward": [1.0, 0.0, 0.5, 1.0, 0.0],
    "event": [7, 7, 8, 9, 9],
    "slot": [0, 1, 0, 0, 1],
}
PAIRS = Space(("a", "b", "c"), n_slots=2)
ALIKE = {"action": [1] * 4, "reward": [0.5] * 4}
AGAIN = {
    "action": [0, 1, 0, 0, 1],
    "reward": [1.0, 0.0, 1.0, 1.0, 0.0],
    "event": [7, 7, 7, 9, 9],
    "slot": [0, 1, 0, 0, 1],
}


def raw_of(columns, first_row=1, faults=()):
    """Make a chunk of columns given as lists; lists of lists become ragged."""
    columns = dict(columns)
    n = len(columns["reward"])
    out = {"row": np.arange(first_row, first_row + n)}
    if "eligible" in columns:
        lists = columns.pop("eligible")
        out["indptr"] = np.cumsum([0, *(len(x) for x in lists)])
        out["eligible"] = np.array([a for x in lists for a in x], np.int32)
    if "probabilities" in columns:
        out["probabilities"] = np.array([p for x in columns.pop("probabilities") for p in x], float)
    if "target" in columns:
        out["targets"] = {"new": np.array(columns.pop("target"), float)}
    if "context" in columns:
        out["context"] = np.array(columns.pop("context"), np.float32).reshape(n, -1)
    if "features" in columns:
        out["features"] = np.array(columns.pop("features"), np.float32)
    types = {"action": np.int32, "slot": np.int16, "event": None}
    out |= {key: np.array(value, types.get(key, float)) for key, value in columns.items()}
    return Raw(**out, faults=list(faults))


def run(columns, space=ABC, on_error="skip", faults=(), keep=None):
    """Admit one chunk as a whole log."""
    copies = find_copies([raw_of(columns, faults=faults)]).keeping(keep)
    found, memory = Faults(on_error=on_error), AdmitState(copies)
    events = admit(raw_of(columns, faults=faults), space, found, memory)
    memory.finish(found)
    return events, found


def put(columns, key, row, value):
    """Return columns with one value changed; rows count from 1."""
    values = list(columns[key])
    values[row - 1] = value
    return columns | {key: values}


SPOILED = [
    # kind, columns, space, row, rows that remain, part of the detail
    ("missing value", put(PLAIN, "action", 2, -1), ABC, 2, [1, 3, 4], "no action"),
    ("missing value", put(PLAIN, "reward", 3, nan), ABC, 3, [1, 2, 4], "no reward"),
    ("missing value", PLAIN | {"event": ["x", "", "y", "z"]}, ABC, 2, [1, 3, 4], "no event id"),
    ("missing value", PLAIN | {"event": ["x", "w", None, "z"]}, ABC, 3, [1, 2, 4], "no event id"),
    ("unseen category", put(PLAIN, "action", 1, 3), ABC, 1, [2, 3, 4], "action id 3 of 3"),
    ("unseen category", put(LISTS, "eligible", 2, [1, 9]), ABC, 2, [1, 3, 4], "action id 9 of 3"),
    ("unseen category", put(LISTS, "eligible", 2, [1, -1]), ABC, 2, [1, 3, 4], "action id -1 of 3"),
    ("reward not finite", put(PLAIN, "reward", 4, inf), ABC, 4, [1, 2, 3], "inf"),
    ("reward not finite", put(PLAIN, "reward", 4, -inf), ABC, 4, [1, 2, 3], "-inf"),
    (
        "reward out of range",
        put(PLAIN, "reward", 2, 1.01),
        Space(ABC.actions, reward_range=(0.0, 1.0)),
        2,
        [1, 3, 4],
        "1.01, declared (0.0, 1.0)",
    ),
    (
        "reward out of range",
        put(SLATES, "reward", 2, 0.5),
        Space(ABC.actions, n_slots=2, reward_range=(0.0, 1.0)),
        2,
        [3, 4, 5],
        "event '7' add up to 1.5",
    ),
    ("propensity missing", PLAIN | {"propensity": [0.5, nan, 1, 1]}, ABC, 2, [1, 3, 4], "no value"),
    ("propensity not finite", PLAIN | {"propensity": [0.5, 1, inf, 1]}, ABC, 3, [1, 2, 4], "inf"),
    ("propensity not positive", PLAIN | {"propensity": [0.5, 1, 0.0, 1]}, ABC, 3, [1, 2, 4], "0"),
    ("propensity not positive", PLAIN | {"propensity": [0.5, 1, -0.0, 1]}, ABC, 3, [1, 2, 4], "0"),
    ("propensity not positive", PLAIN | {"propensity": [-0.5, 1, 0.1, 1]}, ABC, 1, [2, 3, 4], "-0.5"),
    ("propensity not positive", put(STATED, "probabilities", 1, [0, 1]), ABC, 1, [2, 3, 4], "0"),
    ("propensity above 1", PLAIN | {"propensity": [0.5, 1, 0.1, 1.5]}, ABC, 4, [1, 2, 3], "1.5"),
    ("propensity above 1", put(PROPENSITY, "propensity", 4, 1 + 1.1e-6), ABC, 4, [1, 2, 3], "1 + 1.1e-06"),
    (
        "probability outside [0, 1]",
        put(STATED, "probabilities", 2, [1.1, -0.1]),
        ABC,
        2,
        [1, 3, 4],
        "action 'b' has 1.1",
    ),
    (
        "probability outside [0, 1]",
        put(STATED, "probabilities", 3, [0.5, 0.5, nan]),
        ABC,
        3,
        [1, 2, 4],
        "action 'c' has nan",
    ),
    (
        "probabilities do not sum to 1",
        put(STATED, "probabilities", 3, [0.2, 0.2, 0.598]),
        ABC,
        3,
        [1, 2, 4],
        "sum to 0.998",
    ),
    (
        "probabilities do not sum to 1",
        PLAIN | {"probabilities": [[0.5, 0.5, 0], [0, 1, 0], [0, 0, 1], [0.4, 0, 0]]},
        ABC,
        4,
        [1, 2, 3],
        "sum to 0.4",
    ),
    (
        "propensity differs from distribution",
        STATED | {"propensity": [0.5, 0.9, 0.61, 1.0]},
        ABC,
        3,
        [1, 2, 4],
        "0.61 against 0.6",
    ),
    ("action not eligible", put(LISTS, "eligible", 4, [1, 2]), ABC, 4, [1, 2, 3], "action 'a'"),
    ("action repeated", put(LISTS, "eligible", 3, [0, 2, 0]), ABC, 3, [1, 2, 4], "action 'a' occurs 2 times"),
    ("no eligible action", put(LISTS, "eligible", 2, []), ABC, 2, [1, 3, 4], "an empty list"),
    ("duplicate event", PLAIN | {"event": [5, 6, 7, 5]}, ABC, 4, [1, 2, 3], "event '5', as in row 1"),
    ("duplicate event", ALIKE | {"event": [5, 5, 6, 7]}, ABC, 2, [1, 3, 4], "event '5', as in row 1"),
    ("duplicate event", ALIKE | {"event": ["p", "q", "p", "r"]}, ABC, 3, [1, 2, 4], "event 'p'"),
    ("duplicate event", AGAIN, PAIRS, 3, [1, 2, 4, 5], "event '7', slot 0, as in row 1"),
    ("slots out of order", put(SLATES, "slot", 3, 1), PAIRS, 3, [1, 2, 4, 5], "slot 1 in row 1 of event '8'"),
    ("slots out of order", put(SLATES, "slot", 3, -1), PAIRS, 3, [1, 2, 4, 5], "slot -1"),
    ("slots out of order", SLATES, Space(("a", "b", "c")), None, [3], "of at most 1"),
    ("counts differ", SLATES | {"count": [1, 2, 1, 4, 4]}, PAIRS, 2, [3, 4, 5], "count 2, another one"),
    ("count not positive", PLAIN | {"count": [1, 0, 2, 1]}, ABC, 2, [1, 3, 4], "count 0"),
    ("count not positive", PLAIN | {"count": [1, 1, 0.5, 1]}, ABC, 3, [1, 2, 4], "count 0.5"),
    ("count not positive", PLAIN | {"count": [inf, 1, 1, 1]}, ABC, 1, [2, 3, 4], "count inf"),
    ("count not positive", PLAIN | {"count": [1, 1, 1, nan]}, ABC, 4, [1, 2, 3], "count nan"),
    ("target outside [0, 1]", PLAIN | {"target": [0, 1, -0.1, 1]}, ABC, 3, [1, 2, 4], "new = -0.1"),
    ("missing value", PLAIN | {"target": [0, 1, 0, nan]}, ABC, 4, [1, 2, 3], "no target probability new"),
    (
        "context not finite",
        PLAIN | {"context": [[0, 0], [nan, inf], [nan, 0], [3, 0]]},
        Space(ABC.actions, ("age", "day")),
        2,
        [1, 3, 4],
        "day = inf",
    ),
    (
        "context not finite",
        LISTS | {"features": [[0]] * 6 + [[inf]] + [[0]]},
        Space(ABC.actions, feature_names=("price",)),
        3,
        [1, 2, 4],
        "price of action 'c' = inf",
    ),
    (
        "context not finite",
        PLAIN | {"features": [[0]] * 4 + [[-inf]] + [[0]] * 7},
        Space(ABC.actions, feature_names=("price",)),
        2,
        [1, 3, 4],
        "price of action 'b' = -inf",
    ),
]


@pytest.mark.parametrize(("kind", "columns", "space", "row", "remain", "detail"), SPOILED)
def test_a_faulty_row_is_found_and_left_out(kind, columns, space, row, remain, detail):
    events, faults = run(columns, space)
    assert events.row.tolist() == remain
    if row is not None:
        assert faults.first[kind].row == row
        assert faults.counts[kind] == 1
    assert detail in faults.first[kind].detail
    others = {k for k in faults.counts if k in SPOILS} - {kind}
    assert others <= {"slot of a faulty request"}
    assert (faults.rows, faults.used) == (len(columns["reward"]), len(remain))
    with pytest.raises(InputError, match=r"^the log, row \d+: ") as error:
        run(columns, space, on_error="fail")
    assert kind in str(error.value)
    assert "\n" not in str(error.value)
    again, reported = run(columns, space, on_error="report")
    assert again.row.tolist() == remain
    assert reported.counts == faults.counts


def test_every_kind_that_spoils_is_tried():
    # three kinds are the readers' to find; the last follows from another fault
    told_by_readers = {"unreadable", "click without impression", "slot of a faulty request"}
    several_rows = {"copies disagree", "request not adjacent"}
    assert {kind for kind, *_ in SPOILED} == set(SPOILS) - told_by_readers - several_rows
    assert set(FAULTS) == set(SPOILS) | set(WARNS)


@pytest.mark.parametrize(
    ("kind", "columns", "space", "rows"),
    [
        ("propensity below the floor", PLAIN | {"propensity": [0.2, 0.1999, 0.2 - 1e-8, 0.1]}, FLOOR, [2, 4]),
        ("propensity below the floor", STATED, replace(ABC, floor=0.55), [1]),
        ("time missing", PLAIN | {"time": [1, nan, 3, 4]}, ABC, [2]),
        ("time runs backwards", PLAIN | {"time": [5, 6, 4, 4]}, ABC, [3]),
        ("time runs backwards", PLAIN | {"time": [5, nan, 4, 3]}, ABC, [3, 4]),
        ("constant column", put(PLAIN, "reward", 3, 0.0) | {"context": [[1], [1], [1], [1]]}, "c", [0]),
        ("constant column", PLAIN | {"reward": [2.0] * 4}, ABC, [0]),
        ("constant column", PLAIN | {"action": [1] * 4}, ABC, [0]),
        ("deterministic logging", PLAIN | {"propensity": [1, 1, 1, 1]}, ABC, [0]),
    ],
)
def test_warnings_keep_no_row_out(kind, columns, space, rows):
    events, faults = run(columns, Space(ABC.actions, ("c",)) if space == "c" else space, on_error="fail")
    assert len(events) == 4
    assert set(faults.counts) <= set(WARNS)
    assert [f.row for f in faults.kept if f.kind == kind] == rows


def test_good_logs_are_told_of_nothing():
    for columns, space in ((PLAIN, ABC), (LISTS, ABC), (STATED, ABC), (SLATES, PAIRS)):
        events, faults = run(columns, space, on_error="fail")
        assert (len(events), faults.counts) == (len(columns["reward"]), {})
    # the smallest tolerance that float32 and printed probabilities need
    close = STATED | {"propensity": [0.5, 0.9, 0.6004, 1.0]}
    close = put(close, "probabilities", 2, [0.9, 0.0995])
    assert run(close)[1].counts == {}


def test_warnings_of_the_whole_log_need_the_whole_log():
    faults, state = Faults(), AdmitState()
    for first, p in ((1, [1, 1, 1, 1]), (5, [1, 1, 1, 0.5])):
        admit(raw_of(PLAIN | {"propensity": p, "reward": [0.0] * 4}, first), ABC, faults, state)
    state.finish(faults)
    assert faults.counts == {"constant column": 1}
    assert faults.first["constant column"].detail == "reward = 0"
    state, faults = AdmitState(), Faults()
    state.finish(faults)
    assert faults.counts == {}


def test_the_whole_request_goes():
    events, faults = run(put(SLATES, "reward", 5, nan), PAIRS)
    assert events.row.tolist() == [1, 2, 3]
    assert faults.counts == {"missing value": 1, "slot of a faulty request": 1}
    assert faults.first["slot of a faulty request"].row == 4
    assert faults.first["slot of a faulty request"].detail == "of the request that begins in row 4"
    # "fail" names the cause, not the neighbour that stands before it
    with pytest.raises(InputError, match="row 5: missing value"):
        run(put(SLATES, "reward", 5, nan), PAIRS, on_error="fail")


def test_keys_group_the_slots_of_a_request():
    assert run(SLATES, PAIRS)[0].key.tolist() == [7, 7, 8, 9, 9]
    assert run(PLAIN)[0].key.tolist() == [1, 2, 3, 4]
    without = {key: value for key, value in SLATES.items() if key != "event"}
    assert run(without, PAIRS)[0].key.tolist() == [1, 1, 3, 4, 4]
    texts = run(SLATES | {"event": ["p", "p", "q", "r", "r"]}, PAIRS)[0]
    assert texts.request_indptr.tolist() == [0, 2, 3, 5]


def test_a_missing_time_takes_the_one_before():
    events, faults = run(PLAIN | {"time": [nan, 7, nan, 9]})
    assert events.time.tolist() == [7, 7, 7, 9]
    assert faults.counts == {"time missing": 2}
    assert run(PLAIN | {"time": [nan] * 4})[0].time.tolist() == [0] * 4


def test_a_propensity_is_read_off_the_distribution():
    assert run(STATED)[0].propensity.tolist() == [0.5, 0.9, 0.6, 1.0]


def test_what_a_reader_told_is_told_once():
    bad = put(put(PLAIN, "action", 2, -1), "reward", 2, nan)
    events, faults = run(bad, faults=[("unreadable", np.array([1]), ["not JSON"])])
    assert events.row.tolist() == [1, 3, 4]
    assert (faults.counts, faults.first["unreadable"].detail) == ({"unreadable": 1}, "not JSON")
    # a warning of the reader's does not hide what spoils the row
    _, faults = run(bad, faults=[("time missing", np.array([1]), ["no time"])])
    assert faults.counts == {"time missing": 1, "missing value": 1}
    events, faults = run(PLAIN, faults=[("time missing", np.array([1]), ["no time"])])
    assert (len(events), faults.counts) == (4, {"time missing": 1})
    events, faults = run(bad, faults=[("dangling event", np.array([1]), ["no outcome"])])
    assert events.row.tolist() == [1, 3, 4]
    assert faults.counts == {"dangling event": 1}


def test_an_unreadable_row_spoils_the_request_that_it_may_belong_to():
    told = [("unreadable", np.array([1]), ["?"])]
    within = {"action": [0, -1, 2], "reward": [0, nan, 1], "event": [7, 0, 7], "slot": [0, -1, 2]}
    events, faults = run(within, Space(ABC.actions, n_slots=3), faults=told)
    assert len(events) == 0
    assert faults.counts == {"unreadable": 1, "slot of a faulty request": 2}
    after = {"action": [0, -1, 2], "reward": [0, nan, 1], "event": [7, 0, 8], "slot": [0, -1, 0]}
    assert run(after, PAIRS, faults=told)[0].row.tolist() == [3]
    full = {"action": [0, 1, -1, 2], "reward": [0, 1, nan, 1], "event": [7, 7, 0, 8], "slot": [0, 1, -1, 0]}
    assert run(full, PAIRS, faults=[("unreadable", np.array([2]), ["?"])])[0].row.tolist() == [1, 2, 4]


@pytest.mark.parametrize("known", [True, False])
def test_the_border_of_a_chunk_hides_nothing(known):
    parts = [
        raw_of(SLATES | {"time": [1, 1, 2, 5, 5]}),
        # goes on with the last request: once more slot 1, then a slot that does not follow
        raw_of({"action": [1, 1], "reward": [0, 2], "event": [9, 9], "slot": [1, 2], "time": [4, 6]}, 6),
        raw_of({"action": [0], "reward": [1], "event": [7], "slot": [0], "time": [3]}, 8),
    ]
    faults, state = Faults(on_error="skip"), AdmitState(find_copies(parts) if known else None)
    sizes = [len(admit(part, PAIRS, faults, state)) for part in parts]
    assert sizes == [5, 0, 0 if known else 1]
    assert [(f.kind, f.row) for f in faults.kept if f.kind in SPOILS] == [
        ("duplicate event", 6),
        *([("duplicate event", 8)] if known else []),
        ("slots out of order", 7),
    ]
    # of a copy no other fault is reported
    assert [f.row for f in faults.kept if f.kind == "time runs backwards"] == ([] if known else [8])


@pytest.mark.parametrize("known", [True, False])
def test_a_request_over_three_chunks(known):
    parts = [
        raw_of({"action": [0], "reward": [1], "event": [9], "slot": [slot]}, row)
        for row, slot in ((1, 0), (2, 1), (3, 0), (4, 1))
    ]
    faults, state = Faults(on_error="skip"), AdmitState(find_copies(parts) if known else None)
    for part in parts:
        admit(part, PAIRS, faults, state)
    assert [(f.kind, f.row) for f in faults.kept] == [
        ("slots out of order", 2),
        ("duplicate event", 3),
        ("duplicate event", 4),
    ]


@pytest.mark.parametrize("texts", [False, True])
def test_without_a_first_pass_neighbours_are_compared(texts):
    ids = [1, 1, 2, 1, 3, 3, 3]
    event = np.array([f"e{i}" for i in ids]) if texts else np.array(ids)
    for size in (1, 2, 3, 7):
        faults, state = Faults(on_error="skip"), AdmitState()
        for begin in range(0, 7, size):
            n = len(ids[begin : begin + size])
            part = {"action": [0] * n, "reward": [1] * n, "event": event[begin : begin + size]}
            admit(raw_of(part, begin + 1), ABC, faults, state)
        assert faults.rows_of("duplicate event").tolist() == [2, 6, 7]
        # what is kept of a request does not grow with its copies
        assert len(state._tail) == 1


def test_copies_that_disagree_spoil_their_request():
    # slot 1 of event 7 comes again with another reward
    again = {
        "action": [0, 1, 2, 0, 1],
        "reward": [1.0, 0.0, 0.5, 1.0, 0.25],
        "event": [7, 7, 8, 7, 7],
        "slot": [0, 1, 0, 0, 1],
    }
    events, faults = run(again, PAIRS)
    assert events.row.tolist() == [3]
    assert faults.counts == {"copies disagree": 2, "slot of a faulty request": 1, "duplicate event": 1}
    assert [f.row for f in faults.kept if f.kind == "copies disagree"] == [2, 5]
    assert [f.detail for f in faults.kept if f.kind == "copies disagree"] == [
        "event '7', slot 1, again in row 5, with another reward, action or propensity",
        "event '7', slot 1, as in row 2, with another reward, action or propensity",
    ]
    with pytest.raises(InputError, match=r"row 2: copies disagree: event '7', slot 1, again in row 5"):
        run(again, PAIRS, on_error="fail")
    # action and propensity must be alike too
    for name, value in (("action", 0), ("propensity", 0.25)):
        differs = put(again | {"reward": [1, 0, 0.5, 1, 0], "propensity": [0.5] * 5}, name, 5, value)
        assert run(differs, PAIRS)[1].counts["copies disagree"] == 2


@pytest.mark.parametrize(("keep", "reward"), [("first", 0.25), ("last", 0.5), ("max", 1.0), ("sum", 1.75)])
@pytest.mark.parametrize("on_error", ["fail", "skip", "report"])
def test_a_rule_settles_copies_that_disagree(keep, reward, on_error):
    again = {"action": [0, 1, 0, 0], "reward": [0.25, 0.0, 1.0, 0.5], "event": [5, 6, 5, 5]}
    events, faults = run(again, keep=keep, on_error=on_error)
    assert events.row.tolist() == [1, 2]
    assert events.reward.tolist() == [reward, 0.0]
    assert {kind: n for kind, n in faults.counts.items() if kind in SPOILS} == {"duplicate event": 2}
    # the reward is judged after the rule
    space = Space(ABC.actions, reward_range=(0.0, 1.5))
    assert run(again, space, keep=keep)[0].row.tolist() == ([2] if reward > 1.5 else [1, 2])


def test_a_missing_reward_is_no_summand():
    again = {"action": [0] * 6, "reward": [nan, 1.0, 2.0, nan, nan, 3.0], "event": [5, 5, 5, 6, 6, 7]}
    for keep, rewards in (("max", [2.0, 3.0]), ("sum", [3.0, 3.0]), ("last", [2.0, 3.0]), ("first", [3.0])):
        events, faults = run(again, keep=keep)
        assert events.reward.tolist() == rewards
        assert faults.rows_of("missing value").tolist() == ([1, 4] if keep == "first" else [4])
    with pytest.raises(InputError, match="`copies` must be a known name"):
        run(again, keep="mean")


def test_an_unreadable_row_is_no_copy():
    # a first pass that did not know the row for unreadable takes what stands in its place for a copy
    columns = {"action": [0, -1, 1], "reward": [1, nan, 1], "event": [7, 7, 8], "slot": [0, 0, 0]}
    raw = raw_of(columns)
    copies = find_copies([raw])
    assert copies.rows.tolist() == [2]
    raw.faults.append(("unreadable", np.array([1]), ["?"]))
    faults = Faults(on_error="skip")
    assert admit(raw, PAIRS, faults, AdmitState(copies.keeping("first"))).row.tolist() == [3]
    assert faults.counts == {"unreadable": 1, "slot of a faulty request": 1}


def test_slots_may_stand_in_one_row():
    # two slots of a line share its number
    again = {"action": [0, 1, 2, 0, 1], "reward": [1, 0, 0, 1, 0], "event": [7, 7, 8, 7, 7]}
    raw = raw_of(again | {"slot": [0, 1, 0, 0, 1]})
    raw.row = np.array([1, 1, 2, 3, 3])
    faults = Faults(on_error="skip")
    events = admit(raw, PAIRS, faults, AdmitState(find_copies([raw])))
    assert events.row.tolist() == [1, 1, 2]
    assert faults.rows_of("duplicate event").tolist() == [3, 3]
    raw.reward = np.array([1.0, 0.0, 0.0, 1.0, 0.5])
    faults = Faults(on_error="skip")
    copies = find_copies([raw])
    assert copies.agree.tolist() == [True, False]
    assert admit(raw, PAIRS, faults, AdmitState(copies)).row.tolist() == [2]
    events = admit(raw, PAIRS, Faults(), AdmitState(copies.keeping("last")))
    assert events.reward.tolist() == [1.0, 0.5, 0.0]


def test_rows_of_a_request_must_be_adjacent():
    apart = SLATES | {"event": [7, 8, 9, 7, 6], "slot": [0, 0, 0, 1, 0]}
    message = (
        "the log: rows of a request are not adjacent: request '7' begins in row 1 and again in row 4; "
        "sort the log by user, place"
    )
    for on_error in ("fail", "skip"):
        raw = raw_of(apart)
        with pytest.raises(InputError) as error:
            admit(raw, PAIRS, Faults(on_error=on_error), AdmitState(find_copies([raw]), ("user", "place")))
        assert str(error.value) == message
    events, faults = run(apart, PAIRS, on_error="report")
    assert events.row.tolist() == [2, 3, 5]
    assert faults.counts == {"request not adjacent": 2}
    assert [f.row for f in faults.kept] == [1, 4]
    assert {f.detail for f in faults.kept} == {"request '7' begins in row 1 and again in row 4"}
    # a slot that lies apart takes out its request, which was admitted with an earlier chunk
    longer = {"action": [0] * 4, "reward": [1] * 4, "event": [7, 7, 8, 7], "slot": [0, 1, 0, 2]}
    events, faults = run(longer, Space(ABC.actions, n_slots=3), on_error="report")
    assert events.row.tolist() == [3]
    assert faults.counts == {"request not adjacent": 2, "slot of a faulty request": 1}


def test_probabilities_just_above_1_are_clipped():
    over = 1 + 9e-7
    columns = STATED | {"target": [over, 0, 0.5, 1]}
    events, faults = run(
        put(columns, "probabilities", 2, [over, 0.0]) | {"propensity": [0.5, over, 0.6, over]}
    )
    assert faults.counts == {"propensity just above 1": 3}
    assert faults.rows_of("propensity just above 1").tolist() == [1, 2, 4]
    assert events.propensity.tolist() == [0.5, 1.0, 0.6, 1.0]
    assert events.targets["new"].tolist() == [1.0, 0.0, 0.5, 1.0]
    assert events.probabilities.max() == 1.0
    # a list for every action
    whole = PLAIN | {"probabilities": [[1, 0, 0], [0, over, 0], [0, 0, 1], [1, 0, 0]]}
    assert run(whole, on_error="fail")[1].rows_of("propensity just above 1").tolist() == [2]
    assert run(whole)[0].propensity.tolist() == [1.0] * 4


def test_a_missing_context_value_is_no_fault():
    space = Space(ABC.actions, ("age", "day"))
    events, faults = run(PLAIN | {"context": [[0, nan], [nan, nan], [2, nan], [3, nan]]}, space, "fail")
    assert len(events) == 4
    assert np.isnan(events.context[1]).all()
    assert {f.detail for f in faults.kept} == {"day = nan"}


def test_the_table_of_rules_is_whole():
    by_readers = {"unreadable", "click without impression", "slot of a faulty request", "dangling event"}
    of_the_whole = {"constant column", "deterministic logging", "time in an unlikely year"}
    assert {rule.fault for rule in RULES} == set(FAULTS) - by_readers - of_the_whole
    assert {rule.fault for rule in RULES if rule.excludes == "nothing"} <= set(WARNS)
    assert {rule.fault for rule in RULES if rule.excludes != "nothing"} <= set(SPOILS)
    bits = [rule.bits for rule in RULES]
    assert sum(bits) == np.bitwise_or.reduce(bits)


def test_only_the_first_details_are_worded():
    columns = {"action": [0] * 1000, "reward": [nan] * 1000}
    _, faults = run(columns)
    assert faults.counts == {"missing value": 1000}
    assert [f.row for f in faults.kept] == list(range(1, 21))
    assert all(f.detail == "no reward" for f in faults.kept)
    _, faults = run(columns, on_error="report")
    assert [f.row for f in faults.kept] == list(range(1, 1001))
    assert faults.rows_of("missing value").tolist() == list(range(1, 1001))
    assert [bool(f.detail) for f in faults.kept] == [True] * 20 + [False] * 980
    assert faults.lines() == [
        "missing value: 1,000 (first in row 1, no reward); a value that the estimate needs is missing"
    ]


def test_empty_chunks():
    for columns, space in ((PLAIN, ABC), (STATED, ABC), (SLATES | {"time": []}, PAIRS)):
        empty = {key: np.zeros(0, np.int64) if key == "event" else [] for key in columns}
        events, faults = run(empty, space, on_error="fail")
        assert (len(events), faults.rows, faults.counts) == (0, 0, {})


def test_columns_of_wrong_length_are_the_readers_fault():
    with pytest.raises(InputError, match=r"`Raw.propensity` must have shape \(4\), got \(2,\)"):
        run(PLAIN | {"propensity": [1, 1]})
    with pytest.raises(InputError, match=r"`Raw.event` must have 4 values, got 1"):
        admit(raw_of(PLAIN | {"event": [1]}), ABC, Faults(), AdmitState())
    raw = raw_of(LISTS)
    raw.indptr, raw.eligible = np.array([0, 9, 5, 6, 6]), raw.eligible[:6]
    with pytest.raises(InputError, match=r"`Raw.indptr` must rise from 0 to 6"):
        admit(raw, ABC, Faults(), AdmitState())
    with pytest.raises(InputError, match="must be integers or texts, got double"):
        run(PLAIN | {"event": np.array([0.5, 1, 2, 3])})
    with pytest.raises(InputError, match="integers or texts, got a mixture"):
        run(PLAIN | {"event": np.array([1, "a", {}, 2.5], object)})


def test_arguments_are_not_written_into():
    columns = STATED | {"time": [3, nan, 2, 1], "event": [1, 1, 2, 3], "slot": [0, 1, 0, 0]}
    raw = raw_of(columns)
    held = [raw.row, raw.action, raw.reward, raw.time, raw.event, raw.slot, raw.eligible, raw.probabilities]
    for values in held:
        values.flags.writeable = False
    copies = [values.copy() for values in held]
    admit(raw, PAIRS, Faults(on_error="skip"), AdmitState())
    for values, copy in zip(held, copies, strict=True):
        np.testing.assert_array_equal(values, copy)


# --------------------------------------------------------------------------------------- the twin


def some(good, bad, rare=0.06):
    """Draw good values, now and then a bad one."""
    return st.integers(0, 99).flatmap(lambda u: st.sampled_from(bad if u < 100 * rare else good))


@st.composite
def logs(draw):
    """Draw a small log in chunks, with faults of every kind."""
    has = {
        key: draw(st.booleans()) for key in ("event", "slot", "propensity", "count", "time", "sets", "rest")
    }
    texts, unreadable = draw(st.booleans()), draw(st.booleans())
    chunks, number, request = [], 0, 0
    for _ in range(draw(st.integers(1, 3))):
        chunk = []
        for _ in range(draw(st.integers(0, 6))):
            length = draw(st.integers(1, 3)) if has["slot"] else 1
            request = draw(some([request + 1], list(range(request + 2)), 0.15))
            for slot in range(length):
                number += 1
                row = {
                    "row": number,
                    "action": draw(some([0, 1, 2], [-1, 3])),
                    "reward": draw(some([0.0, 1.0], [nan, inf, 5.0])),
                }
                if has["event"]:
                    row["event"] = draw(some([f"e{request}"], ["", None])) if texts else request
                if has["slot"]:
                    row["slot"] = draw(some([slot], [-1, 0, 1, 2, 3, 70]))
                if has["propensity"]:
                    row["propensity"] = draw(some([0.5, 1.0], [nan, inf, 0.0, -1.0, 1.1, 1 + 5e-7]))
                if has["count"]:
                    row["count"] = draw(some([1.0], [2.0, 0.0, nan, inf, 0.5]))
                if has["time"]:
                    row["time"] = draw(some([float(number)], [nan, inf, 0.0, 2.0]))
                if has["rest"]:
                    row["target"] = draw(some([0.0, 0.5, 1.0], [nan, -0.1, 1.1, 1 + 5e-7]))
                    row["context"] = [draw(some([0.0], [nan, inf]))]
                if has["sets"]:
                    row["eligible"] = draw(
                        some([[0, 1, 2], [2, 1, 0]], [[], [0, 0], [1, 7], [-1, 2, 0]], 0.1)
                    )
                    k = len(row["eligible"])
                    bad = [[0.4] * k, [1.0, -0.0, nan][:k], [1.5] * k, [0.0] * k, [1 + 5e-7, 0.0, 0.0][:k]]
                    row["probabilities"] = draw(some([[1.0 / max(k, 1)] * k], bad))
                if unreadable:
                    told = draw(
                        some(
                            [[]],
                            [["unreadable"], ["unseen category"], ["dangling event"], ["time missing"]],
                            0.1,
                        )
                    )
                    row["told"] = told
                    if "unreadable" in told:
                        row |= {"action": -1, "reward": nan}
                chunk.append(row)
        chunks.append(chunk)
    return chunks


def raws_of(chunks):
    """Return a log of the twin's rows as chunks of columns."""
    out = []
    for chunk in chunks:
        if not chunk:
            continue
        told = {}
        for i, row in enumerate(chunk):
            for kind in row.get("told", []):
                told.setdefault(kind, []).append(i)
        plain = ("row", "told", "unattached", "alone", "attached", "hushed")
        columns = {key: [row[key] for row in chunk] for key in chunk[0] if key not in plain}
        if "event" in columns and not isinstance(next(iter(columns["event"]), 0), int):
            columns["event"] = np.array(columns["event"], object)
        notes = [(kind, np.array(places), ["told"] * len(places)) for kind, places in told.items()]
        out.append(raw_of(columns, chunk[0]["row"], notes))
    return out


def admit_chunks(chunks, space):
    """Admit a log of the twin's rows."""
    raws, faults = raws_of(chunks), Faults(on_error="report")
    memory = AdmitState(find_copies(raws))
    return [admit(raw, space, faults, memory) for raw in raws], faults, memory


@pytest.mark.parametrize("reward_range", [None, (0.0, 1.0)])
@given(chunks=logs())
@settings(max_examples=10 if numba.config.DISABLE_JIT else 75, deadline=None)
def test_equals_the_plain_loops(reward_range, chunks):
    context = ("c",) if any("context" in row for chunk in chunks for row in chunk) else ()
    space = Space(("a", "b", "c"), context, n_slots=3, reward_range=reward_range)
    kept, found = naive_admit(chunks, space, reward_range=reward_range)
    out, faults, _ = admit_chunks(chunks, space)
    assert [row for events in out for row in events.row.tolist()] == [row["row"] for row in kept]
    assert sorted((f.kind, f.row) for f in faults.kept) == sorted(found)
    for name in ("action", "reward", "propensity", "slot", "count"):
        if kept and name in kept[0]:
            values = np.concatenate([getattr(events, name) for events in out])
            assert values.tolist() == [
                clipped(row[name]) if name == "propensity" else row[name] for row in kept
            ]
    if kept and "eligible" in kept[0]:
        joined = Events.concat(out)
        assert joined.eligible.tolist() == [a for row in kept for a in row["eligible"]]
        assert joined.probabilities.tolist() == [clipped(p) for row in kept for p in row["probabilities"]]


@given(logs())
@settings(max_examples=10 if numba.config.DISABLE_JIT else 75, deadline=None)
def test_excluded_rows_are_counted_as_by_plain_loops(chunks):
    space = Space(
        ("a", "b", "c"), ("c",) if any("context" in r for c in chunks for r in c) else (), n_slots=3
    )
    kept, found = naive_admit(chunks, space, reward_range=None)
    _, faults, _ = admit_chunks(chunks, space)
    out, here = faults.left_out, {row["row"] for row in kept}
    gone = [row for chunk in chunks for row in chunk if row["row"] not in here]
    copies = {row for kind, row in found if kind == "duplicate event"}
    data = [row for row in gone if row["row"] not in copies]
    rewards = [row["reward"] for row in data if abs(row["reward"]) <= 1e30]
    assert (out.rows, out.copies, faults.skipped) == (len(gone), len(gone) - len(data), len(gone))
    assert (out.rewarded, out.reward_sum) == (len(rewards), pytest.approx(sum(rewards)))
    taken = Counter(row["action"] for row in data)
    assert out.taken.tolist() == ([taken[a] for a in range(3)] if gone else [])


@given(logs())
@settings(max_examples=10 if numba.config.DISABLE_JIT else 100, deadline=None)
def test_every_row_left_out_is_told_of(chunks):
    space = Space(
        ("a", "b", "c"), ("c",) if any("context" in r for c in chunks for r in c) else (), n_slots=3
    )
    out, faults, _ = admit_chunks(chunks, space)
    kept = {row for events in out for row in events.row.tolist()}
    told = {f.row for f in faults.kept if f.kind in SPOILS or f.kind == "dangling event"}
    assert {row["row"] for chunk in chunks for row in chunk} == kept | told
    assert not kept & {f.row for f in faults.kept if f.kind in SPOILS}


@pytest.mark.parametrize("column", ["reward", "propensity", "action", "target"])
@given(place=st.integers(0, 29), seed=st.integers(0, 2**32))
@settings(max_examples=2 if numba.config.DISABLE_JIT else 15, deadline=None)
def test_a_faulty_row_changes_no_other(column, place, seed):
    rng = np.random.default_rng(seed)
    n = 30
    columns = {
        "action": rng.integers(0, 3, n).tolist(),
        "reward": rng.random(n).tolist(),
        "propensity": rng.uniform(0.1, 1, n).tolist(),
        "target": rng.random(n).tolist(),
    }
    clean, _ = run(columns)
    events, _ = run(put(columns, column, place + 1, -1 if column == "action" else nan))
    rest = np.delete(np.arange(n), place)

    def ips(events):
        estimator = IPS()
        estimator.add(
            ReplayBatch(events.key, events.reward, weight=events.targets["new"] / events.propensity)
        )
        return estimator.value()

    assert ips(events) == ips(clean.take(rest))
    for name in ("row", "key", "action", "reward", "propensity"):
        np.testing.assert_array_equal(getattr(events, name), getattr(clean, name)[rest])


def test_faults_merge_kinds_in_order():
    faults = Faults(on_error="skip", keep=2)
    faults.note("unreadable", np.array([3, 4, 5]), ["x", "y", "z"])
    faults.note("unreadable", np.array([9]), ["w"])
    assert (faults.counts, faults.room("unreadable"), faults.room("missing value")) == (
        {"unreadable": 4},
        0,
        2,
    )
    assert [(f.row, f.detail) for f in faults.kept] == [(3, "x"), (4, "y")]
    with pytest.raises(KeyError):
        faults.note("unheard of", np.array([1]))
    assert Counter(f.kind for f in faults.kept) == {"unreadable": 2}
    with pytest.raises(InputError, match="`on_error` must be a known name"):
        Faults(on_error="ignore")
