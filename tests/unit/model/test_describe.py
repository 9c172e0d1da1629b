import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from polyhead.errors import EncoderUnavailableError
from polyhead.model.describe import Description, describe_model, describe_recipe
from polyhead.model.multitask import MultiTaskModel
from polyhead.model.ngrams import bag_for
from polyhead.model.spelling import fold
from polyhead.recipe import DataSource, DataSources, EncoderSettings, Recipe
from polyhead.tasks.base import Task

FAMILIES = ("bert", "distilbert", "gpt_neo", "modernbert", "roberta")

Make = Callable[..., MultiTaskModel]


def recipe_for(name: str, tasks: Mapping[str, Task], *, pooling: str = "mean", projection: int | None = 24) -> Recipe:
    return Recipe(
        encoder=EncoderSettings(name=name, pooling=pooling, projection=projection),
        tasks=tasks,
        data=DataSources(train=(DataSource(path="train.jsonl"),)),
    )


def count(model: MultiTaskModel) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("pooling", ["mean", "attention"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_recipe_is_described_as_the_model_that_it_makes(
    make_model: Make, encoders: Mapping[str, Path], tasks: Mapping[str, Task], family: str, pooling: str
) -> None:
    model = make_model(family, pooling, projection=24)
    recipe = recipe_for(str(encoders[family]), tasks, pooling=pooling)
    described = describe_model(model)
    assert describe_recipe(recipe, tasks=tasks) == described
    assert described.together == count(model)
    assert (described.width, described.embedding_width, described.max_tokens) == (32, 24, 48)
    assert described.pooling == pooling


def test_heads_are_described_layer_by_layer(make_model: Make) -> None:
    topic, entities = describe_model(make_model("gpt_neo", projection=24)).tasks
    assert (topic.name, topic.kind, topic.level, topic.labels) == ("topic", "classification", "text", 4)
    assert topic.head == "Linear(24, 12), ReLU, Dropout(0.1), Linear(12, 4)"
    assert topic.parameters == 24 * 12 + 12 + 12 * 4 + 4
    assert (entities.name, entities.kind, entities.level, entities.labels) == ("entities", "entities", "words", 4)
    assert entities.head == "Dropout(0.1), Linear(32, 9)"
    # The layer, and how well each tag follows each.
    assert entities.parameters == 32 * 9 + 9 + 9 * 9


def test_separate_models_cost_an_encoder_each(make_model: Make) -> None:
    model = make_model("bert")
    described = describe_model(model)
    encoder = sum(parameter.numel() for parameter in model.encoder.parameters())
    heads = sum(parameter.numel() for parameter in model.heads.parameters())
    assert (described.shared, described.private) == (encoder, heads)
    assert described.separate == 2 * encoder + heads


def test_no_weight_is_read_for_a_recipe(
    encoders: Mapping[str, Path], tasks: Mapping[str, Task], tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text((encoders["bert"] / "config.json").read_text())
    assert describe_recipe(recipe_for(str(tmp_path), tasks), tasks=tasks).encoder == "BertModel"


def test_compact_is_described_with_the_vocabulary_of_its_texts(tasks: Mapping[str, Task], texts: Sequence[str]) -> None:
    recipe = recipe_for("compact", tasks)
    small = describe_recipe(recipe, tasks=tasks)
    large = describe_recipe(recipe, tasks=tasks, texts=texts * 5)
    assert small.shared < large.shared
    model = MultiTaskModel.build(recipe, tasks=tasks, texts=texts * 5)
    fold(model.encoder)
    assert large == describe_model(model)


def test_an_encoder_that_is_not_there_cannot_be_described(tasks: Mapping[str, Task], tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailableError):
        describe_recipe(recipe_for(str(tmp_path / "absent"), tasks), tasks=tasks)


def test_a_description_is_plain_json(make_model: Make) -> None:
    described: Description = describe_model(make_model("bert"))
    document = json.loads(json.dumps(described.to_json()))
    assert document["tasks"][0]["name"] == "topic"
    assert document["together"] == document["shared"] + document["private"]
    assert set(document) >= {"encoder", "width", "embedding_width", "pooling", "max_tokens", "separate"}


def test_ngrams_count_as_parts_of_their_heads(tasks: Mapping[str, Task], tmp_path: Path) -> None:
    data = DataSources(train=(DataSource(path="train.jsonl"),), dev=(DataSource(path="dev.jsonl"),))
    recipe = Recipe(encoder=EncoderSettings(name="compact"), tasks=tasks, data=data, folder=tmp_path)
    texts = ("Zürich sees more visitors than the park", "the park sees four million visitors")
    model = MultiTaskModel.build(recipe, tasks=tasks, texts=texts)
    fold(model.encoder)
    model.ngrams = bag_for(tasks, ("topic",), vocabulary=model.tokenizer.vocabulary_size)
    assert model.ngrams is not None
    described = describe_model(model)
    assert describe_recipe(recipe, tasks=tasks, texts=texts) == described
    tables = model.ngrams.tokens.numel() + model.ngrams.pairs.numel() + model.ngrams.bias.numel()
    assert described.together == count(model) + tables
    assert [task.name for task in described.tasks if task.head.endswith(" + n-grams")] == ["topic"]
