"""Open Bandit Data: impressions of fashion items with their clicks and propensities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from ltrr.errors import InputError
from ltrr.logs.blocks import TableFiles
from ltrr.logs.columns import Columns
from ltrr.logs.convert import Found, labels, numbers
from ltrr.logs.files import parts_of
from ltrr.logs.items import ItemTable
from ltrr.logs.table import TableLog, checked
from ltrr.logs.vocabulary import Actions, Category, Counts

__all__ = ["OBD_COLUMNS", "open_obd"]

OBD_COLUMNS = ("timestamp", "item_id", "position", "click", "propensity_score")
"""Columns by which Open Bandit Data is recognised."""

_ITEMS = "item_context.csv"
_AFFINITY = "user-item_affinity_"


def open_obd(
    path: str | Path,
    *,
    on_error: str = "fail",
    chunk_rows: int | None = None,
    floor: float | None = None,
    reward_range: tuple[float, float] | None = (0.0, 1.0),
    affinity: bool = False,
) -> TableLog:
    """Return a log of Open Bandit Data: one row is one item shown at one place of the page.

    Reward is the click, action is ``item_id`` and all items of the campaign are eligible. The context is the
    user's features and the position, each as zeros and ones. Items have their own features if
    ``item_context.csv`` is next to the log; these files name the same items by different hashes in different
    logs, only ``item_id`` joins them. The first column is an index of rows and not read.

    Parameters
    ----------
    path : str or Path
        The campaign's csv file, or its folder.
    on_error : "fail", "skip" or "report"
    chunk_rows : int or None
    floor : float or None
    reward_range : (float, float) or None
        Clicks are 0 or 1.
    affinity : bool
        Give each action its ``user-item_affinity`` of the request as a feature.

    Raises
    ------
    InputError
        If the path holds no such data.

    References
    ----------
    Saito, Aihara, Matsutani, Narita, "Open Bandit Dataset and Pipeline", NeurIPS 2021 Datasets and
    Benchmarks, section 3 and appendix B.
    """
    folder = Path(path)
    parts = tuple(p for p in parts_of(folder, "csv") if p.name != _ITEMS)
    if not parts:
        raise InputError(f"{path}: must hold the campaign's csv file next to {_ITEMS}, and does not")
    files = TableFiles(folder, "csv", parts)
    absent = [n for n in OBD_COLUMNS if n not in files.names]
    if absent:
        raise InputError(f"{path}: Open Bandit Data must have the column {absent[0]!r}, this log does not")
    users = tuple(n for n in files.names if n.startswith("user_feature_"))
    columns = Columns(
        reward="click",
        action="item_id",
        propensity="propensity_score",
        context=(*users, "position"),
        categories=(*users, "position"),
        position="position",
        timestamp="timestamp",
    ).resolve(files.names, str(path))
    beside = parts[0].with_name(_ITEMS)
    items = _items(beside) if beside.is_file() else ItemTable()
    scored = Actions.seen(n.removeprefix(_AFFINITY) for n in files.names if n.startswith(_AFFINITY)).names
    names = items.actions or scored
    pattern = {"affinity": _AFFINITY + "{}"} if affinity else {}
    if affinity and set(names) != set(scored):
        raise InputError(f"{path}: must have a column {_AFFINITY}<item> for every item to use `affinity`")
    return TableLog(
        files,
        columns,
        check_duplicates=False,
        actions=names or None,
        items=ItemTable(items.names, items.actions, items.values, pattern),
        format="obd",
        **checked(on_error, chunk_rows, floor, reward_range),
    )


def _items(path: Path) -> ItemTable:
    """Return the items' features: numbers as they are, hashes as zeros and ones."""
    files = TableFiles.find(path, "csv")
    if "item_id" not in files.names:
        raise InputError(f"{path}: must have the column 'item_id', and does not")
    features = [n for n in files.names if n.startswith("item_feature_")]
    kinds = dict.fromkeys(["item_id", *features], "text")
    blocks = [block.table for block in files.blocks(kinds, 1 << 20)]
    if not blocks:
        raise InputError(f"{path}: must hold items, it holds none")
    table = pa.concat_tables(blocks, promote_options="default")
    found = Found()
    label = labels(table["item_id"], "item_id", found)
    names, columns = [], []
    for name in features:
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
