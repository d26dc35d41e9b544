"""The collections under one key, as Python's own: lists, mappings and sets that are live.

A collection that has become empty is no longer in its store; writing to its view brings it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping, MutableSequence, MutableSet
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from pytest_kvfake.hive.state.sorted_sets import Scores
from pytest_kvfake.hive.texts import JsonText, compact, value_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_kvfake.hive.state.bucket import Bucket
    from pytest_kvfake.hive.views.stores import StoreView

__all__ = ["ListView", "MapView", "SetView", "SortedSetView"]

V = TypeVar("V")


class _Collection(Generic[V]):
    """What the views of collections share: the way to what their key holds."""

    def __init__(self, store: StoreView[Any, Any], key: str) -> None:
        self._store = store
        self._key = key

    def _held(self, nothing: V) -> V:
        with self._store.world.lock:
            held: V | None = self._bucket.look(self._key, self._store.world.clock.now())
        return nothing if held is None else held

    def _hold(self, value: V) -> None:
        self._bucket.change(self._key, value, self._store.world.clock.now())

    def _text(self, value: Any) -> JsonText:
        return self._store.text(value)

    @property
    def _bucket(self) -> Bucket[Any]:
        return self._store.bucket


class ListView(_Collection["tuple[JsonText, ...]"], MutableSequence[Any]):
    """A list, live."""

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        found = self._held(())[index]
        return [value_of(text) for text in found] if isinstance(found, tuple) else value_of(found)

    def __setitem__(self, index: int | slice, value: Any) -> None:
        with self._store.world.lock:
            values = list(self._held(()))
            if isinstance(index, slice):
                values[index] = [self._text(one) for one in value]
            else:
                values[index] = self._text(value)
            self._hold(tuple(values))

    def __delitem__(self, index: int | slice) -> None:
        with self._store.world.lock:
            values = list(self._held(()))
            del values[index]
            self._hold(tuple(values))

    def __len__(self) -> int:
        return len(self._held(()))

    def insert(self, index: int, value: Any) -> None:
        """Puts a value before the one at a place."""
        with self._store.world.lock:
            values = list(self._held(()))
            values.insert(index, self._text(value))
            self._hold(tuple(values))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ListView):
            return list(self) == list(other)
        return isinstance(other, list) and list(self) == other

    __hash__ = None  # type: ignore[assignment] # as of every mutable sequence

    def __repr__(self) -> str:
        return f"<List {self._key!r}: {list(self)!r}>"


class MapView(_Collection["Mapping[str, JsonText]"], MutableMapping[str, Any]):
    """A map, live: fields to values."""

    def __getitem__(self, field: str) -> Any:
        return value_of(self._held({})[field])

    def __setitem__(self, field: str, value: Any) -> None:
        with self._store.world.lock:
            self._store.check_text("field", field)
            self._hold({**self._held({}), field: self._text(value)})

    def __delitem__(self, field: str) -> None:
        with self._store.world.lock:
            fields = dict(self._held({}))
            del fields[field]
            self._hold(fields)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._held({})))

    def __len__(self) -> int:
        return len(self._held({}))

    def __repr__(self) -> str:
        return f"<Map {self._key!r}: {dict(self)!r}>"


class SetView(_Collection["Mapping[JsonText, None]"], MutableSet[Any]):
    """A set, live. Its values may be lists and dicts too: what counts is their JSON text, so 1 is not True."""

    def __contains__(self, value: object) -> bool:
        return _found(value, self._held({}))

    def __iter__(self) -> Iterator[Any]:
        return iter([value_of(text) for text in self._held({})])

    def __len__(self) -> int:
        return len(self._held({}))

    def add(self, value: Any) -> None:
        """Adds a value."""
        with self._store.world.lock:
            self._hold({**self._held({}), self._text(value): None})

    def discard(self, value: Any) -> None:
        """Removes a value, if it is there."""
        with self._store.world.lock:
            members = self._held({})
            if _found(value, members):
                gone = compact(value)
                self._hold({text: None for text in members if text != gone})

    @classmethod
    def _from_iterable(cls, values: Iterable[Any]) -> set[Any]:
        return set(values)

    def __repr__(self) -> str:
        return f"<Set {self._key!r}: {list(self)!r}>"


class SortedSetView(_Collection[Scores], MutableMapping[Any, float]):
    """A sorted set, live: values to scores, iterated from the lowest score on.

    Values may be lists and dicts too: what counts is their JSON text.
    """

    def __getitem__(self, value: Any) -> float:
        scores = self._held(_NOTHING).by_value
        if not _found(value, scores):
            raise KeyError(value)
        return scores[compact(value)]

    def __setitem__(self, value: Any, score: float) -> None:
        with self._store.world.lock:
            added = self._store.loaded([(score, value)]).by_value
            self._hold(Scores({**self._held(_NOTHING).by_value, **added}))

    def __delitem__(self, value: Any) -> None:
        with self._store.world.lock:
            scores = dict(self._held(_NOTHING).by_value)
            if not _found(value, scores):
                raise KeyError(value)
            del scores[compact(value)]
            self._hold(Scores(scores))

    def __contains__(self, value: object) -> bool:
        return _found(value, self._held(_NOTHING).by_value)

    def __iter__(self) -> Iterator[Any]:
        return iter([value_of(text) for _, text in self._held(_NOTHING).ranked])

    def __len__(self) -> int:
        return len(self._held(_NOTHING))

    def pairs(self) -> list[tuple[float, Any]]:
        """Gives score and value of each, from the lowest score on."""
        return [(score, value_of(text)) for score, text in self._held(_NOTHING).ranked]

    def __repr__(self) -> str:
        return f"<SortedSet {self._key!r}: {self.pairs()!r}>"


_NOTHING = Scores({})


def _found(value: object, texts: Mapping[JsonText, Any]) -> bool:
    """Whether a value is among some texts; what JSON cannot say is not."""
    try:
        return compact(value) in texts
    except (TypeError, ValueError):
        return False
