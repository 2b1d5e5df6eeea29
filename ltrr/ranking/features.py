"""What the ranker sees: numbers of request and item that do not depend on which arms drew the item."""

from __future__ import annotations

import copy
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from ltrr._kernels.rank_features import fill_rows, query_profile, shared_terms
from ltrr.errors import InputError
from ltrr.types import Catalogue, Float32, Int32, Int64, Items, Requests

if TYPE_CHECKING:
    from ltrr.retrieval.lexical import BM25
    from ltrr.retrieval.memory import Memory

__all__ = ["PairScorer", "RankFeatures"]

_PAIR = (
    "bm25",
    "bm25_share",
    "cosine",
    "memory_rate",
    "memory_actions",
    "popularity",
    "overlap",
    "title_overlap",
    "age_days",
)
_REQUEST = ("memory_best", "memory_known", "query_length", "query_idf_mean", "query_unknown_share")
_ITEM = ("popularity_prior", "title_length", "text_length", "kind")
_AGE = _PAIR.index("age_days")
_LOG = tuple(_PAIR.index(name) for name in ("memory_actions", "age_days"))


class PairScorer(Protocol):
    """An arm that can score any pair of request and item."""

    def score(self, requests: Requests, items: Items) -> Float32:
        """Return the scores (N,) of the pairs."""


