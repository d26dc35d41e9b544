"""The official JavaScript client (npm `apify-client` 2) on Node against the fake, in both dialects."""

import base64
import json
from collections.abc import Iterator

import httpx
import pytest

from pytest_kvfake.apify import FakeApify
from pytest_kvfake.contract.document import DIALECTS

BINARY = bytes(range(256)) * 8
BASE64 = base64.b64encode(BINARY).decode()
UNDEFINED = {"$undefined": True}


@pytest.fixture(params=DIALECTS)
def kv(request) -> Iterator[FakeApify]:
    with FakeApify(seed=1, dialect=request.param, strict="error") as kv:
        yield kv


@pytest.fixture
def store(kv):
    return kv.create_store("settings", {"a": "1"})


@pytest.fixture
def call(kv, run_node):
    """Carries out calls of one client; gives their outcomes."""

    def calls(*calls, **client):
        options = {"token": kv.token, "baseUrl": kv.url, "publicBaseUrl": kv.public_url, **client}
        options.setdefault("minDelayBetweenRetriesMillis", 1)
        done = run_node("apify-client", "calls.mjs", json.dumps({"client": options, "calls": calls}))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return calls


def results(outcomes: list) -> list:
    assert [outcome for outcome in outcomes if "error" in outcome] == []
    return [outcome["result"] for outcome in outcomes]


def test_stores_are_made_found_told_updated_and_deleted(kv, call):
    made, found, listed = results(
        call(
            ["keyValueStores().getOrCreate", "results"],
            ["keyValueStores().getOrCreate", "results"],
            ["keyValueStores().list", {"limit": 10}],
        )
    )
    assert made["id"] == found["id"] == kv.stores["results"].id
    assert [one.status for one in kv.journal.of("get_or_create_store")] == [201, 200]
    assert (listed["total"], listed["items"][0]["name"]) == (1, "results")
    path = f"keyValueStore({made['id']})"
    told, updated, by_name, deleted, gone = results(
        call(
            [f"{path}.get"],
            [f"{path}.update", {"name": "renamed", "generalAccess": "RESTRICTED"}],
            ["keyValueStore(janedoe/renamed).get"],
            [f"{path}.delete"],
            [f"{path}.get"],
        )
    )
    assert told["urlSigningSecretKey"] == made["urlSigningSecretKey"]
    assert (updated["name"], updated["generalAccess"]) == ("renamed", "RESTRICTED")
    assert by_name["id"] == made["id"]
    assert deleted == gone == UNDEFINED
    assert len(kv.stores) == 0


def test_values_come_back_as_they_were(store, call):
    path = f"keyValueStore({store.id})"
    values = {
        "object": {"message": "Hello, world!", "ä": [1, None]},
        "text": "päätös",
        "long": "a long text " * 1000,
        "buffer": {"$buffer": BASE64},
    }
    stored = [[f"{path}.setRecord", {"key": key, "value": value}] for key, value in values.items()]
    read = [[f"{path}.getRecord", key] for key in values]
    outcomes = results(call(*stored, *read))[len(stored) :]
    assert [outcome["value"] for outcome in outcomes] == list(values.values())
    assert [outcome["contentType"] for outcome in outcomes] == [
        "application/json; charset=utf-8",
        "text/plain; charset=utf-8",
        "text/plain; charset=utf-8",
        "application/octet-stream",
    ]
    assert (store["long"].content_encoding, store["long"].value.decode()) == ("br", values["long"])


def test_streams_and_images_go_both_ways(store, call):
    path = f"keyValueStore({store.id})"
    image = {"key": "image.png", "value": {"$buffer": BASE64}, "contentType": "image/png"}
    stream = {"key": "stream", "value": {"$stream": BASE64}, "contentType": "application/zip"}
    _, _, as_buffer, as_stream = results(
        call(
            [f"{path}.setRecord", image],
            [f"{path}.setRecord", stream],
            [f"{path}.getRecord", "image.png", {"buffer": True}],
            [f"{path}.getRecord", "stream", {"stream": True}],
        )
    )
    assert (store["image.png"].value, store["stream"].value) == (BINARY, BINARY)
    assert as_buffer == {"key": "image.png", "value": {"$buffer": BASE64}, "contentType": "image/png"}
    assert as_stream["value"] == {"$stream": BASE64}


