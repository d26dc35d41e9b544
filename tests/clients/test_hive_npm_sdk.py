"""The official JavaScript SDK (npm `backendless` 8) on Node against the fake, by each of the three root forms.

What is expected stands in the contract file, hive.md 15; the numbers of its cases are behind the calls.
"""

import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_kvfake import FakeHive

T0 = 1_700_000_000
INFO = {"loggers": []}
FORMS = ("domain", "cloud", "self-hosted")


@dataclass
class Script:
    """Calls for one run of the SDK, each with what it must give."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    expected: list[Any] = field(default_factory=list)

    def management(self, method: str, *args: Any, hive: str | None = None, gives: Any) -> None:
        self._add({} if hive is None else {"hive": hive}, method, args, gives)

    def of_type(self, store: str, method: str, *args: Any, gives: Any) -> None:
        self._add({"hive": "h", "store": store}, method, args, gives)

    def of_key(self, store: str, key: str, method: str, *args: Any, gives: Any) -> None:
        self._add({"hive": "h", "store": store, "key": key}, method, args, gives)

    def _add(self, target: dict[str, str], method: str, args: tuple[Any, ...], gives: Any) -> None:
        self.calls.append({**target, "method": method, "args": args})
        self.expected.append(gives)


@dataclass
class Failure:
    code: int
    message: str
    status: int = 400


NO_SUCH_KEY = Failure(27003, "no such key")
NO_EXPIRATION = Failure(27010, "Expiration for key wasn't set.")
NOTHING = ""
"""What the SDK makes of an answer without a body."""


@pytest.fixture
def kv() -> Iterator[FakeHive]:
    with FakeHive(seed=1, strict="error") as kv:
        kv.clock.freeze(T0)
        yield kv


@pytest.fixture
def client(kv, run_node) -> Callable[..., dict[str, Any]]:
    """Runs calls by one root form; gives the outcomes and what the SDK took as the application's info."""

    def run(calls: list[dict[str, Any]], form: str = "domain", **more: Any) -> dict[str, Any]:
        described = {
            "domain": {"init": [kv.url]},
            "cloud": {"init": [kv.app_id, kv.api_key], "serverURL": kv.server_url},
            "self-hosted": {"init": [kv.app_id, kv.api_key], "serverURL": f"{kv.server_url}/api"},
        }[form]
        done = run_node("backendless", "calls.mjs", json.dumps({**described, "calls": calls, **more}))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(params=FORMS)
def carry_out(request, client) -> Callable[[Script], None]:
    def carry_out(script: Script) -> None:
        gave = client(script.calls, request.param)
        for call, expected, outcome in zip(script.calls, script.expected, gave["outcomes"], strict=True):
            if isinstance(expected, Failure):
                error = outcome.get("error", {})
                assert (error.get("code"), error.get("message"), error.get("status")) == (
                    expected.code,
                    expected.message,
                    expected.status,
                ), call
                assert error["body"]["errorData"] == {}
            else:
                assert outcome == {"result": expected}, call
                assert type(outcome["result"]) is type(expected), call
        assert gave["info"] == INFO

    return carry_out


def test_hives_are_created_listed_renamed_and_deleted(kv, carry_out):
    script = Script()
    script.management("getNames", gives=[])  # 115
    script.management("create", hive="new", gives=NOTHING)  # 116
    script.management("create", hive="new", gives=Failure(27002, "Hive with name 'new' already exists."))  # 117
    script.management("rename", "other name", hive="new", gives=NOTHING)  # 118
    script.management("getNames", gives=["other name"])
    script.management("delete", hive="other name", gives=NOTHING)  # 121
    script.management("delete", hive="none", gives=Failure(27001, "Hive with name 'none' does not exist."))  # 122
    carry_out(script)
    assert list(kv.hives) == []


STORES = {
    "KeyValueStore": ("key_value", 1),
    "ListStore": ("list", ["v"]),
    "MapStore": ("map", {"f": 1}),
    "SetStore": ("set", ["v"]),
    "SortedSetStore": ("sorted_set", [[1, "v"]]),
}


