"""The worlds that have names."""

from __future__ import annotations

from ltrr.protocols import World
from ltrr.registry import Registry
from ltrr.worlds.collection import Collection
from ltrr.worlds.music import Music

__all__ = ["WORLDS"]

WORLDS = Registry(
    "worlds",
    {"music": Music, "collection": Collection},
    makes=World,
    needs=(
        *("catalogue", "queries", "max_grade", "fork", "next", "held_out", "truth"),
        *("state", "restore"),
    ),
    base="ltrr.worlds.TopicWorld",
)
"""Kinds of world."""
