"""Long texts in windows: where they are cut, and which window judges which token."""

from dataclasses import dataclass

import numpy as np

from polyhead.spans import Integers


@dataclass(frozen=True, slots=True)
class Windows:
    """Where the windows of a text lie in its tokens.

    The tokens before `first` and from `last` on, such as the special ones, are part of every window.

    Args:
        first: the first token of the part that is cut.
        last: the token after that part.
        begins: where each window begins in the text's tokens, shape `(windows,)`.
        size: how many tokens of that part each window holds.
    """

    first: int
    last: int
    begins: Integers
    size: int

    def __len__(self) -> int:
        return len(self.begins)

    def places(self, tokens: int) -> Integers:
        """Tell which of the text's tokens each window holds, shape `(windows, tokens of a window)`.

        Args:
            tokens: how many tokens the whole text has.
        """
        before = np.broadcast_to(np.arange(self.first), (len(self), self.first))
        own = self.begins[:, None] + np.arange(self.size)
        after = np.broadcast_to(np.arange(self.last, tokens), (len(self), tokens - self.last))
        return np.concatenate([before, own, after], axis=1)

    def judges(self, tokens: int) -> tuple[Integers, Integers]:
        """Find, for each token of the text, the window where it has most context, and its place in that window.

        Of windows of one size that is the one whose middle is nearest. What all windows share is judged in the first.

        Returns:
            Two arrays of shape `(tokens,)`: the window and the place in it.
        """
        position = np.arange(tokens)
        borders = (self.begins[1:] + self.begins[:-1] + self.size + 1) // 2
        window = np.searchsorted(borders, position, side="right")
        cut = (position >= self.first) & (position < self.last)
        window = np.where(cut, window, 0)
        after = self.first + self.size + position - self.last
        place = np.where(
            cut, self.first + position - self.begins[window], np.where(position < self.first, position, after)
        )
        return window, place


def cut(*, first: int, last: int, size: int, overlap: float) -> Windows | None:
    """Lay windows over a part of a text.

    Args:
        first: the first token of the part.
        last: the token after the part.
        size: tokens of the part that a window can hold.
        overlap: share of a window that the next one holds too, in [0, 1).

    Returns:
        The windows, or nothing when one holds the whole part. The last one ends where the part does.
    """
    if last - first <= size:
        return None
    step = max(1, size - int(size * overlap))
    begins = np.arange(first, last - size + step, step)
    return Windows(first, last, np.minimum(begins, last - size), size)
