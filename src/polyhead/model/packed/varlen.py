"""Attention on CUDA by torch's own kernel for texts end to end. Written without a GPU at hand; unmeasured."""

import inspect
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from polyhead.model.packed.layout import Packing

KERNELS = "torch.nn.attention.varlen"


def fits(query: Tensor, dropout: nn.Dropout) -> bool:
    """Tell whether the kernel can be taken: on CUDA, in half precision, without dropout, which it does not know."""
    half = query.dtype in (torch.bfloat16, torch.float16)
    return query.is_cuda and half and not (dropout.training and dropout.p) and _kernel() is not None


def attend(
    query: Tensor, key: Tensor, value: Tensor, *, packing: Packing, scale: float, window: tuple[int, int]
) -> Tensor:
    """Attend within each text.

    Args:
        query: shape `(tokens, heads, width)`, like `key` and `value`.
        key: what is compared with.
        value: what is mixed.
        packing: where texts begin.
        scale: what scores are multiplied by.
        window: tokens seen before and after a token; -1 for all.

    Returns:
        Shape `(tokens, heads * width)`.
    """
    kernel = _kernel()
    if kernel is None:
        message = f"attention of packed texts on CUDA needs {KERNELS}"
        raise RuntimeError(message)
    begins, longest = packing.begins, int(packing.lengths[-1])
    context = kernel(query, key, value, begins, begins, longest, longest, scale=scale, window_size=window)
    return context.flatten(1)


@cache
def _kernel() -> Callable[..., Tensor] | None:
    """Find the kernel; older ones know no windows."""
    kernel = import_module(KERNELS).varlen_attn if find_spec(KERNELS) is not None else None
    known = inspect.signature(kernel).parameters if kernel is not None else ()
    return kernel if {"scale", "window_size"} <= set(known) else None
