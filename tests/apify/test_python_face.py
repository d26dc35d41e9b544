"""The state without HTTP: stores, records, users, tokens, runs; snapshots and files."""

import json

import pytest

from pytest_kvfake import FakeApify, OptionError, RuleError, UsageError
from pytest_kvfake.apify.state import Record

SCHEMA = {
    "actorKeyValueStoreSchemaVersion": 1,
    "title": "T",
    "collections": {"images": {"keyPrefix": "image-", "contentTypes": ["image/png"]}},
}


def test_a_store_is_found_by_id_name_and_owner(kv):
    store = kv.create_store("results", {"k": b"v"})
    kv.create_user("johndoe")
    other = kv.create_store("results", username="johndoe")
    assert kv.stores["results"].id == kv.stores[store.id].id == kv.stores["janedoe~results"].id == store.id
    assert kv.stores["johndoe~results"].id == other.id
    assert set(kv.stores) == {store.id, other.id}
    assert "nothing" not in kv.stores


@pytest.mark.parametrize(
    ("value", "raw", "content_type"),
    [
        (b"bytes", b"bytes", "application/octet-stream"),
        ("ä", "ä".encode(), "text/plain; charset=utf-8"),
        ({"a": ["ä"]}, '{"a": ["ä"]}'.encode(), "application/json; charset=utf-8"),
    ],
)
def test_a_value_is_stored_as_the_clients_store_it(kv, call, value, raw, content_type):
    store = kv.create_store("results", {"k": value})
    assert store["k"] == Record(raw, content_type, None)
    answer = call("GET", f"/key-value-stores/{store.id}/records/k")
    assert (answer.body, answer.headers["content-type"]) == (raw, content_type)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
def test_a_value_is_compressed_on_request(kv, call, coding):
    store = kv.create_store()
    record = store.put("k", "text", content_encoding=coding)
    assert (record.value, record.content_encoding) == (b"text", coding)
    assert record.raw != b"text"
    answer = call("GET", f"/key-value-stores/{store.id}/records/k", accept_encoding=coding)
    assert (answer.body, answer.headers["content-encoding"]) == (record.raw, coding)


def test_a_store_is_a_live_mapping(kv, call):
    store = kv.create_store("results", [("b", "2"), ("B", "1")])
    assert list(store) == ["B", "b"]
    call("DELETE", f"/key-value-stores/{store.id}/records/b")
    assert list(store) == ["B"]
    del store["B"]
    assert len(store) == 0
    with pytest.raises(KeyError):
        store["B"]
    with pytest.raises(KeyError):
        del store["B"]
    store["copy"] = Record(b"v", "image/png")
    assert store["copy"].content_type == "image/png"
    call("PUT", f"/key-value-stores/{store.id}", json.dumps({"name": "renamed"}), content_type="application/json")
    assert store.name == "renamed"


def test_looking_leaves_no_trace_in_the_journal(kv):
    store = kv.create_store("results", {"k": "v"})
    assert store["k"].value == b"v"
    assert len(kv.journal) == 0


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (lambda kv: kv.create_store("-bad"), "invalid_store_name"),
        (lambda kv: kv.create_store("taken"), "name_not_unique"),
        (lambda kv: kv.create_store("x", schema={"title": "T"}), "store_schema_invalid"),
        (lambda kv: kv.create_store("x", {"a b": "v"}), "invalid_record_key"),
        (lambda kv: kv.stores["taken"].put("a" * 257, "v"), "invalid_record_key"),
        (lambda kv: kv.stores["taken"].put("k", b"x" * 9437185), "request_too_large"),
        (lambda kv: kv.stores["taken"].put("k", "v", content_encoding="bla"), "unsupported_content_encoding"),
        (lambda kv: kv.stores["taken"].put("image-1", "v"), "schema_violation"),
    ],
)
def test_a_write_that_the_service_would_refuse_is_refused(kv, write, name):
    kv.create_store("taken", schema=SCHEMA)
    with pytest.raises(RuleError) as caught:
        write(kv)
    assert caught.value.name == name
    assert len(kv.stores) == 1


