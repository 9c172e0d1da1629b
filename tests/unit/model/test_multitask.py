from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.utils import convert_outputs_to_fp32
from tokenizers import Tokenizer, processors
from torch import Tensor

from polyhead.errors import UsageError
from polyhead.model.engine import TorchEngine
from polyhead.model.multitask import MultiTaskModel, Outputs
from polyhead.recipe import DataSource, DataSources, EncoderSettings, Recipe, TrainingSettings
from polyhead.runtime.predictor import Predictor
from polyhead.tasks.base import Task
from polyhead.tasks.classification import Classification
from polyhead.tasks.embedding import Embedding
from polyhead.tasks.entities import Entities
from polyhead.text.tokens import Passage, TextTokenizer

FAMILIES = ("bert", "distilbert", "gpt_neo", "modernbert", "roberta")
POOLINGS = ("mean", "cls", "last", "max", "attention")

Make = Callable[..., MultiTaskModel]


def run(model: MultiTaskModel, texts: Sequence[str | Passage], tasks: Sequence[str] | None = None) -> Outputs:
    with torch.no_grad():
        return model(model.tensors(model.tokenizer.batch(model.tokenizer.tokenize(texts))), tasks)


def close(left: Tensor, right: Tensor) -> bool:
    return torch.allclose(left, right, rtol=0, atol=1e-5)


class Passes:
    """Counts how often modules run."""

    def __init__(self, modules: Mapping[str, torch.nn.Module]) -> None:
        self.counts = dict.fromkeys(modules, 0)
        for name, module in modules.items():
            module.register_forward_hook(lambda *_, name=name: self._note(name))

    def _note(self, name: str) -> None:
        self.counts[name] += 1


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("family", FAMILIES)
def test_padding_never_changes_an_answer(make_model: Make, texts: Sequence[str], family: str, pooling: str) -> None:
    model = make_model(family, pooling, projection=24)
    mixed = ["", *texts, "no", " "]
    together = run(model, mixed)
    for row, text in enumerate(mixed):
        alone = run(model, [text])
        length = alone.tokens.shape[1]
        assert close(alone.embedding[0], together.embedding[row])
        assert close(alone["topic"][0], together["topic"][row])
        assert close(alone.tokens[0], together.tokens[row, :length])
        assert close(alone["entities"][0], together["entities"][row, :length])


@pytest.mark.parametrize("family", FAMILIES)
def test_the_token_that_pads_never_matters(make_model: Make, texts: Sequence[str], family: str) -> None:
    model = make_model(family)
    batch = model.tensors(model.tokenizer.batch(model.tokenizer.tokenize(texts)))
    other = {**batch, "input_ids": torch.where(batch["attention_mask"] == 1, batch["input_ids"], 7)}
    with torch.inference_mode():
        left, right = model(batch), model(other)
    assert close(left.embedding, right.embedding)
    assert close(left["topic"], right["topic"])


@pytest.mark.parametrize("family", FAMILIES)
def test_an_empty_text_is_answered(make_model: Make, family: str) -> None:
    model = make_model(family)
    predictor = Predictor(tasks=model.tasks, tokenizer=model.tokenizer, engine=TorchEngine(model))
    (answer,) = predictor.predict([""])
    assert answer["topic"].label in ("travel", "technology", "politics", "other")
    assert answer["entities"].spans == ()
    assert np.isfinite(predictor.embed([""])).all()


def test_an_empty_text_of_a_causal_encoder_is_its_filler_token(make_model: Make) -> None:
    model = make_model("gpt_neo")
    (empty,) = model.tokenizer.tokenize([""])
    assert empty.ids.tolist() == [0]
    assert run(model, [""]).tokens.shape == (1, 1, 32)


def test_a_causal_encoder_gives_its_first_token_the_same_state_whatever_follows(make_model: Make) -> None:
    model = make_model("gpt_neo", "cls")
    assert close(run(model, ["America"]).embedding, run(model, ["America and more"]).embedding)


@pytest.mark.parametrize("family", FAMILIES)
def test_all_tasks_take_one_pass_of_the_encoder(make_model: Make, texts: Sequence[str], family: str) -> None:
    model = make_model(family)
    passes = Passes(
        {
            "encoder": model.encoder.get_input_embeddings(),
            "topic": model.head("topic"),
            "entities": model.head("entities"),
        }
    )
    run(model, texts)
    assert passes.counts == {"encoder": 1, "topic": 1, "entities": 1}


