"""How fast the workers are, and so how long a text that comes now will wait."""

MEMORY = 0.9
"""How much of the known speed is kept when a pass has been timed."""

CHARACTERS_A_TOKEN = 4
"""A rough count of tokens for texts that are not tokenized yet."""


class Pace:
    """The speed of the workers, in tokens a second, learned from each pass.

    Args:
        workers: how many run at once.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._tokens_a_second = 0.0

    def learn(self, tokens: int, seconds: float) -> None:
        """Take in one pass of one worker."""
        speed = tokens / max(seconds, 1e-6)
        known = self._tokens_a_second
        self._tokens_a_second = MEMORY * known + (1 - MEMORY) * speed if known else speed

    def seconds_for(self, tokens: int, characters: int = 0) -> float:
        """Estimate the time for work that waits; 0 before the first pass."""
        if not self._tokens_a_second:
            return 0.0
        return (tokens + characters / CHARACTERS_A_TOKEN) / (self._tokens_a_second * self._workers)
