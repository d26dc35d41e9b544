"""A leader election and a shared counter as their users write them, under threads, with answers that get lost."""

import itertools
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import requests

from pytest_kvfake import FakeRegistry

# --- the code under test: a leader election ------------------------------------------------------------------


class Candidate:
    """Wants to lead; leads while its own clock has not reached what the service has granted."""

    def __init__(self, url: str, key: str, name: str, now_ms, playtime_secs: int = 10) -> None:
        self.role = f"{url}/sample_org/jobs/leader.role"
        self.key = key
        self.name = name
        self.now_ms = now_ms
        self.playtime_secs = playtime_secs
        self.until = 0

    @property
    def leads(self) -> bool:
        return self.now_ms() < self.until

    def campaign(self) -> bool:
        """Takes the role or prolongs it; an unclear answer is asked again, which is safe: a take is repeatable."""
        for _ in range(5):
            wish = {
                "player_name": self.name,
                "playtime_secs": self.playtime_secs,
                "client_unix_time_in_msecs": self.now_ms(),
            }
            answer = requests.put(self.role, json=wish, headers={"Authorization": self.key}, timeout=10)
            if answer.status_code in {200, 201}:
                self.until = answer.json()["client_expiration_time_in_msecs"]
                return True
            if answer.status_code == 409:
                return False
        return False

    def resign(self) -> None:
        self.until = 0
        headers = {"Authorization": self.key}
        while (
            requests.delete(self.role, json={"player_name": self.name}, headers=headers, timeout=10).status_code != 200
        ):
            pass


# --- its tests -----------------------------------------------------------------------------------------------


@pytest.fixture
def now_ms(kv_registry: FakeRegistry):
    kv_registry.clock.freeze(1_700_000_000)
    return lambda: round(kv_registry.clock.now() * 1000)


@pytest.fixture
def candidates(kv_registry: FakeRegistry, now_ms) -> list[Candidate]:
    return [Candidate(kv_registry.url, kv_registry.org_key, f"node_{n}", now_ms) for n in range(6)]


def election(candidates: list[Candidate]) -> list[Candidate]:
    """Lets all ask at once, and gives those who believe that they lead."""
    gate = threading.Barrier(len(candidates))

    def run(candidate: Candidate) -> None:
        gate.wait(10)
        candidate.campaign()

    with ThreadPoolExecutor(len(candidates)) as pool:
        list(pool.map(run, candidates))
    return [candidate for candidate in candidates if candidate.leads]


def test_exactly_one_leads(candidates):
    (leader,) = election(candidates)
    assert election(candidates) == [leader]


def test_a_leader_that_has_died_is_followed_by_one_other(kv_registry, candidates):
    (leader,) = election(candidates)
    others = [candidate for candidate in candidates if candidate is not leader]
    kv_registry.clock.advance(9.999)
    assert election(others) == []
    assert leader.leads
    kv_registry.clock.advance(0.001)
    assert not leader.leads
    (heir,) = election(others)
    assert kv_registry.orgs["sample_org"].roles["jobs/leader"].players_remaining_milliseconds == {heir.name: 10_000}


def test_a_leader_that_goes_on_in_time_keeps_the_role(kv_registry, candidates):
    (leader,) = election(candidates)
    for _ in range(5):
        kv_registry.clock.advance(8)
        assert leader.leads
        assert election(candidates) == [leader]


def test_a_leader_that_resigns_makes_room_at_once(candidates):
    (leader,) = election(candidates)
    leader.resign()
    others = [candidate for candidate in candidates if candidate is not leader]
    (heir,) = election(others)
    assert heir is not leader


def test_a_lost_answer_to_the_winner_leaves_the_winner_in_office(kv_registry, candidates):
    fault = kv_registry.faults.error("take_role", status=500, applied=True)
    (leader,) = election(candidates)
    assert fault.fired == 1
    seated = kv_registry.orgs["sample_org"].roles["jobs/leader"].players_remaining_milliseconds
    assert list(seated) == [leader.name]
    lost, *_ = kv_registry.journal.of("take_role", status=500)
    assert json.loads(lost.request.body)["player_name"] == leader.name


