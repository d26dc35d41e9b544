"""The scenarios of several steps (registry.md 16.1), over the socket; each with two steps of the org time (S18).

S16, the vendor's own samples, are not ours to ship: cases.json has the requests that they send, and how long they wait.
"""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pytest_kvfake import FakeRegistry
from pytest_kvfake.contract.cases import load_cases, run

ROUNDS = 200
WRITERS = 20


def race(kv: FakeRegistry, connect, rounds: int) -> None:
    """Lets the writers send the same, current condition, again and again, each on its own connection."""
    callers = [connect() for _ in range(WRITERS)]
    gate = threading.Barrier(WRITERS)
    item = kv.orgs["sample_org"].put("race", b"-")

    def one(number: int, condition: int):
        gate.wait(10)
        return callers[number].write("race", f"{number}", condition=condition)

    with ThreadPoolExecutor(WRITERS) as pool:
        for _ in range(rounds):
            answers = list(pool.map(one, range(WRITERS), [item.update_org_time] * WRITERS))
            (winner,) = (number for number, answer in enumerate(answers) if answer.status == 200)
            won = answers[winner].json["update_org_time"]
            losers = [answer for number, answer in enumerate(answers) if number != winner]
            assert [answer.status for answer in losers] == [409] * (WRITERS - 1)
            assert {answer.json["update_org_time"] for answer in losers} == {won}
            item = kv["race"]
            assert (item.value, item.update_org_time) == (f"{winner}".encode(), won)


def test_s1_of_twenty_conditional_writers_exactly_one_wins_two_hundred_times(kv, connect):
    race(kv, connect, ROUNDS)


def test_s1_latency_on_every_write_lets_nobody_else_win(kv, connect):
    with kv.faults.latency("write_data", (0.0, 0.002)):
        race(kv, connect, ROUNDS)


def test_s2_of_twenty_writers_of_a_new_item_exactly_one_creates_it(kv, call, at_once):
    answers = at_once(20, lambda caller, number: caller.write("new", f"{number}"))
    assert sorted(answer.status for answer in answers) == [200] * 19 + [201]
    assert len({answer.json["update_org_time"] for answer in answers}) == 20
    (created,) = {answer.json["create_org_time"] for answer in answers}
    assert call.read("new").headers["x-dk-create-org-time"] == str(created)


def test_s3_a_counter_under_eight_threads_loses_no_step(kv, call, at_once):
    call.write("counter", "0")

    def count(caller, _number):
        for _ in range(25):
            status = 409
            while status == 409:
                seen = caller.read("counter")
                status = caller.write(
                    "counter", f"{int(seen.body) + 1}", condition=int(seen.headers["x-dk-update-org-time"])
                ).status
            assert status == 200

    at_once(8, count)
    assert call.read("counter").body == b"200"


def test_s4_of_twenty_players_exactly_one_gets_the_only_seat(kv, call, at_once):
    statuses = at_once(20, lambda caller, number: caller.take("lead", f"p{number}").status)
    assert sorted(statuses) == [201] + [409] * 19
    assert list(call.players("lead")) == [f"p{statuses.index(201)}"]


def test_s5_of_twenty_players_ten_get_the_ten_seats(kv, call, at_once):
    statuses = at_once(20, lambda caller, number: caller.take("crew", f"p{number}", seats=10).status)
    assert sorted(statuses) == [200] * 9 + [201] + [409] * 10
    assert set(call.players("crew")) == {f"p{number}" for number, status in enumerate(statuses) if status < 300}


def test_s6_the_timeline_of_a_lease_with_one_seat(kv, call):
    assert call.take("t", "a", 3).status == 201
    kv.clock.advance(1)
    assert call.take("t", "b", 3).status == 409
    kv.clock.advance(1)
    assert call.take("t", "a", 3).status == 200
    kv.clock.advance(2)
    assert call.take("t", "b", 3).status == 409
    kv.clock.advance(0.5)
    assert call.players("t") == {"a": 500}
    kv.clock.advance(0.5)
    assert call.take("t", "b", 3).status == 201
    assert call.players("t") == {"b": 3000}
    kv.clock.advance(1)
    before = call("GET", "/sample_org").org_time
    released = call.release("t", "a")
    assert (released.status, released.org_time) == (200, before)
    kv.clock.advance(1)
    assert call.release("t", "b").status == 200
    assert call.players("t") is None
    assert call("GET", "/sample_org/").json["files"] == []


