"""The official Python client before version 3: what people have pinned still works.

Runs in environments of its own; beside a newer client it is skipped.
"""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

apify_client = pytest.importorskip("apify_client", reason="the official client is not installed")

from apify_client import ApifyClient, ApifyClientAsync  # noqa: E402 - only where it is installed

from pytest_kvfake.apify import FakeApify  # noqa: E402
from pytest_kvfake.contract.document import DIALECTS  # noqa: E402

if hasattr(ApifyClient, "with_custom_http_client"):
    pytest.skip("newer clients have a test file of their own", allow_module_level=True)


@pytest.fixture(params=DIALECTS)
def kv(request) -> Iterator[FakeApify]:
    with FakeApify(seed=1, dialect=request.param, strict="error") as kv:
        yield kv


@pytest.fixture
def view(kv):
    return kv.create_store("settings", {"a": "1"})


@pytest.fixture
def client(kv) -> ApifyClient:
    return ApifyClient(kv.token, api_url=kv.url, api_public_url=kv.public_url, min_delay_between_retries_millis=1)


@pytest.fixture
def store(client, view):
    return client.key_value_store(view.id)


def test_stores_are_made_found_told_updated_and_deleted(kv, client):
    made = client.key_value_stores().get_or_create(name="results")
    assert client.key_value_stores().get_or_create(name="results")["id"] == made["id"]
    store = client.key_value_store(made["id"])
    assert store.get()["urlSigningSecretKey"] == kv.stores["results"].url_signing_secret_key
    assert store.update(name="renamed")["name"] == "renamed"
    assert client.key_value_store("janedoe/renamed").get()["id"] == made["id"]
    assert client.key_value_stores().list(limit=1).total == 1
    store.delete()
    assert store.get() is None


@pytest.mark.parametrize(
    "value", [{"a": ["ä"]}, "text", b"\x00\xff", "long " * 1000], ids=["object", "text", "bytes", "long"]
)
def test_a_value_travels_compressed_and_comes_back_as_it_was(store, view, value):
    store.set_record("k", value)
    assert view["k"].content_encoding == "gzip"
    assert store.get_record("k")["value"] == value
    assert store.get_record_as_bytes("k")["value"] == view["k"].value


def test_records_are_checked_streamed_deleted_and_missed(store):
    assert (store.record_exists("a"), store.record_exists("b")) == (True, False)
    with store.stream_record("a") as record:
        assert b"".join(record["value"].iter_bytes()) == b"1"
    store.delete_record("a")
    store.delete_record("a")
    assert store.get_record("a") is None


def test_keys_are_listed_page_by_page(store, view):
    for number in range(12):
        view[f"key-{number:02}"] = "v"
    seen, start = [], None
    while True:
        page = store.list_keys(limit=5, prefix="key-", exclusive_start_key=start)
        seen += [item["key"] for item in page["items"]]
        start = page["nextExclusiveStartKey"]
        if not page["isTruncated"]:
            break
    assert seen == [f"key-{number:02}" for number in range(12)]
    assert start is None


def test_public_urls_open_without_a_token(store):
    assert httpx.get(store.get_record_public_url("a")).text == "1"
    assert httpx.get(store.create_keys_public_url()).json()["data"]["count"] == 1


def test_a_rate_limit_and_a_failure_are_retried(kv, store):
    kv.faults.error("get_record", "rate_limited")
    assert store.get_record("a")["value"] == "1"
    kv.faults.error("get_record", status=500)
    assert store.get_record("a")["value"] == "1"
    assert [one.status for one in kv.journal.of("get_record")] == [429, 200, 500, 200]


def test_the_async_client_works_too(kv, view):
    async def story():
        client = ApifyClientAsync(kv.token, api_url=kv.url)
        store = client.key_value_store(view.id)
        await store.set_record("k", {"n": 1})
        return await store.get_record("k"), await store.get_record("missing"), await store.record_exists("k")

    record, missing, exists = asyncio.run(story())
    assert (record["value"], missing, exists) == ({"n": 1}, None, True)


def test_the_user_is_told(client):
    assert client.user().get()["username"] == "janedoe"
