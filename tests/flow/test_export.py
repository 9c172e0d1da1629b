"""From a recipe to a folder that answers without torch."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import polyhead
from polyhead.data.reading import read_rows
from polyhead.export.exporting import Exported, export_model
from polyhead.recipe import DataSource
from polyhead.training.evaluation import evaluate

TOPICS = {"sport": ["goal", "match", "team", "coach"], "food": ["soup", "bread", "lunch", "salad"]}
NAMES = ["Ada Brook", "Milo", "Nia Oakes", "Tor"]
RECIPE = """
[encoder]
name = "compact"
projection = 48
[tasks.topic]
kind = "classification"
head = "mlp"
[tasks.people]
kind = "entities"
[[data.train]]
path = "train.jsonl"
[[data.dev]]
path = "dev.jsonl"
[training]
epochs = 20
"""
WITHOUT_TORCH = """
import sys
for name in ("torch", "transformers", "accelerate", "pyarrow", "onnx"):
    sys.modules[name] = None
sys.argv[0] = "polyhead"
from polyhead.cli.app import main
main()
"""


def rows(count: int) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for number in range(count):
        topic = ("sport", "food")[number % 2]
        name, word = NAMES[number % 4], TOPICS[topic][number // 2 % 4]
        people = [{"start": 0, "end": len(name), "label": "PERSON"}]
        made.append({"text": f"{name} had a {word} on day {number % 7}", "topic": topic, "people": people})
    return made


def without_torch(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *words], capture_output=True, text=True, cwd=folder, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe, its rows, and a model that was trained."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "recipe.toml").write_text(RECIPE)
    for name, count in (("train", 160), ("dev", 24)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(count)))
    polyhead.train(polyhead.load_recipe(folder / "recipe.toml"), output=folder / "model")
    return folder


@pytest.fixture(scope="module")
def exported(work: Path) -> Exported:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(work)
        return export_model(Path("model"), int8=True)


def metrics(work: Path, engine: str) -> dict[str, Any]:
    predictor = polyhead.load(work / "model", engine=engine)
    return evaluate(predictor, read_rows([DataSource(path="dev.jsonl")], predictor.tasks, folder=work).rows)


def test_the_export_compares_training_texts_and_measures_int8_on_the_dev_rows(work: Path, exported: Exported) -> None:
    assert exported.way == "built"
    assert exported.parity.texts == 160 + 5
    assert exported.parity.difference < 1e-4
    measured = exported.int8["onnx-int8"]
    assert measured.rows == 24
    assert measured.before.keys() == {"topic", "people"}
    assert exported.files["onnx/model_int8.onnx"] < exported.files["onnx/model.onnx"] / 2
    assert json.loads((work / "model" / "polyhead.json").read_text())["exports"] == exported.records()


@pytest.mark.usefixtures("exported")
def test_the_metrics_are_those_of_the_model_whichever_engine_answers(work: Path) -> None:
    assert metrics(work, "onnx") == metrics(work, "torch")


@pytest.mark.usefixtures("exported")
@pytest.mark.parametrize("engine", [(), ("--engine", "onnx-int8")])
def test_answers_come_without_torch_being_there_at_all(work: Path, engine: tuple[str, ...]) -> None:
    answer = json.loads(without_torch(work, "predict", "model", "Milo had a soup on day 3", "--json", *engine))
    assert answer["tasks"]["topic"]["label"] == "food"
    assert [span["text"] for span in answer["tasks"]["people"]["spans"]] == ["Milo"]


@pytest.mark.usefixtures("exported")
def test_a_file_is_answered_in_its_order_whatever_the_number_of_threads(work: Path) -> None:
    texts = [str(row["text"]) for row in rows(3000)]
    (work / "texts.txt").write_text("\n".join(texts))
    printed = [
        without_torch(work, "predict", "model", "--input", "texts.txt", "--threads", threads) for threads in ("1", "2")
    ]
    assert [json.loads(line)["text"] for line in printed[0].splitlines()] == texts
    assert printed[0] == printed[1]


@pytest.mark.usefixtures("exported")
def test_a_model_that_is_saved_anew_takes_the_old_graphs_away(work: Path) -> None:
    model = polyhead.MultiTaskModel.from_pretrained(work / "model")
    model.save_pretrained(work / "again")
    export_model(work / "again")
    assert (work / "again" / "onnx" / "model.onnx").exists()
    model.save_pretrained(work / "again", overwrite=True)
    assert not (work / "again" / "onnx" / "model.onnx").exists()
