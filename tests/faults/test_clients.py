"""Wire faults through real HTTP libraries: what each of them raises, on one read and one write."""

import asyncio
import http.client

import aiohttp
import httpx
import pytest
import requests

from pytest_kvfake.cloudflare import FakeCloudflare

WRITE, READ = "write_value", "read_value"


@pytest.fixture
def address(kv: FakeCloudflare, ns) -> str:
    ns["k"] = b"0123456789" * 10
    return f"{kv.url}/accounts/{kv.account_id}/storage/kv/namespaces/{ns.id}/values/k"


HEADERS = {"Authorization": "Bearer t"}


def by_httpx(method: str, address: str) -> None:
    httpx.request(method, address, headers=HEADERS, content=b"v" if method == "PUT" else None, timeout=0.3)


def by_requests(method: str, address: str) -> None:
    requests.request(method, address, headers=HEADERS, data=b"v" if method == "PUT" else None, timeout=0.3)


def by_aiohttp(method: str, address: str) -> None:
    async def call() -> None:
        timeout = aiohttp.ClientTimeout(total=0.3)
        data = b"v" if method == "PUT" else None
        async with (
            aiohttp.ClientSession(headers=HEADERS, timeout=timeout) as session,
            session.request(method, address, data=data) as answer,
        ):
            await answer.read()

    asyncio.run(call())


def by_http_client(method: str, address: str) -> None:
    url = httpx.URL(address)
    connection = http.client.HTTPConnection(url.host, url.port, timeout=0.3)
    try:
        connection.request(method, url.path, body=b"v" if method == "PUT" else None, headers=HEADERS)
        connection.getresponse().read()
    finally:
        connection.close()


# Which exception each library raises; the right column is what its users have to catch. A reset may meet the client
# while it is still sending its body, and then some see it as an end: hence the base classes there.
RAISED = {
    by_httpx: {
        "hang": httpx.ReadTimeout,
        "reset": httpx.TransportError,
        "empty": httpx.RemoteProtocolError,
        "truncate": httpx.RemoteProtocolError,
        "wrong_length": httpx.RemoteProtocolError,
        "refuse": httpx.ConnectError,
    },
    by_requests: {
        "hang": requests.exceptions.ReadTimeout,
        "reset": requests.exceptions.ConnectionError,
        "empty": requests.exceptions.ConnectionError,
        "truncate": requests.exceptions.ChunkedEncodingError,
        "wrong_length": requests.exceptions.ChunkedEncodingError,
        "refuse": requests.exceptions.ConnectionError,
    },
    by_aiohttp: {
        "hang": TimeoutError,
        "reset": aiohttp.ClientConnectionError,
        "empty": aiohttp.ServerDisconnectedError,
        "truncate": aiohttp.ClientPayloadError,
        "wrong_length": aiohttp.ClientPayloadError,
        "refuse": aiohttp.ClientConnectorError,
    },
    by_http_client: {
        "hang": TimeoutError,
        "reset": ConnectionError,
        "empty": http.client.RemoteDisconnected,
        "truncate": http.client.IncompleteRead,
        "wrong_length": http.client.IncompleteRead,
        "refuse": ConnectionRefusedError,
    },
}


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize(
    ("library", "kind", "raised"),
    [
        pytest.param(library, kind, raised, id=f"{library.__name__}-{kind}")
        for library, kinds in RAISED.items()
        for kind, raised in kinds.items()
    ],
)
def test_the_library_raises(*, kv: FakeCloudflare, address: str, library, kind: str, raised, method: str):
    arguments = () if kind == "refuse" else (WRITE if method == "PUT" else READ,)
    # aiohttp repeats GET and PUT once when the connection ends without an answer: it has to happen twice.
    again = {"times": 2} if library is by_aiohttp and kind in {"reset", "empty"} else {}
    fault = getattr(kv.faults, kind)(*arguments, **again)
    try:
        with pytest.raises((raised, asyncio.TimeoutError) if raised is TimeoutError else raised):
            library(method, address)
    finally:
        if kind == "refuse":
            fault.remove()
    assert kind == "refuse" or fault.fired == fault.times


def test_in_process_httpx_raises_the_same_as_over_the_socket(kv: FakeCloudflare, address: str):
    for kind, raised in RAISED[by_httpx].items():
        arguments = () if kind == "refuse" else (READ,)
        client = httpx.Client(transport=kv.httpx_transport(), timeout=0.1)
        with getattr(kv.faults, kind)(*arguments), client, pytest.raises(raised):
            client.get(address, headers=HEADERS)


def test_damaged_bytes_arrive_in_full_length(kv: FakeCloudflare, address: str):
    kv.faults.corrupt(READ)
    answer = httpx.get(address, headers=HEADERS)
    assert len(answer.content) == 100
    assert answer.content != b"0123456789" * 10


def test_a_client_without_a_time_out_is_named(address: str, ns):
    with FakeCloudflare(seed=1, wait_limit=0.05) as fake:
        made = fake.create_namespace("tests")
        fake.faults.hang(READ)
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(
                f"{fake.url}/accounts/{fake.account_id}/storage/kv/namespaces/{made.id}/values/k",
                headers=HEADERS,
                timeout=None,
            )
        with pytest.raises(AssertionError, match=r"waited for 0.05 s \(wait_limit\).*Give the client a time-out"):
            fake.verify()


STILL_ANSWERED = {
    "error": lambda faults, operation: faults.error(operation, status=503),
    "latency": lambda faults, operation: faults.latency(operation, 0.01, times=1),
    "dribble": lambda faults, operation: faults.dribble(operation, 1e6),
    "corrupt": lambda faults, operation: faults.corrupt(operation),
}


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("library", RAISED)
@pytest.mark.parametrize("kind", STILL_ANSWERED)
def test_what_is_an_answer_raises_nothing_by_itself(*, kv: FakeCloudflare, address: str, kind, library, method: str):
    fault = STILL_ANSWERED[kind](kv.faults, WRITE if method == "PUT" else READ)
    library(method, address)
    assert fault.fired == 1


def test_a_dead_pooled_connection_is_met_by_each_library(kv: FakeCloudflare, address: str):
    async def by_aiohttp_session() -> list[int]:
        async with aiohttp.ClientSession(headers=HEADERS) as session:
            return [(await session.get(address)).status for _ in range(2)]

    with httpx.Client(headers=HEADERS) as pooled:
        pooled.get(address)
        kv.faults.stale_connection(READ)
        with pytest.raises(httpx.TransportError):
            pooled.get(address)
    with requests.Session() as session:
        session.get(address, headers=HEADERS)
        kv.faults.stale_connection(READ)
        with pytest.raises(requests.exceptions.ConnectionError):
            session.get(address, headers=HEADERS)
    # aiohttp repeats a GET on a dead pooled connection by itself.
    fault = kv.faults.stale_connection(READ)
    assert asyncio.run(by_aiohttp_session()) == [200, 200]
    assert fault.fired == 1