def test_s7_header_and_body_agree_on_the_org_time_which_never_falls(kv, call):
    times = []
    for act in (lambda: call.write("x"), lambda: call.read("x"), lambda: call.delete("x")):
        times.append(act().org_time)
        described = call("GET", "/sample_org")
        assert described.json["org_time"] == described.org_time
        times.append(described.org_time)
    assert times == sorted(times)


def test_s8_an_org_has_a_clock_of_its_own(kv, call, connect):
    other = kv.create_org("other_org", key="otherKey")
    before = other.time
    call.write("x")
    assert connect("otherKey")("GET", "/other_org").org_time == before


def test_s9_after_a_lost_answer_a_read_tells_what_happened(kv, call):
    known = call.write("x", "old").json["update_org_time"]
    kv.faults.error("write_data", status=500, applied=True)
    lost = call.write("x", "new", condition=known)
    assert (lost.status, lost.body) == (500, b"")
    assert "x-dk-org-time" not in lost.headers
    seen = call.read("x")
    assert seen.body == b"new"
    assert int(seen.headers["x-dk-update-org-time"]) > known


def test_s10_a_lost_rotation_is_found_on_the_admin_side(kv, call, connect):
    kv.faults.error("rotate_org_key", status=500, applied=True)
    assert call.rotate().status == 500
    assert call("GET", "/sample_org").status == 404
    assert call.rotate().status == 403
    assert kv.org_key != call.key
    assert connect(kv.org_key)("GET", "/sample_org").json["org_key"] == kv.org_key


def test_s11_a_flagged_org_lingers_until_its_last_playtime_is_over(kv, call):
    call.write("x")
    call.take("short", "p1", 10)
    call.take("long", "p2", 30)
    kv.flag_org_for_deletion("sample_org")
    for remaining in (30_000, 20_000, 10_000):
        refused = call.rotate()
        assert (refused.status, refused.json) == (409, {"remaining_milliseconds": remaining})
        assert call("GET", "/sample_org").json["is_deleted"] is True
        assert call.read("x").status == 200
        assert call.write("x").status == 404
        kv.clock.advance(10)
    assert call.rotate().status == 403
    assert {call("GET", target).status for target in ("/sample_org", "/sample_org/", "/sample_org/x.data")} == {404}
    assert "sample_org" not in kv.orgs


def test_s12_a_connection_lives_on_after_a_body_that_was_too_large(kv, call):
    call.write("x", "here")
    socket = call.connection.sock
    refused = call.write("x", b"x" * 100_001)
    assert (refused.status, refused.json) == (413, {"max_allowed_size": 100_000})
    assert call.read("x").body == b"here"
    assert call.connection.sock is socket


def test_s13_a_connection_lives_on_after_a_delete_with_a_body(kv, call):
    call.take("lead", "p1")
    socket = call.connection.sock
    assert call.release("lead", "p1").status == 200
    assert call("GET", "/sample_org").status == 200
    assert call.connection.sock is socket


def test_s14_too_many_bytes_in_chunks_are_refused(kv, call):
    call.connection.request(
        "PUT",
        "/sample_org/x.data",
        iter([b"x" * 50_000, b"x" * 50_001]),
        {"Authorization": call.key},
        encode_chunked=True,
    )
    response = call.connection.getresponse()
    assert (response.status, response.read()) == (413, b'{"max_allowed_size":100000}')
    assert "x" not in kv


