"""The rules of a write, as functions of what was sent, the limits and the moment; each gives a value or an error.

Source: the error table and the semantics of the contract (cloudflare.md 1, 5.1, 7.1, 9.1, 11.1).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_kvfake.engine.jsontext import parsed, written
from pytest_kvfake.engine.service import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_kvfake.cloudflare.limits import CloudflareLimits
    from pytest_kvfake.cloudflare.state import Account

__all__ = [
    "as_sent",
    "check_key",
    "check_metadata",
    "check_namespace",
    "check_title",
    "check_value",
    "expiration_of",
    "metadata_text_of",
    "whole",
    "whole_number",
]

_JURISDICTIONS = ("eu", "fedramp", "us")
_WHOLE = re.compile(r"-?[0-9]{1,18}(?:\.0+)?")


def whole(text: str) -> int | None:
    """Reads a whole number out of a query text; ``300.0`` counts, everything else is None."""
    return int(text.partition(".")[0]) if _WHOLE.fullmatch(text) else None


def whole_number(given: object) -> int | None:
    """Gives a whole number of a JSON body; ``300.0`` counts, everything else, texts too, is None."""
    if isinstance(given, bool):
        return None
    if isinstance(given, int):
        return given
    return int(given) if isinstance(given, float) and given.is_integer() else None


def as_sent(given: object) -> str:
    """Gives a value of a query or of a JSON body as it was sent, for a message that repeats it."""
    return given if isinstance(given, str) else written(given).decode("utf-8")


def check_key(key: str, limits: CloudflareLimits) -> ServiceError | None:
    """Refuses the empty key, ``.``, ``..`` and keys that are too long."""
    if key in {"", ".", ".."}:
        return ServiceError("illegal_key", {"key": key}) if key else ServiceError("empty_key_name")
    # No character has more than four bytes.
    return check_length(key, limits) if 4 * len(key) > limits.key_bytes else None


def check_length(key: str, limits: CloudflareLimits) -> ServiceError | None:
    """Refuses a key or prefix whose UTF-8 form is too long."""
    length = len(key) if key.isascii() else len(key.encode("utf-8"))
    if length > limits.key_bytes:
        return ServiceError("key_too_long", {"length": length, "limit": limits.key_bytes})
    return None


def expiration_of(
    ttl: object | None,
    expiration: object | None,
    limits: CloudflareLimits,
    now: float,
    *,
    read: Callable[[Any], int | None] = whole_number,
) -> int | ServiceError | None:
    """Gives the second at which an entry expires.

    Args:
        ttl: ``expiration_ttl`` as sent; with it ``expiration`` is not even looked at.
        expiration: as sent.
        limits: of the fake.
        now: seconds since the epoch.
        read: `whole` for what came in a query.

    Returns:
        Whole seconds since the epoch, None for an entry that stays, or the error.
    """
    if ttl is None and expiration is None:
        return None
    second = int(now // 1)
    if ttl is not None:
        seconds = read(ttl)
        if seconds is None or seconds <= 0:
            return ServiceError("expiration_ttl_not_positive", {"value": as_sent(ttl)})
        if seconds < limits.min_expiration_ttl:
            return ServiceError("expiration_ttl_too_small", {"value": seconds, "limit": limits.min_expiration_ttl})
        return second + seconds
    moment = read(expiration)
    if moment is None or moment <= second:
        return ServiceError("expiration_not_in_future", {"value": as_sent(expiration)})
    if moment < second + limits.min_expiration_lead:
        return ServiceError("expiration_too_soon", {"value": moment, "limit": limits.min_expiration_lead})
    return moment


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


def check_namespace(
    account: Account, title: str, jurisdiction: object, limits: CloudflareLimits
) -> ServiceError | None:
    """Refuses a namespace that cannot be made: its title, its jurisdiction, one too many, or a title in use."""
    refusal = check_title(title, limits)
    if refusal is not None:
        return refusal
    if jurisdiction is not None and jurisdiction not in _JURISDICTIONS:
        return ServiceError("invalid_jurisdiction")
    if len(account.namespaces) >= limits.namespaces_per_account:
        return ServiceError("too_many_namespaces")
    return ServiceError("namespace_title_taken") if account.titled(title) is not None else None


def check_title(title: object, limits: CloudflareLimits) -> ServiceError | None:
    """Refuses a namespace title that is none, empty or too long."""
    if not isinstance(title, str) or not title:
        return ServiceError("missing_title")
    if len(title) > limits.title_characters:
        return ServiceError("title_too_long", {"length": len(title), "limit": limits.title_characters})
    return None
