"""Faults through the official JavaScript SDK (npm `backendless` 8), all kinds in one process."""

import json

import pytest

from pytest_kvfake.hive import FakeHive

OUTCOMES = {
    "error": ("ResponseError 500", "ResponseError 500"),
    "latency": ("stored", "written"),
    # The SDK has no time-out: what ends the wait is the fake's ``wait_limit``.
    "hang": ("Error ECONNRESET", "Error ECONNRESET"),
    "refuse": ("Error ECONNREFUSED", "Error ECONNREFUSED"),
    "reset": ("Error ECONNRESET", "Error ECONNRESET"),
    "empty": ("Error ECONNRESET", "Error ECONNRESET"),
    "truncate": ("Error ECONNRESET", "Error ECONNRESET"),
    "dribble": ("stored", "written"),
    # What is no JSON is given to the user as it came: the damage of "stored" with its quotes, and of true.
    "corrupt": ("\u074c" + "\ufffd" * 6, "\ufffd" * 4),
    "wrong_length": ("Error ECONNRESET", "Error ECONNRESET"),
    "stale_connection": ("Error ECONNRESET", "Error ECONNRESET"),
    "partial": ("not taken", "not taken"),
    "stale": ("not taken", "not taken"),
    "rate_limit": ("not taken", "not taken"),
    "storage_full": ("not taken", "not taken"),
    "outage": ("ResponseError 503", "ResponseError 503"),
}


def told(outcome: dict) -> str:
    """What the SDK's user has seen of a call."""
    if "error" in outcome:
        return f"{outcome['error']['name']} {outcome['error'].get('status') or outcome['error']['code']}"
    return "written" if outcome["result"] is True else outcome["result"]


def test_every_kind_of_fault_has_its_outcome(meet_every_fault, run_node):
    with FakeHive(seed=1, strict="error", wait_limit=0.1) as kv:
        hive = kv.create_hive("faults")
        calls_of = {"key_value_get": ("get", []), "key_value_set": ("set", ["written"])}

        def carry_out(calls) -> list[str]:
            wanted = []
            for operation, key in calls:
                method, arguments = calls_of[operation]
                wanted.append(
                    {"hive": "faults", "store": "KeyValueStore", "key": key, "method": method, "args": arguments}
                )
            done = run_node("backendless", "calls.mjs", json.dumps({"init": [kv.url], "calls": wanted}))
            assert done.returncode == 0, done.stderr
            return [told(outcome) for outcome in json.loads(done.stdout)["outcomes"]]

        outcomes, disagreements = meet_every_fault(
            kv, entries=hive.key_value, read="key_value_get", write="key_value_set", carry_out=carry_out
        )
        with pytest.raises(AssertionError, match="Give the client a time-out"):
            kv.verify()
        kv.world.waited.clear()
    assert outcomes == OUTCOMES
    assert disagreements == []
