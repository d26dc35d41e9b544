"""The one path of a request, a step a function.

::

    normalise → route → journal opens → wire fault on the head? → body → checks (gateway, fault, service)
              → fault (before) → apply → render → fault (after) → journal closes → Delivery

Nothing here waits or touches a socket. Whatever goes wrong inside is a bug of the fake: the client gets a 500
and ``verify()`` raises it.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, TypeVar

from pytest_kvfake.engine.clock import http_date
from pytest_kvfake.engine.diagnosis import nearest_operation, wrong_credentials
from pytest_kvfake.engine.faults.kinds import ErrorKind, LatencyKind, PartialKind, RateLimitKind, WireKind
from pytest_kvfake.engine.messages import (
    Body,
    Delivery,
    IncompleteBodyError,
    MalformedBodyError,
    ReadBody,
    Request,
    Response,
    WireFault,
    no_body,
)
from pytest_kvfake.engine.service import Check, Command, Outcome, ServiceError, State
from pytest_kvfake.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_kvfake.engine.exchange import Exchange
    from pytest_kvfake.engine.faults.arming import Fault
    from pytest_kvfake.engine.faults.kinds import Phase
    from pytest_kvfake.engine.world import World

__all__ = ["handle"]

S = TypeVar("S", bound=State)

_SENT = frozenset({"truncate", "dribble", "corrupt", "wrong_length"})
"""Wire faults that put something of the answer on the wire."""


def handle(world: World[S], head: Request, read_body: ReadBody) -> Delivery:
    """Answers one request.

    Args:
        world: the fake.
        head: the request without its body.
        read_body: gives the body when the pipeline wants it.

    Returns:
        What the transport has to do. The journal's entry is complete.
    """
    started = time.perf_counter()
    if world.faults.armed and world.faults.refusing:
        return Delivery(None, wire=WireFault("refuse"))  # a socket is closed by now; this is for in-process callers
    exchange: Exchange | None = None
    try:
        command = route(world, world.service.normalise(head, world.state))
        exchange = open_journal(world, head, command)
        delivery = fault_on_head(world, command, exchange) if world.faults.armed else None
        if delivery is None:
            if read_body is not no_body:
                receive(world, command, exchange, read_body)
            result, broken = decide(world, command, exchange)
            response = render(world, command, result)
            if world.faults.armed:
                delivery = fault_after(world, command, exchange, response, broken)
            else:
                delivery = Delivery(response, 0.0, None, exchange.number)
    except IncompleteBodyError as gone:
        delivery = give_up(exchange, str(gone) or "the client went away before its body was complete")
    except MalformedBodyError as error:
        delivery = refuse_framing(exchange, str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is ours, and the client shall not hang
        exchange = exchange if exchange is not None else open_journal(world, head, None)
        delivery = confess(world, exchange, error)
    assert exchange is not None  # nothing but a bug comes before `open_journal`, and that opens it
    return close_journal(world, exchange, delivery, started)


def route(world: World[S], request: Request) -> Command:
    """Finds the operation; without one the command carries the methods that the path has."""
    path = request.target.partition("?")[0]
    found = world.router.match(request.method, path)
    return Command(request, found, allowed=() if found is not None else world.router.allowed(path))


def open_journal(world: World[S], head: Request, command: Command | None) -> Exchange:
    """Makes the request visible to the test before anything is decided."""
    now = world.clock.now()
    if command is None:
        return world.journal.open(None, None, head, now)
    operation = command.operation
    exchange = world.journal.open(operation.name if operation is not None else None, command.key, head, now)
    exchange.parameters = command.parameters
    command.number = exchange.number
    command.now = now
    return exchange


def fault_on_head(world: World[S], command: Command, exchange: Exchange) -> Delivery | None:
    """Gives the delivery of a wire fault that acts before the body is read, if one is armed."""
    claimed = world.faults.claim("head", command)
    if claimed is None:
        return None
    kind = claimed[0].kind
    assert isinstance(kind, WireKind)
    note_fault(exchange, claimed)
    exchange.applied = unchanged(command)
    exchange.wire = f"nothing ({kind.name})"
    return Delivery(None, wire=kind.wire, number=exchange.number, close=True)


def receive(world: World[S], command: Command, exchange: Exchange, read_body: ReadBody) -> None:
    """Reads the body, whatever is answered later, so that the connection stays in step.

    Under ``Expect: 100-continue`` a body that is declared too large is not asked for, which the transport
    sees to.
    """
    body: Body = read_body(world.service.body_limit(world.state, command))
    if body.size:
        command.request = command.request.with_body(body)
        exchange.request = exchange.request.with_body(body)


def decide(world: World[S], command: Command, exchange: Exchange) -> tuple[Outcome | ServiceError, WireKind | None]:
    """Gives what the service, or a fault in its place, makes of the request, and how its answer suffers."""
    armed = world.faults.armed
    early = refuse(world, command, exchange) if armed else check(world, command, world.checks[exchange.operation])
    if early is not None:
        exchange.applied = unchanged(command)
        exchange.error = early.name if isinstance(early, ServiceError) else None
        return early, None
    assert command.operation is not None, f"No check of {world.service.name} answered what no operation answers."
    if armed:
        return apply_with_faults(world, command, exchange)
    result = apply(world, command, exchange)
    if isinstance(result, ServiceError):
        exchange.error = result.name
    return result, None


def refuse(world: World[S], command: Command, exchange: Exchange) -> ServiceError | Outcome | None:
    """Gives what comes before the state step: a check's answer, or that of a fault at its place among the checks."""
    service = world.service
    return (
        check(world, command, service.gateway_of[exchange.operation])
        or fault_before(world, command, exchange, "gateway")
        or check(world, command, service.checks_of[exchange.operation])
        or fault_before(world, command, exchange, "before")
    )


