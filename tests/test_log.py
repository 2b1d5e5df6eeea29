"""The log alone rebuilds every decision, union and page."""

import json

import numpy as np
import pandas as pd
import pytest

import ltrr
from ltrr.errors import InputError
from ltrr.logs.tables import TABLES, Log
from ltrr.types import ActionSet, Decision, Feedback, Queries, Requests
from tests import small_runs
from tests.small_runs import AUDIT, ROUNDS, SEED, SLAB, WARM, run_small

POLICIES = [name for name in small_runs.POLICIES if name != "rrf"]
TAUGHT = ["linucb", "epsilon-greedy", "linucb-disjoint"]


@pytest.fixture(params=POLICIES)
def log(small_run, request):
    return small_run.log(request.param, 0)


@pytest.fixture(scope="module")
def prompt(tmp_path_factory):
    """A run whose feedback arrives at once, so that lessons are the batches."""
    loop = {"warmup": WARM, "feedback_every": 30, "audit": AUDIT, "held_out": 0, "credit": "marginal"}
    return run_small(tmp_path_factory.mktemp("prompt") / "run", TAUGHT, rounds=ROUNDS, loop=loop)


def test_tables_join_without_loss(log):
    requests, decisions = log.requests, log.decisions
    assert requests.request.tolist() == list(range(ROUNDS))
    n_slots = 1 if log.policy == "linucb-disjoint" else 3
    assert decisions.groupby("request").slot.nunique().eq(n_slots).all()
    for table in (decisions, log.candidates, log.impressions):
        assert set(table.request) == set(requests.request)
        assert len(table.merge(requests[["request"]], on="request")) == len(table)
    drawn = log.candidates[["request", "item", "ranker_score"]].drop_duplicates(["request", "item"])
    joined = log.impressions.merge(drawn, on=["request", "item"], how="left")
    assert joined.ranker_score.notna().all()


def test_draws_are_rebuilt_from_logged_distributions(log):
    d = log.decisions
    streams = ltrr.Streams(SEED, 0)
    u = streams.uniform("draw", d.request.to_numpy(), d.slot.to_numpy())
    u_audit = streams.uniform("audit", d.request.to_numpy(), d.slot.to_numpy())
    for row, draw, watch in zip(d.itertuples(), u, u_audit, strict=True):
        mixed, audit = np.array(row.probabilities), 0.0 if row.request < WARM else AUDIT
        stated = (mixed - audit / len(mixed)) / (1 - audit)
        assert row.audit == (watch < audit)
        weights = np.full(len(mixed), 1 / len(mixed)) if row.audit else stated
        place = min(
            int(np.searchsorted(np.cumsum(weights), draw * weights.sum(), side="right")), len(mixed) - 1
        )
        near = np.abs(np.cumsum(weights) - draw).min() < 1e-12
        assert near or row.actions[place] == row.action
        assert mixed[list(row.actions).index(row.action)] == row.propensity


def test_sequence_propensities_and_quotas_follow_from_the_slots(log):
    arms = log.about["arms"]
    for _, rows in log.decisions.groupby("request"):
        rows = rows.sort_values("slot")
        np.testing.assert_allclose(rows.sequence_propensity, rows.propensity.prod(), rtol=1e-12)
        last = rows.iloc[-1]
        after = np.array(last.action_quotas).reshape(len(last.actions), len(arms))
        chosen = after[list(last.actions).index(last.action)]
        assert chosen.tolist() == list(last.quota)
        if len(rows) > 1:
            assert np.bincount(rows.action, minlength=len(arms)).tolist() == list(last.quota)
        else:
            assert log.about["quotas"][last.action] == list(last.quota)


