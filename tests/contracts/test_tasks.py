"""What every kind of task keeps to, whoever wrote it."""

import inspect
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import FrozenInstanceError, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from polyhead import registry
from polyhead.answers import TaskAnswer
from polyhead.decoding.span_scores import WIDTH
from polyhead.manifest import Manifest
from polyhead.model.heads import build_head
from polyhead.recipe import parse_recipe, recipe_to_toml
from polyhead.spans import Floats
from polyhead.tasks.base import UNOBSERVED, HeadTask, Task
from polyhead.text.tokens import TextTokenizer, TokenBatch

KINDS = registry.kinds("tasks")
READ_APART = {"embedding"}
"""Kinds whose rows are read side by side; their own tests hold them to what applies."""

TEXTS = (
    "Maria Okafor moved to São Paulo",
    "The river froze",
    "Zoë\u0301 and 👩‍👩‍👧‍👦 saw Naxos",
    "",
    "re-built by Nordlys AS in 2021, and then sold again to nobody at all",
)


@dataclass(frozen=True)
class Sample:
    """One kind's settings, and values for the five texts above.

    Args:
        kind: the word in the recipe.
        sure: makes logits that are sure of the targets that it gets, for a batch.
        settings: what the recipe says beside the kind.
        raw: values as rows hold them; none of them is null.
        bad: values that must be refused for the first text.
        parameters: trained parameters beside the head's layers.
    """

    kind: str
    sure: Callable[["Case", Any], Floats]
    settings: Mapping[str, Any]
    raw: Sequence[object]
    bad: Sequence[object]
    parameters: Mapping[str, Any] = field(default_factory=dict)


def one_of_many(case: "Case", targets: Any) -> Floats:  # noqa: ANN401
    return 20.0 * np.eye(case.task.outputs)[np.where(targets < 0, 0, targets)]


def a_little(case: "Case", targets: Any) -> Floats:  # noqa: ANN401
    # Whoever doubts the labels punishes what is too sure.
    return 0.2 * one_of_many(case, targets)


def all_subwords(case: "Case", targets: Any) -> Floats:  # noqa: ANN401
    last = np.maximum.accumulate(np.where(targets >= 0, np.arange(targets.shape[1]), 0), axis=1)
    return one_of_many(case, np.take_along_axis(targets, last, axis=1))


def yes_or_no(case: "Case", targets: Any) -> Floats:  # noqa: ANN401, ARG001
    return 40.0 * targets - 20.0


def the_number(case: "Case", targets: Any) -> Floats:  # noqa: ANN401, ARG001
    return np.nan_to_num(targets)


def between_cuts(case: "Case", targets: Any) -> Floats:  # noqa: ANN401, ARG001
    return np.array([-40.0, 0.0, 40.0])[targets][:, None]


def a_little_between(case: "Case", targets: Any) -> Floats:  # noqa: ANN401
    return 0.1 * between_cuts(case, targets)


def matching_ends(case: "Case", targets: Any) -> Floats:  # noqa: ANN401
    logits = np.zeros((*targets.shape[:2], case.task.outputs))
    labels = targets.shape[-1]
    logits[..., 2 * WIDTH :] = -60.0
    for row in range(len(targets)):
        words = np.flatnonzero(targets[row, :, 0, 0] != UNOBSERVED)
        at = {token: word for word, token in enumerate(words.tolist())}
        for number, (token, length, label) in enumerate(np.argwhere(targets[row] == 1).tolist()):
            end = words[at[token] + length]
            logits[row, token, number] = logits[row, end, WIDTH + number] = 10.0 * WIDTH**0.25
            logits[row, token, 2 * WIDTH + label] = logits[row, end, 2 * WIDTH + labels + label] = -20.0
    return logits


SPANS = (
    [{"start": 22, "end": 31, "label": "LOC"}, {"start": 0, "end": 12, "label": "PERSON"}],
    [],
    [{"start": 0, "end": 4, "type": "PERSON", "text": "Zoë\u0301"}, {"start": 21, "end": 26, "label": "LOC"}],
    [],
    [{"start": 12, "end": 22, "label": "ORG"}],
)
NESTED = (
    [*SPANS[0], {"start": 0, "end": 5, "label": "PERSON"}, {"start": 6, "end": 18, "label": "ORG"}],
    *SPANS[1:],
)
BAD_SPANS = ("Maria", [3], [{"start": 0, "end": 99, "label": "LOC"}], [{"start": 0, "end": 5}], None)
TOPICS = {"labels": ("travel", "weather", "none of these")}
CHOSEN = ("travel", "weather", "travel", "none of these", "none of these")
TAGS = (["X", "X", "V", "P", "X", "X"], ["D", "N", "V"], ["X", "C", "D", "V", "X"], [], ["V"] * 17)
WORDS = {"labels": ("C", "D", "N", "P", "V", "X")}

