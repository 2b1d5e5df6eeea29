"""The value of other allocations from our own logs: by sequence, by quota, by page."""

import json
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ltrr
from ltrr import replay
from ltrr._kernels.two_stage import page_groups
from ltrr.bandits import EpsilonGreedy, EqualSplit, LinUCBDisjoint, SingleArm, StaticQuota, Uniform
from ltrr.errors import InputError
from ltrr.logs.formats.run_log import open_run_log
from ltrr.replay.allocations.batch import LEVELS
from ltrr.replay.allocations.logged import slabs_of
from ltrr.replay.allocations.quota_law import QuotaTree, quota_distribution
from ltrr.replay.allocations.quota_model import QuotaModel
from ltrr.replay.allocations.ratios import sequence_level
from ltrr.replay.allocations.two_stage import two_stage
from ltrr.replay.allocations.weights import TwoStage
from ltrr.types.quotas import all_quotas, quota_name, quota_of
from tests import naive_two_stage as naive
from tests.hand_log import change, hand_log
from tests.small_runs import run_small

ARMS = ("bm25", "dense")
SLOTS, ROUNDS, WARM = 3, 3_000, 1_500


# ---- a log by hand -----------------------------------------------------------------------------------------


@pytest.fixture
def hand(tmp_path):
    return hand_log(tmp_path)


@pytest.mark.parametrize(
    ("target", "weights", "values"),
    [
        # sequences aa, ab, ba, bb; the logging policy gives each 1/4, the quotas 1/4, 1/2, 1/4, the page of
        # item 1 three quarters
        ("2 a", ([4, 0, 0, 0], [4, 0, 0, 0], [4 / 3, 4 / 3, 4 / 3, 0]), (1, 1, 2 / 3)),
        ("1 a + 1 b", ([0, 2, 2, 0], [0, 2, 2, 0], [4 / 3, 4 / 3, 4 / 3, 0]), (0.5, 0.5, 2 / 3)),
        # the same quota filled in one order only
        (StaticQuota((1, 1)), ([0, 4, 0, 0], [0, 2, 2, 0], [4 / 3, 4 / 3, 4 / 3, 0]), (0, 0.5, 2 / 3)),
        ({"2 a": 0.5, "2 b": 0.5}, ([2, 0, 0, 2], [2, 0, 0, 2], [2 / 3, 2 / 3, 2 / 3, 2]), (0.5, 0.5, 1 / 3)),
    ],
)
def test_weights_worked_by_hand(hand, target, weights, values):
    stage = TwoStage(open_run_log(hand), target)
    (batch,) = stage.batches()
    for level, want in zip(LEVELS, weights, strict=True):
        np.testing.assert_allclose(batch.weight[level], want, atol=1e-12)
        assert batch.own[level].all()
        assert not batch.outside[level].any()
        # every sequence stands once, so that the mean of the logged squares is exact
        np.testing.assert_allclose(batch.square[level], np.square(want).mean(), atol=1e-12)
    found = two_stage(hand, target=target, estimators=["sequence-ips", "quota-ips", "page-ips"])
    np.testing.assert_allclose([f.value for f in found], values, atol=1e-12)
    # every sequence stands once, so that these are the exact moments
    spread = [np.var(w) for w in weights]
    assert spread[2] <= spread[1] <= spread[0]
    assert [f.mean_weight for f in found] == pytest.approx([1, 1, 1])
    np.testing.assert_allclose([f.ess for f in found], [16 / np.square(w).sum() for w in weights])
    np.testing.assert_allclose([f.expected_ess for f in found], [f.ess for f in found])


