"""`ltrr replay` with metrics, guardrails, segments, clusters, own predictions, and a required verdict."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ltrr.cli.replay_options import predictions_of
from ltrr.errors import InputError
from ltrr.replay.report import read_replay

ASKED = ("--metric", "revenue", "--metric", "rpc=revenue/reward", "--guardrail", "revenue > -5%")
COUNTRY = "<i>US</i>"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Run every test in an empty folder that holds a log of a shop."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    shop().to_csv("shop.csv", index=False)
    return tmp_path


def shop(n=4_000, seed=3):
    """Return a log in which action b earns more than a, in every country."""
    rng = np.random.default_rng(seed)
    p = np.array([0.6, 0.4])
    action = rng.choice(2, n, p=p)
    click = (rng.random(n) < np.array([0.2, 0.4])[action]).astype(int)
    return pd.DataFrame(
        {
            "action": np.array(["a", "b"])[action],
            "reward": click,
            "propensity": p[action],
            "revenue": click * rng.gamma(2.0, 3.0, n).round(2),
            "complaint": (rng.random(n) < np.array([0.02, 0.08])[action]).astype(int),
            "country": np.array(["DE", COUNTRY])[rng.integers(0, 2, n)],
            "customer": rng.integers(0, 300, n),
            "q_a": 0.2,
            "q_b": 0.4,
        }
    )


def table_lines(out):
    return [line for line in out.splitlines() if line[:1] in "│┃┏┡└"]


def test_metrics_guardrails_and_segments_are_printed_within_100_columns(ltrr):
    words = (*ASKED, "--by", "country", "--column", "user=customer", "--estimators", "ips,snips")
    status, out, err = ltrr("replay", "shop.csv", "-p", "always:b", *words, "--no-figures", "--out", "r")
    assert (status, err) == (0, "")
    lines = table_lines(out)
    assert max(map(len, lines)) <= 100
    heads = [line for line in lines if line.startswith("┃")]
    assert [word in heads[0] for word in ("metric", "ESS", "clusters", "verdict")] == [True] * 4
    found = read_replay(Path("r"))
    assert {row["metric"] for row in found.rows["estimates"]} == {"reward", "revenue", "rpc"}
    (rule,) = [line for line in lines if "revenue > -5%" in line]
    assert rule.split("│")[-2].strip() == "holds"
    assert "%" in rule
    segments = [line for line in lines if line.startswith((f"│ {COUNTRY}", "│ DE"))]
    assert len(segments) == 2
    assert all("< 0.0001" in line for line in segments)
    assert "By country: always:b" in out


def test_each_policy_has_its_segments(ltrr):
    words = ("--by", "country", "--estimators", "ips", "--no-figures", "--rows", "300")
    status, out, _ = ltrr("replay", "shop.csv", "-p", "always:b", "-p", "uniform", *words)
    assert status == 0
    assert [
        line.split(":", 1)[1].split(" (")[0].strip() for line in out.splitlines() if "By country" in line
    ] == [
        "always:b",
        "uniform",
    ]
    assert out.count(f"│ {COUNTRY}") == 2
    few = ltrr("replay", "shop.csv", "-p", "always:b", *words[:-1], "8")[1]
    assert "By country: always:b (ips): no segment can be answered" in few
    assert f"│ {COUNTRY}" not in few


def test_columns_are_shown_only_where_they_say_something(ltrr):
    status, out, _ = ltrr("replay", "shop.csv", "-p", "always:b", "--estimators", "ips", "--no-figures")
    assert status == 0
    heads = [line for line in table_lines(out) if line.startswith("┃")]
    assert len(heads) == 2  # estimates and paired differences
    for word in ("metric", "clusters", " p ", "segment"):
        assert word not in "".join(heads)
    assert "by" in heads[0]
    assert [line for line in table_lines(out) if line.startswith("│ always:b")][-1].count("as logged") == 1


def test_json_stays_a_list_of_estimates(ltrr):
    words = (*ASKED, "--by", "country", "--estimators", "ips", "--no-figures", "--json")
    rows = json.loads(ltrr("replay", "shop.csv", "-p", "always:b", *words)[1])
    assert {row["metric"] for row in rows} == {"reward", "revenue", "rpc"}
    assert {row["segment"] for row in rows} == {"", "DE", COUNTRY}


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--require", "supported"), 0, []),
        (("--require", "weak", "--guardrail", "complaint < 0.2"), 0, []),
        (("--guardrail", "complaint < 0.001"), 0, []),
        (("--require", "weak", "--guardrail", "complaint < 0.001"), 3, ["complaint < 0.001 is broken by"]),
        (
            ("--require", "supported", "--rows", "200"),
            3,
            ["always:b: weak, below --require supp", "below 1,000"],
        ),
        (("--require", "weak", "--rows", "200"), 0, []),
        (("--require", "weak", "-p", "always:b", "--rows", "8"), 3, ["always:b: cannot answer, below --req"]),
    ],
)
def test_a_required_verdict_is_a_gate(ltrr, words, status, said):
    policy = () if "-p" in words else ("-p", "always:b")
    ended, out, err = ltrr(
        "replay", "shop.csv", *policy, *words, "--estimators", "ips", "--no-figures", "--json", "--out", "r"
    )
    assert ended == status
    assert isinstance(json.loads(out), list)  # printed and written whatever the outcome
    assert Path("r/estimates.csv").exists()
    assert err.count("\n") == (1 if said else 0)
    for text in said:
        assert text in err


def test_the_gate_counts_every_policy(ltrr):
    words = ("--require", "supported", "--rows", "200", "--estimators", "ips", "--no-figures", "--quiet")
    status, out, err = ltrr("replay", "shop.csv", "-p", "always:a", "-p", "always:b", *words)
    assert (status, out) == (3, "")
    assert [line.split()[1] for line in err.splitlines()] == ["always:a:", "always:b:"]


def test_clusters_are_counted_unless_there_are_none(ltrr):
    words = ("replay", "shop.csv", "--estimators", "snips", "--no-figures", "--json")
    for more, clusters in (
        (("--column", "user=customer"), 300),
        (("--cluster", "customer"), 300),
        (("--column", "user=customer", "--cluster", "none"), None),
        ((), None),
    ):
        rows = json.loads(ltrr(*words, *more)[1])
        assert [row["clusters"] for row in rows] == [clusters] * 2


def test_declared_bounds_give_finite_sample_intervals(ltrr):
    words = ("replay", "shop.csv", "-p", "always:b", "--estimators", "ips", "--no-figures", "--json")
    words += ("--intervals", "empirical-bernstein")
    widths = []
    for more in ((), ("--weight-bound", "2.5"), ("--floor", "0.4"), ("--floor", "0.1")):
        row = json.loads(ltrr(*words, "--reward-range", "0,1", *more)[1])[1]
        assert row["interval"] == ("empirical-bernstein" if more else "empirical-bernstein*")
        widths.append(row["high"] - row["low"])
    assert widths[0] == widths[1] == widths[2] < widths[3]
    assert ltrr(*words)[0] == 0  # and without a range no interval, but a reason


def test_an_interval_that_cannot_be_given_says_why_once(ltrr):
    words = ("--estimators", "ips,snips", "--intervals", "empirical-bernstein", "--no-figures", "--out", "r")
    status, out, _ = ltrr("replay", "shop.csv", "-p", "always:b", *words)
    assert status == 0
    notes = {row["note"] for row in read_replay(Path("r")).rows["estimates"]}
    assert "" not in notes
    for note in notes:
        assert out.count(note) == 1
    assert "– ¹" in out


def test_rewards_out_of_the_declared_range_are_faults(ltrr):
    words = ("--column", "reward=revenue", "--reward-range", "0,5")
    status, out, _ = ltrr(
        "replay", "shop.csv", *words, "--on-error", "skip", "--estimators", "ips", "--no-figures"
    )
    assert status == 0
    outside = int((shop().revenue > 5).sum())
    assert f"reward out of range ({outside:,})" in out
    assert "Kept and left-out rows" in out
    assert ltrr("validate", "shop.csv", *words)[0] == 1
    assert ltrr("validate", "shop.csv", "--reward-range", "0,1")[0] == 0


def test_a_range_is_taken_for_logs_of_runs_too(ltrr, small_run):
    words = ("--logged-policy", "equal", "--estimators", "slate-ips", "--no-figures", "--json")
    words += ("--reward-range", "0,50", "--intervals", "hoeffding", "--cluster", "none")
    status, out, err = ltrr("replay", small_run.folder, *words)
    assert (status, err) == (0, "")
    row = json.loads(out)[0]
    assert row["interval"] == "hoeffding"
    assert row["low"] < row["value"] < row["high"]


def test_own_predictions_take_the_place_of_a_model(ltrr):
    words = ("replay", "shop.csv", "-p", "always:b", "--estimators", "dm", "--no-figures", "--json")
    assert json.loads(ltrr(*words, "--q", "q_*")[1])[1]["value"] == pytest.approx(0.4, abs=1e-12)


def test_predictions_of_no_policy_are_refused(ltrr):
    words = ("replay", "shop.csv", "--q", "logged=q_a", "--q", "unifrom=q_b", "--estimators", "dr")
    status, _, err = ltrr(*words, "--no-figures", "--quiet")
    assert (status, "names no policy that is judged, got 'unifrom'; did you mean 'uniform'?" in err) == (
        2,
        True,
    )


def test_intervals_are_those_of_a_call_by_default(ltrr):
    words = ("replay", "shop.csv", "-p", "always:b", "--estimators", "ips", "--no-figures", "--json")
    rows = json.loads(ltrr(*words)[1])
    assert [row["interval"] for row in rows] == ["clopper-pearson", "asymptotic"]
    out = ltrr(*words[:-1], "--level", "0.9")[1]
    assert out.startswith("shop.csv: 4,000 of 4,000 rows; 90 % intervals")


def test_a_declared_floor_is_checked(ltrr):
    status, out, _ = ltrr("validate", "shop.csv", "--floor", "0.5")
    assert re.search(r"propensity below the floor: 1,[56]\d\d, .*\(0\.4, declared 0\.5\)", out)
    assert (status, "below the floor" in ltrr("validate", "shop.csv", "--floor", "0.4")[1]) == (0, False)


def test_propensities_may_be_estimated(ltrr):
    words = ("replay", "shop.csv", "--estimators", "ips", "--no-figures", "--json")
    row = json.loads(ltrr(*words, "--propensity-model", "frequency")[1])[1]
    assert "ESTIMATED" in row["estimated"]
    assert json.loads(ltrr(*words)[1])[1]["estimated"] == ""


def test_what_q_means():
    assert predictions_of([]) is None
    assert predictions_of(["q_*"]) == "q_*"
    assert predictions_of(["logged=q", "mixed:a=b=q_new"]) == {"logged": "q", "mixed:a=b": "q_new"}
    for words in (["q_*", "logged=q"], ["logged=q", "logged=r"], ["=q"], ["logged="]):
        with pytest.raises(InputError, match="--q"):
            predictions_of(words)
