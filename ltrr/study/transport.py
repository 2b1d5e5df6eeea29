"""Objects for the workers of one run: written once, mapped by every worker instead of copied.

In transit only, never a file format: a file holds the object's arrays, each at a multiple of 64 bytes, then
its pickle without them, and at its beginning the place of the pickle. cloudpickle also carries the classes
and functions of a notebook or script, by value. Read a file only if this run wrote it: a pickle can run
anything.
"""

from __future__ import annotations

import mmap
import os
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cloudpickle

__all__ = ["put", "take"]

ALIGNMENT = 64
"""Bytes: a line of the processor's cache, and more than any type of array needs."""


def put(path: Path, value: Any) -> None:
    """Write an object for `take`.

    Raises
    ------
    OSError
        If there is no room for it.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     put(Path(folder, "value"), {"a": np.arange(3), "f": lambda x: x + 1})
    ...     back = take(Path(folder, "value"))
    >>> back["f"](back["a"]).tolist()
    [1, 2, 3]
    """
    buffers: list[pickle.PickleBuffer] = []
    content = cloudpickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    try:
        _write(path, content, buffers)
    except OSError as error:
        error.filename = error.filename or os.fspath(path)  # a full disk does not say which file
        raise


def _write(path: Path, content: bytes, buffers: Sequence[pickle.PickleBuffer]) -> None:
    places: list[tuple[int, int]] = []
    with path.open("wb") as file:
        file.seek(ALIGNMENT)
        for buffer in buffers:
            with buffer.raw() as raw:
                file.seek(-file.tell() % ALIGNMENT, 1)
                places.append((file.tell(), raw.nbytes))
                file.write(raw)
        last = file.tell()
        file.write(pickle.dumps((content, places)))
        file.seek(0)
        file.write(last.to_bytes(8, "little"))


def take(path: Path) -> Any:
    """Return an object that `put` wrote; its arrays are mapped, and copied page by page where written to."""
    with path.open("rb") as file:
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        file.seek(int.from_bytes(view[:8], "little"))
        content, places = pickle.loads(file.read())  # noqa: S301  # written by this run's own driver
    return pickle.loads(content, buffers=[view[start : start + n] for start, n in places])  # noqa: S301
