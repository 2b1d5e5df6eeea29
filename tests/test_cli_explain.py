"""`ltrr explain`: what it prints, which policy it shows, and that text of the data stays text."""

import json
import re
import shutil

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.cells import cell_len

from ltrr.study.lookup import best_learner, cell_table, open_log

HOSTILE = "[bold]x[/bold] :smile: \x1b[31m \u202etxt\u202c \x00\r\n<script>" + "語" * 5_000


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """A terminal wider than what is printed."""
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def copy(small_run, tmp_path):
    shutil.copytree(small_run.folder, tmp_path / "run")
    return tmp_path / "run"


def retitled(folder, title):
    """Give every item a title, and every query a text."""
    for name, column in (("items", "title"), ("queries", "text")):
        file = folder / "log" / f"{name}.parquet"
        table = pq.ParquetFile(file).read()
        place = table.schema.get_field_index(column)
        pq.write_table(table.set_column(place, column, pa.array([title] * len(table))), file)


def test_prints_slots_arms_page_and_losses(small_run, ltrr):
    oracles = small_run.folder / "oracles" / "linucb-000.parquet"
    row = pd.read_parquet(oracles).query("request >= 100").iloc[0]
    status, out, err = ltrr("explain", small_run.folder, int(row.request), "--policy", "linucb")
    assert (status, err) == (0, "")
    found = small_run.log("linucb", 0).find([int(row.request)])[0]
    assert out.startswith(f"Request {found.request} · linucb, seed 0\n")
    assert found.query in out
    for name, value in found.context.items():
        assert f"{name} {value:.3g}" in " ".join(out.split())
    lines = out.splitlines()
    assert max(map(cell_len, lines)) <= 80
    for slot in found.slots[found.slots.chosen].to_dict("records"):
        start = f"   {slot['number']}  {slot['name']}"
        assert [line for line in lines if line.startswith(start) and f" {slot['probability']:.2f} " in line]
    for arm in found.arms.to_dict("records"):
        numbers = [str(arm[key]) for key in ("slots", "delivered", "spilled", "shown")]
        assert [arm["arm"], *numbers] in [line.split() for line in lines]
    for place in found.places.to_dict("records"):
        line = next(line for line in lines if line.startswith(f"{place['number']}  {place['title'][:20]}"))
        assert place["arms"].split(",")[0] in line
        marks = ("satisfied", "spilled", "explored")
        assert [mark in line for mark in marks] == [place[mark] for mark in marks]
    losses = out[out.index("Losses:") :].split("\n        = received")[0]
    for part in ("retrieval", "ranking", "exploration", "cost", "noise"):
        sign = "+" if row[f"loss_{part}"] < 0 else "−"
        assert f"{sign} {part} {abs(row[f'loss_{part}']):.3f}" in losses
    terms = [float(term) for term in re.findall(r"-?[\d.]+", re.sub(r"− \w+ ", "-", losses))]
    assert sum(terms) == pytest.approx(row.reward_sampled, abs=0.003)
    assert f"= received {row.reward_sampled:.3f}; expected {row.reward:.3f}" in out


def test_says_which_request_near_it_was_judged(small_run, ltrr):
    judged = pd.read_parquet(small_run.folder / "oracles" / "linucb-000.parquet").request.tolist()
    other = judged[1] + 1
    _, out, _ = ltrr("explain", small_run.folder, other, "--policy", "linucb")
    near = sorted(sorted(judged, key=lambda r: abs(r - other))[:2])
    assert f"the nearest requests that were: {near[0]} and {near[1]}" in out
    _, out, _ = ltrr("explain", small_run.folder, judged[1], "--policy", "rrf")
    assert "no request of this policy was judged" in out


def test_a_whole_quota_is_named(small_run, ltrr):
    chosen = small_run.log("linucb-disjoint", 0).find([131])[0].slots.query("chosen")["name"].item()
    _, out, _ = ltrr("explain", small_run.folder, 131, "--policy", "linucb-disjoint")
    assert f"   0  {chosen}  " in out
    assert "more 0." in out


def test_the_best_learner_is_shown_and_said(copy, ltrr):
    summary = pd.read_csv(copy / "summary.csv")
    rewards = {"equal": 9.0, "rrf": 8.0, "vw-epsilon": 7.0}
    for policy, mean in rewards.items():
        summary.loc[(summary.policy == policy) & (summary.metric == "reward"), "mean"] = mean
    summary.to_csv(copy / "summary.csv", index=False)
    for place in (copy, copy / "log"):
        status, out, _ = ltrr("explain", place, 131)
        assert status == 0
        assert out.startswith("Request 131 · vw-epsilon, seed 0 (the best learner by mean reward)\n")
    for folder in (copy / "log").glob("*/policy=vw-epsilon"):
        shutil.rmtree(folder)
    summary.loc[(summary.policy == "linucb") & (summary.metric == "reward"), "mean"] = 6.0
    summary.to_csv(copy / "summary.csv", index=False)
    assert ltrr("explain", copy, 131)[1].startswith("Request 131 · linucb, seed 0 (the best")