@dataclass
class RankFeatures:
    """Builds the feature rows of pairs of request and item.

    Features are functions of the request, the item and the arms' state at that moment, never of which arms
    drew the item: one scoring of the pool serves to judge every allocation. The state moves as arms learn, so
    rows must be kept as they were when shown.

    ========================  ==========================================================================
    ``bm25``                  BM25 score of the pair
    ``bm25_share``            the same over the most that any text can score on the query; in [0, 1]
    ``cosine``                cosine of the dense arm
    ``memory_rate``           smoothed rate of action of the item on this very query
    ``memory_actions``        log(1 + actions on it)
    ``popularity``            learned popularity score
    ``overlap``               share of the query's distinct terms that the item's text has
    ``title_overlap``         share of them that its title has
    ``age_days``              log(1 + days since release), 0 before it
    ``memory_best``           the query's best rate
    ``memory_known``          1 if memory holds anything for the query
    ``query_length``          tokens of the query
    ``query_idf_mean``        mean idf of its known tokens
    ``query_unknown_share``   share of tokens that no item has
    ``popularity_prior``      log(1 + the catalogue's popularity)
    ``title_length``          tokens of the title
    ``text_length``           log(1 + tokens of the text)
    ``kind``                  the item's entity type
    ========================  ==========================================================================

    Parameters
    ----------
    catalogue : Catalogue
        What was indexed by the arms. The title is its field ``title``, or else its first field.
    lexical : BM25, optional
        Indexed arm; its vocabulary defines terms, idf and lengths.
    dense, popular : PairScorer, optional
        Arms with ``score(requests, items)``.
    memory : Memory, optional
        The memory index.

    Columns that need an arm which is None are zero: names and shape stay.

    Attributes
    ----------
    names : tuple of str, length F
        Names of the columns.
    memory_columns : tuple of int
        The columns that lean on the memory index, all zero for a query that it does not know.

    Raises
    ------
    InputError
        If items lie beyond the catalogue, or requests and items are not of one length.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.types import Catalogue, Items, Requests
    >>> catalogue = Catalogue(("a", "b"), {"title": ("red", "blue")}, popularity=[0.0, 7.0])
    >>> features = RankFeatures(catalogue)
    >>> request = Requests([0], [0], [0], [-1], [172_800.0], np.zeros((1, 0)))
    >>> rows = features.build(request, Items([0, 2], [1, -1]))
    >>> rows[:, features.names.index("popularity_prior")].round(2)
    array([2.08, 0.  ], dtype=float32)
    >>> rows[:, features.names.index("age_days")].round(2)
    array([1.1, 0. ], dtype=float32)
    """

    catalogue: Catalogue
    _: KW_ONLY
    lexical: BM25 | None = None
    dense: PairScorer | None = None
    memory: Memory | None = None
    popular: PairScorer | None = None
    _item_table: Float32 = field(init=False, repr=False)
    _title_indptr: Int64 = field(init=False, repr=False)
    _title_term: Int32 = field(init=False, repr=False)

    names: ClassVar[tuple[str, ...]] = _PAIR + _REQUEST + _ITEM
    memory_columns: ClassVar[tuple[int, ...]] = tuple(
        i for i, name in enumerate(_PAIR + _REQUEST + _ITEM) if name.startswith("memory_")
    )

    def __post_init__(self) -> None:
        catalogue = self.catalogue
        table = np.zeros((len(catalogue), len(_ITEM)), np.float32)
        table[:, 0] = np.log1p(catalogue.popularity)
        table[:, 3] = catalogue.kind
        self._title_indptr = np.zeros(len(catalogue) + 1, np.int64)
        self._title_term = np.zeros(0, np.int32)
        if self.lexical is not None:
            titles = catalogue.fields.get("title", next(iter(catalogue.fields.values())))
            indptr, term = self.lexical.index_.encode(titles)
            table[:, 1] = np.diff(indptr)
            table[:, 2] = np.log1p(self.lexical.index_.length)
            self._title_indptr, self._title_term = _distinct(indptr, term)
        self._item_table = table

    def fork(self, memory: Memory | None, popular: PairScorer | None) -> RankFeatures:
        """Return the same features over another run's learning arms; what never changes is shared."""
        other = copy.copy(self)
        other.memory, other.popular = memory, popular
        return other

    def build(self, requests: Requests, items: Items) -> Float32:
        """Return the feature rows (N, F) of ragged items; rows of empty places (−1) are zero."""
        if len(items) != len(requests):
            raise InputError(
                f"`RankFeatures.build items` must hold {len(requests)} lists, one a request, got {len(items)}"
            )
        if len(items.item) and int(items.item.max()) >= len(self.catalogue):
            raise InputError(
                f"`RankFeatures.build items` must lie below {len(self.catalogue)} (the catalogue's size), "
                f"got {int(items.item.max())}"
            )
        out = np.zeros((len(items.item), len(self.names)), np.float32)
        per_request = np.zeros((len(requests), len(_REQUEST)), np.float32)
        if self.lexical is not None:
            self._fill_lexical(self.lexical, requests, items, out, per_request)
        if self.dense is not None:
            out[:, _PAIR.index("cosine")] = self.dense.score(requests, items)
        if self.popular is not None:
            out[:, _PAIR.index("popularity")] = self.popular.score(requests, items)
        if self.memory is not None:
            out[:, _PAIR.index("memory_rate")] = self.memory.rate(requests, items)
            out[:, _PAIR.index("memory_actions")] = self.memory.actions(requests, items)
            coverage = dict(zip(self.memory.coverage_names, self.memory.coverage(requests).T, strict=True))
            per_request[:, 0] = coverage["memory_best_rate"]
            per_request[:, 1] = coverage["memory_items"] > 0
        fill_rows(
            items.indptr,
            items.item,
            per_request,
            self._item_table,
            requests.time,
            self.catalogue.released,
            _AGE,
            out,
        )
        for column in _LOG:
            out[:, column] = np.log1p(out[:, column])
        return out

    def _fill_lexical(
        self, lexical: BM25, requests: Requests, items: Items, out: Float32, per_request: Float32
    ) -> None:
        query_indptr, query_term = lexical.terms_.rows(requests)
        profile = np.empty((len(requests), 4), np.float32)
        query_profile(query_indptr, query_term, lexical.idf_, profile)
        per_request[:, 2:] = profile[:, :3]
        out[:, _PAIR.index("bm25")] = lexical.score(requests, items)
        # repetition saturates at a token's idf, or at k1 + 1 times that in the variant with this gain
        gain = lexical.k1 + 1.0 if lexical.method == "atire" else 1.0
        bound = np.repeat(profile[:, 3] * np.float32(gain), np.diff(items.indptr))
        np.divide(
            out[:, _PAIR.index("bm25")], bound, out=out[:, _PAIR.index("bm25_share")], where=bound > 0.0
        )
        index = lexical.index_
        share = np.empty(len(items.item), np.float32)
        for name, indptr, term in (
            ("overlap", index.doc_indptr, index.doc_term),
            ("title_overlap", self._title_indptr, self._title_term),
        ):
            shared_terms(query_indptr, query_term, items.indptr, items.item, indptr, term, share)
            out[:, _PAIR.index(name)] = share


def _distinct(indptr: Int64, term: Int32) -> tuple[Int64, Int32]:
    """Return ragged terms with unknown ones (−1) and repetitions dropped, rising within a row."""
    row = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    known = term >= 0
    order = np.lexsort((term[known], row[known]))
    row, term = row[known][order], term[known][order]
    new = np.ones(len(term), np.bool_)
    new[1:] = (row[1:] != row[:-1]) | (term[1:] != term[:-1])
    out = np.zeros(len(indptr), np.int64)
    np.cumsum(np.bincount(row[new], minlength=len(indptr) - 1), out=out[1:])
    return out, term[new]
