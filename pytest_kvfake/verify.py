"""The command ``kvfake verify``: does a live endpoint answer as the contract says?"""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, TextIO

from pytest_kvfake.contract.document import DIALECTS, load
from pytest_kvfake.discovery import fake_class
from pytest_kvfake.errors import KVFakeError, UsageError
from pytest_kvfake.live import CERTAINTIES, arranger_class, check_live, selected
from pytest_kvfake.shown import shortened
from pytest_kvfake.transport.client import Client

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from pytest_kvfake.live import Arranger, Result

__all__ = ["AGREES", "DIFFERS", "UNUSABLE", "Report", "add_arguments", "verify"]

AGREES, DIFFERS, UNUSABLE = 0, 1, 2
"""The exit status: everything agrees, something differs, nothing could be said."""


def add_arguments(parser: argparse.ArgumentParser, service: str) -> None:
    """Adds what the command takes for one service."""
    parser.add_argument(
        "--base-url", required=True, metavar="URL", help="of the endpoint, as the official client has it"
    )
    parser.add_argument("--dialect", choices=DIALECTS, default=DIALECTS[0], help="what it is expected to speak")
    parser.add_argument("--only", action="append", default=[], metavar="PATTERN", help="only cases with such an id")
    parser.add_argument("--fail-fast", action="store_true", help="stop at the first difference")
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="of each step on the wire")
    try:
        credentials = arranger_class(service).credentials
    except UsageError as error:
        parser.description = str(error)
        return
    for one in credentials:
        flag = f"--{one.name.replace('_', '-')}"
        parser.add_argument(flag, metavar="TEXT", help=f"{one.help} (default: ${one.variable})")


def verify(chosen: argparse.Namespace) -> int:
    """Runs the command, and gives the exit status."""
    try:
        service: str = chosen.of
        client = Client(chosen.base_url, base_path=fake_class(service).base_path, timeout=chosen.timeout)
        arranger = arranger_class(service)(client.send, _credentials(chosen, arranger_class(service)))
        cases = selected(service, chosen.dialect, chosen.only)
        if not cases:
            raise UsageError(f"No case of {service} fits.")
    except (KVFakeError, OSError) as error:
        sys.stderr.write(f"kvfake: {error}\n")
        return UNUSABLE
    results: list[Result] = []
    progress = _Progress(sys.stderr, len(cases))
    try:
        for result in check_live(cases, load(service, chosen.dialect), arranger):
            results.append(result)
            progress.show(result)
            if chosen.fail_fast and result.problems:
                break
    except (KVFakeError, OSError) as error:  # what was made could not be removed
        sys.stderr.write(f"\nkvfake: {error}\n")
        return UNUSABLE
    finally:
        progress.end()
    report = Report(results)
    sys.stdout.write("\n".join(report) + "\n")
    return DIFFERS if report.differences else AGREES


def _credentials(chosen: argparse.Namespace, arranger: type[Arranger]) -> dict[str, str]:
    found = {one.name: getattr(chosen, one.name) or os.environ.get(one.variable) for one in arranger.credentials}
    lacking = [one for one in arranger.credentials if not found[one.name]]
    if lacking:
        wanted = ", ".join(f"--{one.name.replace('_', '-')} or ${one.variable} ({one.help})" for one in lacking)
        raise UsageError(f"Missing: {wanted}.")
    return {name: value for name, value in found.items() if value}


class Report:
    """The table of agreements and differences, as lines."""

    def __init__(self, results: Sequence[Result]) -> None:
        self.results = results
        self.differences = [result for result in results if result.problems]

    def __iter__(self) -> Iterator[str]:
        yield f"{'certainty':12}{'agree':>8}{'differ':>8}{'skipped':>9}"
        for certainty in CERTAINTIES:
            yield self._row(certainty, [one for one in self.results if one.case.certainty == certainty])
        yield self._row("all", self.results)
        reasons = Counter(shortened(one.skipped, 100) for one in self.results if one.skipped is not None)
        for reason, count in sorted(reasons.items()):
            yield f"  skipped {count}: {reason}"
        for one in self.differences:
            yield ""
            yield f"{one.case.id} differs: {one.case.title} ({one.case.certainty}; {one.case.source})"
            yield from (f"  {shortened(problem, 600)}" for problem in one.problems)

    @staticmethod
    def _row(name: str, results: Sequence[Result]) -> str:
        agree, differ = sum(one.agrees for one in results), sum(bool(one.problems) for one in results)
        return f"{name:12}{agree:>8}{differ:>8}{len(results) - agree - differ:>9}"


class _Progress:
    """One line that is written over and over, where somebody is there to see it."""

    def __init__(self, stream: TextIO, total: int) -> None:
        self._stream: Any = stream if stream.isatty() else None
        self._total = total
        self._done = self._differ = 0

    def show(self, result: Result) -> None:
        self._done += 1
        self._differ += bool(result.problems)
        if self._stream is not None:
            line = f"{self._done}/{self._total} {result.case.id}, {self._differ} differ"
            self._stream.write(f"\r{line:60}")
            self._stream.flush()

    def end(self) -> None:
        if self._stream is not None:
            self._stream.write(f"\r{'':60}\r")
            self._stream.flush()
