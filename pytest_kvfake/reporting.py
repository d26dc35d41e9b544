"""What a failed test says about its fakes, the table of contract coverage, and errors told at the test's own line.

Sections and tables are objects that yield lines.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NoReturn

from pytest_kvfake.engine.messages import is_bodyless
from pytest_kvfake.shown import redacted_headers, redacted_target, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pytest

    from pytest_kvfake.contract.coverage import Coverage, CoverageItem
    from pytest_kvfake.engine.exchange import Exchange
    from pytest_kvfake.fake import Fake

__all__ = ["MAX_LINES", "CoverageTable", "FailureSection", "raise_at"]

MAX_LINES = 60
"""Of the section, its title included."""

_LINES = MAX_LINES - 1

_EXCHANGES = 12
_VIOLATIONS = 8
_FAULTS = 8
_HEADERS = 8
_BUG_LINES = 8
_WIDTH = 200


class FailureSection:
    """The section ``kvfake`` of a failed test's report: at most `MAX_LINES` lines about all its fakes.

    Args:
        fakes: those that were open when the test failed, or were opened by it.
        seen: how many exchanges each fake had when the test began, by the fake's ``opened``.
    """

    title = "kvfake"

    def __init__(self, fakes: Iterable[Fake[Any]], seen: Mapping[int, int]) -> None:
        self._fakes = list(fakes)
        self._seen = seen

    def __iter__(self) -> Iterator[str]:
        if not self._fakes:
            return
        shown = self._fakes[-(_LINES // _EXCHANGES) :]
        share = _LINES // len(shown)
        for fake in shown:
            lines = [*_FakeLines(fake, self._seen.get(fake.opened, 0))]
            yield from lines[: share if len(lines) <= share else share - 1]
            if len(lines) > share:
                yield f"  … {len(lines) - share + 1} more lines"

    def __str__(self) -> str:
        return "\n".join(self)


class _FakeLines:
    """What one fake has to say, the most telling first."""

    def __init__(self, fake: Fake[Any], since: int) -> None:
        self._fake = fake
        self._since = since

    def __iter__(self) -> Iterator[str]:
        fake = self._fake
        yield f"{fake!r}"
        yield f"  replay with --kvfake-seed={fake.seed}; {str(fake.clock)[1:-1]}"
        came = [exchange for exchange in fake.journal if exchange.number > self._since]
        yield from self._exchanges(came, max(len(came), len(fake.journal) - self._since))
        yield from self._bugs()
        yield from _some("faults still armed", map(_fault, fake.faults.armed), _FAULTS)
        found = [f"#{exchange.number} {violation}" for exchange in came for violation in exchange.violations]
        yield from _some("outside the contract", found, _VIOLATIONS)

    def _exchanges(self, came: list[Exchange], total: int) -> Iterator[str]:
        if not came:
            yield (
                "  no request has come" if not total else f"  {total} exchanges, none of which is still in the journal"
            )
            return
        shown = came[-_EXCHANGES:]
        last = "" if total == len(shown) else f", the last {len(shown)}"
        yield f"  {total} exchange{'' if total == 1 else 's'}{last}:"
        for exchange in shown:
            yield f"    {shortened(str(exchange), _WIDTH)}"
        yield from (f"      {line}" for line in _details(came[-1]))

    def _bugs(self) -> Iterator[str]:
        for bug in self._fake.world.bugs[-1:]:
            yield "  a bug in pytest-kvfake, please report it:"
            lines = bug.traceback.rstrip().splitlines()[-_BUG_LINES:]
            yield from (f"    {shortened(line, _WIDTH)}" for line in lines)


def _details(exchange: Exchange) -> Iterator[str]:
    """The last exchange as it was on the wire; it is most often the one that the test failed at."""
    request, response = exchange.request, exchange.response
    yield f"> {shortened(request.method, 20)} {redacted_target(request.target, _WIDTH, exchange.parameters)}"
    yield from (f"> {line}" for line in _headers(request.headers.pairs))
    if request.body:
        yield f"> {_body(request.body)}"
    if response is not None:
        yield f"< {response.status}"
        yield from (f"< {line}" for line in _headers(response.headers))
        if response.body and not is_bodyless(request.method, response.status):
            yield f"< {_body(response.body)}"


def _headers(fields: Iterable[tuple[str, str]]) -> Iterator[str]:
    shown = [f"{name}: {value}" for name, value in redacted_headers(fields)]
    yield from shown[:_HEADERS]
    if len(shown) > _HEADERS:
        yield f"… {len(shown) - _HEADERS} more headers"


def _body(body: bytes) -> str:
    text = body[: 4 * _WIDTH].decode("utf-8", "replace")
    return shortened(text if len(body) <= len(text) else f"{text[: _WIDTH - 30]} … ({len(body)} bytes)", _WIDTH)


def _fault(fault: Any) -> str:
    times = "" if fault.times is None else f" of {fault.times}"
    return f"{fault}: fired {fault.fired}{times} times{', still missing' if fault.missing else ''}"


def _some(title: str, items: Iterable[str], limit: int) -> Iterator[str]:
    found = list(items)
    if found:
        yield f"  {title}:"
        yield from (f"    {shortened(item, _WIDTH)}" for item in found[:limit])
        if len(found) > limit:
            yield f"    … {len(found) - limit} more"


class CoverageTable:
    """How much of each contract a run has met, an operation a line."""

    def __init__(self, coverage: Coverage) -> None:
        self._coverage = coverage

    def __iter__(self) -> Iterator[str]:
        contracts = dict.fromkeys((item.service, item.dialect) for item in self._coverage.items)
        for service, dialect in contracts:
            items = [item for item in self._coverage.items if (item.service, item.dialect) == (service, dialect)]
            yield f"{service}, {dialect}"
            yield from _contract_lines(items)
        if not contracts:
            yield "no fake has answered anything"
        for pattern in self._coverage.unused:
            yield f"kvfake_coverage_ignore: {pattern!r} fits nothing"
        counted, missing = len(self._coverage.counted), len(self._coverage.missing)
        yield f"{counted - missing} of {counted} documented answers met: {self._coverage.percent:.1f} %"


def _contract_lines(items: list[CoverageItem]) -> Iterator[str]:
    operations = dict.fromkeys(item.operation for item in items)
    width = max(map(len, operations))
    yield f"  {'operation':{width}}  statuses  errors  not met"
    for operation in operations:
        counted = [item for item in items if item.operation == operation and item.counted]
        successes = _share([item for item in counted if item.error is None])
        errors = _share([item for item in counted if item.error is not None])
        missing = ", ".join(item.error or str(item.status) for item in counted if not item.met)
        yield f"  {operation:{width}}  {successes:>8}  {errors:>6}  {shortened(missing, _WIDTH)}".rstrip()
    unreachable = [item for item in items if item.unreachable is not None]
    if unreachable:
        met = sum(item.met for item in unreachable)
        yield f"  beside these {len(unreachable)} answers that only a fault gives, {met} of them met"


def _share(items: list[CoverageItem]) -> str:
    return f"{sum(item.met for item in items)}/{len(items)}" if items else "-"


def raise_at(item: pytest.Item | None, error: BaseException) -> NoReturn:
    """Raises an error so that pytest shows it at the line where the test begins, not inside this plugin.

    pytest cuts a traceback at the first frame of the test's own code, so the frame that raises pretends to be one.
    """
    error = error.with_traceback(None)
    test: Any = getattr(item, "obj", None)
    code = getattr(inspect.unwrap(test), "__code__", None)
    if code is None:
        raise error
    frame = compile("raise error", code.co_filename, "exec")
    exec(frame.replace(co_firstlineno=code.co_firstlineno, co_name=code.co_name), {"error": error})  # noqa: S102 - nobody else's text
    raise AssertionError("unreachable")
