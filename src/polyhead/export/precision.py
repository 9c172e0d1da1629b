"""Which layers lose most in int8, measured on texts: they stay in float32 when the whole loses too much."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from polyhead.export.int8 import Product, by_channel, products
from polyhead.runtime.names import MASK, TOKENS
from polyhead.runtime.session import open_session
from polyhead.spans import Floats
from polyhead.text.tokens import TokenBatch

LEVELS = 255


def weakest_first(model: onnx.ModelProto, batches: Sequence[TokenBatch]) -> list[str]:
    """Order the weights of an encoder by what int8 does to their products, the worst first.

    Args:
        model: the graph in float32.
        batches: tokens of real texts.

    Returns:
        Names of weights.
    """
    found = products(model)
    if not found:
        return []
    constants = {weights.name: numpy_helper.to_array(weights) for weights in model.graph.initializer}
    states = list(dict.fromkeys(product.states for product in found))
    session = open_session(_showing(model, states))
    noise, signal = np.zeros(len(found)), np.zeros(len(found))
    for batch in batches:
        feeds = {TOKENS: batch.ids, MASK: batch.mask.astype(np.int64)}
        shown: dict[str, Any] = dict(zip(states, session.run(states, feeds), strict=True))
        for number, product in enumerate(found):
            exact, rounded = _both_ways(product, shown, constants)
            noise[number] += float(np.square(exact - rounded).sum())
            signal[number] += float(np.square(exact).sum())
    order = np.argsort(-noise / np.maximum(signal, np.finfo(np.float64).tiny), kind="stable")
    return [found[number].weights for number in order.tolist()]


def rounded_states(states: Floats) -> Floats:
    """Round states as the engine does: to unsigned bytes over the range of the whole tensor, zero included."""
    low, high = min(float(states.min()), 0.0), max(float(states.max()), 0.0)
    scale = (high - low) / LEVELS or 1.0
    zero = round(-low / scale)
    return (np.clip(np.rint(states / scale) + zero, 0, LEVELS) - zero) * scale


def _both_ways(product: Product, shown: Mapping[str, Any], constants: Mapping[str, Any]) -> tuple[Floats, Floats]:
    states, weights = shown[product.states], constants[product.weights]
    numbers, scales = by_channel(weights)
    rounded: Floats = numbers.astype(np.float32) * scales
    return states @ weights, rounded_states(states) @ rounded


def _showing(model: onnx.ModelProto, names: Sequence[str]) -> bytes:
    """Return the graph with inner states among its results."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    present = {output.name for output in shown.graph.output}
    extra = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names if name not in present]
    shown.graph.output.extend(extra)
    return shown.SerializeToString()
