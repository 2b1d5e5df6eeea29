"""The arms that have names."""

from __future__ import annotations

from ltrr.protocols import Retriever
from ltrr.registry import Registry
from ltrr.retrieval.dense import Dense
from ltrr.retrieval.lexical import BM25
from ltrr.retrieval.memory import Memory
from ltrr.retrieval.popular import Popular
from ltrr.retrieval.trec_run import TrecRun

__all__ = ["ARMS"]

ARMS = Registry(
    "arms",
    {"bm25": BM25, "dense": Dense, "memory": Memory, "popular": Popular, "trec-run": TrecRun},
    makes=Retriever,
    needs=("static", "index", "retrieve", "learn", "state", "restore"),
    base="ltrr.retrieval.Arm",
)
"""Kinds of arm."""
