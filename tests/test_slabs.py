"""Slabs shorter than a slot: who fills the slots, who is credited, what a policy and a log know of it."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ltrr
from ltrr.bandits.credit import SIGNALS
from ltrr.bandits.fixed import StaticQuota
from ltrr.bandits.spec import policy_spec
from ltrr.errors import InputError
from ltrr.features import Supply
from ltrr.logs.formats.run_log import open_run_log
from ltrr.replay.allocations.logged import slabs_of
from ltrr.replay.allocations.two_stage import two_stage
from ltrr.simulation.loop import Loop
from ltrr.simulation.measure import Measures
from ltrr.study.build import build, make_world, prepare, system_of
from ltrr.study.study import Study
from ltrr.types.quotas import all_quotas
from ltrr.users.rewards import Reward
from tests.naive_union import naive_union
from tests.small_runs import run_small
from tests.test_union import as_dicts

ARMS = ("bm25", "dense", "memory", "popular")
SIZE = 8
SETTING = ltrr.LoopSetting(
    arms=ARMS, warmup=0, feedback_every=20, slot_size=SIZE, page_size=6, slab_size={"memory": 3, "popular": 5}
)
SLABS = [8, 8, 3, 5]


@pytest.fixture(scope="module")
def prepared():
    study = Study(
        rounds=100,
        world={"kind": "music", "n_items": 500, "n_queries": 60, "seed": 3},
        arms={"dense": {"encoder": {"kind": "lsa", "dim": 16}}},
        ranker={"kind": "lambdamart", "explore": 0.0},  # quotas are valued by pages without explored places
        loop=SETTING,
        policies=(policy_spec("equal", ARMS),),
    )
    return study, prepare(build(study), make_world(study))


def make_loop(prepared, policy="random", **changes):
    study, shared = prepared
    setting, streams = replace(SETTING, **changes), ltrr.Streams(1)
    system = system_of(
        replace(study, loop=setting), shared, policy_spec(policy, ARMS), streams, quota=(1, 1, 1, 0)
    )
    return Loop(system, setting, streams)


def learned(prepared, n=400, **changes):
    """A loop whose memory holds something, and the next requests, none of which it has learned from."""
    loop = make_loop(prepared, **changes)
    for _ in range(n // 20):
        loop.step(20)
    return loop, loop.system.world.next(60, None)


def serve(loop, requests):
    return loop._serve(requests, np.arange(len(requests)), warm=False, audit=0.0)


def all_lists(loop, requests):
    """Everything that each arm has within the budget: lists[arm][request]."""
    depth = np.full(len(requests), loop.setting.budget, np.int32)
    found = [arm.retrieve(requests, depth) for arm in loop.system.arms]
    return [[f.item[f.indptr[b] : f.indptr[b + 1]].tolist() for b in range(len(requests))] for f in found]


# ---- what is drawn, and whose it is


@pytest.mark.parametrize("fallback", [("bm25", "popular"), ("popular", "dense"), ("memory",), ()])
@pytest.mark.parametrize("policy", ["random", "linucb-disjoint"])
def test_the_loop_fills_slots_one_after_another(prepared, policy, fallback):
    loop, requests = learned(prepared, policy=policy, fallback=fallback)
    batch = serve(loop, requests)
    decision, lists = batch.feedback.decision, all_lists(loop, batch.feedback.requests)
    action = decision.action.tolist() if policy == "random" else None
    index = [ARMS.index(name) for name in fallback]
    assert as_dicts(batch.union) == naive_union(lists, decision.quota, SLABS, SIZE, index, action)
    held = [[len(own) for own in arm] for arm in lists]
    own = np.minimum(decision.quota * SLABS, np.array(held).T)
    np.testing.assert_array_equal(batch.own, own)
    assert 0 < (batch.own[:, 2] > 0).sum() < 60
    assert (batch.union.slots > 0).all()


@pytest.mark.parametrize("slab_size", [None, {"memory": 1}, {"bm25": 3, "memory": 2, "dense": 1}])
def test_the_budget_is_the_same_whatever_the_slabs(prepared, slab_size):
    loop, requests = learned(prepared, slab_size=slab_size)
    union = serve(loop, requests).union
    delivered = np.diff(union.source_indptr[union.indptr])
    np.testing.assert_array_equal(delivered, 3 * SIZE)


@pytest.mark.parametrize("kind", SIGNALS)
@pytest.mark.parametrize("policy", ["random", "equal", "linucb", "linucb-disjoint"])
def test_credits_of_every_page_sum_to_its_reward(prepared, policy, kind):
    loop, earned = make_loop(prepared, policy), 0
    loop.system.reward = Reward(kind)
    for _ in range(10):
        feedback = loop.step(20).feedback
        np.testing.assert_allclose(feedback.credit.sum(axis=1), feedback.reward, rtol=0, atol=1e-12)
        assert (feedback.slots[feedback.item >= 0] > 0).all()
        earned += np.count_nonzero(feedback.reward)
    assert earned > 50


def test_every_quota_is_worth_what_it_earns_when_it_is_drawn(prepared):
    loop, requests = learned(prepared)
    loop.system.reward = Reward("satisfied", arm_cost=0.03, candidate_cost=0.002)
    judged = Measures(loop).oracles(serve(loop, requests)).to_pandas()
    value = np.stack(judged["quota_reward"].to_numpy())
    spread = 0.0
    for q, quota in enumerate(all_quotas(3, 4).tolist()):
        loop.system.policy = StaticQuota(tuple(quota))
        batch = serve(loop, requests)
        assert batch.feedback.decision.quota.tolist() == [quota] * 60
        np.testing.assert_allclose(value[:, q], batch.expected, atol=1e-6)
        spread = max(spread, np.ptp(batch.expected))
    assert spread > 0.1


# ---- what a policy sees of it


def left_to_the_fallback(have, quota, arm):
    """What of the arm's next slot it will not fill, place by place."""
    taken = sum(1 for place in range(quota * SLABS[arm], (quota + 1) * SLABS[arm]) if place < have)
    return (SIZE - taken) / SIZE


