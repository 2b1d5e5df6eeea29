"""Policies given as functions, matrices, vectors, mappings and columns of the log."""

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr.errors import InputError
from ltrr.logs import read
from ltrr.logs.events import Events, Space
from ltrr.logs.memory import EventsLog
from ltrr.replay import run
from ltrr.replay.targets import (
    TARGETS,
    Always,
    ColumnsTarget,
    FixedTarget,
    FunctionTarget,
    MatrixTarget,
    VectorTarget,
    parse_target,
)
from ltrr.replay.targets.parse import reads
from ltrr.replay.targets.reads import FEATURES, NO_COLUMNS, Reads

nan = float("nan")
NAMES = ("latte", "mocha", "tea")
SPACE = Space(NAMES, ("hour",))


def random_events(seed=1, n=40, *, ragged=True, space=SPACE):
    """Return events with 1 to 3 eligible actions each, or all."""
    rng = np.random.default_rng(seed)
    lists = [sorted(rng.choice(3, rng.integers(1, 4) if ragged else 3, replace=False)) for _ in range(n)]
    more = {}
    if ragged:
        more = {"indptr": np.cumsum([0, *map(len, lists)]), "eligible": np.concatenate(lists)}
    return Events(
        space,
        row=np.arange(1, n + 1),
        key=np.arange(n),
        action=[rng.choice(x) for x in lists],
        reward=rng.integers(0, 2, n) * 1.0,
        propensity=[1.0 / len(x) for x in lists],
        context=rng.normal(size=(n, 1)),
        **more,
    )


def random_matrix(events, seed=2):
    """Return distributions over the eligible actions, a column an action."""
    rng = np.random.default_rng(seed)
    weight = rng.random((len(events), 3)) + 0.1
    if events.eligible is not None:
        row = np.repeat(np.arange(len(events)), np.diff(events.indptr))
        open_ = np.zeros((len(events), 3))
        open_[row, events.eligible] = 1.0
        weight *= open_
    return weight / weight.sum(axis=1, keepdims=True)


def flat(events, matrix):
    """Return a matrix ragged like the actions, by a slow loop."""
    out = []
    for i in range(len(events)):
        some = (
            range(3) if events.eligible is None else events.eligible[events.indptr[i] : events.indptr[i + 1]]
        )
        out += [matrix[i, a] for a in some]
    return np.array(out)


def chosen(events, matrix):
    return matrix[np.arange(len(events)), events.action]


def agree(target, events, matrix):
    stated = target.probabilities(events)
    assert stated == pytest.approx(flat(events, matrix), abs=1e-12)
    assert target.logged(events) == pytest.approx(chosen(events, matrix), abs=1e-12)


# ------------------------------------------------------------------ functions


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("form", ["ragged", "matrix", "list", "frame", "arrow", "column"])
def test_a_function_may_return_its_probabilities_in_several_forms(form, ragged):
    events = random_events(ragged=ragged)
    matrix = random_matrix(events)
    shuffled = pd.DataFrame(matrix, columns=NAMES)[["tea", "latte", "mocha"]]
    value = {
        "ragged": flat(events, matrix),
        "matrix": matrix,
        "list": matrix.tolist(),
        "frame": shuffled,
        "arrow": pa.Table.from_pandas(shuffled),
        "column": flat(events, matrix).astype(np.float32),
    }[form]
    target = FunctionTarget(lambda _: value)
    stated = target.probabilities(events)
    assert stated == pytest.approx(flat(events, matrix), abs=1e-6)
    assert target.logged(events) == pytest.approx(chosen(events, matrix), abs=1e-6)
    assert target.name == "function"


def test_a_function_may_state_the_chosen_actions_alone():
    events = random_events()
    value = chosen(events, random_matrix(events))
    target = FunctionTarget(lambda part: value[part.row - 1])
    assert target.probabilities(events) is None
    assert target.logged(events) == pytest.approx(value)
    # later chunks where every row had one eligible action do not make it state all
    lone = np.flatnonzero(np.diff(events.indptr) == 1)
    assert target.probabilities(events.take(lone)) is None
    assert target.logged(events.take(lone)).tolist() == [1.0] * len(lone)