def test_s15_all_bytes_and_any_content_type_come_back_unchanged(kv, call):
    value, content_type = bytes(range(256)), 'image/x-test; note="a b"'
    call("PUT", "/sample_org/x.data", value, content_type=content_type)
    seen = call.read("x")
    assert (seen.body, seen.headers["content-type"]) == (value, content_type)


SAMPLES = {
    "data": "registry-S16a",
    "role": "registry-S16b",
    "describe": "registry-S16c",
    "rotate": "registry-S16d",
    "leader": "registry-S16e",
    "manager_workers": "registry-S16f",
}


@pytest.fixture
def sample(kv, replayed):
    """Runs one of the vendor's samples to its end, and gives what it has sent."""

    def run_to_the_end(name: str):
        (case,) = (case for case in load_cases("registry") if case.id == SAMPLES[name])
        assert run(case, replayed, kv.document) == []
        return list(kv.journal)

    return run_to_the_end


@pytest.mark.parametrize("name", SAMPLES)
def test_s16_a_sample_of_the_vendor_runs_to_its_end(kv, sample, name):
    exchanges = sample(name)
    assert {exchange.request.path.startswith("/svc//sample_org") for exchange in exchanges} == {True}
    assert [violation for exchange in exchanges for violation in exchange.violations] == []


def test_s16_the_role_sample_meets_one_conflict_for_the_eleventh_cook(kv, sample):
    (refused,) = [exchange for exchange in sample("role") if exchange.status == 409]
    assert json.loads(refused.request.body)["player_name"] == "cook_11"
    assert "nemmies/rolls/cooks" not in kv.orgs["sample_org"].roles


def test_s16_in_the_leader_sample_no_leadership_starts_before_the_previous_one_has_ended(kv, sample):
    began = kv.clock.now()
    leader, end, terms = None, 0, 0
    for exchange in sample("leader"):
        player = json.loads(exchange.request.body)["player_name"]
        if exchange.status == 409:
            assert player != leader or exchange.time * 1000 >= end
        else:
            assert player == leader or exchange.time * 1000 >= end
            terms += player != leader
            leader, end = player, json.loads(exchange.response.body)["client_expiration_time_in_msecs"]
    assert terms == 4
    assert kv.clock.now() - began == 30


def test_s16_a_second_manager_goes_on_from_what_the_lapsed_one_has_saved(kv, sample):
    began = kv.clock.now()
    takes = [exchange for exchange in sample("manager_workers") if exchange.operation == "take_role"]
    managers = [x for x in takes if x.key.endswith("/manager") and x.status == 201]
    assert [json.loads(x.request.body)["player_name"] for x in managers] == ["50001", "50007"]
    assert list(kv.orgs["sample_org"].roles) == []
    (problem,) = kv.orgs["sample_org"].values()
    assert json.loads(problem.value)["busy_workers"]["50008"] == "5000,6000"  # taken from a machine that has crashed
    assert kv.clock.now() - began == 20


OPERATIONS = [
    ("GET", "", None),
    ("PUT", "", "{}"),
    ("GET", "/", None),
    ("GET", "/app/", None),
    ("PUT", "/x.data", "v"),
    ("PUT", "/x.data", "v" * 100_001),
    ("GET", "/x.data", None),
    ("DELETE", "/x.data", None),
    ("PUT", "/x.role", '{"player_name": "p", "client_unix_time_in_msecs": 1}'),
    ("GET", "/x.role", None),
    ("DELETE", "/x.role", '{"player_name": "p"}'),
]


@pytest.mark.parametrize(("method", "path", "body"), OPERATIONS, ids=lambda value: str(value)[:20])
def test_s17_a_wrong_key_and_an_unknown_org_look_the_same(kv, connect, method, path, body):
    kv["x"] = b"secret"
    kv.orgs["sample_org"].roles.take("x", "p")
    stranger = connect("nope")
    known, unknown = (
        stranger(method, f"/{org}{path}", body, content_type="application/json") for org in ("sample_org", "ghost_org")
    )
    assert known == unknown
    assert known.status == (403 if (method, path) == ("PUT", "") else 404)
    assert "x-dk-org-time" not in known.headers
