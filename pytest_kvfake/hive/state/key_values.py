"""The key-value store: one value a key, set under a condition, counted up and down (hive.md 5)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_kvfake.engine.service import ServiceError
from pytest_kvfake.hive.state.bucket import Bucket
from pytest_kvfake.hive.texts import LARGEST_INTEGER, SMALLEST_INTEGER, JsonText, compact, value_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CONDITIONS", "KeyValueStore", "added"]

CONDITIONS = ("IfExists", "IfNotExists", "Always")

_INTEGER = re.compile(r"-?[0-9]{1,19}")


class KeyValueStore(Bucket[JsonText]):
    """Keys with one value each."""

    __slots__ = ()

    def set(
        self, key: str, value: JsonText, now: float, *, expires_at: float | None = None, condition: str = "Always"
    ) -> bool:
        """Sets a value and its expiry; False, and nothing is changed, where the condition is not met.

        Args:
            key: any text.
            value: what to keep.
            now: seconds since the epoch.
            expires_at: seconds since the epoch; None lets the key stay, whatever it did before.
            condition: one of `CONDITIONS`.
        """
        if condition != "Always" and self.has(key, now) != (condition == "IfExists"):
            return False
        self.put(key, value, now, expires_at)
        return True

    def set_many(self, values: Mapping[str, JsonText], now: float) -> None:
        """Sets several values; all these keys stay from then on."""
        for key, value in values.items():
            self.put(key, value, now)

    def increment(self, key: str, amount: int, now: float) -> int | ServiceError:
        """Adds to an integer, which is 0 where the key is not there, and gives the sum; the expiry stays."""
        total = added(self.look(key, now), amount)
        if not isinstance(total, ServiceError):
            self.change(key, compact(total), now)
        return total

    def dumped(self, value: JsonText) -> Any:
        """Gives a value as Python objects."""
        return value_of(value)

    def loaded(self, data: Any) -> JsonText:
        """Gives the text of a value."""
        if data is None:
            raise TypeError("a value cannot be null")
        return compact(data)


def added(text: JsonText | None, amount: int) -> int | ServiceError:
    """Gives the sum of a stored integer (None counts as 0) and an amount, all of 64 bits."""
    if text is not None and _INTEGER.fullmatch(text) is None:
        return ServiceError("not_integer")
    before = 0 if text is None else int(text)
    total = before + amount
    fit = all(SMALLEST_INTEGER <= number <= LARGEST_INTEGER for number in (before, amount, total))
    return total if fit else ServiceError("not_integer")
