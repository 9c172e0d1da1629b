"""Graphs of models whose tasks do not share all of one pass."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import onnx
import pytest

from polyhead.export.build import built_graph
from polyhead.export.int8 import products, quantized
from polyhead.export.traced import traced_graph
from polyhead.model.engine import TorchEngine
from polyhead.model.multitask import MultiTaskModel
from polyhead.runtime.session import OnnxEngine
from polyhead.sharing.base import Sharing
from polyhead.sharing.lora import LowRank
from polyhead.sharing.soft import Soft
from polyhead.sharing.task_attention import TaskAttention

Make = Callable[..., MultiTaskModel]
Difference = Callable[[MultiTaskModel, onnx.ModelProto], float]
WAYS: Mapping[str, Sharing] = {
    "task_attention": TaskAttention(heads=2),
    "lora": LowRank(rank=2),
    "one group": LowRank(rank=2, groups_of={"all": ("add", "names")}),
    "l2": Soft(),
}


@pytest.fixture(params=WAYS)
def sharing(request: pytest.FixtureRequest) -> Sharing:
    if isinstance(WAYS[request.param], LowRank):
        pytest.importorskip("peft", reason="an extra")
    return WAYS[request.param]


def built(model: MultiTaskModel) -> onnx.ModelProto:
    graph = built_graph(model)
    assert graph is not None
    return graph


@pytest.mark.parametrize("family", ["bert", "deberta", "gpt_neo"])
@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_a_built_graph_gives_what_the_model_gives(
    make_model: Make, difference: Difference, sharing: Sharing, *, family: str, pooling: str
) -> None:
    model = make_model(family, pooling, projection=24, sharing=sharing)
    assert difference(model, built(model)) < 1e-4


def test_a_graph_is_sound_and_the_model_is_as_before(
    make_model: Make, difference: Difference, sharing: Sharing
) -> None:
    model = make_model(sharing=sharing)
    onnx.checker.check_model(built(model))
    assert difference(model, built(model)) < 1e-4


def test_what_groups_have_in_common_is_in_the_graph_once(make_model: Make) -> None:
    pytest.importorskip("peft", reason="an extra")
    tables = [
        weights.name
        for weights in built(make_model(sharing=LowRank(rank=2))).graph.initializer
        if weights.name.startswith("encoder.words")
    ]
    assert tables == ["encoder.words"]


def test_every_pass_is_converted_to_int8_and_what_they_share_only_once(make_model: Make) -> None:
    pytest.importorskip("peft", reason="an extra")
    model = make_model("bert", sharing=LowRank(rank=2))
    for parameter in model.parameters():
        parameter.data *= 0.3
    one, every = products(built(make_model("bert"))), products(built(model))
    assert len(every) == 3 * len(one)
    small = quantized(built(model))
    onnx.checker.check_model(small)
    assert not [weights.name for weights in small.graph.initializer if weights.name in {of.weights for of in every}]
    batch = model.tokenizer.batch(model.tokenizer.tokenize(["w1 w2 w3", "w4 w5"], words=True))
    found = OnnxEngine(small.SerializeToString()).run(batch, ["add", "names"])
    expected = TorchEngine(model).run(batch, ["add", "names"])
    assert found.logits["add"] == pytest.approx(expected.logits["add"], abs=0.1)
    assert found.embedding == pytest.approx(TorchEngine(model).run(batch, []).embedding, abs=0.1)


@pytest.mark.slow
def test_encoders_that_are_stitched_together_are_traced(make_model: Make, difference: Difference) -> None:
    # tests/flow/test_sharing.py traces BERTs.
    model = make_model("deberta", sharing=Soft(tie="cross_stitch"))
    assert built_graph(model) is None
    assert difference(model, traced_graph(model)) < 1e-4


def test_a_task_that_is_not_asked_reads_no_row(make_model: Make, sharing: Sharing) -> None:
    model = make_model(sharing=sharing)
    engine = OnnxEngine(built(model).SerializeToString())
    batch = model.tokenizer.batch(model.tokenizer.tokenize(["w1 w2 w3", "w4"], words=True))
    for tasks in (["add"], ["names"], ["names", "add"], []):
        found, expected = engine.run(batch, tasks), TorchEngine(model).run(batch, tasks)
        assert list(found.logits) == tasks
        for name in tasks:
            seen = batch.mask if name == "names" else slice(None)
            assert found.logits[name][seen] == pytest.approx(expected.logits[name][seen], abs=1e-3)
        assert found.embedding.shape == (2, model.embedding_width)
    shorter = replace(batch, texts=batch.texts[:1], ids=batch.ids[:1], mask=batch.mask[:1])
    assert engine.run(shorter, ["add"]).logits["add"].shape == (1, 3)
