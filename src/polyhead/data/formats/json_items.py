"""A JSON file that is one list: its items, read one by one in bounded memory."""

import io
import json
from collections.abc import Iterable
from json import JSONDecodeError
from pathlib import Path
from typing import Any, cast

from polyhead.data.formats.base import DataFile, Losses, Numbered, Record
from polyhead.data.formats.files import open_bytes, writing
from polyhead.data.formats.jsonl import NoObjectError, decoded, json_bytes
from polyhead.errors import Fault

CHUNK = 2**20
LONGEST_ITEM = 64 * 2**20
BETWEEN = " \t\r\n,"


def read_json_list(file: DataFile, faults: list[Fault]) -> Numbered:
    """Read the objects of a list; the place of each is the line that it begins on.

    Raises:
        DataError: the file is no list of objects, or one of them is no JSON.
    """
    with open_bytes(file.path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="strict")
        held, line, scanner = "", 1, json.JSONDecoder()
        try:
            held = text.read(CHUNK).lstrip()
            if not held.startswith("["):
                file.refuse("the file must be a list of objects. Found no `[` at its start.")
            held = held[1:]
            while True:
                stripped = held.lstrip(BETWEEN)
                line += held.count("\n", 0, len(held) - len(stripped))
                held = stripped
                if held.startswith("]"):
                    return
                end = _end(scanner, held)
                if end is None:
                    more = text.read(max(CHUNK, len(held)))
                    if not more or len(held) > LONGEST_ITEM:
                        file.refuse(f"the list must be whole JSON. Found none from line {line} on.")
                    held += more
                    continue
                yield from _item(file, line, held[:end], faults)
                line += held.count("\n", 0, end)
                held = held[end:]
        except UnicodeDecodeError:
            file.refuse("the file must be UTF-8. Found other bytes.", "Save it again as UTF-8.")


def _end(scanner: json.JSONDecoder, held: str) -> int | None:
    """Find where the first value ends; nothing when it is cut."""
    try:
        return scanner.raw_decode(held)[1] if held else None
    except (JSONDecodeError, RecursionError):
        return None


def _item(file: DataFile, line: int, text: str, faults: list[Fault]) -> Numbered:
    try:
        value = decoded(text)
    except NoObjectError as error:
        faults.append(file.fault(line, f"{error.rule}. Found {error.found}.", error.advice))
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
