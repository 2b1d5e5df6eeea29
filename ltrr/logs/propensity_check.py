"""Whether the propensities of a log fit the actions that it took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ltrr.logs.events import Events
from ltrr.logs.placeholder import Constant
from ltrr.logs.propensity_findings import KEYS, Findings
from ltrr.logs.propensity_halves import FIRST_ROWS, Halves
from ltrr.logs.propensity_sums import PropensitySums
from ltrr.logs.propensity_tests import far_off

__all__ = ["PropensityCheck"]

_ALIKE = 1.5
"""Shares of actions within this factor of a constant propensity do not show that it is wrong."""


@dataclass
class PropensityCheck:
    """Compares propensities with the actions taken, chunk by chunk; memory does not grow with the log.

    Four tests, joined by Bonferroni's correction:

    * For every action, 1{a}/p has mean 1 over the rows in which it is eligible. Only a mean above 1 refutes:
      one below 1 may be due to contexts in which the action has a tiny propensity.
    * The same within halves of the context's columns, cut at the median of the first 1,024 rows.
    * Where whole distributions are logged, actions taken against actions expected, also within the halves.
    * Bets on the actions, against their propensities, by the actions' shares in earlier rows (Krichevsky and
      Trofimov's predictor, for all rows and by context); one of them is the likelihood ratio. Where
      propensities are right the mean capital has an expectation of at most 1, at any number of rows.

    Parameters
    ----------
    n_actions : int
        Size of the action space.
    whole : bool
        True where all columns of the log's context are read, so that rows without any share one context.
    constant : Constant
        Whether all propensities are the same number.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> action = np.arange(1_000) % 10 == 0
    >>> key, p = np.arange(1_000), np.full(1_000, 0.5)
    >>> events = Events(Space(("a", "b")), key, key, action, action, p)
    >>> check = PropensityCheck(2)
    >>> check.add(events)
    >>> check.worst(("a", "b"))
    "mean of 1/p per action: 'a' 1.80, 'b' 0.20"
    >>> check.placeholder
    'every propensity is 0.5, though shares of the actions range from 10% to 90%'

    References
    ----------
    Krichevsky, Trofimov, "The performance of universal encoding", IEEE Transactions on Information Theory
    27(2), 1981; Ramdas, Grünwald, Vovk, Shafer, "Game-theoretic statistics and safe anytime-valid inference",
    Statistical Science 38(4), 2023, section 3.
    """

    n_actions: int
    whole: bool = field(default=False, kw_only=True)
    constant: Constant = field(default_factory=Constant, init=False)
    _names: tuple[str, ...] = field(default=(), init=False, repr=False)
    _held: list[Events] = field(default_factory=list, init=False, repr=False)
    _sums: PropensitySums | None = field(default=None, init=False, repr=False)

    def add(self, events: Events) -> None:
        """Take in a chunk; one without propensities is passed over."""
        if events.propensity is None or not len(events):
            return
        self.__dict__.pop("_found", None)
        self._names = events.space.context_names
        self.constant.add(events)
        if self._sums is not None:
            self._sums.add(events)
            return
        self._held.append(events)
        if sum(map(len, self._held)) >= FIRST_ROWS:
            self._settle()

    def _settle(self) -> PropensitySums | None:
        """Cut the context in halves by the first rows, and take in what was held."""
        if self._sums is None and self._held:
            space = self._held[0].space
            context = np.concatenate([events.context for events in self._held])[:FIRST_ROWS]
            ragged = self._held[0].indptr is not None or self._held[0].probabilities is not None
            halves = Halves.of(context, self.n_actions, ragged=ragged)
            self._sums = PropensitySums(self.n_actions, space.n_slots, halves)
            for events in self._held:
                self._sums.add(events)
            self._held = []
        return self._sums

    def fork(self) -> PropensityCheck:
        """Return an empty check for another part of the log, with the same halves."""
        out, sums = PropensityCheck(self.n_actions, whole=self.whole), self._settle()
        if sums is not None:
            out._sums = PropensitySums(self.n_actions, sums.n_slots, sums.halves)
            out._names = self._names
        return out

    def merge(self, other: PropensityCheck) -> None:
        """Take in what another, made by `fork`, has seen on a later part of the log.

        Of two whose halves differ, the one with more rows remains.
        """
        self.__dict__.pop("_found", None)
        self.constant.merge(other.constant)
        mine, theirs = self._settle(), other._settle()
        if theirs is None:
            return
        if mine is not None and mine.halves.fits(theirs.halves):
            mine.merge(theirs)
        elif mine is None or theirs.n > mine.n:
            self._sums, self._names = theirs, other._names

    @cached_property
    def _found(self) -> Findings | None:
        sums = self._settle()
        return None if sums is None or not sums.n else Findings.of(sums)

    def summary(self) -> dict[str, float | None]:
        """Return what was found by name; None where the log does not determine it."""
        if self._found is None:
            return dict.fromkeys(KEYS)
        return self._found.summary()

    @property
    def placeholder(self) -> str:
        """Why propensities are no probabilities, in one clause; empty where they may be."""
        found, value = self._found, self.constant.value
        if found is None or self._sums is None or value is None:
            return ""
        taken = self._sums.chosen()[:, 0, 0]
        several = int(np.count_nonzero(taken))
        if value == 1.0 and several > 1:
            return self._all_certain(several)
        if several > 1 and far_off(found.summary()):
            share = taken[taken > 0.0] / taken.sum()
            low, high = f"{share.min():.0%}", f"{share.max():.0%}"
            if share.max() < _ALIKE * value and value < _ALIKE * share.min():
                return f"every propensity is {value:.4g}, though actions depend on the context"
            shares = f"range from {low} to {high}" if low != high else f"are {low} each"
            return f"every propensity is {value:.4g}, though shares of the actions {shares}"
        return ""

    def _all_certain(self, several: int) -> str:
        """Say what was chosen though every propensity is 1; nothing where each context has one action."""
        if not self._names and not self.whole:
            return f"every propensity is 1, though {several} actions were taken"
        most = self.constant.in_one_context()
        if most < 2:
            return ""
        return f"every propensity is 1, though {most} actions were taken in one context"

    def worst(self, names: Sequence[str]) -> str:
        """Return where propensities and actions differ most, in one clause."""
        if self._found is None or self._sums is None:
            return ""
        return self._found.text(names, self._names, self._sums.halves)
