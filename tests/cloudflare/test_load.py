"""A file that is no state of Workers KV is refused whole."""

import json

import pytest

from pytest_kvfake.cloudflare import FakeCloudflare
from pytest_kvfake.errors import UsageError

NAMESPACE = {"title": "t", "entries": {"k": {"value": "v"}}}
ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"
NS = "0f2ac74b498b48028cb68387c421e279"


def state(**entry):
    return {"accounts": {ACCOUNT: {"namespaces": {NS: {"title": "t", "entries": {"k": {"value": "v", **entry}}}}}}}


@pytest.fixture
def kv():
    fake = FakeCloudflare(seed=1)
    fake.create_namespace("before", {"k": "v"})
    return fake


def load(kv, tmp_path, data):
    path = tmp_path / "state.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    kv.load(path)


@pytest.mark.parametrize(
    "inner",
    [
        {},
        [],
        None,
        {"accounts": []},
        {"accounts": {"x": {"namespaces": {}}}},
        {"accounts": {ACCOUNT: {"namespaces": {"x": NAMESPACE}}}},
        {"accounts": {ACCOUNT: {"namespaces": {NS: {}}}}},
        {"accounts": {ACCOUNT: {"namespaces": {NS: {"title": 5}}}}},
        {"accounts": {ACCOUNT: {"namespaces": {NS: {"title": "t", "entries": {"k": {}}}}}}},
        state(value=5),
        state(value={"base64": "***"}),
        state(value={"text": "v"}),
        state(expiration="tomorrow"),
        state(expiration=1.5),
        state(expiration=True),
        {**state(), "tokens": {"T": 5}},
        {**state(), "tokens": {"T": {"permission": "all"}}},
        {**state(), "closed": "no"},
    ],
)
def test_a_state_that_is_none_changes_nothing(kv, tmp_path, inner):
    before = kv.world.state.dump()
    with pytest.raises(UsageError, match="is not a state"):
        load(kv, tmp_path, {"kvfake": 1, "service": "cloudflare", "state": inner})
    assert kv.world.state.dump() == before


@pytest.mark.parametrize("text", ["", "[]", "5", "{}", "\udc80", "[" * 100_000, '{"service": "cloudflare"}'])
def test_a_file_that_is_none_changes_nothing(kv, tmp_path, text):
    path = tmp_path / "state.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError, match="is not a state"):
        kv.load(path)
    assert list(kv.namespaces["before"]) == ["k"]


def test_what_was_dumped_is_loaded_again(kv, tmp_path):
    kv.clock.freeze(1_750_000_000)
    kv.allow_token("T", permission="read", accounts=[kv.account_id])
    kv.namespaces["before"].put("b", b"\xff", metadata={"a": [1]}, expiration_ttl=60)
    kv.dump(tmp_path / "state.json")
    other = FakeCloudflare(seed=1)
    other.load(tmp_path / "state.json")
    assert other.world.state.dump() == kv.world.state.dump()
