"""Waiting in real time for a test: bounded, and over when the test is over."""

from __future__ import annotations

import threading
from typing import Literal

__all__ = ["WaitEnd", "Waits"]

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

    def wait(self, seconds: float | None, event: threading.Event | None = None) -> WaitEnd:
        """Blocks the calling thread; holds no lock meanwhile.

        Args:
            seconds: how long, in real seconds; None waits until released.
            event: ends this one wait when somebody sets it, as `release` ends all.

        Returns:
            ``"over"`` after ``seconds``, ``"released"`` when ended early, ``"limit"`` when ``seconds`` were more
            than the limit and the limit has passed.
        """
        event = event or threading.Event()
        with self._lock:
            if self._released:
                return "released"
            self._events.add(event)
        try:
            if event.wait(self.limit if seconds is None else min(seconds, self.limit)):
                return "released"
        finally:
            with self._lock:
                self._events.discard(event)
        return "limit" if seconds is None or seconds > self.limit else "over"

    def release(self) -> None:
        """Ends all waits, and every later one at once, until `rearm`."""
        with self._lock:
            self._released = True
            for event in self._events:
                event.set()

    def rearm(self) -> None:
        """Lets later waits wait again: for a fake that outlives one test."""
        with self._lock:
            self._released = False
