"""Rows without files, and a tokenizer whose tokens are words."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from polyhead.data.columns import Row
from polyhead.data.rows import Rows
from polyhead.data.storage import RowsWriter
from polyhead.tasks.base import Task
from polyhead.text.tokens import TextTokenizer

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "green", "blue", "sky", "sea"]


@pytest.fixture
def tokenizer() -> TextTokenizer:
    """Cut texts into words of a small vocabulary; windows of ten tokens."""
    inner = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return TextTokenizer(inner, max_tokens=10, padding_id=0, filler_id=2, overlap=0.25)


@pytest.fixture
def rows_of() -> Callable[..., Rows]:
    """Make rows of records as a file would hold them."""

    def make(tasks: Mapping[str, Task], *records: Mapping[str, Any]) -> Rows:
        with RowsWriter(tasks) as writer:
            writer.begin_file("rows.jsonl")
            for line, record in enumerate(records, start=1):
                text = record["text"]
                values = {name: tasks[name].read(record[name], text, []) for name in tasks if name in record}
                writer.add(line, Row(text, values, record.get("text_pair"), record.get("tokens")))
            return writer.finish()

    return make
