"""What satisfies a need in the music world: the grades of items for entities, attributes and charts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ltrr.types import Float64, Int8, Int32
from ltrr.worlds.music.catalogue import ALBUM, ARTIST, PLAYLIST, SONG, MusicCatalogue

__all__ = ["MAX_GRADE", "Grades", "Needs"]

MAX_GRADE = 4

Grades = tuple[Int32, Int8]
"""Items, ascending, and their grades >= 1."""

_DECADE = 2
_THRESHOLDS = np.array([0.25, 0.5, 0.7, 0.85])
_DEEPEST = 150
_KIND_FACTOR = np.array([1.0, 0.8, 0.9, 0.85])


@dataclass
class Needs:
    """Grades items for a need, from what the catalogue hides.

    Parameters
    ----------
    music : MusicCatalogue
        The catalogue and its truth.

    Examples
    --------
    >>> import numpy as np
    >>> music = MusicCatalogue.build(np.random.default_rng(1), n_items=500, n_nicknames=0)
    >>> item, grade = Needs(music).entity(3)
    >>> int(grade[item == 3][0])
    4
    """

    music: MusicCatalogue
    _prior: Float64 = field(init=False, repr=False)
    _works: dict[int, list[int]] = field(init=False, repr=False)
    _tracks: dict[int, list[int]] = field(init=False, repr=False)
    _same_title: dict[str, list[int]] = field(init=False, repr=False)
    _fit: dict[tuple[int, int], Float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        music = self.music
        order = np.argsort(-music.appeal, kind="stable")
        percentile = np.empty(len(music))
        percentile[order] = 1.0 - (np.arange(len(music)) + 0.5) / len(music)
        self._prior = _KIND_FACTOR[music.kind] * (0.35 + 0.65 * percentile)
        self._works, self._tracks, self._same_title = defaultdict(list), defaultdict(list), defaultdict(list)
        titles = music.catalogue.fields["title"]
        for i, a, b, k in zip(
            order.tolist(),
            music.artist[order].tolist(),
            music.album[order].tolist(),
            music.kind[order].tolist(),
            strict=True,
        ):
            if k in (SONG, ALBUM):
                self._works[a].append(i)
            if k == SONG:
                self._tracks[b].append(i)
            if k != PLAYLIST:
                self._same_title[titles[i]].append(i)
        self._fit = {}

    def entity(self, item: int) -> Grades:
        """Return the grades of a need for one entity and what goes with it.

        The entity has grade 4. For an artist, the best loved fifth of the work (at most 10) has 3, the next
        fifth 2, the rest 1. For a song, its artist and its album have 2, what bears the same title has 1. For
        an album, its artist and its songs have 2, what bears the same title 1.
        """
        music = self.music
        grades: dict[int, int] = {}
        if music.kind[item] == ARTIST:
            works = self._works.get(item, [])[:_DEEPEST]
            share = max(min(len(works) // 5, 10), 1)
            grades.update({w: 3 if r < share else 2 if r < 2 * share else 1 for r, w in enumerate(works)})
        else:
            title = music.catalogue.fields["title"][item]
            grades.update(dict.fromkeys(self._same_title[title][:_DEEPEST], 1))
            grades[int(music.artist[item])] = 2
            if music.kind[item] == ALBUM:
                grades.update(dict.fromkeys(self._tracks.get(item, ()), 2))
            elif music.album[item] >= 0:
                grades[int(music.album[item])] = 2
        grades[item] = MAX_GRADE
        return _sorted(grades)

    def concepts(self, wanted: Mapping[int, int]) -> Grades:
        """Return the grades of a need for one concept of each wanted facet.

        score = Π_facets fit · kind factor · (0.35 + 0.65 · percentile of appeal), fit 1 for an item's own
        concept, 0.6 for its second one (and for a decade next to its own), else 0.25. Scores from .25, .5,
        .7, .85 on have grades 1, 2, 3, 4; the best 150 items are kept. At least the ten best get grade 1.
        """
        score = self._prior.copy()
        for facet, concept in wanted.items():
            score *= self._facet_fit(facet, concept)
        deepest = min(_DEEPEST, len(score))
        best = np.argpartition(-score, deepest - 1)[:deepest]
        best = best[np.lexsort((best, -score[best]))]
        grade = np.searchsorted(_THRESHOLDS, score[best], side="right")
        grade[:10] = np.maximum(grade[:10], 1)
        best, grade = best[grade > 0], grade[grade > 0]
        ascending = np.argsort(best)
        return best[ascending].astype(np.int32), grade[ascending].astype(np.int8)

    def chart(self, rng: np.random.Generator, *, kind: int | None) -> Grades:
        """Return the grades of a need for what everybody likes, by place in a chart.

        Places 1–15 have grade 4, those to 30, 60 and 100 grades 3, 2 and 1. The chart ranks by
        appeal, each asker's own taste (log-normal, σ = 0.4) mixed in, within one kind or (None) songs and
        artists.
        """
        music = self.music
        allowed = music.kind == kind if kind is not None else (music.kind == SONG) | (music.kind == ARTIST)
        rows = np.flatnonzero(allowed)
        taste = np.log(music.appeal[rows]) + 0.4 * rng.standard_normal(len(rows))
        best = rows[np.argsort(-taste, kind="stable")[:100]]
        place = np.arange(len(best))
        grade = 4 - np.searchsorted(np.array([15, 30, 60]), place, side="right")
        ascending = np.argsort(best)
        return best[ascending].astype(np.int32), grade[ascending].astype(np.int8)

    def _facet_fit(self, facet: int, concept: int) -> Float64:
        """Return how well every item fits one concept."""
        key = (facet, concept)
        if key not in self._fit:
            main, second = self.music.main[:, facet], self.music.second[:, facet]
            near = second == concept
            if facet == _DECADE:
                near |= np.abs(main - concept) == 1
            self._fit[key] = np.where(main == concept, 1.0, np.where(near & (main >= 0), 0.6, 0.25))
        return self._fit[key]


def _sorted(grades: Mapping[int, int]) -> Grades:
    """Return grades by item, ascending."""
    items = sorted(grades)
    return np.array(items, np.int32), np.array([grades[i] for i in items], np.int8)
