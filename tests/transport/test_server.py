"""HTTP/1.1 over a real socket."""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
import struct
import threading

import aiohttp
import httpx
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_kvfake.engine.messages import Delivery, IncompleteBodyError, MalformedBodyError, Response
from pytest_kvfake.transport import connection

MIB = 1024 * 1024


# Connections


def test_a_connection_serves_one_request_after_another(client, endpoint):
    for _ in range(3):
        assert client.get("/a")[0] == 200
    assert [request.served for request in endpoint.requests] == [0, 1, 2]


def test_pipelined_requests_are_answered_in_order(client, request_bytes):
    client.send(b"".join(request_bytes("GET", f"/{n}") for n in range(20)))
    assert [client.receive()[2] for _ in range(20)] == [f"GET /{n} ".encode() for n in range(20)]


def test_a_pipelined_body_does_not_run_into_the_next_request(client, request_bytes):
    first = request_bytes("PUT", "/1", "Content-Length: 4", body=b"body")
    second = request_bytes("PUT", "/2", "Transfer-Encoding: chunked", body=b"4\r\nmore\r\n0\r\n\r\n")
    client.send(first + second + request_bytes("GET", "/3"))
    assert [client.receive()[2] for _ in range(3)] == [b"PUT /1 body", b"PUT /2 more", b"GET /3 "]


def test_a_head_may_come_byte_by_byte(client, request_bytes):
    client.send(*(bytes([byte]) for byte in request_bytes("GET", "/slow")))
    assert client.receive()[2] == b"GET /slow "


def test_the_client_can_ask_for_the_end_of_the_connection(client):
    status, fields, _ = client.get("/", "Connection: close")
    assert (status, fields["connection"], client.rest()) == (200, "close", b"")


def test_http_1_0_closes_unless_asked_to_stay(server, connect, request_bytes):
    client = connect(server)
    client.send(request_bytes("GET", "/", version="1.0"))
    assert client.receive()[1]["connection"] == "close"
    assert client.rest() == b""


def test_http_1_0_stays_when_asked_to(client, request_bytes):
    for _ in range(2):
        client.send(request_bytes("GET", "/", "Connection: keep-alive", version="1.0"))
        assert client.receive()[1]["connection"] == "keep-alive"


def test_the_endpoint_can_end_the_connection(client, endpoint):
    endpoint.answer = lambda request: Delivery(Response(200, (), b"last"), close=True)
    assert client.get()[1]["connection"] == "close"
    assert client.rest() == b""


def test_a_delivery_without_a_response_closes(client, endpoint, request_bytes):
    endpoint.answer = lambda request: Delivery(None)
    client.send(request_bytes("GET"))
    assert client.rest() == b""


def test_a_client_that_closes_its_sending_side_still_gets_its_answer(client, request_bytes):
    client.send(request_bytes("GET", "/half"))
    client.socket.shutdown(socket.SHUT_WR)
    assert client.rest().endswith(b"GET /half ")


def test_a_connection_without_a_byte_is_no_event(server, connect, endpoint):
    connect(server).close()
    connect(server).get()
    assert endpoint.events.empty()


def test_nagle_is_off(server, client):
    client.get()
    (served,) = server._connections
    assert served._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_answer_is_one_write(server, client, endpoint, monkeypatch):
    client.get()
    (served,) = server._connections
    written = []

    class Watched:
        def __init__(self, real):
            self._real = real

        def sendall(self, data):
            written.append(data)
            self._real.sendall(data)

        def __getattr__(self, name):
            return getattr(self._real, name)

    monkeypatch.setattr(served, "_socket", Watched(served._socket))
    endpoint.answer = lambda request: Response(200, (), b"x" * 200_000)
    client.get()
    # The connection's thread may still be inside the recv() of the socket that it had.
    client.get()
    assert len(written[-1]) > 200_000


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_ipv6_on_request(serve, connect):
    try:
        server = serve(host="::1")
    except OSError:
        pytest.skip("no IPv6 loopback here")
    assert connect(server, host="::1").get("/six")[2] == b"GET /six "


# Bodies


def test_a_body_of_a_length_arrives(client, request_bytes):
    client.send(request_bytes("PUT", "/", "Content-Length: 11"), b"hello ", b"world")
    assert client.receive()[2] == b"PUT / hello world"


