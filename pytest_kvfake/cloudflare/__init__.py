"""Cloudflare Workers KV, as its REST API documents it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from pytest_kvfake.cloudflare.answers import render
from pytest_kvfake.cloudflare.checks import CHECKS, GATEWAY, normalise
from pytest_kvfake.cloudflare.given import arrange, differences
from pytest_kvfake.cloudflare.limits import CloudflareLimits
from pytest_kvfake.cloudflare.operations import STEPS
from pytest_kvfake.cloudflare.reading import body_limit
from pytest_kvfake.cloudflare.rules import check_namespace
from pytest_kvfake.cloudflare.state import DEFAULT_ACCOUNT, PERMISSIONS, CloudflareState, Entry, Token, normalised_id
from pytest_kvfake.cloudflare.views import NamespacesView, NamespaceView
from pytest_kvfake.engine.service import Service
from pytest_kvfake.errors import UsageError
from pytest_kvfake.fake import Fake

__all__ = ["FakeCloudflare"]


class FakeCloudflare(Fake[CloudflareState]):
    """A fake of Cloudflare Workers KV's REST API.

    ::

        with FakeCloudflare() as kv:
            client = Cloudflare(base_url=kv.url, api_token=kv.api_token)
            client.kv.namespaces.create(account_id=kv.account_id, title="settings")

    Every well-formed credential is accepted until `allow_token` names those that are.

    Attributes:
        account_id: the account of Cloudflare's own samples.
        api_token: a bearer token.
        api_email: goes with ``api_key``, the global key.
        api_key: the global key of Cloudflare's own samples.
    """

    service: ClassVar[Service[Any]] = Service(
        name="cloudflare",
        normalise=normalise,
        checks=CHECKS,
        steps=STEPS,
        render=render,
        body_limit=body_limit,
        gateway=GATEWAY,
    )
    base_path: ClassVar[str] = "/client/v4"

    account_id = DEFAULT_ACCOUNT
    api_token = "kvfake-cloudflare-api-token"  # noqa: S105 - opens nothing but a fake
    api_email = "user@example.com"
    api_key = "144c9defac04969c7bfad8efaa8ea194"

    @property
    def env(self) -> dict[str, str]:
        """What the Cloudflare SDKs and wrangler read."""
        return {
            "CLOUDFLARE_BASE_URL": self.url,
            "CLOUDFLARE_API_BASE_URL": self.url,
            "CLOUDFLARE_API_TOKEN": self.api_token,
            "CLOUDFLARE_ACCOUNT_ID": self.account_id,
            "WRANGLER_SEND_METRICS": "false",
        }

    @property
    def limits(self) -> CloudflareLimits:
        """The documented limits; a test may change them."""
        return self.world.state.limits

    @property
    def namespaces(self) -> NamespacesView:
        """The namespaces of the default account, by id or title."""
        return self.namespaces_of(self.account_id)

    def namespaces_of(self, account_id: str) -> NamespacesView:
        """Gives the namespaces of any account, by id or title.

        Raises:
            UsageError: that is no account id.
        """
        return NamespacesView(self.world, _account(account_id))

    def create_namespace(
        self,
        title: str,
        entries: Mapping[str, Entry | bytes | str] | Iterable[tuple[str, Entry | bytes | str]] | None = None,
        *,
        account_id: str | None = None,
        namespace_id: str | None = None,
        jurisdiction: str | None = None,
        supports_url_encoding: bool = True,
    ) -> NamespaceView:
        """Makes a namespace without HTTP.

        Args:
            title: unique in the account.
            entries: its first keys and values; text is stored as UTF-8, an `Entry` with its metadata and expiry.
            account_id: whose it is; the default account's unless given.
            namespace_id: 32 hex digits; made from the seed unless given.
            jurisdiction: ``eu``, ``fedramp`` or ``us``.
            supports_url_encoding: False for a namespace as they were made in 2019.

        Returns:
            The namespace, as a live mapping of keys to entries.

        Raises:
            RuleError: the service would refuse the title, the jurisdiction or an entry; nothing is made then.
            UsageError: an id is none, or taken; or a key or a value is of no type that can be stored.
        """
        world = self.world
        with world.lock:
            account = world.state.account(_account(account_id or self.account_id))
            refusal = check_namespace(account, title, jurisdiction, world.state.limits)
            if refusal is not None:
                raise world.rule_error(refusal, "create_namespace")
            if namespace_id is not None:
                namespace_id = _checked_id(namespace_id, "namespace")
                if namespace_id in account.namespaces:
                    raise UsageError(f"The account has a namespace {namespace_id} already.")
            made = world.state.create_namespace(
                account,
                title,
                namespace_id=namespace_id,
                jurisdiction=jurisdiction,
                supports_url_encoding=supports_url_encoding,
            )
            view = NamespaceView(world, account.id, made.id)
            try:
                for key, value in entries.items() if isinstance(entries, Mapping) else entries or ():
                    view[key] = value
            except BaseException:
                account.namespaces.pop(made.id, None)
                account.created -= 1
                raise
        return view

    def allow_token(self, secret: str, *, permission: str = "edit", accounts: Iterable[str] | None = None) -> None:
        """Accepts a credential; from the first call on, all others are refused.

        Args:
            secret: a bearer token, a user service key, or ``"<email> <global key>"``.
            permission: ``edit``, or ``read`` for a credential that may not write.
            accounts: ids of the accounts that it opens; all unless given.

        Raises:
            UsageError: there is no such permission, or an id is none.
        """
        if permission not in PERMISSIONS:
            raise UsageError(f"A token's permission is 'edit' or 'read', not {permission!r}.")
        bound = None if accounts is None else frozenset(_account(account) for account in accounts)
        with self.world.lock:
            self.world.state.tokens[secret] = Token(permission, bound)

    def create_account(self, account_id: str, name: str = "Demo Account", *, only_known: bool = False) -> None:
        """Makes an account; others still come into being when they are first used.

        Args:
            account_id: 32 hex digits.
            name: what ``GET /accounts`` tells of it.
            only_known: from now on, accounts that were not made are refused with 403.
        """
        with self.world.lock:
            self.world.state.account(_account(account_id)).name = name
            self.world.state.closed = self.world.state.closed or only_known

    def arrange(self, given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
        """Puts what a contract case takes for given in place, and says what its names stand for."""
        return arrange(self, given, names)

    def differences(self, then: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
        """Says where the state differs from what a contract case expects of it."""
        return list(differences(self, then, names))

    def _new_state(self) -> CloudflareState:
        return CloudflareState(self.document.limits_as(CloudflareLimits), self.seed)


def _account(text: str) -> str:
    return _checked_id(text, "account")


def _checked_id(text: str, what: str) -> str:
    checked = normalised_id(text)
    if checked is None:
        raise UsageError(f"{text!r} is no {what} id; Cloudflare's are 32 hex digits.")
    return checked
