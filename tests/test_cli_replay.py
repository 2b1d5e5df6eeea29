"""`ltrr replay` and `ltrr validate`: what they print, what they write, and that bad input is one line."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ltrr.replay.judging.evaluation import ESTIMATE_COLUMNS


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Run every test in an empty folder with a wide, dumb terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


def write_log(path="log.csv", n=3_000, seed=0, bad=()):
    """Write a log of three actions, one of them named to be escaped; ``bad`` replaces lines."""
    rng = np.random.default_rng(seed)
    names = np.array(["plain", "<script>alert(1)</script>", "[red]x[/]"])
    p = np.array([0.5, 0.3, 0.2])
    action = rng.choice(3, n, p=p)
    reward = (rng.random(n) < np.array([0.2, 0.4, 0.6])[action]).astype(int)
    lines = ["event,action,reward,propensity,age"]
    lines += [
        f"e{i},{names[a]},{r},{p[a]},{i % 7}" for i, (a, r) in enumerate(zip(action, reward, strict=True))
    ]
    for row, line in bad:
        lines[row] = line
    Path(path).write_text("\n".join(lines) + "\n")
    return path


def refused(done, *message):
    status, out, err = done
    assert (status, out) == (2, "")
    assert err.startswith("ltrr: ")
    assert err.count("\n") == 1
    for text in message:
        assert text in err


def test_a_replay_prints_and_writes(ltrr):
    write_log()
    status, out, err = ltrr(
        "replay", "log.csv", "-p", "uniform", "-p", "always:plain", "--estimators", "snips,ips"
    )
    assert (status, err) == (0, "")
    for word in (
        "as logged",
        "uniform",
        "always:plain",
        "snips",
        "supported",
        "3,000 of 3,000 rows",
        "Report: ",
    ):
        assert word in out
    folder = Path("runs/replay-log")
    table = pd.read_csv(folder / "estimates.csv")
    assert tuple(table.columns) == ESTIMATE_COLUMNS
    by = table.set_index(["policy", "estimator"])
    assert by.value["uniform", "snips"] == pytest.approx(0.4, abs=0.05)
    assert {p.name for p in folder.iterdir()} == {
        "estimates.csv",
        "differences.csv",
        "diagnostics.csv",
        "weights.csv",
        "blocks.csv",
        "clips.csv",
        "guardrails.csv",
        "left_out.csv",
        "replay.json",
        "report.html",
        "forest.svg",
        "clips.svg",
        "weights.svg",
        "over_time.svg",
    }
    about = json.loads((folder / "replay.json").read_text())
    assert (about["format"], about["rows"], about["skipped"]) == ("csv", 3_000, 0)
    again = ltrr("replay", "log.csv", "--estimators", "ips")
    assert "runs/replay-log-2/report.html" in again[1]


def test_two_runs_write_the_same_bytes(ltrr):
    write_log()
    for out in ("a", "b"):
        words = (
            "replay",
            "log.csv",
            "--estimators",
            "ips,dr,replay",
            "--intervals",
            "asymptotic,bootstrap:200",
        )
        assert ltrr(*words, "--out", out, "--quiet") == (0, "", "")
    for file in Path("a").iterdir():
        assert file.read_bytes() == (Path("b") / file.name).read_bytes(), file.name


def test_names_from_the_log_are_escaped(ltrr):
    write_log()
    words = ("-p", "always:<script>alert(1)</script>", "-p", "always:[red]x[/]", "--estimators", "ips")
    status, out, _ = ltrr("replay", "log.csv", *words, "--out", "r")
    assert status == 0
    assert "always:[red]x[/]" in out
    page = Path("r/report.html").read_text()
    assert "<script>" not in page
    assert "always:&lt;script&gt;" in page


def test_json_is_all_that_is_printed(ltrr, without_figures):
    write_log()
    status, out, err = ltrr("replay", "log.csv", "--estimators", "ips", "--json")
    assert (status, err) == (0, "")
    rows = json.loads(out)
    assert [r["estimator"] for r in rows] == ["on-policy", "ips"]
    assert rows[1]["verdict"] == "supported"


def test_columns_may_be_named(ltrr, without_figures):
    write_log()
    frame = pd.read_csv("log.csv").rename(columns={"reward": "clicked", "propensity": "p"})
    frame["new"] = 1 / 3
    frame.to_parquet("log.parquet")
    words = ("--column", "reward=clicked", "--column", "propensity=p", "--column", "action=action")
    status, out, _ = ltrr(
        "replay",
        "log.parquet",
        *words,
        "--column",
        "target.new=new",
        "-p",
        "column:new",
        "--estimators",
        "snips",
    )
    assert status == 0
    Path("map.toml").write_text('[columns]\nreward = "clicked"\npropensity = "p"\naction = "action"\n')
    status, out, _ = ltrr("replay", "log.parquet", "--columns", "map.toml", "--estimators", "snips", "--json")
    assert status == 0
    assert json.loads(out)[1]["value"] == pytest.approx(0.4, abs=0.05)


def test_another_log_is_read_with_the_same_columns(ltrr, without_figures):
    for name, seed in (("log.csv", 0), ("other.csv", 1)):
        write_log(name, seed=seed)
        pd.read_csv(name).rename(columns={"reward": "clicked"}).to_csv(name, index=False)
    words = ("--column", "reward=clicked", "-p", "logged:other.csv", "--estimators", "snips", "--json")
    status, out, _ = ltrr("replay", "log.csv", *words)
    assert status == 0
    row = json.loads(out)[1]
    assert row["policy"] == "logged:other.csv"
    assert row["value"] == pytest.approx(0.34, abs=0.05)
    assert row["verdict"] == "weak"


BAD = [(5, "e4,plain,1,0,1"), (9, "e8,plain,1,1.5,1"), (12, "e11,plain,,0.5,1")]


def test_a_faulty_row_stops_it_and_leaves_nothing(ltrr):
    write_log(bad=BAD)
    refused(ltrr("replay", "log.csv"), "row 5", "propensity", "--on-error skip")
    assert not Path("runs").exists()


def test_faulty_rows_are_left_out_and_counted(ltrr, without_figures):
    write_log(bad=BAD)
    status, out, _ = ltrr("replay", "log.csv", "--on-error", "skip", "--estimators", "ips", "--out", "r")
    assert status == 0
    assert "2,997 of 3,000 rows" in out
    assert "3 of 3,000 rows were excluded" in out
    assert not Path("r/faults.csv").exists()
    assert "excluded" in Path("r/report.html").read_text()


def test_faulty_rows_are_listed(ltrr, without_figures):
    write_log(bad=BAD)
    words = ("--on-error", "report", "--estimators", "ips", "--out", "r", "--quiet")
    assert ltrr("replay", "log.csv", *words)[0] == 0
    faults = pd.read_csv("r/faults.csv")
    assert faults.row.tolist() == [5, 9, 12]


def test_validate_says_what_is_wrong_and_where(ltrr):
    write_log(bad=BAD)
    status, out, err = ltrr("validate", "log.csv")
    assert (status, err) == (1, "")
    for word in ("3,000", "2,997", "propensity not positive", "5", "supports"):
        assert word in out
    status, out, _ = ltrr("validate", "log.csv", "--json")
    assert status == 1
    assert json.loads(out)["usable"] == 2_997
    write_log("good.csv")
    assert ltrr("validate", "good.csv")[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("replay",), "LOG"),
        (("replay", "none.csv"), "none.csv"),
        (("replay", "log.csv", "-p", "unifrom"), "did you mean 'uniform'"),
        (("replay", "log.csv", "-p", "always:plian"), "plain"),
        (("replay", "log.csv", "--estimators", "ipz"), "ips"),
        (("replay", "log.csv", "--intervals", "boot"), "bootstrap"),
        (("replay", "log.csv", "--level", "1.5"), "level"),
        (("replay", "log.csv", "--format", "cvs"), "csv"),
        (("replay", "log.csv", "--on-error", "ignore"), "on_error"),
        (("replay", "log.csv", "--column", "reward"), "ROLE=NAME"),
        (("replay", "log.csv", "--column", "reward=clicks"), "clicks"),
        (("replay", "log.csv", "--columns", "none.toml"), "none.toml"),
        (("replay", "log.csv", "--columns", "a", "--column", "b=c"), "one of them"),
        (("replay", "log.csv", "--half-width", "0"), "half_width"),
        (("replay", "log.csv", "--require", "strong"), "weak"),
        (("replay", "log.csv", "--metric", "age/"), "NAME=COLUMN"),
        (("replay", "log.csv", "--metric", "aeg"), "age"),
        (("replay", "log.csv", "--guardrail", "age"), "METRIC > MARGIN"),
        (("replay", "log.csv", "--by", "countries"), "countries"),
        (("replay", "log.csv", "--cluster", "sess"), "sess"),
        (("replay", "log.csv", "--floor", "0"), "floor"),
        (("replay", "log.csv", "--weight-bound", "0"), "weight_bound"),
        (("replay", "log.csv", "--reward-range", "1"), "LOW,HIGH"),
        (("replay", "log.csv", "--reward-range", "1,0"), "LOW,HIGH"),
        (("replay", "log.csv", "--reward-range", "2,3"), "row 1"),
        (("replay", "log.csv", "--q", "q_*", "--q", "logged=q"), "one pattern"),
        (("replay", "log.csv", "--propensity-model", "forest"), "forest"),
        (("replay", "log.csv", "--logged-policy", "x"), "policy"),
        (("replay", "log.csv", "-p", "learning:linucbb"), "linucb"),
        (("validate", "nowhere"), "nowhere"),
        (("validate", "log.csv", "--format", "obd"), "timestamp"),
    ],
)
def test_bad_words_are_one_line(ltrr, words, message):
    write_log(n=50)
    refused(ltrr(*words), message)
    assert not Path("runs").exists()


@pytest.mark.parametrize("kind", ["estimators", "intervals", "targets"])
def test_lists(ltrr, kind):
    status, out, _ = ltrr("list", kind)
    assert status == 0
    assert all(re.match(r"\S+ +\S", line) for line in out.splitlines())
    assert len(out.splitlines()) > 5


def test_help_has_examples_of_every_question(ltrr):
    for command in ("replay", "validate"):
        status, out, _ = ltrr(command, "--help")
        assert status == 0
        assert "Examples" in out
    examples = ltrr("replay", "--help")[1].partition("Examples")[2]
    asked = "--cluster --by --metric --guardrail --reward-range --floor --propensity-model --q --require"
    assert [option for option in asked.split() if option not in examples] == []
