"""What the service keeps: users and their tokens, stores with their records, runs.

Pure state: no HTTP, no clock of its own. What a write has to keep is in `rules` and `storeschema`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pytest_kvfake.engine.codecs import decoded
from pytest_kvfake.engine.keyspace import KeySpace
from pytest_kvfake.engine.seed import ALPHANUMERIC, identifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_kvfake.apify.limits import ApifyLimits
    from pytest_kvfake.apify.storeschema import StoreSchema

__all__ = [
    "ALL_PERMISSIONS",
    "ApifyState",
    "Record",
    "Run",
    "Store",
    "Token",
    "User",
    "delete_record",
    "put_record",
    "record_of",
]

ALL_PERMISSIONS = frozenset({"create", "read", "write"})

_ID_LENGTH = 17
_SECRET_LENGTH = 24


@dataclass(frozen=True, slots=True)
class Record:
    """One record, as it was stored.

    Attributes:
        raw: the bytes as they came over the wire.
        content_type: as it came, with its parameters.
        content_encoding: ``gzip``, ``deflate`` or ``br``; None for bytes that are not compressed.
    """

    raw: bytes
    content_type: str = "application/octet-stream"
    content_encoding: str | None = None

    @property
    def value(self) -> bytes:
        """The bytes without their coding; as they are where they do not decode."""
        plain = self.decoded
        return self.raw if plain is None else plain

    @property
    def decoded(self) -> bytes | None:
        """The bytes without their coding; None where they do not decode."""
        return self.raw if self.content_encoding is None else decoded(self.raw, self.content_encoding)


@dataclass(frozen=True, slots=True)
class User:
    """A user of the platform.

    Attributes:
        id: 17 letters and digits.
        username: unique.
        token: the one with which the user was made.
        general_access: what others may do with stores that follow the user's setting.
        created_at: seconds since the epoch.
    """

    id: str
    username: str
    token: str
    general_access: str = "RESTRICTED"
    created_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Token:
    """What a token may do.

    Attributes:
        user_id: whose it is.
        permissions: ``create``, ``read``, ``write``, for all stores of its user; ``write`` implies ``read``.
        stores: more permissions for single stores, by id.
    """

    user_id: str
    permissions: frozenset[str] = ALL_PERMISSIONS
    stores: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """A run of an Actor, as far as key-value stores are concerned.

    Attributes:
        id: names it in paths.
        store_id: its default store.
        actor: the Actor, as ``username~name`` or id; None where nobody asks.
        task: the task, likewise.
        status: such as ``SUCCEEDED``.
        origin: such as ``API``.
    """

    id: str
    store_id: str
    actor: str | None = None
    task: str | None = None
    status: str = "SUCCEEDED"
    origin: str = "API"


@dataclass(slots=True)
class Store:
    """A key-value store.

    Attributes:
        id: 17 letters and digits.
        user_id: its owner.
        created_at: seconds since the epoch, as the two below.
        secret: signs its public URLs.
        name: unique among its owner's stores; None for an unnamed store.
        title: None until it is set.
        general_access: one of the four levels.
        schema: what its records can be.
        actor_id: of the run whose default store it is.
        run_id: likewise.
        counters: how often it was touched, by the names of ``stats``.
        size: bytes of all its records as stored.
        records: by key.
    """

    id: str
    user_id: str
    created_at: float
    modified_at: float
    accessed_at: float
    secret: str
    name: str | None = None
    title: str | None = None
    general_access: str = "FOLLOW_USER_SETTING"
    schema: StoreSchema | None = None
    actor_id: str | None = None
    run_id: str | None = None
    counters: dict[str, int] = field(default_factory=dict)
    size: int = 0
    records: KeySpace[Record] = field(default_factory=KeySpace)

    def copy(self) -> Store:
        """Gives an independent store with the same records."""
        return replace(self, counters=self.counters.copy(), records=self.records.copy())

    def count(self, counter: str) -> None:
        """Counts one more of what ``stats`` tells."""
        self.counters[counter] = self.counters.get(counter, 0) + 1


class ApifyState:
    """Everything that the fake service keeps.

    Attributes:
        limits: in force.
        seed: of ids and secrets.
        users: by id.
        tokens: by their text.
        stores: by id, in the order in which they were made.
        runs: by id, in the order in which they were made.
        made: how many ids were made, by kind; so no id comes twice.
    """

    def __init__(self, limits: ApifyLimits, seed: int) -> None:
        self.limits = limits
        self.seed = seed
        self.users: dict[str, User] = {}
        self.tokens: dict[str, Token] = {}
        self.stores: dict[str, Store] = {}
        self.runs: dict[str, Run] = {}
        self.made: dict[str, int] = {}
        self._named: dict[tuple[str, str], str] = {}

    def new_id(self, kind: str) -> str:
        """Gives an id that nothing has had before."""
        count = self.made[kind] = self.made.get(kind, 0) + 1
        return identifier(self.seed, kind, count, length=_ID_LENGTH, alphabet=ALPHANUMERIC)

    def user_named(self, username: str) -> User | None:
        """Gives a user by name, or None."""
        return next((user for user in list(self.users.values()) if user.username == username), None)

    def store_named(self, user_id: str, name: str) -> Store | None:
        """Gives a user's store by name, or None."""
        store_id = self._named.get((user_id, name))
        return None if store_id is None else self.stores.get(store_id)

    def create_store(
        self,
        user_id: str,
        name: str | None,
        now: float,
        *,
        store_id: str | None = None,
        schema: StoreSchema | None = None,
    ) -> Store:
        """Adds a store; the name must be free."""
        store_id = store_id if store_id is not None else self.new_id("store")
        secret = identifier(self.seed, "secret", store_id, length=_SECRET_LENGTH, alphabet=ALPHANUMERIC)
        store = self.stores[store_id] = Store(store_id, user_id, now, now, now, secret, schema=schema)
        self.rename(store, name)
        return store

    def rename(self, store: Store, name: str | None) -> None:
        """Gives a store a name that is free, or takes its name away."""
        if store.name is not None:
            del self._named[store.user_id, store.name]
        store.name = name
        if name is not None:
            self._named[store.user_id, name] = store.id

    def delete_store(self, store: Store) -> None:
        """Removes a store with its records; its name is free again."""
        self.rename(store, None)
        del self.stores[store.id]

    def general_access(self, store: Store) -> str:
        """Gives what others may do, once the owner's own setting has been looked up."""
        if store.general_access != "FOLLOW_USER_SETTING":
            return store.general_access
        owner = self.users.get(store.user_id)
        return "RESTRICTED" if owner is None else owner.general_access

    def snapshot(self) -> Any:
        """Gives a shallow copy of everything."""
        stores = {store_id: store.copy() for store_id, store in self.stores.items()}
        return self.users.copy(), self.tokens.copy(), stores, self.runs.copy(), self.made.copy()

    def restore(self, saved: Any) -> None:
        """Puts a snapshot in place."""
        users, tokens, stores, runs, made = saved
        self.users, self.tokens = users.copy(), tokens.copy()
        self.stores = {store_id: store.copy() for store_id, store in stores.items()}
        self.runs, self.made = runs.copy(), made.copy()
        self._named = {
            (store.user_id, store.name): store.id for store in self.stores.values() if store.name is not None
        }

    def dump(self) -> Any:
        """Gives everything as JSON that a person can read."""
        from pytest_kvfake.apify.dumping import dumped

        return dumped(self)

    def load(self, data: Any) -> None:
        """Puts a dump in place of everything."""
        from pytest_kvfake.apify.dumping import loaded

        self.restore(loaded(data))


def put_record(store: Store, space: Any, key: str, record: Record, now: float) -> None:
    """Stores a record in place of what was there; ``space`` is the store's key space as the writer sees it."""
    before = store.records.get(key, now)
    store.size += len(record.raw) - (len(before.raw) if before is not None else 0)
    space.put(key, record, now)
    store.count("writeCount")
    store.modified_at = now


def delete_record(store: Store, space: Any, key: str, now: float) -> bool:
    """Removes a record, if it is there, and says whether it was."""
    store.count("deleteCount")
    before = store.records.get(key, now)
    if before is None:
        return False
    space.delete(key, now)
    store.size -= len(before.raw)
    store.modified_at = now
    return True


def record_of(raw: bytes, content_type: str | None, coding: str | None) -> Record:
    """Makes a record; equal content types share their text, as there are few of them and many records."""
    return Record(raw, sys.intern(content_type or "application/octet-stream"), coding)
