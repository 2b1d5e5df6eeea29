"""`ltrr arms`: the arms' lists, the choice and its reasons, and the page, for any text."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import ltrr as package
from ltrr.study.ask import Trained


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    world = {"kind": "music", "n_items": 300, "n_queries": 100}
    study = package.read_study("default")
    place = tmp_path_factory.mktemp("asked") / "run"
    policies = ["linucb", "linucb-disjoint", "epsilon-greedy", "vw-epsilon", "rrf"]
    return package.simulate(
        world, study=study, policies=policies, rounds=300, seeds=1, warmup=60, quiet=True, out=place
    )


def test_a_query_of_the_run_is_answered_as_the_run_would_have(run):
    trained = Trained(run.folder)
    log = run.log("linucb", 0)
    late = log.requests.tail(40)
    shown = log.impressions
    texts = {row.request: log.find([int(row.request)])[0].query for row in late.itertuples()}
    agree = []
    for request, text in list(texts.items())[:5]:
        found = trained.ask(text, policy="linucb", depth=60)
        assert found.known
        page = shown[(shown.request == request) & (shown["item"] >= 0)]["item"].to_numpy()
        agree.append(len(set(page) & set(found.page["item"])) / len(page))
    # the state is that of the end, time has passed, and the log explored a share of places
    assert np.mean(agree) > 0.5


def test_lists_choice_and_page_belong_together(run):
    found = Trained(run.folder).ask("no such words zzzz", policy="linucb", depth=60)
    assert not found.known
    chosen = found.slots[found.slots.chosen]
    assert chosen.groupby("slot").size().tolist() == [1, 1, 1]
    np.testing.assert_allclose(found.slots.groupby("slot").probability.sum(), 1.0)
    # LinUCB takes the highest sum of estimate and bonus
    bound = found.slots.estimate + found.slots.bonus
    for _, rows in found.slots.assign(bound=bound).groupby("slot"):
        assert rows.bound.max() == pytest.approx(rows[rows.chosen].bound.iloc[0])
    drawn = found.arms[found.arms.drawn]
    assert set(found.page["item"]) <= set(drawn["item"])
    on_page = found.arms[found.arms.place >= 0]
    assert (on_page.merge(found.page, on="item").eval("place_x == place_y")).all()


@pytest.mark.parametrize("policy", ["linucb-disjoint", "epsilon-greedy", "vw-epsilon", "rrf"])
def test_every_policy_can_be_asked(run, policy):
    found = Trained(run.folder).ask("song", policy=policy)
    assert found.policy == policy
    assert len(found.page) > 0


def test_prints_for_people_and_machines(run, ltrr, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    status, out, err = ltrr("arms", run.folder, "song", "--policy", "linucb")
    assert (status, err) == (0, "")
    for word in ("Policy: linucb, as seed 0 left it", "estimate", "bonus", "bm25", "popular", "place"):
        assert word in out
    status, out, err = ltrr("arms", run.folder, "song", "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert {"query", "known", "policy", "seed", "slots", "arms", "page"} == set(found)
    assert pd.DataFrame(found["arms"]).groupby("arm").size().max() == 5


def test_faults_are_one_line(run, ltrr, tmp_path):
    for words, part in (
        (("arms", tmp_path, "song"), "holds no run"),
        (("arms", run.folder, "  "), "`query` must hold a text"),
        (("arms", run.folder, "song", "--policy", "linucp"), "linucb"),
        (("arms", run.folder, "song", "--policy", "linucb", "--seed", "7"), "no state of seed 7"),
    ):
        status, out, err = ltrr(*words)
        assert (status, out) == (2, "")
        assert part in err
        assert err.count("\n") == 1
    copy = tmp_path / "run"
    shutil.copytree(run.folder, copy)
    file = copy / "states" / "linucb-000.npz"
    file.write_bytes(file.read_bytes()[:-100])
    status, _, err = ltrr("arms", copy, "song", "--policy", "linucb")
    assert status == 2
    assert "linucb-000.npz" in err
    shutil.rmtree(copy / "states")
    status, _, err = ltrr("arms", copy, "song")
    assert status == 2
    assert "kept no states" in err


def test_text_of_data_and_of_the_query_stays_text(run, ltrr):
    status, out, err = ltrr("arms", run.folder, "[bold]x[/bold] \x1b[31m :smile: song")
    assert (status, err) == (0, "")
    assert "[bold]x[/bold]" in out
    assert "\x1b[31m" not in out
