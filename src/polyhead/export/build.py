"""The graph of a model whose encoder we know, built operator by operator."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, cast

import onnx
from transformers import PreTrainedModel

from polyhead.export.bert import bert_states, distilbert_states, roberta_states
from polyhead.export.deberta import deberta_states
from polyhead.export.gpt_neo import gpt_neo_states
from polyhead.export.graph import Graph
from polyhead.export.heads import append_outputs
from polyhead.model.forward import head_levels
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
    """Build a graph by hand; nothing when the encoder, the pooling or a head is not known."""
    family = FAMILIES.get(model.encoder.config.model_type)
    encoders = model.branches.apart(model.encoder, tuple(head_levels(model.tasks)))
    if family is None or encoders is None:
        return None
    graph = Graph()
    # Tasks that have the same encoder share its pass.
    states = {
        number: family(graph, cast("PreTrainedModel", encoder), model.separator)
        for number, encoder in {id(encoder): encoder for encoder in encoders.values()}.items()
    }
    known = {task: found for task, encoder in encoders.items() if (found := states[id(encoder)]) is not None}
    return graph.model() if len(known) == len(encoders) and append_outputs(graph, model, known) else None
