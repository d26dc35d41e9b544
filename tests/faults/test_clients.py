"""Wire faults through real HTTP libraries: what each of them raises, on one read and one write."""

import asyncio
import http.client
import json

import aiohttp
import httpx
import pytest
import requests

from pytest_kvfake.cloudflare import FakeCloudflare
from pytest_kvfake.contract.document import schemas_folder

WRITE, READ = "write_value", "read_value"
HEADERS = {"Authorization": "Bearer t", "Content-Type": "application/json"}
BODIES = {"GET": None, "PUT": b"v"}
STORED = b"0123456789" * 10


@pytest.fixture
def address(kv: FakeCloudflare, ns) -> str:
    ns["k"] = STORED
    return f"{kv.url}/accounts/{kv.account_id}/storage/kv/namespaces/{ns.id}/values/k"


def by_httpx(method: str, address: str, body: bytes | None = None) -> tuple[int, bytes]:
    answer = httpx.request(method, address, headers=HEADERS, content=body, timeout=0.3)
    return answer.status_code, answer.content


def by_requests(method: str, address: str, body: bytes | None = None) -> tuple[int, bytes]:
    answer = requests.request(method, address, headers=HEADERS, data=body, timeout=0.3)
    return answer.status_code, answer.content


def by_aiohttp(method: str, address: str, body: bytes | None = None) -> tuple[int, bytes]:
    async def call() -> tuple[int, bytes]:
        timeout = aiohttp.ClientTimeout(total=0.3)
        async with (
            aiohttp.ClientSession(headers=HEADERS, timeout=timeout) as session,
            session.request(method, address, data=body) as answer,
        ):
            return answer.status, await answer.read()

    return asyncio.run(call())


def by_http_client(method: str, address: str, body: bytes | None = None) -> tuple[int, bytes]:
    url = httpx.URL(address)
    connection = http.client.HTTPConnection(url.host, url.port, timeout=0.3)
    try:
        connection.request(method, url.path, body=body, headers=HEADERS)
        answer = connection.getresponse()
        return answer.status, answer.read()
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
            library(method, address, BODIES[method])
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
    assert answer.content != STORED


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


# What comes as an answer raises nothing in these libraries. A method is missing where its operation does not take the
# kind, for which the document has the reason.
ANSWERED = {
    "error": (lambda faults, operation: faults.error(operation, status=503), {"GET": 503, "PUT": 503}),
    "latency": (lambda faults, operation: faults.latency(operation, 0.01), {"GET": 200, "PUT": 200}),
    "dribble": (lambda faults, operation: faults.dribble(operation, 1e6), {"GET": 200, "PUT": 200}),
    "corrupt": (lambda faults, operation: faults.corrupt(operation), {"GET": 200, "PUT": 200}),
    "outage": (lambda faults, operation: faults.outage(operation), {"GET": 503, "PUT": 503}),
    "rate_limit": (lambda faults, operation: faults.rate_limit(operation, requests=0), {"GET": 429, "PUT": 429}),
    "storage_full": (lambda faults, operation: faults.storage_full(operation), {"PUT": 429}),
    "stale": (lambda faults, operation: faults.stale(operation), {"GET": 200}),
}


@pytest.mark.parametrize("library", RAISED)
@pytest.mark.parametrize(
    ("kind", "method", "status"),
    [(kind, method, status) for kind, (_, statuses) in ANSWERED.items() for method, status in statuses.items()],
)
def test_what_is_an_answer_raises_nothing_by_itself(
    *, kv: FakeCloudflare, address: str, kind: str, library, method: str, status: int
):
    fault = ANSWERED[kind][0](kv.faults, WRITE if method == "PUT" else READ)
    assert library(method, address, BODIES[method])[0] == status
    assert fault.fired == 1


@pytest.mark.parametrize("library", RAISED)
def test_a_partial_failure_is_an_answer_like_any_other(kv: FakeCloudflare, address: str, library):
    kv.faults.partial("bulk_write", ["b"])
    pairs = [{"key": key, "value": "v"} for key in "ab"]
    status, body = library("PUT", address.replace("/values/k", "/bulk"), json.dumps(pairs).encode())
    assert (status, json.loads(body)["result"]["unsuccessful_keys"]) == (200, ["b"])


@pytest.mark.parametrize("library", RAISED)
def test_a_stale_read_is_the_old_value(*, kv: FakeCloudflare, address: str, ns, library):
    kv.faults.stale(READ)
    assert library("GET", address) == (200, STORED)
    ns["k"] = b"new"
    assert library("GET", address) == (200, STORED)
    kv.faults.settle()
    assert library("GET", address) == (200, b"new")


def test_every_kind_is_met_by_every_library(kv: FakeCloudflare):
    schema = json.loads((schemas_folder() / "x-kvfake.schema.json").read_text(encoding="utf-8"))
    kinds = set(schema["$defs"]["fault_kind"]["enum"])
    for raised in RAISED.values():
        assert raised.keys() | ANSWERED.keys() | {"partial", "stale_connection"} == kinds
    for kind, (_, statuses) in ANSWERED.items():
        for method, operation in (("GET", READ), ("PUT", WRITE)):
            assert (kind in kv.document.operations[operation].faults_not) is (method not in statuses)


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_dead_pooled_connection_is_met_by_each_library(*, kv: FakeCloudflare, address: str, ns, method: str):
    operation, body = WRITE if method == "PUT" else READ, BODIES[method]

    async def by_aiohttp_session() -> list[int]:
        async with aiohttp.ClientSession(headers=HEADERS) as session:
            first = await session.get(address)
            return [first.status, (await session.request(method, address, data=body)).status]

    with httpx.Client(headers=HEADERS) as pooled:
        pooled.get(address)
        kv.faults.stale_connection(operation)
        with pytest.raises(httpx.TransportError):
            pooled.request(method, address, content=body)
    with requests.Session() as session:
        session.get(address, headers=HEADERS)
        kv.faults.stale_connection(operation)
        with pytest.raises(requests.exceptions.ConnectionError):
            session.request(method, address, headers=HEADERS, data=body)
    assert ns["k"].value == STORED
    # aiohttp repeats GET and PUT on a dead pooled connection by itself.
    fault = kv.faults.stale_connection(operation)
    assert asyncio.run(by_aiohttp_session()) == [200, 200]
    assert fault.fired == 1
    assert ns["k"].value == (body or STORED)


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_http_client_meets_a_dead_connection_as_a_connection_error(kv: FakeCloudflare, address: str, method: str):
    url = httpx.URL(address)
    connection = http.client.HTTPConnection(url.host, url.port, timeout=0.3)
    connection.request("GET", url.path, headers=HEADERS)
    connection.getresponse().read()
    kv.faults.stale_connection(WRITE if method == "PUT" else READ)
    with pytest.raises(ConnectionError):  # noqa: PT012 - either half of the exchange may meet it
        connection.request(method, url.path, body=BODIES[method], headers=HEADERS)
        connection.getresponse()
    connection.close()
