"""How the service answers: data, records, archives and errors, with its headers (apify.md 5, 8.2, 11)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from werkzeug.http import parse_accept_header

from pytest_kvfake.apify.archive import archive_of
from pytest_kvfake.apify.rules import is_record_path
from pytest_kvfake.contract.document import fill
from pytest_kvfake.engine.messages import Response
from pytest_kvfake.engine.service import ServiceError

if TYPE_CHECKING:
    from pytest_kvfake.apify.state import Record
    from pytest_kvfake.contract.document import Document
    from pytest_kvfake.engine.service import Command, Context, Outcome

__all__ = ["Archive", "Data", "Preflight", "Profile", "Served", "render"]

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Data:
    """A result that goes out as ``{"data": …}``."""

    value: Any


@dataclass(frozen=True, slots=True)
class Profile:
    """What a user is told of himself; the features of the platform are added."""

    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Served:
    """A record that goes out as it is.

    Attributes:
        record: the record.
        attachment: whether browsers shall save it.
        silent: whether only the headers are wanted, although the answer goes to a GET.
    """

    record: Record
    attachment: bool
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Archive:
    """Records that go out in a ZIP archive, by key."""

    records: tuple[tuple[str, Record], ...]


@dataclass(frozen=True, slots=True)
class Preflight:
    """What a path can do."""

    verbs: tuple[str, ...]


def render(result: Outcome | ServiceError, command: Command, context: Context) -> Response:
    """Makes the answer to a command."""
    always = _always(command, context)
    if isinstance(result, ServiceError):
        return _failure(result, command, context, always)
    given, status, headers = result.result, result.status, result.headers
    if isinstance(given, Served):
        return _served(given, command, (*headers, *always))
    if isinstance(given, Archive):
        fields = (("content-type", "application/zip"), *headers, *always)
        return Response(status, fields, stream=lambda: archive_of(given.records))
    if isinstance(given, Preflight):
        return Response(status, (*_preflight(context.document, given.verbs), *headers, *always))
    if given is None:
        return Response(status, (*headers, *always))
    if isinstance(given, Profile):
        given = Data({**given.value, "effectivePlatformFeatures": _features(context.document)})
    return _json(status, {"data": given.value} if isinstance(given, Data) else given, (*headers, *always))


def _json(status: int, value: Any, headers: Fields) -> Response:
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return Response(status, (("content-type", "application/json; charset=utf-8"), *headers), text.encode("utf-8"))


def _served(served: Served, command: Command, headers: Fields) -> Response:
    """In the stored coding where the reader admits it, or where nothing else can be done; else decoded."""
    record = served.record
    fields: Fields = (("content-type", record.content_type),)
    body, coding = record.raw, record.content_encoding
    if coding is not None:
        accepted = parse_accept_header(command.request.headers.get("accept-encoding", "")).quality(coding) > 0
        plain = None if accepted else record.decoded
        if plain is None:
            fields += (("content-encoding", coding),)
        else:
            body = plain
    if served.attachment:
        fields += (("content-disposition", "attachment"),)
    return Response(200, (*fields, *headers), b"" if served.silent else body)


def _failure(error: ServiceError, command: Command, context: Context, always: Fields) -> Response:
    if error.name is None:
        assert error.status is not None
        return Response(error.status, (*error.headers.items(), *always))
    rule = context.document.errors[error.name]
    values = {**rule.example, "limit": _rate(command, context), **error.values}
    headers = {name: fill(template, values) for name, template in rule.headers.items()}
    fields = (*(headers | dict(error.headers)).items(), *always)
    if rule.code is None:
        return Response(rule.status, fields)
    return _json(rule.status, {"error": {"type": rule.code, "message": rule.text(values)}}, fields)


def _always(command: Command, context: Context) -> Fields:
    return (("x-ratelimit-limit", str(_rate(command, context))), *_constants(context.document))


def _rate(command: Command, context: Context) -> int:
    """Requests per second that the path is told of: records have more."""
    known = command.operation is not None or command.allowed
    name = "record_requests_per_second" if known and is_record_path(command.request.path) else "requests_per_second"
    return context.document.limits[name].value


@lru_cache(maxsize=4)
def _constants(document: Document) -> Fields:
    """The headers of every answer: those of a failure that can have only one value."""
    described = document.at("/components/responses/ClientError/headers")
    schemas = {name: document.resolve(node)["schema"] for name, node in described.items()}
    return tuple(
        (name, schema["const"]) for name, schema in schemas.items() if "const" in schema and name != "content-type"
    )


def _preflight(document: Document, verbs: tuple[str, ...]) -> Fields:
    return (
        ("access-control-allow-methods", ", ".join(verbs)),
        ("access-control-allow-headers", document.at("/components/headers/access_control_allow_headers/schema/const")),
        ("allow", ",".join(verbs)),
    )


def _features(document: Document) -> dict[str, Any]:
    names = document.at("/components/schemas/Features/required")
    feature = {
        "isEnabled": True,
        "disabledReason": None,
        "disabledReasonType": None,
        "isTrial": False,
        "trialExpirationAt": None,
    }
    return dict.fromkeys(names, feature)
