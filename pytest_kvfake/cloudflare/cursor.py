"""Cursors of key listings: a position, signed with the fake's seed, in characters that need no escape."""

from __future__ import annotations

import base64
import binascii

from pytest_kvfake.engine.seed import identifier

__all__ = ["cursor_at", "position_of"]

_SIGNATURE = 16


def cursor_at(key: str, seed: int) -> str:
    """Gives the cursor of the position behind ``key``."""
    signed = identifier(seed, "cursor", key, length=_SIGNATURE) + key
    return base64.urlsafe_b64encode(signed.encode("utf-8")).decode("ascii").rstrip("=")


def position_of(cursor: str, seed: int) -> str | None:
    """Gives the key behind which a cursor stands; None for a cursor that the fake did not issue."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        signed = base64.b64decode(padded, altchars=b"-_", validate=True).decode("utf-8")
    except (binascii.Error, UnicodeError, ValueError):
        return None
    key = signed[_SIGNATURE:]
    return key if signed[:_SIGNATURE] == identifier(seed, "cursor", key, length=_SIGNATURE) else None
