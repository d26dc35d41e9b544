"""`faults.error`: which error is meant, when it acts, and what it leaves behind."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from pytest_kvfake.cloudflare import FakeCloudflare
from pytest_kvfake.errors import UnknownFaultError, UnknownOperationError, UsageError


def test_the_catalogues_name_gives_the_services_own_answer(kv, client):
    kv.faults.error("write_value", "rate_limited")
    answer = client.write("k")
    assert answer.status_code == 429
    assert answer.json()["errors"] == [
        {"code": 971, "message": "Please wait and consider throttling your request speed"}
    ]


def test_the_services_code_names_the_same_error(kv, client):
    kv.faults.error("write_value", 971)
    assert client.write("k").json()["errors"][0]["code"] == 971


def test_a_status_names_an_error_where_only_one_has_it(kv, client):
    kv.faults.error("write_value", status=503)
    assert client.write("k").json()["errors"] == [{"code": 10001, "message": "service temporarily unavailable"}]


@pytest.mark.parametrize("status", [500, 502])
def test_a_status_without_a_body_rule_is_answered_bare(kv, client, status):
    kv.faults.error("write_value", status=status)
    answer = client.write("k")
    assert (answer.status_code, answer.content) == (status, b"")


@pytest.mark.parametrize("transport", ["socket", "httpx", "wsgi"])
def test_the_number_in_a_header_is_written_as_one(kv, ns, transport):
    kv.faults.error("read_value", "rate_limited", headers={"Retry-After": 5})
    transports = {"socket": None, "httpx": kv.httpx_transport(), "wsgi": httpx.WSGITransport(kv.wsgi_app)}
    path = f"accounts/{kv.account_id}/storage/kv/namespaces/{ns.id}/values/k"
    with httpx.Client(transport=transports[transport], headers={"Authorization": "Bearer t"}) as client:
        assert client.get(f"{kv.url}/{path}").headers["retry-after"] == "5"


def test_an_ambiguous_status_lists_the_candidates(kv):
    with pytest.raises(UnknownFaultError, match=r"429 is more than one error.*\n(.*\n)*.*rate_limited: 429, 971"):
        kv.faults.error("write_value", status=429)


def test_code_and_status_together_choose_one(kv, client):
    kv.faults.error("write_value", 10000, status=403)
    assert client.write("k").status_code == 403


def test_a_misspelt_error_names_the_right_one(kv):
    with pytest.raises(UnknownFaultError, match="Did you mean 'rate_limited'"):
        kv.faults.error("write_value", "rate_limitted")


def test_an_error_of_another_operation_is_refused(kv):
    with pytest.raises(UnknownFaultError, match="invalid_order"):
        kv.faults.error("write_value", "invalid_order")


def test_a_misspelt_operation_names_the_right_one(kv):
    with pytest.raises(UnknownOperationError, match="Did you mean 'write_value'"):
        kv.faults.error("write_values", "rate_limited")


def test_a_misspelt_keyword_names_the_right_one(kv):
    with pytest.raises(UsageError, match="Did you mean 'times'"):
        kv.faults.error("write_value", "rate_limited", time=2)


def test_no_error_at_all_is_a_mistake(kv):
    with pytest.raises(UsageError, match="needs an error's name"):
        kv.faults.error("write_value")


def test_errors_lists_what_an_operation_can_answer(kv):
    assert {rule.name for rule in kv.faults.errors("read_value")} >= {"key_not_found", "rate_limited"}
    with pytest.raises(UnknownOperationError):
        kv.faults.errors("reed_value")


def test_it_acts_once_unless_told_otherwise(kv, client):
    fault = kv.faults.error("write_value", "rate_limited")
    assert [client.write("k").status_code for _ in range(2)] == [429, 200]
    assert fault.fired == 1


def test_times_after_and_every_choose_the_requests(kv, client):
    kv.faults.error("write_value", "rate_limited", times=2, after=1, every=2)
    assert [client.write("k").status_code for _ in range(6)] == [200, 429, 200, 429, 200, 200]


def test_a_key_chooses_the_requests(kv, client):
    kv.faults.error("write_value", "rate_limited", key="b/c")
    assert [client.write(key).status_code for key in ("a", "b%2Fc")] == [200, 429]


def test_a_key_is_found_in_a_bulk_body_too(kv, client):
    kv.faults.error("bulk_write", "rate_limited", key="b")
    assert [client.bulk_write(*keys).status_code for keys in ("ac", "ab")] == [200, 429]


def test_a_predicate_sees_the_request_with_its_body(kv, client):
    kv.faults.error("write_value", "rate_limited", when=lambda request: request.body == b"bad")
    assert [client.write("k", value).status_code for value in ("good", "bad")] == [200, 429]


def test_a_group_means_all_its_operations(kv, client):
    kv.faults.error("WRITE", "rate_limited", times=2)
    assert [client.read("k").status_code, client.write("k").status_code] == [404, 429]
    assert client.bulk_write("k").status_code == 429


def test_a_window_is_open_on_the_virtual_clock(kv, client):
    kv.clock.freeze()
    fault = kv.faults.error("write_value", "rate_limited", window=(10, 20))
    statuses = []
    for _ in range(3):
        statuses.append(client.write("k").status_code)
        kv.clock.advance(10)
    assert statuses == [200, 429, 200]
    assert fault.missing == 0


def test_a_refused_request_neither_uses_it_up_nor_shows_it(kv, client):
    fault = kv.faults.error("write_value", "service_unavailable")
    assert client.write("k", headers={"Authorization": "Basic eDp5"}).status_code == 400
    assert fault.fired == 0
    assert client.write("k").status_code == 503


def test_without_applied_the_state_does_not_change(kv, ns, client):
    kv.faults.error("write_value", status=500)
    client.write("k")
    assert "k" not in ns
    assert kv.journal.last.applied is False


def test_with_applied_the_change_happens_and_its_answer_is_lost(kv, ns, client):
    kv.faults.error("write_value", status=500, applied=True)
    assert client.write("k").status_code == 500
    assert ns["k"].value == b"v"
    assert kv.journal.last.applied is True


def test_with_applied_a_refusal_goes_out_and_the_fault_stays_armed(kv, ns, client):
    fault = kv.faults.error("write_value", status=500, applied=True)
    assert client.write("k", params={"expiration_ttl": "1"}).status_code == 400
    assert (fault.fired, kv.journal.last.fault) == (0, None)
    assert client.write("k").status_code == 500


def test_headers_are_added_to_the_documented_ones(kv, client):
    kv.faults.error("write_value", "rate_limited", headers={"retry-after": "7"})
    assert client.write("k").headers["retry-after"] == "7"


def test_a_read_has_nothing_to_apply(kv, client):
    kv.faults.error("read_value", "rate_limited")
    client.read("k")
    assert kv.journal.last.applied is None


def drawn_statuses(seed: int, keys: str, *, threads: int) -> dict[str, list[int]]:
    """The statuses of five writes of each key under a probability of one half; each key is one thread's."""
    with FakeCloudflare(seed=seed) as kv, ThreadPoolExecutor(threads) as pool:
        values = f"{kv.url}/accounts/{kv.account_id}/storage/kv/namespaces/{kv.create_namespace('tests').id}/values"
        kv.faults.error("write_value", "rate_limited", probability=0.5)
        with httpx.Client(transport=kv.httpx_transport(), headers={"Authorization": "Bearer t"}) as http:
            five = pool.map(lambda key: [http.put(f"{values}/{key}").status_code for _ in range(5)], keys)
            return dict(zip(keys, five, strict=True))


