"""Where and when faults act: the calls a test makes, the handles it gets, what is still pending."""

from __future__ import annotations

import threading
from types import EllipsisType, TracebackType
from typing import TYPE_CHECKING, Literal

from pytest_kvfake.contract.document import GROUPS, Document, ErrorRule, Operation
from pytest_kvfake.engine.faults.kinds import ErrorKind, Kind, Phase
from pytest_kvfake.engine.seed import draw
from pytest_kvfake.engine.service import Command, ServiceError
from pytest_kvfake.errors import UnknownFaultError, UnknownOperationError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from typing_extensions import Self

    from pytest_kvfake.engine.clock import Clock
    from pytest_kvfake.engine.messages import Request

__all__ = ["BARE_STATUSES", "Fault", "Faults", "Group"]

Group = Literal["READ", "WRITE", "LIST", "BULK", "*"]

BARE_STATUSES = frozenset({500, 502, 503, 524})
"""Statuses without a body rule: a proxy in front of any service can send them."""


class Fault:
    """One armed fault, and how often it has fired.

    It is a context manager: the end of the ``with`` block removes it.

    Attributes:
        number: from 1, in the order in which the faults of a fake were armed.
        kind: what it does.
        operations: names of the operations that it acts on.
        fired: how often it has acted.
        met: how many requests fitted its *where*, whether or not it then acted.
        times: how often it acts; None for as long as it is armed.
        optional: whether the test may end before it has fired ``times`` times.
    """

    def __init__(
        self,
        number: int,
        kind: Kind,
        operations: frozenset[str],
        *,
        where: str,
        key: str | None,
        when: Callable[[Request], bool] | None,
        times: int | None,
        after: int,
        every: int,
        probability: float | None,
        window: tuple[float, float] | None,
        optional: bool,
        remove: Callable[[Fault], None],
    ) -> None:
        self.number = number
        self.kind = kind
        self.operations = operations
        self.where = where
        self.key = key
        self.times = times
        self.optional = optional
        self.fired = 0
        self.met = 0
        self._when = when
        self._after = after
        self._every = every
        self._probability = probability
        self._window = window
        self._remove = remove
        self._meetings: dict[tuple[str, str | None], int] = {}

    @property
    def missing(self) -> int:
        """How often it still has to fire before the test may end."""
        return 0 if self.optional or self.times is None else max(0, self.times - self.fired)

    def remove(self) -> None:
        """Disarms it; a fault that was removed by hand is not missed at the end of the test."""
        self._remove(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self.missing:
            return  # it stays for verify(), which says what was expected and what came
        self.remove()

    def __str__(self) -> str:
        key = f" key={self.key!r}" if self.key is not None else ""
        return f"{self.kind} on {self.where}{key}"

    def __repr__(self) -> str:
        times = "any number of" if self.times is None else self.times
        return f"<Fault {self.number}: {self}, fired {self.fired} of {times} times>"

    def fits(self, command: Command, now: float) -> bool:
        """Whether a request is one that this fault is about, leaving aside how often it has acted."""
        if command.operation is None or command.operation.name not in self.operations:
            return False
        if self.key is not None and command.key != self.key:
            return False
        if self._window is not None and not self._window[0] <= now < self._window[1]:
            return False
        return self._when is None or bool(self._when(command.request))

    def fires(self, command: Command, seed: int) -> tuple[bool, float | None]:
        """Counts a request that fits, and says whether the fault acts on it, with the number drawn."""
        if self.times is not None and self.fired >= self.times:
            return False, None
        self.met += 1
        behind = self.met - self._after - 1
        if behind < 0 or behind % self._every:
            return False, None
        drawn = None
        if self._probability is not None:
            assert command.operation is not None
            met = (command.operation.name, command.key)
            self._meetings[met] = self._meetings.get(met, 0) + 1
            drawn = draw(seed, "fault", self.number, met[0], met[1] or "", self._meetings[met])
            if drawn >= self._probability:
                return False, drawn
        self.fired += 1
        return True, drawn


class Faults:
    """The faults of one fake: ``kv.faults``."""

    def __init__(self, document: Document, clock: Clock, seed: int) -> None:
        self._document = document
        self._clock = clock
        self._seed = seed
        self._armed: list[Fault] = []
        self._count = 0
        self._lock = threading.Lock()

    def error(
        self,
        where: str,
        error: str | int | None = None,
        *,
        status: int | None = None,
        key: str | None = None,
        when: Callable[[Request], bool] | None = None,
        times: int | EllipsisType | None = ...,
        after: int = 0,
        every: int = 1,
        probability: float | None = None,
        window: tuple[float, float] | None = None,
        applied: bool = False,
        headers: Mapping[str, str] | None = None,
        optional: bool | None = None,
    ) -> Fault:
        """Makes an operation answer with one of the service's own errors.

        It acts after the checks, so a request that the service refuses anyway neither uses it up nor shows it.

        Args:
            where: an operation's name, or a group: ``READ``, ``WRITE``, ``LIST``, ``BULK``, ``*``.
            error: the catalogue's name or the service's own code; `errors` lists them.
            status: instead of ``error`` where it names exactly one, or 500, 502, 503, 524; with ``error``
                it chooses among several with that code.
            key: only requests whose path names this key.
            when: only requests for which this is true; it gets the request with its body.
            times: how often it acts; None: until removed. 1 unless a probability or a window is given.
            after: how many fitting requests go by first.
            every: act on each n-th fitting request from there on.
            probability: act with this chance; drawn from seed, operation, key and count, so it replays.
            window: from and to, seconds from now on the fake's clock.
            applied: False: the state does not change. True: the change happens and its answer is lost; a
                request that the service refuses gets its refusal, and the fault stays armed.
            headers: added to the documented headers of the error, or in their place.
            optional: whether the test may end before it has fired ``times`` times.

        Returns:
            The handle: ``fired``, ``remove()``, a context manager.

        Raises:
            UnknownOperationError: ``where`` is no operation or group of the service.
            UnknownFaultError: no error of the operation fits, or more than one; the text lists them.
            UsageError: numbers that cannot be meant.
        """
        operations = self._operations(where)
        rule = self._rule(where, operations, error, status)
        if rule is None:
            fault = ServiceError(None, headers=dict(headers or {}), status=status)
        else:
            operations = [operation for operation in operations if rule.name in operation.errors]
            fault = ServiceError(rule.name, headers=dict(headers or {}))
        if applied and rule is not None and rule.more.get("never_applied"):
            raise UsageError(f"{rule.name} says that nothing was changed, so it cannot be sent with applied=True.")
        kind = ErrorKind(fault, "after" if applied else "before")
        return self._arm(
            kind, operations, where=where, key=key, when=when, times=times, after=after, every=every,
            probability=probability, window=window, optional=optional,
        )  # fmt: skip

    def errors(self, operation: str) -> tuple[ErrorRule, ...]:
        """Gives every error that an operation can be made to answer.

        Raises:
            UnknownOperationError: the service has no such operation.
        """
        if operation not in self._document.operations:
            raise self._unknown(operation)
        return self._document.errors_of(self._document.operations[operation])

    @property
    def armed(self) -> tuple[Fault, ...]:
        """The faults that are armed, in the order in which they act."""
        return tuple(self._armed)

    def clear(self) -> None:
        """Disarms all faults."""
        with self._lock:
            self._armed = []

    def claim(self, phase: Phase, command: Command) -> tuple[Fault, float | None] | None:
        """Gives the first fault of a phase that acts on a request, and counts it as fired."""
        if not self._armed:
            return None
        now = self._clock.now()
        with self._lock:
            for fault in self._armed:
                if fault.kind.phase == phase and fault.fits(command, now):
                    acts, drawn = fault.fires(command, self._seed)
                    if acts:
                        return fault, drawn
        return None

    def give_back(self, fault: Fault) -> None:
        """Counts a claimed fault as not fired: the service refused the request by itself."""
        with self._lock:
            fault.fired -= 1
            fault.met -= 1

    def _arm(
        self,
        kind: Kind,
        operations: Iterable[Operation],
        *,
        where: str,
        key: str | None,
        when: Callable[[Request], bool] | None,
        times: int | EllipsisType | None,
        after: int,
        every: int,
        probability: float | None,
        window: tuple[float, float] | None,
        optional: bool | None,
    ) -> Fault:
        if every < 1 or after < 0 or (isinstance(times, int) and times < 1):
            raise UsageError(f"A fault needs times ≥ 1, every ≥ 1 and after ≥ 0, not {times=}, {every=}, {after=}.")
        if probability is not None and not 0 <= probability <= 1:
            raise UsageError(f"A probability lies between 0 and 1, not at {probability}.")
        condition = probability is not None or window is not None
        if isinstance(times, EllipsisType):
            times = None if condition else 1
        now = self._clock.now()
        with self._lock:
            self._count += 1
            fault = Fault(
                self._count,
                kind,
                frozenset(operation.name for operation in operations),
                where=where,
                key=key,
                when=when,
                times=times,
                after=after,
                every=every,
                probability=probability,
                window=None if window is None else (now + window[0], now + window[1]),
                optional=condition if optional is None else optional,
                remove=self._remove,
            )
            self._armed.append(fault)
        return fault

    def _remove(self, fault: Fault) -> None:
        with self._lock:
            self._armed = [armed for armed in self._armed if armed is not fault]

    def _operations(self, where: str) -> list[Operation]:
        known = self._document.operations
        if where in known:
            return [known[where]]
        if where == "*":
            return list(known.values())
        if where in GROUPS:
            return [operation for operation in known.values() if where in operation.groups]
        raise self._unknown(where)

    def _unknown(self, where: str) -> UnknownOperationError:
        known = (*self._document.operations, *GROUPS, "*")
        return UnknownOperationError(
            f"{self._document.service} has no operation or group {where!r}.{did_you_mean(where, known)}"
        )

    def _rule(
        self, where: str, operations: list[Operation], error: str | int | None, status: int | None
    ) -> ErrorRule | None:
        """The one catalogue entry that is meant; None for a bare status."""
        if error is None and status is None:
            raise UsageError("A fault needs an error's name, the service's code, or a status.")
        rules = {rule.name: rule for operation in operations for rule in self._document.errors_of(operation)}
        if isinstance(error, str) and error in rules and status in (None, rules[error].status):
            return rules[error]
        fitting = [
            rule
            for rule in rules.values()
            if (error is None or str(rule.code) == str(error)) and (status is None or rule.status == status)
        ]
        if len(fitting) == 1:
            return fitting[0]
        if not fitting and error is None and status in BARE_STATUSES:
            return None
        asked = " and ".join(
            f"{what} {value!r}" for what, value in (("error", error), ("status", status)) if value is not None
        )
        problem = "is not one that" if not fitting else "is more than one error that"
        shown = "".join(f"\n  {rule.name}: {rule.status}, {rule.code}" for rule in fitting or rules.values())
        near = did_you_mean(error, rules) if isinstance(error, str) and not fitting else ""
        raise UnknownFaultError(
            f"{asked} {problem} {where} can answer.{near.partition(' Known')[0]} Candidates:{shown}"
        )
