"""A linear model of n-grams beside the network: what tokens and pairs of tokens say of a text, wherever they stand."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from polyhead.tasks.base import HeadTask, Task

PAIRS = 16_381
"""Rows for the pairs of neighbouring tokens, a prime; pairs with the same remainder share a row."""

SPREAD = 1_361
"""Spreads the first tokens of pairs over the rows. With 12,000 tokens no number goes beyond 2^24, up to which engines
that divide whole numbers as floating-point ones are exact."""


class BagOfNgrams(nn.Module):
    """Logits of texts from which tokens and which pairs of neighbouring tokens occur in them.

    logits = sum of tokens[t] / |t| + sum of pairs[p] / |p| + bias, each token and pair once, |t| and |p| the square
    roots of the sums of their squared lengths. It stands beside a network that reads order and context, as the wide
    part does in Cheng et al. 2016, https://arxiv.org/abs/1606.07792; but the two are fitted apart from each other.

    Args:
        outputs: how many logits each task has, by name.
        vocabulary: how many tokens there are.
    """

    tokens: Tensor
    token_squares: Tensor
    pairs: Tensor
    pair_squares: Tensor
    bias: Tensor
    lowered: Tensor

    def __init__(self, outputs: Mapping[str, int], *, vocabulary: int) -> None:
        super().__init__()
        self.outputs = dict(outputs)
        width = sum(self.outputs.values())
        # Fitted, not trained step by step, so no optimiser sees them.
        self.register_buffer("tokens", torch.zeros(vocabulary, width))
        self.register_buffer("token_squares", torch.zeros(vocabulary))
        self.register_buffer("pairs", torch.zeros(PAIRS, width))
        self.register_buffer("pair_squares", torch.zeros(PAIRS))
        self.register_buffer("bias", torch.zeros(width))
        self.register_buffer("lowered", torch.arange(vocabulary))

    def forward(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Compute the logits of each task, shape `(batch, outputs)`.

        Args:
            ids: tokens, shape `(batch, tokens)`.
            mask: 1 at tokens, 0 at padding after them, of the same shape.
        """
        real = mask.to(self.tokens.dtype)
        logits = _summed(self.tokens, self.token_squares, ids, real)
        # The last token has no neighbour; it keeps its place, so that one token is no special case.
        both = real * nn.functional.pad(real[:, 1:], (0, 1))
        pairs = pair_of(self.lowered[ids], nn.functional.pad(self.lowered[ids[:, 1:]], (0, 1)))
        logits = logits + _summed(self.pairs, self.pair_squares, pairs, both) + self.bias
        return dict(zip(self.outputs, logits.split(list(self.outputs.values()), dim=1), strict=True))

    @property
    def rows(self) -> int:
        """Count the numbers behind one logit: of tokens, of pairs, and the bias."""
        return len(self.tokens) + len(self.pairs) + 1

    def columns(self, task: str) -> slice:
        """Tell which columns of the tables belong to a task."""
        names = list(self.outputs)
        begin = sum(self.outputs[name] for name in names[: names.index(task)])
        return slice(begin, begin + self.outputs[task])


def takes_ngrams(task: Task) -> bool:
    """Tell whether n-grams can answer a task: one about whole texts, with nothing but logits in its head."""
    return isinstance(task, HeadTask) and task.level == "text" and task.weight > 0 and not task.parameters


def bag_for(tasks: Mapping[str, Task], names: Sequence[str], *, vocabulary: int) -> BagOfNgrams | None:
    """Make an empty model for some of the tasks; none for none.

    Args:
        tasks: the tasks by name.
        names: those that have n-grams.
        vocabulary: how many tokens there are.
    """
    outputs = {name: task.head_outputs for name, task in tasks.items() if name in names and isinstance(task, HeadTask)}
    return BagOfNgrams(outputs, vocabulary=vocabulary) if outputs else None


def pair_of(first: Tensor, second: Tensor) -> Tensor:
    """Return the rows of pairs of tokens, each given by the number of its lowercased form."""
    return (first * SPREAD + second) % PAIRS


def _summed(table: Tensor, squares: Tensor, places: Tensor, weights: Tensor) -> Tensor:
    # What occurs often in a text would count too much, so its occurrences share the weight of one.
    same = (places.unsqueeze(2) == places.unsqueeze(1)).to(weights.dtype)
    shares = weights / (same @ weights.unsqueeze(2)).squeeze(2).clamp(min=1)
    total = (shares.unsqueeze(1) @ table[places]).squeeze(1)
    length = (shares * squares[places]).sum(dim=1, keepdim=True).sqrt()
    return total / length.clamp(min=torch.finfo(table.dtype).tiny)
