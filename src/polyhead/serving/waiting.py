"""The texts that wait for a pass of the encoder, and which of them go together into the next one."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import ceil, inf
from typing import Generic, TypeVar

PASS_TOKENS = 12
"""What a pass costs beside its tokens, in tokens: texts whose company would waste more on padding go alone."""

LEAST_SHARE = 64
"""Tokens below which a batch is not split over idle workers: a pass has its own fixed cost."""

Owner = TypeVar("Owner", bound=Hashable)


@dataclass(slots=True, eq=False)
class WaitingText(Generic[Owner]):
    """One text that waits.

    Args:
        owner: the request that asked.
        index: its place among the request's texts.
        tokens: its length.
        line: texts of different lines, such as those of different models, never share a batch.
        since: when it came, in seconds of a clock that never goes back.
    """

    owner: Owner
    index: int
    tokens: int
    line: Hashable
    since: float
    taken: bool = field(default=False)


class WaitingTexts(Generic[Owner]):
    """Texts sorted by length, handed out shortest first; a text that has waited long enough goes before all others.

    Batches of similar lengths waste little on padding, and short requests do not wait for long ones. A bounded
    age keeps long ones from waiting for ever. Not safe for threads: the batcher holds its lock around each call.

    Args:
        budget: padded tokens of a batch; a longer text makes a batch of its own.
        age_seconds: after which a text goes first.
    """

    def __init__(self, *, budget: int, age_seconds: float) -> None:
        self._budget = budget
        self._age_seconds = age_seconds
        self._lines: dict[Hashable, list[tuple[int, int, WaitingText[Owner]]]] = {}
        self._arrivals: deque[tuple[int, WaitingText[Owner]]] = deque()
        self._numbers = count()
        self.texts = 0
        self.tokens = 0

    def __len__(self) -> int:
        return self.texts

    def add(self, items: Iterable[WaitingText[Owner]]) -> None:
        """Let texts wait."""
        for item in items:
            number = next(self._numbers)
            insort(self._lines.setdefault(item.line, []), (item.tokens, number, item))
            self._arrivals.append((number, item))
            self.texts += 1
            self.tokens += item.tokens

    def oldest(self) -> WaitingText[Owner] | None:
        """Return the text that has waited longest."""
        while self._arrivals and self._arrivals[0][1].taken:
            self._arrivals.popleft()
        return self._arrivals[0][1] if self._arrivals else None

    def take(self, now: float, *, idle: int = 1) -> list[WaitingText[Owner]]:
        """Hand out the next batch.

        Args:
            now: the time on the clock of `since`.
            idle: workers that have nothing to do, the caller included; what waits is shared out among them.
        """
        oldest = self.oldest()
        if oldest is None:
            return []
        line = self._lines[oldest.line]
        share = max(LEAST_SHARE, ceil(self.tokens / max(1, idle)))
        budget = min(self._budget, share)
        aged = now - oldest.since > self._age_seconds
        seed = bisect_left(line, (oldest.tokens, self._arrivals[0][0])) if aged else 0
        first, last = _grown([entry[0] for entry in line], seed, budget)
        batch = [item for _, _, item in line[first:last]]
        del line[first:last]
        self._forget(batch)
        return batch

    def drop(self, owner: Owner) -> int:
        """Take out all texts of a request, and tell how many there were."""
        dropped: list[WaitingText[Owner]] = []
        for name, line in self._lines.items():
            mine = [entry[2] for entry in line if entry[2].owner is owner]
            if mine:
                self._lines[name] = [entry for entry in line if entry[2].owner is not owner]
                dropped += mine
        self._forget(dropped)
        return len(dropped)

    def _forget(self, items: list[WaitingText[Owner]]) -> None:
        for item in items:
            item.taken = True
            self.tokens -= item.tokens
        self.texts -= len(items)
        if not self.texts:
            # Lines of models that were replaced, and arrivals that were taken, must not pile up.
            self._lines.clear()
            self._arrivals.clear()


def _grown(lengths: Sequence[int], seed: int, budget: int) -> tuple[int, int]:
    """Find the batch around a text: its neighbours by length, as long as a pass of their own would cost more.

    Args:
        lengths: tokens of the texts that wait, the shortest first.
        seed: the text that has its turn.
        budget: padded tokens of the batch.

    Returns:
        The first place of the batch, and the one after its last.
    """
    first, last = seed, seed + 1
    while True:
        rows, longest = last - first, lengths[last - 1]
        shorter = longer = inf
        if first and (rows + 1) * longest <= budget:
            shorter = longest - lengths[first - 1]
        if last < len(lengths) and (rows + 1) * lengths[last] <= budget:
            longer = rows * (lengths[last] - longest)
        if min(shorter, longer) >= PASS_TOKENS:
            return first, last
        if longer <= shorter:
            last += 1
        else:
            first -= 1
