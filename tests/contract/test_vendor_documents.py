"""Our documents beside the vendors' own OpenAPI extracts, where those extracts are at hand.

Both are boiled down to facts, one line each ("GET …/keys: query limit minimum 10"). A fact that only one side has
needs a reason in ``<service>_differences.json``, and a reason that explains no difference any more is an error too.
"""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase, translate
from pathlib import Path
from typing import Any

import pytest

from pytest_kvfake.contract.document import load, schemas_folder

HERE = Path(__file__).resolve().parent
EXTRACTS = HERE.parents[2] / "shared" / "contracts" / "upstream"
SERVICES = {"cloudflare": "/storage/kv/", "apify": "/v2/"}
"""By service, what the paths have that its vendor's extract is about."""

METHODS = ("get", "put", "post", "delete", "head")
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

SEEDED = {
    "cloudflare": {
        "bound": (
            lambda d: d["components"]["parameters"]["limit"]["schema"].update(minimum=1),
            "query limit minimum 1",
        ),
        "required member": (
            lambda d: d["components"]["schemas"]["Namespace"]["required"].remove("title"),
            "/result/title required",
        ),
        "enum": (
            lambda d: d["components"]["schemas"]["BulkGetBody"]["properties"]["type"]["enum"].append("xml"),
            '/type may be "xml"',
        ),
        "parameter": (lambda d: d["components"]["parameters"]["cursor"].update(name="token"), "query token optional"),
        "operation": (
            lambda d: d["paths"].pop("/accounts/{account_id}/storage/kv/namespaces/{namespace_id}/keys"),
            "/keys: is served",
        ),
    },
    "apify": {
        "bound": (
            lambda d: d["components"]["parameters"]["keys_limit"]["schema"].update(maximum=500),
            "query limit maximum 500",
        ),
        "required member": (
            lambda d: d["components"]["schemas"]["Key"]["required"].remove("size"),
            "/data/items/*/size required",
        ),
        "enum": (
            lambda d: d["components"]["schemas"]["GeneralAccess"]["enum"].remove("RESTRICTED"),
            '/generalAccess may be "RESTRICTED"',
        ),
        "parameter": (
            lambda d: d["components"]["parameters"]["exclusiveStartKey"].update(name="cursor"),
            "query cursor optional",
        ),
        "operation": (lambda d: d["paths"].pop("/v2/key-value-stores/{storeId}/keys"), "/keys: is served"),
        "status": (
            lambda d: d["paths"]["/v2/key-value-stores"]["post"]["responses"].pop("201"),
            "POST /v2/key-value-stores: answers 201",
        ),
        "alias": (lambda d: d["x-kvfake"]["aliases"].pop(0), "/v2/actor-runs/{runId}/key-value-store: is served"),
    },
}


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(params=SERVICES)
def service(request) -> str:
    return request.param


@pytest.fixture
def theirs(service):
    path = EXTRACTS / f"{service}-openapi-kv.json"
    if not path.is_file():
        pytest.skip("the vendor's OpenAPI extract is not beside this checkout")
    return read(path)


@pytest.fixture
def ours(service):
    return read(schemas_folder() / service / "openapi.json")


@pytest.fixture
def known(service):
    return read(HERE / f"{service}_differences.json")


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


def as_vendors_write(service: str, document, theirs) -> dict:
    """Our document with every address of an alias as a path, and single statuses where the vendor lists them."""
    document = {**document, "paths": {**document["paths"], **dict(aliased_paths(document))}}
    if not any("400" in operation["responses"] for operation in operations(theirs).values()):
        return document
    known = load(service)
    document["paths"] = json.loads(json.dumps(document["paths"]))  # nothing is shared any more
    for item in document["paths"].values():
        for method in METHODS:
            if method in item:
                responses = item[method]["responses"]
                failure = responses.pop("4XX")
                responses.pop("5XX")
                rules = known.errors_of(known.operations[item[method]["operationId"]])
                for rule in rules:
                    if rule.status < 500:
                        responses.setdefault(str(rule.status), failure)
    return document


def aliased_paths(document) -> Iterator[tuple[str, dict]]:
    for alias in document["x-kvfake"].get("aliases", ()):
        for template, item in document["paths"].items():
            if template == alias["of"] or template.startswith(f"{alias['of']}/"):
                for root in alias["under"]:
                    yield root + template.removeprefix(alias["of"]), aliased(document, alias, root, template, item)


def aliased(document, alias, root: str, template: str, item) -> dict:
    facts, path = Facts(document), root + template.removeprefix(alias["of"])

    def fits(node) -> bool:
        found = facts.at(node)
        return found["in"] != "path" or f"{{{found['name']}}}" in path

    served = {name: one for name, one in item.items() if name not in METHODS}
    served |= {m: item[m] for m in METHODS if m in item and item[m]["operationId"] not in alias.get("without", ())}
    nodes = [*item.get("parameters", ()), *alias.get("parameters", ())]
    return {**served, "parameters": [node for node in nodes if fits(node)]}


def differences(service: str, ours, theirs) -> list[str]:
    mine = Facts(as_vendors_write(service, ours, theirs)).of(SERVICES[service])
    vendors = Facts(theirs).of(SERVICES[service])
    return sorted(
        [f"only ours: {fact}" for fact in mine - vendors] + [f"only theirs: {fact}" for fact in vendors - mine]
    )


def unexplained(found: list[str], known) -> list[str]:
    patterns = [translate(each) for entry in known for each in entry["differences"]]
    explained = re.compile("|".join(patterns) or "(?!)").match
    return [difference for difference in found if not explained(difference)]


def test_every_difference_from_the_vendors_document_has_a_reason(service, ours, theirs, known):
    assert unexplained(differences(service, ours, theirs), known) == []


def test_every_reason_explains_a_difference_that_is_there(service, ours, theirs, known):
    found = differences(service, ours, theirs)
    patterns = [each for entry in known for each in entry["differences"]]
    assert [each for each in patterns if not any(fnmatchcase(difference, each) for difference in found)] == []


@pytest.mark.parametrize(
    ("service", "damage"), [(service, damage) for service in SEEDED for damage in SEEDED[service]], indirect=["service"]
)
def test_a_seeded_difference_is_found(service, ours, theirs, known, damage):
    change, difference = SEEDED[service][damage]
    change(ours)
    fresh = unexplained(differences(service, ours, theirs), known)
    assert any(found.endswith(difference) for found in fresh), fresh
