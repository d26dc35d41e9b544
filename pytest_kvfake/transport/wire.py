"""What becomes of an answer on its way: sent whole, or broken in one of the seven ways of `WireFault`.

``corrupt`` turns every bit of the body. ``truncate`` holds back at least one byte. An answer without a body on the
wire has only its head to show the damage: ``corrupt`` then turns the bits of ``HTTP/1.1`` in its first line, and
``truncate`` holds back the head's last two bytes.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING, Literal

from pytest_kvfake.engine.messages import is_bodyless
from pytest_kvfake.transport.http1 import serialize_head

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from pytest_kvfake.engine.messages import Response, WireFault
    from pytest_kvfake.transport.waits import ExchangeWaits

__all__ = [
    "COPY_LIMIT",
    "DRIBBLE_TICK",
    "End",
    "body_bytes",
    "damaged",
    "deliver",
    "extra_length",
    "kept_bytes",
    "pieces_of",
    "reset",
    "send",
    "turn_bits",
]

COPY_LIMIT = 262_144
"""Bytes of a body that are copied behind the head, for one write. A larger body goes out beside it (`sendmsg`)."""

DRIBBLE_TICK = 0.05
"""Seconds between two pieces of a dribbled answer, where its rate gives at least a byte in that time."""

End = Literal["keep", "close", "reset", "limit"]
"""What becomes of the connection: kept, closed, reset, or closed because a wait lasted ``wait_limit``."""

_LINGER_ZERO = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
_TURNED = bytes(255 - byte for byte in range(256))
_VERSION = len(b"HTTP/1.1")


def send(connection: socket.socket, response: Response, method: str, *, close: bool, http10: bool) -> None:
    """Sends an answer whole, in one write. An HTTP/1.0 client gets a stream unframed: pass ``close`` with it.

    Raises:
        OSError: the client is gone.
    """
    body = response.body
    bodyless = is_bodyless(method, response.status)
    if response.stream is not None and not bodyless:
        _send_stream(connection, response, close=close, http10=http10)
        return
    head = serialize_head(response, close=close, http10=http10)
    if bodyless or not body:
        connection.sendall(head)
    elif len(body) <= COPY_LIMIT:
        connection.sendall(head + body)
    else:
        _send_both(connection, head, body)


def _send_both(connection: socket.socket, head: bytes, body: bytes) -> None:
    if not hasattr(connection, "sendmsg"):  # Windows has none
        connection.sendall(head)
        connection.sendall(body)
        return
    sent = connection.sendmsg([head, body])
    if sent < len(head):
        connection.sendall(head[sent:])
        sent = len(head)
    connection.sendall(memoryview(body)[sent - len(head) :])


def _send_stream(connection: socket.socket, response: Response, *, close: bool, http10: bool) -> None:
    assert response.stream is not None
    connection.sendall(serialize_head(response, close=close, http10=http10))
    for piece in response.stream():
        if not piece:
            continue  # an empty chunk would end the body
        connection.sendall(piece if http10 else b"%x\r\n%b\r\n" % (len(piece), piece))
    if not http10:
        connection.sendall(b"0\r\n\r\n")


def deliver(
    connection: socket.socket,
    response: Response | None,
    method: str,
    wire: WireFault,
    waits: ExchangeWaits,
    *,
    close: bool,
    http10: bool,
) -> End:
    """Sends an answer with a fault, and says what the connection comes to.

    Raises:
        OSError: the client is gone.
    """
    kind = wire.kind
    if kind == "hang":
        return "limit" if waits.wait(None) == "limit" else "close"
    if kind in {"reset", "refuse"}:  # refusing began while this connection was being served
        return "reset"
    if kind == "empty" or response is None:
        return "close"
    if kind == "dribble":
        steps = pieces_of(b"".join(_whole(response, method, close=close, http10=http10)), wire.amount)
        ended = _dribble(connection, steps, waits)
        return ended or ("close" if close else "keep")
    connection.sendall(damaged(response, method, wire, http10=http10))
    return "close"


def _dribble(connection: socket.socket, steps: Iterator[tuple[bytes, float]], waits: ExchangeWaits) -> End | None:
    waited = 0.0
    for piece, pause in steps:
        if pause:
            waited += pause
            end = "limit" if waited > waits.limit else waits.wait(pause)
            if end != "over":
                return "limit" if end == "limit" else "close"
        connection.sendall(piece)
    return None


def damaged(response: Response, method: str, wire: WireFault, *, http10: bool = False) -> bytes:
    """Gives the bytes that go out for ``truncate``, ``corrupt`` and ``wrong_length``."""
    if wire.kind == "wrong_length":
        length = len(body_bytes(response, "GET")) + extra_length(wire.amount)
        head = serialize_head(response, close=True, http10=http10, length=length)
        return head + body_bytes(response, method)
    head, body = _whole(response, method, close=True, http10=http10)
    if wire.kind == "truncate":
        return head + body[: kept_bytes(body, wire.amount)] if body else head[:-2]
    return head + turn_bits(body) if body else turn_bits(head[:_VERSION]) + head[_VERSION:]


def _whole(response: Response, method: str, *, close: bool, http10: bool) -> tuple[bytes, bytes]:
    """Gives head and body; a stream is collected, so that there is a length to break."""
    length = len(body_bytes(response, "GET")) if response.stream is not None else None
    return serialize_head(response, close=close, http10=http10, length=length), body_bytes(response, method)


def body_bytes(response: Response, method: str) -> bytes:
    """Gives the body as it goes over the wire: none for HEAD, 204 and 304; a stream collected."""
    if is_bodyless(method, response.status):
        return b""
    return response.body if response.stream is None else b"".join(response.stream())


def turn_bits(data: bytes) -> bytes:
    """Gives ``data`` with every bit turned: nothing that was ASCII is UTF-8 any more."""
    return data.translate(_TURNED)


def kept_bytes(body: bytes, amount: float) -> int:
    """How many bytes of a truncated body go out: ``amount``, but never all of them."""
    return max(0, min(int(amount), len(body) - 1))


def extra_length(amount: float) -> int:
    """How many bytes too many Content-Length announces: ``amount``, and at least one."""
    return max(1, int(amount))


def pieces_of(data: bytes, rate: float) -> Generator[tuple[bytes, float], None, None]:
    """Cuts an answer for a dribble.

    Args:
        data: what is to be sent.
        rate: bytes a second; 0 and less count as 1.

    Yields:
        A piece, and the real seconds to wait before it; none before the first.
    """
    rate = rate if rate > 0 else 1.0
    size = max(1, int(rate * DRIBBLE_TICK))
    for start in range(0, len(data), size):
        yield data[start : start + size], size / rate if start else 0.0


def reset(connection: socket.socket) -> None:
    """Ends a connection with RST and not with FIN.

    Linger 0 alone is not enough: a Python socket is closed only when its last file object is, and with a shutdown
    before that. So the descriptor is closed itself.
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    os.close(connection.detach())
