from __future__ import annotations

import io

import pytest
from werkzeug.test import Client

from pytest_kvfake.engine.messages import Delivery, IncompleteBodyError, Response, WireFault
from pytest_kvfake.errors import KVFakeConnectionError
from pytest_kvfake.transport.waits import Waits
from pytest_kvfake.transport.wsgi import wsgi_app


class Call:
    """Calls the application as PEP 3333 says, with nothing in between."""

    def __init__(self, application, **environ) -> None:
        self.environ = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": "/",
            "QUERY_STRING": "",
            "wsgi.input": io.BytesIO(),
            **environ,
        }
        self.status = self.fields = None
        self.parts = application(self.environ, self._start)

    def _start(self, status, fields):
        self.status, self.fields = status, fields

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)


@pytest.fixture
def application(endpoint, waits):
    return wsgi_app(endpoint, waits)


@pytest.fixture
def broken(endpoint):
    """Gives an application whose answers are broken, with waits that end soon."""

    def make(kind, amount=0, **more):
        endpoint.break_with(kind, amount, **more)
        return wsgi_app(endpoint, Waits(0.02))

    return make


def test_an_answer_has_status_fields_and_body(application, endpoint):
    endpoint.answer = lambda request: Response(507, (("X-A", "1"),), b"full")
    call = Call(application)
    assert (call.status, call.fields, call.body) == (
        "507 Insufficient Storage",
        [("X-A", "1"), ("Content-Length", "4")],
        b"full",
    )


def test_head_has_the_length_and_no_body(application, endpoint):
    endpoint.answer = lambda request: Response(200, (), b"body")
    call = Call(application, REQUEST_METHOD="HEAD")
    assert (call.fields, call.body) == ([("Content-Length", "4")], b"")


def test_a_stream_is_handed_on_without_hop_by_hop_fields(application, endpoint):
    endpoint.answer = lambda request: Response(200, (), stream=lambda: iter([b"a", b"b"]))
    call = Call(application)
    assert (call.fields, call.body) == ([], b"ab")


@pytest.mark.parametrize("name", ["REQUEST_URI", "RAW_URI"])
def test_the_raw_target_is_taken_where_the_server_passes_it(application, endpoint, name):
    Call(application, PATH_INFO="/a/b", **{name: "/a%2Fb?x=%2B"})
    assert endpoint.requests[0].target == "/a%2Fb?x=%2B"


def test_an_absolute_raw_target_becomes_origin_form(application, endpoint):
    Call(application, REQUEST_URI="http://kv.test//a?b")
    assert endpoint.requests[0].target == "//a?b"


def test_the_mount_point_is_not_part_of_the_raw_target(application, endpoint):
    Call(application, SCRIPT_NAME="/under here", PATH_INFO="/a", REQUEST_URI="/under%20here/a%2F")
    assert endpoint.requests[0].target == "/a%2F"


def test_elsewhere_the_target_is_rebuilt_from_the_decoded_path(application, endpoint):
    path = "/ä %?".encode().decode("latin-1")
    Call(application, PATH_INFO=path, QUERY_STRING="x=%20")
    assert endpoint.requests[0].target == "/%C3%A4%20%25%3F?x=%20"


def test_fields_get_their_names_back(application, endpoint):
    Call(application, HTTP_X_SOME_THING="1", CONTENT_TYPE="text/plain", CONTENT_LENGTH="")
    assert endpoint.requests[0].headers.pairs == (("X-Some-Thing", "1"), ("Content-Type", "text/plain"))


def test_a_body_of_a_length_is_read_and_no_byte_more(application, endpoint):
    stream = io.BytesIO(b"bodyGET /next")
    Call(application, CONTENT_LENGTH="4", **{"wsgi.input": stream})
    assert endpoint.requests[0].body == b"body"
    assert stream.read() == b"GET /next"


def test_a_terminated_stream_is_read_to_its_end(application, endpoint):
    Call(application, **{"wsgi.input": io.BytesIO(b"chunks"), "wsgi.input_terminated": True})
    assert endpoint.requests[0].body == b"chunks"


def test_without_a_length_there_is_no_body(application, endpoint):
    Call(application, **{"wsgi.input": io.BytesIO(b"something else")})
    assert endpoint.requests[0].body == b""


def test_a_body_above_the_limit_is_only_counted(application, endpoint):
    endpoint.limit = 3
    Call(application, CONTENT_LENGTH="4", **{"wsgi.input": io.BytesIO(b"body")})
    assert (endpoint.requests[0].body, endpoint.requests[0].body_size) == (b"", 4)


def test_a_body_that_ends_early_is_incomplete(application):
    with pytest.raises(IncompleteBodyError, match="after 2 of 4 bytes"):
        Call(application, CONTENT_LENGTH="4", **{"wsgi.input": io.BytesIO(b"bo")})


@pytest.mark.parametrize("kind", ["reset", "empty", "hang"])
def test_a_fault_that_sends_nothing_raises(broken, kind):
    with pytest.raises(KVFakeConnectionError):
        Call(broken(kind))


def test_a_hang_at_the_wait_limit_is_told(broken, endpoint):
    with pytest.raises(KVFakeConnectionError):
        Call(broken("hang"))
    assert endpoint.event() == ("waited_out", 7)


@pytest.mark.parametrize(
    ("kind", "length", "sent"), [("truncate", "12", b"hell"), ("wrong_length", "16", b"hello, world")]
)
def test_a_fault_that_breaks_off_raises_behind_the_bytes_that_are_sent(broken, kind, length, sent):
    call = Call(broken(kind, 4))
    assert dict(call.fields)["Content-Length"] == length
    parts = iter(call.parts)
    assert next(parts) == sent
    with pytest.raises(KVFakeConnectionError):
        next(parts)


def test_corrupt_damages_the_body(broken):
    assert Call(broken("corrupt")).body == bytes(byte ^ 0xFF for byte in b"hello, world")


def test_corrupt_without_a_body_sends_nothing(broken):
    with pytest.raises(KVFakeConnectionError):
        Call(broken("corrupt", body=b""))


def test_dribble_sends_all(broken):
    assert Call(broken("dribble", 10_000)).body == b"hello, world"


def test_a_dribble_longer_than_the_wait_limit_is_told(broken, endpoint):
    with pytest.raises(KVFakeConnectionError):
        _ = Call(broken("dribble", 10)).body
    assert endpoint.event() == ("waited_out", 7)


def test_a_delay_is_waited_for(endpoint, waits, monkeypatch):
    paused = []
    monkeypatch.setattr(waits, "wait", lambda seconds, *_, **__: paused.append(seconds) or "over")
    endpoint.answer = lambda request: Delivery(Response(200), delay=2.5)
    Call(wsgi_app(endpoint, waits))
    assert paused == [2.5]


def test_werkzeug_s_test_client_works(application, endpoint):
    answer = Client(application).put("/a%2Fb?x=1", data=b"body")
    assert (answer.status_code, answer.data) == (200, b"PUT /a%2Fb?x=1 body")


def test_no_delivery_is_answered_without_a_response(application, endpoint):
    endpoint.answer = lambda request: Delivery(None, wire=WireFault("dribble"))
    with pytest.raises(KVFakeConnectionError):
        Call(application)