@pytest.mark.parametrize("store", STORES)
def test_keys_of_every_store_are_listed_renamed_expired_and_deleted(kv, carry_out, store):
    noun, value = STORES[store]
    view = getattr(kv.create_hive("h"), noun)
    for key in ("user1", "user2", "zed", "a b"):
        view[key] = value
    script = Script()
    script.of_type(store, "keys", gives={"keys": ["user1", "user2", "zed", "a b"], "cursor": "0"})  # 106
    script.of_type(store, "keys", {"filterPattern": "user*"}, gives={"keys": ["user1", "user2"], "cursor": "0"})  # 109
    script.of_type(store, "keys", {"pageSize": 3}, gives={"keys": ["user1", "user2", "zed"], "cursor": "3"})  # 108
    script.of_type(store, "keys", {"pageSize": 3, "cursor": 3}, gives={"keys": ["a b"], "cursor": "0"})
    script.of_type(store, "exist", ["user1", "zed", "none"], gives=2)  # 81
    script.of_key(store, "zed", "exist", gives=True)
    script.of_key(store, "none", "exist", gives=False)  # 83
    script.of_type(store, "touch", ["user1", "none"], gives=1)  # 85
    script.of_key(store, "zed", "touch", gives=1)
    script.of_key(store, "zed", "secondsSinceLastOperation", gives=0)  # 86
    script.of_key(store, "none", "secondsSinceLastOperation", gives=None)  # 87
    script.of_key(store, "zed", "rename", "zoe", gives=True)  # 88
    script.of_key(store, "zoe", "rename", "user1", False, gives=False)  # 90
    script.of_key(store, "zoe", "rename", "user1", True, gives=True)  # 89
    script.of_key(store, "zed", "rename", "zoe", gives=NO_SUCH_KEY)  # 92
    script.of_key(store, "user2", "getExpiration", gives=NO_EXPIRATION)  # 102
    script.of_key(store, "user2", "expireAfter", 60, gives=NOTHING)  # 95
    script.of_key(store, "user2", "getExpiration", gives=60)
    script.of_key(store, "user2", "expireAt", T0 + 90, gives=NOTHING)  # 99
    script.of_key(store, "user2", "getExpiration", gives=90)
    script.of_key(store, "user2", "clearExpiration", gives=NOTHING)  # 104
    script.of_key(store, "user2", "getExpiration", gives=NO_EXPIRATION)
    script.of_key(store, "none", "expireAfter", 60, gives=NO_SUCH_KEY)  # 96
    script.of_key(store, "none", "expireAt", T0 + 60, gives=NO_SUCH_KEY)  # 101
    script.of_key(store, "none", "getExpiration", gives=NO_SUCH_KEY)  # 103
    script.of_key(store, "none", "clearExpiration", gives=NOTHING)  # 105
    script.of_key(store, "a b", "delete", gives=1)  # 75
    script.of_key(store, "a b", "delete", gives=0)
    script.of_type(store, "delete", ["user1", "user2", "none"], gives=2)  # 76
    carry_out(script)
    assert list(view) == []


def test_the_key_value_store(kv, carry_out):
    view = kv.create_hive("h").key_value
    store, script = "KeyValueStore", Script()
    script.of_type(store, "set", "Japan", "Tokyo", gives=True)  # 1
    script.of_key(store, "Japan", "get", gives="Tokyo")
    script.of_type(store, "set", "Japan", "b", {"condition": "IfNotExists", "ttl": 5}, gives=False)  # 9
    script.of_key(store, "Japan", "getExpiration", gives=NO_EXPIRATION)
    script.of_type(store, "set", "none", "b", {"condition": "IfExists"}, gives=False)  # 5
    script.of_key(store, "Japan", "set", "c", {"condition": "IfExists"}, gives=True)  # 6
    script.of_key(store, "Japan", "set", "d", {"ttl": 100, "condition": "Always"}, gives=True)  # 2
    script.of_key(store, "Japan", "getExpiration", gives=100)
    script.of_key(store, "Japan", "set", "d", {"ttl": 5, "expireAt": T0 + 500}, gives=True)  # 12
    script.of_key(store, "Japan", "getExpiration", gives=500)
    script.of_type(store, "set", {"USA": {"n": 1}, "n": 5}, gives=NOTHING)  # 58
    script.of_type(store, "get", ["USA", "Mars", "Japan"], gives={"USA": {"n": 1}, "Japan": "d"})  # 53
    script.of_type(store, "get", ["Mars"], gives={})  # 54
    script.of_key(store, "none", "get", gives=None)  # 47
    script.of_key(store, "n", "increment", 2, gives=7)  # 63
    script.of_key(store, "n", "decrement", 2, gives=5)  # 73
    script.of_key(store, "m", "increment", 3, gives=3)  # 64
    not_integer = Failure(27004, "value is not an integer or out of range")
    script.of_key(store, "Japan", "increment", 1, gives=not_integer)  # 67
    for value in (42, False, {"a": [1, None], "b": {}}, [], "", "é日本"):  # 33 to 38
        script.of_key(store, "é a+b", "set", value, gives=True)
        script.of_key(store, "é a+b", "get", gives=value)
    carry_out(script)
    assert dict(view) == {"Japan": "d", "USA": {"n": 1}, "n": 5, "m": 3, "é a+b": "é日本"}
    assert view.expiration("Japan") == T0 + 500