def test_a_fixed_policy_is_taken_from_the_log_with_its_share_of_random_slots(hand):
    """One slab each, a first, and a fifth of the slots at random: aa .09, ab .81, ba .09, bb .01."""
    about = json.loads((hand / "log.json").read_text())
    about["settings"]["policies"] = [{"name": "hand", "kind": "static", "quota": [1, 1]}]
    about["settings"]["loop"]["audit"] = 0.2
    (hand / "log.json").write_text(json.dumps(about))
    a, b = [0.9, 0.1], [0.1, 0.9]
    change(
        hand,
        "decisions",
        version=np.zeros(8, np.int32),
        probabilities=[a, a, a, a, b, b, a, a],
        propensity=[0.9, 0.9, 0.1, 0.1, 0.1, 0.9, 0.9, 0.1],
    )
    (batch,) = TwoStage(open_run_log(hand), "1 a + 1 b").batches()
    np.testing.assert_allclose(batch.weight["sequence"], [0, 0.5 / 0.81, 0.5 / 0.09, 0])
    np.testing.assert_allclose(batch.weight["quota"], [0, 1 / 0.9, 1 / 0.9, 0])
    np.testing.assert_allclose(batch.weight["page"], [1 / 0.99, 1 / 0.99, 1 / 0.99, 0])


def test_equal_scores_go_by_item(hand):
    change(hand, "candidates", ranker_score=[0.9, 0.1, 0.9, 0.2] * 4)
    (batch,) = TwoStage(open_run_log(hand), "2 a").batches()
    np.testing.assert_allclose(batch.weight["page"], [4 / 3, 4 / 3, 4 / 3, 0])


def test_a_page_that_does_not_follow_from_its_candidates_is_refused(hand):
    change(hand, "impressions", item=[1, 1, 2, 3])
    with pytest.raises(InputError, match="page of request 2 must be the best of its logged candidates"):
        two_stage(hand, target="2 a")


# ---- laws --------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(n_slots=st.integers(1, 4), n_arms=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
def test_laws_are_those_of_all_sequences(n_slots, n_arms, seed):
    rng = np.random.default_rng(seed)
    tree, n = QuotaTree(n_slots, n_arms), 3
    table = {}

    def step(slot, quota):
        key = (slot, *map(int, quota))
        if key not in table:
            p = rng.random((n, n_arms)) * (rng.random((n, n_arms)) < 0.7)
            p[:, 0] += 1e-3
            table[key] = p / p.sum(axis=1, keepdims=True)
        return table[key]

    law = tree.law(step, n=n)
    for b in range(n):
        want = naive.law(lambda s, q, b=b: step(s, q)[b], n_slots, n_arms)
        for i, quota in enumerate(all_quotas(n_slots, n_arms).tolist()):
            assert law.quota[b, i] == pytest.approx(want[tuple(quota)], abs=1e-12)
    # orders alike: the steps of a law of quotas lead back to it
    again = tree.exchangeable(law.quota)
    places = [{tuple(q): i for i, q in enumerate(nodes.tolist())} for nodes in tree.nodes]
    back = tree.law(lambda s, q: again.step[s][:, places[s][tuple(q.tolist())]], n=n)
    np.testing.assert_allclose(back.quota, law.quota, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(n_slots=st.integers(1, 3), n_arms=st.integers(1, 3), seed=st.integers(0, 2**32 - 1))
def test_mean_squares_are_those_of_all_sequences(n_slots, n_arms, seed):
    rng, tables = np.random.default_rng(seed), ({}, {})
    tree = QuotaTree(n_slots, n_arms)

    def step(table, slot, quota):
        key = (slot, *map(int, quota))
        if key not in table:
            p = rng.random(n_arms) * (rng.random(n_arms) < 0.8)
            p[rng.integers(n_arms)] += 0.1
            table[key] = p / p.sum()
        return table[key]

    laws = [tree.law(lambda s, q, t=t: np.tile(step(t, s, q), (2, 1)), n=2) for t in tables]
    want = naive.mean_square(*(lambda s, q, t=t: step(t, s, q) for t in tables), n_slots, n_arms)
    np.testing.assert_allclose(tree.mean_square(*laws), want, rtol=1e-9, atol=1e-12)


def test_levels_of_sequences_are_those_of_the_twin():
    rng, n, slots, arms = np.random.default_rng(5), 40, 3, 3
    tree = QuotaTree(slots, arms)
    law = tree.exchangeable(rng.dirichlet(np.ones(len(tree.nodes[-1])), n))
    logged, action = rng.dirichlet(np.ones(arms), (n, slots)), rng.integers(0, arms, (n, slots))
    logged[:5, 1, 0] = 0.0
    action[:5, 1] = 1
    path = tree.path(action)
    found = sequence_level(law, path, action, logged)
    for b in range(n):
        steps = [law.step[s][b, path[b, s]] for s in range(slots)]
        want = naive.sequence_level(steps, logged[b], action[b].tolist())
        np.testing.assert_allclose((found.weight[b], found.outside[b], found.square[b]), want, rtol=1e-12)


def test_random_slots_give_the_law_of_the_warm_up():
    law = QuotaTree(3, 4).uniform(2).quota
    for i, quota in enumerate(all_quotas(3, 4).tolist()):
        orders = sum(naive.quota_of(s, 4) == tuple(quota) for s in product(range(4), repeat=3))
        np.testing.assert_allclose(law[:, i], orders / 64)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), n_arms=st.integers(1, 3), n_slots=st.integers(1, 3), slot_size=st.integers(1, 3))
