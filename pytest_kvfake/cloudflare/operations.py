"""One state step an operation: existence, limits and the change in one piece.

Source: cloudflare.md 6 to 10, in the order of section 3.3 from step 7 on.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from pytest_kvfake.cloudflare.answers import NOTHING, Enveloped, RawValue
from pytest_kvfake.cloudflare.cursor import cursor_at
from pytest_kvfake.cloudflare.rules import (
    as_sent,
    check_key,
    check_length,
    check_metadata,
    check_namespace,
    check_title,
    check_value,
    expiration_of,
    whole,
)
from pytest_kvfake.cloudflare.state import Account, CloudflareState, Entry, Namespace
from pytest_kvfake.engine.jsontext import parsed, written
from pytest_kvfake.engine.seed import identifier
from pytest_kvfake.engine.service import Command, Outcome, ServiceError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pytest_kvfake.cloudflare.checks import Caller
    from pytest_kvfake.cloudflare.limits import CloudflareLimits

__all__ = ["STEPS"]

_BLANKS = re.compile(r"\s+")


def create_namespace(state: CloudflareState, command: Command, now: float) -> Outcome | ServiceError:
    """POST …/namespaces (6.2)."""
    del now
    account = _account(state, command)
    title, jurisdiction = command.arguments["title"], command.arguments["jurisdiction"]
    refusal = check_namespace(account, title, jurisdiction, state.limits)
    if refusal is not None:
        return refusal
    return Outcome(_described(state.create_namespace(account, title, jurisdiction=jurisdiction)))


def list_namespaces(state: CloudflareState, command: Command, now: float) -> Outcome:
    """GET …/namespaces (6.1)."""
    del now
    order, descending = command.arguments["order"], command.arguments["descending"]
    namespaces = sorted(
        _account(state, command).namespaces.values(),
        key=lambda namespace: namespace.title if order == "title" else namespace.id,
        reverse=descending,
    )
    return Outcome(_paged([_described(namespace) for namespace in namespaces], command))


def get_namespace(state: CloudflareState, command: Command, now: float) -> Outcome | ServiceError:
    """GET …/namespaces/{namespace_id} (6.3)."""
    del now
    namespace = _namespace(state, command)
    return namespace if isinstance(namespace, ServiceError) else Outcome(_described(namespace))


def rename_namespace(state: CloudflareState, command: Command, now: float) -> Outcome | ServiceError:
    """PUT …/namespaces/{namespace_id} (6.4)."""
    del now
    namespace = _namespace(state, command)
    if isinstance(namespace, ServiceError):
        return namespace
    title = command.arguments["title"]
    refusal = check_title(title, state.limits)
    if refusal is not None:
        return refusal
    holder = _account(state, command).titled(title)
    if holder is not None and holder is not namespace:
        return ServiceError("namespace_title_taken")
    namespace.title = title
    return Outcome(_described(namespace))


def remove_namespace(state: CloudflareState, command: Command, now: float) -> Outcome | ServiceError:
    """DELETE …/namespaces/{namespace_id} (6.5); whatever body comes is never parsed."""
    del now
    namespace = _namespace(state, command)
    if isinstance(namespace, ServiceError):
        return namespace
    del _account(state, command).namespaces[namespace.id]
    return Outcome(NOTHING)


def write_value(state: CloudflareState, command: Command, now: float) -> Outcome | ServiceError:
    """PUT …/values/{key_name} (7.1): value, metadata and expiration are replaced together."""
    found = _named_key(state, command)
    if isinstance(found, ServiceError):
        return found
    namespace, key = found
    query, arguments, limits = command.query, command.arguments, state.limits
    expiration = expiration_of(query.get("expiration_ttl"), query.get("expiration"), limits, now, read=whole)
    if isinstance(expiration, ServiceError):
        return expiration
    refusal = check_metadata(arguments["metadata"], limits) or check_value(arguments["length"], limits)
    if refusal is not None:
        return refusal
    entry = Entry(arguments["value"], arguments["metadata"], expiration)
    command.view(namespace.entries).put(key, entry, now, expiration)
    return Outcome(NOTHING)


def read_value(state: CloudflareState, command: Command, now: float) -> Outcome | ServiceError:
    """GET …/values/{key_name} (7.2): the bytes, without an envelope."""
    entry = _entry(state, command, now)
    if isinstance(entry, ServiceError):
        return entry
    headers = () if entry.expiration is None else (("expiration", str(entry.expiration)),)
    return Outcome(RawValue(entry.value), headers=headers)


def delete_value(state: CloudflareState, command: Command, now: float) -> Outcome | ServiceError:
    """DELETE …/values/{key_name} (7.3): also 200 when there is no such key."""
    found = _named_key(state, command)
    if isinstance(found, ServiceError):
        return found
    namespace, key = found
    command.view(namespace.entries).delete(key, now)
    return Outcome(NOTHING)


def read_metadata(state: CloudflareState, command: Command, now: float) -> Outcome | ServiceError:
    """GET …/metadata/{key_name} (7.4): null for an entry without metadata."""
    entry = _entry(state, command, now)
    return entry if isinstance(entry, ServiceError) else Outcome(entry.metadata)


def list_keys(state: CloudflareState, command: Command, now: float) -> Outcome | ServiceError:
    """GET …/keys (8): ascending by UTF-8 bytes; a cursor is a position."""
    namespace = _namespace(state, command)
    if isinstance(namespace, ServiceError):
        return namespace
    arguments = command.arguments
    refusal = check_length(arguments["prefix"], state.limits)
    if refusal is not None:
        return refusal
    page = command.view(namespace.entries).page(
        prefix=arguments["prefix"], after=arguments["after"], limit=arguments["limit"], now=now
    )
    cursor = cursor_at(page.last, state.seed) if page.more else ""
    items = [_listed(key, entry) for key, entry in page.items]
    return Outcome(Enveloped(items, {"count": len(items), "cursor": cursor}))


def bulk_write(state: CloudflareState, command: Command, now: float) -> Outcome | ServiceError:
    """PUT …/bulk (9.1): one bad item refuses the whole request."""
    namespace = _namespace(state, command)
    if isinstance(namespace, ServiceError):
        return namespace
    items = _items(command, state.limits.bulk_write_pairs, "too_many_pairs")
    if isinstance(items, ServiceError):
        return items
    entries: dict[str, Entry] = {}
    limits = state.limits
    for item in items:
        key = item["key"]
        entry = _bulk_entry(item, limits, now)
        if isinstance(entry, ServiceError):
            return entry
        known = entries.setdefault(key, entry)
        if known is not entry and known != entry:
            return ServiceError("duplicate_key", {"key": key})
    put, failing = command.view(namespace.entries).put, command.failing
    for key, entry in entries.items():
        if key not in failing:
            put(key, entry, now, entry.expiration)
    return _bulk_outcome(entries, command)


def bulk_delete(state: CloudflareState, command: Command, now: float) -> Outcome | ServiceError:
    """POST …/bulk/delete and DELETE …/bulk (9.2): counts distinct keys, present or not."""
    namespace = _namespace(state, command)
    if isinstance(namespace, ServiceError):
        return namespace
    items = _items(command, state.limits.bulk_delete_keys, "too_many_keys_to_remove")
    if isinstance(items, ServiceError):
        return items
    refusal = _illegal(items, state)
    if refusal is not None:
        return refusal
    keys = dict.fromkeys(items)
    space = command.view(namespace.entries)
    for key in keys:
        if key not in command.failing:
            space.delete(key, now)
    return _bulk_outcome(keys, command)


def bulk_get(state: CloudflareState, command: Command, now: float) -> Outcome | ServiceError:
    """POST …/bulk/get (9.3): each requested key once, in request order; missing ones are null."""
    namespace = _namespace(state, command)
    if isinstance(namespace, ServiceError):
        return namespace
    arguments, limits = command.arguments, state.limits
    if arguments.get("oversize"):
        return ServiceError("bulk_request_too_large")
    keys, kind = arguments["keys"], arguments["type"]
    if not keys:
        return ServiceError("too_few_keys_to_get")
    if len(keys) > limits.bulk_get_keys:
        return ServiceError("too_many_keys_to_get", {"limit": limits.bulk_get_keys})
    if kind not in ("text", "json"):
        return ServiceError("invalid_type", {"type": as_sent(kind)})
    refusal = _illegal(keys, state)
    if refusal is not None:
        return refusal
    space = command.view(namespace.entries)
    found: dict[str, Entry | None] = {key: space.get(key, now) for key in keys}
    if sum(len(entry.value) for entry in found.values() if entry is not None) > limits.bulk_get_bytes:
        return ServiceError("bulk_get_too_large")
    values: dict[str, Any] = {}
    for key, entry in found.items():
        value = None if entry is None else _text_or_json(entry.value, kind)
        if isinstance(value, ServiceError):
            return value
        values[key] = _with_metadata(value, entry) if entry is not None and arguments["with_metadata"] else value
    return Outcome({"values": values})


def list_accounts(state: CloudflareState, command: Command, now: float) -> Outcome:
    """GET /accounts (10.2)."""
    del now
    accounts = [_described_account(account) for account in _visible(state, command)]
    return Outcome(_paged(accounts, command))


def list_memberships(state: CloudflareState, command: Command, now: float) -> Outcome:
    """GET /memberships (10.2)."""
    del now
    memberships = [
        {
            "id": identifier(state.seed, "membership", account.id, length=32),
            "status": "accepted",
            "account": _described_account(account),
            "roles": ["Administrator"],
        }
        for account in _visible(state, command)
    ]
    return Outcome(_paged(memberships, command))


def get_user(state: CloudflareState, command: Command, now: float) -> Outcome:
    """GET /user (10.2)."""
    del now
    caller: Caller = command.arguments["caller"]
    email = caller.secret.partition(" ")[0] if caller.scheme == "key" else "user@example.com"
    user_id = identifier(state.seed, "user", email, length=32)
    return Outcome({"id": user_id, "email": email, "first_name": None, "last_name": None})


def verify_token(state: CloudflareState, command: Command, now: float) -> Outcome:
    """GET /user/tokens/verify and /accounts/{account_id}/tokens/verify (10.2)."""
    del now
    caller: Caller = command.arguments["caller"]
    message = {"code": 10000, "message": "This API Token is valid and active", "type": None}
    result = {"id": identifier(state.seed, "token", caller.secret, length=32), "status": "active"}
    return Outcome(Enveloped(result, None, messages=(message,)))


STEPS = {
    "create_namespace": create_namespace,
    "list_namespaces": list_namespaces,
    "get_namespace": get_namespace,
    "rename_namespace": rename_namespace,
    "remove_namespace": remove_namespace,
    "write_value": write_value,
    "read_value": read_value,
    "delete_value": delete_value,
    "read_metadata": read_metadata,
    "list_keys": list_keys,
    "bulk_write": bulk_write,
    "bulk_delete": bulk_delete,
    "bulk_delete_deprecated": bulk_delete,
    "bulk_get": bulk_get,
    "list_accounts": list_accounts,
    "list_memberships": list_memberships,
    "get_user": get_user,
    "verify_token": verify_token,
    "verify_account_token": verify_token,
}


def _account(state: CloudflareState, command: Command) -> Account:
    return state.account(command.arguments["account"])


def _namespace(state: CloudflareState, command: Command) -> Namespace | ServiceError:
    found = _account(state, command).namespaces.get(command.arguments["namespace"])
    return found if found is not None else ServiceError("namespace_not_found")


def _named_key(state: CloudflareState, command: Command) -> tuple[Namespace, str] | ServiceError:
    """The namespace and the key of the path, once both are known to be good."""
    namespace = _namespace(state, command)
    if isinstance(namespace, ServiceError):
        return namespace
    key = command.key if namespace.supports_url_encoding else command.raw_parameters["key_name"]
    if key is None:
        return ServiceError("undecodable_key")
    refusal = check_key(key, state.limits)
    return refusal if refusal is not None else (namespace, key)


def _entry(state: CloudflareState, command: Command, now: float) -> Entry | ServiceError:
    found = _named_key(state, command)
    if isinstance(found, ServiceError):
        return found
    namespace, key = found
    entry: Entry | None = command.view(namespace.entries).get(key, now)
    return entry if entry is not None else ServiceError("key_not_found")


def _described_account(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "name": account.name,
        "type": "standard",
        "settings": {"enforce_twofactor": False},
        "created_on": "2014-03-01T12:21:02.0000Z",
    }


def _described(namespace: Namespace) -> dict[str, Any]:
    described = {
        "id": namespace.id,
        "title": namespace.title,
        "supports_url_encoding": namespace.supports_url_encoding,
    }
    if namespace.jurisdiction is not None:
        described["jurisdiction"] = namespace.jurisdiction
    return described


def _listed(key: str, entry: Entry) -> dict[str, Any]:
    listed: dict[str, Any] = {"name": key}
    if entry.expiration is not None:
        listed["expiration"] = entry.expiration
    if entry.metadata_text is not None:
        listed["metadata"] = entry.metadata
    return listed


def _paged(items: list[dict[str, Any]], command: Command) -> Enveloped:
    page, per_page = command.arguments["page"], command.arguments["per_page"]
    shown = items[(page - 1) * per_page : page * per_page]
    info = {
        "page": page,
        "per_page": per_page,
        "count": len(shown),
        "total_count": len(items),
        "total_pages": -(-len(items) // per_page),
    }
    return Enveloped(shown, info)


def _items(command: Command, limit: int, error: str) -> list[Any] | ServiceError:
    if command.arguments.get("oversize"):
        return ServiceError("bulk_request_too_large")
    items: list[Any] = command.arguments["items"]
    return items if len(items) <= limit else ServiceError(error, {"limit": limit})


def _illegal(keys: Iterable[str], state: CloudflareState) -> ServiceError | None:
    refusals = (check_key(key, state.limits) for key in keys)
    return next((refusal for refusal in refusals if refusal is not None), None)


def _bulk_outcome(keys: Collection[str], command: Command) -> Outcome:
    """Counts what was done, and names what a fault has kept from being done (9.4)."""
    failed = [key for key in keys if key in command.failing] if command.failing else []
    return Outcome({"successful_key_count": len(keys) - len(failed), "unsuccessful_keys": failed})


def _bulk_entry(item: dict[str, Any], limits: CloudflareLimits, now: float) -> Entry | ServiceError:
    refusal = check_key(item["key"], limits)
    if refusal is not None:
        return refusal
    if len(item) == 2:  # most are a key and a value alone
        value = item["value"].encode("utf-8")
        refusal = check_value(len(value), limits)
        return refusal if refusal is not None else Entry(value)
    expiration = expiration_of(item.get("expiration_ttl"), item.get("expiration"), limits, now)
    if isinstance(expiration, ServiceError):
        return expiration
    metadata = item.get("metadata")
    text = None if metadata is None else written(metadata).decode("utf-8")
    if item.get("base64") is True:
        try:
            value = _from_base64(item["value"])
        except ValueError:
            return ServiceError("invalid_base64")
    else:
        value = item["value"].encode("utf-8")
    refusal = check_metadata(text, limits) or check_value(len(value), limits)
    return refusal if refusal is not None else Entry(value, text, expiration)


def _from_base64(text: str) -> bytes:
    """Decodes the standard alphabet with its padding; blanks do not count."""
    text = _BLANKS.sub("", text)
    if len(text) % 4:
        raise ValueError("the padding is not what the length needs")  # Python overlooks too much of it
    return base64.b64decode(text, validate=True)


def _with_metadata(value: Any, entry: Entry) -> dict[str, Any]:
    shown = {"value": value, "metadata": entry.metadata}
    return shown if entry.expiration is None else {**shown, "expiration": entry.expiration}


def _text_or_json(value: bytes, kind: str) -> Any:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return ServiceError("non_text_value")
    if kind == "text":
        return text
    try:
        return parsed(text)
    except ValueError:
        return ServiceError("non_json_value")


def _visible(state: CloudflareState, command: Command) -> list[Account]:
    token = command.arguments["caller"].token
    allowed = token.accounts if token.accounts is not None else set(state.accounts)
    return [state.account(account_id) for account_id in sorted(allowed)]
