"""Plain text into one array of tokens on the disk: read once, tokenised once, mapped from then on.

A file has one passage a line. It must be listed with its source and licence in a table of the `SOURCE.md` beside it
(`| file | what | source | licence |`), so that a model can always name what it learned from.
"""

import json
import lzma
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from polyhead.errors import UsageError
from polyhead.folder import sha256_of
from polyhead.model.compact import SAMPLE, train_tokenizer
from polyhead.spans import Integers
from polyhead.staging import fsync_tree

SUFFIXES = (".txt", ".txt.xz")
SOURCES = "SOURCE.md"
COLUMNS = ("file", "what", "source", "licence")
TOKENS, ENDS, TOKENIZER, COUNTS = "tokens.uint16", "ends.npy", "tokenizer.json", "counts.json"
LOWERED_EVERY = 3
"""One passage in so many is read in lower case: much of what people type has no capitals, and books have them all."""

TOGETHER = 2000
"""Passages that are tokenised in one call."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file of text.

    Args:
        path: where it is.
        what: what is in it.
        source: where it comes from.
        licence: what allows to use it.
        sha256: hash of its bytes.
    """

    path: Path
    what: str
    source: str
    licence: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """Tokenised text.

    Args:
        tokens: the tokens of all passages end to end, without special ones.
        ends: where each passage ends in them.
        tokenizer: the tokenizer, which learned its subwords from the same text.
        counts: passages and tokens of each file, by its name.
    """

    tokens: NDArray[np.uint16]
    ends: Integers
    tokenizer: Tokenizer
    counts: dict[str, dict[str, int]]


def find_sources(places: Sequence[Path]) -> list[Source]:
    """List the files of text in folders, or those named, with what `SOURCE.md` says about them.

    Raises:
        UsageError: there is none, or one of them is not listed.
    """
    found: list[Path] = []
    for place in places:
        inside = sorted(path for path in place.glob("*") if path.name.endswith(SUFFIXES)) if place.is_dir() else [place]
        found += [path for path in inside if path.is_file() and path.name.endswith(SUFFIXES)]
    if not found:
        message = f"--corpus must name files {' or '.join(SUFFIXES)}, or folders of some. Found none: {places}."
        raise UsageError(message)
    return [_described(path) for path in found]


def _described(path: Path) -> Source:
    listing = path.parent / SOURCES
    lines = listing.read_text(encoding="utf-8").splitlines() if listing.is_file() else []
    for line in lines:
        cells = [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
        if len(cells) == len(COLUMNS) and cells[0] == path.name and all(cells):
            return Source(path, *cells[1:], sha256=sha256_of(path))
    rule = f"{listing} must tell what {path.name} is, where it comes from and its licence"
    message = f"{rule}. Found no line for it. Add one to a table `| {' | '.join(COLUMNS)} |`."
    raise UsageError(message)


def read_passages(source: Source) -> Iterator[str]:
    """Read the lines of a file that are not empty, white space folded."""
    openers = {True: lzma.open, False: open}
    with openers[source.path.suffix == ".xz"](source.path, "rt", encoding="utf-8") as file:
        yield from filter(None, (re.sub(r"\s+", " ", line).strip() for line in file))


def prepare(folder: Path, sources: Sequence[Source], *, vocabulary: int) -> Corpus:
    """Tokenise text into a folder, unless it is there already.

    Passages that occur again are left out, so that what is held out from training is nowhere in it.

    Args:
        folder: where it is kept; it is there as a whole or not at all.
        sources: the files.
        vocabulary: the most tokens of the tokenizer.
    """
    if not folder.exists():
        staging = folder.with_name(f".staging-{folder.name}")
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        _write(staging, sources, vocabulary)
        fsync_tree(staging)
        staging.rename(folder)
        fsync_tree(folder.parent, deep=False)
    return Corpus(
        tokens=np.memmap(folder / TOKENS, dtype=np.uint16, mode="r"),
        ends=np.load(folder / ENDS),
        tokenizer=Tokenizer.from_file(str(folder / TOKENIZER)),
        counts=json.loads((folder / COUNTS).read_text(encoding="utf-8")),
    )


def _write(folder: Path, sources: Sequence[Source], vocabulary: int) -> None:
    passages, files = _distinct(sources)
    if len(passages) < 2:  # noqa: PLR2004  one to hold out, one to train on
        message = f"--corpus must hold at least two different passages. Found {len(passages)}."
        raise UsageError(message)
    tokenizer = train_tokenizer(passages[:: -(-len(passages) // SAMPLE)], size=vocabulary)
    # What stands in a book is text, even where it spells a special token.
    tokenizer.encode_special_tokens = True
    lengths: list[int] = []
    with (folder / TOKENS).open("wb") as file:
        for begin in range(0, len(passages), TOGETHER):
            found = tokenizer.encode_batch_fast(passages[begin : begin + TOGETHER], add_special_tokens=False)
            ids = [encoding.ids for encoding in found]
            lengths += map(len, ids)
            np.fromiter(chain.from_iterable(ids), dtype=np.uint16).tofile(file)
    tokenizer.save(str(folder / TOKENIZER))
    np.save(folder / ENDS, np.cumsum(lengths, dtype=np.int64))
    counted = np.bincount(files, weights=lengths, minlength=len(sources))
    counts = {
        source.path.name: {"passages": files.count(number), "tokens": int(counted[number])}
        for number, source in enumerate(sources)
    }
    (folder / COUNTS).write_text(json.dumps(counts, indent=1), encoding="utf-8")


def _distinct(sources: Sequence[Source]) -> tuple[list[str], list[int]]:
    """Read all passages once, some in lower case, and the number of the file of each."""
    seen, passages, files = set[bytes](), list[str](), list[int]()
    for number, source in enumerate(sources):
        for passage in read_passages(source):
            key = blake2b(passage.lower().encode(), digest_size=16).digest()
            if key not in seen:
                seen.add(key)
                lowered = len(passages) % LOWERED_EVERY == LOWERED_EVERY - 1
                passages.append(passage.lower() if lowered else passage)
                files.append(number)
    return passages, files


def table(sources: Sequence[Source], corpus: Corpus) -> list[dict[str, Any]]:
    """Return a row for each file: what is known about it, and how much of it was kept."""
    return [{**asdict(source), "path": source.path.name, **corpus.counts[source.path.name]} for source in sources]
