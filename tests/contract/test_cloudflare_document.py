"""Our Cloudflare document beside the vendor's own OpenAPI extract, where that extract is at hand.

Both are boiled down to facts, one line each ("GET …/keys: query limit minimum 10"). A fact that only one side has
needs a reason in ``cloudflare_differences.json``, and a reason that explains no difference any more is an error too.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from pytest_kvfake.contract.document import schemas_folder

HERE = Path(__file__).resolve().parent
EXTRACT = HERE.parents[2] / "shared" / "contracts" / "upstream" / "cloudflare-openapi-kv.json"
METHODS = ("get", "put", "post", "delete")
RULES = (
    "minimum",
    "maximum",
    "multipleOf",
    "maxLength",
    "minLength",
    "maxItems",
    "minItems",
    "maxProperties",
    "pattern",
)
KV = "/storage/kv/"
JSON_TYPES = {
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    list: "array",
    dict: "object",
    type(None): "null",
}
ANYTHING = {"string", "number", "boolean", "object", "array"}

KV_OPERATIONS = {
    "create_namespace": "POST /accounts/{account_id}/storage/kv/namespaces",
    "list_namespaces": "GET /accounts/{account_id}/storage/kv/namespaces",
    "get_namespace": "GET /accounts/{account_id}/storage/kv/namespaces/{namespace_id}",
    "rename_namespace": "PUT /accounts/{account_id}/storage/kv/namespaces/{namespace_id}",
    "remove_namespace": "DELETE /accounts/{account_id}/storage/kv/namespaces/{namespace_id}",
    "write_value": "PUT /accounts/{account_id}/storage/kv/namespaces/{namespace_id}/values/{key_name}",
    "read_value": "GET /accounts/{account_id}/storage/kv/namespaces/{namespace_id}/values/{key_name}",
    "delete_value": "DELETE /accounts/{account_id}/storage/kv/namespaces/{namespace_id}/values/{key_name}",
    "read_metadata": "GET /accounts/{account_id}/storage/kv/namespaces/{namespace_id}/metadata/{key_name}",
    "list_keys": "GET /accounts/{account_id}/storage/kv/namespaces/{namespace_id}/keys",
    "bulk_write": "PUT /accounts/{account_id}/storage/kv/namespaces/{namespace_id}/bulk",
    "bulk_delete": "POST /accounts/{account_id}/storage/kv/namespaces/{namespace_id}/bulk/delete",
    "bulk_delete_deprecated": "DELETE /accounts/{account_id}/storage/kv/namespaces/{namespace_id}/bulk",
    "bulk_get": "POST /accounts/{account_id}/storage/kv/namespaces/{namespace_id}/bulk/get",
}
OTHER_OPERATIONS = {
    "list_accounts": "GET /accounts",
    "list_memberships": "GET /memberships",
    "get_user": "GET /user",
    "verify_token": "GET /user/tokens/verify",
    "verify_account_token": "GET /accounts/{account_id}/tokens/verify",
}
PAGE_HEADINGS = {
    "create_namespace": "Create a Namespace",
    "list_namespaces": "List Namespaces",
    "get_namespace": "Get a Namespace",
    "rename_namespace": "Rename a Namespace",
    "remove_namespace": "Remove a Namespace",
    "bulk_write": "Write multiple key-value pairs",
    "bulk_delete_deprecated": "Delete multiple key-value pairs",
    "bulk_delete": "Delete multiple key-value pairs",
    "bulk_get": "Get multiple key-value pairs",
    "list_keys": "List a Namespace's Keys",
    "read_metadata": "Read the metadata for a key",
    "write_value": "Write key-value pair with optional metadata",
    "read_value": "Read key-value pair",
    "delete_value": "Delete key-value pair",
}


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


OURS = read(schemas_folder() / "cloudflare" / "openapi.json")
CASES = read(schemas_folder() / "cloudflare" / "cases.json")["cases"]


@pytest.fixture(scope="module")
def theirs():
    if not EXTRACT.is_file():
        pytest.skip("the vendor's OpenAPI extract is not beside this checkout")
    return read(EXTRACT)


def operations(document) -> dict[str, dict]:
    return {
        f"{method.upper()} {template}": {
            **item[method],
            "parameters": [*item.get("parameters", ()), *item[method].get("parameters", ())],
        }
        for template, item in document["paths"].items()
        for method in METHODS
        if method in item
    }


class Facts:
    """Boils a document down to a set of lines."""

    def __init__(self, document) -> None:
        self.document = document

    def of(self, only: str) -> set[str]:
        return {
            f"{title}: {fact}"
            for title, operation in operations(self.document).items()
            if only in title
            for fact in self.of_operation(operation)
        }

    def at(self, node: Any) -> Any:
        while isinstance(node, dict) and "$ref" in node:
            target = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            node = {**target, **{name: value for name, value in node.items() if name != "$ref"}}
        return node

    def of_operation(self, operation) -> Iterator[str]:
        yield "is served"
        if operation.get("deprecated"):
            yield "is deprecated"
        for scheme in operation.get("security", self.document.get("security", ())):
            yield f"takes {' + '.join(sorted(scheme))}"
        for node in map(self.at, operation["parameters"]):
            place = f"{node['in']} {node['name']}"
            yield f"{place} {'required' if node.get('required') else 'optional'}"
            yield from self.of_schema(node["schema"], place)
        body = self.at(operation.get("requestBody", {}))
        if body:
            yield f"body {'required' if body.get('required') else 'optional'}"
        yield from self.of_content(body, "body")
        for status, response in operation["responses"].items():
            yield f"answers {status}"
            if status != "5XX":  # the vendor describes none
                yield from self.of_content(self.at(response), status)

    def of_content(self, node, place: str) -> Iterator[str]:
        for media, described in node.get("content", {}).items():
            yield f"{place} {media}"
            yield from self.of_schema(described.get("schema", {}), f"{place} {media} ")

    def kinds(self, node: Any) -> set[str]:
        """The JSON types that a schema lets through; integers count as numbers."""
        node = self.at(node)
        types = node.get("type", ())
        found = {types} if isinstance(types, str) else set(types)
        found |= {JSON_TYPES[type(value)] for value in self.values(node)}
        found |= {"null"} if node.get("nullable") else set()
        for word in ("allOf", "oneOf", "anyOf"):
            found = found.union(*map(self.kinds, node.get(word, ())))
        return {"number" if kind == "integer" else kind for kind in found}

    @staticmethod
    def values(node) -> list:
        return node.get("enum", [node["const"]] if "const" in node else [])

    def of_schema(self, node: Any, place: str) -> Iterator[str]:
        kinds = self.kinds(node) if isinstance(node, dict) else set()
        if kinds >= ANYTHING:
            yield f"{place} is any JSON{'' if 'null' in kinds else ' but null'}"
            return
        yield from (f"{place} is {kind}" for kind in kinds)
        yield from self.of_rules(self.at(node) if isinstance(node, dict) else {}, place)

    def of_rules(self, node, place: str) -> Iterator[str]:
        yield from (f"{place} {rule} {node[rule]}" for rule in RULES if rule in node)
        if "default" in node:
            yield f"{place} default {json.dumps(node['default'])}"
        yield from (f"{place} may be {json.dumps(value)}" for value in self.values(node))
        yield from (f"{place}/{name} required" for name in node.get("required", ()))
        for name, value in node.get("properties", {}).items():
            yield f"{place}/{name} is described"
            yield from self.of_schema(value, f"{place}/{name}")
        for word in ("items", "additionalProperties"):
            if isinstance(node.get(word), dict):
                yield from self.of_schema(node[word], f"{place}/*")
        for word in ("allOf", "oneOf", "anyOf"):
            for part in map(self.at, node.get(word, ())):
                yield from self.of_rules(part, place)


def differences(ours, theirs) -> list[str]:
    mine, vendors = Facts(ours).of(KV), Facts(theirs).of(KV)
    return [
        *sorted(f"only ours: {fact}" for fact in mine - vendors),
        *sorted(f"only theirs: {fact}" for fact in vendors - mine),
    ]


def explained_by(known, difference: str) -> list[str]:
    return [entry["reason"] for entry in known if any(fnmatchcase(difference, each) for each in entry["differences"])]


def test_the_operations_are_those_of_the_contract():
    served = {operation["operationId"]: title for title, operation in operations(OURS).items()}
    assert served == KV_OPERATIONS | OTHER_OPERATIONS


def test_the_document_serves_every_operation_of_the_vendors(theirs):
    assert set(operations(theirs)) == set(KV_OPERATIONS.values())


def test_every_difference_from_the_vendors_document_has_a_reason(theirs):
    known = read(HERE / "cloudflare_differences.json")
    assert [difference for difference in differences(OURS, theirs) if not explained_by(known, difference)] == []


def test_every_reason_explains_a_difference_that_is_there(theirs):
    found = differences(OURS, theirs)
    patterns = [each for entry in read(HERE / "cloudflare_differences.json") for each in entry["differences"]]
    assert [each for each in patterns if not any(fnmatchcase(difference, each) for difference in found)] == []


@pytest.mark.parametrize(
    ("damage", "difference"),
    [
        (lambda d: d["components"]["parameters"]["limit"]["schema"].update(minimum=1), "query limit minimum 1"),
        (lambda d: d["components"]["schemas"]["Namespace"]["required"].remove("title"), "/result/title required"),
        (
            lambda d: d["components"]["schemas"]["BulkGetBody"]["properties"]["type"]["enum"].append("xml"),
            '/type may be "xml"',
        ),
        (lambda d: d["components"]["parameters"]["cursor"].update(name="token"), "query token optional"),
        (
            lambda d: d["paths"].pop("/accounts/{account_id}/storage/kv/namespaces/{namespace_id}/keys"),
            "/keys: is served",
        ),
    ],
    ids=["bound", "required member", "enum", "parameter", "operation"],
)
def test_a_seeded_difference_is_found(theirs, damage, difference):
    damaged = deepcopy(OURS)
    damage(damaged)
    known = read(HERE / "cloudflare_differences.json")
    fresh = [found for found in differences(damaged, theirs) if not explained_by(known, found)]
    assert any(found.endswith(difference) for found in fresh), fresh


@pytest.mark.parametrize("operation_id", PAGE_HEADINGS)
def test_an_operation_of_the_page_says_which_heading_it_comes_from(operation_id):
    (operation,) = [o for o in operations(OURS).values() if o["operationId"] == operation_id]
    assert operation["summary"] == PAGE_HEADINGS[operation_id]
    assert f"seed: {PAGE_HEADINGS[operation_id]}" in operation["x-kvfake"]["source"].split("; ")


@pytest.mark.parametrize(
    ("kind", "name", "heading"),
    [
        ("errors", "namespace_title_taken", "Create a Namespace"),
        ("errors", "too_many_pairs", "Write multiple key-value pairs"),
        ("errors", "bulk_request_too_large", "Write multiple key-value pairs"),
        ("errors", "too_many_keys_to_remove", "Delete multiple key-value pairs"),
        ("errors", "too_many_keys_to_get", "Get multiple key-value pairs"),
        ("errors", "non_text_value", "Get multiple key-value pairs"),
        ("limits", "bulk_write_pairs", "Write multiple key-value pairs"),
        ("limits", "bulk_request_bytes", "Write multiple key-value pairs"),
        ("limits", "bulk_delete_keys", "Delete multiple key-value pairs"),
        ("limits", "bulk_get_keys", "Get multiple key-value pairs"),
    ],
)
def test_a_rule_that_the_page_states_says_so(kind, name, heading):
    assert f"seed: {heading}" in OURS["x-kvfake"][kind][name]["source"].split("; ")


def test_every_case_of_the_contract_up_to_the_real_clients_is_there():
    numbers = {int(case["id"][len("cloudflare-") :][:3]) for case in CASES}
    assert numbers == set(range(1, 186))


def test_answers_without_a_result_differ_by_dialect_and_metadata_does_not():
    schemas = OURS["components"]["schemas"]
    assert (schemas["NoResult"]["const"], schemas["NoResult"]["observed"]) == ({}, {"const": None})
    assert "null" in schemas["Json"]["type"]
    assert "observed" not in schemas["MetadataAnswer"]["properties"]["result"]
