"""What every encoder must keep."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ltrr.checks.common import Case
from ltrr.checks.data import catalogue_of
from ltrr.errors import InputError
from ltrr.protocols import Encoder
from ltrr.types import Float32

__all__ = ["ENCODER_CHECKS", "check_encoder"]

_UNKNOWN = ("", " ", "?!", "xylophone quartz", "Straße naïve", "日本語の本", "a" * 500, "7 amber\tbirch\n")
"""Texts that no encoder was fitted to: empty, without a word, of unknown words, of other scripts, long."""


@dataclass(frozen=True, kw_only=True)
class _Case(Case):
    """An encoder under check, and the texts that it knows."""

    texts: tuple[str, ...]

    call = "check_encoder"
    group = "encoders"
    protocol = Encoder

    def fresh(self, texts: list[str] | None = None) -> Any:
        """Return the encoder itself, or a fitted copy where it learns from texts."""
        if not hasattr(self.component, "fit"):
            return self.component
        encoder = copy.deepcopy(self.component)
        encoder.fit(list(self.texts) if texts is None else texts)
        return encoder

    def kinds(self) -> Iterator[tuple[str, list[str]]]:
        """Yield texts that were seen, and texts that were not."""
        yield "known texts", list(self.texts)
        yield "unknown texts", list(_UNKNOWN)

    def must_be_vectors(self, rows: Float32, n: int, when: str) -> None:
        must, shape = self.must("encode", when), np.shape(rows)
        fits = isinstance(rows, np.ndarray) and shape[:1] == (n,) and rows.ndim == 2
        must(fits, f"be one row a text, ({n}, dim), got {type(rows).__name__} {shape}")
        must(rows.dtype == np.float32, f"be float32, got {rows.dtype}")
        must(np.isfinite(rows).all(), f"be finite, got {rows[~np.isfinite(rows)][:1]}")

    def check_arguments_are_left_alone(self) -> None:
        """Neither fitting nor encoding changes the list of texts."""
        texts = list(self.texts)
        with self.left_alone(texts):
            self.fresh(texts).encode(texts)

    def check_vectors_are_numbers(self) -> None:
        """Vectors are finite float32, one row a text, some number in them."""
        rows = self.fresh().encode(list(self.texts))
        self.must_be_vectors(rows, len(self.texts), "known texts")
        self.must("encode")(rows.any(), "distinguish texts, got zeros for all of them")

    def check_unknown_texts(self) -> None:
        """Texts without words, with unknown ones and of other scripts have vectors too."""
        encoder = self.fresh()
        for text in _UNKNOWN:
            self.must_be_vectors(encoder.encode([text]), 1, f"the text {text[:20]!r}")
        self.must_be_vectors(encoder.encode(list(_UNKNOWN)), len(_UNKNOWN), "unknown texts")

    def check_empty_batch(self) -> None:
        """No texts have no vectors, and all vectors have one dimension."""
        encoder = self.fresh()
        self.must_be_vectors(encoder.encode([]), 0, "no texts")
        asked = ([], *([text] for text in _UNKNOWN), list(self.texts), list(self.texts[:1]))
        dims = sorted({encoder.encode(texts).shape[1] for texts in asked})
        self.must("encode")(len(dims) == 1, f"have one dimension for all texts, none among them, got {dims}")

    def check_asking_teaches_nothing(self) -> None:
        """Encode again: the same text has the same vector, whatever was encoded in between."""
        encoder = self.fresh()
        before = encoder.encode(list(self.texts))
        encoder.encode(list(_UNKNOWN))
        after = encoder.encode(list(self.texts))
        self.must("encode")(
            self.same(before, after), "give the same answer to the same question, got other vectors"
        )

    def check_batch_does_not_matter(self) -> None:
        """Encode texts alone, in another order and among others: they get the same vectors."""
        encoder = self.fresh()
        for when, texts in self.kinds():
            rows, n = encoder.encode(texts), len(texts)
            mixed = encoder.encode([*_UNKNOWN, *texts, *self.texts])[len(_UNKNOWN) :][:n]
            alone = [encoder.encode([text]) for text in texts]
            for how, got in (
                ("a text alone", np.concatenate(alone) if alone else rows),
                ("another order", encoder.encode(texts[::-1])[::-1]),
                ("texts among others", mixed),
            ):
                text = f"not depend on the other texts, got another vector for {how}"
                self.must("encode", when)(self.same(rows, got), text)


ENCODER_CHECKS = _Case.checks()
"""Names of the checks, in the order in which they run."""


def check_encoder(
    encoder: Any,
    *,
    texts: Sequence[str] | None = None,
    tolerance: float = 0.0,
    skip: Mapping[str, str] | None = None,
) -> None:
    """Check that an encoder keeps `ltrr.protocols.Encoder`.

    One with ``fit(texts)`` is copied (`copy.deepcopy`) and fitted to the texts first; any other is used as it
    is.

    Parameters
    ----------
    encoder : Encoder
    texts : sequence of str, optional
        Texts of the kind that it is made for, at least one; by default short ones of English words.
    tolerance : float >= 0
        Largest allowed absolute difference wherever a check asks for the same bits; 0 is exact. Dense matrix
        products differ in the last bits between batches of different sizes.
    skip : mapping of check to reason, optional
        Checks of `ENCODER_CHECKS` that do not apply.

    Raises
    ------
    CheckError
        At the first check that fails.
    InputError
        If ``encoder`` is a class or another kind of object, ``texts`` are none, or ``skip`` names no check or
        gives no reason.

    Examples
    --------
    >>> from ltrr.embeddings import LSA
    >>> check_encoder(LSA(dim=8))
    """
    given = tuple(filter(str.strip, catalogue_of().texts()) if texts is None else texts)
    if not given:
        raise InputError("`texts` must hold at least one text, got none")
    _Case(component=encoder, tolerance=tolerance, texts=given).run(skip)
