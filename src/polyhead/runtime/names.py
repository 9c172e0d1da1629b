"""What the inputs and outputs of an exported graph are called, and where graphs lie in a model folder."""

TOKENS = "input_ids"
MASK = "attention_mask"

EMBEDDING = "sentence_embedding"
TOKEN_STATES = "token_states"  # noqa: S105  no secret: the states of tokens
"""States of all tokens; what stands at padding has no meaning."""

FURTHER_STATES = f"{TOKEN_STATES}."
"""What states inside the graph begin with that are the result of further encoder passes, where there are several."""

GRAPHS = {
    "onnx": "onnx/model.onnx",
    "onnx-int8": "onnx/model_int8.onnx",
    "openvino": "onnx/model.onnx",
    "openvino-int8": "openvino/model_int8.xml",
}
"""Files by the word for their engine; weights that are not in such a file lie beside it, as `.bin`."""

ENGINES = (*GRAPHS, "torch")
"""All words for engines."""


def logits_name(task: str) -> str:
    """Name the output of a task; never the bare task, which could be the name of an operator."""
    return f"{task}.logits"


def rows_name(task: str) -> str:
    """Name the optional input that says for how many rows a head is computed: 0 leaves it out, all when absent."""
    return f"{task}.rows"