def test_the_list_store(kv, carry_out):
    view = kv.create_hive("h").list
    store, script = "ListStore", Script()
    script.of_key(store, "l", "get", gives=[])  # 129
    script.of_key(store, "l", "addLastValues", ["b", "c"], gives=2)  # 130
    script.of_key(store, "l", "addLastValue", ["d", 1], gives=3)
    script.of_key(store, "l", "addFirstValue", "a", gives=4)  # 131
    script.of_key(store, "l", "addFirstValues", ["x", "y"], gives=6)  # 132
    script.of_key(store, "l", "get", gives=["y", "x", "a", "b", "c", ["d", 1]])
    script.of_key(store, "l", "get", 2, 4, gives=["a", "b", "c"])  # 133
    script.of_key(store, "l", "get", 0, gives="y")  # 135
    script.of_key(store, "l", "get", -1, gives=["d", 1])
    script.of_key(store, "l", "get", 9, gives=None)
    script.of_key(store, "l", "length", gives=6)  # 136
    script.of_key(store, "none", "length", gives=0)
    script.of_key(store, "l", "insertBefore", "a0", "a", gives=7)  # 137
    script.of_key(store, "l", "insertAfter", "a", "a", gives=8)  # 138
    script.of_key(store, "l", "insertBefore", "q", "zz", gives=-1)  # 139
    script.of_key(store, "none", "insertAfter", "q", "zz", gives=0)  # 140
    script.of_key(store, "l", "deleteFirst", gives=["y"])  # 141
    script.of_key(store, "l", "deleteLast", 2, gives=[["d", 1], "c"])  # 142
    script.of_key(store, "none", "deleteFirst", 3, gives=[])  # 144
    script.of_key(store, "l", "deleteValue", "a", gives=1)  # 146
    script.of_key(store, "l", "deleteValue", "a", 5, gives=1)  # 145
    script.of_key(store, "none", "deleteValue", "a", gives=0)  # 147
    carry_out(script)
    assert view["l"] == ["x", "a0", "b"]


def test_the_map_store(kv, carry_out):
    view = kv.create_hive("h").map
    store, script = "MapStore", Script()
    script.of_key(store, "m", "get", gives={})  # 152
    script.of_key(store, "m", "set", "a", 1.29, gives=True)  # 158
    script.of_key(store, "m", "set", "a", 1, gives=False)  # 159
    script.of_key(store, "m", "set", {"a": 2, "b": 3}, gives=1)  # 151
    script.of_key(store, "m", "get", gives={"a": 2, "b": 3})  # 154
    script.of_key(store, "m", "get", ["a", "zz"], gives={"a": 2})  # 153
    script.of_key(store, "m", "get", "b", gives={"b": 3})
    script.of_key(store, "m", "getValue", "a", gives=2)  # 155
    script.of_key(store, "m", "getValue", "zz", gives=None)
    script.of_key(store, "m", "keyExists", "a", gives=True)  # 156
    script.of_key(store, "m", "keyExists", "zz", gives=False)
    script.of_key(store, "m", "length", gives=2)  # 157
    script.of_key(store, "m", "keys", gives=["a", "b"])
    script.of_key(store, "m", "values", gives=[2, 3])
    script.of_key(store, "m", "setWithOverwrite", "a", 4, gives=False)  # 160
    script.of_key(store, "m", "setWithOverwrite", "a", 5, False, gives=False)  # 161
    script.of_key(store, "m", "setWithOverwrite", "c d", 6, False, gives=True)  # 162
    script.of_key(store, "m", "increment", "a", gives=5)  # 163
    script.of_key(store, "m", "increment", "a", 5, gives=10)
    script.of_key(store, "m", "decrement", "a", gives=9)
    script.of_key(store, "m", "decrement", "a", 4, gives=5)
    script.of_key(store, "m", "deleteKeys", ["b", "zz"], gives=1)  # 165
    script.of_key(store, "m", "deleteKeys", "c d", gives=1)
    carry_out(script)
    assert view["m"] == {"a": 5}


