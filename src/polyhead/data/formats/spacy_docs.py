"""spaCy's binary `.spacy` files: texts with tokens, entities, tags and categories."""

from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from polyhead.data.formats.base import DataFile, Losses, Numbered, Record
from polyhead.data.formats.shapes import borders_of, choices_in, columns_of, spans_in, tags_in, text_of
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
    if document.has_annotation("ENT_IOB"):
        record[SPANS] = [_span(entity) for entity in document.ents]
    record |= {name: [_span(span) for span in group] for name, group in document.spans.items()}
    if document.has_annotation("POS"):
        record[TAGS] = [word.pos_ for word in words]
    if document.has_annotation("TAG"):
        record["tag"] = [word.tag_ for word in words]
    if document.cats:
        yes = [label for label, score in document.cats.items() if score >= GIVEN]
        record["labels"] = {"yes": yes, "no": [label for label in document.cats if label not in yes]}
        record |= {LABELS: yes[0]} if len(yes) == 1 else {}
    return record


def _span(span: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"start": span.start_char, "end": span.end_char, "label": span.label_}


def write_spacy(records: Iterable[Record], path: Path, losses: Losses) -> None:
    """Write the first column of spans as entities, others as groups of spans, and labels as categories.

    Raises:
        MissingExtraError: spaCy is not installed.
    """
    spacy = _library("writing .spacy")
    stored, vocabulary = spacy.tokens.DocBin(), spacy.blank("xx").vocab
    for record in records:
        stored.add(_document(record, spacy, vocabulary, losses=losses))
    with path.open("xb") as file:
        file.write(stored.to_bytes())


def _document(record: Record, spacy: Any, vocabulary: Any, *, losses: Losses) -> Any:  # noqa: ANN401  of spaCy
    words, spaces = _cut(text_of(record), borders_of(record))
    document = spacy.tokens.Doc(vocabulary, words=words, spaces=spaces)
    if record.get("text_pair") is not None:
        losses.note("text_pair: there is no place for it")
    entities = ""
    for name, value in columns_of(record).items():
        spans, tags = spans_in(value, record), tags_in(name, value, record, Losses())
        if spans is not None:
            found = [document.char_span(s["start"], s["end"], label=s["label"]) for s in spans]
            kept = [span for span in found if span is not None]
            if len(kept) < len(found):
                losses.note(f"{name}: a span that cuts a token in two")
            overlap = len(spacy.util.filter_spans(kept)) < len(kept)
            if not entities and not overlap:
                entities = name
                document.set_ents(kept, default="outside")
                if name != SPANS:
                    losses.note(f"{name}: read back as {SPANS!r}")
            else:
                document.spans[name] = kept
        elif tags is not None and name in {TAGS, "tag"}:
            words = (token for token in document if not token.is_space)
            for token, tag in zip(words, tags, strict=True):
                setattr(token, f"{name}_", tag)
        else:
            _categorise(document, name, value, losses)
    return document


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


def _categorise(document: Any, name: str, value: Any, losses: Losses) -> None:  # noqa: ANN401
    labels = choices_in(value)
    if isinstance(value, dict) and {"yes", "no"} <= value.keys():
        document.cats |= dict.fromkeys(value["no"], 0.0) | dict.fromkeys(value["yes"], 1.0)
    elif labels is not None and not document.cats:
        document.cats |= dict.fromkeys(labels, 1.0)
        if name != LABELS:
            losses.note(f"{name}: read back as {LABELS!r}")
    elif not (name == LABELS and document.cats):
        losses.note(f"{name}: there is no place for it")