# A new kind needs one entry here, and gets every test of this file.
SAMPLES = {
    "classification": Sample("classification", one_of_many, TOPICS, CHOSEN, ("", 3, None, ["travel"])),
    "classification, bent": Sample(
        "classification",
        one_of_many,
        {**TOPICS, "class_weights": {"travel": 2.0}, "focal": 2.0, "windows": "attention"},
        CHOSEN,
        ("",),
    ),
    "classification, smoothed": Sample(
        "classification", a_little, {**TOPICS, "label_smoothing": 0.1, "class_weights": "balanced"}, CHOSEN, ("",)
    ),
    "multilabel": Sample(
        "multilabel",
        yes_or_no,
        TOPICS,
        (["travel", "weather"], ["weather"], [], {"yes": ["travel"], "no": ["weather"]}, ["none of these"]),
        ("travel", 3, [""], [3], {"yes": ["travel"]}, {"yes": ["travel"], "no": ["travel"]}, None),
    ),
    "multilabel, bent": Sample(
        "multilabel",
        yes_or_no,
        {**TOPICS, "focal": 1.0, "class_weights": "balanced"},
        (["travel", "weather"], ["weather"], [], {"yes": ["travel"], "no": ["weather"]}, ["none of these"]),
        ({"yes": 3, "no": []},),
    ),
    "regression": Sample(
        "regression", the_number, {}, (1.5, 2, -3.25, 0, 1e6), ("1", True, [1, 2], float("nan"), None)
    ),
    "regression, several": Sample(
        "regression",
        the_number,
        {"numbers": 2, "objective": "huber"},
        ([1.5, 2], [2, None], [None, -1.0], [0, 0], [7, 8]),
        (1.5, [1], [None, None], ["1", 2]),
    ),
    "ordinal": Sample(
        "ordinal",
        between_cuts,
        {"labels": ("1", "2", "3")},
        (1, "2", 3, "3", 2),
        ("", 1.5, True, None),
        {"cuts": (-20.0, 40.0)},
    ),
    "ordinal, bent": Sample(
        "ordinal",
        a_little_between,
        {"labels": ("1", "2", "3"), "class_weights": "balanced", "focal": 1.0, "label_smoothing": 0.1},
        (1, "2", 3, "3", 2),
        ("",),
        {"cuts": (-2.0, 4.0)},
    ),
    "tagging": Sample("tagging", one_of_many, WORDS, TAGS, ("X", [3], ["X", ""], None)),
    "tagging, mean": Sample("tagging", all_subwords, {**WORDS, "subwords": "mean"}, TAGS, ("X",)),
    "entities": Sample("entities", one_of_many, {"labels": ("PERSON", "LOC", "ORG")}, SPANS, BAD_SPANS),
    "entities, crf": Sample(
        "entities",
        one_of_many,
        {"labels": ("PERSON", "LOC", "ORG"), "decoder": "crf"},
        SPANS,
        BAD_SPANS,
        {"transitions": tuple(tuple(0.1 * (i - j) for i in range(7)) for j in range(7))},
    ),
    "entities, span": Sample(
        "entities",
        matching_ends,
        {"labels": ("PERSON", "LOC", "ORG"), "decoder": "span", "max_words": 6},
        NESTED,
        [*BAD_SPANS, [{"start": 0, "end": 5, "label": "LOC"}, {"start": 0, "end": 5, "label": "LOC"}]],
        {"lengths": tuple((0.1, -0.1, 0.0) for _ in range(6))},
    ),
}


@dataclass(frozen=True)
class Case:
    """One kind, ready for use."""

    task: Any
    sample: Sample
    values: list[Any]
    tokenizer: TextTokenizer

    def batch(self, rows: Sequence[int]) -> TokenBatch:
        return self.tokenizer.batch(self.tokenizer.tokenize([TEXTS[row] for row in rows]))

    def targets(self, values: Sequence[Any], rows: Sequence[int]) -> torch.Tensor:
        return torch.from_numpy(self.task.targets(values, self.batch(rows)))

    def shape(self, rows: Sequence[int]) -> tuple[int, ...]:
        return (*self.places(self.batch(rows)), self.task.outputs)

    @property
    def places_count(self) -> int:
        return 2 if self.task.level == "words" else 1

    def places(self, batch: TokenBatch) -> tuple[int, ...]:
        return batch.ids.shape if self.task.level == "words" else batch.ids.shape[:1]


