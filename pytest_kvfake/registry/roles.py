"""Taking and releasing roles, with HTTP and without it: seats, playtimes, renewals (registry.md 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_kvfake.engine.service import ServiceError
from pytest_kvfake.registry.state import Role

if TYPE_CHECKING:
    from pytest_kvfake.registry.state import Org, RegistryState

__all__ = ["release", "take"]


def take(
    state: RegistryState,
    org: Org,
    path: str,
    player: str,
    *,
    playtime_secs: int | None,
    max_players: int | None,
    moment: int,
) -> tuple[int, bool] | ServiceError:
    """Seats a player, or prolongs its playtime; a shorter wish never shortens it.

    Args:
        state: of the fake.
        org: where.
        path: below the org, without the ending.
        player: tells players apart.
        playtime_secs: from now; None: the default.
        max_players: seats; None: the default, which is compared like any other number.
        moment: milliseconds since the epoch.

    Returns:
        The milliseconds that the player now has, and whether the role is new; or the error.
    """
    seconds = state.limits.default_playtime_secs if playtime_secs is None else playtime_secs
    seats = state.limits.default_max_players if max_players is None else max_players
    role = org.roles.get(path, moment)
    ends = {} if role is None else {name: end for name, end in role.ends.items() if moment < end}
    if role is not None and role.max_players != seats:
        return ServiceError("other_max_players", {"org_time": org.time})
    if player not in ends and len(ends) >= seats:
        return ServiceError("role_full", {"org_time": org.time})
    ends[player] = max(ends.get(player, 0), moment + seconds * 1000)
    _put(org, path, Role(seats, ends), moment)
    state.tick(org)
    return ends[player] - moment, role is None


def release(state: RegistryState, org: Org, path: str, player: str, *, moment: int) -> bool:
    """Takes a player's seat away; the role ends with its last player. Says whether there was anything to do."""
    role = org.roles.get(path, moment)
    if role is None or player not in role.remaining(moment):
        return False
    ends = {name: end for name, end in role.ends.items() if moment < end and name != player}
    if ends:
        _put(org, path, Role(role.max_players, ends), moment)
    else:
        org.roles.delete(path, moment)
    if org.lingers_until is not None:
        org.update_lingering(moment)
    state.tick(org)
    return True


def _put(org: Org, path: str, role: Role, moment: int) -> None:
    org.roles.put(path, role, moment, role.end)
