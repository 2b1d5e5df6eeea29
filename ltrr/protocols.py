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
    """Anything whose state a checkpoint must hold.

    Examples
    --------
    >>> class Counter:
    ...     def __init__(self):
    ...         self.n = 0
    ...     def state(self):
    ...         return {"n": np.array(self.n)}
    ...     def restore(self, state):
    ...         self.n = int(state["n"])
    >>> counter = Counter()
    >>> counter.restore({"n": np.array(3)})
    >>> isinstance(counter, Stateful), counter.n
    (True, 3)
    """

    def state(self) -> State:
        """Return the learned state as copies: arrays and bytes by name."""

    def restore(self, state: State) -> None:
        """Continue exactly from ``state``."""


@runtime_checkable
class World(Stateful, Protocol):
    """Who asks what, what exists, and what is true.

    Some members are optional. ``excluded(requests)`` returns an item (B,) that each request must never be
    shown, −1 for none, or None; a query id beyond the world's table is a text that it never asks.
    ``holds_out``, where false, says that `held_out` has nothing to offer.
    Others serve figures only, and no policy: `ltrr.worlds.TopicWorld` has ``shares()``, ``reserved``,
    ``band(requests)``, ``hidden_intent(requests)`` and ``intent_names``.

    Examples
    --------
    >>> from ltrr.worlds import Topics, TopicWorld
    >>> topics = Topics.from_frames(
    ...     {"item": ["a", "b"], "title": ["red shoe", "blue hat"]},
    ...     {"query": [1, 2], "text": ["shoe", "hat"]},
    ...     {"query": [1, 2], "item": ["a", "b"], "grade": [2, 1]},
    ... )
    >>> world = TopicWorld(topics).fork(Streams(seed=1))
    >>> asked, items = world.next(1), Items(np.array([0, 2]), np.array([0, 1]))
    >>> isinstance(world, World), asked.texts(), world.truth(asked, items).grade.tolist()
    (True, ['hat'], [0, 1])
    """

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
    """Turns texts into vectors; a text's vector must not depend on the other texts.

    Examples
    --------
    >>> class Lengths:
    ...     def encode(self, texts):
    ...         return np.array([[len(text), 1.0] for text in texts], np.float32)
    >>> isinstance(Lengths(), Encoder), Lengths().encode(["red", "shoe"]).tolist()
    (True, [[3.0, 1.0], [4.0, 1.0]])
    """

    def encode(self, texts: Sequence[str]) -> Float32:
        """Return float32 (n, dim)."""


