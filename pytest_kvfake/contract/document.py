"""Finds, loads and resolves a service's contract, and gives typed views of what it says.

A contract is an OpenAPI 3.1 document, ``schemas/<service>/openapi.json``. What OpenAPI has no word for is in
``x-kvfake`` objects, which ``schemas/x-kvfake.schema.json`` describes. A *dialect* is an overlay: an object
named after it replaces its namesakes in the object around it.
"""

from __future__ import annotations

import json
import string
from dataclasses import MISSING, dataclass, field, fields
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pytest_kvfake.errors import ContractError, OptionError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = [
    "DIALECTS",
    "GROUPS",
    "Document",
    "ErrorRule",
    "LimitRule",
    "Operation",
    "Parameter",
    "load",
    "pointed",
    "schemas_folder",
    "services",
]

Json = Any
L = TypeVar("L")
Dialect = Literal["documented", "observed"]

DIALECTS = ("documented", "observed")
"""``documented``: what the vendor's pages say; ``observed``: what production has been seen to send."""

GROUPS = ("READ", "WRITE", "LIST", "BULK")

_METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """One error of the catalogue, in the dialect at hand.

    Attributes:
        name: ours, snake_case, the same in all dialects.
        status: the HTTP status.
        code: the service's own code or type; None where it has none.
        message: a template with ``{placeholders}``; None where the answer has no text.
        headers: templates of the headers that go with it.
        example: a value for each placeholder, for an error that is sent without a context.
        everywhere: every operation can answer it.
        injected: the service cannot reach it by itself.
        body: ``content_type`` and ``text`` of an answer that is not the service's envelope.
        certainty: ``documented``, ``observed``, ``client`` or ``inferred``.
        source: where the contract says so.
        when: the contract's sentence.
        more: the members of the service's own envelope beyond these.
    """

    name: str
    status: int
    code: int | str | None
    message: str | None
    headers: Mapping[str, str]
    example: Mapping[str, Json]
    everywhere: bool
    injected: bool
    body: Mapping[str, str] | None
    certainty: str
    source: str
    when: str
    more: Mapping[str, Json]

    def text(self, values: Mapping[str, object]) -> str | None:
        """Gives the message with its placeholders filled in; what ``values`` lacks comes from the example."""
        return None if self.message is None else fill(self.message, {**self.example, **values})


