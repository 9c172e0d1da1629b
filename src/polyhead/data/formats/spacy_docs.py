"""spaCy's binary `.spacy` files: texts with tokens, entities, tags and categories."""

from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

from polyhead.data.formats.base import DataFile, Losses, Numbered, Record
from polyhead.data.formats.roles import Roles, is_partial, roles_of
from polyhead.data.formats.shapes import borders_of, choices_in, columns_of, spans_in, tags_in, text_of
from polyhead.data.formats.spooling import spooled
from polyhead.errors import Fault, MissingExtraError

SPANS, LABELS, TAGS = "entities", "label", "pos"
GIVEN = 0.5
"""A category counts as given from here on."""


def read_spacy(file: DataFile, faults: list[Fault]) -> Numbered:  # noqa: ARG001  a file is whole or broken
    """Read the documents of a file by their numbers, from 1.

    Entities are in `entities`, groups of spans in columns of their names, part-of-speech tags in `pos` and `tag`;
    categories in `labels`, and in `label` where one is given.

    Raises:
        DataError: the file is of another format.
        MissingExtraError: spaCy is not installed.
    """
    spacy = _library(file.name)
    try:
        stored = spacy.tokens.DocBin(store_user_data=False).from_bytes(file.path.read_bytes())
        documents: Iterator[Any] = stored.get_docs(spacy.blank("xx").vocab)
    except OSError:
        raise
    # The library lets through whatever its unpacker raises.
    except Exception as error:  # noqa: BLE001
        file.refuse(f"the file must be a spaCy DocBin. Found: {error}.")
    for number, document in enumerate(documents, start=1):
        yield number, _record(document)


def _library(what: str) -> Any:  # noqa: ANN401  an optional module, slow to import
    if find_spec("spacy") is None:
        raise MissingExtraError(what, "spacy", "spacy")
    return import_module("spacy")


def _record(document: Any) -> dict[str, Any]:  # noqa: ANN401  a Doc
    words = [token for token in document if not token.is_space]
    record: dict[str, Any] = {"text": document.text, "tokens": [word.text for word in words]}
    if not words:
        # Of no words, the library holds everything for annotated.
        return record | _categories(document)
    if document.has_annotation("ENT_IOB"):
        record[SPANS] = [_span(entity) for entity in document.ents]
    record |= {name: [_span(span) for span in group] for name, group in document.spans.items()}
    if document.has_annotation("POS"):
        record[TAGS] = [word.pos_ for word in words]
    if document.has_annotation("TAG"):
        record["tag"] = [word.tag_ for word in words]
    return record | _categories(document)


def _categories(document: Any) -> dict[str, Any]:  # noqa: ANN401
    if not document.cats:
        return {}
    yes = [label for label, score in document.cats.items() if score >= GIVEN]
    partial = {"yes": yes, "no": [label for label in document.cats if label not in yes]}
    return {"labels": partial} | ({LABELS: yes[0]} if len(yes) == 1 else {})


def _span(span: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"start": span.start_char, "end": span.end_char, "label": span.label_}


def write_spacy(records: Iterable[Record], path: Path, losses: Losses) -> None:
    """Write a column of spans as entities, others as groups of spans, and labels of the text as categories.

    Raises:
        MissingExtraError: spaCy is not installed.
    """
    spacy = _library("writing .spacy")
    stored, vocabulary = spacy.tokens.DocBin(), spacy.blank("xx").vocab
    with spooled(records) as spool:
        roles = roles_of(spool.records(), spans=SPANS, labels=LABELS)
        for record in spool.records():
            words, spaces = _cut(text_of(record), borders_of(record))
            document = spacy.tokens.Doc(vocabulary, words=words, spaces=spaces)
            _fill(document, record, roles, losses)
            stored.add(document)
    with path.open("xb") as file:
        file.write(stored.to_bytes())


def _fill(document: Any, record: Record, roles: Roles, losses: Losses) -> None:  # noqa: ANN401  a Doc
    if record.get("text_pair") is not None:
        losses.note("text_pair: there is no place for it")
    for name, value in columns_of(record).items():
        spans, tags = spans_in(value, record), tags_in(name, value, record, Losses())
        if name == roles.labels:
            _categorise(document, value, roles, losses)
        elif spans is not None:
            _mark(document, name, spans, first=name == roles.spans, losses=losses)
        elif tags is not None and name in {TAGS, "tag"}:
            _tag(document, name, tags, losses)
        else:
            losses.note(f"{name}: there is no place for it")


def _mark(document: Any, name: str, spans: list[dict[str, Any]], *, first: bool, losses: Losses) -> None:  # noqa: ANN401
    found = [document.char_span(s["start"], s["end"], label=s["label"]) for s in spans]
    kept = [span for span in found if span is not None]
    if len(kept) < len(found):
        losses.note(f"{name}: a span that cuts a token in two")
    places = sorted((span.start, span.end) for span in kept)
    if not first or any(right[0] < left[1] for left, right in pairwise(places)):
        document.spans[name] = kept
        return
    document.set_ents(kept, default="outside")
    if not len(document):
        losses.note(f"{name}: an empty text is read back as not annotated")
    elif name != SPANS:
        losses.note(f"{name}: read back as {SPANS!r}")


def _tag(document: Any, name: str, tags: list[str], losses: Losses) -> None:  # noqa: ANN401
    words = [token for token in document if not token.is_space]
    try:
        for token, tag in zip(words, tags, strict=True):
            setattr(token, f"{name}_", tag)
    except ValueError:
        # Parts of speech are a closed list there, the universal ones.
        losses.note(f"{name}: read back as 'tag'")
        for token, tag in zip(words, tags, strict=True):
            token.pos_, token.tag_ = "", tag


def _cut(text: str, borders: list[int]) -> tuple[list[str], list[bool]]:
    """Cut a text at its tokens and between them; tell after which piece a single space stands."""
    words: list[str] = []
    spaces: list[bool] = []
    done = 0
    for start, end in [*zip(borders[::2], borders[1::2], strict=True), (len(text), len(text))]:
        gap = text[done:start]
        if gap.startswith(" ") and words:
            spaces[-1], gap = True, gap[1:]
        for part in (gap, text[start:end]):
            if part:
                words.append(part)
                spaces.append(False)
        done = end
    return words, spaces


def _categorise(document: Any, value: Any, roles: Roles, losses: Losses) -> None:  # noqa: ANN401
    """Say yes or no to each label of the file, or to those that a row speaks of."""
    labels = choices_in(value)
    if labels is not None:
        document.cats = {label: float(label in labels) for label in roles.inventory}
    elif is_partial(value):
        document.cats = dict.fromkeys(value["no"], 0.0) | dict.fromkeys(value["yes"], 1.0)
    called = "labels" if roles.several else LABELS
    if not document.cats:
        losses.note(f"{roles.labels}: there is no place for it")
    elif roles.labels != called:
        losses.note(f"{roles.labels}: read back as {called!r}")
