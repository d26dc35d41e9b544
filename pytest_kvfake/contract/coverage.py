"""Contract coverage: which of the answers that a contract documents a run has met.

A *coverage item* is an operation with a success status, or an operation with one of its errors. Errors that every
operation may answer (credentials, routing, rate limits) count once for the whole service, under `ANY_OPERATION`.
Items that the service cannot reach by itself are not counted; each says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from pytest_kvfake.contract.document import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_kvfake.contract.document import Document, ErrorRule, Operation

__all__ = ["ANY_OPERATION", "Coverage", "CoverageItem", "Recording", "recorder"]

Json = Any
Seen = tuple[str | None, int, str | None, bool]
"""Operation, status, the error's name, and whether a fault acted; what is kept of an exchange."""

ANY_OPERATION = "any"


class Recording:
    """Collects what the fakes of this process answer, from `start` to `stop`.

    Recordings nest: a fake reports to the one that was started last before the fake was made.
    """

    def __init__(self) -> None:
        self.seen: dict[tuple[str, str], set[Seen]] = {}

    def start(self) -> None:
        """Makes the fakes that are made from now on report here."""
        _active.append(self)

    def stop(self) -> None:
        """Ends that; may be called twice."""
        if self in _active:
            _active.remove(self)

    def of(self, service: str, dialect: str) -> set[Seen]:
        """Gives the set of one contract, to be added to."""
        return self.seen.setdefault((service, dialect), set())

    def as_json(self) -> Json:
        """Gives everything as JSON, for `merge` in another process."""
        return [
            [service, dialect, *one]
            for (service, dialect), seen in sorted(self.seen.items())
            for one in sorted(seen, key=repr)
        ]

    def merge(self, data: Json) -> None:
        """Adds what `as_json` gave in another process."""
        for service, dialect, operation, status, error, faulted in data:
            self.of(service, dialect).add((operation, status, error, faulted))


_active: list[Recording] = []


def recorder(service: str, dialect: str) -> set[Seen] | None:
    """Gives the set to which a new fake adds what it answers; None while nobody records."""
    return _active[-1].of(service, dialect) if _active else None


@dataclass(frozen=True, slots=True)
class CoverageItem:
    """One documented answer.

    Attributes:
        service: whose contract it is.
        dialect: in which form.
        operation: its name, or `ANY_OPERATION` for an error that every operation may answer.
        status: of the answer.
        error: the error's catalogue name; None for a success.
        met: whether the run met it.
        by_itself: whether the service answered so, and not only a fault in its place.
        unreachable: why the service cannot answer it by itself; None where it can.
        ignored: whether the ignore list names it.
    """

    service: str
    dialect: str
    operation: str
    status: int
    error: str | None
    met: bool
    by_itself: bool
    unreachable: str | None
    ignored: bool

    @property
    def name(self) -> str:
        """What the ignore list matches: ``cloudflare/write_value/200``, ``cloudflare/any/rate_limited``."""
        return f"{self.service}/{self.operation}/{self.error or self.status}"

    @property
    def counted(self) -> bool:
        """Whether it is in the denominator."""
        return self.unreachable is None and not self.ignored


class Coverage:
    """How much of the contracts a recording has met.

    Attributes:
        items: every coverage item of the contracts that were met, in the documents' order.
        unused: patterns of the ignore list that match nothing.
    """

    def __init__(self, recording: Recording, ignore: Sequence[str] = ()) -> None:
        """Works it out.

        Args:
            recording: what the fakes have answered.
            ignore: shell patterns of items' names that do not count.
        """
        self.items = tuple(
            item for (service, dialect), seen in sorted(recording.seen.items()) if seen
            for item in _items(load(service, dialect), seen, ignore)
        )  # fmt: skip
        self.unused = tuple(
            pattern for pattern in ignore if not any(fnmatchcase(item.name, pattern) for item in self.items)
        )

    @property
    def counted(self) -> tuple[CoverageItem, ...]:
        """The items that could and should be met."""
        return tuple(item for item in self.items if item.counted)

    @property
    def missing(self) -> tuple[CoverageItem, ...]:
        """Those of them that were not."""
        return tuple(item for item in self.counted if not item.met)

    @property
    def percent(self) -> float:
        """The share of the counted items that were met; 0 where no fake has answered anything."""
        counted = self.counted
        if not counted:
            return 100.0 if self.items else 0.0
        return 100.0 * sum(item.met for item in counted) / len(counted)

    def as_json(self) -> Json:
        """Gives the whole report as JSON."""
        return {
            "percent": round(self.percent, 2),
            "met": len(self.counted) - len(self.missing),
            "counted": len(self.counted),
            "items": [
                {
                    "service": item.service,
                    "dialect": item.dialect,
                    "operation": item.operation,
                    "status": item.status,
                    "error": item.error,
                    "met": item.met,
                    "by_itself": item.by_itself,
                    "unreachable": item.unreachable,
                    "ignored": item.ignored,
                }
                for item in self.items
            ],
        }


def _items(document: Document, seen: Iterable[Seen], ignore: Sequence[str]) -> Iterator[CoverageItem]:
    met: dict[tuple[str, int, str | None], bool] = {}  # to whether the service answered so by itself
    for operation, status, error, injected in seen:
        rule = document.errors.get(error or "")
        place = ANY_OPERATION if operation is None or (rule is not None and rule.everywhere) else operation
        met[place, status, error] = met.get((place, status, error), False) or not injected
    for operation_name, status, error, why in _documented(document):
        found = met.get((operation_name, status, error))
        item = CoverageItem(
            service=document.service,
            dialect=document.dialect,
            operation=operation_name,
            status=status,
            error=error,
            met=found is not None,
            by_itself=bool(found),
            unreachable=why,
            ignored=any(
                fnmatchcase(f"{document.service}/{operation_name}/{error or status}", pattern) for pattern in ignore
            ),
        )
        yield item


def _documented(document: Document) -> Iterator[tuple[str, int, str | None, str | None]]:
    """Operation, status, error and, where the service cannot answer it by itself, why."""
    for operation in document.operations.values():
        reasons = operation.settings.get("unreachable", {})
        for status in _successes(operation):
            yield operation.name, status, None, reasons.get(str(status))
        for rule in document.errors_of(operation):
            if not rule.everywhere:
                yield operation.name, rule.status, rule.name, reasons.get(rule.name) or _unreachable(rule)
    for rule in document.errors.values():
        if rule.everywhere:
            yield ANY_OPERATION, rule.status, rule.name, _unreachable(rule)


def _successes(operation: Operation) -> list[int]:
    responses: Mapping[str, Json] = operation.raw.get("responses", {})
    return [int(status) for status in responses if status.isdigit() and int(status) < 400]


def _unreachable(rule: ErrorRule) -> str | None:
    return f"Only a fault answers it. {rule.when}" if rule.injected else None
