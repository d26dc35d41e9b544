"""The raw client, a process of its own: bare sockets, bytes made beforehand, nothing parsed but lengths.

It reads orders from its input, a JSON object a line, and answers each with the seconds that it took.
"""

from __future__ import annotations

import base64
import json
import select
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.harness import CLIENT_CORE, on_core

if TYPE_CHECKING:
    from collections.abc import Iterator

SDK_HEADERS = (
    ("Accept", "application/json"),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Connection", "keep-alive"),
    ("User-Agent", "Cloudflare/Python 5.9.0"),
    ("X-Stainless-Lang", "python"),
    ("X-Stainless-Package-Version", "5.9.0"),
    ("X-Stainless-OS", "Linux"),
    ("X-Stainless-Arch", "x64"),
    ("X-Stainless-Runtime", "CPython"),
    ("X-Stainless-Runtime-Version", "3.11.7"),
    ("X-Stainless-Async", "false"),
    ("x-stainless-retry-count", "0"),
    ("x-stainless-read-timeout", "60"),
)
"""With Host, Authorization and Content-Type these are the 16 headers of an official SDK."""


def request_bytes(method: str, target: str, port: int, *, token: str = "kvfake-cloudflare-api-token", body: bytes = b"",
                  content_type: str = "application/json") -> bytes:  # fmt: skip
    """Gives a request with the headers that the official SDK sends."""
    headers = [("Host", f"127.0.0.1:{port}"), ("Authorization", f"Bearer {token}"), *SDK_HEADERS]
    headers.append(("Content-Type", content_type))
    if body or method in {"PUT", "POST"}:
        headers.append(("Content-Length", str(len(body))))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode() + body


class Connection:
    """A connection that is opened again when the server has closed it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.socket: socket.socket | None = None
        self._size = -1

    def open(self) -> socket.socket:
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.socket

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def receive(self) -> bytes:
        """Gives what begins with the status line of the next answer; all of it is read.

        An answer that came in one piece and is as long as the one before is not looked into.
        """
        assert self.socket is not None
        recv = self.socket.recv
        data = recv(65_536)
        if len(data) == self._size:
            return data
        while (end := data.find(b"\r\n\r\n")) < 0:
            piece = recv(65_536)
            if not piece:
                raise ConnectionError(f"the answer ended early: {data[:200]!r}")
            data += piece
        head = data[:end].lower()
        if b"transfer-encoding: chunked" in head:
            while not data.endswith(b"\r\n0\r\n\r\n"):
                data = data[-7:] + recv(65_536)
            return head
        size = end + 4 + _length(head)
        left = size - len(data)
        while left > 0:
            piece = recv(min(left, 1 << 20))
            if not piece:
                raise ConnectionError(f"the answer ended {left} bytes early")
            left -= len(piece)
        if b"connection: close" in head:
            self.close()
        else:
            self._size = size
        return head


def _length(head: bytes) -> int:
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        raise ValueError(f"an answer without a length: {head[:300]!r}")
    end = head.find(b"\r\n", at + 2)
    return int(head[at + 17 : end if end >= 0 else None])


def _one(connection: Connection, request: bytes, count: int) -> None:
    for _ in range(count):
        connection.open().sendall(request)
        connection.receive()


def _many(connections: list[Connection], request: bytes, count: int) -> None:
    """Keeps one request under way on every connection until ``count`` have been answered."""
    by_socket = {connection.open().fileno(): connection for connection in connections}
    poll = select.poll()
    for number in by_socket:
        poll.register(number, select.POLLIN)
    left, answered = count, 0
    for connection in connections[:count]:
        connection.open().sendall(request)
        left -= 1
    while answered < count:
        for number, _ in poll.poll():
            connection = by_socket[number]
            connection.receive()
            answered += 1
            if left:
                connection.open().sendall(request)
                left -= 1


def _asked(connection: Connection, request: bytes) -> int:
    """Sends the request that is not timed, again where the server has closed an idle connection; gives its status."""
    try:
        connection.open().sendall(request)
        return int(connection.receive().split(b" ")[1])
    except ConnectionError:
        connection.close()
        connection.open().sendall(request)
        return int(connection.receive().split(b" ")[1])


def _carry_out(order: dict[str, Any], known: dict[str, list[Connection]], bodies: dict[str, bytes]) -> dict[str, Any]:
    name, port, count = order["name"], order["port"], order["count"]
    if "request" in order:
        bodies[name] = base64.b64decode(order["request"]) + b"x" * order["padding"] + order["end"].encode()
    connections = known.setdefault(name, [])
    while len(connections) < order.get("connections", 1):
        connections.append(Connection(port))
    request = bodies[name]
    status = _asked(connections[0], request)
    began = time.perf_counter()
    if len(connections) == 1:
        _one(connections[0], request, count)
    else:
        _many(connections, request, count)
    return {"seconds": time.perf_counter() - began, "status": status}


def main() -> None:
    """Carries out orders until its input ends."""
    known: dict[str, list[Connection]] = {}
    bodies: dict[str, bytes] = {}
    for line in sys.stdin:
        order = json.loads(line)
        if order.get("forget"):
            for connection in known.pop(order["name"], []):
                connection.close()
            bodies.pop(order["name"], None)
            continue
        try:
            done = _carry_out(order, known, bodies)
        except (OSError, ValueError) as error:
            done = {"error": repr(error)}
        print(json.dumps(done), flush=True)


class Client:
    """The client's process, as its parent sees it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout

    def prepare(
        self, name: str, port: int, request: bytes, *, connections: int = 1, padding: int = 0, end: str = ""
    ) -> None:
        """Tells the request that `run` repeats under a name, and sends it once.

        Args:
            name: of the request.
            port: of its server.
            request: its bytes, or their beginning.
            connections: how many are opened.
            padding: how many bytes go behind that.
            end: what goes behind them.

        Raises:
            RuntimeError: it is not answered with 200.
        """
        more = {
            "request": base64.b64encode(request).decode(),
            "padding": padding,
            "end": end,
            "connections": connections,
        }
        done = self._order({"name": name, "port": port, "count": 0, **more})
        if done["status"] != 200:
            raise RuntimeError(f"{name} answers {done['status']}")
        self._ports = {**getattr(self, "_ports", {}), name: port}

    def run(self, name: str, count: int, *, connections: int = 1) -> float:
        """Gives the seconds that one request took, in the mean; one that is not timed goes first."""
        order = {"name": name, "port": self._ports[name], "count": count, "connections": connections}
        return float(self._order(order)["seconds"]) / count

    def forget(self, name: str) -> None:
        """Closes the connections of a name."""
        print(json.dumps({"name": name, "forget": True}), file=self._in, flush=True)

    def _order(self, order: dict[str, Any]) -> dict[str, Any]:
        print(json.dumps(order), file=self._in, flush=True)
        done: dict[str, Any] = json.loads(self._out.readline())
        if "error" in done:
            raise RuntimeError(f"{order['name']}: {done['error']}")
        return done


@contextmanager
def client(place: int = CLIENT_CORE) -> Iterator[Client]:
    """Starts the client's process on a core, and ends it."""
    command = [sys.executable, "-m", "benchmarks.client"]
    with on_core(place):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            yield Client(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)


if __name__ == "__main__":
    main()
