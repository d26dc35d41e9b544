"""The official TypeScript SDK (npm `cloudflare` 7) on Node against the fake, in both dialects."""

import base64
import json
from collections.abc import Iterator

import pytest

from pytest_kvfake.cloudflare import FakeCloudflare
from pytest_kvfake.contract.document import DIALECTS

BINARY = bytes(range(256))
AWKWARD = {
    "a/b": "a%2Fb",
    "100%": "100%25",
    "a b+c": "a%20b+c",
    "ä€😀": "%C3%A4%E2%82%AC%F0%9F%98%80",
    "?q=1": "%3Fq=1",
    "a:b!": "a:b!",
}


@pytest.fixture(params=DIALECTS)
def kv(request) -> Iterator[FakeCloudflare]:
    with FakeCloudflare(seed=1, dialect=request.param, strict="error") as kv:
        kv.clock.freeze(1750000000)
        yield kv


@pytest.fixture
def ns(kv):
    return kv.create_namespace("settings", {"a": "1"})


@pytest.fixture
def account(kv) -> dict[str, str]:
    return {"account_id": kv.account_id}


@pytest.fixture
def place(account, ns) -> dict[str, str]:
    return {**account, "namespace_id": ns.id}


@pytest.fixture
def call(kv, run_node):
    """Carries out calls of one client, which finds the fake by its environment; gives their outcomes."""

    def calls(*calls, **client):
        done = run_node("cloudflare", "calls.mjs", json.dumps({"client": client, "calls": calls}), env=kv.env)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return calls


def results(outcomes: list) -> list:
    assert [outcome for outcome in outcomes if "error" in outcome] == []
    return [outcome["result"] for outcome in outcomes]


def test_namespaces_are_created_read_renamed_and_removed(kv, ns, account, call):
    made, renamed, read, removed = results(
        call(
            ["kv.namespaces.create", {**account, "title": "new", "jurisdiction": "eu"}],
            ["kv.namespaces.update", ns.id, {**account, "title": "other"}],
            ["kv.namespaces.get", ns.id, account],
            ["kv.namespaces.delete", ns.id, account],
        )
    )
    assert (made["title"], made["jurisdiction"], made["supports_url_encoding"]) == ("new", "eu", True)
    assert renamed == read == {"id": ns.id, "title": "other", "supports_url_encoding": True}
    assert removed == ({} if kv.dialect == "documented" else None)
    assert list(kv.namespaces) == [made["id"]]


def test_iterating_ends_at_the_empty_page_and_at_the_end_of_the_cursor(kv, ns, account, call):
    kv.create_namespace("b")
    for number in range(11):
        ns[f"k{number:02}"] = b"v"
    ns.put("k05", b"v", metadata={"m": 1}, expiration_ttl=60)
    namespaces, keys = results(
        call(
            ["kv.namespaces.list", account],
            ["kv.namespaces.keys.list", ns.id, {**account, "prefix": "k", "limit": 10}],
        )
    )
    assert sorted(namespace["title"] for namespace in namespaces) == ["b", "settings"]
    assert [x.request.query for x in kv.journal.of("list_namespaces")] == ["", "page=2"]
    assert [key["name"] for key in keys] == [f"k{number:02}" for number in range(11)]
    assert (keys[4], keys[5]) == ({"name": "k04"}, {"name": "k05", "expiration": 1750000060, "metadata": {"m": 1}})
    assert kv.journal.count("list_keys") == 2


def test_values_come_back_byte_for_byte_and_expire(kv, ns, place, call):
    sent = {"$file": base64.b64encode(BINARY).decode()}
    _, read, deleted, _ = results(
        call(
            ["kv.namespaces.values.update", "k", {**place, "value": sent, "expiration_ttl": 60}],
            ["kv.namespaces.values.get", "k", place],
            ["kv.namespaces.values.delete", "a", place],
            ["kv.namespaces.values.update", "text", {**place, "value": "ä"}],
        )
    )
    assert base64.b64decode(read["base64"]) == ns["k"].value == BINARY
    assert (read["headers"]["content-type"], read["headers"]["expiration"]) == (
        "application/octet-stream",
        "1750000060",
    )
    assert deleted == ({} if kv.dialect == "documented" else None)
    assert ns["text"].value.decode() == "ä"
    assert kv.journal[0].request.query == "expiration_ttl=60"


