"""Texts by a local model: computed once, kept by digest, never downloaded. A real one is made where the extra is installed."""

import importlib.util
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from toolrec_cli.data.catalog import Attribute, Catalog, Kind
from toolrec_cli.data.dataset import Dataset
from toolrec_cli.data.preparing.preparation import prepare
from toolrec_cli.data.source import RawData
from toolrec_cli.errors import InputError, UsageError
from toolrec_cli.models import store, text_vectors
from toolrec_cli.models.attribute_encoder import EncoderConfig
from toolrec_cli.models.text_vectors import FILES, TextEncoder, find_text_encoder
from toolrec_cli.models.training import TrainingSettings
from toolrec_cli.operations.ablations.encoders import shuffled
from toolrec_cli.operations.setting import Setting
from toolrec_cli.operations.training import BackbonePlan, EncoderPlan, pretrain, train_encoder
from toolrec_cli.progress import silent

WORDS = ["a", "ship", "boat", "sails", "sinks", "love", "song"]
TEXTS = [None, "a ship sails", "a boat sinks", "", "a love song", "a song"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What a model was asked, one that counts letters; nobody has to install anything for it."""
    found: list[list[str]] = []

    def encoded(encoder: TextEncoder, texts: list[str]) -> np.ndarray:
        found.append(texts)
        return np.array([[len(text), text.count("s"), 1.0] for text in texts], dtype=np.float32)

    monkeypatch.setattr(text_vectors, "_encoded", encoded)
    return found


def test_they_are_computed_once_a_model_and_texts(asked: list[list[str]], tmp_path: Path) -> None:
    one = TextEncoder("somewhere", "1")
    first = text_vectors.text_vectors(one, TEXTS, tmp_path / "texts")
    assert torch.equal(text_vectors.text_vectors(one, TEXTS, tmp_path / "texts"), first)
    assert torch.equal(text_vectors.text_vectors(TextEncoder("moved", "1"), TEXTS, tmp_path / "texts"), first)
    assert len(asked) == 1
    text_vectors.text_vectors(TextEncoder("somewhere", "2"), TEXTS, tmp_path / "texts")
    text_vectors.text_vectors(one, TEXTS[:-1], tmp_path / "texts")
    assert len(asked) == 3


def test_half_a_file_in_the_cache_is_made_anew(asked: list[list[str]], tmp_path: Path) -> None:
    first = text_vectors.text_vectors(TextEncoder("x", "1"), TEXTS, tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-5])
    assert torch.equal(text_vectors.text_vectors(TextEncoder("x", "1"), TEXTS, tmp_path), first)
    assert len(asked) == 2


def test_what_all_share_is_taken_away_and_nothing_is_said_of_nothing(asked: list[list[str]], tmp_path: Path) -> None:
    found = text_vectors.text_vectors(TextEncoder("x", "1"), TEXTS, tmp_path)
    assert not found[[0, 3]].any()
    torch.testing.assert_close(found[[1, 2, 4, 5]].norm(dim=1), torch.ones(4))
    assert not found[:, 2].any()  # the same of every text


def test_a_directory_without_a_model_says_how_to_get_one(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(
        InputError, match=r"holds no text encoder: model\.safetensors, tokenizer\.json missing"
    ) as caught:
        find_text_encoder(str(tmp_path))
    assert "hf download minishlab/potion-base-8M --local-dir DIR" in str(caught.value.hint)


def pretended(folder: Path) -> TextEncoder:
    for name in FILES:
        (folder / name).write_text("{}")
    return find_text_encoder(str(folder))


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="not installed") as caught:
        text_vectors.text_vectors(pretended(tmp_path), TEXTS, tmp_path / "texts")
    assert caught.value.hint == "Type: pip install 'toolrec-cli[text]'"


def test_another_model_in_the_same_place_is_refused(tmp_path: Path) -> None:
    encoder = pretended(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(InputError, match="holds another text encoder than it did"):
        text_vectors.text_vectors(encoder, TEXTS, tmp_path / "texts")


def test_an_encoder_reads_them_and_their_values_can_be_dealt_out_anew(asked: list[list[str]], tmp_path: Path) -> None:
    frame = pl.DataFrame({"item_id": list("12345"), "title": list("12345"), "plot": TEXTS[1:]})
    catalog = Catalog(frame, [Attribute("plot", Kind.TEXT, 1.0, 5)])
    torch.manual_seed(1)
    config = EncoderConfig("plot", 6, 8, embedding_size=4, text_encoder="x", text_digest="1")
    encoder = store.build_encoder(config, catalog, cache=tmp_path).eval()
    before = encoder.attribute_vectors(torch.arange(6)[None])
    assert encoder.reading is not None
    torch.nn.init.zeros_(encoder.reading.weight)
    after = encoder.attribute_vectors(torch.arange(6)[None])
    said = torch.tensor([False, True, True, False, True, True])
    assert torch.equal((before != after).any(dim=-1)[0], said)
    dealt = shuffled(encoder, catalog, seed=1)
    assert dealt.vectors is not None
    assert sorted(map(tuple, dealt.vectors.tolist())) == sorted(map(tuple, encoder.vectors.tolist()))
    assert not torch.equal(dealt.vectors, encoder.vectors)


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """A tiny Model2Vec model: seven words, ship and boat being near."""
    reason = "model2vec is not installed: pip install 'toolrec-cli[text]'"
    model2vec = pytest.importorskip("model2vec", reason=reason)
    tokenizers = pytest.importorskip("tokenizers", reason=reason)
    vocabulary = {word: place for place, word in enumerate(["[UNK]", *WORDS])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    vectors = np.random.default_rng(3).normal(size=(len(vocabulary), 8)).astype(np.float32)
    vectors[3] = vectors[2] + 0.01
    model2vec.StaticModel(vectors, tokenizer, config={}).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_a_real_model_finds_near_what_is_near(real: Path, tmp_path: Path) -> None:
    texts = [None, "ship", "boat", "love", "song"]
    found = text_vectors.text_vectors(find_text_encoder(str(real)), texts, tmp_path / "texts")
    alike = found @ found.T
    assert alike[1, 2] > 0.99
    assert alike[1, 2] > max(alike[1, 3], alike[1, 4])


def test_a_model_that_cannot_be_read_is_refused(real: Path, tmp_path: Path) -> None:
    (real / "model.safetensors").write_bytes(b"half")
    with pytest.raises(InputError, match="cannot be read as a text encoder"):
        text_vectors.text_vectors(find_text_encoder(str(real)), TEXTS, tmp_path / "texts")


def test_a_tool_trained_with_a_real_model_serves_without_it(real: Path, tmp_path: Path) -> None:
    rows = [(f"u{u}", f"i{(u * 3 + step) % 5}", float(step)) for u in range(12) for step in range(8)]
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    names = [f"i{k}" for k in range(5)]
    items = pl.DataFrame({"item_id": names, "title": names, "plot": ["ship sails", "boat sinks", None, "love", "song"]})
    users = pl.DataFrame({"user_id": [f"u{u}" for u in range(12)]})
    raw = RawData(log, items, users, {"plot": Kind.TEXT}, files={})
    dataset = prepare("t", raw, "t", tmp_path / "datasets" / "t", skip_bad=False, progress=silent)
    once = TrainingSettings(epochs=1, batch_size=4)
    pretrain(Setting(tmp_path), dataset, BackbonePlan(shape={"embedding_size": 8}, training=once, threads=1))
    plan = EncoderPlan("plot", shape={"embedding_size": 4}, training=once, threads=1, text_encoder=str(real))
    run = train_encoder(Setting(tmp_path), dataset, plan)
    digest = run.manifest.inputs["backbone"]
    for name in FILES:
        (real / name).unlink()  # from here on the cache alone knows the vectors
    loaded = store.load_encoder(run, Dataset(dataset.directory), digest)
    assert loaded.vectors is not None
    assert loaded.vectors.shape == (6, 8)
    for file in (tmp_path / "cache" / "texts").iterdir():
        file.unlink()
    with pytest.raises(InputError, match="holds no text encoder"):
        store.load_encoder(run, dataset, digest)
