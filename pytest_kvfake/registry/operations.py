"""One state step an operation, under the lock (registry.md 6; the order is registry.md 12, from step 10 on)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_kvfake.engine.service import Outcome, ServiceError
from pytest_kvfake.log import LOGGER
from pytest_kvfake.registry import items, roles
from pytest_kvfake.registry.checks import MAX_U64, admitted
from pytest_kvfake.registry.state import ALL, milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_kvfake.engine.service import Command
    from pytest_kvfake.registry.state import Org, RegistryState

__all__ = ["STEPS"]


def describe_org(state: RegistryState, org: Org, command: Command, moment: int) -> Outcome:
    """GET /{org} (6.1)."""
    del state, command
    stats = {"total_role_count": org.roles.count(moment), "total_data_item_count": org.items.count(moment)}
    return _at(
        org,
        {
            "org_name": org.name,
            "org_key": org.key,
            "is_deleted": org.lingers_until is not None,
            "org_time": org.time,
            "stats": stats,
        },
    )


def rotate_org_key(state: RegistryState, org: Org, command: Command, moment: int) -> Outcome:
    """PUT /{org} (6.2): the old key stops working at once."""
    del moment
    key = state.rotate_key(org, command.arguments["org_key"])
    if not key.strip(" \t"):
        LOGGER.warning("The key of org %s is blank now, so no request can open it any more.", org.name)
    return _at(org, {"org_key": key})


def list_items(state: RegistryState, org: Org, command: Command, moment: int) -> Outcome:
    """GET /{org}/{directory}/ (6.3): all descendants, by code point."""
    del state
    directory = command.raw_parameters.get("directory")
    prefix = "" if directory is None else f"{directory}/"
    found = {
        ending: [path for path, _ in space.page(prefix=prefix, limit=ALL, now=moment).items]
        for ending, space in (("role", org.roles), ("data", org.items))
    }
    files = sorted(f"/{org.name}/{path}.{ending}" for ending, paths in found.items() for path in paths)
    stats = {"role_count": len(found["role"]), "data_item_count": len(found["data"])}
    return _at(org, {"files": files, "stats": stats})


def write_data(state: RegistryState, org: Org, command: Command, moment: int) -> Outcome | ServiceError:
    """PUT /{org}/{item}.data (6.4)."""
    request = command.request
    written = items.write(
        state,
        org,
        _path(command),
        request.body,
        size=request.body_size,
        content_type=request.headers.get("content-type", "") or items.UNNAMED_TYPE,
        condition=command.arguments["condition"],
        moment=moment,
    )
    if isinstance(written, ServiceError):
        return written
    item, new = written
    times = {"create_org_time": item.create_org_time, "update_org_time": item.update_org_time}
    return _at(org, times, status=201 if new else 200)


def read_data(state: RegistryState, org: Org, command: Command, moment: int) -> Outcome | ServiceError:
    """GET /{org}/{item}.data (6.5): the times are headers here."""
    del state
    item = org.items.get(_path(command), moment)
    return ServiceError("item_not_found") if item is None else _at(org, item)


def delete_data(state: RegistryState, org: Org, command: Command, moment: int) -> Outcome | ServiceError:
    """DELETE /{org}/{item}.data (6.6): the item does not exist afterwards, whether or not it did."""
    deleted = items.delete(state, org, _path(command), condition=command.arguments["condition"], moment=moment)
    return deleted if isinstance(deleted, ServiceError) else _at(org)


def take_role(state: RegistryState, org: Org, command: Command, moment: int) -> Outcome | ServiceError:
    """PUT /{org}/{role}.role (6.7): the answer is on the caller's clock, so the service's may differ from it."""
    arguments = command.arguments
    taken = roles.take(
        state,
        org,
        _path(command),
        arguments["player_name"],
        playtime_secs=arguments["playtime_secs"],
        max_players=arguments["max_players"],
        moment=moment,
    )
    if isinstance(taken, ServiceError):
        return taken
    granted, new = taken
    expiration = min(arguments["client_unix_time_in_msecs"] + granted, MAX_U64)
    return _at(org, {"client_expiration_time_in_msecs": expiration}, status=201 if new else 200)


def read_role(state: RegistryState, org: Org, command: Command, moment: int) -> Outcome | ServiceError:
    """GET /{org}/{role}.role (6.9)."""
    role = org.roles.get(_path(command), moment)
    if role is None:
        return ServiceError("role_not_found")
    return _at(
        org,
        {
            "default_playtime_secs": state.limits.default_playtime_secs,
            "max_players": role.max_players,
            "players_remaining_milliseconds": role.remaining(moment),
        },
    )


def release_role(state: RegistryState, org: Org, command: Command, moment: int) -> Outcome:
    """DELETE /{org}/{role}.role (6.8): the player does not play afterwards, whether or not it did."""
    roles.release(state, org, _path(command), command.arguments["player_name"], moment=moment)
    return _at(org)


def _step(
    act: Callable[[RegistryState, Org, Command, int], Outcome | ServiceError],
) -> Callable[[RegistryState, Command, float], Outcome | ServiceError]:
    """Makes a state step of what is done to an org, once it is sure that the caller may."""

    def step(state: RegistryState, command: Command, now: float) -> Outcome | ServiceError:
        moment = milliseconds(now)
        org = admitted(state, command, moment)
        return org if isinstance(org, ServiceError) else act(state, org, command, moment)

    return step


STEPS = {
    act.__name__: _step(act)
    for act in (
        describe_org,
        rotate_org_key,
        list_items,
        write_data,
        read_data,
        delete_data,
        take_role,
        read_role,
        release_role,
    )
}


def _path(command: Command) -> str:
    assert command.key is not None  # the shape of the path has been checked
    return command.key


def _at(org: Org, result: Any = None, *, status: int = 200) -> Outcome:
    """An outcome with the org time after it, which every success carries."""
    return Outcome(result, status, (("x-dk-org-time", str(org.time)),))
