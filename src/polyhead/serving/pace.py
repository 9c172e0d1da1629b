"""How fast the workers are: how long a text that comes now will wait, and what a pass costs beside its tokens."""

from dataclasses import dataclass

MEMORY = 0.9
"""How much of the known speed is kept when a pass has been timed."""

LONG_MEMORY = 0.99
"""The same for the cost of a pass, which is found from passes of many sizes."""

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
    """The speed of the workers, learned from each pass.

    Args:
        workers: how many run at once.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._tokens_a_second = 0.0
        self._passes = 0
        self._weight = self._x = self._y = self._xx = self._xy = 0.0
        self.cost = PassCost()

    def learn(self, tokens: int, seconds: float) -> None:
        """Take in one pass of one worker.

        Args:
            tokens: real tokens of the batch.
            seconds: from its begin until its answers were written, by the clock.
        """
        speed = tokens / max(seconds, 1e-6)
        known = self._tokens_a_second
        self._tokens_a_second = MEMORY * known + (1 - MEMORY) * speed if known else speed

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
        if self._passes >= PASSES_NEEDED:
            self.cost = self._fitted()

    def seconds_for(self, tokens: int, characters: int = 0) -> float:
        """Estimate the time for work that waits; 0 before the first pass."""
        if not self._tokens_a_second:
            return 0.0
        return (tokens + characters / CHARACTERS_A_TOKEN) / (self._tokens_a_second * self._workers)

    def _fitted(self) -> PassCost:
        mean, seconds = self._x / self._weight, self._y / self._weight
        spread = self._xx / self._weight - mean * mean
        slope = (self._xy / self._weight - mean * seconds) / spread if spread > 1 else 0.0
        if not slope > 0:
            # Passes of one size tell nothing about their fixed part, so what is known of it stays.
            return PassCost(self.cost.tokens, seconds / (mean + self.cost.tokens))
        fixed = max(0.0, seconds / slope - mean)
        return PassCost(min(fixed, MOST_TOKENS), slope)
