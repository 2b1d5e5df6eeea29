"""Parquet: columns as they are, those of structs by dotted paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from ltrr.logs.files import readable
from ltrr.logs.format import Part, log_format
from ltrr.logs.formats.leaves import check_bounds, chosen, picked

__all__ = ["batches", "integer_range"]

_ENDINGS = (".parquet", ".pq", ".parq")
_BUFFER_BYTES = 1 << 20


def _recognise(name: str, start: bytes) -> bool:
    return start[:4] == b"PAR1" or name.endswith(_ENDINGS)


def _opened(part: Part) -> pq.ParquetFile:
    # a buffered stream reads pages, not whole column chunks: memory does not grow with row groups
    return pq.ParquetFile(part.path, buffer_size=_BUFFER_BYTES, pre_buffer=False)


def integer_range(parts: Iterable[Part], column: str) -> tuple[int, int] | None:
    """Return the least and the greatest value of a column of integers, from the files' statistics alone.

    Returns
    -------
    (int, int) or None
        None where a part lacks the column or its statistics, or the column is not of integers.
    """
    low: list[int] = []
    high: list[int] = []
    for part in parts:
        with readable(part.path), _opened(part) as file:
            own = [file.schema.column(i).path for i in range(len(file.schema))]
            place = chosen(str(part.path), file.schema_arrow, None).get(column)
            if place is None or not pa.types.is_integer(_kind(file.schema_arrow, place)):
                return None
            at = own.index(".".join((file.schema_arrow[place[0]].name, *place[1])))
            for i in range(file.num_row_groups):
                found = file.metadata.row_group(i).column(at).statistics
                if found is None or not found.has_min_max:
                    return None
                low.append(int(found.min))
                high.append(int(found.max))
    return (min(low), max(high)) if low else None


@log_format(endings=_ENDINGS, spooled=False, recognise=_recognise, integer_range=integer_range)
def batches(part: Part, wanted: Mapping[str, str] | None, *, rows: int = 65_536) -> Iterator[pa.RecordBatch]:
    """Read Parquet; of structs (``context.user.age``) only wanted leaves.

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
    with readable(part.path), _opened(part) as file:
        schema = file.schema_arrow
        places = chosen(str(part.path), schema, wanted)
        paths = {n: below for n, (_, below) in places.items()}
        # the file's own names: a name that is wanted is the beginning of the path of what lies below it
        own = list(dict.fromkeys(".".join((schema[i].name, *below)) for i, below in places.values()))
        for batch in file.iter_batches(batch_size=rows, columns=own, use_threads=False):
            names = batch.schema.names
            top = {n: batch.column(names.index(schema[i].name)) for n, (i, _) in places.items()}
            for column in top.values():
                if "dictionary" in str(column.type):
                    # the only codes that the reader takes from the file without a look at them
                    check_bounds(column)
            yield picked(top, paths, batch.num_rows)


def _kind(schema: pa.Schema, place: tuple[int, tuple[str, ...]]) -> pa.DataType:
    kind = schema[place[0]].type
    for name in place[1]:
        kind = kind.field(name).type
    return kind