def test_pages_of_all_quotas_are_those_of_the_twin(data, n_arms, n_slots, slot_size):
    page_size = data.draw(st.integers(1, 4))
    budget, item = n_slots * slot_size, st.integers(0, 9)
    quotas = all_quotas(n_slots, n_arms)
    fallback = data.draw(st.lists(st.integers(0, n_arms - 1), unique=True))
    slabs = data.draw(st.lists(st.integers(1, slot_size), min_size=n_arms, max_size=n_arms))
    requests = []
    for _ in range(data.draw(st.integers(0, 3))):
        lists = [data.draw(st.lists(item, unique=True, max_size=budget)) for _ in range(n_arms)]
        requests.append((lists, data.draw(st.lists(st.sampled_from([0.1, 0.5]), min_size=10, max_size=10))))
    indptr, start, source, order = [0], [0], [], []
    for lists, score in requests:
        ranked = sorted({i for own in lists for i in own}, key=lambda i: (-score[i], i))
        rows = [(p, a, own.index(i)) for p, i in enumerate(ranked) for a, own in enumerate(lists) if i in own]
        source += rows
        order.append(ranked)
        indptr.append(indptr[-1] + len(ranked))
        start.append(len(source))
    group = np.empty((len(requests), len(quotas)), np.int64)
    page = np.empty((len(requests), len(quotas), page_size), np.int32)
    source = np.array(source, np.int32).reshape(-1, 3)
    page_groups(
        np.array(indptr),
        np.array(start),
        source,
        quotas,
        np.array(slabs, np.int32),
        slot_size,
        np.array(fallback, np.int32),
        group,
        page,
    )
    for b, (lists, score) in enumerate(requests):
        sizes = {"slabs": slabs, "slot_size": slot_size, "fallback": fallback, "page_size": page_size}
        want = [naive.page(lists, score, q, **sizes) for q in quotas.tolist()]
        got = [tuple(order[b][p] for p in page[b, q] if p >= 0) for q in range(len(quotas))]
        assert got == want
        assert group[b].tolist() == [want.index(w) for w in want]


def test_quotas_have_names():
    assert quota_name((0, 0), ("a", "b")) == "nothing"
    assert quota_of("always:2 b + a", ("a", "b"), 3).tolist() == [1, 2]
    for text, says in (
        ("2 c", "got 'c'"),
        ("2 a", "must divide 3 slots, got 2"),
        ("1 a + 2 a", "an arm twice"),
        ("a b c", "must be like"),
        ("", "must be like"),
    ):
        with pytest.raises(InputError, match=says):
            quota_of(text, ("a", "b"), 3)
    with pytest.raises(InputError, match=r"sum to 1, got 0.5"):
        quota_distribution({"2 a": 0.5}, ("a", "b"), 2)


def test_the_reward_model_is_the_twins_ridge():
    rng = np.random.default_rng(3)
    n, quotas = 200, all_quotas(2, 3)
    key, x = np.arange(n), rng.random((n, 2)).astype(np.float32)
    quota, reward = rng.integers(0, len(quotas), n), rng.random(n)
    law = rng.dirichlet(np.ones(len(quotas)), n)
    model = QuotaModel(2, 3, 2, folds=4, ridge=0.5)
    for rows in np.array_split(np.arange(n), 7):
        model.add(key[rows], x[rows], quota[rows], reward[rows])
    logged = model.predict(key, x, np.eye(len(quotas))[quota])
    target = model.predict(key, x, law)

    def phi(b, q):
        own = x[b].astype(float)
        return np.concatenate([[1.0], own, np.eye(len(quotas))[q], np.outer(quotas[q] / 2, own).ravel()])

    columns = np.array([phi(b, quota[b]) for b in range(n)])
    for b in (0, 1, 2, 3, 50):
        others = key % 4 != b % 4
        beta = naive.ridge(columns[others], reward[others], 0.5)
        assert logged[b] == pytest.approx(phi(b, quota[b]) @ beta, abs=1e-9)
        want = sum(law[b, q] * (phi(b, q) @ beta) for q in range(len(quotas)))
        assert target[b] == pytest.approx(want, abs=1e-9)


