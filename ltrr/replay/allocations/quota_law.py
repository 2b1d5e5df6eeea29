"""The distribution of a request's quota under a policy, summed over the orders of filling slots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import comb

from ltrr import _check
from ltrr.bandits.fixed import EqualSplit, SingleArm, StaticQuota
from ltrr.bandits.uniform import Uniform
from ltrr.errors import InputError
from ltrr.features.actions import Slabs
from ltrr.features.history import CreditHistory
from ltrr.features.supply import Supply
from ltrr.protocols import Policy
from ltrr.types import Bool, Float32, Float64, Int32, Int64, Requests
from ltrr.types.quotas import all_quotas, quota_of

__all__ = ["FIXED", "LoggedCredit", "LoggedSupply", "QuotaLaw", "QuotaTree", "quota_distribution"]

FIXED = (SingleArm, StaticQuota, EqualSplit, Uniform)
"""Policies that depend on nothing but the quota so far, so that any log can state them."""


def quota_distribution(weights: str | Mapping[str, float], arms: tuple[str, ...], n_slots: int) -> Float64:
    """Return the probability of every quota, (Q,), in the order of `ltrr.types.quotas.all_quotas`.

    Parameters
    ----------
    weights : str or mapping of str to float
        One quota by name, or several with their probabilities, which sum to 1.
    arms : tuple of str
    n_slots : int

    Raises
    ------
    InputError
        If a quota is not one of the log's, or the probabilities are not a distribution.

    Examples
    --------
    >>> quota_distribution({"2 a": 0.75, "1 a + 1 b": 0.25}, ("a", "b"), 2).tolist()
    [0.0, 0.25, 0.75]
    """
    quotas = all_quotas(n_slots, len(arms))
    out = np.zeros(len(quotas))
    for name, weight in ({weights: 1.0} if isinstance(weights, str) else weights).items():
        share = _check.fraction(f"target[{name!r}]", weight)
        out[(quotas == quota_of(name, arms, n_slots)).all(axis=1)] += share
    if abs(out.sum() - 1.0) > 1e-9:
        raise InputError(f"`target` must give quotas probabilities that sum to 1, got {out.sum():g}")
    return out


class LoggedCredit(CreditHistory):
    """Past credits as a log states them, so that action features of unlogged slots can be built.

    Parameters
    ----------
    credit : float32 (B, A)
        Credit of each action for each request.

    Examples
    --------
    >>> from ltrr.logs.events import Events, Space
    >>> events = Events(Space(("bm25", "dense")), [1], [1], [0], [1.0])
    >>> LoggedCredit(np.array([[0.25, 0.75]])).value(events.requests).tolist()
    [[0.25, 0.75]]
    """

    def __init__(self, credit: Float32) -> None:
        super().__init__(credit.shape[1])
        self._credit = credit

    def value(self, requests: Requests) -> Float32:
        """Return the credits (B, A); ``requests`` must be those of the log."""
        if len(requests) != len(self._credit):
            raise InputError(f"`requests` must be the {len(self._credit)} of the log, got {len(requests)}")
        return self._credit


@dataclass(frozen=True, kw_only=True)
class LoggedSupply(Supply):
    """What arms had as a log states it, so that action features of unlogged slots can be built.

    Parameters
    ----------
    slabs : int32 (R,)
        Candidates that a slot asks of each arm.
    slot_size : int >= 1
        Candidates a slot.
    arms : sequence
        Not asked.
    logged : int32 (B, R)
        What each arm had for each request.

    Examples
    --------
    >>> from ltrr.logs.events import Events, Space
    >>> events = Events(Space(("bm25", "memory")), [1], [1], [0], [1.0])
    >>> supply = LoggedSupply(slabs=np.array([4, 4]), slot_size=4, logged=np.array([[-1, 3]]))
    >>> supply.of_slot(events.requests, np.array([[0, 0]])).tolist()
    [[0.0, 0.25]]
    """

    logged: Int32

    def available(self, requests: Requests) -> Int32:
        """Return what is logged (B, R); ``requests`` must be those of the log."""
        if len(requests) != len(self.logged):
            raise InputError(f"`requests` must be the {len(self.logged)} of the log, got {len(requests)}")
        return self.logged


@dataclass(frozen=True)
class QuotaLaw:
    """The distribution of the quotas of B requests under a policy, S slots among R arms.

    Parameters
    ----------
    quota : float64 (B, Q)
        Probability of every quota.
    step : tuple of S float64 (B, number of quotas of s slots, R)
        Probability of each arm in slot s given the quota of the s slots before; zeros where that quota has
        probability 0.

    Examples
    --------
    >>> law = QuotaTree(n_slots=2, n_arms=2).uniform(3)
    >>> law.take(np.array([0])).quota.tolist()
    [[0.25, 0.5, 0.25]]
    """

    quota: Float64
    step: tuple[Float64, ...]

    def take(self, rows: Int64 | Bool) -> QuotaLaw:
        """Return the law of the chosen requests."""
        return QuotaLaw(self.quota[rows], tuple(p[rows] for p in self.step))

    @staticmethod
    def where(first: Bool, one: QuotaLaw, other: QuotaLaw) -> QuotaLaw:
        """Return ``one`` for the requests marked in ``first`` (B,), ``other`` for the rest."""
        return QuotaLaw(
            np.where(first[:, None], one.quota, other.quota),
            tuple(np.where(first[:, None, None], a, b) for a, b in zip(one.step, other.step, strict=True)),
        )


@dataclass(frozen=True)
class QuotaTree:
    """The quotas that filling S slots one after another passes through.

    Of earlier slots policies see only the quota so far, so the sequences that reach a quota are
    summed by a recursion over quotas: 15 steps instead of 64 sequences for 3 slots and 4 arms.

    Parameters
    ----------
    n_slots, n_arms : int

    Examples
    --------
    Uniformly random arms reach one slab each in two of four sequences:

    >>> tree = QuotaTree(2, 2)
    >>> even = np.full((1, 2), 0.5)
    >>> tree.law(lambda slot, quota: even, n=1).quota.tolist()
    [[0.25, 0.5, 0.25]]
    """

    n_slots: int
    n_arms: int

    @cached_property
    def nodes(self) -> tuple[Int32, ...]:
        """All quotas of 0, 1, … S slots."""
        return tuple(all_quotas(s, self.n_arms) for s in range(self.n_slots + 1))

    @cached_property
    def child(self) -> tuple[Int64, ...]:
        """Place among the quotas of s + 1 slots that each quota of s slots leads to by each arm."""
        out = []
        for s in range(self.n_slots):
            place = {tuple(q): i for i, q in enumerate(self.nodes[s + 1].tolist())}
            after = self.nodes[s][:, None, :] + np.eye(self.n_arms, dtype=np.int32)
            out.append(np.array([[place[tuple(q)] for q in node] for node in after.tolist()], np.int64))
        return tuple(out)

    def path(self, action: Int32) -> Int64:
        """Return the node before each slot and the one at the end, (B, S + 1), for arms chosen (B, S)."""
        out = np.zeros((len(action), self.n_slots + 1), np.int64)
        for s in range(self.n_slots):
            out[:, s + 1] = self.child[s][out[:, s], action[:, s]]
        return out

    def law(self, step: Callable[[int, Int32], Float64], *, n: int) -> QuotaLaw:
        """Return the law of a policy.

        Parameters
        ----------
        step : callable
            ``step(slot, quota)`` returns the probabilities (B, R) of the arms given the quota (R,) so far.
        n : int
            Number of requests, B.
        """
        mass, steps = np.ones((n, 1)), []
        for s in range(self.n_slots):
            after = np.zeros((n, len(self.nodes[s + 1])))
            taken = np.zeros((n, len(self.nodes[s]), self.n_arms))
            for i, quota in enumerate(self.nodes[s]):
                if not mass[:, i].any():
                    continue
                taken[:, i] = step(s, quota)
                for a in range(self.n_arms):
                    after[:, self.child[s][i, a]] += mass[:, i] * taken[:, i, a]
            steps.append(np.where(mass[:, :, None] > 0.0, taken, 0.0))
            mass = after
        return QuotaLaw(mass, tuple(steps))

    def policy_law(
        self,
        policy: Policy,
        requests: Requests,
        builder: Slabs,
        rng: np.random.Generator,
        *,
        audit: float = 0.0,
    ) -> QuotaLaw:
        """Return the law of a policy that fills slot by slot, mixed with a share of random slots.

        Parameters
        ----------
        policy : Policy
            In slabs.
        requests : Requests
        builder : Slabs
            Builds the action sets of any slot.
        rng : numpy.random.Generator
            For policies that estimate their probabilities.
        audit : float in [0, 1)
            Share of slots filled at random.
        """

        def step(slot: int, quota: Int32) -> Float64:
            del slot
            actions = builder.build(requests, np.tile(quota, (len(requests), 1)))
            stated = policy.probabilities(requests, actions, rng).reshape(len(requests), self.n_arms)
            return np.asarray((1.0 - audit) * stated + audit / self.n_arms)

        return self.law(step, n=len(requests))

    def exchangeable(self, quota: Float64) -> QuotaLaw:
        """Return the law with given quotas (B, Q) in which all orders of the slots are equally likely.

        For targets that say nothing about order: what is drawn and shown depends on the quota alone. The
        next slot is then a draw without replacement from what is left of the quota.
        """
        steps = []
        for s in range(self.n_slots):
            # chance that the first s of a quota's slots have these counts, by quota and node
            reach = comb(self.nodes[-1][:, None, :], self.nodes[s][None, :, :]).prod(axis=2)
            reach /= comb(self.n_slots, s)
            left = np.maximum(self.nodes[-1][:, None, :] - self.nodes[s][None, :, :], 0)
            share = reach[:, :, None] * left / (self.n_slots - s)
            joint, mass = np.tensordot(quota, share, axes=1), quota @ reach
            steps.append(joint / np.where(mass > 0.0, mass, 1.0)[:, :, None])
        return QuotaLaw(quota, tuple(steps))

    def mean_square(self, target: QuotaLaw, logged: QuotaLaw) -> Float64:
        """Return the mean of the squared ratio of sequences, ``Σ target² / logged``, (B,).

        Sequences on which the logging policy has no mass are not counted.
        """
        mass = np.ones((len(target.quota), 1))
        for s in range(self.n_slots):
            step = np.divide(
                target.step[s] ** 2,
                logged.step[s],
                out=np.zeros_like(target.step[s]),
                where=logged.step[s] > 0.0,
            )
            after = np.zeros((len(mass), len(self.nodes[s + 1])))
            for i in range(len(self.nodes[s])):
                for a in range(self.n_arms):
                    after[:, self.child[s][i, a]] += mass[:, i] * step[:, i, a]
            mass = after
        return np.asarray(mass.sum(axis=1))

    def uniform(self, n: int) -> QuotaLaw:
        """Return the law of n requests whose every slot goes to a random arm, as in the warm-up."""
        return self.law(lambda *_: np.full((n, self.n_arms), 1.0 / self.n_arms), n=n)
