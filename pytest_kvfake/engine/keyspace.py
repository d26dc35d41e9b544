"""An ordered mapping whose keys expire: pages and cursors cost what they show, expiry what has expired."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from sortedcontainers import SortedList

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["KeySpace", "Page"]

V = TypeVar("V")

# A heap of expiries may hold this many stale items before it is made anew.
_SLACK = 64


@dataclass(frozen=True, slots=True)
class Page(Generic[V]):
    """A part of a listing.

    Attributes:
        items: key and value, ascending by the key's UTF-8 bytes.
        more: whether a key that fits the listing follows.
        last: the position that the page has reached; None where there is nothing.
    """

    items: tuple[tuple[str, V], ...]
    more: bool
    last: str | None = None


class KeySpace(Generic[V]):
    """Keys in the order of their UTF-8 bytes, each with a value and perhaps a moment of expiry.

    A key with an expiry is there while ``now < expires_at``. Every method takes ``now`` and first removes
    what has expired by then; what was removed stays removed when the clock goes back. Values should be
    immutable: `copy` is shallow. It is not locked. ``on_removed`` is told each key that goes. ``identity`` is one
    object for a space and all its copies: a state that is taken back is still the same space.

    The order is brought up to date when somebody lists, so a put is a dictionary's put. Strings sort by
    code point, which is the order of their UTF-8 bytes.
    """

    __slots__ = ("_entries", "_expiries", "_fresh", "_heap", "_order", "identity", "on_removed")

    def __init__(self) -> None:
        self.identity = object()
        self.on_removed: Callable[[str], None] | None = None
        self._entries: dict[str, V] = {}
        self._order: SortedList[str] = SortedList()
        self._fresh: set[str] = set()
        self._expiries: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []

    def expire(self, now: float) -> None:
        """Removes what has expired; costs O(log n) for each removed key and nothing else."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            moment, key = heapq.heappop(heap)
            if self._expiries.get(key) == moment:
                self._discard(key)

    def get(self, key: str, now: float) -> V | None:
        """Gives the value of ``key``, or None."""
        if self._heap:
            self.expire(now)
        return self._entries.get(key)

    def put(self, key: str, value: V, now: float, expires_at: float | None = None) -> None:
        """Stores a value in place of what was there, its expiry included.

        Args:
            key: any text.
            value: anything immutable.
            now: seconds since the epoch.
            expires_at: seconds since the epoch; None means never.
        """
        if self._heap:
            self.expire(now)
        if key not in self._entries:
            self._fresh.add(key)
        self._entries[key] = value
        if expires_at is not None:
            self._set_expiry(key, expires_at)
        elif self._expiries:
            self._expiries.pop(key, None)

    def delete(self, key: str, now: float) -> V | None:
        """Removes ``key`` and gives the value that it had, or None."""
        if self._heap:
            self.expire(now)
        return self._discard(key)

    def expiry(self, key: str, now: float) -> float | None:
        """Gives the moment at which ``key`` expires; None for a key that stays or is not there."""
        if self._heap:
            self.expire(now)
        return self._expiries.get(key)

    def set_expiry(self, key: str, expires_at: float | None, now: float) -> bool:
        """Changes only the expiry of ``key`` (None: never); False if there is no such key."""
        if self._heap:
            self.expire(now)
        if key not in self._entries:
            return False
        if expires_at is None:
            self._expiries.pop(key, None)
        else:
            self._set_expiry(key, expires_at)
        return True

    def count(self, now: float) -> int:
        """Gives how many keys are there."""
        if self._heap:
            self.expire(now)
        return len(self._entries)

    def keys(self, now: float) -> Iterator[str]:
        """Gives all keys in order, from a copy, so that the space may change meanwhile."""
        self._bring_up_to_date(now)
        return iter(list(self._order))

    def page(self, *, prefix: str = "", after: str | None = None, limit: int, now: float) -> Page[V]:
        """Gives up to ``limit`` keys in order: O(log n) to find the first, O(1) for each one more.

        Args:
            prefix: only keys that start with it.
            after: only keys behind this one, which need not exist.
            limit: how many at the most.
            now: seconds since the epoch.
        """
        self._bring_up_to_date(now)
        order = self._order
        start = order.bisect_right(after) if after is not None and after >= prefix else order.bisect_left(prefix)
        entries = self._entries
        items: list[tuple[str, V]] = []
        for key in order.islice(start):
            if not key.startswith(prefix):
                break
            if len(items) == limit:
                return Page(tuple(items), more=True, last=items[-1][0] if items else None)
            items.append((key, entries[key]))
        return Page(tuple(items), more=False, last=items[-1][0] if items else None)

    def copy(self) -> KeySpace[V]:
        """Gives an independent space with the same keys, values and expiries, known by the same identity."""
        other: KeySpace[V] = KeySpace()
        other.identity, other.on_removed = self.identity, self.on_removed
        other._entries = self._entries.copy()
        other._fresh = self._fresh.copy()
        other._order = SortedList(self._order)
        other._expiries = self._expiries.copy()
        other._heap = self._heap.copy()
        return other

    def _bring_up_to_date(self, now: float) -> None:
        if self._heap:
            self.expire(now)
        if self._fresh:
            self._order.update(self._fresh)
            self._fresh.clear()

    def _set_expiry(self, key: str, expires_at: float) -> None:
        self._expiries[key] = expires_at
        heapq.heappush(self._heap, (expires_at, key))
        if len(self._heap) > 2 * len(self._expiries) + _SLACK:
            self._heap = [(moment, name) for name, moment in self._expiries.items()]
            heapq.heapify(self._heap)

    def _discard(self, key: str) -> V | None:
        if key not in self._entries:
            return None
        if key in self._fresh:
            self._fresh.remove(key)
        else:
            self._order.remove(key)
        self._expiries.pop(key, None)
        if self.on_removed is not None:
            self.on_removed(key)
        return self._entries.pop(key)
