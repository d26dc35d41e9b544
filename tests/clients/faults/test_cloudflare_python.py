"""Faults through the official Python SDK (`cloudflare` 5), sync and async."""

import asyncio
import inspect

import pytest

cloudflare = pytest.importorskip("cloudflare", minversion="5.0", reason="the outcomes are those of cloudflare 5")

from pytest_kvfake.cloudflare import FakeCloudflare  # noqa: E402 - only where the SDK is

OUTCOMES = {
    "error": ("cloudflare.InternalServerError 500", "cloudflare.InternalServerError 500"),
    "latency": ("stored", "written"),
    "hang": ("cloudflare.APITimeoutError", "cloudflare.APITimeoutError"),
    "refuse": ("cloudflare.APIConnectionError", "cloudflare.APIConnectionError"),
    "reset": ("cloudflare.APIConnectionError", "cloudflare.APIConnectionError"),
    "empty": ("cloudflare.APIConnectionError", "cloudflare.APIConnectionError"),
    "truncate": ("cloudflare.APIConnectionError", "cloudflare.APIConnectionError"),
    "dribble": ("stored", "written"),
    # A value is bytes, and nothing tells that they are the wrong ones. The answer to a write is read as JSON, and
    # the SDK lets Python's own error through.
    "corrupt": ("\ufffd" * 6, "UnicodeDecodeError"),
    "wrong_length": ("cloudflare.APIConnectionError", "cloudflare.APIConnectionError"),
    "stale_connection": ("cloudflare.APIConnectionError", "cloudflare.APIConnectionError"),
    # Of a bulk write; the SDK raises nothing.
    "partial": ("not taken", "unsuccessful_keys: partial-write"),
    "stale": ("stored", "not taken"),
    "rate_limit": ("cloudflare.RateLimitError 429", "cloudflare.RateLimitError 429"),
    "storage_full": ("not taken", "cloudflare.RateLimitError 429"),
    "outage": ("cloudflare.InternalServerError 503", "cloudflare.InternalServerError 503"),
}


class Caller:
    """One client, sync or async, spoken to in the same words."""

    def __init__(self, client, kv, ns, done):
        self.of = client.kv.namespaces
        self.account, self.id = {"account_id": kv.account_id}, ns.id
        self.place = {**self.account, "namespace_id": ns.id}
        self.done = done

    def read_value(self, key):
        return self.done(self.done(self.of.values.get(key, **self.place)).read())

    def write_value(self, key):
        self.done(self.of.values.update(key, value=b"written", **self.place))

    def bulk_write(self, key):
        pairs = [{"key": one, "value": "written"} for one in (key, "warm")]
        done = self.done(self.of.bulk_update(self.id, **self.account, body=pairs))
        return f"unsuccessful_keys: {', '.join(done.unsuccessful_keys)}"


@pytest.mark.parametrize("kind", ["Cloudflare", "AsyncCloudflare"])
def test_every_kind_of_fault_has_its_outcome(kind, meet_every_fault, outcome_of):
    loop = asyncio.new_event_loop()

    def done(outcome):
        return loop.run_until_complete(outcome) if inspect.isawaitable(outcome) else outcome

    with FakeCloudflare(seed=1, strict="error") as kv:
        ns = kv.create_namespace("faults")
        client = getattr(cloudflare, kind)(base_url=kv.url, api_token=kv.api_token, max_retries=0, timeout=0.3)
        caller = Caller(client, kv, ns, done)
        outcomes, disagreements = meet_every_fault(
            kv,
            entries=ns,
            read="read_value",
            write="write_value",
            bulk=("bulk_get", "bulk_write"),
            carry_out=lambda calls: [outcome_of(getattr(caller, operation), key) for operation, key in calls],
        )
        done(client.close())
    loop.close()
    assert outcomes == OUTCOMES
    assert disagreements == []


@pytest.mark.parametrize("status", [500, 502, 503, 524])
def test_each_status_of_a_gateway_is_an_internal_server_error(status):
    with FakeCloudflare(seed=1) as kv, cloudflare.Cloudflare(base_url=kv.url, api_token="t", max_retries=0) as client:
        kv.faults.error("list_namespaces", status=status)
        with pytest.raises(cloudflare.InternalServerError) as caught:
            client.kv.namespaces.list(account_id=kv.account_id)
        assert caught.value.status_code == status
