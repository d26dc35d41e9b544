"""Faults through the official JavaScript SDK (npm `cloudflare`), all kinds in one process."""

import base64
import json

from pytest_kvfake.cloudflare import FakeCloudflare

OUTCOMES = {
    "error": ("InternalServerError 500", "InternalServerError 500"),
    "latency": ("stored", "written"),
    "hang": ("APIConnectionTimeoutError", "APIConnectionTimeoutError"),
    "refuse": ("APIConnectionError", "APIConnectionError"),
    "reset": ("APIConnectionError", "APIConnectionError"),
    "empty": ("APIConnectionError", "APIConnectionError"),
    # Bodies are read when the SDK's own error handling is over: what fetch and JSON.parse throw comes through.
    "truncate": ("TypeError", "TypeError"),
    "dribble": ("stored", "written"),
    "corrupt": ("\ufffd" * 6, "SyntaxError"),
    "wrong_length": ("TypeError", "TypeError"),
    "stale_connection": ("APIConnectionError", "APIConnectionError"),
    # Of a bulk write; the SDK throws nothing.
    "partial": ("not taken", "unsuccessful_keys: partial-write"),
    "stale": ("stored", "not taken"),
    "rate_limit": ("RateLimitError 429", "RateLimitError 429"),
    "storage_full": ("not taken", "RateLimitError 429"),
    "outage": ("InternalServerError 503", "InternalServerError 503"),
}


def told(outcome: dict) -> str:
    """What the SDK's user has seen of a call."""
    if "error" in outcome:
        return f"{outcome['error']} {outcome['status'] or ''}".rstrip()
    result = outcome["result"] or {}
    if "base64" in result:
        return base64.b64decode(result["base64"]).decode(errors="replace")
    if "unsuccessful_keys" in result:
        return f"unsuccessful_keys: {', '.join(result['unsuccessful_keys'])}"
    return "written"


def test_every_kind_of_fault_has_its_outcome(meet_every_fault, run_node):
    with FakeCloudflare(seed=1, strict="error") as kv:
        ns = kv.create_namespace("faults")
        account = {"account_id": kv.account_id}
        place = {**account, "namespace_id": ns.id}
        calls_of = {
            "read_value": lambda key: ["kv.namespaces.values.get", key, place],
            "write_value": lambda key: ["kv.namespaces.values.update", key, {**place, "value": "written"}],
            "bulk_write": lambda key: [
                "kv.namespaces.bulkUpdate",
                ns.id,
                {**account, "body": [{"key": one, "value": "written"} for one in (key, "warm")]},
            ],
        }

        def carry_out(calls) -> list[str]:
            wanted = [calls_of[operation](key) for operation, key in calls]
            described = {"client": {"maxRetries": 0, "timeout": 300}, "calls": wanted}
            done = run_node("cloudflare", "calls.mjs", json.dumps(described), env=kv.env)
            assert done.returncode == 0, done.stderr
            return [told(outcome) for outcome in json.loads(done.stdout)]

        outcomes, disagreements = meet_every_fault(
            kv,
            entries=ns,
            read="read_value",
            write="write_value",
            bulk=("bulk_get", "bulk_write"),
            carry_out=carry_out,
        )
    assert outcomes == OUTCOMES
    assert disagreements == []