def test_probability_replays_with_the_seed_whatever_the_threads_do():
    one_by_one = drawn_statuses(5, "abcdefgh", threads=1)
    assert {200, 429} == {status for five in one_by_one.values() for status in five}
    assert drawn_statuses(5, "hgfedcba", threads=4) == one_by_one
    assert drawn_statuses(6, "abcdefgh", threads=1) != one_by_one


def test_the_draw_is_in_the_journal_whether_or_not_the_fault_acted(kv, client):
    kv.faults.error("write_value", "rate_limited", probability=0.5)
    for number in range(20):
        client.write(f"k{number}")
    by_status = {status: [one.draw for one in kv.journal.of(status=status)] for status in (429, 200)}
    assert all(0 <= draw < 0.5 for draw in by_status[429])
    assert all(0.5 <= draw < 1 for draw in by_status[200])
    assert len(by_status[429]) + len(by_status[200]) == 20
    assert f"draw={kv.journal.last.draw:.4f}" in str(kv.journal.last)


def test_without_a_probability_nothing_is_drawn(kv, client):
    kv.faults.error("write_value", "rate_limited")
    client.write("k")
    assert kv.journal.last.draw is None
    assert "draw=" not in str(kv.journal.last)


def test_a_handle_is_a_context_manager(kv, client):
    with kv.faults.error("write_value", "rate_limited", times=None) as fault:
        assert client.write("k").status_code == 429
    assert client.write("k").status_code == 200
    assert fault.fired == 1


def test_remove_disarms(kv, client):
    kv.faults.error("write_value", "rate_limited").remove()
    assert client.write("k").status_code == 200
    kv.verify()


@pytest.mark.parametrize("wrong", [{"times": 0}, {"every": 0}, {"after": -1}, {"probability": 2}])
def test_numbers_that_cannot_be_meant_are_refused(kv, wrong):
    with pytest.raises(UsageError):
        kv.faults.error("write_value", "rate_limited", **wrong)


def test_an_outage_fails_everything_while_it_lasts(kv, client):
    with kv.faults.outage():
        assert [client.read("k").status_code, client.write("k").status_code] == [503, 503]
    assert client.write("k").status_code == 200
    kv.verify()