def test_a_vector_for_rows_with_one_eligible_action_must_be_1():
    one = random_events().take(np.flatnonzero(np.diff(random_events().indptr) == 1))
    ones = FunctionTarget(lambda part: np.ones(len(part)))
    assert ones.probabilities(one).tolist() == [1.0] * len(one)
    half = FunctionTarget(lambda part: np.full(len(part), 0.5), label="half")
    with pytest.raises(InputError, match=r"`half` must give the only eligible .* got 0.5 in row \d+; these"):
        half.logged(one)
    with pytest.raises(InputError, match="in row"):
        FunctionTarget(lambda part: np.full(len(part), nan)).logged(one)


def test_a_function_is_called_once_a_chunk_and_copes_with_no_rows():
    calls = []

    def new(events):
        calls.append(len(events))
        return np.full((len(events), 3), 1 / 3)

    events = random_events(ragged=False)
    target = parse_target(new, EventsLog(events))
    target.probabilities(events)
    target.logged(events)
    assert calls == [40]
    none = events.take(np.zeros(0, np.int64))
    assert target.probabilities(none).shape == target.logged(none).shape == (0,)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            lambda n: np.ones((n, 2)),
            r"`new` must return \(\d+,\) probabilities of .* 40 rows, a matrix \(40, 3\)",
        ),
        (lambda n: np.ones(n + 1), r"got \(41,\)"),
        (lambda n: None, r"got \(\)"),
        (lambda n: ["x"] * n, "must state probabilities as an array of numbers"),
        (lambda n: np.full((n, 3), 1 / 3), "must give actions that were not eligible the probability 0"),
        (
            lambda n: np.full(n, 1.5),
            r"must state probabilities in \[0, 1\] of the chosen actions, got 1.5 in row 1",
        ),
        (lambda n: np.full(n, nan), "got nan in row 1"),
        (
            lambda n: pd.DataFrame({"latte": [1.0] * n, "mocha": 0.0, "te": 0.0}),
            "none for 'tea'; did you mean 'te'",
        ),
        (lambda n: pd.DataFrame({"latte": [1.0] * n, "mocha": 0.0}), "has none for 'tea'$"),
        (
            lambda n: pd.DataFrame({"latte": [1.0] * n, "mocha": 0.0, "tea": 0.0, "id": 1.0}),
            "has 'id' too",
        ),
        (
            lambda n: pd.DataFrame({"latte": ["much"] * n, "mocha": 0.0, "tea": 0.0}),
            "must state probabilities as numbers: `latte` must be a number, got 'much'",
        ),
    ],
)
def test_what_a_function_must_not_return_is_one_line(value, message):
    events = random_events()

    def new(part):
        return value(len(part))

    with pytest.raises(InputError, match=message) as error:
        FunctionTarget(new).probabilities(events)
    assert "\n" not in str(error.value)


def test_a_matrix_row_must_be_a_distribution():
    events = random_events(ragged=False)
    matrix = random_matrix(events)
    matrix[6] *= 0.9
    with pytest.raises(InputError, match=r"`matrix` must state .* got a sum of 0.9 in row 7"):
        MatrixTarget(matrix).probabilities(events)
    matrix[6] = nan
    with pytest.raises(InputError, match="in row 7"):
        MatrixTarget(matrix).probabilities(events)


def test_mass_on_ineligible_actions_is_named_and_rounding_is_not():
    events = random_events()
    matrix = random_matrix(events)
    open_ = matrix > 0
    agree(MatrixTarget(np.where(open_, matrix, 1e-12)), events, np.where(open_, matrix, 0.0))
    agree(MatrixTarget(np.where(open_, matrix, nan)), events, np.where(open_, matrix, 0.0))
    i, j = (int(at[0]) for at in np.nonzero(~open_))
    matrix[i, j] = 0.01
    with pytest.raises(InputError, match=rf"gives '{NAMES[j]}' 0.01 in row {i + 1}; set it to 0"):
        MatrixTarget(matrix).probabilities(events)


class Callable_:
    def __call__(self, events):
        return np.full((len(events), 3), 1 / 3)


