"""The state steps of what wrangler asks on its way to Workers KV: accounts, memberships, user, tokens (10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_kvfake.cloudflare.answers import Enveloped
from pytest_kvfake.cloudflare.finding import paged
from pytest_kvfake.engine.seed import identifier
from pytest_kvfake.engine.service import Outcome

if TYPE_CHECKING:
    from pytest_kvfake.cloudflare.checks import Caller
    from pytest_kvfake.cloudflare.state import Account, CloudflareState
    from pytest_kvfake.engine.service import Command

__all__ = ["get_user", "list_accounts", "list_memberships", "verify_token"]


def list_accounts(state: CloudflareState, command: Command, now: float) -> Outcome:
    """GET /accounts (10.2)."""
    del now
    accounts = [_described_account(account) for account in _visible(state, command)]
    return Outcome(paged(accounts, command))


def list_memberships(state: CloudflareState, command: Command, now: float) -> Outcome:
    """GET /memberships (10.2)."""
    del now
    memberships = [
        {
            "id": identifier(state.seed, "membership", account.id, length=32),
            "status": "accepted",
            "account": _described_account(account),
            "roles": ["Administrator"],
        }
        for account in _visible(state, command)
    ]
    return Outcome(paged(memberships, command))


def get_user(state: CloudflareState, command: Command, now: float) -> Outcome:
    """GET /user (10.2)."""
    del now
    caller: Caller = command.arguments["caller"]
    email = caller.secret.partition(" ")[0] if caller.scheme == "key" else "user@example.com"
    user_id = identifier(state.seed, "user", email, length=32)
    return Outcome({"id": user_id, "email": email, "first_name": None, "last_name": None})


def verify_token(state: CloudflareState, command: Command, now: float) -> Outcome:
    """GET /user/tokens/verify and /accounts/{account_id}/tokens/verify (10.2)."""
    del now
    caller: Caller = command.arguments["caller"]
    message = {"code": 10000, "message": "This API Token is valid and active", "type": None}
    result = {"id": identifier(state.seed, "token", caller.secret, length=32), "status": "active"}
    return Outcome(Enveloped(result, None, messages=(message,)))


def _described_account(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "name": account.name,
        "type": "standard",
        "settings": {"enforce_twofactor": False},
        "created_on": "2014-03-01T12:21:02.0000Z",
    }


def _visible(state: CloudflareState, command: Command) -> list[Account]:
    token = command.arguments["caller"].token
    allowed = token.accounts if token.accounts is not None else set(state.accounts)
    return [state.account(account_id) for account_id in sorted(allowed)]
