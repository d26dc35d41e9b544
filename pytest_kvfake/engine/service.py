"""What a service folder gives to the engine: its checks in order, its state steps, its way of answering."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Collection

    from pytest_kvfake.contract.document import Document, Operation
    from pytest_kvfake.contract.router import Match
    from pytest_kvfake.engine.keyspace import KeySpace
    from pytest_kvfake.engine.messages import Request, Response

__all__ = [
    "Check",
    "Checks",
    "Command",
    "Context",
    "Outcome",
    "Service",
    "ServiceError",
    "State",
    "Step",
]

Json = Any


class State(Protocol):
    """What the engine needs of a service's state. It is pure: no HTTP, no globals, no clock of its own.

    Attributes:
        limits: a dataclass whose fields have the names of the document's limits.
    """

    limits: Any

    def snapshot(self) -> Any:
        """Gives everything that `restore` needs; shallow, because entries are immutable."""

    def restore(self, saved: Any) -> None:
        """Puts a snapshot of this or another state of the service in place; the snapshot stays usable."""

    def dump(self) -> Json:
        """Gives the whole state as JSON that a person can read."""

    def load(self, data: Json) -> None:
        """Puts a dump in place of everything."""


S = TypeVar("S", bound=State)
S_contra = TypeVar("S_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class ServiceError:
    """An answer of the service's error catalogue, as a value that checks and steps return.

    Attributes:
        name: of the catalogue; None for a bare status that a fault asked for.
        values: for the placeholders of its message and headers.
        headers: added to the documented ones, or in their place.
        status: only with a bare status.
    """

    name: str | None
    values: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None


@dataclass(slots=True)
class Outcome:
    """What a state step gives when the service does what it was asked for.

    Attributes:
        result: what `Service.render` makes an answer of; the service's own business.
        status: of the answer.
        headers: of this answer, beyond those that the service always sends.
    """

    result: Any = None
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


def _as_it_is(space: KeySpace[Any]) -> KeySpace[Any]:
    return space


class Command:
    """A request as far as it has been understood; it lives for one request.

    Attributes:
        operation: what is asked for; None when no template of the contract fits.
        request: as normalised; its body is there once it has been received.
        raw_parameters: path parameters, percent-encoded.
        parameters: the same, decoded; None for one that cannot be.
        key: the key that the path names, decoded; None where there is none.
        allowed: the methods that the path has, for a 405; only filled in when ``operation`` is None.
        number: the exchange's number in the journal.
        now: seconds since the epoch on the fake's clock: when the request came, then when its state step ran.
        arguments: what the checks have read out of the request for the state step, by the contract's names.
        bulk_keys: the keys that a bulk request names in its body, as its check has read them.
        failing: those of them that a fault makes fail.
        draw: the number last drawn for a fault with a probability, whether or not it then acted.
        view: gives a key space as this request sees it; steps reach every key space through it.
    """

    # Most requests leave these as they are, so they are the class's and cost a request nothing.
    operation: Operation | None = None
    raw_parameters: Mapping[str, str] = {}
    parameters: Mapping[str, str | None] = {}
    key: str | None = None
    number = 0
    now = 0.0
    bulk_keys: Collection[str] = ()
    failing: frozenset[str] = frozenset()
    draw: float | None = None
    view: Callable[[KeySpace[Any]], Any] = staticmethod(_as_it_is)
    _query: Mapping[str, str] | None = None

    def __init__(self, request: Request, found: Match | None = None, *, allowed: tuple[str, ...] = ()) -> None:
        """Takes the request as normalised, and what the router has found for it."""
        self.request = request
        self.allowed = allowed
        self.arguments: dict[str, Any] = {}
        if found is not None:
            self.operation = found.operation
            self.raw_parameters = found.raw
            self.parameters = found.parameters
            self.key = found.key

    @property
    def query(self) -> Mapping[str, str]:
        """The query: a ``+`` is a space, the last of several namesakes wins, empty values are kept."""
        if self._query is None:
            query = self.request.query
            if not query.isascii():  # raw bytes, read one character a byte; on the wire they are UTF-8
                query = query.encode("latin-1", "replace").decode("utf-8", "replace")
            self._query = dict(parse_qsl(query, keep_blank_values=True, errors="replace")) if query else {}
        return self._query

    @property
    def keys(self) -> Collection[str]:
        """The keys that the request names, in its path or in a bulk body."""
        return self.bulk_keys or (() if self.key is None else (self.key,))


@dataclass(frozen=True, slots=True)
class Context:
    """What rendering may depend on, beside the command and its result; one for each fake.

    Attributes:
        document: the contract in the running dialect.
        seed: for ids that belong to one answer.
    """

    document: Document
    seed: int


Check = Callable[[S, Command, float], ServiceError | Outcome | None]
"""``check(state, command, now)``: nothing, the error with which the service refuses, or the outcome of a request
that no operation answers (OPTIONS). Runs without the lock."""

Checks = tuple[Check[S] | Mapping[str | None, Check[S]], ...]
"""Checks in order. One in a mapping is for the operations that it names, and for requests that no operation answers
where it names None."""

Step = Callable[[S, Command, float], Outcome | ServiceError]
"""``step(state, command, now)``: existence, conditions, quotas and the change in one piece, under the lock."""


@dataclass(frozen=True)
class Service(Generic[S]):
    """One service, as the engine sees it.

    Attributes:
        name: of its folder, its document and its fixture.
        normalise: the request as the service reads it (verb override, slashes, roots).
        checks: in the contract's order; each sees what the ones before it have read.
        steps: by operation, the same set as in the document.
        render: makes an answer of a step's outcome or of an error.
        body_limit: the most bytes of a body that a command's checks want to see.
        gateway: the checks before ``checks``, where errors that the document marks ``gateway`` act behind them and
            before the service looks at arguments. Together they answer every command without an operation.
    """

    name: str
    normalise: Callable[[Request, S], Request]
    checks: Checks[S]
    steps: Mapping[str, Step[S]]
    render: Callable[[Outcome | ServiceError, Command, Context], Response]
    body_limit: Callable[[S, Command], int]
    gateway: Checks[S] = ()

    @cached_property
    def gateway_of(self) -> Mapping[str | None, tuple[Check[S], ...]]:
        """The gateway's checks for each operation, and for None."""
        return self._by_operation(self.gateway)

    @cached_property
    def checks_of(self) -> Mapping[str | None, tuple[Check[S], ...]]:
        """The checks behind the gateway for each operation, and for None."""
        return self._by_operation(self.checks)

    @cached_property
    def all_checks_of(self) -> Mapping[str | None, tuple[Check[S], ...]]:
        """Both in a row."""
        return self._by_operation(self.gateway + self.checks)

    def _by_operation(self, checks: Checks[S]) -> Mapping[str | None, tuple[Check[S], ...]]:
        return {
            operation: tuple(
                one if callable(one) else one[operation] for one in checks if callable(one) or operation in one
            )
            for operation in (*self.steps, None)
        }
