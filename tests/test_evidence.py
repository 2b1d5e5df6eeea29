"""Previews of the arms, what they say, and which policies listen."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr import InputError, LoopSetting, Streams
from ltrr._kernels.previews import overlaps
from ltrr._state import pack, unpack
from ltrr.bandits import EpsilonGreedy, LinUCB, LinUCBDisjoint, VowpalWabbit
from ltrr.bandits.blocks import BLOCKS, seen
from ltrr.bandits.spec import policy_spec
from ltrr.features.actions import Allocations, Slabs
from ltrr.features.arm_columns import ArmColumns, SourceHistory, share_of_types
from ltrr.features.evidence import Evidence
from ltrr.features.history import CreditHistory
from ltrr.logs.formats.run_log import open_run_log
from ltrr.replay.allocations.logged import slabs_of
from ltrr.simulation.loop import Loop
from ltrr.simulation.measure import Measures
from ltrr.study.build import build, make_policy, make_world, prepare, system_of
from ltrr.study.cells import Cells
from ltrr.study.comparators import comparators
from ltrr.study.study import Study
from ltrr.types import Candidates, Catalogue, Requests
from ltrr.users.rewards import Reward
from tests.naive_evidence import naive_overlaps, naive_shape
from tests.small_runs import run_small
from tests.test_loop import Scrambled
from tests.test_summary import judged, make_study

ARMS = ("bm25", "dense", "memory", "popular")
SETTING = LoopSetting(
    arms=ARMS, warmup=40, feedback_every=20, slot_size=8, page_size=6, slab_size={"memory": 3}, preview=5
)
ALL = {
    space: {"name": "all", "kind": "linucb", "space": space, "blocks": list(BLOCKS[space])}
    for space in BLOCKS
}


@pytest.fixture(scope="module")
def prepared():
    study = Study(
        rounds=100,
        world={"kind": "music", "n_items": 500, "n_queries": 200, "seed": 3},
        arms={"dense": {"encoder": {"kind": "lsa", "dim": 16}}},
        loop=SETTING,
        policies=(policy_spec("equal", ARMS),),
    )
    return study, prepare(build(study), make_world(study))


def make_loop(prepared, policy="linucb", **changes):
    study, shared = prepared
    setting, streams = replace(SETTING, **changes), Streams(1)
    system = system_of(replace(study, loop=setting), shared, policy_spec(policy, ARMS), streams)
    return Loop(system, setting, streams)


def requests_of(n):
    zero = np.zeros(n)
    return Requests(np.arange(n), zero, zero, np.full(n, -1), zero, np.zeros((n, 0)))


def retrieving(*batches):
    """Return a callable that plays lists of (items, scores) by arm, a batch a call of the first arm."""
    state = {"at": -1}

    def retrieve(arm, requests, depth):
        state["at"] += arm == 0
        items, scores = batches[state["at"]][arm]
        return Candidates.from_lists(items, depth=depth, scores=scores)

    return retrieve


# ---- columns


def test_columns_worked_by_hand():
    catalogue = Catalogue(
        tuple("abcdefghij"),
        {"title": tuple("abcdefghij")},
        popularity=np.arange(10.0),  # the ninth decile is 8.1: item 9 alone is popular
        released=-np.arange(10.0),  # and item 0 alone is new
        kind=np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 1]),
        kind_names=("song", "album"),
    )
    evidence = Evidence(("x", "y"), 4, catalogue)
    lists = {0: ([[0, 3, 1, 9]], [[8.0, 4.0, 3.0, 1.0]]), 1: ([[3, 2]], [[0.5, 0.25]])}
    play = retrieving(lists, lists, {0: ([[0]], [[2.0]]), 1: ([[]], [[]])}, lists)
    one = requests_of(1)
    got = dict(zip(evidence.names, evidence.build(one, play)[0].T.tolist(), strict=True))
    deviation = np.sqrt((16 + 0 + 1 + 9) / 4)
    want = {
        "results": [1.0, 0.5],
        "top": [0.0, 0.0],  # no scale yet
        "margin": [0.5, 0.5],
        "spread": [7 / 8, 0.5],
        "nqc": [deviation / 4, 0.125 / 0.375],
        "wig": [(8 - 8 / 3) / 4, 0.25 / 0.375],
        "new": [0.25, 0.0],
        "popular": [0.25, 0.0],
        "kinds": [1.0, 1.0],  # two of each, one of each: as even as can be
        "main_kind": [0.5, 0.5],
        "overlap": [0.25, 0.5],
        "with_x": [0.0, 0.5],
        "with_y": [0.25, 0.0],
    }
    assert list(got) == list(want)
    for name, values in want.items():
        assert got[name] == pytest.approx(values, abs=1e-6), name


def test_the_first_score_is_measured_by_what_the_arm_scored_before():
    evidence = Evidence(("x",), 2, Catalogue(("a", "b"), {"title": ("a", "b")}))

    def tops(*scores):
        return {
            0: (
                [[0] if s is not None else [] for s in scores],
                [[s] if s is not None else [] for s in scores],
            )
        }

    play = retrieving(tops(1.0, 3.0, None), tops(6.0), tops(9.0, None, 3.0))
    evidence.build(requests_of(3), play)
    evidence.count()
    assert evidence.state() == {"count": [2.0], "mean": [2.0], "square": [2.0]}
    # mean 2, deviation 1: 6 lies four deviations above, cut at three
    assert evidence.build(requests_of(1), play)[0, 0, 1] == 1.0
    evidence.count()
    state = evidence.state()
    own = np.array([1.0, 3.0, 6.0])
    assert [state[k][0] for k in ("count", "mean", "square")] == pytest.approx([3, own.mean(), 3 * own.var()])
    got = evidence.build(requests_of(3), play)[:, 0, 1]
    far = np.clip((np.array([9.0, np.nan, 3.0]) - own.mean()) / own.std(), -3, 3) / 3
    assert got == pytest.approx([far[0], 0.0, far[2]], abs=1e-6)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_columns_are_those_of_the_twin(data):
    n, arms, depth = data.draw(st.integers(0, 3)), data.draw(st.integers(1, 4)), data.draw(st.integers(1, 9))
    one = st.lists(st.integers(0, 11), max_size=depth, unique=True)
    number = st.floats(-5, 5, width=16)
    items = [[data.draw(one) for _ in range(arms)] for _ in range(n)]
    scores = [
        [sorted(data.draw(st.lists(number, min_size=len(i), max_size=len(i))), reverse=True) for i in row]
        for row in items
    ]
    flat = np.full((n, arms, depth), -1, np.int32)
    for b, row in enumerate(items):
        for a, own in enumerate(row):
            flat[b, a, : len(own)] = own
    pair, rest = np.full((n, arms, arms), 9, np.float32), np.full((n, arms), 9, np.float32)
    overlaps(flat, pair, rest)
    want_pair, want_rest = naive_overlaps(items)
    np.testing.assert_allclose(pair, np.reshape(want_pair, pair.shape), rtol=1e-6)
    np.testing.assert_allclose(rest, np.reshape(want_rest, rest.shape), rtol=1e-6)
    names = tuple("abcdefghijkl")
    evidence = Evidence(tuple(f"arm{a}" for a in range(arms)), depth, Catalogue(names, {"title": names}))
    lists = {a: ([row[a] for row in items], [row[a] for row in scores]) for a in range(arms)}
    got = evidence.build(requests_of(n), retrieving(lists))
    for b in range(n):
        for a in range(arms):
            np.testing.assert_allclose(got[b, a, 2:6], naive_shape(scores[b][a]), rtol=1e-4, atol=1e-4)
            assert got[b, a, 0] == pytest.approx(len(items[b][a]) / depth)
    assert np.isfinite(got).all()
    assert (np.abs(got) <= 2.0).all()


class Given:
    """Columns of arms that a test states."""

    def __init__(self, names, value):
        self.names, self._value = names, value

    def value(self, requests):
        return np.repeat(self._value[None], len(requests), axis=0).astype(np.float32)


def test_filled_is_the_overlap_with_the_arms_of_filled_slots_and_allocations_are_means_over_slots():
    names = ("evidence:top", "evidence:with_x", "evidence:with_y", "evidence:with_z")
    value = np.array([[0.3, 0.0, 0.2, 0.4], [0.6, 0.5, 0.0, 0.1], [0.9, 0.8, 0.7, 0.0]])
    slabs = Slabs(("x", "y", "z"), 3, CreditHistory(3), columns=Given(names, value))
    assert slabs.names[8:] == (*names, "evidence:filled")
    first = slabs.build(requests_of(1), np.zeros((1, 3), np.int32)).features[:, 8:]
    np.testing.assert_allclose(first[:, :4], value, rtol=1e-6)
    np.testing.assert_array_equal(first[:, 4], 0.0)
    third = slabs.build(requests_of(1), np.array([[0, 1, 1]], np.int32)).features[:, -1]
    np.testing.assert_allclose(third, [(0.2 + 0.4) / 2, 0.1 / 2, 0.7 / 2], rtol=1e-6)
    whole = Allocations(("x", "y", "z"), 3, CreditHistory(10), columns=Given(names, value))
    actions = whole.build(requests_of(1), np.zeros((1, 3), np.int32))
    row = actions.features[actions.quota.tolist().index([2, 1, 0]), 8:]
    share = np.array([2, 1, 0]) / 3
    np.testing.assert_allclose(row, [*(share @ value), 2 / 9 * 0.2 + 2 / 9 * 0.5], rtol=1e-6)


def test_types_share_what_their_arms_earned():
    source = ("lexical", "memory", "lexical")
    history = SourceHistory(share_of_types(source, np.eye(3)))
    columns = ArmColumns(source, history)
    assert columns.names == ("source:lexical", "source:memory", "source:credit")
    decision = type("D", (), {"n_slots": 2, "action": np.array([[0, 1], [2, 2]])})()
    feedback = type(
        "F",
        (),
        {"requests": requests_of(2), "decision": decision, "credit": np.array([[1.0, 0.0], [0.5, 0.0]])},
    )()
    columns.learn(feedback)
    state = columns.state()["history"]
    assert (state["sum"].sum(axis=0).tolist(), state["count"].sum(axis=0).tolist()) == (
        [1.5, 0.0],
        [3.0, 1.0],
    )
    # the third arm is as good as its type, the prior 0.2 of weight 10 first over all kinds, then in this one
    lexical = (1.5 + 10 * (1.5 + 2.0) / 13) / 13
    got = columns.value(requests_of(1))[0]
    np.testing.assert_allclose(got[[0, 2]], [[1, 0, lexical]] * 2, rtol=1e-6)
    allocations = share_of_types(source, np.array([[2, 1, 0], [1, 0, 2]]) / 3)
    np.testing.assert_allclose(allocations, [[2 / 3, 1 / 3], [1, 0]])


# ---- policies and their blocks


def test_without_a_setting_policies_see_what_they_saw_without_previews(prepared):
    for policy in ("linucb", "epsilon-greedy", "vw-epsilon", "linucb-disjoint", "linucb-allocations"):
        plain, looking = make_loop(prepared, policy, preview=0), make_loop(prepared, policy)
        for _ in range(4):
            a, b = plain.step(20), looking.step(20)
            np.testing.assert_array_equal(a.page.item, b.page.item)
            np.testing.assert_array_equal(a.feedback.credit, b.feedback.credit)
            for one, two in zip(
                a.feedback.decision.probabilities, b.feedback.decision.probabilities, strict=True
            ):
                np.testing.assert_array_equal(one, two)
            names = a.feedback.decision.actions[0].names
            assert b.feedback.decision.actions[0].names[: len(names)] == names
            assert not any(name.startswith(("source", "evidence")) for name in names)
            assert (a.evidence, b.evidence.shape) == (None, (20, 4 * 15))


@pytest.mark.parametrize("make", [LinUCB, EpsilonGreedy, VowpalWabbit])
def test_a_policy_learns_of_its_blocks_alone(prepared, make):
    loop = make_loop(prepared, "random")
    batches = [loop.step(20) for _ in range(3)]
    blocks = ("arm", "evidence")
    policy, twin = make(blocks=blocks), make()
    for batch in batches:
        feedback, decision = batch.feedback, batch.feedback.decision
        policy.learn(feedback)
        own = tuple(seen(a, blocks) for a in decision.actions)
        assert {name.partition(":")[0] for name in own[0].names} == set(blocks)
        # the twin is handed the features of these blocks as all there are
        renamed = [replace(a, names=tuple(n.replace("evidence:", "e_") for n in a.names)) for a in own]
        twin.learn(replace(feedback, decision=replace(decision, actions=tuple(renamed))))
    rng = np.random.default_rng(0)
    a = policy.probabilities(feedback.requests, decision.actions[0], rng)
    b = twin.probabilities(feedback.requests, renamed[0], rng)
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)


def test_wrong_blocks_are_one_line():
    for make in (LinUCB, LinUCBDisjoint, EpsilonGreedy, VowpalWabbit):
        with pytest.raises(
            InputError, match=r"blocks` must be a known name, got 'evidense'; did you mean 'evidence'"
        ):
            make(blocks=["credit", "evidense"])
        with pytest.raises(InputError, match="got 'slab'"):
            make(blocks=["slab"], space="allocations")
        for bad in ("arm", [], 3):
            with pytest.raises(InputError, match="blocks` must be a list"):
                make(blocks=bad)
    spec = policy_spec({"name": "mine", "kind": "linucb", "blocks": ["arm", "evidence"]}, ARMS)
    with pytest.raises(
        InputError, match=r"`policies.mine.blocks` names 'evidence', which needs previews .* `loop.preview`"
    ):
        make_policy(spec, replace(SETTING, preview=0))
    assert make_policy(spec, SETTING).blocks == ("arm", "evidence")
    with pytest.raises(
        InputError, match=r"`loop\.preview` must be at most the 24 candidates of a request, got 25"
    ):
        replace(SETTING, preview=25)
    with pytest.raises(InputError, match=r"`loop\.preview` must be an integer >= 0"):
        replace(SETTING, preview=-1)


def test_blocks_that_the_actions_lack_are_one_line(prepared):
    batch = make_loop(prepared, "random", preview=0).step(5)
    with pytest.raises(InputError, match="`blocks` names 'evidence', but the actions have no such features"):
        LinUCB(blocks=["arm", "evidence"]).learn(batch.feedback)


def test_types_need_no_previews(prepared):
    spec = {"name": "typed", "kind": "linucb", "blocks": ["arm", "source"]}
    batch = make_loop(prepared, spec, preview=0).step(20)
    names = batch.feedback.decision.actions[0].names
    assert names[10:] == (
        *(f"source:{t}" for t in ("lexical", "embedding", "memory", "popularity")),
        "source:credit",
    )
    assert batch.evidence is None


# ---- the loop


@pytest.mark.parametrize("space", list(BLOCKS))
def test_state_with_previews_continues_exactly(prepared, space):
    loop, other = (make_loop(prepared, ALL[space], delay_seconds=600.0) for _ in range(2))
    for _ in range(4):
        loop.step(20)
    other.restore(unpack(pack(loop.state())))
    for _ in range(4):
        a, b = loop.step(20), other.step(20)
        np.testing.assert_array_equal(
            a.feedback.decision.actions[0].features, b.feedback.decision.actions[0].features
        )
        np.testing.assert_array_equal(a.feedback.decision.action, b.feedback.decision.action)
    assert pack(loop.state()) == pack(other.state())
    assert loop.system.columns.evidence.state()["count"].max() == 160


def test_judging_and_asking_leave_the_scale_alone_and_truth_moves_nothing(prepared):
    loop = make_loop(prepared, ALL["slabs"])
    for _ in range(4):
        loop.step(20)
    before = pack(loop.state())
    plain = loop.judge_held_out(60)
    loop.answer(loop.system.world.held_out(3))
    assert pack(loop.state()) == before
    loop.system.world = Scrambled(loop.system.world)
    scrambled = loop.judge_held_out(60)
    assert not np.array_equal(plain.truth_page.grade, scrambled.truth_page.grade)
    np.testing.assert_array_equal(plain.evidence, scrambled.evidence)
    np.testing.assert_array_equal(plain.feedback.decision.action, scrambled.feedback.decision.action)


def test_evidence_is_that_of_the_time_of_the_choice(prepared):
    loop = make_loop(prepared, "random")
    for _ in range(4):
        arms, scale = [a.state() for a in loop.system.arms], loop.system.columns.evidence.state()
        batch = loop.step(20)
    fresh = make_loop(prepared, "random")
    for arm, state in zip(fresh.system.arms, arms, strict=True):
        arm.restore(state)
    fresh.system.columns.evidence.restore(scale)
    want = fresh.system.evidence(batch.feedback.requests)
    np.testing.assert_array_equal(batch.evidence, want)
    after = loop.system.columns.evidence.build(batch.feedback.requests, loop.system.retrieve)
    assert not np.array_equal(after.reshape(20, -1), want)


def test_previews_cost_those_who_use_them(prepared):
    for policy, previews in ((ALL["slabs"], 4), ("linucb", 0)):
        loop = make_loop(prepared, policy, oracle_every=2)
        loop.system.reward = Reward(arm_cost=0.03, preview_cost=0.01)
        measures, batch = Measures(loop), loop.step(40)
        gross, _ = loop.system.reward.observed(batch.feedback.click, batch.feedback.satisfied)
        np.testing.assert_allclose(
            batch.feedback.reward, gross - 0.03 * batch.calls - 0.01 * previews, atol=1e-12
        )
        rows = measures.oracles(batch).to_pandas()
        np.testing.assert_allclose(rows["loss_exploration"], 0.0, atol=1e-6)
        lost = rows.filter(like="loss_").sum(axis=1)
        np.testing.assert_allclose(rows["ideal"] - rows["reward_sampled"], lost, atol=1e-12)
        np.testing.assert_array_equal(np.stack(rows["evidence"].to_numpy()), batch.evidence[1::2])


# ---- logs, and full information


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    policies = ["random", ALL["slabs"], ALL["allocations"]]
    loop = {"preview": 5, "feedback_every": 30, "warmup": 60, "checkpoint_every": 90, "held_out": 20}
    return run_small(
        tmp_path_factory.mktemp("previews"),
        [*policies[:2], {**policies[2], "name": "whole"}],
        rounds=180,
        loop=loop,
    )


def test_unlogged_slots_are_rebuilt_with_their_evidence(run):
    log = open_run_log(run.folder, policy="all")
    rows = 0
    for part in log.read():
        n = len(part.events.request_indptr) - 1
        builder, requests = slabs_of(log, part), part.events.requests.take(part.events.request_indptr[:-1])
        assert builder.names[-1] == "evidence:filled"
        logged = part.events.actions.features.reshape(n, 3, 4, len(builder.names))
        action, quota = part.events.action.reshape(n, 3), np.zeros((n, 4), np.int32)
        for s in range(3):
            built = builder.build(requests, quota).features.reshape(n, 4, -1)
            np.testing.assert_array_equal(built, logged[:, s])
            quota[np.arange(n), action[:, s]] += 1
        rows += (logged[:, 2, :, -1] > 0).sum()
    assert rows > 20


def test_full_information_is_given_with_and_without_evidence():
    study, room = make_study(seeds=5), np.where(np.arange(30) < 15, 0.2, 0.8)
    tables = judged(room)
    for table in tables:  # what the context told, evidence alone tells
        table |= {"evidence": table["context"], "context": np.ones_like(table["context"])}

    def found(tables):
        rows = comparators(Cells(oracles=tables), study, (None, None))
        return {row["comparator"]: row["mean"] for row in rows if row["metric"] == "reward"}

    told, both = found(judged(room)), found(tables)
    assert not any("evidence" in name for name in told)
    assert told["linear"] > told["static"] + 0.01
    for router in ("linear", "trees"):
        assert both[router] == pytest.approx(both["static"])
        assert both[f"{router} with evidence"] == pytest.approx(told[router])