def test_the_set_store(kv, carry_out):
    hive = kv.create_hive("h")
    hive.set["s1"] = ["a", "b", "c"]
    hive.set["s2"] = ["b"]
    hive.set["one"] = ["x"]
    store, script = "SetStore", Script()
    script.of_key(store, "s", "get", gives=[])  # 169
    script.of_key(store, "s", "addValue", "SUV", gives=1)
    script.of_key(store, "s", "addValues", ["SUV", "Coupe"], gives=1)  # 167
    script.of_key(store, "s", "addValues", [1, True, "1"], gives=3)  # 168
    script.of_key(store, "s", "length", gives=5)
    script.of_key(store, "s", "isValueMember", "SUV", gives=[True])  # 170
    script.of_key(store, "s", "isValuesMembers", ["SUV", "z", True], gives=[True, False, True])
    script.of_key(store, "s", "deleteValue", "SUV", gives=1)
    script.of_key(store, "s", "deleteValues", ["Coupe", "z"], gives=1)  # 174
    script.of_key(store, "one", "getRandom", gives=["x"])  # 171
    script.of_key(store, "one", "getRandom", 99, gives=["x"])
    script.of_key(store, "one", "getRandom", -3, gives=["x", "x", "x"])
    script.of_key(store, "one", "getRandomAndDelete", gives=["x"])  # 173
    script.of_key(store, "one", "getRandomAndDelete", 2, gives=[])
    script.of_type(store, "difference", ["s1", "s2"], gives=["a", "c"])  # 175
    script.of_type(store, "intersection", ["s1", "s2"], gives=["b"])  # 176
    script.of_type(store, "union", ["s1", "s2"], gives=["a", "b", "c"])
    script.of_type(store, "intersection", ["s1", "none"], gives=[])  # 177
    carry_out(script)
    assert list(hive.set["s"]) == [1, True, "1"]
    assert "one" not in hive.set


def test_the_sorted_set_store(kv, carry_out):
    hive = kv.create_hive("h")
    hive.sorted_set["z1"] = {"Charlie": 11, "Adam": 13, "Frank": 10}
    hive.sorted_set["z2"] = {"Frank": 14}
    store, script = "SortedSetStore", Script()
    added = {"duplicateBehaviour": "OnlyUpdate", "resultType": "TotalChanged"}
    script.of_key(store, "z", "add", [[1, "a"], [2, "b"], [3, "c"]], gives=3)  # 178
    script.of_key(store, "z", "add", [[1.5, "a"], [6, "q"]], added, gives=1)  # 179
    script.of_key(store, "z", "add", [[5, "a"]], {"duplicateBehaviour": "AlwaysAdd"}, gives=0)  # 180
    script.of_key(store, "z", "add", [[1, "a"]], {"scoreUpdateMode": "Greater", "resultType": "TotalChanged"}, gives=0)
    script.of_key(store, "z", "add", [[1, "a"]], {"scoreUpdateMode": "Less", "resultType": "NewAdded"}, gives=0)  # 181
    script.of_key(store, "z", "getScore", "a", gives=1)  # 186
    script.of_key(store, "z", "getScore", "q", gives=None)
    script.of_key(store, "z", "incrementScore", "a", 3, gives=4)  # 183
    script.of_key(store, "z", "decrementScore", "a", 2.5, gives=1.5)
    script.of_key(store, "z", "getRank", "b", gives=1)  # 187
    script.of_key(store, "z", "getRank", "b", True, gives=1)
    script.of_key(store, "z", "getRank", "c", True, gives=0)
    script.of_key(store, "z", "getRank", "q", gives=None)
    with_scores = {"withScores": True}
    script.of_key(store, "z", "getRangeByRank", 0, -1, with_scores, gives=[[1.5, "a"], [2, "b"], [3, "c"]])  # 188
    script.of_key(store, "z", "getRangeByRank", 0, 1, {"reverse": True}, gives=["c", "b"])  # 189
    script.of_key(store, "z", "getRangeByScore", gives=["a", "b", "c"])  # 190
    between = {"minScore": 2, "minBound": "Exclude", "maxScore": 3, "maxBound": "Include"}
    script.of_key(store, "z", "getRangeByScore", between, gives=["c"])  # 191
    script.of_key(store, "z", "getRangeByScore", {"maxScore": 2, "minBound": "Infinity"}, gives=["a", "b"])  # 192
    script.of_key(store, "z", "getRangeByScore", {"offset": 1, "pageSize": 1, "reverse": True}, gives=["b"])  # 193
    script.of_key(store, "z", "countBetweenScores", {"minScore": 2, "maxScore": 3, "maxBound": "Exclude"}, gives=1)
    script.of_key(store, "z", "length", gives=3)  # 195
    script.of_key(store, "z", "getRandom", {"count": 3, **with_scores}, gives=[[1.5, "a"], [2, "b"], [3, "c"]])  # 201
    script.of_key(store, "none", "getRandom", gives=[])
    script.of_key(store, "z", "getAndDeleteMaxScore", gives=[[3, "c"]])  # 184
    script.of_key(store, "z", "getAndDeleteMinScore", 5, gives=[[1.5, "a"], [2, "b"]])  # 185
    script.of_key(store, "z", "add", [[n, f"v{n}"] for n in range(1, 8)], gives=7)
    script.of_key(store, "z", "deleteValue", "v7", gives=1)
    script.of_key(store, "z", "deleteValues", ["v6", "q"], gives=1)  # 198
    script.of_key(store, "z", "deleteValuesByRank", -2, -1, gives=2)  # 197
    script.of_key(store, "z", "deleteValuesByScore", {"minScore": 2, "maxScore": 3}, gives=2)  # 196
    script.of_type(store, "difference", ["z1", "z2"], gives=[[11, "Charlie"], [13, "Adam"]])  # 199
    script.of_type(store, "union", ["z1", "z2"], gives=[[11, "Charlie"], [13, "Adam"], [24, "Frank"]])  # 200
    script.of_type(store, "intersection", ["z1", "z2"], gives=[[24, "Frank"]])
    carry_out(script)
    assert hive.sorted_set["z"] == {"v1": 1}


