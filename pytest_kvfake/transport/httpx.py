"""The fake without a socket: one httpx transport, for `httpx.Client` and `httpx.AsyncClient`.

What goes wrong is raised as httpx raises it over a socket. Sync and async run the same generators, which yield the
seconds to wait; only who waits differs. httpx is no run-time dependency: nothing else imports this module.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import httpx

from pytest_kvfake.engine.messages import Delivery, Headers, Request, Response, body_of, is_bodyless
from pytest_kvfake.transport import wire
from pytest_kvfake.transport.http1 import answer_fields, encode_field, serialize_head, status_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator

    from pytest_kvfake.engine.messages import Endpoint, WireFault
    from pytest_kvfake.transport.waits import ExchangeWaits, WaitEnd, Waits

    Waiting = Generator[float | None, WaitEnd, None]
    """Yields real seconds to wait (None: until released), is sent how the wait ended."""

    Sending = Generator[bytes | float | None, WaitEnd | None, None]
    """Yields pieces of a body, and the waits between them."""

__all__ = ["KVFakeTransport"]

_NOTHING_SENT = "Server disconnected without sending a response."


class KVFakeTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Gives requests to an endpoint and its answers to httpx, in process.

    Args:
        endpoint: answers the requests.
        waits: delays and hangs go through it.
    """

    def __init__(self, endpoint: Endpoint, waits: Waits) -> None:
        self._endpoint = endpoint
        self._waits = waits

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answers a request of an `httpx.Client`.

        Raises:
            httpx.TransportError: a wire fault, or a wait longer than the client's read time-out.
        """
        delivery = self._endpoint.handle(_head(request), body_of(request.read()))
        if delivery.delay <= 0 and delivery.wire is None and delivery.response is not None:
            return self._answer(request, delivery.response)
        steps, waits = self._answer_slowly(request, delivery), self._waits.of(delivery.number)
        try:
            seconds = next(steps)
            while True:
                seconds = steps.send(waits.wait(seconds))
        except StopIteration as end:
            answer: httpx.Response = end.value
            return answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answers a request of an `httpx.AsyncClient`; the event loop is never blocked.

        Raises:
            httpx.TransportError: as `handle_request`.
        """
        delivery = self._endpoint.handle(_head(request), body_of(await request.aread()))
        if delivery.delay <= 0 and delivery.wire is None and delivery.response is not None:
            return self._answer(request, delivery.response)
        steps, waits = self._answer_slowly(request, delivery), self._waits.of(delivery.number)
        try:
            seconds = next(steps)
            while True:
                seconds = steps.send(await _wait_async(waits, seconds))
        except StopIteration as end:
            answer: httpx.Response = end.value
            return answer

    def _answer_slowly(
        self, request: httpx.Request, delivery: Delivery
    ) -> Generator[float | None, WaitEnd, httpx.Response]:
        """Does what `server.Connection` and `wire.deliver` do to a socket, as far as the head."""
        if delivery.delay > 0:
            yield from self._pause(request, delivery.number, delivery.delay)
        response, fault = delivery.response, delivery.wire
        if fault is not None and fault.kind == "refuse":
            raise httpx.ConnectError("[Errno 111] Connection refused", request=request)
        if fault is not None and fault.kind == "hang":
            yield from self._pause(request, delivery.number, None)
        if fault is not None and fault.kind == "reset":
            raise httpx.ReadError("[Errno 104] Connection reset by peer", request=request)
        if response is None or (fault is not None and fault.kind in {"hang", "empty"}):
            raise httpx.RemoteProtocolError(_NOTHING_SENT, request=request)
        if fault is None:
            return self._answer(request, response)
        if fault.kind == "dribble":
            return (yield from self._dribble(request, delivery, response, fault.amount))
        return self._damaged(request, response, fault)

    def _damaged(self, request: httpx.Request, response: Response, fault: WireFault) -> httpx.Response:
        """Does what `wire.damaged` does to the bytes."""
        body = wire.body_bytes(response, request.method)
        length = len(wire.body_bytes(response, "GET"))
        if fault.kind == "corrupt":
            if not body:
                raise httpx.RemoteProtocolError("illegal status line", request=request)
            return self._answer(request, response, length=length, stream=httpx.ByteStream(wire.turn_bits(body)))
        if fault.kind == "truncate":
            if not body:
                raise httpx.RemoteProtocolError(_NOTHING_SENT, request=request)
            body = body[: wire.kept_bytes(body, fault.amount)]
        else:
            length += wire.extra_length(fault.amount)
            if is_bodyless(request.method, response.status):
                return self._answer(request, response, length=length)
        stream = _Stream(partial(_broken_off, request, body, length))
        return self._answer(request, response, length=length, stream=stream)

    def _dribble(
        self, request: httpx.Request, delivery: Delivery, response: Response, rate: float
    ) -> Generator[float | None, WaitEnd, httpx.Response]:
        """Lets the head drip, and gives an answer whose body goes on in the same rhythm."""
        body = wire.body_bytes(response, request.method)
        length = len(wire.body_bytes(response, "GET")) if response.stream is not None else None
        left = len(serialize_head(response, length=length))
        pieces = wire.pieces_of(bytes(left) + body, rate)
        waited = 0.0
        for piece, pause in pieces:
            waited += pause
            if pause:
                yield from self._pause(request, delivery.number, pause, waited)
            left -= len(piece)
            if left <= 0:
                break
        first = piece[len(piece) + left :]

        def rest() -> Sending:
            total = waited
            if first:
                yield first
            for piece, pause in pieces:
                total += pause
                yield from self._pause(request, delivery.number, pause, total)
                yield piece

        return self._answer(request, response, length=length, stream=_Stream(rest, self._waits.of(delivery.number)))

    def _answer(
        self,
        request: httpx.Request,
        response: Response,
        *,
        length: int | None = None,
        stream: httpx.SyncByteStream | httpx.AsyncByteStream | None = None,
    ) -> httpx.Response:
        method, status = request.method, response.status
        if stream is None:
            if response.stream is None or is_bodyless(method, status):
                stream = httpx.ByteStream(wire.body_bytes(response, method))
            else:
                stream = _Stream(partial(_in_pieces, response.stream))
        return httpx.Response(
            status,
            headers=[
                (encode_field(name), encode_field(value)) for name, value in answer_fields(response, length=length)
            ],
            stream=stream,
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": status_text(status)[4:].encode("ascii")},
        )

    def _pause(
        self, request: httpx.Request, number: int, seconds: float | None, waited: float | None = None
    ) -> Generator[float | None, WaitEnd | None, None]:
        """Waits, and ends as the client or the server would: ``waited`` is all of a dribble's waiting so far."""
        patience = request.extensions.get("timeout", {}).get("read")
        if patience is not None and patience < self._waits.limit and (seconds is None or patience < seconds):
            if (yield patience) == "over":
                self._endpoint.undelivered(number, f"the client's read time-out of {patience:g} s was over")
                raise httpx.ReadTimeout("timed out", request=request)
            raise httpx.RemoteProtocolError(_NOTHING_SENT, request=request)
        end: WaitEnd | None = "limit" if waited is not None and waited > self._waits.limit else (yield seconds)
        if end == "limit":
            self._endpoint.waited_out(number)
        if end != "over":
            raise httpx.RemoteProtocolError(_NOTHING_SENT, request=request)


