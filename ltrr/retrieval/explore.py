"""What may be good but was seldom shown, among what another arm finds relevant."""

from __future__ import annotations

import copy
from dataclasses import KW_ONLY, dataclass, field, is_dataclass, replace
from typing import Any, Self

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.protocols import Retriever, State
from ltrr.retrieval._depth import checked
from ltrr.retrieval._shown import check_shown
from ltrr.retrieval.base import Arm
from ltrr.retrieval.cache import StaticCache
from ltrr.retrieval.fused_lists import ranks
from ltrr.retrieval.lexical import BM25
from ltrr.types import Candidates, Catalogue, Feedback, Float64, Int32, Int64, Queries, Requests, indptr_of
from ltrr.types.trusted import trusted

__all__ = ["Explore"]


@dataclass
class Explore(Arm):
    r"""Returns the first items of another arm, those first that may be good and were seldom shown.

    With a actions in n shows of an item, whatever was asked, its rate has a Beta posterior of mean
    :math:`\mu = (a + \text{prior} \cdot w) / (n + w)`. Items are ordered by an upper bound of the rate, as in
    Bayes-UCB [1]_ with the normal approximation of the posterior, times a discount by their place r in the
    other arm's list, from 0, where items of the same score have the same place:

    .. math:: \text{score} = \Bigl(\mu + \text{width} \sqrt{\frac{\mu (1 - \mu)}{n + w + 1}}\Bigr)
        \log_2(r + 2)^{-\text{relevance}}

    The bound is a function of the counts, without a random draw: the same history gives the same list.

    Parameters
    ----------
    base : Retriever, optional
        The arm whose lists are reordered; a new `BM25` if None. It learns from feedback too, where it can.
    pool : int >= 1
        Items of that arm that are relevant enough; there are no others.
    signal : {"satisfied", "click"}
        What counts as an action.
    prior : float in [0, 1]
        Rate of an item about which nothing is known.
    prior_weight : float > 0
        Number of shows that the prior is worth, w.
    width : float >= 0
        Standard deviations from the mean to the bound. The 3 of the default are the quantile 1 − 1/t of a
        normal distribution at t = 741 requests, which is Bayes-UCB's.
    relevance : float >= 0
        Power of the discount by place; 0 ignores the order of the base.

    Notes
    -----
    What is retrieved need not be shown: the ranker decides, unless it explores places of the page. Counts are
    an item's over all queries, so an item that is shown for one query is no longer new to another. The longer
    a list's pool, the less relevant what it returns; each retrieval costs that of ``pool`` items of the base.

    References
    ----------
    .. [1] Kaufmann, Cappé and Garivier, "On Bayesian upper confidence bounds for bandit problems",
       AISTATS 2012, section 2 and Algorithm 1.

    Examples
    --------
    Both match, and the first was shown in vain:

    >>> import numpy as np
    >>> from ltrr.types import Catalogue, Queries, Requests
    >>> explore = Explore(pool=2)
    >>> explore.index(Catalogue(("a", "b", "c"), {"title": ("red shoe", "red shoe size", "shoe")}))
    >>> one, none = np.zeros(1, np.int64), np.zeros((1, 0), np.float32)
    >>> asked = Requests(one, one, one, one, one, none, (), Queries(("red shoe",)))
    >>> explore.retrieve(asked, np.array([9])).item.tolist()
    [0, 1]
    >>> explore.restore({**explore.state(), "shows": np.array([9, 0, 0])})
    >>> explore.retrieve(asked, np.array([9])).item.tolist()
    [1, 0]
    """

    base: Retriever | None = None
    _: KW_ONLY
    pool: int = 100
    signal: str = "satisfied"
    prior: float = 0.05
    prior_weight: float = 1.0
    width: float = 3.0
    relevance: float = 0.5

    static = False

    _base: Any = field(init=False, repr=False, default=None)
    _catalogue: Catalogue | None = field(init=False, repr=False, default=None)
    _shows: Int64 = field(init=False, repr=False)
    _actions: Int64 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check.integer("Explore.pool", self.pool, low=1)
        _check.choice("Explore.signal", self.signal, ("satisfied", "click"))
        _check.fraction("Explore.prior", self.prior)
        _check.number("Explore.prior_weight", self.prior_weight, low=0.0, open_low=True)
        _check.number("Explore.width", self.width, low=0.0)
        _check.number("Explore.relevance", self.relevance, low=0.0)
        base = BM25() if self.base is None else self.base
        if not hasattr(base, "retrieve"):
            raise InputError(f"`Explore.base` must be an arm, got {base!r}")
        # what a class says of its arms, the base decides here
        for name in ("query_blind", "memorises", "exact_when_renumbered"):
            vars(self)[name] = bool(getattr(base, name, getattr(Arm, name, False)))

    def fork(self) -> Self:
        """Return an arm for another run that has learned nothing; a base that never changes is shared."""
        other = copy.copy(self)
        if self._base is not None:
            other._base = _for_another_run(self._base, self._catalogue)
            other._forget(len(self._shows))
        return other

    def index(self, catalogue: Catalogue) -> None:
        """Index the base, and forget what was shown."""
        self._base = BM25() if self.base is None else _copied(self.base)
        self._base.index(catalogue)
        self._catalogue = catalogue
        self._forget(len(catalogue))

    def keep_lists(self, queries: Queries) -> None:
        """Retrieve the base's lists for all these queries now, if it never changes, and keep them."""
        if self._ready().static:
            self._base = StaticCache(self._inner(), queries, self.pool)
            self._base.warm()

    def update(self, catalogue: Catalogue, new_items: Int32) -> None:
        """Take in a catalogue that has grown; new items were never shown."""
        # a base that never changes may serve other runs too, which still have the old catalogue
        self._base = copy.copy(self._inner())
        update = getattr(self._base, "update", None)
        if update is None:
            Arm.update(self._base, catalogue, new_items)
        else:
            update(catalogue, new_items)
        self._catalogue = catalogue
        more = (0, len(new_items))
        self._shows, self._actions = np.pad(self._shows, more), np.pad(self._actions, more)

    def index_state(self) -> State:
        """Return the base's index, and how many items there are."""
        return {"base": self._inner().index_state(), "n_items": len(self._shows)}

    def restore_index(self, state: State) -> None:
        """Start again: nothing was shown."""
        self._base = BM25() if self.base is None else _copied(self.base)
        self._base.restore_index(state["base"])
        self._catalogue = None
        self._forget(int(state["n_items"]))

    def retrieve(self, requests: Requests, depth: Int32) -> Candidates:
        """Return the base's first items by upper bound, ties by item id."""
        asked = checked(depth, len(requests))
        # all of the pool, however little is asked: a deeper list extends a shallower one
        found = self._ready().retrieve(requests, np.where(asked > 0, np.int32(self.pool), np.int32(0)))
        size = np.diff(found.indptr)
        row, place = np.repeat(np.arange(len(size)), size), ranks(found)
        # Lists are ordered by what is returned, in float32: order and score cannot disagree.
        bound = self._bound(found.item)
        score = (bound * np.log2(place + 2.0) ** -float(self.relevance)).astype(np.float32)
        order = np.lexsort((found.item, -score, row))
        length = np.minimum(asked, size).astype(np.int32)
        indptr = indptr_of(length)
        at = order[np.arange(indptr[-1]) + np.repeat(found.indptr[:-1] - indptr[:-1], length)]
        return trusted(
            Candidates, indptr=indptr, item=found.item[at], score=score[at], capped=length == asked
        )

    def learn(self, feedback: Feedback) -> None:
        """Count shows and actions of items; the base learns too.

        Raises
        ------
        InputError
            If a page shows an item that the indexed catalogue does not hold.
        """
        base = self._ready()
        n, shown = len(self._shows), feedback.item >= 0
        check_shown(feedback, n)
        base.learn(feedback)
        acted = feedback.satisfied if self.signal == "satisfied" else feedback.click
        self._shows += np.bincount(feedback.item[shown], minlength=n)
        self._actions += np.bincount(feedback.item[shown & acted], minlength=n)

    def state(self) -> State:
        """Return shows and actions of each item, and what the base has learned."""
        base = self._ready().state()
        return {"shows": self._shows.copy(), "actions": self._actions.copy(), "base": base}

    def restore(self, state: State) -> None:
        """Continue exactly from ``state``; the same catalogue must have been indexed before."""
        self._ready().restore(state["base"])
        shape = (len(self._shows),)
        shows = _check.array("state['shows']", state["shows"], np.int64, shape)
        actions = _check.array("state['actions']", state["actions"], np.int64, shape)
        self._shows, self._actions = shows.copy(), actions.copy()

    def _forget(self, n_items: int) -> None:
        self._shows, self._actions = np.zeros(n_items, np.int64), np.zeros(n_items, np.int64)

    def _ready(self) -> Any:
        if self._base is None:
            raise InputError("`Explore` must be given a catalogue first: call `index(catalogue)`")
        return self._base

    def _inner(self) -> Any:
        """Return the base itself, not what keeps its lists."""
        base = self._ready()
        return base.retriever if isinstance(base, StaticCache) else base

    def _bound(self, item: Int32) -> Float64:
        """Return the upper bound (N,) of each item's rate."""
        weight = self._shows[item] + float(self.prior_weight)
        mean = (self._actions[item] + self.prior * self.prior_weight) / weight
        return np.asarray(mean + self.width * np.sqrt(mean * (1.0 - mean) / (weight + 1.0)))


def _for_another_run(arm: Any, catalogue: Catalogue | None) -> Any:
    """Return an indexed arm that has learned nothing: a static one itself."""
    if arm.static:
        return arm
    if hasattr(arm, "fork"):
        return arm.fork()
    other = _copied(arm)
    if catalogue is None:
        other.restore_index(arm.index_state())
    else:
        other.index(catalogue)
    return other


def _copied(arm: Any) -> Any:
    return replace(arm) if is_dataclass(arm) and not isinstance(arm, type) else copy.deepcopy(arm)
