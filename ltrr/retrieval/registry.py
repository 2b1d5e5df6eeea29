"""The arms that have names."""

from __future__ import annotations

from ltrr.protocols import Retriever
from ltrr.registry import Registry
from ltrr.retrieval.bm25f import BM25F
from ltrr.retrieval.dense import Dense
from ltrr.retrieval.explore import Explore
from ltrr.retrieval.fresh import Fresh
from ltrr.retrieval.hybrid import Hybrid
from ltrr.retrieval.lexical import BM25
from ltrr.retrieval.memory import Memory
from ltrr.retrieval.near_memory import NearMemory
from ltrr.retrieval.ngrams import NGrams
from ltrr.retrieval.popular import Popular
from ltrr.retrieval.trec_run import TrecRun

__all__ = ["ARMS"]

ARMS = Registry(
    "arms",
    {
        "bm25": BM25,
        "bm25f": BM25F,
        "dense": Dense,
        "explore": Explore,
        "fresh": Fresh,
        "hybrid": Hybrid,
        "memory": Memory,
        "near-memory": NearMemory,
        "ngrams": NGrams,
        "popular": Popular,
        "trec-run": TrecRun,
    },
    makes=Retriever,
    needs=("static", "index", "retrieve", "learn", "state", "restore"),
    base="ltrr.retrieval.Arm",
)
"""Kinds of arm."""