def test_an_awkward_key_is_one_and_the_same_in_all_calls(kv, ns, place, call):
    outcomes = results(
        call(
            *(["kv.namespaces.values.update", key, {**place, "value": key}] for key in AWKWARD),
            *(["kv.namespaces.values.get", key, place] for key in AWKWARD),
        )
    )
    sent = [x.request.path.rpartition("/values/")[2] for x in kv.journal.of("write_value")]
    assert sent == list(AWKWARD.values())
    assert set(ns) == {"a", *AWKWARD}
    assert [base64.b64decode(read["base64"]).decode() for read in outcomes[len(AWKWARD) :]] == list(AWKWARD)


def test_metadata_is_kept_as_json_text(place, call):
    *_, metadata = results(
        call(
            ["kv.namespaces.values.update", "text", {**place, "value": "v", "metadata": '{"a":1}'}],
            ["kv.namespaces.metadata.get", "text", place],
        )
    )
    assert metadata == {"a": 1}


def test_metadata_is_lost_as_an_object(sent_as, call):
    """The SDK takes objects apart into fields `metadata[a]`, which the service ignores."""
    *_, metadata = results(sent_as("cloudflare-198", call))
    assert metadata is None


def test_bulk_calls_write_read_and_delete(kv, ns, account, call):
    pairs = [{"key": "b", "value": "2", "metadata": {"m": 1}, "expiration_ttl": 60}, {"key": "j", "value": "[1]"}]
    written, plain, parsed, full, deleted = results(
        call(
            ["kv.namespaces.bulkUpdate", ns.id, {**account, "body": pairs}],
            ["kv.namespaces.bulkGet", ns.id, {**account, "keys": ["a", "none"]}],
            ["kv.namespaces.bulkGet", ns.id, {**account, "keys": ["j"], "type": "json"}],
            ["kv.namespaces.bulkGet", ns.id, {**account, "keys": ["b", "none"], "withMetadata": True}],
            ["kv.namespaces.bulkDelete", ns.id, {**account, "body": ["a", "none"]}],
        )
    )
    assert written == deleted == {"successful_key_count": 2, "unsuccessful_keys": []}
    assert plain["values"] == {"a": "1", "none": None}
    assert parsed["values"] == {"j": [1]}
    assert full["values"] == {"b": {"value": "2", "metadata": {"m": 1}, "expiration": 1750000060}, "none": None}
    assert sorted(ns) == ["b", "j"]
    assert (kv.journal.last.request.method, kv.journal.last.operation) == ("POST", "bulk_delete")


def test_a_refusal_has_the_sdks_class_and_the_services_code(kv, ns, account, place, call):
    outcomes = call(
        ["kv.namespaces.values.get", "none", place],
        ["kv.namespaces.get", "0" * 32, account],
        ["kv.namespaces.create", {**account, "title": "settings"}],
        ["kv.namespaces.values.update", "k", {**place, "value": "v", "metadata": "word"}],
        ["kv.namespaces.list", {"account_id": "invalid"}],
    )
    assert [(one.get("error"), one["status"], one["codes"]) for one in outcomes] == [
        ("NotFoundError", 404, [10009]),
        ("NotFoundError", 404, [10013]),
        ("BadRequestError", 400, [10014]),
        ("BadRequestError", 400, [10147]),
        ("NotFoundError", 404, [7003]),
    ]
    kv.conformance.take()  # the last call broke the contract, which is why it was refused


def test_one_injected_429_is_invisible_and_the_third_is_not(kv, ns, account, place, call):
    kv.faults.error("list_keys", "rate_limited", headers={"retry-after-ms": "1"})
    kv.faults.error("read_value", "rate_limited", times=3, headers={"retry-after-ms": "1"})
    listed, read = call(["kv.namespaces.keys.list", ns.id, account], ["kv.namespaces.values.get", "a", place])
    assert listed["result"] == [{"name": "a"}]
    assert (read["error"], read["codes"]) == ("RateLimitError", [971])
    first, second = kv.journal.of("list_keys")
    assert (first.status, second.status) == (429, 200)
    assert second.request.headers.get("x-stainless-retry-count") == "1"
    assert kv.journal.count("read_value") == 3


def test_global_key_and_what_is_asked_beside_kv(kv, call):
    accounts, memberships, user = results(
        call(
            ["accounts.list"],
            ["memberships.list"],
            ["user.get"],
            apiToken=None,
            apiEmail=kv.api_email,
            apiKey=kv.api_key,
        )
    )
    assert [one["id"] for one in accounts] == [one["account"]["id"] for one in memberships] == [kv.account_id]
    assert user["email"] == kv.api_email
    headers = kv.journal.last.request.headers
    assert (headers.get("x-auth-email"), headers.get("authorization")) == (kv.api_email, None)
