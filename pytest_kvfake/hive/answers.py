"""How Hive answers: bare JSON, nothing at all, or the envelope of an error (hive.md 2, 3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_kvfake.contract.document import fill
from pytest_kvfake.engine.jsontext import written
from pytest_kvfake.engine.messages import Response
from pytest_kvfake.engine.service import ServiceError

if TYPE_CHECKING:
    from pytest_kvfake.engine.service import Command, Context, Outcome

__all__ = ["PREFLIGHT", "render"]

PREFLIGHT = object()
"""The result of a browser's question before it lets a page of another origin ask."""

_JSON = ("content-type", "application/json")


def render(result: Outcome | ServiceError, command: Command, context: Context) -> Response:
    """Makes the answer to a command; an outcome's result is a JSON text, or None for an answer without a body."""
    answers = context.document.answers
    always = tuple(answers["headers"].items())
    if isinstance(result, ServiceError):
        return _failure(result, command, context, always)
    if result.result is PREFLIGHT:
        return Response(result.status, (*always, *answers["preflight_headers"].items()))
    if result.result is None:
        return Response(result.status, always)
    return Response(result.status, (_JSON, *always), result.result.encode("utf-8"))


def _failure(error: ServiceError, command: Command, context: Context, always: tuple[tuple[str, str], ...]) -> Response:
    if error.name is None:
        assert error.status is not None
        return Response(error.status, (*error.headers.items(), *always))
    rule = context.document.errors[error.name]
    values = {"method": command.request.method, **error.values}
    headers = {name: fill(text, {**rule.example, **values}) for name, text in rule.headers.items()} | dict(
        error.headers
    )
    body: dict[str, object] = {"code": rule.code, "message": rule.text(values), "errorData": {}}
    return Response(rule.status, (_JSON, *headers.items(), *always), written(body))
