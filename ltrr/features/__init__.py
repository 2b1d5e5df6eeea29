"""What a policy may see: text analysis, context features, action features."""

from ltrr.features.actions import ActionBuilder, Allocations, Slabs
from ltrr.features.context import ContextFeatures
from ltrr.features.history import CreditHistory
from ltrr.features.text import QueryTerms, TextIndex, tokenize

__all__ = [
    "ActionBuilder",
    "Allocations",
    "ContextFeatures",
    "CreditHistory",
    "QueryTerms",
    "TextIndex",
    "Slabs",
    "tokenize",
]
