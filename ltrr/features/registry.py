"""The tokenizers that have names."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from ltrr.features.tokens import Characters, Tokenizer, tokenize, unicode_words
from ltrr.registry import Registry
from ltrr.types.settings import Setting

__all__ = ["TOKENIZERS"]


class _Functions(Registry):
    """A registry whose components may be functions, which stand for themselves where no setting is given."""

    def make(self, kind: Any, params: Mapping[str, Any], where: str) -> Any:
        maker = self.maker(kind, where)
        return maker if inspect.isroutine(maker) and not params else super().make(kind, params, where)

    def settings(self, name: str, where: str = "") -> tuple[Setting, ...]:
        return () if inspect.isroutine(self.maker(name, where or name)) else super().settings(name, where)


TOKENIZERS = _Functions(
    "tokenizers",
    {"words": tokenize, "unicode-words": unicode_words, "characters": Characters},
    makes=Tokenizer,
    needs=("__call__",),
)
"""Kinds of tokenizer; ``module:function`` names one of your own."""
