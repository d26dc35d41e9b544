"""The state without HTTP: live mappings that keep the service's rules and leave no trace in the journal."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_kvfake.engine.service import ServiceError
from pytest_kvfake.errors import GoneError
from pytest_kvfake.registry import items, roles
from pytest_kvfake.registry.checks import MAX_U32, flag_refusal
from pytest_kvfake.registry.names import is_path
from pytest_kvfake.registry.state import Item, milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_kvfake.engine.world import World
    from pytest_kvfake.registry.state import Org, RegistryState

__all__ = ["OrgView", "OrgsView", "PlayedRole", "RolesView"]


@dataclass(frozen=True, slots=True)
class PlayedRole:
    """A role as it is played at the moment of looking.

    Attributes:
        max_players: its seats.
        players_remaining_milliseconds: remaining playtime by player.
    """

    max_players: int
    players_remaining_milliseconds: Mapping[str, int]


class _OrgFace:
    """What the views of one org share. They stay valid as long as an org of that name exists."""

    def __init__(self, world: World[RegistryState], name: str) -> None:
        self._world = world
        self.name = name

    @property
    def _moment(self) -> int:
        return milliseconds(self._world.clock.now())

    @property
    def _org(self) -> Org:
        org = self._world.state.org(self.name, self._moment)
        if org is None:
            raise GoneError(f"There is no org {self.name!r} (any more).")
        return org

    def _writable(self, path: str, operation: str) -> Org:
        """The org, once it is sure that the service would let the operation through."""
        org = self._org
        refusal = None if is_path(path) else ServiceError("bad_name")
        refusal = refusal or flag_refusal(org, operation, self._moment)
        if refusal is not None:
            raise self._world.rule_error(refusal, operation)
        return org


class RolesView(_OrgFace, Mapping[str, PlayedRole]):
    """The roles of one org, live, by path without the ending; only those that somebody plays are there."""

    def take(
        self, path: str, player_name: str, *, playtime_secs: int | None = None, max_players: int | None = None
    ) -> PlayedRole:
        """Seats a player or prolongs its playtime, as ``PUT …/{role}.role`` would; advances the org time.

        Args:
            path: below the org, for example ``nemmies/rolls/cooks``.
            player_name: tells players apart.
            playtime_secs: seconds from now; 10 unless given.
            max_players: seats of the role; 1 unless given.

        Returns:
            The role afterwards.

        Raises:
            RuleError: the service would refuse it (``role_full``, ``other_max_players``, ``org_flagged``, …).
        """
        world = self._world
        for number in (playtime_secs, max_players):
            if number is not None and not 1 <= number <= MAX_U32:
                raise world.rule_error(ServiceError("bad_body"), "take_role")
        with world.lock:
            org = self._writable(path, "take_role")
            taken = roles.take(
                world.state,
                org,
                path,
                player_name,
                playtime_secs=playtime_secs,
                max_players=max_players,
                moment=self._moment,
            )
            if isinstance(taken, ServiceError):
                raise world.rule_error(taken, "take_role")
            return self[path]

    def release(self, path: str, player_name: str) -> bool:
        """Takes a player's seat away, as ``DELETE …/{role}.role`` would; says whether it had one."""
        with self._world.lock:
            return roles.release(self._world.state, self._org, path, player_name, moment=self._moment)

    def __getitem__(self, path: str) -> PlayedRole:
        with self._world.lock:
            moment = self._moment
            role = self._org.roles.get(path, moment)
            if role is None:
                raise KeyError(path)
            return PlayedRole(role.max_players, role.remaining(moment))

    def __iter__(self) -> Iterator[str]:
        with self._world.lock:
            return self._org.roles.keys(self._moment)

    def __len__(self) -> int:
        with self._world.lock:
            return self._org.roles.count(self._moment)

    def __repr__(self) -> str:
        return f"<Roles of org {self.name!r}: {sorted(self)}>"


