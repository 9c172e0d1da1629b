"""How long every row is, so that batches can be cut before anything is trained."""

import numpy as np

from polyhead.data.rows import Rows
from polyhead.spans import Integers
from polyhead.text.tokens import TextTokenizer


def measure(rows: Rows, tokenizer: TextTokenizer) -> Integers:
    """Count the tokens of every row, special tokens included and truncated as in training.

    Returns:
        Whole numbers of 32 bits, shape `(rows,)`.
    """
    lengths = np.empty(len(rows), dtype=np.int32)
    for batch in rows.iterate():
        tokenized = tokenizer.tokenize(rows.texts(batch), words=False)
        lengths[batch.start : batch.stop] = [len(text) for text in tokenized]
    return lengths
