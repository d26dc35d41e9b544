"""unstorage's driver `cloudflare-kv-http` (npm, 1.17.6) against the fake, by the promises of its own driver suite."""

import base64
import json
from collections.abc import Callable, Iterator

import pytest

from pytest_kvfake.cloudflare import FakeCloudflare
from pytest_kvfake.contract.document import DIALECTS

BYTES = {"$bytes": base64.b64encode(bytes(range(256))).decode()}


@pytest.fixture(params=DIALECTS)
def kv(request) -> Iterator[FakeCloudflare]:
    with FakeCloudflare(seed=1, dialect=request.param, strict="error") as kv:
        yield kv


@pytest.fixture
def ns(kv):
    return kv.create_namespace("settings")


@pytest.fixture
def storage(kv, run_node) -> Callable[..., list]:
    """Carries out calls of one storage and gives their outcomes; the driver puts /client/v4 behind the host itself."""

    def calls(*calls, **options):
        (namespace,) = kv.namespaces
        place = {"apiURL": kv.origin, "accountId": kv.account_id, "namespaceId": namespace}
        driver = {**place, **(options or {"apiToken": kv.api_token})}
        done = run_node("unstorage", "calls.mjs", json.dumps({"driver": driver, "calls": calls}))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return calls


def test_what_is_set_is_found_read_listed_removed_and_cleared(sent_as, storage):
    outcomes = sent_as("cloudflare-199", lambda *calls: list(zip(calls, storage(*calls), strict=True)))
    given = [(call[0], *call[1:2], outcome) for call, outcome in outcomes if outcome is not None]
    assert given == [
        ("hasItem", "s1:a", True),
        ("hasItem", "none", False),
        ("getItem", "s1:a", "text"),
        ("getItem", "s1:o", {"x": 1}),
        ("getItemRaw", "raw", {"$bytes": "AP8="}),
        ("getMeta", "s1:a", {"m": 1}),
        ("getKeys", ["raw", "s1:a", "s1:o", "t"]),
        ("getKeys", "s1", ["s1:a", "s1:o"]),
    ]


def test_raw_bytes_of_every_kind_come_back(ns, storage):
    assert storage(["setItemRaw", "raw", BYTES], ["getItemRaw", "raw"]) == [None, BYTES]


def test_a_falsy_item_is_an_item(ns, storage):
    assert storage(["setItem", "n", 0], ["getItem", "n"]) == [None, 0]


def test_a_short_time_to_live_is_raised_to_a_minute(kv, ns, storage):
    kv.clock.freeze(1750000000)
    storage(["setItem", "k", "v", {"ttl": 1}])
    assert ns["k"].expiration == 1750000060


def test_all_keys_are_listed_by_cursor_and_cleared_in_bulk(kv, ns, storage):
    names = [f"k{number:04}" for number in range(1001)]
    for name in names:
        ns[name] = b"v"
    listed, _ = storage(["getKeys"], ["clear"])
    assert listed == names
    assert list(ns) == []
    operations = [x.operation for x in kv.journal]
    assert operations == ["list_keys"] * 4 + ["bulk_delete"]


@pytest.mark.parametrize("kv", ["documented"], indirect=True)
def test_a_service_key_and_a_global_key_are_accepted(kv, ns, storage):
    assert storage(["setItem", "k", "v"], userServiceKey="v1.0-abc") == [None]
    assert kv.journal.last.request.headers.get("x-auth-user-service-key") == "v1.0-abc"
    assert storage(["getItem", "k"], email=kv.api_email, apiKey=kv.api_key) == ["v"]
    assert kv.journal.last.request.headers.get("x-auth-key") == kv.api_key


@pytest.mark.parametrize("kv", ["documented"], indirect=True)
def test_a_failure_of_the_service_is_no_missing_item(kv, ns, storage):
    # its fetch layer tries a read once more
    kv.faults.error("read_value", status=500, times=2)
    (outcome,) = storage(["getItem", "k"])
    assert outcome["status"] == 500
