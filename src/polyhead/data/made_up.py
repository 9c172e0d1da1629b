"""Make up names that look like those of a label, so that a model learns how names are used and not which they are."""

import unicodedata
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, groupby

import numpy as np

ORDER = 3
"""How many letters before it decide how likely a letter is."""

LONGEST = 20
"""Letters of a made-up word at most; a chain may go round and round."""

BEGIN, END = "\x02", "\x03"


class NameMaker:
    """Draws made-up names, whose words are made letter by letter by a Markov chain over the words of real ones.

    A letter comes as often as it does there after the `ORDER` letters before it, and words end as they do there: so the
    model reads, in words that it has never seen, the beginnings and endings that tell kinds of names apart. A few names
    that have little in common make no new ones; taught with less likely letters, a small model learned less from them.

    Args:
        names: real names of one label.

    Reference:
        Shannon 1948, A Mathematical Theory of Communication, section 3
    """

    def __init__(self, names: Iterable[str]) -> None:
        followers: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for name in names:
            for history, letter in _steps(name):
                followers[history][letter] += 1
        self._followers = {history: _cumulated(counter) for history, counter in followers.items()}

    def make_up(self, shape: str, rng: np.random.Generator) -> str:
        """Return a made-up name of as many words.

        Args:
            shape: a real name; its words become others with capitals where it has them, its digits other digits, and
                spaces and signs stay.
            rng: decides.
        """
        return "".join(self._instead_of(kind, run, rng) for kind, run in _runs(shape))

    def _instead_of(self, kind: str, run: str, rng: np.random.Generator) -> str:
        if kind == "digits":
            return "".join(str(rng.integers(10)) for _ in run)
        return _capitals_of(run, self._word(rng)) if kind == "letters" else run

    def _word(self, rng: np.random.Generator) -> str:
        word = BEGIN
        while len(word) <= LONGEST and (letter := self._letter_after(word, rng)) != END:
            word += letter
        return word[1:]

    def _letter_after(self, word: str, rng: np.random.Generator) -> str:
        letters, weights = self._followers[word[-ORDER:]]
        return letters[bisect_right(weights, rng.random() * weights[-1], hi=len(weights) - 1)]


def _runs(name: str) -> Iterator[tuple[str, str]]:
    return ((kind, "".join(run)) for kind, run in groupby(name, _kind))


def _kind(character: str) -> str:
    if character.isdecimal():
        return "digits"
    return "letters" if unicodedata.category(character)[0] in "LM" else "signs"


def _steps(name: str) -> Iterator[tuple[str, str]]:
    """Go through the lowercased letters of the words, and their ends, each with the letters before it that count."""
    for kind, run in _runs(name):
        framed = f"{BEGIN}{run.lower()}{END}" if kind == "letters" else ""
        for place in range(1, len(framed)):
            yield framed[max(0, place - ORDER) : place], framed[place]


def _cumulated(counter: Counter[str]) -> tuple[Sequence[str], Sequence[int]]:
    return list(counter), list(accumulate(counter.values()))


def _capitals_of(real: str, word: str) -> str:
    if len(real) > 1 and real.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if real[0].isupper() else word
