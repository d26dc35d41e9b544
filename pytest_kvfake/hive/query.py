"""What a request says in its query, read as the contract document describes it (hive.md 5 to 10)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_kvfake.engine.service import ServiceError
from pytest_kvfake.hive.refusal import RefusedError, invalid, one_of
from pytest_kvfake.hive.texts import LARGEST_INTEGER, SMALLEST_INTEGER, finite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_kvfake.contract.document import Operation, Parameter

__all__ = ["query_arguments"]

_INTEGER = re.compile(r"-?[0-9]{1,19}")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_TRUTH = {"true": True, "false": False}
_BOUNDS = {"minScore": "minBound", "maxScore": "maxBound"}


def query_arguments(operation: Operation, query: Mapping[str, str]) -> dict[str, Any]:
    """Reads the query parameters of an operation; None for those that are missing and have no default.

    Raises:
        RefusedError: one is missing or of the wrong kind: *not_integer* where the operation has that error.
    """
    left_out = _disregarded(operation, query)
    found: dict[str, Any] = {}
    for parameter in operation.parameters:
        if parameter.location != "query" or parameter.name in left_out:
            continue
        try:
            found[parameter.name] = _read(parameter, query.get(parameter.name))
        except RefusedError:
            if "not_integer" in operation.errors:
                raise RefusedError(ServiceError("not_integer")) from None
            raise
    return found


def _disregarded(operation: Operation, query: Mapping[str, str]) -> set[str]:
    """Parameters that another one puts out of force, so that nobody looks at what they say."""
    out = {score for score, bound in _BOUNDS.items() if query.get(bound) == "Infinity"}
    named = {parameter.name for parameter in operation.parameters}
    return out | {"count"} if "pageSize" in query and {"pageSize", "count"} <= named else out


def _read(parameter: Parameter, text: str | None) -> Any:
    name, schema = parameter.name, parameter.schema
    if text is None:
        if parameter.required:
            raise invalid(name, "is required")
        return schema.get("default")
    if schema["type"] == "integer":
        return _at_least(schema, name, _integer_in(text, name))
    if schema["type"] == "number":
        number = float(text) if _NUMBER.fullmatch(text) else None
        if finite(number) is None:
            raise invalid(name, "must be a number")
        return number
    if schema["type"] == "boolean":
        if text not in _TRUTH:
            raise invalid(name, "must be true or false")
        return _TRUTH[text]
    if "enum" in schema and text not in schema["enum"]:
        raise invalid(name, one_of(schema["enum"]))
    if len(text) < schema.get("minLength", 0):
        raise invalid(name, "must not be empty")
    return text


def _integer_in(text: str, name: str) -> int:
    if not _INTEGER.fullmatch(text) or not SMALLEST_INTEGER <= int(text) <= LARGEST_INTEGER:
        raise invalid(name, "must be an integer")
    return int(text)


def _at_least(schema: Mapping[str, Any], name: str, number: int) -> int:
    least = schema.get("minimum")
    if least is not None and number < least:
        raise invalid(name, f"must be at least {least}")
    return number
