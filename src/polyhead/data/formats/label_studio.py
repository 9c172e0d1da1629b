"""Label Studio: the JSON that it exports and imports, full or short (JSON-MIN)."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from polyhead.data.formats.base import Choices, DataFile, Losses, Numbered, Record
from polyhead.data.formats.json_items import read_json_list, write_json_list
from polyhead.data.formats.shapes import OWN, choices_in, columns_of, spans_in, text_of
from polyhead.errors import Fault

Fields = Mapping[str, Any]
SHORT_OWN = ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time")


def read_label_studio(file: DataFile, faults: list[Fault]) -> Numbered:
    """Read the tasks of an export; the place of each is the line that it begins on.

    Labels of stretches of text become spans, choices become labels, ratings and numbers numbers, each in a column
    that bears the name of the control in the labelling interface. Cancelled annotations do not count.
    """
    for line, task in read_json_list(file, faults):
        if not isinstance(task.get("data"), Mapping):
            yield line, {name: _short(value) for name, value in task.items() if name not in SHORT_OWN}
            continue
        record: dict[str, Any] = dict(task["data"])
        annotations = [a for a in task.get("annotations") or task.get("completions") or () if not _cancelled(a)]
        if len(annotations) > 1:
            rule = f"a text must be annotated once. Found {len(annotations)} annotations."
            faults.append(file.fault(line, rule, "Choose one of them in Label Studio before exporting."))
            continue
        problems: list[str] = []
        for result in annotations[0].get("result") or () if annotations else ():
            _add(record, result, problems)
        faults += (file.fault(line, problem) for problem in problems)
        if not problems:
            yield line, record


def _cancelled(annotation: Fields) -> bool:
    return bool(annotation.get("was_cancelled") or annotation.get("skipped"))


def _short(value: object) -> object:
    """Read a value of the short export."""
    if isinstance(value, Mapping) and "choices" in value:
        return Choices(cast("Fields", value)["choices"])
    if isinstance(value, list) and value and all(isinstance(v, Mapping) and "start" in v for v in value):
        return [_span(cast("Fields", item), label) for item in value for label in _labels_of(cast("Fields", item))]
    return value


def _add(record: dict[str, Any], result: Fields, problems: list[str]) -> None:
    name, value = str(result.get("from_name", "label")), cast("Fields", result.get("value") or {})
    if "start" in value and "end" in value:
        spans = [_span(value, label) for label in _labels_of(value)]
        record[name] = [*record.get(name, ()), *spans]
    elif "choices" in value:
        record[name] = Choices([*record.get(name, ()), *value["choices"]])
    elif "rating" in value or "number" in value:
        record[name] = value.get("rating", value.get("number"))
    elif result.get("type") not in {"textarea", "relation"}:
        problems.append(f"{name}: a result must be of labels, choices, a rating or a number. Found {sorted(value)}.")


def _labels_of(value: Fields) -> list[str]:
    return next((value[key] for key in ("labels", "hypertextlabels") if key in value), [""])


def _span(value: Fields, label: str) -> dict[str, Any]:
    """Return a span, with its text where the export tells it in one line: it is held to the text of the row."""
    span = {"start": value["start"], "end": value["end"], "label": label}
    said = value.get("text")
    return {**span, "text": said} if isinstance(said, str) and len(said.splitlines()) == 1 else span


def write_label_studio(records: Iterable[Record], path: Path, losses: Losses) -> None:
    """Write tasks with one annotation each, for a control that bears the name of the column."""
    write_json_list((_task(number, record) for number, record in enumerate(records, start=1)), path, losses)


def _task(number: int, record: Record) -> Record:
    data: dict[str, Any] = {name: record[name] for name in OWN if record.get(name) is not None}
    data["text"] = text_of(record)
    results: list[dict[str, Any]] = []
    for name, value in columns_of(record).items():
        found = _results(name, value, record)
        if found is None:
            data[name] = value
        elif not found:
            # What was annotated and found empty would be read back as not annotated.
            data[name] = []
        results += found or ()
    return {"id": number, "data": data, "annotations": [{"result": results}] if results else []}


def _results(name: str, value: Any, record: Record) -> list[dict[str, Any]] | None:  # noqa: ANN401
    spans, labels = spans_in(value, record), choices_in(value)
    shared = {"from_name": name, "to_name": "text"}
    if spans is not None:
        return [{**shared, "type": "labels", "value": {**_span(s, s["label"]), "labels": [s["label"]]}} for s in spans]
    if labels is not None and "tokens" not in record:
        return [{**shared, "type": "choices", "value": {"choices": list(labels)}}]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [{**shared, "type": "number", "value": {"number": value}}]
    return None
