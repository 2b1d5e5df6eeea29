"""Ids of events as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ltrr._kernels.text_hash import UInt64, hash_texts
from ltrr.errors import InputError
from ltrr.types import Bool, Int64
from ltrr.types.arrow import as_numpy, filled

__all__ = ["Identity", "identify"]


@dataclass(frozen=True)
class Identity:
    """Ids as numbers.

    Parameters
    ----------
    first, second : uint64 (n,), uint64 (n,) or (0,)
        What distinguishes ids: integers as they are and nothing, or two hashes (128 bits) of texts.
    missing : bool (n,)
        True where there is no id: null, or an empty text.

    Examples
    --------
    >>> ids = identify(np.array(["", "tea", "latte", "tea"]))
    >>> ids.missing.tolist(), bool(ids.key[1] == ids.key[3])
    ([True, False, False, False], True)
    """

    first: UInt64
    second: UInt64
    missing: Bool

    @property
    def key(self) -> Int64:
        """Integer ids as they are; one hash of texts, (n,)."""
        return self.first.view(np.int64)


def identify(event: Any) -> Identity:
    """Return ids as numbers.

    Parameters
    ----------
    event : integers or texts (n,)
        A numpy array of integers, or of texts (None where there is no id), or an Arrow array of either, with
        or without a dictionary.

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
        return _integers(event, np.zeros(len(event), np.bool_))
    if isinstance(event, pa.ChunkedArray):
        event = event.combine_chunks()
    array = event if isinstance(event, pa.Array) else _arrow(event)
    if pa.types.is_dictionary(array.type):
        return _dictionary(array)
    if pa.types.is_integer(array.type):
        missing = np.asarray(as_numpy(array.is_null()), np.bool_)
        return _integers(as_numpy(filled(array, 0)), missing)
    return _texts(array)


def _integers(values: Any, missing: Bool) -> Identity:
    wide = np.uint64 if values.dtype.kind == "u" else np.int64
    return Identity(values.astype(wide).view(np.uint64), np.empty(0, np.uint64), missing)


def _arrow(event: Any) -> Any:
    """Return ids as an Arrow array."""
    try:
        return pa.array(np.asarray(event), from_pandas=True)
    except UnicodeEncodeError:
        # half of a surrogate pair, as JSON can escape one: rare, so a loop will do
        coded = [None if e is None else str(e).encode("utf-8", "surrogatepass") for e in event]
        return pa.array(coded, pa.large_binary())
    except (pa.ArrowException, OverflowError) as error:
        first_line = str(error).splitlines()[0]
        raise InputError(f"event ids must be integers or texts, got a mixture: {first_line}") from None


def _dictionary(array: Any) -> Identity:
    """Return ids that repeat: each entry of the dictionary is hashed once."""
    entries = identify(array.dictionary)
    place = as_numpy(filled(array.indices, 0)).astype(np.int64)
    absent = np.asarray(as_numpy(array.is_null()), np.bool_)
    if len(entries.first) == 0:
        return Identity(np.zeros(len(array), np.uint64), np.zeros(len(array), np.uint64), absent)
    second = entries.second[place] if len(entries.second) else entries.second
    return Identity(entries.first[place], second, absent | entries.missing[place])


def _texts(array: Any) -> Identity:
    """Return hashes of texts."""
    kind = array.type
    if not (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_null(kind)
    ):
        raise InputError(f"event ids must be integers or texts, got {kind}")
    texts = pc.cast(array, pa.large_binary())
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
    absent = np.asarray(as_numpy(texts.is_null()), np.bool_)
    return Identity(first, second, absent | (np.diff(offsets) == 0))
