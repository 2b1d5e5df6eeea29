"""What a log's columns were taken for, in one line."""

from __future__ import annotations

from collections.abc import Sequence

from ltrr.logs.roles import Role

__all__ = ["columns_line"]

_HINTS = {
    "count": ("count", "weights"),
    "weight": ("count", "weights"),
    "request": ("request", "slots of one request"),
    "request_id": ("request", "slots of one request"),
    "event_id": ("event", "repeated rows"),
}
"""Names that may mean more than they say: the role to give, and what for."""

_SHOWN = 6
"""Most names that are shown of one role, and of those not used."""


def columns_line(roles: Sequence[Role], names: Sequence[str], extra: str = "") -> str:
    """Return which columns a log was read by, and which were not used.

    Parameters
    ----------
    roles : sequence of Role
    names : sequence of str
        All columns of the log.
    extra : str
        How the text was read.

    Examples
    --------
    >>> roles = [Role("action", "item", "label"), Role("context:age", "age", "number")]
    >>> columns_line([*roles, Role("context:sex", "sex", "label")], ["item", "age", "sex", "count"])
    'columns used: action=item, context=age|sex; not used: count (weights? count=count)'
    """
    of: dict[str, list[str]] = {}
    for role in roles:
        of.setdefault(_role(role.name), []).append(role.column)
    used = ", ".join(f"{role}={_some(columns, '|')}" for role, columns in of.items())
    left = [name for name in names if name not in {role.column for role in roles}]
    hinted = sorted(left, key=lambda name: name not in _HINTS)
    rest = f"; not used: {_some([_with_hint(name) for name in hinted], ', ')}" if left else ""
    return f"columns used: {used}{rest}{f'; {extra}' if extra else ''}"


def _some(names: Sequence[str], between: str) -> str:
    """Return names with something between them, the first few if they are many."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return between.join(names[:_SHOWN]) + more


def _role(name: str) -> str:
    kind, _, own = name.partition(":")
    return f"target.{own}" if kind == "target" else kind


def _with_hint(name: str) -> str:
    role, meaning = _HINTS.get(name, ("", ""))
    return f"{name} ({meaning}? {role}={name})" if role else name or "(no name)"
