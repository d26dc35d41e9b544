"""One clock per fake: the patched wall clock plus an offset that tests move."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import datetime, timezone
from email.utils import formatdate
from typing import TYPE_CHECKING

from pytest_kvfake.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Clock", "http_date"]


class Clock:
    """The time that the fake believes in, in seconds since the epoch.

    It is ``time.time()`` plus an offset, looked up at each call, so it follows time-machine and freezegun
    without knowing them. It feeds expiry, timestamps, leases, rate limits and lags. Nothing runs in the
    background: what depends on time is worked out when a request or a test looks.
    """

    __slots__ = ("_frozen", "_offset")

    def __init__(self) -> None:
        self._offset = 0.0
        self._frozen: float | None = None

    def now(self) -> float:
        """Gives the current time in seconds since the epoch."""
        frozen = self._frozen  # looked at once: another thread may let the clock go on meanwhile
        return frozen if frozen is not None else time.time() + self._offset

    def advance(self, seconds: float) -> float:
        """Moves the clock by ``seconds`` (negative: back) and gives the new time.

        What has expired and was removed stays removed when the clock goes back.

        Raises:
            UsageError: that is no time between the years 1 and 9999.
        """
        target = _checked(self.now() + seconds)
        if self._frozen is not None:
            self._frozen = target
        else:
            self._offset += seconds
        return self.now()

    def set(self, when: float | datetime) -> float:
        """Moves the clock to ``when`` and gives the new time; it goes on from there unless frozen.

        Args:
            when: seconds since the epoch, or an aware datetime.

        Raises:
            UsageError: ``when`` is a datetime without a time zone, or no time between the years 1 and 9999.
        """
        target = _seconds(when)
        if self._frozen is not None:
            self._frozen = target
        else:
            self._offset = target - time.time()
        return target

    def freeze(self, when: float | datetime | None = None) -> float:
        """Stops the clock, at ``when`` or at the present moment, and gives that time.

        ``advance`` and ``set`` still move it; ``unfreeze`` lets it go on.
        """
        self._frozen = self.now() if when is None else _seconds(when)
        return self._frozen

    def unfreeze(self) -> None:
        """Lets a frozen clock go on from where it stands."""
        if self._frozen is not None:
            self._offset = self._frozen - time.time()  # first, so that no request sees another time in between
            self._frozen = None

    @contextmanager
    def frozen(self, when: float | datetime | None = None) -> Iterator[Clock]:
        """Freezes the clock inside a ``with`` block."""
        self.freeze(when)
        try:
            yield self
        finally:
            self.unfreeze()

    def __repr__(self) -> str:
        now = self.now()
        stamp = datetime.fromtimestamp(now, timezone.utc).isoformat(timespec="milliseconds")
        return f"<Clock {now:.3f} ({stamp}){' frozen' if self._frozen is not None else ''}>"


def _seconds(when: float | datetime) -> float:
    if isinstance(when, datetime):
        if when.tzinfo is None:
            raise UsageError(f"The clock cannot be set to {when!r}, which has no time zone; use an aware datetime.")
        return when.timestamp()
    return _checked(float(when))


def _checked(second: float) -> float:
    try:
        datetime.fromtimestamp(second, timezone.utc)
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(f"The clock cannot stand at {second!r}; it takes the years 1 to 9999.") from error
    return second


def http_date(second: int) -> str:
    """Gives a whole second since the epoch as an HTTP date (RFC 9110 section 5.6.7)."""
    return formatdate(second, usegmt=True)
