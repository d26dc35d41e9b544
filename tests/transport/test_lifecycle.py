"""What starting, stopping and refusing promise."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from pytest_kvfake.engine.messages import Delivery, Response, WireFault
from pytest_kvfake.errors import OptionError, PortTakenError
from pytest_kvfake.transport import ports
from pytest_kvfake.transport.server import SocketServer
from pytest_kvfake.transport.waits import Waits

DESCRIPTORS = Path("/proc/self/fd")


def ours() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("kvfake-")]


def refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def hang(endpoint):
    """Makes requests hang; gives an event that is set when the first one does."""
    hanging = threading.Event()

    def answer(request):
        if request.path != "/hang":
            return Response(200)
        hanging.set()
        return Delivery(None, wire=WireFault("hang"), number=4)

    endpoint.answer = answer
    return hanging


def test_it_listens_when_the_constructor_returns(serve, connect):
    assert connect(serve()).get()[0] == 200


def test_threads_are_daemons_named_after_the_port(server, client):
    client.get()
    threads = [thread for thread in threading.enumerate() if f"kvfake-{server.port}-" in thread.name]
    assert len(threads) == 2
    assert all(thread.daemon for thread in threads)


def test_after_stop_the_port_refuses(serve):
    server = serve()
    server.stop()
    assert refused(server.port)


def test_stop_may_be_called_twice(serve):
    server = serve()
    server.stop()
    server.stop()


def test_stop_cuts_idle_connections(serve, connect):
    server = serve()
    client = connect(server)
    client.get()
    server.stop()
    assert client.rest() == b""


def test_stop_releases_what_hangs(serve, connect, endpoint, request_bytes):
    hanging = hang(endpoint)
    server = serve(waits=Waits(60))
    client = connect(server)
    client.send(request_bytes("GET", "/hang"))
    assert hanging.wait(5)
    server.stop()
    assert client.rest() == b""
    assert endpoint.events.empty()


def test_stop_leaves_no_thread(serve, connect, endpoint, request_bytes):
    hanging = hang(endpoint)
    before = ours()
    server = serve()
    clients = [connect(server) for _ in range(4)]
    clients[0].get()
    clients[1].send(b"GET / HT")
    clients[2].send(request_bytes("GET", "/hang"))
    assert hanging.wait(5)
    server.stop()
    assert ours() == before


def test_stop_takes_5_ms_with_16_connections_and_one_hang(serve, connect, endpoint, request_bytes):
    hanging = hang(endpoint)
    took = []
    for _ in range(7):
        server = serve(waits=Waits(60))
        clients = [connect(server) for _ in range(16)]
        for client in clients[1:]:
            client.get()
        hanging.clear()
        clients[0].send(request_bytes("GET", "/hang"))
        assert hanging.wait(5)
        began = time.perf_counter()
        server.stop()
        took.append(time.perf_counter() - began)
    assert min(took) <= 0.005


def test_stop_is_bounded_although_an_endpoint_never_returns(serve, connect, endpoint, request_bytes):
    entered, let_go = threading.Event(), threading.Event()

    def answer(request):
        entered.set()
        let_go.wait(30)
        return Response(200)

    endpoint.answer = answer
    server = serve()
    connect(server).send(request_bytes("GET"))
    assert entered.wait(5)
    began = time.perf_counter()
    server.stop(timeout=0.05)
    assert time.perf_counter() - began < 5
    (stuck,) = [thread for thread in threading.enumerate() if thread.name == f"kvfake-{server.port}-connection"]
    let_go.set()
    stuck.join(5)
    assert not stuck.is_alive()


def test_an_endpoint_may_stop_its_own_server(serve, connect, endpoint, request_bytes):
    server = serve()

    def answer(request):
        server.stop()
        return Response(200)

    endpoint.answer = answer
    client = connect(server)
    client.send(request_bytes("GET"))
    assert client.rest() == b""
    assert refused(server.port)


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="descriptors are counted in /proc")
def test_200_cycles_leave_no_thread_socket_or_descriptor(endpoint):
    def cycle():
        server = SocketServer(endpoint, waits=Waits(10))
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(1000)
            server.stop()

    cycle()
    threads, descriptors = ours(), len(list(DESCRIPTORS.iterdir()))
    for _ in range(200):
        cycle()
    assert ours() == threads
    assert len(list(DESCRIPTORS.iterdir())) == descriptors


# Ports


def test_a_thread_left_over_from_an_earlier_test_reaches_no_later_fake(serve, endpoint):
    earlier = serve()
    earlier.stop()
    later = [serve() for _ in range(64)]
    assert earlier.port not in [server.port for server in later]
    assert refused(earlier.port)
    assert endpoint.requests == []


def test_a_retrying_thread_of_an_earlier_test_reaches_no_later_fake(serve, endpoint):
    earlier, over, tried = serve(), threading.Event(), threading.Event()

    def retry():
        while not over.is_set():
            # Another process may get this port from the system meanwhile, so what happens there says nothing.
            with suppress(OSError), socket.create_connection(("127.0.0.1", earlier.port), timeout=1) as connection:
                connection.sendall(b"GET /retried HTTP/1.1\r\nHost: kv.test\r\n\r\n")
                connection.recv(1)
            tried.set()

    earlier.stop()
    thread = threading.Thread(target=retry)
    thread.start()
    for _ in range(ports.RECENT_PORTS):
        server = SocketServer(endpoint, waits=Waits(10))
        tried.clear()
        assert tried.wait(5)
        server.stop()
    over.set()
    thread.join(5)
    assert endpoint.requests == []


def test_a_port_that_the_system_offers_again_is_not_taken(monkeypatch):
    first = ports.Port("127.0.0.1", 0)
    first.close()
    offers = iter([first.number, first.number, 0])
    bind = ports._bind
    monkeypatch.setattr(ports, "_bind", lambda host, port: bind(host, port or next(offers, 0)))
    second = ports.Port("127.0.0.1", 0)
    second.close()
    assert second.number != first.number


def test_a_port_that_was_asked_for_is_taken_again_at_once(serve, connect):
    first = serve()
    first.stop()
    assert connect(serve(port=first.port)).get()[0] == 200


def test_a_taken_port_is_a_clear_error(server, endpoint):
    with pytest.raises(PortTakenError, match=f"port {server.port} on 127.0.0.1 is taken.*ask for another port"):
        SocketServer(endpoint, port=server.port, waits=Waits(10))


def test_a_port_taken_by_another_kind_of_server_is_a_clear_error(endpoint):
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(PortTakenError):
        SocketServer(endpoint, port=other.getsockname()[1], waits=Waits(10))


def test_a_host_that_is_not_ours_is_a_clear_error(endpoint):
    with pytest.raises(OptionError, match=r"'192\.0\.2\.1' is no address of this machine"):
        SocketServer(endpoint, host="192.0.2.1", waits=Waits(10))


# Refusal


def test_while_refusing_new_connections_are_refused_and_live_ones_cut(server, client):
    client.get()
    with server.refuse():
        assert refused(server.port)
        assert client.rest() == b""


def test_after_a_refusal_the_port_is_the_same(server, connect):
    port = server.port
    for _ in range(3):
        with server.refuse():
            pass
    assert server.port == port
    assert connect(server).get()[0] == 200


@pytest.mark.parametrize("holds", [True, False], ids=["as on Linux", "as elsewhere"])
def test_while_refusing_nobody_else_is_given_the_port(serve, connect, monkeypatch, holds):
    monkeypatch.setattr(ports, "_HOLDS", ports._HOLDS and holds)
    server = serve()
    with server.refuse(), socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", server.port))
    assert connect(server).get()[0] == 200


def test_refusals_overlap_and_the_last_one_opens_the_port(server, connect):
    first, second = server.refuse(), server.refuse()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert refused(server.port)
    second.__exit__(None, None, None)
    assert connect(server).get()[0] == 200


def test_a_refusal_does_not_wait_for_what_hangs(serve, connect, endpoint, request_bytes):
    hanging = hang(endpoint)
    server = serve(waits=Waits(60))
    client = connect(server)
    client.send(request_bytes("GET", "/hang"))
    assert hanging.wait(5)
    began = time.perf_counter()
    with server.refuse():
        assert client.rest() == b""
    assert time.perf_counter() - began < 5


def test_a_server_stopped_while_refusing_stays_stopped(serve):
    server = serve()
    with server.refuse():
        server.stop()
    assert refused(server.port)


# Imports


@pytest.mark.parametrize("module", ["server", "http1", "wire", "waits", "wsgi"])
def test_importing_the_transport_loads_no_library(module):
    code = (
        f"import sys, pytest_kvfake.transport.{module}; "
        "print(sorted({'werkzeug', 'httpx', 'pytest_httpserver', 'anyio', 'jsonschema'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