def made(sample: Sample) -> tuple[Any, list[Any]]:
    """Make a task as training has it at its end, and the values of its rows."""
    task = registry.find("tasks", sample.kind)(**sample.settings)
    values = [task.read(raw, text, []) for raw, text in zip(sample.raw, TEXTS, strict=True)]
    return task.prepared(iter(values)).with_parameters(sample.parameters), values


@pytest.fixture(params=SAMPLES)
def case(request: pytest.FixtureRequest, wordpiece: TextTokenizer) -> Case:
    sample = SAMPLES[request.param]
    return Case(*made(sample)[:1], sample, made(sample)[1], wordpiece)


def sure_logits(case: Case, targets: Any) -> Floats:  # noqa: ANN401
    return case.sample.sure(case, targets)


def is_observed(targets: torch.Tensor) -> torch.Tensor:
    return ~targets.isnan() if targets.is_floating_point() else targets != UNOBSERVED


def widened(batch: TokenBatch, extra: int) -> TokenBatch:
    """Add columns of padding."""

    def pad(array: Any) -> Any:  # noqa: ANN401
        return np.pad(array, [(0, 0), (0, extra)] + [(0, 0)] * (array.ndim - 2))

    parts = ("ids", "mask", "words", "borders", "tokens")
    return replace(batch, **{part: pad(getattr(batch, part)) for part in parts})


ALL = range(len(TEXTS))


