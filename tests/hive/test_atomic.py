"""Each request is carried out in one piece, whoever else asks at the same time (hive.md 2)."""

from concurrent.futures import ThreadPoolExecutor

import httpx

THREADS, TURNS = 6, 25


def at_once(kv, method: str, tail: str, body=None) -> list:
    """Sends one request from several connections, again and again; gives all answers."""

    def send(_: int) -> list:
        with httpx.Client(base_url=f"{kv.url}/api/hive/h", trust_env=False) as client:
            return [client.request(method, tail, json=body).json() for _ in range(TURNS)]

    with ThreadPoolExecutor(THREADS) as pool:
        return [answer for answers in pool.map(send, range(THREADS)) for answer in answers]


def test_no_increment_is_lost(kv, h):
    sums = at_once(kv, "PUT", "/key-value/n/increment?value=1")
    assert sorted(sums) == list(range(1, THREADS * TURNS + 1))
    assert h.key_value["n"] == THREADS * TURNS


def test_no_value_is_taken_twice(kv, h):
    h.list["l"] = list(range(THREADS * TURNS))
    taken = at_once(kv, "PUT", "/list/l/get-first-and-delete")
    assert sorted(value for [value] in taken) == list(range(THREADS * TURNS))
    assert "l" not in h.list


def test_one_of_many_makes_a_key(kv, h):
    answers = at_once(kv, "PUT", "/key-value/x", {"value": 1, "condition": "IfNotExists"})
    assert answers.count(True) == 1


def test_one_of_many_adds_a_value(kv, h):
    answers = at_once(kv, "PUT", "/set/s/add", [{"a": 1}])
    assert sorted(answers) == [0] * (THREADS * TURNS - 1) + [1]
