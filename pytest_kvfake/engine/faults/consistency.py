"""Eventual consistency: what each location still believes about a key space that has moved on.

Every look-up, a failed one too, is remembered for a while; a listing is served from a copy that is at most as
old. Expiry is judged on what is remembered. Everything runs on the fake's clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pytest_kvfake.engine.keyspace import KeySpace, Page

if TYPE_CHECKING:
    from pytest_kvfake.engine.service import Command

__all__ = ["Beliefs", "LaggingView"]

V = TypeVar("V")


class Beliefs:
    """What all locations remember.

    Attributes:
        lag: how many seconds a look-up is remembered.
        location_header: the request header that names the location; without it all requests share one.
        read_your_writes: a write drops what its own location remembers.
        tombstones: removed keys keep their place in listings, so that pages come short.
    """

    def __init__(self, *, lag: float, location_header: str | None, read_your_writes: bool, tombstones: bool) -> None:
        self.lag = lag
        self.location_header = location_header
        self.read_your_writes = read_your_writes
        self.tombstones = tombstones
        self.looked_up: dict[tuple[str, int, str], tuple[float, Any, float | None]] = {}
        self.listed: dict[tuple[str, int], tuple[float, KeySpace[Any]]] = {}
        self.removed: dict[int, set[str]] = {}
        self.spaces: dict[int, KeySpace[Any]] = {}

    def settle(self) -> None:
        """Forgets everything: every location sees the newest state."""
        self.looked_up.clear()
        self.listed.clear()
        self.removed.clear()

    def view(self, space: KeySpace[V], command: Command, *, reads: bool) -> LaggingView[V]:
        """Gives a key space as the location of a request sees it; ``reads`` is False where only writes go by."""
        number = id(space)
        if number not in self.spaces:
            self.spaces[number] = space  # it stays alive, so its id stays its own
            if self.tombstones:
                space.on_removed = self.removed.setdefault(number, set()).add
        location = command.request.headers.get(self.location_header, "") if self.location_header else ""
        return LaggingView(self, space, number, location, reads=reads)


class LaggingView(Generic[V]):
    """A key space through the eyes of one location; it has the methods that state steps use."""

    def __init__(self, beliefs: Beliefs, space: KeySpace[V], number: int, location: str, *, reads: bool) -> None:
        self._beliefs = beliefs
        self._space = space
        self._number = number
        self._location = location
        self._reads = reads

    def get(self, key: str, now: float) -> V | None:
        """Gives what this location believes to be the value of ``key``."""
        beliefs, place = self._beliefs, (self._location, self._number, key)
        remembered = beliefs.looked_up.get(place)
        if not self._reads or not beliefs.lag:
            return self._space.get(key, now)
        if remembered is None or now - remembered[0] >= beliefs.lag:
            value = self._space.get(key, now)
            beliefs.looked_up[place] = (now, value, self._space.expiry(key, now))
            return value
        _, value, expires_at = remembered
        return None if expires_at is not None and expires_at <= now else value

    def put(self, key: str, value: V, now: float, expires_at: float | None = None) -> None:
        """Writes to the centre at once."""
        self._forget(key)
        self._beliefs.removed.get(self._number, set()).discard(key)
        self._space.put(key, value, now, expires_at)

    def delete(self, key: str, now: float) -> V | None:
        """Deletes at the centre at once."""
        self._forget(key)
        return self._space.delete(key, now)

    def page(self, *, prefix: str = "", after: str | None = None, limit: int, now: float) -> Page[V]:
        """Gives a page of the copy that this location still has."""
        space = self._space if not self._reads else self._copy(now)
        if not self._beliefs.tombstones:
            return space.page(prefix=prefix, after=after, limit=limit, now=now)
        space.expire(now)
        gone = {key for key in self._beliefs.removed.get(self._number, ()) if key.startswith(prefix)}
        gone = {key for key in gone if (after is None or key > after) and space.get(key, now) is None}
        page = space.page(prefix=prefix, after=after, limit=limit, now=now)
        places = sorted([*gone, *(key for key, _ in page.items)])
        shown = set(places[:limit])
        items = tuple(item for item in page.items if item[0] in shown)
        return Page(items, more=page.more or len(places) > limit, last=places[:limit][-1] if places else None)

    def _copy(self, now: float) -> KeySpace[V]:
        beliefs, place = self._beliefs, (self._location, self._number)
        if not beliefs.lag:
            return self._space
        listed = beliefs.listed.get(place)
        if listed is None or now - listed[0] >= beliefs.lag:
            listed = beliefs.listed[place] = (now, self._space.copy())
        return listed[1]

    def _forget(self, key: str) -> None:
        if self._beliefs.read_your_writes:
            self._beliefs.looked_up.pop((self._location, self._number, key), None)
            self._beliefs.listed.pop((self._location, self._number), None)
