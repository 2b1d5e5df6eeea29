"""Retrieval by fields: BM25F, where a word in the title counts more than one in the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from ltrr import _check
from ltrr.errors import InputError, nearest
from ltrr.features.text import TextIndex
from ltrr.retrieval.lexical import BM25
from ltrr.types import Catalogue, Float32, Float64, Int32, Int64, Items, Requests

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
    _count: Float64 = field(init=False, repr=False)
    _key: Int64 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, weight in self.weights.items():
            _check.number(f"BM25F.weights[{name!r}]", weight, low=0.0, open_low=True)
        for name, b in self.lengths.items():
            _check.fraction(f"BM25F.lengths[{name!r}]", b)

    def index(self, catalogue: Catalogue) -> None:
        """Count the words of each field and weigh them; a second call starts afresh."""
        names = list(catalogue.fields if self.fields is None else self.fields)
        for name in (*self.weights, *self.lengths):
            if name not in names:
                raise InputError(
                    f"`BM25F` must name fields that are indexed, got {name!r}{nearest(name, names)}"
                )
        self._fields = {
            name: TextIndex.build(catalogue.fields[name], tokenize=self.tokenizer)
            for name in names
            if name in catalogue.fields
        }
        super().index(catalogue)
        del self._fields, self._count, self._key

    def _weights(self, doc: Int64 | Int32, term: Int64 | Int32, tf: Int32) -> Float32:
        del tf  # that of all fields together
        if not hasattr(self, "_count"):
            self._add_up()
        at = np.searchsorted(self._key, doc.astype(np.int64) * len(self.index_.df) + term)
        count = self._count[at]
        return self._saturated(doc, term, count, np.full(len(count), self.k1))

    def _add_up(self) -> None:
        """Add up the weighted counts of all pairs of document and term, in the order of the rows."""
        counts = self.index_
        n_terms = len(counts.df)
        doc = np.repeat(np.arange(len(counts), dtype=np.int64), np.diff(counts.doc_indptr))
        self._key = doc * n_terms + counts.doc_term
        self._count = np.zeros(len(self._key))
        for name, part in self._fields.items():
            ids = np.array([counts.vocabulary[word] for word in part.vocabulary], np.int64)
            b = self.lengths.get(name, self.b)
            mean = float(part.length.mean()) or 1.0
            owner = np.repeat(np.arange(len(part), dtype=np.int64), np.diff(part.doc_indptr))
            tf = self.weights.get(name, 1.0) * part.doc_tf / (1.0 - b + b * part.length / mean)[owner]
            np.add.at(self._count, np.searchsorted(self._key, owner * n_terms + ids[part.doc_term]), tf)

    def features(self, requests: Requests, items: Items) -> tuple[tuple[str, ...], Float32]:
        """Return ``bm25f``, the score, and ``bm25f_share``, its share of the most that a text can score."""
        _, values = super().features(requests, items)
        return ("bm25f", "bm25f_share"), values
