from collections.abc import Callable

import numpy as np

from polyhead.data.lengths import measure
from polyhead.data.reading import RowsRead
from polyhead.text.tokens import TextTokenizer


def test_every_row_is_measured_in_tokens(
    save: Callable[..., str], read: Callable[..., RowsRead], tokenizer: TextTokenizer
) -> None:
    texts = ["one", "one two three", "", "one, two", "many " * 50]
    rows = read(save(*({"text": text, "topic": "x"} for text in texts))).rows
    lengths = measure(rows, tokenizer)
    assert lengths.tolist() == [1, 3, 1, 3, 8]
    assert lengths.dtype == np.int32


def test_more_rows_than_one_batch_are_measured(
    save: Callable[..., str], read: Callable[..., RowsRead], text_tokenizer: TextTokenizer
) -> None:
    rows = read(save(*({"text": "word " * (number % 7), "topic": "x"} for number in range(2100)))).rows
    lengths = measure(rows, text_tokenizer)
    expected = [len(item) for item in text_tokenizer.tokenize(["word " * number for number in range(7)])]
    assert lengths.tolist() == [expected[number % 7] for number in range(2100)]


def test_no_rows_have_no_lengths(read: Callable[..., RowsRead], tokenizer: TextTokenizer) -> None:
    assert measure(read("absent.jsonl").rows, tokenizer).shape == (0,)