def test_a_lost_resignation_is_repeated_without_harm_to_the_heir(kv_registry, candidates):
    (leader,) = election(candidates)
    with kv_registry.faults.error("release_role", status=500, applied=True):
        leader.resign()
    assert [exchange.status for exchange in kv_registry.journal.of("release_role")] == [500, 200]
    assert len(election(candidates)) == 1


def test_under_answers_that_get_lost_at_random_nobody_leads_beside_another(kv_registry, candidates):
    kv_registry.faults.error("take_role", status=500, applied=True, probability=0.3)
    kv_registry.faults.error("take_role", status=500, probability=0.3)
    for _ in range(10):
        leaders = election(candidates)
        seated = kv_registry.orgs["sample_org"].roles.get("jobs/leader")
        assert len(leaders) <= 1
        assert {leader.name for leader in leaders} <= set(seated.players_remaining_milliseconds if seated else ())
        kv_registry.clock.advance(4)


# --- the code under test: a counter that counts each step once ------------------------------------------------


class Counter:
    """Compare and set on one item, which remembers the last step of each worker.

    A step whose answer was lost is therefore recognised when it is read again, and not repeated.
    """

    def __init__(self, url: str, key: str, worker: str) -> None:
        self.http = httpx.Client(base_url=url, headers={"Authorization": key})
        self.worker = worker
        self.step = 0

    def increment(self) -> None:
        self.step += 1
        while True:
            seen = self.http.get("/sample_org/counter.data")
            if seen.status_code == 500:
                continue
            steps = seen.json()
            if steps.get(self.worker) == self.step:
                return
            condition = seen.headers["x-dk-update-org-time"]
            written = self.http.put(
                "/sample_org/counter.data",
                json={**steps, self.worker: self.step},
                headers={"x-dk-update-org-time": condition},
            )
            if written.status_code == 200:
                return
            assert written.status_code in {409, 500}


class Naive(Counter):
    """The same without a memory: a lost answer is taken for a failure."""

    def increment(self) -> None:
        for _ in itertools.count():
            seen = self.http.get("/sample_org/counter.data")
            written = self.http.put(
                "/sample_org/counter.data",
                json={"all": seen.json().get("all", 0) + 1},
                headers={"x-dk-update-org-time": seen.headers["x-dk-update-org-time"]},
            )
            if written.status_code == 200:
                return


# --- its tests -----------------------------------------------------------------------------------------------


def counted(kv: FakeRegistry, kind: type[Counter], workers: int, steps: int) -> int:
    kv["counter"] = b"{}"
    counters = [kind(kv.url, kv.org_key, f"worker_{n}") for n in range(workers)]

    def run(counter: Counter) -> None:
        with counter.http:
            for _ in range(steps):
                counter.increment()

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(run, counters))
    return sum(json.loads(kv["counter"].value).values())


def test_every_step_counts_once_under_threads(kv_registry):
    assert counted(kv_registry, Counter, 8, 10) == 80


def test_every_step_counts_once_when_answers_get_lost(kv_registry):
    applied = kv_registry.faults.error("write_data", status=500, applied=True, probability=0.3)
    refused = kv_registry.faults.error("write_data", status=500, probability=0.2)
    kv_registry.faults.error("read_data", status=500, probability=0.1)
    assert counted(kv_registry, Counter, 8, 10) == 80
    assert applied.fired > 0
    assert refused.fired > 0


def test_a_naive_counter_is_found_out_by_one_lost_answer(kv_registry):
    kv_registry.faults.error("write_data", status=500, applied=True)
    assert counted(kv_registry, Naive, 1, 5) == 6


def test_the_writes_of_the_journal_add_up(kv_registry):
    counted(kv_registry, Counter, 4, 5)
    writes = kv_registry.journal.of("write_data")
    assert sum(exchange.applied for exchange in writes) == 20
    assert {exchange.status for exchange in writes} <= {200, 409}
