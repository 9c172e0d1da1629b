import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models
from transformers import AutoModel, BertConfig, BertForMaskedLM, CLIPConfig, CLIPModel, GPTNeoForCausalLM, T5Config
from transformers.utils import logging

from polyhead.errors import EncoderUnavailableError
from polyhead.model.encoder import LoadedEncoder, load_encoder, load_module, position_limit, quiet
from polyhead.recipe import EncoderSettings

FAMILIES = ("bert", "distilbert", "gpt_neo", "modernbert", "roberta")


def change(path: Path, changes: Mapping[str, object]) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def load(folder: Path, *, max_tokens: int = 512) -> LoadedEncoder:
    return load_encoder(EncoderSettings(name=str(folder), max_tokens=max_tokens), folder=Path())


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_loads_with_all_its_weights(encoders: Mapping[str, Path], family: str) -> None:
    loaded = load_encoder(EncoderSettings(name=str(encoders[family])), folder=Path())
    saved = load_file(encoders[family] / "model.safetensors")
    own = loaded.module.state_dict()
    assert loaded.width == 32
    assert not loaded.module.training
    assert all(tensor.dtype == torch.float32 for tensor in own.values() if tensor.is_floating_point())
    assert all(torch.equal(own[name], tensor) for name, tensor in saved.items() if not name.startswith("pooler."))
    assert not any("pooler" in name for name in own)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_limit_is_that_of_the_recipe_or_of_the_positions(encoders: Mapping[str, Path], family: str) -> None:
    long_text = "word " * 200
    for wanted, allowed in ((512, 48), (48, 48), (16, 16)):
        loaded = load_encoder(EncoderSettings(name=str(encoders[family]), max_tokens=wanted), folder=Path())
        (tokenized,) = loaded.tokenizer.tokenize([long_text])
        assert tokenized.read_at_once == allowed
        assert tokenized.passes > 1
        ids = torch.from_numpy(loaded.tokenizer.window_batch([tokenized]).ids)[:1]
        assert loaded.module(input_ids=ids).last_hidden_state.shape == (1, allowed, 32)


def test_a_model_without_positions_has_no_limit(encoders: Mapping[str, Path]) -> None:
    module = load_module(encoders["bert"])
    module.config.max_position_embeddings = -1
    assert position_limit(module) > 10**6


@pytest.mark.parametrize(("family", "whole"), [("bert", BertForMaskedLM), ("gpt_neo", GPTNeoForCausalLM)])
def test_weights_of_a_language_model_are_found_under_its_prefix(
    encoders: Mapping[str, Path], tmp_path: Path, family: str, whole: type
) -> None:
    plain = load_module(encoders[family])
    folder = Path(shutil.copytree(encoders[family], tmp_path / family))
    with quiet():
        language_model = whole(plain.config)
        language_model.base_model.load_state_dict(plain.state_dict())
        language_model.save_pretrained(folder)
    found = load_module(folder).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in plain.state_dict().items())


def test_half_precision_weights_become_float32(bert: Path) -> None:
    tensors = {name: tensor.half() for name, tensor in load_file(bert / "model.safetensors").items()}
    save_file(tensors, bert / "model.safetensors", metadata={"format": "pt"})
    change(bert / "config.json", {"dtype": "float16"})
    assert {tensor.dtype for tensor in load_module(bert).parameters()} == {torch.float32}


def test_an_encoder_decoder_is_refused(bert: Path) -> None:
    T5Config(d_model=16, d_kv=4, d_ff=16, num_layers=1, num_heads=2, vocab_size=50).save_pretrained(bert)
    with pytest.raises(EncoderUnavailableError, match=r"encoder-only or causal.*'t5'"):
        load(bert)


def test_a_model_that_is_no_text_encoder_is_refused(bert: Path) -> None:
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = {**small, "image_size": 8, "patch_size": 4}
    with quiet():
        CLIPModel(CLIPConfig(text_config={**small, "vocab_size": 60}, vision_config=vision)).save_pretrained(bert)
    with pytest.raises(EncoderUnavailableError, match="CLIPModel"):
        load(bert)


