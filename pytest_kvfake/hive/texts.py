"""Values as Hive keeps and sends them: compact JSON texts. Two values are equal when their texts are (hive.md 2)."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NewType

from pytest_kvfake.engine.jsontext import parsed

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "LARGEST_INTEGER",
    "SMALLEST_INTEGER",
    "JsonText",
    "array",
    "compact",
    "finite",
    "members",
    "pairs",
    "score_text",
    "value_of",
]

JsonText = NewType("JsonText", str)
"""A JSON text without blanks, members in the order in which they were sent."""

SMALLEST_INTEGER = -(1 << 63)
LARGEST_INTEGER = (1 << 63) - 1

# From here on a double is written with an exponent.
_LARGEST_WRITTEN_OUT = 1e16


def compact(value: Any) -> JsonText:
    """Gives the text by which a value is kept.

    Raises:
        ValueError: JSON cannot say it: a number that is not finite, half a surrogate pair, endless nesting.
        TypeError: it is nothing that JSON knows.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not text.isascii():
        text.encode("utf-8")
    return JsonText(text)


def value_of(text: JsonText) -> Any:
    """Gives a value as Python objects, made anew at each call."""
    return parsed(text)


def finite(number: object) -> float | None:
    """Gives a JSON number as a double; None for what is no number, or too large for one."""
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return None
    try:
        double = float(number)
    except OverflowError:
        return None
    return double if math.isfinite(double) else None


def array(items: Iterable[str]) -> JsonText:
    """Gives the array of some texts."""
    return JsonText(f"[{','.join(items)}]")


def members(items: Iterable[tuple[str, str]]) -> JsonText:
    """Gives the object with these names and texts."""
    return JsonText(f"{{{','.join(f'{compact(name)}:{text}' for name, text in items)}}}")


def pairs(items: Iterable[tuple[float, str]]) -> JsonText:
    """Gives the array of pairs of score and text."""
    return array(f"[{score_text(score)},{text}]" for score, text in items)


def score_text(score: float) -> JsonText:
    """Gives a score as JSON: a whole one without a decimal point."""
    whole = score.is_integer() and abs(score) < _LARGEST_WRITTEN_OUT
    return JsonText(str(int(score)) if whole else repr(score))
