"""Every exchange in order: bounded in memory, exact in its counts, queried and awaited by tests."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, overload

from pytest_kvfake.engine.exchange import Exchange, Exchanges, counted
from pytest_kvfake.errors import JournalError, UnknownOperationError, did_you_mean
from pytest_kvfake.log import LOGGER

if TYPE_CHECKING:
    from pytest_kvfake.engine.messages import Request

__all__ = ["Journal"]


@dataclass(frozen=True, slots=True)
class _Bounds:
    entries: int
    body_bytes: int
    total_bytes: int


class Journal(Sequence[Exchange]):
    """All exchanges of a fake, the oldest dropped when a bound is reached.

    Indexing and iteration see what is still there; ``len`` and counts are of all that ever came. Whoever asks by
    an operation's name gets `UnknownOperationError` for one that the service does not have.

    Requests under way are kept beside them until one of them is decided.

    Attributes:
        on_drop: is told each exchange that has gone and whose violations somebody watches.
    """

    def __init__(
        self,
        *,
        entries: int = 1000,
        body_bytes: int = 64 * 1024,
        total_bytes: int = 16 * 1024 * 1024,
        service: str = "",
        operations: Collection[str] = (),
    ) -> None:
        """Makes an empty journal of a service; without ``operations`` it takes every name for one."""
        self._bounds = _Bounds(entries, body_bytes, total_bytes)
        self._service = service
        self._operations = operations
        self._kept: deque[Exchange] = deque()
        self._kept_bytes = 0
        self._newest = 0
        self._forgotten = 0
        self._counts: dict[str | None, int] = {}
        self._lock = threading.RLock()  # entered by itself: a condition's own __enter__ is a Python call more
        self._changed = threading.Condition(self._lock)
        self._waiting = 0
        self.on_drop: Callable[[Exchange], None] | None = None

    def open(self, operation: str | None, key: str | None, request: Request, time: float) -> Exchange:
        """Adds an exchange that has just begun; its number is the next one."""
        with self._lock:
            number = self._newest = self._newest + 1
            exchange = Exchange(number, operation, key, request, time)
            self._counts[operation] = self._counts.get(operation, 0) + 1
            self._kept.append(exchange)
        return exchange

    def close(self, exchange: Exchange) -> None:
        """Marks an exchange as decided: bodies are cut to the bound, old exchanges dropped, waiters woken."""
        bounds, size = self._bounds, _size(exchange)
        if size > bounds.body_bytes:
            size = self._cut(exchange)
        gone: list[Exchange] = []
        with self._lock:
            kept = self._kept
            if kept and exchange.number >= kept[0].number:
                exchange.kept_bytes = size
                self._kept_bytes += size
            elif exchange.watched:  # it went while it was open
                gone.append(exchange)
            while len(kept) > bounds.entries or (self._kept_bytes > bounds.total_bytes and len(kept) > 1):
                oldest = kept.popleft()
                self._kept_bytes -= oldest.kept_bytes
                if oldest.watched:
                    gone.append(oldest)
            if self._waiting:
                self._changed.notify_all()
        if self.on_drop is not None:
            for one in gone:
                self.on_drop(one)
        if LOGGER.isEnabledFor(logging.INFO):
            LOGGER.info("%s %s", self._service, exchange)

    def clear(self) -> None:
        """Forgets all exchanges and counts; numbers go on, so that none ever means two exchanges."""
        with self._lock:
            self._kept.clear()
            self._counts.clear()
            self._kept_bytes = 0
            self._forgotten = self._newest

    @property
    def newest(self) -> int:
        """The number of the newest exchange, whether or not it is still there; 0 before the first."""
        return self._newest

    @property
    def dropped(self) -> int:
        """How many exchanges are no longer there."""
        return len(self) - len(self._kept)

    @property
    def last(self) -> Exchange:
        """The newest exchange.

        Raises:
            LookupError: no request has come.
        """
        with self._lock:
            if not self._kept:
                raise LookupError("No request has reached the fake.")
            return self._kept[-1]

    def find(self, number: int) -> Exchange | None:
        """Gives an exchange by its number, or None when it was dropped."""
        with self._lock:
            if not self._kept:
                return None
            index = number - self._kept[0].number
            return self._kept[index] if 0 <= index < len(self._kept) else None

    def count(self, operation: Any = None) -> int:
        """Gives how many requests an operation has had, dropped ones included; None: those that met none."""
        self._known(operation)
        return self._counts.get(operation, 0)

    def of(
        self,
        operation: str | None = None,
        *,
        key: str | None = None,
        status: int | None = None,
        fault: str | None = None,
    ) -> Exchanges:
        """Gives the exchanges that fit all that is named.

        Args:
            operation: its name.
            key: the key that the request's path names.
            status: of the answer.
            fault: a part of the fault's description.

        Raises:
            JournalError: exchanges that might fit were dropped.
        """
        self._known(operation)
        self._complete(operation)
        found = [
            exchange
            for exchange in self._snapshot()
            if (operation is None or exchange.operation == operation)
            and (key is None or exchange.key == key)
            and (status is None or exchange.status == status)
            and (fault is None or (exchange.fault is not None and fault in exchange.fault))
        ]
        asked = {"key": key, "status": status, "fault": fault}
        more = "".join(f" {name}={value!r}" for name, value in asked.items() if value is not None)
        return Exchanges(found, described=f"{operation or 'any operation'}{more}")

    def assert_called(
        self,
        operation: str,
        *,
        times: int | None = None,
        key: str | None = None,
        status: int | None = None,
        fault: str | None = None,
    ) -> Exchanges:
        """Asserts that an operation was asked for, and gives the exchanges.

        Args:
            operation: its name.
            times: exactly how often; at least once unless given.
            key: only with this key.
            status: only those that were answered with it.
            fault: only those on which this fault acted.

        Raises:
            AssertionError: it was not; the text says what was expected, what came, and what came nearest.
            JournalError: exchanges that might fit were dropped.
        """
        found = self.of(operation, key=key, status=status, fault=fault)
        if len(found) == times or (times is None and found):
            return found
        wanted = "at least once" if times is None else f"{times} time{'' if times == 1 else 's'}"
        near = self.of(operation) or Exchanges(self._snapshot())
        shown = "".join(f"\n  {exchange}" for exchange in near[-10:]) or " nothing"
        raise AssertionError(f"{found.described} was to come {wanted}, but came {len(found)} times. Nearest:{shown}")

    def wait_for(self, operation: str, *, count: int = 1, timeout: float = 5.0) -> Exchanges:
        """Waits until an operation has been answered ``count`` times, and gives what was answered.

        Args:
            operation: its name.
            count: how many decided exchanges.
            timeout: real seconds.

        Raises:
            TimeoutError: they did not come; the text says what came instead.
            JournalError: some of them were dropped.
        """
        self._known(operation)
        with self._changed:
            self._waiting += 1
            try:
                came = self._changed.wait_for(lambda: self._decided(operation) >= count, timeout)
            finally:
                self._waiting -= 1
            if not came:
                raise TimeoutError(self._late(operation, count, timeout))
        return Exchanges((one for one in self.of(operation) if one.wire is not None), described=operation)

    async def wait_for_async(self, operation: str, *, count: int = 1, timeout: float = 5.0) -> Exchanges:
        """The same as `wait_for`, for ``await``."""
        import asyncio

        return await asyncio.to_thread(self.wait_for, operation, count=count, timeout=timeout)

    @overload
    def __getitem__(self, index: int) -> Exchange: ...
    @overload
    def __getitem__(self, index: slice) -> Exchanges: ...
    def __getitem__(self, index: int | slice) -> Exchange | Exchanges:
        if isinstance(index, slice) or index >= 0:
            self._complete(None)
        kept = self._snapshot()
        return Exchanges(kept[index]) if isinstance(index, slice) else kept[index]

    def __len__(self) -> int:
        return self._newest - self._forgotten

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self._snapshot())

    def __repr__(self) -> str:
        kept = self._snapshot()
        gone = f" ({self.dropped} dropped)" if self.dropped else ""
        shown = "".join(f"\n  {exchange}" for exchange in kept[-20:])
        return f"<Journal of {counted(len(self))}{gone}>{shown}"

    def _known(self, operation: str | None) -> None:
        if operation is not None and self._operations and operation not in self._operations:
            raise UnknownOperationError(
                f"The service has no operation {operation!r}.{did_you_mean(operation, self._operations)}"
            )

    def _snapshot(self) -> list[Exchange]:
        with self._lock:
            return list(self._kept)

    def _decided(self, operation: str) -> int:
        open_ones = sum(1 for exchange in self._kept if exchange.operation == operation and exchange.wire is None)
        return self._counts.get(operation, 0) - open_ones

    def _late(self, operation: str, count: int, timeout: float) -> str:
        came = "".join(f"\n  {exchange}" for exchange in list(self._kept)[-10:]) or " nothing"
        return (
            f"{operation} was to be answered {count} times within {timeout:g} s, "
            f"but was {self._decided(operation)} times. What came:{came}"
        )

    def _complete(self, operation: str | None) -> None:
        if not self.dropped:
            return
        kept = sum(1 for exchange in self._kept if operation is None or exchange.operation == operation)
        total = len(self) if operation is None else self._counts.get(operation, 0)
        if kept < total:
            raise JournalError(
                f"{total - kept} of {total} exchanges {f'of {operation} ' if operation else ''}were dropped from the "
                f"journal (bounds: {self._bounds.entries} entries, {self._bounds.total_bytes} bytes). "
                "Raise kvfake_journal_entries or kvfake_journal_bytes; journal.count(operation) stays exact."
            )

    def _cut(self, exchange: Exchange) -> int:
        exchange.violations  # noqa: B018 - worked out while the whole bodies are there
        bound = self._bounds.body_bytes
        exchange.request = replace(exchange.request, body=exchange.request.body[:bound])
        if exchange.response is not None:
            exchange.response = replace(exchange.response, body=exchange.response.body[:bound])
        return _size(exchange)


def _size(exchange: Exchange) -> int:
    return len(exchange.request.body) + (len(exchange.response.body) if exchange.response is not None else 0)