@pytest.mark.parametrize("model_type", ["bert", "made-up"])
def test_code_that_comes_with_an_encoder_is_never_run(bert: Path, tmp_path: Path, model_type: str) -> None:
    mark = tmp_path / "it-ran"
    code = f"from pathlib import Path\nPath({str(mark)!r}).touch()\nclass Own: pass\n"
    for name in ("own.py", "tokenization_own.py", "configuration_own.py"):
        (bert / name).write_text(code)
    own = {"AutoConfig": "configuration_own.Own", "AutoModel": "own.Own", "AutoTokenizer": ["own.Own", "own.Own"]}
    change(bert / "config.json", {"auto_map": own, "model_type": model_type})
    change(bert / "tokenizer_config.json", {"auto_map": own})
    if model_type == "bert":
        assert not hasattr(load(bert).module.config, "auto_map")
    else:
        with pytest.raises(EncoderUnavailableError, match=r"code of its own; that is never run"):
            load(bert)
    assert not mark.exists()


def test_attention_from_elsewhere_is_refused(bert: Path) -> None:
    change(bert / "config.json", {"attn_implementation": "someone/attention"})
    with pytest.raises(EncoderUnavailableError, match="'someone/attention'"):
        load(bert)


def test_pickled_weights_are_never_opened(bert: Path) -> None:
    (bert / "model.safetensors").unlink()
    (bert / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(EncoderUnavailableError, match=r"pytorch_model\.bin\. A pickle is never opened"):
        load(bert)


def _without_a_weight(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["encoder.layer.1.output.dense.bias"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _truncated(folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])


def _of_another_size(folder: Path) -> None:
    change(folder / "config.json", {"hidden_size": 64})


def _without_configuration(folder: Path) -> None:
    (folder / "config.json").unlink()


def _configuration_of_a_list(folder: Path) -> None:
    (folder / "config.json").write_text("[]")


def _configuration_of_words(folder: Path) -> None:
    (folder / "config.json").write_text("{not json")


def _of_an_unknown_type(folder: Path) -> None:
    change(folder / "config.json", {"model_type": "made-up"})


def _of_a_word_as_width(folder: Path) -> None:
    change(folder / "config.json", {"hidden_size": "wide"})


def _without_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))


def _with_a_broken_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


def _with_a_larger_tokenizer(folder: Path) -> None:
    words = {f"word{number}": number for number in range(1000)}
    Tokenizer(models.WordLevel(words, unk_token="word0")).save(str(folder / "tokenizer.json"))


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        (_without_a_weight, r"every part of the encoder. Found none for encoder\.layer\.1\.output\.dense\.bias"),
        (_truncated, "weights must be readable"),
        (_of_another_size, "weights must be readable"),
        (_without_configuration, "must be an encoder's configuration"),
        (_configuration_of_a_list, "Found no JSON object"),
        (_configuration_of_words, "must be an encoder's configuration"),
        (_of_an_unknown_type, r"Found model_type 'made-up'"),
        (_of_a_word_as_width, "must describe a model|weights must be readable"),
        (_without_tokenizer, "fast tokenizer"),
        (_with_a_broken_tokenizer, "fast tokenizer"),
        (_with_a_larger_tokenizer, "more tokens than the encoder has embeddings. Found 1000"),
    ],
)
def test_a_damaged_encoder_is_one_clear_error(bert: Path, damage: Callable[[Path], None], rule: str) -> None:
    damage(bert)
    with pytest.raises(EncoderUnavailableError, match=rule) as caught:
        load(bert)
    assert str(bert) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_loading_writes_nothing_to_the_terminal(bert: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load(bert)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("bars", [True, False])
def test_quiet_puts_the_settings_of_transformers_back(bars: bool) -> None:  # noqa: FBT001
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    try:
        (logging.enable_progress_bar if bars else logging.disable_progress_bar)()
        with quiet():
            assert not logging.is_progress_bar_enabled()
        assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (before[0], bars)
    finally:
        (logging.enable_progress_bar if before[1] else logging.disable_progress_bar)()


def test_an_encoder_with_a_pooling_layer_and_one_without_give_the_same_states(bert: Path) -> None:
    with quiet():
        whole = AutoModel.from_pretrained(bert)
    ids = torch.tensor([[2, 9, 11, 3]])
    assert isinstance(whole.config, BertConfig)
    assert torch.equal(whole.eval()(ids).last_hidden_state, load_module(bert)(ids).last_hidden_state)
