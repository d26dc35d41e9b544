"""The key-value store (hive.md 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_kvfake.hive.operations.call import Call, answered, on_store
from pytest_kvfake.hive.texts import JsonText, members

if TYPE_CHECKING:
    from pytest_kvfake.hive.operations.call import Answer
    from pytest_kvfake.hive.state.key_values import KeyValueStore

__all__ = ["STEPS"]


def set_one(store: KeyValueStore, call: Call) -> Answer:
    """PUT …/{key} (5.1 to 5.3): expireAt goes before ttl, and a condition that is not met changes nothing."""
    arguments = call.arguments
    expires_at = arguments.get("expireAt")
    if expires_at is None and arguments.get("ttl") is not None:
        expires_at = call.now + arguments["ttl"]
    condition = arguments["condition"]
    return answered(store.set(call.key, arguments["value"], call.now, expires_at=expires_at, condition=condition))


def set_many(store: KeyValueStore, call: Call) -> Answer:
    """PUT …/key-value (5.4)."""
    store.set_many(call.arguments["values"], call.now)
    return None


def get(store: KeyValueStore, call: Call) -> Answer:
    """GET …/{key} (5.5)."""
    return store.use(call.key, call.now) or JsonText("null")


def get_many(store: KeyValueStore, call: Call) -> Answer:
    """POST …/key-value (5.6): those that are there, in the order of the request."""
    found = {key: store.use(key, call.now) for key in call.arguments["keys"]}
    return members((key, text) for key, text in found.items() if text is not None)


def increment(store: KeyValueStore, call: Call) -> Answer:
    """PUT …/{key}/increment (5.7)."""
    return answered(store.increment(call.key, call.arguments["value"], call.now))


def decrement(store: KeyValueStore, call: Call) -> Answer:
    """PUT …/{key}/decrement (5.7)."""
    return answered(store.increment(call.key, -call.arguments["value"], call.now))


STEPS = {
    f"key_value_{name}": on_store(function, "key-value")
    for name, function in {
        "set": set_one,
        "set_many": set_many,
        "get": get,
        "get_many": get_many,
        "increment": increment,
        "decrement": decrement,
    }.items()
}
