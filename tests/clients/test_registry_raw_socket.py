"""The requests of the documentation byte by byte, on a bare socket."""

import json
import socket
from collections.abc import Iterator

import pytest

from pytest_kvfake import FakeRegistry

CLOCK = 1_700_000_000
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"


class Wire:
    """A connection that shows what came: status line, fields, body."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.file = self.socket.makefile("rb")

    def send(self, *lines: str, body: bytes = b"") -> None:
        self.socket.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode() + body)

    def receive(self) -> tuple[str, dict[str, str], bytes]:
        status = self.file.readline().decode().rstrip("\r\n")
        fields: dict[str, str] = {}
        while line := self.file.readline().decode().rstrip("\r\n"):
            name, _, value = line.partition(": ")
            assert name.lower() not in fields
            fields[name.lower()] = value
        return status, fields, self.file.read(int(fields.get("content-length", "0")))

    def ask(self, *lines: str, body: bytes = b"") -> tuple[str, dict[str, str], bytes]:
        self.send(*lines, body=body)
        return self.receive()

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@pytest.fixture
def wire(kv_registry: FakeRegistry) -> Iterator[Wire]:
    kv_registry.clock.freeze(CLOCK)
    made = Wire(kv_registry.port)
    yield made
    made.close()


def test_the_documented_write(kv_registry, wire):
    answer = wire.ask(
        "PUT /sample_org/nemmies/rolls/recipe.data HTTP/1.1",
        "Host: beta.useast2.registry.dkplatform.io",
        "Authorization: randomAlphaNumericString",
        "Content-Type: text/plain",
        "Content-Length: 34",
        body=b"The secret ingredient is passion!!",
    )
    assert answer == (
        "HTTP/1.1 201 Created",
        {"date": DATE, "content-type": "application/json", "x-dk-org-time": "1", "content-length": "41"},
        b'{"create_org_time":1,"update_org_time":1}',
    )
    assert kv_registry["nemmies/rolls/recipe"].value == b"The secret ingredient is passion!!"


def test_the_documented_read(kv_registry, wire):
    recipe = kv_registry.orgs["sample_org"].put(
        "nemmies/rolls/recipe", "The secret ingredient is passion!!", content_type="text/plain"
    )
    kv_registry["other"] = b""
    answer = wire.ask(
        "GET /sample_org/nemmies/rolls/recipe.data HTTP/1.1",
        "Host: beta.useast2.registry.dkplatform.io",
        "Authorization: randomAlphaNumericString",
    )
    assert answer == (
        "HTTP/1.1 200 OK",
        {
            "date": DATE,
            "content-type": "text/plain",
            "x-dk-org-time": "2",
            "x-dk-create-org-time": "1",
            "x-dk-update-org-time": "1",
            "content-length": "34",
        },
        recipe.value,
    )


def test_the_documented_take(kv_registry, wire):
    body = b'{"player_name":"cook_3","playtime_secs":30,"max_players":10,"client_unix_time_in_msecs":1708110795000}'
    status, fields, came = wire.ask(
        "PUT /sample_org/nemmies/rolls/cooks.role HTTP/1.1",
        "Host: beta.useast2.registry.dkplatform.io",
        "Authorization: randomAlphaNumericString",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        body=body,
    )
    assert (status, fields["x-dk-org-time"]) == ("HTTP/1.1 201 Created", "1")
    assert json.loads(came) == {"client_expiration_time_in_msecs": 1708110825000}
    assert kv_registry.orgs["sample_org"].roles["nemmies/rolls/cooks"].max_players == 10


def test_the_conditional_write_that_loses():
    body = b'{"dark": true}'
    with FakeRegistry(org_time_start=52) as kv:
        org = kv.create_org("demo_org", key="demoKey")
        org["settings/theme"] = b'{"dark": false}'
        for number in range(4):
            org["other"] = b"%d" % number
        assert (org["settings/theme"].update_org_time, org.time) == (53, 57)
        wire = Wire(kv.port)
        status, fields, came = wire.ask(
            "PUT /demo_org/settings/theme.data HTTP/1.1",
            "Host: 127.0.0.1:8080",
            "Authorization: demoKey",
            "Content-Type: application/json",
            "x-dk-update-org-time: 41",
            "Content-Length: 14",
            body=body,
        )
        wire.close()
    del fields["date"]
    assert status == "HTTP/1.1 409 Conflict"
    assert fields == {"content-type": "application/json", "x-dk-org-time": "57", "content-length": "22"}
    assert came == b'{"update_org_time":53}'


def test_the_documented_rotations(kv_registry, wire):
    head = ("PUT /sample_org HTTP/1.1", "Host: h")
    status, _, came = wire.ask(*head, "Authorization: randomAlphaNumericString")
    made = json.loads(came)["org_key"]
    assert (status, len(made)) == ("HTTP/1.1 200 OK", 30)
    body = b'{"org_key": "This can be anything!!"}'
    own = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    status, _, came = wire.ask(*head, f"Authorization: {made}", *own, body=body)
    assert (status, json.loads(came)) == ("HTTP/1.1 200 OK", {"org_key": "This can be anything!!"})
    assert kv_registry.org_key == "This can be anything!!"


@pytest.mark.parametrize(
    ("line", "operation"),
    [
        ("GET /svc//sample_org//nemmies//", "list_items"),
        ("PUT /svc//sample_org//nemmies/rolls/recipe.data", "write_data"),
        ("GET /svc//sample_org", "describe_org"),
        ("DELETE /svc//sample_org//nemmies/rolls/recipe.data", "delete_data"),
    ],
)
def test_the_targets_of_the_vendors_client(kv_registry, wire, line, operation):
    status, fields, _ = wire.ask(
        f"{line} HTTP/1.1", "Host: h", "Authorization: randomAlphaNumericString", "Content-Length: 0"
    )
    assert status.split()[1] in {"200", "201"}
    assert fields["x-dk-org-time"].isdigit()
    assert [exchange.operation for exchange in kv_registry.journal] == [operation]


EMPTY_ANSWERS = {
    "HTTP/1.1 400 Bad Request": ("GET /sample-org HTTP/1.1", "Authorization: k"),
    "HTTP/1.1 403 Forbidden": ("PUT /sample_org HTTP/1.1", "Authorization: k"),
    "HTTP/1.1 404 Not Found": ("GET /sample_org HTTP/1.1", "Authorization: k"),
}


@pytest.mark.parametrize("status", EMPTY_ANSWERS)
def test_a_refusal_is_a_length_of_zero_and_no_type(wire, status):
    line, key = EMPTY_ANSWERS[status]
    assert wire.ask(line, "Host: h", key) == (status, {"date": DATE, "content-length": "0"}, b"")


def test_a_body_that_is_too_large_is_not_asked_for(wire):
    status, fields, came = wire.ask(
        "PUT /sample_org/x.data HTTP/1.1",
        "Host: h",
        "Authorization: randomAlphaNumericString",
        "Content-Length: 100001",
        "Expect: 100-continue",
    )
    assert (status.split()[1], came) == ("413", b'{"max_allowed_size":100000}')
    assert "x-dk-org-time" not in fields


def test_requests_that_follow_each_other_without_waiting_are_answered_in_order(wire):
    key = "Authorization: randomAlphaNumericString"
    body = b'{"player_name":"p"}'
    json_body = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    wire.send("DELETE /sample_org/x.role HTTP/1.1", "Host: h", key, *json_body, body=body)
    wire.send("PUT /sample_org/x.data HTTP/1.1", "Host: h", key, "Content-Length: 1", body=b"v")
    wire.send("GET /sample_org/x.data HTTP/1.1", "Host: h", key)
    assert [(status.split()[1], body) for status, _, body in (wire.receive() for _ in range(3))] == [
        ("200", b""),
        ("201", b'{"create_org_time":1,"update_org_time":1}'),
        ("200", b"v"),
    ]


def test_a_lost_answer_is_a_500_without_anything(kv_registry, wire):
    kv_registry.faults.error("write_data", status=500, applied=True)
    request = ("PUT /sample_org/x.data HTTP/1.1", "Host: h", "Authorization: randomAlphaNumericString")
    lost = wire.ask(*request, "Content-Length: 1", body=b"v")
    assert lost == ("HTTP/1.1 500 Internal Server Error", {"date": DATE, "content-length": "0"}, b"")
    assert wire.ask(*request, "Content-Length: 1", body=b"v")[0] == "HTTP/1.1 200 OK"
