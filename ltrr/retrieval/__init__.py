"""Retrieval strategies (arms), one a file; their union; a cache for those that never change."""

from ltrr.retrieval.base import Arm
from ltrr.retrieval.bm25f import BM25F
from ltrr.retrieval.cache import StaticCache
from ltrr.retrieval.dense import Dense
from ltrr.retrieval.explore import Explore
from ltrr.retrieval.fresh import Fresh
from ltrr.retrieval.hybrid import Hybrid
from ltrr.retrieval.lexical import BM25
from ltrr.retrieval.list_quality import ListQuality
from ltrr.retrieval.memory import Memory
from ltrr.retrieval.near_memory import NearMemory
from ltrr.retrieval.ngrams import NGrams
from ltrr.retrieval.popular import Popular
from ltrr.retrieval.registry import ARMS
from ltrr.retrieval.saved import load, save
from ltrr.retrieval.trec_run import TrecRun
from ltrr.retrieval.union import union

__all__ = [
    "ARMS",
    "BM25",
    "BM25F",
    "Arm",
    "Dense",
    "Explore",
    "Fresh",
    "Hybrid",
    "ListQuality",
    "Memory",
    "NGrams",
    "NearMemory",
    "Popular",
    "StaticCache",
    "TrecRun",
    "load",
    "save",
    "union",
]
