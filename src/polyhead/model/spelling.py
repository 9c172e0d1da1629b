"""Token embeddings that know how tokens are spelled, while they are trained.

Each token's vector is a row of its own plus the vectors of its features: character n-grams, lowercased form, shape.
A rare token so learns from common ones that look like it. Afterwards the sum is folded into one plain table.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

CONTINUATION = "##"
LENGTHS = range(2, 6)
LONGEST_LENGTH_FEATURE = 8


class SpelledEmbedding(nn.Embedding):
    """An embedding table whose rows are sums over the features of a token.

    E[t] = row[t] + sum of the feature vectors of t / sqrt(number of features of t)

    Args:
        tokens: the vocabulary in the order of the ids; words that continue begin with `##`.
        special: how many tokens at the beginning stand for no spelling.
        width: width of the vectors.
        padding_id: the token whose vector stays zero.
        mask_id: the token that takes the place of dropped ones.
        dropped: share of the tokens that are replaced in training, so that context must tell.

    Reference:
        Sums over character n-grams: Bojanowski et al. 2017, https://arxiv.org/abs/1607.04606
    """

    def __init__(
        self, tokens: Sequence[str], width: int, *, special: int, padding_id: int, mask_id: int, dropped: float
    ) -> None:
        super().__init__(len(tokens), width, padding_idx=padding_id)
        spelled = [[] if number < special else sorted(set(_features(token))) for number, token in enumerate(tokens)]
        counts = Counter(chain.from_iterable(spelled))
        # What only one token has says nothing that the token's own row does not.
        numbers = {feature: number for number, feature in enumerate(sorted(f for f, n in counts.items() if n > 1))}
        kept = [[numbers[feature] for feature in of if feature in numbers] for of in spelled]
        sizes = torch.tensor([len(of) for of in kept])
        self.features = nn.Parameter(torch.empty(len(numbers), width))
        # Derived from the vocabulary alone, so no part of the state that is saved.
        self.register_buffer(
            "feature_numbers", torch.tensor([*chain.from_iterable(kept)], dtype=torch.int64), persistent=False
        )
        self.register_buffer("feature_begins", torch.cumsum(sizes, 0) - sizes, persistent=False)
        self.register_buffer("feature_counts", sizes, persistent=False)
        self._special, self._mask_id, self._dropped = special, mask_id, dropped
        with torch.no_grad():
            self.weight.normal_(0.0, 0.02)[padding_id] = 0.0
            self.features.normal_(0.0, 0.1)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  the name is torch's
        """Look up ids of shape `(batch, tokens)`; vectors of shape `(batch, tokens, width)`."""
        ids = self._with_some_dropped(input) if self.training and self._dropped else input
        unique, places = ids.unique(return_inverse=True)
        return self.rows(unique)[places]

    def rows(self, ids: Tensor) -> Tensor:
        """Sum up the vectors of some tokens, shape `(ids,)` to `(ids, width)`."""
        sizes = self.get_buffer("feature_counts")[ids]
        begins = self.get_buffer("feature_begins")[ids]
        ends = torch.cumsum(sizes, 0)
        shifts = torch.repeat_interleave(begins - (ends - sizes), sizes)
        places = torch.arange(len(shifts), device=ids.device) + shifts
        numbers = self.get_buffer("feature_numbers")[places]
        own = nn.functional.embedding(ids, self.weight, self.padding_idx)
        return own + self._spelled(numbers, ends - sizes, sizes)

    def all_rows(self) -> Tensor:
        """Sum up the vectors of all tokens, shape `(tokens, width)`, without waiting for a device to count them."""
        numbers, begins, sizes = (self.get_buffer(f"feature_{name}") for name in ("numbers", "begins", "counts"))
        return self.weight + self._spelled(numbers, begins, sizes)

    def table(self) -> Tensor:
        """Compute the rows of all tokens as they are now, shape `(tokens, width)`; nothing is learned through it."""
        with torch.no_grad():
            return self.all_rows()

    def _spelled(self, numbers: Tensor, begins: Tensor, sizes: Tensor) -> Tensor:
        spelled = nn.functional.embedding_bag(numbers, self.features, begins, mode="sum")
        return spelled / sizes.clamp(min=1).sqrt()[:, None]

    def _with_some_dropped(self, ids: Tensor) -> Tensor:
        dropped = (torch.rand(ids.shape, device=ids.device) < self._dropped) & (ids >= self._special)
        return ids.masked_fill(dropped, self._mask_id)


def spelling(token: str) -> Iterator[str]:
    """List what is spelled alike in alike tokens: character n-grams and the lowercased form."""
    word = token.removeprefix(CONTINUATION).lower()
    framed = f"{'#' if token.startswith(CONTINUATION) else '<'}{word}>"
    for length in LENGTHS:
        for begin in range(len(framed) - length + 1):
            yield f"gram {framed[begin : begin + length]}"
    yield f"word {word}"


def fold(module: PreTrainedModel) -> None:
    """Turn trained spelling into the plain table that stock transformers knows; answers stay the same."""
    embedding = module.get_input_embeddings()
    if isinstance(embedding, SpelledEmbedding):
        plain = nn.Embedding.from_pretrained(embedding.table(), freeze=False, padding_idx=embedding.padding_idx)
        module.set_input_embeddings(plain)


def plain_state(module: PreTrainedModel) -> dict[str, Tensor]:
    """Return a module's weights by name as stock transformers knows them, spelling folded; the module stays."""
    embedding = module.get_input_embeddings()
    state = dict(module.state_dict())
    if isinstance(embedding, SpelledEmbedding):
        (name,) = [name for name, part in module.named_modules() if part is embedding]
        del state[f"{name}.features"]
        state[f"{name}.weight"] = embedding.table()
    return state


def _features(token: str) -> Iterator[str]:
    word = token.removeprefix(CONTINUATION)
    yield from spelling(token)
    yield f"shape {_shape(word)}"
    yield f"continues {token.startswith(CONTINUATION)}"
    yield f"length {min(len(word), LONGEST_LENGTH_FEATURE)}"


def _shape(word: str) -> str:
    """Say what kinds of character a word is made of, runs as one: `Paris` is `Xx`, `NATO` is `X`, `3rd` is `0x`."""
    kinds = ("X" if c.isupper() else "x" if c.isalpha() else "0" if c.isdecimal() else c for c in word)
    return re.sub(r"(.)\1+", r"\1", "".join(kinds))
