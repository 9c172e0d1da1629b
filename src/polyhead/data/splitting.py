"""Part training rows into splits: each label in its share, and equal texts together."""

from collections import Counter, defaultdict
from collections.abc import Mapping

import numpy as np

from polyhead.data.duplicates import hashes_of
from polyhead.data.rows import Rows
from polyhead.spans import Integers
from polyhead.tasks.base import LabelledTask

PURPOSE = int.from_bytes(b"split")
"""Keeps these draws apart from all others of the same seed."""
TRAIN = "train"

Label = tuple[str, str]
"""A task and one of its labels; two empty strings for a text that bears none."""


def split_rows(rows: Rows, shares: Mapping[str, float], *, seed: int) -> dict[str, Rows]:
    """Part rows at random, a pure function of the rows and the seed.

    Texts that are equal but for letter case and white space go to one split. Texts are drawn from the rarest label
    that they bear, so that seldom labels occur in every split that their number allows; the first goes to train.

    Args:
        rows: the rows.
        shares: the share of the rows that each new split gets; `train` gets the rest.
        seed: fixes the draw.
    """
    texts = np.unique(hashes_of(rows), return_inverse=True)[1]
    rarest = _rarest_labels(rows, texts)
    sizes = np.bincount(texts)
    strata: defaultdict[Label, list[int]] = defaultdict(list)
    for text in _in_order(texts):
        strata[rarest[text]].append(text)
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, PURPOSE])))
    names = (TRAIN, *shares)
    wanted = np.array([1 - sum(shares.values()), *shares.values()])
    owed, home = np.zeros(len(names)), np.zeros(len(sizes), dtype=np.int64)
    for stratum in sorted(strata, key=lambda label: (len(strata[label]), label)):
        members = rng.permutation(strata[stratum]).tolist()
        for place, text in enumerate(members):
            owed += wanted * sizes[text]
            # What one label's texts leave over is owed to the next, or small labels would all go to train.
            chosen = 0 if place == 0 and stratum != ("", "") else int(np.argmax(owed))
            home[text] = chosen
            owed[chosen] -= sizes[text]
    return {name: rows.only(np.flatnonzero(home[texts] == number)) for number, name in enumerate(names)}


def _in_order(texts: Integers) -> list[int]:
    """Return the different texts in the order of their first rows: hashes differ from process to process."""
    return list(dict.fromkeys(texts.tolist()))


def _rarest_labels(rows: Rows, texts: Integers) -> dict[int, Label]:
    """Find the rarest label that each text bears, over all tasks and all its rows."""
    rarest: dict[int, Label] = dict.fromkeys(texts.tolist(), ("", ""))
    number: dict[int, int] = {}
    for name, task in rows.tasks.items():
        if not isinstance(task, LabelledTask):
            continue
        counts: Counter[str] = rows.counts(name)
        for batch in rows.iterate():
            for row, value in zip(batch, rows.values(name, batch), strict=True):
                text = int(texts[row])
                for label in () if value is None else task.labels_in(value):
                    if text not in number or (counts[label], (name, label)) < (number[text], rarest[text]):
                        number[text], rarest[text] = counts[label], (name, label)
    return rarest
