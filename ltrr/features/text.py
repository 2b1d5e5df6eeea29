"""Texts as integers: an inverted and a forward index, and the terms of a growing query table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ltrr._kernels.cache import whole_rows
from ltrr.errors import InputError, nearest
from ltrr.features.tokens import Tokenizer, tokenize
from ltrr.protocols import State
from ltrr.types import Catalogue, Int32, Int64, Queries, Requests
from ltrr.types.ragged import concat_indptr, indptr_of, row_of

__all__ = ["QueryTable", "QueryTerms", "TextIndex", "catalogue_texts", "field_names"]

_COUNTS = ("doc_indptr", "doc_term", "doc_tf", "term_indptr", "term_doc", "term_tf", "length", "df")


def catalogue_texts(catalogue: Catalogue, *, fields: Sequence[str] | None = None) -> list[str]:
    """Return one text an item: the chosen fields, or all of them, joined by spaces.

    Parameters
    ----------
    catalogue : Catalogue
    fields : sequence of str, optional
        Names of text fields, in the order in which they are joined.

    Raises
    ------
    InputError
        If a field does not exist.

    Examples
    --------
    >>> items = Catalogue(("a",), {"title": ("blue",), "artist": ("joni",)})
    >>> catalogue_texts(items), catalogue_texts(items, fields=["title"])
    (['blue joni'], ['blue'])
    """
    texts = (catalogue.fields[name] for name in field_names(catalogue, fields=fields))
    return [" ".join(parts) for parts in zip(*texts, strict=True)]


def field_names(catalogue: Catalogue, *, fields: Sequence[str] | None = None) -> list[str]:
    """Return the names of the chosen fields, or of all; none, or an unknown one, is an `InputError`.

    Examples
    --------
    >>> items = Catalogue(("a",), {"title": ("blue",), "artist": ("joni",)})
    >>> field_names(items), field_names(items, fields=["artist"])
    (['title', 'artist'], ['artist'])
    """
    if fields is not None and len(fields) == 0:
        raise InputError(
            f"`fields` must name at least one text field, got none; known: {[*catalogue.fields]}"
        )
    for name in fields or ():
        if name not in catalogue.fields:
            raise InputError(
                f"`fields` must name text fields of the catalogue, got {name!r}"
                f"{nearest(name, catalogue.fields)}"
            )
    return list(catalogue.fields if fields is None else fields)


@dataclass(frozen=True)
class TextIndex:
    """Term counts of N texts by document (forward rows) and by term (postings).

    Build it with `TextIndex.build`. Terms are numbered by their first appearance; V is their number.

    Parameters
    ----------
    vocabulary : dict of str to int
        Term id of each token.
    doc_indptr : int64 (N + 1,)
        Document d owns ``doc_term[doc_indptr[d]:doc_indptr[d + 1]]`` and ``doc_tf`` likewise.
    doc_term : int32 (P,)
        Distinct term ids, ascending within a document.
    doc_tf : int32 (P,)
        How often the term occurs in the document, >= 1.
    term_indptr : int64 (V + 1,)
        Term t owns ``term_doc[term_indptr[t]:term_indptr[t + 1]]`` and ``term_tf`` likewise.
    term_doc : int32 (P,)
        Document ids, ascending within a term.
    term_tf : int32 (P,)
        How often the term occurs in the document.
    length : int32 (N,)
        Tokens of each document.
    df : int32 (V,)
        Documents that hold each term.
    tokenizer : Tokenizer
        What the texts were cut with; `encode` uses it as well.

    Examples
    --------
    >>> index = TextIndex.build(["red red blue", "blue sky"])
    >>> index.df.tolist(), index.length.tolist()
    ([1, 2, 1], [3, 2])
    >>> indptr, term = index.encode(["sky and blue", ""])
    >>> indptr.tolist(), term.tolist()
    ([0, 3, 3], [2, -1, 1])
    """

    vocabulary: dict[str, int] = field(repr=False)
    doc_indptr: Int64 = field(repr=False)
    doc_term: Int32 = field(repr=False)
    doc_tf: Int32 = field(repr=False)
    term_indptr: Int64 = field(repr=False)
    term_doc: Int32 = field(repr=False)
    term_tf: Int32 = field(repr=False)
    length: Int32 = field(repr=False)
    df: Int32 = field(repr=False)
    tokenizer: Tokenizer = field(default=tokenize, repr=False)

    @classmethod
    def build(cls, texts: Iterable[str], *, tokenize: Tokenizer = tokenize) -> TextIndex:
        """Return the index of ``texts``; document ids are positions.

        Parameters
        ----------
        texts : iterable of str
        tokenize : Tokenizer
            Cuts a text into tokens.
        """
        return cls._counted(texts, {}, tokenize)

    @classmethod
    def _counted(cls, texts: Iterable[str], vocabulary: dict[str, int], tokenize: Tokenizer) -> TextIndex:
        """Return the index of ``texts``, whose new words are added to ``vocabulary``."""
        intern = vocabulary.setdefault
        tokens: list[int] = []
        lengths: list[int] = []
        for text in texts:
            words = tokenize(text)
            lengths.append(len(words))
            tokens += [intern(word, len(vocabulary)) for word in words]
        length = np.array(lengths, np.int32)
        # one sort of (document, term) pairs counts all terms of all documents at once
        pair = np.repeat(np.arange(len(length)), length) * max(len(vocabulary), 1) + np.array(
            tokens, np.int64
        )
        return cls._of_pairs(*np.unique(pair, return_counts=True), length, vocabulary, tokenize)

    @classmethod
    def _of_pairs(
        cls, pair: Int64, tf: Int64, length: Int32, vocabulary: dict[str, int], tokenize: Tokenizer
    ) -> TextIndex:
        """Return the index of pairs ``document · V + term``, ascending, and how often each occurs."""
        n, v = len(length), len(vocabulary)
        doc, term = np.divmod(pair, max(v, 1))
        by_term = np.argsort(term, kind="stable")
        df = np.bincount(term, minlength=v)
        return cls(
            vocabulary=vocabulary,
            doc_indptr=indptr_of(np.bincount(doc, minlength=n)),
            doc_term=term.astype(np.int32),
            doc_tf=tf.astype(np.int32),
            term_indptr=indptr_of(df),
            term_doc=doc[by_term].astype(np.int32),
            term_tf=tf[by_term].astype(np.int32),
            length=length,
            df=df.astype(np.int32),
            tokenizer=tokenize,
        )

    def extend(self, texts: Iterable[str]) -> TextIndex:
        """Return the index with ``texts`` behind the others, as if all had been counted at once.

        Only the new texts are cut into tokens.

        Examples
        --------
        >>> TextIndex.build(["red blue"]).extend(["blue sky"]).df.tolist()
        [1, 2, 1]
        """
        new = self._counted(texts, dict(self.vocabulary), self.tokenizer)
        held = np.zeros(len(new.df), np.int64)
        held[: len(self.df)] = self.df
        term_indptr = indptr_of(held + new.df)
        # Documents ascend within a term: the new ones follow those that held it before.
        old_at = _places(term_indptr[:-1], held)
        new_at = _places(term_indptr[:-1] + held, new.df)
        term_doc, term_tf = np.empty((2, len(old_at) + len(new_at)), np.int32)
        term_doc[old_at], term_tf[old_at] = self.term_doc, self.term_tf
        term_doc[new_at], term_tf[new_at] = new.term_doc + len(self), new.term_tf
        return replace(
            new,
            doc_indptr=concat_indptr([self.doc_indptr, new.doc_indptr]),
            doc_term=np.concatenate([self.doc_term, new.doc_term]),
            doc_tf=np.concatenate([self.doc_tf, new.doc_tf]),
            term_indptr=term_indptr,
            term_doc=term_doc,
            term_tf=term_tf,
            length=np.concatenate([self.length, new.length]),
            df=(held + new.df).astype(np.int32),
        )

    def joined(self, n: int) -> TextIndex:
        """Return the index of documents that consist of ``n`` successive texts each, such as fields.

        Examples
        --------
        >>> TextIndex.build(["red", "red sky", "sea", ""]).joined(2).length.tolist()
        [3, 1]
        """
        pair = row_of(self.doc_indptr) // n * max(len(self.df), 1) + self.doc_term
        pair, at = np.unique(pair, return_inverse=True)
        tf = np.bincount(at, weights=self.doc_tf, minlength=len(pair)).astype(np.int64)
        length = self.length.reshape(-1, n).sum(axis=1).astype(np.int32)
        return self._of_pairs(pair, tf, length, self.vocabulary, self.tokenizer)

    def index_state(self) -> State:
        """Return the words in the order of their ids, and all counts."""
        return {"vocabulary": list(self.vocabulary), **{name: getattr(self, name) for name in _COUNTS}}

    @classmethod
    def from_state(cls, state: State, *, tokenize: Tokenizer = tokenize) -> TextIndex:
        """Return the index whose `index_state` it was."""
        vocabulary = {word: i for i, word in enumerate(state["vocabulary"])}
        return cls(vocabulary, **{name: state[name] for name in _COUNTS}, tokenizer=tokenize)

    def __len__(self) -> int:
        return len(self.length)

    def encode(self, texts: Iterable[str]) -> tuple[Int64, Int32]:
        """Return the term ids of each text in order, repeated ones included, −1 for unknown tokens.

        Returns
        -------
        indptr : int64 (B + 1,)
        term : int32 (M,)
        """
        known = self.vocabulary.get
        terms: list[int] = []
        ends = [0]
        for text in texts:
            terms += [known(word, -1) for word in self.tokenizer(text)]
            ends.append(len(terms))
        return np.array(ends, np.int64), np.array(terms, np.int32)


def _places(start: Int64, lengths: Int64 | Int32) -> Int64:
    """Return the positions of the values of rows of these lengths that begin at ``start``."""
    return np.arange(lengths.sum()) + np.repeat(start - indptr_of(lengths)[:-1], lengths)


@dataclass
class QueryTable:
    """Tells which texts of a growing query table have not been seen yet.

    Query ids are positions, and tables only grow; a table that contradicts what was seen (that of another
    world) starts afresh.

    Examples
    --------
    >>> table = QueryTable()
    >>> table.unseen(Queries(("a", "b")))
    (0, ('a', 'b'))
    >>> table.unseen(Queries(("a", "b", "c")))
    (2, ('c',))
    >>> table.unseen(Queries(("a", "b")))
    (3, ())
    >>> table.unseen(Queries(("x",)))
    (0, ('x',))
    """

    _last: Queries | None = field(init=False, default=None, repr=False)
    _text: tuple[str, ...] = field(init=False, default=(), repr=False)

    def unseen(self, queries: Queries) -> tuple[int, tuple[str, ...]]:
        """Return how many texts remain valid from before, and the new ones that follow them."""
        if queries is self._last:
            return len(self._text), ()
        n = min(len(queries), len(self._text))
        keep = len(self._text) if queries.text[:n] == self._text[:n] else 0
        new = queries.text[keep:]
        if new or keep == 0:
            self._text = queries.text
        self._last = queries
        return keep, new


@dataclass
class QueryTerms:
    """Term ids of the queries that requests name, encoded once per query.

    Parameters
    ----------
    index : TextIndex
        Encodes the texts.

    Examples
    --------
    >>> import numpy as np
    >>> terms = QueryTerms(TextIndex.build(["red blue"]))
    >>> b, zeros = np.array([0, 1, 2]), np.zeros((3, 0))
    >>> asks = Requests(b, b, b, np.array([1, -1, 0]), b, zeros, (), Queries(("blue", "red red")))
    >>> indptr, term = terms.rows(asks)
    >>> indptr.tolist(), term.tolist()
    ([0, 2, 2, 3], [0, 0, 1])
    """

    index: TextIndex
    _table: QueryTable = field(init=False, default_factory=QueryTable, repr=False)
    _indptr: Int64 = field(init=False, repr=False)
    _term: Int32 = field(init=False, repr=False)
    _asked: Requests | None = field(init=False, default=None, repr=False)
    _found: tuple[Int64, Int32] | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        # row 0 is the empty query, so that query −1 needs no case of its own
        self._indptr, self._term = np.zeros(2, np.int64), np.zeros(0, np.int32)

    def rows(self, requests: Requests) -> tuple[Int64, Int32]:
        """Return ``indptr`` int64 (B + 1,) and ``term`` int32 (M,): the terms of each request's query."""
        # the features of a batch ask several times in a row
        if self._found is None or requests is not self._asked:
            self._asked, self._found = requests, self._rows(requests)
        return self._found

    def _rows(self, requests: Requests) -> tuple[Int64, Int32]:
        keep, new = self._table.unseen(requests.queries)
        if new or keep == 0:
            indptr, term = self.index.encode(new)
            old = self._indptr[: keep + 2]
            self._term = np.concatenate([self._term[: old[-1]], term])
            self._indptr = concat_indptr([old, indptr])
        found: tuple[Int64, Int32] = whole_rows(self._indptr, self._term, requests.query.astype(np.int64) + 1)
        return found
