"""Make up names that look like those of a label, so that a model learns how names are used and not which they are."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate

import numpy as np

WORD_BEGIN = ""


class NameMaker:
    """Draws made-up names, letter by letter: each follows the one before it as often as it does in real names.

    Args:
        names: real names of one label.
    """

    def __init__(self, names: Iterable[str]) -> None:
        followers: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for name in names:
            before = WORD_BEGIN
            for character in name:
                letter = _lowered(character)
                if letter.isalpha():
                    followers[before][letter] += 1
                before = letter if letter.isalpha() else WORD_BEGIN
        self._followers = {before: _cumulated(counter) for before, counter in followers.items()}

    def make_up(self, shape: str, rng: np.random.Generator) -> str:
        """Return a made-up name of the same length: capitals, spaces and signs where `shape` has them.

        Args:
            shape: a real name; its letters become other letters, its digits other digits.
            rng: decides.
        """
        made: list[str] = []
        before = WORD_BEGIN
        for character in shape:
            if character.isalpha():
                before = self._letter_after(before, rng)
                made.append(_raised(before) if character.isupper() else before)
            else:
                before = WORD_BEGIN
                made.append(str(rng.integers(10)) if character.isdecimal() else character)
        return "".join(made)

    def _letter_after(self, before: str, rng: np.random.Generator) -> str:
        letters, weights = self._followers.get(before) or self._followers[WORD_BEGIN]
        return letters[bisect_right(weights, rng.random() * weights[-1], hi=len(weights) - 1)]


def _cumulated(counter: Counter[str]) -> tuple[Sequence[str], Sequence[int]]:
    return list(counter), list(accumulate(counter.values()))


def _lowered(character: str) -> str:
    # A few letters grow to two when their case changes; they stay, so that one letter stands for one.
    lowered = character.lower()
    return lowered if len(lowered) == 1 else character


def _raised(letter: str) -> str:
    raised = letter.upper()
    return raised if len(raised) == 1 else letter