def test_functions_have_names():
    def greedy(events, bonus=0.0):
        del bonus
        return np.full((len(events), 3), 1 / 3)

    log = EventsLog(random_events(ragged=False))
    names = [
        parse_target(f, log).name for f in (greedy, partial(greedy, bonus=1.0), Callable_(), lambda _: 0)
    ]
    assert names == ["greedy", "greedy", "Callable_", "function"]
    assert run(log, [greedy, Callable_()], estimators=["ips"], quiet=True).table.policy.tolist()[1:] == [
        "greedy",
        "Callable_",
    ]
    with pytest.raises(InputError, match=r"none twice, got .'greedy', 'greedy'"):
        run(log, [greedy, partial(greedy, bonus=1.0)], estimators=["ips"], quiet=True)
    with pytest.raises(InputError, match="must be an instance, got the class Callable_"):
        run(log, [Callable_], quiet=True)


def test_a_function_says_what_it_reads():
    def new(events):
        return events.numbers["q"]

    assert reads(new) == Reads()
    new.reads = Reads(features=False, targets=frozenset(), numbers=frozenset({"q"}))
    assert reads(new) is new.reads
    assert FunctionTarget(new).reads is new.reads
    table = pd.DataFrame({"action": ["a", "b"] * 50, "reward": [0, 1] * 50, "propensity": 0.5, "q": 0.5})
    found = run(read(table), [new], estimators=["ips"], quiet=True)
    assert found.table.value.iloc[1] == pytest.approx(0.5)


# ------------------------------------------------------------------ matrices and vectors


