"""Retrieval strategies (arms), one a file; their union; a cache for those that never change."""

from ltrr.retrieval.base import Arm
from ltrr.retrieval.cache import StaticCache
from ltrr.retrieval.dense import Dense
from ltrr.retrieval.lexical import BM25
from ltrr.retrieval.memory import Memory
from ltrr.retrieval.popular import Popular
from ltrr.retrieval.registry import ARMS
from ltrr.retrieval.trec_run import TrecRun
from ltrr.retrieval.union import union

__all__ = ["ARMS", "Arm", "BM25", "Dense", "Memory", "Popular", "StaticCache", "TrecRun", "union"]
