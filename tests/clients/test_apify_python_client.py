"""The official Python client (`apify-client` 3) against the fake: every KV method, sync and async, in both dialects."""

import asyncio
import gzip
import inspect
import io
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

apify_client = pytest.importorskip("apify_client", reason="the official client is not installed")

from apify_client import ApifyClient, ApifyClientAsync  # noqa: E402 - only where it is installed
from apify_client.errors import ApifyApiError  # noqa: E402

from pytest_kvfake.apify import FakeApify  # noqa: E402
from pytest_kvfake.contract.document import DIALECTS  # noqa: E402

if not hasattr(ApifyClient, "with_custom_http_client"):
    pytest.skip("older clients have a test file of their own", allow_module_level=True)

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8


class Sdk:
    """One client, sync or async, spoken to in the same words."""

    def __init__(self, client, fake, loop=None):
        self.client = client
        self.fake = fake
        self.loop = loop
        self.view = fake.create_store("settings", {"a": "1"})
        self.store = client.key_value_store(self.view.id)
        self.stores = client.key_value_stores()

    def done(self, outcome):
        return self.loop.run_until_complete(outcome) if inspect.isawaitable(outcome) else outcome

    def all(self, pages):
        async def gathered():
            return [item async for item in pages]

        return self.done(gathered()) if hasattr(pages, "__aiter__") else list(pages)

    def value(self, key):
        record = self.done(self.store.get_record(key))
        return None if record is None else record["value"]

    def streamed(self, key):
        if self.loop is None:
            with self.store.stream_record(key) as record:
                return None if record is None else b"".join(record["value"].iter_bytes())

        async def read():
            async with self.store.stream_record(key) as record:
                return None if record is None else b"".join([piece async for piece in record["value"].aiter_bytes()])

        return self.done(read())

    def refused(self, call):
        """Makes a call that is refused, and gives the client's error."""
        with pytest.raises(ApifyApiError) as caught:
            self.done(call())
        return caught.value


@pytest.fixture(params=DIALECTS)
def kv(request) -> Iterator[FakeApify]:
    with FakeApify(seed=1, dialect=request.param, strict="error") as kv:
        yield kv


@pytest.fixture(params=["sync", "async"])
def sdk(request, kv) -> Iterator[Sdk]:
    options = {
        "token": kv.token,
        "api_url": kv.url,
        "api_public_url": kv.public_url,
        "min_delay_between_retries": timedelta(milliseconds=1),
    }
    if request.param == "sync":
        yield Sdk(ApifyClient(**options), kv)
        return
    loop = asyncio.new_event_loop()
    yield Sdk(ApifyClientAsync(**options), kv, loop)
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def test_get_or_create_makes_a_store_once(sdk, kv):
    made = sdk.done(sdk.stores.get_or_create(name="results"))
    found = sdk.done(sdk.stores.get_or_create(name="results"))
    assert made.id == found.id == kv.stores["results"].id
    assert [one.status for one in kv.journal.of("get_or_create_store")] == [201, 200]


def test_get_or_create_takes_a_schema(sdk, kv):
    collections = {"images": {"keyPrefix": "image-", "contentTypes": ["image/png"]}}
    schema = {"actorKeyValueStoreSchemaVersion": 1, "title": "T", "collections": collections}
    made = sdk.done(sdk.stores.get_or_create(name="typed", schema=schema))
    store = sdk.client.key_value_store(made.id)
    assert sdk.refused(lambda: store.set_record("image-1", "text")).status_code == 400
    sdk.done(store.set_record("image-1", PNG, content_type="image/png"))
    assert [one.key for one in sdk.done(store.list_keys(collection="images")).items] == ["image-1"]


def test_a_store_is_told_updated_and_deleted(sdk, kv):
    told = sdk.done(sdk.store.get())
    assert (told.id, told.name, told.username) == (sdk.view.id, "settings", "janedoe")
    assert told.created_at.utcoffset() == timedelta(0)
    updated = sdk.done(sdk.store.update(name="renamed", title="Renamed", general_access="ANYONE_WITH_ID_CAN_READ"))
    assert (updated.name, updated.general_access) == ("renamed", "ANYONE_WITH_ID_CAN_READ")
    assert kv.stores["renamed"].general_access == "ANYONE_WITH_ID_CAN_READ"
    sdk.done(sdk.store.delete())
    assert sdk.done(sdk.store.get()) is None
    assert len(kv.stores) == 0


