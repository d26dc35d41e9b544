"""Counting requests against a documented number, on the fake's clock."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_kvfake.contract.document import fill
from pytest_kvfake.engine.clock import http_date
from pytest_kvfake.engine.service import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_kvfake.contract.document import LimitRule
    from pytest_kvfake.engine.service import Command

__all__ = ["Limiter"]


@dataclass(slots=True)
class _Window:
    started: float
    count: int = 0
    blocked_until: float = 0.0


class Limiter:
    """One rate limit: so many requests in so many seconds, for each of what it is counted by.

    A window begins with its first request. A refused request does not count; where the contract names a
    penalty, everything is refused for that long.

    Attributes:
        rule: the documented limit.
    """

    def __init__(self, rule: LimitRule, allowed: Callable[[], int]) -> None:
        """Takes the documented rule and what tells the number in force, which a test may change."""
        assert rule.per_seconds is not None
        self.rule = rule
        self._allowed = allowed
        self._seconds = rule.per_seconds
        self._windows: dict[tuple[str, ...], _Window] = {}

    def admits(self, command: Command, now: float) -> bool:
        """Counts a request; False when it is one too many."""
        windows = [self._window(scope, now) for scope in self._scopes(command)]
        if any(window.count >= self._allowed() or now < window.blocked_until for window in windows):
            for window in windows:
                if self.rule.penalty_seconds and now >= window.blocked_until:
                    window.blocked_until = now + self.rule.penalty_seconds
            return False
        for window in windows:
            window.count += 1
        return True

    def refusal(self, command: Command, now: float) -> ServiceError:
        """Gives the error of a request that was not admitted, with the documented headers."""
        headers = self._headers(self.rule.headers, command, now) | self._headers(
            self.rule.refusal_headers, command, now
        )
        return ServiceError(self.rule.error, headers=headers)

    def headers(self, command: Command, now: float) -> dict[str, str]:
        """Gives the headers that every answer carries while the limit is watched."""
        return self._headers(self.rule.headers, command, now)

    def _headers(self, templates: Mapping[str, str], command: Command, now: float) -> dict[str, str]:
        window = max((self._window(scope, now) for scope in self._scopes(command)), key=lambda one: one.count)
        reset = max(window.started + self._seconds, window.blocked_until)
        values = {
            "limit": self._allowed(),
            "remaining": max(0, self._allowed() - window.count),
            "retry_after": max(1, math.ceil(reset - now)),
            "reset_date": http_date(math.ceil(reset)),
        }
        return {name: fill(template, values) for name, template in templates.items()}

    def _scopes(self, command: Command) -> list[tuple[str, ...]]:
        """What the request is counted by: one scope, or one for each key where it is counted by key."""
        by = self.rule.per
        shared = tuple(command.raw_parameters.get(name, "") for name in by if name != "key")
        return [(*shared, key) for key in command.keys] or [shared] if "key" in by else [shared]

    def _window(self, scope: tuple[str, ...], now: float) -> _Window:
        window = self._windows.get(scope)
        if window is None or (now >= window.started + self._seconds and now >= window.blocked_until):
            window = self._windows[scope] = _Window(now)
        return window
