"""The page of a replay: numbers as they are written, verdicts, figures that hold long names."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltrr.logs.memory import EventsLog
from ltrr.replay import Events, Space, run
from ltrr.replay.judging.diagnostics import Diagnostics
from ltrr.replay.report import figures as replay_figures
from ltrr.replay.report.figures.histogram import _share
from ltrr.replay.report.numbers import change, estimate, number, p_value
from ltrr.replay.report.verdict_lines import verdicts
from ltrr.report.canvas import figure_of, stamp

LONG = "a-name-of-an-action-that-is-far-longer-than-any-figure-is-wide-" * 3


def log(*, n=400, rewarded=200, names=("plain", LONG), worth=1.0):
    rng = np.random.default_rng(5)
    action = rng.integers(0, len(names), n)
    reward = np.zeros(n)
    reward[rng.choice(n, rewarded, replace=False)] = worth
    propensity = np.full(n, 1.0 / len(names))
    return EventsLog(Events(Space(names), np.arange(n) + 1, np.arange(n), action, reward, propensity))


@pytest.mark.parametrize(
    ("given_", "written"),
    [
        ((0.00301, 0.00149, 0.00453), ("0.00301", "[0.00149, 0.00453]")),
        ((0.0978, 0.09033, 0.10533), ("0.0978", "[0.0903, 0.1053]")),
        ((-0.0000451, -0.000146, 0.0000556), ("-0.000045", "[-0.000146, 0.000056]")),
        ((12345.6, 11000.0, 13000.0), ("12,346", "[11,000, 13,000]")),
        ((0.0, -0.01, 0.01), ("0.000", "[-0.010, 0.010]")),
        ((1e-19, -2e-18, 3e-18), ("0", "[0, 0]")),
        ((-3e-18, -0.01, 0.01), ("0.0000", "[-0.0100, 0.0100]")),
        ((-0.00004, -0.01, 0.01), ("0.0000", "[-0.0100, 0.0100]")),
        ((1e6, 1e6 - 1e-8, 1e6 + 1e-8), ("1,000,000", "[1,000,000, 1,000,000]")),
        ((0.0, np.nan, np.nan), ("0", "–")),
        ((0.25, np.nan, np.nan), ("0.250", "–")),
        ((np.nan, np.nan, np.nan), ("–", "–")),
    ],
)
def test_digits_follow_the_width(given_, written):
    assert estimate(*given_) == written


@pytest.mark.parametrize(
    ("given_", "written"),
    [(-2e-17, "0"), (3.21e-11, "3.21e-11"), (-0.0004567, "-0.000457"), (30704417.9, "30,704,418")],
)
def test_rounding_noise_is_no_number(given_, written):
    assert number(given_) == written


@pytest.mark.parametrize(
    ("p", "written"),
    [
        (0.0, "< 0.0001"),
        (9.9e-5, "< 0.0001"),
        (1e-4, "0.00010"),
        (0.0346, "0.035"),
        (0.996, "1"),
        (1.0, "1"),
        (np.nan, "–"),
    ],
)
def test_p_values_have_two_digits_or_a_bound(p, written):
    assert p_value(p) == written


@pytest.mark.parametrize(
    ("given_", "relative", "written"),
    [
        ((-0.004, -0.009, 0.001), True, ("-0.400 %", "[-0.900 %, +0.100 %]")),
        ((0.0012, -0.001, 0.0034), False, ("+0.00120", "[-0.00100, +0.00340]")),
        ((0.0, -1234.0, 1234.0), False, ("0", "[-1,234, +1,234]")),
        ((np.nan, np.nan, np.nan), True, ("–", "–")),
    ],
)
def test_changes_have_signs_and_per_cent(given_, relative, written):
    assert change(*given_, relative=relative) == written


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_what_is_written_is_what_was_estimated(value, half):
    text, interval = estimate(value, value - half, value + half)
    ends = [float(end) for end in interval.strip("[]").replace(", ", ";").replace(",", "").split(";")]
    # at least two digits of the half-width: off by 5 % of it at the very most
    for read, meant in zip(
        (float(text.replace(",", "")), *ends), (value, value - half, value + half), strict=True
    ):
        assert abs(read - meant) <= max(0.0501 * half, 1e-6 * abs(meant), 0.5 * (half >= 10.0))


def test_verdicts_name_each_estimate_once():
    rows = [("a", "ips", "weak", "few."), ("a", "ips", "weak", "few."), ("a", "dr", "weak", "few.")]
    rows += [("b", "ips", "weak", "few."), ("b", "dr", "supported", "fine.")]
    table = pd.DataFrame(rows, columns=["policy", "estimator", "verdict", "reason"])
    assert verdicts(table.assign(metric="reward").to_dict("records")) == [
        ("weak", "few.", ["a (ips, dr)", "b (ips)"]),
        ("supported", "fine.", ["b (dr)"]),
    ]


@pytest.mark.parametrize(
    ("rewarded", "worth", "word", "message"),
    [
        (200, 1.0, "supported", "400 requests"),
        (12, 2.5, "weak", "400 rows, below 1,000"),
        (12, 1.0, "supported", "400 requests"),  # its interval is exact
    ],
)
def test_the_mean_of_a_log_is_judged_by_its_rewards(rewarded, worth, word, message):
    row = run(log(rewarded=rewarded, worth=worth), ["uniform"], estimators=["ips"]).table.iloc[0]
    assert (row.policy, row.verdict) == ("as logged", word)
    assert message in row.reason


def test_long_names_stay_within_the_figures():
    found = run(log(), [f"always:{LONG}", "uniform"], estimators=["ips", "snips"])
    for draw in (replay_figures.forest, replay_figures.weights, replay_figures.over_time):
        axes = draw(found)
        figure = figure_of(axes)
        figure.canvas.draw()
        width = figure.bbox.width
        stamp(axes, "log " + "s" * 200)
        written = axes.texts[-1].get_window_extent()
        assert written.x0 >= 0
        # legends stand above the stamp
        assert all(legend.get_window_extent().y0 >= written.y1 - 1 for legend in figure.legends)
        # and below the label of the axis
        label = axes.xaxis.label.get_window_extent()
        assert all(legend.get_window_extent().y1 <= label.y0 for legend in figure.legends)
        texts = [*axes.texts, *(text for legend in figure.legends for text in legend.get_texts())]
        assert any("…" in text.get_text() for text in texts)
        assert all(0 <= t.get_window_extent().x0 < t.get_window_extent().x1 <= width for t in texts)
        # what is left for the drawing itself
        assert axes.get_window_extent().width > 0.5 * width


def test_weights_are_drawn_where_they_are_and_nowhere_else():
    names = ("common", "rare")
    n = 1_000
    action = (np.arange(n) % 500 == 0).astype(int)
    propensity = np.where(action == 1, 0.002, 0.998)
    events = Events(Space(names), np.arange(n) + 1, np.arange(n), action, np.arange(n) % 2.0, propensity)
    axes = replay_figures.weights(run(EventsLog(events), ["uniform"], estimators=["ips"]))
    edges = Diagnostics.edges()
    seen = [(b.get_x(), b.get_x() + b.get_width()) for b in axes.patches]
    assert len(seen) == 4  # two bins, of rows and of weight: nothing between them
    for weight in (0.5 / 0.998, 0.5 / 0.002):
        assert sum(low <= weight < high for low, high in seen) == 2
    assert all(np.isclose(edges, low).any() and np.isclose(edges, high).any() for low, high in seen)


@pytest.mark.parametrize(
    ("share", "written"),
    [(0.0, "0.0%"), (1.0, "100.0%"), (0.99996, "99.996%"), (0.00002, "0.002%"), (0.733, "73.3%")],
)
def test_a_share_is_all_only_where_it_is(share, written):
    assert _share(share) == written


def test_what_a_column_lacks_is_said_plainly():
    rng = np.random.default_rng(2)
    n = 300
    action = rng.integers(0, 2, n)
    chosen = {"new": np.full(n, 0.5)}
    space = Space(("a", "b"))
    events = Events(
        space,
        np.arange(n) + 1,
        np.arange(n),
        action,
        rng.integers(0, 2, n) * 1.0,
        np.full(n, 0.5),
        targets=chosen,
    )
    found = run(EventsLog(events), ["column:new", "uniform"], estimators=["ips", "dr", "mips"]).table
    by = found.set_index(["policy", "estimator"])
    assert by.value["column:new", "ips"] == by.value["as logged", "on-policy"]
    assert "chosen ones only" in by.reason["column:new", "dr"]
    assert "`embedding`" in by.reason["uniform", "mips"]
    assert (
        by.verdict[[("column:new", "dr"), ("column:new", "mips"), ("uniform", "mips")]] == "cannot answer"
    ).all()