FORMS = {
    "array": lambda m: m,
    "frame": lambda m: pd.DataFrame(m, columns=NAMES)[["tea", "mocha", "latte"]],
    "arrow": lambda m: pa.table({name: m[:, j] for j, name in reversed(list(enumerate(NAMES)))}),
    "list": lambda m: m.tolist(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("chunk_rows", [7, 100])
def test_a_matrix_goes_by_the_rows_of_the_log(form, ragged, chunk_rows):
    events = random_events(ragged=ragged)
    matrix = random_matrix(events)
    log = EventsLog(events, chunk_rows)
    target = parse_target(FORMS[form](matrix), log)
    assert (target.name, target.reads, reads(FORMS[form](matrix))) == ("matrix", NO_COLUMNS, NO_COLUMNS)
    some = np.array([3, 17, 21])
    agree(target, events.take(some), matrix[some])
    found = run(log, [FORMS[form](matrix)], estimators=["ips"], quiet=True)
    weight = chosen(events, matrix) / events.propensity
    assert found.table.value.iloc[1] == pytest.approx((weight * events.reward).mean())


def test_a_matrix_allows_direct_estimates(tmp_path):
    rng = np.random.default_rng(5)
    table = pd.DataFrame({"action": rng.choice(["a", "b"], 300), "propensity": 0.5})
    table["reward"] = (table.action == "b") * 1.0
    found = run(read(table), [np.tile([0.25, 0.75], (300, 1))], estimators=["dm", "dr"], quiet=True)
    assert found.table.value.iloc[1:].tolist() == pytest.approx([0.75, 0.75], abs=0.02)


def logged(n=12, **more):
    rng = np.random.default_rng(8)
    return pd.DataFrame(
        {"action": rng.choice(["a", "b"], n), "reward": rng.integers(0, 2, n), "propensity": 0.5, **more}
    )


@pytest.mark.parametrize("form", ["csv", "memory"])
@pytest.mark.parametrize("rows", [11, 13])
@pytest.mark.parametrize("kind", ["matrix", "vector"])
def test_a_wrong_length_names_both(form, rows, kind, tmp_path):
    policy = np.full((rows, 2), 0.5) if kind == "matrix" else np.full(rows, 0.5)
    log = logged()
    if form == "csv":
        log.to_csv(tmp_path / "log.csv", index=False)
        log = tmp_path / "log.csv"
    said = (
        "at least 12; give one" if rows == 11 else "12; give one for every row of the log, those excluded too"
    )
    with pytest.raises(InputError, match=f"`{kind}` has {rows} rows, and the log has {said}"):
        run(log, [policy], estimators=["ips"], quiet=True)


def test_rows_are_counted_whether_they_are_kept_or_not():
    rng = np.random.default_rng(4)
    table = logged(600)
    table.loc[400:, "propensity"] = 7.0
    value = rng.uniform(0.3, 0.7, 600)
    weighted = (value[:400] / 0.5 * table.reward[:400]).mean()
    for log in (read(table, on_error="skip"), read(logged(600), rows=400)):
        found = run(log, [value], estimators=["ips"], quiet=True)
        assert found.table.value.iloc[1] == pytest.approx(weighted)
    with pytest.raises(InputError, match="`vector` has 601 rows, and the log has 600"):
        run(read(table, on_error="skip"), [np.append(value, 0.5)], estimators=["ips"], quiet=True)


def test_slots_of_a_line_share_its_number(tmp_path):
    lines = [
        {
            "_outcomes": [
                {"_label_cost": -1.0, "_id": "x", "_a": [0], "_p": [0.5]},
                {"_label_cost": 0.0, "_id": "y", "_a": [1], "_p": [0.5]},
            ],
            "EventId": f"e{i}",
            "c": {"_multi": [{"_tag": "a"}, {"_tag": "b"}], "_slots": [{"_id": "x"}, {"_id": "y"}]},
        }
        for i in range(3)
    ]
    path = tmp_path / "log.dsjson"
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    found = run(read(path), [np.array([0.5, 1.0, 0.25])], estimators=["slate-ips"], quiet=True)
    assert found.faults.rows == 6
    with pytest.raises(InputError, match="`vector` has 2 rows, and the log has at least 3"):
        run(read(path), [np.array([0.5, 1.0])], estimators=["slate-ips"], quiet=True)


VECTORS = {
    "array": np.array,
    "list": list,
    "series": lambda v: pd.Series(v, name="new"),
    "arrow": pa.array,
    "chunked": lambda v: pa.chunked_array([v]),
}


@pytest.mark.parametrize("form", VECTORS)
def test_a_vector_states_the_chosen_actions_by_row(form):
    events = random_events()
    value = chosen(events, random_matrix(events)).tolist()
    target = parse_target(VECTORS[form](value), EventsLog(events))
    assert isinstance(target, VectorTarget)
    assert target.name == ("new" if form == "series" else "vector")
    assert target.probabilities(events) is None
    assert target.logged(events.take(np.array([4, 9]))).tolist() == [value[4], value[9]]
    assert reads(VECTORS[form](value)) == NO_COLUMNS
    assert target.logged(events.take(np.zeros(0, np.int64))).shape == (0,)


def test_a_vector_of_polars():
    polars = pytest.importorskip("polars")
    events = random_events(n=3)
    assert parse_target(polars.Series([0.5, 0.25, 1.0]), EventsLog(events)).logged(events).tolist() == [
        0.5,
        0.25,
        1,
    ]
    matrix = random_matrix(events)
    agree(parse_target(polars.DataFrame(matrix, schema=list(NAMES)), EventsLog(events)), events, matrix)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (np.ones((40, 2)), r"must have a column for each of the log's 3 actions, got the shape \(40, 2\)"),
        (np.ones((40, 3, 1)), r"got the shape \(40, 3, 1\)"),
        (np.full(40, -0.5), "got -0.5 in row 1"),
        (np.array(["x"] * 40), "`matrix` must state probabilities as an array of numbers"),
        ([[0.5, 0.5], [1.0]], "must state probabilities as an array of numbers"),
        ({"te": 1.0}, "must name an action of the log, got 'te'; did you mean 'tea'"),
        ({"tea": 0.9}, "must be probabilities >= 0 that sum to 1, got a sum of 0.9"),
        ({"tea": 1.5, "latte": -0.5}, "must be probabilities >= 0"),
        ({"tea": "much"}, "must give each action a number"),
        ({"tea": nan}, "sum of nan"),
        ({}, "sum of 0"),
        (pd.Series([1.0], index=["te"]), "a Series must have the actions' names as its index, .* got 'te'"),
    ],
)
def test_what_is_no_policy_is_one_line(policy, message):
    log = EventsLog(random_events(ragged=False))
    with pytest.raises(InputError, match=message) as error:
        run(log, [policy], estimators=["ips"], quiet=True)
    assert "\n" not in str(error.value)


# ------------------------------------------------------------------ one distribution