# ---- simulated logs ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Arms and a ranker that learn nothing, so that a target can be run for real in the same states."""
    world = ltrr.worlds.Music(n_items=400, n_queries=150, seed=2)
    policies = [
        "random",
        {"name": "allocations", "kind": "uniform", "space": "allocations"},
        "equal",
        "epsilon-greedy",
        {"name": "static", "kind": "static", "quota": [2, 1]},
        {"name": "lexical", "kind": "single", "arm": "bm25"},
    ]
    return run_small(
        tmp_path_factory.mktemp("two-stage") / "run",
        policies,
        rounds=ROUNDS,
        world=world,
        ranker={"kind": "prior"},
        loop={
            "arms": ARMS,
            "fallback": ARMS,
            "n_slots": SLOTS,
            "warmup": WARM,
            "feedback_every": 250,
            "slot_size": 4,
            "slab_size": {"dense": 3},
            "page_size": 5,
            "held_out": 0,
            "oracle_every": 3_000,
            "log_shadow": True,
        },
    )


def batches(run, policy, target, **options):
    log = open_run_log(run.folder, policy=policy, warm_up=options.pop("warm_up", "all"))
    return list(TwoStage(log, target, **options).batches())


def joined(parts, level):
    return np.concatenate([p.weight[level] for p in parts])


TARGETS = [("static", StaticQuota((2, 1))), ("equal", EqualSplit()), ("lexical", SingleArm(0))]


@pytest.mark.parametrize("logged", ["random", "allocations"])
@pytest.mark.parametrize(("real", "target"), TARGETS, ids=[t[0] for t in TARGETS])
def test_all_levels_agree_with_running_the_target_for_real(run, logged, real, target):
    parts = batches(run, logged, target)
    reward = np.concatenate([p.reward for p in parts])
    truth = run.rounds(real)
    # what the target's run decided at random before its warm-up ended is not the target
    rows = np.arange(WARM, ROUNDS)
    assert (truth["query"].to_numpy() == run.rounds(logged)["query"].to_numpy()).all()
    variance = []
    for level in LEVELS:
        weight = joined(parts, level)
        # the requests are the same: what differs, request by request, has mean 0; 4.9 sd are 1e-6 two-sided
        for difference in (weight[rows] * reward[rows] - truth.reward.to_numpy()[rows], weight - 1):
            assert abs(difference.mean()) < 4.9 * difference.std() / np.sqrt(len(difference)) + 1e-12
        variance.append((weight * reward).var())
    # merging what cannot be told apart only ever averages weights; equal where it averages equal ones
    assert variance[2] < 0.9 * variance[1]
    assert variance[1] <= variance[0] * (1 + 1e-9)
    if logged == "random" and real == "static":
        assert variance[1] < 0.6 * variance[0]  # one of three orders


