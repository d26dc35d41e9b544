"""The list store: values in order, duplicates allowed, places counted from 0 or backwards from -1 (hive.md 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_kvfake.engine.service import ServiceError
from pytest_kvfake.hive.state.bucket import Bucket
from pytest_kvfake.hive.texts import JsonText, compact, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["ListStore", "between"]

Values = tuple[JsonText, ...]


class ListStore(Bucket[Values]):
    """Keys with a list each."""

    __slots__ = ()

    def values(self, key: str, now: float) -> Values:
        """Gives all values of a list."""
        return self.use(key, now) or ()

    def range(self, key: str, now: float, first: int, last: int) -> Values:
        """Gives the values from one place to another, both included; what lies outside is left out."""
        values = self.values(key, now)
        return values[between(first, last, len(values))]

    def item(self, key: str, index: int, now: float) -> JsonText | None:
        """Gives the value at a place, or None."""
        values = self.values(key, now)
        return values[index] if -len(values) <= index < len(values) else None

    def set_item(self, key: str, index: int, value: JsonText, now: float) -> ServiceError | None:
        """Puts a value in the place of another."""
        values = self.look(key, now)
        if values is None:
            return ServiceError("no_such_key")
        if not -len(values) <= index < len(values):
            return ServiceError("index_out_of_range")
        index %= len(values)
        self.change(key, (*values[:index], value, *values[index + 1 :]), now)
        return None

    def insert(self, key: str, anchor: JsonText, value: JsonText, now: float, *, behind: bool) -> int:
        """Puts a value beside the first one that equals the anchor.

        Returns:
            The length afterwards; 0 without such a list, -1 without such an anchor.
        """
        values = self.use(key, now)
        if values is None:
            return 0
        if anchor not in values:
            return -1
        place = values.index(anchor) + behind
        self.change(key, (*values[:place], value, *values[place:]), now)
        return len(values) + 1

    def add_first(self, key: str, values: Iterable[JsonText], now: float) -> int:
        """Puts values in front, one after the other, and gives the length."""
        return self._become(key, (*reversed(tuple(values)), *self.values(key, now)), now)

    def add_last(self, key: str, values: Iterable[JsonText], now: float) -> int:
        """Puts values at the end and gives the length."""
        return self._become(key, (*self.values(key, now), *values), now)

    def take_first(self, key: str, count: int, now: float) -> Values:
        """Takes up to so many values away from the front, the first one first."""
        values = self.values(key, now)
        self.change(key, values[count:], now)
        return values[:count]

    def take_last(self, key: str, count: int, now: float) -> Values:
        """Takes up to so many values away from the end, the last one first."""
        values = self.values(key, now)
        kept = max(0, len(values) - count)
        self.change(key, values[:kept], now)
        return values[kept:][::-1]

    def remove(self, key: str, value: JsonText, count: int, now: float) -> int:
        """Removes occurrences of a value: so many from the head, from the tail if negative, all if 0."""
        values = self.values(key, now)
        places = [place for place, one in enumerate(values) if one == value]
        if count > 0:
            places = places[:count]
        elif count < 0:
            places = places[count:]
        gone = set(places)
        self.change(key, tuple(one for place, one in enumerate(values) if place not in gone), now)
        return len(gone)

    def dumped(self, value: Values) -> Any:
        """Gives the values as Python objects."""
        return [value_of(one) for one in value]

    def loaded(self, data: Any) -> Values:
        """Gives the texts of some values."""
        return _texts(data)

    def _become(self, key: str, values: Values, now: float) -> int:
        self.change(key, values, now)
        return len(values)


def between(first: int, last: int, length: int) -> slice:
    """Gives the slice from one place to another, both included and perhaps counted from the end, as LRANGE has it."""
    start = max(0, first + length) if first < 0 else first
    stop = last + length if last < 0 else last
    return slice(start, max(0, stop + 1))


def _texts(data: Sequence[Any]) -> Values:
    if isinstance(data, (str, bytes)) or any(one is None for one in data):
        raise TypeError("a list holds values, and none of them can be null")
    return tuple(compact(one) for one in data)
