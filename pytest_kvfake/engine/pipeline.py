"""The one path of a request, a step a function.

::

    normalise → route → journal opens → wire fault on the head? → body → checks
              → fault (before) → apply → render → fault (after) → journal closes → Delivery

Nothing here waits or touches a socket. Whatever goes wrong inside is a bug of the fake: the client gets a 500
and ``verify()`` raises it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from pytest_kvfake.engine.clock import http_date
from pytest_kvfake.engine.faults.kinds import ErrorKind
from pytest_kvfake.engine.journal import Exchange
from pytest_kvfake.engine.messages import (
    Body,
    Delivery,
    IncompleteBodyError,
    MalformedBodyError,
    ReadBody,
    Request,
    Response,
)
from pytest_kvfake.engine.service import Command, Context, Outcome, ServiceError, State

if TYPE_CHECKING:
    from pytest_kvfake.engine.faults.arming import Fault
    from pytest_kvfake.engine.world import World

__all__ = ["handle"]

S = TypeVar("S", bound=State)


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
    exchange: Exchange | None = None
    try:
        command = route(world, normalise(world, head))
        exchange = open_journal(world, head, command)
        delivery = fault_on_head(world, command, exchange)
        if delivery is None:
            receive(world, command, exchange, read_body)
            result = decide(world, command, exchange)
            delivery = fault_after(world, exchange, render(world, command, result))
    except IncompleteBodyError as gone:
        delivery = give_up(exchange, str(gone) or "the client went away before its body was complete")
    except MalformedBodyError as broken:
        delivery = refuse_framing(exchange, str(broken))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is ours, and the client shall not hang
        exchange = exchange if exchange is not None else open_journal(world, head, None)
        delivery = confess(world, exchange, error)
    assert exchange is not None  # nothing but a bug comes before `open_journal`, and that opens it
    return close_journal(world, exchange, delivery, started)


def normalise(world: World[S], head: Request) -> Request:
    """Gives the request as the service reads it: verb overrides, slashes, roots."""
    return world.service.normalise(head, world.state)


def route(world: World[S], request: Request) -> Command:
    """Finds the operation; without one the command carries the methods that the path has."""
    path = request.path
    found = world.router.match(request.method, path)
    if found is not None:
        return Command(found.operation, request, found.parameters)
    return Command(None, request, {}, allowed=world.router.allowed(path))


def open_journal(world: World[S], head: Request, command: Command | None) -> Exchange:
    """Makes the request visible to the test before anything is decided."""
    now = world.clock.now()
    name = command.operation.name if command is not None and command.operation is not None else None
    key = command.key if command is not None else None
    exchange = world.journal.open(lambda number: Exchange(number, name, key, head, now))
    if command is not None:
        exchange.raw_parameters = command.raw_parameters
        command.number = exchange.number
    return exchange


def fault_on_head(world: World[S], command: Command, exchange: Exchange) -> Delivery | None:
    """Gives the delivery of a wire fault that acts before the body is read, if one is armed."""
    del world, command, exchange  # no kind of that phase exists yet
    return None


def receive(world: World[S], command: Command, exchange: Exchange, read_body: ReadBody) -> None:
    """Reads the body, whatever is answered later, so that the connection stays in step.

    Under ``Expect: 100-continue`` a body that is declared too large is not asked for, which the transport
    sees to.
    """
    body: Body = read_body(world.service.body_limit(world.state, command))
    if body.size:
        command.request = command.request.with_body(body)
        exchange.request = exchange.request.with_body(body)


def decide(world: World[S], command: Command, exchange: Exchange) -> Outcome | ServiceError:
    """Gives what the service, or a fault in its place, makes of the request."""
    refusal = check(world, command)
    if refusal is not None:
        exchange.applied = False if command.operation is not None and command.operation.changes else None
        return record(exchange, refusal)
    claimed = world.faults.claim("before", command)
    if claimed is not None:
        exchange.applied = False if command.operation is not None and command.operation.changes else None
        return record(exchange, _fault_error(exchange, claimed))
    claimed = world.faults.claim("after", command)
    result = apply(world, command, exchange)
    if claimed is not None:
        if isinstance(result, ServiceError):
            world.faults.give_back(claimed[0])
        else:
            result = _fault_error(exchange, claimed)
    return record(exchange, result)


def check(world: World[S], command: Command) -> ServiceError | Outcome | None:
    """Gives what the service's checks, in the contract's order, answer by themselves: mostly a refusal."""
    now = world.clock.now()
    for one in world.service.checks:
        answer = one(world.state, command, now)
        if answer is not None:
            return answer
    if command.operation is None:
        raise AssertionError(f"No check of {world.service.name} answered a request that no operation answers.")
    return None


def apply(world: World[S], command: Command, exchange: Exchange) -> Outcome | ServiceError:
    """Carries out the state step under the lock: existence, conditions, quotas and the change in one piece."""
    assert command.operation is not None
    step = world.service.steps[command.operation.name]
    with world.lock:
        result = step(world.state, command, world.clock.now())
    if command.operation.changes:
        exchange.applied = isinstance(result, Outcome)
    return result


def record(exchange: Exchange, result: Outcome | ServiceError) -> Outcome | ServiceError:
    """Notes the error that is answered, by its catalogue name."""
    if isinstance(result, ServiceError):
        exchange.error = result.name
    return result


def render(world: World[S], command: Command, result: Outcome | ServiceError) -> Response:
    """Makes an answer of an outcome or an error, in the service's own shape; adds the date."""
    now = world.clock.now()
    response = world.service.render(result, Context(world.document, command, now, world.seed))
    return Response(response.status, (("date", http_date(int(now))), *response.headers), response.body, response.stream)


