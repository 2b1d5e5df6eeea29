"""Text files, packed or not, as blocks of whole lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ltrr.errors import InputError
from ltrr.logs.files import open_bytes, readable

__all__ = ["LONGEST_LINE", "blocks", "text_parts"]

LONGEST_LINE = 1 << 26
"""Most bytes of a line: a longer one means that the file is no text of lines, and would fill the memory."""

_MARK = b"\xef\xbb\xbf"


def text_parts(path: Path, endings: tuple[str, ...]) -> tuple[Path, ...]:
    """Return the file, or the files of a folder and its subfolders that end so, packed or not, by name.

    Files and folders whose names begin with ``_`` or ``.`` are left out.

    Raises
    ------
    InputError
        If there is no such file, or the folder has none.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if not path.is_dir():
        return (path,)
    found = tuple(
        p
        for p in sorted(path.rglob("*"))
        if p.name.lower().removesuffix(".gz").endswith(endings)
        and p.is_file()
        and not any(part.startswith(("_", ".")) for part in p.relative_to(path).parts)
    )
    if not found:
        detail = ", ".join(f"*{s}" for s in endings)
        raise InputError(f"{path}: the folder must hold parts of the log ({detail}), it holds none")
    return found


def blocks(path: Path, size: int) -> Iterator[bytes]:
    """Yield a file in blocks of whole lines, each of about ``size`` bytes and with a line feed at its end.

    Raises
    ------
    InputError
        If the file cannot be read or unpacked, or a line is longer than `LONGEST_LINE`.
    """
    with readable(path), open_bytes(path) as file:
        rest = file.read(len(_MARK))
        rest = b"" if rest == _MARK else rest
        while piece := file.read(size):
            data = rest + piece
            cut = data.rfind(b"\n") + 1
            if cut:
                yield data[:cut]
            elif len(data) > LONGEST_LINE:
                raise InputError(f"{path}: must be a text of lines, got one longer than {LONGEST_LINE} bytes")
            rest = data[cut:]
        if rest:
            yield rest if rest.endswith(b"\n") else rest + b"\n"
