"""What ``verify()`` says at the end of a test."""

import warnings

import pytest

from pytest_kvfake.cloudflare import FakeCloudflare
from pytest_kvfake.errors import ContractViolationError, KVFakeContractWarning, VerificationError


def test_a_fault_that_did_not_fire_is_told_with_what_came(kv, client):
    kv.faults.error("write_value", "rate_limited", times=2)
    client.write("k")
    with pytest.raises(VerificationError, match=r"was to fire 2 times but fired 1.*1 request\(s\) came to write_value"):
        kv.verify()


def test_it_is_told_once(kv):
    kv.faults.error("write_value", "rate_limited")
    with pytest.raises(VerificationError):
        kv.verify()
    kv.verify()


def test_an_optional_fault_may_stay_unfired(kv):
    kv.faults.error("write_value", "rate_limited", optional=True)
    kv.verify()


@pytest.mark.parametrize(
    "arm",
    [
        lambda faults: faults.error("write_value", "rate_limited", probability=0.0),
        lambda faults: faults.error("write_value", "rate_limited", probability=0.5, times=3),
        lambda faults: faults.error("write_value", "rate_limited", window=(0, 1)),
        lambda faults: faults.latency("write_value", 1),
        lambda faults: faults.rate_limit(),
        lambda faults: faults.storage_full(),
        lambda faults: faults.stale(),
        lambda faults: faults.outage(),
    ],
    ids=["probability", "probability and times", "window", "latency", "rate_limit", "storage_full", "stale", "outage"],
)
def test_conditions_are_optional_by_nature(kv, arm):
    arm(kv.faults)
    kv.verify()


def test_a_bug_of_the_fake_is_raised_with_its_traceback(kv, client, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("on purpose")

    monkeypatch.setitem(kv.service.steps, "read_value", broken)
    kv.conformance.answers = False
    assert client.read("k").status_code == 500
    with pytest.raises(VerificationError, match=r"(?s)A bug in pytest-kvfake.*ZeroDivisionError: on purpose"):
        kv.verify()


def test_a_violation_warns_by_default(kv, client):
    client.read("k", params={"colour": "red"})
    client.write("k", params={"colour": "red"})
    with pytest.warns(KVFakeContractWarning, match="write_value, request query colour: no such parameter"):
        kv.verify()


@pytest.mark.parametrize(("strict", "counted"), [("warn", 0), ("error", 1)])
def test_a_refused_request_counts_only_under_error(kv, client, strict, counted):
    kv.conformance.strict = strict
    assert client.read("missing", params={"colour": "red"}).status_code == 404
    assert len(kv.conformance.take()) == counted


def test_a_violation_fails_under_error(kv, client):
    kv.conformance.strict = "error"
    client.write("k", params={"colour": "red"})
    with pytest.raises(ContractViolationError):
        kv.verify()


def test_off_looks_at_nothing(kv, client):
    kv.conformance.strict = "off"
    client.write("k", params={"colour": "red"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kv.verify()


def test_a_meant_violation_is_expected(kv, client):
    with kv.conformance.expect_violation() as found:
        client.write("k", params={"colour": "red"})
    assert [violation.place for violation in found] == ["query colour"]
    kv.verify()


def test_a_violation_that_was_expected_has_to_come(kv, client):
    with pytest.raises(ContractViolationError, match="At least 1"), kv.conformance.expect_violation():
        client.write("k")


def test_leaving_the_with_block_verifies():
    with pytest.raises(VerificationError, match="was to fire"), FakeCloudflare(seed=1) as fake:
        fake.faults.error("read_value", "rate_limited")


def test_leaving_it_with_an_exception_does_not():
    with pytest.raises(KeyError), FakeCloudflare(seed=1) as fake:  # noqa: PT012 - the block is what is tested
        fake.faults.error("read_value", "rate_limited")
        raise KeyError("the test's own")