def test_a_store_is_found_by_its_name(sdk):
    for name in ("janedoe/settings", "janedoe~settings", "~settings"):
        assert sdk.done(sdk.client.key_value_store(name).get()).id == sdk.view.id
    assert sdk.done(sdk.client.key_value_store("settings").get()) is None


def test_stores_are_listed_and_iterated_over_several_pages(sdk, kv):
    for number in range(5):
        kv.create_store(f"store-{number}")
    page = sdk.done(sdk.stores.list(limit=2, offset=1, desc=True))
    assert (page.total, page.count, page.limit, page.desc) == (6, 2, 2, True)
    assert [one.name for one in page.items] == ["store-3", "store-2"]
    before = kv.journal.count("list_stores")
    assert len(sdk.all(sdk.stores.iterate())) == 6
    assert kv.journal.count("list_stores") > before


def test_keys_are_listed_and_iterated_over_several_pages(sdk, kv):
    for number in range(25):
        sdk.view[f"key-{number:02}"] = "v"
    page = sdk.done(sdk.store.list_keys(limit=10, prefix="key-", exclusive_start_key="key-04"))
    assert [one.key for one in page.items][:2] == ["key-05", "key-06"]
    assert (page.count, page.limit, page.is_truncated, page.next_exclusive_start_key) == (10, 10, True, "key-14")
    iterated = sdk.all(sdk.store.iterate_keys(prefix="key-", chunk_size=10))
    assert [one.key for one in iterated] == [f"key-{number:02}" for number in range(25)]
    assert {one.size for one in iterated} == {1}
    assert [one.status for one in kv.journal.of("list_keys")] == [200] * 4


@pytest.mark.parametrize(
    ("value", "content_type"),
    [
        ({"message": "Hello, world!", "ä": [1, None]}, "application/json; charset=utf-8"),
        ([1, 2, 3], "application/json; charset=utf-8"),
        ("päätös", "text/plain; charset=utf-8"),
        (b"\x00\xff", "application/octet-stream"),
    ],
    ids=["object", "list", "text", "bytes"],
)
def test_a_value_comes_back_as_it_was(sdk, value, content_type):
    sdk.done(sdk.store.set_record("k", value))
    record = sdk.done(sdk.store.get_record("k"))
    assert (record["key"], record["value"], record["content_type"]) == ("k", value, content_type)
    assert sdk.view["k"].content_type == content_type


def test_a_large_value_travels_compressed_and_comes_back_as_it_was(sdk):
    text = "a long text " * 1000
    sdk.done(sdk.store.set_record("k", text))
    assert sdk.view["k"].content_encoding == "gzip"
    assert sdk.view["k"].value == text.encode()
    assert sdk.value("k") == text


def test_bytes_that_are_compressed_already_are_kept(sdk):
    packed = gzip.compress(b"packed")
    sdk.done(sdk.store.set_record("k", packed, content_type="text/plain", content_encoding="gzip"))
    assert sdk.view["k"].raw == packed
    assert sdk.value("k") == "packed"


def test_an_image_comes_back_as_it_was(sdk):
    sdk.done(sdk.store.set_record("image.png", PNG, content_type="image/png"))
    record = sdk.done(sdk.store.get_record_as_bytes("image.png"))
    assert (record["value"], record["content_type"]) == (PNG, "image/png")


@pytest.mark.filterwarnings("ignore:Streaming a request body is experimental:UserWarning")
def test_a_stream_is_uploaded_and_downloaded(sdk):
    sdk.done(sdk.store.set_record("k", io.BytesIO(PNG)))
    assert sdk.view["k"].value == PNG
    assert sdk.streamed("k") == PNG


def test_what_is_not_there_is_none(sdk):
    assert sdk.done(sdk.store.get_record("missing")) is None
    assert sdk.done(sdk.store.get_record_as_bytes("missing")) is None
    assert sdk.streamed("missing") is None
    assert sdk.done(sdk.client.key_value_store("unknownunknown123").get()) is None


