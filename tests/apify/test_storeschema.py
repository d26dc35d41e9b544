"""The rules of store schemas (apify.md 9)."""

import pytest

from pytest_kvfake.apify.storeschema import InvalidStoreSchemaError, schema_of


def schema(collections, **members):
    return {"actorKeyValueStoreSchemaVersion": 1, "title": "T", "collections": collections, **members}


JSON = {"key": "INPUT", "contentTypes": ["application/json"]}


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        {},
        schema({}, actorKeyValueStoreSchemaVersion=2),
        schema({}, actorKeyValueStoreSchemaVersion=True),
        schema({}, title=1),
        schema({}, description=1),
        schema([]),
        schema({"c": []}),
        schema({"c": {}}),
        schema({"c": {"key": "k", "keyPrefix": "p"}}),
        schema({"c": {"key": ""}}),
        schema({"c": {"key": 1}}),
        schema({"c": {"key": "k", "title": 1}}),
        schema({"c": {"key": "k", "contentTypes": []}}),
        schema({"c": {"key": "k", "contentTypes": ["a/b", "a/b"]}}),
        schema({"c": {"key": "k", "contentTypes": "a/b"}}),
        schema({"c": {"key": "k", "jsonSchema": {}}}),
        schema({"c": {"key": "k", "contentTypes": ["application/json", "text/plain"], "jsonSchema": {}}}),
        schema({"c": {**JSON, "jsonSchema": {"type": "nothing"}}}),
        schema({"c": {**JSON, "jsonSchema": {"pattern": "("}}}),
        schema({"c": {**JSON, "jsonSchema": "object"}}),
        schema({}, x=float("inf")),
    ],
)
def test_a_schema_that_breaks_the_rules_is_refused(raw):
    with pytest.raises(InvalidStoreSchemaError):
        schema_of(raw)


def test_a_schema_that_is_nested_too_deeply_is_refused():
    nested = []
    for _ in range(200):
        nested = [nested]
    with pytest.raises(InvalidStoreSchemaError):
        schema_of(schema({}, x=nested))


def test_a_collection_needs_no_title():
    assert schema_of(schema({"c": {"key": "k"}})).collection("c").has("k")


def test_the_first_collection_that_has_a_key_decides():
    read = schema_of(schema({"text": {"keyPrefix": "a", "contentTypes": ["text/plain"]}, "any": {"keyPrefix": "a-"}}))
    assert read.violation("a-1", "image/png", b"") is not None
    assert read.violation("a-1", "TEXT/PLAIN; charset=utf-8", b"") is None
    assert read.violation("b", "image/png", b"") is None


@pytest.mark.parametrize(
    ("rule", "value", "fits"),
    [
        ({"type": "object"}, b"{}", True),
        ({"type": "object"}, b"[]", False),
        ({"type": "object"}, b"{broken", False),
        ({"type": "object"}, None, False),
        ({"type": "object"}, b"[" * 5000, False),
        ({"multipleOf": 0.5}, b"1" + b"0" * 400, False),
        ({"$ref": "http://example.com/schema.json"}, b"{}", False),
        ({"$ref": "#/nowhere"}, b"{}", False),
        ({"$ref": "#"}, b"{}", False),
        (True, b"1", True),
        (False, b"1", False),
    ],
)
def test_a_record_is_held_against_its_json_schema_and_nothing_is_fetched(rule, value, fits):
    read = schema_of(schema({"c": {**JSON, "jsonSchema": rule}}))
    assert (read.violation("INPUT", "application/json", value) is None) is fits