def test_a_class_that_cannot_be_found_counts_as_learning(copy):
    about = json.loads((copy / "log" / "log.json").read_text())
    for entry in about["settings"]["policies"]:
        entry["kind"] = "nowhere:Policy" if entry["name"] == "equal" else "single"
    (copy / "log" / "log.json").write_text(json.dumps(about))
    folder, log = open_log(copy)
    assert best_learner(folder, log) == "equal"


def test_without_a_summary_the_policy_is_asked_for(copy, ltrr):
    (copy / "summary.csv").unlink()
    status, out, err = ltrr("explain", copy, 131)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert "add --policy NAME, one of epsilon-greedy, equal, linucb" in err
    assert ltrr("explain", copy, 131, "--policy", "equal")[0] == 0


def test_a_log_of_one_policy_and_seed_needs_no_choice(small_run, tmp_path, ltrr):
    small_run.log("equal", 1).save(tmp_path / "copy")
    status, out, _ = ltrr("explain", tmp_path / "copy", 131)
    assert status == 0
    assert out.startswith("Request 131 · equal, seed 1\n")
    assert "no request of this policy was judged" in out


def test_json_holds_everything(small_run, ltrr):
    status, out, _ = ltrr("explain", small_run.folder, 131, "--policy", "linucb", "--seed", 1, "--json")
    told = json.loads(out)
    found = small_run.log("linucb", 1).find([131])[0]
    assert (status, told["policy"], told["seed"], told["query"]) == (0, "linucb", 1, found.query)
    assert told["asked"] == small_run.rounds("linucb", 1).set_index("request").asked[131]
    for name, frame in (("slots", found.slots), ("arms", found.arms), ("page", found.places)):
        assert [list(row) for row in told[name]] == [list(frame.columns)] * len(frame)
    assert [row["probability"] for row in told["slots"]] == pytest.approx(found.slots.probability.tolist())
    assert told["page"][0]["slots"] == list(found.places.slots[0])


def test_text_of_the_data_stays_text(copy, ltrr, monkeypatch):
    retitled(copy, HOSTILE)
    for force in ({}, {"FORCE_COLOR": "1"}):
        for key, value in force.items():
            monkeypatch.setenv(key, value)
        status, out, _ = ltrr("explain", copy, 131, "--policy", "equal")
        assert status == 0
        assert "[bold]x[/bold] :smile: \\x1b[31m \\u202etxt" in out
        for sign in ("\u202e", "\x00", "\r", "\x1b[31m"):
            assert sign not in out
        if not force:
            assert "\x1b" not in out
            assert max(map(cell_len, out.splitlines())) <= 80
    _, out, _ = ltrr("explain", copy, 131, "--policy", "equal", "--json")
    assert out.isascii()
    assert json.loads(out)["page"][0]["title"] == HOSTILE


def test_an_item_without_a_title_is_shown_by_its_name(copy, small_run, ltrr):
    retitled(copy, "")
    _, out, _ = ltrr("explain", copy, 131, "--policy", "equal")
    assert small_run.log("equal", 0).find([131])[0].places.name[0] in out


def test_colours_are_for_terminals(small_run, ltrr, monkeypatch):
    assert "\x1b[" not in ltrr("explain", small_run.folder, 131, "--policy", "equal")[1]
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in ltrr("explain", small_run.folder, 131, "--policy", "equal")[1]


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_nothing_is_wider_than_the_terminal(columns, small_run, ltrr, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    _, out, _ = ltrr("explain", small_run.folder, 131, "--policy", "linucb-disjoint")
    assert max(map(cell_len, out.splitlines())) <= min(int(columns), 80)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere", 3], "nowhere holds no log; give a run's folder or the folder `log` in it"),
        (["RUN", 180], "no request 180; it holds requests 0 to 179"),
        (["RUN", 3, "--policy", "linucbb"], "did you mean 'linucb'?"),
        (["RUN", 3, "--policy", "equal", "--seed", 7], "has no seed 7; known: 0, 1"),
        (["RUN", "three"], "ltrr explain --help"),
        (["RUN"], "REQUEST"),
    ],
)
def test_mistakes_are_one_line(words, said, small_run, ltrr):
    status, out, err = ltrr("explain", *(small_run.folder if word == "RUN" else word for word in words))
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert said in err


def test_a_run_without_a_log_says_so(copy, ltrr):
    shutil.rmtree(copy / "log")
    status, _, err = ltrr("explain", copy, 3)
    assert status == 2
    assert "kept no log: simulate it again with `log_seeds` of at least 1" in err.replace("; ", ": ")


def test_damaged_tables_of_a_cell_are_one_line(copy, ltrr):
    (copy / "oracles" / "equal-000.parquet").write_bytes(b"PAR1 nothing PAR1")
    status, _, err = ltrr("explain", copy, 3, "--policy", "equal")
    assert status == 2
    assert err.count("\n") == 1
    assert "equal-000.parquet cannot be read" in err
    assert cell_table(copy, "oracles", "nobody", 0, columns=["reward"]) is None


def test_help_shows_examples(ltrr):
    status, out, _ = ltrr("explain", "--help")
    assert status == 0
    assert "ltrr explain runs/default 1259 --policy best-static" in out
