"""Read a log, whatever its format."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ltrr import _check
from ltrr.errors import InputError
from ltrr.replay.readers.columns import Columns
from ltrr.replay.readers.detect import FORMATS, detect
from ltrr.replay.readers.dsjson import open_dsjson
from ltrr.replay.readers.obd import open_obd
from ltrr.replay.readers.own import open_own
from ltrr.replay.readers.table import open_table
from ltrr.replay.readers.vw_text import open_vw_text
from ltrr.replay.replay_log import ReplayLog

__all__ = ["read"]

_OPENERS: Mapping[str, Callable[..., ReplayLog]] = MappingProxyType(
    {
        "ltrr": open_own,
        "csv": partial(open_table, format="csv"),
        "parquet": partial(open_table, format="parquet"),
        "jsonl": partial(open_table, format="jsonl"),
        "obd": open_obd,
        "dsjson": open_dsjson,
        "vw": open_vw_text,
    }
)


def read(
    path: str | Path,
    *,
    format: str = "auto",  # noqa: A002 - the word that users look for
    columns: Columns | Mapping[str, Any] | str | Path | None = None,
    on_error: str = "fail",
    check_duplicates: bool | None = None,
    chunk_rows: int | None = None,
    actions: int | Sequence[str | int] | None = None,
    floor: float | None = None,
    reward_range: tuple[float, float] | None = None,
    **options: Any,
) -> ReplayLog:
    r"""Open a log to judge policies from: a file, or a folder of parts, of any size.

    Nothing but the beginning is read at first; each pass over ``chunks()`` reads the files anew, in bounded
    memory.

    Parameters
    ----------
    path : str or Path
        A file or a folder. A folder's parts are read in the order of their names as one log.
    format : str
        "ltrr" (a log or a run of this package), "csv", "parquet", "jsonl", "obd" (Open Bandit Data),
        "dsjson", "vw" (text of contextual bandits), or "auto" to recognise it.
    columns : Columns, dict, path of a TOML file, or None
        For csv, parquet and jsonl: which columns hold what. None where their names are the usual ones
        (reward, action, propensity, …).
    on_error : "fail", "skip" or "report"
        Stop at the first faulty row; leave faulty rows out; leave them out and list every one.
    check_duplicates : bool or None
        Whether event ids are compared with all earlier ones; None for the format's own choice.
    chunk_rows : int or None
        Rows of a chunk (csv, parquet, jsonl, obd); None for 65,536, or fewer where there are many actions.
    actions : int, sequence of str or int, or None
        For csv, parquet and jsonl: the actions there are, as their number N (integers 0…N − 1) or names.
        Without it they are looked for in the log.
    floor : float or None
        Smallest propensity the logging policy could have had, in (0, 1]; bounds the weights.
    reward_range : (float, float) or None
        Smallest and largest reward of a request.
    **options
        What else the format's reader takes, such as ``policy`` and ``seed`` (ltrr) or ``affinity`` (obd).

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
    """
    _check.choice("format", format, FORMATS)
    kind = detect(path) if format == "auto" else format
    if not Path(path).exists():
        raise InputError(f"{path}: no such file or folder")
    opener = _OPENERS[kind]
    given = {
        "columns": columns,
        "check_duplicates": check_duplicates,
        "chunk_rows": chunk_rows,
        "actions": actions,
        "floor": floor,
        "reward_range": reward_range,
        **options,
    }
    given = {name: value for name, value in given.items() if value is not None}
    taken = [n for n, p in inspect.signature(opener).parameters.items() if p.kind is p.KEYWORD_ONLY]
    taken = [n for n in taken if n != "format"]
    for name in given:
        if name not in taken:
            raise InputError(
                f"`read` takes no `{name}` with a log in the format {kind!r}; it takes {', '.join(taken)}"
            )
    return opener(path, on_error=on_error, **given)