@runtime_checkable
class Retriever(Stateful, Protocol):
    """One retrieval strategy (arm).

    Examples
    --------
    The same two items for everybody; `ltrr.retrieval.Arm` supplies what an arm without learning needs.

    >>> from ltrr.retrieval import Arm
    >>> class Editorial(Arm):
    ...     def index(self, catalogue):
    ...         self.picks = [0, 2]
    ...     def retrieve(self, requests, depth):
    ...         return Candidates.from_lists([self.picks] * len(requests), depth=depth)
    >>> arm = Editorial()
    >>> arm.index(Catalogue(("a", "b", "c"), {"title": ("x", "y", "z")}))
    >>> one = Requests(*(np.zeros(1),) * 3, np.array([-1]), np.zeros(1), np.zeros((1, 0)))
    >>> isinstance(arm, Retriever), arm.retrieve(one, np.array([5])).item.tolist()
    (True, [0, 2])
    """

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

    Examples
    --------
    >>> class IsEven:
    ...     def features(self, requests, items):
    ...         return ("is_even",), np.float32((items.item >= 0) & (items.item % 2 == 0))[:, None]
    >>> asked = Items(np.array([0, 3]), np.array([4, 7, -1]))
    >>> names, values = IsEven().features(Requests.empty(), asked)
    >>> isinstance(IsEven(), FeatureProvider), values.T.tolist()
    (True, [[1.0, 0.0, 0.0]])
    """

    def features(self, requests: Requests, items: Items) -> tuple[Sequence[str], Float32]:
        """Return the names of the columns, always the same, and their values (N, len(names)).

        Rows of empty places (−1) are zero. Empty requests and items must work.
        """


@runtime_checkable
class Policy(Stateful, Protocol):
    """Chooses among actions, one slot at a time, by stating probabilities.

    Two members are optional. ``in_turn``, with the arguments of ``probabilities``, is asked in its place when
    the stream is served, slot by slot, and may take into account what it was asked since the policy learned.
    ``terms(requests, actions)`` returns numbers by name, ragged like ``actions``, that say why an action is
    preferred, such as an estimate and a bonus; they are shown to people and serve nothing else.

    Examples
    --------
    `ltrr.bandits.BasePolicy` supplies everything but the probabilities.

    >>> from dataclasses import dataclass
    >>> from ltrr.bandits import BasePolicy
    >>> @dataclass
    ... class Coin(BasePolicy):
    ...     space: str = "slabs"
    ...     def probabilities(self, requests, actions, rng):
    ...         size = np.diff(actions.indptr)
    ...         return np.repeat(1.0 / size, size)
    >>> two = ActionSet(np.array([0, 2]), np.arange(2), np.zeros((2, 0)), (), n_actions=2)
    >>> one = Requests(*(np.zeros(1),) * 3, np.array([-1]), np.zeros(1), np.zeros((1, 0)))
    >>> isinstance(Coin(), Policy), Coin().probabilities(one, two, np.random.default_rng(0)).tolist()
    (True, [0.5, 0.5])
    """

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

    Some members are optional. ``for_columns(names, memory_columns)`` returns a fresh ranker for rows of
    these columns; a ranker without it is forked or copied. ``allocation_dependent``, where true, appends the
    columns of `ltrr.ranking.provenance` to the rows; oracles, which must score all allocations at once, are
    then skipped. ``provenance_only``, where true, says that it reads no other columns, so that these are left
    out where no log keeps them. ``score_for(features, query)`` is called in place of ``score`` by a loop,
    with the query (N,) of each row. ``explore`` is the share of places that show a random item from outside
    the best. ``drain()`` returns the decisions (`ltrr.ranking.guard.RankerCheck`) since the last call, for
    the run's folder. ``search(arms, rng, n)`` returns up to n tables of settings, an empty one first, among
    which a study chooses on tuning seeds for policies with ``tune = true``.

    Examples
    --------
    A ranker that never learns, and orders by the first column.

    >>> class ByFirstColumn:
    ...     version = 0
    ...     def score(self, features):
    ...         return features[:, 0].astype(np.float64)
    ...     def learn(self, feedback):
    ...         pass
    ...     def state(self):
    ...         return {}
    ...     def restore(self, state):
    ...         pass
    >>> ranker = ByFirstColumn()
    >>> isinstance(ranker, Ranker), ranker.score(np.array([[0.5, 9.0], [2.0, 1.0]], np.float32)).tolist()
    (True, [0.5, 2.0])
    """

    @property
    def version(self) -> int:
        """Number of trainings so far, for the log."""

    def score(self, features: Float32) -> Float64:
        """Return scores (N,) of feature rows (N, F); higher is better."""

    def learn(self, feedback: Feedback) -> None:
        """Take in matured feedback; train when the declared schedule says so."""


class PageOutcome(Protocol):
    """What a user did on B pages of K places.

    Examples
    --------
    >>> from ltrr.users import Outcome
    >>> click = np.array([[True, False], [False, False]])
    >>> outcome: PageOutcome = Outcome(click, satisfied=click, abandoned=~click.any(axis=1))
    >>> outcome.abandoned.tolist()
    [False, True]
    """

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
    """How users examine, click and are satisfied.

    Examples
    --------
    Users who look at the first place only; `ltrr.users.TableUser` turns a table into the whole model.

    >>> from ltrr.users import TableUser, UserTables
    >>> class FirstPlace(TableUser):
    ...     def tables(self, k, max_grade):
    ...         by_grade = np.arange(max_grade + 1) / max_grade
    ...         return UserTables.positions(np.arange(k) == 0, attract=by_grade, satisfy=by_grade)
    >>> page = Truth(
    ...     indptr=[0, 2], item=[4, 7], grade=[1, 2], judged=[True, True], n_relevant=[2], ideal=[[2, 1]],
    ...     topic=[0], max_grade=2,
    ... )
    >>> isinstance(FirstPlace(), UserModel), FirstPlace().probabilities(page).click.tolist()
    (True, [[0.5, 0.0]])
    """

    def tables(self, k: int, max_grade: int) -> Any:
        """Return the model as `ltrr.users.UserTables` of ``k`` places, for the oracles."""

    def probabilities(self, truth: Truth) -> Any:
        """Return the closed-form marginals of pages (every request asked about K places)."""

    def sample(self, truth: Truth, u: Float64) -> PageOutcome:
        """Return one outcome a page from uniforms ``u`` (B, K, 3): attraction, satisfaction, continuation."""
