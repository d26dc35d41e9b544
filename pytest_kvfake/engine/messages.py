"""What travels between a transport and the engine: values that nobody changes, no behaviour.

The types do not enforce that: several are made for each request, and a frozen dataclass takes four times as long to
make. A named tuple takes longer, too, both to make and to read.

A transport turns bytes into a `Request`, gives it to an `Endpoint`, and carries out the `Delivery` that
comes back. The engine never sees a socket; a transport never sees a state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Protocol, TypeVar, overload

__all__ = [
    "BODYLESS",
    "NO_BODY",
    "Body",
    "Delivery",
    "Endpoint",
    "Headers",
    "IncompleteBodyError",
    "MalformedBodyError",
    "ReadBody",
    "Request",
    "Response",
    "WireFault",
    "WireKind",
    "body_of",
    "is_bodyless",
    "no_body",
]

T = TypeVar("T")


class Headers(Mapping[str, str]):
    """Header fields in the order of the wire, looked up without regard to case.

    A field that came more than once is joined with ``", "``, as RFC 9110 section 5.3 allows.

    Attributes:
        pairs: the fields as they were sent, repeated ones included.
    """

    __slots__ = ("_index", "pairs")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self.pairs: tuple[tuple[str, str], ...] = tuple(pairs)
        index: dict[str, str] = {}
        for name, value in self.pairs:
            name = name.lower()
            index[name] = f"{index[name]}, {value}" if name in index else value
        self._index = index

    def __getitem__(self, name: str) -> str:
        return self._index[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)

    @overload
    def get(self, name: str, /) -> str | None: ...
    @overload
    def get(self, name: str, /, default: str | T) -> str | T: ...
    def get(self, name: str, /, default: T | None = None) -> str | T | None:
        """Gives a field without regard to case, or the default: what `Mapping` does, without an exception inside."""
        return self._index.get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._index

    def __repr__(self) -> str:
        return f"Headers({list(self.pairs)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._index == other._index

    def __hash__(self) -> int:
        return hash(frozenset(self._index.items()))

    def with_(self, fields: Mapping[str, str]) -> Headers:
        """Gives the same headers with ``fields`` added or put in place of their namesakes."""
        replaced = {name.lower() for name in fields}
        kept = [pair for pair in self.pairs if pair[0].lower() not in replaced]
        return Headers([*kept, *fields.items()])


class Body(NamedTuple):
    """A request body as far as somebody asked for it.

    Attributes:
        data: the bytes; empty when more came than was asked for.
        size: how many bytes came, or were declared and left unread.
    """

    data: bytes
    size: int


NO_BODY = Body(b"", 0)

ReadBody = Callable[[int], Body]
"""``read_body(limit)``: the body if it has at most ``limit`` bytes, else only its size. What is beyond is
counted and thrown away. Under ``Expect: 100-continue`` the call is what sends the 100; a body that is
declared larger than ``limit`` is then not asked for at all. Call it once."""


def no_body(limit: int) -> Body:
    """The `ReadBody` of a request without a body; whoever is given this one need not call it."""
    del limit
    return NO_BODY


class IncompleteBodyError(Exception):
    """The client went away before its body was complete."""


class MalformedBodyError(Exception):
    """The body's framing is broken (chunk sizes, chunk ends); the text says how."""


@dataclass(slots=True, unsafe_hash=True)
class Request:
    """One HTTP request.

    Attributes:
        method: as sent.
        target: origin form, as sent: still percent-encoded, with the query.
        headers: as sent.
        body: empty until the pipeline has received it.
        body_size: how many bytes came; more than ``len(body)`` when some were thrown away.
        served: how many requests this connection had served before; 0 in process.
    """

    method: str
    target: str
    headers: Headers
    body: bytes = b""
    body_size: int = 0
    served: int = 0

    @property
    def path(self) -> str:
        """The target up to its first ``?``, still percent-encoded."""
        return self.target if "?" not in self.target else self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The target after its first ``?``, still percent-encoded; empty without one."""
        return self.target.partition("?")[2]

    def with_body(self, body: Body) -> Request:
        """Gives the same request with its body received."""
        return Request(self.method, self.target, self.headers, body.data, body.size, self.served)

    def with_target(self, method: str, target: str) -> Request:
        """Gives the same request as the service reads it (verb override, slashes)."""
        return replace(self, method=method, target=target)


@dataclass(slots=True, unsafe_hash=True)
class Response:
    """One HTTP answer. Framing (``Content-Length``, ``Connection``) belongs to the transport.

    Attributes:
        status: three digits; the reason phrase is the standard one.
        headers: name and value in the order of the wire.
        body: the bytes after ``Content-Encoding``; empty when ``stream`` is there.
        stream: makes the body piece by piece, for what is too large to hold twice; sent chunked.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    stream: Callable[[], Iterable[bytes]] | None = None

    def header(self, name: str) -> str | None:
        """Gives one header without regard to case, or None."""
        name = name.lower()
        return next((value for field, value in self.headers if field.lower() == name), None)


WireKind = Literal["refuse", "hang", "reset", "empty", "truncate", "dribble", "corrupt", "wrong_length"]


class WireFault(NamedTuple):
    """What a transport does to an answer instead of sending it whole.

    =============== ==========================================================================
    refuse          as if nobody listened; only in process, a socket server refuses by itself
    hang            nothing is sent until the test ends or ``wait_limit`` is over; then close
    reset           the connection is reset (RST); nothing is sent
    empty           the connection is closed; nothing is sent
    truncate        head and the first ``amount`` bytes of the body, then close
    dribble         the answer whole, ``amount`` bytes a second
    corrupt         the answer with the body's bytes damaged, same length, then close
    wrong_length    ``Content-Length`` says ``amount`` bytes more than are sent, then close
    =============== ==========================================================================
    """

    kind: WireKind
    amount: float = 0


@dataclass(slots=True)
class Delivery:
    """What the engine has decided and a transport carries out.

    Attributes:
        response: what to answer; None closes the connection without an answer.
        delay: real seconds to wait before the first byte; no lock is held.
        wire: what to do to the answer on its way.
        number: the exchange's number in the journal.
        close: end the connection after the answer.
    """

    response: Response | None
    delay: float = 0.0
    wire: WireFault | None = None
    number: int = 0
    close: bool = False


class Endpoint(Protocol):
    """What a transport talks to. All methods may be called from any thread and never raise."""

    def handle(self, head: Request, read_body: ReadBody) -> Delivery:
        """Answers one request. The journal's entry is complete before this returns."""

    def undelivered(self, number: int, reason: str) -> None:
        """Tells the journal that the answer of exchange ``number`` was not (wholly) sent, and why."""

    def unreadable(self, reason: str, received: bytes, answer: Response | None) -> None:
        """Tells the journal of bytes that were no HTTP request, and what was answered to them."""

    def waited_out(self, number: int) -> None:
        """Tells that a wait lasted ``wait_limit``: the client of exchange ``number`` has no time-out."""


BODYLESS = frozenset({*range(100, 200), 204, 304})
"""The statuses of answers that have no body, and no word on its length (RFC 9110 sections 6.4.1 and 8.6)."""


def is_bodyless(method: str, status: int) -> bool:
    """Whether an answer has no body on the wire, whatever the engine rendered."""
    return method == "HEAD" or status in BODYLESS


def body_of(data: bytes) -> ReadBody:
    """Gives a `ReadBody` over bytes that are already there: what the in-process transports pass on."""

    def read_body(limit: int) -> Body:
        return Body(data if len(data) <= limit else b"", len(data))

    return read_body
