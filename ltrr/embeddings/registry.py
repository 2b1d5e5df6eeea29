"""The encoders that have names."""

from __future__ import annotations

from ltrr.embeddings.co_action import CoAction
from ltrr.embeddings.from_function import FromFunction
from ltrr.embeddings.lsa import LSA
from ltrr.embeddings.sentence_transformer import SentenceTransformerEncoder
from ltrr.embeddings.static_vectors import StaticVectors
from ltrr.protocols import Encoder
from ltrr.registry import Registry

__all__ = ["ENCODERS"]

ENCODERS = Registry(
    "encoders",
    {
        "co-action": CoAction,
        "function": FromFunction,
        "lsa": LSA,
        "sentence-transformers": SentenceTransformerEncoder,
        "static-vectors": StaticVectors,
    },
    makes=Encoder,
    needs=("encode",),
)
"""Kinds of encoder."""
