import pytest
import torch
from torch import Tensor, nn

from polyhead.model.packed.attention import Attention
from polyhead.model.packed.layout import Packing

LENGTHS = [3, 14, 13, 1, 60]


def packing() -> Packing:
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    found = Packing.of(mask)
    assert found is not None
    return found


def states() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    one, two, three = (torch.randn(sum(LENGTHS), 8, generator=generator) for _ in range(3))
    return one, two, three


def by_hand(scale: float, seen: Tensor) -> Tensor:
    """Attend with 2 heads, text by text."""
    parts: list[Tensor] = []
    texts = [of.split(sorted(LENGTHS)) for of in states()]
    for query, key, value in zip(*texts, strict=True):
        heads: list[Tensor] = []
        for head in (slice(0, 4), slice(4, 8)):
            scores = query[:, head] @ key[:, head].T * scale
            scores = scores.masked_fill(~seen[: len(query), : len(query)], -torch.inf)
            heads.append(scores.softmax(1) @ value[:, head])
        parts.append(torch.cat(heads, dim=1))
    return torch.cat(parts)


ALL = torch.ones(60, 60, dtype=torch.bool)


@pytest.mark.parametrize(
    ("causal", "window", "seen"),
    [(False, None, ALL), (True, None, ALL.tril()), (True, 5, ALL.tril().triu(-4)), (True, 100, ALL.tril())],
    ids=["both ways", "causal", "window", "window that is wider"],
)
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_each_text_attends_to_itself_alone(*, causal: bool, window: int | None, seen: Tensor, scale: float) -> None:
    attend = Attention(2, scale, nn.Dropout(0.0), causal=causal, window=window)
    assert torch.allclose(attend(*states(), packing()), by_hand(scale, seen), atol=1e-6)


@pytest.mark.parametrize(
    ("causal", "window", "seen"),
    [(False, None, ALL), (True, None, ALL.tril()), (True, 5, ALL.tril().triu(-4))],
    ids=["both ways", "causal", "window"],
)
def test_dropped_probabilities_leave_the_mean_as_it_was(*, causal: bool, window: int | None, seen: Tensor) -> None:
    attend = Attention(2, 0.5, nn.Dropout(0.2), causal=causal, window=window)
    torch.manual_seed(0)
    mean = torch.stack([attend(*states(), packing()) for _ in range(400)]).mean(0)
    assert float((mean - by_hand(0.5, seen)).abs().mean()) < 0.03


def test_dropout_of_evaluation_drops_nothing() -> None:
    attend = Attention(2, 0.5, nn.Dropout(0.9).eval())
    assert torch.allclose(attend(*states(), packing()), by_hand(0.5, ALL), atol=1e-6)
