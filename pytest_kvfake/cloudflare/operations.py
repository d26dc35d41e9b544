"""One state step an operation: existence, limits and the change in one piece; here those of one namespace or key.

Source: cloudflare.md 6 to 8, in the order of section 3.3 from step 7 on.
"""

from __future__ import annotations

from typing import Any

from pytest_kvfake.cloudflare.answers import NOTHING, Enveloped
from pytest_kvfake.cloudflare.bulk import bulk_delete, bulk_get, bulk_write
from pytest_kvfake.cloudflare.cursor import cursor_at
from pytest_kvfake.cloudflare.finding import account_of, namespace_of, paged
from pytest_kvfake.cloudflare.rules import (
    check_key,
    check_length,
    check_metadata,
    check_namespace,
    check_title,
    check_value,
    expiration_of,
    whole,
)
from pytest_kvfake.cloudflare.state import CloudflareState, Entry, Namespace
from pytest_kvfake.cloudflare.user import get_user, list_accounts, list_memberships, verify_token
from pytest_kvfake.engine.service import Command, Outcome, ServiceError

__all__ = ["STEPS"]


def create_namespace(state: CloudflareState, command: Command, now: float) -> Outcome | ServiceError:
    """POST …/namespaces (6.2)."""
    del now
    account = account_of(state, command)
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
        account_of(state, command).namespaces.values(),
        key=lambda namespace: namespace.title if order == "title" else namespace.id,
        reverse=descending,
    )
    return Outcome(paged([_described(namespace) for namespace in namespaces], command))


def get_namespace(state: CloudflareState, command: Command, now: float) -> Outcome | ServiceError:
    """GET …/namespaces/{namespace_id} (6.3)."""
    del now
    namespace = namespace_of(state, command)
    return namespace if isinstance(namespace, ServiceError) else Outcome(_described(namespace))


def rename_namespace(state: CloudflareState, command: Command, now: float) -> Outcome | ServiceError:
    """PUT …/namespaces/{namespace_id} (6.4)."""
    del now
    namespace = namespace_of(state, command)
    if isinstance(namespace, ServiceError):
        return namespace
    title = command.arguments["title"]
    refusal = check_title(title, state.limits)
    if refusal is not None:
        return refusal
    holder = account_of(state, command).titled(title)
    if holder is not None and holder is not namespace:
        return ServiceError("namespace_title_taken")
    namespace.title = title
    return Outcome(_described(namespace))


def remove_namespace(state: CloudflareState, command: Command, now: float) -> Outcome | ServiceError:
    """DELETE …/namespaces/{namespace_id} (6.5); whatever body comes is never parsed."""
    del now
    namespace = namespace_of(state, command)
    if isinstance(namespace, ServiceError):
        return namespace
    del account_of(state, command).namespaces[namespace.id]
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
    return Outcome(entry.value, headers=headers)


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
    namespace = namespace_of(state, command)
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


def _named_key(state: CloudflareState, command: Command) -> tuple[Namespace, str] | ServiceError:
    """The namespace and the key of the path, once both are known to be good."""
    namespace = namespace_of(state, command)
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
