"""The set store (hive.md 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_kvfake.hive.operations.call import Call, answered, on_store
from pytest_kvfake.hive.texts import array, compact

if TYPE_CHECKING:
    from pytest_kvfake.hive.operations.call import Answer
    from pytest_kvfake.hive.state.sets import SetStore

__all__ = ["STEPS"]


def get(store: SetStore, call: Call) -> Answer:
    """GET …/{key}."""
    return array(store.members(call.key, call.now))


def random(store: SetStore, call: Call) -> Answer:
    """GET …/{key}/random."""
    return array(store.random(call.key, call.arguments["count"], call.now, call.drawing()))


def random_and_delete(store: SetStore, call: Call) -> Answer:
    """PUT …/{key}/random."""
    return array(store.take_random(call.key, call.arguments["count"], call.now, call.drawing()))


def add(store: SetStore, call: Call) -> Answer:
    """PUT …/{key}/add."""
    return answered(store.add(call.key, call.arguments["values"], call.now))


def delete_values(store: SetStore, call: Call) -> Answer:
    """DELETE …/{key}/values."""
    return answered(store.remove(call.key, call.arguments["values"], call.now))


def contains(store: SetStore, call: Call) -> Answer:
    """POST …/{key}/contains."""
    return compact(store.contains(call.key, call.arguments["values"], call.now))


def length(store: SetStore, call: Call) -> Answer:
    """GET …/{key}/length."""
    return answered(len(store.members(call.key, call.now)))


def difference(store: SetStore, call: Call) -> Answer:
    """POST …/set/action/difference."""
    return array(store.difference(call.arguments["keys"], call.now))


def intersection(store: SetStore, call: Call) -> Answer:
    """POST …/set/action/intersection."""
    return array(store.intersection(call.arguments["keys"], call.now))


def union(store: SetStore, call: Call) -> Answer:
    """POST …/set/action/union."""
    return array(store.union(call.arguments["keys"], call.now))


STEPS = {
    f"set_{function.__name__}": on_store(function, "set")
    for function in (
        get,
        random,
        random_and_delete,
        add,
        delete_values,
        contains,
        length,
        difference,
        intersection,
        union,
    )
}
