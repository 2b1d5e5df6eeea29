"""What people ask in the music world: one writer of query texts for each hidden intent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from ltrr.types import Float64, Int64
from ltrr.worlds.music.catalogue import ALBUM, ARTIST, PLAYLIST, SONG, MusicCatalogue
from ltrr.worlds.music.needs import Grades, Needs
from ltrr.worlds.music.words import misspell

__all__ = ["INTENTS", "Need", "Writer"]

INTENTS = ("entity", "attribute", "topic", "misspelt", "alias", "ambiguous", "generic")

_ENDINGS = ("s", "y", "ish", "ers")


@dataclass(frozen=True)
class Need:
    """One thing somebody wants, and how they say it.

    Parameters
    ----------
    texts : tuple of str
        Wordings, the most usual first.
    grades : tuple of Grades
        What satisfies it; several where the text is ambiguous.
    weight : tuple of float
        Probability of each interpretation.
    pull : float
        Logarithm of how much it is asked for, by what it asks for.

    Examples
    --------
    An ambiguous word: most who type it want one of two items, the others a third.

    >>> import numpy as np
    >>> need = Need(
    ...     texts=("blue", "bleu"), weight=(0.75, 0.25), pull=0.0,
    ...     grades=((np.array([4, 9]), np.array([4, 2])), (np.array([7]), np.array([4]))),
    ... )
    >>> [item.tolist() for item, grade in need.grades], sum(need.weight)
    ([[4, 9], [7]], 1.0)
    """

    texts: tuple[str, ...]
    grades: tuple[Grades, ...]
    weight: tuple[float, ...]
    pull: float


@dataclass
class Writer:
    """Invents needs of each intent, endlessly; texts may repeat.

    Parameters
    ----------
    music : MusicCatalogue
        What can be asked for.
    vocabulary_gap : float
        Probability in [0, 1] that a query names a concept by a word that tags seldom use.
    misspelling : float
        Probability in [0, 1] that a word of a misspelt query is misspelt; one word always is.
    wordings : int
        Texts a need, >= 1.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(2)
    >>> music = MusicCatalogue.build(rng, n_items=500, n_nicknames=10)
    >>> writer = Writer(music, vocabulary_gap=0.5, misspelling=0.8, wordings=2)
    >>> need = next(writer.write("generic", rng))
    >>> len(need.texts), need.weight
    (2, (1.0,))
    """

    music: MusicCatalogue
    vocabulary_gap: float
    misspelling: float
    wordings: int
    needs: Needs = field(init=False, repr=False)
    _titles: tuple[list[str], ...] = field(init=False, repr=False)
    _names: tuple[list[str], ...] = field(init=False, repr=False)
    _by_word: dict[str, list[int]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        fields = self.music.catalogue.fields
        self.needs = Needs(self.music)
        self._titles = tuple(t.split() for t in fields["title"])
        self._names = tuple(t.split() for t in fields["artist"])
        self._by_word = {}
        for i, words in enumerate(self._titles):
            if self.music.kind[i] != PLAYLIST:
                for word in dict.fromkeys(words):
                    self._by_word.setdefault(word, []).append(i)

    def write(self, intent: str, rng: np.random.Generator) -> Iterator[Need]:
        """Return an endless stream of needs of one intent (aliases: as many as there are nicknames)."""
        writers: dict[str, Callable[[np.random.Generator], Iterator[Need]]] = {
            "entity": self._entity,
            "attribute": self._attribute,
            "topic": self._topic,
            "misspelt": self._misspelt,
            "alias": self._alias,
            "ambiguous": self._ambiguous,
            "generic": self._generic,
        }
        return writers[intent](rng)

    def _targets(self, rng: np.random.Generator, kinds: tuple[float, ...], power: float) -> Iterator[int]:
        """Return items, kinds by their shares, within a kind by appeal to a power."""
        music = self.music
        weight = music.appeal**power
        for kind in range(4):
            rows = music.kind == kind
            weight[rows] *= kinds[kind] / float(weight[rows].sum())
        weight /= weight.sum()
        while True:
            yield from rng.choice(len(music), size=512, p=weight).tolist()

    def _name_it(self, item: int, rng: np.random.Generator) -> list[str]:
        """Return words for an entity: its title, with or without the artist, sometimes in part."""
        title, artist = self._titles[item], self._names[item]
        way = rng.random()
        if self.music.kind[item] == ARTIST:
            return title if way < 0.8 or len(title) == 1 else title[-1:]
        if way < 0.4 and len(title) > 1:
            return title
        if way < 0.65 or len(title) == 1:
            return [*title, *artist]
        part = title[: int(rng.integers(1, len(title)))]
        return [*part, *artist[-1:]] if way < 0.8 else part

    def _entity(self, rng: np.random.Generator) -> Iterator[Need]:
        for item in self._targets(rng, (0.6, 0.22, 0.18, 0.0), 0.6):
            texts = [" ".join(self._name_it(item, rng)) for _ in range(self.wordings)]
            yield self._need(texts, (self.needs.entity(item),), self.music.appeal[item])

    def _misspelt(self, rng: np.random.Generator) -> Iterator[Need]:
        # Names are misspelt more often than titles, and words for genres and moods are long and foreign.
        other = self._attribute(rng)
        for item in self._targets(rng, (0.3, 0.6, 0.1, 0.0), 1.0):
            if rng.random() < 0.5:
                right = next(other)
            else:
                texts = [" ".join(self._name_it(item, rng)) for _ in range(self.wordings)]
                right = self._need(texts, (self.needs.entity(item),), self.music.appeal[item])
            wrong = tuple(dict.fromkeys(self._garble(text, rng) for text in right.texts))
            yield Need(wrong, right.grades, right.weight, right.pull)

    def _garble(self, text: str, rng: np.random.Generator) -> str:
        """Return the text with one word misspelt for sure and each other one with some probability."""
        words = text.split()
        wrong = rng.random(len(words)) < self.misspelling
        wrong[int(rng.integers(len(words)))] = True
        return " ".join(misspell(w, rng) if x else w for w, x in zip(words, wrong, strict=True))

    def _alias(self, rng: np.random.Generator) -> Iterator[Need]:
        for place in rng.permutation(len(self.music.nickname)).tolist():
            item = int(self.music.nickname_item[place])
            words = self.music.nickname[place].split()
            texts = [" ".join(words), " ".join(words[::-1]) if len(words) > 1 else words[0] + "y"]
            yield self._need(texts[: self.wordings], (self.needs.entity(item),), self.music.appeal[item])

    def _attribute(self, rng: np.random.Generator) -> Iterator[Need]:
        # Facets that are asked for together: genre with mood, genre with decade, mood with decade, all three.
        patterns = ((0, 1), (0, 2), (1, 2), (0, 1, 2))
        for item in self._targets(rng, (1.0, 0.0, 0.0, 0.0), 0.3):
            facets = patterns[int(rng.choice(4, p=[0.35, 0.2, 0.15, 0.3]))]
            wanted = {f: int(self.music.main[item, f]) for f in facets}
            yield self._by_concepts(rng, wanted, once=True)

    def _topic(self, rng: np.random.Generator) -> Iterator[Need]:
        for item in self._targets(rng, (1.0, 0.0, 0.0, 0.0), 0.3):
            wanted = {3: int(self.music.main[item, 3])}
            if rng.random() < 0.4:
                facet = int(rng.integers(2))
                wanted[facet] = int(self.music.main[item, facet])
            yield self._by_concepts(rng, wanted, once=False)

    def _by_concepts(self, rng: np.random.Generator, wanted: dict[int, int], *, once: bool) -> Need:
        """Return a need for concepts; ``once`` names each by one word, else the theme by two or three."""
        lexicon = self.music.lexicon
        texts = []
        for _ in range(self.wordings):
            named = [f for f in wanted for _ in range(1 if once or f != 3 else int(rng.integers(2, 4)))]
            concept: Int64 = np.array([lexicon.offset[f] + wanted[f] for f in named])
            ids = lexicon.synonym(rng, concept, gap=self.vocabulary_gap)
            words = dict.fromkeys(lexicon.words[i] for i in ids[rng.permutation(len(ids))].tolist())
            formed = [w + self._ending(rng) for w in words]
            texts.append(" ".join(formed))
        return self._need(texts, (self.needs.concepts(wanted),), 1.0)

    def _ending(self, rng: np.random.Generator) -> str:
        """Return what turns a word into a form that no tag holds, or nothing."""
        return _ENDINGS[int(rng.integers(len(_ENDINGS)))] if rng.random() < self.vocabulary_gap else ""

    def _ambiguous(self, rng: np.random.Generator) -> Iterator[Need]:
        shared = [(w, i) for w, i in self._by_word.items() if len(i) >= 3]
        appeal = self.music.appeal
        total: Float64 = np.sqrt(np.array([appeal[i].sum() for _, i in shared]))
        while shared:
            word, items = shared[int(rng.choice(len(shared), p=total / total.sum()))]
            best = sorted(items, key=lambda i: (-appeal[i], i))[: int(rng.integers(2, 5))]
            weight = appeal[best] ** 0.5
            grades = tuple(self.needs.entity(i) for i in best)
            yield Need(
                (word,), grades, tuple((weight / weight.sum()).tolist()), float(np.log(appeal[best[0]]))
            )

    def _generic(self, rng: np.random.Generator) -> Iterator[Need]:
        words = [self.music.lexicon.words[i] for i in self.music.lexicon.generic.tolist()]
        while True:
            kind = (None, SONG, ARTIST, ALBUM)[int(rng.choice(4, p=[0.5, 0.35, 0.1, 0.05]))]
            texts = []
            for _ in range(self.wordings):
                chosen = rng.choice(len(words), size=int(rng.integers(2, 4)), replace=False)
                texts.append(" ".join(words[i] for i in chosen.tolist()))
            yield self._need(texts, (self.needs.chart(rng, kind=kind),), 1.0)

    def _need(self, texts: list[str], grades: tuple[Grades, ...], appeal: float) -> Need:
        """Return a need with distinct wordings and one interpretation."""
        return Need(tuple(dict.fromkeys(texts)), grades, (1.0,), float(np.log(appeal)))
