"""Worlds: who asks what, what exists, and what is true."""

from ltrr.worlds.collection import Collection
from ltrr.worlds.from_ir_datasets import from_ir_datasets
from ltrr.worlds.gathered import CollectionFiles
from ltrr.worlds.music.world import Music
from ltrr.worlds.registry import WORLDS
from ltrr.worlds.topic_world import TopicWorld
from ltrr.worlds.topics import Topics
from ltrr.worlds.trec import read_trec, write_trec_qrels, write_trec_topics

__all__ = [
    "WORLDS",
    "Collection",
    "CollectionFiles",
    "Music",
    "TopicWorld",
    "Topics",
    "from_ir_datasets",
    "read_trec",
    "write_trec_qrels",
    "write_trec_topics",
]