def test_features_say_how_much_of_a_slot_is_left_to_the_fallback(prepared):
    loop, requests = learned(prepared)
    decision = (batch := serve(loop, requests)).feedback.decision
    memory = loop.system.arms[2].available(batch.feedback.requests)
    np.testing.assert_array_equal(batch.available, np.stack([-np.ones(60)] * 2 + [memory, -np.ones(60)], 1))
    assert memory.min() == 0 < memory.max()
    seen = set()
    for b in range(60):
        quota, left = [0] * 4, []
        for actions, arm in zip(decision.actions, decision.action[b].tolist(), strict=True):
            column = actions.features[4 * b : 4 * b + 4, actions.names.index("fallback")]
            have = [24, 24, int(memory[b]), 24]
            want = [left_to_the_fallback(have[a], quota[a], a) for a in range(4)]
            np.testing.assert_allclose(column, want, atol=1e-7)
            left.append(column[arm])
            seen.add(round(float(column[2]) * SIZE))
            quota[arm] += 1
        # bm25 and dense may have less than they were asked for: they do not say
        assert batch.union.spilled[b] >= round(sum(left) * SIZE)
    assert {5, 8} < seen


def test_an_allocation_says_how_much_of_the_budget_is_left_to_the_fallback(prepared):
    loop, requests = learned(prepared, policy="linucb-disjoint")
    batch = serve(loop, requests)
    actions, memory = batch.feedback.decision.actions[0], batch.available[:, 2]
    column = actions.features[:, actions.names.index("fallback")].reshape(60, 20)
    for b in range(60):
        for q, (bm25, dense, of_memory, popular) in enumerate(all_quotas(3, 4).tolist()):
            filled = 8 * bm25 + 8 * dense + min(3 * of_memory, memory[b]) + 5 * popular
            assert column[b, q] == pytest.approx(1 - filled / 24, abs=1e-6)


def test_a_cached_arm_is_asked_itself(prepared):
    _, shared = prepared
    cache = shared.arms["bm25"]
    cache.retriever.available = lambda requests: np.full(len(requests), 6, np.int32)
    try:
        loop = make_loop(prepared)
        features = loop.step(20).feedback.decision.actions[0].features
    finally:
        del cache.retriever.available
    np.testing.assert_array_equal(features[::4, -2], np.float32(2 / 8))


