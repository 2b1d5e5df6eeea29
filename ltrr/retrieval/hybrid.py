"""Hybrid retrieval: the lists of several arms merged into one."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.protocols import State
from ltrr.registry import registry_of
from ltrr.retrieval._depth import checked
from ltrr.retrieval.base import Arm
from ltrr.retrieval.fused_lists import FUSIONS, FusedLists
from ltrr.retrieval.fusion_weights import check_names, checked_weights, searched_settings
from ltrr.retrieval.list_quality import ListQuality
from ltrr.types import Candidates, Catalogue, Feedback, Float64, Int8, Int32, Items, Requests

__all__ = ["Hybrid"]


@dataclass
class Hybrid(Arm):
    r"""Asks several arms and merges their lists by one of four rules.

    The score of an item is the sum of what the members that list it add:

    * ``rrf``: :math:`w / (k + r + 1)` [1]_, where r is the number of items that the member scores higher;
    * ``convex``: :math:`w \cdot (s - \min) / (\max - \min)` over the member's list [2]_, and w
      where all of its scores are equal, as in a list of one item;
    * ``relative-score``: :math:`w \cdot \max(s, 0) / \max`, so that the last of a list keeps its share;
    * ``confidence``: as ``convex``, with the weights of lexical members multiplied, request by request, by
      :math:`\max(0, 1 - \text{strength} \cdot \text{margin})`. The margin is the part of the range of the
      embedding member's scores that lies between its first and second item, the largest of several.

    Every member is asked for ``pool`` items however many are wanted, so that a deeper list extends a
    shallower one; beyond the members' lists the merged list ends.

    Parameters
    ----------
    arms : mapping of str to table, kind or arm
        The members by name: settings with ``kind``, which is the name where it is left out, or objects, of
        which copies are used.
    fusion : {"rrf", "convex", "relative-score", "confidence"}
        How lists are merged.
    pool : int >= 1
        Items that each member is asked for.
    k : float >= 0
        Damping of ``rrf``.
    weights : mapping of str to float
        Weights >= 0 by member; members that are not named weigh 1.
    strength : float >= 0
        How much a margin lowers lexical weights, for ``confidence``.

    Attributes
    ----------
    members_ : dict of str to Retriever
        The members.

    Raises
    ------
    InputError
        If a member cannot be made, a weight is of no member, or a parameter is out of range.

    Notes
    -----
    Fusions that other systems call "relative score" and that subtract the minimum are ``convex`` here.
    ``relative-score`` needs members whose scores have a natural zero, such as BM25 and cosines. Which members
    are lexical and which embeddings, their ``source`` says; without both, ``confidence`` is ``convex``.

    The arm is static if all members are; members that learn learn from what the arm's page earns. It has no
    columns for rankers: where they should see a member, make it an arm of its own too.

    References
    ----------
    .. [1] Cormack, Clarke, Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank
       learning methods", SIGIR 2009, section 2.
    .. [2] Bruch, Gai, Ingber, "An analysis of fusion functions for hybrid retrieval", ACM Transactions on
       Information Systems 42(1), 2023, section 3.

    Examples
    --------
    >>> from ltrr.types import Queries
    >>> arm = Hybrid({"bm25": {}, "ngrams": {}}, "convex", weights={"ngrams": 0.5})
    >>> arm.index(Catalogue(("a", "b", "c"), {"text": ("blue sky", "blues", "green field")}))
    >>> one = np.zeros(1, np.int64)
    >>> asks = Requests(one, one, one, one, one, np.zeros((1, 0)), (), Queries(("blue",)))
    >>> arm.retrieve(asks, np.array([2], np.int32)).item.tolist()
    [0, 1]
    """

    arms: Mapping[str, Any] = field(default_factory=lambda: {"bm25": {}, "dense": {}})
    fusion: str = "rrf"
    _: KW_ONLY
    pool: int = 200
    k: float = 60.0
    weights: Mapping[str, float] = field(default_factory=dict)
    strength: float = 1.0

    static = False  # of the class: an arm that is made is static if its members are
    source: ClassVar[str] = "hybrid"

    members_: dict[str, Any] = field(init=False, repr=False, compare=False)
    # copies of the members that learn, before they learned anything; None until there is an index
    _unlearned: dict[str, Any] | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        _check.choice("Hybrid.fusion", self.fusion, FUSIONS)
        _check.integer("Hybrid.pool", self.pool, low=1)
        _check.number("Hybrid.k", self.k, low=0.0)
        _check.number("Hybrid.strength", self.strength, low=0.0)
        self.members_ = _members(self.arms)
        self.weights = checked_weights("Hybrid", self.weights)
        check_names("Hybrid", self.weights, self.members_)
        # what a class says of its arms, the members of each decide here
        for name in ("static", "query_blind", "memorises", "exact_when_renumbered"):
            default = getattr(Arm, name, False)
            vars(self)[name] = all(getattr(arm, name, default) for arm in self.members_.values())

    def index(self, catalogue: Catalogue) -> None:
        """Index the catalogue with every member, made afresh."""
        self.members_ = _members(self.arms)
        for arm in self.members_.values():
            arm.index(catalogue)
        self._unlearned = copy.deepcopy(self._learners())

    def update(self, catalogue: Catalogue, new_items: Int32) -> None:
        """Take in a catalogue that has grown, member by member."""
        unlearned = self._indexed()
        self.members_ = {n: _updated(arm, catalogue, new_items) for n, arm in self.members_.items()}
        self._unlearned = {n: _updated(arm, catalogue, new_items) for n, arm in unlearned.items()}

    def fork(self) -> Hybrid:
        """Return an arm for another run that has learned nothing and shares the static members."""
        if self._unlearned is None:
            return replace(self)
        fresh = {
            n: arm.fork() if hasattr(arm, "fork") else copy.deepcopy(arm)
            for n, arm in self._unlearned.items()
        }
        return self._with(members_=self.members_ | fresh)

    def retrieve(self, requests: Requests, depth: Int32) -> Candidates:
        """Return the best of the members' merged lists."""
        asked = checked(depth, len(requests))
        lists = self._lists(requests, np.where(asked > 0, self.pool, 0).astype(np.int32))
        return lists.merged(self._contributions(lists), asked)

    def tune(
        self,
        requests: Requests,
        relevant: Items,
        *,
        rng: np.random.Generator,
        grades: Int8 | None = None,
        depth: int = 10,
        tries: int = 50,
        fusions: Sequence[str] | None = None,
    ) -> Hybrid:
        """Return an arm of the same members with the settings of the highest mean nDCG.

        Its own settings are tried first, then drawn ones: weights that sum to 1, with ``k`` or ``strength``
        where the rule reads it. Of equals the first wins. What the members have learned is kept.

        Parameters
        ----------
        requests : Requests
            Judged requests, or those of a log.
        relevant : Items
            Relevant or clicked items of each request; requests without any do not count.
        rng : numpy.random.Generator
            Draws the settings.
        grades : int8 (N,), optional
            Grade of each item; all 1 if None.
        depth : int >= 1
            Places that count.
        tries : int >= 1
            Settings tried, its own among them.
        fusions : sequence of str, optional
            Rules to draw from; its own alone if None.

        Raises
        ------
        InputError
            If no request has a relevant item, lengths differ, or an argument is out of range.

        Notes
        -----
        Only shown items could be clicked, so that clicks favour the arms that the log showed. The value of
        the best of many settings is too high on the requests that chose it: judge it on others.

        Examples
        --------
        Tune on requests of the stream, judge on queries that the stream never asks:

        >>> from ltrr.retrieval import ListQuality
        >>> from ltrr.rng import Streams
        >>> from ltrr.worlds import Music
        >>> world = Music(400, n_queries=120, seed=3).fork(Streams(seed=1))
        >>> arm = Hybrid({"ngrams": {}, "popular": {}})
        >>> arm.index(world.catalogue)
        >>> tuning, other = world.next(300), world.held_out(200)
        >>> relevant, grades = world.relevant(tuning)
        >>> rng = np.random.default_rng(1)
        >>> tuned = arm.tune(tuning, relevant, grades=grades, fusions=("rrf", "convex"), rng=rng)
        >>> tuned.fusion, tuned.weights  # as a study file takes them
        ('convex', {'ngrams': 0.583, 'popular': 0.417})
        >>> judge, ten = ListQuality(*world.relevant(other)), np.full(len(other), 10)
        >>> [round(judge.mean(each.retrieve(other, ten)), 2) for each in (arm, tuned)]
        [0.27, 0.4]
        """
        if len(relevant) != len(requests):
            raise InputError(
                f"`relevant` must hold {len(requests)} lists (one a request), got {len(relevant)}"
            )
        rules = [_check.choice("fusions", f, FUSIONS) for f in fusions or (self.fusion,)]
        quality = ListQuality(relevant, grades, depth)
        arms = [self, *(self._drawn(rules, rng) for _ in range(_check.integer("tries", tries, low=1) - 1))]
        lists = self._lists(requests, np.full(len(requests), self.pool, np.int32))
        places = np.full(len(requests), depth, np.int32)
        values = [quality.mean(lists.merged(arm._contributions(lists), places)) for arm in arms]
        best = arms[int(np.argmax(values))]
        return best._with(members_=self.members_ | copy.deepcopy(self._learners()))

    def learn(self, feedback: Feedback) -> None:
        """Teach the members that learn."""
        for arm in self._learners().values():
            arm.learn(feedback)

    def state(self) -> State:
        """Return what each member that learns has learned, by name."""
        self._indexed()
        return {name: arm.state() for name, arm in self._learners().items()}

    def restore(self, state: State) -> None:
        """Continue exactly from ``state``."""
        learners = self._learners()
        if set(state) != set(learners):
            raise InputError(f"`state` must be of the members {sorted(learners)}, got {sorted(state)}")
        for name, arm in learners.items():
            arm.restore(state[name])

    def index_state(self) -> State:
        """Return the indexes of the members, by name."""
        self._indexed()
        return {name: arm.index_state() for name, arm in self.members_.items()}

    def restore_index(self, state: State) -> None:
        """Continue from the members' indexes."""
        self.members_ = _members(self.arms)
        for name, arm in self.members_.items():
            arm.restore_index(state[name])
        self._unlearned = copy.deepcopy(self._learners())

    def _lists(self, requests: Requests, depth: Int32) -> FusedLists:
        self._indexed()
        return FusedLists.of([arm.retrieve(requests, depth) for arm in self.members_.values()])

    def _contributions(self, lists: FusedLists) -> Float64:
        source = np.array([getattr(arm, "source", "other") for arm in self.members_.values()])
        return lists.contributions(
            self.fusion,
            np.array([self.weights.get(name, 1.0) for name in self.members_]),
            k=self.k,
            strength=self.strength,
            lexical=source == "lexical",
            dense=source == "embedding",
        )

    def _drawn(self, rules: Sequence[str], rng: np.random.Generator) -> Hybrid:
        """Return an arm with settings to try."""
        fusion = rules[int(rng.integers(len(rules)))]
        return self._with(fusion=fusion, **searched_settings(fusion, tuple(self.members_), rng))

    def _with(self, **settings: Any) -> Hybrid:
        """Return an arm with other settings or members, all else shared."""
        other = copy.copy(self)
        vars(other).update(settings)
        return other

    def _learners(self) -> dict[str, Any]:
        return {name: arm for name, arm in self.members_.items() if not arm.static}

    def _indexed(self) -> dict[str, Any]:
        """Return the members that learn as they were indexed."""
        if self._unlearned is None:
            raise InputError("`Hybrid` must be given a catalogue first: call `index(catalogue)`")
        return self._unlearned


def _members(arms: Any) -> dict[str, Any]:
    """Return arms by name, none of them indexed; a table's name is its kind by default."""
    if not isinstance(arms, Mapping) or not arms:
        raise InputError(f"`Hybrid.arms` must be a table of arms by name, at least one, got {arms!r}")
    registry, made = registry_of("arms"), {}
    for name, value in arms.items():
        where = f"Hybrid.arms.{name}"
        own = registry.component(value, where, str(name))
        made[str(name)] = (
            registry.make(own.kind, own.params, where) if own.given is None else copy.deepcopy(own.given)
        )
    return made


def _updated(arm: Any, catalogue: Catalogue, new_items: Int32) -> Any:
    """Return a member that has taken in a catalogue that has grown."""
    # forks share static members and still have the old catalogue
    other = copy.deepcopy(arm)
    getattr(type(other), "update", Arm.update)(other, catalogue, new_items)
    return other
