"""Vectors of queries and items from what users did: items that the same queries lead to are near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from ltrr import _check
from ltrr._kernels.dense import normalise_rows
from ltrr.embeddings.ppmi import co_counts, factors, ppmi
from ltrr.errors import InputError
from ltrr.features.tokens import Tokenizer, normalise, tokenize
from ltrr.logs import actions_of
from ltrr.protocols import State
from ltrr.types import Float32, Float64, Int64

__all__ = ["CoAction"]


@dataclass
class CoAction:
    r"""A factorisation of how much more often than by chance queries and items go together in a log.

    With c(q, i) the weight of actions on item i under query q, and the items' shares smoothed by a power α,

    .. math:: M(q, i) = \max(0, \ln \frac{c(q, i)}{c(q)\, p_\alpha(i)}), \qquad
              p_\alpha(i) = c(i)^\alpha / \sum_j c(j)^\alpha

    (positive pointwise mutual information), and M ≈ U Σ Vᵀ (truncated), queries have the rows of U √Σ and
    items those of V √Σ, scaled to length 1. In each direction the entry of V of largest size is positive.

    A term's vector is the mean of the vectors of the queries and items that hold it; a text's is the sum of
    its terms' vectors times their idf, scaled to length 1. A query or item with actions of weight n has
    n times its own vector plus ``prior`` times that of its text, scaled likewise. So in a `Dense` arm an item
    with many actions lies where these put it, one without where its words put it, and a new query is found
    through its words. Texts are compared without regard to case and spaces; items with one text are one.

    Give actions by `observe`, or name a log. What is only ever clicked where an arm showed it is biased by
    that arm: this encoder finds again what users have reached before. A log of the seeds that a study judges
    holds the very clicks that it is judged on: take one of other seeds.

    Parameters
    ----------
    log : path, optional
        Folder ``log`` of a run on the same catalogue, whose clicks count as actions.
    dim : int
        Greatest number of directions, >= 1.
    smoothing : float in (0, 1]
        The power α; 1 for none. Below 1, rare items are not favoured so much.
    same_session : float in [0, 1]
        Weight of an action for the other queries of its session. Above 0 it helps where a session is about
        one thing; sessions that mix topics join what does not belong together.
    prior : float > 0
        Weight of a text's terms, in actions.
    seed : int
        Seed of the randomised factorisation.
    tokenizer : Tokenizer
        Cuts texts into terms: a name of `ltrr list tokenizers`, a table with ``kind``, or a function.

    Attributes
    ----------
    texts_ : list of str
        The queries and items with actions, without regard to case and spaces.
    vectors_ : float32 (n, dim)
        Their own vectors, each as long as the weight of its actions.
    terms_ : float32 (V, dim)
        The terms' vectors, times their idf.

    Raises
    ------
    InputError
        If a parameter is out of range, or there are no actions, or none that tell items apart.

    Examples
    --------
    >>> items = ["red shoe", "sandals", "tea pot", "kettle"]
    >>> queries = ["footwear", "footwear", "shoe", "hot water", "hot water"]
    >>> encoder = CoAction(dim=2).observe(queries, [0, 1, 0, 2, 3]).fit(items)
    >>> shoe, sandals, pot, new = encoder.encode(["red shoe", "sandals", "tea pot", "footwear sale"])
    >>> bool(sandals @ shoe > 0.9), bool(abs(sandals @ pot) < 0.1), bool(new @ sandals > 0.9)
    (True, True, True)

    References
    ----------
    .. [1] Levy, Goldberg, "Neural word embedding as implicit matrix factorization", NeurIPS 2014, sections 4
       and 5.1: positive PMI and its truncated SVD.
    .. [2] Levy, Goldberg, Dagan, TACL 3, 2015, sections 3.2 and 3.3: smoothing by α = 0.75, and why √Σ.
    """

    log: str | Path | None = None
    dim: int = 64
    smoothing: float = 0.75
    same_session: float = 0.0
    prior: float = 1.0
    seed: int = 0
    tokenizer: Tokenizer = tokenize
    texts_: list[str] = field(init=False, repr=False)
    vectors_: Float32 = field(init=False, repr=False)
    terms_: Float32 = field(init=False, repr=False)
    _actions: tuple[list[str], Int64, Float64, Int64] | None = field(init=False, default=None, repr=False)
    _row: dict[str, int] = field(init=False, repr=False)
    _counter: CountVectorizer = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check.integer("CoAction.dim", self.dim, low=1)
        _check.number("CoAction.smoothing", self.smoothing, low=0.0, high=1.0, open_low=True)
        _check.fraction("CoAction.same_session", self.same_session)
        _check.number("CoAction.prior", self.prior, low=0.0, open_low=True)
        _check.integer("CoAction.seed", self.seed, low=0)
        if self.log is not None and not isinstance(self.log, (str, Path)):
            raise InputError(f"`CoAction.log` must be the path of a run's log, got {self.log!r}")

    def observe(
        self, query: Sequence[str], item: Any, *, weight: Any = None, session: Any = None
    ) -> CoAction:
        """Take the actions that `fit` counts, in place of the log's and of earlier ones, and return self.

        Parameters
        ----------
        query : sequence of str, length n
            Texts of the queries.
        item : int (n,)
            Rows of the items among the texts of `fit`.
        weight : float >= 0 (n,), optional
            1 for each by default.
        session : int (n,), optional
            Ids of sessions; by default each action is a session of its own.
        """
        n = len(query)
        items = _check.array("item", item, np.int64, (n,))
        weights = _check.array("weight", np.ones(n) if weight is None else weight, np.float64, (n,))
        if not (np.isfinite(weights) & (weights >= 0.0)).all():
            raise InputError(f"`weight` must be finite and >= 0, got {weights.min()}")
        sessions = _check.array("session", np.arange(n) if session is None else session, np.int64, (n,))
        self._actions = (list(query), items, weights, sessions)
        return self

    def fit(self, texts: Sequence[str]) -> CoAction:
        """Factorise the actions on the items whose texts these are, and return self."""
        query, item, weight, session = self._given()
        if not ((item >= 0) & (item < len(texts))).all():
            text = f"`item` must be rows of the {len(texts)} items, got {item.min()} to {item.max()}"
            raise InputError(f"{text}; are the actions those of another catalogue?")
        row: dict[str, int] = {}
        keys = [*(_key(text) for text in query), *(_key(texts[i]) for i in item.tolist())]
        node = np.array([row.setdefault(key, len(row)) for key in keys], np.int64)
        asked, acted = np.split(node, 2)
        counts = co_counts(asked, acted, weight, session, n=len(row), share=self.same_session)
        sides = factors(ppmi(counts, smoothing=self.smoothing), dim=self.dim, seed=self.seed)
        if sides[0].shape[1] == 0:
            raise InputError(
                f"`CoAction.fit` needs actions that tell items apart, got {len(query)} actions on "
                f"{len(np.unique(acted))} items, of which none goes with some queries more than with others"
            )
        own = np.zeros(sides[0].shape, np.float32)
        for side, axis in zip(sides, (1, 0), strict=True):
            rows = np.ascontiguousarray(side, dtype=np.float32)
            normalise_rows(rows)
            own += rows * np.asarray(counts.sum(axis=axis), np.float32).reshape(-1, 1)
        self._know(list(row), own)
        self._counter = CountVectorizer(analyzer=self.tokenizer)
        try:
            held = self._counter.fit_transform(self.texts_).sign()
        except ValueError as error:
            raise InputError("`CoAction.fit` needs queries or items that hold a word, got none") from error
        normalise_rows(own := own.copy())
        df = np.asarray(held.sum(axis=0)).reshape(-1)
        idf = np.log1p(len(row) / df)
        self.terms_ = np.ascontiguousarray((held.T @ own) * (idf / df)[:, None], dtype=np.float32)
        return self

    def _given(self) -> tuple[list[str], Int64, Float64, Int64]:
        """Return queries, items, weights and sessions of all actions."""
        if self._actions is not None:
            return self._actions
        if self.log is None:
            raise InputError("`CoAction` needs actions: name a `log`, or call `observe(query, item)` first")
        query, item, session = actions_of(self.log)
        return query, item, np.ones(len(query)), session

    def _know(self, texts: list[str], vectors: Float32) -> None:
        self.texts_, self.vectors_ = texts, vectors
        self._row = {text: i for i, text in enumerate(texts)}

    def encode(self, texts: Sequence[str]) -> Float32:
        """Return float32 (n, dim): a row of length 1 a text; zeros where it is unknown, terms included."""
        if not hasattr(self, "terms_"):
            raise InputError("`CoAction` must be fitted before it encodes: call `fit(texts)`")
        # sparse times dense adds row by row in the order of the terms, unlike a dense product
        counts = self._counter.transform(texts).astype(np.float32)
        out = np.ascontiguousarray(counts @ self.terms_, dtype=np.float32)
        normalise_rows(out)
        out *= np.float32(self.prior)
        row = np.array([self._row.get(_key(text), -1) for text in texts], np.int64)
        out[row >= 0] += self.vectors_[row[row >= 0]]
        normalise_rows(out)
        return out

    def index_state(self) -> State:
        """Return the known texts, the terms, and the vectors of both."""
        terms = sorted(self._counter.vocabulary_, key=self._counter.vocabulary_.get)
        return {"texts": self.texts_, "vectors": self.vectors_, "terms": terms, "of_terms": self.terms_}

    def restore_index(self, state: State) -> None:
        """Continue from what `fit` found."""
        self._know(list(state["texts"]), state["vectors"])
        self.terms_, self._counter = state["of_terms"], CountVectorizer(analyzer=self.tokenizer)
        self._counter.vocabulary_ = {term: i for i, term in enumerate(state["terms"])}


def _key(text: str) -> str:
    """Return a text without regard to case and spaces."""
    return " ".join(normalise(text).split())
