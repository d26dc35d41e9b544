"""One request and what became of it, and some of them: what tests ask a journal for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, overload

from pytest_kvfake.shown import redacted_target, shortened

if TYPE_CHECKING:
    from pytest_kvfake.contract.validation import Violation
    from pytest_kvfake.engine.messages import Request, Response

__all__ = ["Exchange", "Exchanges", "counted"]


class Exchange:
    """One request and what became of it.

    Attributes:
        number: from 1, in the order of arrival.
        operation: its name; None when the request met none.
        key: the key that its path names.
        parameters: its path parameters, decoded; None for one that cannot be.
        request: as sent; a long body is cut, ``body_size`` is what came.
        response: as decided, before a wire fault; None while it is open and where nothing was answered.
        error: the catalogue name of the error that was answered.
        fault: the fault that acted, as a short text.
        applied: True: the state step was carried out; False: it was not; None: it could change nothing.
        wire: what was put on the wire.
        time: seconds since the epoch on the fake's clock.
        duration: real seconds from the head's arrival to the decision.
        note: what a person should know, such as the nearest documented operation.
        draw: the number drawn for a fault with a probability, whether or not it then acted.
        injected: a fault answered in the service's place.
        by_service: False where the answer is not the service's: to broken framing, and for a bug of the fake.
        kept_bytes: of its bodies, which the journal counts while it keeps it; 0 while it is open.
        watched: somebody is going to ask for its violations.
    """

    # Most exchanges leave most of these as they are, so they are the class's and cost a request nothing.
    parameters: Mapping[str, str | None] = {}
    response: Response | None = None
    error: str | None = None
    fault: str | None = None
    applied: bool | None = None
    wire: str | None = None
    duration = 0.0
    note: str | None = None
    draw: float | None = None
    injected = False
    by_service = True
    kept_bytes = 0
    watched = False
    _violations: tuple[Violation, ...] | None = None
    _check: Callable[[Exchange], Iterable[Violation]] | None = None

    def __init__(self, number: int, operation: str | None, key: str | None, request: Request, time: float) -> None:
        self.number = number
        self.operation = operation
        self.key = key
        self.request = request
        self.time = time

    @property
    def status(self) -> int | None:
        """The status of the answer; None where there is none."""
        return self.response.status if self.response is not None else None

    @property
    def violations(self) -> tuple[Violation, ...]:
        """What the contract does not allow in it; worked out when first asked for."""
        check = self._check
        if self._violations is None and check is not None:
            self._violations = tuple(check(self))
            self._check = None
        return self._violations or ()

    def watch(self, check: Callable[[Exchange], Iterable[Violation]]) -> None:
        """Sets how the violations of this exchange are found."""
        self._check = check
        self.watched = True

    def __str__(self) -> str:
        key = f" key={shortened(repr(self.key))}" if self.key is not None else ""
        fault = f" fault={self.fault}" if self.fault is not None else ""
        applied = "" if self.applied is None else f" applied={self.applied}"
        came = self.wire if self.wire is not None else "still open"
        error = f" {self.error}" if self.error is not None else ""
        name = self.operation or f"{self.request.method} {redacted_target(self.request.target)}"
        note = f" ({shortened(self.note, 160)})" if self.note is not None else ""
        draw = f" draw={self.draw:.4f}" if self.draw is not None else ""
        return f"#{self.number} {name}{key} → {came}{error}{applied}{fault}{draw}{note}"

    def __repr__(self) -> str:
        return f"<Exchange {self}>"


class Exchanges(Sequence[Exchange]):
    """Some exchanges of a journal, in order; what `Journal.of` gives."""

    def __init__(self, exchanges: Iterable[Exchange], *, described: str = "") -> None:
        self._exchanges = tuple(exchanges)
        self._described = described

    @property
    def described(self) -> str:
        """What was asked of the journal to get them."""
        return self._described

    @property
    def last(self) -> Exchange:
        """The newest of them.

        Raises:
            LookupError: there is none.
        """
        if not self._exchanges:
            raise LookupError(f"No exchange fits {self._described or 'the question'}.")
        return self._exchanges[-1]

    @overload
    def __getitem__(self, index: int) -> Exchange: ...
    @overload
    def __getitem__(self, index: slice) -> Exchanges: ...
    def __getitem__(self, index: int | slice) -> Exchange | Exchanges:
        if isinstance(index, slice):
            return Exchanges(self._exchanges[index], described=self._described)
        return self._exchanges[index]

    def __len__(self) -> int:
        return len(self._exchanges)

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._exchanges)

    def __repr__(self) -> str:
        lines = "".join(f"\n  {exchange}" for exchange in self._exchanges)
        return f"<{counted(len(self))}{' of ' + self._described if self._described else ''}>{lines}"


def counted(exchanges: int) -> str:
    """Gives a number of exchanges in words."""
    return f"{exchanges} exchange{'' if exchanges == 1 else 's'}"
