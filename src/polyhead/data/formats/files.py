"""Bytes and lines of files, packed with gzip or zstd or not."""

import gzip
import io
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from polyhead.data.formats.base import DataFile
from polyhead.errors import Fault

PACKED = (".gz", ".zst")
GZIP_MARK, ZSTD_MARK = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
UTF8_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
LONGEST_LINE = 64 * 2**20
"""Bytes of a line, its end included; a longer one is a fault and is never held in memory as a whole."""

UNPACKING_ERRORS = (EOFError, zlib.error, pa.ArrowException)
"""What the libraries raise, beside `OSError`, for a packed file that is cut or broken."""


def ending_of(path: Path) -> str:
    """Return the ending of a file's name that tells its format, in lower case, without that of its packing."""
    name = path.name.lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    return Path(name).suffix


def open_bytes(path: Path) -> BinaryIO:
    """Open a file for reading, unpacked; its first bytes tell whether it is packed."""
    with path.open("rb") as file:
        mark = file.read(4)
    if mark.startswith(GZIP_MARK):
        return cast("BinaryIO", gzip.open(path))
    if mark == ZSTD_MARK:
        return cast("BinaryIO", io.BufferedReader(pa.input_stream(str(path), compression="zstd")))
    return path.open("rb")


@contextmanager
def writing(path: Path) -> Generator[BinaryIO]:
    """Open a file for writing; the ending of its name tells whether it is packed."""
    with path.open("xb") as file:
        if path.suffix.lower() == ".gz":
            # No time of writing: the same rows give the same file.
            with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed:
                yield cast("BinaryIO", packed)
        elif path.suffix.lower() == ".zst":
            with pa.CompressedOutputStream(file, "zstd") as packed:
                yield packed
        else:
            yield file


def byte_lines(stream: BinaryIO, file: DataFile) -> Iterator[tuple[int, bytes]]:
    """Number the lines of a file, from 1; of a line that is too long, the start is given.

    Raises:
        DataError: the file is UTF-16.
    """
    number = 0
    while line := stream.readline(LONGEST_LINE + 1):
        number += 1
        if number == 1:
            if line.startswith(UTF16_MARKS):
                file.refuse("the file must be UTF-8. Found UTF-16.", "Save it again as UTF-8.")
            line = line.removeprefix(UTF8_MARK)
        if len(line) > LONGEST_LINE:
            rest = line
            while len(rest) > LONGEST_LINE and not rest.endswith(b"\n"):
                rest = stream.readline(LONGEST_LINE + 1)
        yield number, line


def text_lines(file: DataFile, faults: list[Fault]) -> Iterator[tuple[int, str]]:
    """Number the lines of a text file, from 1, without their ends; what is not UTF-8 is a fault and left out."""
    with open_bytes(file.path) as stream:
        for number, line in byte_lines(stream, file):
            if len(line) > LONGEST_LINE:
                rule = f"a line must not be endless. Found more than {LONGEST_LINE:,} bytes."
                faults.append(file.fault(number, rule))
                continue
            try:
                yield number, line.decode().removesuffix("\n").removesuffix("\r")
            except UnicodeDecodeError as error:
                rule = f"a line must be UTF-8. Found the byte 0x{line[error.start]:02x} at position {error.start + 1}."
                faults.append(file.fault(number, rule, "Save the file again as UTF-8."))
