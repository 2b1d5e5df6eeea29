"""`ltrr report`: two runs side by side, a replay drawn again, two replays side by side."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ltrr.errors import InputError
from ltrr.replay import read, run
from ltrr.replay.report.folder import compare_replays, is_replay, read_replay, redraw
from ltrr.study.comparison import METRICS, run_differences, study_differences, write_comparison
from ltrr.study.tables import Tables
from tests.small_runs import LOOP, SEED, run_small
from tests.test_cli_replay import refused, write_log

NUMBERS = {"reward", "ndcg", "recall_budget", "calls"}


def small(folder, policies=("equal", "linucb", "random"), *, seeds=3, seed=SEED, loop=None, **changes):
    loop = {**LOOP, "oracle_every": 40, **(loop or {})}
    return run_small(
        folder, list(policies), rounds=120, seeds=seeds, log_seeds=0, seed=seed, loop=loop, **changes
    )


@pytest.fixture(scope="module")
def runs(untuned, tmp_path_factory):
    """Tables of small runs that differ from the first in one thing each."""
    place = tmp_path_factory.mktemp("comparison")
    return {
        "base": small(place / "base").tables,
        "wider": small(place / "wider", ("linucb", "equal", "bm25"), loop={"slot_size": 9}).tables,
        "reseeded": small(place / "reseeded", seed=SEED + 1, seeds=4).tables,
        "single": small(place / "single", seeds=1).tables,
        "apart": small(place / "apart", ("bm25",), seeds=1, name="<script>alert(2)</script>").tables,
    }


def values(tables, policy, metric):
    frame = pd.read_csv(tables.folder / "per_seed.csv").query("policy == @policy and metric == @metric")
    return frame.sort_values("seed").value.to_numpy()


@pytest.mark.parametrize(("other", "paired"), [("wider", True), ("reseeded", False)])
def test_differences_are_those_of_students_and_welchs_intervals(runs, other, paired):
    one, two = runs["base"], runs[other]
    frame = run_differences(one, two)
    assert set(frame.policy) == set(one.means.index) & set(two.means.index)
    assert NUMBERS | {"reward_held_out"} <= set(frame.metric) <= set(METRICS)
    assert (frame.paired == paired).all()
    for row in frame.itertuples():
        a, b = values(one, row.policy, row.metric), values(two, row.policy, row.metric)
        assert (row.first, row.second) == pytest.approx((a.mean(), b.mean()), rel=1e-12)
        assert row.difference == pytest.approx(b.mean() - a.mean(), abs=1e-12)
        if paired and np.ptp(b - a) == 0.0:
            want = (row.difference, row.difference)
        elif paired:
            want = stats.ttest_1samp(b - a, 0.0).confidence_interval(0.95)
        elif np.ptp(a) == np.ptp(b) == 0.0:
            want = (row.difference, row.difference)
        else:
            want = stats.ttest_ind(b, a, equal_var=False).confidence_interval(0.95)
        assert (row.low, row.high) == pytest.approx(tuple(want), abs=1e-9)


def test_a_run_differs_from_itself_by_nothing(runs):
    frame = run_differences(runs["base"], runs["base"])
    assert len(frame)
    assert (frame[["difference", "low", "high"]] == 0.0).all(axis=None)


def test_pairing_needs_the_same_world_and_root_seed(runs):
    base = runs["base"]
    for key, value in (("world", {"kind": "music"}), ("seed", 1)):
        other = replace(base, study={**base.study, key: value})
        assert not run_differences(base, other).paired.any()
    other = replace(base, study={**base.study, "user": {"kind": "pbm"}, "rounds": 7})
    assert run_differences(base, other).paired.all()


def test_the_seeds_that_both_runs_have_are_paired(runs):
    """The second run has the first two seeds of the first, so that nothing differs."""
    base = runs["base"]
    fewer = replace(base, study={**base.study, "seeds": 2})
    fewer.__dict__["per_seed"] = base.per_seed[base.per_seed.seed < 2]
    frame = run_differences(base, fewer)
    assert frame.paired.all()
    assert (frame[["difference", "low", "high"]] == 0.0).all(axis=None)
    assert any(line.startswith("The numbers of seeds differ") for line in study_differences(base, fewer))


def test_other_settings_are_named(runs):
    base = runs["base"]
    ranker = {**base.study["ranker"], "num_leaves": 99}
    lines = study_differences(base, replace(base, study={**base.study, "ranker": ranker}))
    assert len(lines) == 1
    assert lines[0].startswith("Other settings that differ: ranker.num_leaves")
    assert lines[0].endswith("and 99.")


@pytest.mark.parametrize("order", [("base", "single"), ("single", "base"), ("single", "single")])
def test_one_seed_has_no_interval(runs, order):
    one, two = (runs[name] for name in order)
    frame = run_differences(one, two)
    assert np.isfinite(frame.difference).all()
    assert frame[["low", "high"]].isna().all(axis=None)
    page = write_comparison(one.folder, two.folder).read_text()
    table = page.split("Differences between the runs")[1].split("</table>")[0]
    assert "nan" not in table
    assert "inf" not in table
    assert "One seed: no interval" in page


UNLIKE = {
    "world": (
        {"kind": "music", "n_items": 5, "n_queries": 100, "seed": 2},
        "The worlds differ",
        ": n_items 300 and 5.",
    ),
    "user": ({"kind": "pbm"}, "The user models differ", "pbm"),
    "reward": ({"kind": "clicks"}, "The rewards differ", "clicks"),
    "rounds": (121, "The lengths differ", "120 and 121"),
    "seed": (12, "The root seeds differ", "11 and 12"),
    "loop.n_slots": (4, r"The budgets differ \(slots\)", "3 and 4"),
    "loop.slot_size": (7, r"The budgets differ \(candidates a slot\)", "6 and 7"),
    "loop.page_size": (6, "The pages differ in length", "5 and 6"),
    "loop.warmup": (61, "The warm-ups differ in length", "60 and 61"),
    "loop.arms": (["bm25"], "The arms differ", ": bm25, dense, memory, popular and bm25."),
}


@pytest.mark.parametrize("key", UNLIKE)
def test_what_makes_studies_unlike_is_named_with_both_values(runs, key):
    base = runs["base"]
    value, words, said = UNLIKE[key]
    study = json.loads(json.dumps(base.study))
    place = study["loop"] if key.startswith("loop.") else study
    place[key.removeprefix("loop.")] = value
    (line,) = study_differences(base, replace(base, study=study))
    assert re.match(words, line)
    assert said in line
    assert line.endswith(".")


def test_studies_that_differ_in_policies_alone_are_alike(runs):
    base = runs["base"]
    assert study_differences(base, replace(base, study={**base.study, "policies": [], "name": "x"})) == []


def test_the_page_holds_the_table_of_differences(runs):
    one, two = runs["base"], runs["wider"]
    page = write_comparison(one.folder, two.folder)
    assert page == one.folder / "comparison.html"
    text = page.read_text()
    assert "The budgets differ (candidates a slot): 6 and 9." in text
    assert "paired by seed" in text
    row = run_differences(one, two).query("policy == 'linucb' and metric == 'reward'").iloc[0]
    cell = f'{row.difference:+.3f} <span class="pm">[{row.low:+.3f}, {row.high:+.3f}]</span>'
    assert cell in text
    assert text.count("<h2>Policies</h2>") == 2
    # both have the name of the study: their folders tell them apart
    assert f"<h1>{one.folder} and {two.folder}</h1>" in text
    first = page.read_bytes()
    assert write_comparison(one.folder, two.folder).read_bytes() == first
    assert "Welch" in write_comparison(one.folder, runs["reseeded"].folder).read_text()
    for tables in (one, two):
        assert f"<h1>{tables.folder}</h1>" in text
    alike = write_comparison(one.folder, one.folder).read_text()
    assert "Worlds, users, rewards and budgets are the same." in alike


def test_runs_without_a_common_policy_and_hostile_names(runs):
    text = write_comparison(runs["base"].folder, runs["apart"].folder).read_text()
    assert "The runs have no policy in common." in text
    assert "<script" not in text
    assert "default and &lt;script&gt;alert(2)&lt;/script&gt;" in text
    empty = run_differences(runs["base"], runs["apart"])
    assert len(empty) == 0
    assert list(empty) == ["policy", "metric", "first", "second", "difference", "low", "high", "paired"]


def test_what_is_no_run_is_one_line(runs, ltrr, tmp_path):
    base = runs["base"].folder
    refused(ltrr("report", base, tmp_path / "absent"), "absent holds no finished run")
    half = shutil.copytree(base, tmp_path / "half")
    (half / "differences.csv").unlink()
    refused(ltrr("report", base, half), "differences.csv is missing")
    refused(ltrr("report", half), "differences.csv is missing")


# replays


@pytest.fixture(scope="module")
def replays(tmp_path_factory):
    """Folders of two replays: one of other policies on a longer log."""
    place = tmp_path_factory.mktemp("replays")
    folders = []
    for name, n, words in (("one", 600, ["uniform"]), ("two", 900, ["uniform", "always:plain"])):
        log = write_log(place / f"{name}.csv", n=n)
        found = run(read(log), words, estimators=["ips", "dr", "mips"])
        folders.append(found.report(place / name).parent)
    return folders


def test_a_replay_drawn_again_is_the_same_byte_for_byte(replays, tmp_path, ltrr):
    for folder in replays:
        again = shutil.copytree(folder, tmp_path / folder.name)
        for path in (*again.glob("*.png"), again / "report.html"):
            path.unlink()
        status, out, err = ltrr("report", again)
        assert (status, err) == (0, "")
        assert "report.html" in out
        assert {p.name for p in again.iterdir()} == {p.name for p in folder.iterdir()}
        for path in folder.iterdir():
            assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_replay_is_read_as_it_was(replays):
    folder = replays[1]
    found = read_replay(folder)
    assert is_replay(folder)
    assert not is_replay(folder / "absent")
    table = found.table.set_index(["policy", "estimator"])
    assert table.verdict["uniform", "mips"] == "cannot answer"
    assert np.isnan(table.value["uniform", "mips"])
    assert all(isinstance(text, str) for text in found.table.bias)
    assert found.about["used"] == 900


def test_two_replays_side_by_side(replays, ltrr):
    one, two = replays
    status, _, err = ltrr("report", one, two)
    assert (status, err) == (0, "")
    text = (one / "comparison.html").read_text()
    assert "The logs differ" in text
    assert "The numbers of rows used differ: 600 and 900." in text
    assert "uniform, ips" in text
    assert "always" not in text  # only one has it
    assert "– <span" not in text
    for word in ("Worlds", "runs"):
        assert word not in text.split("</style>")[1]
    values = [
        read_replay(f).table.set_index(["policy", "estimator"]).value["uniform", "ips"] for f in replays
    ]
    cells = re.findall(r"<td>(.*?)</td>", text.split("uniform, ips")[1])
    assert [float(re.sub(" .*", "", cells[i])) for i in (0, 2)] == pytest.approx(values, abs=5e-4)
    same = compare_replays(one, one).read_text()
    assert "differ" not in same.split("</style>")[1]
    assert "Both replays used the same log and as many of its rows." in same


@pytest.mark.parametrize("words", [("run", "replay"), ("replay", "run")])
def test_a_run_and_a_replay_are_one_line(runs, replays, ltrr, words):
    folders = {"run": runs["base"].folder, "replay": replays[0]}
    refused(ltrr("report", *(folders[w] for w in words)), "two of the same kind")


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("replay.json", "{"),
        ("replay.json", "[]"),
        ("replay.json", "{}"),
        ("estimates.csv", None),
        ("estimates.csv", ""),
        ("estimates.csv", "policy,estimator\nuniform,ips\n"),
        ("blocks.csv", None),
        ("weights.csv", "nothing\n"),
        ("differences.csv", "\x00\x01"),
    ],
)
def test_a_damaged_replay_is_one_line(replays, ltrr, tmp_path, file, damage):
    folder = shutil.copytree(replays[0], tmp_path / "damaged")
    if damage is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(damage)
    refused(ltrr("report", folder), "holds no whole replay", "run `ltrr replay` again")
    refused(ltrr("report", replays[0], folder), "holds no whole replay")
    with pytest.raises(InputError, match="holds no whole replay"):
        redraw(folder)


def test_a_folder_that_cannot_be_written_is_one_line(runs, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ltrr.study.comparison.write_aside", refuse)
    with pytest.raises(InputError, match=r"comparison.html cannot be written: No space left"):
        write_comparison(runs["base"].folder, runs["base"].folder)


def test_tables_name_their_folder(runs):
    assert Tables.read(runs["base"].folder).folder == runs["base"].folder
