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
        self.spaces: dict[int, object] = {}

    def settle(self) -> None:
        """Forgets everything: every location sees the newest state."""
        self.looked_up.clear()
        self.listed.clear()
        for keys in self.removed.values():
            keys.clear()

    def location(self, command: Command) -> str:
        """Gives the name of the location that a request comes from."""
        return command.request.headers.get(self.location_header, "") if self.location_header else ""

    def watch(self, space: KeySpace[Any]) -> int:
        """Gives the number under which a key space is known here, from its first sight on."""
        number = id(space.identity)
        self.spaces[number] = space.identity  # it stays alive, so its id stays its own
        if self.tombstones:
            space.on_removed = self.removed.setdefault(number, set()).add
        return number

    def written(self, number: int, location: str, key: str) -> None:
        """Hears of a write at a location."""
        if self.read_your_writes:
            self.looked_up.pop((location, number, key), None)
            self.listed.pop((location, number), None)


class LaggingView(Generic[V]):
    """A key space through the eyes of one request; it has the methods that state steps use.

    Reads see what the beliefs of the acting fault say (None: the newest state); writes go to the centre, and the
    beliefs of all faults hear of them.
    """

    def __init__(self, space: KeySpace[V], command: Command, acting: Beliefs | None, everyone: list[Beliefs]) -> None:
        self._space = space
        self._acting = acting
        self._number = id(space.identity)
        self._hearing = [(beliefs, beliefs.watch(space), beliefs.location(command)) for beliefs in everyone]
        self._location = "" if acting is None else acting.location(command)

    def get(self, key: str, now: float) -> V | None:
        """Gives what this location believes to be the value of ``key``."""
        beliefs = self._acting
        if beliefs is None or not beliefs.lag:
            return self._space.get(key, now)
        place = (self._location, self._number, key)
        remembered = beliefs.looked_up.get(place)
        if remembered is None or now - remembered[0] >= beliefs.lag:
            value = self._space.get(key, now)
            beliefs.looked_up[place] = (now, value, self._space.expiry(key, now))
            return value
        _, value, expires_at = remembered
        return None if expires_at is not None and expires_at <= now else value

    def put(self, key: str, value: V, now: float, expires_at: float | None = None) -> None:
        """Writes to the centre at once."""
        self._tell(key)
        for beliefs, number, _ in self._hearing:
            beliefs.removed.get(number, set()).discard(key)
        self._space.put(key, value, now, expires_at)

    def delete(self, key: str, now: float) -> V | None:
        """Deletes at the centre at once."""
        self._tell(key)
        return self._space.delete(key, now)

    def page(self, *, prefix: str = "", after: str | None = None, limit: int, now: float) -> Page[V]:
        """Gives a page of the copy that this location still has."""
        beliefs = self._acting
        space = self._space if beliefs is None or not beliefs.lag else self._copy(beliefs, now)
        if beliefs is None or not beliefs.tombstones:
            return space.page(prefix=prefix, after=after, limit=limit, now=now)
        space.expire(now)
        gone = {key for key in beliefs.removed.get(self._number, ()) if key.startswith(prefix)}
        gone = {key for key in gone if (after is None or key > after) and space.get(key, now) is None}
        page = space.page(prefix=prefix, after=after, limit=limit, now=now)
        places = sorted([*gone, *(key for key, _ in page.items)])
        shown = set(places[:limit])
        items = tuple(item for item in page.items if item[0] in shown)
        return Page(items, more=page.more or len(places) > limit, last=places[:limit][-1] if places else None)

    def _copy(self, beliefs: Beliefs, now: float) -> KeySpace[V]:
        place = (self._location, self._number)
        listed = beliefs.listed.get(place)
        if listed is None or now - listed[0] >= beliefs.lag:
            listed = beliefs.listed[place] = (now, self._space.copy())
        return listed[1]

    def _tell(self, key: str) -> None:
        for beliefs, number, location in self._hearing:
            beliefs.written(number, location, key)
