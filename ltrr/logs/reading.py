"""Open a log of any kind: a file, a folder, or a table in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from ltrr import _check
from ltrr.errors import InputError, nearest
from ltrr.logs.columns import Columns, columns_from
from ltrr.logs.convert import holds_numbers
from ltrr.logs.copies import KEEP
from ltrr.logs.detect import detect
from ltrr.logs.faults import ON_ERROR
from ltrr.logs.files import name_of, parts_of
from ltrr.logs.format import FAULT, ROW, WHOLE, Format, format_of
from ltrr.logs.memory import as_table
from ltrr.logs.reader import LogReader
from ltrr.logs.registry import LOG_FORMATS
from ltrr.logs.replay_log import ReplayLog
from ltrr.logs.roles import roles_of
from ltrr.logs.selection import selection_of
from ltrr.logs.source import FileSource, Source, TableSource
from ltrr.logs.vocabulary import Actions

__all__ = ["read"]

_SELECTION = ("rows", "where", "since", "until")
_WEIGHTY = ("propensity", "eligible", "probabilities", "event", "request", "slot")
"""Roles that an answer rests on."""

_READER = ("copies", "chunk_rows", "actions", "floor", "reward_range", "max_features", "features")


def read(
    log: Any,
    *,
    format: Any = "auto",  # noqa: A002 - the name that the design fixes
    columns: Columns | Mapping[str, Any] | str | Path | None = None,
    on_error: str = "fail",
    check_duplicates: bool | None = None,
    copies: str | None = None,
    chunk_rows: int | None = None,
    actions: int | Sequence[str | int] | None = None,
    floor: float | None = None,
    reward_range: tuple[float, float] | None = None,
    rows: int | None = None,
    where: str | Sequence[str] | None = None,
    since: Any = None,
    until: Any = None,
    features: bool | None = None,
    max_features: int | None = None,
    fill_columns: bool | None = None,
    **options: Any,
) -> ReplayLog:
    r"""Return a log, whatever its format.

    Text is parsed once: the first pass keeps what it parsed in a temporary Arrow file (in ``TMPDIR``) that
    later passes read. Parquet, Arrow files and tables in memory are read where they are.

    Parameters
    ----------
    log : path, pandas or polars DataFrame, pyarrow Table, or ReplayLog
        A file, a folder (its parts are read in the order of their names as one log), a table; a log that is
        open already is returned as it is.
    format : str or callable
        A name of `LOG_FORMATS` (``ltrr list log_formats``): "ltrr" (a log or a run of this package), "csv",
        "parquet", "arrow", "jsonl", "obd" (Open Bandit Data), "dsjson", "vw" (text of contextual bandits);
        "auto" to recognise it; or your own function ``batches(part, wanted)``, see `ltrr.logs.format`, as an
        object or as ``module:name``.
    columns : Columns, dict, path of a TOML file, or None
        For tables: which columns hold what. None where their names are the usual ones (reward, action,
        propensity, …).
    on_error : "fail", "skip" or "report"
        Stop at the first faulty row; exclude faulty rows; exclude them and list every one.
    check_duplicates : bool or None
        Whether event ids are compared with all earlier ones; None where there are such ids.
    copies : "first", "last", "max", "sum" or None
        Of several copies of an event that disagree, the first is kept with this reward; None where they are a
        fault.
    chunk_rows : int or None
        Rows of a chunk; None for 65,536, or fewer where there are many actions.
    actions : int, sequence of str or int, or None
        The actions there are, as their number N (integers 0…N − 1) or names. Without it they are found in
        the log.
    floor : float or None
        Smallest propensity the logging policy could have had, in (0, 1]; bounds the weights.
    reward_range : (float, float) or None
        Smallest and largest reward of a request.
    rows : int or None
        Read only the requests that begin in the first so many rows.
    where : str or sequence of str
        Read only rows for which ``COLUMN OP VALUE`` holds, OP one of ``= != < <= > >=``; of a request with
        several slots all rows must fit.
    since, until : float, str, datetime or None
        Read only rows from this time on, or before this time: seconds, or ISO 8601.
    features : bool or None
        False to read no context and no features of actions.
    max_features : int or None
        Of features by name (dsjson, vw), the most frequent ones become columns, this many at most, >= 1; None
        for 4,096.
    fill_columns : bool or None
        True to fill what the map leaves out by columns with the usual names.
    **options
        Further options of the format, such as ``delimiter`` (csv), ``policy`` and ``seed`` (ltrr) or
        ``affinity`` (obd).

    Returns
    -------
    ReplayLog

    Raises
    ------
    InputError
        If the file is not there, is none of these formats, or an argument is wrong or not the format's.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "log.csv"
    >>> _ = path.write_text("action,reward,propensity\na,1,0.5\nb,0,0.5\n")
    >>> log = read(path)
    >>> log.format, log.space.actions, next(log.chunks()).reward.tolist()
    ('csv', ('a', 'b'), [1.0, 0.0])
    >>> folder.cleanup()
    >>> read(pa.table({"action": [2, 3], "reward": [0.5, 1.0]})).space.actions
    ('2', '3')
    """
    # not by isinstance, which asks Python 3.11 for every member and so makes the first pass
    if callable(getattr(log, "chunks", None)):
        ready: ReplayLog = log
        return ready
    given = {
        "columns": columns,
        "check_duplicates": check_duplicates,
        "copies": copies,
        "chunk_rows": chunk_rows,
        "actions": actions,
        "floor": floor,
        "reward_range": reward_range,
        "rows": rows,
        "where": where,
        "since": since,
        "until": until,
        "features": features,
        "max_features": max_features,
        "fill_columns": fill_columns,
        **options,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if not isinstance(log, (str, Path)):
        known, name = Format(_nothing, spooled=False), "table"
        _refuse(given, known, name)
        return _reader(TableSource("table", as_table(log)), known, name, on_error, given)
    path = Path(log)
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise InputError(f"{path}: must be a file or a folder, which can be read twice; write it to a file")
    known, name = _format(path, format)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    _refuse(given, known, name)
    arguments = given | {"format": format if not isinstance(format, str) else name, "on_error": on_error}
    if known.opens:
        opened: ReplayLog = known.batches(path, on_error=on_error, **given)
        return opened
    parts = parts_of(path, known.endings)
    own = {key: given.pop(key) for key in known.options if key in given}
    if known.setup is not None:
        own |= known.setup(parts, own)
    source = FileSource(name_of(path), parts, known, own)
    reader = _reader(source, known, name, on_error, given)
    reader.arguments = arguments
    return reader


def _nothing(part: Any, wanted: Any) -> Iterator[pa.RecordBatch]:
    """Yield nothing: what a table in memory has in place of a format's function."""
    del part, wanted
    return iter(())