class _Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that comes in pieces, and may fail on its way, or wait where it is given the waits."""

    def __init__(self, sending: Callable[[], Sending], waits: ExchangeWaits | None = None) -> None:
        self._sending = sending
        self._waits = waits

    def __iter__(self) -> Iterator[bytes]:
        sending = self._sending()
        end: WaitEnd | None = None
        with suppress(StopIteration):
            while True:
                step = sending.send(end)
                if isinstance(step, bytes):
                    end = None
                    yield step
                else:
                    assert self._waits is not None
                    end = self._waits.wait(step)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        sending = self._sending()
        end: WaitEnd | None = None
        with suppress(StopIteration):
            while True:
                step = sending.send(end)
                if isinstance(step, bytes):
                    end = None
                    yield step
                else:
                    assert self._waits is not None
                    end = await _wait_async(self._waits, step)


def _in_pieces(stream: Callable[[], Iterable[bytes]]) -> Sending:
    yield from stream()


def _broken_off(request: httpx.Request, sent: bytes, length: int) -> Sending:
    if sent:
        yield sent
    text = "peer closed connection without sending complete message body"
    raise httpx.RemoteProtocolError(f"{text} (received {len(sent)} bytes, expected {length})", request=request)


async def _wait_async(waits: ExchangeWaits, seconds: float | None) -> WaitEnd:
    """Waits in a worker thread, so that release and limit hold as everywhere, under asyncio and trio.

    A timer of the event loop would stand still under freezegun. A cancelled wait ends its thread at once; the
    limiter of its own lets any number of requests hang at the same time.
    """
    import anyio.to_thread  # httpx requires it, and loads it only when something is async

    cancelled = threading.Event()
    try:
        return await anyio.to_thread.run_sync(
            waits.wait, seconds, cancelled, abandon_on_cancel=True, limiter=anyio.CapacityLimiter(1)
        )
    finally:
        cancelled.set()


def _head(request: httpx.Request) -> Request:
    # httpcore has the same extension: a target that no URL can say, for example "*".
    raw = request.extensions.get("target") or request.url.raw_path
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
    return Request(request.method, raw.decode("latin-1"), Headers(fields))
