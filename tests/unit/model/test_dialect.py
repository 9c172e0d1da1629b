"""What other tools make of a model folder."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, AutoTokenizer

from polyhead.model.encoder import quiet
from polyhead.model.engine import TorchEngine
from polyhead.model.multitask import MultiTaskModel
from polyhead.runtime.predictor import Predictor

FAMILIES = ("bert", "distilbert", "gpt_neo", "modernbert", "roberta")
MODES = {
    "mean": "pooling_mode_mean_tokens",
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
    "last": "pooling_mode_lasttoken",
}

Make = Callable[..., MultiTaskModel]


def embed(model: MultiTaskModel, texts: Sequence[str]) -> np.ndarray:
    return Predictor(tasks=model.tasks, tokenizer=model.tokenizer, engine=TorchEngine(model)).embed(texts)


def theirs(folder: Path, texts: Sequence[str]) -> np.ndarray:
    with quiet():
        model = SentenceTransformer(str(folder), device="cpu")
        return model.encode(list(texts), show_progress_bar=False)


@pytest.mark.parametrize("pooling", list(MODES))
@pytest.mark.parametrize("projection", [None, 24])
def test_sentence_transformers_gives_our_embedding(
    make_model: Make, texts: Sequence[str], tmp_path: Path, pooling: str, projection: int | None
) -> None:
    model = make_model("bert", pooling, projection=projection)
    model.save_pretrained(tmp_path / "model")
    assert np.allclose(theirs(tmp_path / "model", texts), embed(model, texts), atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_sentence_transformers_reads_every_family(
    make_model: Make, texts: Sequence[str], tmp_path: Path, family: str
) -> None:
    model = make_model(family, projection=24)
    model.save_pretrained(tmp_path / "model")
    texts = [*texts, "a text that is too long " * 20]
    assert np.allclose(theirs(tmp_path / "model", texts), embed(model, texts), atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_transformers_reads_the_same_tokens_and_the_same_states(
    make_model: Make, texts: Sequence[str], tmp_path: Path, family: str
) -> None:
    model = make_model(family)
    model.save_pretrained(tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    with quiet():
        encoder = AutoModel.from_pretrained(tmp_path / "model").eval()
    batch = tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
    ours = model.tokenizer.batch(model.tokenizer.tokenize(texts))
    assert np.array_equal(batch["input_ids"].numpy(), ours.ids)
    assert np.array_equal(batch["attention_mask"].numpy() == 1, ours.mask)
    with torch.no_grad():
        states = encoder(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1)
    by_hand = (states * mask).sum(1) / mask.sum(1)
    assert np.allclose(by_hand.numpy(), embed(model, texts), atol=1e-5)


def test_the_projection_after_pooling_by_hand_is_our_embedding(
    make_model: Make, texts: Sequence[str], tmp_path: Path
) -> None:
    model = make_model("bert", "cls", projection=24)
    model.save_pretrained(tmp_path / "model")
    with quiet():
        encoder = AutoModel.from_pretrained(tmp_path / "model").eval()
    dense = load_file(tmp_path / "model" / "2_Dense" / "model.safetensors")
    batch = AutoTokenizer.from_pretrained(tmp_path / "model")(list(texts), padding=True, return_tensors="pt")
    with torch.no_grad():
        first = encoder(**{name: batch[name] for name in ("input_ids", "attention_mask")}).last_hidden_state[:, 0]
    by_hand = first @ dense["linear.weight"].T + dense["linear.bias"]
    assert np.allclose(by_hand.numpy(), embed(model, texts), atol=1e-5)


@pytest.mark.parametrize("pooling", list(MODES))
def test_the_dialect_is_the_classic_one(make_model: Make, tmp_path: Path, pooling: str) -> None:
    make_model("bert", pooling, projection=24).save_pretrained(tmp_path / "model")
    modules = json.loads((tmp_path / "model" / "modules.json").read_text())
    kinds = ["Transformer", "Pooling", "Dense"]
    assert [module["type"] for module in modules] == [f"sentence_transformers.models.{kind}" for kind in kinds]
    assert [module["path"] for module in modules] == ["", "1_Pooling", "2_Dense"]
    settings = json.loads((tmp_path / "model" / "1_Pooling" / "config.json").read_text())
    assert [name for name, chosen in settings.items() if chosen is True] == [MODES[pooling], "include_prompt"]
    assert settings["word_embedding_dimension"] == 32
    assert "pooling_mode" not in settings
    dense = json.loads((tmp_path / "model" / "2_Dense" / "config.json").read_text())
    assert dense["activation_function"] == "torch.nn.modules.linear.Identity"
    limit = json.loads((tmp_path / "model" / "sentence_bert_config.json").read_text())
    assert limit == {"max_seq_length": 48, "do_lower_case": False}


def test_no_head_is_a_module_of_the_embedding(make_model: Make, tmp_path: Path) -> None:
    make_model("bert").save_pretrained(tmp_path / "model")
    modules = json.loads((tmp_path / "model" / "modules.json").read_text())
    assert len(modules) == 2
    assert not (tmp_path / "model" / "2_Dense").exists()


def test_an_ordinary_word_never_becomes_the_padding_of_other_readers(make_model: Make, tmp_path: Path) -> None:
    model = make_model("bert")
    model.tokenizer.padding_id = 40
    model.save_pretrained(tmp_path / "model")
    settings = json.loads((tmp_path / "model" / "tokenizer_config.json").read_text())
    assert "pad_token" not in settings
