"""The fault vocabulary: ``kv.faults``. One call arms one fault; `arming.When` has the keywords that all take."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_kvfake.engine.faults.arming import Fault, Schedule
from pytest_kvfake.engine.faults.catalogue import (
    check_keyed,
    limited,
    meant_error,
    meant_operations,
    takers,
    unknown_operation,
)
from pytest_kvfake.engine.faults.consistency import Beliefs, LaggingView
from pytest_kvfake.engine.faults.kinds import (
    ErrorKind,
    Kind,
    LatencyKind,
    PartialKind,
    RateLimitKind,
    StaleKind,
    WireKind,
)
from pytest_kvfake.engine.faults.limiting import Limiter
from pytest_kvfake.engine.messages import WireFault
from pytest_kvfake.engine.service import ServiceError
from pytest_kvfake.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from typing_extensions import Unpack

    from pytest_kvfake.contract.document import Document, ErrorRule, Operation
    from pytest_kvfake.engine.clock import Clock
    from pytest_kvfake.engine.faults.arming import When
    from pytest_kvfake.engine.faults.kinds import Phase
    from pytest_kvfake.engine.keyspace import KeySpace
    from pytest_kvfake.engine.messages import WireKind as WireName
    from pytest_kvfake.engine.service import Command

__all__ = ["Faults"]

V = TypeVar("V")


class Faults:
    """The faults of one fake.

    ``where`` is an operation's name or a group: ``READ``, ``WRITE``, ``LIST``, ``BULK``, ``*``. ``applied``
    False means that the state does not change; True that the change happens and its answer suffers; a request
    that the service refuses by itself then gets its refusal, and the fault stays armed.

    All calls raise `UnknownOperationError` for a ``where`` that does not exist and `UsageError` for what cannot
    be meant, and give the `Fault`: ``fired``, ``remove()``, a context manager.

    Attributes:
        armed: the faults that are armed, in the order in which they act.
    """

    def __init__(self, document: Document, clock: Clock, seed: int, limits: Callable[[], Any]) -> None:
        self._document = document
        self._clock = clock
        self._seed = seed
        self._limits = limits
        self.armed: tuple[Fault, ...] = ()
        self._count = 0
        self._lock = threading.Lock()
        self._refuse_connections: Callable[[], AbstractContextManager[None]] | None = None

    def attach(self, refuse_connections: Callable[[], AbstractContextManager[None]] | None) -> None:
        """Takes what refuses connections at the fake's socket, where it has one, and uses it for what is armed."""
        self._refuse_connections = refuse_connections
        if refuse_connections is not None:
            for fault in self.armed:
                if fault.kind.name == "refuse":
                    fault.hold(refuse_connections())

    # What the service answers

    def error(
        self,
        where: str,
        error: str | int | None = None,
        *,
        status: int | None = None,
        applied: bool = False,
        headers: Mapping[str, str | float] | None = None,
        **when: Unpack[When],
    ) -> Fault:
        """Makes an operation answer with one of the service's own errors.

        It acts after the checks, so a request that the service refuses anyway neither uses it up nor shows it.

        Args:
            where: operation or group.
            error: the catalogue's name or the service's own code; `errors` lists them.
            status: instead of ``error`` where it names exactly one, or 500, 502, 503, 524; with ``error``
                it chooses among several with that code.
            applied: whether the change happens and only its answer is lost.
            headers: added to the documented headers of the error, or in their place; a number is written as one.
            **when: see `When`.

        Raises:
            UnknownFaultError: no error of the operation fits, or more than one; the text lists them.
        """
        return self._error("error", where, error, status, applied=applied, headers=headers, event=True, when=when)

    def errors(self, operation: str) -> tuple[ErrorRule, ...]:
        """Gives every error that an operation can be made to answer.

        Raises:
            UnknownOperationError: the service has no such operation.
        """
        if operation not in self._document.operations:
            raise unknown_operation(self._document, operation)
        return self._document.errors_of(self._document.operations[operation])

    def outage(self, where: str = "*", *, status: int = 503, refuse: bool = False, **when: Unpack[When]) -> Fault:
        """Makes everything fail until the end of the ``with`` block, or until it is removed.

        Args:
            where: operation or group.
            status: what is answered meanwhile.
            refuse: connections are refused instead; that is for the whole fake, so it takes nothing beside.
            **when: see `When`.
        """
        if refuse:
            if where != "*" or when:
                raise UsageError(
                    "Connections are refused for the whole fake: refuse=True takes no operation, no schedule."
                )
            return self.refuse()
        return self._error("outage", where, None, status, applied=False, headers=None, event=False, when=when)

    def rate_limit(
        self, where: str = "*", *, limit: str | None = None, requests: int | None = None, **when: Unpack[When]
    ) -> Fault:
        """Refuses requests above one of the documented numbers, on the fake's clock, with the documented headers.

        Args:
            where: operation or group that counts and is refused, as far as the limit is about it.
            limit: the name of a documented limit with a time; the document's first unless given.
            requests: a smaller number for the test; else that of ``kv.limits``.
            **when: see `When`.
        """
        self._takers("rate_limit", where)
        rules = {rule.name: rule for rule in self._document.limits.values() if rule.per_seconds is not None}
        if limit is None:
            limit = next(iter(rules))
        if limit not in rules:
            raise UsageError(f"{self._document.service} documents no rate limit {limit!r}.{did_you_mean(limit, rules)}")
        rule = rules[limit]

        def allowed() -> int:
            return requests if requests is not None else int(getattr(self._limits(), rule.name, rule.value))

        assert rule.error is not None
        phase = self._refusal_phase(self._document.errors[rule.error], when, needs_key="key" in rule.per)
        return self._arm(RateLimitKind("rate_limit", phase, Limiter(rule, allowed)), where, when, event=False)

    def storage_full(self, where: str = "WRITE", **when: Unpack[When]) -> Fault:
        """Refuses every write that stores something, as the service does when its storage is exhausted."""
        self._takers("storage_full", where)
        name = self._document.storage_error
        assert name is not None  # else no operation takes it
        return self._arm(ErrorKind("storage_full", "before", ServiceError(name)), where, when, event=False)

    def partial(self, where: str, keys: Iterable[str] | str, **when: Unpack[When]) -> Fault:
        """Makes some keys of a bulk operation fail, in the service's own shape; the others are carried out.

        Args:
            where: a bulk operation, or ``BULK``.
            keys: the keys that fail.
            **when: see `When`.
        """
        failing = frozenset([keys] if isinstance(keys, str) else keys)
        return self._arm(PartialKind("partial", "step", failing), where, when, event=True)

    def stale(
        self,
        where: str = "*",
        *,
        lag: float = 60.0,
        location_header: str | None = None,
        read_your_writes: bool = True,
        tombstones: bool = False,
        **when: Unpack[When],
    ) -> Fault:
        """Makes the service eventually consistent: look-ups, failed ones too, and listings lag behind.

        Args:
            where: operation or group whose view lags.
            lag: how long a look-up is remembered, in seconds on the fake's clock.
            location_header: a request header that names the location; without it all requests share one.
            read_your_writes: whether a write is seen at once where it was made.
            tombstones: instead of lagging, removed keys keep their place in listings: pages come short.
            **when: see `When`.
        """
        beliefs = Beliefs(
            lag=0.0 if tombstones else lag,
            location_header=location_header,
            read_your_writes=read_your_writes,
            tombstones=tombstones,
        )
        return self._arm(StaleKind("stale", "view", beliefs), where, when, event=False)

    def settle(self) -> None:
        """Makes everything visible everywhere that `stale` has held back."""
        for fault in self.armed:
            if isinstance(fault.kind, StaleKind):
                fault.kind.beliefs.settle()

    # What happens on the wire

    def latency(self, where: str, seconds: float | tuple[float, float], **when: Unpack[When]) -> Fault:
        """Delays answers by real seconds: always the same, or drawn evenly between two numbers."""
        low, high = seconds if isinstance(seconds, tuple) else (seconds, seconds)
        if not 0 <= low <= high:
            raise UsageError(f"A latency is a time, or two in order, in seconds; came {seconds!r}.")
        return self._arm(LatencyKind("latency", "answer", low, high), where, when, event=False)

    def hang(self, where: str, *, applied: bool = False, **when: Unpack[When]) -> Fault:
        """Leaves a request without an answer until the test ends or ``wait_limit`` is over."""
        return self._wire("hang", where, when, applied=applied, needs_answer=False)

    def reset(self, where: str, *, applied: bool = False, **when: Unpack[When]) -> Fault:
        """Resets the connection instead of answering."""
        return self._wire("reset", where, when, applied=applied, needs_answer=False)

    def empty(self, where: str, *, applied: bool = False, **when: Unpack[When]) -> Fault:
        """Closes the connection in good order instead of answering."""
        return self._wire("empty", where, when, applied=applied, needs_answer=False)

    def stale_connection(self, where: str = "*", **when: Unpack[When]) -> Fault:
        """Resets the connection at a request that is not its first, as a server does that tired of waiting."""
        kind = WireKind("stale_connection", "head", WireFault("reset"))
        return self._arm(kind, where, when, event=True)

    def truncate(self, where: str, size: int = 0, *, applied: bool = False, **when: Unpack[When]) -> Fault:
        """Ends the connection after ``size`` bytes of the answer's body."""
        return self._wire("truncate", where, when, applied=applied, amount=size)

    def corrupt(self, where: str, *, applied: bool = False, **when: Unpack[When]) -> Fault:
        """Damages the bytes of the answer's body, keeps its length, and ends the connection."""
        return self._wire("corrupt", where, when, applied=applied)

    def wrong_length(self, where: str, more: int = 10, *, applied: bool = False, **when: Unpack[When]) -> Fault:
        """Announces ``more`` bytes than it sends, and ends the connection."""
        return self._wire("wrong_length", where, when, applied=applied, amount=more)

    def dribble(self, where: str, rate: float = 100.0, **when: Unpack[When]) -> Fault:
        """Sends the answer whole but slowly, ``rate`` bytes a second; the request is carried out as usual."""
        if rate <= 0:
            raise UsageError(f"A rate is a number of bytes a second above 0, not {rate!r}.")
        kind = WireKind("dribble", "after", WireFault("dribble", rate))
        return self._arm(kind, where, when, event=True)

    def refuse(self) -> Fault:
        """Refuses all connections of the whole fake until it is removed; the port is the same afterwards."""
        fault = self._arm(Kind("refuse", "connect"), "*", {}, event=False)
        if self._refuse_connections is not None:
            fault.hold(self._refuse_connections())
        return fault

    # What is armed, and what the pipeline asks

    @property
    def refusing(self) -> bool:
        """Whether connections are refused at the moment."""
        return bool(self.armed) and any(fault.kind.name == "refuse" for fault in self.armed)

    def clear(self) -> None:
        """Disarms all faults."""
        for fault in self.armed:
            fault.remove()

    def claim(self, phase: Phase, command: Command) -> tuple[Fault, float | None] | None:
        """Gives the first fault of a phase that acts on a request, and counts it as fired."""
        return next(self.claims(phase, command), None) if self.armed else None

    def claims(self, phase: Phase, command: Command) -> Iterator[tuple[Fault, float | None]]:
        """Gives every fault of a phase that acts on a request, each counted as fired when it is given."""
        now = self._clock.now()
        for fault in self.armed:
            if fault.kind.phase == phase and fault.fits(command, now):
                with self._lock:
                    acts, drawn = fault.fires(command, self._seed, now)
                if drawn is not None:
                    command.draw = drawn
                if acts:
                    yield fault, drawn

    def give_back(self, fault: Fault) -> None:
        """Counts a claimed fault as not fired: the service refused the request by itself."""
        with self._lock:
            fault.fired -= 1
            fault.met -= 1

    def draw(self, fault: Fault, command: Command) -> float:
        """Gives a number in ``[0, 1)`` for a fault that needs one."""
        with self._lock:
            return fault.drawn(command, self._seed)

    def view(self, space: KeySpace[V], command: Command, acting: Fault | None) -> Any:
        """Gives a key space as a request sees it: itself, unless a `stale` fault holds something back.

        Whichever of them acts, all of them hear of what the request writes.
        """
        beliefs = [fault.kind.beliefs for fault in self.armed if isinstance(fault.kind, StaleKind)]
        if not beliefs:
            return space
        kind = acting.kind if acting is not None else None
        return LaggingView(space, command, kind.beliefs if isinstance(kind, StaleKind) else None, beliefs)

    def _error(
        self,
        name: str,
        where: str,
        error: str | int | None,
        status: int | None,
        *,
        applied: bool,
        headers: Mapping[str, str | float] | None,
        event: bool,
        when: When,
    ) -> Fault:
        operations = self._takers(name, where)
        rule = meant_error(self._document, where, operations, error, status)
        if applied and rule is not None and rule.more.get("never_applied"):
            raise UsageError(f"{rule.name} says that nothing was changed, so it cannot be sent with applied=True.")
        texts = {field: str(value) for field, value in (headers or {}).items()}  # {"Retry-After": 5} is natural
        answer = ServiceError(rule.name if rule else None, headers=texts, status=status)
        kind = ErrorKind(name, "after" if applied else self._refusal_phase(rule, when), answer)
        return self._arm(kind, where, when, event=event)

    @staticmethod
    def _refusal_phase(rule: ErrorRule | None, when: When, *, needs_key: bool = False) -> Phase:
        """The place of an error in the order of the checks; a key may stand in a body, which is read later."""
        by_gateway = rule is not None and rule.more.get("gateway") and not needs_key and when.get("key") is None
        return "gateway" if by_gateway else "before"

    def _wire(
        self, name: WireName, where: str, when: When, *, applied: bool, amount: float = 0, needs_answer: bool = True
    ) -> Fault:
        phase: Phase = "after" if applied or needs_answer else "head"
        kind = WireKind(name, phase, WireFault(name, amount), rehearsed=phase == "after" and not applied)
        return self._arm(kind, where, when, event=True)

    def _takers(self, kind: str, where: str) -> list[Operation]:
        return takers(self._document, meant_operations(self._document, where), kind, where)

    def _arm(self, kind: Kind, where: str, when: When, *, event: bool) -> Fault:
        operations = self._takers(kind.name, where)
        if isinstance(kind, ErrorKind) and kind.error.name is not None:
            operations = [operation for operation in operations if kind.error.name in operation.errors]
        if isinstance(kind, RateLimitKind):
            operations = limited(kind.limiter.rule, operations, where)
        schedule = Schedule(when, event=event, now=self._clock.now())
        if schedule.key is not None:
            check_keyed(operations, where, in_body=kind.phase != "head")
        with self._lock:
            self._count += 1
            names = frozenset(operation.name for operation in operations)
            fault = Fault(self._count, kind, where, names, schedule, remove=self._remove)
            self.armed = (*self.armed, fault)
        return fault

    def _remove(self, fault: Fault) -> None:
        with self._lock:
            self.armed = tuple(armed for armed in self.armed if armed is not fault)
