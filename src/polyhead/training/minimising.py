"""L-BFGS for the small convex losses of heads, n-grams and factors."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def minimise(weights: Sequence[Tensor], loss: Callable[[], Tensor], *, rounds: int, remembered: int = 100) -> None:
    """Change weights in place until a loss is least, by L-BFGS with a strong Wolfe line search.

    Args:
        weights: what is changed; their gradients are cleared afterwards.
        loss: of the weights as they are, a scalar.
        rounds: the most iterations.
        remembered: how many of them are remembered; each takes twice the memory of the weights.

    Reference:
        Nocedal & Wright 2006, algorithms 7.5 and 3.5, https://doi.org/10.1007/978-0-387-40065-5
    """
    optimizer = torch.optim.LBFGS(weights, max_iter=rounds, history_size=remembered, line_search_fn="strong_wolfe")

    def objective() -> Tensor:
        optimizer.zero_grad()
        total = loss()
        total.backward()
        return total

    optimizer.step(objective)  # pyright: ignore[reportArgumentType]  torch asks for a float, and takes a tensor
    optimizer.zero_grad()
