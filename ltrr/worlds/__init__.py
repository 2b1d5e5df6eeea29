"""Worlds: who asks what, what exists, and what is true."""

from ltrr.worlds.collection import Collection
from ltrr.worlds.music.world import Music
from ltrr.worlds.registry import WORLDS
from ltrr.worlds.topic_world import TopicWorld
from ltrr.worlds.topics import Topics

__all__ = ["WORLDS", "Collection", "Music", "TopicWorld", "Topics"]
