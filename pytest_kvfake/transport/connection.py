"""One connection: requests in, answers out, in order, until one side ends it."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_kvfake.engine.messages import (
    NO_BODY,
    Body,
    Delivery,
    IncompleteBodyError,
    MalformedBodyError,
    Response,
    no_body,
)
from pytest_kvfake.transport import wire
from pytest_kvfake.transport.bodies import BodyReader
from pytest_kvfake.transport.http1 import Framing, RequestParser, UnreadableError, serialize

if TYPE_CHECKING:
    from pytest_kvfake.engine.messages import Endpoint, Request
    from pytest_kvfake.transport.waits import Waits

__all__ = ["DISCARD_LIMIT", "TLS_ALERT", "Connection"]

HEAD_PIECE = 65_536
"""Bytes that are read at once while a head is expected."""

BODY_PIECE = 262_144
"""Bytes that are read at once while a body is expected."""

DISCARD_LIMIT = 268_435_456
"""Bytes beyond the limit that are read and thrown away before the server gives up on a body."""

RECEIVED_KEPT = 4_096
"""Bytes of an unreadable request that are shown to the endpoint."""

LINGER = 0.5
"""Seconds without a byte after which a client that does not close is left alone."""

LINGER_READS = 256
"""Pieces that are read at most while a client is expected to close."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

TLS_ALERT = b"\x15\x02\x00\x00\x02\x02\x46"
"""An alert (fatal, protocol_version) in a record of a version that never was. OpenSSL then says "wrong version number",
which is what it says of any plain HTTP server; after a bare close it speaks of an unexpected EOF, and after a proper
alert of the TLS version, and both lead a person astray (tried with ssl, httpx and requests)."""