@pytest.mark.parametrize("logged", ["random", "epsilon-greedy", "allocations"])
def test_weights_are_those_of_the_twin(run, logged):
    target = {"3 bm25": 0.25, "2 bm25 + 1 dense": 0.75}
    parts = batches(run, logged, target, warm_up="only")
    tables = run.log(logged, 0)
    quotas = [tuple(q) for q in all_quotas(SLOTS, 2).tolist()]
    wanted = {q: {(3, 0): 0.25, (2, 1): 0.75}.get(q, 0.0) for q in quotas}
    law = naive.law(lambda s, q: [0.5, 0.5], SLOTS, 2)
    quota = tables.decisions.drop_duplicates("request").set_index("request").quota
    orders = {q: law[q] * 2**SLOTS for q in quotas}
    rows = tables.candidates[lambda t: t.request < 40]
    for request, own in rows.groupby("request"):
        lists = [own[own.arm == a].sort_values("rank").item.tolist() for a in range(2)]
        score = dict(zip(own.item, own.ranker_score, strict=True))
        sizes = {"slabs": (4, 3), "slot_size": 4, "fallback": (0, 1), "page_size": 5}
        pages = {q: naive.page(lists, score, q, **sizes) for q in quotas}
        logged_quota = tuple(quota[request])
        # an order of the target's quota is as likely as any other
        sequence = wanted[logged_quota] / orders[logged_quota] * 2**SLOTS
        if logged == "allocations":
            sequence = wanted[logged_quota] / law[logged_quota]
        got = [joined(parts, level)[request] for level in LEVELS]
        want = [
            sequence,
            wanted[logged_quota] / law[logged_quota],
            naive.page_weight(pages, wanted, law, logged_quota),
        ]
        np.testing.assert_allclose(got, want, atol=1e-12)


def test_what_a_model_predicts_for_the_logged_row_averages_out_at_every_level(run):
    # an arbitrary value of every quota: its weighted mean must be the target's, whatever the level
    value = np.random.default_rng(8).normal(size=20) * 5
    parts = batches(run, "random", StaticQuota((2, 1)), warm_up="without")
    value = value[: parts[0].target.shape[1]]
    for level in ("sequence", "quota", "page"):
        gap = np.concatenate([p.weight[level] * (p.seen[level] @ value) - p.target @ value for p in parts])
        assert abs(gap.mean()) < 4.9 * gap.std() / np.sqrt(len(gap)) + 1e-12
    # the logged quota's own value beside the page's weight does not: many quotas show the page
    other = 1.0 - parts[0].target[0]
    assert all((p.seen["page"] @ other == 0.0)[p.weight["page"] > 0].all() for p in parts)
    assert np.concatenate([p.weight["page"] * other[p.quota] for p in parts]).mean() > 0.02


@pytest.mark.parametrize("logged", ["random", "allocations", "epsilon-greedy"])
def test_expected_squares_are_means_of_the_logged_ones(run, logged):
    # after the warm-up the law of epsilon-greedy is not known: then only the last slot's alternatives are
    parts = batches(run, logged, {"2 bm25 + 1 dense": 0.5, "3 bm25": 0.5})
    for level in LEVELS:
        gap = np.concatenate([p.square[level] for p in parts]) - joined(parts, level) ** 2
        assert np.abs(gap).max() > 1e-6
        assert abs(gap.mean()) < 4.9 * gap.std() / np.sqrt(len(gap)) + 1e-12


def test_a_replay_takes_quotas_beside_other_policies(run):
    log = replay.read(run.folder, policy="random", warm_up="without")
    found = replay.run(log, ["uniform", "quota:2 bm25 + 1 dense"], estimators=["slate-ips"])
    rows = found.table[found.table.policy == "quota:2 bm25 + 1 dense"].set_index("estimator")
    direct = two_stage(run.folder, policy="random", target="2 bm25 + 1 dense", warm_up="without")
    for answer in direct:
        assert rows.value[answer.name] == answer.value
        half = 1.959964 * answer.standard_error
        assert rows.low[answer.name] == pytest.approx(answer.value - half, abs=1e-6)
        assert rows.ess[answer.name] == min(answer.ess, answer.expected_ess)
        assert rows.verdict[answer.name] == ("supported" if answer.effective >= 1_000 else "weak")
        assert rows.note[answer.name] == answer.note
    assert "uniform" in set(found.table.policy)
    only = replay.run(log, ["quota:2 bm25 + 1 dense"], intervals=["bootstrap:100"])
    assert set(only.table.policy) == {"as logged", "quota:2 bm25 + 1 dense"}
    only.report(run.folder.parent / "page")
    with pytest.raises(InputError, match="quota"):
        replay.run(log, ["quota:9 bm25"])


