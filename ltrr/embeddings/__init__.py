"""Texts as vectors."""

from ltrr.embeddings.lsa import LSA
from ltrr.embeddings.registry import ENCODERS
from ltrr.embeddings.static_vectors import StaticVectors

__all__ = ["ENCODERS", "LSA", "StaticVectors"]
