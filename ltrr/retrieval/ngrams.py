"""Retrieval by character n-grams: BM25 that misspellings, prefixes and compounds do not stop."""

from __future__ import annotations

from dataclasses import dataclass

from ltrr.features.tokens import Characters, Tokenizer
from ltrr.retrieval.lexical import BM25
from ltrr.types import Float32, Items, Requests

__all__ = ["NGrams"]

TRIGRAMS = Characters(n=3, ends=True)
"""What texts are cut into by default."""


@dataclass
class NGrams(BM25):
    """BM25 over the character n-grams of words: a misspelt word still shares most of them.

    All is as in `BM25`, but for the tokens. It finds misspellings, prefixes, other endings and parts of
    compounds, and words of scripts without spaces; and for the same reason words that merely look alike.

    Parameters
    ----------
    k1, b, method, fields, quality
        See `BM25`.
    tokenizer : Tokenizer
        Cuts texts and queries into n-grams; by default trigrams with the ends of words marked.

    Raises
    ------
    InputError
        If a parameter is out of range, or a field is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.types import Catalogue, Queries
    >>> arm = NGrams()
    >>> arm.index(Catalogue(("a", "b", "c"), {"text": ("headphones", "telephone", "green field")}))
    >>> one = np.zeros(1, np.int64)
    >>> asks = Requests(one, one, one, one, one, np.zeros((1, 0)), (), Queries(("hedphone",)))
    >>> arm.retrieve(asks, np.array([10], np.int32)).item.tolist()
    [0, 1]

    References
    ----------
    .. [1] McNamee, Mayfield, "Character n-gram tokenization for European language text retrieval",
       Information Retrieval 7, 2004.
    """

    tokenizer: Tokenizer = TRIGRAMS

    def features(self, requests: Requests, items: Items) -> tuple[tuple[str, ...], Float32]:
        """Return ``ngrams``, the score, and ``ngrams_share``, its share of the most that a text can score."""
        _, values = super().features(requests, items)
        return ("ngrams", "ngrams_share"), values
