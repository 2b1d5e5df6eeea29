"""The parts of one policy's log folder, and their columns as arrays, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import DTypeLike, NDArray

from ltrr.errors import InputError, nearest
from ltrr.logs.tables import TABLES, Log, part_file, part_numbers, whole_parts
from ltrr.types import Int32, Int64, Queries
from ltrr.types.quotas import all_quotas

__all__ = ["PartColumns", "RunParts", "find_log"]

_ABOUT = {"policies": list, "arms": list, "context": list, "action_features": dict, "quotas": list}


def find_log(path: str | Path) -> Path:
    """Return the log's folder: the path itself, or ``log`` in a run's folder.

    Raises
    ------
    InputError
        If neither holds ``log.json``.
    """
    folder = Path(path)
    for place in (folder, folder / "log"):
        if (place / "log.json").is_file():
            return place
    raise InputError(
        f"{folder} is not a log: log.json is missing; give a run's folder or the folder `log` in it"
    )


@dataclass(frozen=True)
class PartColumns:
    """Chosen columns of one part of a table.

    Parameters
    ----------
    file : Path
        Where they come from, for messages.
    table : pyarrow.Table

    Examples
    --------
    >>> part = PartColumns(Path("part-00000.parquet"), pa.table({"request": [4, 5], "slot": [0.5, 1]}))
    >>> part.numbers("request", np.int64).tolist()
    [4, 5]
    >>> part.numbers("slot", np.int16)
    Traceback (most recent call last):
    ltrr.errors.InputError: part-00000.parquet: column `slot` must be integers, got double; ...
    """

    file: Path
    table: pa.Table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __contains__(self, name: str) -> bool:
        return name in self.table.schema.names

    def numbers(self, name: str, dtype: DTypeLike) -> NDArray[Any]:
        """Return a plain column; missing values become NaN where ``dtype`` is floating."""
        return self._plain(name, self._column(name), dtype)

    def lists(self, name: str, dtype: DTypeLike) -> tuple[Int64, NDArray[Any]]:
        """Return a column of lists as row pointer and values."""
        column = self._column(name)
        if not pa.types.is_list(column.type):
            raise self._wrong(name, "a column of lists", column.type)
        if column.null_count:
            raise self._wrong(name, "a list in every row", f"{column.null_count} rows without")
        offsets = np.asarray(column.offsets.to_numpy(), np.int64)
        values = column.values.slice(offsets[0], offsets[-1] - offsets[0])
        return offsets - offsets[0], self._plain(name, values, dtype)

    def per_action(self, name: str, indptr: Int64, width: int, dtype: DTypeLike) -> NDArray[Any]:
        """Return a column of lists with ``width`` values for each of ``actions``, (N, width)."""
        own, values = self.lists(name, dtype)
        if not np.array_equal(own, indptr * width):
            raise InputError(
                f"{self.file}: column `{name}` must hold {width} values for each of `actions`; "
                "write the log again"
            )
        return values.reshape(int(indptr[-1]), width)

    def wide(self, name: str, width: int, dtype: DTypeLike) -> NDArray[Any]:
        """Return a column of lists of one length as an array (n, width)."""
        column = self._column(name)
        if width == 0:
            return np.zeros((len(self), 0), dtype)
        if not pa.types.is_fixed_size_list(column.type) or column.type.list_size != width:
            raise self._wrong(name, f"a column of lists of {width}", column.type)
        if column.null_count:
            raise self._wrong(name, "a list in every row", f"{column.null_count} rows without")
        return self._plain(name, column.flatten(), dtype).reshape(len(self), width)

    def _column(self, name: str) -> Any:
        column = self.table.column(name).combine_chunks()
        return pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column

    def _plain(self, name: str, column: Any, dtype: DTypeLike) -> NDArray[Any]:
        kind = column.type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
            raise self._wrong(name, "numbers", kind)
        want = np.dtype(dtype)
        if want.kind != "f" and pa.types.is_floating(kind):
            raise self._wrong(name, "integers", kind)
        if want.kind != "f" and column.null_count:
            raise self._wrong(name, "a value in every row", f"{column.null_count} rows without")
        return np.asarray(column.to_numpy(zero_copy_only=False)).astype(want)

    def _wrong(self, name: str, want: str, got: Any) -> InputError:
        return InputError(f"{self.file}: column `{name}` must be {want}, got {got}; write the log again")


@dataclass(frozen=True)
class RunParts:
    """The parts of one logged policy: which exist, and how to read them.

    Parameters
    ----------
    folder : Path
        The log's folder, with ``log.json``.
    policy : str, optional
        The logged policy; may be left out where the log holds one only.
    seed : int, optional
        One logged seed; all of them by default.

    Raises
    ------
    InputError
        If the folder is not a log, a table or a part is missing, or the choice is not clear.

    Examples
    --------
    >>> import ltrr
    >>> world = ltrr.worlds.Music(n_items=300, n_queries=100)
    >>> run = ltrr.simulate(world, policies=["random"], rounds=40, seeds=1, warmup=20, quiet=True)
    >>> parts = RunParts(run.folder / "log", "random")
    >>> parts.parts, len(parts.read("requests", 0, 0, ("request",)))
    (((0, 0),), 40)
    """

    folder: Path
    policy: str = ""
    seed: int | None = None
    about: Mapping[str, Any] = field(init=False, repr=False)
    parts: tuple[tuple[int, int], ...] = field(init=False, repr=False)
    """(seed, part) in order."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "about", self._about())
        names = self.about["policies"]
        if not self.policy:
            if len(names) != 1:
                known = ", ".join(names)
                raise InputError(
                    f"the log at {self.folder} holds several policies: name one of {known}: "
                    "--logged-policy NAME at the command line, policy=NAME in a call"
                )
            object.__setattr__(self, "policy", names[0])
        if self.policy not in names:
            hint = nearest(self.policy, names)
            raise InputError(f"the log at {self.folder} has no policy {self.policy!r}{hint}")
        object.__setattr__(self, "parts", self._list())

    @property
    def slabs(self) -> bool:
        """True where an action is an arm's next slab, False where it is a whole quota."""
        return not any(name.startswith("share:") for name in self.feature_names)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the action features."""
        names = self.about["action_features"].get(self.policy)
        if not isinstance(names, list):
            raise InputError(
                f"{self.folder}/log.json: `action_features` must name those of {self.policy!r}; "
                "write the log again"
            )
        return tuple(str(name) for name in names)

    @property
    def loop(self) -> Mapping[str, Any]:
        """The loop's settings as logged, empty where there are none."""
        settings = self.about.get("settings")
        loop = settings.get("loop") if isinstance(settings, Mapping) else None
        return loop if isinstance(loop, Mapping) else {}

    def slab_sizes(self) -> tuple[Int32, int]:
        """Return the candidates that a slot asks of each arm, (R,), and those that a slot holds.

        A log that names no ``slab_size`` asked for whole slots.

        Raises
        ------
        InputError
            If ``log.json`` does not state the sizes.
        """
        loop, arms = self.loop, list(self.about["arms"])
        try:
            size, own = int(loop["slot_size"]), dict(loop.get("slab_size") or {})
            slabs = np.array([min(int(own.pop(arm, size)), size) for arm in arms], np.int32)
            if not own and slabs.min() >= 1:
                return slabs, size
        except (KeyError, TypeError, ValueError, OverflowError):
            pass
        raise InputError(
            f"{self.folder}/log.json: `settings.loop` must state slot_size >= 1, and in slab_size "
            "numbers >= 1 for some of the arms; write the log again"
        )

    def n_slots(self) -> int:
        """Return the number of slots that a quota divides."""
        quotas, n_arms = self.about["quotas"], len(self.about["arms"])
        try:
            n_slots = sum(quotas[0])
            # the number of quotas first: a damaged file may ask for a catalogue without end
            whole = len(quotas) == math.comb(n_slots + n_arms - 1, n_slots)
            if whole and all_quotas(n_slots, n_arms).tolist() == quotas:
                return int(n_slots)
        except (IndexError, TypeError, ValueError):
            pass
        raise InputError(
            f"{self.folder}/log.json: `quotas` must list all ways to divide slots among {n_arms} arms, "
            "in order; write the log again"
        )

    def queries(self) -> Queries:
        """Return the query texts."""
        file = self.folder / "queries.parquet"
        texts = self._open(file, ("text",)).column("text")
        if not pa.types.is_string(texts.type) or texts.null_count:
            raise InputError(f"{file}: column `text` must be texts, got {texts.type}; write the log again")
        return Queries(tuple(texts.to_pylist()))

    def read(
        self, table: str, seed: int, part: int, columns: tuple[str, ...], optional: tuple[str, ...] = ()
    ) -> PartColumns:
        """Return the named columns of one part of a table, the optional ones as far as it holds them."""
        file = part_file(self.folder, table, self.policy, seed, part)
        return PartColumns(file, self._open(file, columns, optional))

    def _about(self) -> Mapping[str, Any]:
        try:
            about = Log(self.folder).about
        except InputError:
            raise
        except (OSError, ValueError, AttributeError) as error:
            raise InputError(f"{self.folder}/log.json cannot be read: {_line(error)}") from error
        for key, kind in _ABOUT.items():
            if not isinstance(about.get(key), kind):
                raise InputError(
                    f"{self.folder}/log.json: `{key}` is missing or damaged; write the log again"
                )
        return about

    def _list(self) -> tuple[tuple[int, int], ...]:
        """Return the parts, the same in all four tables and without a gap."""
        cells = [self.folder / table / f"policy={self.policy}" for table in TABLES]
        seeds = sorted(
            {part_numbers(file)[0] for cell in cells for file in cell.glob("seed=*/part-*.parquet")}
        )
        if self.seed is not None and self.seed not in seeds:
            known = ", ".join(map(str, seeds)) or "none"
            raise InputError(
                f"the log at {self.folder} has no seed {self.seed} of {self.policy!r}; known: {known}"
            )
        if not seeds:
            raise InputError(f"the log at {self.folder} holds no parts of {self.policy!r}")
        wanted = [s for s in seeds if self.seed in (None, s)]
        files = [whole_parts(self.folder, self.about, t, self.policy, s) for s in wanted for t in TABLES]
        return tuple(sorted({part_numbers(file) for cell in files for file in cell}))

    @staticmethod
    def _open(file: Path, columns: tuple[str, ...], optional: tuple[str, ...] = ()) -> pa.Table:
        try:
            source = pq.ParquetFile(file)
            columns += tuple(c for c in optional if c in source.schema_arrow.names)
            missing = [c for c in columns if c not in source.schema_arrow.names]
            if missing:
                held = ", ".join(source.schema_arrow.names)
                raise InputError(f"{file} has no column `{missing[0]}`, only {held}; write the log again")
            twice = [c for c in columns if source.schema_arrow.names.count(c) > 1]
            if twice:
                raise InputError(f"{file} has the column `{twice[0]}` more than once; write the log again")
            return source.read(columns=list(columns))
        except (OSError, ValueError, pa.ArrowException) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{file} cannot be read as Parquet: {_line(error)}; copy the log again from an intact copy"
            ) from error


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
