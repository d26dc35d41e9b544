"""Store schemas: what the records of a store can be, by collection (apify.md 9)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_kvfake.engine.jsontext import parsed

if TYPE_CHECKING:
    from jsonschema import Draft7Validator

__all__ = ["Collection", "InvalidStoreSchemaError", "StoreSchema", "schema_of"]

_JSON = "application/json"

# Deeper schemas could be read but not written again.
_DEEPEST = 100


class InvalidStoreSchemaError(Exception):
    """A store schema breaks the rules; the text says which one."""


@dataclass(frozen=True)
class Collection:
    """A part of a store: one key, or the keys under a prefix.

    Attributes:
        name: its identifier in the schema.
        key: the one key; None where there is a prefix.
        prefix: what its keys start with; None where there is a key.
        content_types: media types in lower case; None for any.
        json_schema: a JSON Schema (draft 7) of its records; None for any.
    """

    name: str
    key: str | None
    prefix: str | None
    content_types: frozenset[str] | None
    json_schema: Any

    def has(self, key: str) -> bool:
        """Whether a record under ``key`` belongs to it."""
        return key == self.key if self.prefix is None else key.startswith(self.prefix)

    def violation(self, content_type: str, value: bytes | None) -> str | None:
        """Says what is wrong with a record.

        Args:
            content_type: as stored.
            value: the decoded bytes; None where they do not decode.

        Returns:
            The reason, or None where nothing is wrong.
        """
        media_type = content_type.partition(";")[0].strip().lower()
        if self.content_types is not None and media_type not in self.content_types:
            return f"the content type {media_type} is not one of the collection {self.name}"
        if self.json_schema is None:
            return None
        try:
            document = parsed(value if value is not None else b"")
        except ValueError as error:
            return f"the record is not JSON ({error})"
        return self._mismatch(document)

    @cached_property
    def _validator(self) -> Draft7Validator:
        return _validator_of(self.json_schema)

    def _mismatch(self, document: Any) -> str | None:
        from referencing.exceptions import Unresolvable

        try:
            error = next(iter(self._validator.iter_errors(document)), None)
        except (Unresolvable, RecursionError, ArithmeticError, re.error) as broken:
            return f"the JSON Schema cannot be applied ({type(broken).__name__})"
        return None if error is None else f"{error.json_path} breaks the rule {error.validator}"


@dataclass(frozen=True)
class StoreSchema:
    """A store schema that keeps the rules.

    Attributes:
        raw: as it was sent; nobody changes it.
        collections: in the order of their declaration.
    """

    raw: Any
    collections: tuple[Collection, ...]

    def collection(self, name: str) -> Collection | None:
        """Gives a collection by its identifier."""
        return next((one for one in self.collections if one.name == name), None)

    def violation(self, key: str, content_type: str, value: bytes | None) -> str | None:
        """Says what is wrong with a record; the first collection that has its key decides."""
        found = next((one for one in self.collections if one.has(key)), None)
        return None if found is None else found.violation(content_type, value)


def schema_of(raw: Any) -> StoreSchema:
    """Reads a store schema.

    Raises:
        InvalidStoreSchemaError: it breaks the rules; the text says which, without a full stop.
    """
    if not isinstance(raw, dict):
        raise InvalidStoreSchemaError("it must be an object")
    _check_depth(raw, _DEEPEST)
    try:
        json.dumps(raw, allow_nan=False)
    except ValueError:
        raise InvalidStoreSchemaError("a number in it is too large") from None
    version = raw.get("actorKeyValueStoreSchemaVersion")
    if isinstance(version, bool) or version != 1:
        raise InvalidStoreSchemaError("actorKeyValueStoreSchemaVersion must be 1")
    if not isinstance(raw.get("title"), str):
        raise InvalidStoreSchemaError("title must be a text")
    if not isinstance(raw.get("description", ""), str):
        raise InvalidStoreSchemaError("description must be a text")
    collections = raw.get("collections")
    if not isinstance(collections, dict):
        raise InvalidStoreSchemaError("collections must be an object")
    return StoreSchema(raw, tuple(_collection(name, one) for name, one in collections.items()))


def _collection(name: str, raw: Any) -> Collection:
    where = f"the collection {name}"
    if not isinstance(raw, dict):
        raise InvalidStoreSchemaError(f"{where} must be an object")
    for member in ("title", "description"):
        if not isinstance(raw.get(member, ""), str):
            raise InvalidStoreSchemaError(f"{member} of {where} must be a text")
    if ("key" in raw) == ("keyPrefix" in raw):
        raise InvalidStoreSchemaError(f"{where} must have either key or keyPrefix")
    place = raw.get("key", raw.get("keyPrefix"))
    if not isinstance(place, str) or not place:
        raise InvalidStoreSchemaError(f"the key or keyPrefix of {where} must be a text that is not empty")
    types = raw.get("contentTypes")
    if types is not None and not _are_types(types):
        raise InvalidStoreSchemaError(f"contentTypes of {where} must be an array of different texts that is not empty")
    if "jsonSchema" in raw:
        if types != [_JSON]:
            raise InvalidStoreSchemaError(f'jsonSchema of {where} needs contentTypes ["{_JSON}"]')
        _check_json_schema(raw["jsonSchema"], where)
    return Collection(
        name,
        raw.get("key"),
        raw.get("keyPrefix"),
        None if types is None else frozenset(one.partition(";")[0].strip().lower() for one in types),
        raw.get("jsonSchema"),
    )


def _are_types(types: Any) -> bool:
    if not isinstance(types, list) or not types or not all(isinstance(one, str) and one for one in types):
        return False
    return len(set(types)) == len(types)


def _check_json_schema(schema: Any, where: str) -> None:
    from jsonschema import Draft7Validator
    from jsonschema.exceptions import SchemaError

    if not isinstance(schema, (dict, bool)):
        raise InvalidStoreSchemaError(f"jsonSchema of {where} must be an object")
    try:
        Draft7Validator.check_schema(schema)
    except (SchemaError, RecursionError):
        raise InvalidStoreSchemaError(f"jsonSchema of {where} is no JSON Schema") from None


def _validator_of(schema: Any) -> Draft7Validator:
    from jsonschema import Draft7Validator
    from referencing import Registry

    # An empty registry: nothing is ever fetched, whatever a $ref says.
    registry: Registry[Any] = Registry()
    return Draft7Validator(schema, registry=registry)


def _check_depth(value: Any, left: int) -> None:
    if not left:
        raise InvalidStoreSchemaError("it is nested too deeply")
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_depth(one, left - 1)