def test_every_kind_has_a_sample_and_every_sample_a_kind() -> None:
    assert {sample.kind for sample in SAMPLES.values()} | READ_APART == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_word_is_the_name_of_its_file_and_of_its_class_attribute(kind: str) -> None:
    found = registry.find("tasks", kind)
    assert found.kind == kind
    assert issubclass(found, Task)
    assert not inspect.isabstract(found)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_page_that_names_its_keys(kind: str) -> None:
    pages = Path(__file__).parents[2] / "docs"
    text = (pages / "tasks" / f"{kind}.md").read_text() + (pages / "recipe.md").read_text()
    assert f'kind = "{kind}"' in text
    assert f"tasks/{kind}.md" in text
    keys = [own.name for own in fields(registry.find("tasks", kind)) if own.compare]
    assert not [key for key in keys if f"`{key}`" not in text]


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_loads_without_torch(kind: str) -> None:
    code = f"""
import sys
from polyhead import registry
registry.find("tasks", {kind!r})
sys.exit(bool({{"torch", "transformers", "accelerate", "pydantic", "pyarrow"}} & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_record_is_a_frozen_dataclass(case: Case) -> None:
    assert is_dataclass(case.task)
    for own in fields(case.task):
        with pytest.raises(FrozenInstanceError):
            setattr(case.task, own.name, getattr(case.task, own.name))


def test_the_settings_are_given_by_name_only(case: Case) -> None:
    with pytest.raises(TypeError):
        type(case.task)(2.0)


def test_the_class_says_what_it_is_for(case: Case) -> None:
    assert inspect.getdoc(case.task)
    assert not inspect.getdoc(case.task).startswith(type(case.task).__name__ + "(")


def test_a_value_read_again_from_arrow_is_the_same(case: Case) -> None:
    column = pa.array([case.task.to_column(value) for value in case.values], type=case.task.column_type())
    assert [case.task.from_column(cell) for cell in column.to_pylist()] == case.values


def test_good_values_have_no_problems(case: Case) -> None:
    for raw, text in zip(case.sample.raw, TEXTS, strict=True):
        problems: list[str] = []
        assert case.task.read(raw, text, problems) is not None
        assert problems == []


def test_bad_values_are_refused_with_a_sentence(case: Case) -> None:
    for raw in case.sample.bad:
        problems: list[str] = []
        assert case.task.read(raw, TEXTS[0], problems) is None
        assert problems
        assert all("must" in problem or "but" in problem for problem in problems)


def test_what_is_encoded_is_decoded_again(case: Case) -> None:
    batch = case.batch(ALL)
    targets = case.task.targets(case.values, batch)
    answers = case.task.decode(sure_logits(case, targets), batch)
    assert len(answers) == len(TEXTS)
    for value, answer in zip(case.values, answers, strict=True):
        assert isinstance(answer, TaskAnswer)
        assert case.task.right(value, answer)


def test_perfect_answers_score_one_and_scores_are_plain_json(case: Case) -> None:
    batch = case.batch(ALL)
    answers = case.task.decode(sure_logits(case, case.task.targets(case.values, batch)), batch)
    score = case.task.score(case.values, answers)
    assert score["primary"] == pytest.approx(1.0)
    assert json.loads(json.dumps(score)) == score


def test_the_primary_score_of_any_answers_is_in_the_unit_interval(case: Case, random: np.random.Generator) -> None:
    batch = case.batch(ALL)
    for _ in range(20):
        answers = case.task.decode(random.normal(size=case.shape(ALL)), batch)
        assert 0.0 <= case.task.score(case.values, answers)["primary"] <= 1.0


def test_an_answer_is_plain_json_and_says_its_kind_first(case: Case, random: np.random.Generator) -> None:
    for answer in case.task.decode(random.normal(size=case.shape(ALL)).astype(np.float32), case.batch(ALL)):
        found = answer.to_json()
        assert json.loads(json.dumps(found, allow_nan=False)) == found
        assert next(iter(found.items())) == ("kind", case.task.kind)


def test_the_loss_is_a_finite_scalar_that_is_not_negative(case: Case, random: np.random.Generator) -> None:
    loss = case.task.loss(torch.from_numpy(random.normal(size=case.shape(ALL))), case.targets(case.values, ALL))
    assert loss.shape == ()
    assert torch.isfinite(loss)
    assert loss >= 0


def test_better_logits_have_a_lower_loss(case: Case, random: np.random.Generator) -> None:
    targets = case.targets(case.values, ALL)
    sure = torch.from_numpy(sure_logits(case, targets.numpy()))
    assert case.task.loss(sure, targets) < case.task.loss(torch.from_numpy(random.normal(size=sure.shape)), targets)


def test_the_gradient_reaches_the_logits_of_every_label(case: Case, random: np.random.Generator) -> None:
    targets = case.targets(case.values, ALL)
    logits = torch.from_numpy(random.normal(size=case.shape(ALL))).requires_grad_()
    case.task.loss(logits, targets).backward()
    assert logits.grad is not None
    observed = is_observed(targets)
    # Targets may have a dimension for the outputs, or further ones.
    while observed.ndim > case.places_count:
        observed = observed.any(dim=-1)
    assert torch.equal((logits.grad != 0).any(dim=-1), observed)


def test_the_number_of_labels_is_what_the_loss_sums_over(case: Case) -> None:
    targets = case.targets(case.values, ALL)
    logits = torch.zeros(case.shape(ALL))
    parts = [case.task.observed(targets[row : row + 1].numpy()) for row in ALL]
    assert sum(parts) == case.task.observed(targets.numpy()) > 0
    twice = case.task.loss(torch.cat([logits, logits]), torch.cat([targets, targets]))
    assert twice.item() == pytest.approx(2 * case.task.loss(logits, targets).item(), rel=1e-5)


def test_unlabelled_rows_contribute_nothing(case: Case, random: np.random.Generator) -> None:
    logits = torch.from_numpy(random.normal(size=case.shape(ALL))).requires_grad_()
    some = [value if row % 2 else None for row, value in enumerate(case.values)]
    targets = case.targets(some, ALL)
    loss = case.task.loss(logits, targets)
    loss.backward()
    labelled = [row for row in ALL if row % 2]
    assert loss.item() == pytest.approx(case.task.loss(logits[labelled], targets[labelled]).item())
    assert logits.grad is not None
    assert not logits.grad[::2].any()
    assert case.task.observed(targets.numpy()) == case.task.observed(targets[labelled].numpy())


def test_a_batch_without_labels_has_a_loss_of_zero_and_no_gradient(case: Case, random: np.random.Generator) -> None:
    logits = torch.from_numpy(random.normal(size=case.shape(ALL))).requires_grad_()
    targets = case.targets([None] * len(TEXTS), ALL)
    loss = case.task.loss(logits, targets)
    loss.backward()
    assert case.task.observed(targets.numpy()) == 0
    assert loss.item() == 0.0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_padding_never_changes_an_answer_or_the_loss(case: Case, random: np.random.Generator) -> None:
    batch = case.batch(ALL)
    wide = widened(batch, 7)
    logits = random.normal(size=(*case.places(wide), case.task.outputs))
    narrow = logits if case.task.level == "text" else logits[:, : batch.ids.shape[1]]
    assert case.task.decode(logits, wide) == case.task.decode(narrow, batch)
    losses = [
        case.task.loss(torch.from_numpy(values), torch.from_numpy(case.task.targets(case.values, tokens)))
        for values, tokens in ((logits, wide), (narrow, batch))
    ]
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-6)


def test_what_stands_at_padding_never_counts(case: Case, random: np.random.Generator) -> None:
    batch = case.batch(ALL)
    logits = random.normal(size=case.shape(ALL))
    noisy = logits.copy()
    if case.task.level == "words":
        noisy[~batch.mask] = 1e6
    targets = case.targets(case.values, ALL)
    assert case.task.decode(logits, batch) == case.task.decode(noisy, batch)
    expected = case.task.loss(torch.from_numpy(logits), targets)
    assert case.task.loss(torch.from_numpy(noisy), targets).item() == pytest.approx(expected.item())


@pytest.mark.parametrize("order", [[3], [4, 1], [2, 0, 3, 1, 4]])
def test_company_never_changes_an_answer_or_the_loss(case: Case, order: list[int], random: np.random.Generator) -> None:
    batch, part = case.batch(ALL), case.batch(order)
    logits = random.normal(size=case.shape(ALL))
    own = logits[order] if case.task.level == "text" else logits[order][:, : part.ids.shape[1]]
    together = case.task.decode(logits, batch)
    assert list(case.task.decode(own, part)) == [together[row] for row in order]
    targets, own_targets = case.targets(case.values, ALL), case.targets([case.values[row] for row in order], order)
    alone = [case.task.loss(torch.from_numpy(logits[row : row + 1]), targets[row : row + 1]).item() for row in order]
    loss = case.task.loss(torch.from_numpy(own), own_targets)
    assert loss.item() == pytest.approx(sum(alone), rel=1e-5, abs=1e-6)


def test_logits_of_half_precision_have_a_finite_loss(case: Case, random: np.random.Generator) -> None:
    logits = torch.from_numpy(random.normal(size=case.shape(ALL)) * 100).to(torch.bfloat16)
    assert torch.isfinite(case.task.loss(logits, case.targets(case.values, ALL)))


def test_a_task_with_a_head_tells_its_width(case: Case) -> None:
    if isinstance(case.task, HeadTask):
        assert case.task.outputs > 0
        assert case.task.level in {"text", "words"}


def test_equal_settings_make_equal_records(case: Case) -> None:
    again = type(case.task)(**case.sample.settings)
    assert again == case.task == made(case.sample)[0]
    assert replace(case.task, weight=0.25) != case.task


def test_a_manifest_gives_back_the_task_with_all_that_training_filled_in(case: Case) -> None:
    manifest = Manifest(
        tasks={"it": case.task},
        pooling="mean",
        projection=None,
        width=8,
        max_tokens=64,
        overlap=0.125,
        padding_id=0,
        filler_id=0,
        versions={},
    )
    document = json.loads(json.dumps(manifest.to_json(), allow_nan=False))
    again = Manifest.from_json(document, where=Path("polyhead.json")).tasks["it"]
    for own in fields(case.task):
        assert getattr(again, own.name) == getattr(case.task, own.name)


def test_a_recipe_takes_the_settings_and_gives_them_back_without_what_training_fills_in(case: Case) -> None:
    task = {"kind": case.task.kind, **case.sample.settings}
    document = {"encoder": {"name": "compact"}, "tasks": {"it": task}, "data": {"train": [{"path": "a.jsonl"}]}}
    recipe = parse_recipe(document, folder=Path(), source="recipe.toml")
    assert recipe.tasks["it"] == case.task
    written = tomllib.loads(recipe_to_toml(recipe.with_tasks({"it": case.task})))["tasks"]["it"]
    assert set(written) <= {"kind", *(own.name for own in fields(case.task) if own.compare)}


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_the_gradient_reaches_the_encoder_and_all_that_is_trained(case: Case, head: str) -> None:
    torch.manual_seed(0)
    task = replace(case.task, head=head, hidden=32, dropout=0.0)
    module = build_head(task, 8)
    states = torch.randn(*case.places(case.batch(ALL)), 8, requires_grad=True)
    logits = module(states)[..., : task.outputs]
    trained = task.with_parameters(dict(module.named_parameters(recurse=False)))
    trained.loss(logits, case.targets(case.values, ALL)).backward()
    assert states.grad is not None
    assert states.grad.abs().sum() > 0
    for name, parameter in module.named_parameters(recurse=False):
        assert parameter.shape == task.parameters[name]
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0


def test_the_loss_of_numbers_is_that_of_the_tensors_that_they_come_from(
    case: Case, random: np.random.Generator
) -> None:
    logits = torch.from_numpy(random.normal(size=case.shape(ALL)))
    targets = case.targets(case.values, ALL)
    tensors = {name: torch.tensor(value) for name, value in case.sample.parameters.items()}
    alike = case.task.with_parameters(tensors).loss(logits, targets)
    assert alike.item() == pytest.approx(case.task.loss(logits, targets).item())
    assert torch.isfinite(alike)
