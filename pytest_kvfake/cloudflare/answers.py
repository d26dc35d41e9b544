"""How Workers KV answers: the envelope, its errors, and the headers, in each dialect (cloudflare.md 4, 12)."""

from __future__ import annotations

from typing import Any, NamedTuple

from pytest_kvfake.contract.document import fill
from pytest_kvfake.engine.jsontext import written
from pytest_kvfake.engine.messages import Response
from pytest_kvfake.engine.seed import numbered
from pytest_kvfake.engine.service import Command, Context, Outcome, ServiceError

__all__ = ["NOTHING", "Enveloped", "render"]

NOTHING = object()
"""The result of an operation that has none: ``{}`` or ``null``, as the dialect has it."""

_JSON = ("content-type", "application/json")
_OCTETS = ("content-type", "application/octet-stream")
_SAME = (("cf-cache-status", "DYNAMIC"), ("server", "cloudflare"))


class Enveloped(NamedTuple):
    """A result with something beside it: what a page says of the whole, or messages."""

    result: Any
    info: dict[str, Any] | None
    messages: tuple[dict[str, Any], ...] = ()


def render(result: Outcome | ServiceError, command: Command, context: Context) -> Response:
    """Makes the answer to a command: bytes are a stored value and go out without an envelope."""
    if isinstance(result, ServiceError):
        return _failure(result, command, context)
    outcome = result.result
    kind, body = (_OCTETS, outcome) if isinstance(outcome, bytes) else (_JSON, written(_envelope(outcome, context)))
    return Response(result.status, (kind, *result.headers, *_always(command, context)), body)


def _envelope(result: Any, context: Context) -> dict[str, Any]:
    info: dict[str, Any] | None = None
    messages: tuple[dict[str, Any], ...] = ()
    if result is NOTHING:
        result = context.document.answers["empty_result"]
    elif isinstance(result, Enveloped):
        result, info, messages = result.result, result.info, result.messages
    body = {"result": result, "success": True, "errors": [], "messages": list(messages)}
    if info is not None:
        body["result_info"] = info
    return body


def _failure(error: ServiceError, command: Command, context: Context) -> Response:
    document = context.document
    if error.name is None:
        assert error.status is not None
        return Response(error.status, (*error.headers.items(), *_always(command, context)))
    rule = document.errors[error.name]
    settings = command.operation.settings if command.operation is not None else {}
    values = {"verb": settings.get("verb", ""), "method": command.request.method, **error.values}
    headers = {name: fill(template, {**rule.example, **values}) for name, template in rule.headers.items()}
    headers |= error.headers
    if rule.body is not None:
        sent = (("content-type", rule.body["content_type"]), *headers.items(), *_always(command, context))
        return Response(rule.status, sent, rule.body["text"].encode())
    one: dict[str, Any] = {"code": rule.code, "message": rule.text(values)}
    if "chain" in rule.more:
        one["error_chain"] = rule.more["chain"]
    result = settings.get("answers", {}).get("failure_result", document.answers["empty_result"])
    # The gateway's own answers come in another order than those of KV; no client minds, a reader might.
    if rule.everywhere:
        body = {"success": False, "errors": [one], "messages": [], "result": result}
    else:
        body = {"result": result, "success": False, "errors": [one], "messages": []}
    return Response(rule.status, (_JSON, *headers.items(), *_always(command, context)), written(body))


def _always(command: Command, context: Context) -> tuple[tuple[str, str], ...]:
    digits = numbered(context.seed, "ray", command.number)
    return (("cf-ray", f"{digits}-HEL"), *_SAME)
