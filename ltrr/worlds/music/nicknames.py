"""Nicknames of the music world: names that share no word with what they mean."""

from __future__ import annotations

import numpy as np

from ltrr.types import Float64, Int16, Int32, Int64
from ltrr.worlds.music.lexicon import Lexicon

__all__ = ["clip_names", "give_nicknames", "rename_fan_playlists"]

_ORDINARY_SHARE = 0.5
_CLIPPED_SHARE = 0.6
_FAN_SHARE = 0.4


def give_nicknames(
    rng: np.random.Generator, lexicon: Lexicon, *, weight: Float64, text: Int64, n: int
) -> tuple[Int32, Int64]:
    """Return the items that have a nickname, and its two words: ordinary words or words of their own.

    Parameters
    ----------
    rng : numpy Generator
        Source of all draws.
    lexicon : Lexicon
        Where words come from.
    weight : float64 (N,)
        How likely an item has a nickname, >= 0; stars have several.
    text : int64 (N, W)
        Word ids of all texts of each item; its nickname holds none of them.
    n : int
        Number of nicknames, >= 0.

    Returns
    -------
    item : int32 (n,)
        The items, several times where one has several nicknames.
    words : int64 (n, 2)
        Word ids.
    """
    item = rng.choice(len(weight), size=n, p=weight / weight.sum()).astype(np.int32)
    own = lexicon.nickname[rng.integers(len(lexicon.nickname), size=(n, 2))]
    language: Int16 = rng.integers(len(lexicon.title), size=n).astype(np.int16)
    ordinary = lexicon.titles(rng, language, width=2, exponent=0.7)
    words = np.where(rng.random((n, 2)) < _ORDINARY_SHARE, ordinary, own)
    shared = (words[:, :, None] == text[item][:, None, :]).any(axis=2)
    return item, np.where(shared, own, words)


def rename_fan_playlists(
    rng: np.random.Generator,
    lexicon: Lexicon,
    playlists: Int64,
    names: Int64,
    nickname: Int64,
    *,
    titles: Int64,
    tags: Int64,
) -> tuple[Int64, Int64]:
    """Return titles and tags in which some playlists bear a nickname, with the true name in their tags.

    These playlists are the only items whose texts hold a nickname; ``names`` (n, W) are the true names' word
    ids, ``nickname`` (n, 2) those of the nicknames.
    """
    titles, tags = titles.copy(), tags.copy()
    chosen = np.flatnonzero(rng.random(len(names)) < _FAN_SHARE)[: len(playlists) // 3]
    rows = rng.choice(playlists, size=len(chosen), replace=False)
    titles[rows] = -1
    titles[rows, :2] = nickname[chosen]
    titles[rows, 2] = rng.choice(lexicon.generic, size=len(rows))
    tags[rows, -names.shape[1] :] = names[chosen]
    return titles, tags


def clip_names(
    rng: np.random.Generator, lexicon: Lexicon, names: Int64, nicknames: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the nicknames, a share of them replaced by the true name's words cut short and written as one.

    Characters of the true name survive in a clipped name, its words do not: an arm that reads characters has
    a hint, one that reads words has none.
    """
    out = list(nicknames)
    known = set(lexicon.words)
    for place in np.flatnonzero(rng.random(len(out)) < _CLIPPED_SHARE).tolist():
        words = [lexicon.words[i] for i in names[place].tolist() if i >= 0][:2]
        short = "".join(word[: 6 if len(words) == 1 else 5] for word in words)
        if short not in known:
            out[place] = short
            known.add(short)
    return tuple(out)
