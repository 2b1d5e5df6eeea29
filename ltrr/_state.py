"""State on disk: nested dictionaries of arrays, bytes and plain values as one npz, without pickle."""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ltrr.errors import InputError

__all__ = ["is_aside", "load_state", "pack", "save_state", "unpack", "write_aside"]


def write_aside(path: Path, data: bytes) -> None:
    """Write a file under a temporary name and rename it, so that it is whole or absent."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        error.filename = error.filename or os.fspath(path)  # a full disk does not say which file
        raise
    finally:
        aside.unlink(missing_ok=True)


def is_aside(path: Path) -> bool:
    """Say whether a file is one that `write_aside` had no time to rename.

    Examples
    --------
    >>> is_aside(Path("run/.study.toml.4711.part")), is_aside(Path("run/study.part"))
    (True, False)
    """
    return re.fullmatch(r"\..+\.\d+\.part", path.name) is not None


def _flatten(state: Mapping[str, Any], prefix: str, arrays: dict[str, Any], plain: dict[str, Any]) -> None:
    for key, value in state.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            if not value:
                plain[name] = {}
            _flatten(value, f"{name}/", arrays, plain)
        elif isinstance(value, np.ndarray):
            if value.dtype == object:
                raise TypeError(f"state {name!r} is an array of objects, which cannot be stored")
            arrays[f"a:{name}"] = value
        elif isinstance(value, bytes):
            arrays[f"b:{name}"] = np.frombuffer(value, np.uint8)
        else:
            plain[name] = value.item() if isinstance(value, np.generic) else value


def pack(state: Mapping[str, Any]) -> bytes:
    """Return a state as the bytes of an npz file; plain values go in as JSON."""
    arrays: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    _flatten(state, "", arrays, plain)
    arrays["plain"] = np.frombuffer(json.dumps(plain).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def unpack(data: bytes) -> dict[str, Any]:
    """Return the state that `pack` wrote.

    Examples
    --------
    >>> import numpy as np
    >>> back = unpack(pack({"w": np.ones(2), "model": b"abc", "n": 3, "arm": {"x": [1, 2]}}))
    >>> back["w"].tolist(), back["model"], back["n"], back["arm"]
    ([1.0, 1.0], b'abc', 3, {'x': [1, 2]})
    """
    out: dict[str, Any] = {}

    def put(name: str, value: Any) -> None:
        *folders, last = name.split("/")
        place = out
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = value

    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        for name, value in json.loads(file["plain"].tobytes().decode()).items():
            put(name, value)
        for name in file.files:
            if name.startswith("a:"):
                put(name[2:], file[name])
            elif name.startswith("b:"):
                put(name[2:], file[name].tobytes())
    return out


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state to ``path``, whole or not at all."""
    write_aside(path, pack(state))


def load_state(path: Path) -> dict[str, Any]:
    """Read a state; a file that is absent or damaged is an `InputError`."""
    try:
        return unpack(path.read_bytes())
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read as saved state: {error}; write it again") from error
