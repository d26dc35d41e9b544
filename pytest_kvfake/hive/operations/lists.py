"""The list store (hive.md 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_kvfake.hive.operations.call import Call, answered, on_store
from pytest_kvfake.hive.texts import JsonText, array

if TYPE_CHECKING:
    from pytest_kvfake.hive.operations.call import Answer
    from pytest_kvfake.hive.state.lists import ListStore

__all__ = ["STEPS"]


def get(store: ListStore, call: Call) -> Answer:
    """GET …/{key}: a missing end is that of the list."""
    first, last = call.arguments["from"], call.arguments["to"]
    return array(store.range(call.key, call.now, 0 if first is None else first, -1 if last is None else last))


def get_item(store: ListStore, call: Call) -> Answer:
    """GET …/{key}/{index}."""
    return store.item(call.key, call.arguments["index"], call.now) or JsonText("null")


def set_item(store: ListStore, call: Call) -> Answer:
    """PUT …/{key}/{index}."""
    return store.set_item(call.key, call.arguments["index"], call.arguments["value"], call.now)


def length(store: ListStore, call: Call) -> Answer:
    """GET …/{key}/length."""
    return answered(len(store.values(call.key, call.now)))


def insert_before(store: ListStore, call: Call) -> Answer:
    """PUT …/{key}/insert-before."""
    return _insert(store, call, behind=False)


def insert_after(store: ListStore, call: Call) -> Answer:
    """PUT …/{key}/insert-after."""
    return _insert(store, call, behind=True)


def add_first(store: ListStore, call: Call) -> Answer:
    """PUT …/{key}/add-first."""
    return answered(store.add_first(call.key, call.arguments["values"], call.now))


def add_last(store: ListStore, call: Call) -> Answer:
    """PUT …/{key}/add-last."""
    return answered(store.add_last(call.key, call.arguments["values"], call.now))


def get_first_and_delete(store: ListStore, call: Call) -> Answer:
    """PUT …/{key}/get-first-and-delete."""
    return array(store.take_first(call.key, call.arguments["count"], call.now))


def get_last_and_delete(store: ListStore, call: Call) -> Answer:
    """PUT …/{key}/get-last-and-delete."""
    return array(store.take_last(call.key, call.arguments["count"], call.now))


def delete_value(store: ListStore, call: Call) -> Answer:
    """PUT …/{key}/delete-value."""
    return answered(store.remove(call.key, call.arguments["value"], call.arguments["count"], call.now))


STEPS = {
    f"list_{function.__name__}": on_store(function, "list")
    for function in (
        get,
        get_item,
        set_item,
        length,
        insert_before,
        insert_after,
        add_first,
        add_last,
        get_first_and_delete,
        get_last_and_delete,
        delete_value,
    )
}


def _insert(store: ListStore, call: Call, *, behind: bool) -> Answer:
    anchor, value = call.arguments["anchorValue"], call.arguments["valueToInsert"]
    return answered(store.insert(call.key, anchor, value, call.now, behind=behind))
