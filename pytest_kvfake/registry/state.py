"""What Registry keeps: orgs with their keys and clocks, the data items in them, and the roles that are played.

Pure state: no HTTP, no clock of its own. Moments are whole milliseconds since the epoch, as in the answers of the
service. What a write must keep to is in `items` and `roles`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_kvfake.engine.keyspace import KeySpace
from pytest_kvfake.engine.seed import ALPHANUMERIC, identifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_kvfake.registry.limits import RegistryLimits

__all__ = ["ALL", "DEFAULT_KEY", "DEFAULT_ORG", "Item", "Org", "RegistryState", "Role", "milliseconds"]

DEFAULT_ORG = "sample_org"
"""The org of the vendor's own samples."""

DEFAULT_KEY = "randomAlphaNumericString"
"""The key on the vendor's own pages."""

ALL = 1 << 62
"""More than any listing has."""

# A moment before everything: looking at it removes nothing.
_NEVER = float("-inf")
# A moment that has always passed, also when the clock goes back.
_LONG_AGO = -1


def milliseconds(now: float) -> int:
    """Gives a moment of the fake's clock in whole milliseconds, so that sums and comparisons are exact."""
    return round(now * 1000)


@dataclass(frozen=True, slots=True)
class Item:
    """One data item: a blob that is read and written whole.

    Attributes:
        value: the bytes.
        content_type: as it came with the last write.
        create_org_time: the org time right after it was made.
        update_org_time: the org time right after it was last written.
    """

    value: bytes
    content_type: str
    create_org_time: int
    update_org_time: int


@dataclass(frozen=True, slots=True)
class Role:
    """A role while it is played.

    Attributes:
        max_players: its seats, fixed by the first take.
        ends: the end of each player's playtime; some may have passed.
    """

    max_players: int
    ends: Mapping[str, int]

    @property
    def end(self) -> int:
        """When its last player is gone."""
        return max(self.ends.values())

    def remaining(self, moment: int) -> dict[str, int]:
        """Gives the remaining milliseconds of those who play at a moment."""
        return {player: end - moment for player, end in self.ends.items() if moment < end}


class Org:
    """An org: a world of its own.

    Attributes:
        name: of its path.
        key: opens everything in it.
        time: its own clock, which counts changes.
        items: by path, without the ending.
        roles: by path, without the ending; each is there until its last player is gone.
        data_bytes: of all items together.
        number: which one it is of all that the fake has had, from 1.
        keys_made: how many keys the service has made for it.
        lingers_until: when it will be gone; None unless it is flagged for deletion.
    """

    __slots__ = ("data_bytes", "items", "key", "keys_made", "lingers_until", "name", "number", "roles", "time")

    def __init__(self, name: str, key: str, time: int, number: int) -> None:
        self.name = name
        self.key = key
        self.time = time
        self.number = number
        self.items: KeySpace[Item] = KeySpace()
        self.roles: KeySpace[Role] = KeySpace()
        self.data_bytes = 0
        self.keys_made = 0
        self.lingers_until: int | None = None

    def opened_by(self, sent: str) -> bool:
        """Whether an ``Authorization`` header, one character a byte, is its key: as UTF-8, or as Latin-1."""
        key = self.key.strip(" \t")
        return sent == key or (
            not sent.isascii() and sent.encode("latin-1", "replace") == key.encode("utf-8", "surrogatepass")
        )

    def update_lingering(self, moment: int) -> None:
        """Works out when a flagged org will be gone: with the last playtime of all its roles."""
        roles = self.roles.page(limit=ALL, now=moment).items
        self.lingers_until = max((role.end for _, role in roles), default=_LONG_AGO)

    def copy(self) -> Org:
        """Gives an independent org with the same contents."""
        other = Org(self.name, self.key, self.time, self.number)
        other.items = self.items.copy()
        other.roles = self.roles.copy()
        other.data_bytes, other.keys_made = self.data_bytes, self.keys_made
        other.lingers_until = self.lingers_until
        return other


