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
from pytest_kvfake.engine.service import Checks, Command, ServiceError

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
    raw = command.raw_parameters
    if "account_id" in raw:
        refusal = _check_account(command, raw["account_id"], command.parameters["account_id"])
        if refusal is not None:
            return refusal
    return ServiceError("empty_key") if raw.get("key_name") in _DOTS else None


def check_unrouted(state: CloudflareState, command: Command, now: float) -> ServiceError | None:
    """The same where no operation answers; what has one under another method goes on."""
    del state, now
    path = command.request.path
    found = _ACCOUNT_PATH.fullmatch(path)
    if found is not None:
        refusal = _check_account(command, found[1], percent_decoded(found[1]))
        if refusal is not None:
            return refusal
    if command.allowed:
        return None
    return ServiceError("empty_key") if _EMPTY_KEY_PATH.fullmatch(path) else _unless_listing(command)


def _check_account(command: Command, raw: str, sent: str | None) -> ServiceError | None:
    account = normalised_id(sent or "")
    if account is None or "-" in raw:
        return _not_routed(command.request.path)
    command.arguments["account"] = account
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


def refuse_method(state: CloudflareState, command: Command, now: float) -> ServiceError:
    """405 for a path that exists under other methods."""
    del state, command, now
    return ServiceError("method_not_allowed")


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


GATEWAY: Checks[CloudflareState] = (
    check_route,
    {None: check_unrouted},
    check_credentials,
    check_permission,
    {None: refuse_method},
)
CHECKS: Checks[CloudflareState] = (check_namespace_id, QUERY_READERS, BODY_READERS)


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
