"""Arrow files and streams, and Feather, which is the same (version 2) or its forerunner (version 1)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc

from ltrr.logs.files import head, open_bytes, readable
from ltrr.logs.format import Part, log_format
from ltrr.logs.formats.leaves import check_bounds, chosen, picked

__all__ = ["batches"]

_ENDINGS = (".feather", ".arrow", ".ipc", ".arrows")
_FILE, _FEATHER_1, _STREAM = b"ARROW1", b"FEA1", b"\xff\xff\xff\xff"


def _recognise(name: str, start: bytes) -> bool:
    return start.startswith((_FILE, _FEATHER_1)) or name.endswith(_ENDINGS)


@log_format(endings=_ENDINGS, spooled=False, recognise=_recognise)
def batches(part: Part, wanted: Mapping[str, str] | None, *, rows: int = 65_536) -> Iterator[pa.RecordBatch]:
    """Read Arrow files, Arrow streams and Feather; of structs (``context.user.age``) only wanted leaves.

    Memory is that of the file's own largest batch. Streams may be packed.

    Parameters
    ----------
    part : Part
    wanted : mapping of str to str or None
        Columns or dotted paths; None for all leaves.
    rows : int
        Most rows of a batch.

    Raises
    ------
    InputError
        If the file is damaged, or a wanted name stands for two columns.
    """
    with readable(part.path):
        for batch in _read(part, wanted):
            places = chosen(str(part.path), batch.schema, wanted)
            top = {n: batch.column(i) for n, (i, _) in places.items()}
            for i in {i for i, _ in places.values()}:
                check_bounds(batch.column(i))
            whole = picked(top, {n: below for n, (_, below) in places.items()}, batch.num_rows)
            for start in range(0, whole.num_rows, rows):
                yield whole.slice(start, rows)


def _read(part: Part, wanted: Mapping[str, str] | None) -> Iterator[pa.RecordBatch]:
    """Yield batches as the file has them, of files only with the columns that are wanted."""
    magic = head(part.path, len(_FILE))
    if magic.startswith(_FEATHER_1):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            table = pyarrow.feather.read_table(part.path, memory_map=True)
        yield from table.to_batches()
    elif magic == _FILE:
        with pa.OSFile(str(part.path)) as source:
            schema = pa.ipc.open_file(source).schema
            fields = sorted({i for i, _ in chosen(str(part.path), schema, wanted).values()})
            # Arrow takes an empty list for all
            options = pa.ipc.IpcReadOptions(included_fields=fields or [0], use_threads=False)
            file = pa.ipc.open_file(source, options=options)
            for i in range(file.num_record_batches):
                yield file.get_batch(i)
    else:
        with open_bytes(part.path) as source:
            yield from pa.ipc.open_stream(source, options=pa.ipc.IpcReadOptions(use_threads=False))
