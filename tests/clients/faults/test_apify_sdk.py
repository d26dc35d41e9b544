"""Faults through the Apify SDK for Python (`apify` 4), all kinds in one process.

The SDK makes a client of its own that tries nine times and can be told neither to wait less between them nor how long
to wait for an answer. So each fault that it tries again is armed for all nine, `NO_SLEEP` takes the waiting out, and
a hang ends with the fake's ``wait_limit``.
"""

import importlib.util
import json
import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from pytest_kvfake.apify import FakeApify

if importlib.util.find_spec("apify") is None or int(version("apify").partition(".")[0]) < 4:
    pytest.skip("the outcomes are those of the Apify SDK for Python 4", allow_module_level=True)

NO_SLEEP = """
from datetime import timedelta
from apify_client import ApifyClientAsync

ApifyClientAsync.__init__.__kwdefaults__["min_delay_between_retries"] = timedelta(0)
"""

SCRIPT = (
    NO_SLEEP
    + """
import asyncio, json, sys
from apify import Actor

async def main():
    outcomes = []
    async with Actor(exit_process=False):
        store = await Actor.open_key_value_store(id=sys.argv[1], force_cloud=True)
        for operation, key in json.loads(sys.argv[2]):
            try:
                if operation == "get_record":
                    outcomes.append(await store.get_value(key))
                else:
                    outcomes.append(await store.set_value(key, "written") or "written")
            except Exception as error:
                package = type(error).__module__.partition(".")[0]
                outcomes.append(f"{package}.{type(error).__name__} {getattr(error, 'status_code', '')}".rstrip())
    print(json.dumps(outcomes))

asyncio.run(main())
"""
)

OUTCOMES = {
    "error": ("apify_client.ServerError 500 x9", "apify_client.ServerError 500 x9"),
    "latency": ("stored", "written"),
    # Its time-out is six minutes: what ends the wait is the fake's ``wait_limit``.
    "hang": ("impit.RemoteProtocolError x9", "impit.RemoteProtocolError x9"),
    "refuse": ("impit.ConnectError", "impit.ConnectError"),
    "reset": ("impit.HTTPError x9", "impit.HTTPError x9"),
    "empty": ("impit.RemoteProtocolError x9", "impit.RemoteProtocolError x9"),
    "truncate": ("impit.RemoteProtocolError x9", "impit.RemoteProtocolError x9"),
    "dribble": ("stored", "written"),
    # A text is decoded whatever it is, and nobody looks into the answer to a write.
    "corrupt": ("\ufffd" * 6, "written"),
    "wrong_length": ("impit.RemoteProtocolError x9", "impit.RemoteProtocolError x9"),
    # The second try has a new connection.
    "stale_connection": ("stored", "written"),
    "partial": ("not taken", "not taken"),
    "stale": ("stored", "not taken"),
    "rate_limit": ("apify_client.RateLimitError 429 x9", "apify_client.RateLimitError 429 x9"),
    "storage_full": ("not taken", "not taken"),
    "outage": ("apify_client.ServerError 503 x9", "apify_client.ServerError 503 x9"),
}


@pytest.fixture
def run_sdk(tmp_path):
    """Runs a script with the SDK, which finds the fake by its environment; gives what it printed last."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("APIFY_", "ACTOR_", "CRAWLEE_"))}

    def run(kv: FakeApify, *arguments: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, *arguments],
            env={**kept, **kv.env, "NO_PROXY": "*"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def test_every_kind_of_fault_has_its_outcome(meet_every_fault, run_sdk):
    with FakeApify(seed=1, strict="error", wait_limit=0.05) as kv:
        store = kv.create_store("faults")
        outcomes, disagreements = meet_every_fault(
            kv,
            entries=store,
            read="get_record",
            write="store_record",
            carry_out=lambda calls: run_sdk(kv, store.id, json.dumps(calls)),
        )
        with pytest.raises(AssertionError, match="Give the client a time-out"):
            kv.verify()
        kv.world.waited.clear()
    assert outcomes == OUTCOMES
    assert disagreements == []


def test_one_injected_429_is_invisible(run_sdk):
    with FakeApify(seed=1, strict="error") as kv:
        store = kv.create_store("retries", {"k": "stored"})
        kv.faults.error("get_record", "rate_limited")
        kv.faults.error("store_record", status=500)
        assert run_sdk(kv, store.id, json.dumps([("get_record", "k"), ("store_record", "k")])) == ["stored", "written"]
        assert [one.status for one in kv.journal.of("get_record")] == [429, 200]
        assert [one.status for one in kv.journal.of("store_record")] == [500, 201]
