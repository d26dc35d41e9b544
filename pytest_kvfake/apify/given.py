"""What a contract case takes for given, and what it expects of the state afterwards, in Apify's nouns."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from pytest_kvfake.apify.state import Record, put_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_kvfake.apify import FakeApify

__all__ = ["arrange", "differences"]


def arrange(fake: FakeApify, given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    """Makes users, tokens, stores and runs.

    Args:
        fake: where.
        given: the case's nouns.
        names: what the case's names stand for; a store whose alias is among them gets that id.

    Returns:
        The id of each store by its alias.
    """
    for name, value in given.get("limits", {}).items():
        setattr(fake.limits, name, value)
    for username, one in given.get("users", {}).items():
        fake.create_user(username, one.get("token"), general_access=one.get("general_access", "RESTRICTED"))
    ids: dict[str, str] = {}
    for alias, one in given.get("stores", {}).items():
        ids[alias] = _store(fake, one, names.get(alias))
    for secret, one in given.get("tokens", {}).items():
        stores = {ids.get(alias, alias): permissions for alias, permissions in one.get("stores", {}).items()}
        fake.create_token(secret, one.get("username"), permissions=one.get("permissions"), stores=stores)
    for run_id, one in given.get("runs", {}).items():
        described = {name: value for name, value in one.items() if name != "store"}
        fake.create_run(run_id, ids.get(one["store"], one["store"]), **described)
    return ids


def differences(fake: FakeApify, then: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
    """Says where the state differs from ``then`` (``absent``, ``present``, ``named``, ``stores``)."""
    for place in then.get("absent", ()):
        if _found(fake, place, names) is not None:
            yield f"{place} is there"
    for place, item in then.get("present", {}).items():
        record, expected = _found(fake, place, names), _record(item)
        if record != expected:
            yield f"{place} is {record!r}, not {expected!r}"
    for alias, name in then.get("named", {}).items():
        actual = fake.stores[names.get(alias, alias)].name
        if actual != name:
            yield f"the name of {alias} is {actual!r}, not {name!r}"
    if "stores" in then and len(fake.stores) != then["stores"]:
        yield f"there are {len(fake.stores)} stores, not {then['stores']}"


def _store(fake: FakeApify, one: Mapping[str, Any], store_id: str | None) -> str:
    store = fake.create_store(
        one.get("name"),
        username=one.get("username"),
        store_id=store_id,
        schema=one.get("schema"),
        general_access=one.get("general_access", "FOLLOW_USER_SETTING"),
    )
    if "secret" in one:
        store.url_signing_secret_key = one["secret"]
    kept = fake.world.state.stores[store.id]
    records = {key: _record(item) for key, item in one.get("records", {}).items()}
    records |= {f"key-{number:05}": Record(b"") for number in range(one.get("numbered", 0))}
    for key, record in records.items():
        put_record(kept, kept.records, key, record, fake.clock.now())
    kept.counters.clear()
    return store.id


def _found(fake: FakeApify, place: str, names: Mapping[str, str]) -> Record | None:
    alias, _, key = place.partition("/")
    return fake.stores[names.get(alias, alias)].get(key)


def _record(item: Any) -> Record:
    """A text, or an object with ``text``, ``base64``, ``json`` or ``repeat``, and type and coding beside it."""
    if isinstance(item, str):
        return Record(item.encode("utf-8"), "text/plain; charset=utf-8")
    if "base64" in item:
        raw = base64.b64decode(item["base64"])
    elif "repeat" in item:
        text, count = item["repeat"]
        raw = text.encode("utf-8") * count
    else:
        raw = item["text"].encode("utf-8") if "text" in item else json.dumps(item["json"]).encode("utf-8")
    kind = "application/json" if "json" in item else "application/octet-stream"
    return Record(raw, item.get("content_type", kind), item.get("content_encoding"))
