"""Where and when a fault acts, and how often it has."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal, TypedDict

from pytest_kvfake.engine.seed import draw
from pytest_kvfake.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import TracebackType

    from typing_extensions import Self

    from pytest_kvfake.engine.faults.kinds import Kind
    from pytest_kvfake.engine.messages import Request
    from pytest_kvfake.engine.service import Command

__all__ = ["Fault", "Group", "Schedule", "When"]

Group = Literal["READ", "WRITE", "LIST", "BULK", "*"]


class When(TypedDict, total=False):
    """When a fault acts; every kind takes these, by keyword.

    Keys:
        key: only requests that name this key, in the path or in a bulk body.
        when: only requests for which this is true. It gets the request; faults on the head see no body.
        times: how often it acts; None: until removed. Events act once and conditions until removed, and so
            does whatever has a probability or a window.
        after: how many fitting requests go by first.
        every: act on each n-th fitting request from there on.
        probability: act with this chance; drawn from seed, operation, key and count, so it replays.
        window: from and to, in seconds from now on the fake's clock.
        optional: whether the test may end before it has fired ``times`` times; a condition may unless told
            otherwise, an event may not.
    """

    key: str | None
    when: Callable[[Request], bool] | None
    times: int | None
    after: int
    every: int
    probability: float | None
    window: tuple[float, float] | None
    optional: bool


class Schedule:
    """The checked form of `When`.

    Attributes:
        times: how often the fault acts; None for as long as it is armed.
        optional: whether the test may end before that.
    """

    __slots__ = ("after", "every", "key", "optional", "probability", "times", "when", "window")

    def __init__(self, when: When, *, event: bool, now: float) -> None:
        """Checks what a test asked for.

        Args:
            when: the keywords.
            event: whether the kind is an event, which acts once, or a condition, which lasts.
            now: seconds since the epoch on the fake's clock.

        Raises:
            UsageError: a keyword does not exist, or a number cannot be meant.
        """
        for name in when:
            if name not in When.__optional_keys__:
                raise UsageError(f"A fault has no {name!r}.{did_you_mean(name, When.__optional_keys__)}")
        self.key = when.get("key")
        self.when = when.get("when")
        self.after = when.get("after", 0)
        self.every = when.get("every", 1)
        self.probability = when.get("probability")
        window = when.get("window")
        self.window = None if window is None else (now + window[0], now + window[1])
        condition = not event or self.probability is not None or window is not None
        self.times = when.get("times", None if condition else 1)
        self.optional = when.get("optional", condition)
        if self.every < 1 or self.after < 0 or (self.times is not None and self.times < 1):
            raise UsageError(
                f"A fault needs times ≥ 1, every ≥ 1 and after ≥ 0; "
                f"came times={self.times}, every={self.every}, after={self.after}."
            )
        if self.probability is not None and not 0 <= self.probability <= 1:
            raise UsageError(f"A probability lies between 0 and 1, not at {self.probability}.")

    def fits(self, command: Command, now: float) -> bool:
        """Whether key, window and predicate let a request through."""
        if self.key is not None and self.key not in command.keys:
            return False
        if self.window is not None and not self.window[0] <= now < self.window[1]:
            return False
        return self.when is None or bool(self.when(command.request))


class Fault:
    """One armed fault, and how often it has fired.

    It is a context manager: the end of the ``with`` block removes it, unless it is still to fire.

    Attributes:
        number: from 1, in the order in which the faults of a fake were armed.
        kind: what it does.
        where: operation or group, as the test named it.
        operations: names of the operations that it acts on.
        fired: how often it has acted.
        met: how many requests fitted, whether or not it then acted.
    """

    def __init__(
        self,
        number: int,
        kind: Kind,
        where: str,
        operations: frozenset[str],
        schedule: Schedule,
        *,
        remove: Callable[[Fault], None],
    ) -> None:
        self.number = number
        self.kind = kind
        self.where = where
        self.operations = operations
        self.schedule = schedule
        self.fired = 0
        self.met = 0
        self._remove = remove
        self._held = ExitStack()
        self._meetings: dict[tuple[str, str | None], int] = {}

    @property
    def times(self) -> int | None:
        """How often it acts; None for as long as it is armed."""
        return self.schedule.times

    @property
    def missing(self) -> int:
        """How often it still has to fire before the test may end."""
        schedule = self.schedule
        return 0 if schedule.optional or schedule.times is None else max(0, schedule.times - self.fired)

    def hold(self, something: AbstractContextManager[None]) -> None:
        """Enters a context that lasts as long as the fault is armed."""
        self._held.enter_context(something)

    def remove(self) -> None:
        """Disarms it; a fault that was removed by hand is not missed at the end of the test."""
        self._remove(self)
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self.missing:
            return  # it stays for verify(), which says what was expected and what came
        self.remove()

    def __str__(self) -> str:
        key = f" key={self.schedule.key!r}" if self.schedule.key is not None else ""
        return f"{self.kind} on {self.where}{key}"

    def __repr__(self) -> str:
        times = "any number of" if self.times is None else self.times
        return f"<Fault {self.number}: {self}, fired {self.fired} of {times} times>"

    def fits(self, command: Command, now: float) -> bool:
        """Whether a request is one that this fault is about, leaving aside how often it has acted."""
        if command.operation is None or command.operation.name not in self.operations:
            return False
        try:
            return self.schedule.fits(command, now)
        except Exception as error:
            raise UsageError(f"The when= of “{self}” failed: {error!r}.") from error

    def fires(self, command: Command, seed: int, now: float) -> tuple[bool, float | None]:
        """Counts a request that fits, and says whether the fault acts on it, with the number drawn."""
        schedule = self.schedule
        if (schedule.times is not None and self.fired >= schedule.times) or not self.kind.due(command, now):
            return False, None
        self.met += 1
        behind = self.met - schedule.after - 1
        if behind < 0 or behind % schedule.every:
            return False, None
        drawn = None if schedule.probability is None else self.drawn(command, seed)
        acts = schedule.probability is None or (drawn is not None and drawn < schedule.probability)
        self.fired += acts
        return acts, drawn

    def drawn(self, command: Command, seed: int) -> float:
        """Gives a number in ``[0, 1)`` of seed, fault, operation, key and how often that operation met that key."""
        assert command.operation is not None
        met = (command.operation.name, command.key)
        self._meetings[met] = self._meetings.get(met, 0) + 1
        return draw(seed, "fault", self.number, met[0], met[1] or "", self._meetings[met])