def test_doubly_robust_and_self_normalised_values_are_near_the_truth(run):
    names = ["quota-snips", "quota-dr", "page-snips", "page-dr", "sequence-dr"]
    truth = run.rounds("static").reward.to_numpy()[WARM:].mean()
    answers = two_stage(
        run.folder, policy="random", target="2 bm25 + 1 dense", warm_up="without", estimators=names
    )
    for answer in answers:
        assert answer.n == ROUNDS - WARM
        assert answer.value == pytest.approx(truth, abs=4.9 * answer.standard_error)
        assert 0 < answer.standard_error < 0.05


def test_a_learning_policy_is_answered_by_quota_in_the_warm_up_and_by_sequence_after_it(run):
    own = np.concatenate([p.own["quota"] for p in batches(run, "epsilon-greedy", "3 bm25")])
    np.testing.assert_array_equal(own, np.arange(ROUNDS) < WARM)
    answers = two_stage(run.folder, policy="epsilon-greedy", target="2 bm25 + 1 dense")
    by_name = {a.name: a for a in answers}
    assert by_name["quota-ips"].own == WARM / ROUNDS
    assert "50.0% of the weights" in by_name["quota-ips"].note
    assert by_name["sequence-ips"].note == ""
    parts = batches(run, "epsilon-greedy", "2 bm25 + 1 dense", warm_up="without")
    np.testing.assert_array_equal(joined(parts, "quota"), joined(parts, "sequence"))


def test_a_policy_given_as_the_logging_one_must_restate_the_log(run):
    target = StaticQuota((2, 1))
    right = batches(run, "random", target, warm_up="without", logging=Uniform())
    named = batches(run, "random", target, warm_up="without")
    assert all(p.own["quota"].all() for p in (*right, *named))
    np.testing.assert_array_equal(joined(right, "page"), joined(named, "page"))
    with pytest.raises(InputError, match=r"EqualSplit must restate .* differs from those of request 1500;"):
        batches(run, "random", target, logging=EqualSplit())


def test_a_policys_features_in_unlogged_slots_are_those_it_would_have_seen(run):
    log = open_run_log(run.folder, policy="epsilon-greedy", warm_up="without")
    part = list(log.read())[-1]
    events = part.events
    logged = events.actions.features.reshape(-1, SLOTS, 2, 6)
    builder = slabs_of(log, part)
    requests = events.requests.take(events.request_indptr[:-1])
    quota = np.zeros((len(requests), 2), np.int32)
    for s in range(SLOTS):
        built = builder.build(requests, quota).features.reshape(-1, 2, 6)
        np.testing.assert_array_equal(built, logged[:, s])
        quota[np.arange(len(quota)), events.action.reshape(-1, SLOTS)[:, s]] += 1


@pytest.mark.parametrize(
    ("target", "mass", "of_sequences"),
    [
        ("3 bm25", 1.0, 1.0),
        # of the second quota's three orders the equal split never begins with the same arm twice
        ({"3 bm25": 0.25, "2 bm25 + 1 dense": 0.75}, 0.25, 0.5),
        (SingleArm(1), 1.0, 1.0),
    ],
)
def test_outside_the_support_there_is_no_answer(run, target, mass, of_sequences):
    # the equal split gives every arm a slot or two and was logged without random slots
    answers = two_stage(run.folder, policy="equal", target=target, warm_up="without")
    for answer in answers[:4]:
        assert answer.value is None
        assert answer.standard_error is None
        assert "have probability 0 under the logging policy" in answer.reason
        if answer.name.startswith("quota"):
            assert answer.outside == pytest.approx(mass)
    # an unbiased estimate from logged sequences
    parts = batches(run, "equal", target, warm_up="without")
    outside = np.concatenate([p.outside["sequence"] for p in parts])
    assert abs(outside.mean() - of_sequences) < 4.9 * outside.std() / np.sqrt(len(outside)) + 1e-12
    # with the warm-up's rows as well, a part of the log still never could have
    assert two_stage(run.folder, policy="equal", target=target)[1].outside == pytest.approx(mass / 2)


def test_pages_may_be_covered_where_quotas_are_not(run):
    parts = batches(run, "equal", "3 bm25", warm_up="without")
    page = np.concatenate([p.outside["page"] for p in parts])
    assert 0 < page.mean() < 1


