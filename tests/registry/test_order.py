"""What a request with two defects gets (registry.md 12)."""

import json

import pytest

from pytest_kvfake.engine.messages import Headers, Request, body_of

GOOD = {"Authorization": "randomAlphaNumericString"}


@pytest.fixture
def ask(connect):
    caller = connect(None)

    def asked(method, target, body=None, **fields):
        return caller(method, target, body, **fields)

    return asked


def test_the_name_goes_before_the_method(ask):
    assert ask("POST", "/sample-org/x.data").status == 400


def test_the_method_goes_before_the_key(ask):
    answer = ask("POST", "/sample_org/x.data")
    assert (answer.status, answer.body) == (405, b"")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "PUT", "DELETE"}


def test_the_key_has_to_be_there_before_the_condition_is_read(kv, ask):
    ask("PUT", "/sample_org/x.data", "v", x_dk_update_org_time="abc")
    assert kv.journal.last.error == "missing_key"


def test_a_blank_key_is_none(kv, ask):
    assert ask("GET", "/sample_org", Authorization="  \t ").status == 400
    assert kv.journal.last.error == "missing_key"


@pytest.mark.parametrize(("sent", "status"), [(" \t", 400), ("\trandomAlphaNumericString  ", 200)])
def test_blanks_around_a_key_do_not_count_where_no_server_has_taken_them_off(kv, sent, status):
    request = Request("GET", "/sample_org", Headers([("Authorization", sent)]))
    assert kv.world.handle(request, body_of(b"")).response.status == status


def test_an_expiration_stays_a_u64_on_the_strangest_clock(call):
    wish = {"player_name": "p", "client_unix_time_in_msecs": 2**64 - 1}
    answer = call("PUT", "/sample_org/x.role", json.dumps(wish), content_type="application/json")
    assert (answer.status, answer.json) == (201, {"client_expiration_time_in_msecs": 2**64 - 1})


def test_the_condition_is_read_before_the_key_is_compared(ask):
    assert ask("PUT", "/sample_org/x.data", "v", x_dk_update_org_time="abc", Authorization="nope").status == 400


def test_the_body_of_a_take_is_read_before_the_key_is_compared(ask):
    assert ask("PUT", "/sample_org/x.role", "{", content_type="application/json", Authorization="nope").status == 400


def test_the_key_is_compared_before_the_size(ask):
    assert ask("PUT", "/sample_org/x.data", b"x" * 100_001, Authorization="nope").status == 404


def test_the_flag_goes_before_the_size(kv, ask):
    kv.orgs["sample_org"].roles.take("lead", "p")
    kv.flag_org_for_deletion("sample_org")
    assert ask("PUT", "/sample_org/x.data", b"x" * 100_001, **GOOD).status == 404


def test_the_size_goes_before_the_condition(kv, ask):
    kv["x"] = b"v"
    assert ask("PUT", "/sample_org/x.data", b"x" * 100_001, x_dk_update_org_time="99", **GOOD).status == 413


def test_the_condition_goes_before_the_capacity(kv, ask):
    kv["x"] = b"v"
    kv.limits.capacity_bytes = 1
    assert ask("PUT", "/sample_org/x.data", b"long", x_dk_update_org_time="99", **GOOD).status == 409


def test_the_number_of_seats_is_compared_before_they_are_counted(kv, call):
    call.take("lead", "p1")
    assert call.take("lead", "p2", seats=2).status == 409
    assert kv.journal.last.error == "other_max_players"


def test_a_blank_new_key_is_taken_and_said_in_the_log(kv, call, caplog):
    assert call.rotate("").status == 200
    assert "blank" in caplog.text
    assert call("GET", "/sample_org").status == 404
