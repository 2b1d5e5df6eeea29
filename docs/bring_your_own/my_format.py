"""Your own format of logs: a line a decision, as a web server writes it."""

import re

import pyarrow as pa

from ltrr.logs.format import FAULT, FAULT_TYPE

LINE = re.compile(r"(?P<time>\d+) shown=(?P<action>\w+) p=(?P<propensity>[\d.]+) click=(?P<reward>[01])")


def batches(part, wanted):
    """Yield the rows of a part: text is fine, the reader makes numbers of it."""
    lines = part.path.read_text(encoding="utf-8").splitlines()
    found = [LINE.fullmatch(line) for line in lines]
    names = list(LINE.groupindex) if wanted is None else [n for n in wanted if n in LINE.groupindex]
    columns = {name: pa.array([m and m[name] for m in found], pa.string()) for name in names}
    pairs = zip(lines, found, strict=True)
    faults = [None if match else {"kind": "unreadable", "detail": line[:40]} for line, match in pairs]
    yield pa.record_batch({**columns, FAULT: pa.array(faults, FAULT_TYPE)})
