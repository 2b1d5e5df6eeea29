"""Pretrained token vectors: what they say, whatever the batch, and what is said where they are absent."""

import builtins

import numpy as np
import pytest

from ltrr.checks import check_encoder
from ltrr.embeddings import StaticVectors
from ltrr.errors import InputError
from ltrr.study import transport

TEXTS = ("a red car", "an automobile", "chocolate cake", "", "...", "汽车")


@pytest.fixture(scope="module")
def encoder():
    pytest.importorskip("tokenizers", reason="needs the extra `encoders`")
    pytest.importorskip("safetensors", reason="needs the extra `encoders`")
    return StaticVectors()


def test_related_words_are_near(encoder):
    car, auto, cake, *_ = encoder.encode(TEXTS)
    assert car @ auto > 0.4
    assert car @ auto > 5 * abs(car @ cake)


def test_it_keeps_the_protocol(encoder):
    check_encoder(encoder)


def test_a_vector_is_the_mean_of_its_tokens(encoder):
    ids = encoder._tokenizer.encode("a red car", add_special_tokens=False).ids
    mean = encoder._vectors[ids].astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(encoder.encode(["a red car"])[0], mean / np.linalg.norm(mean), atol=1e-6)


def test_texts_do_not_depend_on_their_batch(encoder):
    many = [f"{a} {b}" for a in TEXTS for b in TEXTS] * 60
    rows = encoder.encode(many)
    for i in range(0, len(many), 97):
        assert (encoder.encode([many[i]])[0] == rows[i]).all()
    assert not encoder.encode([""]).any()
    assert encoder.encode([]).shape == (0, 256)


def test_it_travels_to_workers(encoder, tmp_path):
    transport.put(tmp_path / "encoder", encoder)
    other = transport.take(tmp_path / "encoder")
    assert not other._vectors.flags.owndata  # mapped, not copied
    np.testing.assert_array_equal(other.encode(TEXTS), encoder.encode(TEXTS))


def test_without_the_extra_one_line_names_it_and_what_to_use(monkeypatch, ltrr, tmp_path):
    real = builtins.__import__

    def refused(name, *args, **kwargs):
        if name.partition(".")[0] in ("tokenizers", "safetensors", "wordllama"):
            raise ImportError(f"No module named {name!r}")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refused)
    with pytest.raises(InputError, match="needs the extra `encoders`"):
        StaticVectors()
    status, out, err = ltrr("simulate", "semantic", "--collection", tmp_path, "--out", tmp_path / "run")
    assert (status, out) == (2, "")
    assert "ltrr[encoders]" in err
    assert "lsa" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()
