"""Waiting in real time for a test: bounded, and over when the test is over."""

from __future__ import annotations

import threading
from typing import Literal

__all__ = ["ExchangeWaits", "WaitEnd", "Waits"]

WaitEnd = Literal["over", "released", "limit"]
"""How a wait ended: its time passed, somebody released it, or it lasted as long as any wait may."""


class Waits:
    """All waits of one fake, shared by its transports.

    Every wait is one ``Event.wait(timeout)``: a loop on ``time.monotonic()`` would never end under freezegun,
    which freezes that clock.

    Attributes:
        limit: the longest that any wait lasts, in real seconds.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._events: set[threading.Event] = set()
        self._released = False
        self._released_until = -1

    def of(self, number: int) -> ExchangeWaits:
        """Gives the waits of one exchange, by its number in the journal."""
        return ExchangeWaits(self, number)

    def wait(
        self, seconds: float | None, event: threading.Event | None = None, *, number: int | None = None
    ) -> WaitEnd:
        """Blocks the calling thread; holds no lock meanwhile.

        Args:
            seconds: how long, in real seconds; None waits until released.
            event: ends this one wait when somebody sets it, as `release` ends all.
            number: of the exchange that waits.

        Returns:
            ``"over"`` after ``seconds``, ``"released"`` when ended early, ``"limit"`` when ``seconds`` were more
            than the limit and the limit has passed.
        """
        event = event or threading.Event()
        with self._lock:
            if self._released or (number is not None and number <= self._released_until):
                return "released"
            self._events.add(event)
        try:
            if event.wait(self.limit if seconds is None else min(seconds, self.limit)):
                return "released"
        finally:
            with self._lock:
                self._events.discard(event)
        return "limit" if seconds is None or seconds > self.limit else "over"

    def release(self, until: int | None = None) -> None:
        """Ends all waits that are under way, and later ones at once.

        Args:
            until: those later ones are the waits of exchanges up to this number: one that has been decided may not
                have begun to wait. None: they are all waits until `rearm`.
        """
        with self._lock:
            if until is None:
                self._released = True
            else:
                self._released_until = until
            for event in self._events:
                event.set()

    def rearm(self) -> None:
        """Lets later waits wait again: for a fake that is started again."""
        with self._lock:
            self._released = False


class ExchangeWaits:
    """The waits of one exchange.

    Attributes:
        limit: the longest that any of them lasts, in real seconds.
    """

    __slots__ = ("_number", "_waits", "limit")

    def __init__(self, waits: Waits, number: int) -> None:
        self._waits = waits
        self._number = number
        self.limit = waits.limit

    def wait(self, seconds: float | None, event: threading.Event | None = None) -> WaitEnd:
        """The same as `Waits.wait`."""
        return self._waits.wait(seconds, event, number=self._number)