def _format(path: Path, given: Any) -> tuple[Format, str]:
    """Return a format and what it is called in messages; "auto" is what is recognised.

    Raises
    ------
    InputError
        If there is none.
    """
    if not isinstance(given, str):
        if not callable(given):
            raise InputError(f"`format` must be a known name or a function, got {given!r}")
        return format_of(given), str(getattr(given, "__name__", given))
    if ":" not in given and given not in ("auto", *LOG_FORMATS.names):
        hint = nearest(given, ["auto", *LOG_FORMATS.names])
        raise InputError(f"`format` must be a known name, got {given!r}{hint}")
    name = detect(path) if given == "auto" else given
    return format_of(LOG_FORMATS.maker(name, "format")), name


def _refuse(given: Mapping[str, Any], known: Format, name: str) -> None:
    """Refuse arguments that logs of a format do not take."""
    taken = [*known.options, *known.field_options]
    if not known.opens:
        mapped = ("columns", "fill_columns") if known.columns is None and known.fields is None else ()
        taken = [*mapped, "check_duplicates", *_READER, *_SELECTION, *taken]
    for key in given:
        if key not in taken:
            raise InputError(f"a log in the format {name!r} takes no `{key}`; it takes {', '.join(taken)}")


def _reader(source: Source, known: Format, name: str, on_error: str, given: dict[str, Any]) -> LogReader:
    """Return the reader of rows from a source."""
    fields = {key: given.pop(key) for key in _READER if key in given}
    _check_fields(on_error, fields)
    head = source.head()
    extra: Mapping[str, Any] = {}
    if known.fields is not None:
        own = {key: given[key] for key in known.field_options if key in given}
        extra = known.fields(getattr(source, "parts", ()), head, **own)
    columns = extra.get("columns") or _columns(source, known, head, given)
    timestamp = next((role for role in roles_of(columns, head) if role.name == "timestamp"), None)
    selection = selection_of(
        head,
        timestamp,
        rows=given.get("rows"),
        where=given.get("where", ()),
        since=given.get("since"),
        until=given.get("until"),
    )
    has_ids = columns.event is not None or columns.request is not None
    return LogReader(
        source,
        columns,
        head,
        name,
        on_error,
        **{
            "check_duplicates": given.get("check_duplicates", has_ids),
            "selection": selection,
            "absent": known.absent,
            "in_order": known.in_order_seen,
            **{key: value for key, value in extra.items() if key != "columns"},
            **fields,
        },
    )


