"""What pydantic finds wrong in a recipe, told as faults: dotted path, rule, what was found, what to do."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Annotated, Any, cast

from pydantic import GetCoreSchemaHandler, PlainValidator, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, ErrorDetails, InitErrorDetails, PydanticCustomError, core_schema

from polyhead import registry
from polyhead.errors import Fault, did_you_mean

RULES = {
    "bool_type": "must be true or false",
    "dataclass_type": "must be a table",
    "dict_type": "must be a table",
    "finite_number": "must be a finite number",
    "float_type": "must be a number",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int_type": "must be a whole number",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "mapping_type": "must be a table",
    "string_too_short": "must not be empty",
    "string_type": "must be a string",
    "too_short": "must have {min_length} or more items",
    "tuple_type": "must be a list",
}
SHOWN_CHARACTERS = 80


@dataclass(frozen=True)
class Table:
    """Mark a record that the recipe writes as a table, so that its faults name the keys it takes."""

    def __get_pydantic_core_schema__(self, source: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        # Strict mode takes records only; the table itself may be a dictionary, its values stay strict.
        cast("dict[str, Any]", handler.resolve_ref_schema(schema))["strict"] = False
        return core_schema.no_info_wrap_validator_function(partial(_told, source), schema)


def kind_table(family: str, *, default: str | None = None) -> PlainValidator:
    """Mark a record whose class the table chooses by its `kind`, among those that the registry knows.

    Args:
        family: the extension folder, such as `sampling`.
        default: the kind of a table that names none; required when absent.
    """

    def read(table: object) -> object:
        if not isinstance(table, Mapping):
            raise broken(rule=f"must be a table. Found {shown(table)}.")
        settings = dict(cast("Mapping[str, object]", table))
        kind, known = settings.pop("kind", default), registry.kinds(family)
        if kind not in known:
            rule = f"is required: one of {_listed(known)}." if kind is None else _one_of(kind, known)
            details = InitErrorDetails(type=broken(rule=rule), loc=("kind",), input=kind)
            raise ValidationError.from_exception_data(family, [details])
        record = registry.find(family, cast("str", kind))
        filled_in = {field.name for field in fields(record) if not field.compare} & settings.keys()
        if filled_in:
            rule = broken(rule="is no key of this table: training fills it in.", advice="Remove it.")
            found = [InitErrorDetails(type=rule, loc=(name,), input=settings[name]) for name in sorted(filled_in)]
            raise ValidationError.from_exception_data(family, found)
        marked: Any = Annotated[record, Table()]  # pyright: ignore[reportInvalidTypeForm]  chosen at run time
        return TypeAdapter[object](marked).validate_python(settings)

    return PlainValidator(read)


def broken(*, rule: str, advice: str = "") -> PydanticCustomError:
    """Return the error that a validator of the recipe raises.

    Args:
        rule: what must hold, and what was found.
        advice: what to do about it.
    """
    return PydanticCustomError("broken", "{rule}", {"rule": rule, "advice": advice})


def faults_of(error: ValidationError) -> list[Fault]:
    """List the faults behind an error that came through `Table`."""
    return [Fault(_path(details["loc"]), **details.get("ctx", {})) for details in error.errors()]


def shown(value: object) -> str:
    """Show a value of the recipe in one short line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a table"
    text = repr(list(cast("tuple[object, ...]", value)) if isinstance(value, tuple) else value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def _told(record: type, table: object, read: core_schema.ValidatorFunctionWrapHandler) -> object:
    try:
        return read(table)
    except ValidationError as error:
        found = [details for details in error.errors(include_url=False) if not _echo(details)]
        retold = [_retold(record, details) for details in found]
        raise ValidationError.from_exception_data(record.__name__, retold) from None


def _echo(details: ErrorDetails) -> bool:
    # A list counts its right items only, so that a wrong one would make it look too short as well.
    return details["type"] == "too_short" and len(details["input"]) >= details.get("ctx", {})["min_length"]


def _retold(record: type, details: ErrorDetails) -> InitErrorDetails:
    kind, context, value = details["type"], details.get("ctx", {}), details["input"]
    rule, advice = RULES.get(kind, "").format(**context) or details["msg"], ""
    rule = f"{rule}. Found {shown(value)}."
    if kind == "broken":
        rule, advice = context["rule"], context["advice"]
    elif kind == "missing":
        rule = "is required."
    elif kind == "value_error":
        rule = str(context["error"])
    elif kind == "literal_error":
        rule = _one_of(value, re.findall(r"'([^']*)'", context["expected"]))
    elif kind == "unexpected_keyword_argument":
        # A field that is not compared, such as the recipe's folder, is no key of the file.
        keys = ["kind"] * hasattr(record, "kind") + [field.name for field in fields(record) if field.compare]
        rule = f"is no key of this table{did_you_mean(str(details['loc'][-1]), keys)}"
        advice = f"It takes {', '.join(keys)}."
    elif kind == "tuple_type" and isinstance(value, Mapping):
        advice = "Write the name of its table in double brackets: `[[…]]`."
    return InitErrorDetails(type=broken(rule=rule, advice=advice), loc=details["loc"], input=value)


def _one_of(value: object, allowed: Sequence[str]) -> str:
    hint = did_you_mean(value, allowed) if isinstance(value, str) else "."
    return f"must be one of {_listed(allowed)}. Found {shown(value)}{hint}"


def _listed(words: Sequence[str]) -> str:
    return ", ".join(map(repr, words))


def _path(location: Sequence[str | int]) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in location if step != "[key]"]
    return "".join(steps).removeprefix(".")
