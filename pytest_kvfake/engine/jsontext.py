"""JSON as a strict server reads and writes it: UTF-8 only, no NaN, no surprises from depth or surrogates."""

from __future__ import annotations

import json
import math
from typing import Any

__all__ = ["parsed", "written"]


def parsed(text: bytes | str) -> Any:
    """Reads a JSON text.

    Raises:
        ValueError: it is not JSON, not UTF-8, nested too deeply, or holds half a surrogate pair or a number
            that no double holds; the text says which, in words fit for an error message of the service.
    """
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        value = json.loads(decoded, parse_constant=_refuse, parse_float=_finite)
        if "\\" in decoded and ("\\ud" in decoded or "\\uD" in decoded):  # one character is found much faster
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"invalid UTF-8 at byte {error.start}") from None
    except UnicodeEncodeError:
        raise ValueError("half a surrogate pair") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except json.JSONDecodeError as error:
        if error.pos >= len(decoded.rstrip()):
            raise ValueError("unexpected end of JSON input") from None
        raise ValueError(f"invalid character {decoded[error.pos]!r} at offset {error.pos}") from None
    return value


def written(value: Any) -> bytes:
    """Writes a JSON text without blanks, as UTF-8.

    Raises:
        TypeError: there is no JSON for it.
        ValueError: it holds NaN, an infinity, half a surrogate pair, or itself.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"number out of range {text[:20]}")
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(f"invalid literal {constant}")
