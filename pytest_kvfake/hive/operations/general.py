"""What can be done to the keys of every store (hive.md 6)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_kvfake.engine.service import ServiceError
from pytest_kvfake.hive.operations.call import Call, answered, on_store
from pytest_kvfake.hive.state.patterns import matcher
from pytest_kvfake.hive.texts import compact

if TYPE_CHECKING:
    from pytest_kvfake.hive.operations.call import Answer
    from pytest_kvfake.hive.state.bucket import Bucket

    Store = Bucket[Any]

__all__ = ["STEPS"]

_CURSOR = re.compile("[0-9]{1,19}")


def list_keys(store: Store, call: Call) -> Answer:
    """GET …/keys (6.1): a cursor is the number of the last key of its page."""
    arguments = call.arguments
    cursor = arguments["cursor"]
    if not _CURSOR.fullmatch(cursor) or int(cursor) > store.last:
        return ServiceError("invalid_cursor")
    limit = arguments["pageSize"] or call.state.limits.list_keys_default
    fits = matcher(arguments["filterPattern"])
    keys, reached = store.page(fits, call.now, after=int(cursor), limit=limit)
    field = call.state.switches.keys_cursor_field
    names = ("cursor", "cursorId") if field == "both" else (field,)
    return compact({"keys": keys, **dict.fromkeys(names, str(reached))})


def delete_keys(store: Store, call: Call) -> Answer:
    """DELETE …/{type} (6.2)."""
    return answered(sum(store.delete(key, call.now) for key in call.arguments["keys"]))


def delete_key(store: Store, call: Call) -> Answer:
    """DELETE …/{type}/{key} (6.2)."""
    return answered(int(store.delete(call.key, call.now)))


def exist(store: Store, call: Call) -> Answer:
    """POST …/action/exist (6.3)."""
    return answered(sum(store.has(key, call.now) for key in call.arguments["keys"]))


def touch(store: Store, call: Call) -> Answer:
    """PUT …/action/touch (6.4)."""
    return answered(sum(store.touch(key, call.now) for key in dict.fromkeys(call.arguments["keys"])))


def rename_key(store: Store, call: Call) -> Answer:
    """PUT …/{key}/rename (6.5)."""
    renamed = store.rename(call.key, call.arguments["newKey"], call.now, overwrite=call.arguments["overwrite"])
    return ServiceError("no_such_key") if renamed is None else answered(renamed)


def expire(store: Store, call: Call) -> Answer:
    """PUT …/{key}/expire (6.6)."""
    return _expiring(store, call, call.now + call.arguments["ttl"])


def expire_at(store: Store, call: Call) -> Answer:
    """PUT …/{key}/expire-at (6.6)."""
    return _expiring(store, call, float(call.arguments["unixTime"]))


def get_expiration_ttl(store: Store, call: Call) -> Answer:
    """GET …/{key}/get-expiration-ttl (6.6): to the nearest second, as Redis has it."""
    if not store.has(call.key, call.now):
        return ServiceError("no_such_key")
    expires_at = store.expiry(call.key, call.now)
    return ServiceError("expiration_not_set") if expires_at is None else answered(int(expires_at - call.now + 0.5))


def clear_expiration(store: Store, call: Call) -> Answer:
    """PUT …/{key}/clear-expiration (6.6): also for a key that is not there."""
    store.set_expiry(call.key, None, call.now)
    return None


def seconds_since_last_operation(store: Store, call: Call) -> Answer:
    """GET …/{key}/seconds-since-last-operation (6.7)."""
    return answered(store.idle(call.key, call.now))


STEPS = {
    function.__name__: on_store(function)
    for function in (
        list_keys,
        delete_keys,
        delete_key,
        exist,
        touch,
        rename_key,
        expire,
        expire_at,
        get_expiration_ttl,
        clear_expiration,
        seconds_since_last_operation,
    )
}


def _expiring(store: Store, call: Call, moment: float) -> Answer:
    return None if store.set_expiry(call.key, moment, call.now) else ServiceError("no_such_key")
