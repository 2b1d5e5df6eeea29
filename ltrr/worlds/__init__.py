"""Worlds: who asks what, what exists, and what is true."""

from ltrr.worlds.collection import Collection
from ltrr.worlds.music import Music
from ltrr.worlds.topic_world import TopicWorld
from ltrr.worlds.topics import Topics

__all__ = ["Collection", "Music", "TopicWorld", "Topics"]
