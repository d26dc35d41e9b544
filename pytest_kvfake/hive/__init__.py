"""Backendless Hive, as its REST pages document it and its clients speak to it."""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_kvfake.contract.document import Document, load
from pytest_kvfake.engine.service import Service, ServiceError
from pytest_kvfake.errors import OptionError, did_you_mean
from pytest_kvfake.fake import Fake
from pytest_kvfake.hive.answers import render
from pytest_kvfake.hive.checks import CHECKS, body_limit, normalise
from pytest_kvfake.hive.given import arrange, differences
from pytest_kvfake.hive.limits import HiveLimits
from pytest_kvfake.hive.operations import STEPS
from pytest_kvfake.hive.state.hives import Hive, HiveState
from pytest_kvfake.hive.views.hives import HivesView, HiveView

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import EllipsisType

    from typing_extensions import Unpack

    from pytest_kvfake.fake import FakeOptions
    from pytest_kvfake.hive.state.hives import Switches

__all__ = ["FakeHive"]

_CHANGEABLE = ("status", "code", "message")


class FakeHive(Fake[HiveState]):
    """A fake of Backendless Hive's REST API.

    ::

        with FakeHive() as kv:
            countries = kv.create_hive("countries")
            httpx.put(f"{kv.url}/api/hive/countries/key-value/Japan", json={"value": "Tokyo", "ttl": 100})
            assert countries.key_value["Japan"] == "Tokyo"

    It is served below three roots at once: ``/api``, ``/{app_id}/{api_key}`` and ``/api/{app_id}/{api_key}``.

    Attributes:
        switches: where the vendor's own pages and clients disagree.
    """

    service: ClassVar[Service[Any]] = Service(
        name="hive",
        normalise=normalise,
        checks=CHECKS,
        steps=STEPS,
        render=render,
        body_limit=body_limit,
    )

    def __init__(
        self,
        *,
        app_id: str | EllipsisType | None = ...,
        api_key: str | EllipsisType | None = ...,
        errors: Mapping[str, Mapping[str, int | str]] | None = None,
        **options: Unpack[FakeOptions],
    ) -> None:
        """Makes a fake that is not running yet.

        Args:
            app_id: the application's id; None accepts any.
            api_key: its REST API key; None accepts any.
            errors: ``status``, ``code`` or ``message`` of errors, by their catalogue names. Most of Hive's own are
                not public, and the catalogue has placeholders for them; whoever knows better says it here.
            options: what every fake takes, see `Fake`.

        Raises:
            OptionError: there is no such error or member; or one of the shared options is wrong.
        """
        self._credentials = {"app_id": app_id, "api_key": api_key}
        self._errors = tuple((name, tuple(sorted(members.items()))) for name, members in sorted((errors or {}).items()))
        super().__init__(**options)

    @property
    def app_id(self) -> str | None:
        """The application's id, as paths of the forms B and C have it; None: any will do."""
        return self.world.state.app_id

    @app_id.setter
    def app_id(self, app_id: str | None) -> None:
        self.world.state.app_id = app_id

    @property
    def api_key(self) -> str | None:
        """The key of its REST API; None: any will do."""
        return self.world.state.api_key

    @api_key.setter
    def api_key(self, api_key: str | None) -> None:
        self.world.state.api_key = api_key

    @property
    def server_url(self) -> str:
        """What the JavaScript client takes as ``serverURL`` beside an application's id and key (form B).

        `url` is the application's own domain, as ``Backendless.initApp(url)`` takes it (form A). A raw client
        appends ``/api`` to that, or the id and the key to this.
        """
        return self.origin

    @property
    def env(self) -> dict[str, str]:
        """Empty: no tool of the vendor reads a variable."""
        return {}

    @property
    def limits(self) -> HiveLimits:
        """The documented limits; a test may change them."""
        return self.world.state.limits

    @property
    def switches(self) -> Switches:
        """Where the vendor's own pages and clients disagree; a test may choose."""
        return self.world.state.switches

    @property
    def hives(self) -> HivesView:
        """The hives, by name."""
        return HivesView(self.world)

    def create_hive(self, name: str, entries: Mapping[str, Any] | None = None) -> HiveView:
        """Makes a hive without HTTP.

        Args:
            name: unique in the application.
            entries: the first keys and values of its key-value store.

        Returns:
            The hive, with its stores as live mappings.

        Raises:
            RuleError: there is a hive of that name, or the service would refuse the name or an entry.
        """
        state = self.world.state
        with self.world.lock:
            refusal = None
            if not isinstance(name, str) or not name:
                refusal = ServiceError("invalid_argument", {"field": "hive", "reason": "must be a text, not empty"})
            elif name in state.hives:
                refusal = ServiceError("hive_exists", {"name": name})
            if refusal is not None:
                raise self.world.rule_error(refusal, "create_hive")
            state.hives[name] = Hive()
            view = HiveView(self.world, name)
            try:
                for key, value in (entries or {}).items():
                    view.key_value[key] = value
            except Exception:
                del state.hives[name]
                raise
        return view

    def allow_user_token(self, token: str) -> None:
        """Accepts a user's token; from the first call on, requests with any other are refused with 3064.

        Requests without a token stay as welcome as they were.
        """
        with self.world.lock:
            self.world.state.tokens.add(token)

    def arrange(self, given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
        """Puts what a contract case takes for given in place, and says what its names stand for."""
        del names
        return arrange(self, given)

    def differences(self, then: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
        """Says where the state differs from what a contract case expects of it."""
        del names
        return list(differences(self, then))

    def _new_state(self) -> HiveState:
        state = HiveState(self.document.limits_as(HiveLimits), self.seed)
        documented = next(server["variables"] for server in self.document.servers if "variables" in server)
        for name, given in self._credentials.items():
            setattr(state, name, documented[name]["default"] if given is ... else given)
        return state

    def _contract(self, dialect: str) -> Document:
        return _changed(dialect, self._errors) if self._errors else super()._contract(dialect)


@lru_cache(maxsize=32)
def _changed(dialect: str, errors: tuple[tuple[str, tuple[tuple[str, int | str], ...]], ...]) -> Document:
    """The contract with other members of some errors."""
    raw = deepcopy(load("hive", dialect).raw)
    catalogue = raw["x-kvfake"]["errors"]
    for name, members in errors:
        if name not in catalogue:
            raise OptionError(f"errors: Hive has no error {name!r}.{did_you_mean(name, catalogue)}")
        for member, value in members:
            if member not in _CHANGEABLE:
                raise OptionError(f"errors: {name} has no {member!r}.{did_you_mean(member, _CHANGEABLE)}")
            catalogue[name][member] = value
    return Document(raw, dialect)
