"""Faults through the other official SDKs, once a kind, on one read and one write.

The npm SDKs run all kinds in one process: each kind has a key of its own, on which its faults are armed.
"""

import json

import pytest
from apify_client import ApifyClient

from pytest_kvfake import FakeApify, FakeCloudflare, FakeHive

KINDS = ["hang", "reset", "empty", "truncate", "wrong_length"]


def arm(kv, read: str, write: str, *, prefix: str = "") -> None:
    for kind in KINDS:
        for operation in (read, write):
            getattr(kv.faults, kind)(operation, key=prefix + kind)


@pytest.mark.parametrize("call", ["read", "write"])
@pytest.mark.parametrize("kind", [*KINDS, "refuse"])
def test_apify_python(kind: str, call: str):
    with FakeApify(seed=1, wait_limit=0.3) as kv:
        store = kv.create_store("faults", {"k": "v"})
        options = {"max_retries": 0, "timeout_secs": 1} if _takes_seconds() else {"max_retries": 0}
        client = ApifyClient(token=kv.token, api_url=kv.url, **options).key_value_store(store.id)
        operation = "get_record" if call == "read" else "store_record"
        fault = kv.faults.refuse() if kind == "refuse" else getattr(kv.faults, kind)(operation)
        with pytest.raises(Exception) as caught:
            client.get_record("k") if call == "read" else client.set_record("k", "new")
        assert not isinstance(caught.value, AssertionError)
        fault.remove()
        kv.world.waited.clear()


def _takes_seconds() -> bool:
    import inspect

    return "timeout_secs" in inspect.signature(ApifyClient.__init__).parameters


def test_cloudflare_npm(run_node):
    with FakeCloudflare(seed=1) as kv:
        ns = kv.create_namespace("faults", dict.fromkeys(KINDS, "v" * 50))
        arm(kv, "read_value", "write_value")
        where = {"account_id": kv.account_id, "namespace_id": ns.id}
        reads = [["kv.namespaces.values.get", kind, where] for kind in KINDS]
        writes = [["kv.namespaces.values.update", kind, {**where, "value": "new"}] for kind in KINDS]
        described = {"client": {"maxRetries": 0, "timeout": 500}, "calls": [*reads, *writes]}
        done = run_node("cloudflare", "calls.mjs", json.dumps(described), env=kv.env)
        assert done.returncode == 0, done.stderr
        outcomes = json.loads(done.stdout)
    assert [outcome.get("error") for outcome in outcomes[:3] + outcomes[5:8]] == [
        "APIConnectionTimeoutError",
        "APIConnectionError",
        "APIConnectionError",
    ] * 2
    # A body that breaks off raises what fetch raises.
    assert all("error" in outcome for outcome in outcomes)


def test_apify_npm(run_node):
    with FakeApify(seed=1) as kv:
        store = kv.create_store("faults", dict.fromkeys(KINDS, "v" * 50))
        arm(kv, "get_record", "store_record")
        reads = [[f"keyValueStore({store.id}).getRecord", kind] for kind in KINDS]
        writes = [[f"keyValueStore({store.id}).setRecord", {"key": kind, "value": "new"}] for kind in KINDS]
        options = {"baseUrl": kv.url, "token": kv.token, "maxRetries": 0, "timeoutSecs": 1}
        done = run_node("apify-client", "calls.mjs", json.dumps({"client": options, "calls": [*reads, *writes]}))
        assert done.returncode == 0, done.stderr
        outcomes = json.loads(done.stdout)
    assert all("error" in outcome for outcome in outcomes), outcomes


def test_backendless_npm(run_node):
    with FakeHive(seed=1, wait_limit=0.5) as kv:
        kv.create_hive("faults", dict.fromkeys(KINDS, "v" * 50))
        arm(kv, "key_value_get", "key_value_set")
        store = {"hive": "faults", "store": "KeyValueStore"}
        reads = [{**store, "key": kind, "method": "get", "args": []} for kind in KINDS]
        writes = [{**store, "key": kind, "method": "set", "args": ["new"]} for kind in KINDS]
        done = run_node("backendless", "calls.mjs", json.dumps({"init": [kv.url], "calls": [*reads, *writes]}))
        assert done.returncode == 0, done.stderr
        outcomes = json.loads(done.stdout)["outcomes"]
        # It has no time-out of its own, and verify() says so.
        with pytest.raises(AssertionError, match="Give the client a time-out"):
            kv.verify()
    assert all("error" in outcome for outcome in outcomes), outcomes
