"""Vowpal Wabbit as a policy: the same as a plain run, exact to save and restore, silent when it predicts."""

from dataclasses import replace

import numpy as np
import pytest
import vowpalwabbit

from ltrr.bandits import VowpalWabbit, load
from ltrr.errors import InputError
from tests.naive_bandits import feedback_of

KINDS = ("epsilon", "squarecb")


def text(feedback, b, s, *, label):
    """Return one event in VW's format, written the long way."""
    actions = feedback.decision.actions[s]
    context = feedback.requests.context[b]
    lines = ["shared |c " + " ".join(f"{i}:{x:.7g}" for i, x in enumerate(context))]
    for n in range(actions.indptr[b], actions.indptr[b + 1]):
        start = ""
        if label and actions.action[n] == feedback.decision.action[b, s]:
            start = f"0:{-feedback.credit[b, s]:.7g}:{feedback.decision.propensity[b, s]:.9g} "
        lines.append(start + "|a " + " ".join(f"{i}:{x:.7g}" for i, x in enumerate(actions.features[n])))
    return "\n".join(lines)


@pytest.mark.parametrize("space", ["slabs", "allocations"])
@pytest.mark.parametrize("explore", KINDS)
def test_equals_a_plain_run(explore, space):
    rng = np.random.default_rng(1)
    policy = VowpalWabbit(explore, epsilon=0.2, gamma_scale=5.0, space=space, options="-b 12")
    options = "--epsilon 0.2" if explore == "epsilon" else "--squarecb --gamma_scale 5 --gamma_exponent 0.5"
    plain = vowpalwabbit.Workspace(f"--cb_explore_adf --cb_type mtr --quiet -q ca -b 12 {options}")
    spread = 0.0
    for _ in range(3):
        feedback = feedback_of(40, rng, space, ragged=space == "slabs")
        s = feedback.decision.n_slots - 1
        got = policy.probabilities(feedback.requests, feedback.decision.actions[s], rng)
        want = []
        for b in range(40):
            p = np.array(plain.predict(text(feedback, b, s, label=False)))
            want.extend(p / p.sum())
        assert np.array_equal(got, want)
        assert np.array_equal(got, policy.probabilities(feedback.requests, feedback.decision.actions[s], rng))
        policy.learn(feedback)
        for b in range(40):
            for slot in range(feedback.decision.n_slots):
                plain.learn(text(feedback, b, slot, label=True))
        spread = max(spread, float(np.ptp(got)))
    assert spread > 0.3  # it did learn to prefer something
    plain.finish()
    policy.close()


@pytest.mark.parametrize("explore", KINDS)
def test_saving_and_restoring_changes_nothing(explore):
    """Exact with and without a reload in the run that goes on."""
    rng = np.random.default_rng(2)
    batches = [feedback_of(60, rng, first=60 * i) for i in range(6)]
    probe = feedback_of(50, rng)
    actions = probe.decision.actions[0]
    straight, reloading = VowpalWabbit(explore), VowpalWabbit(explore)
    other = None
    for i, batch in enumerate(batches):
        if i == 3:
            other = reloading.fork()
            other.restore(reloading.state())
        reloading.restore(reloading.state())
        for policy in (straight, reloading, other):
            if policy is not None:
                policy.learn(batch)
    want = straight.probabilities(probe.requests, actions, rng)
    assert np.ptp(want) > 0.1
    for policy in (reloading, other):
        assert np.array_equal(policy.probabilities(probe.requests, actions, rng), want)
        policy.close()
    fresh = straight.fork().probabilities(probe.requests, actions, rng)
    assert np.allclose(fresh, 0.25)
    straight.close()


def test_predictions_do_not_change_what_is_learned():
    rng = np.random.default_rng(3)
    batches = [feedback_of(30, rng) for _ in range(4)]
    probe = feedback_of(20, rng)
    for explore in KINDS:
        quiet, asked = VowpalWabbit(explore), VowpalWabbit(explore)
        for batch in batches:
            quiet.learn(batch)
            asked.probabilities(batch.requests, batch.decision.actions[1], rng)
            asked.learn(batch)
        actions = probe.decision.actions[0]
        want = quiet.probabilities(probe.requests, actions, rng)
        assert np.array_equal(asked.probabilities(probe.requests, actions, rng), want)
        quiet.close()
        asked.close()


