"""Examples of Vowpal Wabbit's text format: their lines, labels and features, one block at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ltrr._kernels import dsjson_features, json_bytes
from ltrr._kernels import vw_text as kernels
from ltrr.errors import InputError
from ltrr.logs.formats.dsjson_features import Emitted
from ltrr.types import Float64, Int32, Int64

__all__ = ["Examples", "eligible_actions", "emit", "grouped", "names_of", "parted", "read_labels", "reasons"]
__all__ += ["refuse_others"]

_OTHERS = ("ccb", "slates", "ca")
_BLANK = re.compile(rb"\n[ \t\r]*\n")


@dataclass(frozen=True)
class Examples:
    """The examples of a block.

    Parameters
    ----------
    text : bytes
        The block.
    lines, real, listed : int64 (L, 8), float64 (L, 2), int64
        Lines, their numbers, and the actions that labels name; `ltrr._kernels.vw_text` names the columns.
    first, last : int64 (n,)
        An example has the lines ``first:last``.
    number : int
        Number of the line before the block.
    """

    text: bytes
    lines: Int64
    real: Float64
    listed: Int64
    first: Int64
    last: Int64
    number: int

    @property
    def n_lines(self) -> Int64:
        """Lines of each example."""
        return self.last - self.first


def read_labels(text: bytes) -> tuple[Int64, Float64, Int64]:
    """Return lines, their numbers, and the actions that labels name; what the kernel left, read by Python."""
    n = text.count(b"\n")
    lines, real = np.empty((n, 8), np.int64), np.empty((n, 2))
    listed = np.empty(len(text) // 2 + 1, np.int64)
    raw = np.frombuffer(text, np.uint8)
    _, m = kernels.labels(raw, len(text), lines, real, listed)
    extra: list[int] = []
    for line in np.flatnonzero(lines[:, kernels.KIND] == kernels.ASK).tolist():
        tokens = _tokens(text[lines[line, kernels.START] : lines[line, kernels.BAR] + 1])
        read = _read(tokens)
        if isinstance(read, str):
            lines[line, [kernels.COSTS, kernels.LISTED]] = 0
            real[line] = np.nan
            continue
        with_cost = [label for label in read if len(label) > 1]
        chosen = with_cost[-1] if with_cost else (-1.0,)
        lines[line, kernels.KIND] = kernels.EXAMPLE
        lines[line, kernels.CHOSEN] = int(chosen[0])
        lines[line, kernels.COSTS] = len(with_cost)
        lines[line, kernels.LISTED] = len(read)
        lines[line, kernels.FIRST] = m + len(extra)
        real[line] = [*chosen[1:], np.nan, np.nan][:2]
        extra += [int(label[0]) for label in read]
    return lines, real, np.append(listed[:m], np.array(extra, np.int64))


def _tokens(label: bytes) -> list[str]:
    """Return the words of a label, which goes up to the bar if there is one, without the tag."""
    bar = label.endswith(b"|")
    words = label.rstrip(b"\n").removesuffix(b"|").decode("utf-8", "replace").split()
    touching = bar and len(label) > 1 and not label[-2:-1].isspace()
    if words and touching:
        words.pop()
    return [word for word in words if not word.startswith("'")]


def _read(tokens: list[str]) -> list[tuple[float, ...]] | str:
    """Return labels as (action[, cost[, probability]]), or what is wrong."""
    out = []
    for token in tokens:
        try:
            label = tuple(float(part) for part in token.split(":"))
        except ValueError:
            return f"a label must be action:cost:probability, got {token[:40]!r}"
        if len(label) > 3 or not 0 <= label[0] <= 1e9 or label[0] != int(label[0]):
            return f"a label must be action:cost:probability, got {token[:40]!r}"
        out.append(label)
    return out


def refuse_others(examples: Examples, line: int, name: str) -> None:
    """Refuse a log of another kind of text label, if the line is one.

    Raises
    ------
    InputError
        If it is.
    """
    start, bar = examples.lines[line, kernels.START], examples.lines[line, kernels.BAR]
    tokens = _tokens(examples.text[start : bar + 1])
    if tokens and tokens[0] in _OTHERS:
        raise InputError(
            f"{name}, row {examples.number + line + 1}: must be cb or cb_adf text, got {tokens[0]!r}; write "
            "such logs as decision-service JSON (dsjson)"
        )


def reasons(examples: Examples, rows: Int64) -> list[str]:
    """Say what is wrong with examples, the first few only."""
    details = []
    for row in rows[:20].tolist():
        reason = "several actions have costs, so it is not known which one was taken"
        for line in range(int(examples.first[row]), int(examples.last[row])):
            if examples.lines[line, kernels.KIND] == kernels.ASK:
                start, bar = examples.lines[line, kernels.START], examples.lines[line, kernels.BAR]
                read = _read(_tokens(examples.text[start : bar + 1]))
                reason = read if isinstance(read, str) else reason
                break
        details.append(reason)
    return details


def parted(text: bytes) -> tuple[bytes, bytes]:
    """Cut a block behind its last blank line."""
    start = max(text.rfind(b"\n\n"), text.rfind(b"\n\r\n"))
    found = None if start >= 0 else _BLANK.search(text)
    if found is not None:
        start = found.start()
    cut = text.find(b"\n", start + 1) + 1 if start >= 0 else 0
    return text[:cut], text[cut:]


def grouped(text: bytes, number: int, *, several: bool) -> Examples:
    """Return the examples of a block: lines, or runs of lines between blank ones."""
    lines, real, listed = read_labels(text)
    filled = lines[:, kernels.KIND] != kernels.BLANK
    first = np.flatnonzero(filled)
    last = first + 1
    if several:
        first = np.flatnonzero(filled & ~np.append(False, filled[:-1]))
        last = np.flatnonzero(filled & ~np.append(filled[1:], False)) + 1
    return Examples(text, lines, real, listed, first, last, number)


def eligible_actions(examples: Examples, n_actions: int) -> tuple[Int64, Int32]:
    """Return the actions that labels list, all where they list one or none."""
    lines = examples.lines[examples.first]
    length = np.where(lines[:, kernels.LISTED] > 1, lines[:, kernels.LISTED], n_actions)
    indptr = np.append(0, np.cumsum(length))
    within = np.arange(indptr[-1]) - np.repeat(indptr[:-1], length)
    listing = np.repeat(lines[:, kernels.LISTED] > 1, length)
    at = np.where(listing, np.repeat(lines[:, kernels.FIRST], length) + within, 0)
    return indptr, np.where(listing, np.append(examples.listed, 0)[at] - 1, within).astype(np.int32)


def _owners(examples: Examples) -> Int64:
    """Return whose the features of each line are: −1 the context's, else the action's place."""
    lines = examples.lines
    owner = np.full(len(lines), -1, np.int64)
    if len(examples.first) and int(examples.n_lines.max()) > 1:
        row = np.searchsorted(examples.first, np.arange(len(lines)), side="right") - 1
        shared = lines[:, kernels.KIND][examples.first] == kernels.SHARED
        within = np.arange(len(lines)) - examples.first[row] - shared[row]
        owner = np.where(row >= 0, np.maximum(within, -1), -1)
    return owner


def emit(examples: Examples) -> Emitted:
    """Return the features of all lines."""
    to = dsjson_features.found(len(examples.text))
    raw = np.frombuffer(examples.text, np.uint8)
    bar, end = examples.lines[:, kernels.BAR].copy(), examples.lines[:, kernels.END].copy()
    n = kernels.features(raw, bar, end, _owners(examples), to)
    return Emitted(to.name[:n].copy(), to.value[:n].copy(), to.line[:n].copy(), to.owner[:n].copy())


def names_of(examples: Examples, line: int) -> list[tuple[str, int]]:
    """Return the names of a line's features and their hashes."""
    text = examples.text[examples.lines[line, kernels.BAR] : examples.lines[line, kernels.END]]
    out = []
    for group in text.split(b"|")[1:]:
        words = group.split()
        space = b""
        if words and not group[:1].isspace():
            space = words.pop(0).split(b":")[0]
        for word in words:
            name = (space + b"." if space else b"") + word.split(b":")[0]
            out.append((name.decode("utf-8", "surrogateescape"), json_bytes.hash_bytes(name)))
    return out
