"""The state of a bank of ridge regressions, to and from arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ltrr import _check
from ltrr._kernels.linucb import Bank, new_bank
from ltrr.errors import InputError
from ltrr.protocols import State

__all__ = ["EMPTY", "bank_from", "bank_state", "matching"]

EMPTY = new_bank(0, 0, 1.0)
"""The bank of a policy that has seen no batch yet and so knows no shapes; never written to."""


def matching(
    name: str, bank: Bank, known: Sequence[str], names: Sequence[str], n_models: int, ridge: float
) -> Bank:
    """Return ``bank`` if it was trained on these features and actions, or a new one if it is empty."""
    if len(bank.lessons) == 0:
        return new_bank(n_models, len(names), ridge)
    if (known is not names and tuple(known) != tuple(names)) or len(bank.lessons) != n_models:
        raise InputError(
            f"`{name}` must be given the features it was trained on ({len(known)} columns, "
            f"{len(bank.lessons)} regressions), got {len(names)} columns and {n_models} regressions; "
            "use a fresh fork"
        )
    return bank


def bank_state(bank: Bank, names: Sequence[str]) -> State:
    """Return copies of the bank's arrays by name, and the features' names."""
    return {"names": list(names), **{key: value.copy() for key, value in bank._asdict().items()}}


def bank_from(name: str, state: State) -> tuple[Bank, tuple[str, ...]]:
    """Return the bank and the features' names that `bank_state` wrote.

    Raises
    ------
    InputError
        If an array is missing or has another shape than the others.
    """
    missing = {"names", *Bank._fields} - set(state)
    if missing:
        raise InputError(
            f"state of `{name}` must hold {', '.join(Bank._fields)} and names, got no {min(missing)}"
        )
    m, d = len(state["lessons"]), len(state["names"])
    shapes = {"gram": (m, d, d), "inverse": (m, d, d), "target": (m, d), "weights": (m, d)}
    arrays = {
        key: _check.array(f"{name}.{key}", state[key], np.float64, shapes[key]).copy() for key in shapes
    }
    lessons = _check.array(f"{name}.lessons", state["lessons"], np.int64, (m,)).copy()
    return Bank(**arrays, lessons=lessons), tuple(state["names"])
