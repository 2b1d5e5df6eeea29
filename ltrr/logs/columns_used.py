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

_SHOWN = 12


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
    >>> roles = [Role("action", "item", "label"), Role("context:age", "age", "number", 1.0)]
    >>> columns_line(roles, ["item", "age", "count"])
    'columns used: action=item, context=age; not used: count (weights? count=count)'
    """
    used = ", ".join(f"{_role(role.name)}={role.column}" for role in roles[:_SHOWN])
    used += f" and {len(roles) - _SHOWN} more" if len(roles) > _SHOWN else ""
    left = [name for name in names if name not in {role.column for role in roles}]
    hinted = sorted(left, key=lambda name: name not in _HINTS)
    shown = [_with_hint(name) for name in hinted[:_SHOWN]]
    more = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
    rest = f"; not used: {', '.join(shown)}{more}" if left else ""
    return f"columns used: {used}{rest}{f'; {extra}' if extra else ''}"


def _role(name: str) -> str:
    kind, _, own = name.partition(":")
    return f"target.{own}" if kind == "target" else kind


def _with_hint(name: str) -> str:
    role, meaning = _HINTS.get(name, ("", ""))
    return f"{name} ({meaning}? {role}={name})" if role else name or "(no name)"
