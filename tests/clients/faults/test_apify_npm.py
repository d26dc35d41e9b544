"""Faults through the official JavaScript client (npm `apify-client` 2), all kinds in one process."""

import json

from pytest_kvfake.apify import FakeApify

OUTCOMES = {
    "error": ("ApifyApiError 500", "ApifyApiError 500"),
    "latency": ("stored", "written"),
    # What happens on the wire is thrown by axios; the client has no class of its own for it.
    "hang": ("AxiosError ECONNABORTED", "AxiosError ECONNABORTED"),
    "refuse": ("AxiosError ECONNREFUSED", "AxiosError ECONNREFUSED"),
    "reset": ("AxiosError ECONNRESET", "AxiosError ECONNRESET"),
    "empty": ("AxiosError ECONNRESET", "AxiosError ECONNRESET"),
    "truncate": ("AxiosError ERR_BAD_RESPONSE", "AxiosError ERR_BAD_RESPONSE"),
    "dribble": ("stored", "written"),
    # A text is decoded whatever it is; the answer to a write has to be JSON.
    "corrupt": ("\ufffd" * 6, "InvalidResponseBodyError invalid-response-body"),
    "wrong_length": ("AxiosError ERR_BAD_RESPONSE", "AxiosError ERR_BAD_RESPONSE"),
    "stale_connection": ("AxiosError ECONNRESET", "AxiosError ECONNRESET"),
    "partial": ("not taken", "not taken"),
    "stale": ("stored", "not taken"),
    "rate_limit": ("ApifyApiError 429", "ApifyApiError 429"),
    "storage_full": ("not taken", "not taken"),
    "outage": ("ApifyApiError 503", "ApifyApiError 503"),
}


def told(outcome: dict) -> str:
    """What the client's user has seen of a call."""
    if "error" in outcome:
        return f"{outcome['error']} {outcome['status'] or outcome['code'] or ''}".rstrip()
    return outcome["result"].get("value", "written")


def test_every_kind_of_fault_has_its_outcome(meet_every_fault, run_node):
    with FakeApify(seed=1, strict="error") as kv:
        store = kv.create_store("faults")
        calls_of = {
            "get_record": lambda key: [f"keyValueStore({store.id}).getRecord", key],
            "store_record": lambda key: [f"keyValueStore({store.id}).setRecord", {"key": key, "value": "written"}],
        }

        def carry_out(calls) -> list[str]:
            wanted = [calls_of[operation](key) for operation, key in calls]
            options = {"baseUrl": kv.url, "token": kv.token, "maxRetries": 0, "timeoutSecs": 0.3}
            done = run_node("apify-client", "calls.mjs", json.dumps({"client": options, "calls": wanted}))
            assert done.returncode == 0, done.stderr
            return [told(outcome) for outcome in json.loads(done.stdout)]

        outcomes, disagreements = meet_every_fault(
            kv, entries=store, read="get_record", write="store_record", carry_out=carry_out
        )
    assert outcomes == OUTCOMES
    assert disagreements == []
