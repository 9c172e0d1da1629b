"""Graphs of models that are not built by hand: torch traces the model."""

import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from polyhead.export.graph import OPSET
from polyhead.model.multitask import MultiTaskModel
from polyhead.runtime.names import EMBEDDING, MASK, TOKEN_STATES, TOKENS, logits_name
from polyhead.runtime.session import ERRORS_ONLY

SLOW_FUSIONS = ["SkipLayerNormFusion", "EmbedLayerNormFusion", "AttentionFusion"]
"""The first two take five times as long as what they replace; the third hides products that int8 would convert."""


class _Outputs(nn.Module):
    """The model as a function of two tensors, with its results in a row."""

    def __init__(self, model: MultiTaskModel) -> None:
        super().__init__()
        self.model = model
        self.names = list(model({TOKENS: torch.ones(1, 1, dtype=torch.int64), MASK: torch.ones(1, 1)}))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        batch = {TOKENS: input_ids, MASK: attention_mask}
        outputs = self.model(batch, self.names)
        # Where tasks have passes of their own, that of the embedding is one more.
        plain = outputs if self.model.branches.one_pass else self.model(batch, ())
        return (*(outputs[name] for name in self.names), plain.tokens, plain.embedding)


def traced_graph(model: MultiTaskModel) -> onnx.ModelProto:
    """Let torch trace a model, for any number and length of texts."""
    module = _Outputs(model).eval()
    examples = torch.ones(2, 8, dtype=torch.int64)
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens")}
    with _quiet(), torch.inference_mode():
        program = torch.onnx.export(
            module,
            (examples, examples.clone()),
            dynamo=True,
            input_names=[TOKENS, MASK],
            output_names=[*map(logits_name, module.names), TOKEN_STATES, EMBEDDING],
            dynamic_shapes=(axes, axes),
            opset_version=OPSET,
            verbose=False,
        )
    if program is None:
        message = "torch.onnx.export must return a program here."
        raise TypeError(message)
    graph = program.model_proto
    # What torch noted of inner shapes is wrong once weights were transposed, and later steps rely on it.
    del graph.graph.value_info[:]
    return fused(graph)


def fused(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Let onnxruntime replace groups of operators by single ones that run faster."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = ERRORS_ONLY
    with TemporaryDirectory() as folder:
        path = Path(folder) / "fused.onnx"
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"], disabled_optimizers=SLOW_FUSIONS
        )
        return onnx.load(path)


@contextmanager
def _quiet() -> Generator[None]:
    level = logging.getLogger("torch.onnx").level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        try:
            yield
        finally:
            logging.getLogger("torch.onnx").setLevel(level)