class RegistryState:
    """Everything that the fake service keeps.

    Attributes:
        orgs: by name; those that are gone may still be there, `org` knows.
        created: how many orgs there have been.
        limits: what a test may change.
    """

    def __init__(self, limits: RegistryLimits, seed: int, *, org_time_start: int = 0, org_time_step: int = 1) -> None:
        self.limits = limits
        self.seed = seed
        self.orgs: dict[str, Org] = {}
        self.created = 0
        self._start = org_time_start
        self._step = org_time_step
        self.create_org(DEFAULT_ORG, DEFAULT_KEY)

    def org(self, name: str, moment: int) -> Org | None:
        """Gives an org, or None; one whose lingering is over does not come back when the clock goes back.

        It may be called without the lock.
        """
        org = self.orgs.get(name)
        if org is not None and org.lingers_until is not None and org.lingers_until <= moment:
            org.lingers_until = _LONG_AGO
            return None
        return org

    def create_org(self, name: str, key: str | None = None) -> Org:
        """Adds an org, in place of one that is gone; without a key it gets one of the seed."""
        self.created += 1
        org = self.orgs[name] = Org(name, "", self._start, self.created)
        org.key = self._made_key(org) if key is None else key
        return org

    def rotate_key(self, org: Org, key: str | None) -> str:
        """Puts a key, or one of the seed, in place of an org's key; the old one stops working at once."""
        org.key = self._made_key(org) if key is None else key
        self.tick(org)
        return org.key

    def tick(self, org: Org) -> int:
        """Moves an org's time on for one change, and gives the new one."""
        org.time += self._step
        return org.time

    def stored_bytes(self, moment: int) -> int:
        """Gives the bytes of all data items of all orgs."""
        return sum(org.data_bytes for name, org in self.orgs.items() if self.org(name, moment) is not None)

    def snapshot(self) -> Any:
        """Gives a shallow copy of everything."""
        return _copied(self.orgs.values()), self.created

    def restore(self, saved: Any) -> None:
        """Puts a snapshot in place."""
        orgs, self.created = saved
        self.orgs = _copied(orgs.values())

    def dump(self) -> Any:
        """Gives everything as JSON: values as text where they are UTF-8, else as base64."""
        return {"created": self.created, "orgs": {name: _dumped(org) for name, org in self.orgs.items()}}

    def load(self, data: Any) -> None:
        """Puts a dump in place of everything."""
        orgs = {name: _loaded(name, described) for name, described in data["orgs"].items()}
        self.orgs, self.created = orgs, data["created"]

    def _made_key(self, org: Org) -> str:
        org.keys_made += 1
        length = self.limits.generated_key_characters
        return identifier(
            self.seed, "org_key", org.name, org.number, org.keys_made, length=length, alphabet=ALPHANUMERIC
        )


def _copied(orgs: Iterable[Org]) -> dict[str, Org]:
    return {org.name: org.copy() for org in orgs}


def _dumped(org: Org) -> dict[str, Any]:
    return {
        "key": org.key,
        "time": org.time,
        "number": org.number,
        "keys_made": org.keys_made,
        "lingers_until": org.lingers_until,
        "items": {
            path: {
                "value": _text_or_base64(item.value),
                "content_type": item.content_type,
                "create_org_time": item.create_org_time,
                "update_org_time": item.update_org_time,
            }
            for path, item in org.items.page(limit=ALL, now=_NEVER).items
        },
        "roles": {
            path: {"max_players": role.max_players, "ends": dict(role.ends)}
            for path, role in org.roles.page(limit=ALL, now=_NEVER).items
        },
    }


def _loaded(name: str, described: Mapping[str, Any]) -> Org:
    org = Org(name, described["key"], described["time"], described["number"])
    org.keys_made = described["keys_made"]
    org.lingers_until = described["lingers_until"]
    for path, one in described["items"].items():
        value = one["value"]
        raw = base64.b64decode(value["base64"]) if isinstance(value, dict) else value.encode("utf-8")
        org.items.put(path, Item(raw, one["content_type"], one["create_org_time"], one["update_org_time"]), _NEVER)
        org.data_bytes += len(raw)
    for path, one in described["roles"].items():
        role = Role(one["max_players"], dict(one["ends"]))
        org.roles.put(path, role, _NEVER, role.end)
    return org


def _text_or_base64(value: bytes) -> Any:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode("ascii")}
