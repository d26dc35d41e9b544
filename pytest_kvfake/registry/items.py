"""Writing and deleting data items: size, condition, capacity and the change, with HTTP and without it.

Source: registry.md 5, 7, 10 to 12.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_kvfake.engine.service import ServiceError
from pytest_kvfake.registry.state import Item

if TYPE_CHECKING:
    from pytest_kvfake.registry.state import Org, RegistryState

__all__ = ["UNNAMED_TYPE", "delete", "write"]

UNNAMED_TYPE = "application/octet-stream"
"""The content type of what was written without one (registry.md 13, A6)."""


def write(
    state: RegistryState,
    org: Org,
    path: str,
    value: bytes,
    *,
    size: int,
    content_type: str,
    condition: int | None,
    moment: int,
) -> tuple[Item, bool] | ServiceError:
    """Stores one item.

    Args:
        state: of the fake.
        org: where.
        path: below the org, without the ending.
        value: the bytes, as far as they were kept.
        size: how many bytes came.
        content_type: stored with the bytes.
        condition: act only if an item that exists has this update org time; None: without condition.
        moment: milliseconds since the epoch.

    Returns:
        The item and whether it is new, or the error.
    """
    limit = state.limits.max_allowed_size
    if size > limit:
        return ServiceError("too_large", {"max_allowed_size": limit})
    old = org.items.get(path, moment)
    refusal = _unmet(org, old, condition)
    if refusal is not None:
        return refusal
    growth = size - (0 if old is None else len(old.value))
    capacity = state.limits.capacity_bytes
    if capacity is not None and state.stored_bytes(moment) + growth > capacity:
        return ServiceError("no_space")
    time = state.tick(org)
    item = Item(value, content_type, time if old is None else old.create_org_time, time)
    org.items.put(path, item, moment)
    org.data_bytes += growth
    return item, old is None


def delete(
    state: RegistryState, org: Org, path: str, *, condition: int | None, moment: int
) -> Item | ServiceError | None:
    """Removes one item, and gives it; nothing where there was none, which is no error."""
    old = org.items.get(path, moment)
    refusal = _unmet(org, old, condition)
    if refusal is not None or old is None:
        return refusal
    org.items.delete(path, moment)
    org.data_bytes -= len(old.value)
    state.tick(org)
    return old


def _unmet(org: Org, item: Item | None, condition: int | None) -> ServiceError | None:
    """The truth table of registry.md 7: only an item that exists can differ from the condition."""
    if item is None or condition is None or condition == item.update_org_time:
        return None
    return ServiceError("conflict", {"org_time": org.time, "update_org_time": item.update_org_time})
