"""A policy that is a function of logged decisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from typing import Any

import numpy as np

from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.replay.targets.dense import of_matrix
from ltrr.replay.targets.distribution import TOLERANCE, checked
from ltrr.replay.targets.matrix import in_order
from ltrr.replay.targets.reads import Reads
from ltrr.replay.targets.vector import probabilities_of
from ltrr.types import Float64

__all__ = ["FunctionTarget"]


@dataclass
class FunctionTarget:
    """A function of `Events` that returns probabilities.

    It returns one of these for n rows with N eligible actions in all, of A actions of the log:

    * (N,): of every eligible action, row by row, like ``events.actions``;
    * (n, A): a matrix, or a table with a column for each action by its name; actions that were not eligible
      have 0;
    * (n,): of the chosen actions alone. Estimators that predict rewards cannot judge it then.

    Where n = N every row had one eligible action, which any policy chooses: such a vector must be 1.

    Parameters
    ----------
    function : callable
        Without memory of what it was called with. An attribute ``reads`` (`Reads`) says which columns it
        looks at; without it everything is read.
    label : str
        Name in tables; the function's name if empty, "function" for a lambda.

    Raises
    ------
    InputError
        If the shape is another, or a row is not a distribution.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> def mostly_tea(events):
    ...     return np.tile([0.9, 0.1], (len(events), 1))
    >>> target = FunctionTarget(mostly_tea)
    >>> target.name, target.logged(Events(Space(("tea", "latte")), [1, 2], [1, 2], [0, 1], [0, 1])).tolist()
    ('mostly_tea', [0.9, 0.1])
    """

    function: Callable[[Events], Any]
    _: KW_ONLY
    label: str = ""
    _chosen_only: bool | None = field(default=None, init=False, repr=False)
    _last: tuple[Events, Float64 | None, Float64] | None = field(default=None, init=False, repr=False)

    @property
    def name(self) -> str:
        """Name in tables."""
        return self.label or _name(self.function)

    @property
    def estimated(self) -> str:
        """The empty string: the probabilities are taken as they are."""
        return ""

    @property
    def reads(self) -> Reads:
        """What the function says that it reads, else everything."""
        known = getattr(self.function, "reads", None)
        return known if isinstance(known, Reads) else Reads()

    def probabilities(self, events: Events) -> Float64 | None:
        """Return what the function states; None where it states the chosen actions' alone."""
        return self._stated(events)[0]

    def logged(self, events: Events) -> Float64:
        """Return the probabilities of the chosen actions, (n,)."""
        return self._stated(events)[1]

    def _stated(self, events: Events) -> tuple[Float64 | None, Float64]:
        if self._last is None or self._last[0] is not events:
            whole, chosen = self._read(events, self.function(events))
            self._last = (events, whole, chosen)
        return self._last[1:]

    def _read(self, events: Events, value: Any) -> tuple[Float64 | None, Float64]:
        """Return the whole distributions, where they are stated, and the chosen actions' probabilities."""
        n, size = len(events), len(events.space.actions)
        total = n * size if events.eligible is None else len(events.eligible)
        array = in_order(self.name, value, events.space.actions)
        if array.ndim == 2 and array.shape == (n, size):
            whole = of_matrix(self.name, events, array)
            return whole, whole[events.place]
        if array.shape == (n,) and n == total:
            self._check_lone(events, array)
            whole = np.ones(n)
            return (None if self._chosen_only else whole), whole
        if array.shape == (total,):
            whole = checked(self.name, events, array)
            self._chosen_only = False
            return whole, whole[events.place]
        if array.shape == (n,):
            self._chosen_only = True
            return None, probabilities_of(self.name, events, array)
        raise InputError(
            f"`{self.name}` must return ({total},) probabilities of the eligible actions of {n} rows, a "
            f"matrix ({n}, {size}) or ({n},) probabilities of the chosen actions, got {array.shape}"
        )

    def _check_lone(self, events: Events, array: Float64) -> None:
        """Refuse vectors other than 1 where every row had one eligible action.

        They could be distributions, or probabilities of the chosen actions, and are wrong as either.
        """
        bad = np.flatnonzero(~(np.abs(array - 1.0) <= TOLERANCE))
        if len(bad):
            i = int(bad[0])
            raise InputError(
                f"`{self.name}` must give the only eligible action of a row the probability 1, got "
                f"{array[i]:.6g} in row {int(events.row[i])}; these {len(events)} rows have one each, so "
                "that a vector for all eligible actions and one for the chosen actions cannot be told apart"
            )


def _name(function: Any) -> str:
    while isinstance(function, partial):
        function = function.func
    name = str(getattr(function, "__name__", type(function).__name__))
    return "function" if name == "<lambda>" else name
