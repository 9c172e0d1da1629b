from collections.abc import Callable
from itertools import islice

import onnx
import pytest

from polyhead.export.build import built_graph
from polyhead.model.compact import build_compact
from polyhead.model.multitask import MultiTaskModel
from polyhead.model.spelling import fold
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities

Make = Callable[..., MultiTaskModel]
Difference = Callable[[MultiTaskModel, onnx.ModelProto], float]


@pytest.mark.parametrize("terms", [["c2p"], ["p2c"], []])
@pytest.mark.parametrize("size", [0, 3])
def test_terms_of_the_score_and_the_convolution_may_be_left_out(
    difference: Difference, make_model: Make, terms: list[str], size: int
) -> None:
    from transformers import DebertaV2Config, DebertaV2Model

    settings = make_model("deberta").encoder.config.to_dict()
    changed = DebertaV2Config(**{**settings, "pos_att_type": terms, "conv_kernel_size": size})
    model = make_model("deberta")
    model.encoder = DebertaV2Model(changed).eval()
    graph = built_graph(model)
    assert graph is not None
    assert difference(model, graph) < 1e-4


def test_the_built_in_encoder_is_built_by_hand(sentences: tuple[str, ...], difference: Difference) -> None:
    loaded = build_compact(islice(sentences, 20), 1)
    fold(loaded.module)
    model = MultiTaskModel(
        encoder=loaded.module,
        tokenizer=loaded.tokenizer,
        tasks={"add": Classification(labels=("a", "b")), "names": Entities(labels=("X",))},
        pooling="mean",
        projection=None,
    ).eval()
    graph = built_graph(model)
    assert graph is not None
    assert difference(model, graph) < 1e-4
