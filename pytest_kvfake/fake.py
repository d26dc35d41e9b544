"""What the four fakes share: one object that ties a service's state, the engine and the transports together."""

from __future__ import annotations

import json
import warnings
import weakref
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypedDict, TypeVar

from pytest_kvfake.contract.document import Document, load
from pytest_kvfake.engine import verification
from pytest_kvfake.engine.clock import Clock
from pytest_kvfake.engine.conformance import Conformance
from pytest_kvfake.engine.journal import Journal
from pytest_kvfake.engine.seed import random_seed
from pytest_kvfake.engine.service import Service, State
from pytest_kvfake.engine.world import World
from pytest_kvfake.errors import (
    ContractViolationError,
    KVFakeContractWarning,
    NotRunningError,
    UsageError,
    VerificationError,
)
from pytest_kvfake.transport.server import SocketServer
from pytest_kvfake.transport.waits import Waits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from os import PathLike
    from types import TracebackType

    import pytest
    from pytest_httpserver import HTTPServer
    from typing_extensions import Self

    from pytest_kvfake.engine.faults.vocabulary import Faults
    from pytest_kvfake.transport.face import ServerFace
    from pytest_kvfake.transport.httpx import KVFakeTransport

__all__ = ["Fake", "FakeOptions", "Snapshot", "open_fakes", "recent_fakes", "starts"]

S = TypeVar("S", bound=State)

# What reading a file raises that somebody else wrote, or that was edited by hand.
_NO_STATE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)

_running: set[Fake[Any]] = set()  # holds them: a fake whose name is gone still listens, and is still verified
_started: weakref.WeakSet[Fake[Any]] = weakref.WeakSet()


