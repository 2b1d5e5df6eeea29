"""What a policy may see: text analysis, context features, action features."""

from ltrr.features.actions import ActionBuilder, Allocations, Slabs
from ltrr.features.context import ContextFeatures
from ltrr.features.history import CreditHistory
from ltrr.features.registry import TOKENIZERS
from ltrr.features.supply import Supply
from ltrr.features.text import QueryTerms, TextIndex
from ltrr.features.tokens import Characters, Tokenizer, tokenize, unicode_words

__all__ = [
    "TOKENIZERS",
    "ActionBuilder",
    "Allocations",
    "Characters",
    "ContextFeatures",
    "CreditHistory",
    "QueryTerms",
    "TextIndex",
    "Slabs",
    "Supply",
    "Tokenizer",
    "tokenize",
    "unicode_words",
]