class Connection:
    """Serves the requests of one accepted socket.

    Args:
        accepted: the socket; it belongs to this object.
        endpoint: answers the requests.
        waits: delays and hangs go through it.
        address: host and port of the server, for messages.
    """

    def __init__(self, accepted: socket.socket, endpoint: Endpoint, waits: Waits, address: str) -> None:
        self._socket = accepted
        self._endpoint = endpoint
        self._waits = waits
        self._address = address
        self._parser = RequestParser()
        self._cut = False
        self._last = 0

    def cut(self) -> None:
        """Ends the connection from another thread: whoever reads or writes on it wakes up."""
        self._cut = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self, *, reset: bool) -> None:
        """Closes the socket.

        Args:
            reset: with RST.
        """
        with suppress(OSError):
            if reset and not self._cut:
                wire.reset(self._socket)
        self._socket.close()

    def serve(self) -> bool:
        """Answers requests until the connection is over; the caller closes it.

        Returns:
            Whether it is to end with RST.
        """
        with suppress(OSError):
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end: wire.End = "keep"
        while end == "keep":
            head = self._next_head()
            if head is None:
                return False
            end = self._exchange(*head)
        if end != "reset":
            self._linger()
        return end == "reset"

    def _next_head(self) -> tuple[Request, Framing] | None:
        parser = self._parser
        try:
            head = parser.next_head() if parser.received else None
            while head is None:
                try:
                    data = self._socket.recv(HEAD_PIECE)
                except OSError:
                    data = b""
                if not data:
                    self._end_of_input()
                    return None
                head = parser.next_head(data)
        except UnreadableError as error:
            self._refuse(error)
            return None
        return head

    def _end_of_input(self) -> None:
        if self._cut:
            return
        with suppress(OSError):
            # The peer had closed before our last answer came: its kernel refused the answer with RST.
            if self._last and self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.EPIPE:
                self._endpoint.undelivered(self._last, "the client closed the connection before the answer")
        if received := self._parser.received.lstrip(b"\r\n"):
            cut = UnreadableError("cut")
            self._endpoint.unreadable(cut.reason, received[:RECEIVED_KEPT], None)

    def _refuse(self, error: UnreadableError) -> None:
        """Tells endpoint and client what is wrong with the bytes, in this order: who has the answer finds the entry."""
        reason = error.reason.replace("{address}", self._address)
        answer = None
        if error.status is not None:
            text = f"{reason}\n".encode()
            answer = Response(error.status, (("Content-Type", "text/plain; charset=utf-8"),), text)
        self._endpoint.unreadable(reason, self._parser.received[:RECEIVED_KEPT], answer)
        with suppress(OSError):
            if answer is not None:
                self._socket.sendall(serialize(answer, "GET", close=True))
            elif error.kind == "tls":
                self._socket.sendall(TLS_ALERT)
        self._linger()

    def _exchange(self, request: Request, framing: Framing) -> wire.End:
        if framing.length == 0:
            delivery = self._endpoint.handle(request, no_body)
            whole = True
        else:
            upload = _Upload(self._socket, self._parser, framing)
            delivery = self._endpoint.handle(request, upload.read)
            # A fault on the head closes without the body, and under Expect the client still keeps it.
            if not (upload.asked or delivery.wire or framing.expects):
                try:
                    upload.read(0)
                except IncompleteBodyError as error:
                    self._endpoint.undelivered(delivery.number, str(error))
                    return "close"
                except MalformedBodyError:
                    pass  # the answer goes out, and the connection ends
            whole = upload.whole
        self._last = delivery.number
        if delivery.delay > 0:
            end = self._waits.of(delivery.number).wait(delivery.delay)
            if end != "over":
                return self._end_of_wait(delivery, end)
        close = framing.close or delivery.close or not whole
        return self._answer(request.method, delivery, close=close, http10=framing.http10)

    def _answer(self, method: str, delivery: Delivery, *, close: bool, http10: bool) -> wire.End:
        response = delivery.response
        try:
            if delivery.wire is not None:
                waits = self._waits.of(delivery.number)
                end = wire.deliver(self._socket, response, method, delivery.wire, waits, close=close, http10=http10)
                return self._end_of_wait(delivery, end) if end == "limit" else end
            if response is None:
                return "close"
            close = close or (http10 and response.stream is not None)
            wire.send(self._socket, response, method, close=close, http10=http10)
        except OSError as error:
            if not self._cut:
                reason = error.strerror or str(error)
                self._endpoint.undelivered(delivery.number, f"the client closed the connection ({reason})")
            return "close"
        except Exception as error:  # noqa: BLE001 - a body that is made while it is sent may fail in any way
            self._endpoint.undelivered(delivery.number, f"the body could not be made: {error!r}")
            return "reset"
        return "close" if close else "keep"

    def _end_of_wait(self, delivery: Delivery, end: str) -> wire.End:
        if end == "released":
            self._endpoint.undelivered(delivery.number, "the wait was ended before the answer was due")
        elif self._client_has_gone():
            self._endpoint.undelivered(delivery.number, "the client closed the connection during the wait")
        else:
            self._endpoint.waited_out(delivery.number)
        return "close"

    def _client_has_gone(self) -> bool:
        try:
            self._socket.setblocking(False)
            return not self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            with suppress(OSError):
                self._socket.setblocking(True)

    def _linger(self) -> None:
        """Says that no more comes, and reads on until the client closes.

        Unread bytes would turn the close into RST, and RST takes an answer away that the client has not read yet.
        """
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            self._socket.settimeout(LINGER)
            for _ in range(LINGER_READS):
                if not self._socket.recv(BODY_PIECE):
                    return


class _Upload:
    """The body of one request on its way in.

    Attributes:
        asked: somebody has called `read`.
        whole: the body came to its end, so the connection can serve another request.
    """

    __slots__ = ("_body", "_framing", "_parser", "_socket", "asked", "whole")

    def __init__(self, connection: socket.socket, parser: RequestParser, framing: Framing) -> None:
        self._socket = connection
        self._parser = parser
        self._framing = framing
        self._body = NO_BODY
        self.asked = False
        self.whole = False

    def read(self, limit: int) -> Body:
        """Is the `ReadBody` that the endpoint gets."""
        if not self.asked:
            self.asked = True
            self._body = self._receive(limit)
        return self._body

    def _receive(self, limit: int) -> Body:
        length = self._framing.length
        data = self._parser.take()
        if self._framing.expects and not data:
            if length is not None and length > limit:
                return Body(b"", length)
            try:
                self._socket.sendall(CONTINUE)
            except OSError as error:
                raise IncompleteBodyError("the client closed the connection before it sent the body") from error
        reader = BodyReader(length, limit)
        rest = reader.feed(data)
        while not reader.done:
            if reader.collector.size > limit + DISCARD_LIMIT:
                return reader.collector.body()
            try:
                data = self._socket.recv(BODY_PIECE)
            except OSError:
                data = b""
            if not data:
                came, of = reader.collector.size, "" if length is None else f" of {length}"
                raise IncompleteBodyError(f"the client closed the connection after {came}{of} bytes of the body")
            rest = reader.feed(data)
        self._parser.put_back(rest)
        self.whole = True
        return reader.collector.body()
