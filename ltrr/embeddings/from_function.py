"""Any function that turns texts into vectors, as an encoder."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.types import Float32

__all__ = ["FromFunction"]


@dataclass
class FromFunction:
    """A function or object of another package that encodes texts, with checks of what it returns.

    It is called with at most ``batch_size`` texts, and never with none. Vectors are passed on as they are;
    `ltrr.checks.check_encoder` tells whether they depend on the batch.

    Parameters
    ----------
    function : callable
        Turns a list of n texts into an array-like (n, dim), or an object whose ``encode`` does.
    batch_size : int
        Most texts of one call, >= 1.

    Raises
    ------
    InputError
        If it cannot be called, or returns something other than one finite row a text, all of one length.

    Examples
    --------
    >>> encoder = FromFunction(lambda texts: [[len(text), 1.0] for text in texts])
    >>> encoder.encode(["red", "shoe"]).tolist(), encoder.encode([]).shape
    ([[3.0, 1.0], [4.0, 1.0]], (0, 2))
    """

    function: Callable[[list[str]], Any]
    batch_size: int = 1024
    _dim: int | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        _check.integer("FromFunction.batch_size", self.batch_size, low=1)
        if isinstance(self.function, (str, bytes)):
            raise InputError(
                f"`FromFunction.function` must be a function or an object, got the text {self.function!r}; "
                "import it first"
            )
        if inspect.isclass(self.function):
            name = self.function.__name__
            raise InputError(
                f"`FromFunction.function` must be an object, got the class {name}; write {name}(…)"
            )
        if not callable(self._call):
            kind = type(self.function).__name__
            text = f"`FromFunction.function` must be a function of texts or have `encode(texts)`, got {kind}"
            raise InputError(text)

    @property
    def _call(self) -> Any:
        return getattr(self.function, "encode", self.function)

    def encode(self, texts: Sequence[str]) -> Float32:
        """Return float32 (n, dim): what the function returns."""
        starts = range(0, len(texts), self.batch_size)
        parts = [self._rows(list(texts[start : start + self.batch_size])) for start in starts]
        if not parts:
            # the dimension is not known before something has been encoded
            return np.zeros((0, self._dim or self._rows(["text"]).shape[1]), np.float32)
        return np.concatenate(parts)

    def _rows(self, texts: list[str]) -> Float32:
        """Return the vectors of some texts, checked."""
        returned = self._call(texts)
        try:
            with np.errstate(over="ignore"):  # infinity is refused below
                rows = np.array(returned, np.float32, order="C")
        except (TypeError, ValueError) as error:
            raise InputError(
                f"`FromFunction.function` must return one row of numbers a text: {error}"
            ) from error
        rows = _check.array("FromFunction.function(texts)", rows, np.float32, (len(texts), self._dim))
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if len(bad):
            text = "`FromFunction.function(texts)` must be finite, got NaN or infinity"
            raise InputError(f"{text} for the text {texts[bad[0]][:40]!r}")
        self._dim = rows.shape[1]
        return rows
