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


class _ShapeError(Exception):
    """A value that no export holds."""

    def __init__(self, *, name: str, rule: str, found: object) -> None:
        super().__init__(f"{name} must be {rule}. Found {found!r}.")


def read_label_studio(file: DataFile, faults: list[Fault]) -> Numbered:
    """Read the tasks of an export; the place of each is the line that it begins on.

    Labels of stretches of text become spans, choices become labels, ratings and numbers numbers, each in a column
    that bears the name of the control in the labelling interface. Cancelled annotations do not count.
    """
    for line, task in read_json_list(file, faults):
        try:
            record = _record(task)
        except _ShapeError as error:
            faults.append(file.fault(line, str(error)))
        else:
            yield line, record


def _record(task: Fields) -> dict[str, Any]:
    if not isinstance(task.get("data"), Mapping):
        return {name: _short(name, value) for name, value in task.items() if name not in SHORT_OWN}
    record: dict[str, Any] = dict(task["data"])
    given = _objects("annotations", task.get("annotations") or task.get("completions") or [])
    annotations = [of for of in given if not (of.get("was_cancelled") or of.get("skipped"))]
    if len(annotations) > 1:
        rule = "annotated once; choose one annotation in Label Studio before exporting"
        raise _ShapeError(name="a text", rule=rule, found=len(annotations))
    for result in _objects("result", (annotations[0].get("result") or []) if annotations else []):
        _add(record, result)
    return record


def _short(name: str, value: object) -> object:
    """Read a value of the short export."""
    if isinstance(value, Mapping) and "choices" in value:
        return Choices(_strings("choices", cast("Fields", value)["choices"]))
    if isinstance(value, list) and value and all(isinstance(v, Mapping) and "start" in v for v in value):
        return [_span(item, label) for item in _objects(name, value) for label in _labels_of(item)]
    return value


def _add(record: dict[str, Any], result: Fields) -> None:
    name, value = str(result.get("from_name", "label")), result.get("value") or {}
    if not isinstance(value, Mapping):
        raise _ShapeError(name=f"{name}: a value", rule="an object", found=value)
    value = cast("Fields", value)
    if "start" in value and "end" in value:
        record[name] = [*_before(record, name), *(_span(value, label) for label in _labels_of(value))]
    elif "choices" in value:
        record[name] = Choices([*_before(record, name), *_strings("choices", value["choices"])])
    elif "rating" in value or "number" in value:
        record[name] = value.get("rating", value.get("number"))
    elif result.get("type") not in ("textarea", "relation"):
        rule = "of labels, choices, a rating or a number"
        raise _ShapeError(name=f"{name}: a result", rule=rule, found=sorted(value))


def _before(record: Fields, name: str) -> list[Any]:
    """Return what earlier results of a control said."""
    value = record.get(name, [])
    if not isinstance(value, list):
        rule = "a list, as results of a control of its name are"
        raise _ShapeError(name=f"{name}: a field of the data", rule=rule, found=value)
    return cast("list[Any]", value)


def _labels_of(value: Fields) -> list[str]:
    return next((_strings(key, value[key]) for key in ("labels", "hypertextlabels") if key in value), [""])


def _objects(name: str, value: object) -> list[Fields]:
    if not isinstance(value, list) or not all(isinstance(of, Mapping) for of in cast("list[object]", value)):
        raise _ShapeError(name=name, rule="a list of objects", found=value)
    return cast("list[Fields]", value)


def _strings(name: str, value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(of, str) for of in cast("list[object]", value)):
        raise _ShapeError(name=name, rule="a list of strings", found=value)
    return cast("list[str]", value)


def _span(value: Fields, label: str) -> dict[str, Any]:
    """Return a span, with its text where the export tells it in one line: it is held to the text of the row."""
    span = {"start": value.get("start"), "end": value.get("end"), "label": label}
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