@given(
    st.integers(0, 10_000),
    st.dictionaries(st.sampled_from(NAMES), st.floats(0.01, 1.0), min_size=3, max_size=3),
)
@settings(max_examples=30, deadline=None)
def test_a_mapping_is_one_distribution_over_what_is_eligible(seed, weights):
    total = sum(weights.values())
    shares = {name: w / total for name, w in weights.items()}
    events = random_events(seed, 10)
    dense = np.array([shares[name] for name in NAMES])
    want = np.zeros((10, 3))
    for i in range(10):
        some = events.eligible[events.indptr[i] : events.indptr[i + 1]]
        want[i, some] = dense[some] / dense[some].sum()
    agree(parse_target(shares, EventsLog(events)), events, want)
    series = parse_target(pd.Series(shares, name="mix"), EventsLog(events))
    assert series.name == "mix"
    agree(series, events, want)


def test_an_action_alone_is_always_it():
    events = random_events(ragged=False)
    target = FixedTarget({"tea": 1})
    assert target.probabilities(events).tolist() == Always("tea").probabilities(events).tolist()
    assert target.name == "fixed:tea=1"
    ragged = random_events()
    with pytest.raises(InputError, match=r"`fixed:tea=1` must give some eligible action .* none in row \d+"):
        target.probabilities(ragged)
    many = FixedTarget({str(i): 0.25 for i in range(4)})
    assert many.name == "fixed:0=0.25,1=0.25,2=0.25,… (4)"


def test_a_series_by_number_is_a_distribution_where_actions_are_numbers():
    events = random_events(ragged=False, space=Space(("0", "1", "2"), ("hour",)))
    target = parse_target(pd.Series([0.5, 0.25, 0.25]), EventsLog(events))
    assert isinstance(target, FixedTarget)
    assert target.probabilities(events)[:3].tolist() == [0.5, 0.25, 0.25]


# ------------------------------------------------------------------ columns of the log


def with_columns(form, tmp_path, table):
    if form == "memory":
        return table
    path = tmp_path / f"log.{form}"
    if form == "jsonl":
        path.write_text("\n".join(json.dumps(row) for row in table.to_dict("records")) + "\n")
    else:
        getattr(table, f"to_{form}")(path, index=False)
    return path


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl", "memory"])
def test_columns_are_whole_distributions(form, tmp_path):
    rng = np.random.default_rng(6)
    table = pd.DataFrame({"action": rng.choice(["a", "b"], 400), "propensity": 0.5})
    table["reward"] = (table.action == "b") * 1.0
    table["new_a"] = rng.uniform(0.2, 0.4, 400)
    table["new_b"] = 1.0 - table.new_a
    table["new_note"] = "none"
    found = (
        run(
            with_columns(form, tmp_path, table),
            ["columns:new_*", "mixed:0.5?of=columns:new_*"],
            estimators=["ips", "dm", "dr"],
            quiet=True,
        )
        .table.set_index(["policy", "estimator"])
        .value
    )
    stated = np.where(table.action == "a", table.new_a, table.new_b)
    assert found["columns:new_*", "ips"] == pytest.approx((stated / 0.5 * table.reward).mean())
    assert found["columns:new_*", "dm"] == pytest.approx(table.new_b.mean(), abs=0.02)
    assert found["columns:new_*", "dr"] == pytest.approx(table.new_b.mean(), abs=0.02)
    mixed = "mixed:0.5?of=columns:new_*"
    assert found[mixed, "ips"] == pytest.approx(((0.25 + stated / 2) / 0.5 * table.reward).mean())


def test_a_missing_column_is_0_on_request_only(tmp_path):
    log = read(logged(300, new_a=1.0))
    with pytest.raises(
        InputError, match=r"every action, and the log has no 'new_b'; add it, or .*\?missing=0"
    ):
        run(log, ["columns:new_*"], estimators=["ips"], quiet=True)
    found = run(log, ["columns:new_*?missing=0", "always:a"], estimators=["ips"], quiet=True).table
    assert found.value.iloc[1] == found.value.iloc[2]
    assert found.policy.iloc[1] == "columns:new_*?missing=0"
    gaps = read(logged(new_a=[1.0, nan] * 6, new_b=[nan, 1.0] * 6))
    with pytest.raises(InputError, match="got a sum of nan in row 1"):
        run(gaps, ["columns:new_*"], estimators=["ips"], quiet=True)
    assert len(run(gaps, ["columns:new_*?missing=0"], estimators=["ips"], quiet=True).table) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("columns:new", r"must hold one `\*` in place of the action's name, as new_\*, got 'new'"),
        ("columns:*_*", r"must hold one `\*`"),
        ("columns", "must be given as `columns:PATTERN`"),
        ("columns:new_*?missing=1", "must give 0, or be left out, got '1'"),
        ("columns:new_*?missing_=0", "has no option 'missing_'; did you mean 'missing'"),
        ("columns:old_*", r"there is no column 'old_\*' to read numbers from"),
    ],
)
def test_columns_that_mean_nothing_are_one_line(words, message):
    with pytest.raises(InputError, match=message) as error:
        run(read(logged(new_a=0.5, new_b=0.5, x_y=1.0)), [words], estimators=["ips"], quiet=True)
    assert "\n" not in str(error.value)


