"""The catalogue: what exists and can be retrieved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.types.arrays import Bool, Float32, Float64, Int16

__all__ = ["Catalogue"]


@dataclass(frozen=True)
class Catalogue:
    """Items with text fields and numbers; ids are row numbers and only ever appended.

    Parameters
    ----------
    name : tuple of str, length N
        External ids, unique.
    fields : mapping of str to tuple of str, each length N
        Text fields, for instance ``title`` and ``text``; at least one.
    popularity : float32 (N,), optional
        Prior popularity, >= 0; zeros where nothing is known.
    released : float64 (N,), optional
        Release time in seconds on the world's clock (negative: before it starts).
    kind : int16 (N,), optional
        Entity type, an index into ``kind_names``.
    kind_names : tuple of str
        Names of the entity types.
    alive : bool (N,), optional
        Items that may be retrieved.
    metadata : tuple of str, length N or 0
        One JSON object an item, kept as text, for arms that understand structure.

    Examples
    --------
    >>> items = Catalogue(("a1", "b2"), {"title": ("Blue", "Hejira"), "artist": ("Joni", "Joni")})
    >>> items.texts(), items.alive.tolist()
    (['Blue Joni', 'Hejira Joni'], [True, True])
    """

    name: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]
    popularity: Float32 = field(default=None)  # type: ignore[arg-type]  # filled in below
    released: Float64 = field(default=None)  # type: ignore[arg-type]  # filled in below
    kind: Int16 = field(default=None)  # type: ignore[arg-type]  # filled in below
    kind_names: tuple[str, ...] = ("item",)
    alive: Bool = field(default=None)  # type: ignore[arg-type]  # filled in below
    metadata: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.name)
        if n == 0:
            raise InputError("`Catalogue.name` must hold at least one item, got none")
        if not self.fields:
            raise InputError("`Catalogue.fields` must hold at least one text field, got none")
        for key, texts in self.fields.items():
            if len(texts) != n:
                raise InputError(f"`Catalogue.fields[{key!r}]` must hold {n} texts, got {len(texts)}")
        if self.metadata and len(self.metadata) != n:
            raise InputError(f"`Catalogue.metadata` must hold {n} texts or none, got {len(self.metadata)}")
        for key, dtype, fill in (
            ("popularity", np.float32, 0),
            ("released", np.float64, 0),
            ("kind", np.int16, 0),
            ("alive", np.bool_, 1),
        ):
            value = getattr(self, key)
            value = np.full(n, fill, dtype) if value is None else value
            object.__setattr__(self, key, _check.array(f"Catalogue.{key}", value, dtype, (n,)))
        if n and not (self.kind.min() >= 0 and self.kind.max() < len(self.kind_names)):
            raise InputError(
                f"`Catalogue.kind` must be in [0, {len(self.kind_names)}), places in `kind_names`, "
                f"got {self.kind.min()} to {self.kind.max()}"
            )

    def __len__(self) -> int:
        return len(self.name)

    def texts(self) -> list[str]:
        """Return one text an item: all its fields, joined by spaces."""
        return [" ".join(parts) for parts in zip(*self.fields.values(), strict=True)]