def _columns(source: Source, known: Format, head: pa.RecordBatch, given: Mapping[str, Any]) -> Columns:
    """Return the column map, resolved: that of the format, the user's, or that of the usual names."""
    names = [name for name in head.schema.names if name not in (FAULT, ROW, WHOLE)]
    if known.columns is not None:
        there = {key: value for key, value in known.columns.items() if _is_there(value, names)}
        return Columns(**there).resolve(names, source.name)
    filled = columns_from(given.get("columns"))
    frequent = [n for n in names if not known.keyed or 2 * head.column(n).null_count <= head.num_rows]
    usual = Columns.usual(names, frequent=frequent)
    numeric = {
        key: column
        for key, column in usual.target.items()
        if holds_numbers(head.column(head.schema.get_field_index(column)), column)
    }
    usual = replace(usual, target=numeric)
    if filled is None or given.get("fill_columns"):
        _refuse_later(source, usual, filled)
    if filled is None:
        filled = usual
    elif given.get("fill_columns"):
        filled = filled.filled(usual)
    twice = [n for n in filled.names() if names.count(n) > 1]
    if twice:
        raise InputError(f"{source.name}: has two columns {twice[0]!r}; rename one")
    return filled.resolve(names, source.name)


def _refuse_later(source: Source, usual: Columns, given: Columns | None) -> None:
    """Refuse a log whose last part has a column of a usual name that the first lacks: it would be ignored."""
    known = {} if given is None else given.single()
    for role, name in Columns.usual(source.last_names()).single().items():
        if role in _WEIGHTY and getattr(usual, role) is None and role not in known:
            raise InputError(
                f"{source.name}: the last part has a column {name!r}, which the first one lacks; read parts "
                f"that have it apart, or rename it if it is not the {role}"
            )


def _is_there(value: Any, names: Sequence[str]) -> bool:
    return all(v in names for v in ([value] if isinstance(value, str) else value))


def _check_fields(on_error: str, fields: dict[str, Any]) -> None:
    """Check the arguments of all readers.

    Raises
    ------
    InputError
        If one is out of its range.
    """
    _check.choice("on_error", on_error, ON_ERROR)
    for key, low in (("chunk_rows", 1), ("max_features", 1)):
        if key in fields:
            _check.integer(key, fields[key], low=low)
    if "copies" in fields:
        _check.choice("copies", fields["copies"], KEEP)
    if "floor" in fields:
        _check.number("floor", fields["floor"], low=0.0, high=1.0, open_low=True)
    if "actions" in fields:
        Actions.given(fields["actions"])
    if "reward_range" in fields:
        fields["reward_range"] = _checked_range(fields["reward_range"])


def _checked_range(reward_range: Any) -> tuple[float, float] | None:
    """Return a range of rewards, checked.

    Raises
    ------
    InputError
        If it is not two numbers, the lower first.
    """
    if reward_range is None:
        return None
    good = isinstance(reward_range, Sequence) and len(reward_range) == 2
    if not good or not reward_range[0] <= reward_range[1]:
        raise InputError(f"`reward_range` must be two numbers, the lower first, got {reward_range!r}")
    low, high = reward_range
    return float(low), float(high)