@dataclass(frozen=True, slots=True)
class LimitRule:
    """One documented limit.

    Attributes:
        name: also the attribute of the fake's limits.
        value: the documented number.
        unit: what is counted, in the plural.
        error: the catalogue name of the error that a violation gives.
        certainty: as of an error.
        source: where the contract says so.
        per_seconds: for rate limits: the number holds for so many seconds.
        penalty_seconds: for rate limits: how long everything is refused after an excess.
        per: for rate limits: what is counted apart: path parameters, and ``key`` for each key of a request.
        headers: for rate limits: templates of headers that every answer carries while it is watched.
        refusal_headers: for rate limits: those that only a refusal carries.
        operations: for rate limits: the only operations that count; empty for all that can answer the error.
        of: ``key`` or ``value`` where it bounds the length of one.
    """

    name: str
    value: int
    unit: str
    error: str | None
    certainty: str
    source: str
    per_seconds: int | None = None
    penalty_seconds: int | None = None
    per: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    refusal_headers: Mapping[str, str] = field(default_factory=dict)
    operations: tuple[str, ...] = ()
    of: str | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operation; ``segments`` is ``one`` or ``rest`` for those in the path."""

    name: str
    location: str
    required: bool
    schema: Mapping[str, Json]
    segments: str = "one"
    description: str = ""


@dataclass(frozen=True)
class Operation:
    """One operation of a service, by the name that faults, the journal and coverage use.

    Attributes:
        name: the document's ``operationId``.
        method: upper case.
        templates: its paths below a server's root, the documented one first.
        parameters: path, query and header parameters.
        groups: some of ``READ``, ``WRITE``, ``LIST``, ``BULK``.
        key: the path parameter that is the key; None where there is none.
        errors: catalogue names of all errors that it can answer.
        faults_not: fault kinds that it does not take.
        settings: its whole ``x-kvfake`` object (``verb`` and other words for its messages).
        raw: the operation object of the document.
    """

    name: str
    method: str
    templates: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    groups: frozenset[str]
    key: str | None
    errors: tuple[str, ...]
    faults_not: frozenset[str]
    settings: Mapping[str, Json]
    raw: Mapping[str, Json] = field(repr=False)

    @cached_property
    def changes(self) -> bool:
        """Whether it can change the state."""
        return "WRITE" in self.groups

    @property
    def title(self) -> str:
        """Method and documented path, as a person would name it."""
        return f"{self.method} {self.templates[0]}"


class Document:
    """A service's contract in one dialect.

    Attributes:
        service: the name of its folder.
        dialect: ``documented`` or ``observed``.
        raw: the whole document, with the dialect laid over it.
        operations: by name, in the document's order.
        errors: the catalogue, by name.
        limits: by name.
        envelope: where an error's code and message stand in a body, as JSON pointers.
        answers: what the service's rendering needs to know and dialects differ in.
        fault_reasons: why operations do not take a kind of fault, by kind.
        storage_error: the catalogue name of the error of an exhausted storage; None where none is documented.
        roots: the paths of its servers, without a trailing slash.
        compiled: what `validation` has made of its schemas, by their identity.
    """

    def __init__(self, raw: dict[str, Json], dialect: str) -> None:
        """Reads a document whose dialects are still inside.

        Raises:
            ContractError: it lacks something that a contract must say.
            OptionError: there is no such dialect.
        """
        if dialect not in DIALECTS:
            raise OptionError(f"There is no dialect {dialect!r}.{did_you_mean(dialect, DIALECTS)}")
        self.dialect = dialect
        self.compiled: dict[int, tuple[Json, Any]] = {}
        self.raw: dict[str, Json] = overlaid(raw, dialect)
        try:
            ours = self.raw["x-kvfake"]
            self.service: str = ours["service"]
            self.envelope: Mapping[str, str] = ours.get("envelope", {})
            self.answers: Mapping[str, Json] = ours.get("answers", {})
            self.storage_error: str | None = ours.get("storage_error")
            self.fault_reasons: Mapping[str, str] = ours.get("fault_reasons", {})
            self.errors = {
                name: _error(name, rule)
                for name, rule in ours["errors"].items()
                if dialect in rule.get("dialects", DIALECTS)
            }
            self.limits = {name: _limit(name, rule) for name, rule in ours.get("limits", {}).items()}
            self.servers: list[dict[str, Json]] = self.raw.get("servers", [{"url": "/"}])
            self.roots = tuple(server["url"].rstrip("/") for server in self.servers)
            self._everywhere = tuple(name for name, rule in self.errors.items() if rule.everywhere)
            self.operations = {operation.name: operation for operation in self._operations(ours)}
        except (KeyError, TypeError, AttributeError) as error:
            raise ContractError(f"The contract document lacks something it must say: {error!r}.") from error

    def resolve(self, node: Json) -> Json:
        """Gives what a local ``$ref`` points to; anything else as it is."""
        while isinstance(node, dict) and isinstance(node.get("$ref"), str):
            node = self.at(node["$ref"].removeprefix("#"))
        return node

    def at(self, pointer: str) -> Json:
        """Gives what a JSON pointer (RFC 6901) points to."""
        node: Json = self.raw
        for step in pointer.split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            node = node[int(step)] if isinstance(node, list) else node[step]
        return node

    def limits_as(self, kind: Callable[..., L]) -> L:
        """Gives a dataclass of limits, each field with the documented number of that name.

        A field with a default is one that a test may set although no number is documented.
        """
        limits = [one.name for one in fields(kind) if one.default is MISSING]  # type: ignore[arg-type] # a dataclass is its own factory
        return kind(**{name: self.limits[name].value for name in limits})

    def errors_of(self, operation: Operation) -> tuple[ErrorRule, ...]:
        """Gives every error that the operation can answer."""
        return tuple(self.errors[name] for name in operation.errors)

    def _operations(self, ours: Mapping[str, Json]) -> Iterator[Operation]:
        aliases = ours.get("aliases", ())
        for template, item in self.raw["paths"].items():
            also = tuple(item.get("x-kvfake", {}).get("also_at", ()))
            for method in _METHODS:
                if method not in item:
                    continue
                raw = item[method]
                settings = raw.get("x-kvfake", {})
                name = raw["operationId"]
                served = [alias for alias in aliases if _is_served(alias, template, name)]
                under = (root + template[len(alias["of"]) :] for alias in served for root in alias["under"])
                more = (node for alias in served for node in alias.get("parameters", ()))
                errors = (*settings.get("errors", ()), *self._everywhere)
                yield Operation(
                    name=name,
                    method=method.upper(),
                    templates=(template, *also, *settings.get("also_at", ()), *under),
                    parameters=tuple(
                        self._parameters((*item.get("parameters", ()), *raw.get("parameters", ()), *more))
                    ),
                    groups=frozenset(settings.get("groups", ())),
                    key=settings.get("key"),
                    errors=tuple(dict.fromkeys(error for error in errors if error in self.errors)),
                    faults_not=frozenset(settings.get("faults", {}).get("not", ())),
                    settings=settings,
                    raw=raw,
                )

    def _parameters(self, nodes: Iterable[Json]) -> Iterator[Parameter]:
        for node in nodes:
            found = self.resolve(node)
            yield Parameter(
                name=found["name"],
                location=found["in"],
                required=found.get("required", False),
                schema=self.resolve(found.get("schema", {})),
                segments=found.get("x-kvfake", {}).get("segments", "one"),
                description=found.get("description", ""),
            )


def overlaid(node: Json, dialect: str) -> Json:
    """Gives a copy of a JSON value with one dialect's members put in place and the other dialects left out."""
    if isinstance(node, dict):
        merged = {name: overlaid(value, dialect) for name, value in node.items() if name not in DIALECTS}
        members = node.get(dialect)
        if isinstance(members, dict):
            merged.update(overlaid(members, dialect))
        return merged
    if isinstance(node, list):
        return [overlaid(value, dialect) for value in node]
    return node


