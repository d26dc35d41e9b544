"""A small endpoint that records, servers that are stopped, and a client that shows every byte."""

from __future__ import annotations

import queue
import socket
from collections.abc import Callable

import pytest

from pytest_kvfake.engine.messages import Delivery, ReadBody, Request, Response, WireFault
from pytest_kvfake.transport.server import SocketServer
from pytest_kvfake.transport.waits import Waits

PATIENCE = 5
"""Seconds after which a test that waits for another thread has failed."""


class Recorder:
    """An endpoint whose answer a test sets; it keeps what the transport told it."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.events: queue.Queue[tuple] = queue.Queue()
        self.limit = 100_000_000
        self.answer: Callable[[Request], Delivery | Response] = lambda request: Response(
            200, (("Content-Type", "text/plain"),), f"{request.method} {request.target} ".encode() + request.body
        )

    def handle(self, head: Request, read_body: ReadBody) -> Delivery:
        request = head if self.limit < 0 else head.with_body(read_body(self.limit))
        self.requests.append(request)
        answer = self.answer(request)
        return answer if isinstance(answer, Delivery) else Delivery(answer, number=len(self.requests))

    def break_with(self, kind: str, amount: float = 0, body: bytes = b"hello, world", **more) -> None:
        response = Response(200, (("Content-Type", "text/plain"),), body)
        self.answer = lambda request: Delivery(response, wire=WireFault(kind, amount), number=7, **more)

    def undelivered(self, number: int, reason: str) -> None:
        self.events.put(("undelivered", number, reason))

    def unreadable(self, reason: str, received: bytes, answer: Response | None) -> None:
        self.events.put(("unreadable", reason, received, answer))

    def waited_out(self, number: int) -> None:
        self.events.put(("waited_out", number))

    def event(self) -> tuple:
        return self.events.get(timeout=PATIENCE)


class RawClient:
    """One connection; takes answers apart without hiding anything."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection((host, port), timeout=PATIENCE)
        self.buffer = b""

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self.socket.sendall(part)

    def get(self, target: str = "/", *fields: str) -> tuple[int, dict[str, str], bytes]:
        self.send(request_bytes("GET", target, *fields))
        return self.receive()

    def head(self) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self.buffer:
            piece = self.socket.recv(65536)
            assert piece, f"closed after {self.buffer!r}"
            self.buffer += piece
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        return int(line.split(" ")[1]), {n.lower(): v for n, v in (field.split(": ", 1) for field in fields)}

    def receive(self, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        status, fields = self.head()
        size = 0 if method == "HEAD" else int(fields.get("content-length", 0))
        while len(self.buffer) < size:
            piece = self.socket.recv(65536)
            assert piece, f"closed after {len(self.buffer)} of {size}"
            self.buffer += piece
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        return status, fields, body

    def rest(self) -> bytes:
        """All bytes until the server closes; raises ConnectionResetError when it resets."""
        data, self.buffer = self.buffer, b""
        while piece := self.socket.recv(65536):
            data += piece
        return data

    def close(self) -> None:
        self.socket.close()


def request_bytes(method: str, target: str = "/", *fields: str, body: bytes = b"", version: str = "1.1") -> bytes:
    lines = [f"{method} {target} HTTP/{version}", "Host: kv.test", *fields]
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n" + body


@pytest.fixture
def endpoint() -> Recorder:
    return Recorder()


@pytest.fixture
def waits():
    waits = Waits(limit=10)
    yield waits
    waits.release()


@pytest.fixture
def serve(endpoint, waits):
    servers = []

    def start(endpoint=endpoint, waits=waits, **options) -> SocketServer:
        servers.append(SocketServer(endpoint, waits=waits, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def server(serve) -> SocketServer:
    return serve()


@pytest.fixture
def connect():
    clients = []

    def connect(server: SocketServer, **options) -> RawClient:
        clients.append(RawClient(server.port, **options))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def client(server, connect) -> RawClient:
    return connect(server)


@pytest.fixture(name="request_bytes")
def request_bytes_fixture():
    return request_bytes