@pytest.mark.parametrize(
    ("asked", "computed"),
    [(["topic"], ["topic"]), (["entities"], ["entities"]), ([], []), (["entities", "topic"], ["topic", "entities"])],
)
def test_only_the_heads_that_are_asked_for_are_computed(
    make_model: Make, texts: Sequence[str], asked: list[str], computed: list[str]
) -> None:
    model = make_model("bert")
    everything = run(model, texts)
    passes = Passes(
        {
            "encoder": model.encoder.get_input_embeddings(),
            "topic": model.head("topic"),
            "entities": model.head("entities"),
        }
    )
    outputs = run(model, texts, asked)
    heads = {name: int(name in computed) for name in ("topic", "entities")}
    assert passes.counts == {"encoder": 1, **heads}
    assert list(outputs) == asked
    assert len(outputs) == len(asked)
    assert torch.equal(outputs.embedding, everything.embedding)
    assert all(torch.equal(logits, everything[name]) for name, logits in outputs.items())
    assert set(outputs.keys()) == set(asked)


def test_an_unknown_task_is_refused_with_the_known_ones(make_model: Make, texts: Sequence[str]) -> None:
    model = make_model("bert")
    with pytest.raises(UsageError, match=r"'topic', 'entities'. Found 'topics'; did you mean 'topic'\?"):
        run(model, texts, ["topics"])


@pytest.mark.parametrize("family", ["bert", "gpt_neo"])
def test_texts_read_the_embedding_and_words_the_token_states(make_model: Make, family: str) -> None:
    model = make_model(family, projection=24)
    outputs = run(model, ["The park", "a"])
    assert (model.width, model.embedding_width) == (32, 24)
    assert outputs.embedding.shape == (2, 24)
    with torch.no_grad():
        assert torch.equal(outputs["topic"], model.head("topic")(outputs.embedding))
        expected = model.head("entities")(outputs.tokens)
    for row, length in enumerate(len(item) for item in model.tokenizer.tokenize(["The park", "a"])):
        assert close(outputs["entities"][row, :length], expected[row, :length])


def test_gradients_of_every_task_reach_the_encoder(make_model: Make, texts: Sequence[str]) -> None:
    model = make_model("bert")
    batch = model.tensors(model.tokenizer.batch(model.tokenizer.tokenize(texts)))
    for name in model.tasks:
        model.zero_grad()
        model(batch, [name])[name].square().sum().backward()
        assert model.encoder.get_input_embeddings().weight.grad.abs().sum() > 0


def test_outputs_pass_through_mixed_precision_whole(make_model: Make, texts: Sequence[str]) -> None:
    model = make_model("bert")
    batch = model.tensors(model.tokenizer.batch(model.tokenizer.tokenize(texts)))
    wrapped = convert_outputs_to_fp32(torch.autocast("cpu", dtype=torch.bfloat16)(model.forward))
    with torch.no_grad():
        outputs = wrapped(batch, ["topic"])
    assert outputs.embedding.shape == (len(texts), 32)
    assert torch.allclose(outputs["topic"].float(), run(model, texts)["topic"], atol=0.5)


@pytest.mark.parametrize("name", ["type", "keys", "items", "forward", "train", "heads", "encoder", "a-b_c"])
def test_a_task_may_have_any_name_that_the_recipe_allows(make_model: Make, name: str, tmp_path: Path) -> None:
    model = make_model("bert", asks={name: Classification(labels=("a", "b"))})
    assert run(model, ["text"])[name].shape == (1, 2)
    model.save_pretrained(tmp_path / "model")
    assert list(MultiTaskModel.from_pretrained(tmp_path / "model").tasks) == [name]


def recipe_for(folder: Path, tasks: Mapping[str, Task], *, name: str, projection: int | None = None) -> Recipe:
    return Recipe(
        encoder=EncoderSettings(name=name, projection=projection),
        tasks=tasks,
        data=DataSources(train=(DataSource(path="train.jsonl"),)),
        folder=folder,
    )


def test_an_untrained_causal_system_gives_the_shapes_of_the_topic_and_entities_template(
    encoders: Mapping[str, Path], tasks: Mapping[str, Task]
) -> None:
    linear = {"topic": replace(tasks["topic"], head="linear"), "entities": tasks["entities"]}
    recipe = recipe_for(encoders["gpt_neo"].parent, linear, name="gpt_neo")
    model = MultiTaskModel.build(recipe, tasks=recipe.tasks, texts=())
    sentences = ["Fetch Rewards is awesome and is America's number one app", "one", "two words", "", "five", "six"]
    outputs = run(model, sentences)
    longest = max(len(item) for item in model.tokenizer.tokenize(sentences))
    assert outputs["topic"].shape == (6, 4)
    assert outputs["entities"].shape == (6, longest, 9)
    assert outputs.embedding.shape == (6, 32)


