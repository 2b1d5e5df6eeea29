"""How kernels are compiled, named once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["FAST_FLAGS", "fast", "kernel", "parallel"]

F = TypeVar("F", bound=Callable[..., Any])

FAST_FLAGS = {"nsz", "contract", "reassoc", "arcp"}
"""Sums may be reordered and fused, which lets them be vectorised; NaN and infinity keep their meaning."""


def kernel(function: F) -> F:
    """Compile with strict floating point: results do not depend on vector width."""
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def fast(function: F) -> F:
    """Compile with `FAST_FLAGS`: for dot products whose last digits may move."""
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST_FLAGS)(function))


def parallel(function: F) -> F:
    """Compile with threads over requests; each thread writes its own rows only."""
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy", parallel=True)(function))
