"""The tokenizers that have names."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from ltrr.features.tokens import Characters, Tokenizer, tokenize, unicode_words
from ltrr.registry import Registry

__all__ = ["TOKENIZERS"]


class _Functions(Registry):
    """A registry whose components may be functions, which stand for themselves where no setting is given."""

    def make(self, kind: Any, params: Mapping[str, Any], where: str) -> Any:
        maker = self.maker(kind, where)
        return maker if inspect.isroutine(maker) and not params else super().make(kind, params, where)


TOKENIZERS = _Functions(
    "tokenizers",
    {"words": tokenize, "unicode-words": unicode_words, "characters": Characters},
    makes=Tokenizer,
    needs=("__call__",),
)
"""Kinds of tokenizer; ``module:function`` names one of your own."""
