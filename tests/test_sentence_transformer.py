"""Models of sentence-transformers: the contract with a package that stands for it, and a tiny real model."""

import sys

import numpy as np
import pytest

from ltrr.checks import check_encoder
from ltrr.embeddings import ENCODERS, SentenceTransformerEncoder
from ltrr.errors import InputError
from ltrr.retrieval import Dense, load, save
from ltrr.study import transport
from tests.fake_sentence_transformers import installed
from tests.naive_retrieval import catalogue_of, depths, requests_of, rows


@pytest.fixture
def package():
    with installed():
        yield


@pytest.mark.usefixtures("package")
def test_prompts_batches_and_device_reach_the_model():
    encoder = ENCODERS.make(
        "sentence-transformers",
        {"model": "letters", "prompt": "p:", "query_prompt": "q:", "batch_size": 7, "device": "cpu"},
        "encoder",
    )
    model = encoder._texts.function.func.__self__
    assert (model.device, model.local) == ("cpu", True)
    texts, queries = encoder.encode(["abc", "a"]), encoder.encode_queries(["abc", "a"])
    assert model.calls == [(2, "p:", 7), (2, "q:", 1)]
    assert texts.dtype == queries.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(texts[0, [0, 15, 16, 26]], [0.2**0.5, 0.2**0.5, 0.0, 0.2**0.5], atol=1e-6)
    assert (queries[:, 15] == 0).all()
    assert (queries[:, 16] > 0).all()
    plain = SentenceTransformerEncoder("letters", prompt="p:", download=True)
    np.testing.assert_array_equal(plain.encode_queries(["abc"]), plain.encode(["abc"]))
    assert not plain._texts.function.func.__self__.local


@pytest.mark.usefixtures("package")
def test_it_keeps_the_protocol_travels_and_is_saved_by_name(tmp_path):
    encoder = SentenceTransformerEncoder("letters", query_prompt="aaaa")
    check_encoder(encoder)
    transport.put(tmp_path / "sent", encoder)
    assert (tmp_path / "sent").stat().st_size < 800  # without the model
    other = transport.take(tmp_path / "sent")
    assert repr(other) == repr(encoder)
    np.testing.assert_array_equal(other.encode_queries(["b"]), encoder.encode_queries(["b"]))
    arm = Dense(encoder)
    arm.index(catalogue_of(["b", "ab", "aaab"]))
    asks = requests_of(["b"])
    found = rows(arm.retrieve(asks, depths(1, 3)))
    assert [i for i, _ in found[0]] == [2, 1, 0]  # the prompt of queries says so
    save(arm, tmp_path / "arm")
    assert rows(load(tmp_path / "arm").retrieve(asks, depths(1, 3))) == found


@pytest.mark.usefixtures("package")
def test_an_absent_model_is_one_line_with_a_replacement(monkeypatch):
    with pytest.raises(InputError) as caught:
        SentenceTransformerEncoder("absent")
    text = str(caught.value)
    assert "'absent' cannot be loaded from this machine (absent is not a local folder)" in text
    assert "set `download` to true; or use the encoder 'static-vectors' or 'lsa'" in text
    assert "\n" not in text
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with pytest.raises(InputError, match=r"cannot be downloaded .*: give the folder of a model; or use"):
        SentenceTransformerEncoder("absent", download=True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InputError, match="HF_HUB_OFFLINE is set; unset it"):
        SentenceTransformerEncoder("absent", download=True)
    with pytest.raises(InputError, match="batch_size"):
        SentenceTransformerEncoder("letters", batch_size=0)


def test_without_the_extra_one_line_names_it_and_what_to_use(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(InputError, match=r"ltrr\[sentence-transformers\]'; or use the encoder 'static-vect"):
        SentenceTransformerEncoder("letters")


@pytest.mark.filterwarnings("ignore")
def test_a_tiny_real_model_from_a_folder(tmp_path, monkeypatch):
    package = pytest.importorskip("sentence_transformers", reason="needs the extra `sentence-transformers`")
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "blue", "shoe", "sky", "query"]
    cut = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))  # noqa: S106
    cut.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {f"{kind}_token": f"[{kind.upper()}]" for kind in ("pad", "unk", "cls", "sep", "mask")}
    PreTrainedTokenizerFast(tokenizer_object=cut, **special).save_pretrained(tmp_path / "bert")
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=len(words), **sizes)).save_pretrained(tmp_path / "bert")
    package.SentenceTransformer(str(tmp_path / "bert"), device="cpu").save(str(tmp_path / "model"))

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    texts = ["red shoe", "blue", "blue sky blue sky"]
    encoder = SentenceTransformerEncoder(str(tmp_path / "model"), device="cpu")
    check_encoder(encoder, tolerance=1e-5)
    check_encoder(SentenceTransformerEncoder(str(tmp_path / "model"), device="cpu", batch_size=1))
    model = package.SentenceTransformer(str(tmp_path / "model"), device="cpu")
    np.testing.assert_allclose(
        encoder.encode(texts), model.encode(texts, normalize_embeddings=True), atol=1e-5
    )
    prompted = SentenceTransformerEncoder(str(tmp_path / "model"), query_prompt="query ", device="cpu")
    np.testing.assert_allclose(
        prompted.encode_queries(texts), encoder.encode([f"query {text}" for text in texts]), atol=1e-5
    )
    assert not encoder.encode([" "]).any()
    alone = np.concatenate([encoder.encode_queries([text]) for text in texts])
    np.testing.assert_array_equal(encoder.encode_queries(texts), alone)
    arm = Dense(encoder)
    arm.index(catalogue_of(texts))
    assert rows(arm.retrieve(requests_of(["blue"]), depths(1, 1)))[0][0][0] == 1
    with pytest.raises(InputError, match="cannot be loaded from this machine"):
        SentenceTransformerEncoder("nobody/has-this-model")
