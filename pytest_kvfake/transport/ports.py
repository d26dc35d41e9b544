"""One TCP port: taking it, listening on it, and holding it while nobody listens."""

from __future__ import annotations

import errno
import os
import socket
import sys
import threading
from collections import deque
from contextlib import suppress

from pytest_kvfake.errors import OptionError, PortTakenError

__all__ = ["RECENT_PORTS", "Port", "host_for_url"]

RECENT_PORTS = 64
"""How many ports are not taken again by this process after their servers have stopped."""

BACKLOG = 128

_recent: deque[int] = deque(maxlen=RECENT_PORTS)
_recent_lock = threading.Lock()

# Two sockets may be bound to one port only where SO_REUSEADDR says "unless one of them listens": on Linux.
_HOLDS = sys.platform.startswith("linux")


class Port:
    """A port that stays ours from the first bind to `close`, whether somebody listens or not.

    A bound, never listening socket holds it. Elsewhere than on Linux that socket exists only while nobody listens.

    Args:
        host: a name or address of this machine; an IPv6 address has a colon in it.
        port: 0 takes a free one, but none that one of the last `RECENT_PORTS` servers of this process had: a thread
            that an earlier test left behind gets "connection refused" and never an answer.

    Attributes:
        host: as it was asked for.
        number: the port.

    Raises:
        PortTakenError: somebody else listens on it.
        OptionError: ``host`` is no address of this machine.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self._holder: socket.socket | None = _bind(host, port) if port else _bind_free(host)
        self.number: int = self._holder.getsockname()[1]

    def listen(self) -> socket.socket:
        """Gives a listening socket; the caller closes it."""
        if not _HOLDS and self._holder is not None:
            self._holder.close()
            self._holder = None
        listener = _bind(self.host, self.number)
        try:
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            raise _explained(error, self.host, self.number) from error
        return listener

    def hold(self) -> None:
        """Keeps the port from others after the listening socket was closed."""
        if self._holder is None:
            self._holder = _bind(self.host, self.number)

    def close(self) -> None:
        """Gives the port back, and remembers it among the recent ones."""
        if self._holder is not None:
            self._holder.close()
            self._holder = None
        with _recent_lock:
            _recent.append(self.number)


def host_for_url(host: str) -> str:
    """Gives a host as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _bind(host: str, port: int) -> socket.socket:
    host = host.strip("[]")
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # Elsewhere this option would let two programs listen on the same port.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise _explained(error, host, port) from error
    return bound


def _bind_free(host: str) -> socket.socket:
    unwanted: list[socket.socket] = []
    try:
        while True:
            # A port that is not wanted stays bound until another is found, so it is not offered twice.
            bound = _bind(host, 0)
            with _recent_lock:
                if bound.getsockname()[1] not in _recent:
                    return bound
            unwanted.append(bound)
    finally:
        for bound in unwanted:
            with suppress(OSError):
                bound.close()


def _explained(error: OSError, host: str, port: int) -> OSError | OptionError:
    if error.errno == errno.EADDRINUSE:
        taken = PortTakenError(
            f"port {port} on {host} is taken: another program listens there. Stop it (`ss -ltnp 'sport = :{port}'` or "
            f"`lsof -i :{port}` names it), or ask for another port; port 0 takes a free one"
            if port
            else f"no port of {host} is free: all ephemeral ports of this machine are in use"
        )
        taken.errno = error.errno
        return taken
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return OptionError(
            f"host {host!r} is no address of this machine: use 127.0.0.1, ::1, or 0.0.0.0 for all of them"
        )
    return error
