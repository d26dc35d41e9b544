"""The seven ways to break an answer, as bytes on a socket."""

from __future__ import annotations

import freezegun
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_kvfake.engine.messages import Delivery, Response, WireFault
from pytest_kvfake.transport.http1 import serialize
from pytest_kvfake.transport.waits import Waits
from pytest_kvfake.transport.wire import damaged, kept_bytes, pieces_of, turn_bits

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
ANSWER = Response(200, (("Content-Type", "text/plain"),), b"hello, world")


def test_reset_is_a_true_reset(client, endpoint, request_bytes):
    endpoint.break_with("reset")
    client.send(request_bytes("GET"))
    with pytest.raises(ConnectionResetError):
        client.rest()


def test_empty_closes_without_a_byte(client, endpoint, request_bytes):
    endpoint.break_with("empty")
    client.send(request_bytes("GET"))
    assert client.rest() == b""


def test_truncate_sends_the_head_and_the_first_bytes_of_the_body(client, endpoint, request_bytes):
    endpoint.break_with("truncate", 5)
    client.send(request_bytes("GET"))
    assert client.rest() == HEAD % 12 + b"hello"


def test_wrong_length_announces_more_than_it_sends(client, endpoint, request_bytes):
    endpoint.break_with("wrong_length", 3)
    client.send(request_bytes("GET"))
    assert client.rest() == HEAD % 15 + b"hello, world"


def test_corrupt_damages_the_body_and_keeps_its_length(client, endpoint, request_bytes):
    endpoint.break_with("corrupt")
    client.send(request_bytes("GET"))
    assert client.rest() == HEAD % 12 + bytes(byte ^ 0xFF for byte in b"hello, world")


def test_dribble_sends_all_and_keeps_the_connection(client, endpoint):
    endpoint.break_with("dribble", 50_000)
    assert client.get()[2] == b"hello, world"
    assert client.get()[2] == b"hello, world"


