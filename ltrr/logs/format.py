"""What a format of logs is: one function from a part's bytes to record batches.

``batches(part, wanted, *, options) -> Iterator[pyarrow.RecordBatch]``

``wanted`` maps the columns that are asked for to what they hold, one of `KINDS`; None asks for every column
that the part has. A batch has the wanted columns that its part has, in whatever Arrow types suit the format:
`ltrr.logs.convert` turns text into numbers and labels where that is needed. A column may be named by a path
(``context.user.age``) where values are nested. Rows keep the order of the part.

A row that cannot be parsed keeps its place: it is null in every column but `FAULT`. Nothing else is checked
here; `ltrr.logs.admit` does that for all formats alike.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

__all__ = [
    "FAULT",
    "FAULT_TYPE",
    "KINDS",
    "ROW",
    "WHOLE",
    "Batches",
    "Format",
    "Part",
    "format_of",
    "log_format",
]

FAULT = "\0fault"
"""Column of a batch, may be absent: what a reader found in a row, of `FAULT_TYPE`; null where nothing."""

FAULT_TYPE = pa.struct([("kind", pa.string()), ("detail", pa.string())])
"""Kind of fault, a key of `ltrr.logs.faults.FAULTS`, and what was found there."""

ROW = "\0row"
"""Column of a batch, absent where a row is a line: int64 number of the row's line in its part, from 1."""

WHOLE = "\0whole"
"""Column of a batch, may be absent: true where a request has one reward, which stands at its last slot."""

KINDS = ("number", "text", "time", "numbers", "texts", "any", "sparse", "sparses")
"""What a column holds.

A number; a label or id; a time; a list of numbers; a list of labels; a number or a label, as the file has
it; features by name (a map from name to number); a list of these, one an eligible action.
"""

Batches = Callable[..., Any]
_F = TypeVar("_F", bound=Batches)


@dataclass(frozen=True)
class Part:
    """One file of a log.

    Parameters
    ----------
    path : Path
    values : mapping of str to str
        Columns that folders named ``key=value`` stand for.

    Examples
    --------
    >>> Part(Path("logs/day=1/clicks.csv"), {"day": "1"}).name
    'clicks.csv'
    """

    path: Path
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        return self.path.name or self.path.resolve().name


@dataclass(frozen=True)
class Format:
    """What is known of a format besides its function.

    Parameters
    ----------
    batches : callable
        The function, see the module's docstring.
    endings : tuple of str
        Endings of its files' names, without those of compression.
    spooled : bool
        True where a part is parsed once and kept in a temporary file; False where reading it again is as
        cheap.
    recognise : callable or None
        From a file's name (lower case, without the ending of compression) and first bytes (unpacked) to
        whether it is of this format.
    columns : mapping or None
        The column map of formats whose columns have one meaning; None for those that need a map.
    absent : tuple of str
        Roles of ``columns`` that a log may lack: they count as not there if no row has a value
        (``probabilities``: unless every row has one).
    in_order_seen : bool
        True to number actions in the order in which they first occur, not by size or alphabet.
    keyed : bool
        True where each row may have columns of its own, as the keys of an object.
    setup : callable or None
        ``setup(parts, options)`` returns further options of the function, the same for all parts.
    fields : callable or None
        ``fields(parts, head, *, options)`` returns further fields of `LogReader`, such as the actions'
        features; its options are the user's, as those of the function are.
    dialect : callable or None
        ``dialect(part, options)`` says how its text is read where that is not what the name leads to expect.
    integer_range : callable or None
        ``integer_range(parts, column)`` returns the smallest and the largest value of a column of integers
        where the files state them, else None.
    opens : bool
        True for logs that are more than parts of rows: ``batches`` then takes a path, and options by name,
        and returns the `ReplayLog`.

    Examples
    --------
    >>> def batches(part, wanted=None, *, arms="arm"):
    ...     yield from ()
    >>> Format(batches, endings=(".clicks",)).options
    ('arms',)
    """

    batches: Batches
    endings: tuple[str, ...] = ()
    spooled: bool = True
    recognise: Callable[[str, bytes], bool] | None = None
    columns: Mapping[str, Any] | None = None
    absent: tuple[str, ...] = ()
    in_order_seen: bool = False
    keyed: bool = False
    setup: Callable[..., Mapping[str, Any]] | None = None
    fields: Callable[..., Mapping[str, Any]] | None = None
    dialect: Callable[..., str] | None = None
    integer_range: Callable[..., tuple[int, int] | None] | None = None
    opens: bool = False

    @cached_property
    def takes_rows(self) -> bool:
        """Whether the function takes the number of rows that a batch should have."""
        return "rows" in inspect.signature(self.batches, follow_wrapped=False).parameters

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the options that the function takes."""
        return _options(self.batches, skip=1 if self.opens else 2)

    @property
    def field_options(self) -> tuple[str, ...]:
        """Names of the options that ``fields`` takes."""
        return () if self.fields is None else _options(self.fields, skip=2)


def _options(function: Any, *, skip: int) -> tuple[str, ...]:
    found = list(inspect.signature(function).parameters.values())[skip:]
    return tuple(
        p.name for p in found if p.name != "rows" and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    )


def log_format(**known: Any) -> Callable[[_F], _F]:
    """Return a decorator that attaches to a function what is known of its format, the fields of `Format`.

    Examples
    --------
    >>> @log_format(endings=(".lines",))
    ... def lines(part, wanted):
    ...     yield pa.record_batch({"text": part.path.read_text(encoding="utf-8").splitlines()})
    >>> format_of(lines).endings, format_of(len).spooled
    (('.lines',), True)
    """

    def attach(batches: _F) -> _F:
        vars(batches)["format"] = Format(batches, **known)
        return batches

    return attach


def format_of(batches: Any) -> Format:
    """Return what is known of a function's format; the defaults for a bare function."""
    found = getattr(batches, "format", None)
    return found if isinstance(found, Format) else Format(batches)
