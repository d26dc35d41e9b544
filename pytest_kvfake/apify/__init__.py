"""Apify Key-value stores, as the API v2 documents them."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_kvfake.apify.answers import render
from pytest_kvfake.apify.checks import CHECKS, body_limit, normalise
from pytest_kvfake.apify.given import arrange, differences
from pytest_kvfake.apify.limits import ApifyLimits
from pytest_kvfake.apify.operations import STEPS
from pytest_kvfake.apify.rules import check_name, is_id
from pytest_kvfake.apify.state import ALL_PERMISSIONS, ApifyState, Run, Token, User
from pytest_kvfake.apify.storeschema import InvalidStoreSchemaError, schema_of
from pytest_kvfake.apify.views import StoresView, StoreView, checked_access
from pytest_kvfake.engine.seed import ALPHANUMERIC, identifier
from pytest_kvfake.engine.service import Service, ServiceError
from pytest_kvfake.errors import UsageError, did_you_mean
from pytest_kvfake.fake import Fake

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from typing_extensions import Unpack

    from pytest_kvfake.fake import FakeOptions

__all__ = ["FakeApify"]

_ACCOUNT_LEVELS = ("RESTRICTED", "ANYONE_WITH_ID_CAN_READ")


class FakeApify(Fake[ApifyState]):
    """A fake of the key-value stores of Apify's API v2.

    ::

        with FakeApify() as kv:
            client = ApifyClient(token=kv.token, api_url=kv.url, api_public_url=kv.public_url)
            client.key_value_stores().get_or_create(name="results")

    Attributes:
        token: of the default user.
        username: the default user, as in Apify's own samples.
        user_id: of the default user.
    """

    service: ClassVar[Service[Any]] = Service(
        name="apify",
        normalise=normalise,
        checks=CHECKS,
        steps=STEPS,
        render=render,
        body_limit=body_limit,
    )

    token = "apify_api_kvfakeTokenOfJaneDoe"  # noqa: S105 - opens nothing but a fake
    username = "janedoe"
    user_id = "BPWDBd7Z9c746JAnF"

    def __init__(self, *, account_general_access: str = "RESTRICTED", **options: Unpack[FakeOptions]) -> None:
        """Makes a fake that is not running yet.

        Args:
            account_general_access: what others may do with stores of the default user that follow the user's
                setting: ``RESTRICTED`` or ``ANYONE_WITH_ID_CAN_READ``.
            options: those of every fake.

        Raises:
            OptionError: one of those of every fake does not exist, or has a value it cannot take.
            UsageError: there is no such general access.
        """
        self._account_general_access = checked_access(account_general_access, _ACCOUNT_LEVELS)
        super().__init__(**options)

    @property
    def public_url(self) -> str:
        """The base of public URLs, which the official clients take apart from `url`; here they are the same."""
        return self.url

    @property
    def env(self) -> dict[str, str]:
        """What the Apify SDKs, Crawlee and the Apify CLI read."""
        return {
            "APIFY_TOKEN": self.token,
            "APIFY_API_BASE_URL": self.url,
            "APIFY_API_PUBLIC_BASE_URL": self.public_url,
            "APIFY_CLIENT_BASE_URL": self.url,
        }

    @property
    def limits(self) -> ApifyLimits:
        """The documented limits; a test may change them."""
        return self.world.state.limits

    @property
    def stores(self) -> StoresView:
        """All stores, by id, by a name of the default user, or by ``username~name``."""
        return StoresView(self.world, self.username)

    def create_store(
        self,
        name: str | None = None,
        records: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        *,
        username: str | None = None,
        store_id: str | None = None,
        schema: Mapping[str, Any] | None = None,
        general_access: str = "FOLLOW_USER_SETTING",
    ) -> StoreView:
        """Makes a store without HTTP.

        Args:
            name: unique among the stores of its owner; None for an unnamed store.
            records: its first keys and values; `StoreView.put` says what values can be.
            username: whose it is; the default user's unless given.
            store_id: 17 letters and digits; made from the seed unless given.
            schema: a store schema.
            general_access: one of the service's four words.

        Returns:
            The store, as a live mapping of keys to records.

        Raises:
            RuleError: the service would refuse the name, the schema or a record.
            UsageError: there is no such user or general access, or the id is none, or taken.
        """
        world = self.world
        checked_access(general_access)
        with world.lock:
            state = world.state
            owner = self._user(username)
            refusal = None if name is None else check_name(name, state.limits)
            if refusal is None and name is not None and state.store_named(owner.id, name) is not None:
                refusal = ServiceError("name_not_unique")
            try:
                read = None if schema is None else schema_of(deepcopy(schema))
            except InvalidStoreSchemaError as reason:
                refusal = ServiceError("store_schema_invalid", {"reason": reason})
            if refusal is not None:
                raise world.rule_error(refusal, "get_or_create_store")
            if store_id is not None:
                _check_new_id(store_id, "store", state.stores)
            made = state.create_store(owner.id, name, world.clock.now(), store_id=store_id, schema=read)
            made.general_access = general_access
            view = StoreView(world, made.id)
            try:
                for key, value in dict(records or {}).items():
                    view[key] = value
            except Exception:
                state.delete_store(made)
                raise
            made.counters.clear()
        return view

    def create_user(
        self,
        username: str,
        token: str | None = None,
        *,
        user_id: str | None = None,
        general_access: str = "RESTRICTED",
    ) -> User:
        """Makes another user, with a token that may do everything with the user's own stores.

        Args:
            username: unique.
            token: the token's text; made from the name unless given.
            user_id: 17 letters and digits; made from the seed unless given.
            general_access: what others may do with stores that follow the user's setting: ``RESTRICTED`` or
                ``ANYONE_WITH_ID_CAN_READ``.

        Raises:
            UsageError: there is such a user or token already, or an argument cannot be.
        """
        checked_access(general_access, _ACCOUNT_LEVELS)
        token = token if token is not None else f"apify_api_kvfakeTokenOf{username}"
        with self.world.lock:
            state = self.world.state
            if state.user_named(username) is not None:
                raise UsageError(f"There is a user {username!r} already.")
            if user_id is not None:
                _check_new_id(user_id, "user", state.users)
            user_id = user_id if user_id is not None else state.new_id("user")
            user = User(user_id, username, token, general_access, self.clock.now())
            self._add_token(token, Token(user_id))
            state.users[user_id] = user
        return user

    def create_token(
        self,
        token: str,
        username: str | None = None,
        *,
        permissions: Iterable[str] | None = None,
        stores: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        """Makes another token of a user.

        Args:
            token: its text.
            username: whose it is; the default user's unless given.
            permissions: ``create``, ``read``, ``write``, for all stores of the user; all unless given. ``write``
                implies ``read``.
            stores: more permissions, by the id or name of a store.

        Raises:
            UsageError: there is such a token already, or no such user, store or permission.
        """
        with self.world.lock:
            single = {self._store_id(name): _permissions(granted) for name, granted in (stores or {}).items()}
            general = ALL_PERMISSIONS if permissions is None else _permissions(permissions)
            self._add_token(token, Token(self._user(username).id, general, single))

    def create_run(
        self,
        run_id: str | None = None,
        store: StoreView | str | None = None,
        *,
        actor: str | None = None,
        task: str | None = None,
        status: str = "SUCCEEDED",
        origin: str = "API",
    ) -> Run:
        """Makes a run of an Actor, whose default store is found at the run-scoped paths.

        Args:
            run_id: names it in paths; made from the seed unless given.
            store: its default store, by view, id or name; a new unnamed one unless given.
            actor: the Actor as paths name it, ``username~name`` or an id, for ``…/actors/{actorId}/runs/last/…``.
            task: the task, likewise.
            status: such as ``SUCCEEDED``.
            origin: such as ``API``.

        Raises:
            UsageError: there is such a run already, or no such store.
        """
        with self.world.lock:
            state = self.world.state
            run_id = run_id if run_id is not None else state.new_id("run")
            if run_id in state.runs:
                raise UsageError(f"There is a run {run_id!r} already.")
            if store is None:
                store = self.create_store()
            store_id = store.id if isinstance(store, StoreView) else self._store_id(store)
            run = state.runs[run_id] = Run(run_id, store_id, actor, task, status, origin)
            kept = state.stores[store_id]
            kept.run_id = run_id
            if actor is not None:
                made = identifier(self.seed, "actor", actor, length=len(self.user_id), alphabet=ALPHANUMERIC)
                kept.actor_id = actor if is_id(actor) else made
        return run

    def arrange(self, given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
        """Puts what a contract case takes for given in place, and says what its names stand for."""
        return arrange(self, given, names)

    def differences(self, then: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
        """Says where the state differs from what a contract case expects of it."""
        return list(differences(self, then, names))

    def _new_state(self) -> ApifyState:
        state = ApifyState(self.document.limits_as(ApifyLimits), self.seed)
        access = self._account_general_access
        state.users[self.user_id] = User(self.user_id, self.username, self.token, access, self.clock.now())
        state.tokens[self.token] = Token(self.user_id)
        return state

    def _user(self, username: str | None) -> User:
        user = self.world.state.user_named(username or self.username)
        if user is None:
            known = [one.username for one in self.world.state.users.values()]
            raise UsageError(f"There is no user {username!r}.{did_you_mean(str(username), known)}")
        return user

    def _store_id(self, reference: str) -> str:
        try:
            return self.stores[reference].id
        except KeyError:
            known = [view.name or view.id for view in self.stores.values()]
            raise UsageError(f"There is no store {reference!r}.{did_you_mean(reference, known)}") from None

    def _add_token(self, text: str, token: Token) -> None:
        if not text or text in self.world.state.tokens:
            raise UsageError(f"The token {text!r} is empty, or there already.")
        self.world.state.tokens[text] = token


def _permissions(words: Iterable[str]) -> frozenset[str]:
    permissions = frozenset([words] if isinstance(words, str) else words)
    for word in permissions - ALL_PERMISSIONS:
        raise UsageError(f"{word!r} is no permission.{did_you_mean(word, ALL_PERMISSIONS)}")
    return permissions


def _check_new_id(text: str, what: str, taken: Mapping[str, object]) -> None:
    if not is_id(text):
        raise UsageError(f"{text!r} is no {what} id; Apify's have 17 letters and digits.")
    if text in taken:
        raise UsageError(f"There is a {what} {text} already.")
