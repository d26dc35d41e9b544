"""Holds requests and answers against the contract; says what differs, where, and which sentence it breaks.

The document watches, it never decides an answer. ``jsonschema`` is imported when the first check runs, and its
validators are compiled once per process and dialect.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from pytest_kvfake.contract.document import fill, pointed
from pytest_kvfake.shown import masked, names_credential

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

    from pytest_kvfake.contract.document import Document, ErrorRule, Operation, Parameter

__all__ = ["Violation", "check_answer", "check_request"]

Json = Any
_SHOWN = 80
_FIRST_ITEMS = 100
_LEVELS = 50


@dataclass(frozen=True, slots=True)
class Violation:
    """One place where a request or an answer leaves the contract.

    Attributes:
        side: ``request`` or ``answer``.
        operation: its name; None for a request that no operation answers.
        place: where, for example ``query limit`` or ``body /0/key``.
        rule: what the contract demands.
        value: what came, shortened.
        sentence: what the contract says about that place, in its own words.
    """

    side: str
    operation: str | None
    place: str
    rule: str
    value: str
    sentence: str = ""

    def __str__(self) -> str:
        came = masked(self.value) if names_credential(self.place) else self.value
        said = f" The contract: {self.sentence}" if self.sentence else ""
        return f"{self.operation or 'unknown operation'}, {self.side} {self.place}: {self.rule}; came {came}.{said}"


def check_request(
    document: Document,
    operation: Operation,
    *,
    path: Mapping[str, str | None],
    query: str,
    headers: Mapping[str, str],
    media_type: str | None,
    body: Json,
    thorough: bool = False,
) -> list[Violation]:
    """Gives what is wrong with a request.

    Args:
        document: the service's contract.
        operation: the one that was asked for.
        path: path parameters, decoded; None for those that cannot be, which are not looked at.
        query: the raw query.
        headers: the request's headers.
        media_type: of the body, without parameters; None where the request has no body.
        body: the decoded body (JSON, form fields) or its bytes.
        thorough: look at every item of an array, not only at the first hundred.

    Returns:
        The violations, in the order parameters, body.
    """
    found = _Findings(document, "request", operation)
    given = dict(parse_qsl(query, keep_blank_values=True, errors="replace")) if query else {}
    places: Mapping[str, Mapping[str, str | None]] = {"path": path, "query": given, "header": headers}
    for parameter, surely_fits in _plain_tests(document, operation):
        value = places.get(parameter.location, _NOWHERE).get(parameter.name)
        if value is not None:
            if surely_fits is None or not surely_fits(value):
                found.value(parameter, value)
        elif parameter.required and parameter.location in {"query", "header"}:
            found.missing(parameter)
    if given:
        known = {parameter.name for parameter in operation.parameters if parameter.location == "query"}
        for name, value in given.items():
            if name not in known:
                found.add(f"query {name}", "no such parameter is documented", value, "")
    if "requestBody" in operation.raw:
        _check_body(found, media_type, body, thorough=thorough)
    return found.violations


def check_answer(
    document: Document,
    operation: Operation | None,
    *,
    status: int,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    error: str | None = None,
    bodyless: bool = False,
    injected: bool = False,
    thorough: bool = False,
) -> list[Violation]:
    """Gives what is wrong with an answer.

    Args:
        document: the service's contract.
        operation: the one that answered; None for a request that met none.
        status: of the answer.
        headers: of the answer.
        body: of the answer.
        error: the catalogue name of the error that was meant, where one was; errors without a body differ in nothing
            but their status.
        bodyless: the body is not on the wire (HEAD), so it is not looked at.
        injected: a fault answered in the service's place, perhaps with a status that has no body rule.
        thorough: look at every item of an array, not only at the first hundred.
    """
    found = _Findings(document, "answer", operation)
    fields = {name.lower(): value for name, value in headers}
    rule = None if error is None else document.errors[error]
    if rule is None and status >= 400:
        if not injected:
            found.add("status", "an error that the catalogue lists for this operation", status, "")
        elif body:
            found.add("body", "nothing: a fault answered a bare status", body, "")
        return found.violations
    if rule is not None and (rule.status != status or not _is_listed(rule, operation)):
        listed = "" if _is_listed(rule, operation) else ", which this operation does not list"
        found.add("status", f"{rule.status} for {error}{listed}", status, rule.when)
        return found.violations
    response = _response(document, operation, status)
    if response is None:
        found.add("status", "a status that is documented for this operation", status, "")
        return found.violations
    _check_headers(found, response, fields)
    if rule is not None and not injected:
        _check_error_headers(found, rule, fields)
    if rule is not None and rule.body is not None:
        _check_plain(found, rule, fields, None if bodyless else body)
    elif not bodyless:
        value = _check_content(found, response, fields, body, thorough=thorough)
        if rule is not None:
            _check_catalogue(found, rule, value)
    return found.violations


class _Findings:
    """Collects the violations of one message."""

    def __init__(self, document: Document, side: str, operation: Operation | None) -> None:
        self.document = document
        self.side = side
        self.operation = operation
        self.violations: list[Violation] = []

    def add(self, place: str, rule: str, value: Json, sentence: str) -> None:
        name = self.operation.name if self.operation is not None else None
        self.violations.append(Violation(self.side, name, place, rule, _shown(value), sentence))

    def missing(self, parameter: Parameter) -> None:
        self.add(f"{parameter.location} {parameter.name}", "required", None, parameter.description)

    def value(self, parameter: Parameter, text: str) -> None:
        value = _typed(text, parameter.schema)
        for error in _validator(self.document, parameter.schema).iter_errors(value):
            self.add(f"{parameter.location} {parameter.name}", _rule(error), text, parameter.description)

    def schema(self, place: str, schema: Mapping[str, Json], value: Json) -> None:
        for error in _leaves(_validator(self.document, schema).iter_errors(value)):
            where = "".join(f"/{step}" for step in error.absolute_path)
            self.add(f"{place} {where}".rstrip(), _rule(error), error.instance, _sentence(error))


def _check_body(found: _Findings, media_type: str | None, body: Json, *, thorough: bool) -> None:
    assert found.operation is not None
    described = found.document.resolve(found.operation.raw.get("requestBody", {}))
    if media_type is None:
        if described.get("required") and "*/*" not in described["content"]:  # any bytes may also be none
            found.add("body", "a body is required", None, described.get("description", ""))
        return
    content = described.get("content", {})
    if not content:
        return
    media = _media(content, media_type)
    if media is None:
        found.add("header content-type", f"one of {', '.join(content)}", media_type, described.get("description", ""))
    elif "schema" in media and not isinstance(body, bytes):
        found.schema("body", found.document.resolve(media["schema"]), body if thorough else _first_items(body))
    elif _is_json(media_type) and media_type in content:
        found.add("body", "JSON", body, described.get("description", ""))


def _check_headers(found: _Findings, response: Mapping[str, Json], fields: Mapping[str, str]) -> None:
    for name, node in response.get("headers", {}).items():
        header = found.document.resolve(node)
        value = fields.get(name.lower())
        if value is not None:
            schema = found.document.resolve(header.get("schema", {}))
            for error in _validator(found.document, schema).iter_errors(_typed(value, schema)):
                found.add(f"header {name}", _rule(error), value, header.get("description", ""))
        elif header.get("required"):
            found.add(f"header {name}", "required", None, header.get("description", ""))


def _check_content(
    found: _Findings, response: Mapping[str, Json], fields: Mapping[str, str], body: bytes, *, thorough: bool
) -> Json:
    content = response.get("content", {})
    sent = fields.get("content-type")
    if not content:
        if body:
            found.add("body", "no body", body, response.get("description", ""))
        return None
    media_type = (sent or "").partition(";")[0].strip().lower()
    media = _media(content, media_type)
    if media is None:
        found.add("header content-type", f"one of {', '.join(content)}", sent, response.get("description", ""))
        return None
    if not _is_json(media_type) or media_type not in content:
        return None  # a range such as */* says that the bytes are the user's own, whatever they are called
    try:
        value = json.loads(body)
    except ValueError:
        found.add("body", "JSON", body, response.get("description", ""))
        return None
    if "schema" in media:
        found.schema("body", found.document.resolve(media["schema"]), value if thorough else _first_items(value))
    return value


def _is_listed(rule: ErrorRule, operation: Operation | None) -> bool:
    return operation is None or rule.name in operation.errors


def _check_error_headers(found: _Findings, rule: ErrorRule, fields: Mapping[str, str]) -> None:
    for name, template in rule.headers.items():
        value = fields.get(name)
        if value is None or _pattern(rule, template).fullmatch(value) is None:
            found.add(f"header {name}", f"{template!r} for {rule.name}", value, rule.when)


def _check_plain(found: _Findings, rule: ErrorRule, fields: Mapping[str, str], body: bytes | None) -> None:
    """An error whose answer is not the envelope but a fixed text."""
    assert rule.body is not None
    wanted, sent = rule.body["content_type"], fields.get("content-type")
    if sent != wanted:
        found.add("header content-type", f"{wanted!r} for {rule.name}", sent, rule.when)
    if body is not None and body != rule.body["text"].encode():
        found.add("body", f"{rule.body['text']!r} for {rule.name}", body, rule.when)


def _check_catalogue(found: _Findings, rule: ErrorRule, value: Json) -> None:
    """Code, text, chain and further members have to be those of the error."""
    envelope = found.document.envelope if (rule.code, rule.message) != (None, None) else {}
    if envelope and not isinstance(value, dict):
        found.add("body", "the service's error envelope", value, "")
        return
    verb = "" if found.operation is None else found.operation.settings.get("verb", "")
    code, message, chain = (pointed(value, envelope.get(part)) for part in ("code", "message", "chain"))
    if envelope and (type(code) is not type(rule.code) or code != rule.code):
        found.add(f"body {envelope.get('code')}", f"{rule.code!r} for {rule.name}", code, rule.when)
    if rule.message is not None and _pattern(rule, rule.message, verb).fullmatch(str(message)) is None:
        found.add(f"body {envelope.get('message')}", f"the text {rule.message!r} of {rule.name}", message, rule.when)
    if "chain" in envelope and chain != rule.more.get("chain"):
        found.add(f"body {envelope['chain']}", f"{rule.more.get('chain')} for {rule.name}", chain, rule.when)
    for name, template in rule.more.get("members", {}).items():
        came = value.get(name) if isinstance(value, dict) else None
        if not _fits(rule, template, came):
            found.add(f"body /{name}", f"{template!r} for {rule.name}", came, rule.when)


def _fits(rule: ErrorRule, template: Json, value: Json) -> bool:
    """Whether a further member of an error is its template; a text that is all placeholder stands for any value."""
    if isinstance(template, str):
        if re.fullmatch(r"\{[a-z_]+\}", template):
            return value is not None
        return isinstance(value, str) and _pattern(rule, template).fullmatch(value) is not None
    if isinstance(template, dict):
        return isinstance(value, dict) and all(
            name in value and _fits(rule, one, value[name]) for name, one in template.items()
        )
    return type(template) is type(value) and bool(template == value)


def _response(document: Document, operation: Operation | None, status: int) -> Mapping[str, Json] | None:
    wildcard = f"{status // 100}XX"
    if operation is not None:
        responses = operation.raw.get("responses", {})
        node = responses.get(str(status), responses.get(wildcard, responses.get("default")))
    else:
        shared = document.raw.get("components", {}).get("responses", {})
        node = shared.get("unrouted" if status >= 400 else f"unrouted_{status}")
        node = node if node is not None else _any_failure(document, wildcard)
    found: Mapping[str, Json] | None = document.resolve(node)
    return found


def _any_failure(document: Document, wildcard: str) -> Json:
    for operation in document.operations.values():
        node = operation.raw.get("responses", {}).get(wildcard)
        if node is not None:
            return node
    return None


def _media(content: Mapping[str, Json], media_type: str) -> Mapping[str, Json] | None:
    main = media_type.partition("/")[0]
    for name in (media_type, f"{main}/*", "*/*"):
        if name in content:
            found: Mapping[str, Json] = content[name]
            return found
    return None


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or media_type.endswith("+json")


_PLAIN_KEYWORDS = frozenset(
    {"type", "enum", "not", "pattern", "minLength", "maxLength", "description", "example", "examples", "title"}
)


_PlainTest = Callable[[str], bool] | None
_NOWHERE: Mapping[str, str | None] = {}


def _plain_tests(document: Document, operation: Operation) -> tuple[tuple[Parameter, _PlainTest], ...]:
    """The parameters of an operation, each with a test whether a text fits its plain string schema.

    False says nothing, then the validator has to look; None is for other schemas. Almost every parameter is such a
    string, and the validator takes ten times as long.
    """
    known = document.compiled.get(id(operation))
    if known is None:  # kept with the operation, so that its id stays its own
        tests = tuple((parameter, _string_test(parameter.schema)) for parameter in operation.parameters)
        known = document.compiled[id(operation)] = (operation, tests)
    return known[1]


def _string_test(schema: Mapping[str, Json]) -> _PlainTest:
    if schema.get("type") != "string" or not _PLAIN_KEYWORDS.issuperset(schema):
        return None
    excluded, allowed = schema.get("not", {"enum": ()}), schema.get("enum")
    if set(excluded) != {"enum"}:
        return None
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength", float("inf"))
    search, others = re.compile(schema.get("pattern", "")).search, excluded["enum"]

    def fits(text: str) -> bool:
        return (
            shortest <= len(text) <= longest
            and text not in others
            and (allowed is None or text in allowed)
            and search(text) is not None
        )

    return fits


def _typed(text: str, schema: Mapping[str, Json]) -> Json:
    """Reads a parameter's text as the type that its schema names; stays text where it cannot be."""
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds or []
    try:
        if "integer" in kinds or "number" in kinds:
            return int(text) if re.fullmatch(r"-?[0-9]+", text) else float(text)
        if "boolean" in kinds and text in {"true", "false", "1", "0"}:
            return text in {"true", "1"}
    except ValueError:
        pass
    return text