def test_slots_of_candidates_follow_from_arm_slab_and_decisions(log):
    actions = log.decisions.sort_values("slot").groupby("request").action.apply(list)
    quota = log.decisions.drop_duplicates("request").set_index("request").quota
    fallback = [log.about["arms"].index(name) for name in log.about["settings"]["loop"]["fallback"]]
    slabs = [SLAB, SLAB, 4, SLAB]  # memory is asked for four a slot
    filled = 0
    for request, rows in log.candidates[log.candidates.request % 3 == 0].groupby("request"):
        rows = rows.sort_values("rank")
        slot_of, left = {}, {}
        order = [a for a, q in enumerate(quota[request]) for _ in range(q)]
        order = order if log.policy == "linucb-disjoint" else actions[request]
        for slot, arm in enumerate(order):
            slab = order[:slot].count(arm)
            own = rows[(rows.arm == arm) & (rows["rank"] // slabs[arm] == slab)].index
            assert (rows.slab[own] == slab).all()
            slot_of |= dict.fromkeys(own, slot)
            left[slot] = SLAB - len(own)
        places = [slot for slot, n in left.items() for _ in range(n)]
        for arm in fallback:
            for source in rows[rows.arm == arm].index.difference(list(slot_of), sort=False):
                slot_of[source], filled = places.pop(0), filled + 1
        assert sorted(slot_of) == sorted(rows.index)
        for _, same in rows.groupby("item"):
            bits = {1 if log.policy == "linucb-disjoint" else 1 << slot_of[i] for i in same.index}
            assert same.slots.iloc[0] == sum(bits)
    assert filled > 0


def test_pages_are_the_best_scored_candidates(log):
    drawn = log.candidates.drop_duplicates(["request", "item"])
    best = drawn.sort_values(["request", "ranker_score", "item"], ascending=[True, False, True])
    best = best.groupby("request").head(5)
    shown = log.impressions.sort_values(["request", "position"])
    own = ~shown.explored.to_numpy()
    assert best.item.to_numpy()[own].tolist() == shown.item.to_numpy()[own].tolist()
    assert len(shown[~own].merge(best, on=["request", "item"])) == 0
    assert 0.0 < (~own).mean() < 0.1
    assert shown.propensity.to_numpy()[own].min() > 0.9
    assert shown.propensity.to_numpy()[~own].max() < 0.1


@pytest.mark.parametrize("policy", TAUGHT)
def test_a_policy_taught_from_the_log_alone_restates_every_logged_distribution(policy, prompt):
    """Context, action features, distributions and clicks are all that deciding and learning need."""
    log = prompt.log(policy, 0)
    about, texts = log.about, pd.read_parquet(prompt.folder / "log" / "queries.parquet").text
    requests, decisions, shown = log.requests, log.decisions, log.impressions
    learner = ltrr.bandits.POLICIES.make(policy, {}, "test")
    n_slots = decisions.slot.max() + 1
    checked = 0
    for start in range(0, ROUNDS, 30):
        mine = [t[(t.request >= start) & (t.request < start + 30)] for t in (requests, decisions, shown)]
        r, d, page = mine
        batch = Requests(
            r.request.to_numpy(),
            r.session.to_numpy(),
            r.user.to_numpy(),
            r["query"].to_numpy(),
            r.time.to_numpy(),
            np.stack(r.context),
            tuple(about["context"]),
            Queries(tuple(texts)),
        )
        slots = [d[d.slot == s].sort_values("request") for s in range(n_slots)]
        sets = tuple(
            ActionSet(
                np.concatenate([[0], np.cumsum(rows.actions.map(len))]),
                np.concatenate(rows.actions.tolist()),
                np.concatenate(rows.features.tolist()).reshape(rows.actions.map(len).sum(), -1),
                tuple(about["action_features"][policy]),
                len(about["quotas"]) if n_slots == 1 else len(about["arms"]),
                np.concatenate(rows.action_quotas.tolist()).reshape(-1, len(about["arms"])),
            )
            for rows in slots
        )
        logged = tuple(np.concatenate(rows.probabilities.tolist()) for rows in slots)
        if start >= WARM:
            for actions, want in zip(sets, logged, strict=True):
                stated = learner.in_turn(batch, actions, np.random.default_rng(0))
                mixed = (1 - AUDIT) * stated + AUDIT / actions.width
                np.testing.assert_allclose(mixed, want, atol=1e-12)
                checked += len(want)
        place = (page.request.to_numpy() - start, page.position.to_numpy())
        grid = {}
        for name, dtype, fill in (
            ("item", np.int32, -1),
            ("slots", np.uint32, 0),
            ("click", bool, 0),
            ("satisfied", bool, 0),
            ("value", float, 0),
        ):
            grid[name] = np.full((30, 10), fill, dtype)
            grid[name][place] = page[name].to_numpy()
        decision = Decision(
            action=np.stack([rows.action for rows in slots], axis=1),
            propensity=np.stack([rows.propensity for rows in slots], axis=1),
            quota=np.stack(slots[0].quota),
            audit=np.stack([rows.audit for rows in slots], axis=1),
            actions=sets,
            probabilities=logged,
            version=slots[0].version.to_numpy(),
        )
        rule = "page" if n_slots == 1 else "marginal"
        earned = ltrr.bandits.credit(
            rule,
            value=grid["value"],
            slots=grid["slots"],
            n_slots=n_slots,
            reward_kind=0,
            click=grid["click"],
            satisfied=grid["satisfied"],
            u=np.zeros((30, n_slots)),
        )
        learner.learn(
            Feedback(
                requests=batch,
                decision=decision,
                item=grid["item"],
                slots=grid["slots"],
                features=np.zeros((30, 10, 0)),
                click=grid["click"],
                satisfied=grid["satisfied"],
                abandoned=~grid["click"].any(axis=1),
                arrived_at=r.time.to_numpy(),
                reward=r.reward.to_numpy(),
                value=grid["value"],
                credit=earned,
            )
        )
    assert checked == (ROUNDS - WARM) * n_slots * sets[0].width


def test_late_actions_are_censored(log):
    shown = log.impressions
    assert shown.censored.any()
    assert not shown[shown.censored].click.any()
    time = log.requests.set_index("request").time
    assert (shown.arrived_at <= time[shown.request].to_numpy() + 900.0).all()


def test_both_seeds_and_copies_are_read_whole(small_run, tmp_path):
    both = small_run.log("equal")
    assert sorted(both.requests.seed.unique()) == [0, 1]
    copy = small_run.log("equal").save(tmp_path / "copy")
    for name in TABLES:
        pd.testing.assert_frame_equal(copy.to_frame(name), both.to_frame(name))
    assert not list((tmp_path / "copy").rglob("*linucb*"))


def test_what_is_no_log_is_refused(small_run, tmp_path):
    with pytest.raises(InputError, match=r"log\.json is missing"):
        Log(tmp_path)
    with pytest.raises(InputError, match="did you mean 'linucb'"):
        small_run.log("linucbb")
    about = json.loads((small_run.folder / "log" / "log.json").read_text())
    (tmp_path / "log.json").write_text(json.dumps(about | {"format_version": 99}))
    with pytest.raises(InputError, match="format version 99"):
        Log(tmp_path)