def pointed(value: Json, pointer: str | None) -> Json:
    """Gives what a JSON pointer points to in any JSON value; None where there is nothing, or no pointer."""
    if pointer is None:
        return None
    for step in pointer.split("/")[1:]:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


class _Lenient(string.Formatter):
    """Leaves placeholders in place that nobody knows."""

    def get_value(self, key: int | str, args: Any, kwargs: Mapping[str, Any]) -> Any:
        del args
        return kwargs.get(str(key), f"{{{key}}}")


_formatter = _Lenient()


def fill(template: str, values: Mapping[str, object]) -> str:
    """Puts values into the ``{placeholders}`` of a template; unknown ones stay as they are."""
    return _formatter.vformat(template, (), values) if "{" in template else template


def _error(name: str, rule: Mapping[str, Json]) -> ErrorRule:
    rest = dict(rule)
    return ErrorRule(
        name=name,
        status=rest.pop("status"),
        code=rest.pop("code", None),
        message=rest.pop("message", None),
        headers=rest.pop("headers", {}),
        example=rest.pop("example", {}),
        everywhere=rest.pop("everywhere", False),
        injected=rest.pop("injected", False),
        body=rest.pop("body", None),
        certainty=rest.pop("certainty"),
        source=rest.pop("source", ""),
        when=rest.pop("when", ""),
        more=rest,
    )


def _limit(name: str, rule: Mapping[str, Json]) -> LimitRule:
    return LimitRule(
        name=name,
        value=rule["value"],
        unit=rule["unit"],
        error=rule.get("error"),
        certainty=rule["certainty"],
        source=rule.get("source", ""),
        per_seconds=rule.get("per_seconds"),
        penalty_seconds=rule.get("penalty_seconds"),
        per=tuple(rule.get("per", ())),
        headers=rule.get("headers", {}),
        refusal_headers=rule.get("refusal_headers", {}),
        operations=tuple(rule.get("operations", ())),
        of=rule.get("of"),
    )


def _is_served(alias: Mapping[str, Json], template: str, operation: str) -> bool:
    root = alias["of"]
    return (template == root or template.startswith(f"{root}/")) and operation not in alias.get("without", ())


@lru_cache(maxsize=1)
def schemas_folder() -> Path:
    """Gives the folder of the contract documents: inside the package, else beside it (a checkout).

    Raises:
        ContractError: it is in neither place; the installation is broken.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "schemas", package.parent / "schemas"):
        if (folder / "x-kvfake.schema.json").is_file():
            return folder
    raise ContractError(
        f"The contract documents are missing: there is no schemas/ in {package} nor beside it. "
        "Install pytest-kvfake again (pip install --force-reinstall pytest-kvfake)."
    )


def services() -> tuple[str, ...]:
    """Gives the names of all services that have a contract document."""
    return tuple(sorted(path.parent.name for path in schemas_folder().glob("*/openapi.json")))


@cache
def load(service: str, dialect: str = "documented") -> Document:
    """Gives a service's contract in one dialect; read once per process.

    Raises:
        ContractError: there is no such document, or it cannot be read.
        OptionError: there is no such dialect.
    """
    path = schemas_folder() / service / "openapi.json"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ContractError(f"There is no service {service!r}.{did_you_mean(service, services())}") from None
    except ValueError as error:
        raise ContractError(f"{path} is not JSON: {error}") from error
    return Document(raw, dialect)
