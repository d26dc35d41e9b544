"""Runs small suites with the plugin, in this process or in one of their own."""

import sys
import textwrap
from importlib.metadata import entry_points
from pathlib import Path

import jsonschema  # noqa: F401 - an in-process run forgets what it was the first to import
import pytest
import referencing.jsonschema  # noqa: F401 - the same

import pytest_kvfake
import pytest_kvfake.cloudflare
import pytest_kvfake.watch

ROOT = Path(pytest_kvfake.__file__).resolve().parent.parent

ACTIVE = (
    () if any(entry.name == "kvfake" for entry in entry_points(group="pytest11")) else ("-p", "pytest_kvfake.plugin")
)

PRELUDE = '''
import http.client, unittest
import pytest
from pytest_kvfake import FakeCloudflare

def ask(kv, query="", **headers):
    """One request, list_namespaces; gives the status."""
    connection = http.client.HTTPConnection("127.0.0.1", kv.port, timeout=5)
    headers = {"Authorization": f"Bearer {kv.api_token}", **headers}
    try:
        path = f"/client/v4/accounts/{kv.account_id}/storage/kv/namespaces{query}"
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()
'''

INI = "[pytest]\nasyncio_default_fixture_loop_scope = function\n"


class Suite:
    """A suite in a folder of its own.

    Attributes:
        pytester: what runs it.
        monkeypatch: sets the environment that it runs in.
    """

    def __init__(self, pytester, monkeypatch):
        self.pytester = pytester
        self.monkeypatch = monkeypatch
        pytester.makefile(".ini", pytest=INI)

    def write(self, source, *, name="test_it", ini=""):
        self.pytester.makepyfile(**{name: PRELUDE + textwrap.dedent(source)})
        self.pytester.makefile(".ini", pytest=INI + textwrap.dedent(ini))

    def run(self, *args, alone=False):
        """Runs it; ``alone`` in a process of its own."""
        run = self.pytester.runpytest_subprocess if alone else self.pytester.runpytest_inprocess
        return run(
            *ACTIVE, "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-W", "default", *args
        )

    def __call__(self, source, *args, ini="", alone=False):
        """Writes one module and runs it."""
        self.write(source, ini=ini)
        return self.run(*args, alone=alone)


@pytest.fixture
def suite(pytester, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=":" if sys.platform != "win32" else ";")
    for variable in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
        monkeypatch.delenv(variable, raising=False)
    return Suite(pytester, monkeypatch)
