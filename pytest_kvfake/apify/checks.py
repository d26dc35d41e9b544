"""What the service looks at before it touches its stores, in the contract's order (apify.md 2.9).

Each check gives nothing, or the answer. They leave what they have read in ``command.arguments``: ``caller``,
``store`` (the store's id), and the arguments of the operation by the contract's names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from pytest_kvfake.apify.access import ANONYMOUS, Caller, reference_of, refusal_of, token_of
from pytest_kvfake.apify.answers import Preflight
from pytest_kvfake.apify.reading import READERS, read_listing, read_stores
from pytest_kvfake.apify.rules import check_key, check_length, coding_of, is_record_path
from pytest_kvfake.apify.state import record_of
from pytest_kvfake.engine.service import Outcome, ServiceError

if TYPE_CHECKING:
    from pytest_kvfake.apify.state import ApifyState
    from pytest_kvfake.engine.messages import Request
    from pytest_kvfake.engine.service import Checks, Command

__all__ = ["CHECKS", "body_limit", "normalise"]

# In the order in which the service lists the verbs of a path.
_VERBS = ("OPTIONS", "GET", "HEAD", "PUT", "POST", "DELETE", "PATCH")
_OVERRIDE = re.compile(r"(?:^|&)method=([^&]*)")
_BY_ID = "/v2/key-value-stores/"
_LISTINGS = frozenset({"list_keys", "download_records"})
_TOKEN_NEEDED = frozenset({"list_stores", "get_or_create_store", "get_current_user"})


def normalise(request: Request, state: ApifyState) -> Request:
    """Obeys ``?method=``, drops one slash at the end, and reads HEAD as GET where there is no HEAD."""
    del state
    path, mark, query = request.target.partition("?")
    verb = _override_of(query)
    method = verb if verb in _VERBS else request.method
    path = path.removesuffix("/")
    if method == "HEAD":
        method = "HEAD" if path.startswith(_BY_ID) and is_record_path(path) else "GET"
    target = path + mark + query
    return request if (method, target) == (request.method, request.target) else request.with_target(method, target)


def body_limit(state: ApifyState, command: Command) -> int:
    """The most bytes of a body that are worth reading: beyond, only the length counts."""
    return state.limits.request_bytes if command.operation is not None and command.operation.changes else 0


def check_override(state: ApifyState, command: Command, now: float) -> ServiceError | None:
    """400 for a ``?method=`` that is no verb."""
    del state, now
    verb = _override_of(command.request.query)
    if verb and verb not in _VERBS:
        return ServiceError("parameter_not_one_of", {"parameter": "method", "values": ", ".join(_VERBS)})
    return None


def check_preflight(state: ApifyState, command: Command, now: float) -> Outcome | None:
    """204 for OPTIONS on a known path, which is no operation, whatever token comes with it."""
    del state, now
    if command.request.method == "OPTIONS" and command.allowed:
        return Outcome(Preflight(_verbs_of(command)), 204)
    return None


def check_token(state: ApifyState, command: Command, now: float) -> ServiceError | None:
    """401 for a token that nobody knows, also where none is needed."""
    del now
    secret = token_of(command.request.headers, command.query)
    caller = ANONYMOUS
    if secret:
        token = state.tokens.get(secret)
        user = None if token is None else state.users.get(token.user_id)
        if token is None or user is None:
            return ServiceError("token_not_valid")
        caller = Caller(secret, user, token)
    command.arguments["caller"] = caller
    return None


def refuse_route(state: ApifyState, command: Command, now: float) -> ServiceError:
    """404 for a path where nothing is, 405 for one that is there under other verbs."""
    del state, now
    if not command.allowed:
        return ServiceError("page_not_found")
    return ServiceError("method_not_allowed", {"allowed": ",".join(_verbs_of(command))})


def check_credentials(state: ApifyState, command: Command, now: float) -> ServiceError | None:
    """401 where an operation that names no store needs a token; 403 where the token lacks the permission."""
    del now
    assert command.operation is not None
    caller: Caller = command.arguments["caller"]
    name = command.operation.name
    if name in _TOKEN_NEEDED and caller.user is None:
        return ServiceError("token_not_provided")
    if name == "list_stores" and not caller.may("read"):
        return ServiceError("permission_denied")
    if name in READERS and caller.user is not None:
        refusal = _refused_upload(state, command)
        if refusal is not None:
            return refusal
    if name == "get_or_create_store":
        assert caller.user is not None
        store = state.store_named(caller.user.id, command.query.get("name", ""))
        if not (caller.may("create") if store is None else caller.may("read", store)):
            return ServiceError("permission_denied")
    return None


def check_store(state: ApifyState, command: Command, now: float) -> ServiceError | None:
    """404 for a store that is not there, 401 or 403 for somebody who may not."""
    assert command.operation is not None
    if "userId" in command.raw_parameters or not command.raw_parameters:
        return None
    caller: Caller = command.arguments["caller"]
    reference = reference_of(state, command, caller)
    if isinstance(reference, ServiceError):
        return reference
    refusal = refusal_of(state, command, caller, reference, now)
    if refusal is not None:
        return refusal
    assert reference.store is not None
    command.arguments["store"] = reference.store.id
    return None


def check_syntax(state: ApifyState, command: Command, now: float) -> ServiceError | None:
    """400 for a key or a query value that cannot be."""
    del now
    assert command.operation is not None
    name = command.operation.name
    if "recordKey" in command.raw_parameters:
        return check_key(command.key, state.limits) or _unwelcome(command)
    if name == "list_stores":
        return read_stores(state, command)
    return read_listing(state, command) if name in _LISTINGS else None


def check_upload(state: ApifyState, command: Command, now: float) -> ServiceError | None:
    """415, 413, and 400 for a record that its collection does not allow."""
    del now
    refusal = _refused_upload(state, command)
    if refusal is not None:
        return refusal
    headers = command.request.headers
    coding = coding_of(headers.get("content-encoding"))
    assert not isinstance(coding, ServiceError)
    record = record_of(command.request.body, headers.get("content-type"), coding)
    command.arguments["record"] = record
    store = state.stores.get(command.arguments["store"])
    if store is None or store.schema is None:
        return None
    assert command.key is not None
    reason = store.schema.violation(command.key, record.content_type, record.decoded)
    return None if reason is None else ServiceError("schema_violation", {"reason": reason})


CHECKS: Checks[ApifyState] = (
    check_override,
    {None: check_preflight},
    check_token,
    {None: refuse_route},
    check_credentials,
    check_store,
    check_syntax,
    {"store_record": check_upload, "store_record_post": check_upload},
    READERS,
)


def _override_of(query: str) -> str:
    """The verb in a query, in upper case; empty where there is none."""
    sent = _OVERRIDE.findall(query) if "method=" in query else ()
    return unquote_plus(sent[-1], errors="replace").upper() if sent else ""


def _verbs_of(command: Command) -> tuple[str, ...]:
    """The verbs of a path where no operation has the one that was sent; HEAD goes unsaid only beside records."""
    verbs = {"OPTIONS", *command.allowed}
    if is_record_path(command.request.path):
        verbs.add("HEAD")
    return tuple(verb for verb in _VERBS if verb in verbs)


def _refused_upload(state: ApifyState, command: Command) -> ServiceError | None:
    coding = coding_of(command.request.headers.get("content-encoding"))
    return coding if isinstance(coding, ServiceError) else check_length(command.request.body_size, state.limits)


def _unwelcome(command: Command) -> ServiceError | None:
    """Service workers may not be registered from records, in the dialect that has that error."""
    assert command.operation is not None
    forbidden = "service_worker_forbidden" in command.operation.errors
    return (
        ServiceError("service_worker_forbidden") if forbidden and "service-worker" in command.request.headers else None
    )