def test_records_are_checked_and_deleted_and_what_is_missing_is_undefined(store, call):
    path = f"keyValueStore({store.id})"
    assert results(
        call(
            [f"{path}.recordExists", "a"],
            [f"{path}.recordExists", "b"],
            [f"{path}.deleteRecord", "a"],
            [f"{path}.deleteRecord", "a"],
            [f"{path}.getRecord", "a"],
            ["keyValueStore(unknownunknown123).get"],
        )
    ) == [True, False, UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED]


def test_keys_are_listed_and_iterated_over_several_pages(kv, store, call):
    for number in range(25):
        store[f"key-{number:02}"] = "v"
    path = f"keyValueStore({store.id})"
    page, items, stores = results(
        call(
            [f"{path}.listKeys", {"limit": 10, "prefix": "key-", "exclusiveStartKey": "key-04"}],
            [f"{path}.listKeys", {"prefix": "key-", "limit": 25}, {"$all": True}],
            ["keyValueStores().list", {"limit": 1}, {"$all": True}],
        )
    )
    assert (page["count"], page["isTruncated"], page["nextExclusiveStartKey"]) == (10, True, "key-14")
    assert [item["key"] for item in items] == [f"key-{number:02}" for number in range(25)]
    assert [one["id"] for one in stores] == [store.id]


def test_more_than_a_page_of_keys_is_iterated_to_its_end(kv, store, call):
    for number in range(1500):
        store[f"key-{number:04}"] = b""
    (items,) = results(call([f"keyValueStore({store.id}).listKeys", {"prefix": "key-"}, {"$all": True}]))
    assert [item["key"] for item in items] == [f"key-{number:04}" for number in range(1500)]
    assert kv.journal.count("list_keys") == 2


def test_public_urls_open_without_a_token(store, call):
    path = f"keyValueStore({store.id})"
    record, keys = results(
        call(
            [f"{path}.getRecordPublicUrl", "a"],
            [f"{path}.createKeysPublicUrl", {"expiresInSecs": 3600, "limit": 1}],
        )
    )
    assert "signature=" in record
    assert httpx.get(record).text == "1"
    assert httpx.get(keys).json()["data"]["count"] == 1
    assert httpx.get(record.partition("?")[0]).status_code == 403


def test_a_rate_limit_and_a_failure_are_retried(kv, store, call):
    kv.faults.error("store_record", "rate_limited")
    kv.faults.error("get_record", status=500)
    path = f"keyValueStore({store.id})"
    _, record = results(call([f"{path}.setRecord", {"key": "k", "value": "v"}], [f"{path}.getRecord", "k"]))
    assert record["value"] == "v"
    assert [one.status for one in kv.journal.of("store_record")] == [429, 201]
    assert [one.status for one in kv.journal.of("get_record")] == [500, 200]


def test_an_error_has_status_type_and_message(kv, store, call):
    other = kv.create_user("johndoe")
    (outcome,) = call([f"keyValueStore({store.id}).listKeys"], token=other.token, maxRetries=0)
    rule = kv.document.errors["permission_denied"]
    assert (outcome["status"], outcome["type"]) == (403, rule.code)
    assert outcome["message"].startswith(rule.message)


def test_the_user_and_the_store_of_a_run_are_found(kv, store, call):
    kv.create_run("RunWithAStore1234", store)
    user, record = results(call(["user().get"], ["run(RunWithAStore1234).keyValueStore().getRecord", "a"]))
    assert user["username"] == "janedoe"
    assert record["value"] == "1"
