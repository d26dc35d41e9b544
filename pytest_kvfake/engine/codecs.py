"""The content codings of HTTP (RFC 9110 section 8.4.1): gzip, deflate, br. The one module that knows brotli.

Brotli is imported when it is first needed: it costs more than the rest of the engine.
"""

from __future__ import annotations

import gzip
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CODINGS", "decoded", "encoded"]

CODINGS = ("gzip", "deflate", "br")

_ZLIB_HEADERLESS = -15

# Brotli's default quality is 11, which is 80 times slower for a few per cent.
_BROTLI_QUALITY = 5


def encoded(data: bytes, coding: str) -> bytes:
    """Gives ``data`` in one of the `CODINGS`; the same bytes each time.

    Raises:
        KeyError: the coding is none of them.
    """
    return _ENCODERS[coding](data)


def decoded(data: bytes, coding: str) -> bytes | None:
    """Gives the bytes behind one of the `CODINGS`; None where ``data`` is not (wholly) in it.

    ``deflate`` is zlib data; headerless data, which some senders call by that name, is read too.

    Raises:
        KeyError: the coding is none of them.
    """
    return _DECODERS[coding](data)


def _gzip_encoded(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def _gzip_decoded(data: bytes) -> bytes | None:
    try:
        return gzip.decompress(data) if data else None
    except (OSError, EOFError, zlib.error):
        return None


def _deflate_decoded(data: bytes) -> bytes | None:
    plain = _inflated(data, zlib.MAX_WBITS)
    return plain if plain is not None else _inflated(data, _ZLIB_HEADERLESS)


def _inflated(data: bytes, window: int) -> bytes | None:
    inflater = zlib.decompressobj(window)
    try:
        plain = inflater.decompress(data)
    except zlib.error:
        return None
    return plain if inflater.eof and not inflater.unused_data else None


def _brotli_encoded(data: bytes) -> bytes:
    compressed: bytes = _brotli().compress(data, quality=_BROTLI_QUALITY)
    return compressed


def _brotli_decoded(data: bytes) -> bytes | None:
    library = _brotli()
    try:
        plain: bytes = library.decompress(data)
    except library.error:
        return None
    return plain


@lru_cache(maxsize=1)
def _brotli() -> Any:
    try:
        import brotli
    except ImportError:
        import brotlicffi

        return brotlicffi
    return brotli


_ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": _gzip_encoded,
    "deflate": zlib.compress,
    "br": _brotli_encoded,
}
_DECODERS: dict[str, Callable[[bytes], bytes | None]] = {
    "gzip": _gzip_decoded,
    "deflate": _deflate_decoded,
    "br": _brotli_decoded,
}
