"""CoNLL files of the shared tasks, CoNLL-U, and what is written of our own rows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyhead.data.formats.base import NUMBER_AS_TEXT
from polyhead.errors import DataError

Parse = Callable[..., Any]
Write = Callable[..., Any]

CONLL_2003 = """-DOCSTART- -X- -X- O

Ada NNP I-NP I-PER
Quill NNP I-NP I-PER
sings VBZ I-VP O

# NN B-NP O
five CD I-NP O
"""
UNIVERSAL = """# global.columns = ID FORM UPOS XPOS
# newdoc id = 1
# text = She can't.
1\tShe\tPRON\t_
2-3\tcan't\t_\t_
2\tca\tAUX\t_
3\tn't\tPART\t_
3.1\tgo\tVERB\t_
4\t.\tPUNCT\t_
"""


def test_sentences_have_their_first_line_and_numbered_columns(parse: Parse) -> None:
    records, faults = parse("conll", CONLL_2003)
    assert not faults
    assert records == [
        (
            3,
            {
                "tokens": ["Ada", "Quill", "sings"],
                "1": ["NNP", "NNP", "VBZ"],
                "2": ["I-NP", "I-NP", "I-VP"],
                "3": ["I-PER", "I-PER", "O"],
            },
        ),
        (7, {"tokens": ["#", "five"], "1": ["NN", "CD"], "2": ["B-NP", "I-NP"], "3": ["O", "O"]}),
    ]


def test_columns_have_the_names_that_the_recipe_gives(parse: Parse) -> None:
    records, _ = parse("conll", CONLL_2003, columns=("tokens", "pos", "chunks"), wanted=frozenset({"-1", "0"}))
    first = records[0][1]
    assert list(first) == ["tokens", "pos", "chunks", "3", "-1", "0"] or set(first) >= {"pos", "chunks", "3"}
    assert first["-1"] == first["3"] == ["I-PER", "I-PER", "O"]
    assert first["0"] == first["tokens"]


def test_another_column_may_hold_the_tokens(parse: Parse) -> None:
    records, _ = parse("conll", "1\tAda\tPER\n2\tsang\tO\n", columns=("number", "tokens", "tag"))
    assert records[0][1] == {"number": ["1", "2"], "tokens": ["Ada", "sang"], "tag": ["PER", "O"]}


def test_conll_u_has_its_columns_and_the_true_text(parse: Parse) -> None:
    records, faults = parse("conll", UNIVERSAL, name="a.conllu")
    assert not faults
    (line, record) = records[0]
    assert line == 4
    assert record["text"] == "She can't."
    assert record["tokens"] == ["She", "ca", "n't", "."]
    assert record["upos"] == ["PRON", "AUX", "PART", "PUNCT"]
    assert "xpos" not in record


def test_a_text_that_does_not_hold_the_tokens_is_left_aside(parse: Parse) -> None:
    records, _ = parse("conll", "# text = du\nde X\nle X\n")
    assert "text" not in records[0][1]


def test_comments_are_columns_of_the_text(parse: Parse) -> None:
    records, _ = parse("conll", "# intent = PlayMusic\nplay O\nit O\n\nstop O\n")
    assert [record.get("intent") for _, record in records] == ["PlayMusic", None]


def test_a_token_of_another_width_is_a_fault_and_the_sentence_is_left_out(parse: Parse) -> None:
    records, faults = parse("conll", "a X O\nb O\nc X O\n\nd X O\n")
    assert [line for line, _ in records] == [5]
    assert faults == ["rows:2: a token must have 3 columns, as the one before it. Found 2."]


def test_tabs_separate_where_there_are_any(parse: Parse) -> None:
    records, _ = parse("conll", "New York\tB-LOC\nis\tO\n")
    assert records[0][1]["tokens"] == ["New York", "is"]


ROWS = [
    {
        "text": "Ada Quill opened a café, in Leeds!",
        "topic": "news",
        "entities": [{"start": 0, "end": 9, "label": "PER"}, {"start": 28, "end": 33, "label": "LOC"}],
        "score": 1.5,
    },
    {"tokens": ["It", "rains"], "entities": [], "pos": ["PRP", "VBZ"]},
    {"text": "No labels at all", "text_pair": "None here"},
]


def test_what_is_written_is_read_again(parse: Parse, write: Write) -> None:
    path, losses = write("conll", ROWS)
    assert losses == {NUMBER_AS_TEXT: 1}
    records, faults = parse("conll", path)
    assert not faults
    first, second, third = (record for _, record in records)
    assert (first["text"], first["topic"], first["score"]) == (ROWS[0]["text"], "news", "1.5")
    assert first["entities"] == ["B-PER", "I-PER", "O", "O", "O", "O", "O", "B-LOC", "O"]
    assert (second["tokens"], second["pos"], second["entities"]) == (["It", "rains"], ["PRP", "VBZ"], ["O", "O"])
    assert third == {"tokens": ["No", "labels", "at", "all"], "text_pair": "None here"}


def test_what_conll_cannot_hold_is_told(parse: Parse, write: Write) -> None:
    overlapping = [{"start": 0, "end": 3, "label": "X"}, {"start": 2, "end": 3, "label": "Y"}]
    rows = [
        {"text": "a b c", "spans": [{"start": 0, "end": 1, "label": "Z"}]},
        {"text": "a b", "spans": overlapping},
        {"text": " "},
        {"text": "two\nlines"},
    ]
    path, losses = write("conll", rows)
    assert losses == {
        "spans: spans that overlap or cut a token in two": 1,
        "a row without words has no line": 1,
        "text: a value of several lines": 1,
    }
    assert len(parse("conll", path)[0]) == 3


def test_a_first_token_that_reads_like_a_comment_is_told(write: Write) -> None:
    rows = [{"tokens": ["#a=b", "c"], "entities": ["O", "O"]}, {"tokens": ["c", "#a=b"], "entities": ["O", "B-X"]}]
    assert write("conll", rows)[1] == {"a first token that reads like a comment is read back as one": 1}


@pytest.mark.parametrize("pack", ["conllu", "json"])
def test_endings_do_not_change_what_numbers_mean(pack: str, parse: Parse, tmp_path: Path) -> None:  # noqa: ARG001
    records, _ = parse("conll", "1 one X\n2 two Y\n", name=f"rows.{pack}")
    assert records[0][1]["tokens"] == (["one", "two"] if pack == "conllu" else ["1", "2"])


def test_declared_columns_keep_their_names(parse: Parse) -> None:
    content = "# global.columns = tokens NER platform FORM2\nAda B-PER X y\n"
    assert parse("conll", content)[0][0][1] == {"tokens": ["Ada"], "NER": ["B-PER"], "platform": ["X"], "FORM2": ["y"]}
    assert parse("conll", "# global.columns = ID FORM UPOS\n1 Ada NOUN\n")[0][0][1] == {
        "id": ["1"],
        "tokens": ["Ada"],
        "upos": ["NOUN"],
    }


def test_a_token_that_is_an_underscore_is_no_absent_column(parse: Parse) -> None:
    assert parse("conll", "# text = _\n_ O\n")[0][0][1]["tokens"] == ["_"]


def test_declared_columns_are_named_once(parse: Parse) -> None:
    with pytest.raises(DataError, match="must name each column once"):
        parse("conll", "# global.columns = tokens ner ner\nAda B-PER O\n")
