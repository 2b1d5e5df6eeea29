"""A column of labels as codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ltrr import _check
from ltrr.types import Int32, Int64

__all__ = ["Labels"]


@dataclass(frozen=True)
class Labels:
    """A column of n labels; what the codes stand for may differ from chunk to chunk of a log.

    Parameters
    ----------
    code : int32 (n,)
        Position of the row's label among ``names``; −1 where it is missing.
    names : tuple of str
        The labels, each once; some may occur in no row.

    Examples
    --------
    >>> countries = Labels([0, 1, -1], ("de", "fr"))
    >>> more = Labels.concat([countries.take(np.array([1, 2])), Labels([0], ("it",))])
    >>> more.code.tolist(), more.names
    ([1, -1, 2], ('de', 'fr', 'it'))
    """

    code: Int32
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "code", _check.array("Labels.code", self.code, np.int32, (None,)))
        object.__setattr__(self, "names", tuple(self.names))

    def __len__(self) -> int:
        return len(self.code)

    def take(self, rows: Int64) -> Labels:
        """Return the labels of the chosen rows."""
        return Labels(self.code[rows], self.names)

    @staticmethod
    def concat(parts: Sequence[Labels]) -> Labels:
        """Join columns; names keep the order in which they first occur."""
        place: dict[str, int] = {}
        codes = []
        for part in parts:
            new = [place.setdefault(name, len(place)) for name in part.names]
            codes.append(np.array([*new, -1], np.int32)[part.code])
        return Labels(np.concatenate(codes) if codes else np.zeros(0, np.int32), tuple(place))

    @staticmethod
    def of_numbers(values: NDArray[np.number]) -> Labels:
        """Return numbers as labels, in order of size; NaN is missing.

        Examples
        --------
        >>> Labels.of_numbers(np.array([2.0, 0.5, np.nan, 2.0]))
        Labels(code=array([ 1,  0, -1,  1], dtype=int32), names=('0.5', '2'))
        """
        missing = np.isnan(values)
        known, code = np.unique(values[~missing], return_inverse=True)
        out = np.full(len(values), -1, np.int32)
        out[~missing] = code
        digits = 7 if values.dtype == np.float32 else 15
        whole = known.dtype.kind in "iu"
        return Labels(out, tuple(str(v) if whole else f"{v:.{digits}g}" for v in known.tolist()))
