"""Texts that were read or saved wrongly are named, a hundred of a sort at most."""

from collections.abc import Callable

import pytest

from polyhead.data import text_oddities
from polyhead.data.reading import RowsRead
from polyhead.data.text_oddities import odd_texts

Save = Callable[..., str]
Read = Callable[..., RowsRead]


def test_each_odd_text_is_named_at_its_place(save: Save, read: Read) -> None:
    texts = ["fine", "café", "cafÃ©", "cafe\u0301", "caf\ufffd"]
    rows = read(save(*({"text": text, "topic": "x"} for text in texts))).rows
    assert [str(fault) for fault in odd_texts({"train": rows})] == [
        ("rows.jsonl:3: a text should be decoded as it was encoded. Found 'Ã©' in it. Save the source again as UTF-8."),
        (
            "rows.jsonl:4: texts should be in one normal form of Unicode, NFC. Found characters that are taken apart. "
            "`--fix` brings them together."
        ),
        (
            "rows.jsonl:5: a text should be decoded as it was encoded. Found '\ufffd' in it. "
            "What it stood for is lost; look at the source."
        ),
    ]


def test_many_are_counted_after_the_first(save: Save, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_oddities, "SHOWN_TEXTS", 2)
    rows = read(save(*({"text": f"Ã© {number}", "topic": "x"} for number in range(5)))).rows
    faults = list(odd_texts({"train": rows}))
    assert [fault.where for fault in faults] == ["rows.jsonl:1", "rows.jsonl:2", "data"]
    assert faults[-1].rule.endswith("Found 3 more.")