def _first_items(value: Json, levels: int = _LEVELS) -> Json:
    if not levels:  # no schema looks so deep, and Python's stack has an end
        return value
    if isinstance(value, list):
        return [_first_items(item, levels - 1) for item in value[:_FIRST_ITEMS]]
    if isinstance(value, dict):
        return {name: _first_items(item, levels - 1) for name, item in value.items()}
    return value


def _leaves(errors: Iterable[ValidationError]) -> Iterator[ValidationError]:
    """The errors that say most: under ``oneOf`` and ``anyOf`` the branch that came nearest."""
    from jsonschema.exceptions import best_match

    for error in errors:
        deepest = best_match([error])
        yield deepest if deepest is not None else error


def _rule(error: ValidationError) -> str:
    return f"{error.validator} {_shown(error.validator_value)}"


def _sentence(error: ValidationError) -> str:
    schema = error.schema
    return str(schema.get("description", "")) if isinstance(schema, Mapping) else ""


def _shown(value: Json) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _pattern(rule: ErrorRule, template: str, verb: str = "") -> re.Pattern[str]:
    """A template of an error as a pattern: a placeholder whose example is a number stands for one."""
    numbers = frozenset(name for name, value in rule.example.items() if type(value) in {int, float})
    return _compiled(template, verb, numbers)


