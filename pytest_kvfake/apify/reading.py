"""Reads arguments out of queries and JSON bodies: each gives nothing, or the error with which it refuses.

What they have read they leave in ``command.arguments``, by the contract's names (apify.md 2.4, 2.5, 6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_kvfake.apify.rules import ACCESS_LEVELS, check_name, coding_of, number_of, truth_of
from pytest_kvfake.apify.storeschema import InvalidStoreSchemaError, schema_of
from pytest_kvfake.engine.codecs import decoded
from pytest_kvfake.engine.jsontext import parsed
from pytest_kvfake.engine.service import ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_kvfake.apify.state import ApifyState
    from pytest_kvfake.engine.messages import Request
    from pytest_kvfake.engine.service import Check, Command

__all__ = ["READERS", "read_listing", "read_stores"]

_OWNERSHIPS = ("ownedByMe", "sharedWithMe")


def read_stores(state: ApifyState, command: Command) -> ServiceError | None:
    """Reads which page of the stores is wanted."""
    query = command.query
    offset, limit = number_of("offset", query.get("offset")), number_of("limit", query.get("limit"))
    if isinstance(offset, ServiceError):
        return offset
    if isinstance(limit, ServiceError):
        return limit
    ownership = query.get("ownership", "")
    if ownership and ownership not in _OWNERSHIPS:
        return ServiceError("parameter_not_one_of", {"parameter": "ownership", "values": ", ".join(_OWNERSHIPS)})
    most = state.limits.list_stores_max
    command.arguments.update(
        offset=offset or 0,
        limit=min(limit or most, most),
        desc=truth_of(query.get("desc")),
        unnamed=truth_of(query.get("unnamed")),
        shared=ownership == "sharedWithMe",
    )
    return None


def read_listing(state: ApifyState, command: Command) -> ServiceError | None:
    """Reads which part of a store's records is wanted."""
    assert command.operation is not None
    most = state.limits.list_keys_max
    # The archive knows no limit: there it is one of the parameters that nobody reads.
    pages = command.operation.name == "list_keys"
    limit = number_of("limit", command.query.get("limit") if pages else None)
    if isinstance(limit, ServiceError):
        return limit
    store = state.stores.get(command.arguments["store"])
    name = command.query.get("collection", "")
    collection = store.schema.collection(name) if name and store is not None and store.schema is not None else None
    if name and collection is None:
        return ServiceError("invalid_collection", {"collection": name})
    command.arguments.update(limit=min(limit or most, most), collection=collection)
    return None


def _json_body(request: Request, *, tolerant: bool) -> dict[str, Any] | ServiceError:
    """The object in a body; an empty body is an empty object, and where ``tolerant`` so is what is not called JSON."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    coding = coding_of(request.headers.get("content-encoding"))
    assert not isinstance(coding, ServiceError)
    data = request.body if coding is None or not request.body else decoded(request.body, coding)
    if data == b"" or (tolerant and media_type != "application/json"):
        return {}
    try:
        body = None if data is None else parsed(data)
    except ValueError:
        return ServiceError("invalid_input")
    return body if isinstance(body, dict) else ServiceError("invalid_input")


def _read_create(state: ApifyState, command: Command, now: float) -> ServiceError | None:
    del now
    body = _json_body(command.request, tolerant=True)
    if isinstance(body, ServiceError):
        return body
    name = command.query.get("name", "")
    refusal = check_name(name, state.limits) if name else None
    if refusal is not None:
        return refusal
    schema = body.get("schema")
    try:
        command.arguments["schema"] = None if schema is None else schema_of(schema)
    except InvalidStoreSchemaError as reason:
        return ServiceError("store_schema_invalid", {"reason": reason})
    command.arguments["name"] = name or None
    return None


def _read_update(state: ApifyState, command: Command, now: float) -> ServiceError | None:
    del now
    body = _json_body(command.request, tolerant=False)
    if isinstance(body, ServiceError):
        return body
    changes = {name: body[name] for name in ("name", "title", "generalAccess") if name in body}
    for name in ("name", "title"):
        if not isinstance(changes.get(name), (str, type(None))):
            return ServiceError("invalid_value", {"reason": name})
    if "generalAccess" in changes and changes["generalAccess"] not in ACCESS_LEVELS:
        return ServiceError("invalid_value", {"reason": "generalAccess"})
    command.arguments["changes"] = changes
    return check_name(changes["name"], state.limits) if changes.get("name") is not None else None


READERS: Mapping[str | None, Check[ApifyState]] = {"get_or_create_store": _read_create, "update_store": _read_update}
"""Of the operations that take a JSON body: what it says, and the name of a store."""
