"""A request that was flawless is remembered; what differs from it is still looked at."""

import http.client

import pytest

from pytest_kvfake import FakeCloudflare


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


def test_a_violation_is_found_again_each_time(kv, ask):
    for _ in range(2):
        ask("?direction=ASC")
        assert len(kv.conformance.take()) == 1
