"""Whatever comes, the fake answers as its contract says; no request reaches a bug."""

import gzip
import json
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_kvfake import FakeApify
from pytest_kvfake.contract.document import DIALECTS
from pytest_kvfake.engine.messages import Headers, Request, body_of

STORE = "WkzbQMuFYuamGv3YF"
SECRET = "secret-key-for-testing"
SCHEMA = {
    "actorKeyValueStoreSchemaVersion": 1,
    "title": "T",
    "collections": {
        "json": {"key": "INPUT", "contentTypes": ["application/json"], "jsonSchema": {"multipleOf": 0.5}},
        "images": {"keyPrefix": "image-", "contentTypes": ["image/png"]},
    },
}
STEPS = st.sampled_from(
    ["v2", "key-value-stores", STORE, "~name", "janedoe~name", "%7E", "keys", "records", "k", "INPUT", "image-1",
     "a%20b", "%zz", "%E0%A4", "é", "..", "", "actor-runs", "R", "key-value-store", "actors", "runs", "last",
     "users", "me"]
)  # fmt: skip
PATHS = st.one_of(
    st.lists(STEPS, max_size=7).map(lambda steps: "/" + "/".join(steps)),
    st.text(st.characters(max_codepoint=255, exclude_characters="?"), max_size=20).map("/".__add__),
    st.tuples(st.sampled_from([STORE, "~name", "janedoe~name", "johndoe~x"]), st.lists(STEPS, max_size=2)).map(
        lambda found: "/".join(["/v2/key-value-stores", found[0], *found[1]])
    ),
    st.sampled_from(["/v2/key-value-stores", "/v2/users/me", "*", "/v2/actor-runs/R/key-value-store/records/k"]),
)
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=12)
VALUES = st.one_of(
    st.sampled_from(["", "1", "true", "-1", "1001", "9" * 5000, "PUT", "head", "options", "json", "images", "none", "k",
                     "ownedByMe", "MC4wLjFtb04xdksxQ3ZwazJnYXhoUFpHVw", "%ff", "MC4x", "\ud800"]),
    TEXT,
)  # fmt: skip
NAMES = ("limit", "offset", "desc", "unnamed", "ownership", "name", "exclusiveStartKey", "prefix", "collection",
         "signature", "attachment", "method", "token", "status", "origin", "x")  # fmt: skip
QUERIES = st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=3).map(
    lambda pairs: "&".join(f"{name}={quote(value, errors='surrogatepass')}" for name, value in pairs)
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["name", "title", "generalAccess", "schema", "collections", "key", "jsonSchema", "x"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=8,
)
BODIES = st.one_of(
    st.binary(max_size=60),
    JSON.map(lambda value: json.dumps(value).encode()),
    JSON.map(lambda value: json.dumps({"schema": {**SCHEMA, "x": value}}).encode()),
    JSON.map(lambda value: gzip.compress(json.dumps(value).encode(), mtime=0)),
    st.sampled_from(
        [b"[" * 3000, b'{"a":' * 3000, b'{"title": "\\ud800"}', b"9" * 5000, b"1" + b"0" * 400, b"1e999",
         b'{"schema":' + json.dumps({**SCHEMA, "x": 1}).encode().replace(b"1}", b"1e999}") + b"}",
         b'{"schema": {"x": ' + b"[" * 400 + b"]" * 400 + b"}}"]
    ),
)  # fmt: skip
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": st.one_of(st.sampled_from(["application/json", "image/png"]), TEXT),
        "Content-Encoding": st.one_of(st.sampled_from(["gzip", "deflate", "br", "identity", "GZIP"]), TEXT),
        "Accept-Encoding": st.one_of(st.sampled_from(["gzip", "*", "gzip;q=0", "br, *;q=0"]), TEXT),
        "Host": st.one_of(st.just("127.0.0.1:8080"), TEXT),
        "Service-Worker": st.just("script"),
    },
)


@pytest.fixture(scope="module", params=DIALECTS)
def fake(request):
    fake = FakeApify(seed=1, strict="off", dialect=request.param)
    store = fake.create_store("name", {"k": "v"}, store_id=STORE, schema=SCHEMA)
    store.url_signing_secret_key = SECRET
    store.put("packed", "v", content_encoding="gzip")
    fake.create_run("R", store)
    fake.create_user("johndoe", "B")
    fake.saved = fake.snapshot()
    return fake


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    method=st.sampled_from(["GET", "PUT", "DELETE", "POST", "HEAD", "OPTIONS", "PATCH"]),
    target=st.tuples(PATHS, QUERIES).map(lambda parts: "?".join(part for part in parts if part)),
    credential=st.one_of(st.sampled_from(["", "Bearer default", "Bearer B", "Bearer nonsense", "Basic x"]), TEXT),
    fields=FIELDS,
    body=BODIES,
)
def test_any_request_is_answered_as_the_contract_says(fake, method, target, credential, **parts):
    fake.restore(fake.saved)
    credential = credential.replace("default", fake.token)
    headers = Headers([*([("Authorization", credential)] if credential else []), *parts["fields"].items()])
    response = fake.world.handle(Request(method, target, headers), body_of(parts["body"])).response
    assert response.status in {200, 201, 204, 400, 401, 403, 404, 405, 409, 413, 415}
    if response.stream is not None:
        assert b"".join(response.stream()).endswith(b"\0\0")
    fake.verify()
