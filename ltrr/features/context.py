"""Context features: what a policy may know about a request before any arm is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from ltrr.features.text import TextIndex
from ltrr.features.tokens import Tokenizer, tokenize
from ltrr.protocols import State
from ltrr.types import Catalogue, Float32, Float64, Int32, Int64, Queries, Requests

__all__ = ["LIMIT", "ContextFeatures", "Coverage"]

_QUERY_NAMES = (
    "query_terms",
    "query_characters",
    "query_unknown",
    "query_idf_mean",
    "query_idf_max",
    "query_df_min",
    "query_df_max",
    "query_df_product",
)
LIMIT = 2.0
"""The query's columns are cut off here: longer texts and larger collections tell no more about the arms."""

_LOG_SCALE = 4.0
_IDF_SCALE = 10.0
_DF_SCALE = 12.0
_SEEN_SCALE = 6.0


class Coverage(Protocol):
    """What an arm knows of a request before it is called.

    Examples
    --------
    >>> class Known:
    ...     coverage_names = ("seen",)
    ...     def coverage(self, requests):
    ...         return np.ones((len(requests), 1), np.float32)
    >>> features = ContextFeatures(Catalogue(("a",), {"text": ("blue",)}), {"memory": Known()})
    >>> features.names(Requests.empty())[-2:]
    ('memory_seen', 'query_asked')
    """

    @property
    def coverage_names(self) -> tuple[str, ...]:
        """Names of the columns."""

    def coverage(self, requests: Requests) -> Float32:
        """Return the columns (B, C)."""