def test_without_a_supply_every_arm_fills_its_slots():
    supply = Supply(np.array([4, 2], np.int32), 4, (object(), SimpleNamespace()))
    requests = ltrr.types.Requests.empty()
    assert supply.of_slot(requests, np.zeros((0, 2), np.int32)).shape == (0, 2)
    assert supply.of_quota(requests, np.array([[1, 1]], np.int32)).shape == (0, 1)


# ---- what a log knows of it


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    world = ltrr.worlds.Music(n_items=300, n_queries=20, wordings=1, seed=2)
    loop = {"warmup": 100, "slot_size": 6, "slab_size": {"bm25": 4, "memory": 1}, "page_size": 5}
    loop |= {"log_shadow": True, "held_out": 0, "delay_seconds": 0.0}
    folder = tmp_path_factory.mktemp("slabs") / "run"
    policies = ["random", "linucb", "linucb-disjoint"]
    return run_small(folder, policies, rounds=300, world=world, loop=loop)


@pytest.mark.parametrize("policy", ["random", "linucb-disjoint"])
def test_pages_of_other_quotas_follow_from_the_log(run, policy):
    # the page of every logged quota is rebuilt from the candidates, and compared with what was shown
    for target in ("3 memory", "1 bm25 + 2 memory"):
        answers = {a.name: a for a in two_stage(run.folder, policy=policy, target=target)}
        assert answers["page-ips"].own > 0
        assert answers["page-ips"].ess >= answers["sequence-ips"].ess


def test_action_sets_that_were_not_logged_are_rebuilt(run):
    log, one, more = open_run_log(run.folder, policy="linucb", warm_up="without"), 0, 0
    for part in log.read():
        n = len(part.events.request_indptr) - 1
        if n == 0:
            continue
        builder, requests = slabs_of(log, part), part.events.requests.take(part.events.request_indptr[:-1])
        logged = part.events.actions.features.reshape(n, 3, 4, 10)
        action, quota = part.events.action.reshape(n, 3), np.zeros((n, 4), np.int32)
        for s in range(3):
            built = builder.build(requests, quota).features.reshape(n, 4, 10)
            np.testing.assert_array_equal(built, logged[:, s])
            quota[np.arange(n), action[:, s]] += 1
        # a second slot of memory that nobody drew is known too
        table = pq.ParquetFile(log.parts.read("requests", part.seed, part.part, ("request",)).file).read()
        have = dict(zip(table["request"].to_pylist(), table["available"].to_pylist(), strict=True))
        second = builder.build(requests, np.tile(np.array([0, 0, 1, 0], np.int32), (n, 1))).features
        for b, request in enumerate(part.request[part.events.request_indptr[:-1]].tolist()):
            filled = int(have[request][2] > 1)
            assert second.reshape(n, 4, 10)[b, 2, 8] == np.float32(1 - filled / 6)
            one, more = one + (have[request][2] == 1), more + filled
    assert min(one, more) > 10


def edited(log, folder, **loop):
    copy = log.save(folder)
    file = copy.folder / "log.json"
    about = json.loads(file.read_text())
    about["settings"]["loop"].update(loop)
    file.write_text(json.dumps(about))
    return copy.folder


def test_a_log_that_names_no_slabs_asked_for_whole_slots(run, tmp_path):
    folder = edited(run.log("random", 0), tmp_path / "old", slab_size=None)
    log = open_run_log(folder, policy="random")
    slabs, size = log.parts.slab_sizes()
    assert (slabs.tolist(), size) == ([6] * 4, 6)
    assert open_run_log(run.folder, policy="random").parts.slab_sizes()[0].tolist() == [4, 6, 1, 6]
    # as this run did not, its pages are not those that whole slots would have shown
    with pytest.raises(InputError, match="must be the best of its logged candidates and is not"):
        two_stage(folder, policy="random", target="3 memory", estimators=["page-ips"])