def fault_after(world: World[S], exchange: Exchange, response: Response) -> Delivery:
    """Gives the delivery of an answer, changed by whatever wire fault or delay is armed."""
    del world  # no kind that changes an answer exists yet
    return Delivery(response, number=exchange.number)


def give_up(exchange: Exchange | None, reason: str) -> Delivery:
    """Ends an exchange whose client went away; nothing was applied."""
    assert exchange is not None  # only `receive` raises these, behind `open_journal`
    exchange.wire = f"nothing: {reason}"
    return Delivery(None, number=exchange.number, close=True)


def refuse_framing(exchange: Exchange | None, reason: str) -> Delivery:
    """Answers a body whose framing is broken, below the level of any service; nothing was applied."""
    assert exchange is not None  # only `receive` raises these, behind `open_journal`
    exchange.note = f"malformed body: {reason}"
    response = Response(400, (("content-type", "text/plain; charset=utf-8"),), f"Bad Request: {reason}\n".encode())
    return Delivery(response, number=exchange.number, close=True)


def confess(world: World[S], exchange: Exchange, error: Exception) -> Delivery:
    """Answers for a bug of the fake; ``verify()`` raises it with its traceback."""
    world.bug(exchange, error)
    exchange.note = f"a bug of the fake: {error!r}"
    text = f"A bug in pytest-kvfake: {error!r}. verify() shows the traceback.\n".encode()
    response = Response(500, (("content-type", "text/plain; charset=utf-8"),), text)
    return Delivery(response, number=exchange.number, close=True)


def close_journal(world: World[S], exchange: Exchange, delivery: Delivery, started: float) -> Delivery:
    """Completes the journal's entry before the client can see the answer."""
    response = delivery.response
    exchange.response = response
    if exchange.wire is None:
        exchange.wire = "nothing" if response is None else f"{response.status}"
    exchange.duration = time.perf_counter() - started
    world.conformance.watch(exchange)
    world.journal.close(exchange)
    return delivery


def _fault_error(exchange: Exchange, claimed: tuple[Fault, float | None]) -> ServiceError:
    fault, exchange.draw = claimed
    exchange.fault = str(fault)
    assert isinstance(fault.kind, ErrorKind)
    return fault.kind.error
