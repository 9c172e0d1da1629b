"""How long every row is, so that batches can be cut before anything is trained."""

from collections.abc import Mapping

import numpy as np

from polyhead.data.rows import Rows
from polyhead.spans import Integers
from polyhead.tasks.base import Task
from polyhead.text.tokens import TextTokenizer


def measure(rows: Rows, tokenizer: TextTokenizer, tasks: Mapping[str, Task] | None = None) -> Integers:
    """Count the tokens that the encoder reads for every row: special tokens, overlaps and further texts included.

    Args:
        rows: the rows of a split.
        tokenizer: the encoder's tokenizer.
        tasks: tasks that may read texts of their own beside the row; those of the rows when absent.

    Returns:
        Whole numbers of 32 bits, shape `(rows,)`.
    """
    lengths = np.empty(len(rows), dtype=np.int32)
    for batch in rows.iterate():
        passages = rows.passages(batch)
        lengths[batch.start : batch.stop] = [len(text) for text in tokenizer.tokenize(passages, words=False)]
        for name, task in (rows.tasks if tasks is None else tasks).items():
            for place, (passage, value) in enumerate(zip(passages, rows.values(name, batch), strict=True)):
                sides = () if value is None else task.sides(passage.text, passage.pair, value)
                if sides:
                    lengths[batch.start + place] += sum(map(len, tokenizer.tokenize(sides, words=False)))
    return lengths
