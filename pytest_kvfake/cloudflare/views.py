"""The state without HTTP: live mappings that keep the service's limits and leave no trace in the journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from pytest_kvfake.cloudflare.rules import check_key, check_metadata, check_value, expiration_of
from pytest_kvfake.cloudflare.state import CloudflareState, Entry, Namespace
from pytest_kvfake.engine.jsontext import written
from pytest_kvfake.engine.service import ServiceError
from pytest_kvfake.errors import GoneError, UsageError

if TYPE_CHECKING:
    from pytest_kvfake.engine.world import World

__all__ = ["NamespaceView", "NamespacesView"]


class NamespaceView(MutableMapping[str, Entry]):
    """One namespace, live: ``ns[key]`` is an `Entry`, ``ns[key] = b"…"`` writes, ``del``, ``in``, ``len`` work.

    Iteration is in the order of a key listing. It stays valid through ``restore()``, ``reset()`` and renames,
    as long as a namespace with its id exists.

    Attributes:
        account_id: of the account that owns it.
        id: 32 hex digits.
    """

    def __init__(self, world: World[CloudflareState], account_id: str, namespace_id: str) -> None:
        self._world = world
        self.account_id = account_id
        self.id = namespace_id

    @property
    def title(self) -> str:
        """Its title at this moment."""
        return self._namespace.title

    @property
    def jurisdiction(self) -> str | None:
        """``eu``, ``fedramp``, ``us``, or None."""
        return self._namespace.jurisdiction

    @property
    def supports_url_encoding(self) -> bool:
        """Whether keys in paths are percent-decoded."""
        return self._namespace.supports_url_encoding

    def put(
        self,
        key: str,
        value: bytes | str,
        *,
        metadata: Any = None,
        expiration: int | None = None,
        expiration_ttl: int | None = None,
    ) -> Entry:
        """Stores one value, as ``PUT …/values/{key}`` would.

        Args:
            key: not percent-encoded.
            value: bytes of any kind, or text that is stored as UTF-8.
            metadata: anything that JSON can say; None for none.
            expiration: seconds since the epoch on the fake's clock.
            expiration_ttl: seconds from now; wins over ``expiration``.

        Returns:
            The entry as stored.

        Raises:
            RuleError: the service would refuse the write; ``name`` is the catalogue's name of its error.
            GoneError: the namespace is not there any more.
            UsageError: key, value or metadata are of no type that can be stored.
        """
        world, key = self._world, _text(key, "key")
        raw = _bytes(value)
        text = _json(metadata)
        with world.lock:
            limits, now = world.state.limits, world.clock.now()
            moment = check_key(key, limits) or expiration_of(expiration_ttl, expiration, limits, now)
            if isinstance(moment, ServiceError):
                raise world.rule_error(moment, "write_value")
            refusal = check_metadata(text, limits) or check_value(len(raw), limits)
            if refusal is not None:
                raise world.rule_error(refusal, "write_value")
            entry = Entry(raw, text, moment)
            self._namespace.entries.put(key, entry, now, moment)
        return entry

    def __getitem__(self, key: str) -> Entry:
        with self._world.lock:
            entry = self._namespace.entries.get(key, self._world.clock.now())
        if entry is None:
            raise KeyError(key)
        return entry

    def __setitem__(self, key: str, value: Entry | bytes | str) -> None:
        if isinstance(value, Entry):
            self.put(key, value.value, metadata=value.metadata, expiration=value.expiration)
        else:
            self.put(key, value)

    def __delitem__(self, key: str) -> None:
        with self._world.lock:
            if self._namespace.entries.delete(key, self._world.clock.now()) is None:
                raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        with self._world.lock:
            return self._namespace.entries.keys(self._world.clock.now())

    def __len__(self) -> int:
        with self._world.lock:
            return self._namespace.entries.count(self._world.clock.now())

    def __repr__(self) -> str:
        with self._world.lock:
            try:
                return f"<Namespace {self.title!r} {self.id}, {len(self)} keys>"
            except GoneError:
                return f"<Namespace {self.id}, not there any more>"

    @property
    def _namespace(self) -> Namespace:
        account = self._world.state.accounts.get(self.account_id)
        namespace = None if account is None else account.namespaces.get(self.id)
        if namespace is None:
            raise GoneError(f"There is no namespace {self.id} in account {self.account_id} any more.")
        return namespace


class NamespacesView(Mapping[str, NamespaceView]):
    """The namespaces of one account, live, found by id or by title; iteration gives ids, looking makes none."""

    def __init__(self, world: World[CloudflareState], account_id: str) -> None:
        self._world = world
        self.account_id = account_id

    def __getitem__(self, id_or_title: str) -> NamespaceView:
        with self._world.lock:
            account = self._world.state.accounts.get(self.account_id)
            if account is not None:
                namespace = account.namespaces.get(id_or_title) or account.titled(id_or_title)
                if namespace is not None:
                    return NamespaceView(self._world, self.account_id, namespace.id)
        raise KeyError(id_or_title)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._namespaces()))

    def __len__(self) -> int:
        return len(self._namespaces())

    def __repr__(self) -> str:
        titles = [namespace.title for namespace in self._namespaces().values()]
        return f"<Namespaces of account {self.account_id}: {titles}>"

    def _namespaces(self) -> dict[str, Namespace]:
        with self._world.lock:
            account = self._world.state.accounts.get(self.account_id)
            return {} if account is None else dict(account.namespaces)


def _text(given: object, what: str) -> str:
    """Gives a text that has a UTF-8 form."""
    if isinstance(given, str):
        try:
            given.encode("utf-8")
        except UnicodeEncodeError:
            raise UsageError(f"The {what} {given!r} holds half a surrogate pair, which UTF-8 cannot say.") from None
        return given
    raise UsageError(f"A {what} is text, not {given!r}.")


def _bytes(value: object) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, str):
        return _text(value, "value").encode("utf-8")
    raise UsageError(f"A value is bytes or text, not {value!r}; write json.dumps(…) of what is to be stored as JSON.")


def _json(metadata: Any) -> str | None:
    try:
        return None if metadata is None else written(metadata).decode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"The metadata {metadata!r} has no JSON form: {error}.") from error
