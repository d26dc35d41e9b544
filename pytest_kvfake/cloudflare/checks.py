"""What Workers KV looks at before it touches its store, in the contract's order (cloudflare.md 3.3).

Each check gives nothing or one error, and may leave what it has read in ``command.arguments``: ``account`` and
``namespace`` (ids), ``caller``, and the arguments of the operation by the contract's names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pytest_kvfake.cloudflare.cursor import position_of
from pytest_kvfake.cloudflare.rules import metadata_text_of, whole
from pytest_kvfake.cloudflare.state import CloudflareState, Token, normalised_id
from pytest_kvfake.engine.jsontext import parsed
from pytest_kvfake.engine.multipart import boundary_of, fields_of
from pytest_kvfake.engine.service import Command, ServiceError, percent_decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_kvfake.engine.messages import Request

__all__ = ["CHECKS", "GATEWAY", "Caller", "body_limit", "normalise"]

_PREFIX = "/client/v4"
_KEY_PATH = re.compile(r"(.*?/storage/kv/namespaces/[^/]+/(?:values|metadata)/)(.*)")
_ACCOUNT_PATH = re.compile(r"(?:/client/v4)?/accounts/([^/]*)/.*")
_EMPTY_KEY_PATH = re.compile(r".*/storage/kv/namespaces/[^/]+/(?:values|metadata)/")
_NAMESPACES_PATH = re.compile(r".*/storage/kv/namespaces/")
_BEARER = re.compile(r"bearer[ \t]+([A-Za-z0-9._~+/=-]+)", re.IGNORECASE | re.ASCII)
_GLOBAL_KEY = re.compile(r"[0-9a-f]{32,64}", re.IGNORECASE | re.ASCII)
_DOTS = {".", ".."}

# Who is not on a list may do everything.
_ANY = Token()

# What a body may have where no limit of the contract speaks of it, in bytes: one of JSON, one in parts.
_SMALL_BODY = 1 << 20
_PARTS = 100_000_000


class Caller(NamedTuple):
    """Who asks: ``token``, ``key`` or ``service``, with the secret that was sent."""

    scheme: str
    secret: str
    token: Token


def normalise(request: Request, state: CloudflareState) -> Request:
    """Reads HEAD as GET, and collapses unencoded slashes inside a key; leading ones are dropped."""
    del state
    method = "GET" if request.method == "HEAD" else request.method
    path, mark, query = request.target.partition("?")
    if "//" in path:
        found = _KEY_PATH.fullmatch(path)
        if found is not None:
            path = found[1] + re.sub("/+", "/", found[2]).removeprefix("/")
    if method is request.method and "//" not in request.target:
        return request
    return request.with_target(method, path + mark + query)


def body_limit(state: CloudflareState, command: Command) -> int:
    """The most bytes of a body that are worth reading: beyond, only the length counts."""
    limits = state.limits
    if command.operation is None:
        return 0
    if command.operation.name == "write_value":
        return max(_PARTS, limits.value_bytes + _SMALL_BODY) if _in_parts(command.request) else limits.value_bytes
    return limits.bulk_request_bytes if "BULK" in command.operation.groups else _SMALL_BODY


def check_route(state: CloudflareState, command: Command, now: float) -> ServiceError | None:
    """7003 for what leads nowhere, and the plain text for an empty key."""
    del state, now
    path = command.request.path
    raw_account = command.raw_parameters.get("account_id")
    if command.operation is None:
        found = _ACCOUNT_PATH.fullmatch(path)
        raw_account = found[1] if found is not None else None
    if raw_account is not None:
        account = normalised_id(percent_decoded(raw_account) or "")
        if account is None or "-" in raw_account:
            return _not_routed(path)
        command.arguments["account"] = account
    if command.operation is None and not command.allowed:
        return ServiceError("empty_key") if _EMPTY_KEY_PATH.fullmatch(path) else _unless_listing(command)
    if command.raw_parameters.get("key_name") in _DOTS:
        return ServiceError("empty_key")
    return None


def check_credentials(state: CloudflareState, command: Command, now: float) -> ServiceError | None:
    """9106 without credentials, 6003 for unusable ones; a bearer token goes before the other schemes."""
    del state, now
    headers = command.request.headers
    authorization = headers.get("authorization")
    if authorization is not None:
        found = _BEARER.fullmatch(authorization.strip())
        if found is None:
            return ServiceError("invalid_authorization_header")
        command.arguments["caller"] = Caller("token", found[1], _ANY)
        return None
    email, key = headers.get("x-auth-email"), headers.get("x-auth-key")
    if email is not None or key is not None:
        good_email = email is not None and "@" in email
        good_key = key is not None and _GLOBAL_KEY.fullmatch(key) is not None
        if good_email and good_key:
            command.arguments["caller"] = Caller("key", f"{email} {key}", _ANY)
            return None
        if good_email:
            return ServiceError("invalid_key_header")
        return ServiceError("invalid_email_header" if good_key else "invalid_email_and_key_headers")
    service_key = headers.get("x-auth-user-service-key")
    if service_key:
        command.arguments["caller"] = Caller("service", service_key, _ANY)
        return None
    return ServiceError("missing_credentials")


def check_permission(state: CloudflareState, command: Command, now: float) -> ServiceError | None:
    """401 for an unknown token, 403 for one that may not; only when the fake has been told who may."""
    del now
    caller: Caller = command.arguments["caller"]
    operation = command.operation
    if state.tokens:
        token = state.tokens.get(caller.secret)
        if token is None:
            return _unknown_caller(caller, command)
        command.arguments["caller"] = Caller(caller.scheme, caller.secret, token)
        if operation is not None and operation.changes and token.permission == "read":
            return ServiceError("permission_denied")
        account = command.arguments.get("account")
        if account is not None and token.accounts is not None and account not in token.accounts:
            return ServiceError("permission_denied")
    account = command.arguments.get("account")
    if account is not None and state.closed and account not in state.accounts:
        return ServiceError("permission_denied")
    return None


def check_method(state: CloudflareState, command: Command, now: float) -> ServiceError | None:
    """405 for a path that exists under other methods."""
    del state, now
    return ServiceError("method_not_allowed") if command.operation is None else None


def check_namespace_id(state: CloudflareState, command: Command, now: float) -> ServiceError | None:
    """10011 for a namespace id that is neither 32 hex digits nor a UUID."""
    del state, now
    raw = command.raw_parameters.get("namespace_id")
    if raw is None:
        return None
    sent = command.parameter("namespace_id")
    namespace = normalised_id(sent or "")
    if namespace is None:
        return ServiceError("invalid_namespace_id", {"namespace_id": raw if sent is None else sent})
    command.arguments["namespace"] = namespace
    return None


def check_query(state: CloudflareState, command: Command, now: float) -> ServiceError | None:
    """The query parameters that the API layer parses itself."""
    del now
    assert command.operation is not None
    reader = _QUERY_READERS.get(command.operation.name)
    return None if reader is None else reader(state, command.query, command.arguments)


def check_body(state: CloudflareState, command: Command, now: float) -> ServiceError | None:
    """The body's syntax; its limits are judged by the operation, once the namespace is known to exist."""
    del now
    assert command.operation is not None
    reader = _BODY_READERS.get(command.operation.name)
    return None if reader is None else reader(state, command)


