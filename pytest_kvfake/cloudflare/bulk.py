"""The state steps of the bulk endpoints (cloudflare.md 9), in the order of section 3.3 from step 7 on."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from pytest_kvfake.cloudflare.finding import namespace_of
from pytest_kvfake.cloudflare.rules import as_sent, check_key, check_metadata, check_value, expiration_of
from pytest_kvfake.cloudflare.state import CloudflareState, Entry
from pytest_kvfake.engine.jsontext import parsed, written
from pytest_kvfake.engine.service import Command, Outcome, ServiceError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pytest_kvfake.cloudflare.limits import CloudflareLimits

__all__ = ["bulk_delete", "bulk_get", "bulk_write"]

_BLANKS = re.compile(r"\s+")


def bulk_write(state: CloudflareState, command: Command, now: float) -> Outcome | ServiceError:
    """PUT …/bulk (9.1): one bad item refuses the whole request."""
    namespace = namespace_of(state, command)
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
    namespace = namespace_of(state, command)
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
    namespace = namespace_of(state, command)
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
