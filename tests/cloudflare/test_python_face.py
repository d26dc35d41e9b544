"""The state without HTTP: what it refuses, and that a refusal leaves nothing behind."""

import threading
from contextlib import contextmanager

import httpx
import pytest

from pytest_kvfake.cloudflare import FakeCloudflare
from pytest_kvfake.errors import RuleError, UsageError


@contextmanager
def suppress_into(failures: list[BaseException]):
    """Keeps what a thread fails with, for its test to look at."""
    try:
        yield
    except RuntimeError as error:
        failures.append(error)


@pytest.fixture
def kv():
    return FakeCloudflare(seed=1)


@pytest.fixture
def ns(kv):
    return kv.create_namespace("tests")


@pytest.mark.parametrize("value", [5, None, ["a"], "\ud800"])
def test_a_value_is_text_or_bytes(ns, value):
    with pytest.raises(UsageError, match=r"(?i)value"):
        ns["k"] = value
    assert "k" not in ns


@pytest.mark.parametrize("value", [b"v", bytearray(b"v"), memoryview(b"v"), "v"])
def test_every_kind_of_bytes_is_stored(ns, value):
    ns["k"] = value
    assert ns["k"].value == b"v"
    assert isinstance(ns["k"].value, bytes)


@pytest.mark.parametrize("key", [5, None, "\ud800"])
def test_a_key_is_text(ns, key):
    with pytest.raises(UsageError, match="key"):
        ns.put(key, b"v")


@pytest.mark.parametrize("metadata", [{1, 2}, float("nan"), float("inf"), "\ud800", object()])
def test_metadata_is_what_json_can_say(ns, metadata):
    with pytest.raises(UsageError, match="metadata"):
        ns.put("k", b"v", metadata=metadata)
    assert "k" not in ns


def test_a_bad_key_is_told_before_a_bad_expiry(ns):
    # cloudflare.md 3.3, step 8: key, expiration, metadata, value.
    with pytest.raises(RuleError) as caught:
        ns.put(".", b"v", expiration_ttl=1)
    assert caught.value.name == "illegal_key"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"title": "t", "jurisdiction": "mars"}, "invalid_jurisdiction"),
        ({"title": ""}, "missing_title"),
        ({"title": 5}, "missing_title"),
        ({"title": "t", "entries": {"k": "v", ".": "v"}}, "illegal_key"),
    ],
)
def test_a_namespace_that_the_service_would_refuse_is_refused(kv, arguments, error):
    with pytest.raises(RuleError) as caught:
        kv.create_namespace(**arguments)
    assert caught.value.name == error
    assert len(kv.namespaces) == 0


def test_a_refused_namespace_takes_no_id(kv):
    with pytest.raises(RuleError):
        kv.create_namespace("a", {".": "v"})
    assert kv.create_namespace("a").id == FakeCloudflare(seed=1).create_namespace("a").id


def test_the_view_of_a_removed_namespace_still_has_a_repr(kv, ns):
    kv.reset()
    assert ns.id in repr(ns)


def test_a_removed_namespace_says_so(kv, ns):
    kv.reset()
    with pytest.raises(UsageError, match="no namespace"):
        ns["k"]


def test_looking_at_an_account_does_not_open_it(kv):
    kv.create_account("1" * 32, only_known=True)
    assert list(kv.namespaces_of("2" * 32)) == []
    assert "2" * 32 not in kv.world.state.accounts


def test_a_misspelt_limit_names_the_right_one(kv):
    with pytest.raises(UsageError, match="Did you mean 'value_bytes'"):
        kv.limits.value_byte = 5


def test_a_title_is_found_while_others_are_made(kv, ns):
    stop = threading.Event()
    failures = []

    def look():
        with suppress_into(failures):
            while not stop.is_set():
                kv.namespaces["tests"]
                "none" in kv.namespaces  # noqa: B015 - the look is the point

    looker = threading.Thread(target=look)
    looker.start()
    for number in range(400):
        kv.create_namespace(f"n{number}")
    stop.set()
    looker.join()
    assert failures == []


def test_small_limits_of_bulk_requests_leave_multipart_writes_whole(kv, ns):
    kv.limits.bulk_request_bytes = 10
    body = b'--b\r\nContent-Disposition: form-data; name="value"\r\n\r\nvalue\r\n--b--\r\n'
    with httpx.Client(transport=kv.httpx_transport()) as client:
        target = f"http://fake/client/v4/accounts/{kv.account_id}/storage/kv/namespaces/{ns.id}/values/k"
        headers = {"Authorization": "Bearer t", "Content-Type": "multipart/form-data; boundary=b"}
        assert client.put(target, content=body, headers=headers).status_code == 200
    assert ns["k"].value == b"value"