def test_a_body_above_the_limit_is_read_and_only_counted(client, endpoint, request_bytes):
    endpoint.limit = 10
    client.send(request_bytes("PUT", "/", f"Content-Length: {2 * MIB}"), b"x" * 2 * MIB)
    assert client.receive()[0] == 200
    assert (endpoint.requests[0].body, endpoint.requests[0].body_size) == (b"", 2 * MIB)
    assert client.get()[0] == 200


def test_a_body_that_nobody_reads_is_drained_before_the_answer(client, endpoint, request_bytes):
    endpoint.limit = -1
    for _ in range(2):
        client.send(request_bytes("PUT", "/", f"Content-Length: {2 * MIB}"), b"x" * 2 * MIB)
        assert client.receive()[0] == 200


def test_broken_chunks_that_nobody_reads_end_the_connection_after_the_answer(client, endpoint, request_bytes):
    endpoint.limit = -1
    client.send(request_bytes("PUT", "/", "Transfer-Encoding: chunked", body=b"no chunk\r\n"))
    assert client.receive()[1]["connection"] == "close"
    assert client.rest() == b""


def test_a_body_without_end_is_given_up_and_the_answer_arrives(client, endpoint, request_bytes, monkeypatch):
    monkeypatch.setattr(connection, "DISCARD_LIMIT", 100_000)
    endpoint.limit = 10
    client.send(request_bytes("PUT", "/", f"Content-Length: {10**15}"), b"x" * 2 * MIB)
    status, fields, _ = client.receive()
    assert (status, fields["connection"]) == (200, "close")
    assert 100_000 < endpoint.requests[0].body_size < 2 * MIB


def catching(endpoint, error):
    """Makes the endpoint answer 400 to a body that cannot be read, as the engine does."""
    handle, caught = endpoint.handle, []

    def handle_or_refuse(head, read_body):
        try:
            return handle(head, read_body)
        except error as problem:
            caught.append(problem)
            endpoint.events.put(("caught", problem))
            return Delivery(Response(400, (), b"refused"), close=True, number=1)

    endpoint.handle = handle_or_refuse
    return caught


def test_broken_chunks_reach_the_endpoint_and_its_answer_the_client(client, endpoint, request_bytes):
    catching(endpoint, MalformedBodyError)
    client.send(request_bytes("PUT", "/", "Transfer-Encoding: chunked", body=b"4\r\nbodyX" + b"x" * 100_000))
    assert client.receive()[::2] == (400, b"refused")
    assert client.rest() == b""


@pytest.mark.parametrize("framing", ["Content-Length: 100", "Transfer-Encoding: chunked"])
def test_a_client_that_goes_away_in_mid_body_is_an_incomplete_body(client, endpoint, request_bytes, framing):
    catching(endpoint, IncompleteBodyError)
    client.send(request_bytes("PUT", "/", framing), b"5\r\nhel")
    client.socket.shutdown(socket.SHUT_WR)
    assert client.receive()[0] == 400
    assert endpoint.requests == []


def test_a_client_that_resets_in_mid_body_is_an_incomplete_body(client, endpoint, request_bytes):
    catching(endpoint, IncompleteBodyError)
    client.send(request_bytes("PUT", "/", "Content-Length: 100"), b"hel")
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert isinstance(endpoint.event()[1], IncompleteBodyError)


# Expect: 100-continue


def expecting(request_bytes, length: int) -> bytes:
    return request_bytes("PUT", "/", f"Content-Length: {length}", "Expect: 100-continue")


def test_100_is_sent_when_the_body_is_asked_for(client, request_bytes):
    client.send(expecting(request_bytes, 4))
    assert client.head()[0] == 100
    client.send(b"body")
    assert client.receive()[2] == b"PUT / body"
    assert client.get()[0] == 200


def test_a_body_that_came_without_waiting_needs_no_100(client, request_bytes):
    client.send(expecting(request_bytes, 4) + b"body")
    assert client.receive()[0] == 200


def test_an_answer_without_the_body_goes_out_at_once_and_closes(client, endpoint, request_bytes):
    endpoint.limit = -1
    client.send(expecting(request_bytes, 4))
    assert client.receive()[:2] == (200, {"content-type": "text/plain", "content-length": "6", "connection": "close"})
    assert client.rest() == b""