@pytest.mark.parametrize("explore", KINDS)
def test_learns_which_arm_suits_which_context(explore):
    """The right arm is the largest of the first four context columns: it ends well above the uniform 0.25."""
    rng = np.random.default_rng(4)
    policy = VowpalWabbit(explore)
    for _ in range(20):
        feedback = feedback_of(100, rng)
        right = feedback.requests.context[:, :4].argmax(1)
        credit = (feedback.decision.action == right[:, None]).astype(np.float64)
        object.__setattr__(feedback, "credit", credit)
        policy.learn(feedback)
    probe = feedback_of(200, rng)
    p = policy.probabilities(probe.requests, probe.decision.actions[0], rng).reshape(200, 4)
    right = probe.requests.context[:, :4].argmax(1)
    assert p[np.arange(200), right].mean() > 0.6
    policy.close()


def test_closing_forgets_and_allows_reuse():
    rng = np.random.default_rng(5)
    policy = VowpalWabbit()
    feedback = feedback_of(10, rng)
    policy.learn(feedback)
    policy.close()
    policy.close()
    assert policy.state() == {}
    p = policy.probabilities(feedback.requests, feedback.decision.actions[0], rng)
    assert np.allclose(p, 0.25)
    policy.close()


def test_refuses_bad_options_and_changed_features():
    rng = np.random.default_rng(6)
    feedback = feedback_of(3, rng)
    with pytest.raises(InputError, match="options VW takes"):
        VowpalWabbit(options="--no_such_option").learn(feedback)
    with pytest.raises(InputError, match="did you mean 'squarecb'"):
        VowpalWabbit("square-cb")
    policy = VowpalWabbit()
    policy.learn(feedback)
    with pytest.raises(InputError, match="fresh fork"):
        policy.learn(feedback_of(3, rng, d=6))
    policy.close()
    with pytest.raises(InputError, match="model and names"):
        policy.restore({"model": b""})


def with_columns(requests, order, names=None):
    return requests.with_context(
        requests.context[:, order], names or tuple(requests.context_names[i] for i in order)
    )


def test_refuses_columns_in_another_order_or_of_other_names():
    """VW knows columns by number: permuted ones would be judged with one another's weights."""
    rng = np.random.default_rng(7)
    feedback = feedback_of(30, rng)
    requests, actions = feedback.requests, feedback.decision.actions[0]
    policy = VowpalWabbit()
    policy.learn(feedback)
    want = policy.probabilities(requests, actions, rng)
    restored = policy.fork()
    restored.restore(policy.state())
    permuted = with_columns(requests, [1, 0, 2, 3, 4])
    renamed = with_columns(requests, range(5), ("c0", "c1", "other", "c3", "c4"))
    turned = replace(actions, features=actions.features[:, ::-1].copy(), names=actions.names[::-1])
    for own in (policy, restored):
        for given, offered, words in (
            (permuted, actions, "'c1' in place of 'c0'"),
            (renamed, actions, "'other' in place of 'c2'"),
            (requests, turned, "'credit' in place of 'arm:bm25'"),
        ):
            with pytest.raises(InputError, match=r"the features it was trained on \(11 columns\).*") as error:
                own.probabilities(given, offered, rng)
            assert words in str(error.value)
            assert "\n" not in str(error.value)
        with pytest.raises(InputError, match="fresh fork"):
            own.learn(replace(feedback, requests=permuted))
        assert np.array_equal(own.probabilities(requests, actions, rng), want)
        own.close()
    policy.probabilities(permuted, turned, rng)  # closed: it may begin afresh
    policy.close()


def test_a_saved_policy_keeps_the_names(tmp_path):
    rng = np.random.default_rng(8)
    feedback = feedback_of(10, rng)
    policy = VowpalWabbit()
    policy.learn(feedback)
    policy.save(tmp_path / "vw")
    loaded = load(tmp_path / "vw")
    assert loaded.probabilities(feedback.requests, feedback.decision.actions[0], rng).shape == (40,)
    with pytest.raises(InputError, match="'c4' in place of 'c0'"):
        loaded.learn(replace(feedback, requests=with_columns(feedback.requests, [4, 1, 2, 3, 0])))
    for own in (policy, loaded):
        own.close()
