"""The keys of one store: their order, expiry and last use. What a key holds is the business of each store type.

Source: hive.md 6, and for what it leaves open the matching Redis commands.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pytest_kvfake.engine.keyspace import KeySpace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self

__all__ = ["Bucket", "Item"]

V = TypeVar("V")

# The list of creations may name this many keys that are gone before it is made anew.
_SLACK = 64

# A moment before everything: looking at it removes nothing.
_NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Item(Generic[V]):
    """What a key holds.

    Attributes:
        value: immutable, or never changed.
        number: of its creation, from 1; a cursor is such a number.
        used: when it was last used, in seconds since the epoch.
    """

    value: V
    number: int
    used: float


class Bucket(Generic[V]):
    """Keys in the order of their creation, each with a value that is never changed in place.

    Every method takes ``now``, in seconds since the epoch; a key with an expiry is there while
    ``now < expires_at``. An empty collection cannot be: putting one removes the key.

    Attributes:
        last: the highest number given out.
    """

    __slots__ = ("_items", "_names", "_numbers", "last")

    def __init__(self) -> None:
        self.last = 0
        self._items: KeySpace[Item[V]] = KeySpace()
        self._numbers = array("q")
        self._names: list[str] = []

    # Values

    def look(self, key: str, now: float) -> V | None:
        """Gives what a key holds, or None; the key does not count as used."""
        item = self._items.get(key, now)
        return None if item is None else item.value

    def use(self, key: str, now: float) -> V | None:
        """Gives what a key holds, or None, and counts it as used."""
        item = self._items.get(key, now)
        if item is None:
            return None
        if item.used != now:
            self._items.put(key, Item(item.value, item.number, now), now, self._items.expiry(key, now))
        return item.value

    def put(self, key: str, value: V, now: float, expires_at: float | None = None) -> None:
        """Puts a value in place of what was there, its expiry included; None: it stays."""
        if self._is_nothing(value) or (expires_at is not None and expires_at <= now):
            self._items.delete(key, now)
            return
        item = self._items.get(key, now)
        number = self._created(key, now) if item is None else item.number
        self._items.put(key, Item(value, number, now), now, expires_at)

    def change(self, key: str, value: V, now: float) -> None:
        """Puts a value in place of what was there; its expiry stays as it is."""
        self.put(key, value, now, self._items.expiry(key, now))

    def delete(self, key: str, now: float) -> bool:
        """Removes a key; False if there is none."""
        return self._items.delete(key, now) is not None

    def rename(self, old: str, new: str, now: float, *, overwrite: bool) -> bool | None:
        """Gives a key another name, its expiry with it; None: there is no such key, False: the name is taken."""
        item = self._items.get(old, now)
        if item is None:
            return None
        if not overwrite and self._items.get(new, now) is not None:
            return False
        expires_at = self._items.expiry(old, now)
        if new != old:
            self._items.delete(old, now)
        self.put(new, item.value, now, expires_at)
        return True

    # Expiry and use

    def expiry(self, key: str, now: float) -> float | None:
        """Gives the moment at which a key expires; None for one that stays or is not there."""
        return self._items.expiry(key, now)

    def set_expiry(self, key: str, expires_at: float | None, now: float) -> bool:
        """Lets a key expire at a moment, at once where that has passed, or stay (None); False if there is none."""
        value = self.look(key, now)
        if value is None:
            return False
        self.put(key, value, now, expires_at)
        return True

    def touch(self, key: str, now: float) -> bool:
        """Counts a key as used; False if there is none."""
        return self.use(key, now) is not None

    def idle(self, key: str, now: float) -> int | None:
        """Gives the whole seconds since a key was last used, or None."""
        item = self._items.get(key, now)
        return None if item is None else max(0, int(now - item.used))

    # Keys

    def has(self, key: str, now: float) -> bool:
        """Whether there is such a key; it does not count as used."""
        return self._items.get(key, now) is not None

    def count(self, now: float) -> int:
        """Gives how many keys there are."""
        return self._items.count(now)

    def keys(self, now: float) -> Iterator[str]:
        """Gives all keys in the order of their creation."""
        return (key for key, _ in list(self._in_order(0, now)))

    def page(self, fits: Callable[[str], object], now: float, *, after: int = 0, limit: int) -> tuple[list[str], int]:
        """Gives some keys in the order of their creation, and the number to go on behind; 0 at the end.

        Args:
            fits: whether a key is wanted.
            now: seconds since the epoch.
            after: only keys that were created behind this number.
            limit: how many keys at most.
        """
        found: list[str] = []
        reached = after
        for key, item in self._in_order(after, now):
            if not fits(key):
                continue
            if len(found) == limit:
                return found, reached
            found.append(key)
            reached = item.number
        return found, 0

    # The whole

    def copy(self) -> Self:
        """Gives an independent store that shares the values."""
        other = type(self)()
        other.last = self.last
        other._items = self._items.copy()  # noqa: SLF001 - of its own kind
        other._numbers = self._numbers[:]  # noqa: SLF001 - of its own kind
        other._names = self._names.copy()  # noqa: SLF001 - of its own kind
        return other

    def dump(self) -> dict[str, Any]:
        """Gives the whole store as JSON that a person can read."""
        described = {}
        for key, item in self._in_order(0, _NEVER):
            expires_at = self._items.expiry(key, _NEVER)
            described[key] = {
                "value": self.dumped(item.value),
                "number": item.number,
                "used": item.used,
                **({} if expires_at is None else {"expires_at": expires_at}),
            }
        return {"last": self.last, "keys": described}

    def load(self, data: Any) -> None:
        """Fills a new store from a dump."""
        for key, one in sorted(data["keys"].items(), key=lambda pair: pair[1]["number"]):
            self._numbers.append(one["number"])
            self._names.append(key)
            item = Item(self.loaded(one["value"]), one["number"], one["used"])
            self._items.put(key, item, _NEVER, one.get("expires_at"))
        self.last = data["last"]

    def dumped(self, value: V) -> Any:
        """Gives a value as Python objects that JSON knows."""
        raise NotImplementedError

    def loaded(self, data: Any) -> V:
        """Gives the value that `dumped` made JSON of, or that a test has written in its place.

        Raises:
            ValueError: JSON cannot say it.
            TypeError: it is nothing that such a store holds.
        """
        raise NotImplementedError

    def _is_nothing(self, value: V) -> bool:
        return not value

    def _created(self, key: str, now: float) -> int:
        if len(self._numbers) > 2 * self._items.count(now) + _SLACK:
            there = [(item.number, name) for name, item in self._in_order(0, now)]
            self._numbers = array("q", [number for number, _ in there])
            self._names = [name for _, name in there]
        self.last += 1
        self._numbers.append(self.last)
        self._names.append(key)
        return self.last

    def _in_order(self, after: int, now: float) -> Iterator[tuple[str, Item[V]]]:
        """The keys that are there; the list of creations names those that are gone too."""
        numbers, names, items = self._numbers, self._names, self._items
        for index in range(bisect_right(numbers, after), len(numbers)):
            item = items.get(names[index], now)
            if item is not None and item.number == numbers[index]:
                yield names[index], item