class ContextFeatures:
    """Pre-retrieval features of a request: the world's own, the query's statistics, memory and traffic.

    Columns: the world's context (time…), then length of the query in terms and characters (log), share of
    unknown terms, mean and greatest IDF, log document frequencies (least, greatest, and of all terms
    together if they were independent), per text field the share of the terms' documents that have them in
    this field, what arms know of the query, and how often the text was asked before (log). Fixed constants
    scale the query's columns so that one ridge suits all and nothing has to be fitted; what would be above
    `LIMIT` is cut off there.

    =========================================  ====================================  ========
    columns                                    value                                 range
    =========================================  ====================================  ========
    the world's                                ``hour_sin``, ``hour_cos``, ``day``   [−1, 1]
    ``query_terms``, ``query_characters``      log(1 + n) / 4: 1 at 54, cut at 2980  [0, 2]
    ``query_unknown``, ``query_in_…``          shares                                [0, 1]
    ``query_idf_mean``, ``query_idf_max``      idf / 10: 1 for one item in 22,000    [0, 2]
    ``query_df_min``, ``_max``, ``_product``   log(1 + n) / 12: 1 at 160,000 items   [0, 2]
    ``memory_items``                           log(1 + n), n up to the capacity      [0, 4.2]
    ``memory_actions``                         log(1 + n)                            [0, 22]
    ``memory_best_rate``                       rate                                  [0, 1]
    ``query_asked``                            log(1 + n) / 6: 1 at 400, cut at e¹²  [0, 2]
    =========================================  ====================================  ========

    Columns of other worlds and of other arms are as these give them.

    Parameters
    ----------
    catalogue : Catalogue
    coverage : mapping of str to Coverage, optional
        Arms that can tell what they know of a query; their columns are named ``<arm>_<column>``.
    tokenizer : Tokenizer
        Cuts texts and queries into terms.

    Notes
    -----
    `build` reads the state of memory and traffic as it is, so call it before learning: what is logged is
    then what was seen at decision time.

    Examples
    --------
    >>> features = ContextFeatures(Catalogue(("a", "b"), {"text": ("blue sky", "blue sea")}))
    >>> one = np.zeros(1, np.int64)
    >>> asks = Requests(one, one, one, one, one, np.zeros((1, 0)), (), Queries(("blue moon",)))
    >>> seen = features.build(asks)
    >>> seen.context_names[:3], seen.context[0, 2].tolist()
    (('query_terms', 'query_characters', 'query_unknown'), 0.5)
    """

    def __init__(
        self,
        catalogue: Catalogue,
        coverage: Mapping[str, Coverage] | None = None,
        *,
        tokenizer: Tokenizer = tokenize,
    ) -> None:
        self._coverage = dict(coverage or {})
        self._index = TextIndex.build(catalogue.texts(), tokenize=tokenizer)
        n, n_terms = len(catalogue), len(self._index.df)
        self._n_items = n
        self._idf: Float64 = np.log1p((n - self._index.df + 0.5) / (self._index.df + 0.5))
        self._fields = tuple(catalogue.fields)
        self._field_share = np.zeros((len(self._fields), n_terms))
        vocabulary = self._index.vocabulary
        for row, texts in enumerate(catalogue.fields.values()):
            part = TextIndex.build(texts, tokenize=tokenizer)
            ids = np.array([vocabulary[term] for term in part.vocabulary], np.int64)
            own = np.fromiter(part.vocabulary.values(), np.int64, len(part.vocabulary))
            self._field_share[row, ids] = part.df[own] / np.maximum(self._index.df[ids], 1)
        self._rows = np.zeros((0, len(_QUERY_NAMES) + len(self._fields)), np.float32)
        self._asked = np.zeros(0, np.int32)
        self._names: tuple[tuple[str, ...], tuple[str, ...]] | None = None

    @property
    def index(self) -> TextIndex:
        """The index of the catalogue's texts."""
        return self._index

    def fork(self, coverage: Mapping[str, Coverage]) -> ContextFeatures:
        """Return a copy for another run: shared statistics, no traffic yet, the run's own arms."""
        other = object.__new__(ContextFeatures)
        other.__dict__.update(self.__dict__)
        other._coverage = dict(coverage)
        other._asked = np.zeros(0, np.int32)
        other._names = None
        return other

    def warm(self, queries: Queries) -> None:
        """Compute the static columns of a table of queries, so that forks share them."""
        self._grow(queries)

    def names(self, requests: Requests) -> tuple[str, ...]:
        """Return the names of the columns for requests of this world."""
        given = requests.context_names
        if self._names is None or self._names[0] is not given:
            known = tuple(f"{arm}_{name}" for arm, c in self._coverage.items() for name in c.coverage_names)
            fields = tuple(f"query_in_{name}" for name in self._fields)
            self._names = given, (*given, *_QUERY_NAMES, *fields, *known, "query_asked")
        return self._names[1]

    def build(self, requests: Requests) -> Requests:
        """Return the requests with their full context, (B, D)."""
        self._grow(requests.queries)
        known = requests.query >= 0
        rows = np.where(known[:, None], self._rows[requests.query], np.float32(0))
        asked = np.minimum(np.log1p(self.asked(requests))[:, None] / _SEEN_SCALE, LIMIT)
        parts = [requests.context, rows, *(c.coverage(requests) for c in self._coverage.values())]
        context: Float32 = np.concatenate([*parts, asked], axis=1, dtype=np.float32, casting="same_kind")
        return requests.with_context(context, self.names(requests))

    def asked(self, requests: Requests) -> Int32:
        """Return how often each request's query text was asked in earlier batches, (B,)."""
        self._grow(requests.queries)
        return np.where(requests.query >= 0, self._asked[requests.query], 0).astype(np.int32)

    def count(self, requests: Requests) -> None:
        """Count the batch's queries as asked; call it after `build`."""
        self._grow(requests.queries)
        np.add.at(self._asked, requests.query[requests.query >= 0], 1)

    def state(self) -> State:
        """Return the traffic counts."""
        return {"asked": self._asked.copy()}

    def restore(self, state: State) -> None:
        """Continue from traffic counts."""
        self._asked = np.array(state["asked"], np.int32)

    def _grow(self, queries: Queries) -> None:
        """Compute the static columns of query texts not met before."""
        n_queries = max(len(queries), 1)
        start = len(self._rows)
        if n_queries > start:
            texts = queries.text[start:]
            indptr, term = self._index.encode(texts)
            added = self._statistics(indptr, term, np.array([len(t) for t in texts], np.float64))
            blank = np.zeros((n_queries - start - len(texts), added.shape[1]), np.float32)
            self._rows = np.concatenate([self._rows, added, blank])
        if n_queries > len(self._asked):
            self._asked = np.concatenate([self._asked, np.zeros(n_queries - len(self._asked), np.int32)])

    def _statistics(self, indptr: Int64, term: Int32, characters: Float64) -> Float32:
        n = len(indptr) - 1
        row = np.repeat(np.arange(n), np.diff(indptr))
        known = term >= 0
        row_known, term_known = row[known], term[known]
        count = np.bincount(row, minlength=n).astype(np.float64)
        hits = np.bincount(row_known, minlength=n).astype(np.float64)
        some = np.maximum(hits, 1)
        idf = self._idf[term_known]
        df = np.log1p(self._index.df[term_known].astype(np.float64))
        idf_max, df_min, df_max = np.zeros(n), np.full(n, np.inf), np.zeros(n)
        np.maximum.at(idf_max, row_known, idf)
        np.minimum.at(df_min, row_known, df)
        np.maximum.at(df_max, row_known, df)
        share = self._index.df[term_known] / max(self._n_items, 1)
        together = np.bincount(row_known, weights=np.log(np.maximum(share, 1e-12)), minlength=n)
        product = np.where(hits > 0, np.log1p(self._n_items * np.exp(together)), 0.0)
        columns = [
            np.log1p(count) / _LOG_SCALE,
            np.log1p(characters) / _LOG_SCALE,
            1.0 - np.where(count > 0, hits / np.maximum(count, 1), 0.0),
            np.bincount(row_known, weights=idf, minlength=n) / some / _IDF_SCALE,
            idf_max / _IDF_SCALE,
            np.where(hits > 0, df_min, 0.0) / _DF_SCALE,
            df_max / _DF_SCALE,
            product / _DF_SCALE,
        ]
        columns += [
            np.bincount(row_known, weights=values[term_known], minlength=n) / some
            for values in self._field_share
        ]
        return np.minimum(np.stack(columns, axis=1), LIMIT).astype(np.float32)
