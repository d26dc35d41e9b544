"""A request that was flawless is remembered; what differs from it is still looked at."""

import dataclasses
import http.client

import httpx
import pytest

from pytest_kvfake import FakeCloudflare
from pytest_kvfake.engine import conformance
from pytest_kvfake.engine.messages import Response

LONG = b"x" * 100_000


@pytest.fixture
def kv():
    with FakeCloudflare(seed=1) as kv:
        yield kv


@pytest.fixture
def ask(kv):
    connection = http.client.HTTPConnection("127.0.0.1", kv.port, timeout=10)

    def asked(query=""):
        path = f"/client/v4/accounts/{kv.account_id}/storage/kv/namespaces{query}"
        connection.request("GET", path, headers={"Authorization": "Bearer t"})
        connection.getresponse().read()

    yield asked
    connection.close()


def test_a_violation_is_found_behind_flawless_requests_of_the_same_connection(kv, ask):
    for _ in range(3):
        ask()
        assert kv.conformance.take() == []
    ask("?direction=ASC")
    assert [violation.place for violation in kv.conformance.take()] == ["query direction"]


def test_what_has_left_the_journal_is_not_kept_for_its_violations():
    with (
        FakeCloudflare(seed=1, journal_entries=10, journal_bytes=100_000) as kv,
        httpx.Client(headers={"Authorization": "Bearer t"}) as client,
    ):
        namespace = kv.create_namespace("n")
        for _ in range(50):  # a long body is cut, and what is cut was checked before
            client.put(f"{kv.url}/accounts/{kv.account_id}/storage/kv/namespaces/{namespace.id}/values/k", content=LONG)
        assert len(kv.conformance._unread) <= 10


def test_who_alternates_between_two_operations_of_a_key_is_not_checked_each_time(kv, monkeypatch):
    monkeypatch.setattr(kv.conformance, "answers", False)
    checked = []
    check = conformance.check_request
    monkeypatch.setattr(
        conformance, "check_request", lambda *args, **more: checked.append(args) or check(*args, **more)
    )
    connection = http.client.HTTPConnection("127.0.0.1", kv.port, timeout=10)
    path = f"/client/v4/accounts/{kv.account_id}/storage/kv/namespaces/{kv.create_namespace('n').id}"
    for _ in range(3):
        for method in ("GET", "DELETE"):
            connection.request(method, path + "/values/k", headers={"Authorization": "Bearer t"})
            connection.getresponse().read()
        assert kv.conformance.take() == []
    connection.close()
    assert len(checked) == 2


def test_under_a_fault_that_lets_the_service_answer_its_answers_are_still_checked(kv, monkeypatch):
    monkeypatch.setattr(kv.conformance, "answers", True)
    namespace = kv.create_namespace("n", {"k": b"v"})
    kv.faults.stale("read_value")
    kv.faults.latency("read_value", seconds=0)
    service = kv.world.service
    kv.world.service = dataclasses.replace(service, render=lambda *given: Response(418))
    with httpx.Client(headers={"Authorization": "Bearer t"}) as client:
        client.get(f"{kv.url}/accounts/{kv.account_id}/storage/kv/namespaces/{namespace.id}/values/k")
    assert [violation.place for violation in kv.conformance.take()] == ["status"]


def test_a_violation_is_found_again_each_time(kv, ask):
    for _ in range(2):
        ask("?direction=ASC")
        assert len(kv.conformance.take()) == 1
