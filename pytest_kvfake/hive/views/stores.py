"""The stores of a hive, as live mappings."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pytest_kvfake.engine.service import ServiceError
from pytest_kvfake.errors import GoneError
from pytest_kvfake.hive.texts import JsonText, compact, value_of
from pytest_kvfake.hive.views.collections import ListView, MapView, SetView, SortedSetView

if TYPE_CHECKING:
    from pytest_kvfake.engine.world import World
    from pytest_kvfake.hive.state.bucket import Bucket
    from pytest_kvfake.hive.state.hives import Hive, HiveState

__all__ = ["KeyValueView", "ListsView", "MapsView", "SetsView", "SortedSetsView", "StoreView"]

V = TypeVar("V")
W = TypeVar("W")


class StoreView(MutableMapping[str, Any], Generic[V, W]):
    """One store of a hive, live; iteration is in the order in which keys were created.

    ``store[key] = …`` replaces what is there, its expiry included; `put` gives it one. It stays valid through
    ``restore()`` and ``reset()``, as long as a hive of its name exists. Looking is no operation: the time since
    a key's last operation goes on.
    """

    kind = ""
    operation = ""

    def __init__(self, world: World[HiveState], hive: str) -> None:
        self.world = world
        self._hive = hive

    def put(self, key: str, value: W, *, ttl: float | None = None, expire_at: float | None = None) -> None:
        """Stores something under a key, in place of what is there.

        Args:
            key: not percent-encoded.
            value: what the store holds; an empty collection removes the key.
            ttl: seconds until the key expires; disregarded beside ``expire_at``.
            expire_at: seconds since the epoch on the fake's clock.

        Raises:
            RuleError: the service would refuse it; ``name`` is the catalogue's name of its error.
        """
        with self.world.lock:
            self.check_text("key", key)
            if not key:
                raise self._refused("key", "must not be empty")
            now = self.world.clock.now()
            moment = now + ttl if expire_at is None and ttl is not None else expire_at
            self.bucket.put(key, self.loaded(value), now, moment)

    def expiration(self, key: str) -> float | None:
        """Gives the moment at which a key expires, in seconds since the epoch; None for a key that stays.

        Raises:
            KeyError: there is no such key.
        """
        with self.world.lock:
            self._look(key)
            return self.bucket.expiry(key, self.world.clock.now())

    def expire_at(self, key: str, when: float | None) -> None:
        """Lets a key expire at a moment (seconds since the epoch), at once where that has passed; None: never.

        Raises:
            KeyError: there is no such key.
        """
        with self.world.lock:
            self._look(key)
            self.bucket.set_expiry(key, when, self.world.clock.now())

    def idle(self, key: str) -> int:
        """Gives the whole seconds since the last operation on a key.

        Raises:
            KeyError: there is no such key.
        """
        with self.world.lock:
            self._look(key)
            return self.bucket.idle(key, self.world.clock.now()) or 0

    def __getitem__(self, key: str) -> Any:
        with self.world.lock:
            return self._shown(key, self._look(key))

    def __setitem__(self, key: str, value: W) -> None:
        self.put(key, value)

    def __delitem__(self, key: str) -> None:
        with self.world.lock:
            if not self.bucket.delete(key, self.world.clock.now()):
                raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        with self.world.lock:
            return self.bucket.keys(self.world.clock.now())

    def __len__(self) -> int:
        with self.world.lock:
            return self.bucket.count(self.world.clock.now())

    def __repr__(self) -> str:
        return f"<{self.kind} store of hive {self._hive!r}, {len(self)} keys>"

    @property
    def bucket(self) -> Bucket[Any]:
        """The store as it is at this moment.

        Raises:
            GoneError: the hive is not there any more.
        """
        return _hive(self.world, self._hive).stores[self.kind]

    def loaded(self, value: Any) -> Any:
        """Gives what the store keeps for something that a test has written.

        Raises:
            RuleError: the service would refuse it.
        """
        try:
            return self.bucket.loaded(value)
        except (TypeError, ValueError, AttributeError) as error:
            raise self._refused("value", str(error)) from error

    def text(self, value: Any) -> JsonText:
        """Gives the text by which one value is kept.

        Raises:
            RuleError: the service would refuse it.
        """
        if value is None:
            raise self._refused("value", "must not be null")
        try:
            return compact(value)
        except (TypeError, ValueError) as error:
            raise self._refused("value", str(error)) from error

    def check_text(self, field: str, text: object) -> None:
        """Raises `RuleError` for what cannot be a key or a field."""
        if not isinstance(text, str):
            raise self._refused(field, "must be a string")
        self.text(text)

    def _look(self, key: str) -> V:
        value: V | None = self.bucket.look(key, self.world.clock.now())
        if value is None:
            raise KeyError(key)
        return value

    def _shown(self, key: str, value: V) -> Any:
        raise NotImplementedError

    def _refused(self, field: str, reason: str) -> Exception:
        return self.world.rule_error(
            ServiceError("invalid_argument", {"field": field, "reason": reason}), self.operation
        )


class KeyValueView(StoreView[JsonText, Any]):
    """The key-value store: ``hive.key_value[key]`` is the value."""

    kind = "key-value"
    operation = "key_value_set"

    def _shown(self, key: str, value: JsonText) -> Any:
        del key
        return value_of(value)


class ListsView(StoreView[Any, Any]):
    """The list store: ``hive.list[key]`` is a live list; any iterable of values can be assigned."""

    kind = "list"
    operation = "list_add_last"

    def _shown(self, key: str, value: Any) -> ListView:
        del value
        return ListView(self, key)


class MapsView(StoreView[Any, Any]):
    """The map store: ``hive.map[key]`` is a live mapping; any mapping can be assigned."""

    kind = "map"
    operation = "map_set"

    def _shown(self, key: str, value: Any) -> MapView:
        del value
        return MapView(self, key)


class SetsView(StoreView[Any, Any]):
    """The set store: ``hive.set[key]`` is a live set; any iterable of values can be assigned."""

    kind = "set"
    operation = "set_add"

    def _shown(self, key: str, value: Any) -> SetView:
        del value
        return SetView(self, key)


class SortedSetsView(StoreView[Any, Any]):
    """The sorted-set store: ``hive.sorted_set[key]`` is a live mapping of values to scores.

    A mapping of values to scores can be assigned, or an iterable of pairs of score and value.
    """

    kind = "sorted-set"
    operation = "sorted_set_add"

    def _shown(self, key: str, value: Any) -> SortedSetView:
        del value
        return SortedSetView(self, key)


def _hive(world: World[HiveState], name: str) -> Hive:
    hive = world.state.hives.get(name)
    if hive is None:
        raise GoneError(f"There is no hive {name!r} any more.")
    return hive
