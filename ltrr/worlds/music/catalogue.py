"""The catalogue of the music world: artists, albums, songs and playlists with what is hidden about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr.types import Catalogue, Float64, Int16, Int32, Int64
from ltrr.worlds.music.lexicon import FACETS, Lexicon
from ltrr.worlds.music.nicknames import clip_names, give_nicknames, rename_fan_playlists
from ltrr.worlds.music.titles import name_artists, name_playlists, share_titles, tag_items, title_works
from ltrr.worlds.traffic import zipf_law

__all__ = ["ALBUM", "ARTIST", "KINDS", "PLAYLIST", "SONG", "MusicCatalogue"]

KINDS = ("song", "artist", "album", "playlist")
SONG, ARTIST, ALBUM, PLAYLIST = range(4)

_GENRE, _MOOD, _DECADE, _THEME = range(4)
_YEAR_SECONDS = 31_557_600.0
_FIRST_YEAR, _YEARS = 1965, 60
_APPEAL_NOISE = 0.5
_FAMOUS_SHARE = 0.006


@dataclass(frozen=True)
class MusicCatalogue:
    """Items in the order songs, artists, albums, playlists, and the truth about them.

    Parameters
    ----------
    catalogue : Catalogue
        What arms may see: fields ``title``, ``artist``, ``tags``; ``popularity`` is ``appeal`` seen through
        log-normal noise (σ = 0.5); releases lie up to 60 years before the world's clock starts.
    lexicon : Lexicon
        The words that texts are made of.
    kind : int16 (N,)
        Index into `KINDS`.
    artist, album : int32 (N,)
        Item id of the artist and of the album an item belongs to; −1 where there is none.
    main, second : int16 (N, F)
        Concept of each facet (number within the facet) that an item fits wholly, and one it fits by half;
        −1 where there is none.
    appeal : float64 (N,)
        True attractiveness, > 0, log-normal and correlated within an artist.
    nickname_item : int32 (K,)
        Items that people call by another name: artists and songs; stars come several times.
    nickname : tuple of str, length K
        The other names; no word of one occurs in any text of its item.

    Examples
    --------
    >>> import numpy as np
    >>> music = MusicCatalogue.build(np.random.default_rng(1), n_items=1_000, n_nicknames=5)
    >>> np.bincount(music.kind).tolist(), len(music.nickname)
    ([660, 80, 140, 120], 5)
    """

    catalogue: Catalogue
    lexicon: Lexicon
    kind: Int16
    artist: Int32
    album: Int32
    main: Int16
    second: Int16
    appeal: Float64
    nickname_item: Int32
    nickname: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.kind)

    @staticmethod
    def build(rng: np.random.Generator, *, n_items: int, n_nicknames: int) -> MusicCatalogue:
        """Return a catalogue: 8 % artists, 14 % albums, 12 % playlists, the rest songs; ``n_items`` >= 50.

        ``n_nicknames`` (>= 0) nicknames go to the most appealing 0.6 % of the items (at least ten), artists
        and songs, the more appealing the likelier.
        """
        lexicon = Lexicon.coin(rng, n_items=n_items)
        n_artists, n_albums, n_playlists = (int(n_items * s) for s in (0.08, 0.14, 0.12))
        n_songs = n_items - n_artists - n_albums - n_playlists
        kind = np.repeat(np.arange(4, dtype=np.int16), [n_songs, n_artists, n_albums, n_playlists])

        artists = _Traits.artists(rng, n_artists)
        language = rng.choice(4, size=n_artists, p=zipf_law(4, exponent=1.0)).astype(np.int16)
        # The more appealing an artist, the larger the work.
        activity = np.exp(0.6 * artists.log_appeal) * rng.gamma(2.0, size=n_artists)
        activity /= activity.sum()
        made_by = rng.choice(n_artists, size=n_albums, p=activity)
        albums = artists.works(rng, made_by, None)
        on_album = np.where(rng.random(n_songs) < 0.8, rng.integers(n_albums, size=n_songs), -1)
        sung_by = np.where(on_album >= 0, made_by[on_album], rng.choice(n_artists, size=n_songs, p=activity))
        songs = artists.works(rng, sung_by, np.where(on_album >= 0, albums.year[on_album], np.nan))
        playlists = _Traits.playlists(rng, n_playlists)

        names = name_artists(rng, lexicon, language)
        song_titles, album_titles = share_titles(
            rng,
            title_works(rng, lexicon, language[sung_by], songs.main[:, _THEME]),
            title_works(rng, lexicon, language[made_by], albums.main[:, _THEME]),
            on_album,
            np.exp(songs.log_appeal),
        )
        titles = np.concatenate(
            [song_titles, names, album_titles, name_playlists(rng, lexicon, playlists.main)]
        )
        parts = (songs, artists, albums, playlists)
        main = np.concatenate([p.main for p in parts])
        second = np.concatenate([p.second for p in parts])
        year = np.concatenate([p.year for p in parts])
        log_appeal = np.concatenate([p.log_appeal for p in parts])
        appeal = np.exp(log_appeal)
        none = np.full(n_playlists, -1)
        artist = np.concatenate([n_songs + sung_by, n_songs + np.arange(n_artists), n_songs + made_by, none])
        album = np.full(n_items, -1, np.int32)
        album[:n_songs] = np.where(on_album >= 0, on_album + n_songs + n_artists, -1)

        tags = tag_items(rng, lexicon, kind == PLAYLIST, main, second)
        credit = np.where((artist >= 0)[:, None], titles[artist], -1)
        # Nicknames are for the famous; what a chart shows is how a nickname's meaning is found at first.
        weight = np.where(kind == SONG, appeal, np.where(kind == ARTIST, 3.0 * appeal, 0.0))
        n_famous = max(int(_FAMOUS_SHARE * n_items), 10)
        weight = np.where(weight >= np.partition(weight, -n_famous)[-n_famous], weight, 0.0)
        text = np.concatenate([titles, credit, tags], axis=1)
        named, words = give_nicknames(rng, lexicon, weight=weight, text=text, n=n_nicknames)
        titles, tags = rename_fan_playlists(
            rng, lexicon, np.flatnonzero(kind == PLAYLIST), titles[named], words, titles=titles, tags=tags
        )
        nickname = clip_names(rng, lexicon, titles[named], lexicon.phrases(words))
        credit[kind == ARTIST] = -1  # an artist's own name is the title, once
        catalogue = Catalogue(
            name=tuple(f"{KINDS[k]}-{i:06d}" for i, k in enumerate(kind.tolist())),
            fields={
                "title": lexicon.phrases(titles),
                "artist": lexicon.phrases(credit),
                "tags": lexicon.phrases(tags),
            },
            popularity=np.exp(log_appeal + _APPEAL_NOISE * rng.standard_normal(n_items)).astype(np.float32),
            released=(year - _FIRST_YEAR - _YEARS) * _YEAR_SECONDS,
            kind=kind,
            kind_names=KINDS,
        )
        return MusicCatalogue(
            catalogue, lexicon, kind, artist.astype(np.int32), album, main, second, appeal, named, nickname
        )


@dataclass(frozen=True)
class _Traits:
    """What is hidden about n items: concepts, year, logarithm of appeal; of artists a favourite theme."""

    main: Int16
    second: Int16
    year: Float64
    log_appeal: Float64
    theme: Int16 | None = None

    @staticmethod
    def artists(rng: np.random.Generator, n: int) -> _Traits:
        """Return artists: a genre (half of them two), a mood, the decade of their start; no theme."""
        main, second = np.full((2, n, len(FACETS)), -1, np.int16)
        genres = FACETS[_GENRE][1]
        main[:, _GENRE] = rng.choice(genres, size=n, p=zipf_law(genres, exponent=0.6))
        second[:, _GENRE] = np.where(rng.random(n) < 0.5, rng.integers(genres, size=n), -1)
        main[:, _MOOD] = rng.integers(FACETS[_MOOD][1], size=n)
        year = _FIRST_YEAR + _YEARS * rng.beta(2.5, 1.5, size=n)
        main[:, _DECADE] = _decade(year)
        theme = rng.integers(FACETS[_THEME][1], size=n).astype(np.int16)
        return _Traits(main, second, year, 1.0 + 1.3 * rng.standard_normal(n), theme)

    def works(self, rng: np.random.Generator, maker: Int64, year: Float64 | None) -> _Traits:
        """Return works of these artists, mostly alike, never the same; ``year`` where it is not NaN."""
        n = len(maker)
        main, second = self.main[maker], self.second[maker]
        # A fifth of the work is in the artist's other genre.
        swap = np.flatnonzero((rng.random(n) < 0.2) & (second[:, _GENRE] >= 0))
        main[swap, _GENRE], second[swap, _GENRE] = second[swap, _GENRE], main[swap, _GENRE]
        moods, themes = FACETS[_MOOD][1], FACETS[_THEME][1]
        main[:, _MOOD] = np.where(rng.random(n) < 0.4, main[:, _MOOD], rng.integers(moods, size=n))
        second[:, _MOOD] = np.where(rng.random(n) < 0.3, rng.integers(moods, size=n), -1)
        if self.theme is not None:
            own = self.theme[maker]
            main[:, _THEME] = np.where(rng.random(n) < 0.3, own, rng.integers(themes, size=n))
        # Careers last twelve years; nothing is released after the clock has started.
        when = np.minimum(self.year[maker] + 12.0 * rng.random(n), _FIRST_YEAR + _YEARS - 1e-3)
        when = when if year is None else np.where(np.isnan(year), when, year)
        main[:, _DECADE] = _decade(when)
        return _Traits(main, second, when, 0.7 * self.log_appeal[maker] + rng.standard_normal(n))

    @staticmethod
    def playlists(rng: np.random.Generator, n: int) -> _Traits:
        """Return playlists of the last ten years: mostly a genre and a mood, sometimes a decade or theme."""
        main, second = np.full((2, n, len(FACETS)), -1, np.int16)
        for facet, share in enumerate((0.7, 0.7, 0.3, 0.4)):
            drawn = rng.integers(FACETS[facet][1], size=n)
            main[:, facet] = np.where(rng.random(n) < share, drawn, -1)
        year = _FIRST_YEAR + _YEARS - 10.0 * (1.0 - rng.random(n))
        return _Traits(main, second, year, rng.standard_normal(n) - 0.3)


def _decade(year: Float64) -> Int16:
    """Return the decade's number, 0 for the first ten years."""
    return np.clip((year - _FIRST_YEAR) // 10, 0, FACETS[_DECADE][1] - 1).astype(np.int16)
