import pytest
import torch
from torch import nn

from polyhead.model.heads import build_head
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities


def layers(head: nn.Sequential) -> list[str]:
    return [type(layer).__name__ for layer in head]


def test_a_linear_head_drops_out_and_maps() -> None:
    head = build_head(Classification(labels=("a", "b", "c"), head="linear", dropout=0.25), 8)
    assert layers(head) == ["Dropout", "Linear"]
    assert head[0].p == 0.25
    assert (head[1].in_features, head[1].out_features) == (8, 3)


def test_an_mlp_head_has_a_hidden_layer_of_half_the_width() -> None:
    head = build_head(Classification(labels=("a", "b"), head="mlp", dropout=0.5), 10)
    assert layers(head) == ["Linear", "ReLU", "Dropout", "Linear"]
    assert (head[0].in_features, head[0].out_features) == (10, 5)
    assert head[2].p == 0.5
    assert (head[3].in_features, head[3].out_features) == (5, 2)


def test_the_hidden_layer_is_as_wide_as_the_recipe_says() -> None:
    head = build_head(Classification(labels=("a", "b"), head="mlp", hidden=7), 10)
    assert (head[0].out_features, head[3].in_features) == (7, 7)


def test_a_hidden_layer_is_never_empty() -> None:
    assert build_head(Classification(labels=("a", "b"), head="mlp"), 1)[0].out_features == 1


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_heads_of_words_judge_every_token(kind: str) -> None:
    head = build_head(Entities(labels=("PERSON", "LOC", "ORG", "DATE"), head=kind), 6)
    assert head(torch.zeros(2, 5, 6)).shape == (2, 5, 9)


def test_what_a_task_learns_beside_its_layers_is_a_parameter_of_its_head() -> None:
    head = build_head(Entities(labels=("PERSON", "LOC"), decoder="crf"), 6)
    assert layers(head) == ["Dropout", "Linear"]
    (name, parameter), *_ = head.named_parameters(recurse=False)
    assert name == "transitions"
    assert parameter.shape == (5, 5)
    assert not parameter.any()
    assert set(head.state_dict()) == {"transitions", "1.weight", "1.bias"}


def test_attention_over_windows_is_one_more_output() -> None:
    head = build_head(Classification(labels=("a", "b"), windows="attention"), 6)
    assert head[1].out_features == 3