def apply_with_faults(
    world: World[S], command: Command, exchange: Exchange
) -> tuple[Outcome | ServiceError, WireKind | None]:
    """Carries out the state step under the faults that act on it, or on the answer to what it has changed.

    Where the service itself refuses, they have not fired.
    """
    partial = fault_in_step(world, command, exchange)
    claimed = world.faults.claim("after", command)
    kind = claimed[0].kind if claimed is not None else None
    rehearsed = isinstance(kind, WireKind) and kind.rehearsed
    result = apply(world, command, exchange, rehearsed=rehearsed)
    if isinstance(result, ServiceError):
        for one in (partial, claimed):
            if one is not None:
                world.faults.give_back(one[0])
        exchange.error = result.name
        return result, None
    for one in (partial, claimed):
        if one is not None:
            note_fault(exchange, one)
    if isinstance(kind, ErrorKind):
        exchange.error = kind.error.name
        exchange.injected = True
        return kind.error, None
    return result, kind if isinstance(kind, WireKind) else None


def check(world: World[S], command: Command, checks: tuple[Check[S], ...]) -> ServiceError | Outcome | None:
    """Gives what checks, in the contract's order, answer by themselves: mostly a refusal."""
    state, now = world.state, command.now
    for one in checks:
        answer = one(state, command, now)
        if answer is not None:
            return answer
    return None


def fault_before(world: World[S], command: Command, exchange: Exchange, phase: Phase) -> ServiceError | None:
    """Gives the error that a fault answers in the service's place, if one is armed."""
    claimed = world.faults.claim(phase, command)
    if claimed is None:
        return None
    note_fault(exchange, claimed)
    exchange.injected = True
    kind = claimed[0].kind
    if isinstance(kind, RateLimitKind):
        return kind.limiter.refusal(command, world.clock.now())
    assert isinstance(kind, ErrorKind)
    return kind.error


def fault_in_step(world: World[S], command: Command, exchange: Exchange) -> tuple[Fault, float | None] | None:
    """Tells the state step which keys fail, for which it gives the fault, and what it sees of the key spaces."""
    claimed = world.faults.claim("step", command)
    if claimed is not None:
        kind = claimed[0].kind
        assert isinstance(kind, PartialKind)
        command.failing = kind.keys
    stale = world.faults.claim("view", command)
    if stale is not None:
        note_fault(exchange, stale)
    acting = None if stale is None else stale[0]
    command.view = lambda space: world.faults.view(space, command, acting)
    return claimed


def apply(world: World[S], command: Command, exchange: Exchange, *, rehearsed: bool = False) -> Outcome | ServiceError:
    """Carries out the state step under the lock: existence, conditions, quotas and the change in one piece.

    A rehearsed step is taken back at once: its answer is needed, its change is not.
    """
    assert command.operation is not None
    step = world.service.steps[command.operation.name]
    changes = command.operation.changes
    with world.lock:
        saved = world.state.snapshot() if rehearsed and changes else None
        command.now = world.clock.now()  # again: it may have waited for the lock
        result = step(world.state, command, command.now)
        if saved is not None:
            world.state.restore(saved)
    if changes:
        exchange.applied = isinstance(result, Outcome) and not rehearsed
    return result


def render(world: World[S], command: Command, result: Outcome | ServiceError) -> Response:
    """Makes an answer of an outcome or an error, in the service's own shape; adds the date."""
    answer = world.service.render(result, command, world.context)
    stream = answer.stream
    if stream is not None:
        stream = partial(watched, world, command, stream)
    return Response(answer.status, (date_field(int(command.now)), *answer.headers), answer.body, stream)


@lru_cache(maxsize=8)
def date_field(second: int) -> tuple[str, str]:
    """Gives the header that every answer of a second has."""
    return ("date", http_date(second))


