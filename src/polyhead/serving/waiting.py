"""The texts that wait for a pass of the encoder, and which of them go together into the next one."""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import ceil, inf
from typing import Generic, TypeVar

from polyhead.serving.pace import PassCost

LEAST_PASSES = 4
"""What waits is not shared out among workers in parts that are worth less than so many fixed costs of a pass."""

MOST_PASSES = 32
"""A batch worth more fixed costs of a pass gains next to nothing, and its texts would wait for each other."""

LEAST_BUDGET = 64
"""Padded tokens that a batch may always have, however little a pass seems to cost beside its tokens."""

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
    """Texts sorted by length, handed out by the highest ratio of their wait to the time that they need.

    So short texts go before long ones that came with them, and long ones that have waited go before short ones that
    have not. Batches of similar lengths waste little on padding. A bounded age keeps any text from waiting much longer
    than its place in the queue says: with a long queue the popular lengths would otherwise be company of others soon
    after they came, and the rare ones would wait for twice the average.
    Not safe for threads: the batcher holds its lock around each call.

    Args:
        budget: padded tokens of a batch; a longer text makes a batch of its own.
        age_seconds: after which a text goes first, and by which no text that goes before another may be younger.

    Reference:
        Brinch Hansen 1971, Short-term scheduling in multiprogramming systems, https://doi.org/10.1145/800212.806509
    """

    def __init__(self, *, budget: int, age_seconds: float) -> None:
        self._budget = budget
        self._age_seconds = age_seconds
        self._lines: dict[Hashable, list[tuple[int, int, WaitingText[Owner]]]] = {}
        self._arrivals: deque[tuple[int, WaitingText[Owner]]] = deque()
        self._young: deque[tuple[int, WaitingText[Owner]]] = deque()
        self._numbers = count()
        self.texts = 0
        self.tokens = 0

    def __len__(self) -> int:
        return self.texts

    def add(self, items: Iterable[WaitingText[Owner]]) -> None:
        """Let texts wait."""
        for item in items:
            arrival = (next(self._numbers), item)
            self._arrivals.append(arrival)
            self._young.append(arrival)
            self.texts += 1
            self.tokens += item.tokens

    def oldest(self) -> WaitingText[Owner] | None:
        """Return the text that has waited longest."""
        while self._arrivals and self._arrivals[0][1].taken:
            self._arrivals.popleft()
        return self._arrivals[0][1] if self._arrivals else None

    def take(self, now: float, *, workers: int = 1, cost: PassCost | None = None) -> list[WaitingText[Owner]]:
        """Hand out the next batch.

        Args:
            now: the time on the clock of `since`.
            workers: among whom what waits is shared out.
            cost: what a pass costs.
        """
        oldest = self.oldest()
        if oldest is None:
            return []
        cost = cost or PassCost()
        self._let_choose(oldest)
        line = self._lines[oldest.line]
        share = max(ceil(LEAST_PASSES * cost.tokens), ceil(self.tokens / workers))
        budget = min(self._budget, share, max(ceil(MOST_PASSES * cost.tokens), LEAST_BUDGET))
        if now - oldest.since > self._age_seconds:
            seed = bisect_left(line, (oldest.tokens, self._arrivals[0][0]))
        else:
            seed = _most_urgent(line, now, cost)
        first, last = _grown([entry[0] for entry in line], seed, budget=budget, pass_tokens=cost.tokens)
        batch = [item for _, _, item in line[first:last]]
        del line[first:last]
        self._forget(batch)
        return batch

    def drop(self, owner: Owner) -> int:
        """Take out all texts of a request, and tell how many there were."""
        dropped = [item for _, item in self._young if item.owner is owner]
        for name, line in self._lines.items():
            mine = [entry[2] for entry in line if entry[2].owner is owner]
            if mine:
                self._lines[name] = [entry for entry in line if entry[2].owner is not owner]
                dropped += mine
        self._forget(dropped)
        return len(dropped)

    def _let_choose(self, oldest: WaitingText[Owner]) -> None:
        """Sort in, by their lengths, the texts that came soon enough after the oldest to go before it."""
        latest = oldest.since + self._age_seconds
        while self._young and (self._young[0][1].taken or self._young[0][1].since <= latest):
            number, item = self._young.popleft()
            if not item.taken:
                insort(self._lines.setdefault(item.line, []), (item.tokens, number, item))

    def _forget(self, items: list[WaitingText[Owner]]) -> None:
        for item in items:
            item.taken = True
            self.tokens -= item.tokens
        self.texts -= len(items)
        if not self.texts:
            # Lines of models that were replaced, and arrivals that were taken, must not pile up.
            self._lines.clear()
            self._arrivals.clear()
            self._young.clear()


def _most_urgent(line: Sequence[tuple[int, int, WaitingText[Owner]]], now: float, cost: PassCost) -> int:
    """Find the text with the highest ratio of its wait to the time that it needs; of equals the shortest."""
    place = chosen = 0
    highest = -inf
    while place < len(line):
        tokens, _, item = line[place]
        ratio = (now - item.since) / cost.seconds(tokens)
        if ratio > highest:
            highest, chosen = ratio, place
        # Of texts of one length the first has waited longest.
        place = bisect_right(line, (tokens, inf), place)
    return chosen


def _grown(lengths: Sequence[int], seed: int, *, budget: int, pass_tokens: float) -> tuple[int, int]:
    """Find the batch around a text: its neighbours by length, as long as a pass of their own would cost more.

    Args:
        lengths: tokens of the texts that wait, the shortest first.
        seed: the text that has its turn.
        budget: padded tokens of the batch.
        pass_tokens: the fixed cost of a pass; texts whose company would waste more on padding go alone.

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
        if min(shorter, longer) >= pass_tokens:
            return first, last
        if longer <= shorter:
            last += 1
        else:
            first -= 1
