"""Text files, packed or not, as blocks of whole lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ltrr.errors import InputError
from ltrr.logs.files import open_bytes, readable

__all__ = ["BLOCK_BYTES", "LONGEST_LINE", "line_blocks"]

BLOCK_BYTES = 1 << 22
"""Bytes of a block, about."""

LONGEST_LINE = 1 << 28
"""Most bytes of a line: a longer one means that the file is not made of lines, and would fill the memory."""

_MARK = b"\xef\xbb\xbf"


def line_blocks(path: Path, *, size: int = BLOCK_BYTES, longest: int = LONGEST_LINE) -> Iterator[bytes]:
    r"""Yield a file in blocks of whole lines, without a mark of UTF-8; every line ends with a line feed.

    Parameters
    ----------
    path : Path
    size : int
        Bytes of a block, to which the rest of its last line is added.
    longest : int
        Most bytes of a line that a block ends with.

    Raises
    ------
    InputError
        If the file cannot be read or unpacked, or a line is too long.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "a.txt"
    ...     _ = file.write_bytes(b"one\ntwo\nthree")
    ...     list(line_blocks(file, size=5))
    [b'one\ntwo\n', b'three\n']
    """
    with readable(path), open_bytes(path) as file:
        rest = file.read(len(_MARK)).removeprefix(_MARK)
        while data := rest + file.read(size):
            rest = b""
            if not data.endswith(b"\n"):
                data += file.readline(longest)
                if not data.endswith(b"\n"):
                    if file.read(1):
                        raise InputError(
                            f"{path}: must be a text of lines, got one of more than {longest:,} bytes; the "
                            "file is damaged or in another format"
                        )
                    data += b"\n"
            yield data
