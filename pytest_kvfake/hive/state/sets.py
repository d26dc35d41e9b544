"""The set store: each value once (hive.md 9). They are given in the order of arrival, so that a run replays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_kvfake.hive.state.bucket import Bucket
from pytest_kvfake.hive.state.draws import chosen
from pytest_kvfake.hive.texts import JsonText, compact, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["SetStore"]

Members = Mapping[JsonText, None]
"""The values as the keys of a mapping: a set that keeps its order."""

_NONE: Members = {}


class SetStore(Bucket[Members]):
    """Keys with a set each."""

    __slots__ = ()

    def members(self, key: str, now: float) -> Members:
        """Gives all values of a set."""
        return self.use(key, now) or _NONE

    def add(self, key: str, values: Iterable[JsonText], now: float) -> int:
        """Adds values and gives how many of them are new."""
        before = self.members(key, now)
        after = {**before, **dict.fromkeys(values)}
        self.change(key, after, now)
        return len(after) - len(before)

    def remove(self, key: str, values: Iterable[JsonText], now: float) -> int:
        """Removes values and gives how many there were."""
        before = self.members(key, now)
        gone = before.keys() & set(values)
        self.change(key, {one: None for one in before if one not in gone}, now)
        return len(gone)

    def contains(self, key: str, values: Iterable[JsonText], now: float) -> list[bool]:
        """Gives for each value whether the set has it."""
        members = self.members(key, now)
        return [value in members for value in values]

    def random(self, key: str, count: int, now: float, draw: Callable[[int], float]) -> list[JsonText]:
        """Gives random values: so many different ones at most, or exactly so many with repeats if negative."""
        members = list(self.members(key, now))
        return [members[place] for place in chosen(count, len(members), draw)]

    def take_random(self, key: str, count: int, now: float, draw: Callable[[int], float]) -> list[JsonText]:
        """Takes up to so many random values away."""
        taken = self.random(key, count, now, draw)
        self.remove(key, taken, now)
        return taken

    def difference(self, keys: Sequence[str], now: float) -> list[JsonText]:
        """Gives the values of the first set that none of the others has."""
        first, *others = [self.members(key, now) for key in keys]
        return [value for value in first if not any(value in other for other in others)]

    def intersection(self, keys: Sequence[str], now: float) -> list[JsonText]:
        """Gives the values that all sets have."""
        first, *others = [self.members(key, now) for key in keys]
        return [value for value in first if all(value in other for other in others)]

    def union(self, keys: Sequence[str], now: float) -> list[JsonText]:
        """Gives the values that any of the sets has."""
        return list(dict.fromkeys(value for key in keys for value in self.members(key, now)))

    def dumped(self, value: Members) -> Any:
        """Gives the values as Python objects."""
        return [value_of(one) for one in value]

    def loaded(self, data: Any) -> Members:
        """Gives the texts of some values."""
        if isinstance(data, (str, bytes)):
            raise TypeError("a set holds values; a text is one value")
        values = list(data)
        if any(one is None for one in values):
            raise TypeError("no value of a set can be null")
        return dict.fromkeys(compact(one) for one in values)
