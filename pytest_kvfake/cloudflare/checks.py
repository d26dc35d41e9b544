"""What Workers KV looks at before it touches its store, in the contract's order (cloudflare.md 3.3).

Each check gives nothing or one error, and may leave what it has read in ``command.arguments``: ``account`` and
``namespace`` (ids), ``caller``, and the arguments of the operation by the contract's names.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from pytest_kvfake.cloudflare.reading import BODY_READERS, QUERY_READERS
from pytest_kvfake.cloudflare.state import CloudflareState, Token, normalised_id
from pytest_kvfake.contract.router import percent_decoded
from pytest_kvfake.engine.service import Command, ServiceError

if TYPE_CHECKING:
    from pytest_kvfake.engine.messages import Request

__all__ = ["CHECKS", "GATEWAY", "Caller", "normalise"]

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


class Caller(NamedTuple):
    """Who asks: ``token``, ``key`` or ``service``, with the secret that was sent."""

    scheme: str
    secret: str
    token: Token


def normalise(request: Request, state: CloudflareState) -> Request:
    """Reads HEAD as GET, and collapses unencoded slashes inside a key; leading ones are dropped."""
    del state
    method, target = request.method, request.target
    if "//" not in target and method != "HEAD":
        return request
    path, mark, query = target.partition("?")
    found = _KEY_PATH.fullmatch(path) if "//" in path else None
    if found is not None:
        path = found[1] + re.sub("/+", "/", found[2]).removeprefix("/")
    return request.with_target("GET" if method == "HEAD" else method, path + mark + query)


def check_route(state: CloudflareState, command: Command, now: float) -> ServiceError | None:
    """7003 for what leads nowhere, and the plain text for an empty key."""
    del state, now
    raw_account, sent = command.raw_parameters.get("account_id"), command.parameters.get("account_id")
    if command.operation is None:
        found = _ACCOUNT_PATH.fullmatch(command.request.path)
        raw_account = found[1] if found is not None else None
        sent = None if raw_account is None else percent_decoded(raw_account)
    if raw_account is not None:
        account = normalised_id(sent or "")
        if account is None or "-" in raw_account:
            return _not_routed(command.request.path)
        command.arguments["account"] = account
    if command.operation is None and not command.allowed:
        empty_key = _EMPTY_KEY_PATH.fullmatch(command.request.path)
        return ServiceError("empty_key") if empty_key else _unless_listing(command)
    if command.raw_parameters.get("key_name") in _DOTS:
        return ServiceError("empty_key")
    return None


def check_credentials(state: CloudflareState, command: Command, now: float) -> ServiceError | None:
    """9106 without credentials, 6003 for unusable ones; a bearer token goes before the other schemes."""
    del state, now
    headers = command.request.headers
    authorization = headers.get("authorization")
    if authorization is not None:
        caller = _bearer(authorization)
        if caller is None:
            return ServiceError("invalid_authorization_header")
        command.arguments["caller"] = caller
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


@lru_cache(maxsize=64)
def _bearer(authorization: str) -> Caller | None:
    found = _BEARER.fullmatch(authorization.strip())
    return None if found is None else Caller("token", found[1], _ANY)


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
    sent = command.parameters["namespace_id"]
    namespace = normalised_id(sent or "")
    if namespace is None:
        return ServiceError("invalid_namespace_id", {"namespace_id": raw if sent is None else sent})
    command.arguments["namespace"] = namespace
    return None


def check_query(state: CloudflareState, command: Command, now: float) -> ServiceError | None:
    """The query parameters that the API layer parses itself."""
    del now
    assert command.operation is not None
    reader = QUERY_READERS.get(command.operation.name)
    return None if reader is None else reader(state, command.query, command.arguments)


def check_body(state: CloudflareState, command: Command, now: float) -> ServiceError | None:
    """The body's syntax; its limits are judged by the operation, once the namespace is known to exist."""
    del now
    assert command.operation is not None
    reader = BODY_READERS.get(command.operation.name)
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