@pytest.mark.parametrize("slab_size", [{"memory": 0}, {"mem": 2}, {"memory": "x"}, [2], 3])
def test_a_log_with_odd_slabs_is_one_line(run, tmp_path, slab_size):
    folder = edited(run.log("random", 0), tmp_path / "odd", slab_size=slab_size)
    with pytest.raises(InputError, match="must state slot_size >= 1, and in slab_size") as caught:
        two_stage(folder, policy="random", target="3 memory")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_pages_with_explored_places_count_for_their_own_quota_alone(run, tmp_path, share):
    """With all pages explored, weights by page are those by quota."""
    folder = run.log("random", 0).save(tmp_path / "explored").folder
    for file in (folder / "impressions").rglob("*.parquet"):
        table = pq.ParquetFile(file).read()
        places = np.random.default_rng(0).random(len(table)) < share
        column = table.column_names.index("explored")
        places |= table["explored"].to_numpy()
        pq.write_table(table.set_column(column, "explored", pa.array(places)), file)
    found = {a.name: a for a in two_stage(folder, policy="random", target="3 memory")}
    assert (found["page-ips"].reason, found["page-ips"].own) == ("", 1.0)
    assert (found["page-ips"].value == found["quota-ips"].value) == (share == 1.0)


def test_a_log_from_before_is_refused_where_it_would_be_guessed(run, tmp_path):
    folder = run.log("linucb", 0).save(tmp_path / "before").folder
    target = run_target()
    assert two_stage(folder, policy="linucb", target=target, warm_up="only")[0].n == 100
    for file in (folder / "requests").rglob("*.parquet"):
        table = pq.ParquetFile(file).read()
        pq.write_table(table.drop_columns(["available"]), file)
    with pytest.raises(InputError, match="has no column `available`"):
        two_stage(folder, policy="linucb", target=target, warm_up="only")
    about = json.loads((folder / "log.json").read_text())
    about["action_features"]["linucb"].remove("fallback")
    (folder / "log.json").write_text(json.dumps(about))
    for file in (folder / "decisions").rglob("*.parquet"):
        table = pq.ParquetFile(file).read()
        rows = [np.delete(np.reshape(r, (4, 10)), 8, axis=1).ravel() for r in table["features"].to_pylist()]
        at = table.schema.get_field_index("features")
        pq.write_table(table.set_column(at, "features", pa.array(rows, pa.list_(pa.float32()))), file)
    with pytest.raises(InputError, match=r"must offer all 4 arms in order with the features .*; simulate"):
        two_stage(folder, policy="linucb", target=target, warm_up="only")


def run_target():
    """A policy that learned nothing, and so looks at features without knowing anything of them."""
    from ltrr.bandits import EpsilonGreedy

    return EpsilonGreedy(0.2)


# ---- settings


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"slab_size": {"mem": 5}}, "`loop.slab_size` .* got 'mem'; did you mean 'memory'"),
        ({"slab_size": {"memory": 0}}, r"`loop.slab_size.memory` must be .*>= 1.*, got 0"),
        ({"slab_size": {"memory": 2.5}}, "`loop.slab_size.memory` must be an integer"),
        ({"slab_size": 5}, r"`loop.slab_size` must be a table as \{ memory = 5 \}, got 5"),
        ({"fallback": ("bm25", "bm25")}, "`loop.fallback` must not name an arm twice"),
    ],
)
def test_odd_settings_are_refused(given, says):
    with pytest.raises(InputError, match=says):
        ltrr.LoopSetting(**given)


def test_slabs_are_set_by_name_and_kept_in_the_order_of_the_arms():
    one = ltrr.LoopSetting(slab_size={"popular": 4, "memory": 5})
    assert one == ltrr.LoopSetting(slab_size={"memory": 5, "popular": 4})
    assert list(one.slab_size) == ["memory", "popular"]
    assert (one.slabs.tolist(), one.slabs.dtype, one.budget) == ([20, 20, 5, 4], np.int32, 60)
    # a slot never asks for more than it holds
    assert replace(one, slot_size=4).slabs.tolist() == [4] * 4
    assert replace(one, slot_size=4).slab_size == one.slab_size
    assert ltrr.LoopSetting(slab_size={}).slab_size is None
    assert ltrr.LoopSetting().slabs.tolist() == [20] * 4
