"""The rules of a write, as functions of what was sent, the limits and the moment; each gives a value or an error.

Source: the error table and the semantics of the contract (cloudflare.md 1, 5.1, 7.1, 9.1, 11.1).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_kvfake.engine.jsontext import parsed
from pytest_kvfake.engine.service import ServiceError

if TYPE_CHECKING:
    from pytest_kvfake.cloudflare.limits import CloudflareLimits

__all__ = ["check_key", "check_metadata", "check_title", "check_value", "expiration_of", "metadata_text_of", "whole"]

_WHOLE = re.compile(r"-?[0-9]{1,18}(?:\.0+)?")


def whole(given: object) -> int | None:
    """Reads a whole number out of a query text or a JSON number; ``300.0`` counts, everything else is None."""
    if isinstance(given, str):
        return int(given.partition(".")[0]) if _WHOLE.fullmatch(given) else None
    if isinstance(given, bool):
        return None
    if isinstance(given, int):
        return given
    return int(given) if isinstance(given, float) and given.is_integer() else None


def check_key(key: str, limits: CloudflareLimits) -> ServiceError | None:
    """Refuses the empty key, ``.``, ``..`` and keys that are too long."""
    if not key:
        return ServiceError("empty_key_name")
    if key in {".", ".."}:
        return ServiceError("illegal_key", {"key": key})
    return check_length(key, limits)


def check_length(key: str, limits: CloudflareLimits) -> ServiceError | None:
    """Refuses a key or prefix whose UTF-8 form is too long."""
    length = len(key) if key.isascii() else len(key.encode("utf-8"))
    if length > limits.key_bytes:
        return ServiceError("key_too_long", {"length": length, "limit": limits.key_bytes})
    return None


def expiration_of(
    ttl: object | None, expiration: object | None, limits: CloudflareLimits, now: float
) -> int | ServiceError | None:
    """Gives the second at which an entry expires.

    Args:
        ttl: ``expiration_ttl`` as sent; with it ``expiration`` is not even looked at.
        expiration: as sent.
        limits: of the fake.
        now: seconds since the epoch.

    Returns:
        Whole seconds since the epoch, None for an entry that stays, or the error.
    """
    second = int(now // 1)
    if ttl is not None:
        seconds = whole(ttl)
        if seconds is None or seconds <= 0:
            return ServiceError("expiration_ttl_not_positive", {"value": ttl})
        if seconds < limits.min_expiration_ttl:
            return ServiceError("expiration_ttl_too_small", {"value": seconds, "limit": limits.min_expiration_ttl})
        return second + seconds
    if expiration is not None:
        moment = whole(expiration)
        if moment is None or moment <= second:
            return ServiceError("expiration_not_in_future", {"value": expiration})
        if moment < second + limits.min_expiration_lead:
            return ServiceError("expiration_too_soon", {"value": moment, "limit": limits.min_expiration_lead})
        return moment
    return None


def metadata_text_of(part: bytes | None) -> str | ServiceError | None:
    """Gives the JSON text of a ``metadata`` part; None for no part, an empty one, and ``null``."""
    if not part:
        return None
    try:
        value: Any = parsed(part)
    except ValueError:
        return ServiceError("invalid_metadata")
    return None if value is None else part.decode("utf-8")


def check_metadata(text: str | None, limits: CloudflareLimits) -> ServiceError | None:
    """Refuses metadata whose JSON text is too long."""
    if text is not None:
        length = len(text.encode("utf-8"))
        if length > limits.metadata_bytes:
            return ServiceError("metadata_too_large", {"length": length, "limit": limits.metadata_bytes})
    return None


def check_value(length: int, limits: CloudflareLimits) -> ServiceError | None:
    """Refuses a value that is too large."""
    if length > limits.value_bytes:
        return ServiceError("value_too_large", {"length": length, "limit": limits.value_bytes})
    return None


def check_title(title: str, limits: CloudflareLimits) -> ServiceError | None:
    """Refuses a namespace title that is too long."""
    if len(title) > limits.title_characters:
        return ServiceError("title_too_long", {"length": len(title), "limit": limits.title_characters})
    return None
