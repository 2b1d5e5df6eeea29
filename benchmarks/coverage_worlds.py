"""Small contextual bandits whose truth is known: logs to simulate, and the whole population as one batch.

A population batch holds every possible row once, with its probability as count: what an estimator makes of it
is what it goes to with ever more rows, its bias included.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import numpy as np

from ltrr.replay import ReplayBatch

POPULATION = 1e12
"""Number of events that a population stands for: no term of order 1/n is left."""


def softmax(x: np.ndarray) -> np.ndarray:
    share = np.exp(x - x.max(axis=-1, keepdims=True))
    return share / share.sum(axis=-1, keepdims=True)


def pick(share: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Draw one index a row from shares (n, A)."""
    return np.minimum((share.cumsum(axis=1) <= u[:, None]).sum(axis=1), share.shape[1] - 1)


@dataclass
class SingleWorld:
    """Equally likely contexts, 10 actions, Bernoulli rewards, softmax policies; q̂ is wrong on purpose."""

    name: str
    temperature: float
    n_contexts: int = 20
    n_actions: int = 10
    seed: int = 3
    reward: np.ndarray = field(init=False)
    logging: np.ndarray = field(init=False)
    target: np.ndarray = field(init=False)
    predicted: np.ndarray = field(init=False)
    category: np.ndarray = field(init=False)

    slate = False

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        shape = (self.n_contexts, self.n_actions)
        self.reward = rng.beta(1.5, 4.0, shape)
        self.logging = softmax(self.temperature * rng.normal(size=shape))
        self.target = softmax(self.temperature * rng.normal(size=shape))
        self.predicted = np.clip(0.5 * self.reward + 0.1 + 0.1 * rng.normal(size=shape), 0.0, 1.0)
        self.category = np.arange(self.n_actions) // 2

    @property
    def weight(self) -> np.ndarray:
        return self.target / self.logging

    @property
    def weight_bound(self) -> float:
        return float(self.weight.max())

    @property
    def truth(self) -> float:
        return float((self.target * self.reward).sum(axis=1).mean())

    @property
    def ess_share(self) -> float:
        """Effective sample size over n in the population."""
        return float(1.0 / (self.logging * self.weight**2).sum(axis=1).mean())

    def simulate(self, n: int, rng: np.random.Generator) -> ReplayBatch:
        x = rng.integers(self.n_contexts, size=n)
        a = pick(self.logging[x], rng.random(n))
        r = (rng.random(n) < self.reward[x, a]).astype(float)
        accept = (rng.random(n) < self.weight[x, a] / self.weight_bound).astype(float)
        return self._batch(x, a, r, accept)

    def population(self) -> ReplayBatch:
        x, a, r = (v.ravel() for v in np.indices((self.n_contexts, self.n_actions, 2)))
        chance = self.logging[x, a] * np.where(r == 1, self.reward[x, a], 1.0 - self.reward[x, a])
        accept = self.weight[x, a] / self.weight_bound
        return self._batch(x, a, r.astype(float), accept, POPULATION * chance / self.n_contexts)

    def _batch(self, x, a, r, accept, count=None) -> ReplayBatch:
        q = self.predicted
        member = np.eye(self.category.max() + 1)[self.category]
        marginal = (self.target @ member) / (self.logging @ member)
        weight = self.weight[x, a]
        return ReplayBatch(
            np.arange(len(x)),
            r,
            weight=weight,
            count=count,
            q_logged=q[x, a],
            q_target=(self.target * q).sum(axis=1)[x],
            mrdr_logged=np.sqrt(q)[x, a],
            mrdr_target=(self.target * np.sqrt(q)).sum(axis=1)[x],
            balanced_weight=weight**0.9,
            marginal_weight=marginal[x, self.category[a]],
            accept=accept,
        )


@dataclass
class SlateWorld:
    """Three slots of four actions each, filled independently; a slot pays less after one that paid."""

    name: str
    temperature: float
    n_contexts: int = 4
    n_actions: int = 4
    n_slots: int = 3
    seed: int = 5
    reward: np.ndarray = field(init=False)
    logging: np.ndarray = field(init=False)
    target: np.ndarray = field(init=False)
    predicted: np.ndarray = field(init=False)

    slate = True

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        shape = (self.n_contexts, self.n_slots, self.n_actions)
        self.reward = rng.uniform(0.05, 0.6, shape)
        self.logging = softmax(self.temperature * rng.normal(size=shape))
        self.target = softmax(self.temperature * rng.normal(size=shape))
        self.predicted = np.clip(0.7 * self.reward + 0.1 * rng.normal(size=shape), 0.0, 1.0)

    @property
    def weight_bound(self) -> float:
        return float((self.target / self.logging).max(axis=2).prod(axis=1).max())

    @property
    def ess_share(self) -> float:
        return float(1.0 / (self.target**2 / self.logging).sum(axis=2).prod(axis=1).mean())

    @property
    def truth(self) -> float:
        batch = self.population()
        # rewards under the target: the logged population, each row by its true weight
        weight = batch.weight.reshape(-1, self.n_slots).prod(axis=1)
        total = batch.reward.reshape(-1, self.n_slots).sum(axis=1)
        count = batch.count[:: self.n_slots]
        return float((count * weight * total).sum() / count.sum())

    def simulate(self, n: int, rng: np.random.Generator) -> ReplayBatch:
        x = rng.integers(self.n_contexts, size=n)
        action = np.stack([pick(self.logging[x, s], rng.random(n)) for s in range(self.n_slots)], axis=1)
        reward = np.zeros((n, self.n_slots))
        paid = np.zeros(n)
        for s in range(self.n_slots):
            chance = self.reward[x, s, action[:, s]] * np.where(paid > 0, 0.5, 1.0)
            paid = (rng.random(n) < chance).astype(float)
            reward[:, s] = paid
        return self._batch(x, action, reward)

    def population(self) -> ReplayBatch:
        actions = np.array(list(product(range(self.n_actions), repeat=self.n_slots)))
        rewards = np.array(list(product((0.0, 1.0), repeat=self.n_slots)))
        x, i, j = (v.ravel() for v in np.indices((self.n_contexts, len(actions), len(rewards))))
        action, reward = actions[i], rewards[j]
        chance = np.full(len(x), POPULATION / self.n_contexts)
        for s in range(self.n_slots):
            p = self.reward[x, s, action[:, s]]
            if s:
                p = p * np.where(reward[:, s - 1] > 0, 0.5, 1.0)
            chance = chance * self.logging[x, s, action[:, s]] * np.where(reward[:, s] > 0, p, 1.0 - p)
        return self._batch(x, action, reward, np.repeat(chance, self.n_slots))

    def _batch(self, x, action, reward, count=None) -> ReplayBatch:
        s = np.arange(self.n_slots)
        row = x[:, None]
        n = len(x)
        return ReplayBatch(
            np.repeat(np.arange(n), self.n_slots),
            reward.reshape(-1),
            weight=(self.target / self.logging)[row, s, action].reshape(-1),
            slot=np.tile(s, n).astype(np.int16),
            count=count,
            q_logged=self.predicted[row, s, action].reshape(-1),
            q_target=(self.target * self.predicted).sum(axis=2)[row, s].reshape(-1),
        )


WORLDS = {
    "benign": SingleWorld("benign", 0.5),
    "skewed": SingleWorld("skewed", 1.2),
    "slates": SlateWorld("slates", 0.4),
}
"""Logs of the study: weights up to about 10, up to several hundreds, and products of three."""
