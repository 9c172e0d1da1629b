import time
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path

import pytest

from polyhead.errors import EncoderUnavailableError
from polyhead.model.encoder import load_encoder
from polyhead.model.sources import FETCHED, locate, read_raw_configuration, reason_of
from polyhead.recipe import EncoderSettings


def test_a_relative_folder_starts_where_the_recipe_lies(bert: Path) -> None:
    loaded = load_encoder(EncoderSettings(name="bert"), folder=bert.parent)
    assert loaded.width == 32


def test_a_hub_that_cannot_be_reached_is_one_clear_error_at_once(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(EncoderUnavailableError) as caught:
        load_encoder(EncoderSettings(name="EleutherAI/gpt-neo-125m"), folder=tmp_path)
    assert time.monotonic() - began < 15
    message = str(caught.value)
    assert "'EleutherAI/gpt-neo-125m'" in message
    assert str(tmp_path / "EleutherAI/gpt-neo-125m") in message
    assert "local folder" in message
    assert 'name = "compact"' in message
    assert "\n" not in message


def test_a_model_of_the_hub_is_fetched_once_and_read_from_there(
    encoders: Mapping[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, list[str]]] = []

    def fetch(name: str, *, allow_patterns: list[str], **_: object) -> str:
        asked.append((name, allow_patterns))
        return str(encoders["bert"])

    monkeypatch.setattr("polyhead.model.sources.snapshot_download", fetch)
    assert load_encoder(EncoderSettings(name="someone/bert"), folder=tmp_path).width == 32
    assert [name for name, _ in asked] == ["someone/bert"]
    assert not any(pattern.endswith((".bin", ".py", ".pt", "*")) and pattern == "*" for pattern in asked[0][1])


@pytest.mark.parametrize("name", ["./absent", "/absent/folder", "~absent", "a/b/c"])
def test_what_can_only_be_a_folder_is_not_looked_for_on_the_hub(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(*_: object, **__: object) -> str:
        pytest.fail("the hub was asked")

    monkeypatch.setattr("polyhead.model.sources.snapshot_download", fetch)
    with pytest.raises(EncoderUnavailableError, match="Found no folder"):
        load_encoder(EncoderSettings(name=name), folder=tmp_path)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError("one line."), "one line"),
        (OSError("first\nsecond"), "first"),
        (OSError("a field:\n  is wrong"), "a field: is wrong"),
        (OSError(""), "OSError"),
        (OSError("x" * 1000), "x" * 300 + "…"),
    ],
)
def test_reasons_are_one_line(error: OSError, reason: str) -> None:
    assert reason_of(error) == reason


def test_only_files_that_hold_no_code_are_fetched() -> None:
    names = ["modeling_own.py", "pytorch_model.bin", "tf_model.h5", "optimizer.pt", "training_args.bin", "model.ckpt"]
    assert not any(fnmatch(name, pattern) for name in names for pattern in FETCHED)
    needed = ["config.json", "model.safetensors", "model-00001-of-00002.safetensors", "tokenizer.json", "merges.txt"]
    assert all(any(fnmatch(name, pattern) for pattern in FETCHED) for name in needed)


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00", '"word"'])
def test_a_configuration_that_is_none_is_one_clear_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(EncoderUnavailableError, match=r"config\.json must be an encoder's configuration"):
        read_raw_configuration(tmp_path)


def test_a_misspelled_compact_is_told(tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailableError, match=r"Found no folder [^;]*compct; did you mean 'compact'"):
        locate("./compct", start=tmp_path)
