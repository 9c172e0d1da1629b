"""Attention of packed tokens, each to the tokens of its own text."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from polyhead.model.dropout import drop
from polyhead.model.packed import varlen
from polyhead.model.packed.layout import Bucket, Packing


@dataclass(frozen=True, slots=True)
class Attention:
    """How a layer attends.

    Args:
        heads: number of heads.
        scale: what scores are multiplied by.
        dropout: the layer's dropout of probabilities.
        causal: whether a token sees only itself and those before it.
        window: how many tokens it then sees, itself included; all when absent.
    """

    heads: int
    scale: float
    dropout: nn.Dropout
    causal: bool = False
    window: int | None = None

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, packing: Packing) -> Tensor:
        """Attend; all of shape `(tokens, width)`."""
        if varlen.fits(query, self.dropout):
            before = -1 if self.window is None else self.window - 1
            split = (states.unflatten(1, (self.heads, -1)) for states in (query, key, value))
            return varlen.attend(*split, packing=packing, scale=self.scale, window=(before, 0 if self.causal else -1))
        parts = [bucket.packed(self._attend(query, key, value, bucket)) for bucket in packing.buckets]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, bucket: Bucket) -> Tensor:
        queries, keys, values = (_split(bucket.grid(states), self.heads) for states in (query, key, value))
        mask, causal = self._mask(bucket, query.device)
        if self.dropout.training and self.dropout.p:
            context = self._with_dropout(queries, keys, values, _square(mask, causal=causal, bucket=bucket))
        else:
            context = nn.functional.scaled_dot_product_attention(
                queries, keys, values, attn_mask=mask, is_causal=causal, scale=self.scale
            )
        return context.transpose(1, 2).flatten(2)

    def _mask(self, bucket: Bucket, device: torch.device) -> tuple[Tensor | None, bool]:
        """Return what may be seen, and whether that is also, or only, what comes before."""
        if not self.causal:
            return bucket.mask, False
        # Padding comes after every token, so no token sees it.
        if self.window is None or bucket.longest <= self.window:
            return None, True
        seen = torch.ones(bucket.longest, bucket.longest, dtype=torch.bool, device=device)
        return seen.tril().triu(1 - self.window), False

    def _with_dropout(self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        scores = queries @ keys.transpose(2, 3) * self.scale
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf)
        return drop(scores.softmax(dim=3), self.dropout) @ values


def _split(grid: Tensor, heads: int) -> Tensor:
    return grid.unflatten(2, (heads, -1)).transpose(1, 2)


def _square(mask: Tensor | None, *, causal: bool, bucket: Bucket) -> Tensor | None:
    if not causal:
        return mask
    device = None if bucket.places is None else bucket.places.device
    return torch.ones(bucket.longest, bucket.longest, dtype=torch.bool, device=device).tril()
