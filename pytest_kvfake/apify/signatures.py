"""The two kinds of HMAC signature in public URLs (apify.md 4.1)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

__all__ = ["opens_record", "opens_store", "record_signature", "storage_signature"]

_BASE62 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_HEX_DIGITS = 30
_VERSION = 0

# Milliseconds until a year with five digits have 15 digits; what is longer is no moment.
_LONGEST_MOMENT = 18


def sign(secret: str, message: str) -> str:
    """Gives the HMAC of a message, shortened and in base 62."""
    digest = hmac.new(secret.encode(), message.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
    number = int(digest[:_HEX_DIGITS], 16)
    digits = ""
    while number:
        number, digit = divmod(number, len(_BASE62))
        digits = _BASE62[digit] + digits
    return digits or _BASE62[0]


def record_signature(secret: str, key: str) -> str:
    """Gives the signature that opens one record, for good; ``key`` is not percent-encoded."""
    return sign(secret, key)


def storage_signature(secret: str, store_id: str, expires_at: int = 0) -> str:
    """Gives the signature that opens a store's keys and its archive.

    Args:
        secret: the store's.
        store_id: its id, also where the URL has its name.
        expires_at: milliseconds since the epoch; 0 for never.
    """
    inner = sign(secret, f"{_VERSION}.{expires_at}.{store_id}")
    text = f"{_VERSION}.{expires_at}.{inner}"
    return base64.urlsafe_b64encode(text.encode("ascii")).decode("ascii").rstrip("=")


def opens_record(signature: str, secret: str, key: str) -> bool:
    """Whether a signature is the one of this record."""
    return _same(signature, record_signature(secret, key))


def opens_store(signature: str, secret: str, store_id: str, now: float) -> bool:
    """Whether a signature is one of this store that still holds; its padding may be there or not."""
    bare = signature.rstrip("=")
    try:
        padded = bare.encode("ascii") + b"=" * (-len(bare) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeError):
        return False
    version, _, rest = text.partition(".")
    moment, _, _ = rest.partition(".")
    if version != str(_VERSION) or not moment.isdigit() or len(moment) > _LONGEST_MOMENT:
        return False
    expires_at = int(moment)
    if expires_at and expires_at <= now * 1000:
        return False
    return _same(bare, storage_signature(secret, store_id, expires_at))


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("ascii"))
