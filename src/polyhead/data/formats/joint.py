"""The joint intent and slot layout: a folder with `seq.in`, `seq.out` and `label`, line by line the same rows."""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from polyhead.data.formats.base import DataFile, Losses, Numbered, Record
from polyhead.data.formats.files import text_lines
from polyhead.data.formats.roles import roles_of, tag_columns
from polyhead.data.formats.shapes import columns_of, tags_in, text_of, tokens_of
from polyhead.data.formats.spooling import spooled
from polyhead.errors import Fault

TEXTS, TAGS, LABELS = "seq.in", "seq.out", "label"
SLOTS, INTENT = "entities", "intent"
ALIASES = {"slots": SLOTS, "tags": SLOTS, "label": INTENT}


def is_joint_folder(path: Path) -> bool:
    """Tell whether a folder has this layout."""
    return (path / TEXTS).is_file()


def read_joint(file: DataFile, faults: list[Fault]) -> Numbered:
    """Read rows with tokens, `entities` (one tag a token) and `intent`; the place is the line in all three files.

    Raises:
        DataError: there is neither `seq.out` nor `label`.
    """
    there = [name for name in (TAGS, LABELS) if (file.path / name).is_file()]
    if not there:
        file.refuse(f"the folder must hold `{TAGS}` or `{LABELS}` beside `{TEXTS}`. Found neither.")
    parts = [replace(file, path=file.path / name, name=f"{file.name}/{name}") for name in (TEXTS, *there)]
    for lines in zip_longest(*(text_lines(part, faults) for part in parts)):
        if None in lines or len({number for number, _ in lines}) > 1:
            number = max(line[0] for line in lines if line)
            rule = f"`{TEXTS}`, {' and '.join(f'`{name}`' for name in there)} must have the same lines."
            faults.append(file.fault(number, f"{rule} Found one that has not, from here on."))
            return
        values = {name: text for name, (_, text) in zip((TEXTS, *there), lines, strict=True)}
        tokens, tags = values[TEXTS].split(), values.get(TAGS, "").split()
        number = lines[0][0]
        if TAGS in values and len(tags) != len(tokens):
            faults.append(file.fault(number, f"a row must have one tag a token. Found {len(tokens)} and {len(tags)}."))
        elif tokens:
            yield number, _record(tokens, tags, values.get(LABELS, "").strip(), wanted=file.wanted)


def _record(tokens: list[str], tags: list[str], label: str, *, wanted: frozenset[str]) -> dict[str, Any]:
    record: dict[str, Any] = {"tokens": tokens}
    record |= {SLOTS: tags} if tags else {}
    record |= {INTENT: label} if label else {}
    return record | {alias: record[name] for alias, name in ALIASES.items() if alias in wanted and name in record}


def write_joint(records: Iterable[Record], path: Path, losses: Losses) -> None:
    """Write a column of spans or else of tags, and one with a label of the text."""
    path.mkdir()
    with spooled(records) as spool, ExitStack() as stack:
        roles = roles_of(spool.records(), spans=SLOTS, labels=INTENT)
        slots = next(iter([roles.spans] if roles.spans else tag_columns(spool.records())), "")
        texts, tags, labels = (
            stack.enter_context((path / name).open("x", encoding="utf-8", errors="replace"))
            for name in (TEXTS, TAGS, LABELS)
        )
        for record in spool.records():
            tokens, values = tokens_of(record), columns_of(record)
            row_tags = tags_in(slots, values.get(slots), record, losses)
            intent = roles.labels if isinstance(values.get(roles.labels), str) else ""
            _note(record, "" if row_tags is None else slots, intent, losses=losses)
            texts.write(" ".join("_".join(token.split()) for token in tokens) + "\n")
            tags.write(" ".join(row_tags or ["O"] * len(tokens)) + "\n")
            labels.write(" ".join(str(values.get(intent, "")).split()) + "\n")


def _note(record: Record, slots: str, intent: str, *, losses: Losses) -> None:
    for name in columns_of(record).keys() - {slots, intent}:
        losses.note(f"{name}: there is no place for it")
    for name, called in ((slots, SLOTS), (intent, INTENT)):
        if name not in {"", called}:
            losses.note(f"{name}: read back as {called!r}")
    if text_of(record) != " ".join(tokens_of(record)):
        losses.note("the spacing of the text: tokens stand a space apart")
    if record.get("text_pair") is not None:
        losses.note("text_pair: there is no place for it")
    if not slots:
        losses.note("a row without tags is read back as one without entities")
