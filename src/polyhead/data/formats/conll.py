"""CoNLL: one token a line with its tags in columns, and an empty line after each sentence; CoNLL-U too."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyhead.data.formats.base import NUMBER_AS_TEXT, TEXT_AS_JSON, Cell, DataFile, Losses, Numbered, Record
from polyhead.data.formats.files import ending_of, text_lines, writing
from polyhead.data.formats.jsonl import json_bytes
from polyhead.data.formats.roles import tag_columns
from polyhead.data.formats.shapes import OWN, columns_of, reads_like_json, tags_in, text_of, tokens_of
from polyhead.data.formats.spooling import spooled
from polyhead.errors import Fault
from polyhead.text.given_tokens import located

UNIVERSAL = ("id", "tokens", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
UNIVERSAL_ENDINGS = (".conllu", ".conllup")
COMMENT = re.compile(r"#\s*([\w.-]+)\s*=\s?(.*)")
"""A comment with a value; another line that begins with a hash may be a token."""
HEADER = "global.columns"
BORDER = "-DOCSTART-"
ABSENT = "_"


@dataclass(slots=True)
class _Sentence:
    line: int = 0
    comments: dict[str, str] = field(default_factory=dict[str, str])
    rows: list[list[str]] = field(default_factory=list[list[str]])
    whole: bool = True


def read_conll(file: DataFile, faults: list[Fault]) -> Numbered:
    """Read the sentences of a file; the place of each is the line of its first token.

    Columns bear the names that `columns` or a line `# global.columns = …` gives them, else their numbers from 0; the
    first is `tokens` unless another bears that name. Tab separates cells where there is one, else white space.
    Comments such as `# topic = sports` before a sentence are columns too, and `# text = …` is its text.
    """
    universal = ending_of(file.path) in UNIVERSAL_ENDINGS
    names = list(file.columns or (UNIVERSAL if universal else ()))
    for sentence in _sentences(file, faults):
        declared = sentence.comments.pop(HEADER, None)
        if declared and not file.columns:
            names = [_named(name) for name in declared.split()]
            if len(set(names)) < len(names):
                file.refuse(f"`# {HEADER}` must name each column once. Found {declared!r}.")
        rows = [row for row in sentence.rows if not universal or row[0].isdecimal()]
        if rows and sentence.whole and rows[0][0] != BORDER:
            yield sentence.line, _record(rows, names, sentence.comments, wanted=file.wanted)


def _sentences(file: DataFile, faults: list[Fault]) -> Iterator[_Sentence]:
    sentence = _Sentence()
    for number, line in text_lines(file, faults):
        if not line.strip():
            if sentence.rows:
                yield sentence
                sentence = _Sentence()
            continue
        comment = None if sentence.rows else COMMENT.fullmatch(line)
        if comment:
            sentence.comments[comment[1]] = comment[2]
            continue
        if line.startswith("# ") and not sentence.rows and ending_of(file.path) in UNIVERSAL_ENDINGS:
            continue
        cells = line.split("\t") if "\t" in line else line.split()
        sentence.line = sentence.line or number
        if sentence.rows and len(cells) != len(sentence.rows[0]):
            rule = f"a token must have {len(sentence.rows[0])} columns, as the one before it. Found {len(cells)}."
            faults.append(file.fault(number, rule))
            sentence.whole = False
        sentence.rows.append(cells)
    if sentence.rows:
        yield sentence


def _record(
    rows: list[list[str]], names: list[str], comments: Mapping[str, str], *, wanted: frozenset[str]
) -> dict[str, Any]:
    columns = [list(column) for column in zip(*rows, strict=True)]
    width = len(columns)
    named = [*names[:width], *map(str, range(len(names), width))]
    if "tokens" not in named:
        named[0] = "tokens"
    record: dict[str, Any] = {name: Cell(value) for name, value in comments.items() if name != "text"}
    # A row that is not labelled for a column has nothing in it.
    record |= {
        name: column for name, column in zip(named, columns, strict=True) if set(column) != {ABSENT} or name == "tokens"
    }
    for name in wanted - record.keys():
        if re.fullmatch(r"-?\d+", name) and -width <= int(name) < width:
            record[name] = columns[int(name)]
    text = comments.get("text")
    if text is not None and not isinstance(located(record["tokens"], text), str):
        record["text"] = text
    return record


def _named(column: str) -> str:
    """Return our name of a column: those of CoNLL-U in small letters, its `FORM` as tokens, others as they are."""
    small = column.lower()
    return "tokens" if small == "form" else small if small in UNIVERSAL else column


def write_conll(records: Iterable[Record], path: Path, losses: Losses) -> None:
    """Write a token a line with a column for each list of tags or spans (IOB2); all else stands in comments."""
    with spooled(records) as spool, writing(path) as file:
        columns = tag_columns(spool.records())
        header = " ".join(["tokens", *columns])
        file.write(f"# {HEADER} = {header}\n".encode())
        for record in spool.records():
            tokens = tokens_of(record)
            tags = {name: tags_in(name, record.get(name), record, losses) for name in columns}
            if tokens:
                file.write(_written(record, tokens, tags, losses))
            else:
                losses.note("a row without words has no line")


def _written(record: Record, tokens: list[str], tags: Mapping[str, list[str] | None], losses: Losses) -> bytes:
    lines: list[str] = []
    text = text_of(record)
    comments = {name: value for name, value in columns_of(record).items() if tags.get(name) is None}
    if isinstance(record.get("text_pair"), str):
        comments["text_pair"] = record["text_pair"]
    if text != " ".join(tokens):
        comments = {"text": text, **comments}
    for name, value in comments.items():
        said = value if isinstance(value, str) else json_bytes(value, losses).decode()
        if isinstance(value, str) and name not in OWN and reads_like_json(value):
            losses.note(TEXT_AS_JSON)
        if isinstance(value, bool | int | float):
            losses.note(NUMBER_AS_TEXT)
        if len(said.splitlines()) > 1 or not COMMENT.fullmatch(f"# {name} = {said}"):
            losses.note(f"{name}: a value of several lines")
            continue
        lines.append(f"# {name} = {said}")
    for place, token in enumerate(tokens):
        cells = [token, *("_" if of is None else of[place] for of in tags.values())]
        if any(not cell or len(cell.split()) != 1 for cell in cells):
            losses.note("white space within a token or tag becomes `_`")
        lines.append("\t".join("_".join(cell.split()) or "_" for cell in cells))
        if not place and COMMENT.fullmatch(lines[-1]):
            losses.note("a first token that reads like a comment is read back as one")
    return ("\n".join(lines) + "\n\n").encode("utf-8", "replace")
