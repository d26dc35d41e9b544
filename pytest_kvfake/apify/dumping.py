"""The state as JSON that a person can read, and back."""

from __future__ import annotations

import base64
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pytest_kvfake.apify.state import Record, Run, Store, Token, User
from pytest_kvfake.apify.storeschema import schema_of
from pytest_kvfake.engine.keyspace import KeySpace

if TYPE_CHECKING:
    from pytest_kvfake.apify.state import ApifyState

__all__ = ["dumped", "loaded"]

_ALL = 1 << 62
_PLAIN = ("id", "user_id", "created_at", "modified_at", "accessed_at", "secret", "name", "title", "general_access",
          "actor_id", "run_id")  # fmt: skip


def dumped(state: ApifyState) -> Any:
    """Gives everything: bytes as text where they are UTF-8, else in base64."""
    return {
        "made": state.made.copy(),
        "users": [asdict(user) for user in state.users.values()],
        "tokens": {
            text: {
                "user_id": token.user_id,
                "permissions": sorted(token.permissions),
                "stores": {store_id: sorted(permissions) for store_id, permissions in token.stores.items()},
            }
            for text, token in state.tokens.items()
        },
        "stores": [_dumped_store(store) for store in state.stores.values()],
        "runs": [asdict(run) for run in state.runs.values()],
    }


def loaded(data: Any) -> Any:
    """Gives a dump as a snapshot of `ApifyState`."""
    tokens = {
        text: Token(
            one["user_id"],
            frozenset(one["permissions"]),
            {store_id: frozenset(permissions) for store_id, permissions in one["stores"].items()},
        )
        for text, one in data["tokens"].items()
    }
    stores = [_loaded_store(one) for one in data["stores"]]
    return (
        {one["id"]: User(**one) for one in data["users"]},
        tokens,
        {store.id: store for store in stores},
        {one["id"]: Run(**one) for one in data["runs"]},
        dict(data["made"]),
    )


def _dumped_store(store: Store) -> dict[str, Any]:
    return {
        **{name: getattr(store, name) for name in _PLAIN},
        "schema": None if store.schema is None else store.schema.raw,
        "counters": store.counters.copy(),
        "records": {key: _dumped_record(record) for key, record in store.records.page(limit=_ALL, now=0).items},
    }


def _loaded_store(one: Any) -> Store:
    records: KeySpace[Record] = KeySpace()
    for key, item in one["records"].items():
        records.put(key, _loaded_record(item), 0)
    return Store(
        **{name: one[name] for name in _PLAIN},
        schema=None if one["schema"] is None else schema_of(one["schema"]),
        counters=dict(one["counters"]),
        size=sum(len(record.raw) for _, record in records.page(limit=_ALL, now=0).items),
        records=records,
    )


def _dumped_record(record: Record) -> dict[str, Any]:
    dumped: dict[str, Any] = {}
    try:
        dumped["raw"] = record.raw.decode("utf-8")
    except UnicodeDecodeError:
        dumped["raw"] = {"base64": base64.b64encode(record.raw).decode("ascii")}
    dumped["content_type"] = record.content_type
    if record.content_encoding is not None:
        dumped["content_encoding"] = record.content_encoding
    return dumped


def _loaded_record(item: Any) -> Record:
    raw = item["raw"]
    data = base64.b64decode(raw["base64"]) if isinstance(raw, dict) else raw.encode("utf-8")
    return Record(data, item["content_type"], item.get("content_encoding"))
