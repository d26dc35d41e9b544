"""What Workers KV keeps: accounts, their namespaces, the entries in them, and the tokens that open them.

Pure state: no HTTP, no clock of its own. The rules that a write must keep are in `rules`.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_kvfake.engine.jsontext import parsed, written
from pytest_kvfake.engine.keyspace import KeySpace
from pytest_kvfake.engine.seed import identifier

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_kvfake.cloudflare.limits import CloudflareLimits

__all__ = [
    "DEFAULT_ACCOUNT",
    "PERMISSIONS",
    "Account",
    "CloudflareState",
    "Entry",
    "Namespace",
    "Token",
    "normalised_id",
]

PERMISSIONS = ("edit", "read")
"""What a credential may do: everything, or only look."""

DEFAULT_ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"
"""The account of Cloudflare's own samples, and so of its SDKs' test suites."""

_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


class Entry(NamedTuple):
    """One value under a key.

    Attributes:
        value: the bytes as stored.
        metadata_text: the JSON text of its metadata; None without metadata.
        expiration: whole seconds since the epoch; None for an entry that stays.
    """

    value: bytes
    metadata_text: str | None = None
    expiration: int | None = None

    @property
    def metadata(self) -> Any:
        """The metadata as Python objects, made anew at each call; None without metadata."""
        return None if self.metadata_text is None else parsed(self.metadata_text)


@dataclass(slots=True)
class Namespace:
    """A namespace of an account.

    Attributes:
        id: 32 hex digits, made by the service.
        title: unique in its account.
        entries: by key.
        jurisdiction: ``eu``, ``fedramp``, ``us`` or None.
        supports_url_encoding: False only for namespaces of 2019, whose keys are stored as sent.
    """

    id: str
    title: str
    entries: KeySpace[Entry]
    jurisdiction: str | None = None
    supports_url_encoding: bool = True

    def copy(self) -> Namespace:
        """Gives an independent namespace with the same entries."""
        return Namespace(self.id, self.title, self.entries.copy(), self.jurisdiction, self.supports_url_encoding)


class Account:
    """An account: a world of its own, with its namespaces by id."""

    __slots__ = ("created", "id", "name", "namespaces")

    def __init__(self, account_id: str, name: str = "Demo Account") -> None:
        self.id = account_id
        self.name = name
        self.created = 0
        self.namespaces: dict[str, Namespace] = {}

    def titled(self, title: str) -> Namespace | None:
        """Gives the namespace of a title, or None."""
        return next((namespace for namespace in self.namespaces.values() if namespace.title == title), None)

    def copy(self) -> Account:
        """Gives an independent account with the same contents."""
        other = Account(self.id, self.name)
        other.created = self.created
        other.namespaces = {name: namespace.copy() for name, namespace in self.namespaces.items()}
        return other


@dataclass(frozen=True, slots=True)
class Token:
    """What a credential may do.

    Attributes:
        permission: ``edit`` (all) or ``read``.
        accounts: ids of the accounts that it opens; None for all.
    """

    permission: str = "edit"
    accounts: frozenset[str] | None = None


class CloudflareState:
    """Everything that the fake service keeps.

    Attributes:
        accounts: by id. An account exists from its first use on.
        closed: only the accounts that are there exist.
        tokens: the credentials that are accepted; while it is empty every well-formed one is.
    """

    def __init__(self, limits: CloudflareLimits, seed: int) -> None:
        self.limits = limits
        self.seed = seed
        self.accounts: dict[str, Account] = {DEFAULT_ACCOUNT: Account(DEFAULT_ACCOUNT)}
        self.closed = False
        self.tokens: dict[str, Token] = {}

    def account(self, account_id: str) -> Account:
        """Gives an account; makes it on first use."""
        account = self.accounts.get(account_id)
        return account if account is not None else self.accounts.setdefault(account_id, Account(account_id))

    def create_namespace(
        self,
        account: Account,
        title: str,
        *,
        namespace_id: str | None = None,
        jurisdiction: str | None = None,
        supports_url_encoding: bool = True,
    ) -> Namespace:
        """Adds a namespace, with an id of the seed unless one is given."""
        account.created += 1
        if namespace_id is None:
            namespace_id = identifier(self.seed, "namespace", account.id, account.created, length=32)
        namespace = Namespace(namespace_id, title, KeySpace(), jurisdiction, supports_url_encoding)
        account.namespaces[namespace_id] = namespace
        return namespace

    def snapshot(self) -> Any:
        """Gives a shallow copy of everything."""
        return self._copied(self.accounts.values()), self.closed, dict(self.tokens)

    def restore(self, saved: Any) -> None:
        """Puts a snapshot in place."""
        accounts, self.closed, tokens = saved
        self.accounts = self._copied(accounts.values())
        self.tokens = dict(tokens)

    def dump(self) -> Any:
        """Gives everything as JSON: values as text where they are UTF-8, else as base64."""
        return {
            "closed": self.closed,
            "accounts": {
                account.id: {
                    "name": account.name,
                    "created": account.created,
                    "namespaces": {
                        namespace.id: {
                            "title": namespace.title,
                            "jurisdiction": namespace.jurisdiction,
                            "supports_url_encoding": namespace.supports_url_encoding,
                            "entries": {
                                key: _dumped(entry)
                                for key, entry in namespace.entries.page(limit=_ALL, now=_NEVER).items
                            },
                        }
                        for namespace in account.namespaces.values()
                    },
                }
                for account in self.accounts.values()
            },
            "tokens": {
                name: {
                    "permission": token.permission,
                    "accounts": None if token.accounts is None else sorted(token.accounts),
                }
                for name, token in self.tokens.items()
            },
        }

    def load(self, data: Any) -> None:
        """Puts a dump in place of everything.

        Raises:
            LookupError, TypeError, ValueError, AttributeError: it is none; nothing has changed then.
        """
        accounts: dict[str, Account] = {}
        for account_id, described in data["accounts"].items():
            account = Account(_loaded_id(account_id), _of_type(described.get("name", "Demo Account"), str))
            account.created = _of_type(described.get("created", len(described.get("namespaces", {}))), int)
            accounts[account.id] = account
            for namespace_id, one in described.get("namespaces", {}).items():
                namespace = _loaded_namespace(_loaded_id(namespace_id), one)
                account.namespaces[namespace.id] = namespace
        tokens = {name: _loaded_token(one) for name, one in data.get("tokens", {}).items()}
        closed = _of_type(data.get("closed", False), bool)
        self.accounts, self.tokens, self.closed = accounts, tokens, closed

    @staticmethod
    def _copied(accounts: Iterable[Account]) -> dict[str, Account]:
        return {account.id: account.copy() for account in accounts}


@lru_cache(maxsize=1024)
def normalised_id(text: str) -> str | None:
    """Gives an account or namespace id in the form in which it is kept; None if it is none.

    A dashed UUID and capitals are accepted, because the service's own message speaks of a UUID.
    """
    return text.replace("-", "").lower() if _ID.fullmatch(text) else None


_ALL = 1 << 62
# A moment before everything: looking at it removes nothing.
_NEVER = float("-inf")


def _dumped(entry: Entry) -> dict[str, Any]:
    dumped: dict[str, Any] = {}
    try:
        dumped["value"] = entry.value.decode("utf-8")
    except UnicodeDecodeError:
        dumped["value"] = {"base64": base64.b64encode(entry.value).decode("ascii")}
    if entry.metadata_text is not None:
        dumped["metadata"] = entry.metadata
    if entry.expiration is not None:
        dumped["expiration"] = entry.expiration
    return dumped


def _loaded_namespace(namespace_id: str, described: Any) -> Namespace:
    entries: KeySpace[Entry] = KeySpace()
    for key, item in described.get("entries", {}).items():
        key.encode("utf-8")  # half a surrogate pair is no key
        entry = _loaded_entry(item)
        entries.put(key, entry, _NEVER, entry.expiration)
    return Namespace(
        namespace_id,
        _of_type(described["title"], str),
        entries,
        _of_type(described.get("jurisdiction"), str, type(None)),
        _of_type(described.get("supports_url_encoding", True), bool),
    )


def _loaded_entry(item: Any) -> Entry:
    value, metadata = item["value"], item.get("metadata")
    return Entry(
        base64.b64decode(value["base64"], validate=True) if isinstance(value, dict) else value.encode("utf-8"),
        None if metadata is None else written(metadata).decode("utf-8"),
        _of_type(item.get("expiration"), int, type(None)),
    )


def _loaded_token(described: Any) -> Token:
    permission, accounts = described.get("permission", "edit"), described.get("accounts")
    if permission not in PERMISSIONS:
        raise ValueError(f"there is no permission {permission!r}")
    return Token(permission, None if accounts is None else frozenset(map(_loaded_id, accounts)))


def _loaded_id(text: str) -> str:
    found = normalised_id(text)
    if found is None:
        raise ValueError(f"{text!r} is no id")
    return found


def _of_type(value: Any, *kinds: type) -> Any:
    """Gives a value that has one of some types; True is no number."""
    if type(value) not in kinds:
        raise TypeError(f"{value!r} is no {kinds[0].__name__}")
    return value
