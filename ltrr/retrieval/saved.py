"""Indexed arms on disk: load one instead of indexing again."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import ltrr
from ltrr._state import pack, unpack, write_aside
from ltrr.errors import InputError
from ltrr.registry import resolve
from ltrr.retrieval.base import Arm
from ltrr.retrieval.index_files import read_state, write_state
from ltrr.types.component import frozen, importable, kept_settings

__all__ = ["FORMAT", "load", "save", "why_not_saved"]

FORMAT = 1
"""Version of the folder's layout."""

_MEMBERS = ("index", "retrieve", "learn", "state", "restore", "index_state", "restore_index")
_ABOUT = "index.json"
_AGAIN = "save the arm again"


def why_not_saved(arm: Any) -> str:
    """Return why an arm cannot be saved, or nothing where it can.

    Examples
    --------
    >>> class Mine(Arm): ...
    >>> why_not_saved(Mine())
    'Mine has no `index_state()` of its own; write it, see `ltrr.retrieval.Arm`'
    """
    name = type(arm).__name__
    for member in ("index_state", "restore_index"):
        if getattr(type(arm), member, None) in (None, getattr(Arm, member)):
            return f"{name} has no `{member}()` of its own; write it, see `ltrr.retrieval.Arm`"
    try:
        _described(arm, name)
    except InputError as error:
        return str(error)
    return ""


