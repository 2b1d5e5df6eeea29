"""The encoders that have names."""

from __future__ import annotations

from ltrr.embeddings.lsa import LSA
from ltrr.embeddings.static_vectors import StaticVectors
from ltrr.protocols import Encoder
from ltrr.registry import Registry

__all__ = ["ENCODERS"]

ENCODERS = Registry(
    "encoders", {"lsa": LSA, "static-vectors": StaticVectors}, makes=Encoder, needs=("encode",)
)
"""Kinds of encoder."""
