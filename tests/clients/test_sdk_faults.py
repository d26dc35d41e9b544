"""Faults through the other official SDKs, once a kind, on one read and one write.

The npm SDKs run all kinds in one process: each kind has a key of its own, on which its faults are armed.
"""

import json
from importlib.metadata import version

import pytest

from pytest_kvfake import FakeApify, FakeCloudflare, FakeHive

apify_client = pytest.importorskip("apify_client", reason="the official client is not installed")

KINDS = ["hang", "reset", "empty", "truncate", "wrong_length"]


HARMLESS = ["latency", "dribble"]
OTHERS = {
    "error": lambda faults, operation, key: faults.error(operation, status=500, key=key),
    "corrupt": lambda faults, operation, key: faults.corrupt(operation, key=key),
    "latency": lambda faults, operation, key: faults.latency(operation, 0.01, key=key),
    "dribble": lambda faults, operation, key: faults.dribble(operation, 1e6, key=key),
}
ALL = [*KINDS, *OTHERS]


def arm(kv, read: str, write: str) -> None:
    for operation in (read, write):
        for kind in KINDS:
            getattr(kv.faults, kind)(operation, key=kind)
        for kind, one in OTHERS.items():
            one(kv.faults, operation, kind)


def disagreeing(outcomes: list[dict]) -> list[str]:
    """The kinds whose outcome is none that they can have; reads come first, then writes."""
    return [
        f"{kind}: {outcome}"
        for kind, outcome in zip([*ALL, *ALL], outcomes, strict=True)
        if kind != "corrupt" and ("error" in outcome) is (kind in HARMLESS)
    ]


needs_apify_3 = pytest.mark.skipif(
    int(version("apify-client").split(".")[0]) < 3, reason="apify-client 2 retries always"
)


@needs_apify_3
@pytest.mark.parametrize("call", ["read", "write"])
@pytest.mark.parametrize("kind", [*KINDS, "refuse"])
def test_apify_python(kind: str, call: str):
    with FakeApify(seed=1, wait_limit=0.3) as kv:
        store = kv.create_store("faults", {"k": "v"})
        client = apify_client.ApifyClient(token=kv.token, api_url=kv.url, max_retries=0).key_value_store(store.id)
        operation = "get_record" if call == "read" else "store_record"
        fault = kv.faults.refuse() if kind == "refuse" else getattr(kv.faults, kind)(operation)
        with pytest.raises(Exception) as caught:
            client.get_record("k") if call == "read" else client.set_record("k", "new")
        assert not isinstance(caught.value, AssertionError)
        fault.remove()
        kv.world.waited.clear()


@needs_apify_3
@pytest.mark.parametrize("call", ["read", "write"])
@pytest.mark.parametrize("kind", OTHERS)
def test_apify_python_meets_the_other_kinds(kind: str, call: str):
    with FakeApify(seed=1) as kv:
        store = kv.create_store("faults", {"k": "v"})
        client = apify_client.ApifyClient(token=kv.token, api_url=kv.url, max_retries=0).key_value_store(store.id)
        fault = OTHERS[kind](kv.faults, "get_record" if call == "read" else "store_record", "k")
        try:
            client.get_record("k") if call == "read" else client.set_record("k", "new")
            failed = False
        except apify_client.errors.ApifyApiError as error:
            failed = error.status_code == 500
        assert fault.fired == 1
        assert failed is (kind == "error")


def test_cloudflare_npm(run_node):
    with FakeCloudflare(seed=1) as kv:
        ns = kv.create_namespace("faults", dict.fromkeys(ALL, "v" * 50))
        arm(kv, "read_value", "write_value")
        where = {"account_id": kv.account_id, "namespace_id": ns.id}
        reads = [["kv.namespaces.values.get", kind, where] for kind in ALL]
        writes = [["kv.namespaces.values.update", kind, {**where, "value": "new"}] for kind in ALL]
        described = {"client": {"maxRetries": 0, "timeout": 500}, "calls": [*reads, *writes]}
        done = run_node("cloudflare", "calls.mjs", json.dumps(described), env=kv.env)
        assert done.returncode == 0, done.stderr
        outcomes = json.loads(done.stdout)
    assert [outcome.get("error") for outcome in outcomes[:3] + outcomes[len(ALL) : len(ALL) + 3]] == [
        "APIConnectionTimeoutError",
        "APIConnectionError",
        "APIConnectionError",
    ] * 2
    assert disagreeing(outcomes) == []


def test_apify_npm(run_node):
    with FakeApify(seed=1) as kv:
        store = kv.create_store("faults", dict.fromkeys(ALL, "v" * 50))
        arm(kv, "get_record", "store_record")
        reads = [[f"keyValueStore({store.id}).getRecord", kind] for kind in ALL]
        writes = [[f"keyValueStore({store.id}).setRecord", {"key": kind, "value": "new"}] for kind in ALL]
        options = {"baseUrl": kv.url, "token": kv.token, "maxRetries": 0, "timeoutSecs": 1}
        done = run_node("apify-client", "calls.mjs", json.dumps({"client": options, "calls": [*reads, *writes]}))
        assert done.returncode == 0, done.stderr
        outcomes = json.loads(done.stdout)
    assert disagreeing(outcomes) == []


def test_backendless_npm(run_node):
    with FakeHive(seed=1, wait_limit=0.5) as kv:
        kv.create_hive("faults", dict.fromkeys(ALL, "v" * 50))
        arm(kv, "key_value_get", "key_value_set")
        store = {"hive": "faults", "store": "KeyValueStore"}
        reads = [{**store, "key": kind, "method": "get", "args": []} for kind in ALL]
        writes = [{**store, "key": kind, "method": "set", "args": ["new"]} for kind in ALL]
        done = run_node("backendless", "calls.mjs", json.dumps({"init": [kv.url], "calls": [*reads, *writes]}))
        assert done.returncode == 0, done.stderr
        outcomes = json.loads(done.stdout)["outcomes"]
        # It has no time-out of its own, and verify() says so.
        with pytest.raises(AssertionError, match="Give the client a time-out"):
            kv.verify()
    assert disagreeing(outcomes) == []
