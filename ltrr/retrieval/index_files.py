"""What an index holds, as files: arrays as npy, texts as Parquet, plain values in a table of contents."""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ltrr.errors import InputError
from ltrr.protocols import State
from ltrr.types.arrow import texts

__all__ = ["fingerprint", "read_state", "write_state"]

_CHUNK = 1 << 20


def write_state(folder: Path, state: State) -> list[dict[str, Any]]:
    """Write what an index holds into a folder that exists, and return its table of contents.

    Parameters
    ----------
    folder : Path
    state : mapping
        Nested mappings of arrays, bytes, lists of texts, and values that JSON can hold.

    Returns
    -------
    list of dict
        For each entry its keys (``at``) and either its ``value`` or its ``file``, with kind, size, checksum
        (CRC-32), shape and dtype.

    Raises
    ------
    InputError
        If an entry cannot be stored without pickle.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     contents = write_state(Path(name), {"n": 3, "terms": {"df": np.ones(2), "names": ["a", "b"]}})
    ...     [entry.get("file") for entry in contents], read_state(Path(name), contents)["terms"]["names"]
    ([None, 'terms.df.npy', 'terms.names.parquet'], ['a', 'b'])
    """
    contents, taken = [], set[str]()
    for at, value in _leaves(state):
        stem = name = re.sub(r"[^\w.-]", "-", ".".join(at), flags=re.ASCII)
        while name.lower() in taken:  # some file systems do not tell "A" from "a"
            name = f"{stem}-{len(taken)}"
        taken.add(name.lower())
        contents.append({"at": list(at), **_write(folder, name, value, "/".join(at))})
    return contents


def read_state(folder: Path, contents: list[dict[str, Any]], *, check: bool = True) -> dict[str, Any]:
    """Return what `write_state` wrote; arrays are mapped into memory and cannot be written to.

    Parameters
    ----------
    folder : Path
    contents : list of dict
        What `write_state` returned.
    check : bool
        Whether checksums are compared, for which every file is read once. Sizes, shapes and dtypes always
        are.

    Raises
    ------
    InputError
        If a file is absent, truncated or altered.
    """
    state: dict[str, Any] = {}
    for entry in contents:
        *parents, last = entry["at"]
        place = state
        for key in parents:
            place = place.setdefault(key, {})
        place[last] = _read(folder, entry, check=check) if "file" in entry else entry["value"]
    return state


def fingerprint(path: Path) -> int:
    """Return the CRC-32 of a file, read piece by piece.

    It finds damage, not forgery; it is three times as fast as SHA-256.
    """
    crc = 0
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            crc = zlib.crc32(piece, crc)
    return crc


def _leaves(state: Mapping[str, Any], at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in state.items():
        if not isinstance(key, str):
            raise InputError(f"`index_state()` must have texts as keys, got {key!r} in {'/'.join(at)!r}")
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*at, key))
        else:
            yield (*at, key), value


def _write(folder: Path, name: str, value: Any, where: str) -> dict[str, Any]:
    """Write one entry, and return what the table of contents says of it."""
    if isinstance(value, bytes):
        path = folder / f"{name}.bin"
        path.write_bytes(value)
        return {"kind": "bytes", **_described(path), "shape": [len(value)]}
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            text = f"`index_state()[{where!r}]` must not hold objects"
            raise InputError(f"{text}; give numbers or a list of str")
        path = folder / f"{name}.npy"
        with path.open("wb") as file:
            np.save(file, value, allow_pickle=False)
        return {"kind": "array", **_described(path), "shape": list(value.shape), "dtype": value.dtype.str}
    if isinstance(value, (list, tuple)) and value and all(isinstance(text, str) for text in value):
        path = folder / f"{name}.parquet"
        try:
            pq.write_table(pa.Table.from_arrays([texts(value)], ["text"]), path)
        except UnicodeEncodeError as error:
            raise InputError(f"`index_state()[{where!r}]` must be texts in Unicode: {error}") from error
        return {"kind": "texts", **_described(path), "shape": [len(value)]}
    return {"value": _plain(value, where)}


def _plain(value: Any, where: str) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        text = f"`index_state()[{where!r}]` must be an array, bytes, a list of str or a plain value"
        raise InputError(f"{text}, got {type(value).__name__}: {error}") from error
    return value


def _described(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return {"file": path.name, "size": path.stat().st_size, "crc32": fingerprint(path)}


def _read(folder: Path, entry: Mapping[str, Any], *, check: bool) -> Any:
    """Return one entry of a file, which must be what the table of contents says."""
    path = folder / Path(entry["file"]).name
    if not path.is_file():
        raise InputError(f"{path} is missing: copy the whole folder, or save the arm again")
    if path.stat().st_size != entry["size"]:
        text = f"{path} must have {entry['size']} bytes, got {path.stat().st_size}"
        raise InputError(f"{text}: it was cut off or replaced; save the arm again")
    if check and fingerprint(path) != entry["crc32"]:
        raise InputError(f"{path} was altered or damaged since it was written; save the arm again")
    try:
        if entry["kind"] != "array":
            is_bytes = entry["kind"] == "bytes"
            value: Any = path.read_bytes() if is_bytes else pq.read_table(path)["text"].to_pylist()
            found = [len(value)], None
        else:
            value = np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
            found = list(value.shape), value.dtype.str
    except (OSError, ValueError, KeyError, EOFError) as error:
        text = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read: {text}; save the arm again") from error
    if found != (entry["shape"], entry.get("dtype")):
        raise InputError(f"{path} is not of the shape that `index.json` names; save the arm again")
    return value
