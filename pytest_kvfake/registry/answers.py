"""How Registry answers: JSON, the stored bytes, or nothing (registry.md 2.2, 2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_kvfake.contract.document import fill
from pytest_kvfake.engine.jsontext import written
from pytest_kvfake.engine.messages import Response
from pytest_kvfake.engine.service import ServiceError
from pytest_kvfake.registry.state import Item

if TYPE_CHECKING:
    from pytest_kvfake.engine.service import Command, Context, Outcome

__all__ = ["render"]

_JSON = ("content-type", "application/json")


def render(result: Outcome | ServiceError, command: Command, context: Context) -> Response:
    """Makes the answer to a command."""
    del command
    if isinstance(result, ServiceError):
        return _failure(result, context)
    sent = result.result
    if isinstance(sent, Item):
        times = (
            ("x-dk-create-org-time", str(sent.create_org_time)),
            ("x-dk-update-org-time", str(sent.update_org_time)),
        )
        return Response(result.status, (("content-type", sent.content_type), *result.headers, *times), sent.value)
    if sent is None:
        return Response(result.status, result.headers)
    return Response(result.status, (_JSON, *result.headers), written(sent))


def _failure(error: ServiceError, context: Context) -> Response:
    if error.name is None:
        assert error.status is not None
        return Response(error.status, tuple(error.headers.items()))
    rule = context.document.errors[error.name]
    values = {**rule.example, **error.values}
    headers = {name: fill(template, values) for name, template in rule.headers.items()}
    members = rule.more.get("members")
    if members is None:
        return Response(rule.status, tuple({**headers, **error.headers}.items()))
    # Every member of the catalogue is one placeholder, so that a number stays one.
    body = {name: values[template.strip("{}")] for name, template in members.items()}
    return Response(rule.status, tuple({**dict([_JSON]), **headers, **error.headers}.items()), written(body))
