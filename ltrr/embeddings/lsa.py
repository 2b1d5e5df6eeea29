"""Latent semantic analysis: dense vectors of texts without pretrained models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.utils.extmath import randomized_svd

from ltrr import _check
from ltrr._kernels.dense import normalise_rows
from ltrr.errors import InputError
from ltrr.features.text import TextIndex
from ltrr.features.tokens import Tokenizer, tokenize
from ltrr.protocols import State
from ltrr.types import Float32

__all__ = ["LSA"]

# Singular values below this share of the largest are noise of the factorisation, not structure of the texts.
_NOISE = 1e-5


def _whole(word: str) -> list[str]:
    return [word]


def _count(counts: TextIndex, terms: CountVectorizer) -> Any:
    """Return float32 CSR (n, V): how often each text holds each term, terms ascending.

    A text's terms are those of its words, so that only distinct words are cut into terms.
    """
    of_words = sparse.csr_matrix(
        (counts.doc_tf.astype(np.float32), counts.doc_term, counts.doc_indptr),
        shape=(len(counts), len(counts.df)),
    )
    out = of_words @ terms.transform(counts.vocabulary).astype(np.float32)
    out.sort_indices()
    return out


@dataclass
class LSA:
    r"""Latent semantic analysis: the main directions of TF-IDF vectors of words and character n-grams.

    With the TF-IDF rows X ≈ U Σ Vᵀ (truncated), a text with row x has the vector V^\top x / ‖V^\top x‖. Term
    counts enter as 1 + ln tf; words and n-grams are each scaled to length 1 and set side by side, so that
    half of the weight is robust to spelling. A text's vector does not depend on what it is encoded with.

    Parameters
    ----------
    dim : int
        Greatest number of directions, >= 1; fewer where the texts have fewer.
    words : bool
        Whether words count.
    characters : (int, int) or None
        Shortest and longest n-gram of characters within words; None for none.
    seed : int
        Seed of the randomised factorisation.
    tokenizer : Tokenizer
        Cuts texts into words: a name of `ltrr list tokenizers`, a table with ``kind``, or a function.

    Attributes
    ----------
    components_ : float32 (V, dim)
        The directions.

    Raises
    ------
    InputError
        If a parameter is out of range, or the texts hold no word.

    Examples
    --------
    >>> texts = ["blue sky", "blue sea", "green field", "green meadow"]
    >>> lsa = LSA(dim=2).fit(texts)
    >>> vectors = lsa.encode(["bleu skies", "the green", "?"])
    >>> vectors.shape, bool(vectors[0] @ lsa.encode(texts)[0] > 0.9), vectors[2].tolist()
    ((3, 2), True, [0.0, 0.0])

    References
    ----------
    .. [1] Deerwester et al., "Indexing by latent semantic analysis", JASIS 41(6), 1990.
    .. [2] Halko, Martinsson, Tropp, "Finding structure with randomness", SIAM Review 53(2), 2011, section 4.
    """

    dim: int = 128
    words: bool = True
    characters: tuple[int, int] | None = (3, 4)
    seed: int = 0
    tokenizer: Tokenizer = tokenize
    components_: Float32 = field(init=False, repr=False)
    _parts: list[tuple[CountVectorizer, TfidfTransformer]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check.integer("LSA.dim", self.dim, low=1)
        if self.characters is not None:
            low, high = self.characters
            _check.integer("LSA.characters[0]", low, low=1)
            _check.integer("LSA.characters[1]", high, low=low)
        elif not self.words:
            raise InputError("`LSA.characters` must be a pair of integers where words do not count, got None")

    def fit(self, texts: Sequence[str]) -> LSA:
        """Find the directions of ``texts`` and return self."""
        counts = TextIndex.build(texts, tokenize=self.tokenizer)
        if len(counts.df) == 0:
            raise InputError("`LSA.fit` needs at least one text that holds a word, got none")
        self._parts, weighted = self._unfitted(), []
        for terms, weights in self._parts:
            terms.fit(counts.vocabulary)
            weighted.append(weights.fit_transform(_count(counts, terms)))
        rows = sparse.hstack(weighted, format="csr")
        _, strength, directions = randomized_svd(
            rows, min(self.dim, *rows.shape), n_iter=4, random_state=self.seed
        )
        real = strength > _NOISE * strength[0]
        self.components_ = np.ascontiguousarray(directions[real].T, dtype=np.float32)
        return self

    def index_state(self) -> State:
        """Return the terms, their weights and the directions."""
        parts = {
            f"part{i}": {"terms": sorted(terms.vocabulary_, key=terms.vocabulary_.get), "idf": weights.idf_}
            for i, (terms, weights) in enumerate(self._parts)
        }
        return {"directions": self.components_, **parts}

    def restore_index(self, state: State) -> None:
        """Continue from what `fit` found."""
        self.components_, self._parts = state["directions"], self._unfitted()
        for i, (terms, weights) in enumerate(self._parts):
            known = state[f"part{i}"]
            terms.vocabulary_ = {term: row for row, term in enumerate(known["terms"])}
            weights.idf_ = np.array(known["idf"])

    def _unfitted(self) -> list[tuple[CountVectorizer, TfidfTransformer]]:
        """Return how words and character n-grams are counted and weighed."""
        counters = [CountVectorizer(analyzer=_whole)] if self.words else []
        if self.characters is not None:
            counters.append(CountVectorizer(analyzer="char_wb", ngram_range=self.characters))
        return [(counter, TfidfTransformer(sublinear_tf=True)) for counter in counters]

    def encode(self, texts: Sequence[str]) -> Float32:
        """Return float32 (n, dim): a row of length 1 a text; zeros where a text has no known term."""
        if not hasattr(self, "components_"):
            raise InputError("`LSA` must be fitted before it encodes: call `fit(texts)`")
        counts = TextIndex.build(texts, tokenize=self.tokenizer)
        if len(counts.df) == 0:
            return np.zeros((len(texts), self.components_.shape[1]), np.float32)
        rows = sparse.hstack(
            [weights.transform(_count(counts, terms)) for terms, weights in self._parts], format="csr"
        )
        # sparse times dense adds row by row in the order of the terms, unlike a dense product
        out = np.ascontiguousarray(rows @ self.components_, dtype=np.float32)
        normalise_rows(out)
        return out
