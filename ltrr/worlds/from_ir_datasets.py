"""A world over a dataset of ir_datasets."""

from __future__ import annotations

from typing import Any

from ltrr.worlds.collection import Collection
from ltrr.worlds.ir_datasets import PREFIX

__all__ = ["from_ir_datasets"]


def from_ir_datasets(name: str, **settings: Any) -> Collection:
    """Return a collection that ir_datasets knows by name; needs ``pip install 'ltrr[datasets]'``.

    The same as ``Collection("ir_datasets:NAME")``, which study files and the command line can name too.

    Parameters
    ----------
    name : str
        For instance ``"cranfield"``, or ``"beir/scifact/test"``; where a dataset has several splits and none
        is named, that of ``split``. What is not there yet is downloaded.
    **settings
        Those of `Collection`.

    Raises
    ------
    InputError
        As `ltrr.worlds.ir_datasets.read_ir_dataset` and `Collection`.
    """
    return Collection(f"{PREFIX}{name}", **settings)
