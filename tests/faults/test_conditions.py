"""Faults that last: latency, rate limits, exhausted storage, eventual consistency; and partial bulk failures."""

import time

import pytest

from pytest_kvfake.errors import UsageError


def test_latency_delays_the_answer_but_not_the_change(kv, ns, client):
    kv.faults.latency("write_value", 0.05)
    started = time.perf_counter()
    assert client.write("k").status_code == 200
    assert time.perf_counter() - started >= 0.05
    assert kv.journal.last.duration < 0.05


def test_a_drawn_latency_lies_between_its_ends(kv):
    fault = kv.faults.latency("write_value", (0.2, 0.4))
    assert [fault.kind.delay(drawn) for drawn in (0.0, 0.5)] == [0.2, pytest.approx(0.3)]


@pytest.mark.parametrize("seconds", [-1, (2, 1)])
def test_a_latency_that_cannot_be_meant_is_refused(kv, seconds):
    with pytest.raises(UsageError):
        kv.faults.latency("write_value", seconds)


def test_a_rate_limit_counts_what_the_contract_counts(kv, client):
    # cloudflare.md 11.4: one write to one key in a second.
    kv.clock.freeze()
    kv.faults.rate_limit("write_value", limit="writes_per_key")
    assert [client.write(key).status_code for key in ("a", "b", "a")] == [200, 200, 429]
    kv.clock.advance(1)
    assert client.write("a").status_code == 200


def test_bulk_items_count_as_writes_of_their_keys(kv, client):
    kv.clock.freeze()
    kv.faults.rate_limit("WRITE", limit="writes_per_key")
    assert [client.bulk_write("a", "b").status_code, client.write("b").status_code] == [200, 429]


def test_a_rate_limit_tells_where_it_stands(kv, client):
    # cloudflare.md 11.4: limit, remaining and reset on every call, retry-after on the refusal.
    kv.clock.freeze(1_750_000_000)
    kv.faults.rate_limit(requests=2)
    first, second, third = (client.write("k") for _ in range(3))
    assert [answer.headers["x-ratelimit-remaining"] for answer in (first, second, third)] == ["1", "0", "0"]
    assert first.headers["x-ratelimit-limit"] == "2"
    assert "retry-after" not in second.headers
    assert third.headers["retry-after"] == "300"
    assert third.headers["x-ratelimit-reset"] == "Sun, 15 Jun 2025 15:11:40 GMT"


def test_after_an_excess_everything_is_refused_for_five_minutes(kv, client):
    kv.clock.freeze()
    kv.faults.rate_limit(requests=1)
    statuses = [client.write("k").status_code]
    for seconds in (299, 299, 1):
        kv.clock.advance(seconds)
        statuses.append(client.write("k").status_code)
    assert statuses == [200, 429, 429, 200]


def test_the_number_of_a_rate_limit_is_the_documented_one(kv, client):
    kv.faults.rate_limit()
    assert client.write("k").headers["x-ratelimit-limit"] == "1200"


def test_an_unknown_rate_limit_names_the_right_one(kv):
    with pytest.raises(UsageError, match="Did you mean 'writes_per_key'"):
        kv.faults.rate_limit(limit="writes_per_keys")


def test_exhausted_storage_refuses_what_stores_and_nothing_else(kv, ns, client):
    ns["old"] = b"1"
    kv.faults.storage_full()
    assert client.write("k").status_code == 429
    assert client.read("old").status_code == 200
    assert client.http.delete(f"/{client.id}/values/old").status_code == 200


def test_an_operation_that_does_not_take_a_kind_says_so(kv):
    with pytest.raises(UsageError, match=r"does not take the fault 'partial'\. Only the answers of bulk writes"):
        kv.faults.partial("write_value", ["k"])


def test_chosen_keys_of_a_bulk_write_fail_and_the_others_are_written(kv, ns, client):
    kv.faults.partial("bulk_write", ["b"])
    result = client.bulk_write("a", "b", "c").json()["result"]
    assert result == {"successful_key_count": 2, "unsuccessful_keys": ["b"]}
    assert list(ns) == ["a", "c"]


def test_a_partial_fault_waits_for_a_request_with_its_keys(kv, client):
    fault = kv.faults.partial("bulk_write", "b")
    client.bulk_write("a")
    assert fault.fired == 0
    client.bulk_write("b")
    assert fault.fired == 1


def test_chosen_keys_of_a_bulk_delete_stay(kv, ns, client):
    ns["a"] = ns["b"] = b"1"
    kv.faults.partial("bulk_delete", "a")
    client.http.post(f"/{client.id}/bulk/delete", json=["a", "b"])
    assert list(ns) == ["a"]


def test_a_location_sees_its_own_writes_at_once(kv, client):
    kv.faults.stale()
    assert client.read("k").status_code == 404
    client.write("k")
    assert client.read("k").status_code == 200


def test_unless_read_your_writes_is_off(kv, client):
    kv.faults.stale(read_your_writes=False)
    assert client.read("k").status_code == 404
    client.write("k")
    assert client.read("k").status_code == 404


def test_a_remembered_value_still_expires(kv, ns, client):
    kv.clock.freeze()
    ns.put("k", "v", expiration_ttl=60)
    kv.faults.stale(lag=600)
    assert client.read("k").status_code == 200
    kv.clock.advance(60)
    assert client.read("k").status_code == 404


def test_metadata_and_bulk_get_lag_with_the_value(kv, ns, client):
    ns["k"] = b"old"
    kv.faults.stale()
    client.read("k")
    ns["k"] = b"new"
    values = client.http.post(f"/{client.id}/bulk/get", json={"keys": ["k"]}).json()["result"]["values"]
    assert values == {"k": "old"}


def test_listings_lag_and_settle_ends_it(kv, ns, client):
    kv.faults.stale()
    assert client.keys() == []
    ns["k"] = b"1"
    assert client.keys() == []
    kv.faults.settle()
    assert client.keys() == ["k"]


def test_removing_the_fault_ends_the_lag(kv, ns, client):
    fault = kv.faults.stale()
    client.read("k")
    ns["k"] = b"1"
    fault.remove()
    assert client.read("k").status_code == 200
