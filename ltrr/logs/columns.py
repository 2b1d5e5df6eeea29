"""The column map: which columns of a table hold what a replay needs."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ltrr.errors import InputError, nearest

__all__ = ["Columns", "column_hint", "columns_from"]

_USUAL = {
    "reward": ("reward", "click", "clicked"),
    "cost": ("cost",),
    "action": ("action", "action_id", "item_id", "arm"),
    "propensity": ("propensity", "propensity_score", "pscore", "action_prob"),
    "slot": ("slot",),
    "position": ("position",),
    "timestamp": ("timestamp", "time"),
    "eligible": ("eligible", "eligible_actions"),
    "probabilities": ("probabilities", "action_probabilities"),
    "event": ("event", "event_id"),
    "session": ("session", "session_id"),
    "user": ("user", "user_id"),
}
"""Usual names of columns by what they hold, the likeliest first."""

_REQUEST = ("request", "request_id")
"""Usual names of ids of requests, which a column of slots gives a meaning; alone they say nothing."""

_SHOWN = 40
"""Most columns that a message lists."""


@dataclass(frozen=True)
class Columns:
    """Names of the columns of a CSV, Parquet or JSON-lines log.

    Parameters
    ----------
    reward : str or None
        Observed reward of the row.
    cost : str or None
        Its negative, in place of ``reward``: the reward is minus this column.
    action : str or None
        The chosen action: integers or text.
    propensity : str or None
        Logged probability of the chosen action, in (0, 1].
    context : tuple of str
        What a policy may see: names or patterns such as ``"user_*"``. Numbers become one column each; text
        becomes one column a level, the 64 most frequent levels and one for all others.
    categories : tuple of str
        Names or patterns of the context's columns that are codes although they hold numbers.
    slot : str or None
        Slot within a request, from 0; needs ``request`` or ``event``.
    position : str or None
        Place on the page, an integer >= 0.
    timestamp : str or None
        Seconds, ISO 8601 text (UTC where it has no time zone), or a time type.
    eligible : str or None
        The actions that could have been chosen: a list, JSON text ``["a", "b"]`` or text ``a|b``. Without
        it all actions of the log could.
    probabilities : str or None
        The whole logged distribution: lists aligned with ``eligible``, or with all actions in their order.
    event : str or None
        Id of the row's event, checked for duplicates.
    request : str or None
        Id of the request of a slate: adjacent rows that share it are its slots, in their order unless
        ``slot`` says otherwise.
    session, user : str or None
        Ids, integers or text.
    count : str or None
        How many events the row stands for: 1 / the share of such events that the log kept.
    features : str or None
        Features of the eligible actions, in their order: a list of maps from name to number.
    target : mapping of str to str
        Probabilities that other policies give the chosen action: name of the policy, then the column.

    Examples
    --------
    >>> Columns(reward="r", action="a", context=["user_*"]).context
    ('user_*',)
    """

    reward: str | None = None
    cost: str | None = None
    action: str | None = None
    propensity: str | None = None
    context: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    slot: str | None = None
    position: str | None = None
    timestamp: str | None = None
    eligible: str | None = None
    probabilities: str | None = None
    event: str | None = None
    request: str | None = None
    session: str | None = None
    user: str | None = None
    count: str | None = None
    features: str | None = None
    target: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name == "target":
                good = isinstance(value, Mapping) and all(
                    isinstance(k, str) and isinstance(v, str) for k, v in value.items()
                )
                what = "a table of column names"
            elif f.name in ("context", "categories"):
                value = (value,) if isinstance(value, str) else value
                good = isinstance(value, Sequence) and all(isinstance(v, str) for v in value)
                what = "a list of column names"
                object.__setattr__(self, f.name, tuple(value) if good else value)
            else:
                good = value is None or isinstance(value, str)
                what = "a column's name"
            if not good:
                raise InputError(f"`Columns.{f.name}` must be {what}, got {value!r}")
        if self.reward is not None and self.cost is not None:
            raise InputError("`Columns.reward` and `Columns.cost` must not both be given; map one of them")
        if self.slot is not None and self.request is None and self.event is None:
            raise InputError(
                "`Columns.slot` must come with `request` (or `event`), which shows the slots that belong "
                "together; map it too"
            )

    @staticmethod
    def from_toml(path: str | Path) -> Columns:
        """Return the map in the ``[columns]`` table of a TOML file.

        Raises
        ------
        InputError
            If the file cannot be read, has no such table, or the table has unknown keys or wrong values.
        """
        try:
            table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InputError(f"{path}: cannot be read as TOML: {_line(error)}") from error
        inner = table.get("columns")
        if not isinstance(inner, Mapping):
            raise InputError(f"{path}: must hold a table [columns], it holds {sorted(table) or 'nothing'}")
        return _from_table(inner, f"{path}: ")

    @staticmethod
    def usual(found: Sequence[str], *, frequent: Sequence[str] | None = None) -> Columns:
        """Return the map of columns with usual names; fields without such a column stay empty.

        Contexts and targets are taken from ``frequent`` (all columns if None): one that a few rows have would
        be missing in all others. A name alone never makes a column weights (``count``) or the bounds of
        requests (``request``): requests go by ``request_id`` only next to a ``slot``. Capitals do not matter.

        Examples
        --------
        >>> Columns.usual(["click", "item_id", "pscore", "target_new"]).target
        {'new': 'target_new'}
        >>> Columns.usual(["Action", "REWARD"]).single()
        {'reward': 'REWARD', 'action': 'Action'}
        """
        small = {n.lower(): n for n in reversed(found)}
        picked: dict[str, Any] = {
            key: next((small[n] for n in names if n in small), None) for key, names in _USUAL.items()
        }
        if picked["reward"] is not None:
            picked["cost"] = None
        if picked["slot"] is not None:
            picked["request"] = next((small[n] for n in _REQUEST if n in small), None)
        if picked.get("request") is None and picked["event"] is None:
            picked["slot"] = None
        many = found if frequent is None else frequent
        aimed = [n for n in many if n.lower().startswith("target_") or n.lower() == "target"]
        target = {n[len("target_") :] or n: n for n in aimed}
        context = tuple(n for n in many if n.lower().startswith(("context_", "context.")))
        return Columns(context=context, target=target, **picked)

    def filled(self, usual: Columns) -> Columns:
        """Return the map with its empty fields filled by those of another, as `usual` finds them.

        Examples
        --------
        >>> found = Columns.usual(["clicked", "action", "pscore"])
        >>> Columns(reward="clicked").filled(found).single()
        {'reward': 'clicked', 'action': 'action', 'propensity': 'pscore'}
        """
        own = self.names()
        empty = {
            f.name: getattr(usual, f.name)
            for f in fields(self)
            if not getattr(self, f.name) and getattr(usual, f.name) not in own
        }
        # what has a role already, the reward above all, is no context and no target by its name alone
        if "context" in empty:
            empty["context"] = tuple(n for n in usual.context if n not in own)
        if "target" in empty:
            empty["target"] = {key: n for key, n in usual.target.items() if n not in own}
        if self.cost is not None:
            empty["reward"] = None
        if self.reward is not None:
            empty["cost"] = None
        if self.request is not None or self.event is not None:
            empty["request"] = self.request
        return replace(self, **empty)

    def resolve(self, found: Sequence[str], where: str) -> Columns:
        """Return the map with patterns replaced by the columns of a log, and every name checked.

        Raises
        ------
        InputError
            If reward or action is not mapped, or a name fits no column.
        """
        if (self.reward is None and self.cost is None) or self.action is None:
            what = "an action" if self.action is None else "a reward"
            usual = Columns.usual(found)
            there = usual.action if self.action is None else usual.reward or usual.cost
            hint = f"; or take {there!r} and other usual names by fill_columns=True" if there else ""
            raise InputError(
                f"{where}: no column for {what} is known; it has the columns {_some(found)}; map them: "
                "reward=NAME, action=NAME, propensity=NAME (--column on the command line, columns= in a "
                f"call, or [columns] in a TOML file){hint}"
            )
        single = self.single()
        for key, name in single.items():
            _known(name, found, key, where)
        # a pattern means what was there when the decision was made: no reward, and nothing with another role
        free = [n for n in found if n not in single.values()]
        changed: dict[str, Any] = {
            "context": _expand(self.context, found, free, "context", where),
            "categories": _expand(self.categories, found, free, "categories", where),
        }
        for key, name in self.target.items():
            _known(name, found, f"target.{key}", where)
        stray = [n for n in changed["categories"] if n not in changed["context"]]
        if stray:
            raise InputError(
                f"{where}: `Columns.categories` must be columns of the context, got {stray[0]!r}"
            )
        return replace(self, **changed)

    def single(self) -> dict[str, str]:
        """Return the mapped columns by field, lists and tables of columns left out."""
        skip = ("context", "categories", "target")
        return {
            f.name: value
            for f in fields(self)
            if f.name not in skip and (value := getattr(self, f.name)) is not None
        }

    def names(self) -> tuple[str, ...]:
        """Return all columns that the map names, each once."""
        return tuple(dict.fromkeys([*self.single().values(), *self.context, *self.target.values()]))


def columns_from(value: Any, *, where: str = "") -> Columns | None:
    """Return a column map from what a user gives: a map, a dict, the path of a TOML file, or None.

    Raises
    ------
    InputError
        If it is none of these, or has unknown keys or wrong values.
    """
    if value is None or isinstance(value, Columns):
        return value
    if isinstance(value, (str, Path)):
        return Columns.from_toml(value)
    if not isinstance(value, Mapping):
        raise InputError(f"{where}`columns` must be a column map, a dict or a TOML file, got {value!r}")
    return _from_table(value, where)


def _from_table(value: Mapping[str, Any], where: str) -> Columns:
    known = [f.name for f in fields(Columns)]
    value = _nested(value)
    for key in value:
        if key not in known:
            raise InputError(f"{where}`columns` has no field {key!r}{nearest(str(key), known)}")
    try:
        return Columns(**value)
    except InputError as error:
        raise InputError(f"{where}{error}") from error


def _nested(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a column map with ``target.NAME`` as an entry of ``target``, as the command line takes it."""
    dotted = {key: name for key, name in value.items() if str(key).startswith("target.")}
    out = {key: name for key, name in value.items() if key not in dotted}
    if dotted and isinstance(target := out.get("target", {}), Mapping):
        out["target"] = {**target, **{key.removeprefix("target."): name for key, name in dotted.items()}}
    return out


