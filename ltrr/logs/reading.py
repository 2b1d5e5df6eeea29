"""Read a log, whatever its format."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ltrr.errors import InputError, nearest
from ltrr.logs.columns import Columns
from ltrr.logs.detect import detect
from ltrr.logs.registry import LOG_FORMATS
from ltrr.logs.replay_log import ReplayLog

__all__ = ["read"]


def read(
    path: str | Path,
    *,
    format: str | Callable[..., ReplayLog] = "auto",  # noqa: A002 - the word that users look for
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

    Only the beginning is read at first; each pass over ``chunks()`` reads the files again, in bounded memory.

    Parameters
    ----------
    path : str or Path
        A file or a folder. A folder's parts are read in the order of their names as one log.
    format : str or callable
        A name of `LOG_FORMATS` (``ltrr list log_formats``): "ltrr" (a log or a run of this package), "csv",
        "parquet", "jsonl", "obd" (Open Bandit Data), "dsjson", "vw" (text of contextual bandits); "auto" to
        recognise it; or your own function or class that takes the path and options by name and returns a
        `ReplayLog`, as an object or as ``module:name``.
    columns : Columns, dict, path of a TOML file, or None
        For csv, parquet and jsonl: which columns hold what. None where their names are the usual ones
        (reward, action, propensity, …).
    on_error : "fail", "skip" or "report"
        Stop at the first faulty row; exclude faulty rows; exclude them and list every one.
    check_duplicates : bool or None
        Whether event ids are compared with all earlier ones; None for the format's own choice.
    chunk_rows : int or None
        Rows of a chunk (csv, parquet, jsonl, obd); None for 65,536, or fewer where there are many actions.
    actions : int, sequence of str or int, or None
        For csv, parquet and jsonl: the actions there are, as their number N (integers 0…N − 1) or names.
        Without it they are found in the log.
    floor : float or None
        Smallest propensity the logging policy could have had, in (0, 1]; bounds the weights.
    reward_range : (float, float) or None
        Smallest and largest reward of a request.
    **options
        Further options of the format's reader, such as ``policy`` and ``seed`` (ltrr) or ``affinity`` (obd).

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
    opener = _opener(path, format)
    if not Path(path).exists():
        raise InputError(f"{path}: no such file or folder")
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
    taken, takes_all = _options(opener)
    if on_error != "fail" or "on_error" in taken:
        given["on_error"] = on_error
    for name in given:
        if name not in taken and not takes_all:
            raise InputError(
                f"`read` takes no `{name}` with a log in the format {_name(format, path)!r}; it takes "
                f"{', '.join(taken) or 'no options'}"
            )
    log: ReplayLog = opener(path, **given)
    return log


def _opener(path: str | Path, format_: Any) -> Any:
    """Return what opens a log of the format.

    Raises
    ------
    InputError
        If there is none.
    """
    if not isinstance(format_, str) and callable(format_):
        return format_
    known = isinstance(format_, str) and (":" in format_ or format_ in ("auto", *LOG_FORMATS.names))
    if not known:
        hint = nearest(str(format_), ["auto", *LOG_FORMATS.names])
        raise InputError(f"`format` must be a known name, got {format_!r}{hint}")
    return LOG_FORMATS.maker(_name(format_, path), "format")


def _name(format_: Any, path: str | Path) -> str:
    """Return what a format is called in messages; "auto" is what is recognised."""
    if not isinstance(format_, str):
        return str(getattr(format_, "__name__", format_))
    return detect(path) if format_ == "auto" else format_


def _options(opener: Any) -> tuple[list[str], bool]:
    """Return the options by name that an opener takes, and if it takes any other."""
    found = list(inspect.signature(opener).parameters.values())[1:]
    named = [p.name for p in found if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return [n for n in named if n != "format"], any(p.kind is p.VAR_KEYWORD for p in found)
