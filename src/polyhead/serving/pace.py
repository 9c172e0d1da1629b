"""How fast the workers are: how long a text that comes now will wait, and what a pass costs beside its tokens."""

from dataclasses import dataclass
from math import exp

SPEED_SECONDS = 2.0
"""Busy seconds after which what was known of the speed weighs a third."""

GUESSED_SECONDS = 0.25
"""Busy seconds for which the speed of the first pass stands in."""

LONG_MEMORY = 0.99
"""How much of the known cost of a pass is kept when a further one has been timed."""

PASSES_NEEDED = 20
"""Passes after which their cost is believed to be known."""

CHARACTERS_A_TOKEN = 4
"""A rough count of tokens for texts that are not tokenized yet."""

MOST_TOKENS = 4096.0
"""The fixed cost of a pass is never believed to be more than that of so many tokens."""


@dataclass(frozen=True, slots=True)
class PassCost:
    """What a pass of the encoder costs: so much in any case, and so much a padded token.

    Args:
        tokens: the fixed part, as the number of tokens that would take as long.
        seconds_a_token: of one worker.
    """

    tokens: float = 8.0
    seconds_a_token: float = 0.001

    def seconds(self, tokens: int) -> float:
        """Estimate the time of a pass of so many padded tokens."""
        return (self.tokens + tokens) * self.seconds_a_token


class Pace:
    """The speed of the workers and the cost of a pass, learned as they work.

    The speed is what departs while every worker is busy, by the clock: tokenizing, the event loop's share of the cores
    and whatever else runs there are in it, so that a wait can be promised.

    Args:
        workers: how many run at once.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._busy_since: float | None = None
        self._tokens = self._seconds = 0.0
        self._passes = 0
        self._weight = self._x = self._y = self._xx = self._xy = 0.0
        self.cost = PassCost()

    def watch(self, now: float, *, busy: bool) -> None:
        """Learn whether every worker has something to do from now on."""
        if not busy:
            self._busy_since = None
        elif self._busy_since is None:
            self._busy_since = now

    def depart(self, now: float, tokens: int, seconds: float) -> None:
        """Take in a pass that has ended.

        Args:
            now: the time on the clock of `watch`.
            tokens: real tokens of the batch.
            seconds: that the pass took by the clock; it guesses at the speed until more is known.
        """
        if not self._seconds:
            self._seconds = GUESSED_SECONDS
            self._tokens = GUESSED_SECONDS * self._workers * tokens / max(seconds, 1e-6)
        if self._busy_since is None:
            return
        kept = exp((self._busy_since - now) / SPEED_SECONDS)
        self._seconds = kept * self._seconds + now - self._busy_since
        self._tokens = kept * self._tokens + tokens
        self._busy_since = now

    def learn_cost(self, padded: int, seconds: float) -> None:
        """Take in what one pass cost its worker: a straight line through the last hundred or so tells the fixed part.

        Args:
            padded: tokens of the batch, padding included.
            seconds: of the worker's thread, in which others that share the processor do not count.
        """
        self._passes += 1
        self._weight = LONG_MEMORY * self._weight + 1
        self._x = LONG_MEMORY * self._x + padded
        self._y = LONG_MEMORY * self._y + seconds
        self._xx = LONG_MEMORY * self._xx + padded * padded
        self._xy = LONG_MEMORY * self._xy + padded * seconds
        if self.known:
            self.cost = self._fitted()

    @property
    def known(self) -> bool:
        """Tell whether there were passes enough to believe in the speed; the first ones are slow."""
        return self._passes >= PASSES_NEEDED

    def seconds_for(self, tokens: int, characters: int = 0) -> float:
        """Estimate the time for work that waits; 0 before the first pass."""
        if not self._tokens:
            return 0.0
        return (tokens + characters / CHARACTERS_A_TOKEN) * self._seconds / self._tokens

    def _fitted(self) -> PassCost:
        mean, seconds = self._x / self._weight, self._y / self._weight
        spread = self._xx / self._weight - mean * mean
        slope = (self._xy / self._weight - mean * seconds) / spread if spread > 1 else 0.0
        if not slope > 0:
            # Passes of one size tell nothing about their fixed part, so what is known of it stays.
            return PassCost(self.cost.tokens, seconds / (mean + self.cost.tokens))
        fixed = max(0.0, seconds / slope - mean)
        return PassCost(min(fixed, MOST_TOKENS), slope)
