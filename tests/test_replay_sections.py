"""The sections and figures of a replay's page: each is there where there is something to show."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.dates import date2num

import ltrr
from ltrr.errors import InputError
from ltrr.logs.labels import Labels
from ltrr.logs.memory import EventsLog
from ltrr.replay import Events, Space, run
from ltrr.replay.judging.evaluation import whole
from ltrr.replay.report import figures, read_replay, write_replay
from ltrr.replay.report.best import best_row, first_differences, shortfalls
from ltrr.replay.report.folder import compare_replays, redraw
from ltrr.replay.report.segment_rows import by_segment
from ltrr.report.canvas import as_svg, figure_of

BAD = "<script>$x_1$</script>"
DAY = 86_400.0


def events(n=3_000, seed=4):
    """Return events of two actions; the second earns more, most of all in the segment of a bad name."""
    rng = np.random.default_rng(seed)
    action = (rng.random(n) < 0.3).astype(int)
    code = rng.integers(0, 2, n).astype(np.int32)
    reward = (rng.random(n) < 0.2 + action * (0.1 + 0.2 * code)).astype(float)
    return Events(
        Space(("a", "b")),
        np.arange(n) + 1,
        np.arange(n),
        action,
        reward,
        np.where(action == 1, 0.3, 0.7),
        numbers={"revenue": reward * rng.gamma(2.0, 1.0, n), "complaint": (rng.random(n) < 0.03) * 1.0},
        labels={"country": Labels(code, ("DE", BAD))},
        ids={"user": rng.integers(0, 400, n)},
    )


@pytest.fixture(scope="module")
def plain():
    return run(EventsLog(events()), ["always:b"], estimators=["ips", "snips"], quiet=True)


@pytest.fixture(scope="module")
def full():
    return run(
        EventsLog(events()),
        ["always:b", "uniform"],
        estimators=["ips", "snips"],
        intervals=["asymptotic", "hoeffding"],
        metrics=["revenue", "rpc=revenue/reward"],
        guardrails=["revenue > -2%", "complaint < 0.001"],
        by="country",
        cluster="user",
        quiet=True,
    )


@pytest.fixture
def dated(full):
    """Return the evaluation with ten days of blocks."""
    blocks = [
        {**row, "start": 1.7e9 + row["block"] * DAY, "end": 1.7e9 + (row["block"] + 1) * DAY}
        for row in full.rows["blocks"]
    ]
    return replace(full, rows={**full.rows, "blocks": whole("blocks", blocks)})


def page_of(evaluation, folder):
    return write_replay(evaluation, folder).read_text(encoding="utf-8")


def titles(page):
    return re.findall(r"<h2>(.*?)</h2>", page)


def test_a_plain_page_has_no_empty_section(plain, tmp_path):
    page = page_of(plain, tmp_path)
    assert titles(page) == [
        "Estimates",
        "Verdicts",
        "Paired differences",
        "Diagnostics",
        "Figures",
        "How it was judged",
    ]
    assert not (tmp_path / "segments.svg").exists()
    assert "<th>clusters</th>" not in page
    assert "<th>adjusted</th>" not in page


def test_an_evaluation_is_shown_in_a_few_lines(full):
    first, one, other, last = repr(full).splitlines()
    assert first == "Replay of memory: 3,000 of 3,000 rows"
    assert re.fullmatch(r"always:b: weak, 0\.\d+ \[0\.\d+, 0\.\d+\] by (snips|ips)", one)
    assert other.startswith("uniform: ")
    assert ".table" in last
    deterministic = Events(Space(("a", "b")), [1, 2], [1, 2], [0, 1], [0.0, 1.0], propensity=[1.0, 1.0])
    none = run(EventsLog(deterministic), ["uniform"], estimators=["ips"], quiet=True)
    assert repr(none).splitlines()[1] == "uniform: cannot answer"


def test_segments_are_in_order_with_their_rows():
    names = ("10", "b", "9.5", "", "a")
    code = np.random.default_rng(1).integers(-1, 5, 3_000).astype(np.int32)
    log = EventsLog(replace(events(), labels={"age": Labels(code, names)}))
    found = by_segment(run(log, ["uniform", "always:b"], estimators=["snips"], by="age", quiet=True))
    wanted = ["9.5", "10", "a", "b", "(empty)", "(missing)"]
    assert [(row["policy"], row["segment"]) for row in found] == [
        (policy, segment) for policy in ("uniform", "always:b") for segment in wanted
    ]
    place = [code == names.index("9.5"), code == 0, code == 4, code == 1, code == 3, code == -1]
    assert [row["n"] for row in found[:6]] == [int(rows.sum()) for rows in place]


def test_weights_of_few_decades_have_plain_ticks(plain):
    axes = figures.weights(plain)
    axes.figure.canvas.draw()
    ticks = {text.get_text() for text in axes.get_xticklabels(which="both")} - {""}
    assert ticks <= {"0.1", "0.2", "0.5", "1", "2", "5", "10", "20"}
    assert len(ticks) >= 2


def test_columns_are_explained_once(full, tmp_path):
    page = page_of(full, tmp_path)
    for text in ("ESS: effective sample size", "Rows needed: ", "Clusters: rows with the same user"):
        assert page.count(text) == 1


def test_a_full_page_has_a_section_for_each_question(full, tmp_path):
    page = page_of(full, tmp_path)
    assert titles(page) == [
        "Estimates",
        "Estimates of revenue",
        "Estimates of rpc",
        "Estimates of complaint",
        "Verdicts",
        "Guardrails",
        "Paired differences",
        "By segment",
        "Diagnostics",
        "Figures",
        "How it was judged",
    ]
    for head in ("clusters", "metric", "p", "adjusted"):
        assert f"<th>{head}</th>" in page
    assert "Mean of revenue / mean of reward." in page
    assert page.count("<figure>") == page.count('role="img" aria-label=') == page.count("<figcaption>") == 5


def test_guardrails_are_in_the_answer_of_their_policy(full, tmp_path):
    page = page_of(full, tmp_path)
    (answer,) = re.findall(r'<p class="answer"><strong class="\w+">always:b:.*?</p>', page)
    rules = [row for row in full.rows["guardrails"] if row["policy"] == "always:b"]
    assert {row["outcome"] for row in rules} == {"holds", "not shown"}
    best = best_row(full.rows["estimates"], "always:b")["estimator"]
    assert '<strong class="supported">revenue &gt; -2%: holds.</strong> Change +' in answer
    assert f"by {best}." in answer
    assert '<strong class="weak">complaint &lt; 0.001: not shown.</strong>' in answer


def test_names_from_the_log_are_escaped(full, tmp_path):
    page = page_of(full, tmp_path)
    assert "<script>" not in page
    assert "&lt;script&gt;$x_1$&lt;/script&gt;" in page


def test_why_there_is_no_interval_is_said_once_a_table(full, tmp_path):
    page = page_of(full, tmp_path)
    notes = {row["note"] for row in full.rows["estimates"] if row["note"]}
    assert notes
    tables = page.count("<h2>Estimates")
    for note in notes:
        assert page.count(f'<p class="note">¹ {note}') + page.count(f'<p class="note">² {note}') == tables
    assert "– ¹</td>" in page


def test_a_caution_is_next_to_its_number(plain, tmp_path):
    rows = [
        {**row, "note": "a caution"} if row["policy"] == "always:b" else row
        for row in plain.rows["estimates"]
    ]
    page = page_of(replace(plain, rows={**plain.rows, "estimates": rows}), tmp_path)
    assert page.count("<span>a caution</span>") == 1  # both rows of the policy have it
    assert re.search(r"<td>snips</td>.*\n<tr class=\"remark\"><td colspan=\"7\"><span>a caution", page)


def test_rows_left_out_are_shown_next_to_those_kept(plain, tmp_path):
    rows = whole("left_out", [{"what": "rows", "kept": 2.0, "left_out": 1.0}, {"what": "mean", "kept": None}])
    page = page_of(replace(plain, rows={**plain.rows, "left_out": rows}), tmp_path)
    assert "Kept and left-out rows" in titles(page)
    assert "<td>mean</td><td>–</td><td>–</td>" in page


def test_the_row_to_read_first_is_about_the_reward_in_the_whole_log(full):
    rows = full.rows["estimates"]
    for policy in ("always:b", "uniform"):
        row = best_row(rows, policy)
        assert (row["metric"], row["segment"]) == ("reward", "")
        narrow = [
            {**r, "low": r["value"], "high": r["value"]}
            for r in rows
            if r["segment"] or r["metric"] != "reward"
        ]
        assert best_row([*narrow, *rows], policy) == row


def test_differences_to_read_first_are_one_a_metric_and_pair(full):
    found = [(row["policy"], row["against"], row["metric"]) for row in first_differences(full)]
    assert len(found) == len(set(found)) == 3 * 4
    assert [against for _, against, _ in found[:8]] == ["as logged"] * 8
    assert {row["segment"] for row in first_differences(full)} == {""}


def judged(evaluation, verdict):
    """Return an evaluation in which every estimate has a verdict."""
    rows = [{**row, "verdict": verdict, "reason": "few."} for row in evaluation.rows["estimates"]]
    return replace(evaluation, rows={**evaluation.rows, "estimates": rows})


def test_what_falls_short_is_named(full):
    best = {
        policy: best_row(full.rows["estimates"], policy)["estimator"] for policy in ("always:b", "uniform")
    }
    rules = [
        f"{row['policy']}: the guardrail {row['bound']} is {row['outcome']} by {row['estimator']}"
        for row in full.rows["guardrails"]
        if best[row["policy"]] == row["estimator"] and row["outcome"] != "holds"
    ]
    assert rules
    assert sorted(shortfalls(judged(full, "supported"), "supported")) == sorted(rules)
    assert sorted(shortfalls(judged(full, "weak"), "weak")) == sorted(rules)
    weak = shortfalls(judged(full, "weak"), "supported")
    assert weak[0] == "always:b: weak, below --require supported: few."
    assert len(weak) == len(rules) + 2
    bare = replace(full, rows={**full.rows, "guardrails": []})
    assert sum("not judged" in line for line in shortfalls(bare, "weak")) == 4


def test_segments_are_those_of_the_tables(full):
    rows = by_segment(full)
    assert [(row["policy"], row["segment"]) for row in rows if row["policy"] == "uniform"] == [
        ("uniform", segment) for segment in dict.fromkeys(row["segment"] for row in rows)
    ]
    for row in rows:
        assert row["value"] - row["logged"] == pytest.approx(row["difference"], abs=1e-9)
        assert row["difference_low"] < row["difference"] < row["difference_high"]
    axes = figures.segments(full)
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    assert labels.count("all rows") == 2
    assert r"<script>\$x_1\$</script>" in labels
    whole_log = next(
        r for r in first_differences(full) if r["against"] == "as logged" and r["metric"] == "reward"
    )
    assert axes.lines[1].get_xdata()[0] == whole_log["difference"]


def test_the_forest_is_of_the_reward_in_the_whole_log(full):
    labels = [tick.get_text() for tick in figures.forest(full).get_yticklabels()]
    rows = [r for r in full.rows["estimates"] if r["metric"] == "reward" and not r["segment"]]
    assert len(labels) == len(rows)


def test_time_is_on_the_axis_where_the_log_has_it(full, dated):
    axes = figures.over_time(dated)
    figure_of(axes).canvas.draw()
    assert "UTC" in axes.get_xlabel()
    middle = np.datetime64(int(1.7e9 + DAY / 2), "s")
    assert axes.lines[0].get_xdata()[0] == pytest.approx(date2num(middle))
    assert "2023" in axes.xaxis.get_major_formatter().get_offset() + "".join(
        tick.get_text() for tick in axes.get_xticklabels()
    )
    without = figures.over_time(full)
    assert "block" in without.get_xlabel()
    assert without.lines[0].get_xdata()[:2].tolist() == [1, 2]


def test_the_band_is_of_chance(dated):
    axes = figures.over_time(dated)
    own = [row for row in dated.rows["blocks"] if row["policy"] == "always:b"]
    rows, reward = (np.array([row[key] for row in own], float) for key in ("rows", "reward"))
    mean = rows @ reward / rows.sum()
    within = sum(row["rows"] * (row["reward"] - row["reward"] ** 2) for row in own) / rows.sum()
    (band,) = axes.collections
    ends = band.get_paths()[0].vertices[:, 1]
    assert ends.max() == pytest.approx(1.0 + 1.96 * np.sqrt(within / rows.min()) / mean)
    assert ends.min() == pytest.approx(1.0 - 1.96 * np.sqrt(within / rows.min()) / mean)
    assert axes.lines[0].get_ydata() == pytest.approx(reward / mean)


def test_a_reward_around_zero_is_not_drawn_as_a_ratio(full):
    blocks = [{**row, "reward": 1e-4 * (-1) ** row["block"]} for row in full.rows["blocks"]]
    axes = figures.over_time(replace(full, rows={**full.rows, "blocks": blocks}))
    names = [text.get_text() for text in figure_of(axes).legends[0].get_texts()]
    assert any("not drawn" in name for name in names)
    assert all(np.abs(line.get_ydata()).max(initial=0.0) < 10 for line in axes.lines)


def test_clips_end_at_the_estimate_without_a_clip(full):
    axes = figures.clips(full)
    policies = list(dict.fromkeys(row["policy"] for row in full.rows["clips"]))
    assert len(policies) == 2
    ends = {}
    for policy, line in zip(policies, axes.lines[::2], strict=True):
        ips = next(
            r
            for r in full.rows["estimates"]
            if (r["policy"], r["estimator"], r["metric"], r["segment"]) == (policy, "ips", "reward", "")
        )
        ends[policy] = line.get_ydata()[-1], ips["value"]
    for end, value in ends.values():
        assert end == pytest.approx(value)
    assert axes.get_xscale() == "log"
    unbounded = [{**r, "clip": np.inf} if r["clip"] > 3 else r for r in full.rows["clips"]]
    axes = figures.clips(replace(full, rows={**full.rows, "clips": unbounded}))
    figure_of(axes).canvas.draw()
    assert "no clip" in [tick.get_text() for tick in axes.get_xticklabels()]


def test_what_was_written_is_read_and_drawn_again(dated, tmp_path):
    page = page_of(dated, tmp_path)
    again = read_replay(tmp_path)
    for name in dated.rows:
        pd.testing.assert_frame_equal(again._frame(name), dated._frame(name), check_dtype=False)
    assert redraw(tmp_path).read_text(encoding="utf-8") == page


def test_folders_of_older_versions_are_one_clear_line(plain, tmp_path):
    write_replay(plain, tmp_path, figures=False)
    (tmp_path / "guardrails.csv").unlink()
    with pytest.raises(InputError, match=r"it has no guardrails\.csv.*run `ltrr replay` again"):
        read_replay(tmp_path)
    write_replay(plain, tmp_path, figures=False)
    lines = (tmp_path / "estimates.csv").read_text().replace(",metric,", ",measure,")
    (tmp_path / "estimates.csv").write_text(lines)
    with pytest.raises(InputError, match="no column 'metric'"):
        read_replay(tmp_path)


def test_two_replays_are_compared_metric_by_metric_and_segment_by_segment(full, plain, tmp_path):
    for name, found in (("one", full), ("two", full), ("three", plain)):
        write_replay(found, tmp_path / name, figures=False)
    page = compare_replays(tmp_path / "one", tmp_path / "two").read_text(encoding="utf-8")
    for name in ("always:b, ips", "always:b, ips, revenue", "always:b, ips, DE"):
        (row,) = re.findall(rf"<tr[^>]*><th[^>]*>{name}</th>(.*?)</tr>", page, re.DOTALL)[:1]
        values = re.findall(r"\[.*?\]", row)
        assert len(values) == 2, name
        assert values[0] == values[1], name  # each with its own in the other replay
    page = compare_replays(tmp_path / "three", tmp_path / "one").read_text(encoding="utf-8")
    assert "always:b, ips<" in page
    assert "revenue" not in page


def test_figures_say_in_words_what_they_show(dated):
    for draw in (figures.clips, figures.segments, figures.over_time):
        assert 'aria-label="what is seen &lt;here&gt;"' in as_svg(draw(dated), "what is seen <here>")
    assert json.dumps(dated.about, default=str)
    assert ltrr.replay.report.best_row(dated.rows["estimates"], "uniform")["policy"] == "uniform"
