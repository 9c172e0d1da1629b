import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file

import polyhead
from polyhead.data.dataset import Dataset, load_dataset
from polyhead.errors import DataError, NonFiniteLossError, UsageError
from polyhead.folder import read_manifest
from polyhead.model.multitask import MultiTaskModel
from polyhead.recipe import Recipe, parse_recipe
from polyhead.tasks.classification import Classification
from polyhead.training.claiming import LOCK
from polyhead.training.evaluation import evaluate
from polyhead.training.progress import Silent
from polyhead.training.result import METRICS, TrainingResult
from polyhead.training.train import CHECKPOINTS, train

WORDS = {"sport": ["goal", "match", "team", "coach"], "food": ["soup", "bread", "lunch", "salad"]}
NAMES = ["Ada Brook", "Milo", "Nia Oakes", "Tor"]


def rows(count: int) -> list[dict[str, object]]:
    made: list[dict[str, object]] = []
    for number in range(count):
        topic = ("sport", "food")[number % 2]
        name = NAMES[number % 4]
        row: dict[str, object] = {"text": f"{name} likes the {WORDS[topic][number // 2 % 4]} of day {number}"}
        if number % 3 != 1:
            row["topic"] = topic
        if number % 3 != 2:
            row["people"] = [{"start": 0, "end": len(name), "label": "PERSON"}]
        made.append(row)
    return made


def write(path: Path, content: Sequence[dict[str, object]]) -> None:
    path.write_text("\n".join(map(json.dumps, content)), encoding="utf-8")


def recipe_in(folder: Path, training: dict[str, object], *, dev: bool = True, **tables: object) -> Recipe:
    write(folder / "train.jsonl", rows(48))
    write(folder / "dev.jsonl", rows(12))
    document: dict[str, object] = {
        "encoder": {"name": "compact"},
        "tasks": {"topic": {"kind": "classification"}, "people": {"kind": "entities"}},
        "data": {"train": [{"path": "train.jsonl"}], **({"dev": [{"path": "dev.jsonl"}]} if dev else {})},
        "training": {"epochs": 2, "batch_tokens": 256, **training},
        **tables,
    }
    if "max_steps" in training:
        del document["training"]["epochs"]  # type: ignore[attr-defined]
    return parse_recipe(document, folder=folder, source="test")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    folder = tmp_path_factory.mktemp("run")
    return train(recipe_in(folder, {"epochs": 6}), output=folder / "model")


def test_training_learns_both_tasks_from_rows_that_bear_one(finished: TrainingResult) -> None:
    assert finished.dev is not None
    assert finished.dev["tasks"]["topic"]["primary"] > 0.8
    assert finished.dev["tasks"]["people"]["primary"] > 0.8
    assert finished.metrics["topic"]["macro_f1"] > 0.8


def test_the_folder_answers_as_training_measured(finished: TrainingResult) -> None:
    predictor = polyhead.load(finished.folder)
    recipe = polyhead.load_recipe(finished.folder / "recipe.toml")
    assert list(predictor.tasks) == list(recipe.tasks)
    dataset = load_dataset(recipe_in(finished.folder.parent, {}))
    assert dataset.dev is not None
    assert json.loads(json.dumps(evaluate(predictor, dataset.dev))) == json.loads(json.dumps(finished.dev))


def test_dev_rows_weigh_ngrams_in_and_the_recipe_may_forbid_it(finished: TrainingResult, tmp_path: Path) -> None:
    def with_ngrams(folder: Path) -> tuple[str, ...]:
        return read_manifest(folder).ngrams

    assert with_ngrams(finished.folder) == ("topic",)
    plain = train(recipe_in(tmp_path, {"epochs": 1, "ngrams": False}), output=tmp_path / "plain")
    unjudged = train(recipe_in(tmp_path, {"epochs": 1}, dev=False), output=tmp_path / "unjudged")
    assert with_ngrams(plain.folder) == with_ngrams(unjudged.folder) == ()


def test_a_finished_folder_holds_metrics_history_card_and_pictures(finished: TrainingResult) -> None:
    names = {path.name for path in finished.folder.iterdir()}
    assert {"polyhead.json", "recipe.toml", METRICS, "history.json", "README.md", "pictures"} <= names
    assert not names & {CHECKPOINTS, LOCK}
    assert json.loads((finished.folder / METRICS).read_text())["test"] is None
    assert {path.suffix for path in (finished.folder / "pictures").iterdir()} == {".png"}


