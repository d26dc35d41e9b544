"""Whatever comes, the fake answers as its contract says; no request reaches a bug."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_kvfake import FakeRegistry
from pytest_kvfake.engine.messages import Headers, Request, body_of

STEPS = st.sampled_from(
    ["sample_org", "svc", "a", "B_9", "a-b", "%5F", "%2F", "%", "é", ".data", "x.data", "x.role", ""]
)
TARGETS = st.one_of(
    st.lists(STEPS, max_size=5).map(lambda steps: "/" + "/".join(steps)),
    st.text(st.characters(max_codepoint=255), max_size=30).map("/".__add__),
    st.sampled_from(["/sample_org", "/sample_org/", "/sample_org/x.data", "/sample_org/x.role", "*"]),
)
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=12)
NUMBERS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.sampled_from([0, 1, 2**32, 2**64 - 1, 2**64]), st.floats()
)
BODIES = st.one_of(
    st.binary(max_size=60),
    st.fixed_dictionaries(
        {},
        optional={
            "player_name": st.one_of(st.text(max_size=5), NUMBERS),
            "playtime_secs": NUMBERS,
            "max_players": NUMBERS,
            "client_unix_time_in_msecs": NUMBERS,
            "org_key": st.one_of(st.text(max_size=5), NUMBERS),
        },
    ).map(
        lambda body: (
            repr(body).replace("'", '"').replace("None", "null").replace("True", "true").encode("utf-8", "replace")
        )
    ),
    st.sampled_from([b"[" * 3000, b'{"org_key": "\\ud800"}', b'{"player_name": "\\udc00"}', b"9" * 5000]),
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": st.one_of(st.just("application/json"), TEXT),
        "x-dk-update-org-time": st.one_of(TEXT, st.integers(0, 2**65).map(str)),
    },
)


@pytest.fixture(scope="module")
def fake():
    return FakeRegistry(seed=1, strict="off")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    method=st.sampled_from(["GET", "PUT", "DELETE", "POST", "HEAD", "OPTIONS"]),
    target=TARGETS,
    fields=st.tuples(st.one_of(st.just("randomAlphaNumericString"), TEXT), FIELDS),
    body=BODIES,
)
def test_any_request_is_answered_as_the_contract_says(fake, method, target, fields, body):
    fake.reset()
    headers = Headers([("Authorization", fields[0]), *fields[1].items()])
    delivery = fake.world.handle(Request(method, target, headers), body_of(body))
    assert delivery.response.status in {200, 201, 400, 403, 404, 405, 409, 413}
    fake.verify()
