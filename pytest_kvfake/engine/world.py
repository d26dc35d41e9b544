"""Everything that one fake consists of apart from its transports; to those it is the endpoint."""

from __future__ import annotations

import threading
import traceback
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from pytest_kvfake.contract.coverage import recorder
from pytest_kvfake.contract.router import Router
from pytest_kvfake.engine import pipeline
from pytest_kvfake.engine.faults.vocabulary import Faults
from pytest_kvfake.engine.messages import Delivery, Headers, ReadBody, Request, Response
from pytest_kvfake.engine.service import Context, Service, ServiceError, State
from pytest_kvfake.errors import RuleError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_kvfake.contract.document import Document
    from pytest_kvfake.engine.clock import Clock
    from pytest_kvfake.engine.conformance import Conformance
    from pytest_kvfake.engine.exchange import Exchange
    from pytest_kvfake.engine.journal import Journal

__all__ = ["Bug", "World"]

S = TypeVar("S", bound=State)

_SHOWN_BYTES = 120


@dataclass(frozen=True, slots=True)
class Bug:
    """An exception inside the fake that no request should be able to cause."""

    exchange: str
    error: BaseException
    traceback: str


class World(Generic[S]):
    """One fake: its contract, state, clock, journal, faults. It fulfils `messages.Endpoint`.

    Attributes:
        checks: all of the service's for each operation, and for None.
        context: what rendering may depend on, beside command and result.
        handle: answers one request; the only way in for every transport.
        lock: held by every state step, and by users who look at the state.
        bugs: unexpected exceptions, for ``verify()``.
        waited: exchanges whose client waited until ``wait_limit``.
        coverage: where contract coverage is collected; None while nobody does.
    """

    def __init__(
        self,
        service: Service[S],
        document: Document,
        state: S,
        *,
        clock: Clock,
        seed: int,
        journal: Journal,
        conformance: Conformance,
    ) -> None:
        self.service = service
        self.document = document
        self.router = _router(document)
        self.state = state
        self.clock = clock
        self.seed = seed
        self.journal = journal
        self.conformance = conformance
        self.faults = Faults(document, clock, seed, lambda: self.state.limits)
        self.checks = service.all_checks_of
        self.context = Context(document, seed)
        self.lock = threading.RLock()
        self.bugs: list[Bug] = []
        self.waited: list[str] = []
        self.coverage = recorder(document.service, document.dialect)
        self.handle: Callable[[Request, ReadBody], Delivery] = partial(pipeline.handle, self)
        journal.on_drop = conformance.dropped

    def undelivered(self, number: int, reason: str) -> None:
        """Corrects what the journal says was put on the wire."""
        exchange = self.journal.find(number)
        if exchange is not None:
            exchange.wire = reason

    def unreadable(self, reason: str, received: bytes, answer: Response | None) -> None:
        """Journals bytes that were no HTTP request."""
        shown = received[:_SHOWN_BYTES].decode("latin-1")
        request = Request("?", shown, Headers(), received[:_SHOWN_BYTES], len(received))
        exchange = self.journal.open(None, None, request, self.clock.now())
        exchange.response = answer
        exchange.note = reason
        exchange.wire = "nothing" if answer is None else f"{answer.status}"
        self.journal.close(exchange)

    def waited_out(self, number: int) -> None:
        """Remembers a client without a time-out, for ``verify()``."""
        exchange = self.journal.find(number)
        self.waited.append(f"#{number}" if exchange is None else str(exchange))

    def rule_error(self, error: ServiceError, operation: str) -> RuleError:
        """Gives a refusal of the service as the exception of a write without HTTP."""
        assert error.name is not None
        verb = self.document.operations[operation].settings.get("verb", "")
        rule = self.document.errors[error.name]
        text = rule.text({"verb": verb, **error.values}) or f"{error.name}: {rule.when}"
        return RuleError(error.name, f"{text} ({self.service.name} would refuse this write)")

    def bug(self, exchange: Exchange, error: BaseException) -> None:
        """Remembers an unexpected exception, for ``verify()``."""
        trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        self.bugs.append(Bug(str(exchange), error, trace))


_routers: dict[int, tuple[Document, Router]] = {}


def _router(document: Document) -> Router:
    """The routing table of a document, compiled once per process."""
    known = _routers.get(id(document))
    if known is None:
        known = _routers[id(document)] = (document, Router(document))
    return known[1]
