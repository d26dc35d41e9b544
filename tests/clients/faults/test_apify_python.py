"""Faults through the official Python client (`apify-client` 3), sync and async."""

import asyncio
import inspect
from datetime import timedelta

import pytest

apify_client = pytest.importorskip("apify_client", reason="the official client is not installed")

from pytest_kvfake.apify import FakeApify  # noqa: E402 - only where the client is

if not hasattr(apify_client.ApifyClient, "with_custom_http_client"):
    pytest.skip("the outcomes are those of apify-client 3", allow_module_level=True)

OUTCOMES = {
    "error": ("apify_client.ServerError 500", "apify_client.ServerError 500"),
    "latency": ("stored", "written"),
    # What happens on the wire is raised by impit, the HTTP client beneath; the client has no class of its own for it.
    "hang": ("impit.TimeoutException", "impit.TimeoutException"),
    "refuse": ("impit.ConnectError", "impit.ConnectError"),
    "reset": ("impit.HTTPError", "impit.HTTPError"),
    "empty": ("impit.RemoteProtocolError", "impit.RemoteProtocolError"),
    "truncate": ("impit.RemoteProtocolError", "impit.RemoteProtocolError"),
    "dribble": ("stored", "written"),
    # A text is decoded whatever it is, and nobody looks into the answer to a write.
    "corrupt": ("\ufffd" * 6, "written"),
    "wrong_length": ("impit.RemoteProtocolError", "impit.RemoteProtocolError"),
    "stale_connection": ("impit.HTTPError", "impit.HTTPError"),
    "partial": ("not taken", "not taken"),
    "stale": ("stored", "not taken"),
    "rate_limit": ("apify_client.RateLimitError 429", "apify_client.RateLimitError 429"),
    "storage_full": ("not taken", "not taken"),
    "outage": ("apify_client.ServerError 503", "apify_client.ServerError 503"),
}


class Caller:
    """One client, sync or async, spoken to in the same words."""

    def __init__(self, store, done):
        self.store = store
        self.done = done

    def get_record(self, key):
        return self.done(self.store.get_record(key))["value"]

    def store_record(self, key):
        self.done(self.store.set_record(key, "written"))


@pytest.mark.parametrize("kind", ["ApifyClient", "ApifyClientAsync"])
def test_every_kind_of_fault_has_its_outcome(kind, meet_every_fault, outcome_of):
    loop = asyncio.new_event_loop()

    def done(outcome):
        return loop.run_until_complete(outcome) if inspect.isawaitable(outcome) else outcome

    with FakeApify(seed=1, strict="error") as kv:
        store = kv.create_store("faults")
        client = getattr(apify_client, kind)(
            kv.token, api_url=kv.url, max_retries=0, timeout_long=timedelta(seconds=0.3)
        )
        caller = Caller(client.key_value_store(store.id), done)
        outcomes, disagreements = meet_every_fault(
            kv,
            entries=store,
            read="get_record",
            write="store_record",
            carry_out=lambda calls: [outcome_of(getattr(caller, operation), key) for operation, key in calls],
        )
    loop.close()
    assert outcomes == OUTCOMES
    assert disagreements == []
