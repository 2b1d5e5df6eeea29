"""Retrieval by fields: BM25F, where a word in the title counts more than one in the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from ltrr import _check
from ltrr.errors import InputError, nearest
from ltrr.features.text import TextIndex, field_names
from ltrr.protocols import State
from ltrr.retrieval.lexical import BM25
from ltrr.types import Catalogue, Float32, Float64, Int32, Int64, Items, Requests
from ltrr.types.ragged import row_of

__all__ = ["BM25F"]


@dataclass
class BM25F(BM25):
    r"""BM25 over fields: counts are weighted by field before repetition saturates.

    .. math:: s(q, d) = \sum_{t \in q} \mathrm{idf}(t) \frac{g \cdot n(t, d)}{n(t, d) + k_1}, \qquad
        n(t, d) = \sum_f w_f \frac{\mathrm{tf}_f(t, d)}{1 - b_f + b_f\, |d_f| / \overline{|d_f|}}

    Summing the scores of fields instead would let a word that is in all fields count several times over. The
    idf is that of all fields together. With one field of weight 1 it is `BM25`.

    Parameters
    ----------
    k1, b, method, fields, tokenizer, quality
        See `BM25`; ``b`` is that of the fields that ``lengths`` does not name.
    weights : mapping of str to float
        Weights > 0 by field; fields that are not named weigh 1.
    lengths : mapping of str to float
        How much length matters, in [0, 1], by field.

    Raises
    ------
    InputError
        If a parameter is out of range, or a field is unknown.

    Examples
    --------
    The word in the title counts more than twice the word in the text:

    >>> from ltrr.types import Queries
    >>> arm = BM25F(weights={"title": 3.0}, b=0.0)
    >>> arm.index(Catalogue(("a", "b"), {"title": ("sea", "blue"), "text": ("blue blue", "sea")}))
    >>> one = np.zeros(1, np.int64)
    >>> asks = Requests(one, one, one, one, one, np.zeros((1, 0)), (), Queries(("blue",)))
    >>> arm.retrieve(asks, np.array([10], np.int32)).item.tolist()
    [1, 0]

    References
    ----------
    .. [1] Robertson, Zaragoza, Taylor, "Simple BM25 extension to multiple weighted fields", CIKM 2004.
    .. [2] Zaragoza et al., "Microsoft Cambridge at TREC 13: web and hard tracks", 2004: a length by field.
    """

    _: KW_ONLY
    weights: Mapping[str, float] = field(default_factory=dict)
    lengths: Mapping[str, float] = field(default_factory=dict)
    _fields: TextIndex = field(init=False, repr=False)
    _names: list[str] = field(init=False, repr=False, default_factory=list)
    _pair: Int64 = field(init=False, repr=False)
    _tf: Float64 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, weight in self.weights.items():
            _check.number(f"BM25F.weights[{name!r}]", weight, low=0.0, open_low=True)
        for name, b in self.lengths.items():
            _check.fraction(f"BM25F.lengths[{name!r}]", b)

    def _count(self, catalogue: Catalogue, known: TextIndex | None) -> TextIndex:
        """Return the counts of all fields together; those of each field are rows of `_fields`."""
        names = self._checked(catalogue)
        texts = [text for row in zip(*(catalogue.fields[f] for f in names), strict=True) for text in row]
        # What was loaded from disk has no counts by field, and is counted again.
        if known is None or names != self._names:
            self._fields = TextIndex.build(texts, tokenize=self.tokenizer)
        else:
            self._fields = self._fields.extend(texts[len(self._fields) :])
        self._names = names
        return self._fields.joined(len(names))

    def _checked(self, catalogue: Catalogue) -> list[str]:
        names = field_names(catalogue, fields=self.fields)
        for name in (*self.weights, *self.lengths):
            if name not in names:
                raise InputError(
                    f"`BM25F` must name fields that are indexed, got {name!r}{nearest(name, names)}"
                )
        return names

    def _weigh(self, catalogue: Catalogue, counts: TextIndex) -> None:
        self._pair, self._tf = self._weighted(counts)
        super()._weigh(catalogue, counts)
        del self._pair, self._tf

    def _weighted(self, counts: TextIndex) -> tuple[Int64, Float64]:
        """Return all pairs ``document · V + term``, ascending, and their weighted counts."""
        texts, names, v = self._fields, self._names, len(counts.df)
        pair = row_of(counts.doc_indptr) * v + counts.doc_term
        b = np.array([self.lengths.get(name, self.b) for name in names])
        length = texts.length.reshape(-1, len(names))
        mean = length.mean(axis=0)
        norm = 1.0 - b + b * length / np.where(mean > 0.0, mean, 1.0)
        row = row_of(texts.doc_indptr)
        weight = np.array([self.weights.get(name, 1.0) for name in names])
        tf = weight[row % len(names)] * texts.doc_tf / norm.ravel()[row]
        at = np.searchsorted(pair, row // len(names) * v + texts.doc_term)
        return pair, np.bincount(at, weights=tf, minlength=len(pair)).astype(np.float64)

    def _weights(self, doc: Int64 | Int32, term: Int64 | Int32, tf: Int32) -> Float32:
        del tf  # that of all fields together
        count = self._tf[np.searchsorted(self._pair, doc.astype(np.int64) * len(self.index_.df) + term)]
        return self._saturated(doc, term, count, self.k1)

    def restore_index(self, state: State) -> None:
        """Continue from counts and weights."""
        super().restore_index(state)
        self._names = []

    def features(self, requests: Requests, items: Items) -> tuple[tuple[str, ...], Float32]:
        """Return ``bm25f``, the score, and ``bm25f_share``, its share of the most that a text can score."""
        _, values = super().features(requests, items)
        return ("bm25f", "bm25f_share"), values
