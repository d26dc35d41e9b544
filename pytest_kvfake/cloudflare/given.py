"""What a contract case takes for given, and what it expects of the state afterwards, in Cloudflare's nouns."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from pytest_kvfake.cloudflare.state import Entry, normalised_id
from pytest_kvfake.engine.jsontext import written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_kvfake.cloudflare import FakeCloudflare

__all__ = ["arrange", "differences"]


def arrange(fake: FakeCloudflare, given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    """Makes namespaces, tokens, accounts and limits.

    Entries go past the rules of a write, so that a case can begin with what only the past could have written.

    Args:
        fake: where.
        given: the case's nouns.
        names: what the case's names stand for; a namespace whose alias is among them gets that id.

    Returns:
        The id of each namespace by its alias.
    """
    for name, value in given.get("limits", {}).items():
        setattr(fake.limits, name, value)
    for account in given.get("accounts", ()):
        fake.create_account(account)
    for secret, token in given.get("tokens", {}).items():
        fake.allow_token(secret, permission=token.get("permission", "edit"), accounts=token.get("accounts"))
    made: dict[str, str] = {}
    for alias, described in given.get("namespaces", {}).items():
        view = fake.create_namespace(
            described.get("title", alias),
            account_id=described.get("account"),
            namespace_id=normalised_id(names.get(alias, alias)),
            jurisdiction=described.get("jurisdiction"),
            supports_url_encoding=described.get("supports_url_encoding", True),
        )
        made[alias] = view.id
        namespace = fake.world.state.accounts[view.account_id].namespaces[view.id]
        for key, item in described.get("entries", {}).items():
            entry = _entry(item)
            namespace.entries.put(key, entry, fake.clock.now(), entry.expiration)
    return made


def differences(fake: FakeCloudflare, then: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
    """Says where the state differs from ``then`` (``absent``, ``present``, ``titles``)."""
    for place in then.get("absent", ()):
        if _found(fake, place, names) is not None:
            yield f"{place} is there"
    for place, item in then.get("present", {}).items():
        entry, expected = _found(fake, place, names), _entry(item)
        if entry is None:
            yield f"{place} is not there"
        elif (entry.value, entry.metadata, entry.expiration) != (
            expected.value,
            expected.metadata,
            expected.expiration,
        ):
            yield f"{place} is {entry!r}, not {expected!r}"
    for alias, title in then.get("titles", {}).items():
        actual = fake.namespaces[names.get(alias, alias)].title
        if actual != title:
            yield f"the title of {alias} is {actual!r}, not {title!r}"


def _found(fake: FakeCloudflare, place: str, names: Mapping[str, str]) -> Entry | None:
    alias, _, key = place.partition("/")
    return fake.namespaces[names.get(alias, alias)].get(key)


def _entry(item: Any) -> Entry:
    value = item["value"]
    if isinstance(value, str):
        raw = value.encode("utf-8")
    elif "base64" in value:
        raw = base64.b64decode(value["base64"])
    else:
        text, count = value["repeat"]
        raw = text.encode("utf-8") * count
    metadata = item.get("metadata")
    return Entry(raw, None if metadata is None else written(metadata).decode("utf-8"), item.get("expiration"))
