"""The synthetic music search: its catalogue, its words and what is asked."""

from ltrr.worlds.music.traffic import HEAD_SHIFT
from ltrr.worlds.music.world import MUSIC_INTENTS, Music

__all__ = ["HEAD_SHIFT", "MUSIC_INTENTS", "Music"]
