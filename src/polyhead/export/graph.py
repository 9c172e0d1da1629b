"""A small writer of ONNX graphs: operators and weights by name, nothing traced."""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
"""Old enough for every onnxruntime that we support, new enough for LayerNormalization."""

MICROSOFT = "com.microsoft"
FUSED = frozenset({"DynamicQuantizeMatMul", "FastGelu", "Gelu", "MultiHeadAttention"})
"""Operators that onnxruntime adds to the standard ones; each does the work of several in one pass over memory."""

Array = npt.NDArray[np.generic]
Attributes = Mapping[str, Any]
NONE: Attributes = MappingProxyType({})
SHAPES: Mapping[str, tuple[int, Sequence[str | int]]] = MappingProxyType(
    {
        "input_ids": (TensorProto.INT64, ("batch", "tokens")),
        "attention_mask": (TensorProto.INT64, ("batch", "tokens")),
    }
)


class Graph:
    """Collects the operators and weights of one ONNX graph, in the order in which they run."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, onnx.TensorProto] = {}
        self._outputs: list[onnx.ValueInfoProto] = []
        self._options: list[onnx.ValueInfoProto] = []
        self._used: Counter[str] = Counter()

    def add(self, operator: str, *inputs: str, attributes: Attributes = NONE, name: str = "") -> str:
        """Append an operator with one output.

        Args:
            operator: its name in the ONNX or the onnxruntime set.
            inputs: names of values; an empty one leaves an optional input out.
            attributes: of the operator.
            name: of the output; made from the operator when absent.

        Returns:
            The output's name.
        """
        return self.add_many(operator, *inputs, attributes=attributes, names=(name or self._fresh(operator),))[0]

    def add_many(self, operator: str, *inputs: str, attributes: Attributes = NONE, names: Sequence[str]) -> list[str]:
        """Append an operator with the outputs `names`."""
        domain = MICROSOFT if operator in FUSED else ""
        node = helper.make_node(operator, inputs, names, name=f"{operator}/{names[0]}", domain=domain, **attributes)
        self._nodes.append(node)
        return list(names)

    def weight(self, values: Array, name: str) -> str:
        """Store a constant and return its name, which is `name` or begins with it; equal ones of a name are one."""
        stored = numpy_helper.from_array(np.asarray(values, order="C"), name)
        first = self._weights.get(name)
        if first is not None and first == stored:
            return name
        if first is not None:
            stored.name = self._fresh(name)
        self._weights[stored.name] = stored
        return stored.name

    def integers(self, *values: int) -> str:
        """Store a vector of whole numbers, as operators such as Slice and Reshape take them."""
        name = "integers." + "_".join(map(str, values))
        if name not in self._weights:
            self.weight(np.array(values, dtype=np.int64), name)
        return name

    def number(self, value: float) -> str:
        """Store one float32 and return its name."""
        name = f"number.{value!r}"
        if name not in self._weights:
            self.weight(np.array(value, dtype=np.float32), name)
        return name

    def whole(self, value: int) -> str:
        """Store one whole number without dimensions, as Range takes them, and return its name."""
        name = f"whole.{value}"
        if name not in self._weights:
            self.weight(np.array(value, dtype=np.int64), name)
        return name

    def option(self, name: str, value: int) -> str:
        """Make a whole number that whoever runs the graph may give; `value` when it is not given."""
        self._options.append(helper.make_tensor_value_info(name, TensorProto.INT64, [1]))
        return self.weight(np.array([value], dtype=np.int64), name)

    def output(self, value: str, name: str, shape: Sequence[str | int]) -> None:
        """Make a value a result of the graph, under the given name."""
        self.rename(value, name)
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def rename(self, value: str, name: str) -> None:
        """Give a value another name."""
        for node in self._nodes:
            for names in (node.input, node.output):
                names[:] = [name if found == value else found for found in names]

    def model(self) -> onnx.ModelProto:
        """Return the finished model."""
        inputs = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in SHAPES.items()]
        weights = list(self._weights.values())
        graph = helper.make_graph(self._nodes, "polyhead", [*inputs, *self._options], self._outputs, weights)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name="polyhead")

    def _fresh(self, stem: str) -> str:
        self._used[stem] += 1
        return f"{stem}.{self._used[stem]}"
