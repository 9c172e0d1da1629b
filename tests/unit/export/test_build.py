from collections.abc import Callable

import onnx
import pytest
import torch

from polyhead.export.build import FAMILIES, built_graph
from polyhead.model.multitask import MultiTaskModel

Make = Callable[..., MultiTaskModel]
Difference = Callable[[MultiTaskModel, onnx.ModelProto], float]
BUILT = ("bert", "roberta", "distilbert", "electra", "gpt_neo", "deberta", "deberta_apart", "deberta_absolute")


def built(model: MultiTaskModel) -> onnx.ModelProto:
    graph = built_graph(model)
    assert graph is not None
    return graph


@pytest.mark.parametrize("family", BUILT)
def test_a_built_graph_gives_what_the_model_gives(make_model: Make, difference: Difference, family: str) -> None:
    model = make_model(family)
    assert difference(model, built(model)) < 1e-4


@pytest.mark.parametrize("family", BUILT)
def test_a_built_graph_is_sound_onnx_in_one_file(make_model: Make, family: str) -> None:
    graph = built(make_model(family))
    onnx.checker.check_model(graph)
    assert not any(weights.external_data for weights in graph.graph.initializer)


def test_inputs_and_outputs_have_names_that_no_operator_has_and_open_axes(make_model: Make) -> None:
    graph = built(make_model()).graph

    def axes(value: onnx.ValueInfoProto) -> list[str | int]:
        return [dimension.dim_param or dimension.dim_value for dimension in value.type.tensor_type.shape.dim]

    assert {value.name: axes(value) for value in graph.input} == {
        "input_ids": ["batch", "tokens"],
        "attention_mask": ["batch", "tokens"],
        "add.rows": [1],
        "names.rows": [1],
    }
    assert {value.name: axes(value)[:-1] for value in graph.output} == {
        "add.logits": ["batch"],
        "names.logits": ["batch", "tokens"],
        "token_states": ["batch", "tokens"],
        "sentence_embedding": ["batch"],
    }


def test_the_same_model_gives_the_same_bytes(make_model: Make) -> None:
    assert built(make_model()).SerializeToString() == built(make_model()).SerializeToString()


def test_an_encoder_that_nobody_builds_gives_no_graph(make_model: Make) -> None:
    assert built_graph(make_model("modernbert")) is None


@pytest.mark.parametrize(
    ("family", "setting", "value"),
    [
        ("bert", "hidden_act", "silu"),
        ("roberta", "is_decoder", True),
        ("bert", "position_embedding_type", "relative_key"),
        ("distilbert", "activation", "silu"),
        ("gpt_neo", "activation_function", "silu"),
        ("deberta", "conv_act", "silu"),
        ("deberta", "conv_groups", 2),
        ("deberta", "pos_att_type", ["p2p"]),
    ],
)
def test_a_setting_that_is_not_known_gives_no_graph(make_model: Make, family: str, setting: str, value: object) -> None:
    model = make_model(family)
    setattr(model.encoder.config, setting, value)
    assert built_graph(model) is None


def test_a_head_or_a_pooling_that_is_not_known_gives_no_graph(make_model: Make) -> None:
    model = make_model()
    model.heads["task_add"] = torch.nn.Sequential(torch.nn.Bilinear(1, 1, 1))
    assert built_graph(model) is None
    model = make_model()
    model.pooling = torch.nn.Flatten()
    assert built_graph(model) is None


def test_every_family_is_a_model_type_of_transformers() -> None:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    assert FAMILIES.keys() <= CONFIG_MAPPING_NAMES.keys()
