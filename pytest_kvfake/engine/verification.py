"""What is wrong at the end of a test, in words for people: bugs, faults that did not fire, endless clients, violations.

What has been told once is not told again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_kvfake.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_kvfake.contract.validation import Violation
    from pytest_kvfake.engine.faults.arming import Fault
    from pytest_kvfake.engine.world import World

__all__ = ["bugs", "problems", "told"]

_SHOWN = 20


def problems(world: World[Any], wait_limit: float) -> list[str]:
    """Gives everything but violations, a text each, and forgets it: faults that are told of are disarmed.

    Args:
        world: the fake.
        wait_limit: how long a wait lasts at the most, in real seconds.
    """
    return [*bugs(world), *_unfired(world), *_endless(world, wait_limit)]


def told(world: World[Any], violations: list[Violation]) -> str:
    """Gives violations of the contract as one text; empty for none."""
    if not violations:
        return ""
    text = "".join(f"\n  {violation}" for violation in violations[:_SHOWN])
    more = f"\n  … and {len(violations) - _SHOWN} more" if len(violations) > _SHOWN else ""
    return f"{len(violations)} contract violation(s) with {world.service.name}:{text}{more}"


def bugs(world: World[Any]) -> Iterator[str]:
    """Gives the exceptions that no request should be able to cause, each with its traceback, and forgets them."""
    met, world.bugs[:] = list(world.bugs), []
    for bug in met:
        whose = f"{bug.error}" if isinstance(bug.error, UsageError) else "A bug in pytest-kvfake, please report it."
        yield f"{whose} It happened in {bug.exchange}\n{bug.traceback}"


def _unfired(world: World[Any]) -> Iterator[str]:
    for fault in world.faults.armed:
        if fault.missing:
            fault.remove()
            yield _explained(world, fault)


def _explained(world: World[Any], fault: Fault) -> str:
    journal = world.journal
    times = f"{fault.times} time{'' if fault.times == 1 else 's'}"
    calls = sum(journal.count(operation) for operation in fault.operations)
    names = ", ".join(sorted(fault.operations)[:5])
    came = [exchange for exchange in journal if exchange.operation in fault.operations]
    nearest = came or list(journal)
    shown = f"Nearest came: {nearest[-1]}." if nearest else "No request came at all."
    advice = "Arm it with optional=True, or remove() it, if that is meant."
    return (
        f"The fault “{fault}” was to fire {times} but fired {fault.fired}. "
        f"{calls} request(s) came to {names}. {shown} {advice}"
    )


def _endless(world: World[Any], wait_limit: float) -> Iterator[str]:
    waited, world.waited[:] = list(world.waited), []
    for exchange in waited:
        yield (
            f"A client waited for {wait_limit:g} s (wait_limit) and did not give up: {exchange}. "
            "Give the client a time-out."
        )
