"""Reading decision-service JSON lines: MB/s of the format next to plain loops over other JSON libraries.

Run with ``python -m benchmarks.replay_dsjson FILE [FILE …] [--megabytes 50] [--rounds 5]``. A file's
lines are repeated up to the size, each with an event id of its own where it has one. Times are CPU seconds
of one thread; all ways are run in turn in each round, and the median of the rounds is shown. The plain
loops check nothing, build no columns and leave `_outcomes` out: "labels" take cost, propensity, index, `a`
and `p` of a line, "features" every value of a line as Python objects. "End to end" is the reader's first pass
with its temporary file, and two passes over checked chunks.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.json as pj

from ltrr.logs.format import Part
from ltrr.logs.formats.dsjson import COLUMNS, batches
from ltrr.logs.formats.lines import line_blocks
from ltrr.logs.reading import read

LABELS = dict.fromkeys(
    [name for name in COLUMNS.values() if isinstance(name, str) and name != "features"], "any"
)
LISTS = pa.schema(
    [
        ("_label_cost", pa.float64()),
        ("_label_probability", pa.float64()),
        ("_labelIndex", pa.int64()),
        ("a", pa.list_(pa.int64())),
        ("p", pa.list_(pa.float64())),
    ]
)


class Label(msgspec.Struct, gc=False):
    """What the plain loop over msgspec takes from a line."""

    a: list[int] | None = None
    p: list[float] | None = None
    cost: float | None = msgspec.field(name="_label_cost", default=None)
    propensity: float | None = msgspec.field(name="_label_probability", default=None)
    index: int | None = msgspec.field(name="_labelIndex", default=None)


def repeat(file: Path, to: Path, size: int) -> None:
    """Write a file's lines again and again, with other event ids."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    written, j = 0, 0
    with to.open("w", encoding="utf-8") as out:
        while written < size:
            block = "\n".join(line.replace('"EventId":"', f'"EventId":"{j}-') for line in lines) + "\n"
            written += out.write(block)
            j += 1


def lines_of(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file."""
    for block in line_blocks(path):
        yield from block[:-1].split(b"\n")


def by_msgspec(path: Path, kind: Any) -> None:
    """Decode every line."""
    decode = msgspec.json.Decoder(kind).decode
    for line in lines_of(path):
        decode(line)


def by_simdjson(path: Path, *, whole: bool) -> None:
    """Decode every line, or take its label."""
    import simdjson

    parser = simdjson.Parser()
    for line in lines_of(path):
        take(parser.parse(line, whole), () if whole else LISTS.names)


def take(found: Any, names: Sequence[str]) -> None:
    """Take values from a line that pysimdjson parsed; it must be let go before the next is parsed."""
    for name in names:
        value = found.get(name)
        if hasattr(value, "as_list"):
            value.as_list()


def by_arrow(path: Path, schema: pa.Schema | None) -> None:
    """Read every block, or the label's columns of it."""
    parse = pj.ParseOptions(
        explicit_schema=schema, unexpected_field_behavior="infer" if schema is None else "ignore"
    )
    for block in line_blocks(path):
        read = pj.ReadOptions(use_threads=False, block_size=len(block) + 1)
        pj.read_json(pa.BufferReader(block), read_options=read, parse_options=parse)


def by_format(path: Path, wanted: dict[str, str] | None) -> None:
    """Read every batch."""
    for _ in batches(Part(path), wanted):
        pass


def by_reader(path: Path, *, features: bool) -> None:
    """Read the log as a replay with a reward model does: a first pass, and two over checked chunks."""
    log = read(path, format="dsjson", features=features)
    for _ in range(2):
        for _ in log.chunks():
            pass


def seconds(run: Callable[[], None]) -> float:
    """Return the CPU seconds of a run."""
    start = time.process_time()
    run()
    return time.process_time() - start


def runs_of(path: Path) -> dict[str, Callable[[], None]]:
    """Return what is compared on a file."""
    return {
        "labels: this format": lambda: by_format(path, LABELS),
        "labels: end to end, three passes": lambda: by_reader(path, features=False),
        "labels: msgspec": lambda: by_msgspec(path, Label),
        "labels: pysimdjson": lambda: by_simdjson(path, whole=False),
        "labels: pyarrow.json": lambda: by_arrow(path, LISTS),
        "features: this format": lambda: by_format(path, None),
        "features: end to end, three passes": lambda: by_reader(path, features=True),
        "features: msgspec": lambda: by_msgspec(path, Any),
        "features: pysimdjson": lambda: by_simdjson(path, whole=True),
        "features: pyarrow.json": lambda: by_arrow(path, None),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--megabytes", type=float, default=50.0)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for file in arguments.files:
            path = Path(folder) / "log.json"
            repeat(file, path, int(arguments.megabytes * 1e6))
            runs = runs_of(path)
            spent: dict[str, list[float]] = {name: [] for name in runs}
            for _ in range(arguments.rounds):
                for name, run in runs.items():
                    spent[name].append(seconds(run))
            size = path.stat().st_size / 1e6
            print(f"{file.name}: {size:.0f} MB")
            for name, times in spent.items():
                print(f"{size / statistics.median(times):8.0f} MB/s  {name}")


if __name__ == "__main__":
    main()
