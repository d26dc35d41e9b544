"""What our Cloudflare document says, beside the contract and the page from which the project started.

``test_vendor_documents.py`` holds it against the vendor's own OpenAPI extract.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_kvfake.contract.document import schemas_folder

HERE = Path(__file__).resolve().parent
EXTRACT = HERE.parents[2] / "shared" / "contracts" / "upstream" / "cloudflare-openapi-kv.json"
METHODS = ("get", "put", "post", "delete")

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


def test_the_operations_are_those_of_the_contract():
    served = {operation["operationId"]: title for title, operation in operations(OURS).items()}
    assert served == KV_OPERATIONS | OTHER_OPERATIONS


def test_the_document_serves_every_operation_of_the_vendors(theirs):
    assert set(operations(theirs)) == set(KV_OPERATIONS.values())


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


def test_answers_without_a_result_differ_by_dialect_and_metadata_does_not():
    schemas = OURS["components"]["schemas"]
    assert (schemas["NoResult"]["const"], schemas["NoResult"]["observed"]) == ({}, {"const": None})
    assert "null" in schemas["Json"]["type"]
    assert "observed" not in schemas["MetadataAnswer"]["properties"]["result"]
