"""A check of documents against a JSON schema: the keywords that ours uses, and no others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import zcasync

SCHEMA = json.loads((Path(zcasync.__file__).parent / "cli" / "schema.json").read_text())
#: They say nothing about a document.
COMMENTS = {"$schema", "$defs", "title", "description"}
TYPES = {
    "string": str,
    "integer": int,
    "number": int | float,
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}


def problems(document: Any, form: str) -> list[str]:
    """What is wrong with a document that should have one of the forms in ``$defs``."""
    return list(_check(document, {"$ref": f"#/$defs/{form}"}, form))


def _check(value: Any, schema: dict[str, Any], where: str) -> Iterator[str]:
    for keyword, wanted in schema.items():
        if keyword not in COMMENTS:
            yield from KEYWORDS[keyword](value, wanted, where)


def _refer(value: Any, name: str, where: str) -> Iterator[str]:
    return _check(value, SCHEMA["$defs"][name.removeprefix("#/$defs/")], where)


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name])


def _type(value: Any, names: str | list[str], where: str) -> Iterator[str]:
    if not any(_is(value, name) for name in ([names] if isinstance(names, str) else names)):
        yield f"{where} is {value!r}, not of type {names}"


def _enum(value: Any, values: list[Any], where: str) -> Iterator[str]:
    if value not in values:
        yield f"{where} is {value!r}, not one of {values}"


def _any(value: Any, schemas: list[dict[str, Any]], where: str) -> Iterator[str]:
    found = [list(_check(value, one, where)) for one in schemas]
    if all(found):
        yield from min(found, key=len)


def _all(value: Any, schemas: list[dict[str, Any]], where: str) -> Iterator[str]:
    for one in schemas:
        yield from _check(value, one, where)


def _properties(value: Any, schemas: dict[str, Any], where: str) -> Iterator[str]:
    for name, schema in schemas.items():
        if isinstance(value, dict) and name in value:
            yield from _check(value[name], schema, f"{where}.{name}")


def _required(value: Any, names: list[str], where: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{where} has no {name!r}" for name in names if name not in value)


def _values(value: Any, schema: dict[str, Any], where: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _check(one, schema, f"{where}.{name}")


def _items(value: Any, schema: dict[str, Any], where: str) -> Iterator[str]:
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from _check(one, schema, f"{where}[{number}]")


def _minimum(value: Any, least: float, where: str) -> Iterator[str]:
    if value < least:
        yield f"{where} is {value}, below {least}"


def _format(value: Any, name: str, where: str) -> Iterator[str]:
    assert name == "date-time", name
    if isinstance(value, str) and datetime.fromisoformat(value).tzinfo is None:
        yield f"{where} is {value!r}, a moment without a time zone"


KEYWORDS: dict[str, Any] = {
    "$ref": _refer,
    "type": _type,
    "enum": _enum,
    "const": lambda value, wanted, where: _enum(value, [wanted], where),
    "anyOf": _any,
    "allOf": _all,
    "properties": _properties,
    "required": _required,
    "additionalProperties": _values,
    "items": _items,
    "minimum": _minimum,
    "format": _format,
}
