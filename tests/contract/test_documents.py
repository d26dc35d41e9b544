"""What every folder under schemas/ promises, whatever its service."""

import json
import re
import string
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from pytest_kvfake.contract.document import DIALECTS, load, overlaid, schemas_folder

FOLDER = schemas_folder()
METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
GROUPS = {"READ", "WRITE", "LIST", "BULK", "*"}
NAME = re.compile(r"(?<!\{)(?:\{\{)*\{([A-Z][A-Z0-9_]*)\}")


def read(path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


OURS = read(FOLDER / "x-kvfake.schema.json")
CASES_SCHEMA = read(FOLDER / "cases.schema.json")
DOCUMENTS = {path.parent.name: read(path) for path in sorted(FOLDER.glob("*/openapi.json"))}
CASES = {path.parent.name: read(path) for path in sorted(FOLDER.glob("*/cases.json"))}

documents = pytest.mark.parametrize("service", DOCUMENTS)
in_dialects = pytest.mark.parametrize("dialect", DIALECTS)
case_files = pytest.mark.parametrize("service", CASES)


def operations(document) -> Iterator[tuple[str, dict, dict]]:
    """Template, path item and operation of each operation."""
    for template, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield template, item, item[method]


def resolved(document, node) -> Any:
    while "$ref" in node:
        target = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def parameters(document, item, operation) -> list[dict]:
    return [resolved(document, node) for node in (*item.get("parameters", ()), *operation.get("parameters", ()))]


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def texts(node) -> Iterator[str]:
    """Every text in a JSON value, names of members included."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)
    elif isinstance(node, dict):
        for name, value in node.items():
            yield name
            yield from texts(value)


def level(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$defs": OURS["$defs"], "$ref": f"#/$defs/{name}"})


def extensions(document) -> Iterator[tuple[str, str, dict]]:
    """Level, place and value of the x-kvfake objects that are where the loader looks."""
    yield "document", "the root", document["x-kvfake"]
    for template, item in document["paths"].items():
        if "x-kvfake" in item:
            yield "path", template, item["x-kvfake"]
        for node in item.get("parameters", ()):
            if "x-kvfake" in node:
                yield "parameter", f"{template} {node['name']}", node["x-kvfake"]
    for _, _, operation in operations(document):
        yield "operation", operation["operationId"], operation["x-kvfake"]
        for node in operation.get("parameters", ()):
            if "x-kvfake" in node:
                yield "parameter", f"{operation['operationId']} {node['name']}", node["x-kvfake"]
    for name, node in document.get("components", {}).get("parameters", {}).items():
        if "x-kvfake" in node:
            yield "parameter", name, node["x-kvfake"]


def count_of_member(node, member: str) -> int:
    if isinstance(node, dict):
        return (member in node) + sum(count_of_member(value, member) for value in node.values())
    return sum(count_of_member(value, member) for value in node) if isinstance(node, list) else 0


def errors_in(document, dialect) -> dict[str, dict]:
    return overlaid(document["x-kvfake"]["errors"], dialect)


def test_there_are_documents_to_look_at():
    assert DOCUMENTS


@pytest.mark.parametrize("schema", [OURS, CASES_SCHEMA], ids=["x-kvfake", "cases"])
def test_our_own_schemas_are_json_schemas(schema):
    Draft202012Validator.check_schema(schema)


@documents
@in_dialects
def test_a_document_is_valid_openapi_in_each_dialect(service, dialect):
    OpenAPIV31SpecValidator(overlaid(DOCUMENTS[service], dialect)).validate()


@documents
def test_a_document_is_valid_openapi_with_its_dialects_inside(service):
    OpenAPIV31SpecValidator(DOCUMENTS[service]).validate()


@documents
def test_every_extension_object_fits_its_level(service):
    found = [
        f"{kind} {place}: {error.json_path} {error.message}"
        for kind, place, value in extensions(DOCUMENTS[service])
        for error in level(kind).iter_errors(value)
    ]
    assert found == []


@pytest.mark.parametrize(
    "rule",
    [
        {"status": 404, "code": 10009, "message": "{verb}: 'key not found'"},
        {
            "status": 409,
            "code": "record-not-unique",
            "message": "…",
            "observed": {"status": 400, "code": "name-not-unique"},
        },
        {"status": 403, "code": "content-encoding-forbidden-for-html", "message": "…", "dialects": ["observed"]},
        {"status": 400, "code": 27009, "message": "{field} must not exceed {max}", "members": {"errorData": {}}},
        {"status": 404},
        {"status": 413, "members": {"max_allowed_size": "{max_allowed_size}"}, "example": {"max_allowed_size": 100000}},
        {"status": 408, "body": {"content_type": None, "text": ""}, "injected": True},
    ],
    ids=["number", "word", "one dialect", "members", "no body", "members only", "empty body"],
)
def test_an_error_rule_takes_what_the_services_answer(rule):
    said = {"when": "A sentence.", "certainty": "documented", "source": "hive.md 3.3"}
    assert [error.message for error in level("error").iter_errors({**said, **rule})] == []


@documents
def test_no_extension_object_stands_where_nobody_looks(service):
    assert count_of_member(DOCUMENTS[service], "x-kvfake") == len(list(extensions(DOCUMENTS[service])))


@documents
def test_a_misspelt_member_is_noticed_at_every_level(service):
    for kind, _, value in extensions(DOCUMENTS[service]):
        assert not level(kind).is_valid({**value, "certainity": "documented"})


@documents
def test_a_document_is_in_the_folder_of_its_service(service):
    assert DOCUMENTS[service]["x-kvfake"]["service"] == service


@documents
def test_operations_have_one_snake_case_name_each(service):
    names = [operation["operationId"] for _, _, operation in operations(DOCUMENTS[service])]
    assert len(names) == len(set(names))
    assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9_]*", name)] == []


@documents
def test_every_placeholder_of_a_template_is_a_path_parameter(service):
    document = DOCUMENTS[service]
    for template, item, operation in operations(document):
        declared = {node["name"] for node in parameters(document, item, operation) if node["in"] == "path"}
        assert set(re.findall(r"\{(\w+)\}", template)) == declared, operation["operationId"]


@documents
def test_the_key_of_an_operation_is_one_of_its_path_parameters(service):
    document = DOCUMENTS[service]
    for _, item, operation in operations(document):
        key = operation["x-kvfake"].get("key")
        path = {node["name"] for node in parameters(document, item, operation) if node["in"] == "path"}
        assert key is None or key in path, operation["operationId"]


@documents
def test_every_error_of_an_operation_is_in_the_catalogue(service):
    document = DOCUMENTS[service]
    named = {name for _, _, operation in operations(document) for name in operation["x-kvfake"]["errors"]}
    assert named - document["x-kvfake"]["errors"].keys() == set()


@documents
def test_an_error_is_everywhere_or_named_by_an_operation_and_not_both(service):
    document = DOCUMENTS[service]
    errors = document["x-kvfake"]["errors"]
    everywhere = {name for name, rule in errors.items() if rule.get("everywhere")}
    named = {name for _, _, operation in operations(document) for name in operation["x-kvfake"]["errors"]}
    assert errors.keys() - everywhere == named


@documents
@in_dialects
def test_every_operation_that_sends_a_verb_has_one(service, dialect):
    document = DOCUMENTS[service]
    with_verb = {
        n for n, rule in errors_in(document, dialect).items() if "verb" in placeholders(rule.get("message", ""))
    }
    for _, _, operation in operations(document):
        ours = operation["x-kvfake"]
        assert "verb" in ours or not with_verb & set(ours["errors"]), operation["operationId"]


@documents
@in_dialects
def test_every_other_placeholder_of_a_message_has_an_example(service, dialect):
    for name, rule in errors_in(DOCUMENTS[service], dialect).items():
        words = [rule.get("message", ""), *rule.get("headers", {}).values(), *texts(rule.get("members", {}))]
        used = set().union(*map(placeholders, words))
        assert used - {"verb", "method"} == set(rule.get("example", {})), name


@documents
def test_two_errors_of_an_operation_answer_differently_in_some_dialect(service):
    document = DOCUMENTS[service]
    catalogues = [errors_in(document, dialect) for dialect in DIALECTS]
    everywhere = [name for name, rule in catalogues[0].items() if rule.get("everywhere")]
    told = ("status", "code", "message", "chain", "members", "headers")
    for _, _, operation in operations(document):
        names = [name for name in (*operation["x-kvfake"]["errors"], *everywhere) if "code" in catalogues[0][name]]
        answers = [json.dumps([[rules[name].get(member) for member in told] for rules in catalogues]) for name in names]
        assert len(answers) == len(set(answers)), operation["operationId"]


@documents
def test_every_limit_names_an_error_of_the_catalogue(service):
    ours = DOCUMENTS[service]["x-kvfake"]
    named = {rule["error"] for rule in ours.get("limits", {}).values() if "error" in rule}
    assert named - ours["errors"].keys() == set()


@documents
def test_an_alias_leads_to_templates_and_operations_that_exist(service):
    document = DOCUMENTS[service]
    names = {operation["operationId"] for _, _, operation in operations(document)}
    for alias in document["x-kvfake"].get("aliases", ()):
        assert any(path == alias["of"] or path.startswith(f"{alias['of']}/") for path in document["paths"]), alias["of"]
        assert set(alias.get("without", ())) - names == set()


# --- case files ---------------------------------------------------------------------------------------------


def expectations(service) -> Iterator[tuple[dict, dict]]:
    """Case and expectation, the overlays of expectations included."""
    for case in CASES[service]["cases"]:
        for step in case["steps"]:
            if "expect" in step:
                yield case, step["expect"]
                if "observed" in step["expect"]:
                    yield case, step["expect"]["observed"]


@case_files
def test_a_case_file_fits_its_schema(service):
    validator = Draft202012Validator(CASES_SCHEMA)
    assert [f"{error.json_path} {error.message}" for error in validator.iter_errors(CASES[service])] == []


@case_files
def test_a_misspelt_member_of_a_case_is_noticed(service):
    damaged = deepcopy(CASES[service])
    damaged["cases"][0]["steps"][0]["expects"] = {"status": 200}
    assert not Draft202012Validator(CASES_SCHEMA).is_valid(damaged)


@case_files
def test_case_ids_are_unique_and_in_order(service):
    ids = [case["id"] for case in CASES[service]["cases"]]
    assert ids == sorted(set(ids))


@case_files
def test_every_case_that_the_contract_numbers_is_there(service):
    ids = [case["id"].rpartition("-")[2] for case in CASES[service]["cases"]]
    numbers = {int(number[:3]) for number in ids if not number.startswith("S")}
    assert set(range(1, CASES[service]["numbered"] + 1)) - numbers == set()


@case_files
def test_cases_belong_to_the_service_of_their_folder(service):
    assert CASES[service]["service"] == service
    strangers = [c["id"] for c in CASES[service]["cases"] if c["id"].rpartition("-")[0] != service]
    assert strangers == []


@case_files
def test_every_error_that_a_case_expects_is_in_the_catalogue(service):
    errors = DOCUMENTS[service]["x-kvfake"]["errors"]
    for case, expect in expectations(service):
        error = expect.get("error")
        name = error["name"] if isinstance(error, dict) else error
        assert name is None or name in errors, case["id"]


@case_files
def test_the_status_that_a_case_expects_is_the_one_of_its_error(service):
    for case, expect in expectations(service):
        error = expect.get("error")
        if error is None or not isinstance(expect.get("status"), int):
            continue
        name = error["name"] if isinstance(error, dict) else error
        dialects = case.get("dialects", DIALECTS)
        known = {errors_in(DOCUMENTS[service], dialect)[name]["status"] for dialect in dialects}
        assert expect["status"] in known, case["id"]


@case_files
def test_a_case_says_what_the_message_of_its_error_says(service):
    for case, expect in expectations(service):
        error = expect.get("error")
        if error is None:
            continue
        name, values = (error["name"], error["values"]) if isinstance(error, dict) else (error, {})
        used = [
            placeholders(errors_in(DOCUMENTS[service], dialect)[name].get("message", ""))
            for dialect in case.get("dialects", DIALECTS)
        ]
        assert set(values) - set().union(*used) == set(), f"{case['id']} fills what is not there"
        assert set().union(*used) - {"verb", "method"} - set(values) == set(), f"{case['id']} leaves out a value"


@case_files
def test_every_name_in_a_case_is_known_when_it_is_used(service):
    names = set(CASES[service].get("names", {}))
    for case in CASES[service]["cases"]:
        known = set(names)
        for member in ("given", "client"):
            assert {n for text in texts(case.get(member, {})) for n in NAME.findall(text)} - known == set(), case["id"]
        for step in case["steps"]:
            local = {"EACH"} if "for" in step else set()
            local |= {"I"} if "json_list" in step.get("request", {}).get("body", {}) else set()
            used = {name for text in texts(step) for name in NAME.findall(text)}
            assert used - known - local == set(), case["id"]
            known |= set(step.get("save", {}))
        assert {n for text in texts(case.get("then", {})) for n in NAME.findall(text)} - known == set(), case["id"]


@case_files
def test_a_fault_in_a_case_names_an_operation_and_an_error_of_the_service(service):
    document = DOCUMENTS[service]
    named = {operation["operationId"] for _, _, operation in operations(document)}
    for case in CASES[service]["cases"]:
        for fault in (step["fault"] for step in case["steps"] if "fault" in step):
            assert fault["operation"] in named | GROUPS, case["id"]
            assert fault.get("error", next(iter(document["x-kvfake"]["errors"]))) in document["x-kvfake"]["errors"]
            assert fault.get("limit") in {None, *document["x-kvfake"].get("limits", {})}, case["id"]


@case_files
def test_cases_that_move_the_clock_or_break_the_service_say_what_they_need(service):
    for case in CASES[service]["cases"]:
        needs = set(case.get("needs", ()))
        steps = {kind for step in case["steps"] for kind in ("advance", "fault") if kind in step}
        assert "advance" not in steps or "clock" in needs, case["id"]
        assert "fault" not in steps or "faults" in needs, case["id"]
        for noun in {"tokens", "limits"} & set(case.get("given", {})):
            assert noun in needs, case["id"]


@pytest.mark.parametrize("service", DOCUMENTS)
def test_what_an_operation_does_not_take_has_a_reason(service):
    ours = DOCUMENTS[service]["x-kvfake"]
    named = {
        kind
        for item in DOCUMENTS[service]["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict)
        for kind in operation.get("x-kvfake", {}).get("faults", {}).get("not", ())
    }
    assert named == set(ours.get("fault_reasons", {}))


@pytest.mark.parametrize("service", DOCUMENTS)
def test_a_condition_without_a_documented_answer_is_taken_by_no_operation(service):
    document = load(service)
    documented = {
        "storage_full": document.storage_error is not None,
        "rate_limit": any(rule.per_seconds is not None for rule in document.limits.values()),
    }
    for kind, there_is_one in documented.items():
        takers = [one.name for one in document.operations.values() if kind not in one.faults_not]
        assert bool(takers) is there_is_one, kind
