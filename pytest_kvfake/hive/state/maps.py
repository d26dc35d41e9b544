"""The map store: fields with values (hive.md 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_kvfake.engine.service import ServiceError
from pytest_kvfake.hive.state.bucket import Bucket
from pytest_kvfake.hive.state.key_values import added
from pytest_kvfake.hive.texts import JsonText, compact, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MapStore"]

Fields = Mapping[str, JsonText]

_NONE: Fields = {}


class MapStore(Bucket[Fields]):
    """Keys with a map each; its fields are in the order in which they came."""

    __slots__ = ()

    def fields(self, key: str, now: float) -> Fields:
        """Gives all fields of a map with their values."""
        return self.use(key, now) or _NONE

    def some(self, key: str, names: Iterable[str], now: float) -> Fields:
        """Gives those of some fields that are there."""
        fields = self.fields(key, now)
        return {name: fields[name] for name in names if name in fields}

    def set(self, key: str, fields: Fields, now: float) -> int:
        """Sets fields and gives how many of them are new."""
        before = self.fields(key, now)
        after = {**before, **fields}
        self.change(key, after, now)
        return len(after) - len(before)

    def set_field(self, key: str, name: str, value: JsonText, now: float, *, overwrite: bool = True) -> bool:
        """Sets one field, a present one only if it may be overwritten; True for a new field."""
        before = self.fields(key, now)
        new = name not in before
        if new or overwrite:
            self.change(key, {**before, name: value}, now)
        return new

    def increment(self, key: str, name: str, amount: int, now: float) -> int | ServiceError:
        """Adds to an integer, which is 0 where the field is not there, and gives the sum."""
        before = self.look(key, now) or _NONE
        total = added(before.get(name), amount)
        if not isinstance(total, ServiceError):
            self.change(key, {**before, name: compact(total)}, now)
        return total

    def remove(self, key: str, names: Iterable[str], now: float) -> int:
        """Removes fields and gives how many there were."""
        before = self.fields(key, now)
        gone = before.keys() & set(names)
        self.change(key, {name: value for name, value in before.items() if name not in gone}, now)
        return len(gone)

    def dumped(self, value: Fields) -> Any:
        """Gives the map as Python objects."""
        return {name: value_of(text) for name, text in value.items()}

    def loaded(self, data: Any) -> Fields:
        """Gives the texts of a map's values."""
        if not all(isinstance(name, str) and one is not None for name, one in data.items()):
            raise TypeError("a map has texts as fields, and none of its values can be null")
        for name in data:
            compact(name)
        return {name: compact(one) for name, one in data.items()}
