"""Texts as vectors."""

from ltrr.embeddings.co_action import CoAction
from ltrr.embeddings.from_function import FromFunction
from ltrr.embeddings.lsa import LSA
from ltrr.embeddings.registry import ENCODERS
from ltrr.embeddings.sentence_transformer import SentenceTransformerEncoder
from ltrr.embeddings.static_vectors import StaticVectors

__all__ = ["ENCODERS", "LSA", "CoAction", "FromFunction", "SentenceTransformerEncoder", "StaticVectors"]
