"""The state without HTTP: live mappings that keep the service's rules and leave no trace in the journal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from pytest_kvfake.apify.rules import ACCESS_LEVELS, check_key, check_length, coding_of
from pytest_kvfake.apify.state import Record, delete_record, put_record, record_of
from pytest_kvfake.engine.codecs import encoded
from pytest_kvfake.engine.service import ServiceError
from pytest_kvfake.errors import GoneError, UsageError, did_you_mean

if TYPE_CHECKING:
    from pytest_kvfake.apify.state import ApifyState, Store
    from pytest_kvfake.engine.world import World

__all__ = ["StoreView", "StoresView"]


class StoreView(MutableMapping[str, Record]):
    """One store, live: ``store[key]`` is a `Record`, ``store[key] = b"…"`` writes, ``del``, ``in``, ``len`` work.

    Iteration is in the order of a key listing. It stays valid through ``restore()``, ``reset()`` and renames, as
    long as a store with its id exists.

    Attributes:
        id: 17 letters and digits.
    """

    def __init__(self, world: World[ApifyState], store_id: str) -> None:
        self._world = world
        self.id = store_id

    @property
    def name(self) -> str | None:
        """Its name at this moment; None for an unnamed store."""
        return self._store.name

    @property
    def username(self) -> str:
        """Whose it is."""
        return self._world.state.users[self._store.user_id].username

    @property
    def stats(self) -> dict[str, int]:
        """How often it was touched over HTTP or through this view, by the service's names."""
        return self._store.counters.copy()

    @property
    def general_access(self) -> str:
        """What others may do with it; one of the service's four words, which may also be set.

        Raises:
            UsageError: on setting, it is none of the four.
        """
        return self._store.general_access

    @general_access.setter
    def general_access(self, level: str) -> None:
        self._store.general_access = checked_access(level)

    @property
    def url_signing_secret_key(self) -> str:
        """Signs its public URLs; it may also be set."""
        return self._store.secret

    @url_signing_secret_key.setter
    def url_signing_secret_key(self, secret: str) -> None:
        self._store.secret = secret

    def put(
        self, key: str, value: Any, *, content_type: str | None = None, content_encoding: str | None = None
    ) -> Record:
        """Stores one record, as ``PUT …/records/{key}`` would.

        Args:
            key: not percent-encoded.
            value: bytes, or text, or anything that JSON can say. Without a ``content_type`` they become what the
                official clients make of them: ``application/octet-stream``, ``text/plain; charset=utf-8`` and
                ``application/json; charset=utf-8``.
            content_type: of the record.
            content_encoding: ``gzip``, ``deflate`` or ``br``: the value is compressed before it is stored.

        Returns:
            The record as stored.

        Raises:
            RuleError: the service would refuse the write; ``name`` is the catalogue's name of its error.
        """
        world = self._world
        data, inferred = _as_bytes(value)
        coding = coding_of(content_encoding)
        if isinstance(coding, ServiceError):
            raise world.rule_error(coding, "store_record")
        record = record_of(data if coding is None else encoded(data, coding), content_type or inferred, coding)
        with world.lock:
            store, limits = self._store, world.state.limits
            refusal = check_key(key, limits) or check_length(len(record.raw), limits)
            if refusal is None and store.schema is not None:
                reason = store.schema.violation(key, record.content_type, data)
                refusal = None if reason is None else ServiceError("schema_violation", {"reason": reason})
            if refusal is not None:
                raise world.rule_error(refusal, "store_record")
            put_record(store, store.records, key, record, world.clock.now())
        return record

    def __getitem__(self, key: str) -> Record:
        with self._world.lock:
            record = self._store.records.get(key, self._world.clock.now())
        if record is None:
            raise KeyError(key)
        return record

    def __setitem__(self, key: str, value: Any) -> None:
        if isinstance(value, Record):
            self.put(key, value.value, content_type=value.content_type, content_encoding=value.content_encoding)
        else:
            self.put(key, value)

    def __delitem__(self, key: str) -> None:
        with self._world.lock:
            if not delete_record(self._store, self._store.records, key, self._world.clock.now()):
                raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        with self._world.lock:
            return self._store.records.keys(self._world.clock.now())

    def __len__(self) -> int:
        with self._world.lock:
            return self._store.records.count(self._world.clock.now())

    def __repr__(self) -> str:
        return f"<Store {self.name or 'without a name'} {self.id}, {len(self)} records>"

    @property
    def _store(self) -> Store:
        store = self._world.state.stores.get(self.id)
        if store is None:
            raise GoneError(f"There is no store {self.id} any more.")
        return store


class StoresView(Mapping[str, StoreView]):
    """All stores, live, found by id, by a name of the default user, or by ``username~name``; iteration gives ids."""

    def __init__(self, world: World[ApifyState], username: str) -> None:
        self._world = world
        self._username = username

    def __getitem__(self, reference: str) -> StoreView:
        state = self._world.state
        with self._world.lock:
            store = state.stores.get(reference)
            if store is None:
                username, _, name = reference.rpartition("~")
                user = state.user_named(username or self._username)
                store = None if user is None else state.store_named(user.id, name)
        if store is None:
            raise KeyError(reference)
        return StoreView(self._world, store.id)

    def __iter__(self) -> Iterator[str]:
        with self._world.lock:
            return iter(list(self._world.state.stores))

    def __len__(self) -> int:
        return len(self._world.state.stores)

    def __repr__(self) -> str:
        return f"<Stores: {[view.name or view.id for view in self.values()]}>"


def checked_access(level: str, levels: tuple[str, ...] = ACCESS_LEVELS) -> str:
    """Gives a level of general access back.

    Raises:
        UsageError: it is none.
    """
    if level not in levels:
        raise UsageError(f"General access cannot be {level!r}.{did_you_mean(level, levels)}")
    return level


def _as_bytes(value: Any) -> tuple[bytes, str]:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value), "application/octet-stream"
    if isinstance(value, str):
        return value.encode("utf-8"), "text/plain; charset=utf-8"
    return json.dumps(value, ensure_ascii=False).encode("utf-8"), "application/json; charset=utf-8"
