"""The hives of an application, and who may come in (hive.md 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_kvfake.engine.seed import draw
from pytest_kvfake.hive.state.key_values import KeyValueStore
from pytest_kvfake.hive.state.lists import ListStore
from pytest_kvfake.hive.state.maps import MapStore
from pytest_kvfake.hive.state.sets import SetStore
from pytest_kvfake.hive.state.sorted_sets import SortedSetStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_kvfake.hive.limits import HiveLimits
    from pytest_kvfake.hive.state.bucket import Bucket

__all__ = ["CURSOR_FIELDS", "Hive", "HiveState", "Switches"]

CURSOR_FIELDS = ("cursor", "cursorId", "both")


@dataclass
class Switches:
    """Where the vendor's own pages and clients disagree, and both ways have been seen.

    Attributes:
        keys_cursor_field: how a key listing names its cursor: ``cursor`` (the pages), ``cursorId`` (the typings of
            the JavaScript client, and the Swift client), or ``both``.
        string_values_only: whether a set takes texts alone, as its page says; all clients send any JSON.
        legacy_exists: whether ``…/action/exists`` is served beside ``…/action/exist``; the Swift client still
            sends it for one key.
    """

    keys_cursor_field: str = CURSOR_FIELDS[0]
    string_values_only: bool = False
    legacy_exists: bool = False


class Hive:
    """A hive: five stores, each with keys of its own.

    Attributes:
        key_value: values.
        list: lists of values.
        map: maps of fields to values.
        set: sets of values.
        sorted_set: sets of values with scores.
        stores: the same by the names that paths have for them.
        choices: how often random values of a key were asked for, by the store's name and the key.
    """

    def __init__(self) -> None:
        self.key_value = KeyValueStore()
        self.list = ListStore()
        self.map = MapStore()
        self.set = SetStore()
        self.sorted_set = SortedSetStore()
        self.choices: dict[str, int] = {}

    @property
    def stores(self) -> dict[str, Bucket[Any]]:
        """The five stores by the names that paths have for them."""
        return {
            "key-value": self.key_value,
            "list": self.list,
            "map": self.map,
            "set": self.set,
            "sorted-set": self.sorted_set,
        }

    def copy(self) -> Hive:
        """Gives an independent hive that shares all values."""
        other = Hive()
        other.key_value = self.key_value.copy()
        other.list = self.list.copy()
        other.map = self.map.copy()
        other.set = self.set.copy()
        other.sorted_set = self.sorted_set.copy()
        other.choices = self.choices.copy()
        return other

    def drawing(self, seed: int, store: str, key: str) -> Callable[[int], float]:
        """Counts one random choice from a key, and gives its draws."""
        place = f"{store}/{key}"
        count = self.choices[place] = self.choices.get(place, 0) + 1
        return lambda number: draw(seed, "choice", place, count, number)


class HiveState:
    """Everything that the fake service keeps.

    Attributes:
        limits: the documented ones, which a test may have changed.
        seed: of random choices.
        app_id: the only application there is; None: any id will do.
        api_key: its key; None: any will do.
        switches: what the vendor leaves open.
        hives: by name, in the order of their creation.
        tokens: the user tokens that are accepted; while it is empty every one is.
    """

    def __init__(self, limits: HiveLimits, seed: int) -> None:
        self.limits = limits
        self.seed = seed
        self.app_id: str | None = None
        self.api_key: str | None = None
        self.switches = Switches()
        self.hives: dict[str, Hive] = {}
        self.tokens: set[str] = set()

    def rename(self, old: str, new: str) -> None:
        """Gives a hive another name; it keeps its place among the others."""
        self.hives = {new if name == old else name: hive for name, hive in self.hives.items()}

    def snapshot(self) -> Any:
        """Gives a copy of everything that shares all values."""
        return {name: hive.copy() for name, hive in self.hives.items()}, frozenset(self.tokens)

    def restore(self, saved: Any) -> None:
        """Puts a snapshot in place."""
        hives, tokens = saved
        self.hives = {name: hive.copy() for name, hive in hives.items()}
        self.tokens = set(tokens)

    def dump(self) -> Any:
        """Gives everything as JSON that a person can read."""
        return {
            "hives": {
                name: {**{kind: store.dump() for kind, store in hive.stores.items()}, "choices": dict(hive.choices)}
                for name, hive in self.hives.items()
            },
            "tokens": sorted(self.tokens),
        }

    def load(self, data: Any) -> None:
        """Puts a dump in place of everything."""
        hives: dict[str, Hive] = {}
        for name, described in data["hives"].items():
            hive = hives[name] = Hive()
            hive.choices = dict(described["choices"])
            for kind, store in hive.stores.items():
                store.load(described[kind])
        self.hives, self.tokens = hives, set(data["tokens"])
