"""What a state step of a store gets, and how a step is made of a function on one store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_kvfake.engine.service import Outcome, ServiceError
from pytest_kvfake.hive.texts import JsonText, compact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_kvfake.engine.service import Command
    from pytest_kvfake.hive.state.bucket import Bucket
    from pytest_kvfake.hive.state.hives import Hive, HiveState

    B = TypeVar("B", bound=Bucket[Any])
    Answer = JsonText | ServiceError | None
    StoreStep = Callable[[B, "Call"], Answer]
    Step = Callable[[HiveState, Command, float], Outcome | ServiceError]

__all__ = ["Call", "answered", "on_store"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request to one store.

    Attributes:
        state: of the fake, for limits and switches.
        hive: the one that the path names.
        kind: the store's name in paths.
        arguments: what the checks have read.
        now: seconds since the epoch.
    """

    state: HiveState
    hive: Hive
    kind: str
    arguments: Mapping[str, Any]
    now: float

    @property
    def key(self) -> str:
        """The key that the path names."""
        key: str = self.arguments["key"]
        return key

    def drawing(self) -> Callable[[int], float]:
        """Counts one random choice from the key, and gives its draws."""
        return self.hive.drawing(self.state.seed, self.kind, self.key)


def on_store(function: Callable[[Any, Call], JsonText | ServiceError | None], kind: str | None = None) -> Step:
    """Makes a state step of a function on one store.

    Args:
        function: gives the text of the answer, None for an answer without a body, or the error.
        kind: the store's name in paths; None: the path says it.
    """

    def step(state: HiveState, command: Command, now: float) -> Outcome | ServiceError:
        hive = state.hives.get(command.arguments["hive"])
        if hive is None:  # removed since the checks looked
            return ServiceError("hive_not_found", {"name": command.arguments["hive"]})
        named = kind or command.raw_parameters["type"]
        result = function(hive.stores[named], Call(state, hive, named, command.arguments, now))
        return result if isinstance(result, ServiceError) else Outcome(result)

    return step


def answered(result: Any) -> JsonText | ServiceError:
    """Gives the text of a number, a truth value or null; an error as it is."""
    return result if isinstance(result, ServiceError) else compact(result)
