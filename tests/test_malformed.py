"""Malformed logs, given by users: what is reported and excluded, and that nothing else changes."""

import contextlib
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ltrr.cli import main
from ltrr.errors import InputError
from ltrr.logs.faults import FAULTS, SPOILS, WARNS
from ltrr.replay import read, run, validate
from ltrr.replay.report import write_faults
from tests import malformed

CASES = malformed.all_cases()
BROKEN = malformed.broken_cases()

# the command line for the first case of every kind in every format, the library for all
COMMANDS = list({(c.format, c.kind): c for c in reversed(CASES) if not c.options}.values())
MULTIPLE = ("slate-ips", "slate-snips")
SINGLE = ("ips", "snips")


@pytest.fixture(scope="session")
def own(tmp_path_factory):
    """A log of this package."""
    return malformed.run_log(tmp_path_factory.mktemp("own"))


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Run every test in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


class Whole:
    """A log of which everything is read, whether a policy asks for it or not."""

    def __init__(self, log):
        self._log = log

    def __getattr__(self, name):
        if name == "only":
            raise AttributeError(name)
        return getattr(self._log, name)


def estimates(path, form, on_error, **options):
    """Return the evaluation, with the faults of what it read."""
    log = read(path, format=form, on_error=on_error, **options)
    names = MULTIPLE if log.space.n_slots > 1 else SINGLE
    return run(Whole(log), ["uniform"], estimators=names, cluster=None)


def refused(done, *message):
    """Check that a command ended in one line that says some things, and wrote nothing."""
    status, out, err = done
    assert (status, out) == (2, ""), done
    assert err.startswith("ltrr: ")
    assert err.count("\n") == 1
    assert all(c.isprintable() for c in err.rstrip("\n"))
    for text in message:
        assert text in err
    assert not Path("runs").exists()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_faulty_row_is_told_and_left_out(case, ltrr, request, tmp_path):
    own = request.getfixturevalue("own") if case.format == "ltrr" else None
    bad, good = case.make(tmp_path / "logs", own)
    spoils = case.kind in SPOILS
    by_command = case in COMMANDS

    # "fail": one line with the row and the cause, and nothing written
    if spoils and by_command:
        asked = ["-p", "column:new"] if "target" in case.name else []
        done = ltrr("replay", bad, "--format", case.format, *asked)
        refused(done, case.kind, case.message)
        assert any(f", row {row}: {case.kind}" in done[2] for row in case.rows)
    elif spoils:
        with pytest.raises(InputError) as error:
            estimates(bad, case.format, "fail", **case.options)
        assert f"row {min(case.rows)}: {case.kind}" in str(error.value)
        assert case.message in str(error.value)
        assert "\n" not in str(error.value)

    # "skip": what is left gives the estimates of the log from which the rows were removed by hand
    found = estimates(bad, case.format, "skip", **case.options)
    assert found.faults.counts[case.kind] == max(1, len(case.rows))
    assert found.faults.skipped == case.gone
    assert found.about["skipped"] == case.gone
    # the log without the change where nothing is left out: warnings keep no row out
    if good is not None:
        wanted = estimates(good, case.format, "fail" if spoils else "skip", **case.options)
        assert wanted.faults.skipped == 0
        assert found.about["used"] == wanted.about["used"]
        columns = ["policy", "estimator", "value", "low", "high", "n", "ess", "verdict"]
        assert wanted.table.value.notna().all()
        pd.testing.assert_frame_equal(found.table[columns], wanted.table[columns], check_exact=True)

    # "report": every row by number
    log = read(bad, format=case.format, on_error="report", **case.options)
    for _ in log.chunks():
        pass
    write_faults(log.faults, tmp_path)
    reported = pd.read_csv(tmp_path / "faults.csv", keep_default_na=False, dtype={"found": str})
    mine = reported[reported.fault == case.kind]
    assert tuple(mine.row) == (case.rows or (0,))
    assert case.message in mine.found.iloc[0]
    for kind in case.others:
        assert kind in set(reported.fault)
    unexpected = set(reported.fault) - {case.kind, *case.others, *WARNS}
    assert not unexpected

    # validate counts it
    if not by_command:
        checked = validate(read(bad, format=case.format, on_error="report", **case.options)).to_dict()
    else:
        status, out, err = ltrr("validate", bad, "--format", case.format, "--json")
        assert (status, err) == (int(case.gone > 0), "")
        checked = json.loads(out)
    (fault,) = (f for f in checked["faults"] if f["kind"] == case.kind)
    assert fault["count"] == max(1, len(case.rows))
    assert tuple(sorted(fault["rows"])) == tuple(r for r in case.rows[:5] if r)
    assert checked["rows"] - checked["usable"] == case.gone


