"""The synthetic music world."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from types import MappingProxyType

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.rng import Streams
from ltrr.types import Bool, Catalogue, Float64, Int16, Int64, Queries
from ltrr.worlds.music_catalogue import MusicCatalogue
from ltrr.worlds.music_needs import MAX_GRADE
from ltrr.worlds.music_queries import INTENTS, Need, Writer
from ltrr.worlds.topic_world import TopicWorld
from ltrr.worlds.topics import Topics
from ltrr.worlds.words import zipf_law

__all__ = ["HEAD_SHIFT", "MUSIC_INTENTS", "Music"]

MUSIC_INTENTS: Mapping[str, float] = MappingProxyType(
    {
        "entity": 0.34,
        "attribute": 0.22,
        "topic": 0.14,
        "misspelt": 0.12,
        "alias": 0.08,
        "ambiguous": 0.05,
        "generic": 0.05,
    }
)
"""Default share of each intent among the needs."""

HEAD_SHIFT = 10.0
"""Shift of the Zipf–Mandelbrot law of traffic: the top one of 9,000 texts then has 2 % of it, not 15 %."""

# What the head of traffic asks: names and what everybody wants rather than descriptions.
_HEAD: Mapping[str, float] = MappingProxyType(
    {
        "entity": 0.0,
        "attribute": 0.1,
        "topic": 0.1,
        "misspelt": -0.1,
        "alias": 0.2,
        "ambiguous": 0.2,
        "generic": 0.1,
    }
)
_APPEAL_PULL = 0.3
_SECOND_WORDING = 0.7
_WORDING_NOISE = 0.3
_TRIES = 20


class Music(TopicWorld):
    """Ask for songs, artists, albums and playlists of an invented catalogue, in seven hidden ways.

    The catalogue holds 66 % songs, 8 % artists, 14 % albums and 12 % playlists with the fields ``title``,
    ``artist`` and ``tags``, all pseudo-words of four languages. Titles repeat across artists (covers, title
    tracks). Each item has a genre, a mood, a decade and a theme, some half a second one; tags name them by
    one of four to six synonyms, and are missing (20 %) or wrong (8 %). ``popularity`` is the true appeal
    seen through noise.

    What is asked, and what grades it (0 … 4; `ltrr.worlds.music_needs.Needs` has the formulas):

    ========== ========================================================== =======================
    intent     query                                                      relevant
    ========== ========================================================== =======================
    entity     title or name, whole, in part or with the artist           the one, and its kin
    attribute  two or three of genre, mood, decade, one word each         fit × appeal
    topic      two or three words of a theme, at times with genre or mood fit × appeal
    misspelt   an entity (mostly an artist) or attributes, garbled        as above
    alias      a nickname that shares no word with its target             the target, and its kin
    ambiguous  one word that three or more titles or names share          2–4 entities, one drawn
    generic    two or three words such as "top hits"                      the chart by appeal
    ========== ========================================================== =======================

    Intents are hidden (`Topics.intent`); evidence of them is in the words only: how many, how rare, known or
    not, in which field. Traffic follows p(rank) ∝ (rank + 10)^−zipf over texts (Zipf–Mandelbrot). Held-out
    needs are as many of every intent, their texts equally likely.

    Parameters
    ----------
    n_items : int
        Items, >= 200.
    n_queries : int
        Information needs, >= 20. An ambiguous one counts once, though it has several topics.
    seed : int
        Seed of catalogue and queries. What is drawn from them belongs to the streams given to `fork`.
    held_out : float
        Share of the needs that the stream never asks, in [0, 0.9].
    zipf : float
        Exponent of the traffic, >= 0.
    vocabulary_gap : float
        Probability in [0, 1] that a concept is named by a synonym that tags seldom use, and, drawn apart,
        that the word has an ending that no tag has. At 0 queries speak as tags do and lexical search wins.
    misspelling : float
        Probability in [0, 1] that a further word of a misspelt query is garbled; one always is.
    wordings : int
        Most texts for one need, >= 1.
    intents : mapping of str to float
        Share of each intent among the needs, >= 0; those left out have none. Where an intent runs out of
        distinct texts (nicknames in a small catalogue), it has fewer.
    n_users, gap_seconds
        As in `TopicWorld`.

    Raises
    ------
    InputError
        If a parameter is out of range or an intent is unknown.

    Examples
    --------
    >>> from ltrr.rng import Streams
    >>> world = Music(500, n_queries=100, seed=7).fork(Streams(seed=1))
    >>> len(world.catalogue), world.max_grade
    (500, 4)
    >>> requests = world.next(3)
    >>> all(world.topics.traffic[q] > 0 for q in requests.query)
    True

