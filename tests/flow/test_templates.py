"""The templates, from `polyhead new` to answers."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import polyhead
from polyhead.cli.new import templates
from polyhead.data.dataset import load_dataset
from polyhead.model.describe import describe_recipe
from polyhead.model.multitask import MultiTaskModel

PARK = "The Yellowstone National Park sees over four million visitors."
Call = Callable[..., None]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run the program; it must succeed."""
    from polyhead.cli.app import main

    def run(*words: object) -> None:
        monkeypatch.setattr("sys.argv", ["polyhead", *map(str, words)])
        with pytest.raises(SystemExit) as leaving:
            main()
        assert not leaving.value.code

    return run


def test_an_untrained_pass_over_the_six_rows_has_the_promised_shapes(
    call: Call, tmp_path: Path, gpt_neo_folder: Path
) -> None:
    call("new", tmp_path / "new", "--template", "topic-entities", "--encoder", gpt_neo_folder)
    recipe = polyhead.load_recipe(tmp_path / "new" / "recipe.toml")
    data = load_dataset(recipe)
    model = MultiTaskModel.build(recipe, tasks=data.tasks, texts=()).eval()
    texts = data.train.texts(range(len(data.train)))
    batch = model.tokenizer.batch(model.tokenizer.tokenize(texts))
    with torch.inference_mode():
        outputs = model(model.tensors(batch))
    tokens = batch.ids.shape[1]
    assert outputs["topic"].shape == (6, 4)
    assert outputs["entities"].shape == (6, tokens, 9)
    assert data.tasks["entities"].tags == (  # pyright: ignore[reportAttributeAccessIssue]
        *("O", "B-PERSON", "I-PERSON", "B-LOC", "I-LOC"),
        *("B-ORG", "I-ORG", "B-DATE", "I-DATE"),
    )


def test_the_heads_have_the_promised_shapes_on_the_encoders_of_the_templates(call: Call, tmp_path: Path) -> None:
    from transformers import BertConfig, GPTNeoConfig

    # Sizes of the named encoders; a description reads no weights.
    BertConfig(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16).save_pretrained(tmp_path / "bert")
    layers = [[["global", "local"], 6]]
    GPTNeoConfig(hidden_size=768, num_layers=12, num_heads=12, attention_types=layers).save_pretrained(tmp_path / "neo")
    heads: list[str] = []
    for template, encoder in (("topic-sentiment", "bert"), ("topic-entities", "neo")):
        call("new", tmp_path / template, "--template", template, "--encoder", tmp_path / encoder)
        recipe = polyhead.load_recipe(tmp_path / template / "recipe.toml")
        heads += [task.head for task in describe_recipe(recipe, tasks=recipe.tasks).tasks]
    assert heads == [
        "Linear(1024, 512), ReLU, Dropout(0.1), Linear(512, 6)",
        "Linear(1024, 512), ReLU, Dropout(0.1), Linear(512, 3)",
        "Dropout(0.1), Linear(768, 4)",
        "Dropout(0.1), Linear(768, 9)",
    ]


@pytest.mark.parametrize("template", templates())
def test_with_compact_a_template_trains_offline_and_answers(
    call: Call, tmp_path: Path, template: str, capsys: pytest.CaptureFixture[str]
) -> None:
    call("new", tmp_path / "new", "--template", template, "--encoder", "compact")
    recipe, model = tmp_path / "new" / "recipe.toml", tmp_path / "model"
    call("check", recipe)
    call("train", recipe, "--output", model, "--set", "training.max_steps=3")
    capsys.readouterr()
    call("predict", model, PARK, "", "--json")
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["text"] for answer in answers] == [PARK, ""]
    assert set(answers[0]["tasks"]) == set(template.split("-"))


def test_the_park_has_the_promised_offsets(call: Call, tmp_path: Path) -> None:
    call("new", tmp_path / "new", "--template", "topic-entities", "--encoder", "compact")
    # Judged on the rows that it learns from, the best epoch is one that knows them.
    learned = "--set", "data.dev[0].path=data/train.jsonl", "--set", "training.epochs=60"
    call("train", tmp_path / "new" / "recipe.toml", "--output", tmp_path / "model", *learned)
    spans = polyhead.load(tmp_path / "model").predict([PARK])[0]["entities"].spans
    assert [(span.start, span.end, span.label, span.text) for span in spans] == [
        (4, 29, "LOC", "Yellowstone National Park")
    ]
