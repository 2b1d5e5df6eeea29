"""What the ranker sees: numbers of request and item that do not depend on which arms drew the item."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np

from ltrr._kernels.rank_features import fill_rows, query_profile, shared_terms
from ltrr.errors import InputError
from ltrr.features.text import QueryTerms, TextIndex
from ltrr.protocols import FeatureProvider
from ltrr.retrieval.registry import ARMS
from ltrr.types import Catalogue, Float32, Float64, Int32, Int64, Items, Requests

__all__ = ["RankFeatures"]

_PAIR = ("overlap", "title_overlap", "age_days")
_REQUEST = ("query_length", "query_idf_mean", "query_unknown_share")
_ITEM = ("popularity_prior", "title_length", "text_length", "kind")


@dataclass
class RankFeatures:
    """Builds the feature rows of pairs of request and item.

    Features are functions of the request, the item and the providers' state at that moment, never of which
    arms drew the item: one scoring of the pool serves to judge every allocation. The state moves as providers
    learn, so rows must be kept as they were when shown.

    First come the blocks of the providers in their order, then these columns:

    ========================  ==========================================================================
    ``overlap``               share of the query's distinct terms that the item's text has
    ``title_overlap``         share of them that its title has
    ``age_days``              log(1 + days since release), 0 before it
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
        What the providers have indexed. The title is its field ``title``, or else its first field.
    providers : mapping of str to FeatureProvider
        Indexed already. A provider with the registered name of its class, or of one that it extends, has
        columns by their own names; those of any other, or of a second one of a kind, are prefixed, as in
        ``titles:bm25``.
    index : TextIndex, optional
        Of the catalogue's texts; built here if None.

    Attributes
    ----------
    names : tuple of str, length F
        Names of the columns.
    memory_columns : tuple of int
        The columns of providers that know only queries that were asked before: all zero for any other.

    Raises
    ------
    InputError
        If items lie beyond the catalogue, requests and items are not of one length, or a provider returns
        something other than its columns.

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
    providers: Mapping[str, FeatureProvider] = field(default_factory=dict)
    _: KW_ONLY
    index: TextIndex | None = None
    names: tuple[str, ...] = field(init=False)
    memory_columns: tuple[int, ...] = field(init=False)
    _blocks: tuple[tuple[str, ...], ...] = field(init=False, repr=False)
    _terms: QueryTerms = field(init=False, repr=False)
    _idf: Float64 = field(init=False, repr=False)
    _item_table: Float32 = field(init=False, repr=False)
    _title_indptr: Int64 = field(init=False, repr=False)
    _title_term: Int32 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        catalogue = self.catalogue
        index = TextIndex.build(catalogue.texts()) if self.index is None else self.index
        self._terms = QueryTerms(index)
        self._idf = np.log1p((len(index) - index.df + 0.5) / (index.df + 0.5))
        titles = catalogue.fields.get("title", next(iter(catalogue.fields.values())))
        indptr, term = index.encode(titles)
        self._title_indptr, self._title_term = _distinct(indptr, term)
        table = [np.log1p(catalogue.popularity), np.diff(indptr), np.log1p(index.length), catalogue.kind]
        self._item_table = np.stack(table, axis=1).astype(np.float32)
        self._name_columns()

    def _name_columns(self) -> None:
        names: list[str] = []
        memory: list[int] = []
        blocks = []
        for name, provider in self.providers.items():
            own, _ = provider.features(Requests.empty(), Items.empty())
            maker: Any = ARMS.makers.get(name)
            plain = inspect.isclass(maker) and isinstance(provider, maker)
            start = len(names)
            apart = not plain or set(own) & set(names)
            names += [f"{name}:{column}" for column in own] if apart else own
            blocks.append(tuple(own))
            memorised = getattr(provider, "memorises", False)
            if memorised:
                found = own if memorised is True else memorised
                memory += [start + i for i, column in enumerate(own) if column in found]
        names += [*_PAIR, *_REQUEST, *_ITEM]
        if len(set(names)) < len(names):
            twice = next(n for i, n in enumerate(names) if n in names[:i])
            raise InputError(f"`RankFeatures.providers` must name their columns apart, got {twice!r} twice")
        self.names, self.memory_columns, self._blocks = tuple(names), tuple(memory), tuple(blocks)

    def fork(self, providers: Mapping[str, FeatureProvider]) -> RankFeatures:
        """Return the same features over another run's providers; what never changes is shared."""
        other = copy.copy(self)
        other.providers = {name: providers.get(name, old) for name, old in self.providers.items()}
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
        at = 0
        for (name, provider), columns in zip(self.providers.items(), self._blocks, strict=True):
            own, values = provider.features(requests, items)
            shape = (len(items.item), len(columns))
            if tuple(own) != columns or np.shape(values) != shape:
                raise InputError(
                    f"`features` of {name!r} must be {list(columns)} of shape {shape}, "
                    f"got {list(own)} of shape {np.shape(values)}"
                )
            out[:, at : at + len(columns)] = values
            at += len(columns)
        query_indptr, query_term = self._terms.rows(requests)
        self._fill_overlaps(query_indptr, query_term, items, out[:, at : at + 2])
        profile = np.empty((len(requests), 4), np.float32)
        query_profile(query_indptr, query_term, self._idf, profile)
        fill_rows(
            items.indptr,
            items.item,
            profile[:, :3],
            self._item_table,
            requests.time,
            self.catalogue.released,
            at + _PAIR.index("age_days"),
            out,
        )
        age = out[:, at + _PAIR.index("age_days")]
        np.log1p(age, out=age)
        return out

    def _fill_overlaps(self, query_indptr: Int64, query_term: Int32, items: Items, out: Float32) -> None:
        """Fill ``out`` (N, 2) with the shares of the query's terms that text and title have."""
        index = self._terms.index
        for column, (indptr, term) in enumerate(
            ((index.doc_indptr, index.doc_term), (self._title_indptr, self._title_term))
        ):
            shared_terms(query_indptr, query_term, items.indptr, items.item, indptr, term, out[:, column])


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
