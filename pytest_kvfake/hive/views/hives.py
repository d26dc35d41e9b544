"""The hives of the application, as a live mapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pytest_kvfake.hive.views.stores import KeyValueView, ListsView, MapsView, SetsView, SortedSetsView

if TYPE_CHECKING:
    from pytest_kvfake.engine.world import World
    from pytest_kvfake.hive.state.hives import HiveState

__all__ = ["HiveView", "HivesView"]


class HiveView:
    """One hive, live, with its five stores. It stays valid as long as a hive of its name exists.

    Attributes:
        name: unique in the application.
        key_value: keys to values.
        list: keys to lists.
        map: keys to mappings.
        set: keys to sets.
        sorted_set: keys to mappings of values to scores.
    """

    def __init__(self, world: World[HiveState], name: str) -> None:
        self.name = name
        self.key_value = KeyValueView(world, name)
        self.list = ListsView(world, name)
        self.map = MapsView(world, name)
        self.set = SetsView(world, name)
        self.sorted_set = SortedSetsView(world, name)

    def __repr__(self) -> str:
        stores = (self.key_value, self.list, self.map, self.set, self.sorted_set)
        return f"<Hive {self.name!r}: {', '.join(f'{store.kind} {len(store)}' for store in stores)}>"


class HivesView(Mapping[str, HiveView]):
    """The hives, live, by name, in the order of their creation."""

    def __init__(self, world: World[HiveState]) -> None:
        self._world = world

    def __getitem__(self, name: str) -> HiveView:
        if name not in self._world.state.hives:
            raise KeyError(name)
        return HiveView(self._world, name)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._world.state.hives))

    def __len__(self) -> int:
        return len(self._world.state.hives)

    def __repr__(self) -> str:
        return f"<Hives {list(self)}>"
