"""The httpx transport: what it gives is what httpx gives over a socket, sync and async."""

from __future__ import annotations

import asyncio
import threading
import time

import httpx
import pytest

from pytest_kvfake.engine.messages import Delivery, Response, WireFault
from pytest_kvfake.transport.httpx import KVFakeTransport
from pytest_kvfake.transport.waits import Waits

URL = "http://kv.test"


def exchange(client: httpx.Client, method: str, url: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    answer = client.request(method, url)
    return answer.status_code, [field for field in answer.headers.raw if field[0] != b"Connection"], answer.content


def sync(transport: httpx.BaseTransport | None, method: str, url: str, **options):
    with httpx.Client(transport=transport, **options) as client:
        return exchange(client, method, url)


def in_async(transport: httpx.AsyncBaseTransport | None, method: str, url: str, **options):
    async def run():
        async with httpx.AsyncClient(transport=transport, **options) as client:
            answer = await client.request(method, url)
            return answer.status_code, [f for f in answer.headers.raw if f[0] != b"Connection"], answer.content

    return asyncio.run(run())


@pytest.fixture
def both(serve, endpoint):
    """Gives what httpx makes of an endpoint over a socket and in process: an answer, or class and text of its error."""

    def both(way, method: str) -> list[object]:
        waits = Waits(0.02)
        url = f"http://127.0.0.1:{serve(waits=waits).port}/"
        return [tried(way, None, method, url), tried(way, KVFakeTransport(endpoint, waits), method, f"{URL}/")]

    return both


def tried(way, transport, method: str, url: str) -> object:
    try:
        return way(transport, method, url)
    except httpx.ReadError as error:
        return type(error)  # its text is the system's in sync, and empty in async
    except httpx.TransportError as error:
        return type(error), str(error).partition(" (")[0].partition(":")[0]


KINDS = {"reset": 0, "empty": 0, "truncate": 3, "wrong_length": 3, "corrupt": 0, "dribble": 30_000, "hang": 0}
FAULTS = [(kind, amount, body) for kind, amount in KINDS.items() for body in (b"hello, world", b"")]
WAYS = pytest.mark.parametrize("way", [sync, in_async], ids=["sync", "async"])


def failure(way, transport, method: str, url: str, **options) -> Exception:
    with pytest.raises(httpx.TransportError) as caught:
        way(transport, method, url, **options)
    return caught.value


@pytest.fixture
def transport(endpoint, waits) -> KVFakeTransport:
    return KVFakeTransport(endpoint, waits)


@WAYS
@pytest.mark.parametrize(
    "response",
    [
        Response(200, (("Content-Type", "text/plain"), ("X-A", "1"), ("X-A", "2"), ("X-Caf", "\xe9")), b"body"),
        Response(204, (("X-A", "1"),), b"not sent"),
        Response(304, (("ETag", '"1"'),)),
        Response(404, (), b""),
        Response(524, (), b"odd"),
        Response(200, (), stream=lambda: iter([b"ab", b"cd"])),
    ],
    ids=lambda response: str(response.status),
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_answer_is_the_same_as_over_a_socket(way, method, response, both, endpoint):
    endpoint.answer = lambda request: response
    over_socket, in_process = both(way, method)
    assert in_process == over_socket


@WAYS
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault[0]}-{'body' if fault[2] else 'empty'}")
def test_a_wire_fault_is_the_same_as_over_a_socket(way, fault, method, endpoint, both):
    kind, amount, body = fault
    endpoint.break_with(kind, amount, body)
    over_socket, in_process = both(way, method)
    assert in_process == over_socket


def test_a_truncated_stream_gives_what_was_sent_before_it_fails(transport, endpoint):
    endpoint.break_with("truncate", 5)
    with httpx.Client(transport=transport) as client, client.stream("GET", URL) as answer:
        pieces = answer.iter_raw()
        assert next(pieces) == b"hello"
        with pytest.raises(httpx.RemoteProtocolError, match=r"received 5 bytes, expected 12"):
            next(pieces)


@WAYS
def test_hang_is_the_read_time_out_of_the_client(way, transport, endpoint):
    endpoint.break_with("hang")
    assert type(failure(way, transport, "GET", URL, timeout=0.02)) is httpx.ReadTimeout


@WAYS
def test_hang_at_the_wait_limit_is_a_server_that_closes_and_is_told(way, endpoint):
    endpoint.break_with("hang")
    error = failure(way, KVFakeTransport(endpoint, Waits(0.02)), "GET", URL, timeout=None)
    assert type(error) is httpx.RemoteProtocolError
    assert endpoint.event() == ("waited_out", 7)


@WAYS
def test_a_delay_longer_than_the_read_time_out_is_a_time_out(way, transport, endpoint):
    endpoint.answer = lambda request: Delivery(Response(200), delay=60, number=3)
    assert type(failure(way, transport, "GET", URL, timeout=0.02)) is httpx.ReadTimeout
    assert endpoint.event() == ("undelivered", 3, "the client's read time-out of 0.02 s was over")


@WAYS
def test_a_short_delay_is_waited_for(way, transport, endpoint):
    endpoint.answer = lambda request: Delivery(Response(200, (), b"late"), delay=0.02)
    began = time.monotonic()
    assert way(transport, "GET", URL)[2] == b"late"
    assert time.monotonic() - began >= 0.02


@WAYS
def test_a_dribble_slower_than_the_read_time_out_is_a_time_out(way, transport, endpoint):
    endpoint.break_with("dribble", 1)
    assert type(failure(way, transport, "GET", URL, timeout=0.02)) is httpx.ReadTimeout


@WAYS
def test_release_ends_a_hang(way, endpoint):
    endpoint.break_with("hang")
    waits = Waits(60)
    release = threading.Timer(0.02, waits.release)
    release.start()
    assert type(failure(way, KVFakeTransport(endpoint, waits), "GET", URL, timeout=None)) is httpx.RemoteProtocolError
    release.join()


def test_a_hang_never_blocks_the_event_loop(transport, endpoint):
    endpoint.answer = lambda request: (
        Delivery(None, wire=WireFault("hang")) if request.path == "/hang" else Response(200, (), b"here")
    )

    async def run():
        async with httpx.AsyncClient(transport=transport, base_url=URL, timeout=None) as client:
            hanging = [asyncio.create_task(client.get("/hang")) for _ in range(50)]
            await asyncio.sleep(0)
            answer = await client.get("/")
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)
            return answer.content

    assert asyncio.run(run()) == b"here"


