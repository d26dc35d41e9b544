"""What a request says in its JSON body (hive.md 5 to 10).

A reader gives what the state step needs by the contract's names, or refuses. Members that nobody knows are
disregarded, and a null is a missing member wherever a member may be missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_kvfake.engine.service import ServiceError
from pytest_kvfake.hive.refusal import RefusedError, invalid, one_of
from pytest_kvfake.hive.state.key_values import CONDITIONS
from pytest_kvfake.hive.state.sorted_sets import DUPLICATES, RESULTS, UPDATES
from pytest_kvfake.hive.texts import LARGEST_INTEGER, JsonText, compact, finite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["BODIES"]


def _stored(field: str, value: Any) -> JsonText:
    """Gives the text by which a value is kept.

    Raises:
        RefusedError: it is null, or JSON could not say it again.
    """
    if value is None:
        raise invalid(field, "must not be null")
    try:
        return compact(value)
    except ValueError:
        raise invalid(field, "has a number out of range, or is nested too deeply") from None


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise invalid("body", "must be an object")
    return body


def _array(body: Any, *, some: bool = False) -> list[Any]:
    if not isinstance(body, list):
        raise invalid("body", "must be an array")
    if some and not body:
        raise invalid("body", "must not be empty")
    return body


def _member(body: dict[str, Any], field: str) -> JsonText:
    if field not in body:
        raise invalid(field, "is required")
    return _stored(field, body[field])


def _integer(body: dict[str, Any], field: str, default: int | None = None) -> int | None:
    """A whole number, which may be written as 10.0; null counts as missing."""
    given = body.get(field)
    if given is None:
        return default
    if isinstance(given, bool) or not isinstance(given, (int, float)) or finite(given) is None or given % 1:
        raise invalid(field, "must be an integer")
    return int(given)


def _score(field: str, given: Any) -> float:
    number = finite(given)
    if number is None:
        raise invalid(field, "must be a number")
    return number


def _truth(body: dict[str, Any], field: str, *, default: bool) -> bool:
    given = body.get(field)
    if given is None:
        return default
    if not isinstance(given, bool):
        raise invalid(field, "must be true or false")
    return given


def _word(body: dict[str, Any], field: str, words: Sequence[str], default: str | None = None) -> str | None:
    given = body.get(field)
    if given is None:
        return default
    if given not in words:
        raise invalid(field, one_of(words))
    return str(given)


def _key(field: str, given: Any) -> str:
    if not isinstance(given, str):
        raise invalid(field, "must be a string")
    if not given:
        raise invalid(field, "must not be empty")
    return given


def _keys(body: Any, *, some: bool = False) -> dict[str, Any]:
    return {"keys": [_key(f"[{place}]", one) for place, one in enumerate(_array(body, some=some))]}


def _some_keys(body: Any) -> dict[str, Any]:
    return _keys(body, some=True)


def _values(body: Any, *, some: bool = False) -> dict[str, Any]:
    return {"values": [_stored(f"[{place}]", one) for place, one in enumerate(_array(body, some=some))]}


def _some_values(body: Any) -> dict[str, Any]:
    return _values(body, some=True)


def _fields(body: Any) -> dict[str, Any]:
    for place, one in enumerate(_array(body)):
        if not isinstance(one, str):
            raise invalid(f"[{place}]", "must be a string")
    return {"fields": body}


def _set(body: Any) -> dict[str, Any]:
    body = _object(body)
    found: dict[str, Any] = {"value": _member(body, "value"), "text": isinstance(body["value"], str)}
    field = "ttl" if body.get("expireAt") is None else "expireAt"
    seconds = _integer(body, field)
    found["condition"] = _word(body, "condition", CONDITIONS, "Always")
    if seconds is not None and not 1 <= seconds <= LARGEST_INTEGER:
        raise RefusedError(ServiceError("invalid_expire"))
    found[field] = seconds
    return found


def _set_many(body: Any) -> dict[str, Any]:
    for key in _object(body):
        _key("key", key)
    return _set_fields(body)


def _set_fields(body: Any) -> dict[str, Any]:
    if not _object(body):
        raise invalid("body", "must not be empty")
    return {"values": {name: _stored(name, value) for name, value in body.items()}}


def _value(body: Any) -> dict[str, Any]:
    return {"value": _member(_object(body), "value")}


def _anchor(body: Any) -> dict[str, Any]:
    return {field: _member(_object(body), field) for field in ("anchorValue", "valueToInsert")}


def _delete_value(body: Any) -> dict[str, Any]:
    return {**_value(body), "count": _integer(body, "count", 1)}


def _overwrite(body: Any) -> dict[str, Any]:
    return {**_value(body), "overwrite": _truth(body, "overwrite", default=True)}


def _rank(body: Any) -> dict[str, Any]:
    return {**_value(body), "reverse": _truth(body, "reverse", default=False)}


def _score_change(body: Any) -> dict[str, Any]:
    if "scoreValue" not in _object(body):
        raise invalid("scoreValue", "is required")
    return {"scoreValue": _score("scoreValue", body["scoreValue"]), **_value(body)}


def _add(body: Any) -> dict[str, Any]:
    items = _object(body).get("items")
    if not isinstance(items, list) or not items:
        raise invalid("items", "must be an array with at least one pair of score and value")
    pairs = []
    for place, item in enumerate(items):
        if not isinstance(item, list) or len(item) != 2:
            raise invalid(f"items[{place}]", "must be a pair of score and value")
        pairs.append((_score(f"items[{place}][0]", item[0]), _stored(f"items[{place}][1]", item[1])))
    american = _word(body, "duplicateBehavior", DUPLICATES)
    return {
        "items": pairs,
        "duplicates": _word(body, "duplicateBehaviour", DUPLICATES, american),
        "update": _word(body, "scoreUpdateMode", UPDATES),
        "result": _word(body, "resultType", RESULTS, RESULTS[0]),
    }


BODIES: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "delete_keys": _keys,
    "exist": _keys,
    "touch": _keys,
    "key_value_set": _set,
    "key_value_set_many": _set_many,
    "key_value_get_many": _keys,
    "list_set_item": _value,
    "list_insert_before": _anchor,
    "list_insert_after": _anchor,
    "list_add_first": _some_values,
    "list_add_last": _some_values,
    "list_delete_value": _delete_value,
    "map_get_fields": _fields,
    "map_set": _set_fields,
    "map_set_value": _value,
    "map_set_with_overwrite": _overwrite,
    "map_delete_fields": _fields,
    "set_add": _some_values,
    "set_delete_values": _values,
    "set_contains": _values,
    "set_difference": _some_keys,
    "set_intersection": _some_keys,
    "set_union": _some_keys,
    "sorted_set_add": _add,
    "sorted_set_increment": _score_change,
    "sorted_set_decrement": _score_change,
    "sorted_set_get_score": _value,
    "sorted_set_get_rank": _rank,
    "sorted_set_delete_values": _values,
    "sorted_set_difference": _some_keys,
    "sorted_set_intersection": _some_keys,
    "sorted_set_union": _some_keys,
}
"""The reader of each operation that takes a body."""
