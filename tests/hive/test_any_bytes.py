"""Whatever comes, the fake answers as its contract says; no request reaches a bug."""

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_kvfake import FakeHive
from pytest_kvfake.contract.document import load
from pytest_kvfake.engine.conformance import CHECK_ANSWERS_VARIABLE
from pytest_kvfake.engine.messages import Headers, Request, body_of
from pytest_kvfake.hive.bodies import BODIES

OPERATIONS = load("hive").operations
NAMES = st.sampled_from(["h", "a", "none", "%FF", "%zz", "a%2Fb", "keys", "é", "%F0%9F", "-1", "0", "9" * 5000])
VALUES = st.one_of(
    st.sampled_from(
        [None, True, 0, -1, 1.5, 10.0, 2**63, 10**400, "", "a", [], {}, [1, "a"], ["a"], [[1, "a"]], [[None, 1]]]
    ),
    st.sampled_from(["IfExists", "Always", "OnlyUpdate", "Greater", "TotalChanged"]),
    st.recursive(st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3)), st.lists, max_leaves=5),
)
MEMBERS = re.findall(
    r"\w+",
    "value ttl expireAt condition count anchorValue valueToInsert overwrite items duplicateBehaviour duplicateBehavior "
    "scoreUpdateMode resultType scoreValue reverse a",
)
PARAMETERS = re.findall(
    r"\w+",
    "value ttl unixTime count from to pageSize cursor filterPattern newKey newName overwrite startRank stopRank "
    "minScore maxScore minBound maxBound offset withScores reverse",
)
BODY = st.one_of(
    st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=5).map(lambda body: json.dumps(body).encode()),
    st.lists(VALUES, max_size=4).map(lambda body: json.dumps(body).encode()),
    st.binary(max_size=20),
    st.sampled_from(
        [b"", b"[" * 900 + b"]" * 900, b'{"value":' * 100_000, b'{"value":1e999}', b'["\\ud800"]', b"9" * 5000]
    ),
)
NUMBERS = st.sampled_from(
    ["", "0", "1", "-1", "-3", "2", "1.5", "1e999", "nan", "9" * 30, "9223372036854775807", "x", "%FF"]
)
QUERY = st.lists(
    st.tuples(
        st.sampled_from(PARAMETERS),
        st.one_of(NUMBERS, st.sampled_from(["true", "false", "Exclude", "Infinity", "*a*[", "[^", "\\", "b"])),
    ),
    max_size=5,
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))


@st.composite
def targets(draw):
    """A target of a chosen operation, mostly with good names."""
    operation = draw(st.sampled_from(sorted(OPERATIONS)))
    target = OPERATIONS[operation].templates[0]
    for name, good in (("hive", "h"), ("key", "k"), ("field", "f"), ("index", "0")):
        target = target.replace(f"{{{name}}}", draw(st.one_of(st.just(good), NAMES)))
    target = target.replace("{type}", draw(st.sampled_from(["key-value", "list", "map", "set", "sorted-set", "x"])))
    return OPERATIONS[operation].method, f"/api{target}?{draw(QUERY)}"


@pytest.fixture(scope="module")
def fake():
    fake = FakeHive(seed=1, strict="off")
    hive = fake.create_hive("h", {"k": 5, "a": "x"})
    hive.list["k"] = [1, "a", True]
    hive.map["k"] = {"f": 1, "a": "x"}
    hive.set["k"] = ["a", 1, [1]]
    hive.sorted_set["k"] = [(1, "a"), (2.5, 1)]
    fake.allow_user_token("T")
    fake.filled = fake.snapshot()
    return fake


def answer(fake, method, target, body, **headers):
    delivery = fake.world.handle(Request(method, target, Headers(headers.items())), body_of(body))
    fake.verify()  # an answer outside the contract, or a bug, is raised here
    return delivery.response


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked=targets(), body=BODY, content_type=st.sampled_from(["application/json"] * 5 + ["text/plain", "é\xff"]))
def test_any_request_to_an_operation_is_answered_as_the_contract_says(fake, asked, body, content_type):
    fake.restore(fake.filled)
    response = answer(fake, *asked, body, **{"content-type": content_type})
    assert response.status in {200, 400, 404}


@settings(max_examples=200, deadline=None)
@given(
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH"]),
    target=st.one_of(
        st.text(st.characters(max_codepoint=255), max_size=30).map("/".__add__),
        st.lists(st.sampled_from(["api", "hive", "info", "h", "list", "", ".", "..", "%2F", "%", "é"]), max_size=7).map(
            "/".join
        ),
    ),
    token=st.one_of(st.just("T"), st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=5)),
)
def test_any_target_is_answered_as_the_contract_says(fake, method, target, token):
    fake.restore(fake.filled)
    response = answer(fake, method, target, b"", **{"user-token": token})
    assert response.status in {200, 204, 400, 401, 404}


def test_every_operation_with_a_body_has_a_reader():
    assert set(BODIES) == {name for name, operation in OPERATIONS.items() if "requestBody" in operation.raw}


def test_a_value_nested_as_deeply_as_json_can_be_read_comes_back(fake):
    fake.restore(fake.filled)
    deep = b"[" * 400 + b"]" * 400
    assert answer(fake, "PUT", "/api/hive/h/key-value/d", b'{"value":%s}' % deep, **{
        "content-type": "application/json", "user-token": "T"
    }).body == b"true"  # fmt: skip
    assert answer(fake, "GET", "/api/hive/h/key-value/d", b"", **{"user-token": "T"}).body == deep


@pytest.mark.parametrize("depth", [300, 900, 100_000])
def test_deep_bodies_are_watched_too(depth, monkeypatch):
    monkeypatch.delenv(CHECK_ANSWERS_VARIABLE)  # as users have it
    fake = FakeHive(seed=1)
    fake.create_hive("h")
    body = b'{"value":' + b"[" * depth + b"]" * depth + b"}"
    response = answer(fake, "PUT", "/api/hive/h/key-value/d", body, **{"content-type": "application/json"})
    assert response.status in {200, 400}
