"""The whole way: text, masks, training, an interruption, a folder that a recipe opens."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from polyhead.errors import TrainingError, UsageError
from polyhead.model.encoder import load_encoder
from polyhead.recipe import EncoderSettings, parse_recipe

if TYPE_CHECKING:
    from batches import BatchSource, MaskedBatch

SIZE = ["--width", "64", "--layers", "1", "--vocabulary", "300", "--batch-tokens", "256", "--device", "cpu"]
Run = Callable[..., Path]


@pytest.fixture(scope="module")
def run(text: Path) -> Run:
    def run(output: Path, *words: str, save: float = 3600.0) -> Path:
        from loop import Pauses
        from pretrain import pretrain, read_arguments

        given = words or ("--steps", "40", "--learning-rate", "0.01")
        every = ["--corpus", str(text), "--output", str(output), *SIZE, *given]
        return pretrain(read_arguments(every), pauses=Pauses(log=0.0, save=save))

    return run


@pytest.fixture(scope="module")
def whole(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder that was trained without an interruption."""
    return run(tmp_path_factory.mktemp("whole"))


def log_of(encoder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (encoder.parent / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def stopping_at(step: int, how: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let something happen once, when the batch of a step is made."""
    from batches import BatchSource

    make, left = BatchSource.make, [step]

    def made(self: "BatchSource", number: int) -> "MaskedBatch":
        if number in left:
            left.remove(number)
            how()
        return make(self, number)

    monkeypatch.setattr(BatchSource, "make", made)


def power_cut() -> None:
    message = "power cut"
    raise ValueError(message)


def test_it_learns_and_the_rate_falls_to_zero(whole: Path) -> None:
    lines = log_of(whole)
    held_out = [line["held_out_loss"] for line in lines if "held_out_loss" in line]
    learned = [line for line in lines if "loss" in line]
    assert held_out[-1] < 0.7 * held_out[0]
    assert learned[-1]["loss"] < 0.7 * learned[0]["loss"]
    assert len(learned) == learned[-1]["step"] == 40
    rates = [line["learning_rate"] for line in learned]
    assert max(rates) == pytest.approx(0.01, rel=0.05)
    assert rates[-1] == pytest.approx(0.01 / 41 / 0.95, rel=0.01)
    assert all(line["tokens_per_second"] > 0 for line in learned)
    assert not (whole.parent / "checkpoints").exists()


def test_after_a_crash_it_goes_on_to_the_same_bits(
    run: Run, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping_at(12, power_cut, monkeypatch)
    with pytest.raises(ValueError, match="power cut"):
        run(tmp_path, save=0.0)
    again = run(tmp_path)
    # The batch is made while the step before it runs.
    assert [line["step"] for line in log_of(again) if "resumed" in line] in ([11], [12])
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert (again / name).read_bytes() == (whole / name).read_bytes(), name


def test_a_signal_saves_what_was_learned(
    run: Run, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping_at(9, lambda: signal.raise_signal(signal.SIGTERM), monkeypatch)
    with pytest.raises(SystemExit) as left:
        run(tmp_path)
    assert left.value.code == 128 + signal.SIGTERM
    again = run(tmp_path)
    assert [line["step"] for line in log_of(again) if "resumed" in line]
    assert (again / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_other_arguments_for_the_same_output_are_refused(run: Run, whole: Path) -> None:
    assert run(whole.parent) == whole
    with pytest.raises(UsageError, match=r"gone on with as it was begun\. Found steps 40, now 41"):
        run(whole.parent, "--steps", "41", "--learning-rate", "0.01")


def test_a_batch_that_holds_no_row_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--batch-tokens must be at least 128"):
        run(tmp_path, "--steps", "1", "--batch-tokens", "100")


def test_a_loss_that_is_no_number_ends_it_and_is_never_kept(run: Run, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="the loss must be finite"):
        run(tmp_path, "--steps", "40", "--learning-rate", "1e30", save=0.0)
    from polyhead.training.checkpoints import CheckpointStore

    newest, _ = CheckpointStore(tmp_path / "checkpoints").newest()
    assert newest is None or newest.step < 40


def test_with_minutes_it_ends_by_the_clock(run: Run, tmp_path: Path) -> None:
    encoder = run(tmp_path, "--minutes", "0.02")
    learned = [line for line in log_of(encoder) if "loss" in line]
    assert learned[-1]["seconds"] >= 1.2
    rates = [line["learning_rate"] for line in learned]
    assert rates[-1] < 0.2 * max(rates)


def test_other_libraries_open_the_folder_and_compute_the_same(whole: Path) -> None:
    folder = str(whole)
    module, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert module.dtype == torch.float16
    loaded = load_encoder(EncoderSettings(name=folder), folder=Path())
    assert (loaded.width, loaded.tokenizer.max_tokens) == (64, 512)
    texts = ["Maria sold fresh bread near Naxos in March. " * 30, "Nobody waited."]
    given = tokenizer(texts, return_tensors="pt", padding=True)
    assert given["input_ids"].shape[1] > 200
    ours = loaded.tokenizer.batch(loaded.tokenizer.tokenize(texts))
    mask = given["attention_mask"]
    assert torch.equal(torch.from_numpy(ours.ids), given["input_ids"])
    from polyhead.model.packed.states import encode

    with torch.no_grad():
        stock = module.float()(input_ids=given["input_ids"], attention_mask=mask).last_hidden_state
        packed = encode(loaded.module, given["input_ids"], mask)
    assert packed.packed is not None
    torch.testing.assert_close(packed.padded, stock * mask[:, :, None], atol=2e-5, rtol=2e-5)


def test_a_recipe_opens_the_folder(whole: Path) -> None:
    from polyhead.model.multitask import MultiTaskModel
    from polyhead.tasks.classification import Classification

    document = {
        "encoder": {"name": str(whole)},
        "tasks": {"topic": {"kind": "classification", "labels": ["sea", "bread"]}},
        "data": {"train": [{"path": "rows.jsonl"}]},
    }
    recipe = parse_recipe(document, folder=whole.parent, source="test")
    model = MultiTaskModel.build(recipe, tasks={"topic": Classification(labels=("sea", "bread"))}, texts=())
    batch = model.tensors(model.tokenizer.batch(model.tokenizer.tokenize(["Zoë peeled potatoes."])))
    assert model(batch).logits["topic"].shape == (1, 2)


def test_the_card_names_the_texts_and_their_licences(whole: Path) -> None:
    card = (whole / "README.md").read_text(encoding="utf-8")
    for line in (
        "sentences about a harbour | written for these tests | CC0 |",
        "written for these tests, too | CC BY 4.0",
    ):
        assert line in card
    assert "- steps: 40 of 256 tokens" in card
    assert "- on passages that were not trained on: loss " in card
