"""Faults through the official SDKs, once a kind, on one read and one write: what their users have to catch."""

import cloudflare
import pytest
from cloudflare import Cloudflare

from pytest_kvfake.cloudflare import FakeCloudflare


@pytest.fixture
def sdk(kv: FakeCloudflare) -> Cloudflare:
    return Cloudflare(base_url=kv.url, api_token=kv.api_token, max_retries=0, timeout=0.3)


def write(sdk: Cloudflare, kv: FakeCloudflare, ns) -> object:
    return sdk.kv.namespaces.values.update("k", account_id=kv.account_id, namespace_id=ns.id, value=b"v")


def read(sdk: Cloudflare, kv: FakeCloudflare, ns) -> bytes:
    return sdk.kv.namespaces.values.get("k", account_id=kv.account_id, namespace_id=ns.id).read()


RAISED = {
    "hang": cloudflare.APITimeoutError,
    "reset": cloudflare.APIConnectionError,
    "empty": cloudflare.APIConnectionError,
    "truncate": cloudflare.APIConnectionError,
    "wrong_length": cloudflare.APIConnectionError,
}


@pytest.mark.parametrize("call", [read, write])
@pytest.mark.parametrize("kind", RAISED)
def test_a_broken_answer_is_a_connection_error(*, kv, ns, sdk, kind, call):
    ns["k"] = b"value"
    getattr(kv.faults, kind)("read_value" if call is read else "write_value")
    with pytest.raises(RAISED[kind]):
        call(sdk, kv, ns)


@pytest.mark.parametrize("call", [read, write])
def test_a_refused_connection_is_a_connection_error(kv, ns, sdk, call):
    with kv.faults.outage(refuse=True), pytest.raises(cloudflare.APIConnectionError):
        call(sdk, kv, ns)


@pytest.mark.parametrize("call", [read, write])
@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (429, cloudflare.RateLimitError),
        (500, cloudflare.InternalServerError),
        (503, cloudflare.InternalServerError),
        (524, cloudflare.InternalServerError),
    ],
)
def test_an_error_has_the_class_of_its_status(*, kv, ns, sdk, status, raised, call):
    ns["k"] = b"value"
    operation = "read_value" if call is read else "write_value"
    error = "rate_limited" if status == 429 else None
    kv.faults.error(operation, error, status=status)
    with pytest.raises(raised) as caught:
        call(sdk, kv, ns)
    assert caught.value.status_code == status


def test_damaged_bytes_reach_the_reader(kv, ns, sdk):
    ns["k"] = b"value"
    kv.faults.corrupt("read_value")
    assert read(sdk, kv, ns) not in {b"value", b""}


def test_a_slow_answer_within_the_time_out_is_no_error(kv, ns, sdk):
    ns["k"] = b"value"
    kv.faults.latency("read_value", 0.01)
    kv.faults.dribble("write_value", rate=1e6)
    assert read(sdk, kv, ns) == b"value"
    write(sdk, kv, ns)


def test_one_injected_429_is_invisible_to_the_user(kv, ns):
    patient = Cloudflare(base_url=kv.url, api_token=kv.api_token)
    kv.faults.error("write_value", "rate_limited", headers={"retry-after-ms": "1"})
    write(patient, kv, ns)
    assert ns["k"].value == b"v"
    assert [one.request.headers["x-stainless-retry-count"] for one in kv.journal.of("write_value")] == ["0", "1"]


def test_a_lost_answer_is_retried_and_written_twice(kv, ns):
    # The service has no conditional write, so the SDK's retry of an applied write writes again.
    patient = Cloudflare(base_url=kv.url, api_token=kv.api_token)
    kv.faults.error("write_value", status=500, applied=True, headers={"retry-after-ms": "1"})
    write(patient, kv, ns)
    assert [(one.status, one.applied) for one in kv.journal.of("write_value")] == [(500, True), (200, True)]
