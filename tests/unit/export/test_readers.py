from collections.abc import Callable

import numpy as np
import onnx
import pytest
import torch

from polyhead.export.build import built_graph
from polyhead.export.parity import compare, edge_texts
from polyhead.export.traced import traced_graph
from polyhead.model.engine import TorchEngine
from polyhead.model.multitask import MultiTaskModel
from polyhead.runtime.names import MASK, TOKENS, logits_name, rows_name
from polyhead.runtime.session import OnnxEngine, open_session
from polyhead.sharing.base import Sharing
from polyhead.sharing.lora import LowRank
from polyhead.sharing.soft import Soft
from polyhead.sharing.task_attention import TaskAttention

Make = Callable[..., MultiTaskModel]
Difference = Callable[[MultiTaskModel, onnx.ModelProto], float]


@pytest.mark.parametrize("family", ["bert", "gpt_neo"])
def test_attention_of_each_task_is_that_of_the_model(make_model: Make, difference: Difference, family: str) -> None:
    model = make_model(family, projection=24, sharing=TaskAttention())
    graph = built_graph(model)
    assert graph is not None
    assert difference(model, graph) < 1e-4


@pytest.mark.parametrize(("task", "other"), [("add", "names"), ("names", "add")])
def test_a_task_that_is_not_asked_is_not_read(make_model: Make, task: str, other: str) -> None:
    graph = built_graph(make_model(sharing=TaskAttention()))
    assert graph is not None
    session = open_session(graph.SerializeToString())
    feeds = {TOKENS: np.full((2, 5), 7, dtype=np.int64), MASK: np.ones((2, 5), dtype=np.int64)}
    every = session.run([logits_name(other)], feeds)[0]
    none, same = session.run(
        [logits_name(task), logits_name(other)], {**feeds, rows_name(task): np.zeros(1, dtype=np.int64)}
    )
    assert none.shape[0] == 0
    assert np.array_equal(same, every)


@pytest.mark.parametrize(
    "sharing",
    [Soft(), Soft(tie="cross_stitch"), LowRank(rank=2), LowRank(rank=2, groups_of={"all": ("add", "names")})],
    ids=["soft", "cross_stitch", "lora", "lora of one group"],
)
def test_tasks_with_passes_of_their_own_are_traced(make_model: Make, difference: Difference, sharing: Sharing) -> None:
    if sharing.kind == "lora":
        pytest.importorskip("peft", reason="an extra")
    torch.manual_seed(1)
    model = make_model(sharing=sharing)
    assert built_graph(model) is None
    graph = traced_graph(model)
    assert difference(model, graph) < 1e-4
    parity = compare(
        TorchEngine(model),
        OnnxEngine(graph.SerializeToString()),
        tokenizer=model.tokenizer,
        tasks=model.tasks,
        texts=edge_texts(model.tokenizer, ["w5 w6"]),
    )
    assert parity.holds
