"""The search for copies in a log of any size."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.logs.copies import Copies
from ltrr.logs.copy_records import Records, compare, records
from ltrr.logs.identity import identify
from ltrr.logs.raw import Raw
from ltrr.types import Bool, Float64, Int16, Int64

__all__ = ["IN_MEMORY", "CopyFinder", "find_copies"]

IN_MEMORY = 8_000_000
"""Rows kept in memory: 190 to 310 MB."""

_BLOCK = 500_000
"""Rows sorted by their part at a time."""

_PARTS = 256


_OF_NO_REQUEST = ("unreadable", "dangling event")
"""Kinds of fault whose rows have no id of their own."""


def find_copies(raws: Iterable[Raw]) -> Copies:
    """Return what is held twice in a log that is given as chunks, as `ltrr.logs.admit.admit` takes them."""
    finder = CopyFinder()
    for raw in raws:
        if raw.event is None:
            continue
        skip = np.zeros(len(raw.row), np.bool_)
        for kind, places, _ in raw.faults:
            skip[places] |= kind in _OF_NO_REQUEST
        finder.add(
            raw.event,
            row=raw.row,
            reward=raw.reward,
            slot=raw.slot,
            action=raw.action,
            propensity=raw.propensity,
            skip=skip,
        )
    return finder.finish()


@dataclass
class CopyFinder:
    """Finds the rows of a log that repeat an event and slot, and requests whose rows are not adjacent.

    Up to ``in_memory`` rows are compared in memory. From there on all rows go to one temporary file, split by
    id into parts that are compared one after the other; memory then does not grow with the log. Integer ids
    are compared exactly, texts by 128-bit hashes.

    Where the system allows it the file has no name from the start (Linux), or loses it as soon as it is open:
    nothing of it is left when the process ends, however it ends.

    Parameters
    ----------
    in_memory : int
        Rows kept in memory, >= 1.
    folder : str or None
        Where the temporary file goes; None for the system's default (``TMPDIR``).

    Examples
    --------
    >>> import numpy as np
    >>> finder = CopyFinder()
    >>> finder.add(np.array([7, 7, 8]), row=np.arange(1, 4), reward=np.zeros(3), slot=np.array([0, 1, 0]))
    >>> finder.add(np.array([7, 7]), row=np.arange(4, 6), reward=np.array([0.0, 1.0]), slot=np.array([1, 2]))
    >>> found = finder.finish()
    >>> found.rows.tolist(), found.first.tolist(), found.agree.tolist()
    ([4], [2], [True])
    >>> found.apart.tolist(), found.begins.tolist()
    ([5], [1])
    """

    in_memory: int = IN_MEMORY
    folder: str | None = None
    n: int = field(default=0, init=False)
    spilled_bytes: int = field(default=0, init=False)
    _held: list[Records] = field(default_factory=list, init=False, repr=False)
    _waiting: int = field(default=0, init=False, repr=False)
    _before: tuple[int, int] | None = field(default=None, init=False, repr=False)
    _dtype: np.dtype[Any] | None = field(default=None, init=False, repr=False)
    _file: Any = field(default=None, init=False, repr=False)
    _ends: list[Int64] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        _check.integer("CopyFinder.in_memory", self.in_memory, low=1)

    @property
    def place(self) -> str:
        """The folder of the temporary file."""
        return self.folder or tempfile.gettempdir()

    def add(
        self,
        event: Any,
        *,
        row: Int64,
        reward: Float64,
        slot: Int16 | None = None,
        action: Any = None,
        propensity: Float64 | None = None,
        skip: Bool | None = None,
    ) -> None:
        """Take in a chunk of rows; the optional columns are given with every chunk or with none.

        Parameters
        ----------
        event : integers or texts (n,)
            As `identify` takes them; rows without an id are skipped.
        row : int64 (n,)
            Row numbers.
        reward : float64 (n,)
            NaN where it is missing.
        slot : int16 (n,), optional
            Where there are none, every row is a request.
        action : integers or texts (n,), optional
        propensity : float64 (n,), optional
            Values in which copies must agree besides their reward.
        skip : bool (n,), optional
            True for rows that belong to no request by their id: unreadable ones, outcomes without a decision.

        Raises
        ------
        InputError
            If ids are neither integers nor texts, or first one and then the other, or the temporary file
            cannot be written.
        """
        ids = identify(event)
        n = len(ids.first)
        row = _check.array("row", row, np.int64, (n,))
        reward = _check.array("reward", reward, np.float64, (n,))
        if slot is not None:
            slot = _check.array("slot", slot, np.int16, (n,))
        readable = ~ids.missing if skip is None else ~(ids.missing | skip)
        new = records(
            ids,
            readable,
            row,
            reward,
            slot=slot,
            action=action,
            propensity=propensity,
            before=self._before,
        )
        if len(new) == 0:
            return
        if self._dtype is None:
            self._dtype = new.dtype
        if new.dtype != self._dtype:
            raise InputError(
                "ids must be integers or texts in the whole log, got both; read the id column as text"
            )
        second = int(new["second"][-1]) if len(ids.second) else 0
        self._before = (int(new["first"][-1]), second)
        self._held.append(new)
        self.n += len(new)
        self._waiting += len(new)
        if self._waiting >= (self.in_memory if self._file is None else min(_BLOCK, self.in_memory)):
            self._spill()

    def finish(self) -> Copies:
        """Return what was found, and forget all rows."""
        if self._file is None:
            found = compare(self._held)
        else:
            self._spill()
            found = Copies.joined([compare(self._part(i)) for i in range(_PARTS)])
            self._file.close()
        self._held, self._waiting, self._file, self._ends = [], 0, None, []
        return found

    def _spill(self) -> None:
        """Move all rows in memory to the file."""
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="ltrr-copies-", dir=self.folder)  # noqa: SIM115 - finalize closes it
                weakref.finalize(self, self._file.close)
            blocks, self._held, self._waiting = self._held[::-1], [], 0
            while blocks:
                some, size = [], 0
                while blocks and size < _BLOCK:
                    some.append(blocks.pop())
                    size += len(some[-1])
                self._write(np.concatenate(some))
            self._file.flush()
        except OSError as error:
            raise InputError(
                f"cannot write the temporary file of the search for repeated events in {self.place} "
                f"({error.strerror}, after {self.spilled_bytes / 1e6:,.0f} MB); set TMPDIR to a folder with "
                "free space, or read without the duplicate check"
            ) from None

    def _write(self, block: Records) -> None:
        """Append rows, part by part, and note where in the file each part ends."""
        # the product's high bits depend on all bits, so that parts of any ids are of like size
        part = ((block["first"] * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(56)).astype(np.uint8)
        # `take` copies structured rows 15 times as fast as an index does
        block = np.take(block, np.argsort(part, kind="stable"))
        sizes = np.bincount(part, minlength=_PARTS) * block.itemsize
        self._ends.append(self.spilled_bytes + np.append(0, np.cumsum(sizes)))
        self._file.write(block.view(np.uint8))
        self.spilled_bytes += block.nbytes

    def _part(self, i: int) -> list[Records]:
        """Return the rows of a part."""
        out = []
        for ends in self._ends:
            begin, end = (int(x) for x in ends[i : i + 2])
            self._file.seek(begin)
            out.append(np.frombuffer(self._file.read(end - begin), self._dtype))
        return out
