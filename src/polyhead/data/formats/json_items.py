"""A JSON file that is one list: its items, read one by one in bounded memory."""

import io
import json
from collections.abc import Iterable
from json import JSONDecodeError
from pathlib import Path
from typing import Any, TextIO, cast

from polyhead.data.formats.base import DataFile, Losses, Numbered, Record
from polyhead.data.formats.files import open_bytes, writing
from polyhead.data.formats.jsonl import NoObjectError, decoded, json_bytes
from polyhead.errors import Fault

CHUNK = 2**20
LONGEST_ITEM = 64 * 2**20
SCANNER = json.JSONDecoder(parse_int=str)
"""Finds where an item ends. It leaves whole numbers alone: Python refuses those of more than some thousand digits."""


def read_json_list(file: DataFile, faults: list[Fault]) -> Numbered:
    """Read the objects of a list; the place of each is the line that it begins on.

    Raises:
        DataError: the file is no list, or no JSON from some line on.
    """
    with open_bytes(file.path) as stream:
        window = _Window(io.TextIOWrapper(stream, encoding="utf-8-sig", errors="strict"))
        try:
            yield from _items(file, window, faults)
        except UnicodeDecodeError:
            file.refuse("the file must be UTF-8. Found other bytes.", "Save it again as UTF-8.")


class _Window:
    """The part of a text that is held, and the line that it begins on.

    Args:
        text: is read bit by bit.
    """

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self.held, self.line = "", 1

    def sign(self) -> str:
        """Skip white space; return the character after it, or nothing at the end."""
        while True:
            self.take(len(self.held) - len(self.held.lstrip()))
            if self.held or not self._grow():
                return self.held[:1]

    def end_of_value(self) -> int | None:
        """Return where the value that begins here ends; nothing when there is no whole one."""
        while len(self.held) <= LONGEST_ITEM:
            try:
                return SCANNER.raw_decode(self.held)[1]
            except (JSONDecodeError, RecursionError):
                if not self._grow():
                    break
        return None

    def take(self, length: int) -> str:
        """Let go of the first characters, and return them."""
        taken, self.held = self.held[:length], self.held[length:]
        self.line += taken.count("\n")
        return taken

    def _grow(self) -> bool:
        more = self._text.read(max(CHUNK, len(self.held)))
        self.held += more
        return bool(more)


def _items(file: DataFile, window: _Window, faults: list[Fault]) -> Numbered:
    if window.sign() != "[":
        file.refuse("the file must be a list of objects. Found no `[` at its start.")
    window.take(1)
    if not (going_on := window.sign() != "]"):
        window.take(1)
    while going_on:
        window.sign()
        end = window.end_of_value()
        if end is None:
            file.refuse(f"the list must be whole JSON. Found none from line {window.line} on.")
        line = window.line
        yield from _item(file, line, window.take(end), faults)
        sign = window.sign()
        if sign not in {",", "]", ""}:
            file.refuse(f"the items of the list must have a comma between them. Found none on line {window.line}.")
        window.take(1)
        going_on = sign != "]"
    if window.sign():
        rule = f"nothing must follow the list. Found more from line {window.line} on."
        file.refuse(rule, "Name files of several lists one by one, or write one object on each line.")


def _item(file: DataFile, line: int, text: str, faults: list[Fault]) -> Numbered:
    try:
        value = decoded(text)
    except NoObjectError as error:
        faults.append(file.fault(line, f"{error.rule}. Found {error.found}.", error.advice))
        return
    except RecursionError:
        faults.append(file.fault(line, "an item must be a plain object. Found lists or objects nested too deep."))
        return
    except ValueError:
        faults.append(file.fault(line, "an item must be JSON that can be read. Found a number of too many digits."))
        return
    if isinstance(value, dict):
        yield line, cast("dict[str, Any]", value)
    else:
        faults.append(file.fault(line, f"an item of the list must be an object. Found {value!r}."))


def write_json_list(records: Iterable[Record], path: Path, losses: Losses) -> None:
    """Write a list with one object a line."""
    with writing(path) as file:
        before = b"[\n"
        for record in records:
            file.write(before + json_bytes(record, losses))
            before = b",\n"
        file.write(b"\n]\n" if before == b",\n" else b"[]\n")