def test_every_kind_is_raised_by_some_fixture():
    # rows apart stop a log whatever is asked for: a test of their own
    of_rows = set(FAULTS) - {"request not adjacent"}
    assert {case.kind for case in CASES} | {k for case in CASES for k in case.others} == of_rows
    assert len(CASES) >= 80


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_rows_of_a_request_that_lie_apart(form, ltrr, tmp_path):
    slates = malformed.slate_rows()
    rows = [*slates[:5], *slates[6:8], slates[5], *slates[8:]]
    write = getattr(malformed, f"as_{form}")
    path = malformed.save(tmp_path / f"log.{form}", write(rows))
    message = (
        "rows of a request are not adjacent: request 'r02' begins in row 5 and again in row 8; "
        "sort the log by request, slot"
    )
    for on_error in ("fail", "skip"):
        refused(ltrr("replay", path, "--on-error", on_error), message)
    status, out, err = ltrr("validate", path, "--json")
    assert (status, err) == (1, "")
    (fault,) = json.loads(out)["faults"]
    assert (fault["kind"], fault["count"], fault["rows"]) == ("request not adjacent", 2, [5, 8])


@pytest.mark.parametrize("case", BROKEN, ids=str)
def test_a_log_that_cannot_be_read_is_one_line(case, ltrr, request, tmp_path):
    place = tmp_path / "logs"
    place.mkdir()
    path = case.make(place, request.getfixturevalue("own") if case.name.startswith("ltrr") else None)
    path = place / "log.csv" if case.name == "csv-is-directory-name" else path
    words = [str(place / "map.toml") if word == "MAP" else word for word in case.words]
    words = words if "--on-error" in words else [*words, "--on-error", "skip"]
    done = ltrr("replay", path, *words)
    refused(done, case.message)
    if not case.name.startswith(("policy", "toml-absent", "column-role")) and "`" not in case.message:
        assert path.name in done[2] or path.with_suffix("").name in done[2]
    if "-p" not in case.words and "--on-error" not in case.words:
        refused(ltrr("validate", path, *words[:-2]), case.message)


def test_a_log_without_a_usable_row_answers_nothing(ltrr, tmp_path):
    rows = [row | {"propensity": 0} for row in malformed.table_rows()]
    path = malformed.save(tmp_path / "log.csv", malformed.as_csv(rows))
    status, out, err = ltrr("replay", path, "--on-error", "skip")
    assert (status, err) == (0, "")
    assert "0 of 48 rows" in out
    assert out.count("cannot answer: no usable row is left.") == out.count("cannot answer: ") == 1
    assert "48 of 48 rows were excluded: propensity not positive (48)." in out