def test_a_body_declared_above_the_limit_is_not_asked_for(client, endpoint, request_bytes):
    endpoint.limit = 10
    client.send(expecting(request_bytes, 1000))
    assert client.receive()[0] == 200
    assert endpoint.requests[0].body_size == 1000
    assert client.rest() == b""


def test_a_refusing_answer_survives_a_client_that_sends_its_body_all_the_same(client, endpoint, request_bytes):
    endpoint.limit = -1
    client.send(expecting(request_bytes, 16 * MIB))
    client.send(b"x" * 16 * MIB)
    assert client.receive()[0] == 200


# Answers


def test_head_has_the_length_and_no_body(client, endpoint, request_bytes):
    endpoint.answer = lambda request: Response(200, (), b"0123456789")
    client.send(request_bytes("HEAD") + request_bytes("GET"))
    assert client.receive("HEAD")[1]["content-length"] == "10"
    assert client.receive()[2] == b"0123456789"


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_keeps_the_connection_in_step(client, endpoint, status):
    endpoint.answer = lambda request: Response(status, (), b"must not be sent")
    assert "content-length" not in client.get()[1]
    assert client.get()[0] == status


def test_a_large_answer_arrives_whole(client, endpoint):
    body = bytes(range(256)) * 4 * 4096 * 3
    endpoint.answer = lambda request: Response(200, (), body)
    assert client.get()[2] == body
    assert client.get()[2] == body


def test_a_stream_is_sent_in_chunks(client, endpoint, request_bytes):
    endpoint.answer = lambda request: Response(200, (), stream=lambda: iter([b"ab", b"", b"c" * 16]))
    client.send(request_bytes("GET", "/", "Connection: close"))
    assert client.head()[1]["transfer-encoding"] == "chunked"
    assert client.rest() == b"2\r\nab\r\n10\r\n" + b"c" * 16 + b"\r\n0\r\n\r\n"


def test_a_stream_goes_to_http_1_0_until_the_end_of_the_connection(client, endpoint, request_bytes):
    endpoint.answer = lambda request: Response(200, (), stream=lambda: iter([b"ab", b"c"]))
    client.send(request_bytes("GET", "/", "Connection: keep-alive", version="1.0"))
    assert "transfer-encoding" not in client.head()[1]
    assert client.rest() == b"abc"


def test_head_of_a_stream_has_no_body(client, endpoint, request_bytes):
    endpoint.answer = lambda request: Response(200, (), stream=lambda: iter([b"ab"]))
    client.send(request_bytes("HEAD", "/", "Connection: close"))
    client.head()
    assert client.rest() == b""


def test_a_stream_that_fails_breaks_the_connection_and_is_told(client, endpoint, request_bytes):
    def stream():
        yield b"ab"
        raise RuntimeError("disk on fire")

    endpoint.answer = lambda request: Delivery(Response(200, (), stream=stream), number=3)
    client.send(request_bytes("GET"))
    with pytest.raises(ConnectionResetError):
        client.rest()
    assert endpoint.event() == ("undelivered", 3, "the body could not be made: RuntimeError('disk on fire')")


# Clients that do not wait


def test_a_client_that_closes_before_the_answer_is_told_to_the_endpoint(client, endpoint, request_bytes):
    closed = threading.Event()

    def answer(request):
        closed.wait(5)
        return Delivery(Response(200, (), b"late"), number=5)

    endpoint.answer = answer
    client.send(request_bytes("GET"))
    client.close()
    closed.set()
    kind, number, reason = endpoint.event()
    assert (kind, number) == ("undelivered", 5)
    assert "closed the connection" in reason


def test_a_client_that_closes_during_a_large_answer_is_told_to_the_endpoint(client, endpoint, request_bytes):
    endpoint.answer = lambda request: Delivery(Response(200, (), b"x" * 50 * MIB), number=6)
    client.send(request_bytes("GET"))
    client.head()
    client.close()
    assert endpoint.event()[:2] == ("undelivered", 6)


# Bytes that are no request


def test_garbage_gets_a_400_with_a_sentence_and_the_endpoint_is_told(client, endpoint):
    client.send(b"hello there\r\n\r\n")
    status, fields, body = client.receive()
    kind, reason, received, answer = endpoint.event()
    assert (status, fields["content-type"], fields["connection"]) == (400, "text/plain; charset=utf-8", "close")
    assert body.decode() == f"{reason}\n"
    assert (kind, received, answer.status) == ("unreadable", b"hello there\r\n\r\n", 400)
    assert client.rest() == b""


