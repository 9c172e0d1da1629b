"""JSON Lines: one object a line, strictly, with a fault for every line that is none."""

import json
import re
from collections.abc import Iterable, Mapping
from json import JSONDecodeError
from math import isfinite
from pathlib import Path
from typing import cast

from polyhead.data.formats.base import DataFile, Losses, Numbered, Record
from polyhead.data.formats.files import LONGEST_LINE, byte_lines, open_bytes, writing
from polyhead.errors import Fault

HOPELESS_LINES = 100
"""So many faulty lines with no good one before them: the file is no JSON Lines, and reading stops."""
EXPECTED = "a line must be one JSON object"
KEY = re.compile(r'"\s*:')
"""Ends every key, and perhaps a piece of a string."""


def read_json_lines(file: DataFile, faults: list[Fault]) -> Numbered:
    """Read the objects of a file one by one, in bounded memory; lines of white space are skipped.

    Args:
        file: the file.
        faults: receives one fault for each line that is no object; reading goes on after it.

    Yields:
        The number of the line, from 1, and the object on it.

    Raises:
        DataError: the file as a whole is no JSON Lines.
        OSError: the file cannot be read.
    """
    good = 0
    with open_bytes(file.path) as stream:
        for number, line in byte_lines(stream, file):
            if line.isspace():
                continue
            if good == 0 and len(faults) >= HOPELESS_LINES:
                rule = f"the file must be JSON Lines. Found no JSON object on its first {number - 1:,} lines."
                file.refuse(rule, "Reading stopped there; write one JSON object on each line.")
            try:
                fields = _object_of(line)
            except NoObjectError as error:
                faults.append(file.fault(number, f"{error.rule}. Found {error.found}.", error.advice))
            else:
                good += 1
                yield number, fields


def write_json_lines(records: Iterable[Record], path: Path, losses: Losses) -> None:
    """Write one object a line."""
    with writing(path) as file:
        for record in records:
            file.write(json_bytes(record, losses) + b"\n")


def json_bytes(value: object, losses: Losses) -> bytes:
    """Return a value as JSON in UTF-8; what JSON has no word for becomes a string."""

    def as_text(item: object) -> str:
        losses.note(f"a {type(item).__name__} becomes a string")
        return str(item)

    try:
        return json.dumps(value, ensure_ascii=False, default=as_text).encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair, which UTF-8 cannot say, is escaped.
        return json.dumps(value, default=as_text).encode()


class NoObjectError(Exception):
    """Something else than a JSON object, or one that breaks a rule."""

    def __init__(self, *, found: str, rule: str = EXPECTED, advice: str = "") -> None:
        super().__init__(found)
        self.found, self.rule, self.advice = found, rule, advice


def _object_of(line: bytes) -> Mapping[str, object]:
    if len(line) > LONGEST_LINE:
        found = f"more than {LONGEST_LINE:,} bytes"
        raise NoObjectError(found=found, rule="a line must not be endless", advice="Write one row on each line.")
    try:
        value = decoded(line.rstrip().decode())
    except UnicodeDecodeError as error:
        found = f"the byte 0x{line[error.start]:02x} at position {error.start + 1}"
        advice = "Save the file again as UTF-8."
        raise NoObjectError(found=found, rule="a line must be UTF-8", advice=advice) from None
    except JSONDecodeError as error:
        raise NoObjectError(found=f"{error.msg!r} at column {error.colno}", advice=_advice(line)) from None
    except RecursionError:
        raise NoObjectError(found="lists or objects nested too deep") from None
    except ValueError:
        # Python refuses to read whole numbers of more than some thousand digits.
        raise NoObjectError(found="a number of too many digits") from None
    if not isinstance(value, dict):
        raise NoObjectError(found=f"a JSON {_kind_of(value)}", advice=_advice(line))
    return value


def _advice(line: bytes) -> str:
    if line.lstrip().startswith(b"["):
        return "Write the members of the list as objects, one on each line, without brackets and commas around them."
    return ""


def _kind_of(value: object) -> str:
    names: dict[type, str] = {str: "string", list: "list", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def decoded(text: str) -> object:
    """Read one JSON value, strictly: keys differ and numbers are finite.

    Raises:
        NoObjectError: keys are repeated, or a number is not finite.
        ValueError: it is no JSON.
    """
    value = FAST.decode(text)
    # Looking at each key as it is read takes far longer than counting them all.
    return value if _keys(value) == len(KEY.findall(text)) else STRICT.decode(text)


def _keys(value: object) -> int:
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return len(fields) + sum(_keys(item) for item in fields.values() if isinstance(item, (dict, list)))
    if isinstance(value, list):
        return sum(_keys(item) for item in cast("list[object]", value) if isinstance(item, (dict, list)))
    return 0


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        found = f"{repeated!r} {keys.count(repeated)} times"
        raise NoObjectError(found=found, rule="an object's keys must differ", advice="Keep one of them.")
    return fields


def _finite(digits: str) -> float:
    value = float(digits)
    if not isfinite(value):
        _refuse_number(digits)
    return value


def _refuse_number(digits: str) -> None:
    advice = "Write null, or leave the field out, where nothing is known."
    raise NoObjectError(found=digits, rule="a number must be finite", advice=advice)


FAST = json.JSONDecoder(parse_float=_finite, parse_constant=_refuse_number)
STRICT = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_float=_finite, parse_constant=_refuse_number)
