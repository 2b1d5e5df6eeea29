"""A temporary Arrow file of what was parsed, so that text is parsed once however often a log is read."""

from __future__ import annotations

import io
import os
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

import pyarrow as pa

from ltrr.errors import InputError

__all__ = ["Spool"]


class _At(io.RawIOBase):
    """A view of an open file with a position of its own: several passes may read at once."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number, self._place = number, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = os.pread(self._number, len(buffer), self._place)
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)


@dataclass
class Spool:
    """Record batches of one schema, each of a part of the log, in a file that has no name.

    The file is unlinked as soon as it is made, so that nothing stays behind when the process is killed.

    Parameters
    ----------
    folder : str or None
        Where the file lies; None for the system's default (``TMPDIR``).

    Examples
    --------
    >>> spool = Spool()
    >>> spool.write("a.csv", pa.record_batch({"x": [1, 2]}))
    >>> spool.write("b.csv", pa.record_batch({"x": [3]}))
    >>> spool.close()
    >>> [(part, batch.column(0).to_pylist()) for part, batch in spool.batches(["x"])]
    [('a.csv', [1, 2]), ('b.csv', [3])]
    """

    folder: str | None = None
    parts: list[str] = field(default_factory=list, init=False)
    _file: IO[bytes] | None = field(default=None, init=False, repr=False)
    _writer: Any = field(default=None, init=False, repr=False)
    size: int = field(default=0, init=False)

    @property
    def place(self) -> str:
        """The folder that the file lies in."""
        return self.folder or tempfile.gettempdir()

    def write(self, part: str, batch: pa.RecordBatch) -> None:
        """Append a batch.

        Raises
        ------
        InputError
            If the file cannot be written, as when the disk is full.
        """
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="ltrr-spool-", dir=self.folder)  # noqa: SIM115 - finalize closes it
                weakref.finalize(self, self._file.close)
                self._writer = pa.ipc.new_stream(pa.PythonFile(self._file, "w"), batch.schema)
            self._writer.write_batch(batch)
        except (OSError, pa.ArrowException) as error:
            with suppress(OSError, pa.ArrowException):
                self.discard()
            raise self._full(error) from error
        self.parts.append(part)

    def close(self) -> None:
        """Finish the file, which can be read from now on."""
        if self._writer is None or self._file is None:
            return
        try:
            self._writer.close()
            self._file.flush()
        except (OSError, pa.ArrowException) as error:
            with suppress(OSError, pa.ArrowException):
                self.discard()
            raise self._full(error) from error
        self._writer = None
        self.size = os.fstat(self._file.fileno()).st_size

    def discard(self) -> None:
        """Free the file's space."""
        writer, file = self._writer, self._file
        self._writer, self._file = None, None
        if file is not None:
            with suppress(OSError, pa.ArrowException):
                if writer is not None:
                    writer.close()
            file.close()

    def batches(self, columns: Sequence[str]) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yield the part's name and the chosen columns of each batch that there are, in the order written."""
        if self._file is None:
            return
        with pa.ipc.open_stream(
            pa.PythonFile(io.BufferedReader(_At(self._file.fileno()), 1 << 20))
        ) as stream:
            for part, batch in zip(self.parts, stream, strict=True):
                yield part, batch.select([name for name in columns if name in batch.schema.names])

    def _full(self, error: Exception) -> InputError:
        detail = getattr(error, "strerror", None) or " ".join(str(error).split())[:100]
        return InputError(
            f"cannot write the temporary file of the parsed log in {self.place} ({detail}); set TMPDIR to a "
            "folder with free space"
        )
