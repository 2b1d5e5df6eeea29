"""Every check of an encoder can fail."""

import numpy as np
import pytest

from ltrr.checks import check_encoder
from ltrr.checks.encoder import ENCODER_CHECKS
from ltrr.errors import InputError
from tests.checks.stalls import must_fail


class SomeEncoder:
    """Counts of letters, weighted by how many texts have them: right in every way."""

    def fit(self, texts):
        self.weight = 1.0 / (1.0 + np.array([sum(c in text for text in texts) for c in "abcdefgh"]))

    def encode(self, texts):
        rows = [[text.count(c) for c in "abcdefgh"] for text in texts]
        return (np.array(rows, np.float64).reshape(len(texts), 8) * self.weight).astype(np.float32)


class NoEncode(SomeEncoder):
    encode = None


class Doubles(SomeEncoder):
    def encode(self, texts):
        return super().encode(texts).astype(np.float64)


class Endless(SomeEncoder):
    def encode(self, texts):
        with np.errstate(divide="ignore"):
            return np.log(super().encode(texts))


class Flat(SomeEncoder):
    def encode(self, texts):
        return super().encode(texts).reshape(-1)


class Distinct(SomeEncoder):
    """A row a distinct text."""

    def encode(self, texts):
        return super().encode(sorted(set(texts)))


class Blank(SomeEncoder):
    def encode(self, texts):
        return 0.0 * super().encode(texts)


class Normalising(SomeEncoder):
    """Divides by a length that is 0 for some texts."""

    def encode(self, texts):
        rows = super().encode(texts)
        with np.errstate(divide="ignore", invalid="ignore"):
            return rows / np.where(np.array([not t.isascii() for t in texts])[:, None], 0, 1).astype(
                np.float32
            )


class Strict(SomeEncoder):
    def encode(self, texts):
        for text in texts:
            if not text.strip():
                raise KeyError(text)
        return super().encode(texts)


class Needy(SomeEncoder):
    def encode(self, texts):
        return super().encode(texts) if len(texts) else np.zeros((0, 0), np.float32)


class Stacking(SomeEncoder):
    def encode(self, texts):
        return np.stack([super(Stacking, self).encode([text])[0] for text in texts])


class Narrowing(SomeEncoder):
    """Drops dimensions that are empty in the batch."""

    def encode(self, texts):
        rows = super().encode(texts)
        return rows[:, : max(1, int(rows.any(axis=0).sum()))] if len(rows) < 3 else rows


class Centring(SomeEncoder):
    def encode(self, texts):
        rows = super().encode(texts)
        return rows - rows.mean(axis=0) if len(rows) else rows


class Ordered(SomeEncoder):
    """Adds a word of where a text stands."""

    def encode(self, texts):
        rows = super().encode(texts)
        return rows + (np.arange(len(rows)) % 7)[:, None].astype(np.float32)


class Growing(SomeEncoder):
    """Learns from what it encodes."""

    def encode(self, texts):
        rows = super().encode(texts)
        if "?!" in texts:
            self.weight = self.weight * 0.5
        return rows


class Sorting(SomeEncoder):
    def encode(self, texts):
        texts.sort()
        return super().encode(texts)


class Emptying(SomeEncoder):
    def fit(self, texts):
        super().fit(texts)
        texts.clear()


BROKEN = [
    ("follows_protocol", NoEncode),
    ("vectors_are_numbers", Doubles),
    ("vectors_are_numbers", Endless),
    ("vectors_are_numbers", Flat),
    ("vectors_are_numbers", Distinct),
    ("vectors_are_numbers", Blank),
    ("unknown_texts", Normalising),
    ("unknown_texts", Strict),
    ("empty_batch", Needy),
    ("empty_batch", Stacking),
    ("empty_batch", Narrowing),
    ("batch_does_not_matter", Centring),
    ("batch_does_not_matter", Ordered),
    ("asking_teaches_nothing", Growing),
    ("arguments_are_left_alone", Sorting),
    ("arguments_are_left_alone", Emptying),
]


class Inexact(SomeEncoder):
    """Sums in another order in larger batches, so to say."""

    off = 1e-12

    def encode(self, texts):
        # float32 has no room for so little beside a large number
        return 1e-6 * super().encode(texts) + np.float32(self.off * (len(texts) % 3))


class Imprecise(Inexact):
    off = 1e-3


class Fixed:
    """Pretrained: it has no `fit`, and cannot be copied."""

    def encode(self, texts):
        return np.array([[len(text), 1.0] for text in texts], np.float32).reshape(len(texts), 2)

    def __deepcopy__(self, memo):
        raise TypeError("too large")


def test_the_right_one_passes():
    check_encoder(SomeEncoder())
    check_encoder(SomeEncoder(), texts=["one text"])
    check_encoder(Fixed())


@pytest.mark.parametrize(("check", "kind"), BROKEN)
def test_a_broken_one_fails_where_it_is_broken(check, kind):
    must_fail(check, lambda: check_encoder(kind()))


def test_every_check_can_fail():
    assert set(ENCODER_CHECKS) == {check for check, _ in BROKEN}


def test_tolerance():
    check_encoder(Inexact(), tolerance=1e-9)
    must_fail("batch_does_not_matter", lambda: check_encoder(Inexact()))
    must_fail("batch_does_not_matter", lambda: check_encoder(Imprecise(), tolerance=1e-9))


def test_there_must_be_texts():
    with pytest.raises(InputError, match="`texts` must hold at least one text, got none"):
        check_encoder(SomeEncoder(), texts=[])


def test_what_is_checked_stays_as_it_was():
    encoder = SomeEncoder()
    check_encoder(encoder)
    assert not hasattr(encoder, "weight")
