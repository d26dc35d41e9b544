"""Rows about the plugin: what it costs unused, what a fixture costs, how fast a fake starts and stops, xdist."""

from __future__ import annotations

import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness import (
    CLIENT_CORE,
    SERVER_CORE,
    Row,
    Sizes,
    at_most,
    interleaved,
    on_core,
    progress,
    quartiles,
    ratio,
    skipped,
    timed,
)
from pytest_kvfake import FakeCloudflare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UNUSED_LIMIT, FIXTURE_LIMIT, START_LIMIT, STOP_LIMIT = 5.0, 1.0, 5.0, 5.0
HELD_CONNECTIONS = 16
UNWANTED = ("werkzeug", "jsonschema", "brotli", "brotlicffi", "referencing", "pytest_httpserver", "sortedcontainers")

PLAIN = "import pytest\n\n@pytest.fixture\ndef nothing():\n    yield\n"
ROOT = Path(__file__).parent.parent


def _pytest(folder: Path, *arguments: str) -> float:
    """Runs pytest to its end and gives the CPU seconds that it took with its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(folder, *arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _run(folder: Path, *arguments: str) -> str:
    return _python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)


def _python(folder: Path, *arguments: str) -> str:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    for name in ("KVFAKE_CHECK_ANSWERS", "PYTHONDONTWRITEBYTECODE"):
        environment.pop(name, None)
    environment["PYTHONHASHSEED"] = "0"  # otherwise every process has other collisions
    environment["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")  # filled by the round that does not count
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def plugin_rows(sizes: Sizes) -> Iterator[Row]:
    """CPU and modules of a run with the plugin installed and unused; the first fixture of a run."""
    progress(f"plugin: {sizes.runs} runs of pytest in turns")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_one.py").write_text("def test_one():\n    assert True\n")
        (folder / "test_fixture.py").write_text("def test_one(kv_cloudflare):\n    assert True\n")
        # One scan finds all plugins that are installed, but each "-p" makes a scan of its own: an empty plugin stands
        # where ours is not, so that both runs make as many.
        (folder / "empty_plugin.py").write_text("")
        other = ("-p", "pytest_httpserver.pytest_plugin", "-p", "empty_plugin")
        ours = ("-p", "pytest_httpserver.pytest_plugin", "-p", "pytest_kvfake.plugin")
        same = ["-q", "-p", "no:cacheprovider"]
        runs = {
            "without": [*same, *other, "test_one.py"],
            "unused": [*same, *ours, "test_one.py"],
            "used": [*same, *ours, "test_fixture.py"],
        }
        with on_core(SERVER_CORE):
            printed = _python(folder, "-m", "benchmarks.forked", json.dumps(runs), str(sizes.runs))
        taken: dict[str, list[float]] = json.loads(printed.splitlines()[-1])
        modules = _modules(folder)
    unused, used = (
        [1e3 * (one - none) for one, none in zip(taken[name], taken[base], strict=True)]
        for name, base in (("unused", "without"), ("used", "unused"))
    )
    unwanted = [name for name in UNWANTED if name in modules]
    own = sum(module.startswith("pytest_kvfake") for module in modules)
    detail = f"{len(modules)} modules, {own} of them ours; {sizes.runs} runs of both in turns"
    what = "plugin loaded and unused, CPU above a run without it"
    yield at_most(
        "plugin", what, statistics.median(unused), UNUSED_LIMIT, "ms", spread=quartiles(unused), detail=detail
    )
    detail = ", ".join(unwanted) or "none"
    yield at_most("plugin", "unwanted modules of an unused plugin", len(unwanted), 0, "modules", detail=detail)
    what = "first fixture of a run, CPU above the same run without"
    yield Row("plugin", what, statistics.median(used), "ms", spread=quartiles(used))


def _modules(folder: Path) -> set[str]:
    """The modules that the plugin alone adds to a run of pytest."""
    text = "import sys\n\ndef pytest_unconfigure():\n    print('\\nMODULES', *sorted(sys.modules))\n"
    (folder / "conftest.py").write_text(text)
    loaded = []
    for arguments in ((), ("-p", "pytest_kvfake.plugin")):
        line = next(line for line in _run(folder, *arguments, "test_one.py").splitlines() if line.startswith("MODULES"))
        loaded.append(set(line.split()[1:]))
    return loaded[1] - loaded[0]


def fixture_rows(sizes: Sizes) -> Iterator[Row]:
    """A fixture a test; start and stop of a fake."""
    progress(f"fixture: suites of {sizes.tests} tests")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in ("nothing", "kv_cloudflare"):
            test = f"@pytest.mark.parametrize('n', range({sizes.tests}))\ndef test_one(n, {kind}):\n    assert True\n"
            # the first test's fixture pays for the imports, in both suites
            (folder / f"test_{kind}.py").write_text(f"import pytest_kvfake.cloudflare\n{PLAIN}\n{test}")

        def suite(kind: str) -> Callable[[], float]:
            return lambda: _pytest(folder, "-p", "pytest_kvfake.plugin", f"test_{kind}.py")

        taken = interleaved({"with": suite("kv_cloudflare"), "without": suite("nothing")}, max(1, sizes.rounds // 3))
    cost = [1e3 * (one - none) / sizes.tests for one, none in zip(taken["with"], taken["without"], strict=True)]
    what = "fixture set-up and teardown a test"
    detail = "CPU above a fixture that does nothing"
    yield at_most("fixture", what, statistics.median(cost), FIXTURE_LIMIT, "ms", spread=quartiles(cost), detail=detail)
    yield from _lifecycle(sizes)


def _lifecycle(sizes: Sizes) -> Iterator[Row]:
    starts, idle, busy = [], [], []
    for _ in range(max(3, sizes.rounds * 2)):
        began = time.perf_counter()
        fake = FakeCloudflare(seed=1)
        fake.start()
        starts.append(1e3 * (time.perf_counter() - began))
        idle.append(1e3 * timed(fake.stop))
        busy.append(1e3 * _stop_busy())
    yield at_most("fixture", "start of a fake", statistics.median(starts), START_LIMIT, "ms", spread=quartiles(starts))
    yield at_most("fixture", "stop, idle", statistics.median(idle), STOP_LIMIT, "ms", spread=quartiles(idle))
    what = f"stop, {HELD_CONNECTIONS} connections and a hang"
    yield at_most("fixture", what, statistics.median(busy), STOP_LIMIT, "ms", spread=quartiles(busy))


def _stop_busy() -> float:
    fake = FakeCloudflare(seed=1)
    fake.start()
    target = f"/client/v4/accounts/{fake.account_id}/storage/kv/namespaces"
    request = f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {fake.api_token}\r\n\r\n".encode()
    held = [socket.create_connection(("127.0.0.1", fake.port)) for _ in range(HELD_CONNECTIONS)]
    for one in held[1:]:
        one.sendall(request)
        one.recv(65_536)
    fake.faults.hang("list_namespaces")
    held[0].sendall(request)
    fake.journal.wait_for("list_namespaces", count=HELD_CONNECTIONS)
    seconds = timed(fake.stop)
    for one in held:
        one.close()
    return seconds


def xdist_rows(sizes: Sizes) -> Iterator[Row]:
    """A suite of small tests, alone and spread over workers."""
    if find_spec("xdist") is None:
        yield skipped("xdist", f"{sizes.tests:,} small tests", "pytest-xdist is not installed")
        return
    client = (
        "    ns = kv_cloudflare.create_namespace('n', {'key': b'value'})\n"
        "    client = http.client.HTTPConnection('127.0.0.1', kv_cloudflare.port)\n"
        "    path = f'/client/v4/accounts/{kv_cloudflare.account_id}/storage/kv/namespaces/{ns.id}/values/key'\n"
        "    client.request('GET', path, headers={'Authorization': 'Bearer ' + kv_cloudflare.api_token})\n"
        "    assert client.getresponse().read() == b'value'\n"
        "    client.close()\n"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        head = f"import http.client\n{PLAIN}\n@pytest.mark.parametrize('n', range({sizes.tests}))\n"
        (folder / "test_small.py").write_text(f"{head}def test_small(n, kv_cloudflare):\n{client}")
        (folder / "test_empty.py").write_text(f"{head}def test_empty(n, nothing):\n    assert True\n")
        alone: list[float] = []
        for workers in (0, 2, 4):
            progress(f"xdist: {sizes.tests:,} tests with -n {workers}")
            arguments = ("-p", "xdist.plugin", "-p", "pytest_kvfake.plugin", "-n", str(workers))
            runs = range(1 if sizes.rounds < 10 else 3)
            wall, empty = (
                statistics.median(timed(partial(_run, folder, *arguments, file)) for _ in runs)
                for file in ("test_small.py", "test_empty.py")
            )
            alone = alone or [wall, empty]
            what = f"{sizes.tests:,} small tests, {f'-n {workers}' if workers else 'alone'}"
            detail = (
                f"{wall / sizes.tests * 1e3:.2f} ms a test, {alone[0] / wall:.2f} times as fast as alone, "
                f"{os.cpu_count()} cores; tests that do nothing: {empty:.2f} s, {alone[1] / empty:.2f} times as fast"
            )
            yield Row("xdist", what, wall, "s", detail=detail)
        yield _side_by_side(folder, sizes)


def _side_by_side(folder: Path, sizes: Sizes) -> Row:
    """The suite beside a second run of it, on a core each, against the suite by itself."""
    progress(f"xdist: {sizes.tests:,} tests beside {sizes.tests:,} tests")

    def suite(place: int) -> float:
        with on_core(place):
            return timed(partial(_run, folder, "-p", "pytest_kvfake.plugin", "test_small.py"))

    both: list[float] = []
    alone: list[float] = []
    for _ in range(1 if sizes.rounds < 10 else 3):
        alone.append(suite(SERVER_CORE))
        with ThreadPoolExecutor(2) as pool:
            both.append(max(pool.map(suite, (CLIENT_CORE, SERVER_CORE))))
    found = ratio(both, alone)
    what = f"{sizes.tests:,} small tests beside as many in a second process : alone"
    detail = f"{statistics.median(both):.2f} s and {statistics.median(alone):.2f} s, a core each"
    return Row("xdist", what, found.median, "x", detail=detail, spread=found.quartiles)
