"""Events that a log holds twice, found exactly, for any number of events in bounded memory."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ltrr import _check
from ltrr._kernels.key_table import UInt64, hash_texts, look_up, mix, repeated
from ltrr.errors import InputError
from ltrr.types import Bool, Int64

__all__ = ["IN_MEMORY", "Duplicates", "Identity", "identify"]

IN_MEMORY = 8_000_000
"""Requests kept in memory; 150 to 400 MB."""

_PARTS = 64
_BUFFER = 500_000


@dataclass(frozen=True)
class Identity:
    """Event ids as numbers.

    Parameters
    ----------
    key : int64 (n,)
        Integer ids as they are; one hash of texts.
    first, second : uint64 (n,), uint64 (n,) or (0,)
        What distinguishes ids: integers spread one to one and nothing, or two hashes (128 bits) of texts.
    missing : bool (n,)
        True where there is no id: null, or an empty text.
    """

    key: Int64
    first: UInt64
    second: UInt64
    missing: Bool


def identify(event: Any) -> Identity:
    """Return event ids as numbers.

    Parameters
    ----------
    event : integers or texts (n,)
        A numpy array of integers, or of texts (None where there is no id), or an Arrow array of either.

    Raises
    ------
    InputError
        If ids are neither integers nor texts.

    Examples
    --------
    >>> import numpy as np
    >>> identify(np.array([7, 8, 7])).key.tolist()
    [7, 8, 7]
    >>> texts = identify(np.array(["a", "b", "a", ""]))
    >>> (texts.key == texts.key[0]).tolist(), texts.missing.tolist()
    ([True, False, True, False], [False, False, False, True])
    """
    if isinstance(event, np.ndarray) and event.dtype.kind in "iu":
        ids = event.astype(np.uint64) if event.dtype.kind == "u" else event.astype(np.int64).view(np.uint64)
        first = np.empty(len(ids), np.uint64)
        mix(ids, first)
        return Identity(ids.view(np.int64), first, np.empty(0, np.uint64), np.zeros(len(ids), np.bool_))
    texts = _texts(event)
    n = len(texts)
    buffers = texts.buffers()
    offsets = np.zeros(n + 1, np.int64)
    if n:
        offsets = np.frombuffer(buffers[1], np.int64)[texts.offset : texts.offset + n + 1]
    data = np.frombuffer(buffers[2] or b"", np.uint8)
    for values in (offsets, data):
        # Arrow's buffers are read-only or not, as they were made; kernels are compiled for one kind
        values.flags.writeable = False
    first, second = np.empty((2, n), np.uint64)
    hash_texts(offsets, data, first, second)
    absent = np.asarray(texts.is_null().to_numpy(zero_copy_only=False), np.bool_)
    return Identity(first.view(np.int64), first, second, absent | (np.diff(offsets) == 0))


def _texts(event: Any) -> Any:
    """Return ids as an Arrow array of bytes with 64-bit offsets."""
    if isinstance(event, pa.ChunkedArray):
        event = event.combine_chunks()
    try:
        if isinstance(event, pa.Array):
            array = event
        else:
            array = pa.array(np.asarray(event), from_pandas=True)
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        known = pa.types.is_string(array.type) or pa.types.is_large_string(array.type)
        if not (known or pa.types.is_null(array.type) or pa.types.is_integer(array.type)):
            raise InputError(f"`Raw.event` must hold integers or texts, got {array.type}")
        return array.cast(pa.large_string()).cast(pa.large_binary())
    except UnicodeEncodeError:
        # half of a surrogate pair, as JSON can escape one: rare, so a loop will do
        coded = [None if e is None else str(e).encode("utf-8", "surrogatepass") for e in event]
        return pa.array(coded, pa.large_binary())
    except (pa.ArrowException, OverflowError) as error:
        first_line = str(error).splitlines()[0]
        raise InputError(f"`Raw.event` must hold integers or texts, got a mixture: {first_line}") from None


@dataclass
class Duplicates:
    """The requests seen so far and their slots.

    Up to ``in_memory`` requests are kept in a table, and whatever comes after them is compared with them at
    once. Requests beyond that are written to temporary files, split by key, and are compared with one
    another by `late` when the log has been read; the table still finds repetitions of what it holds.

    Parameters
    ----------
    in_memory : int
        Requests kept in memory, >= 1.
    folder : str or None
        Where temporary files go; None for the system's default (``TMPDIR``).

    Examples
    --------
    >>> import numpy as np
    >>> seen, one = Duplicates(), np.array([1])
    >>> ids = identify(np.array(["a", "b"]))
    >>> seen.add(ids.first, ids.second, np.array([1, 1]), np.array([1, 2])).tolist()
    [0, 0]
    >>> ids = identify(np.array(["c", "a"]))
    >>> seen.add(ids.first, ids.second, np.array([1, 1]), np.array([3, 4])).tolist()
    [0, 1]
    """

    in_memory: int = IN_MEMORY
    folder: str | None = None
    n: int = field(default=0, init=False)
    spilled: int = field(default=0, init=False)
    _table: UInt64 = field(init=False, repr=False)
    _second: UInt64 = field(init=False, repr=False)
    _mask: NDArray[Any] = field(init=False, repr=False)
    _pending: list[Int64] = field(default_factory=list, init=False, repr=False)
    _waiting: int = field(default=0, init=False, repr=False)
    _place: Path | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        _check.integer("Duplicates.in_memory", self.in_memory, low=1)
        self._table = np.zeros(0, np.uint64)

    def add(self, first: UInt64, second: UInt64, mask: Int64, row: Int64) -> Int64:
        """Take in requests; return the slots that were seen before under each id (bits), 0 for a new one.

        Parameters
        ----------
        first, second : uint64 (n,)
            As `Identity` has them.
        mask : int64 (n,)
            Bit s is set where the request has slot s; requests with 0 are skipped.
        row : int64 (n,)
            Row number of the request in the log.
        """
        earlier = np.zeros(len(first), np.int64)
        if len(first) == 0:
            return earlier
        if len(self._table) == 0:
            self._start(pair=len(second) > 0)
        if self._mask.dtype == np.int8 and int(mask.max()) > 1:
            self._mask = self._mask.astype(np.int64)
        self._grow(len(first))
        room = self.in_memory - self.n
        self.n += look_up(first, second, mask, self._table, self._second, self._mask, room, earlier)
        new = np.flatnonzero(earlier < 0)
        if len(new):
            earlier[new] = 0
            other = second[new] if len(second) else np.zeros(len(new), np.uint64)
            part = np.stack([first[new].view(np.int64), other.view(np.int64), mask[new], row[new]], axis=1)
            self._pending.append(part)
            self._waiting += len(new)
            self.spilled += len(new)
            if self._waiting >= _BUFFER:
                self._spill()
        return earlier

    def _start(self, *, pair: bool) -> None:
        self._table = np.zeros(1024, np.uint64)
        self._second = np.zeros(1024 if pair else 0, np.uint64)
        # most logs have one slot a request: one byte will do until there are two
        self._mask = np.zeros(1024, np.int8)

    def _grow(self, more: int) -> None:
        """Make the table at least twice as long as what it may hold after ``more`` requests."""
        wanted = len(self._table)
        while wanted < 2 * min(self.n + more, self.in_memory):
            wanted *= 2
        if wanted == len(self._table):
            return
        held = np.flatnonzero(self._mask)
        table, mask = np.zeros(wanted, np.uint64), np.zeros(wanted, self._mask.dtype)
        second = np.zeros(wanted if len(self._second) else 0, np.uint64)
        other = self._second[held] if len(self._second) else self._second
        kept, scratch = self._mask[held].astype(np.int64), np.empty(len(held), np.int64)
        look_up(self._table[held], other, kept, table, second, mask, len(held), scratch)
        self._table, self._second, self._mask = table, second, mask

    def _spill(self) -> None:
        """Append what waits to the files of its parts."""
        block = np.concatenate(self._pending)
        self._pending, self._waiting = [], 0
        part = (block[:, 0].view(np.uint64) >> np.uint64(58)).astype(np.int64)
        order = np.argsort(part, kind="stable")
        ends = np.searchsorted(part[order], np.arange(_PARTS + 1))
        try:
            if self._place is None:
                self._place = Path(tempfile.mkdtemp(prefix="ltrr-events-", dir=self.folder))
                weakref.finalize(self, shutil.rmtree, self._place, ignore_errors=True)
            for i in range(_PARTS):
                with (self._place / str(i)).open("ab") as file:
                    file.write(block[order[ends[i] : ends[i + 1]]].tobytes())
        except OSError as error:
            raise InputError(
                f"cannot write the temporary files of the duplicate check ({error.strerror}); set TMPDIR to "
                "a folder with free space, or read without the duplicate check"
            ) from None

    def late(self) -> tuple[Int64, Bool]:
        """Compare what was spilled, and forget it.

        Returns
        -------
        (int64 (m,), bool (m,))
            Row numbers, ascending, of requests whose id a spilled request had before; True where they share
            a slot with it, False where they are other slots of it.
        """
        if self._place is None and not self._pending:
            return np.zeros(0, np.int64), np.zeros(0, np.bool_)
        if self._place is None:
            block = np.concatenate(self._pending)
            self._pending, self._waiting = [], 0
            return self._compare(block)
        if self._pending:
            self._spill()
        files = [self._place / str(i) for i in range(_PARTS)]
        found = [self._compare(np.fromfile(file, np.int64).reshape(-1, 4)) for file in files]
        shutil.rmtree(self._place, ignore_errors=True)
        self._place = None
        rows = np.concatenate([rows for rows, _ in found])
        order = np.argsort(rows, kind="stable")
        return rows[order], np.concatenate([same for _, same in found])[order]

    @staticmethod
    def _compare(block: Int64) -> tuple[Int64, Bool]:
        """Find repeated ids among spilled requests (first, second, mask, row)."""
        first, second = (np.ascontiguousarray(block[:, i]).view(np.uint64) for i in (0, 1))
        mask, row = np.ascontiguousarray(block[:, 2]), block[:, 3]
        earlier = np.zeros(len(block), np.int64)
        # lexsort is stable: equal keys stay in the order of their rows
        repeated(np.lexsort((second, first)), first, second, mask, earlier)
        again = np.flatnonzero(earlier)
        return row[again], (earlier[again] & mask[again]) != 0
