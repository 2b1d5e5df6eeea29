"""Texts as vectors."""

from ltrr.embeddings.lsa import LSA
from ltrr.embeddings.registry import ENCODERS

__all__ = ["ENCODERS", "LSA"]
