r"""Vowpal Wabbit's text format for contextual bandits: ``action:cost:probability | features``.

With one line an example (``--cb``), the label's action counts from 1. Actions that a label names without a
cost (``1:0:0.5 2 3 |``) are those that could have been chosen. With a line for each action (``--cb_adf``:
examples between blank lines, a first line ``shared`` if there is one) the action is the place of the line
that has the label, whatever its number. The head of a part shows which of the two it is.

Features are named ``namespace.feature`` and have their value times the namespace's weight, 1 where none is
given; those of ``shared`` lines, or of the only line, are the context, the others the actions'. Tags are
ignored.

References
----------
Vowpal Wabbit's wiki, pages "Input format" and "Contextual Bandit algorithms".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

import pyarrow as pa

from ltrr.errors import InputError
from ltrr.logs.format import FAULT, FAULT_TYPE, ROW, Part, log_format
from ltrr.logs.formats.lines import line_blocks
from ltrr.logs.formats.sparse import sparse, sparses
from ltrr.logs.formats.vw_features import vw_features
from ltrr.logs.formats.vw_label import vw_label

__all__ = ["batches"]

_OTHERS = ("ccb", "slates", "ca")
_LABEL = rb"\d+:[-+.\deE]+:[-+.\deE]+"
_VW = re.compile(rb"^\s*(%b\s+)*(%b|shared)\s*('?\S+)?\s*\|" % (_LABEL, _LABEL))
_SHORT = 256


class _Example(NamedTuple):
    """The lines of an example, and the number of the first in its part."""

    row: int
    lines: list[bytes]


class _Row(NamedTuple):
    """An example's label, its fault's kind and detail if it has one, and a word that is not a label."""

    action: int | None = None
    cost: float | None = None
    propensity: float | None = None
    eligible: list[int | None] | None = None
    shared: bool = False
    fault: tuple[str, str] | None = None
    wrong: str = ""

    @property
    def readable(self) -> bool:
        return self.fault is None or self.fault[0] != "unreadable"


def _recognise(_name: str, start: bytes) -> bool:
    """Return whether one of the first lines begins with a full label, or is shared."""
    lines = [line for line in start.split(b"\n") if line.strip()]
    return any(_VW.match(line) for line in lines[:100])


@log_format(
    endings=(".vw", ".txt", ".dat", ".data"),
    recognise=_recognise,
    columns={
        "action": "action",
        "cost": "cost",
        "propensity": "propensity",
        "eligible": "eligible",
        "context": ["context"],
        "features": "features",
    },
    absent=("eligible", "propensity"),
)
def batches(part: Part, wanted: Mapping[str, str] | None = None) -> Iterator[pa.RecordBatch]:
    r"""Read text of Vowpal Wabbit with labels ``action:cost:probability``, an example a row.

    A row has the number of the example's first line.

    Columns: ``action`` (int64, from 1; null for action 0, which is none), ``cost``, ``propensity`` (null
    where there is none), ``eligible`` (lists of int64; null where the line names less than two actions: all
    actions of the log could have been chosen), ``context`` (features by name) and, of a part with a line for
    each action, ``features`` (a list of features by name, one an eligible action). A feature whose value is
    not a number is NaN. Features are parsed only if they are wanted.

    An example without a label is a dangling event, one with several costs does not state which action was
    taken and is unreadable.

    Raises
    ------
    InputError
        If no line of the part is an example, or the labels are of another kind (ccb, slates, ca).

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = Path(folder) / "log.vw"
    ...     _ = log.write_text("2:-1:0.25 |user age:30 vip\n1:0:0.75 3 | x\n", encoding="utf-8")
    ...     (batch,) = batches(Part(log))
    >>> batch["action"].to_pylist(), batch["cost"].to_pylist(), batch["eligible"].to_pylist()
    ([2, 1], [-1.0, 0.0], [None, [1, 3]])
    >>> batch["context"].to_pylist()
    [[('user.age', 30.0), ('user.vip', 1.0)], [('x', 1.0)]]
    """
    several = _has_several_lines(next(line_blocks(part.path), b""))
    found, n = False, 0
    for examples in _examples(part, several=several):
        rows = [_read(example, part, several=several) for example in examples]
        found = found or any(not row.wrong for row in rows)
        n += len(rows)
        columns = _labels(rows) | _features(examples, rows, wanted, several=several)
        kept = {name: column for name, column in columns.items() if wanted is None or name in wanted}
        kept[ROW] = pa.array([example.row for example in examples], pa.int64())
        if any(row.fault for row in rows):
            faults = [row.fault and dict(zip(("kind", "detail"), row.fault, strict=True)) for row in rows]
            kept[FAULT] = pa.array(faults, FAULT_TYPE)
        yield pa.record_batch(kept)
    if n and not found:
        raise InputError(f"{part.path}: must hold labels action:cost:probability, it holds none")


def _has_several_lines(head: bytes) -> bool:
    """Return whether examples have a line for each action: there is a shared line, or at most one label."""
    size, labelled = 0, 0
    for line in [*head.split(b"\n"), b""]:
        if not line.strip():
            if size > 1:
                return True
            size, labelled = 0, 0
            continue
        label = vw_label(line)
        if label.shared:
            return True
        size += 1
        labelled += label.n_costs > 0
        if labelled > 1:
            return False
    return False


def _examples(part: Part, *, several: bool) -> Iterator[list[_Example]]:
    """Yield the examples of each block: lines, or runs of lines between blank ones."""
    number = 0
    run: list[bytes] = []
    out: list[_Example] = []
    for block in line_blocks(part.path):
        for line in block.split(b"\n")[:-1]:
            number += 1
            if not line.strip():
                run = []
            elif several and run:
                run.append(line)
            else:
                run = [line]
                out.append(_Example(number, run))
        # the last example may go on in the next block
        whole = len(out) - bool(several and run)
        if whole:
            yield out[:whole]
        out = out[whole:]
    if out:
        yield out


def _read(example: _Example, part: Part, *, several: bool) -> _Row:
    """Return the label of an example.

    Raises
    ------
    InputError
        If it is one of another kind.
    """
    heads = tuple([line[: line.find(b"|") + 1] or line for line in example.lines])
    # many examples have the same label; long ones would fill the memory
    short = len(heads) < _SHORT and sum(map(len, heads)) < _SHORT
    row = _known(heads, several) if short else _row(heads, several)
    if row.wrong in _OTHERS:
        raise InputError(
            f"{part.path}, row {example.row}: must be cb or cb_adf text, got {row.wrong!r}; write such logs "
            "as decision-service JSON (dsjson)"
        )
    return row


def _row(heads: tuple[bytes, ...], several: bool) -> _Row:  # noqa: FBT001 - a cached function
    """Return the label of an example, whose lines begin so."""
    labels = [vw_label(head) for head in heads]
    wrong = next((label.wrong for label in labels if label.wrong), "")
    if wrong:
        detail = f"a label must be action:cost:probability, got {wrong[:40]!r}"
        return _Row(fault=("unreadable", detail), wrong=wrong)
    with_cost = [at for at, label in enumerate(labels) if label.n_costs]
    if sum(labels[at].n_costs for at in with_cost) > 1:
        return _Row(
            fault=("unreadable", "several actions have costs, so it is not known which one was taken")
        )
    shared = labels[0].shared
    eligible: list[int | None] | None = None
    if several:
        eligible = list(range(1, len(labels) - shared + 1))
    elif len(labels[0].actions) > 1:
        eligible = [action or None for action in labels[0].actions]
    if not with_cost:
        fault = ("dangling event", "a decision without an outcome")
        return _Row(eligible=eligible, shared=shared, fault=fault)
    (at,) = with_cost
    action = at + 1 - shared if several else int(labels[at].action)
    return _Row(action or None, labels[at].cost, labels[at].propensity, eligible, shared)


_known = lru_cache(maxsize=1 << 12)(_row)


def _labels(rows: list[_Row]) -> dict[str, pa.Array]:
    """Return the columns of labels; NaN is null, as a log without propensities has none."""
    numbers = {
        name: pa.array([getattr(row, name) for row in rows], pa.float64(), from_pandas=True)
        for name in ("cost", "propensity")
    }
    return {
        "action": pa.array([row.action for row in rows], pa.int64()),
        **numbers,
        "eligible": pa.array([row.eligible for row in rows], pa.list_(pa.int64())),
    }


def _features(
    examples: list[_Example], rows: list[_Row], wanted: Mapping[str, str] | None, *, several: bool
) -> dict[str, pa.Array]:
    """Return the columns of features that are wanted; unreadable examples have none."""
    out: dict[str, pa.Array] = {}
    if wanted is None or "context" in wanted:
        out["context"] = sparse(
            [_context(e, r, several=several) for e, r in zip(examples, rows, strict=True)]
        )
    if several and (wanted is None or "features" in wanted):
        out["features"] = sparses([_of_actions(e, r) for e, r in zip(examples, rows, strict=True)])
    return out


def _context(example: _Example, row: _Row, *, several: bool) -> dict[bytes, float] | None:
    if not row.readable:
        return None
    return vw_features(example.lines[0]) if row.shared or not several else {}


def _of_actions(example: _Example, row: _Row) -> list[dict[bytes, float]] | None:
    return [vw_features(line) for line in example.lines[row.shared :]] if row.readable else None