@pytest.mark.parametrize(
    "mistake",
    [
        lambda kv: kv.create_store(store_id="short"),
        lambda kv: kv.create_store(store_id=kv.create_store().id),
        lambda kv: kv.create_store(username="nobody"),
        lambda kv: kv.create_store(general_access="EVERYBODY"),
        lambda kv: kv.create_user("janedoe"),
        lambda kv: kv.create_user("x", kv.token),
        lambda kv: kv.create_user("x", general_access="ANYONE_WITH_NAME_CAN_READ"),
        lambda kv: kv.create_token("t", permissions=["delete"]),
        lambda kv: kv.create_token("t", stores={"nothing": ["read"]}),
        lambda kv: kv.create_token(""),
        lambda kv: kv.create_run("R", "nothing"),
        lambda kv: [kv.create_run("R"), kv.create_run("R")],
        lambda _: FakeApify(account_general_access="EVERYBODY"),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused(kv, mistake):
    with pytest.raises(UsageError):
        mistake(kv)


def test_a_misspelt_option_is_refused():
    with pytest.raises((TypeError, OptionError)):
        FakeApify(acount_general_access="RESTRICTED")


def test_the_user_setting_opens_stores_that_follow_it(connect):
    with FakeApify(account_general_access="ANYONE_WITH_ID_CAN_READ") as kv:
        store = kv.create_store("results", {"k": "v"})
        restricted = kv.create_store("other", {"k": "v"}, general_access="RESTRICTED")
        anonymous = type(connect())(kv, None)
        assert anonymous("GET", f"/key-value-stores/{store.id}/records/k").body == b"v"
        assert anonymous("GET", f"/key-value-stores/{restricted.id}/records/k").status == 403
        anonymous.connection.close()


def test_access_and_secret_of_a_store_may_be_set(kv, connect):
    store = kv.create_store("results", {"a'b": "v"})
    store.url_signing_secret_key = "secret-key-for-testing"
    anonymous = connect(None)
    path = f"/key-value-stores/{store.id}/records/a'b"
    assert anonymous("GET", path).status == 403
    assert anonymous("GET", f"{path}?signature=1ajNtnGNxMfmUZcB9zQWS").status == 200
    store.general_access = "ANYONE_WITH_ID_CAN_READ"
    assert anonymous("GET", path).status == 200
    with pytest.raises(UsageError):
        store.general_access = "EVERYBODY"


def test_a_run_has_a_store_of_its_own_unless_one_is_named(kv, call):
    run = kv.create_run()
    answer = call("GET", f"/actor-runs/{run.id}/key-value-store")
    assert (answer.data["id"], answer.data["actRunId"], answer.data["name"]) == (run.store_id, run.id, None)


def test_ids_come_from_the_seed():
    ids = [FakeApify(seed=7).create_store("x").id for _ in range(2)]
    assert ids[0] == ids[1]
    assert ids[0] != FakeApify(seed=8).create_store("x").id


def fill(kv):
    kv.create_user("johndoe", "B", general_access="ANYONE_WITH_ID_CAN_READ")
    store = kv.create_store("results", {"text": "ä", "bytes": b"\xff\x00"}, schema=SCHEMA)
    store.put("packed", "v", content_encoding="br")
    store.general_access = "ANYONE_WITH_NAME_CAN_READ"
    kv.create_store(None, username="johndoe")
    kv.create_token("reader", permissions=["read"], stores={"results": ["write"]})
    kv.create_run("R", store, actor="janedoe~my-actor", task="t", status="FAILED", origin="WEB")
    return store


def everything(kv):
    return json.dumps(kv.world.state.dump(), sort_keys=True)


def test_a_snapshot_brings_everything_back(kv, call):
    store = fill(kv)
    before, snapshot = everything(kv), kv.snapshot()
    call("GET", f"/key-value-stores/{store.id}/keys")
    call("PUT", f"/key-value-stores/{store.id}/records/new", "x")
    call("PUT", f"/key-value-stores/{store.id}", json.dumps({"name": "renamed"}), content_type="application/json")
    call("POST", "/key-value-stores?name=another")
    assert everything(kv) != before
    for _ in range(2):
        kv.restore(snapshot)
        assert everything(kv) == before
        store["once-more"] = "x"
    kv.reset()
    assert len(kv.stores) == 0


def test_a_file_brings_everything_into_another_fake(kv, tmp_path):
    fill(kv)
    kv.dump(tmp_path / "state.json")
    with FakeApify(seed=1) as other:
        other.load(tmp_path / "state.json")
        assert everything(other) == everything(kv)
        assert other.stores["results"]["packed"].value == b"v"
        assert other.create_store().id not in set(kv.stores)
        with pytest.raises(RuleError):
            other.create_store("results")


def test_official_tools_find_the_fake_by_the_environment(kv, monkeypatch):
    kv.use_env(monkeypatch)
    assert kv.env == {
        "APIFY_TOKEN": kv.token,
        "APIFY_API_BASE_URL": kv.url,
        "APIFY_API_PUBLIC_BASE_URL": kv.public_url,
        "APIFY_CLIENT_BASE_URL": kv.url,
    }
    assert kv.url == f"http://127.0.0.1:{kv.port}"
