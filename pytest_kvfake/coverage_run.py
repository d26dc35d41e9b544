"""Contract coverage of one pytest run: collected in each process, merged and reported in the one that prints."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_kvfake.contract.coverage import Coverage, Recording
from pytest_kvfake.reporting import CoverageTable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CoverageRun"]

_OUTPUT = "kvfake_coverage"


class CoverageRun:
    """The hooks of ``--kvfake-coverage`` and its kin; the plugin registers one where they are asked for."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Begins to record.

        Args:
            options: ``coverage``, ``coverage_json``, ``coverage_fail_under`` and ``coverage_ignore`` of the run.
        """
        self._shown = bool(options.get("coverage"))
        self._path: str | None = options.get("coverage_json")
        self._fail_under: float | None = options.get("coverage_fail_under")
        self._ignore = tuple(re.split(r"[\s,]+", options.get("coverage_ignore", "").strip(", \n")))
        self._recording = Recording()
        self._coverage: Coverage | None = None
        self._recording.start()

    def pytest_unconfigure(self) -> None:
        """Ends the recording."""
        self._recording.stop()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Takes what a worker of xdist has collected."""
        self._recording.merge(getattr(node, "workeroutput", {}).get(_OUTPUT, ()))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hands over what was collected, or judges it where it is printed."""
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_OUTPUT] = self._recording.as_json()
            return
        self._coverage = Coverage(self._recording, [pattern for pattern in self._ignore if pattern])
        if self._path is not None:
            path = session.config.invocation_params.dir / Path(self._path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(self._coverage.as_json(), indent=2) + "\n", encoding="utf-8")
        if self._failed and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Prints the table, and whether it is enough."""
        if self._coverage is None:
            return
        if self._shown:
            terminalreporter.section("kvfake contract coverage")
            for line in CoverageTable(self._coverage):
                terminalreporter.line(line)
        if self._path is not None:
            terminalreporter.line(f"kvfake: contract coverage written to {self._path}")
        if self._failed:
            terminalreporter.line(
                f"kvfake: contract coverage is {self._coverage.percent:.2f} %, which is below {self._fail_under:g} %",
                red=True,
            )

    @property
    def _failed(self) -> bool:
        return self._coverage is not None and self._fail_under is not None and self._coverage.percent < self._fail_under