def save(arm: Any, folder: str | Path) -> None:
    r"""Write an indexed arm, with what it has learned, to a folder.

    The folder holds ``index.json`` (format, versions, class, settings, and the size, checksum, shape and
    dtype of each file), arrays as ``.npy``, texts as ``.parquet``, and what was learned as the bytes of an
    npz. It is written under another name first: nobody sees it half-written.

    Parameters
    ----------
    arm : Retriever
        Of a class that can be imported, with ``index_state`` and ``restore_index``; its settings, and those
        of arms and encoders in them, must be plain values, or objects and functions that can be imported.
    folder : path
        Made if absent; an arm saved there before is replaced.

    Raises
    ------
    InputError
        If the arm could not be loaded again, or the folder holds something else.

    Examples
    --------
    >>> import tempfile
    >>> from ltrr.retrieval import TrecRun
    >>> from ltrr.types import Catalogue
    >>> with tempfile.TemporaryDirectory() as name:
    ...     run = Path(name) / "mine.run"
    ...     _ = run.write_text("red shoe\tQ0\tb\t0\t2.5\tmine\n")
    ...     arm = TrecRun(run)
    ...     arm.index(Catalogue(("a", "b"), {"title": ("shoe", "red shoe")}))
    ...     save(arm, Path(name) / "saved")
    ...     type(load(Path(name) / "saved")).__name__, sorted(p.name for p in Path(name).glob("saved/*"))[:3]
    ('TrecRun', ['index.indptr.npy', 'index.item.npy', 'index.json'])
    """
    why = why_not_saved(arm)
    if why:
        raise InputError(f"`arm` cannot be saved: {why}")
    place = Path(folder).absolute()
    _check_place(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = place.with_name(f".{place.name}.{os.getpid()}.part")
    shutil.rmtree(aside, ignore_errors=True)  # of a save that was killed
    try:
        aside.mkdir()
        state = {"index": arm.index_state(), "learned": pack(arm.state())}
        about = {
            "format": FORMAT,
            "versions": {m.__name__: m.__version__ for m in (ltrr, np, pa)},
            **_described(arm, type(arm).__name__),
            "contents": write_state(aside, state),
        }
        write_aside(aside / _ABOUT, _sealed(about))
        _put(aside, place)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def load(folder: str | Path, *, check: bool = True) -> Any:
    """Return the arm that `save` wrote, ready to retrieve without a catalogue.

    Arrays are mapped into memory, read-only: pages that no query needs are never read. Load only what you
    trust: the class and the functions that the folder names are imported.

    Parameters
    ----------
    folder : path
    check : bool
        Whether checksums are compared, for which every file is read once; sizes, shapes and dtypes always
        are.

    Raises
    ------
    InputError
        If a file is absent, truncated or altered, was written by a newer version, or names a class that is no
        arm or cannot be imported.

    Examples
    --------
    See `save`.
    """
    place = Path(folder) / _ABOUT
    about = _opened(place)
    arm = _made(about, str(place))
    if not all(hasattr(type(arm), name) for name in _MEMBERS):
        raise InputError(f"{place} must name the class of an arm, got {about['class']!r}; {_AGAIN}")
    state = read_state(Path(folder), about["contents"], check=check)
    try:
        arm.restore_index(state["index"])
        arm.restore(unpack(state["learned"]))
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        text = f"{place} does not hold what {type(arm).__name__} needs: {error!r}"
        raise InputError(f"{text}; {_AGAIN} with this version of its class") from error
    return arm


def _described(value: Any, where: str) -> Any:
    """Return a setting as JSON holds it: whatever is not plain says what it is."""
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [_described(v, f"{where}[{i}]") for i, v in enumerate(value)]
    if isinstance(value, Mapping):
        odd = next((key for key in value if not isinstance(key, str)), None)
        if odd is not None:
            raise InputError(f"`{where}` must have texts as keys, got {odd!r}")
        return {"mapping": {k: _described(v, f"{where}[{k!r}]") for k, v in value.items()}}
    if hasattr(value, "__array__"):
        raise InputError(f"`{where}` is an array, which cannot be a setting of a saved arm")
    path, why = importable(value)
    if why:
        raise InputError(f"`{where}` cannot be loaded again: {why}; put it into a module")
    if inspect.isroutine(value):
        return {"function": path}
    settings = {key: _described(v, f"{where}.{key}") for key, v in kept_settings(value).items()}
    return {"class": path, "settings": settings}


def _made(value: Any, where: str) -> Any:
    """Return what `_described` described."""
    if isinstance(value, list):
        return tuple(_made(v, where) for v in value)
    if not isinstance(value, dict):
        return frozen(value)
    if "mapping" in value:
        return {key: _made(v, where) for key, v in value["mapping"].items()}
    found: Any = resolve(str(value.get("function", value.get("class"))), f"{where}: class")
    if "function" in value:
        return found
    # a file must not be able to call just any function or class of any module
    kinds = (_MEMBERS, ("encode",), ("__dataclass_fields__",))
    is_part = inspect.isclass(found) and any(all(hasattr(found, m) for m in kind) for kind in kinds)
    if not (is_part or (inspect.isclass(found) and "__call__" in vars(found))):
        raise InputError(f"{where} must name classes of arms and their parts, got {value['class']!r}")
    try:
        return found(**{key: _made(v, where) for key, v in value["settings"].items()})
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{where} must hold the settings of {found.__name__}: {error}; {_AGAIN}") from error


def _sealed(about: Mapping[str, Any]) -> bytes:
    """Return the table of contents as text that holds its own checksum."""
    body = json.dumps(about, indent=1)
    return json.dumps({"crc32": zlib.crc32(body.encode()), **about}, indent=1).encode()


def _opened(place: Path) -> dict[str, Any]:
    """Return the table of contents, which must be as it was written."""
    try:
        data = place.read_bytes()
        about: Any = json.loads(data)
    except FileNotFoundError as error:
        raise InputError(f"{place} is missing: `folder` must be one that `save` wrote") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{place} is cut off or damaged: {error}; {_AGAIN}") from error
    version = about.get("format") if isinstance(about, dict) else None
    if isinstance(version, int) and version > FORMAT:
        text = f"{place} is of format {version}, newer than the {FORMAT} that this version of ltrr reads"
        raise InputError(f"{text}; update ltrr, or save the arm with this version")
    if version != FORMAT:
        raise InputError(f"{place} must be of format {FORMAT}, got {version!r}; {_AGAIN}")
    if _sealed({key: value for key, value in about.items() if key != "crc32"}) != data:
        raise InputError(f"{place} was altered or damaged since it was written; {_AGAIN}")
    return dict(about)


def _check_place(place: Path) -> None:
    """Refuse to replace what is not a saved arm."""
    if place.exists() and not place.is_dir():
        raise InputError(f"`folder` must be a folder, got the file {place}; name another place")
    if place.is_dir() and any(place.iterdir()) and not (place / _ABOUT).is_file():
        raise InputError(f"`folder` holds something other than a saved arm: {place}; name a new one")


def _put(aside: Path, place: Path) -> None:
    """Give a finished folder its name; what had it before is removed afterwards."""
    before = place.with_name(f".{place.name}.{os.getpid()}.old")
    if place.exists():
        place.rename(before)
    try:
        aside.rename(place)
    except OSError:
        if before.exists():
            before.rename(place)
        raise
    shutil.rmtree(before, ignore_errors=True)