def test_columns_of_ineligible_actions_must_be_0():
    table = logged(new_a=0.5, new_b=0.5, eligible=["a|b"] * 12)
    table.loc[3, ["action", "eligible"]] = ["a", "a"]
    table.loc[3, "propensity"] = 1.0
    with pytest.raises(
        InputError, match=r"`columns:new_\*` must give actions that .* gives 'b' 0.5 in row 4"
    ):
        run(read(table), ["columns:new_*"], estimators=["ips"], quiet=True)
    table.loc[3, ["new_a", "new_b"]] = [1.0, nan]
    assert len(run(read(table), ["columns:new_*"], estimators=["ips"], quiet=True).table) == 2


def test_what_columns_read_is_known_beforehand():
    few = Reads(features=False, targets=frozenset(), numbers=frozenset({"new_*"}))
    assert reads("columns:new_*") == few
    assert reads("columns:new_*?missing=0") == few
    assert reads("epsilon:0.1?of=columns:new_*?missing=0") == few
    assert reads(ColumnsTarget("new_*")) == few
    assert TARGETS.about("columns").startswith("Take columns of probabilities, one an action")
    assert parse_target("columns:new_*", read(logged(new_a=1))) == ColumnsTarget("new_*")


# ------------------------------------------------------------------ the command line


def test_every_form_has_a_command(ltrr, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = logged(200, new_a=0.25, new_b=0.75)
    table.to_csv("log.csv", index=False)
    (tmp_path / "forms_of_a_test.py").write_text(
        "import numpy as np\n"
        "def mine(events):\n    return np.tile([0.25, 0.75], (len(events), 1))\n"
        "MATRIX = np.tile([0.25, 0.75], (200, 1))\n"
        "MIX = {'a': 0.25, 'b': 0.75}\n"
        "def made(share='0.25'):\n    return {'a': float(share), 'b': 1 - float(share)}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "forms_of_a_test", None)
    monkeypatch.delitem(sys.modules, "forms_of_a_test")
    words = ["columns:new_*", *(f"forms_of_a_test:{name}" for name in ("mine", "MATRIX", "MIX"))]
    asked = [w for word in words for w in ("-p", word)]
    status, out, err = ltrr(
        "replay", "log.csv", *asked, "--estimators", "ips", "--json", "--out", "o", "--quiet"
    )
    assert (status, err) == (0, "")
    rows = json.loads(out)[1:]
    assert [row["policy"] for row in rows] == ["columns:new_*", "mine", "matrix", "fixed:a=0.25,b=0.75"]
    assert len({round(row["value"], 12) for row in rows}) == 1
    status, out, _ = ltrr("list", "targets", "columns")
    assert status == 0
    assert "missing" in out


def test_the_example_of_the_page_runs():
    page = (Path(__file__).resolve().parents[1] / "docs" / "bring-your-own.md").read_text(encoding="utf-8")
    text = (
        page.partition("## A policy to judge from a log")[2].partition("```python\n")[2].partition("```")[0]
    )
    place = {}
    exec(text, place)  # noqa: S102
    judged = place["judged"].table.set_index(["policy", "estimator"]).value
    for estimator in ("ips", "dr"):
        one, two, three = (judged[p, estimator] for p in ("by_hour", "matrix", "columns:new_*"))
        assert one == pytest.approx(two)
        assert two == pytest.approx(three)
        assert judged["fixed:tea=0.8,latte=0.2", estimator] > one
    chosen = place["chosen"].table.set_index("policy").value
    assert chosen["vector"] == pytest.approx(judged["by_hour", "ips"])
    assert chosen["column:new"] == pytest.approx(judged["by_hour", "ips"])


def test_what_a_policy_of_features_reads_is_unchanged():
    assert reads("policy:folder") == FEATURES
