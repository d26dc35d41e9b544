"""The map store (hive.md 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_kvfake.hive.operations.call import Call, answered, on_store
from pytest_kvfake.hive.texts import JsonText, array, compact, members

if TYPE_CHECKING:
    from pytest_kvfake.hive.operations.call import Answer
    from pytest_kvfake.hive.state.maps import MapStore

__all__ = ["STEPS"]


def get(store: MapStore, call: Call) -> Answer:
    """GET …/{key}."""
    return members(store.fields(call.key, call.now).items())


def get_fields(store: MapStore, call: Call) -> Answer:
    """POST …/{key}: no names ask for all."""
    names = call.arguments["fields"]
    return members(store.some(call.key, names, call.now).items()) if names else get(store, call)


def get_value(store: MapStore, call: Call) -> Answer:
    """GET …/{key}/get/{field}."""
    return store.fields(call.key, call.now).get(call.arguments["field"]) or JsonText("null")


def exists(store: MapStore, call: Call) -> Answer:
    """GET …/{key}/exists/{field}."""
    return answered(call.arguments["field"] in store.fields(call.key, call.now))


def length(store: MapStore, call: Call) -> Answer:
    """GET …/{key}/length."""
    return answered(len(store.fields(call.key, call.now)))


def keys(store: MapStore, call: Call) -> Answer:
    """GET …/{key}/keys."""
    return compact(list(store.fields(call.key, call.now)))


def values(store: MapStore, call: Call) -> Answer:
    """GET …/{key}/values."""
    return array(store.fields(call.key, call.now).values())


def set_fields(store: MapStore, call: Call) -> Answer:
    """PUT …/{key}."""
    return answered(store.set(call.key, call.arguments["values"], call.now))


def set_value(store: MapStore, call: Call) -> Answer:
    """PUT …/{key}/set/{field}."""
    return answered(store.set_field(call.key, call.arguments["field"], call.arguments["value"], call.now))


def set_with_overwrite(store: MapStore, call: Call) -> Answer:
    """PUT …/{key}/set-with-overwrite/{field}."""
    field, value, overwrite = (call.arguments[name] for name in ("field", "value", "overwrite"))
    return answered(store.set_field(call.key, field, value, call.now, overwrite=overwrite))


def increment(store: MapStore, call: Call) -> Answer:
    """PUT …/{key}/increment/{field}."""
    return answered(store.increment(call.key, call.arguments["field"], call.arguments["count"], call.now))


def decrement(store: MapStore, call: Call) -> Answer:
    """PUT …/{key}/decrement/{field}."""
    return answered(store.increment(call.key, call.arguments["field"], -call.arguments["count"], call.now))


def delete_fields(store: MapStore, call: Call) -> Answer:
    """DELETE …/{key}/by-obj-keys."""
    return answered(store.remove(call.key, call.arguments["fields"], call.now))


STEPS = {
    f"map_{name}": on_store(function, "map")
    for name, function in {
        "get": get,
        "get_fields": get_fields,
        "get_value": get_value,
        "exists": exists,
        "length": length,
        "keys": keys,
        "values": values,
        "set": set_fields,
        "set_value": set_value,
        "set_with_overwrite": set_with_overwrite,
        "increment": increment,
        "decrement": decrement,
        "delete_fields": delete_fields,
    }.items()
}
