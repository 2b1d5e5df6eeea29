"""Open Bandit Data: impressions of fashion items with their clicks and propensities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ltrr.errors import InputError
from ltrr.logs.columns import Columns
from ltrr.logs.convert import Found, labels, numbers
from ltrr.logs.files import readable
from ltrr.logs.format import Part, log_format
from ltrr.logs.formats import csv
from ltrr.logs.items import ItemTable
from ltrr.logs.vocabulary import Actions, Category, Counts

__all__ = ["OBD_COLUMNS", "batches", "fields"]

OBD_COLUMNS = ("timestamp", "item_id", "position", "click", "propensity_score")
"""Columns by which Open Bandit Data is recognised."""

_ITEMS = "item_context.csv"
_AFFINITY = "user-item_affinity_"


def _recognise(name: str, start: bytes) -> bool:
    first = start.split(b"\n", 1)[0].decode("utf-8", "replace")
    names = {n.strip().strip('"') for n in first.lstrip("\ufeff").split(",")}
    return name.endswith(".csv") and names.issuperset(OBD_COLUMNS)


def fields(parts: tuple[Part, ...], head: pa.RecordBatch, *, affinity: bool = False) -> Mapping[str, Any]:
    """Return the column map, the items and their features.

    Parameters
    ----------
    parts : tuple of Part
        The campaign's files.
    head : pyarrow.RecordBatch
        The first rows.
    affinity : bool
        Give each action its ``user-item_affinity`` of the request as a feature.

    Raises
    ------
    InputError
        If the path holds no such data.
    """
    path, found = parts[0].path, head.schema.names
    absent = [n for n in OBD_COLUMNS if n not in found]
    if absent:
        raise InputError(f"{path}: Open Bandit Data must have the column {absent[0]!r}, this log does not")
    users = tuple(n for n in found if n.startswith("user_feature_"))
    columns = Columns(
        reward="click",
        action="item_id",
        propensity="propensity_score",
        context=(*users, "position"),
        categories=(*users, "position"),
        position="position",
        timestamp="timestamp",
    ).resolve(found, str(path))
    beside = path.with_name(_ITEMS)
    items = _items(beside) if beside.is_file() else ItemTable()
    scored = Actions.seen(n.removeprefix(_AFFINITY) for n in found if n.startswith(_AFFINITY)).names
    names = items.actions or scored
    pattern = {"affinity": _AFFINITY + "{}"} if affinity else {}
    if affinity and set(names) != set(scored):
        raise InputError(f"{path}: must have a column {_AFFINITY}<item> for every item to use `affinity`")
    return {
        "columns": columns,
        "check_duplicates": False,
        "actions": names or None,
        "items": ItemTable(items.names, items.actions, items.values, pattern),
        "reward_range": (0.0, 1.0),
    }


@log_format(endings=(".csv",), recognise=_recognise, fields=fields)
def batches(part: Part, wanted: Mapping[str, str] | None) -> Iterator[pa.RecordBatch]:
    """Read Open Bandit Data: one row is one item shown at one place of the page.

    Reward is the click, action is ``item_id`` and all items of the campaign are eligible. The context is the
    user's features and the position, each as zeros and ones. Items have their own features if
    ``item_context.csv`` is next to the log; these files name the same items by different hashes in different
    logs, only ``item_id`` joins them. The first column is an index of rows and not read.

    Parameters
    ----------
    part : Part
    wanted : mapping of str to str, or None

    References
    ----------
    Saito, Aihara, Matsutani, Narita, "Open Bandit Dataset and Pipeline", NeurIPS 2021 Datasets and
    Benchmarks, section 3 and appendix B.
    """
    yield from csv.batches(part, wanted, delimiter=",", decimal=".")


def _items(path: Path) -> ItemTable:
    """Return the items' features: numbers as they are, hashes as zeros and ones."""
    with readable(path):
        read = list(csv.batches(Part(path), None))
    if not any(batch.num_rows for batch in read):
        raise InputError(f"{path}: must hold items, it holds none")
    table = pa.Table.from_batches(read)
    if "item_id" not in table.column_names:
        raise InputError(f"{path}: must have the column 'item_id', and does not")
    found = Found()
    label = labels(table["item_id"], "item_id", found)
    names, columns = [], []
    for name in (n for n in table.column_names if n.startswith("item_feature_")):
        trial = Found()
        value = numbers(table[name], name, trial)
        if not trial.notes:
            names.append(name)
            columns.append(value[:, None])
            continue
        counts = Counts(name)
        counts.add(table[name])
        category = Category(counts.levels())
        code = category.codes(labels(table[name], name, found))
        names += [f"{name}:{level}" for level in category.levels]
        columns.append(np.eye(len(category.levels))[code])
    ids = [str(v) for v in label.to_pylist()]
    values = np.concatenate(columns, axis=1) if columns else np.zeros((len(ids), 0))
    if len(set(ids)) < len(ids) or label.null_count or found.notes or not np.isfinite(values).all():
        raise InputError(f"{path}: must hold one row an item, with an id and without gaps")
    order = [ids.index(name) for name in Actions.seen(ids).names]
    return ItemTable(tuple(names), tuple(ids[i] for i in order), values[order].astype(np.float32))
