"""Turn the records of one file into rows, and say what is wrong with each and with the file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from polyhead.data.columns import PAIR, TEXT, TOKENS, Row
from polyhead.data.formats.base import Cell
from polyhead.data.readings import reading_of
from polyhead.errors import Fault, did_you_mean
from polyhead.tasks.base import LabelledTask, Task
from polyhead.text.given_tokens import placed, read_tokens

SHOWN_NAMES = 12
SHOWN_CHARACTERS = 400
COLUMNS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class AllowedLabels:
    """The labels that rows of a task may name.

    Args:
        labels: the labels.
        source: where they come from, such as "`tasks.topic.labels`".
        advice: what to do about another label.
    """

    labels: frozenset[str]
    source: str
    advice: str


class RowCheck:
    """Checks the records of one file, one after the other, and then the file as a whole.

    Args:
        name: what faults call the file.
        fields: our name of a field -> its column in the file, where they differ.
        tasks: the tasks of the recipe.
        allowed: the labels of the tasks whose labels are known.
    """

    def __init__(
        self,
        name: str,
        fields: Mapping[str, str],
        *,
        tasks: Mapping[str, Task],
        allowed: Mapping[str, AllowedLabels],
    ) -> None:
        self.faults: list[Fault] = []
        self._name = name
        self._fields = fields
        self._text_column, self._pair_column = fields.get(TEXT, TEXT), fields.get(PAIR, PAIR)
        self._tokens_column = fields.get(TOKENS, TOKENS)
        self._tasks = [(name, fields.get(name, name), task) for name, task in tasks.items()]
        self._readings = {name: reading_of(task) for name, task in tasks.items()}
        self._per_token = any(task.per_token for task in tasks.values())
        self._allowed = allowed
        self._columns: dict[str, None] = {}
        texts = (self._text_column, self._pair_column, self._tokens_column)
        self._wanted = {*texts, *(column for _, column, _ in self._tasks)}
        self._no_text = f"a row must hold its text in the column {self._text_column!r}. Found none."
        self._records = 0
        self._any_text = self._any_label = False

    def row(self, line: int, record: Mapping[str, object]) -> Row | None:
        """Return a record as a row; nothing when a fault was found."""
        self._records += 1
        if not record.keys() <= self._columns.keys():
            self._see_columns(record)
        problems: list[tuple[str, str]] = []
        text, borders = self._text(*self._given(record), problems)
        pair = record.get(self._pair_column)
        second = None if text is None or pair in (None, "") else self._pair(pair, problems)
        row = None if text is None else Row(text, {}, second, borders)
        values: dict[str, Any] = {}
        for name, column, task in self._tasks:
            raw = record.get(column)
            if raw is None or (not raw and isinstance(raw, Cell)):
                continue
            self._any_label = True
            if row is not None:
                values[name] = self._value(name, task, raw, row=row, problems=problems)
        if row is None or problems:
            where = f"{self._name}:{line}"
            self.faults += (Fault(where, _shortened(rule), advice) for rule, advice in problems)
            return None
        row.values = values
        return row

    def _given(self, record: Mapping[str, object]) -> tuple[object, object]:
        """Return text and tokens; of empty cells, those of tokens are absent, and those of texts beside tokens."""
        text, tokens = record.get(self._text_column), record.get(self._tokens_column)
        tokens = None if tokens == "" and isinstance(tokens, Cell) else tokens
        return None if tokens is not None and text == "" and isinstance(text, Cell) else text, tokens

    def _see_columns(self, record: Mapping[str, object]) -> None:
        for column in record:
            if len(self._columns) < COLUMNS_KEPT or column in self._wanted:
                self._columns[column] = None

    def _text(
        self, text: object, tokens: object, problems: list[tuple[str, str]]
    ) -> tuple[str | None, Sequence[int] | None]:
        """Return the text and the flat borders of the tokens that came with it; no text when a fault was found."""
        if text is None and tokens is None:
            problems.append((self._no_text, ""))
            return None, None
        self._any_text = True
        if text is not None and not isinstance(text, str):
            problems.append((f"{self._text_column} must be a string. Found {text!r}.", ""))
        elif not _is_whole(text):
            problems.append(_half_character(self._text_column, text))
        elif tokens is not None:
            return self._with_tokens(text, tokens, problems)
        else:
            return text, None
        return None, None

    def _with_tokens(
        self, text: str | None, value: object, problems: list[tuple[str, str]]
    ) -> tuple[str | None, Sequence[int] | None]:
        found: list[str] = []
        borders: Sequence[int] | None = None
        tokens = read_tokens(value, found)
        if not _is_whole(value):
            problems.append(_half_character(self._tokens_column, value))
        elif tokens is not None:
            text, borders = placed(tokens, text, found)
        # A column of this name may hold something else where no task asks for tokens.
        if found and (text is None or self._per_token or TOKENS in self._fields):
            problems += ((f"{self._tokens_column}: {problem}", "") for problem in found)
        return text, borders

    def _pair(self, pair: object, problems: list[tuple[str, str]]) -> str | None:
        if not isinstance(pair, str):
            problems.append((f"{self._pair_column} must be a string. Found {pair!r}.", ""))
        elif not _is_whole(pair):
            problems.append(_half_character(self._pair_column, pair))
        else:
            return pair
        return None

    def _value(self, name: str, task: Task, raw: object, *, row: Row, problems: list[tuple[str, str]]) -> Any | None:  # noqa: ANN401  each kind of task has its own
        column = self._fields.get(name, name)
        called = name if column == name else f"{name} (column {column!r})"
        if not _is_whole(raw):
            problems.append(_half_character(called, raw))
            return None
        found: list[str] = []
        value = self._readings[name](raw, row, found)
        if value is not None:
            task.check(value, pair=row.pair, problems=found)
            if task.per_token:
                _check_length(value, row.tokens, found)
        problems += ((f"{called}: {problem}", "") for problem in found)
        allowed = self._allowed.get(name)
        if value is not None and allowed and isinstance(task, LabelledTask):
            for label in dict.fromkeys(task.labels_in(value)):
                if label not in allowed.labels:
                    rule = f"{called}: a label must be among {allowed.source}. Found {label!r}"
                    problems.append((rule + did_you_mean(label, allowed.labels), allowed.advice))
        return value

    def finish(self) -> list[Fault]:
        """Return the faults of the file as a whole; call it after the last row."""
        if not self._records:
            advice = "Put rows into it, or leave it out of the recipe."
            return [] if self.faults else [Fault(self._name, "the file must hold rows. Found none.", advice)]
        return [*self._text_faults(), *self._task_faults()]

    def _text_faults(self) -> list[Fault]:
        if self._any_text:
            return []
        # One fault for the file says more than the same one on each of its lines.
        self.faults = [fault for fault in self.faults if fault.rule != self._no_text]
        found = "Found nothing in it." if self._text_column in self._columns else self._found([self._text_column])
        rule = f"the file must have the column {self._text_column!r} for the text. {found}"
        return [Fault(self._name, rule, 'Name the right column with `fields = { text = "…" }`.')]

    def _task_faults(self) -> list[Fault]:
        absent = {name: column for name, column in self._fields.items() if column not in self._columns}
        faults = [
            Fault(self._name, f"the file must have the column {column!r}, which `fields` gives for {name}. {found}")
            for name, column in absent.items()
            if name != TEXT
            for found in [self._found([column])]
        ]
        if faults or self._any_label:
            return faults
        names = [name for name, _, _ in self._tasks]
        rule = f"the file must label a task: {_listed(names)}. {self._found([column for _, column, _ in self._tasks])}"
        advice = f'Name the column of a task with `fields = {{ {names[0]} = "…" }}`, or leave the file out.'
        return [Fault(self._name, rule, advice)]

    def _found(self, wanted: Sequence[str]) -> str:
        columns = self._columns.keys() - {self._text_column}
        hints = (did_you_mean(column, columns - {column}) for column in wanted)
        return f"Found the columns {_listed(list(self._columns))}{next((hint for hint in hints if hint != '.'), '.')}"


def _check_length(value: Sequence[object], tokens: Sequence[int] | None, problems: list[str]) -> None:
    if tokens is None:
        problems.append("a row must come with the `tokens` that are labelled. Found none.")
    elif len(value) != len(tokens) // 2:
        rule = f"a row must have one item for each of its {len(tokens) // 2} tokens."
        problems.append(f"{rule} Found {len(value)}.")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:SHOWN_NAMES])
    return shown + (f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else "")


def _shortened(rule: str) -> str:
    if len(rule) <= SHOWN_CHARACTERS:
        return rule
    return f"{rule[: SHOWN_CHARACTERS // 2]} … {rule[-SHOWN_CHARACTERS // 2 :]}"


def _half_character(called: str, value: object) -> tuple[str, str]:
    rule = f"{called} must be made of whole characters. Found half of a surrogate pair in {value!r}."
    return rule, "Write the character itself in UTF-8, or both halves of its escape."


def _is_whole(value: object) -> bool:
    """Tell whether no string in a value holds a lone surrogate, which neither Arrow nor a tokenizer takes."""
    if isinstance(value, str):
        if value.isascii():
            return True
        try:
            value.encode()
        except UnicodeEncodeError:
            return False
    elif isinstance(value, dict):
        return all(map(_is_whole, cast("dict[str, object]", value).values()))
    elif isinstance(value, list):
        return all(map(_is_whole, cast("list[object]", value)))
    return True
