"""What Registry looks at before it touches its store, in the contract's order (registry.md 12, steps 2 to 8).

Each check gives nothing or one error, and may leave what it has read in ``command.arguments``: ``key`` (the org
key as sent), ``condition``, and the members of a JSON body by the contract's names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_kvfake.engine.jsontext import parsed
from pytest_kvfake.engine.service import ServiceError
from pytest_kvfake.registry.names import is_shaped, normalised_path
from pytest_kvfake.registry.state import Org, milliseconds

if TYPE_CHECKING:
    from pytest_kvfake.engine.messages import Request
    from pytest_kvfake.engine.service import Checks, Command
    from pytest_kvfake.registry.state import RegistryState

__all__ = ["CHECKS", "MAX_U32", "MAX_U64", "admitted", "body_limit", "flag_refusal", "normalise"]

MAX_U32 = (1 << 32) - 1
MAX_U64 = (1 << 64) - 1

_DIGITS = re.compile("0*([0-9]{1,20})")

# What a JSON body may have, which no page speaks of, in bytes.
_SMALL_BODY = 1 << 20


def normalise(request: Request, state: RegistryState) -> Request:
    """Collapses slashes, drops the prefix of the vendor's client, and decodes harmless escapes."""
    sent, mark, query = request.target.partition("?")
    path = normalised_path(sent, keep_prefix="svc" in state.orgs)
    return request if path == sent else request.with_target(request.method, path + mark + query)


def body_limit(state: RegistryState, command: Command) -> int:
    """The most bytes of a body that are worth reading: beyond, only the length counts."""
    if command.operation is None:
        return 0
    return state.limits.max_allowed_size if command.operation.name == "write_data" else _SMALL_BODY


def check_path(state: RegistryState, command: Command, now: float) -> ServiceError | None:
    """400 for what is neither org nor directory nor data item nor role, or has a foreign character."""
    del state, now
    return None if is_shaped(command.request.path) else ServiceError("bad_name")


def refuse_method(state: RegistryState, command: Command, now: float) -> ServiceError:
    """405 for a well-formed path without an operation of that method."""
    del state, now
    return ServiceError("method_not_allowed", {"allow": ", ".join(command.allowed)})


def check_key_is_there(state: RegistryState, command: Command, now: float) -> ServiceError | None:
    """400 for a missing, empty or blank ``Authorization``."""
    del state, now
    sent = command.request.headers.get("authorization", "").strip(" \t")
    command.arguments["key"] = sent
    return None if sent else ServiceError("missing_key")


def check_condition(state: RegistryState, command: Command, now: float) -> ServiceError | None:
    """400 for a condition that is no decimal u64."""
    del state, now
    condition = None
    sent = command.request.headers.get("x-dk-update-org-time")
    if sent is not None:
        found = _DIGITS.fullmatch(sent)
        condition = int(found[1]) if found is not None else MAX_U64 + 1
        if condition > MAX_U64:
            return ServiceError("bad_condition")
    command.arguments["condition"] = condition
    return None


def check_admission(state: RegistryState, command: Command, now: float) -> ServiceError | None:
    """404, and 403 for a rotation, for an unknown org as for a wrong key; then what the deletion flag refuses."""
    org = admitted(state, command, milliseconds(now))
    return org if isinstance(org, ServiceError) else None


def admitted(state: RegistryState, command: Command, moment: int) -> Org | ServiceError:
    """Gives the org that a command may act on, or the error.

    It is a check, and again the first thing that each state step does: a rotation may have come between.
    """
    assert command.operation is not None
    operation = command.operation.name
    org = state.org(command.raw_parameters["org"], moment)
    if org is None or not org.opened_by(command.arguments["key"]):
        return ServiceError("forbidden" if operation == "rotate_org_key" else "org_not_found")
    refusal = flag_refusal(org, operation, moment)
    return org if refusal is None else refusal


def flag_refusal(org: Org, operation: str, moment: int) -> ServiceError | None:
    """What an org that is flagged for deletion no longer does (registry.md 9)."""
    if org.lingers_until is None:
        return None
    if operation == "rotate_org_key":
        return ServiceError(
            "being_deleted", {"org_time": org.time, "remaining_milliseconds": org.lingers_until - moment}
        )
    return ServiceError("org_flagged") if operation in {"write_data", "take_role"} else None


def read_take(state: RegistryState, command: Command, now: float) -> ServiceError | None:
    """400 for a take whose body is none."""
    del state, now
    body = _json_object(command)
    if isinstance(body, ServiceError):
        return body
    player, clock = body.get("player_name"), body.get("client_unix_time_in_msecs")
    playtime, seats = body.get("playtime_secs"), body.get("max_players")
    if not isinstance(player, str) or not _is_whole(clock, 0, MAX_U64):
        return ServiceError("bad_body")
    if not all(number is None or _is_whole(number, 1, MAX_U32) for number in (playtime, seats)):
        return ServiceError("bad_body")
    command.arguments.update(
        player_name=player, client_unix_time_in_msecs=clock, playtime_secs=playtime, max_players=seats
    )
    return None


def read_release(state: RegistryState, command: Command, now: float) -> ServiceError | None:
    """400 for a release whose body is none."""
    del state, now
    body = _json_object(command)
    if isinstance(body, ServiceError):
        return body
    if not isinstance(body.get("player_name"), str):
        return ServiceError("bad_body")
    command.arguments["player_name"] = body["player_name"]
    return None


def read_rotation(state: RegistryState, command: Command, now: float) -> ServiceError | None:
    """400 for a rotation whose body is none; it may be missing."""
    del state, now
    key = None
    if command.request.body_size:
        body = _json_object(command)
        if isinstance(body, ServiceError):
            return body
        key = body.get("org_key")
        if key is not None and not isinstance(key, str):
            return ServiceError("bad_body")
    command.arguments["org_key"] = key
    return None


CHECKS: Checks[RegistryState] = (
    check_path,
    {None: refuse_method},
    check_key_is_there,
    {"write_data": check_condition, "delete_data": check_condition},
    {"take_role": read_take, "release_role": read_release, "rotate_org_key": read_rotation},
    check_admission,
)


def _json_object(command: Command) -> dict[str, Any] | ServiceError:
    request = command.request
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return ServiceError("bad_content_type")
    try:
        body = parsed(request.body)
    except ValueError:
        return ServiceError("bad_body")
    return body if isinstance(body, dict) else ServiceError("bad_body")


def _is_whole(value: object, smallest: int, largest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and smallest <= value <= largest
