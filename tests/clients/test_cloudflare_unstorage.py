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
def storage(kv, ns, run_node) -> Callable[..., list]:
    """Carries out calls of one storage and gives their outcomes; the driver puts /client/v4 behind the host itself."""

    def calls(*calls, **options):
        place = {"apiURL": kv.origin, "accountId": kv.account_id, "namespaceId": ns.id}
        driver = {**place, **(options or {"apiToken": kv.api_token})}
        done = run_node("unstorage", "calls.mjs", json.dumps({"driver": driver, "calls": calls}))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return calls


def test_items_are_set_found_read_and_removed(kv, ns, storage):
    outcomes = storage(
        ["setItem", "s1:a", "text"],
        ["setItem", "s1:o", {"x": 1}],
        ["setItem", "n", 0],
        ["hasItem", "s1:a"],
        ["hasItem", "none"],
        ["getItem", "s1:a"],
        ["getItem", "s1:o"],
        ["getItem", "n"],
        ["getItem", "none"],
        ["removeItem", "n"],
        ["getKeys"],
    )
    assert outcomes == [None, None, None, True, False, "text", {"x": 1}, 0, None, None, ["s1:a", "s1:o"]]
    assert (ns["s1:a"].value, ns["s1:o"].value) == (b"text", b'{"x":1}')
    write = kv.journal.of("write_value")[0]
    assert write.request.path.endswith("/values/s1%3Aa")
    assert write.request.headers.get("content-type") == "application/json"


def test_raw_bytes_and_meta_come_back(ns, storage):
    *_, raw, meta = storage(
        ["setItemRaw", "raw", BYTES],
        ["setMeta", "raw", {"owner": "me"}],
        ["getItemRaw", "raw"],
        ["getMeta", "raw"],
    )
    assert (raw, meta) == (BYTES, {"owner": "me"})
    assert sorted(ns) == ["raw", "raw$"]


def test_a_short_time_to_live_is_raised_to_a_minute(kv, ns, storage):
    kv.clock.freeze(1750000000)
    storage(["setItem", "k", "v", {"ttl": 1}])
    assert kv.journal.last.request.query == "expiration_ttl=60"
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
def test_a_service_key_and_a_global_key_are_accepted(kv, storage):
    assert storage(["setItem", "k", "v"], userServiceKey="v1.0-abc") == [None]
    assert kv.journal.last.request.headers.get("x-auth-user-service-key") == "v1.0-abc"
    assert storage(["getItem", "k"], email=kv.api_email, apiKey=kv.api_key) == ["v"]
    assert kv.journal.last.request.headers.get("x-auth-key") == kv.api_key


@pytest.mark.parametrize("kv", ["documented"], indirect=True)
def test_a_failure_of_the_service_is_no_missing_item(kv, storage):
    # its fetch layer tries a read once more
    kv.faults.error("read_value", status=500, times=2)
    (outcome,) = storage(["getItem", "k"])
    assert outcome["status"] == 500
