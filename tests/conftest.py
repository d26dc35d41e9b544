"""What the whole suite needs: pytester, our plugin, and every answer of every fake held against the contract."""

import os
from collections import Counter
from importlib.metadata import entry_points

import httpcore  # noqa: F401 - httpx imports it late; inside an in-process run of pytester it would be forgotten again

from pytest_kvfake.engine.conformance import CHECK_ANSWERS_VARIABLE

# an environment variable, so that processes which a test starts check theirs too
os.environ[CHECK_ANSWERS_VARIABLE] = "1"

NOT_TAKEN = "fault kinds not taken"
"""The property with which the fault matrix tells what an operation does not take."""

_installed = any(entry.name == "kvfake" for entry in entry_points(group="pytest11"))

pytest_plugins = ["pytester", *([] if _installed else ["pytest_kvfake.plugin"])]


def pytest_terminal_summary(terminalreporter):
    """Counts what the fault matrix left out, because the contract leaves no room for it."""
    told = [
        kinds
        for report in terminalreporter.stats.get("passed", [])
        for name, kinds in report.user_properties
        if name == NOT_TAKEN
    ]
    if told:
        counted = Counter(kind for kinds in told for kind in kinds)
        terminalreporter.write_line(
            f"fault matrix: {len(told)} operations; {counted.total()} pairs of operation and kind are not taken, "
            "with the reason in the documents (x-kvfake fault_reasons): "
            + ", ".join(f"{kind} {count}" for kind, count in counted.most_common())
        )
