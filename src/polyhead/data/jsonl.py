"""Read JSON Lines: one object a line, strictly, with a fault for every line that is none.

Other formats become files beside this one; each has a reader of the same shape.
"""

import json
from collections.abc import Iterator, Mapping
from json import JSONDecodeError
from math import isfinite
from pathlib import Path
from typing import BinaryIO

from polyhead.errors import DataError, Fault

UTF8_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
LONGEST_LINE = 64 * 2**20
"""Bytes of a line, its end included; a longer one is a fault and is never held in memory as a whole."""
HOPELESS_LINES = 100
"""So many faulty lines with no good one before them: the file is no JSON Lines, and reading stops."""
EXPECTED = "a line must be one JSON object"


def read_json_lines(path: Path, *, name: str, faults: list[Fault]) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Read the objects of a file one by one, in bounded memory; lines of white space are skipped.

    Args:
        path: the file.
        name: what faults call it.
        faults: receives one fault for each line that is no object; reading goes on after it.

    Yields:
        The number of the line, from 1, and the object on it.

    Raises:
        DataError: the file as a whole is no JSON Lines.
        OSError: the file cannot be read.
    """
    good = 0
    with path.open("rb") as file:
        for number, line in _lines(file, name):
            if good == 0 and len(faults) >= HOPELESS_LINES:
                rule = f"the file must be JSON Lines. Found no JSON object on its first {number - 1:,} lines."
                raise _unreadable(name, rule, "Reading stopped there; write one JSON object on each line.")
            try:
                fields = _object_of(line)
            except _NoObjectError as error:
                faults.append(Fault(f"{name}:{number}", f"{error.rule}. Found {error.found}.", error.advice))
            else:
                good += 1
                yield number, fields


class _NoObjectError(Exception):
    """What a line holds in place of an object."""

    def __init__(self, *, found: str, rule: str = EXPECTED, advice: str = "") -> None:
        super().__init__(found)
        self.found, self.rule, self.advice = found, rule, advice


def _lines(file: BinaryIO, name: str) -> Iterator[tuple[int, bytes]]:
    """Number the lines that are more than white space, from 1."""
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if number == 1:
            if line.startswith(UTF16_MARKS):
                raise _unreadable(name, "the file must be UTF-8. Found UTF-16.", "Save it again as UTF-8.")
            line = line.removeprefix(UTF8_MARK)
        rest = line
        while len(rest) > LONGEST_LINE and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST_LINE + 1)
        if line and not line.isspace():
            yield number, line


def _object_of(line: bytes) -> Mapping[str, object]:
    if len(line) > LONGEST_LINE:
        found = f"more than {LONGEST_LINE:,} bytes"
        raise _NoObjectError(found=found, rule="a line must not be endless", advice="Write one row on each line.")
    try:
        value: object = DECODER.decode(line.rstrip().decode())
    except UnicodeDecodeError as error:
        found = f"the byte 0x{line[error.start]:02x} at position {error.start + 1}"
        advice = "Save the file again as UTF-8."
        raise _NoObjectError(found=found, rule="a line must be UTF-8", advice=advice) from None
    except JSONDecodeError as error:
        raise _NoObjectError(found=f"{error.msg!r} at column {error.colno}", advice=_advice(line)) from None
    except RecursionError:
        raise _NoObjectError(found="lists or objects nested too deep") from None
    except ValueError:
        # Python refuses to read whole numbers of more than some thousand digits.
        raise _NoObjectError(found="a number of too many digits") from None
    if not isinstance(value, dict):
        raise _NoObjectError(found=f"a JSON {_kind_of(value)}", advice=_advice(line))
    return value


def _advice(line: bytes) -> str:
    if line.lstrip().startswith(b"["):
        return "Write the members of the list as objects, one on each line, without brackets and commas around them."
    return ""


def _kind_of(value: object) -> str:
    names: dict[type, str] = {str: "string", list: "list", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def _unreadable(name: str, rule: str, advice: str) -> DataError:
    return DataError(f"{name} cannot be read", [Fault(name, rule, advice)])


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        found = f"{repeated!r} {keys.count(repeated)} times"
        raise _NoObjectError(found=found, rule="an object's keys must differ", advice="Keep one of them.")
    return fields


def _finite(digits: str) -> float:
    value = float(digits)
    if not isfinite(value):
        _refuse_number(digits)
    return value


def _refuse_number(digits: str) -> None:
    advice = "Write null, or leave the field out, where nothing is known."
    raise _NoObjectError(found=digits, rule="a number must be finite", advice=advice)


DECODER = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_float=_finite, parse_constant=_refuse_number)
