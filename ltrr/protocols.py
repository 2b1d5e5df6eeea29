"""The protocols that components implement: two methods each, and how state is saved.

Shapes: B requests, S slots, R arms, N flat values, K page places, D context, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ltrr.rng import Streams
from ltrr.types import (
    ActionSet,
    Bool,
    Candidates,
    Catalogue,
    Feedback,
    Float32,
    Float64,
    Int32,
    Items,
    Queries,
    Requests,
    Truth,
)

__all__ = [
    "Encoder",
    "FeatureProvider",
    "PageOutcome",
    "Policy",
    "Ranker",
    "Retriever",
    "State",
    "Stateful",
    "UserModel",
    "World",
]

State = dict[str, Any]
"""Learned state: names to numpy arrays or bytes; never pickled objects."""


@runtime_checkable
class Stateful(Protocol):
    """Anything whose state a checkpoint must hold."""

    def state(self) -> State:
        """Return the learned state as copies: arrays and bytes by name."""

    def restore(self, state: State) -> None:
        """Continue exactly from ``state``."""


@runtime_checkable
class World(Stateful, Protocol):
    """Who asks what, what exists, and what is true."""

    @property
    def catalogue(self) -> Catalogue:
        """What can be retrieved."""

    @property
    def queries(self) -> Queries:
        """All query texts known so far."""

    @property
    def max_grade(self) -> int:
        """The highest relevance grade."""

    def fork(self, streams: Streams) -> World:
        """Return the same world at its beginning, drawing from other streams (a replicate)."""

    def next(self, n: int, feedback: Feedback | None = None) -> Requests:
        """Return the next ``n`` requests of the stream; ``feedback`` is what arrived since."""

    def held_out(self, n: int) -> Requests:
        """Return ``n`` requests on queries the stream never asks; changes no state."""

    def truth(self, requests: Requests, items: Items) -> Truth:
        """Return the grades of ``items`` for ``requests``."""


@runtime_checkable
class Encoder(Protocol):
    """Turns texts into vectors; a text's vector must not depend on the other texts."""

    def encode(self, texts: Sequence[str]) -> Float32:
        """Return float32 (n, dim)."""


@runtime_checkable
class Retriever(Stateful, Protocol):
    """One retrieval strategy (arm)."""

    @property
    def static(self) -> bool:
        """True where results depend on the query alone and never change, so that they may be cached."""

    def index(self, catalogue: Catalogue) -> None:
        """Prepare for retrieval; a second call starts afresh."""

    def retrieve(self, requests: Requests, depth: Int32) -> Candidates:
        """Return up to ``depth[b]`` (B,) items for each request; a deeper list extends a shallower one."""

    def learn(self, feedback: Feedback) -> None:
        """Take in matured feedback (static arms ignore it)."""


@runtime_checkable
class FeatureProvider(Protocol):
    """Whatever can score any pair of request and item, for the ranker to see; many arms can.

    A provider that is not an arm may also have the members of `Retriever`: ``index`` is called with the
    catalogue, and one whose ``static`` is False is copied for each run, taught, and checkpointed.
    """

    def features(self, requests: Requests, items: Items) -> tuple[Sequence[str], Float32]:
        """Return the names of the columns, always the same, and their values (N, len(names)).

        Rows of empty places (−1) are zero. Empty requests and items must work.
        """


@runtime_checkable
class Policy(Stateful, Protocol):
    """Chooses among actions, one slot at a time, by stating probabilities."""

    @property
    def space(self) -> str:
        """``"slabs"`` (one slab of an arm per slot) or ``"allocations"`` (one slot, a whole quota)."""

    @property
    def deterministic(self) -> bool:
        """True where probabilities are always 0 or 1, so that logs cannot be reweighted."""

    def fork(self) -> Policy:
        """Return a policy with the same parameters that has learned nothing."""

    def probabilities(self, requests: Requests, actions: ActionSet, rng: np.random.Generator) -> Float64:
        """Return probabilities, ragged like ``actions``, summing to 1 per request.

        ``rng`` serves Monte-Carlo estimates of probabilities only; the loop draws the action.
        """

    def learn(self, feedback: Feedback) -> None:
        """Take in matured feedback with ``credit`` per slot."""


@runtime_checkable
class Ranker(Stateful, Protocol):
    """Scores candidates by features of request and item.

    Two members are optional. ``for_columns(names, memory_columns)`` returns a fresh ranker for rows of
    these columns; a ranker without it is forked or copied. ``allocation_dependent``, where true, appends the
    columns of `ltrr.ranking.provenance` to the rows; oracles, which must score all allocations at once, are
    then skipped.
    """

    @property
    def version(self) -> int:
        """Number of trainings so far, for the log."""

    def score(self, features: Float32) -> Float64:
        """Return scores (N,) of feature rows (N, F); higher is better."""

    def learn(self, feedback: Feedback) -> None:
        """Take in matured feedback; train when the declared schedule says so."""


class PageOutcome(Protocol):
    """What a user did on B pages of K places."""

    @property
    def click(self) -> Bool:
        """What was clicked, (B, K)."""

    @property
    def satisfied(self) -> Bool:
        """Which clicks satisfied, (B, K)."""

    @property
    def abandoned(self) -> Bool:
        """Where nothing was clicked, (B,)."""


@runtime_checkable
class UserModel(Protocol):
    """How users examine, click and are satisfied."""

    def tables(self, k: int, max_grade: int) -> Any:
        """Return the model as `ltrr.users.UserTables` of ``k`` places, for the oracles."""

    def probabilities(self, truth: Truth) -> Any:
        """Return the closed-form marginals of pages (every request asked about K places)."""

    def sample(self, truth: Truth, u: Float64) -> PageOutcome:
        """Return one outcome a page from uniforms ``u`` (B, K, 3): attraction, satisfaction, continuation."""