def test_an_untrained_sentence_system_gives_the_shapes_of_the_topic_and_sentiment_template(
    encoders: Mapping[str, Path],
) -> None:
    topics = ("Technology", "Business", "Sports", "Entertainment", "Politics", "Science/Health")
    asks = {
        "topic": Classification(labels=topics, head="mlp"),
        "sentiment": Classification(labels=("positive", "neutral", "negative"), head="mlp"),
    }
    recipe = recipe_for(encoders["bert"].parent, asks, name="bert", projection=64)
    model = MultiTaskModel.build(recipe, tasks=asks, texts=())
    outputs = run(model, ["one", "two", "three"])
    assert outputs["topic"].shape == (3, 6)
    assert outputs["sentiment"].shape == (3, 3)
    assert outputs.embedding.shape == (3, 64)
    assert [layer.out_features for layer in model.head("topic") if hasattr(layer, "out_features")] == [32, 6]


@pytest.mark.parametrize("name", ["bert", "compact"])
def test_the_seed_of_the_recipe_fixes_an_untrained_model_and_nothing_else(
    encoders: Mapping[str, Path], tasks: Mapping[str, Task], texts: Sequence[str], name: str
) -> None:
    recipe = recipe_for(encoders["bert"].parent, tasks, name=name, projection=16)
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = MultiTaskModel.build(recipe, tasks=tasks, texts=texts)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(5)
    again = MultiTaskModel.build(recipe, tasks=tasks, texts=texts)
    other = MultiTaskModel.build(replace(recipe, training=TrainingSettings(seed=1)), tasks=tasks, texts=texts)
    weights, others = again.state_dict(), other.state_dict()
    assert all(torch.equal(weights[key], tensor) for key, tensor in first.state_dict().items())
    assert not torch.equal(weights["heads.task_topic.0.weight"], others["heads.task_topic.0.weight"])


def test_second_texts_are_told_from_first_ones_as_the_tokenizer_tells_them(make_model: Make) -> None:
    model = make_model("bert")
    inner = Tokenizer.from_str(model.tokenizer.to_json())
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer = TextTokenizer(inner, max_tokens=48, padding_id=0, filler_id=2)
    paired = MultiTaskModel(
        encoder=model.encoder, tokenizer=tokenizer, tasks=model.tasks, pooling="mean", projection=None
    ).eval()
    encoding = inner.encode("The app", "four million")
    texts = [Passage("The app", "four million"), "weather for hours on end"]
    found = run(paired, texts)
    with torch.no_grad():
        expected = model.encoder(
            input_ids=torch.tensor([encoding.ids]), token_type_ids=torch.tensor([encoding.type_ids])
        ).last_hidden_state
        alone = model.encoder(input_ids=torch.tensor([inner.encode(texts[1]).ids])).last_hidden_state
    assert any(encoding.type_ids)
    assert close(found.tokens[:1, : len(encoding.ids)], expected)
    assert close(found.tokens[1:, : alone.shape[1]], alone)


def test_a_batch_of_long_texts_is_refused_with_what_to_do(make_model: Make) -> None:
    model = make_model("bert")
    model.tokenizer.overlap = 0.125
    tokenized = model.tokenizer.tokenize(["weather " * 200])
    with pytest.raises(UsageError, match=r"at most 48 tokens a text\. .*window_batch"):
        model.tensors(model.tokenizer.batch(tokenized))
    with torch.no_grad():
        assert len(model(model.tensors(model.tokenizer.window_batch(tokenized))).embedding) > 1


def test_parameters_of_heads_come_with_the_outputs_and_as_numbers_with_the_tasks(make_model: Make) -> None:
    asks: Mapping[str, Task] = {"chain": Entities(labels=("LOC",), decoder="crf"), "meaning": Embedding()}
    model = make_model("bert", asks=asks)
    with torch.no_grad():
        model.head("chain").get_parameter("transitions")[0, 1] = 0.5
    outputs = model(model.tensors(model.tokenizer.batch(model.tokenizer.tokenize(["The app"]))))
    assert set(outputs) == {"chain"}
    outputs.parameters["chain"]["transitions"].sum().backward()
    gradient = model.head("chain").get_parameter("transitions").grad
    assert gradient is not None
    assert (gradient == 1).all()
    trained = model.trained_tasks()
    assert isinstance(trained["chain"], Entities)
    assert trained["chain"].transitions == ((0.0, 0.5, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    assert trained["meaning"] is asks["meaning"]