def test_the_entry_is_there_when_the_client_has_the_answer(client, endpoint):
    client.send(b"hello\r\n")
    client.receive()
    assert endpoint.events.get_nowait()[0] == "unreadable"


def test_requests_before_the_garbage_are_answered(client, request_bytes):
    client.send(request_bytes("GET", "/1") + b"garbage\r\n")
    assert [client.receive()[0], client.receive()[0]] == [200, 400]


def test_an_oversized_head_gets_its_answer_although_more_is_sent(client):
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 16 * MIB)
    assert client.receive()[0] == 431
    assert client.rest() == b""


def test_an_oversized_target_gets_414(client):
    client.send(b"GET /" + b"a" * MIB)
    assert client.receive()[0] == 414


def test_a_connection_that_ends_in_mid_head_is_told_to_the_endpoint(client, endpoint):
    client.send(b"GET / HT")
    client.close()
    kind, reason, received, answer = endpoint.event()
    assert (kind, received, answer) == ("unreadable", b"GET / HT", None)
    assert "in the middle of a request head" in reason


def test_a_tls_handshake_is_recognised_and_told_with_the_right_url(server, endpoint):
    with pytest.raises(httpx.ConnectError, match=r"(?i)wrong.version.number"):
        httpx.get(f"https://127.0.0.1:{server.port}/", verify=False)
    _, reason, received, answer = endpoint.event()
    assert reason == (
        f"a TLS handshake on a plain-HTTP port: use http://127.0.0.1:{server.port} "
        f"instead of https://127.0.0.1:{server.port}"
    )
    assert received.startswith(b"\x16\x03")
    assert answer is None


def test_a_tls_client_learns_that_this_is_no_tls_port(server):
    context = ssl.create_default_context()
    with (
        socket.create_connection(("127.0.0.1", server.port)) as plain,
        pytest.raises(ssl.SSLError, match=r"(?i)wrong.version.number"),
    ):
        context.wrap_socket(plain, server_hostname="kv.test")


def test_an_http2_preface_is_told_by_name(client, endpoint):
    client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert client.receive()[0] == 505
    assert "HTTP/2" in endpoint.event()[1]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=200))
def test_no_bytes_get_a_500_or_hang_the_server(server, connect, garbage):
    client = connect(server)
    client.send(garbage)
    client.socket.shutdown(socket.SHUT_WR)
    answer = client.rest()
    assert not answer or answer[:9] == b"HTTP/1.1 " or answer[0] == 0x15
    assert not answer.startswith(b"HTTP/1.1 500")
    client.close()
    other = connect(server)
    assert other.get()[0] == 200
    other.close()


# Other people's clients


def test_http_client_keeps_its_connection(server, endpoint):
    keeping = http.client.HTTPConnection("127.0.0.1", server.port)
    for body in (b"one", iter([b"two ", b"chunks"])):
        keeping.request("PUT", "/x", body=body, encode_chunked=not isinstance(body, bytes))
        assert keeping.getresponse().read().startswith(b"PUT /x ")
    keeping.close()
    assert [(request.body, request.served) for request in endpoint.requests] == [(b"one", 0), (b"two chunks", 1)]


def test_httpx_sends_and_gets_25_mib(server):
    body = b"x" * 25 * MIB
    with httpx.Client() as client:
        answer = client.put(f"http://127.0.0.1:{server.port}/", content=body)
    assert answer.content == b"PUT / " + body


def test_requests_keeps_a_target_that_begins_with_two_slashes(server, endpoint):
    with requests.Session() as session:
        session.get(f"http://127.0.0.1:{server.port}//a%2Fb")
    assert endpoint.requests[0].target == "//a%2Fb"


def test_aiohttp_sends_chunks_and_expects_100(server, endpoint):
    async def pieces():
        yield b"ab"
        yield b"cd"

    async def put():
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{server.port}/"
            async with session.put(url, data=pieces(), expect100=True) as answer:
                return answer.status, await answer.read()

    assert asyncio.run(put()) == (200, b"PUT / abcd")
    assert endpoint.requests[0].headers["expect"] == "100-continue"
