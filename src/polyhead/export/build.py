"""The graph of a model whose encoder we know, built operator by operator."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

import onnx
from transformers import PreTrainedModel

from polyhead.export.bert import bert_states, distilbert_states, roberta_states
from polyhead.export.deberta import deberta_states
from polyhead.export.gpt_neo import gpt_neo_states
from polyhead.export.graph import Graph
from polyhead.export.heads import append_outputs
from polyhead.model.multitask import MultiTaskModel

FAMILIES: Mapping[str, Callable[[Graph, PreTrainedModel, int | None], str | None]] = MappingProxyType(
    {
        "bert": bert_states,
        "camembert": roberta_states,
        "deberta-v2": deberta_states,
        "distilbert": distilbert_states,
        "electra": bert_states,
        "gpt_neo": gpt_neo_states,
        "roberta": roberta_states,
        "xlm-roberta": roberta_states,
    }
)
"""Who builds the graph of an encoder, by its `model_type`."""

Way = Literal["built", "traced"]


def built_graph(model: MultiTaskModel) -> onnx.ModelProto | None:
    """Build a graph by hand; nothing when the encoder, the pooling, a head or the way of sharing is not known."""
    family = FAMILIES.get(model.encoder.config.model_type) if model.branches.one_pass else None
    graph = Graph()
    states = None if family is None else family(graph, model.encoder, model.separator)
    if states is None or not append_outputs(graph, model, states):
        return None
    return graph.model()