def test_a_cancelled_hang_leaves_no_thread_waiting(endpoint):
    endpoint.break_with("hang")
    waits = Waits(60)

    async def run():
        async with httpx.AsyncClient(transport=KVFakeTransport(endpoint, waits), timeout=None) as client:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.get(URL), 0.02)

    asyncio.run(run())
    began = time.monotonic()
    while waits._events and time.monotonic() - began < 5:
        time.sleep(0.001)
    assert not waits._events


# Requests


@pytest.mark.parametrize("target", ["/a%2Fb", "//a", "/a%20b?x=%2B+1", "/%C3%A9"])
def test_the_target_stays_as_it_was_encoded(transport, endpoint, target):
    sync(transport, "GET", f"{URL}{target}")
    assert endpoint.requests[0].target == target


def test_a_target_given_as_extension_is_taken_as_over_a_socket(transport, endpoint):
    with httpx.Client(transport=transport) as client:
        client.request("OPTIONS", URL, extensions={"target": b"*"})
    assert endpoint.requests[0].target == "*"


def test_the_request_is_the_same_as_over_a_socket(transport, server, endpoint):
    for wire, url in ((None, f"http://127.0.0.1:{server.port}/x"), (transport, f"http://127.0.0.1:{server.port}/x")):
        with httpx.Client(transport=wire) as client:
            client.put(url, content=b"body", headers={"X-A": "1"})
    assert endpoint.requests[0] == endpoint.requests[1]


def test_streamed_request_bodies_arrive(transport, endpoint):
    async def pieces():
        yield b"ab"
        yield b"cd"

    async def run():
        async with httpx.AsyncClient(transport=transport) as client:
            await client.put(URL, content=pieces())

    with httpx.Client(transport=transport) as client:
        client.put(URL, content=iter([b"12", b"34"]))
    asyncio.run(run())
    assert [request.body for request in endpoint.requests] == [b"1234", b"abcd"]


def test_a_body_above_the_limit_is_only_counted(transport, endpoint):
    endpoint.limit = 3
    with httpx.Client(transport=transport) as client:
        client.put(URL, content=b"body")
    assert (endpoint.requests[0].body, endpoint.requests[0].body_size) == (b"", 4)


def test_a_compressed_answer_is_decoded_by_the_client(transport, endpoint):
    import gzip

    endpoint.answer = lambda request: Response(200, (("Content-Encoding", "gzip"),), gzip.compress(b"body"))
    assert sync(transport, "GET", URL)[2] == b"body"
