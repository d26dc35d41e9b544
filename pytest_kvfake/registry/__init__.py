"""DK Lab Registry, as its HTTP API documents it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pytest_kvfake.engine.service import Service
from pytest_kvfake.errors import OptionError, UsageError
from pytest_kvfake.fake import Fake
from pytest_kvfake.registry.answers import render
from pytest_kvfake.registry.checks import CHECKS, MAX_U64, body_limit, normalise
from pytest_kvfake.registry.given import arrange, differences
from pytest_kvfake.registry.limits import RegistryLimits
from pytest_kvfake.registry.names import is_org_name
from pytest_kvfake.registry.operations import STEPS
from pytest_kvfake.registry.state import DEFAULT_ORG, RegistryState, milliseconds
from pytest_kvfake.registry.views import OrgsView, OrgView

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from typing_extensions import Unpack

    from pytest_kvfake.fake import FakeOptions
    from pytest_kvfake.registry.state import Item

__all__ = ["FakeRegistry"]

# An org time has room for this many changes before it would no longer be a u64.
_CHANGES = 1 << 32


class FakeRegistry(Fake[RegistryState]):
    """A fake of DK Lab Registry's HTTP API.

    ::

        with FakeRegistry() as kv:
            httpx.put(f"{kv.url}/sample_org/app/cfg.data", content=b"on", headers={"Authorization": kv.org_key})
            assert kv["app/cfg"].value == b"on"

    ``kv[path]`` is a data item of the default org, ``kv.orgs[name]`` any org. What the API cannot do, making orgs
    and flagging them for deletion, is done by methods.

    Attributes:
        org: the name of the default org.
    """

    service: ClassVar[Service[Any]] = Service(
        name="registry",
        normalise=normalise,
        checks=CHECKS,
        steps=STEPS,
        render=render,
        body_limit=body_limit,
    )

    org = DEFAULT_ORG

    def __init__(self, *, org_time_start: int = 0, org_time_step: int = 1, **options: Unpack[FakeOptions]) -> None:
        """Makes a fake that is not running yet.

        Args:
            org_time_start: the org time of a new org. The contract does not say where it starts.
            org_time_step: by how much a change advances it. Code that needs 1 is wrong.
            options: what every fake takes, see `Fake`.

        Raises:
            OptionError: an org time would not stay a u64; or one of the shared options is wrong.
        """
        if not 1 <= org_time_step <= MAX_U64 // _CHANGES:
            raise OptionError(f"org_time_step lies between 1 and {MAX_U64 // _CHANGES}, not at {org_time_step}.")
        highest = MAX_U64 - _CHANGES * org_time_step
        if not 0 <= org_time_start <= highest:
            raise OptionError(
                f"org_time_start lies between 0 and {highest}, not at {org_time_start}: org times are u64, and "
                f"there has to be room for {_CHANGES} changes of {org_time_step}."
            )
        self._org_times = {"org_time_start": org_time_start, "org_time_step": org_time_step}
        super().__init__(**options)

    @property
    def service_url(self) -> str:
        """What the vendor's client takes: set its ``service_url`` to this."""
        return f"{self.url}/svc/"

    @property
    def org_key(self) -> str:
        """The key of the default org at this moment; a rotation changes it."""
        return self.orgs[self.org].key

    @property
    def env(self) -> dict[str, str]:
        """Empty: no tool of the vendor reads a variable."""
        return {}

    @property
    def limits(self) -> RegistryLimits:
        """The documented limits; a test may change them."""
        return self.world.state.limits

    @property
    def orgs(self) -> OrgsView:
        """The orgs, by name."""
        return OrgsView(self.world)

    def create_org(self, name: str, key: str | None = None) -> OrgView:
        """Makes an org; the API has no route for it.

        Args:
            name: letters, digits and underscores.
            key: opens it; made from the seed unless given.

        Returns:
            The org, as a live mapping of paths to data items.

        Raises:
            UsageError: no org can have that name or key, or there is one of that name.
        """
        if not is_org_name(name):
            raise UsageError(f"No org can be named {name!r}: Registry's names have only a-z, A-Z, 0-9 and _.")
        if key is not None and (not key.strip(" \t") or not key.isprintable()):
            raise UsageError(f"No request could send the key {key!r}: it is blank, or has unprintable characters.")
        with self.world.lock:
            if name in self.orgs:
                raise UsageError(f"There is an org {name!r} already.")
            self.world.state.create_org(name, key)
        return self.orgs[name]

    def flag_org_for_deletion(self, name: str) -> None:
        """Does what the vendor's staff does at a customer's request.

        The org takes no writes any more and is gone when nobody plays a role in it, perhaps at once.

        Raises:
            UsageError: there is no such org.
        """
        with self.world.lock:
            moment = milliseconds(self.clock.now())
            org = self.world.state.org(name, moment)
            if org is None:
                raise UsageError(f"There is no org {name!r} to be flagged. Known: {', '.join(self.orgs)}.")
            org.update_lingering(moment)

    def arrange(self, given: Mapping[str, Any], names: Mapping[str, str]) -> Mapping[str, str]:
        """Puts what a contract case takes for given in place; its names stand for what they say."""
        arrange(self, given)
        return names

    def differences(self, then: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
        """Says where the state differs from what a contract case expects of it."""
        del names
        return list(differences(self, then))

    def __getitem__(self, path: str) -> Item:
        return self.orgs[self.org][path]

    def __setitem__(self, path: str, value: Item | bytes | str) -> None:
        self.orgs[self.org][path] = value

    def __delitem__(self, path: str) -> None:
        del self.orgs[self.org][path]

    def __contains__(self, path: object) -> bool:
        return path in self.orgs[self.org]

    def __iter__(self) -> Iterator[str]:
        return iter(self.orgs[self.org])

    def _new_state(self) -> RegistryState:
        return RegistryState(self.document.limits_as(RegistryLimits), self.seed, **self._org_times)
