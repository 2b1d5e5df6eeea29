"""The pages that every quota would have shown, from shadow retrieval in the log."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltrr._kernels.two_stage import page_groups
from ltrr.errors import InputError
from ltrr.logs.formats.run_parts import RunParts
from ltrr.types import Bool, Int32, Int64
from ltrr.types.quotas import all_quotas

__all__ = ["ShadowPages"]

_CANDIDATES = ("request", "item", "arm", "rank", "ranker_score")


@dataclass(frozen=True)
class ShadowPages:
    """Rebuilds, for logged requests, which quotas would have shown the same page.

    The candidates of all arms are sorted by (ranker's score descending, item ascending). A quota draws those
    that some arm delivers within its depth, short slabs and lists spilling to the fallback arms; the first
    ``page_size`` of them are its page.

    Parameters
    ----------
    parts : RunParts
        A log with shadow retrieval.
    n_slots : int
        Slots that a quota divides.

    Examples
    --------
    >>> import ltrr
    >>> world = ltrr.worlds.Music(n_items=300, n_queries=100)
    >>> loop = {"warmup": 40, "log_shadow": True}
    >>> run = ltrr.simulate(world, policies=["random"], rounds=80, seeds=1, loop=loop, quiet=True)
    >>> ShadowPages(RunParts(run.folder / "log", "random"), n_slots=3).logged
    True
    """

    parts: RunParts
    n_slots: int

    @property
    def logged(self) -> bool:
        """True where the log holds shadow retrieval."""
        return self.parts.loop.get("log_shadow") is True

    def groups(self, seed: int, part: int, request: Int64, quota: Int64) -> Int64 | None:
        """Return for each request and quota the lowest quota with the same page, (B, Q).

        Parameters
        ----------
        seed, part : int
            Which part of the log.
        request : int64 (B,)
            Ids of requests of this part, each once, ascending.
        quota : int64 (B,)
            Place of the logged quota, whose page must be the logged one.

        Returns
        -------
        int64 (B, Q), or None
            None where the ranker's scores depend on what was drawn, so that no other page can be known.
            Where places of a page were explored at random, each quota has a page of its own: whether places
            are explored does not depend on the quota (as long as a union holds two pages or more), but which
            items they show does.

        Raises
        ------
        InputError
            If the page of a logged quota is not the page that was shown.
        """
        (slabs, slot_size), (page_size, fallback) = self.parts.slab_sizes(), self._setting()
        arms = len(slabs)
        table = self.parts.read("candidates", seed, part, _CANDIDATES)
        of, item = table.numbers("request", np.int64), table.numbers("item", np.int64)
        wanted = np.isin(of, request)
        score = table.numbers("ranker_score", np.float64)[wanted]
        if np.isnan(score).any():
            return None
        of, item = of[wanted], item[wanted]
        order = np.lexsort((item, -score, of))
        of, item = of[order], item[order]
        start = np.append(np.searchsorted(of, request), len(of))
        new = np.append(True, (item[1:] != item[:-1]) | (of[1:] != of[:-1]))[: len(of)]
        candidate = np.cumsum(new) - 1
        indptr = np.append(candidate, int(new.sum()))[start]
        arm, rank = table.numbers("arm", np.int32)[wanted], table.numbers("rank", np.int32)[wanted]
        place = candidate - np.repeat(indptr[:-1], np.diff(start))
        source = np.column_stack((place, arm[order], rank[order])).astype(np.int32)
        if len(source) and not 0 <= int(source[:, 1].min()) <= int(source[:, 1].max()) < arms:
            raise InputError(f"{table.file}: column `arm` must lie in [0, {arms}), write the log again")
        quotas = all_quotas(self.n_slots, arms)
        group = np.empty((len(request), len(quotas)), np.int64)
        page = np.empty((len(request), len(quotas), page_size), np.int32)
        page_groups(indptr, start, source, quotas, slabs, slot_size, fallback, group, page)
        first = np.flatnonzero(new)
        own = page[np.arange(len(request)), quota]
        items = np.where(own >= 0, np.append(item[first], -1)[(own + indptr[:-1, None]) * (own >= 0)], -1)
        explored = self._explored(seed, part, request)
        self._check(seed, part, request[~explored], items[~explored])
        group[explored] = np.arange(len(quotas))
        return group

    def _explored(self, seed: int, part: int, request: Int64) -> Bool:
        """Return which requests (B,) have explored places; logs without the column have none."""
        shown = self.parts.read("impressions", seed, part, ("request",), optional=("explored",))
        if "explored" not in shown:
            return np.zeros(len(request), np.bool_)
        return np.isin(request, shown.numbers("request", np.int64)[shown.numbers("explored", np.bool_)])

    def _setting(self) -> tuple[int, Int32]:
        """Return page size and fallback arms as logged."""
        loop, arms = self.parts.loop, list(self.parts.about["arms"])
        try:
            fallback = [arms.index(a) for a in loop["fallback"]]
            return int(loop["page_size"]), np.array(fallback, np.int32)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{self.parts.folder}/log.json: `settings.loop` must state fallback and page_size; "
                "write the log again"
            ) from error

    def _check(self, seed: int, part: int, request: Int64, items: Int64) -> None:
        """Refuse a log whose pages do not follow from its candidates."""
        shown = self.parts.read("impressions", seed, part, ("request", "position", "item"))
        of, position = shown.numbers("request", np.int64), shown.numbers("position", np.int64)
        own = np.isin(of, request) & (position >= 0) & (position < items.shape[1])
        logged = np.full(items.shape, -1, np.int64)
        logged[np.searchsorted(request, of[own]), position[own]] = shown.numbers("item", np.int64)[own]
        wrong = np.flatnonzero((logged != items).any(axis=1))
        if len(wrong):
            raise InputError(
                f"{shown.file}: the page of request {int(request[wrong[0]])} must be the best "
                "of its logged candidates and is not; the log is damaged"
            )
