"""What Hive looks at before it touches a store, in the contract's order (hive.md 3.4).

Each check gives nothing or one error, and may leave what it has read in ``command.arguments``: ``hive``, ``key``,
``field``, ``index`` out of the path, the rest by the contract's names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_kvfake.engine.jsontext import parsed
from pytest_kvfake.engine.service import Outcome, ServiceError
from pytest_kvfake.hive.answers import PREFLIGHT
from pytest_kvfake.hive.bodies import BODIES
from pytest_kvfake.hive.query import query_arguments
from pytest_kvfake.hive.refusal import RefusedError, invalid
from pytest_kvfake.hive.texts import LARGEST_INTEGER

if TYPE_CHECKING:
    from pytest_kvfake.engine.messages import Request
    from pytest_kvfake.engine.service import Checks, Command
    from pytest_kvfake.hive.state.hives import HiveState

__all__ = ["CHECKS", "body_limit", "normalise"]

# A-Z, a-z, 0-9, "-", ".", "_", "~": escaped or not, they mean the same (RFC 3986 section 6.2.2.2).
_UNRESERVED = re.compile(r"%(?:3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|2[DdEe]|5[Ff]|7[Ee])")
_SLASHES = re.compile("/{2,}")
_LEGACY_EXIST = "/action/exists"

# No limit of the contract speaks of bodies, so all of them are read.
_ANY_BODY = 1 << 62

# No list is so long, so a longer number means no place in any.
_INDEX_DIGITS = 18


def normalise(request: Request, state: HiveState) -> Request:
    """Reads HEAD as GET, drops empty segments, and decodes escapes that never needed to be any."""
    method = "GET" if request.method == "HEAD" else request.method
    path, mark, query = request.target.partition("?")
    if "//" in path:
        path = _SLASHES.sub("/", path)
    if "%" in path:
        path = _UNRESERVED.sub(lambda escape: chr(int(escape[0][1:], 16)), path)
    path = path.removesuffix("/")
    if state.switches.legacy_exists and path.endswith(_LEGACY_EXIST):
        path = path[:-1]
    target = (path or "/") + mark + query
    return request if (method, target) == (request.method, request.target) else request.with_target(method, target)


def body_limit(state: HiveState, command: Command) -> int:
    """The most bytes of a body that are worth reading."""
    del state
    return 0 if command.operation is None else _ANY_BODY


def refuse_route(state: HiveState, command: Command, now: float) -> ServiceError | Outcome:
    """404 for what leads nowhere, whatever the method; browsers get their preflight."""
    del state, now
    if command.request.method == "OPTIONS":
        return Outcome(PREFLIGHT, status=204)
    return ServiceError("unknown_route", {"path": command.request.path})


def check_application(state: HiveState, command: Command, now: float) -> ServiceError | None:
    """401 for another application's id or key, where the path has them."""
    del now
    for name, ours in (("app_id", state.app_id), ("api_key", state.api_key)):
        if name in command.raw_parameters and ours is not None and command.parameters[name] != ours:
            return ServiceError("wrong_application")
    return None


def check_user_token(state: HiveState, command: Command, now: float) -> ServiceError | None:
    """3064 for a token that nobody has; only when the fake has been told who has one."""
    del now
    token = command.request.headers.get("user-token")
    if token is None or not state.tokens or token in state.tokens:
        return None
    return ServiceError("not_existing_user_token", {"token": token})


def check_names(state: HiveState, command: Command, now: float) -> ServiceError | None:
    """Decodes hive, key and field out of the path, each once."""
    del state, now
    for name in ("hive", "key", "field"):
        if name in command.raw_parameters:
            decoded = command.parameters[name]
            if decoded is None:
                return invalid(name, "must be percent-encoded UTF-8").error
            command.arguments[name] = decoded
    index = command.raw_parameters.get("index")
    if index is not None:
        command.arguments["index"] = int(index) if len(index) <= _INDEX_DIGITS else LARGEST_INTEGER
    return None


def check_hive(state: HiveState, command: Command, now: float) -> ServiceError | None:
    """27001 for a hive that does not exist."""
    del now
    assert command.operation is not None
    name = command.arguments.get("hive")
    if name is None or name in state.hives or "hive_not_found" not in command.operation.errors:
        return None
    return ServiceError("hive_not_found", {"name": name})


def check_body(state: HiveState, command: Command, now: float) -> ServiceError | None:
    """The body of an operation that documents one: its type, its syntax, its shape."""
    del now
    assert command.operation is not None
    media_type = command.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        return ServiceError("bad_content_type")
    try:
        body = parsed(command.request.body)
    except ValueError:
        return ServiceError("bad_json")
    try:
        found = BODIES[command.operation.name](body)
    except RefusedError as refusal:
        return refusal.error
    if state.switches.string_values_only and found.get("text") is False:
        return invalid("value", "must be a string").error
    command.arguments.update(found)
    command.bulk_keys = found.get("keys", ())
    if command.operation.name == "key_value_set_many":
        command.bulk_keys = list(found["values"])
    return None


def check_query(state: HiveState, command: Command, now: float) -> ServiceError | None:
    """The query parameters, and the bounds of how much may be asked for."""
    del now
    assert command.operation is not None
    try:
        arguments = query_arguments(command.operation, command.query)
    except RefusedError as refusal:
        return refusal.error
    command.arguments.update(arguments)
    limits = state.limits
    if command.operation.name == "sorted_set_get_range_by_score":
        wanted = next((arguments[name] for name in ("pageSize", "count") if arguments.get(name) is not None), None)
        wanted = limits.range_by_score_default if wanted is None else wanted
        command.arguments["pageSize"] = wanted
        return _unless(wanted <= limits.range_by_score_max, "pageSize", limits.range_by_score_max)
    if command.operation.name in {"set_random", "sorted_set_get_random"}:
        return _unless(-arguments["count"] <= limits.random_repeats_max, "count", limits.random_repeats_max)
    return None


CHECKS: Checks[HiveState] = (
    {None: refuse_route},
    check_application,
    check_user_token,
    check_names,
    check_hive,
    dict.fromkeys(BODIES, check_body),
    check_query,
)


def _unless(kept: bool, field: str, largest: int) -> ServiceError | None:
    return None if kept else ServiceError("limit_exceeded", {"field": field, "max": largest})
