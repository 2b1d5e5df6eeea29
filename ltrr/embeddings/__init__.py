"""Texts as vectors."""

from ltrr.embeddings.lsa import LSA

__all__ = ["LSA"]
