"""Noticing that kernels are compiled because no cache holds them yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import event

__all__ = ["COMPILING", "compiling"]

COMPILING = "Compiling kernels, once: up to half a minute"
"""What to say."""

MANY = 4
"""Kernels compiled before it is worth a word: a new combination of types alone compiles one or two."""


class _Listener(event.Listener):
    """Counts compilations; numba starts none for a kernel that it finds in its cache."""

    def __init__(self, say: Callable[[], None]) -> None:
        self._say = say
        self._left = MANY

    def on_start(self, event: Any) -> None:
        if event.data["dispatcher"].py_func.__module__.startswith("ltrr."):
            self._left -= 1
            if self._left == 0:
                self._say()

    def on_end(self, event: Any) -> None:
        pass


@contextmanager
def compiling(say: Callable[[], None]) -> Iterator[None]:
    """Call a function once if kernels are compiled in this process within the context.

    Examples
    --------
    >>> with compiling(lambda: None):
    ...     pass
    """
    with event.install_listener("numba:compile", _Listener(say)):
        yield
