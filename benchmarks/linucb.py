"""LinUCB's speed beside MABWiser and a NumPy Sherman–Morrison loop, all in one run on one thread.

Run with ``python benchmarks/linucb.py``. The setting is 10 actions, 20 features; a round is one decision and
one lesson. Times are CPU seconds of this process, the best of several repeats, without compilation.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from collections.abc import Callable

import numpy as np
from mabwiser.mab import MAB, LearningPolicy

from ltrr.bandits import LinUCB, LinUCBDisjoint
from ltrr.types import ActionSet, Decision, Feedback, Requests

ACTIONS, DIMENSION, BATCH = 10, 20, 1000


def best(run: Callable[[], object], rounds: int, repeats: int) -> float:
    """Return rounds per CPU-second of the fastest repeat."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    return rounds / min(seconds)


def numpy_loop(x: np.ndarray, rewards: np.ndarray) -> np.ndarray:
    """Disjoint LinUCB as it is usually written: one round at a time, Sherman–Morrison in NumPy."""
    inverse = np.tile(np.eye(DIMENSION), (ACTIONS, 1, 1))
    target = np.zeros((ACTIONS, DIMENSION))
    weights = np.zeros((ACTIONS, DIMENSION))
    chosen = np.empty(len(x), np.int64)
    for t, row in enumerate(x):
        bonus = np.sqrt(np.einsum("i,aij,j->a", row, inverse, row))
        a = chosen[t] = int(np.argmax(weights @ row + bonus))
        u = inverse[a] @ row
        inverse[a] -= np.outer(u, u) / (1.0 + row @ u)
        target[a] += rewards[t, a] * row
        weights[a] = inverse[a] @ target[a]
    return chosen


def mabwiser_loop(x: np.ndarray, rewards: np.ndarray) -> np.ndarray:
    """MABWiser's LinUCB, one round at a time."""
    bandit = MAB(list(range(ACTIONS)), LearningPolicy.LinUCB(alpha=1.0, l2_lambda=1.0))
    bandit.fit([0], [0.0], np.zeros((1, DIMENSION)))
    chosen = np.empty(len(x), np.int64)
    for t in range(len(x)):
        chosen[t] = bandit.predict(x[t : t + 1])
        bandit.partial_fit([chosen[t]], [rewards[t, chosen[t]]], x[t : t + 1])
    return chosen


def mabwiser_batches(x: np.ndarray, rewards: np.ndarray) -> None:
    """MABWiser's LinUCB, a batch at a time."""
    bandit = MAB(list(range(ACTIONS)), LearningPolicy.LinUCB(alpha=1.0, l2_lambda=1.0))
    bandit.fit([0], [0.0], np.zeros((1, DIMENSION)))
    for start in range(0, len(x), BATCH):
        part = slice(start, start + BATCH)
        chosen = np.asarray(bandit.predict(x[part]))
        bandit.partial_fit(chosen, rewards[part][np.arange(BATCH), chosen], x[part])


def batch_of(rng: np.random.Generator, *, shared: bool) -> Feedback:
    """Return one-slot feedback; features sit on the actions (shared) or on the context (disjoint)."""
    columns = DIMENSION - 1  # the policies add the bias
    names = tuple(f"x{i}" for i in range(columns))
    ids = np.arange(BATCH)
    context = np.zeros((BATCH, 0)) if shared else rng.normal(size=(BATCH, columns))
    requests = Requests(ids, ids, ids, np.full(BATCH, -1), ids, context, () if shared else names)
    features = rng.normal(size=(BATCH * ACTIONS, columns if shared else 0))
    indptr = np.arange(BATCH + 1) * ACTIONS
    actions = ActionSet(
        indptr, np.tile(np.arange(ACTIONS), BATCH), features, names if shared else (), ACTIONS
    )
    taken = rng.integers(ACTIONS, size=(BATCH, 1))
    even = np.full(BATCH * ACTIONS, 1 / ACTIONS)
    none = np.zeros((BATCH, 1), np.bool_)
    decision = Decision(
        action=taken,
        propensity=np.full((BATCH, 1), 1 / ACTIONS),
        quota=np.zeros((BATCH, 1)),
        audit=none,
        actions=(actions,),
        probabilities=(even,),
        version=np.zeros(BATCH),
    )
    zeros = np.zeros((BATCH, 1))
    return Feedback(
        requests=requests,
        decision=decision,
        item=zeros - 1,
        slots=zeros,
        features=np.zeros((BATCH, 1, 0)),
        click=none,
        satisfied=none,
        abandoned=none[:, 0],
        arrived_at=zeros[:, 0],
        reward=zeros[:, 0],
        value=zeros,
        credit=rng.random((BATCH, 1)),
    )


def main() -> None:
    rng = np.random.default_rng(0)
    rounds = 200_000
    x = rng.normal(size=(rounds, DIMENSION))
    rewards = np.clip(
        0.5 + 0.1 * x @ rng.normal(size=(DIMENSION, ACTIONS)) + 0.1 * rng.normal(size=(rounds, 1)), 0, 1
    )
    rows = rng.normal(size=(20_000, ACTIONS, DIMENSION))
    short = 1000

    ours = LinUCBDisjoint(1.0).play(x[:short], rewards[:short])
    same = np.array_equal(ours, mabwiser_loop(x[:short], rewards[:short]))
    same &= np.array_equal(ours, numpy_loop(x[:short], rewards[:short]))
    LinUCB().play(rows[:10], rewards[:10])
    print(f"{ACTIONS} actions, {DIMENSION} features; the three make the same {short} choices: {same}")

    figures = {
        "ltrr LinUCBDisjoint.play, one round at a time": best(
            lambda: LinUCBDisjoint(1.0).play(x, rewards), rounds, 5
        ),
        "ltrr LinUCB.play, one round at a time": best(
            lambda: LinUCB(1.0).play(rows, rewards[: len(rows)]), len(rows), 5
        ),
    }
    for name, policy, shared in (("LinUCBDisjoint", LinUCBDisjoint(), False), ("LinUCB", LinUCB(), True)):
        feedback = batch_of(rng, shared=shared)
        actions = feedback.decision.actions[0]

        def one_batch(
            policy: LinUCB | LinUCBDisjoint = policy,
            feedback: Feedback = feedback,
            actions: ActionSet = actions,
        ) -> None:
            policy.probabilities(feedback.requests, actions, rng)
            policy.learn(feedback)

        one_batch()
        figures[f"ltrr {name}, probabilities + learn, batches of {BATCH}"] = best(one_batch, BATCH, 50)
    figures["NumPy Sherman–Morrison, one round at a time"] = best(
        lambda: numpy_loop(x[:5000], rewards[:5000]), 5000, 3
    )
    figures["MABWiser LinUCB, one round at a time"] = best(
        lambda: mabwiser_loop(x[:short], rewards[:short]), short, 2
    )
    figures[f"MABWiser LinUCB, batches of {BATCH}"] = best(
        lambda: mabwiser_batches(x[:20_000], rewards), 20_000, 3
    )
    for name, figure in figures.items():
        print(f"{figure:12,.0f} rounds per CPU-second  {name}")


if __name__ == "__main__":
    main()