def test_without_shadows_pages_cannot_be_told(run, tmp_path):
    run.log("random").save(tmp_path / "log")
    place = tmp_path / "log" / "log.json"
    about = json.loads(place.read_text())
    about["settings"]["loop"]["log_shadow"] = False
    place.write_text(json.dumps(about))
    answers = two_stage(tmp_path, policy="random", target="3 bm25")
    assert [a.reason == "" for a in answers] == [True, True, True, True, False]
    assert "log_shadow = true" in answers[-1].reason


def test_scores_that_depend_on_the_allocation_tell_no_other_page(run, tmp_path):
    run.log("random").save(tmp_path / "log")
    for file in (tmp_path / "log" / "candidates").rglob("*.parquet"):
        frame = pd.read_parquet(file)
        frame.loc[frame.slots == 0, "ranker_score"] = np.nan
        frame.to_parquet(file)
    answer = two_stage(tmp_path, policy="random", target="3 bm25", estimators=["page-ips"])[0]
    assert answer.value is None
    assert "no request's other pages are known" in answer.reason


def test_costs_are_told_of_at_the_level_of_pages(hand):
    about = json.loads((hand / "log.json").read_text())
    about["settings"]["reward"]["arm_cost"] = 0.01
    (hand / "log.json").write_text(json.dumps(about))
    found = {a.name: a for a in two_stage(hand, target="2 a")}
    assert found["page-ips"].doubt == "costs are those of the logged quotas, not of the target's"
    assert found["page-ips"].note.startswith(found["page-ips"].doubt + "; ")
    assert found["quota-ips"].doubt == found["quota-ips"].note == ""


def test_targets_that_cannot_be_stated_are_refused(run):
    with pytest.raises(InputError, match="over slabs, as the log is, or a fixed one, got LinUCBDisjoint"):
        two_stage(run.folder, policy="random", target=LinUCBDisjoint())
    with pytest.raises(
        InputError, match="over allocations, as the log is, or a fixed one, got EpsilonGreedy"
    ):
        two_stage(run.folder, policy="allocations", target=EpsilonGreedy())
    with pytest.raises(InputError, match="a quota, quotas with shares or a policy, got 3"):
        two_stage(run.folder, policy="random", target=3)
    with pytest.raises(InputError, match="did you mean 'quota-ips'"):
        two_stage(run.folder, policy="random", target="3 bm25", estimators=["quota-ipss"])
    with pytest.raises(InputError, match="must divide 3 slots"):
        two_stage(run.folder, policy="random", target="2 bm25")


@pytest.mark.parametrize("target", [StaticQuota((2, 1), space="allocations"), Uniform("allocations")])
def test_fixed_policies_of_either_space_are_stated_on_either_log(run, target):
    here = batches(run, "allocations", target, warm_up="only")
    there = batches(run, "random", target, warm_up="only")
    np.testing.assert_allclose(here[0].target[0], there[0].target[0], atol=1e-12)
    for parts in (here, there):
        for level in LEVELS:
            weight = joined(parts, level) - 1
            assert abs(weight.mean()) < 4.9 * weight.std() / np.sqrt(len(weight)) + 1e-12


def test_a_warm_up_that_was_not_uniform_is_refused(hand):
    probabilities = [[0.5, 0.5]] * 7 + [[0.4, 0.6]]
    change(hand, "decisions", probabilities=probabilities, propensity=[0.5] * 7 + [0.6])
    with pytest.raises(InputError, match=r"the random warm-up must restate .* of request 3;"):
        two_stage(hand, target="2 a")


def test_spoilt_bytes_never_end_in_a_traceback(hand):
    rng = np.random.default_rng(6)
    files = sorted(p for p in hand.rglob("*") if p.is_file())
    for trial in range(120):
        file = files[trial % len(files)]
        whole = file.read_bytes()
        spoilt = bytearray(whole)
        for at in rng.integers(0, len(whole), 2):
            spoilt[at] = rng.integers(256)
        file.write_bytes(spoilt)
        message = ""
        try:
            two_stage(hand, target="2 a", on_error="skip")
        except InputError as error:
            message = str(error)
        assert "\n" not in message
        file.write_bytes(whole)


def test_an_empty_choice_of_rows_has_no_answer(hand):
    answers = two_stage(hand, target="2 a", warm_up="without")
    assert {a.reason for a in answers} == {"the log holds no such requests"}
