"""The Python SDK before version 5 (3.0 is the first with `kv.namespaces`): what people have pinned still works.

Runs in environments of its own; beside a newer SDK it is skipped.
"""

import json
from collections.abc import Iterator
from operator import attrgetter

import pytest

cloudflare = pytest.importorskip("cloudflare")

from pytest_kvfake.cloudflare import FakeCloudflare  # noqa: E402 - the skip comes first
from pytest_kvfake.contract.document import DIALECTS  # noqa: E402

VERSION = tuple(int(number) for number in cloudflare.__version__.split(".")[:2])

if VERSION >= (5,):
    pytest.skip(f"cloudflare {cloudflare.__version__} is tested by another file", allow_module_level=True)


@pytest.fixture(params=DIALECTS)
def kv(request) -> Iterator[FakeCloudflare]:
    with FakeCloudflare(seed=1, dialect=request.param, strict="error") as kv:
        yield kv


@pytest.fixture
def ns(kv):
    return kv.create_namespace("settings", {"a": "1"})


@pytest.fixture
def place(kv, ns) -> dict[str, str]:
    return {"account_id": kv.account_id, "namespace_id": ns.id}


@pytest.fixture
def namespaces(kv, monkeypatch) -> Iterator:
    kv.use_env(monkeypatch)
    # CLOUDFLARE_BASE_URL is read from version 3.1 on.
    with cloudflare.Cloudflare(base_url=kv.url) as client:
        yield client.kv.namespaces


def test_a_namespace_is_created_renamed_and_removed(kv, namespaces):
    made = namespaces.create(account_id=kv.account_id, title="new")
    namespaces.update(made.id, account_id=kv.account_id, title="other")
    assert namespaces.get(made.id, account_id=kv.account_id).title == "other"
    namespaces.delete(made.id, account_id=kv.account_id)
    assert list(kv.namespaces) == []


def test_iterating_namespaces_ends_at_the_empty_page(kv, ns, namespaces):
    kv.create_namespace("b")
    assert sorted(one.title for one in namespaces.list(account_id=kv.account_id)) == ["b", "settings"]
    assert [x.request.query for x in kv.journal] == ["", "page=2"]


def test_iterating_keys_follows_the_cursor(kv, ns, namespaces):
    for number in range(11):
        ns[f"k{number:02}"] = b"v"
    listed = namespaces.keys.list(ns.id, account_id=kv.account_id, limit=10, prefix="k")
    assert [key.name for key in listed] == [f"k{number:02}" for number in range(11)]


@pytest.mark.skipif((3, 1) <= VERSION < (4,), reason="version 3.1 sends multipart, as 5 does")
def test_update_stores_its_whole_json_text_as_the_value(sent_as, namespaces):
    def called(name, key, named):
        return attrgetter(name.removeprefix("kv.namespaces."))(namespaces)(key, **named)

    _, read, metadata = sent_as("cloudflare-196", lambda *calls: [called(*call) for call in calls])
    assert json.loads(read.read()) == {"value": "v", "metadata": "{}"}
    assert metadata is None


def test_a_value_is_read_and_deleted(ns, namespaces, place):
    assert namespaces.values.get("a", **place).read() == b"1"
    namespaces.values.delete("a", **place)
    assert "a" not in ns


def test_metadata_is_read(ns, namespaces, place):
    ns.put("k", b"v", metadata={"m": 1})
    assert namespaces.metadata.get("k", **place) == {"m": 1}


def test_a_missing_key_is_a_not_found_error_with_the_services_code(namespaces, place):
    with pytest.raises(cloudflare.NotFoundError) as caught:
        namespaces.values.get("none", **place)
    assert [error.code for error in caught.value.errors] == [10009]


def test_keys_travel_unencoded_so_that_a_lone_percent_breaks(ns, namespaces, place):
    ns["a/b"] = b"slash"
    assert namespaces.values.get("a/b", **place).read() == b"slash"
    with pytest.raises(cloudflare.BadRequestError) as caught:
        namespaces.values.get("100%", **place)
    assert [error.code for error in caught.value.errors] == [10042]


def test_one_injected_429_is_invisible(kv, namespaces, place):
    kv.faults.error("read_value", "rate_limited", headers={"retry-after-ms": "1"})
    assert namespaces.values.get("a", **place).read() == b"1"
    assert [x.status for x in kv.journal] == [429, 200]


@pytest.mark.skipif(VERSION >= (4,), reason="version 4 has the methods of today")
def test_version_3_writes_and_deletes_in_bulk(kv, ns, namespaces):
    namespaces.bulk.update(ns.id, account_id=kv.account_id, body=[{"key": "b", "value": "2"}])
    assert ns["b"].value == b"2"
    namespaces.bulk.delete(ns.id, account_id=kv.account_id, extra_body=["a"])
    assert list(ns) == ["b"]


@pytest.mark.skipif(VERSION < (4,), reason="version 3 has other names")
def test_version_4_writes_reads_and_deletes_in_bulk(kv, ns, namespaces):
    written = namespaces.bulk_update(ns.id, account_id=kv.account_id, body=[{"key": "b", "value": "2"}])
    assert written.successful_key_count == 1
    found = namespaces.bulk_get(ns.id, account_id=kv.account_id, keys=["a", "b", "none"])
    assert found.values == {"a": "1", "b": "2", "none": None}
    deleted = namespaces.bulk_delete(ns.id, account_id=kv.account_id, body=["a"])
    assert (deleted.successful_key_count, list(ns)) == (1, ["b"])