def test_a_record_is_checked_and_deleted(sdk):
    assert sdk.done(sdk.store.record_exists("a")) is True
    assert sdk.done(sdk.store.record_exists("b")) is False
    sdk.done(sdk.store.delete_record("a"))
    sdk.done(sdk.store.delete_record("a"))
    assert sdk.done(sdk.store.record_exists("a")) is False
    assert "a" not in sdk.view


def test_keys_with_every_allowed_character_work(sdk):
    key = "aZ9!-_.'()"
    sdk.done(sdk.store.set_record(key, "v"))
    assert sdk.value(key) == "v"
    assert sdk.done(sdk.store.record_exists(key))
    assert list(sdk.view) == ["a", key]
    sdk.done(sdk.store.delete_record(key))


def test_a_signed_url_of_a_record_opens_it_without_a_token(sdk):
    url = sdk.done(sdk.store.get_record_public_url("a"))
    assert "signature=" in url
    assert httpx.get(url).text == "1"
    assert httpx.get(url.partition("?")[0]).status_code == 403
    (listed,) = sdk.done(sdk.store.list_keys()).items
    assert httpx.get(str(listed.record_public_url)).text == "1"


def test_a_signed_url_of_the_keys_opens_them_without_a_token(sdk, kv):
    url = sdk.done(sdk.store.create_keys_public_url(limit=1, prefix="a", expires_in=timedelta(hours=1)))
    assert [one["key"] for one in httpx.get(url).json()["data"]["items"]] == ["a"]
    kv.clock.advance(3601)
    assert httpx.get(url).status_code == 403


def test_another_user_is_refused(sdk, kv):
    other = kv.create_user("johndoe")
    client = type(sdk.client)(other.token, api_url=kv.url, max_retries=0)
    error = sdk.refused(lambda: client.key_value_store(sdk.view.id).list_keys())
    assert (error.status_code, error.type) == (403, kv.document.errors["permission_denied"].code)
    assert error.message == kv.document.errors["permission_denied"].message
    assert sdk.done(client.key_value_stores().list()).total == 0


def test_a_bad_token_is_refused(sdk, kv):
    client = type(sdk.client)("nonsense", api_url=kv.url, max_retries=0)
    error = sdk.refused(lambda: client.key_value_store(sdk.view.id).get())
    assert (error.status_code, error.type) == (401, kv.document.errors["token_not_valid"].code)


def test_the_limit_of_a_body_is_told_with_both_numbers(sdk, kv):
    error = sdk.refused(lambda: sdk.store.set_record("k", b"x" * 10485760, content_encoding="identity"))
    assert error.status_code == 413
    assert error.message == "The POST payload is too large (limit: 9437184 bytes, actual length: 10485760 bytes)."


def test_a_rate_limit_and_a_failure_are_retried(sdk, kv):
    kv.faults.error("store_record", "rate_limited")
    sdk.done(sdk.store.set_record("k", "v"))
    assert [one.status for one in kv.journal.of("store_record")] == [429, 201]
    kv.faults.error("get_record", status=500, times=2)
    assert sdk.value("k") == "v"
    assert [one.status for one in kv.journal.of("get_record")] == [500, 500, 200]


def test_the_store_of_a_run_is_reached_through_the_run(sdk, kv):
    kv.create_run("RunWithAStore1234", sdk.view, actor="janedoe~my-actor")
    store = sdk.client.run("RunWithAStore1234").key_value_store()
    assert sdk.done(store.get_record("a"))["value"] == "1"
    last = sdk.client.actor("janedoe/my-actor").last_run(status="SUCCEEDED").key_value_store()
    sdk.done(last.set_record("b", "2"))
    assert sdk.view["b"].value == b"2"


def test_the_user_is_told(sdk):
    user = sdk.done(sdk.client.user().get())
    assert (user.username, user.plan.id, user.is_paying) == ("janedoe", "FREE", False)
    assert sdk.done(sdk.client.user("janedoe").get()).username == "janedoe"