class OrgView(_OrgFace, MutableMapping[str, Item]):
    """One org, live: ``org[path]`` is an `Item`, ``org[path] = b"…"`` writes, ``del``, ``in``, ``len`` work.

    Paths have neither the org in front nor the ending. Iteration is by code point. Every change advances the org
    time, as it would with HTTP.

    Attributes:
        name: of the org.
    """

    @property
    def key(self) -> str:
        """Its key at this moment, for example the one that a lost rotation has made."""
        return self._org.key

    @property
    def time(self) -> int:
        """Its org time at this moment."""
        return self._org.time

    @property
    def is_deleted(self) -> bool:
        """Whether it is flagged for deletion, and still here because somebody plays."""
        return self._org.lingers_until is not None

    @property
    def roles(self) -> RolesView:
        """Its roles, live."""
        return RolesView(self._world, self.name)

    def rotate_key(self, key: str | None = None) -> str:
        """Replaces its key, as ``PUT /{org}`` would, by this one or by one of the seed; gives the new one.

        Raises:
            RuleError: it is flagged for deletion.
        """
        world = self._world
        with world.lock:
            org = self._org
            refusal = flag_refusal(org, "rotate_org_key", self._moment)
            if refusal is not None:
                raise world.rule_error(refusal, "rotate_org_key")
            return world.state.rotate_key(org, key)

    def put(self, path: str, value: bytes | str, *, content_type: str = items.UNNAMED_TYPE) -> Item:
        """Writes one data item, as ``PUT …/{item}.data`` would.

        Args:
            path: below the org, for example ``nemmies/rolls/recipe``.
            value: bytes, or text that is stored as UTF-8.
            content_type: stored with it.

        Returns:
            The item as stored.

        Raises:
            RuleError: the service would refuse it (``bad_name``, ``too_large``, ``no_space``, ``org_flagged``).
        """
        raw = value.encode("utf-8") if isinstance(value, str) else bytes(value)
        world = self._world
        with world.lock:
            org = self._writable(path, "write_data")
            written = items.write(
                world.state,
                org,
                path,
                raw,
                size=len(raw),
                content_type=content_type,
                condition=None,
                moment=self._moment,
            )
            if isinstance(written, ServiceError):
                raise world.rule_error(written, "write_data")
        return written[0]

    def __getitem__(self, path: str) -> Item:
        with self._world.lock:
            item = self._org.items.get(path, self._moment)
        if item is None:
            raise KeyError(path)
        return item

    def __setitem__(self, path: str, value: Item | bytes | str) -> None:
        if isinstance(value, Item):
            self.put(path, value.value, content_type=value.content_type)
        else:
            self.put(path, value)

    def __delitem__(self, path: str) -> None:
        with self._world.lock:
            if items.delete(self._world.state, self._org, path, condition=None, moment=self._moment) is None:
                raise KeyError(path)

    def __iter__(self) -> Iterator[str]:
        with self._world.lock:
            return self._org.items.keys(self._moment)

    def __len__(self) -> int:
        with self._world.lock:
            return self._org.items.count(self._moment)

    def __repr__(self) -> str:
        return f"<Org {self.name!r}, org time {self.time}, {len(self)} items, {len(self.roles)} roles>"


class OrgsView(Mapping[str, OrgView]):
    """The orgs of the fake, live, by name; those that are gone are not there."""

    def __init__(self, world: World[RegistryState]) -> None:
        self._world = world

    def __getitem__(self, name: str) -> OrgView:
        if self._world.state.org(name, milliseconds(self._world.clock.now())) is None:
            raise KeyError(name)
        return OrgView(self._world, name)

    def __iter__(self) -> Iterator[str]:
        with self._world.lock:
            moment = milliseconds(self._world.clock.now())
            names = [name for name in sorted(self._world.state.orgs) if self._world.state.org(name, moment)]
        return iter(names)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<Orgs: {list(self)}>"
