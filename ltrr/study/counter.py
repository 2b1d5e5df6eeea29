"""Rounds done by the cells of a study, wherever they run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

__all__ = ["Counter"]


class Counter:
    """Rounds done by each cell, in a small memory-mapped file that workers share.

    Parameters
    ----------
    path : Path
        Place of the file.
    n_cells : int or None
        Make the file with this many counters; None opens it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     counter = Counter(Path(folder) / "rounds", 2)
    ...     Counter(counter.path).put(1, 50)
    ...     counter.total()
    50
    """

    def __init__(self, path: Path, n_cells: int | None = None) -> None:
        if n_cells is not None:
            np.zeros(max(n_cells, 1), np.int64).tofile(path)
        self.path = path
        self._values = np.memmap(path, np.int64, "r+")

    def put(self, cell: int, rounds: int) -> None:
        """Say how many rounds a cell has done."""
        self._values[cell] = rounds

    def total(self) -> int:
        """Return the rounds done by all cells."""
        return int(self._values.sum())
