"""The texts of the music world's items: titles, names and tags as word ids."""

from __future__ import annotations

import numpy as np

from ltrr.types import Bool, Float64, Int16, Int64
from ltrr.worlds.music.lexicon import FACETS, Lexicon

__all__ = ["WIDTH", "name_artists", "name_playlists", "share_titles", "tag_items", "title_works"]

WIDTH = 4
"""Most words of a title."""

_LENGTH_SHARE = (0.25, 0.4, 0.25, 0.1)
_THEME_IN_TITLE = 0.35
_COVER_SHARE = 0.2
_TITLE_TRACK_SHARE = 0.06
_BAND_SHARE, _SINGLE_SHARE = 0.35, 0.2
_MISSING, _WRONG, _SECOND = 0.2, 0.08, 0.6


def title_works(rng: np.random.Generator, lexicon: Lexicon, language: Int16, theme: Int16) -> Int64:
    """Return titles (n, `WIDTH`) in each work's language; in some the first word tells the theme."""
    words = lexicon.titles(rng, language, width=WIDTH, exponent=1.0)
    length = rng.choice(np.arange(1, WIDTH + 1), size=len(language), p=_LENGTH_SHARE)
    told = rng.random(len(language)) < _THEME_IN_TITLE
    concept: Int64 = (theme[told] + lexicon.offset[3]).astype(np.int64)
    words[told, 0] = lexicon.synonym(rng, concept, gap=0.3)
    return np.where(np.arange(WIDTH) < length[:, None], words, -1)


def share_titles(
    rng: np.random.Generator, songs: Int64, albums: Int64, on_album: Int64, appeal: Float64
) -> tuple[Int64, Int64]:
    """Return the titles of songs and albums after covers and title tracks: a title is then no key.

    A cover takes the title of another song (∝ √appeal); an album now and then that of one of its songs.
    """
    songs, albums = songs.copy(), albums.copy()
    cover = rng.random(len(songs)) < _COVER_SHARE
    weight = np.sqrt(appeal)
    original = rng.choice(len(songs), size=int(cover.sum()), p=weight / weight.sum())
    songs[cover] = songs[original]
    track = (on_album >= 0) & (rng.random(len(songs)) < _TITLE_TRACK_SHARE)
    albums[on_album[track]] = songs[track]
    return songs, albums


def name_artists(rng: np.random.Generator, lexicon: Lexicon, language: Int16) -> Int64:
    """Return names (n, `WIDTH`): a common and a rarer word, title words (bands), or a single word."""
    n = len(language)
    out = np.full((n, WIDTH), -1, np.int64)
    for k, block in enumerate(lexicon.name):
        rows = np.flatnonzero(language == k)
        common = max(len(block) // 8, 1)
        out[rows, 0] = rng.choice(block[:common], size=len(rows))
        out[rows, 1] = rng.choice(block[common:], size=len(rows))
    band = np.flatnonzero(rng.random(n) < _BAND_SHARE)
    out[band, :2] = lexicon.titles(rng, language[band], width=2, exponent=0.8)
    out[rng.random(n) < _SINGLE_SHARE, 0] = -1
    return out


def name_playlists(rng: np.random.Generator, lexicon: Lexicon, main: Int16) -> Int64:
    """Return names (n, `WIDTH`): one word each for genre and mood, one or two generic words."""
    n = len(main)
    out = np.full((n, WIDTH), -1, np.int64)
    for facet in (0, 1):
        out[:, facet] = lexicon.synonym(rng, _concepts(lexicon, facet, main[:, facet]), gap=0.5)
    out[:, 2:] = rng.choice(lexicon.generic, size=(n, 2))
    out[rng.random(n) < 0.6, 3] = -1
    return out


def tag_items(
    rng: np.random.Generator, lexicon: Lexicon, generous: Bool, main: Int16, second: Int16
) -> Int64:
    """Return tags (n, 4 · facets): some missing, some wrong, each one of several synonyms.

    ``generous`` (n,) marks the items whose makers wrote all the words they knew (playlists): there no tag is
    missing and each concept has up to three synonyms. Such items, and second tags on others, are what ties
    synonyms together.
    """
    n = len(main)
    columns: list[Int64] = []
    for facet, (_, count, _) in enumerate(FACETS):
        wrong = rng.random(n) < _WRONG
        concept = np.where(wrong, rng.integers(count, size=n), main[:, facet])
        told = (main[:, facet] >= 0) & (generous | (rng.random(n) >= _MISSING))
        known = _concepts(lexicon, facet, np.where(told, concept, -1))
        first = lexicon.synonym(rng, known, gap=0.0)
        again = lexicon.synonym(rng, np.where(generous | (rng.random(n) < _SECOND), known, -1), gap=0.35)
        third = lexicon.synonym(rng, np.where(generous, known, -1), gap=0.8)
        half = np.where(rng.random(n) < 0.5, second[:, facet], -1)
        other = lexicon.synonym(rng, _concepts(lexicon, facet, half), gap=0.0)
        # One word said twice would only feign importance.
        again = np.where(again == first, -1, again)
        third = np.where((third == first) | (third == again), -1, third)
        columns += [first, again, third, other]
    return np.stack(columns, axis=1)


def _concepts(lexicon: Lexicon, facet: int, value: Int16 | Int64) -> Int64:
    """Return concept ids from numbers within a facet; −1 stays."""
    return np.where(value >= 0, value + lexicon.offset[facet], -1).astype(np.int64)
