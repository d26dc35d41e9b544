"""The application's info and its hives (hive.md 1.4, 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_kvfake.engine.service import Outcome, ServiceError
from pytest_kvfake.hive.state.hives import Hive, HiveState
from pytest_kvfake.hive.texts import compact

if TYPE_CHECKING:
    from pytest_kvfake.engine.service import Command

__all__ = ["STEPS"]


def get_info(state: HiveState, command: Command, now: float) -> Outcome:
    """GET /info: no loggers are set up."""
    del state, command, now
    return Outcome(compact({"loggers": []}))


def list_hives(state: HiveState, command: Command, now: float) -> Outcome:
    """GET /hive: in the order of their creation."""
    del command, now
    return Outcome(compact(list(state.hives)))


def create_hive(state: HiveState, command: Command, now: float) -> Outcome | ServiceError:
    """POST /hive/{hive}: whatever body comes is never parsed."""
    del now
    name = command.arguments["hive"]
    if name in state.hives:
        return ServiceError("hive_exists", {"name": name})
    state.hives[name] = Hive()
    return Outcome()


def rename_hive(state: HiveState, command: Command, now: float) -> Outcome | ServiceError:
    """PUT /hive/{hive}?newName=: a hive's own name is taken too."""
    del now
    name, new = command.arguments["hive"], command.arguments["newName"]
    if name not in state.hives:
        return ServiceError("hive_not_found", {"name": name})
    if new in state.hives:
        return ServiceError("hive_exists", {"name": new})
    state.rename(name, new)
    return Outcome()


def delete_hive(state: HiveState, command: Command, now: float) -> Outcome | ServiceError:
    """DELETE /hive/{hive}."""
    del now
    name = command.arguments["hive"]
    if state.hives.pop(name, None) is None:
        return ServiceError("hive_not_found", {"name": name})
    return Outcome()


STEPS = {
    "get_info": get_info,
    "list_hives": list_hives,
    "create_hive": create_hive,
    "rename_hive": rename_hive,
    "delete_hive": delete_hive,
}