@lru_cache(maxsize=2048)
def _compiled(template: str, verb: str, numbers: frozenset[str]) -> re.Pattern[str]:
    marks = {name: f"\0{_placeholder_pattern(name, numbers)}\0" for name in _placeholders(template)}
    parts = fill(template, {**marks, "verb": verb}).split("\0")
    return re.compile("".join(part if index % 2 else re.escape(part) for index, part in enumerate(parts)), re.DOTALL)


def _placeholder_pattern(name: str, numbers: frozenset[str]) -> str:
    if name == "method":
        return "[^ ]+"
    return r"-?[0-9]+(?:\.[0-9]+)?" if name in numbers else ".*"


def _placeholders(message: str) -> Iterator[str]:
    return (name for _, name, _, _ in string.Formatter().parse(message) if name)


def _validator(document: Document, schema: Mapping[str, Json]) -> Draft202012Validator:
    """The validator of a schema that is a part of the document, compiled once for each document."""
    known = document.compiled.get(id(schema))
    if known is not None:
        return known[1]  # type: ignore[no-any-return] # the document does not know what is compiled
    from jsonschema import Draft202012Validator
    from referencing import Registry
    from referencing.jsonschema import DRAFT202012

    uri = f"urn:kvfake:{document.service}:{document.dialect}"
    registry: Registry[Any] = Registry().with_resource(uri, DRAFT202012.create_resource(document.raw))
    validator = Draft202012Validator(_absolute(schema, uri), registry=registry)
    document.compiled[id(schema)] = (schema, validator)  # the schema stays alive, so its id stays its own
    return validator


def _absolute(node: Json, uri: str) -> Json:
    """The schema with its local references made absolute, as it no longer stands inside the document."""
    if isinstance(node, dict):
        return {
            name: uri + value
            if name == "$ref" and isinstance(value, str) and value.startswith("#")
            else _absolute(value, uri)
            for name, value in node.items()
        }
    if isinstance(node, list):
        return [_absolute(value, uri) for value in node]
    return node
