"""Which format a data file has: told by the recipe, by the ending of its name, or by what it holds."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from polyhead.data.formats import (
    conll,
    delimited,
    doccano,
    huggingface,
    joint,
    json_items,
    jsonl,
    label_studio,
    markup,
    parquet,
    prodigy,
    spacy_docs,
)
from polyhead.data.formats.base import Reader, Writer
from polyhead.data.formats.files import UNPACKING_ERRORS, ending_of, open_bytes
from polyhead.data.formats.tags import is_chunk_tag

LOOKED_AT = 2**16
"""Bytes that tell the format of a file."""

HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write rows down.

    Args:
        reader: reads it.
        writer: writes it.
        endings: endings of names that say so; the first is that of new files.
        is_folder: whether it is a folder of files.
    """

    reader: Reader
    writer: Writer
    endings: tuple[str, ...] = ()
    is_folder: bool = False

    @property
    def place(self) -> str:
        """Say what it is kept in."""
        return "a folder" if self.is_folder else "a file"


FORMATS: Mapping[str, Format] = {
    "jsonl": Format(jsonl.read_json_lines, jsonl.write_json_lines, (".jsonl", ".ndjson", ".json")),
    "json": Format(json_items.read_json_list, json_items.write_json_list),
    "csv": Format(delimited.read_csv, delimited.write_csv, (".csv",)),
    "tsv": Format(delimited.read_tsv, delimited.write_tsv, (".tsv", ".tab")),
    "parquet": Format(parquet.read_parquet, parquet.write_parquet, (".parquet", ".pq")),
    "huggingface": Format(huggingface.read_dataset_rows, huggingface.write_dataset_folder, is_folder=True),
    "conll": Format(
        conll.read_conll, conll.write_conll, (".conll", ".conllu", ".conllup", ".iob", ".iob2", ".bio", ".bioes")
    ),
    "joint": Format(joint.read_joint, joint.write_joint, is_folder=True),
    "spacy": Format(spacy_docs.read_spacy, spacy_docs.write_spacy, (".spacy",)),
    "label-studio": Format(label_studio.read_label_studio, label_studio.write_label_studio),
    "doccano": Format(doccano.read_doccano, doccano.write_doccano),
    "prodigy": Format(prodigy.read_prodigy, prodigy.write_prodigy),
    "markup": Format(markup.read_markup, markup.write_markup, (".markup", ".md")),
}
ENDINGS = {ending: name for name, form in FORMATS.items() for ending in form.endings}
JSON_ENDINGS = FORMATS["jsonl"].endings


def format_of(path: Path) -> str | None:
    """Return the name of the format of a file, folder or data set; nothing when it cannot be told.

    Raises:
        OSError: the file cannot be read.
    """
    if path.is_dir():
        if joint.is_joint_folder(path):
            return "joint"
        return "huggingface" if huggingface.is_dataset_folder(path) else None
    by_ending = ENDINGS.get(ending_of(path))
    if by_ending not in {None, "jsonl"}:
        return by_ending
    return _by_content(path) or by_ending if path.is_file() else by_ending


def format_by_name(path: Path) -> str | None:
    """Return the format that the ending of a new file's name asks for."""
    return ENDINGS.get(ending_of(path))


def may_be_hub_id(name: str) -> bool:
    """Tell whether a name could be that of a data set on the hub: `owner/name` without the ending of a file."""
    return bool(HUB_ID.fullmatch(name)) and ending_of(Path(name)) not in ENDINGS


def _by_content(path: Path) -> str | None:
    try:
        with open_bytes(path) as file:
            head = file.read(LOOKED_AT)
    except UNPACKING_ERRORS:
        return None
    if head.startswith(b"PAR1"):
        return "parquet"
    text = head.decode("utf-8-sig", "replace").lstrip()
    if text.startswith("[") and text[1:].lstrip().startswith(("{", "]")):
        return "label-studio" if _is_label_studio(text) else "json"
    if text.startswith("{"):
        return next((form for line in text.splitlines() if (form := _of_object(line))), "jsonl")
    return None if ending_of(path) in JSON_ENDINGS else _of_lines(text)


def _of_lines(text: str) -> str | None:
    lines = text.splitlines()
    if any(is_chunk_tag(line.split()[-1]) and len(line.split()) > 1 for line in lines if line.strip()):
        return "conll"
    return "markup" if re.search(r"\[[^\[\]]+\]\([^()\s]+\)", text) else None


def _is_label_studio(text: str) -> bool:
    start = text[:4096]
    return '"annotations"' in text or '"completions"' in text or ('"annotator"' in start and '"lead_time"' in start)


def _of_object(line: str) -> str | None:
    """Tell an annotation tool by the first object that it wrote."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    fields = cast("dict[str, Any]", found)
    answered = fields.get("answer") in ("accept", "reject", "ignore")
    if "_input_hash" in fields or (answered and fields.keys() & {"spans", "accept", "label"}):
        return "prodigy"
    label, entities = fields.get("label", fields.get("labels")), fields.get("entities")
    offsets = isinstance(entities, list) and bool(entities) and "start_offset" in json.dumps(entities[0])
    return "doccano" if offsets or (label and doccano.is_triples(label)) or "Comments" in fields else None