GATEWAY = (check_route, check_credentials, check_permission, check_method)
CHECKS = (check_namespace_id, check_query, check_body)


def _not_routed(path: str) -> ServiceError:
    return ServiceError("not_routed", {"path": path if path.startswith(_PREFIX) else _PREFIX + path})


def _unless_listing(command: Command) -> ServiceError | None:
    """``…/namespaces/`` is no route, but the real gateway knows it: plain 404 for GET, 405 for the rest."""
    path = command.request.path
    if not _NAMESPACES_PATH.fullmatch(path):
        return _not_routed(path)
    return ServiceError("empty_key") if command.request.method == "GET" else None


def _unknown_caller(caller: Caller, command: Command) -> ServiceError:
    if caller.scheme == "key":
        return ServiceError("unknown_key")
    if command.operation is not None and command.operation.name in {"verify_token", "verify_account_token"}:
        return ServiceError("invalid_api_token")
    return ServiceError("authentication_error" if "account" in command.arguments else "invalid_access_token")


def _read_list_namespaces(
    state: CloudflareState, query: Mapping[str, str], arguments: dict[str, Any]
) -> ServiceError | None:
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
    arguments.update(page=page, per_page=per_page, order=order, descending=direction == "desc")
    return None


def _read_page(state: CloudflareState, query: Mapping[str, str], arguments: dict[str, Any]) -> ServiceError | None:
    del state
    page = whole(query.get("page", "1"))
    per_page = whole(query.get("per_page", "20"))
    arguments.update(page=max(page or 1, 1), per_page=max(per_page or 20, 1))
    return None


def _read_list_keys(state: CloudflareState, query: Mapping[str, str], arguments: dict[str, Any]) -> ServiceError | None:
    limits = state.limits
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
    arguments.update(limit=limit, after=after, prefix=query.get("prefix", ""))
    return None


def _read_title(state: CloudflareState, command: Command) -> ServiceError | None:
    del state
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


def _read_value(state: CloudflareState, command: Command) -> ServiceError | None:
    del state
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


def _read_items(error: str, kind: str, key_of: Callable[[Any], str | None]) -> Callable[..., ServiceError | None]:
    """Makes the reader of a JSON array whose items all have a key; too large a body is left to the operation."""

    def read(state: CloudflareState, command: Command) -> ServiceError | None:
        del state
        request = command.request
        if request.body_size > len(request.body):
            command.arguments["oversize"] = True
            return None
        try:
            items = parsed(request.body)
        except ValueError as problem:
            return ServiceError(error, {"reason": problem})
        if not isinstance(items, list):
            return ServiceError(error, {"reason": "cannot unmarshal the body into an array"})
        keys = [key_of(item) for item in items]
        if None in keys:
            return ServiceError(error, {"reason": f"cannot unmarshal item {keys.index(None)} into {kind}"})
        command.arguments["items"] = items
        command.bulk_keys = cast("list[str]", keys)
        return None

    return read


def _read_bulk_get(state: CloudflareState, command: Command) -> ServiceError | None:
    del state
    request = command.request
    if request.body_size > len(request.body):
        command.arguments["oversize"] = True
        return None
    try:
        body = parsed(request.body)
    except ValueError as problem:
        return ServiceError("malformed_bulk_get", {"reason": problem})
    if not isinstance(body, dict):
        return ServiceError("malformed_bulk_get", {"reason": "cannot unmarshal the body into an object"})
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


_QUERY_READERS = {
    "list_namespaces": _read_list_namespaces,
    "list_keys": _read_list_keys,
    "list_accounts": _read_page,
    "list_memberships": _read_page,
}

_read_keys = _read_items("malformed_keys", "a string", _key_of_text)

_BODY_READERS: Mapping[str, Callable[[CloudflareState, Command], ServiceError | None]] = {
    "create_namespace": _read_title,
    "rename_namespace": _read_title,
    "write_value": _read_value,
    "bulk_write": _read_items("malformed_pairs", "a key-value pair", _key_of_pair),
    "bulk_delete": _read_keys,
    "bulk_delete_deprecated": _read_keys,
    "bulk_get": _read_bulk_get,
}
