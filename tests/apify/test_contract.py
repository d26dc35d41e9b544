"""Sentences of the contract that no single request shows."""

import io
import re
import threading
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from pytest_kvfake import FakeApify
from pytest_kvfake.apify import rules
from pytest_kvfake.contract.document import load
from pytest_kvfake.engine.messages import Headers, Request, body_of

SIXTEEN = {
    "actor-memory-limit-exceeded", "actor-not-found", "invalid-input", "method-not-allowed", "permission-denied",
    "rate-limit-exceeded", "record-not-found", "record-not-unique", "record-or-token-not-found", "request-id-invalid",
    "request-too-large", "run-failed", "run-timeout-exceeded", "token-not-valid", "unknown-build-tag",
    "unsupported-content-encoding",
}  # fmt: skip


def test_the_published_types_are_the_only_ones_in_the_documented_dialect():
    rules_of = load("apify").errors.values()
    strangers = {rule.code for rule in rules_of if rule.status < 500 and rule.code is not None} - SIXTEEN
    assert strangers == {"page-not-found"}
    assert [rule.name for rule in rules_of if rule.status >= 500 and not rule.injected] == []


@pytest.mark.parametrize(
    ("schema", "pattern", "limit"),
    [("RecordKey", rules._KEY, "record_key_characters"), ("StoreName", rules._NAME, "store_name_characters")],
)
def test_code_and_document_have_the_same_rules(schema, pattern, limit):
    described = load("apify").raw["components"]["schemas"][schema]
    assert described["pattern"] == f"^{pattern.pattern}$"
    assert described["maxLength"] == load("apify").limits[limit].value


def test_pages_of_listings_are_as_large_as_the_limits():
    document = load("apify")
    for name, limit in (("StoreList", "list_stores_max"), ("KeyList", "list_keys_max")):
        described = document.raw["components"]["schemas"][name]["properties"]["limit"]
        assert described["maximum"] == document.limits[limit].value


def test_the_types_of_general_access_are_those_of_the_document():
    assert set(rules.ACCESS_LEVELS) == set(load("apify").raw["components"]["schemas"]["GeneralAccess"]["enum"])


def test_the_request_after_a_refused_upload_on_the_same_connection_is_answered(kv, call):
    store = kv.create_store("results", {"k": "v"})
    path = f"/key-value-stores/{store.id}/records/k"
    assert call("PUT", path, b"x" * 9437185).status == 413
    assert call("GET", path).body == b"v"
    assert [one.request.served for one in kv.journal] == [0, 1]


def test_a_name_is_created_once_by_many_at_once(kv, connect):
    callers = [connect() for _ in range(8)]
    start = threading.Barrier(len(callers))

    def create(caller):
        start.wait(10)
        return caller("POST", "/key-value-stores?name=same")

    with ThreadPoolExecutor(len(callers)) as pool:
        answers = list(pool.map(create, callers))
    assert sorted(answer.status for answer in answers) == [200] * 7 + [201]
    assert len({answer.data["id"] for answer in answers}) == 1


def archived(kv, store):
    headers = Headers([("Authorization", f"Bearer {kv.token}")])
    request = Request("GET", f"/v2/key-value-stores/{store.id}/records", headers)
    return kv.world.handle(request, body_of(b"")).response.stream()


def test_an_archive_is_not_held_in_memory(kv):
    store = kv.create_store()
    record = bytes(range(256)) * 4096
    for number in range(24):
        store.put(f"k{number}", record, content_encoding="gzip")
    tracemalloc.start()
    pieces = sum(1 for _ in archived(kv, store))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert pieces >= 24
    assert peak < 5 * len(record)


def test_an_archive_shows_the_moment_of_the_request(kv):
    store = kv.create_store(None, {"a": "1", "b": "2"})
    pieces = archived(kv, store)
    first = next(pieces)
    store["a"], store["c"] = "changed", "new"
    with zipfile.ZipFile(io.BytesIO(first + b"".join(pieces))) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"a": b"1", "b": b"2"}
        assert [entry.flag_bits & 0x08 for entry in archive.infolist()] == [0, 0]


@pytest.mark.parametrize("host", ["kv.test:8080", "[::1]:80"])
def test_urls_lead_to_the_host_that_was_asked(kv, host):
    headers = Headers([("Authorization", f"Bearer {kv.token}"), ("Host", host)])
    response = kv.world.handle(Request("POST", "/v2/key-value-stores", headers), body_of(b"")).response
    assert re.fullmatch(rf"http://{re.escape(host)}/v2/key-value-stores/\w{{17}}", response.header("location"))


def test_a_refused_request_neither_uses_up_a_fault_nor_shows_it(kv, call, connect):
    other = kv.create_user("johndoe")
    store = kv.create_store("results", {"k": "v"})
    fault = kv.faults.error("store_record", "internal_server_error")
    path = f"/key-value-stores/{store.id}/records"
    assert connect(None)("PUT", f"{path}/k", "x").status == 401
    assert connect(other.token)("PUT", f"{path}/k", "x").status == 403
    assert call("PUT", f"{path}/a%20b", "x").status == 400
    assert call("PUT", f"{path}/k", "x", content_encoding="bla").status == 415
    assert call("PUT", "/key-value-stores/unknownunknown123/records/k", "x").status == 404
    assert fault.fired == 0
    assert call("PUT", f"{path}/k", "x").status == 500
    assert store["k"].value == b"v"


def test_an_injected_invalid_input_has_the_text_of_the_pages(kv, call):
    store = kv.create_store()
    kv.faults.error("store_record", "invalid-input")
    answer = call("PUT", f"/key-value-stores/{store.id}/records/k", "x")
    assert answer.error == ("invalid-input", "Invalid input: The request body contains invalid data.")


def test_a_changed_limit_is_enforced_and_told(kv, call):
    store = kv.create_store()
    kv.limits.request_bytes = 3
    answer = call("PUT", f"/key-value-stores/{store.id}/records/k", "1234")
    assert answer.error[1] == "The POST payload is too large (limit: 3 bytes, actual length: 4 bytes)."


def test_two_fakes_share_nothing():
    one, other = FakeApify(seed=1), FakeApify(seed=1)
    one.create_store("results")
    assert len(other.stores) == 0