def watched(world: World[S], command: Command, stream: Callable[[], Iterable[bytes]]) -> Iterator[bytes]:
    """Gives the pieces of a streamed body; what goes wrong while they are made is a bug of the fake, too."""
    try:
        yield from stream()
    except Exception as error:
        exchange = world.journal.find(command.number)
        if exchange is not None:
            world.bug(exchange, error)
        raise


def fault_after(
    world: World[S], command: Command, exchange: Exchange, response: Response, kind: WireKind | None
) -> Delivery:
    """Gives the delivery of an answer, changed by whatever delay, header or wire fault is armed."""
    delay = 0.0
    for claimed in world.faults.claims("answer", command):
        latency = claimed[0].kind
        assert isinstance(latency, LatencyKind)
        note_fault(exchange, claimed)
        delay += latency.delay(world.faults.draw(claimed[0], command) if latency.low < latency.high else 0.0)
    exchange.draw = command.draw if exchange.draw is None else exchange.draw
    response = with_limit_headers(world, command, response)
    if kind is not None:
        exchange.wire = f"{response.status}, {kind.name}" if kind.name in _SENT else f"nothing ({kind.name})"
    wire = kind.wire if kind is not None else None
    return Delivery(response, delay, wire, exchange.number, close=wire is not None and wire.kind != "dribble")


def with_limit_headers(world: World[S], command: Command, response: Response) -> Response:
    """Adds the headers that answers carry while a rate limit is watched."""
    now = world.clock.now()
    for fault in world.faults.armed:
        if isinstance(fault.kind, RateLimitKind) and fault.fits(command, now):
            known = {name.lower() for name, _ in response.headers}
            more = fault.kind.limiter.headers(command, now).items()
            added = tuple(pair for pair in more if pair[0].lower() not in known)
            response = replace(response, headers=(*response.headers, *added))
    return response


def explain(world: World[S], exchange: Exchange) -> str | None:
    """Gives what a person should know about a refusal that its own text does not say."""
    if exchange.fault is not None:
        return None
    if exchange.operation is None:
        return nearest_operation(world.router, exchange.request)
    return wrong_credentials(world.document, exchange.request)


def note_fault(exchange: Exchange, claimed: tuple[Fault, float | None]) -> None:
    """Writes into the journal which fault acted, and the number drawn for it."""
    fault, drawn = claimed
    exchange.fault = str(fault) if exchange.fault is None else f"{exchange.fault}, {fault}"
    exchange.draw = drawn if drawn is not None else exchange.draw


def unchanged(command: Command) -> bool | None:
    """What *applied* is when the state step does not run: False, or None where it could change nothing."""
    return False if command.operation is not None and command.operation.changes else None


def give_up(exchange: Exchange | None, reason: str) -> Delivery:
    """Ends an exchange whose client went away; nothing was applied."""
    assert exchange is not None  # only `receive` raises these, behind `open_journal`
    exchange.wire = f"nothing: {reason}"
    return Delivery(None, number=exchange.number, close=True)


def refuse_framing(exchange: Exchange | None, reason: str) -> Delivery:
    """Answers a body whose framing is broken, below the level of any service; nothing was applied."""
    assert exchange is not None  # only `receive` raises these, behind `open_journal`
    exchange.note = f"malformed body: {reason}"
    exchange.by_service = False
    response = Response(400, (("content-type", "text/plain; charset=utf-8"),), f"Bad Request: {reason}\n".encode())
    return Delivery(response, number=exchange.number, close=True)


def confess(world: World[S], exchange: Exchange, error: Exception) -> Delivery:
    """Answers for a bug of the fake, or of a test's predicate; ``verify()`` raises it with its traceback."""
    world.bug(exchange, error)
    whose = "a mistake in the test" if isinstance(error, UsageError) else "a bug of the fake"
    exchange.note = f"{whose}: {error!r}"
    exchange.by_service = False
    text = f"pytest-kvfake met {whose}: {error!r}. verify() shows the traceback.\n".encode()
    response = Response(500, (("content-type", "text/plain; charset=utf-8"),), text)
    return Delivery(response, number=exchange.number, close=True)


def close_journal(world: World[S], exchange: Exchange, delivery: Delivery, started: float) -> Delivery:
    """Completes the journal's entry before the client can see the answer."""
    response = delivery.response
    exchange.response = response
    if response is not None and 400 <= response.status < 500 and exchange.note is None:
        exchange.note = explain(world, exchange)
    if exchange.wire is None:
        exchange.wire = "nothing" if response is None else f"{response.status}"
    exchange.duration = time.perf_counter() - started
    if world.coverage is not None and response is not None and exchange.by_service:
        world.coverage.add((exchange.operation, response.status, exchange.error, exchange.injected))
    if not world.conformance.is_flawless(exchange):
        world.conformance.watch(exchange)
    world.journal.close(exchange)
    return delivery
