"""An encoder in int8: weights by channel when the model is exported, states by tensor while it runs.

States become unsigned and weights signed bytes, which the VNNI instructions of x86 and the dot products of ARM multiply
four at a time. Pooling, projection and heads stay in float32: they cost nothing and their errors are seen.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from polyhead.export.graph import MICROSOFT, Array
from polyhead.runtime.names import FURTHER_STATES, TOKEN_STATES
from polyhead.spans import Floats, Integers

LEAST_WEIGHTS = 4096
"""Smaller matrices are not worth the conversion of their states."""


@dataclass(frozen=True, slots=True)
class Product:
    """A product of states with constant weights, and the bias added to it.

    Args:
        node: the MatMul.
        states: what it reads.
        weights: its constant.
        bias: the constant that is added next; empty when there is none.
        result: what the following operators read.
    """

    node: onnx.NodeProto
    states: str
    weights: str
    bias: str
    result: str


def products(model: onnx.ModelProto) -> list[Product]:
    """List what can be converted: every product with constant weights that the token states depend on."""
    constants = {weights.name: weights for weights in model.graph.initializer}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    found: list[Product] = []
    for node in _encoding(model):
        weights = constants.get(node.input[1]) if node.op_type == "MatMul" else None
        if weights is None or len(weights.dims) != 2 or np.prod(weights.dims) < LEAST_WEIGHTS:  # noqa: PLR2004
            continue
        added = _bias_after(readers.get(node.output[0], []), constants)
        bias = next((name for name in added.input if name in constants), "") if added else ""
        result = added.output[0] if added else node.output[0]
        found.append(Product(node, node.input[0], weights.name, bias, result))
    return found


def quantized(model: onnx.ModelProto, *, kept: Collection[str] = ()) -> onnx.ModelProto:
    """Convert the encoder of a graph to int8.

    Args:
        model: the graph in float32; it is not changed.
        kept: weights that stay in float32.
    """
    constants = {weights.name: numpy_helper.to_array(weights) for weights in model.graph.initializer}
    chosen = {product.node.output[0]: product for product in products(model) if product.weights not in kept}
    dropped = {product.result for product in chosen.values() if product.bias}
    tables = {node.output[0] for node in _tables(model, constants) if node.input[0] not in kept}
    nodes: list[onnx.NodeProto] = []
    stored: dict[str, onnx.TensorProto] = {}
    ready: set[str] = set()
    for node in model.graph.node:
        result = node.output[0]
        if result in chosen:
            nodes += _convert_product(chosen[result], constants, stored, ready)
        elif result in tables:
            nodes += _convert_table(node, constants[node.input[0]], stored)
        elif result not in dropped:
            nodes.append(node)
    return _assembled(model, nodes, stored)


def by_channel(weights: Any) -> tuple[Integers, Floats]:  # noqa: ANN401  NumPy's arrays of any numbers
    """Round weights to whole numbers in [-127, 127] and one scale a column.

    Args:
        weights: shape `(inputs, outputs)`.

    Returns:
        The numbers, of the same shape, and the scales, shape `(outputs,)`.
    """
    scales = np.maximum(np.abs(weights).max(axis=0), np.finfo(np.float32).tiny) / 127
    return np.rint(weights / scales).astype(np.int8), scales.astype(np.float32)


def _encoding(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Yield the operators that token states depend on, those of every pass, in the order in which they run."""
    results = {name for node in model.graph.node for name in node.output}
    needed = {name for name in results if name == TOKEN_STATES or name.startswith(FURTHER_STATES)}
    nodes = list[onnx.NodeProto]()
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            nodes.append(node)
    return reversed(nodes)


def _bias_after(readers: list[onnx.NodeProto], constants: Collection[str]) -> onnx.NodeProto | None:
    if len(readers) != 1 or readers[0].op_type != "Add":
        return None
    return readers[0] if any(name in constants for name in readers[0].input) else None


def _tables(model: onnx.ModelProto, constants: dict[str, Array]) -> list[onnx.NodeProto]:
    """List the look-ups in large tables of rows: the embeddings of words."""
    return [
        node
        for node in _encoding(model)
        if node.op_type == "Gather"
        and node.input[0] in constants
        and constants[node.input[0]].ndim == 2  # noqa: PLR2004
        and constants[node.input[0]].dtype == np.float32
        and constants[node.input[0]].size >= 16 * LEAST_WEIGHTS
    ]


def _convert_product(
    product: Product, constants: dict[str, Array], stored: dict[str, onnx.TensorProto], ready: set[str]
) -> Iterator[onnx.NodeProto]:
    states, weights = product.states, product.weights
    converted = [f"{states}.int8", f"{states}.scale", f"{states}.zero"]
    if states not in ready:
        # Queries, keys and values read the same states, so those are converted once.
        ready.add(states)
        yield helper.make_node("DynamicQuantizeLinear", [states], converted)
    if f"{weights}.int8" not in stored:
        numbers, scales = by_channel(constants[weights])
        _store(stored, f"{weights}.int8", numbers)
        _store(stored, f"{weights}.scale", scales)
        _store(stored, f"{weights}.zero", np.zeros(scales.shape, dtype=np.int8))
    inputs = [converted[0], f"{weights}.int8", converted[1], f"{weights}.scale", converted[2], f"{weights}.zero"]
    name = product.node.name
    yield helper.make_node(
        "MatMulIntegerToFloat", [*inputs, product.bias], [product.result], name=name, domain=MICROSOFT
    )


def _convert_table(node: onnx.NodeProto, table: Array, stored: dict[str, onnx.TensorProto]) -> Iterator[onnx.NodeProto]:
    name, ids, result = node.input[0], node.input[1], node.output[0]
    numbers, scales = by_channel(table.T)
    _store(stored, f"{name}.int8", np.ascontiguousarray(numbers.T))
    _store(stored, f"{name}.scale", scales[:, None])
    yield helper.make_node("Gather", [f"{name}.int8", ids], [f"{result}.int8"])
    yield helper.make_node("Gather", [f"{name}.scale", ids], [f"{result}.scale"])
    yield helper.make_node("Cast", [f"{result}.int8"], [f"{result}.cast"], to=TensorProto.FLOAT)
    yield helper.make_node("Mul", [f"{result}.cast", f"{result}.scale"], [result])


def _store(stored: dict[str, onnx.TensorProto], name: str, values: Array) -> None:
    stored[name] = numpy_helper.from_array(values, name)


def _assembled(
    model: onnx.ModelProto, nodes: list[onnx.NodeProto], stored: dict[str, onnx.TensorProto]
) -> onnx.ModelProto:
    used = {name for node in nodes for name in node.input}
    weights = [weights for weights in model.graph.initializer if weights.name in used]
    graph = helper.make_graph(
        nodes, model.graph.name, model.graph.input, model.graph.output, [*weights, *stored.values()]
    )
    opsets = {opset.domain: opset.version for opset in model.opset_import} | {MICROSOFT: 1}
    imports = [helper.make_opsetid(domain, number) for domain, number in opsets.items()]
    return helper.make_model(graph, opset_imports=imports, ir_version=model.ir_version, producer_name="polyhead")
