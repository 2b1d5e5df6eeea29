"""Lexical retrieval: BM25 over words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ltrr import _check
from ltrr._kernels.bm25 import Postings, Rows, score_pairs, search
from ltrr._kernels.rank_features import query_profile, with_share
from ltrr.features.text import QueryTerms, TextIndex, catalogue_texts
from ltrr.features.tokens import Tokenizer, tokenize
from ltrr.protocols import State
from ltrr.retrieval._depth import checked
from ltrr.retrieval.base import Arm
from ltrr.types import Candidates, Catalogue, Float32, Float64, Int32, Int64, Items, Requests, indptr_of

__all__ = ["BM25"]

_METHODS = ("lucene", "robertson", "atire")


@dataclass
class BM25(Arm):
    r"""BM25: rare words count more, repeated words ever less, long documents are penalised.

    .. math:: s(q, d) = \sum_{t \in q} \mathrm{idf}(t)
        \frac{g \cdot \mathrm{tf}(t, d)}{\mathrm{tf}(t, d) + k_1 (1 - b + b\, |d| / \overline{|d|})}

    With N documents of which df hold the term: ``lucene`` has idf = ln(1 + (N − df + ½)/(df + ½)) and g = 1;
    ``robertson`` idf = max(0, ln((N − df + ½)/(df + ½))) and g = 1; ``atire`` idf = ln(N/df) and
    g = k₁ + 1. A word that the query repeats counts as often as it is repeated. Only items of positive score
    are found. Statistics are those of the whole catalogue; items that are not alive are never returned, but
    can be scored.

    Parameters
    ----------
    k1 : float
        How late repetition saturates, in [0, 1000].
    b : float
        How much length matters, in [0, 1].
    method : str
        ``"lucene"``, ``"robertson"`` or ``"atire"``.
    fields : sequence of str, optional
        Text fields to index; all of them if None.
    quality : float >= 0
        How much the quality of an item counts: scores are multiplied by 1 + quality · log(1 + popularity) /
        log(1 + greatest popularity), so that of two texts that match alike the more popular one comes first.
    tokenizer : Tokenizer
        Cuts texts and queries into tokens: a name of `ltrr list tokenizers`, a table with ``kind``, or a
        function. What the context and the rankers see of words is cut by that of the provider ``bm25``.

    Attributes
    ----------
    index_ : TextIndex
        Counts of the whole catalogue.
    idf_ : float64 (V,)
        Inverse document frequency of each term.
    terms_ : QueryTerms
        The queries' terms.

    Raises
    ------
    InputError
        If a parameter is out of range, or a field is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.types import Queries
    >>> arm = BM25()
    >>> arm.index(Catalogue(("a", "b", "c"), {"text": ("blue sky", "blue blue sea", "green field")}))
    >>> one = np.zeros(1, np.int64)
    >>> asks = Requests(one, one, one, one, one, np.zeros((1, 0)), (), Queries(("the blue sky",)))
    >>> found = arm.retrieve(asks, np.array([10], np.int32))
    >>> found.item.tolist(), [round(float(s), 3) for s in found.score]
    ([0, 1], [0.62, 0.246])

    References
    ----------
    .. [1] Robertson, Zaragoza, "The probabilistic relevance framework: BM25 and beyond", FnTIR 3(4), 2009,
       section 3.
    .. [2] Kamphuis, de Vries, Boytsov, Lin, "Which BM25 do you mean?", ECIR 2020, section 2.
    """

    source: ClassVar[str] = "lexical"

    k1: float = 1.5
    b: float = 0.75
    method: str = "lucene"
    fields: Sequence[str] | None = None
    tokenizer: Tokenizer = tokenize
    quality: float = 0.0
    index_: TextIndex = field(init=False, repr=False)
    idf_: Float64 = field(init=False, repr=False)
    terms_: QueryTerms = field(init=False, repr=False)
    _postings: Postings = field(init=False, repr=False)
    _rows: Rows = field(init=False, repr=False)
    _boost: Float64 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check.number("BM25.k1", self.k1, low=0.0, high=1000.0)
        _check.fraction("BM25.b", self.b)
        _check.choice("BM25.method", self.method, _METHODS)
        _check.number("BM25.quality", self.quality, low=0.0)

    def index(self, catalogue: Catalogue) -> None:
        """Count the catalogue's words and weigh them; a second call starts afresh."""
        self._weigh(catalogue, self._count(catalogue, None))

    def update(self, catalogue: Catalogue, new_items: Int32) -> None:
        """Take in a catalogue that has grown: only texts behind the known ones are read, all are weighed."""
        known = getattr(self, "index_", None)
        first = 0 if known is None else len(known)
        if not np.array_equal(np.sort(new_items), np.arange(first, len(catalogue))):
            known = None  # what else is new cannot be seen from here
        self._weigh(catalogue, self._count(catalogue, known))

    def _count(self, catalogue: Catalogue, known: TextIndex | None) -> TextIndex:
        """Return the counts of a catalogue, whose first items may be known."""
        texts = catalogue_texts(catalogue, fields=self.fields)
        if known is None:
            return TextIndex.build(texts, tokenize=self.tokenizer)
        return known.extend(texts[len(known) :])

    def _weigh(self, catalogue: Catalogue, counts: TextIndex) -> None:
        self.index_ = counts
        self.terms_ = QueryTerms(counts)
        self.idf_ = self._idf(counts.df.astype(np.float64), len(counts))
        popular = np.log1p(catalogue.popularity.astype(np.float64))
        self._boost = 1.0 + self.quality * popular / (popular.max() or 1.0)
        doc = np.repeat(np.arange(len(counts)), np.diff(counts.doc_indptr))
        self._rows = Rows(
            counts.doc_indptr, counts.doc_term, self._weights(doc, counts.doc_term, counts.doc_tf)
        )
        term = np.repeat(np.arange(len(counts.df)), counts.df)
        weight = self._weights(counts.term_doc, term, counts.term_tf)
        bound = np.zeros(len(counts.df), np.float32)
        np.maximum.at(bound, term, weight)
        alive = catalogue.alive[counts.term_doc]
        indptr = indptr_of(np.bincount(term[alive], minlength=len(bound)).astype(np.int32))
        self._postings = Postings(indptr, counts.term_doc[alive], weight[alive], bound)

    def _idf(self, df: Float64, n: int) -> Float64:
        odds = (n - df + 0.5) / (df + 0.5)
        if self.method == "lucene":
            return np.log1p(odds)
        return np.log(np.maximum(odds, 1.0) if self.method == "robertson" else n / df)

    def _weights(self, doc: Int64 | Int32, term: Int64 | Int32, tf: Int32) -> Float32:
        length = self.index_.length
        # where all texts are empty there is no posting to weigh
        mean = float(length.mean()) or 1.0
        penalty = self.k1 * (1.0 - self.b + self.b * length / mean)
        return self._saturated(doc, term, tf, penalty[doc])

    def _saturated(
        self, doc: Int64 | Int32, term: Int64 | Int32, count: Int32 | Float64, penalty: Any
    ) -> Float32:
        """Return what counts of a term in a document are worth."""
        gain = self.k1 + 1.0 if self.method == "atire" else 1.0
        value = self.idf_[term] * gain * count / (count + penalty)
        return np.asarray(value if self.quality == 0.0 else value * self._boost[doc], np.float32)

    def index_state(self) -> State:
        """Return the counts and all weights."""
        return {
            "counts": self.index_.index_state(),
            "idf": self.idf_,
            "rows": self._rows.weight,
            "postings": self._postings._asdict(),
        }

    def restore_index(self, state: State) -> None:
        """Continue from counts and weights."""
        counts = TextIndex.from_state(state["counts"], tokenize=self.tokenizer)
        self.index_, self.terms_, self.idf_ = counts, QueryTerms(counts), state["idf"]
        self._rows = Rows(counts.doc_indptr, counts.doc_term, state["rows"])
        self._postings = Postings(**state["postings"])

    def retrieve(self, requests: Requests, depth: Int32) -> Candidates:
        """Return up to ``depth[b]`` items of positive score for each request's query."""
        return self.search(*self.terms_.rows(requests), depth)

    def search(self, indptr: Int64, term: Int32, depth: Int32) -> Candidates:
        """Return up to ``depth[b]`` items of positive score for each encoded query.

        Parameters
        ----------
        indptr : int64 (B + 1,)
        term : int32 (M,)
            Term ids of the queries as `TextIndex.encode` gives them; −1 for unknown tokens.
        depth : int32 (B,)
            Greatest number of items for each query.
        """
        n = len(indptr) - 1
        depth = checked(depth, n)
        # a query touches no more documents than its terms have postings
        widths = np.append(np.diff(self._postings.indptr), 0)[term]
        ends = np.concatenate([[0], np.cumsum(widths)])[indptr]
        most = np.minimum(np.minimum(depth, len(self.index_)), np.diff(ends)).astype(np.int32)
        out_indptr = indptr_of(most)
        item = np.empty(out_indptr[-1], np.int32)
        score = np.empty(out_indptr[-1], np.float32)
        count = np.zeros(n, np.int64)
        search(indptr, term, out_indptr, self._postings, self._rows, item, score, count)
        filled = np.arange(len(item)) - np.repeat(out_indptr[:-1], most) < np.repeat(count, most)
        return Candidates(indptr_of(count.astype(np.int32)), item[filled], score[filled], count == depth)

    def score(self, requests: Requests, items: Items) -> Float32:
        """Return float32 (N,): the score of each request's items, 0 for −1 items.

        The bits are those that `retrieve` gives.
        """
        out = np.empty(len(items.item), np.float32)
        q_indptr, q_term = self.terms_.rows(requests)
        score_pairs(q_indptr, q_term, items.indptr, items.item, self._rows, self._postings.bound, out)
        return out

    def features(self, requests: Requests, items: Items) -> tuple[tuple[str, ...], Float32]:
        """Return ``bm25``, the score, and ``bm25_share``, its share of the most that any text can score."""
        query_indptr, query_term = self.terms_.rows(requests)
        profile = np.empty((len(requests), 4), np.float32)
        query_profile(query_indptr, query_term, self.idf_, profile)
        # repetition saturates at a token's idf, or at k1 + 1 times that in the variant with this gain
        gain = (self.k1 + 1.0 if self.method == "atire" else 1.0) * (1.0 + self.quality)
        out = np.empty((len(items.item), 2), np.float32)
        with_share(items.indptr, self.score(requests, items), profile[:, 3] * np.float32(gain), out)
        return ("bm25", "bm25_share"), out
