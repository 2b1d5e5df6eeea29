"""Rows that repeat others: copies without ids, and choices that are kept for a user."""

import numpy as np
import pandas as pd
import pytest

from ltrr.logs import read
from ltrr.logs.events import Events, Space
from ltrr.replay import run
from ltrr.replay.judging import repeats as module
from ltrr.replay.judging.repeats import Repeats


def drawn(n, seed=0, contexts=None):
    """Return a right log; contexts are all different, or of a few kinds."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2)) if contexts is None else rng.integers(0, contexts, (n, 2)) * 3.0 / contexts
    scores = np.exp(0.5 * x @ np.array([[1.0, -1.0, 0.3], [0.2, 0.5, -0.6]]))
    p = scores / scores.sum(axis=1, keepdims=True)
    action = (p.cumsum(axis=1) < rng.random(n)[:, None]).sum(axis=1)
    reward = (rng.random(n) < 0.3 + 0.1 * action).astype(int)
    chosen = p[np.arange(n), action]
    return pd.DataFrame(
        {"a": x[:, 0], "b": x[:, 1], "action": action, "reward": reward, "propensity": chosen}
    )


def judged(log, columns=("a", "b"), **options):
    opened = read(log, columns={"context": list(columns)}, fill_columns=True)
    return run(opened, ["uniform"], estimators=["snips", "dr"], quiet=True, **options)


def verdicts(found):
    return {row["policy"]: (row["verdict"], row["reason"]) for row in found.rows["estimates"]}


def seen(log, chunk=1_000):
    found = Repeats()
    for start in range(0, len(log), chunk):
        part = log.iloc[start : start + chunk]
        key = np.arange(start, start + len(part))
        found.add(
            Events(
                Space(("0", "1", "2"), ("a", "b")),
                key,
                key,
                part.action.to_numpy(),
                part.reward.to_numpy(),
                part.propensity.to_numpy(),
                context=part[["a", "b"]].to_numpy(),
            )
        )
    return found.summary()


@pytest.mark.parametrize("how", ["side by side", "appended", "ten times"])
def test_copies_without_ids_are_weak(how):
    log = drawn(3_000)
    copies = 10 if how == "ten times" else 2
    log = pd.concat([log] * copies, ignore_index=how != "side by side")
    if how == "side by side":
        log = log.sort_index(kind="stable").reset_index(drop=True)
    found = judged(log)
    for verdict, reason in verdicts(found).values():
        assert verdict == "weak"
        assert "copies, or choices kept for a user" in reason
        assert reason.startswith(f"{1 - 1 / copies:.0%} of the rows repeat")


def test_choices_kept_for_a_user_are_weak_unless_users_are_clusters():
    log = drawn(2_500).loc[np.repeat(np.arange(2_500), 4)].reset_index(drop=True)
    log["reward"] = (np.random.default_rng(3).random(len(log)) < 0.3).astype(int)
    log["visitor"] = np.repeat(np.arange(2_500), 4)
    log = log.sample(frac=1.0, random_state=0).reset_index(drop=True)
    assert "repeat the last action" in verdicts(judged(log))["uniform"][1]
    assert {verdict for verdict, _ in verdicts(judged(log, cluster="visitor")).values()} == {"supported"}


def experiment(users, rows, seed, wrong=1.0):
    """Return a log in which every user got one action, drawn once."""
    rng = np.random.default_rng(seed)
    p = np.array([0.6, 0.3, 0.1])
    stated = p**wrong / (p**wrong).sum()
    action = rng.choice(3, users, p=p)[np.repeat(np.arange(users), rows)]
    reward = (rng.random(len(action)) < 0.2 + 0.1 * action).astype(int)
    user = np.repeat(np.arange(users), rows)
    log = pd.DataFrame({"user": user, "action": action, "reward": reward, "propensity": stated[action]})
    return log.sample(frac=1.0, random_state=seed).reset_index(drop=True)


def test_experiments_that_draw_once_for_a_user_are_not_doubted():
    for seed in range(30):
        found = run(read(experiment(600, 10, seed)), ["uniform"], estimators=["snips"], quiet=True)
        assert "1,000 effective" in verdicts(found)["uniform"][1]
        table = {row["diagnostic"]: row["value"] for row in found.rows["diagnostics"]}
        assert table["propensity_p"] > 1e-4
        assert table["clusters"] == 600


def test_wrong_propensities_of_such_experiments_are_found():
    for seed in range(5):
        found = run(read(experiment(600, 10, seed, wrong=0.2)), ["uniform"], estimators=["snips"], quiet=True)
        assert "propensities do not fit the actions taken" in verdicts(found)["uniform"][1]


def test_where_users_get_several_choices_every_row_counts():
    log = experiment(6_000, 1, 0, wrong=0.8)
    log["user"] = np.arange(6_000) % 60
    found = run(read(log), ["uniform"], estimators=["snips"], quiet=True)
    table = {row["diagnostic"]: row["value"] for row in found.rows["diagnostics"]}
    assert table["propensity_p"] < 1e-4  # by 60 first rows alone nothing would be found


@pytest.mark.parametrize("contexts", [None, 1, 4, 40])
@pytest.mark.parametrize("read_of_it", [("a", "b"), ("a",)])
def test_right_logs_are_not_doubted(contexts, read_of_it):
    # where a column was not read, rows of one context have different propensities
    for seed in range(5):
        log = drawn(5_000, seed, contexts)
        found = judged(log, read_of_it)
        assert {verdict for verdict, _ in verdicts(found).values()} == {"supported"}
        table = {row["diagnostic"]: row["value"] for row in found.rows["diagnostics"]}
        assert table.get("repeat_p", 1.0) > 1e-4


def test_a_few_copies_do_no_harm():
    log = drawn(5_000)
    found = judged(pd.concat([log, log.iloc[:100]], ignore_index=True))
    assert {verdict for verdict, _ in verdicts(found).values()} == {"supported"}


def test_the_test_is_a_bet_that_a_naive_loop_makes_too():
    log = drawn(2_000, contexts=6)
    log.loc[1_000:1_200, ["a", "b", "action", "propensity"]] = log.loc[
        0:200, ["a", "b", "action", "propensity"]
    ].to_numpy()
    last, capital, best, pairs, same, inverse = {}, 0.0, 0.0, 0, 0, 0.0
    for row in log.itertuples():
        before = last.get((row.a, row.b))
        if before is not None:
            again = before == row.action
            capital += np.log1p(0.2 * (again / row.propensity - 1.0))
            best, pairs, same = max(best, capital), pairs + 1, same + again
            inverse += again / row.propensity
        last[row.a, row.b] = row.action
    share = max((inverse / pairs - 1.0) / (inverse / same - 1.0), 0.0) * pairs / 2_000
    for chunk in (7, 2_000):
        found = seen(log, chunk)
        assert found["repeat_p"] == pytest.approx(np.exp(-best))
        assert found["repeat_share"] == pytest.approx(share)


def test_more_contexts_than_are_kept_are_sampled(monkeypatch):
    monkeypatch.setattr(module, "_MOST", 256)
    log = drawn(20_000)
    found = seen(pd.concat([log, log], ignore_index=True), 700)
    assert found["repeat_p"] < 1e-10
    assert 0.4 < found["repeat_share"] < 0.6
    assert seen(log)["repeat_p"] is None
