"""What all rows share: results with their budgets, interleaved rounds, ratios with their spread, fixed cores."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

CLIENT_CORE, SERVER_CORE = 0, 1
"""Places in the list of cores that this process may use."""


@dataclass(frozen=True)
class Sizes:
    """How much work a run does.

    Attributes:
        name: ``full``, ``quick`` or ``tiny``; the last is for the harness's own test.
        rounds: how often ours and each peer take turns.
        requests: requests of a round over a socket; slow peers make fewer.
        keys: numbers of keys of the growth curves.
        samples: single calls that are timed in a big key space.
        steady: requests to one fake that must not grow.
        bulk: pairs of a bulk request, records of an archive.
        bodies: sizes of values, in bytes.
        large: size of a bulk body that is large, in bytes.
        connections: numbers of connections at the same time.
        tests: tests of the suite that xdist spreads.
        runs: how often a whole pytest process is started.
    """

    name: str = "full"
    rounds: int = 15
    requests: int = 2_000
    keys: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    samples: int = 2_000
    steady: int = 1_000_000
    bulk: int = 10_000
    bodies: tuple[int, ...] = (100, 100_000, 9_000_000, 25 << 20)
    large: int = 100_000_000
    connections: tuple[int, ...] = (1, 4, 16, 64)
    tests: int = 2_000
    runs: int = 40


FULL = Sizes()
QUICK = Sizes("quick", rounds=7, requests=500, samples=500, steady=50_000, tests=400, runs=5,
              keys=(1_000, 10_000, 100_000), connections=(1, 16), bodies=(100, 100_000, 25 << 20))  # fmt: skip
TINY = Sizes("tiny", rounds=2, requests=5, keys=(20, 50), samples=5, steady=50, bulk=20, bodies=(100, 3_000),
             large=50_000, connections=(1, 2), tests=6, runs=1)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        group: the command line's name of the rows that belong together.
        what: for a person.
        value: the number that the budget speaks of.
        unit: of ``value``.
        budget: for a person, such as ``≤ 3.5``; empty for a row that only tells.
        met: whether the budget is met; None without one, or where the row was skipped.
        spread: quartiles of ``value``, where several were measured.
        detail: what else a person wants to know.
        raw: everything that was measured, for the JSON.
    """

    group: str
    what: str
    value: float | None
    unit: str = ""
    budget: str = ""
    met: bool | None = None
    spread: tuple[float, float] | None = None
    detail: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)


def at_most(group: str, what: str, value: float, limit: float, unit: str = "", **more: Any) -> Row:
    """A row whose value may be at most ``limit``."""
    return Row(group, what, value, unit, f"≤ {limit:g}", value <= limit, **more)


def at_least(group: str, what: str, value: float, limit: float, unit: str = "", **more: Any) -> Row:
    """A row whose value must be at least ``limit``."""
    return Row(group, what, value, unit, f"≥ {limit:g}", value >= limit, **more)


def skipped(group: str, what: str, why: str) -> Row:
    """A row that could not be measured."""
    return Row(group, what, None, detail=f"skipped: {why}")


def progress(text: str) -> None:
    """Says on stderr what is being measured."""
    print(f"… {text}", file=sys.stderr, flush=True)


def interleaved(contestants: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Measures each contestant once a round, in turns, after one round that does not count.

    The order turns by one each round, so that nobody always follows the same neighbour.
    """
    names = list(contestants)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 1):
        turn = number % len(names)
        for name in (*names[turn:], *names[:turn]):
            value = contestants[name]()
            if number:
                taken[name].append(value)
    return taken


@dataclass(frozen=True)
class Ratio:
    """The ratio of two series, round by round.

    Attributes:
        median: of the rounds' ratios.
        quartiles: of the same.
    """

    median: float
    quartiles: tuple[float, float]

    @property
    def spread(self) -> dict[str, Any]:
        """For `Row`."""
        return {"spread": self.quartiles}


def ratio(above: Sequence[float], below: Sequence[float]) -> Ratio:
    """Gives the median of the rounds' ratios and its quartiles."""
    ratios = [one / other for one, other in zip(above, below, strict=True)]
    return Ratio(statistics.median(ratios), quartiles(ratios))


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """Gives the first and the third quartile."""
    if len(values) < 2:
        return values[0], values[0]
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, third


def burnt(work: Callable[[], object]) -> float:
    """Gives the CPU seconds that some work takes in this process: a busy machine disturbs them less."""
    began = time.process_time()
    work()
    return time.process_time() - began


def timed(work: Callable[[], object]) -> float:
    """Gives the seconds that some work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@contextmanager
def on_core(place: int) -> Iterator[None]:
    """Binds processes that are started in the block to one of our cores, where the system can and there are several."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        yield
        return
    os.sched_setaffinity(0, {cores[place % len(cores)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, set(cores))


def machine() -> dict[str, Any]:
    """What the numbers depend on."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    pinned = f"server on core {cores[SERVER_CORE]}" if len(cores) > 1 else "no"
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": os.cpu_count(),
        "pinned": pinned,
        "load": [round(number, 2) for number in os.getloadavg()] if hasattr(os, "getloadavg") else [],
    }


@dataclass(frozen=True)
class Memory:
    """The memory of a process, in MB.

    Attributes:
        resident: now.
        peak: the most that it ever was.
    """

    resident: float
    peak: float


def memory_of(pid: int | str = "self") -> Memory | None:
    """Gives the memory of a process; None where there is no /proc."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    kilobytes = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in text.splitlines())
                 if name in {"VmRSS", "VmHWM"}}  # fmt: skip
    return Memory(kilobytes["VmRSS"] * 1.024e-3, kilobytes["VmHWM"] * 1.024e-3)
