"""The files of one policy and seed of a log, and how rows of single requests are read from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ltrr.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "CellFiles", "check_columns"]

COLUMNS = {
    "requests": ("request", "query", "time", "context", "reward", "abandoned"),
    "decisions": (
        *("request", "slot", "action", "propensity", "audit", "version", "actions", "probabilities"),
        *("features", "action_quotas", "quota"),
    ),
    "candidates": ("request", "item", "arm", "slab", "rank", "score", "slots", "ranker_score"),
    "impressions": (
        *("request", "position", "item", "slots", "click", "satisfied", "value", "censored", "features"),
        *("propensity", "explored"),
    ),
}
"""What is read of each table."""


@dataclass(frozen=True)
class CellFiles:
    """The files of one policy and seed of a log.

    Parameters
    ----------
    folder : Path
        The log's folder, with ``items.parquet`` and ``queries.parquet``.
    about : mapping
        What ``log.json`` says.
    policy : str
    seed : int
    parts : mapping of str to sequence of Path
        The parts of each table.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "part-00000.parquet"
    ...     pq.write_table(pa.table({"request": [4, 5, 6]}), file)
    ...     CellFiles(Path(folder), {}, "linucb", 0, {"requests": [file]}).span()
    (4, 6)
    """

    folder: Path
    about: Mapping[str, Any]
    policy: str
    seed: int
    parts: Mapping[str, Sequence[Path]]

    def read(self, table: str, requests: Sequence[int]) -> pd.DataFrame:
        """Return the rows of some requests; of other parts and row groups only the footer is read."""
        return _matching(self.parts[table], "request", requests, COLUMNS[table])

    def lookup(self, name: str, key: str, ids: Sequence[int]) -> pd.DataFrame:
        """Return rows of ``items.parquet`` or ``queries.parquet`` by id."""
        file = self.folder / name
        if not file.is_file():
            raise InputError(f"{file} is missing, so that names are unknown; simulate the run again")
        return _matching([file], key, ids, None).set_index(key)

    def span(self) -> tuple[int, int] | None:
        """Return the first and the last request, from the footers alone; None where there is none."""
        found = []
        for file in self.parts["requests"]:
            footer = pq.ParquetFile(file).metadata
            column = footer.schema.names.index("request")
            for group in range(footer.num_row_groups):
                known = footer.row_group(group).column(column).statistics
                found += [known.min, known.max] if known is not None and known.has_min_max else []
        return (min(found), max(found)) if found else None


def _matching(
    files: Sequence[Path], key: str, ids: Sequence[int], columns: Sequence[str] | None
) -> pd.DataFrame:
    """Return rows whose ``key`` is among ``ids``, in the order written."""
    import pyarrow.dataset as ds  # it loads pandas, which a replay does without

    wanted, field = np.unique(np.asarray(ids, np.int64)), ds.field(key)
    try:
        data = ds.dataset([str(file) for file in files], format="parquet")
        check_columns(files[0].parent, data.schema, columns or ())
        # the key's own type: a cast of the column would hide it from the statistics
        chosen = field.isin(pa.array(wanted).cast(data.schema.field(key).type))
        if len(wanted):
            # not every release of Arrow passes over row groups by `isin` alone; by bounds all do
            chosen = (field >= int(wanted[0])) & (field <= int(wanted[-1])) & chosen
        table = data.to_table(columns=list(columns) if columns else None, filter=chosen)
    except (pa.ArrowInvalid, pa.ArrowKeyError, KeyError, OSError) as error:
        cause = " ".join(str(error).split())
        raise InputError(f"{files[0].parent} cannot be read: {cause}; simulate the run again") from error
    frame: pd.DataFrame = table.to_pandas()
    return frame


def check_columns(place: Path, schema: pa.Schema, columns: Sequence[str]) -> None:
    """Refuse a table without some columns, as those of other versions are.

    Raises
    ------
    InputError
        Naming the columns.
    """
    absent = [name for name in columns if name not in schema.names]
    if absent:
        raise InputError(
            f"{place} has no column {', '.join(absent)}: another version of ltrr wrote it; "
            "simulate the run again"
        )