class FakeOptions(TypedDict, total=False):
    """What every `Fake` takes, for the signatures of those that take more; `Fake` explains each."""

    seed: int | None
    dialect: str
    strict: str
    host: str
    port: int
    advertised_host: str | None
    wait_limit: float
    journal_entries: int
    journal_body_bytes: int
    journal_bytes: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of one fake at one moment; `Fake.restore` takes it as often as wanted."""

    service: str
    saved: Any


def open_fakes() -> list[Fake[Any]]:
    """Gives the fakes of this process that are running, the oldest first."""
    return sorted(_running, key=lambda fake: fake.opened)


def recent_fakes(since: int) -> list[Fake[Any]]:
    """Gives the fakes that are running, or were started after the ``since``-th start and still exist.

    A ``with`` block that a failure has left has stopped its fake; the failure's report still wants to see it.
    """
    recent = _running.union(fake for fake in _started if fake.opened > since)
    return sorted(recent, key=lambda fake: fake.opened)


def starts() -> int:
    """Gives how often fakes have been started in this process."""
    return Fake._openings  # noqa: SLF001 - the class of this module


class Fake(ABC, Generic[S]):
    """A fake of one service: an HTTP server on a port of its own, and everything to look inside.

    Use it as a context manager: entering starts it, leaving verifies (unless an exception is under way) and
    stops it. One object is one world; nothing is shared between fakes.

    Attributes:
        journal: every exchange, in order.
        faults: arms faults.
        clock: moves the fake's time.
        conformance: what the contract says about the exchanges.
        seed: of ids, cursors and draws.
        dialect: ``documented`` or ``observed``.
        base_path: what follows the origin in `url`.
    """

    base_path: ClassVar[str] = ""
    service: ClassVar[Service[Any]]
    opened: int = 0
    _openings = 0

    def __init__(
        self,
        *,
        seed: int | None = None,
        dialect: str = "documented",
        strict: str = "warn",
        host: str = "127.0.0.1",
        port: int = 0,
        advertised_host: str | None = None,
        wait_limit: float = 10.0,
        journal_entries: int = 1000,
        journal_body_bytes: int = 64 * 1024,
        journal_bytes: int = 16 * 1024 * 1024,
    ) -> None:
        """Makes a fake that is not running yet.

        Args:
            seed: of ids, cursors and draws; None takes a random one (`seed` tells it).
            dialect: ``documented`` (the vendor's pages, to the letter) or ``observed`` (production).
            strict: what ``verify()`` makes of contract violations: ``off``, ``warn`` or ``error``.
            host: the address to listen on; ``::1`` for IPv6, ``0.0.0.0`` to be reached from containers.
            port: the port to listen on; 0 takes a free one.
            advertised_host: the host in the URLs that the fake gives out, where it differs from ``host``.
            wait_limit: real seconds that a delay or a hang lasts at the most.
            journal_entries: how many exchanges the journal keeps.
            journal_body_bytes: how much of a body it keeps, in bytes.
            journal_bytes: how many bytes of bodies it keeps in all.

        Raises:
            OptionError: there is no such dialect or mode.
        """
        self.seed = random_seed() if seed is None else seed
        self.dialect = dialect
        self.clock = Clock()
        self.document: Document = self._contract(dialect)
        self.conformance = Conformance(self.document, strict)
        self.journal = Journal(
            entries=journal_entries,
            body_bytes=journal_body_bytes,
            total_bytes=journal_bytes,
            service=self.document.service,
            operations=self.document.operations.keys(),
        )
        self.world: World[S] = World(
            self.service,
            self.document,
            self._new_state(),
            clock=self.clock,
            seed=self.seed,
            journal=self.journal,
            conformance=self.conformance,
        )
        self.faults: Faults = self.world.faults
        self._host = host
        self._port = port
        self._advertised_host = advertised_host
        self._wait_limit = wait_limit
        self._waits = Waits(wait_limit)
        self._socket_server: SocketServer | None = None
        self._pristine = self.world.state.snapshot()

    # Lifecycle

    def start(self) -> Self:
        """Starts listening; the fake can be reached when this returns.

        Raises:
            PortTakenError: the port that was asked for is in use.
            UsageError: it is running already.
        """
        if self._socket_server is not None:
            raise UsageError(f"{self!r} is running already.")
        self._waits.rearm()
        self._socket_server = SocketServer(self.world, host=self._host, port=self._port, waits=self._waits)
        self.faults.attach(self._socket_server.refuse)
        Fake._openings += 1
        self.opened = Fake._openings
        _started.add(self)
        _running.add(self)
        return self

    def stop(self) -> None:
        """Cuts all connections, releases everything that waits, and gives the port up; may be called twice."""
        server, self._socket_server = self._socket_server, None
        _running.discard(self)
        self._waits.release()
        if server is not None:
            self.faults.attach(None)
            server.stop()

    def release(self) -> None:
        """Ends the waits of every request that has come so far; the plugin calls it at the end of each test."""
        self._waits.release(until=self.journal.newest)

    @property
    def running(self) -> bool:
        """Whether the fake has a socket."""
        return self._socket_server is not None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.verify()
        finally:
            self.stop()

    # Addresses and credentials

    @property
    def origin(self) -> str:
        """Scheme, host and port, without a trailing slash.

        Raises:
            NotRunningError: the fake has no socket.
        """
        return f"http://{self._url_host}:{self.port}"

    @property
    def port(self) -> int:
        """The port it listens on.

        Raises:
            NotRunningError: the fake has no socket.
        """
        if self._socket_server is None:
            name = type(self).__name__
            raise NotRunningError(f"{name} is not running; write `with {name}() as kv:` or call kv.start() first.")
        return self._socket_server.port

    @property
    def url(self) -> str:
        """The base URL in the form that the service's official client takes.

        Raises:
            NotRunningError: the fake has no socket.
        """
        return self.origin + self.base_path

    @property
    @abstractmethod
    def env(self) -> dict[str, str]:
        """The environment variables that the service's official tools read, with this fake's values."""

    def use_env(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Sets the variables of `env` for the rest of the test."""
        for name, value in self.env.items():
            monkeypatch.setenv(name, value)

    # State

    def _contract(self, dialect: str) -> Document:
        """Gives the contract in one dialect; a service may let its users know better."""
        return load(self.service.name, dialect)

    @abstractmethod
    def _new_state(self) -> S:
        """Makes the state of a fresh fake."""

    @property
    @abstractmethod
    def limits(self) -> Any:
        """The documented limits; a test may change them."""

    def snapshot(self) -> Snapshot:
        """Gives the state (entries, id counters; not clock, journal, faults, limits) to come back to."""
        with self.world.lock:
            return Snapshot(self.service.name, self.world.state.snapshot())

    def restore(self, snapshot: Snapshot) -> None:
        """Puts a snapshot of this or another fake of the same service in place.

        Raises:
            UsageError: it is a snapshot of another service.
        """
        if snapshot.service != self.service.name:
            raise UsageError(f"A snapshot of {snapshot.service} cannot be restored into {self.service.name}.")
        with self.world.lock:
            self.world.state.restore(snapshot.saved)
            self.faults.settle()

    def reset(self) -> None:
        """Puts the state of a fresh fake in place; for the head of a Hypothesis example."""
        with self.world.lock:
            self.world.state.restore(self._pristine)
            self.faults.settle()

    def dump(self, path: str | PathLike[str]) -> None:
        """Writes the state to a JSON file that a person can read and `load` takes."""
        with self.world.lock:
            data = {"kvfake": 1, "service": self.service.name, "state": self.world.state.dump()}
        Path(path).write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def load(self, path: str | PathLike[str]) -> None:
        """Puts a state that `dump` wrote in place of everything; a file that is none changes nothing.

        Raises:
            UsageError: the file is not such a state, or one of another service.
        """
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
            service, state = data["service"], data["state"]
        except _NO_STATE as error:
            raise UsageError(f"{path} is not a state that dump() wrote: {error!r}.") from error
        if service != self.service.name:
            raise UsageError(f"{path} holds a state of {service}, not of {self.service.name}.")
        with self.world.lock:
            before = self.world.state.snapshot()
            try:
                self.world.state.load(state)
            except _NO_STATE as error:
                self.world.state.restore(before)
                raise UsageError(f"{path} is not a state that dump() wrote: {error!r}.") from error
            self.faults.settle()

    # Verification

    def verify(self) -> None:
        """Raises for faults that did not fire, contract violations, endless clients, and bugs of the fake.

        What it has reported once it does not report again. The plugin calls it at the end of each test.

        Raises:
            ContractViolationError: there were violations, and ``strict`` is ``error``, or an answer was wrong.
            VerificationError: anything else of the above.

        Warns:
            KVFakeContractWarning: there were violations, and ``strict`` is ``warn``.
        """
        problems = verification.problems(self.world, self._wait_limit)
        violations = self.conformance.take()
        told = verification.told(self.world, violations)
        if problems:
            raise VerificationError("\n\n".join([*problems, told] if told else problems))
        if not violations:
            return
        if self.conformance.strict == "error" or any(violation.side == "answer" for violation in violations):
            raise ContractViolationError(told)
        warnings.warn(told, KVFakeContractWarning, stacklevel=2)

    # Transports

    @property
    def server(self) -> ServerFace:
        """The fake's server as a ``pytest_httpserver.HTTPServerBase``."""
        from pytest_kvfake.transport.face import ServerFace

        return ServerFace(
            self.world,
            self._waits,
            host=self._advertised_host or self._host,
            address=lambda: self.port,
            start=self.start,
            stop=self.stop,
            running=lambda: self.running,
            exchanges=lambda: [(one.number, one.request, one.response) for one in self.journal],
            bugs=lambda: [VerificationError(text) for text in verification.bugs(self.world)],
        )

    @property
    def wsgi_app(self) -> Callable[..., Iterable[bytes]]:
        """The fake as a WSGI application, without a socket of its own."""
        from pytest_kvfake.transport.wsgi import wsgi_app

        return wsgi_app(self.world, self._waits)

    def httpx_transport(self) -> KVFakeTransport:
        """Gives the fake as a transport for ``httpx.Client`` and ``httpx.AsyncClient``, without a socket."""
        from pytest_kvfake.transport.httpx import KVFakeTransport

        return KVFakeTransport(self.world, self._waits)

    def mount(self, httpserver: HTTPServer) -> str:
        """Puts the fake behind a pytest-httpserver, beside its other handlers, which win.

        Returns:
            The base URL there, in the form of `url`.
        """
        from pytest_kvfake.transport.wsgi import mount

        return mount(self.world, self._waits, httpserver).rstrip("/") + self.base_path

    @property
    def _url_host(self) -> str:
        host = self._advertised_host or self._host
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound here, only read
        return f"[{host}]" if ":" in host else host

    def __repr__(self) -> str:
        where = f"at {self.origin}" if self.running else "not running"
        return f"<{type(self).__name__} {where}, {self.dialect}, seed {self.seed}>"