def test_the_best_epoch_is_the_one_that_is_kept(finished: TrainingResult) -> None:
    assert finished.dev is not None
    found = {name: of["primary"] for name, of in finished.dev["tasks"].items()}
    best = max(finished.history, key=lambda record: (record["score"], record["step"]))["dev"]
    # Folding the spelling rounds the last bits, which may turn one answer; n-grams are weighed into texts afterwards.
    assert found["people"] == pytest.approx(best["people"], abs=0.1)
    assert found["topic"] >= best["topic"] - 0.1


def test_a_resumed_finished_run_returns_what_it_measured(finished: TrainingResult) -> None:
    again = train(recipe_in(finished.folder.parent, {}), output=finished.folder, resume=True)
    assert again.dev == json.loads(json.dumps(finished.dev))


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(tmp_path: Path) -> None:
    weights = [
        load_file(train(recipe_in(tmp_path, {"seed": seed}), output=tmp_path / f"{run}").folder / "model.safetensors")
        for run, seed in enumerate((1, 1, 2))
    ]
    same = [all(torch.equal(weights[0][name], other[name]) for name in weights[0]) for other in weights[1:]]
    assert same == [True, False]


def test_accumulated_batches_make_one_step(tmp_path: Path) -> None:
    result = train(recipe_in(tmp_path, {"epochs": 1, "accumulate": 2}), output=tmp_path / "two")
    other = train(recipe_in(tmp_path, {"epochs": 1}), output=tmp_path / "one")
    assert result.history[0]["step"] == -(-other.history[0]["step"] // 2)


def test_max_steps_ends_training_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    result = train(recipe_in(tmp_path, {"max_steps": 3}), output=tmp_path / "model")
    first, last = result.history
    assert (last["step"], last["epoch"]) == (3, first["epoch"])
    assert first["step"] == 2


def test_max_steps_may_end_with_an_epoch(tmp_path: Path) -> None:
    result = train(recipe_in(tmp_path, {"max_steps": 4}), output=tmp_path / "model")
    assert [(record["step"], record["epoch"]) for record in result.history] == [(2, 1), (4, 2)]


@pytest.mark.parametrize("length", [{"epochs": 1}, {"max_steps": 1}])
def test_the_only_step_of_a_run_teaches_something(tmp_path: Path, length: dict[str, int]) -> None:
    heads: list[bytes] = []
    for rate in (1e-3, 5e-3):
        training: dict[str, object] = {"batch_tokens": 4096, "head_learning_rate": rate, **length}
        recipe = recipe_in(tmp_path, training)
        result = train(recipe, output=tmp_path / f"model-{rate}")
        assert [record["step"] for record in result.history] == [1]
        heads.append((result.folder / "heads.safetensors").read_bytes())
    assert heads[0] != heads[1]


def test_patience_ends_training_when_dev_stands_still(tmp_path: Path) -> None:
    training = {"epochs": 30, "patience": 2, "learning_rate": 1e-12}
    result = train(recipe_in(tmp_path, training), output=tmp_path / "model")
    assert len(result.history) == 3


def test_without_dev_rows_the_last_weights_are_kept(tmp_path: Path) -> None:
    result = train(recipe_in(tmp_path, {"epochs": 1}, dev=False), output=tmp_path / "model")
    assert result.dev is None
    assert result.metrics == {}
    assert result.history[0]["score"] is None


def test_a_task_of_weight_zero_is_evaluated_and_not_trained(tmp_path: Path) -> None:
    tasks = {"topic": {"kind": "classification"}, "people": {"kind": "entities", "weight": 0.0}}
    result = train(recipe_in(tmp_path, {"epochs": 1}, tasks=tasks), output=tmp_path / "model")
    assert set(result.history[0]["losses"]) == {"topic"}
    assert set(result.metrics) == {"topic", "people"}


def test_a_loss_that_is_no_number_stops_training_with_the_last_good_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0
    real = Classification.loss

    def poisoned(task: Classification, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        nonlocal steps
        steps += 1
        return real(task, logits, targets) * (float("nan") if steps == 3 else 1.0)

    monkeypatch.setattr(Classification, "loss", poisoned)
    output = tmp_path / "model"
    with pytest.raises(NonFiniteLossError, match="step 3: the loss of task 'topic'") as caught:
        train(recipe_in(tmp_path, {}), output=output)
    assert (caught.value.task, caught.value.step) == ("topic", 3)
    kept = load_file(output / CHECKPOINTS / "step-00000002" / "state.safetensors")
    assert all(torch.isfinite(tensor).all() for tensor in kept.values())
    monkeypatch.undo()
    assert train(recipe_in(tmp_path, {}), output=output, resume=True).folder == output


def test_a_folder_with_content_is_never_written_over(tmp_path: Path) -> None:
    output = tmp_path / "model"
    output.mkdir()
    (output / "mine.txt").write_text("precious")
    with pytest.raises(UsageError, match="must be a new folder"):
        train(recipe_in(tmp_path, {}), output=output)
    assert [path.name for path in output.iterdir()] == ["mine.txt"]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("a file")
    with pytest.raises(UsageError, match="Found the file"):
        train(recipe_in(tmp_path, {}), output=tmp_path / "model")


def test_two_trainings_never_write_to_one_folder(tmp_path: Path) -> None:
    output = tmp_path / "model"
    output.mkdir()
    with FileLock(output / LOCK), pytest.raises(UsageError, match="one run at a time"):
        train(recipe_in(tmp_path, {}), output=output, resume=True)


def test_bad_rows_leave_no_folder_behind(tmp_path: Path) -> None:
    recipe = recipe_in(tmp_path, {})
    write(tmp_path / "dev.jsonl", [{"text": "Milo ran", "people": [{"start": 0, "end": 40, "label": "PERSON"}]}])
    with pytest.raises(DataError, match=r"dev\.jsonl:1"):
        train(recipe, output=tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_an_entity_that_cuts_a_word_is_refused_or_left_out(tmp_path: Path) -> None:
    bad: dict[str, object] = {"text": "Milos ran", "people": [{"start": 0, "end": 4, "label": "PERSON"}]}
    recipe = recipe_in(tmp_path, {"epochs": 1})
    write(tmp_path / "train.jsonl", [*rows(48), bad])
    with pytest.raises(DataError, match=r"train.jsonl:49: .*begin and end where words do"):
        train(recipe, output=tmp_path / "model")
    skipping = recipe_in(tmp_path, {"epochs": 1}, on_bad_rows="skip")
    write(tmp_path / "train.jsonl", [*rows(48), bad])
    assert train(skipping, output=tmp_path / "model").folder.exists()


def test_resuming_with_another_recipe_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stops(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    output = tmp_path / "model"
    with monkeypatch.context() as patch:
        patch.setattr(MultiTaskModel, "save_pretrained", stops)
        with pytest.raises(KeyboardInterrupt):
            train(recipe_in(tmp_path, {"epochs": 1}), output=output)
    with pytest.raises(UsageError, match=r"Found another training.epochs\."):
        train(recipe_in(tmp_path, {"epochs": 3}), output=output, resume=True)
    assert train(recipe_in(tmp_path, {"epochs": 1, "checkpoint_steps": 7}), output=output, resume=True)


def test_tensorboard_gets_each_tasks_losses(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the tracker is an extra")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = train(recipe_in(tmp_path, {"epochs": 1, "trackers": ["tensorboard"]}), output=tmp_path / "model")
    events = EventAccumulator(str(result.folder / "logs"))
    events.Reload()
    assert {"loss/topic", "loss/people", "weighted_loss/topic", "learning_rate", "dev/topic"} <= set(
        events.Tags()["scalars"]
    )


def test_a_path_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"pass `polyhead.load_recipe\(…\)`. Found 'recipe.toml'"):
        train("recipe.toml", output=tmp_path / "model")  # type: ignore[arg-type]


def test_files_of_a_model_may_be_read_by_whom_the_umask_lets(finished: TrainingResult) -> None:
    modes = {path.stat().st_mode & 0o777 for path in finished.folder.rglob("*") if path.is_file()}
    assert modes == {(finished.folder / "polyhead.json").stat().st_mode & 0o777}


def test_rows_that_were_read_already_are_trained_on(tmp_path: Path) -> None:
    recipe = recipe_in(tmp_path, {"max_steps": 1})
    data = load_dataset(recipe)
    few = replace(data, train=data.train.only(range(20)))
    said: list[str] = []

    class Noting(Silent):
        def data(self, data: Dataset) -> None:
            said.append(str(len(data.train)))

    train(recipe, output=tmp_path / "model", data=few, progress=Noting())
    assert said == ["20"]