def test_dribble_pauses_between_its_pieces(serve, connect, endpoint, waits, monkeypatch):
    paused = []
    monkeypatch.setattr(waits, "wait", lambda seconds, *_, **__: paused.append(seconds) or "over")
    endpoint.break_with("dribble", 10, b"x" * 20)
    answer = connect(serve()).get()[2]
    assert answer == b"x" * 20
    size = len(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 20\r\n\r\n") + 20
    assert paused == [0.1] * (size - 1)


def test_a_dribble_longer_than_the_wait_limit_ends_and_is_told(serve, connect, endpoint, request_bytes):
    endpoint.break_with("dribble", 20)
    client = connect(serve(waits=Waits(0.12)))
    client.send(request_bytes("GET"))
    assert client.rest() == b"HTT"
    assert endpoint.event() == ("waited_out", 7)


def test_hang_sends_nothing_until_the_wait_limit_and_is_told(serve, connect, endpoint, request_bytes):
    endpoint.break_with("hang")
    client = connect(serve(waits=Waits(0.02)))
    client.send(request_bytes("GET"))
    assert client.rest() == b""
    assert endpoint.event() == ("waited_out", 7)


def test_hang_ends_at_the_wait_limit_although_the_clock_is_frozen(serve, connect, endpoint, request_bytes):
    endpoint.break_with("hang")
    with freezegun.freeze_time("2030-01-01"):
        client = connect(serve(waits=Waits(0.02)))
        client.send(request_bytes("GET"))
        assert client.rest() == b""


def test_a_client_that_gave_up_during_a_hang_has_a_time_out(serve, connect, endpoint, request_bytes):
    endpoint.break_with("hang")
    client = connect(serve(waits=Waits(0.2)))
    client.send(request_bytes("GET"))
    client.close()
    assert endpoint.event() == ("undelivered", 7, "the client closed the connection during the wait")


def test_hang_needs_no_response(serve, connect, endpoint, request_bytes):
    endpoint.answer = lambda request: Delivery(None, wire=WireFault("hang"), number=2)
    client = connect(serve(waits=Waits(0.02)))
    client.send(request_bytes("GET"))
    assert client.rest() == b""
    assert endpoint.event() == ("waited_out", 2)


def test_a_delay_comes_before_the_first_byte(serve, connect, endpoint, waits, monkeypatch):
    paused = []
    monkeypatch.setattr(waits, "wait", lambda seconds, *_, **__: paused.append(seconds) or "over")
    endpoint.answer = lambda request: Delivery(ANSWER, delay=2.5)
    assert connect(serve()).get()[2] == b"hello, world"
    assert paused == [2.5]


def test_a_delay_beyond_the_wait_limit_closes_and_is_told(serve, connect, endpoint, request_bytes):
    endpoint.answer = lambda request: Delivery(ANSWER, delay=60, number=9)
    client = connect(serve(waits=Waits(0.02)))
    client.send(request_bytes("GET"))
    assert client.rest() == b""
    assert endpoint.event() == ("waited_out", 9)


def test_a_delay_that_is_released_closes_and_is_told(serve, connect, endpoint, request_bytes):
    endpoint.answer = lambda request: Delivery(ANSWER, delay=60, number=9)
    waits = Waits(60)
    client = connect(serve(waits=waits))
    client.send(request_bytes("GET"))
    waits.release()
    assert client.rest() == b""
    assert endpoint.event()[:2] == ("undelivered", 9)


@pytest.mark.parametrize("kind", ["empty", "truncate", "corrupt", "wrong_length", "hang"])
def test_a_fault_on_the_head_closes_without_reading_the_body(serve, connect, endpoint, request_bytes, kind):
    endpoint.limit = -1
    endpoint.break_with(kind)
    client = connect(serve(waits=Waits(0.02)))
    client.send(request_bytes("PUT", "/", "Content-Length: 1000"), b"x" * 10)
    client.rest()


def test_a_dribble_of_a_body_that_was_not_read_closes(client, endpoint, request_bytes):
    endpoint.limit = -1
    endpoint.break_with("dribble", 100_000)
    client.send(request_bytes("PUT", "/", "Content-Length: 1000"), b"x" * 10)
    assert client.rest().endswith(b"hello, world")


BODYLESS = pytest.mark.parametrize(
    ("method", "response"), [("GET", Response(204)), ("GET", Response(200)), ("HEAD", Response(200, (), b"body"))]
)


@BODYLESS
def test_corrupt_damages_the_version_where_there_is_no_body(client, endpoint, request_bytes, method, response):
    endpoint.answer = lambda request: Delivery(response, wire=WireFault("corrupt"))
    client.send(request_bytes(method))
    whole = serialize(response, method, close=True)
    assert client.rest() == bytes(byte ^ 0xFF for byte in b"HTTP/1.1") + whole[8:]


@BODYLESS
def test_truncate_holds_back_the_end_of_the_head_where_there_is_no_body(
    client, endpoint, request_bytes, method, response
):
    endpoint.answer = lambda request: Delivery(response, wire=WireFault("truncate", 100))
    client.send(request_bytes(method))
    assert client.rest() + b"\r\n" == serialize(response, method, close=True)


def test_a_stream_is_broken_like_a_body():
    stream = Response(200, (), stream=lambda: iter([b"hello, ", b"world"]))
    assert damaged(stream, "GET", WireFault("truncate", 9)).endswith(
        b"Content-Length: 12\r\nConnection: close\r\n\r\nhello, wo"
    )


@given(st.binary(min_size=1))
def test_corruption_is_the_same_each_time_and_leaves_no_byte(body):
    assert turn_bits(turn_bits(body)) == body
    assert all(a != b for a, b in zip(body, turn_bits(body), strict=True))


@given(st.binary(min_size=1, max_size=50), st.integers(0, 100))
def test_a_truncated_body_is_never_whole(body, amount):
    assert kept_bytes(body, amount) == min(amount, len(body) - 1)


@given(st.binary(max_size=300), st.floats(0.5, 10_000))
def test_a_dribble_sends_every_byte_at_its_rate(data, rate):
    steps = list(pieces_of(data, rate))
    assert b"".join(piece for piece, _ in steps) == data
    before_last = sum(len(piece) for piece, _ in steps[:-1])
    assert sum(pause for _, pause in steps) == pytest.approx(before_last / rate)
