from collections.abc import Callable

import numpy as np

from polyhead.data.columns import Row
from polyhead.data.lengths import measure
from polyhead.data.reading import RowsRead
from polyhead.data.storage import RowsWriter
from polyhead.tasks.embedding import Embedding, Likeness
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


def test_windows_pairs_and_sides_count_as_they_are_read(tokenizer: TextTokenizer) -> None:
    tasks = {"meaning": Embedding()}
    with RowsWriter(tasks) as writer:
        writer.begin_file("rows.jsonl")
        writer.add(1, Row("one two", pair="three"))
        writer.add(2, Row("one", {"meaning": Likeness("two three")}))
        writer.add(3, Row("one " * 20))
        rows = writer.finish()
    assert measure(rows, tokenizer).tolist() == [3, 1 + 1 + 2, 8]
    tokenizer.overlap = 0.25
    # Windows of eight tokens, six of them new each time.
    assert measure(rows, tokenizer).tolist() == [3, 4, 3 * 8]
