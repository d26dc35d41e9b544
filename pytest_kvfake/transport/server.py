"""The socket server: one listener, one accept thread, a thread per connection, all as long-lived as the fake."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from pytest_kvfake.transport.connection import Connection
from pytest_kvfake.transport.ports import Port, host_for_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_kvfake.engine.messages import Endpoint
    from pytest_kvfake.transport.waits import Waits

__all__ = ["SocketServer"]

RETRY_ACCEPT = 0.05
"""Seconds before accept is tried again after an error, for example when the process has no descriptor left."""

LAST_STEP = 0.2
"""Seconds for a thread that has said good-bye to be really gone."""


class SocketServer:
    """Serves an endpoint over HTTP/1.1 on one port. It listens when the constructor returns.

    Args:
        endpoint: answers the requests.
        host: a name or address of this machine to bind to, IPv6 too.
        port: 0 takes a free port, never one of the last 64 of this process.
        waits: delays and hangs go through it; `stop` releases it.

    Attributes:
        host: as given.
        port: the port that was taken.

    Raises:
        PortTakenError: somebody else listens on that port.
        OptionError: ``host`` is no address of this machine.
    """

    def __init__(self, endpoint: Endpoint, *, host: str = "127.0.0.1", port: int = 0, waits: Waits) -> None:
        self._endpoint = endpoint
        self._waits = waits
        self._port = Port(host, port)
        self.host = host
        self.port = self._port.number
        # Guards what follows; a connection's socket is cut and closed only under it.
        self._lock = threading.Lock()
        self._switch = threading.Lock()
        self._connections: dict[Connection, threading.Thread] = {}
        self._refusals = 0
        self._stopped = threading.Event()
        self._idle = threading.Event()
        self._listener: socket.socket | None = None
        self._accepting: threading.Thread | None = None
        try:
            self._open()
        except BaseException:
            self._port.close()
            raise

    def __repr__(self) -> str:
        state = "stopped" if self._stopped.is_set() else "refusing" if self._refusals else "listening"
        return f"<SocketServer {host_for_url(self.host)}:{self.port} {state}, {len(self._connections)} connections>"

    @contextmanager
    def refuse(self) -> Iterator[None]:
        """Inside the block new connections are refused and live ones cut; afterwards the port is the same.

        Blocks may overlap: the last one to end opens the port. After `stop` nothing opens it again.
        """
        with self._switch:
            self._refusals += 1
            if self._refusals == 1 and not self._stopped.is_set():
                self._shut()
                self._port.hold()
        try:
            yield
        finally:
            with self._switch:
                self._refusals -= 1
                if not self._refusals and not self._stopped.is_set():
                    self._open()

    def stop(self, timeout: float = 1.0) -> None:
        """Ends everything: wakes accept, cuts connections, releases waits, joins threads. Again does nothing.

        Args:
            timeout: the longest that threads are waited for, in real seconds.
        """
        with self._switch:
            if self._stopped.is_set():
                return
            self._stopped.set()
            self._waits.release()
            threads = self._shut()
            self._port.close()
        # An endpoint may stop its own server: its thread cannot wait for itself.
        if threading.current_thread() not in threads and self._idle.wait(timeout):
            for thread in threads:
                thread.join(LAST_STEP)

    def _open(self) -> None:
        listener = self._port.listen()
        accepting = threading.Thread(
            target=self._accept, args=(listener,), name=f"kvfake-{self.port}-accept", daemon=True
        )
        with self._lock:
            self._listener, self._accepting = listener, accepting
        accepting.start()

    def _shut(self) -> list[threading.Thread]:
        """Closes the listener, then cuts every connection, so that a client that is cut and tries again is refused.

        Returns:
            The threads of the connections.
        """
        with self._lock:
            listener, self._listener = self._listener, None
            accepting, self._accepting = self._accepting, None
        if listener is not None:
            _wake(listener, self.host, self.port)
            if accepting is not None:
                accepting.join(LAST_STEP)
            listener.close()
        with self._lock:
            threads = list(self._connections.values())
            if threads:
                self._idle.clear()
            else:
                self._idle.set()
            for connection in self._connections:
                connection.cut()
        return threads

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                if self._listener is not listener:
                    return
                self._stopped.wait(RETRY_ACCEPT)
                continue
            with self._lock:
                if self._listener is not listener:
                    accepted.close()
                    return
                connection = Connection(accepted, self._endpoint, self._waits, f"{host_for_url(self.host)}:{self.port}")
                thread = threading.Thread(
                    target=self._serve, args=(connection,), name=f"kvfake-{self.port}-connection", daemon=True
                )
                self._connections[connection] = thread
                # Under the lock: nobody may join a thread that was not started.
                thread.start()

    def _serve(self, connection: Connection) -> None:
        try:
            reset = connection.serve()
        except BaseException:
            self._forget(connection, reset=False)
            raise
        self._forget(connection, reset=reset)

    def _forget(self, connection: Connection, *, reset: bool) -> None:
        with self._lock:
            connection.close(reset=reset)
            del self._connections[connection]
            if not self._connections:
                self._idle.set()


def _wake(listener: socket.socket, host: str, port: int) -> None:
    """Makes a blocked ``accept()`` return."""
    try:
        listener.shutdown(socket.SHUT_RDWR)
    except OSError:
        # BSD and Windows do not know this for a listening socket: there a connection wakes it.
        with suppress(OSError), socket.create_connection((host.strip("[]"), port), 0.2):
            pass