NASTY = (
    "=cmd()",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "[red]bold[/]",
    "[/]",
    ":-1:",
    "a\x1b[31mred\x1b[0m",
    "bell\x07",
    "line\nfeed",
    "tab\tand\rreturn",
    "\u202eright to left",
    "\u200b",
    "naïve 日本語 😀",
    "'\"`;--",
    "{{ 7 * 7 }}",
    "$(rm -rf)",
    "%s %d {0}",
    "$\\frac{$",
    "$x^$ and $y$",
    "NA",
    "null",
    "x" * 500,
)


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "dsjson"])
def test_names_are_shown_and_never_obeyed(form, ltrr, request, tmp_path):
    if form != "csv":  # figures hold the same names, wherever they were read
        request.getfixturevalue("without_figures")
    rng = np.random.default_rng(9)
    names = [*rng.permutation(NASTY), *rng.choice(NASTY, 400)]
    rows = [
        {"action": str(name), "reward": float(rng.integers(0, 2)), "propensity": 1 / len(NASTY)}
        for name in names
    ]
    rows[30]["propensity"] = 2.0
    if form == "dsjson":
        multi = [{"_tag": name} for name in NASTY]
        data = [
            json.dumps(
                {"_label_cost": -r["reward"], "_label_probability": r["propensity"], "EventId": str(i)}
                | {"_labelIndex": NASTY.index(r["action"]), "c": {"_multi": multi}}
            ).encode()
            for i, r in enumerate(rows)
        ]
    else:
        data = {"csv": malformed.as_csv, "jsonl": malformed.as_jsonl, "parquet": malformed.as_parquet}[form](
            rows
        )
    path = malformed.save(tmp_path / "[red]:-1:[log].log", data)
    words = [path, "--format", form, "--on-error", "report", "--out", tmp_path / "out"]
    for name in (*NASTY[:8], *(name for name in NASTY if "$" in name)):
        words += ["-p", f"always:{name}"]
    status, out, err = ltrr("replay", *words, "-p", "uniform", "--estimators", "ips,snips")
    assert (status, err) == (0, "")
    assert not [c for c in out if not c.isprintable() and c != "\n"]
    assert f"[red]:-1:[log].log: {len(rows) - 1} of {len(rows)} rows" in out
    page = (tmp_path / "out" / "report.html").read_text()
    for bad in ("<script>alert", "<img src=x", "\x1b", "\x07"):
        assert bad not in page
    assert "&lt;script&gt;alert(1)" in page
    # a sheet must not take a name for a formula
    for file in (tmp_path / "out").glob("*.csv"):
        cells = pd.read_csv(file, dtype=str, keep_default_na=False).to_numpy().ravel()
        assert not [c for c in cells if c.startswith(("=", "+", "@"))], file
    reported = pd.read_csv(tmp_path / "out" / "faults.csv")
    assert (31, "propensity above 1") in set(zip(reported.row, reported.fault, strict=True))
    checked = ltrr("validate", path, "--format", form)
    assert checked[0] == 1
    assert not [c for c in checked[1] if not c.isprintable() and c != "\n"]


def test_marks_line_ends_and_columns_in_any_order_change_nothing(tmp_path):
    rows = malformed.table_rows()
    lines = malformed.as_csv(rows)
    turned = malformed.as_csv([dict(reversed(row.items())) for row in rows])
    more = [b",".join([line, b"unused"]) for line in lines]
    want = estimates(malformed.save(tmp_path / "plain.csv", lines), "csv", "fail").table
    for name, data in {
        "mark": b"\xef\xbb\xbf" + b"\n".join(lines),
        "crlf": b"\r\n".join(lines) + b"\r\n",
        "blank": b"\n\n".join(lines) + b"\n\n\n",
        "turned": turned,
        "more": more,
        "quoted": [lines[0], *(line.replace(b"fine", b'"fi\nne, ""so"""') for line in lines[1:])],
    }.items():
        found = estimates(malformed.save(tmp_path / f"{name}.csv", data), "csv", "fail")
        assert (found.faults.rows, found.faults.skipped) == (48, 0), name
        pd.testing.assert_frame_equal(found.table, want, check_exact=True)


# -- mutated bytes


def mutate(data, edits):
    """Return bytes after edits: (what, place as a share, byte or length)."""
    out = bytearray(data)
    for what, share, value in edits:
        at = int(share * len(out))
        if what == "flip" and at < len(out):
            out[at] ^= 1 << value % 8
        elif what == "set" and at < len(out):
            out[at] = value
        elif what == "delete":
            del out[at : at + value % 32]
        elif what == "insert":
            out[at:at] = bytes([value]) * (1 + value % 3)
        elif what == "duplicate":
            out[at:at] = out[at : at + value]
        elif what == "truncate":
            del out[at:]
    return bytes(out)


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "set", "delete", "insert", "duplicate", "truncate"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255) | st.sampled_from(list(b'",|:{}[]\n\r\0 -.0e9\\')),
    ),
    min_size=1,
    max_size=3,
)


