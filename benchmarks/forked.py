"""The CPU time of pytest runs, each in a fork of one process that has everything imported but what is measured.

A whole process would add its own start to every sample, which takes twenty times as long as what an unused plugin
does, and differs from run to run by more than that.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import sys

import pytest


def cpu_seconds(arguments: list[str]) -> float:
    """Runs pytest in a fork of this process, and gives the CPU seconds that it took."""
    child = os.fork()
    if not child:
        status = 1
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                status = int(pytest.main(arguments))
        finally:
            os._exit(status)
    _, status, used = os.wait4(child, 0)
    if status:
        raise RuntimeError(f"pytest {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Reads runs by name and a number of rounds from the command line, as JSON; prints the seconds by name."""
    runs: dict[str, list[str]] = json.loads(sys.argv[1])
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(next(iter(runs.values())))  # imports what all of them need
    gc.collect()
    gc.freeze()
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(int(sys.argv[2]) + 1):
        for name, arguments in runs.items():
            seconds = cpu_seconds(arguments)
            if number:  # the first round writes bytecode
                taken[name].append(seconds)
    print(json.dumps(taken))


if __name__ == "__main__":
    main()