def test_what_the_client_lets_through_and_the_service_refuses(kv, carry_out):
    hive = kv.create_hive("h", {"x": "a"})
    hive.sorted_set["z"] = {"a": 1}
    script = Script()
    script.of_key("KeyValueStore", "x", "set", "b", {"ttl": 0}, gives=Failure(27005, "invalid expire time"))  # 21
    beyond = Failure(27009, "pageSize must not exceed 10000")
    script.of_key("SortedSetStore", "z", "getRangeByScore", {"pageSize": 10001}, gives=beyond)  # 194
    null = Failure(27007, "[1]: must not be null")
    script.of_key("ListStore", "l", "addLastValues", ["a", None], gives=null)  # 13 A27
    with kv.conformance.expect_violation(3):
        carry_out(script)
    assert hive.key_value["x"] == "a"
    assert "l" not in hive.list


def test_every_method_that_the_client_has_for_hives_is_called_above(kv, run_node):
    done = run_node("backendless", "methods.mjs", kv.url)
    assert done.returncode == 0, done.stderr
    tests = {
        "service": (test_hives_are_created_listed_renamed_and_deleted,),
        "hive": (test_hives_are_created_listed_renamed_and_deleted,),
        "KeyValueStore": (test_the_key_value_store,),
        "ListStore": (test_the_list_store,),
        "MapStore": (test_the_map_store,),
        "SetStore": (test_the_set_store,),
        "SortedSetStore": (test_the_sorted_set_store,),
    }
    of_all_stores = inspect.getsource(test_keys_of_every_store_are_listed_renamed_expired_and_deleted)
    methods = json.loads(done.stdout)
    assert methods.keys() == tests.keys()
    for where, names in methods.items():
        assert names, where
        calls = "".join(inspect.getsource(test) for test in tests[where]) + of_all_stores
        assert [name for name in names if f'"{name}", ' not in calls] == [], where


def test_the_client_asks_for_the_application_at_once(kv, client):
    assert client([])["info"] == INFO
    assert kv.journal.last.operation == "get_info"
    assert kv.journal.last.request.target == "/api/info"


def test_an_unknown_user_token_is_refused_until_the_client_forgets_it(kv, client):
    kv.allow_user_token("good")
    kv.create_hive("h", {"x": 1})
    call = {"hive": "h", "store": "KeyValueStore", "key": "x", "method": "get", "args": []}
    assert client([call], userToken="good")["outcomes"] == [{"result": 1}]
    [refused] = client([call], userToken="T")["outcomes"]
    assert refused["error"]["code"] == 3064
    assert refused["error"]["message"] == "Not existing user token - T. Relogin user to update your user token"


def test_another_application_is_refused(kv, client):
    gave = client([{"method": "getNames", "args": []}], init=["other", "key"], serverURL=kv.server_url)
    assert gave["outcomes"][0]["error"]["status"] == 401
    assert gave["info"] == {"code": 401}


def test_an_error_fault_reaches_the_client_as_the_services_own(kv, client):
    kv.create_hive("h")
    kv.faults.error("key_value_set", "hive_not_found")
    call = {"hive": "h", "store": "KeyValueStore", "method": "set", "args": ["x", 1]}
    refused, done = client([call, call])["outcomes"]
    assert refused["error"]["code"] == 27001
    assert done == {"result": True}
    assert [exchange.status for exchange in kv.journal.of("key_value_set")] == [400, 200]
