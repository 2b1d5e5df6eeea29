"""A memory that also answers near texts: what was learned of one spelling serves the others."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar

import numpy as np

from ltrr import _check
from ltrr._kernels import near_memory as kernels
from ltrr.embeddings import LSA
from ltrr.errors import InputError
from ltrr.features.text import catalogue_texts
from ltrr.protocols import Encoder, State
from ltrr.retrieval._depth import checked
from ltrr.retrieval.memory import Memory
from ltrr.retrieval.near_queries import Neighbours, Vectors
from ltrr.types import (
    Candidates,
    Catalogue,
    Feedback,
    Float32,
    Float64,
    Int32,
    Int64,
    Items,
    Requests,
    indptr_of,
)
from ltrr.types.trusted import trusted

__all__ = ["NearMemory"]

BINS = 8
"""Ranges of similarity, from the floor to 1, whose discounts are learned apart."""

# Factors stay below 1, so that no near entry ties with an own one whose rate has faded to 0.
_BELOW_ONE = np.nextafter(np.float32(1.0), np.float32(0.0))


@dataclass
class NearMemory(Memory):
    r"""A `Memory` whose lists go on with what the nearest known queries remember.

    A query's own entries come first, with 1 + rate as score. Then come the entries of the nearest queries
    with memory, by the cosine s of their texts' vectors: each with its rate times a discount of s, the
    greatest where several hold the item. The discount is learned: for each range of s, what items shown for
    the sake of a neighbour earned, divided by what its rate promised, shrunk to ``discount`` · s²:

    .. math:: d(s) = \min\Bigl(1, \frac{\text{earned} + w \cdot \text{discount} \cdot s^2}
        {\text{promised} + w}\Bigr)

    Parameters
    ----------
    capacity, signal, prior, prior_weight, position_discount, half_life, once_per_user, caution
        See `Memory`.
    near : int >= 1
        Most queries that are consulted.
    floor : float in (0, 1)
        Least cosine.
    discount : float in [0, 1]
        Factor, with s², before anything is known.
    discount_weight : float >= 0
        Actions promised that the prior discount is worth; infinity for a discount that is never learned.
    encoder : Encoder, optional
        Makes vectors of query texts; if it has ``fit(texts)``, that is called with the catalogue's texts. A
        new `LSA` if None, half of whose weight is on character n-grams.

    Attributes
    ----------
    memorises : tuple of str
        Columns of its features that carry no information on a query that was never acted on.

    Notes
    -----
    What neighbours promise is compared with what happened when a batch of feedback arrives, by their entries
    before it. Vectors are made of texts alone: the arm knows nothing of how a world makes its queries.

    Examples
    --------
    >>> from ltrr.types import Queries
    >>> memory = NearMemory(capacity=2, prior=0.0, encoder=LSA(dim=2))
    >>> texts = ("blue sky", "blue skies", "green field")
    >>> memory.index(Catalogue(name=("a", "b", "c"), fields={"title": texts}))
    >>> memory.restore({
    ...     "query": np.array([0]), "item": np.array([[2, 1]]),
    ...     "actions": np.array([[1.0, 2.0]]), "shows": np.array([[1.0, 4.0]]),
    ...     "earned": np.zeros(8), "promised": np.zeros(8),
    ... })
    >>> two, zeros = np.zeros(2, np.int64), np.zeros((2, 0), np.float32)
    >>> queries = Queries(("blue sky", "blue skys"))
    >>> asked = Requests(np.arange(2), two, two, np.array([0, 1]), two, zeros, (), queries)
    >>> found = memory.retrieve(asked, np.array([9, 9]))
    >>> found.item.tolist(), [round(float(s), 2) for s in found.score]
    ([2, 1, 2, 1], [1.5, 1.4, 0.35, 0.28])
    """

    _: KW_ONLY
    near: int = 5
    floor: float = 0.6
    discount: float = 0.7
    discount_weight: float = 20.0
    encoder: Encoder | None = None

    coverage_names = ("items", "actions", "best_rate", "near_items", "near_best", "near_similarity")
    memorises: ClassVar[bool | tuple[str, ...]] = (
        "memory_rate",
        "memory_actions",
        "memory_best",
        "memory_known",
    )
    exact_when_renumbered = False

    _vectors: Vectors | None = field(init=False, repr=False, default=None)
    _known: Int32 = field(init=False, repr=False)
    _nearest: Neighbours = field(init=False, repr=False)
    _earned: Float64 = field(init=False, repr=False)
    _promised: Float64 = field(init=False, repr=False)
    _asked: Requests | None = field(init=False, repr=False, default=None)
    _lists: tuple[Int64, Int32, Float32] | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        _check.integer("NearMemory.near", self.near, low=1)
        _check.number("NearMemory.floor", self.floor, low=0.0, high=1.0, open_low=True)
        if self.floor == 1.0:
            raise InputError("`NearMemory.floor` must be below 1, got 1: no other text is as near")
        _check.fraction("NearMemory.discount", self.discount)
        if self.discount_weight != np.inf:
            _check.number("NearMemory.discount_weight", self.discount_weight, low=0.0)
        super().__post_init__()

    def index(self, catalogue: Catalogue) -> None:
        """Forget everything and fit the encoder, if it can be fitted, to the catalogue's texts."""
        encoder = LSA() if self.encoder is None else self.encoder
        fit = getattr(encoder, "fit", None)
        if fit is not None:
            fit(catalogue_texts(catalogue))
        self._vectors = Vectors(encoder)
        super().index(catalogue)

    def retrieve(self, requests: Requests, depth: Int32) -> Candidates:
        """Return the query's own entries by rate, then those of near queries; ties by item id."""
        asked = checked(depth, len(requests))
        indptr, item, score = self._merged(requests)
        length = np.minimum(np.diff(indptr), asked).astype(np.int32)
        out = indptr_of(length)
        at = np.arange(out[-1]) + np.repeat(indptr[:-1] - out[:-1], length)
        return trusted(Candidates, indptr=out, item=item[at], score=score[at], capped=length == asked)

    def available(self, requests: Requests) -> Int32:
        """Return how many items (B,) there are for each request's query, near queries' included."""
        return np.diff(self._merged(requests)[0]).astype(np.int32)

    def coverage(self, requests: Requests) -> Float32:
        """Return what memory knows of each request's query, (B, 6), named by ``coverage_names``.

        After the columns of `Memory.coverage`: log(1 + items of near queries), the best of their discounted
        rates, and the cosine of the nearest known query.
        """
        own = super().coverage(requests)
        indptr, _, score = self._merged(requests)
        _, similarity = self._neighbours(requests)
        entries = self._entries(requests)
        out = np.zeros((len(requests), 6), np.float32)
        out[:, :3] = own
        out[:, 3] = np.log1p(np.diff(indptr) - entries)
        has = indptr[:-1] + entries < indptr[1:]
        out[has, 4] = score[(indptr[:-1] + entries)[has]]
        out[:, 5] = similarity[:, 0]
        return out

    def features(self, requests: Requests, items: Items) -> tuple[tuple[str, ...], Float32]:
        """Return the columns of `Memory.features`, and what near queries say of the pair.

        ``near_rate`` is the discounted rate, ``near_similarity`` the cosine of the query that it is from.
        """
        names, own = super().features(requests, items)
        near, similarity = self._neighbours(requests)
        value, neighbour, _ = self._valued(items.indptr, items.item, near, self._discounts(similarity))
        row = np.repeat(np.arange(len(requests)), np.diff(items.indptr))
        out = np.empty((len(items.item), len(names) + 2), np.float32)
        out[:, : len(names)] = own
        out[:, -2] = value
        out[:, -1] = np.where(neighbour >= 0, similarity[row, neighbour], np.float32(0.0))
        return (*names, "near_rate", "near_similarity"), out

    def learn(self, feedback: Feedback) -> None:
        """Learn what neighbours' promises are worth, then count as `Memory.learn` does."""
        self._ready()
        if feedback.item.size and self.discount_weight != np.inf:
            self._judge(feedback)
        super().learn(feedback)
        known = np.flatnonzero(self._size).astype(np.int32)
        if len(known) > len(self._known):
            self._known = np.concatenate([self._known, np.setdiff1d(known, self._known)])
        self._asked = None

    def state(self) -> State:
        """Return the rows of the queries that have memory, and what the discounts are learned from."""
        return {**super().state(), "earned": self._earned.copy(), "promised": self._promised.copy()}

    def restore(self, state: State) -> None:
        """Continue exactly from ``state``."""
        super().restore(state)
        for name in ("earned", "promised"):
            found = _check.array(f"state['{name}']", state[name], np.float64, (BINS,))
            setattr(self, f"_{name}", found.copy())
        self._known = np.flatnonzero(self._size).astype(np.int32)

    def index_state(self) -> State:
        """Return which items are alive, and what the encoder has fitted."""
        fitted = getattr(self._encoder, "index_state", None)
        return {**super().index_state(), "encoder": {} if fitted is None else fitted()}

    def restore_index(self, state: State) -> None:
        """Forget everything, as after `index`."""
        encoder = LSA() if self.encoder is None else self.encoder
        if state["encoder"]:
            encoder.restore_index(state["encoder"])  # type: ignore[attr-defined]  # it made this state
        self._vectors = Vectors(encoder)
        super().restore_index(state)

    @property
    def _encoder(self) -> Any:
        self._ready()
        return None if self._vectors is None else self._vectors.encoder

    def _forget(self) -> None:
        super()._forget()
        self._known = np.empty(0, np.int32)
        self._nearest = Neighbours(self.near)
        self._earned, self._promised = np.zeros(BINS), np.zeros(BINS)
        self._asked = self._lists = None

    def _neighbours(self, requests: Requests) -> tuple[Int32, Float32]:
        """Return the nearest known queries (B, m) of each request's, −1 for none, and their cosines."""
        self._ready()
        if self._vectors is None:
            raise InputError("`NearMemory` must be given a catalogue first: call `index(catalogue)`")
        return self._nearest.of(self._vectors, requests, self._known, self.floor)

    def _bin(self, similarity: Float32) -> Int64:
        part = (similarity - np.float32(self.floor)) / np.float32(1.0 - self.floor)
        return np.clip((part * BINS).astype(np.int64), 0, BINS - 1)

    def _discounts(self, similarity: Float32) -> Float32:
        """Return the factor of each neighbour's rates."""
        prior = self.discount * similarity.astype(np.float64) ** 2
        if self.discount_weight == np.inf:
            return np.minimum(prior.astype(np.float32), _BELOW_ONE)
        bins, weight = self._bin(similarity), self.discount_weight
        promised = self._promised[bins] + weight
        learned = np.divide(self._earned[bins] + weight * prior, promised, out=prior, where=promised > 0.0)
        return np.minimum(learned.astype(np.float32), _BELOW_ONE)

    def _merged(self, requests: Requests) -> tuple[Int64, Int32, Float32]:
        """Return the whole lists of a batch, which is asked for several times before anything is learned."""
        if self._lists is None or requests is not self._asked:
            near, similarity = self._neighbours(requests)
            self._lists = kernels.merged(
                requests.query,
                near,
                self._discounts(similarity),
                self._item,
                self._actions,
                self._shows,
                self._size,
                self._smoothing(),
            )
            self._asked = requests
        return self._lists

    def _valued(
        self, indptr: Int64, item: Int32, near: Int32, factor: Float32
    ) -> tuple[Float32, Int32, Float32]:
        value, neighbour, rate = kernels.valued(
            indptr,
            item,
            near,
            factor,
            self._item,
            self._actions,
            self._shows,
            self._size,
            self._smoothing(),
        )
        return value, neighbour, rate

    def _judge(self, feedback: Feedback) -> None:
        """Add what neighbours promised of the shown items, and what these earned."""
        requests, page = feedback.requests, feedback.item
        near, similarity = self._neighbours(requests)
        indptr = np.arange(len(page) + 1, dtype=np.int64) * page.shape[1]
        _, neighbour, rate = self._valued(indptr, page.reshape(-1), near, self._discounts(similarity))
        own = self._locate(requests, Items(indptr, page.reshape(-1))) >= 0
        at = np.flatnonzero((neighbour >= 0) & ~own)
        bins = self._bin(similarity[at // page.shape[1], neighbour[at]])
        acted = (feedback.satisfied if self.signal == "satisfied" else feedback.click).reshape(-1)
        promised = rate[at] * self._examined(page.shape[1])[at % page.shape[1]]
        self._promised += np.bincount(bins, promised, BINS)
        self._earned += np.bincount(bins, acted[at].astype(np.float64), BINS)
