"""Who is drawn in which colour: winner, runner-up, best static and random stand out, the field is grey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ltrr.errors import InputError, nearest
from ltrr.study.tables import Tables
from ltrr.study.verdict import verdict

__all__ = ["FIELD", "Look", "looks", "shown", "with_seeds"]

FIELD = "#8b8f94"
"""Grey of the policies that are neither winner, runner-up, best static nor random."""

_ROLES = {"winner": "#0072B2", "runner-up": "#D55E00", "best static": "#000000", "random": "#CC79A7"}

_INKS = {"#D55E00": "#B84F00", "#CC79A7": "#A8508A", FIELD: "#63686E"}
"""Darker tones for small letters, which need more contrast than lines do."""


@dataclass(frozen=True)
class Look:
    """How a policy is drawn.

    Parameters
    ----------
    colour : str
    width : float
        Of its line, in points.
    order : int
        Higher ones are drawn over lower ones.

    Examples
    --------
    >>> grey = Look(FIELD, 1.0, 2)
    >>> grey.marked, grey.ink
    (False, '#63686E')
    """

    colour: str
    width: float
    order: int

    @property
    def ink(self) -> str:
        """The colour of letters: that of lines, or a darker tone of it."""
        return _INKS.get(self.colour, self.colour)

    @property
    def marked(self) -> bool:
        """True where the policy stands out."""
        return self.order > 2


def looks(tables: Tables) -> dict[str, Look]:
    """Return how each policy of a run is drawn, the same in all its figures."""
    found = verdict(tables)
    roles: dict[str, str] = {}
    if found is not None:
        roles[found.policy] = "winner"
        if found.runner_up is not None:
            roles[found.runner_up] = "runner-up"
    for entry in tables.study["policies"]:
        name = entry["name"]
        if name == tables.best_static:
            roles[name] = "best static"
        elif entry["kind"] == "uniform":
            roles.setdefault(name, "random")
    grey = Look(FIELD, 1.0, 2)
    return {
        str(name): Look(_ROLES[roles[name]], 1.8, 3) if name in roles else grey for name in tables.means.index
    }


def shown(tables: Tables, policies: Sequence[str] | None) -> list[str]:
    """Return the policies to draw, best first: all, or those asked for.

    Raises
    ------
    InputError
        If the run has no policy of a name, or none is named.
    """
    names = [str(name) for name in tables.means.index]
    if policies is None:
        return names
    if isinstance(policies, str):
        raise InputError(f"`policies` must be a list of names, got {policies!r}; write [{policies!r}]")
    asked = list(policies)
    if not asked:
        raise InputError("`policies` must name a policy, got an empty list; leave it out to draw all")
    for name in asked:
        if name not in names:
            raise InputError(f"the run has no policy {name!r}{nearest(str(name), names)}")
    return [name for name in names if name in asked]


def with_seeds(tables: Tables, label: str) -> str:
    """Return the label of an axis, of a single seed with the words that it has no intervals."""
    return f"{label}\none seed: no intervals" if tables.seeds == 1 else label
