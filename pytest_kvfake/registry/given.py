"""What a contract case takes for given, and what it expects of the state afterwards, in Registry's nouns.

A case's state is the outcome of ``acts``, one after the other, because org times count them::

    {"write": "app/cfg", "value": "v1", "content_type": "text/plain"}      {"delete": "app/cfg"}
    {"take": "app/lead", "player": "p1", "playtime_secs": 30, "max_players": 2}
    {"release": "app/lead", "player": "p1"}      {"rotate": "k2"}      {"flag": true}      {"advance": 20}

All are done to the default org unless they name an ``org``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_kvfake.registry import FakeRegistry

__all__ = ["arrange", "differences"]


def arrange(fake: FakeRegistry, given: Mapping[str, Any]) -> None:
    """Sets limits, makes orgs, and carries out the acts."""
    for name, value in given.get("limits", {}).items():
        setattr(fake.limits, name, value)
    for name, key in given.get("orgs", {}).items():
        if name not in fake.orgs:
            fake.create_org(name, key=key)
    for act in given.get("acts", ()):
        _carry_out(fake, act)


def differences(fake: FakeRegistry, then: Mapping[str, Any]) -> Iterator[str]:
    """Says where the state differs from ``then``: ``items`` by path, ``roles`` (players by path), ``absent``."""
    org = fake.orgs[fake.org]
    for path, value in then.get("items", {}).items():
        item = org.get(path)
        if item is None or item.value != value.encode("utf-8"):
            yield f"item {path} is {item!r}, not {value!r}"
    for path, players in then.get("roles", {}).items():
        role = org.roles.get(path)
        if role is None or role.players_remaining_milliseconds != players:
            yield f"role {path} is {role!r}, not {players!r}"
    for path in then.get("absent", ()):
        if path in org or path in org.roles:
            yield f"{path} is there"


def _carry_out(fake: FakeRegistry, act: Mapping[str, Any]) -> None:
    name = act.get("org", fake.org)
    if "advance" in act:
        fake.clock.advance(act["advance"])
    elif "flag" in act:
        fake.flag_org_for_deletion(name)
    elif "rotate" in act:
        fake.orgs[name].rotate_key(act["rotate"])
    elif "write" in act:
        fake.orgs[name].put(act["write"], act["value"], content_type=act.get("content_type", "text/plain"))
    elif "delete" in act:
        del fake.orgs[name][act["delete"]]
    elif "take" in act:
        fake.orgs[name].roles.take(
            act["take"], act["player"], playtime_secs=act.get("playtime_secs"), max_players=act.get("max_players")
        )
    else:
        fake.orgs[name].roles.release(act["release"], act["player"])
