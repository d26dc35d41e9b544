"""Reads arguments out of queries and bodies: each reader gives nothing, or the error with which it refuses.

What they have read they leave in ``command.arguments``, by the contract's names (cloudflare.md 6 to 10).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pytest_kvfake.cloudflare.cursor import position_of
from pytest_kvfake.cloudflare.rules import metadata_text_of, whole
from pytest_kvfake.engine.jsontext import parsed
from pytest_kvfake.engine.multipart import boundary_of, fields_of
from pytest_kvfake.engine.service import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_kvfake.cloudflare.state import CloudflareState
    from pytest_kvfake.engine.messages import Request
    from pytest_kvfake.engine.service import Check, Command

__all__ = ["BODY_READERS", "QUERY_READERS", "body_limit"]

# What a body may have where no limit of the contract speaks of it, in bytes: one of JSON, one in parts.
_SMALL_BODY = 1 << 20
_PARTS = 100_000_000


def body_limit(state: CloudflareState, command: Command) -> int:
    """The most bytes of a body that are worth reading: beyond, only the length counts."""
    limits = state.limits
    if command.operation is None:
        return 0
    if command.operation.name == "write_value":
        return max(_PARTS, limits.value_bytes + _SMALL_BODY) if _in_parts(command.request) else limits.value_bytes
    return limits.bulk_request_bytes if "BULK" in command.operation.groups else _SMALL_BODY


def _read_list_namespaces(state: CloudflareState, command: Command, now: float) -> ServiceError | None:
    del now
    query = command.query
    page = whole(query.get("page", "1"))
    if page is None or page < 1:
        return ServiceError("malformed_page")
    per_page = whole(query.get("per_page", str(state.limits.list_namespaces_default)))
    if per_page is None or not 1 <= per_page <= state.limits.list_namespaces_max:
        return ServiceError("malformed_per_page")
    order = query.get("order", "id").lower()
    if order not in {"id", "title"}:
        return ServiceError("invalid_order")
    direction = query.get("direction", "asc").lower()
    if direction not in {"asc", "desc"}:
        return ServiceError("invalid_direction")
    command.arguments.update(page=page, per_page=per_page, order=order, descending=direction == "desc")
    return None


def _read_page(state: CloudflareState, command: Command, now: float) -> ServiceError | None:
    del now
    query = command.query
    page = whole(query.get("page", "1"))
    per_page = whole(query.get("per_page", "20"))
    largest = state.limits.list_namespaces_max
    command.arguments.update(page=max(page or 1, 1), per_page=min(max(per_page or 20, 1), largest))
    return None


def _read_list_keys(state: CloudflareState, command: Command, now: float) -> ServiceError | None:
    del now
    query, limits = command.query, state.limits
    limit = whole(query.get("limit", str(limits.list_keys_default)))
    if limit is None:
        return ServiceError("malformed_list_limit")
    if limit < limits.list_keys_min:
        return ServiceError("list_limit_too_small", {"limit": limits.list_keys_min})
    if limit > limits.list_keys_max:
        return ServiceError("list_limit_too_large", {"limit": limits.list_keys_max})
    cursor = query.get("cursor", "")
    after = position_of(cursor, state.seed) if cursor else None
    if cursor and after is None:
        return ServiceError("invalid_cursor")
    command.arguments.update(limit=limit, after=after, prefix=query.get("prefix", ""))
    return None


def _read_title(state: CloudflareState, command: Command, now: float) -> ServiceError | None:
    del state, now
    request = command.request
    try:
        body = parsed(request.body) if len(request.body) == request.body_size else None
    except ValueError as error:
        return ServiceError("malformed_body", {"reason": error})
    if not isinstance(body, dict):
        return ServiceError("malformed_body", {"reason": "cannot unmarshal the body into an object"})
    title = body.get("title")
    if not isinstance(title, str) or not title:
        return ServiceError("missing_title")
    command.arguments.update(title=title, jurisdiction=body.get("jurisdiction"))
    return None


def _read_value(state: CloudflareState, command: Command, now: float) -> ServiceError | None:
    del state, now
    request = command.request
    arguments = command.arguments
    arguments.update(value=request.body, length=request.body_size, metadata=None)
    if not _in_parts(request) or request.body_size > len(request.body):
        return None
    boundary = boundary_of(request.headers["content-type"])
    try:
        parts = fields_of(request.body, boundary) if boundary is not None else {}
    except ValueError:
        parts = {}
    if "value" not in parts:
        return ServiceError("missing_value")
    metadata = metadata_text_of(parts.get("metadata"))
    if isinstance(metadata, ServiceError):
        return metadata
    arguments.update(value=parts["value"], length=len(parts["value"]), metadata=metadata)
    return None


def _in_parts(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


def _read_items(error: str, kind: str, key_of: Callable[[Any], str | None]) -> Check[CloudflareState]:
    """Makes the reader of a JSON array whose items all have a key; too large a body is left to the operation."""

    def read(state: CloudflareState, command: Command, now: float) -> ServiceError | None:
        del state, now
        items = _bulk_body(command, error, list, "an array")
        if items is None or isinstance(items, ServiceError):
            return items
        keys = [key_of(item) for item in items]
        if None in keys:
            return ServiceError(error, {"reason": f"cannot unmarshal item {keys.index(None)} into {kind}"})
        command.arguments["items"] = items
        command.bulk_keys = cast("list[str]", keys)
        return None

    return read


def _bulk_body(command: Command, error: str, kind: type, what: str) -> Any | ServiceError | None:
    """Gives the JSON of a bulk body, or the error; None for one that is too large, which the operation refuses."""
    request = command.request
    if request.body_size > len(request.body):
        command.arguments["oversize"] = True
        return None
    try:
        body = parsed(request.body)
    except ValueError as problem:
        return ServiceError(error, {"reason": problem})
    if not isinstance(body, kind):
        return ServiceError(error, {"reason": f"cannot unmarshal the body into {what}"})
    return body


def _read_bulk_get(state: CloudflareState, command: Command, now: float) -> ServiceError | None:
    del state, now
    body = _bulk_body(command, "malformed_bulk_get", dict, "an object")
    if body is None or isinstance(body, ServiceError):
        return body
    keys = body.get("keys", [])
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        return ServiceError("malformed_bulk_get", {"reason": "cannot unmarshal keys into an array of strings"})
    command.bulk_keys = keys
    command.arguments.update(keys=keys, type=body.get("type", "text"), with_metadata=body.get("withMetadata") is True)
    return None


def _key_of_pair(item: Any) -> str | None:
    if not isinstance(item, dict):
        return None
    key = item.get("key")
    return key if isinstance(key, str) and isinstance(item.get("value"), str) else None


def _key_of_text(item: Any) -> str | None:
    return item if isinstance(item, str) else None


# A query's parameters that the API layer parses itself.
QUERY_READERS: Mapping[str | None, Check[CloudflareState]] = {
    "list_namespaces": _read_list_namespaces,
    "list_keys": _read_list_keys,
    "list_accounts": _read_page,
    "list_memberships": _read_page,
}

_read_keys = _read_items("malformed_keys", "a string", _key_of_text)

# A body's syntax; its limits are judged by the operation, once the namespace is known to exist.
BODY_READERS: Mapping[str | None, Check[CloudflareState]] = {
    "create_namespace": _read_title,
    "rename_namespace": _read_title,
    "write_value": _read_value,
    "bulk_write": _read_items("malformed_pairs", "a key-value pair", _key_of_pair),
    "bulk_delete": _read_keys,
    "bulk_delete_deprecated": _read_keys,
    "bulk_get": _read_bulk_get,
}