def _expand(
    patterns: Sequence[str], found: Sequence[str], free: Sequence[str], key: str, where: str
) -> tuple[str, ...]:
    """Return the columns that are named, and those among the free ones that patterns fit."""
    out: list[str] = []
    for pattern in patterns:
        # a column whose very name holds pattern characters is meant itself
        fits = [pattern] if pattern in found else [n for n in free if fnmatchcase(n, pattern)]
        if not fits:
            _known(pattern, found, key, where)
        out += fits
    return tuple(dict.fromkeys(out))


def _known(name: str, found: Sequence[str], key: str, where: str) -> None:
    if name not in found:
        hint = column_hint(name, found)
        raise InputError(f"{where}: `Columns.{key}` must be a column of the log, got {name!r}{hint}")


def column_hint(name: str, found: Sequence[str]) -> str:
    """Suggest which column was meant, or list the first of those there are.

    Examples
    --------
    >>> column_hint("prise", ["price", "action"]), column_hint("zzz", ["price", "action"])
    ("; did you mean 'price'?", '; it has the columns price, action')
    """
    hint = nearest(name, found)
    return hint if hint.startswith("; did") else f"; it has the columns {_some(found)}"


def _some(found: Sequence[str]) -> str:
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(map(_shown, found[:_SHOWN])) + more if found else "(none)"


def _shown(name: str) -> str:
    return name if name.isprintable() else repr(name)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
