"""The synthetic music search: its catalogue, its words and what is asked."""

from ltrr.worlds.music.world import HEAD_SHIFT, MUSIC_INTENTS, Music

__all__ = ["HEAD_SHIFT", "MUSIC_INTENTS", "Music"]
