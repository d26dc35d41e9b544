"""What names, keys, numbers and codings have to be; each function gives a value or an error.

Source: apify.md 2.4, 6.10, 10.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_kvfake.engine.codecs import CODINGS
from pytest_kvfake.engine.service import ServiceError

if TYPE_CHECKING:
    from pytest_kvfake.apify.limits import ApifyLimits

__all__ = [
    "ACCESS_LEVELS",
    "check_key",
    "check_length",
    "check_name",
    "coding_of",
    "is_id",
    "is_record_path",
    "number_of",
    "truth_of",
]

ACCESS_LEVELS = ("ANYONE_WITH_ID_CAN_READ", "ANYONE_WITH_NAME_CAN_READ", "FOLLOW_USER_SETTING", "RESTRICTED")

_KEY = re.compile(r"[A-Za-z0-9!_.'()-]+")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
_ID = re.compile(r"[A-Za-z0-9]{17}")
_RECORD_PATH = re.compile(r"/v2/(?:key-value-stores/[^/]+|.+/key-value-store)/records/[^/]+/?")
_DIGITS = re.compile(r"[0-9]+")

# More than any listing has; int() of a text without end is not for a query.
_HUGE = 10**18


def is_id(text: str) -> bool:
    """Whether a text can be an id of a store, a user, an Actor."""
    return _ID.fullmatch(text) is not None


def is_record_path(path: str) -> bool:
    """Whether a raw path has the form of a record's, by the store's id or under a run."""
    return _RECORD_PATH.fullmatch(path) is not None


def check_key(key: str | None, limits: ApifyLimits) -> ServiceError | None:
    """Refuses a key that could not be decoded, is too long, or has a character that keys cannot have."""
    if key is None or len(key) > limits.record_key_characters or _KEY.fullmatch(key) is None:
        return ServiceError("invalid_record_key")
    return None


def check_name(name: str, limits: ApifyLimits) -> ServiceError | None:
    """Refuses a store name that is empty, too long, or more than letters, digits and inner hyphens."""
    if len(name) > limits.store_name_characters or _NAME.fullmatch(name) is None:
        return ServiceError("invalid_store_name")
    return None


def check_length(length: int, limits: ApifyLimits) -> ServiceError | None:
    """Refuses a body that is too large; exactly the limit is allowed."""
    if length > limits.request_bytes:
        return ServiceError("request_too_large", {"limit": limits.request_bytes, "length": length})
    return None


def coding_of(header: str | None) -> str | ServiceError | None:
    """Reads ``Content-Encoding``: one of the codings in lower case, or None for ``identity`` and no header."""
    if not header or header.lower() == "identity":
        return None
    coding = header.lower()
    return coding if coding in CODINGS else ServiceError("unsupported_content_encoding", {"encoding": header})


def number_of(parameter: str, text: str | None) -> int | ServiceError | None:
    """Reads a number in a query; None where there is none or an empty one."""
    if not text:
        return None
    if _DIGITS.fullmatch(text) is None:
        return ServiceError("invalid_parameter", {"parameter": parameter})
    return int(text) if len(text) < len(str(_HUGE)) else _HUGE


def truth_of(text: str | None) -> bool:
    """Reads a boolean in a query: ``true`` and ``1`` are true, everything else is false."""
    return text in {"true", "1"}
