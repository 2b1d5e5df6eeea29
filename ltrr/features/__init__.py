"""What a policy may see: text analysis, context features, action features."""

from ltrr.features.actions import ActionBuilder, Allocations, Slabs
from ltrr.features.arm_columns import ArmColumns, SourceHistory
from ltrr.features.context import ContextFeatures
from ltrr.features.evidence import Evidence
from ltrr.features.history import CreditHistory
from ltrr.features.registry import TOKENIZERS
from ltrr.features.supply import Supply
from ltrr.features.text import QueryTerms, TextIndex
from ltrr.features.tokens import Characters, Tokenizer, tokenize, unicode_words

__all__ = [
    "TOKENIZERS",
    "ActionBuilder",
    "Allocations",
    "ArmColumns",
    "Characters",
    "ContextFeatures",
    "CreditHistory",
    "Evidence",
    "QueryTerms",
    "TextIndex",
    "Slabs",
    "SourceHistory",
    "Supply",
    "Tokenizer",
    "tokenize",
    "unicode_words",
]