def survive(path, form, out):
    """Run both commands on a log; every outcome but a plain status is an error that pytest shows."""
    for words in (
        ["replay", path, "--format", form, "--on-error", "skip", "--out", out, "--estimators", "ips,snips"],
        ["replay", path, "--format", form, "--on-error", "fail", "--out", out, "--estimators", "ips,snips"],
        ["validate", path, "--format", form],
    ):
        stdout, stderr = io.StringIO(), io.StringIO()
        with (
            pytest.raises(SystemExit) as ended,
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
        ):
            main([str(w) for w in words])
        assert ended.value.code in (0, 1, 2), words
        if ended.value.code == 2:
            assert stdout.getvalue() == ""
            assert stderr.getvalue().count("\n") == 1
        else:
            assert stderr.getvalue() == ""


def by_row(path, form):
    """Return the data of every row let through, by number, with actions by name; and the reported rows."""
    log = read(path, format=form, on_error="report")
    names = log.space.actions
    out = {}
    for events in log.chunks():
        count = np.ones(len(events)) if events.count is None else events.count
        logged = (events.propensity, events.reward, count)
        for i, row in enumerate(events.row.tolist()):
            out[row] = (names[events.action[i]], *(float(values[i]) for values in logged))
    return out, {fault.row for fault in log.faults.kept if fault.kind in SPOILS}


@pytest.mark.parametrize("form", list(malformed.SEEDS))
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(edits=EDITS)
def test_mutated_logs_never_end_in_a_traceback(form, without_figures, tmp_path_factory, edits):
    name, kind, data = malformed.SEEDS[form]
    folder = tmp_path_factory.mktemp("fuzz")
    survive(malformed.save(folder / name, mutate(data, edits)), kind, folder / "out")


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(edits=EDITS, which=st.integers(0, 1000))
def test_mutated_logs_of_ours_never_end_in_a_traceback(own, without_figures, tmp_path_factory, edits, which):
    folder = tmp_path_factory.mktemp("fuzz")
    shutil.copytree(own, folder / "log")
    files = sorted(path for path in (folder / "log").rglob("*") if path.is_file())
    file = files[which % len(files)]
    file.write_bytes(mutate(file.read_bytes(), edits))
    survive(folder / "log", "ltrr", folder / "out")


@pytest.mark.parametrize(
    "form", [f for f, (_, kind, _) in malformed.SEEDS.items() if kind != "parquet" and f != "csv-gz"]
)
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    at=st.integers(8, 40),
    place=st.floats(0, 1, exclude_max=True),
    value=st.integers(0, 255).filter(lambda b: b not in b'\n\r"'),
)
def test_a_mutated_row_changes_no_other(form, tmp_path_factory, at, place, value):
    name, kind, data = malformed.SEEDS[form]
    folder = tmp_path_factory.mktemp("rows")
    want, _ = by_row(malformed.save(folder / name, data), kind)
    lines = data.split(b"\n")
    line = lines[at]
    if not line.strip() or line.startswith(b"shared"):
        return
    cut = int(place * len(line))
    if form.startswith("csv") and line[cut : cut + 1] == b'"':
        return  # without its quotation mark a CSV row goes on in the next line
    lines[at] = line[:cut] + bytes([value]) + line[cut + 1 :]
    if not lines[at].strip():
        return
    found, reported = by_row(malformed.save(folder / name, b"\n".join(lines)), kind)
    own = malformed.rows_with_line(form, at)
    assert set(found) <= set(want)
    for row in set(want) - own:
        # an id that has become another row's makes that row a repetition: it is reported
        assert found.get(row) == want[row] or (row not in found and row in reported), (row, line, lines[at])


def test_an_action_that_only_faulty_rows_took_is_no_silent_change(tmp_path):
    # without a declared list it is an action like any other, of which nothing is known
    rows = [
        {key: value for key, value in row.items() if key not in ("eligible", "probabilities")}
        for row in malformed.table_rows()
    ]
    rows[5] |= {"action": "z", "propensity": 0}
    found = estimates(malformed.save(tmp_path / "log.csv", malformed.as_csv(rows)), "csv", "skip")
    own = found.table[found.table.policy == "uniform"]
    assert set(own.verdict) == {"cannot answer"}
    assert own.reason.str.contains("25% of the target's probability lies on actions").all()
