"""What the state steps of all endpoints share: whose and which namespace is meant, and a page of a listing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_kvfake.cloudflare.answers import Enveloped
from pytest_kvfake.engine.service import ServiceError

if TYPE_CHECKING:
    from pytest_kvfake.cloudflare.state import Account, CloudflareState, Namespace
    from pytest_kvfake.engine.service import Command

__all__ = ["account_of", "namespace_of", "paged"]


def account_of(state: CloudflareState, command: Command) -> Account:
    """Gives the account of the path."""
    return state.account(command.arguments["account"])


def namespace_of(state: CloudflareState, command: Command) -> Namespace | ServiceError:
    """Gives the namespace of the path, or 10013."""
    arguments = command.arguments
    found = state.account(arguments["account"]).namespaces.get(arguments["namespace"])
    return found if found is not None else ServiceError("namespace_not_found")


def paged(items: list[dict[str, Any]], command: Command) -> Enveloped:
    """Gives the page that was asked for, and what it says of the whole."""
    page, per_page = command.arguments["page"], command.arguments["per_page"]
    shown = items[(page - 1) * per_page : page * per_page]
    info = {
        "page": page,
        "per_page": per_page,
        "count": len(shown),
        "total_count": len(items),
        "total_pages": -(-len(items) // per_page),
    }
    return Enveloped(shown, info)
