"""What a fault does: each kind is a value that says when it acts and what it changes.

A kind has a ``phase``:

========== =====================================================================================
connect    before there is a request: the socket server refuses by itself
head       before the body is read; nothing of the service runs
gateway    between the checks of the service's gateway and its own, instead of the state step
before     after the checks, instead of the state step
step       it goes into the state step
after      the state step was carried out, or only rehearsed; the answer is what suffers
answer     whatever is answered, refusals included
view       it decides what the state step sees
========== =====================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pytest_kvfake.engine.faults.consistency import Beliefs
    from pytest_kvfake.engine.faults.limiting import Limiter
    from pytest_kvfake.engine.messages import WireFault
    from pytest_kvfake.engine.service import Command, ServiceError

__all__ = ["ErrorKind", "Kind", "LatencyKind", "PartialKind", "Phase", "RateLimitKind", "StaleKind", "WireKind"]

Phase = Literal["connect", "head", "gateway", "before", "step", "after", "answer", "view"]


@dataclass(frozen=True, slots=True)
class Kind:
    """The base of all kinds.

    Attributes:
        name: its word in the fault vocabulary.
        phase: when it acts.
    """

    name: str
    phase: Phase

    def due(self, command: Command, now: float) -> bool:
        """Whether it would change anything for this request; called once for each that fits."""
        del command, now
        return True

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class ErrorKind(Kind):
    """The service answers with one of its errors: ``error``, ``storage_full``, ``outage``."""

    error: ServiceError

    def __str__(self) -> str:
        what = self.error.name if self.error.name is not None else str(self.error.status)
        return f"{self.name} {what}{' applied' if self.phase == 'after' else ''}"


@dataclass(frozen=True, slots=True)
class WireKind(Kind):
    """The answer is broken on its way, or never sent.

    Attributes:
        wire: what the transport does.
        rehearsed: the step runs only to know the answer, and its change is taken back.
    """

    wire: WireFault
    rehearsed: bool = False

    def due(self, command: Command, now: float) -> bool:
        """``stale_connection`` waits for a connection that has served a request already."""
        del now
        return self.name != "stale_connection" or command.request.served > 0

    def __str__(self) -> str:
        return f"{self.name}{' applied' if self.phase == 'after' and not self.rehearsed else ''}"


@dataclass(frozen=True, slots=True)
class LatencyKind(Kind):
    """The answer comes late, by a time between two numbers of real seconds."""

    low: float
    high: float

    def delay(self, drawn: float) -> float:
        """Gives the delay that belongs to a number between 0 and 1."""
        return self.low + (self.high - self.low) * drawn

    def __str__(self) -> str:
        return f"latency {self.low:g} s" if self.low == self.high else f"latency {self.low:g} to {self.high:g} s"


@dataclass(frozen=True, slots=True)
class PartialKind(Kind):
    """Some keys of a bulk operation fail, in the service's own shape."""

    keys: frozenset[str]

    def due(self, command: Command, now: float) -> bool:
        """Only a request that names one of the keys can fail in part."""
        del now
        return not self.keys.isdisjoint(command.keys)

    def __str__(self) -> str:
        return f"partial {', '.join(sorted(self.keys))}"


@dataclass(frozen=True, slots=True)
class RateLimitKind(Kind):
    """Requests above a documented number are refused, on the virtual clock."""

    limiter: Limiter

    def due(self, command: Command, now: float) -> bool:
        """Counts the request; true when it is one too many."""
        return not self.limiter.admits(command, now)

    def __str__(self) -> str:
        return f"rate_limit {self.limiter.rule.name}"


@dataclass(frozen=True, slots=True)
class StaleKind(Kind):
    """Reads, listings and failed look-ups lag behind."""

    beliefs: Beliefs

    def __str__(self) -> str:
        return f"stale {self.beliefs.lag:g} s"
