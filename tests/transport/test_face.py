"""What people know from pytest-httpserver: ``kv.server``, and a fake behind their own server."""

from __future__ import annotations

import httpx
import pytest
from pytest_httpserver import HTTPServer
from pytest_httpserver.httpserver import HTTPServerBase, HTTPServerError
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request as WerkzeugRequest

from pytest_kvfake.engine.messages import Headers, Request, Response
from pytest_kvfake.errors import NotRunningError
from pytest_kvfake.transport.face import ServerFace
from pytest_kvfake.transport.server import SocketServer
from pytest_kvfake.transport.wsgi import mount


class Fake:
    """As much of a fake as its face needs."""

    def __init__(self, endpoint, waits) -> None:
        self.endpoint, self.waits = endpoint, waits
        self.socket_server: SocketServer | None = None
        self.exchanges: list[tuple[int, Request, Response | None]] = []
        self.bugs: list[Exception] = []

    def start(self) -> None:
        self.socket_server = SocketServer(self.endpoint, waits=self.waits)

    def stop(self) -> None:
        if self.socket_server:
            self.socket_server.stop()
            self.socket_server = None

    def port(self) -> int:
        if self.socket_server is None:
            raise NotRunningError("not started")
        return self.socket_server.port

    def take_bugs(self) -> list[Exception]:
        bugs, self.bugs = self.bugs, []
        return bugs

    def face(self) -> ServerFace:
        return ServerFace(
            self.endpoint,
            self.waits,
            host="127.0.0.1",
            address=self.port,
            start=self.start,
            stop=self.stop,
            running=lambda: self.socket_server is not None,
            exchanges=lambda: self.exchanges,
            bugs=self.take_bugs,
        )


@pytest.fixture
def fake(endpoint, waits):
    fake = Fake(endpoint, waits)
    yield fake
    fake.stop()


@pytest.fixture
def face(fake) -> ServerFace:
    return fake.face()


def test_the_face_is_an_httpserver_base(face):
    assert isinstance(face, HTTPServerBase)


def test_it_starts_and_stops_as_a_context_manager(face):
    with face:
        assert face.is_running()
        assert httpx.get(face.url_for("/a")).text == "GET /a "
    assert not face.is_running()


def test_url_for_has_host_and_port(face, fake):
    with face:
        assert face.url_for("a") == f"http://127.0.0.1:{fake.port()}/a"


def test_a_stopped_face_has_no_port(face):
    with pytest.raises(NotRunningError):
        _ = face.port


def test_starting_or_stopping_twice_is_an_error(face):
    with pytest.raises(HTTPServerError):
        face.stop()
    with face, pytest.raises(HTTPServerError):
        face.start()


def test_its_text_names_the_port(face, fake):
    assert repr(face) == "<ServerFace host=127.0.0.1 not running>"
    with face:
        assert repr(face) == f"<ServerFace host=127.0.0.1 port={fake.port()}>"


def test_check_raises_added_assertions(face):
    face.add_assertion("wrong")
    with pytest.raises(AssertionError, match="wrong"):
        face.check()
    face.check()


def test_check_raises_bugs_of_the_fake_once(face, fake):
    fake.bugs.append(ZeroDivisionError("bug"))
    with pytest.raises(ZeroDivisionError):
        face.check()
    face.check()


def test_clear_forgets_assertions_bugs_and_the_log(face, fake):
    fake.exchanges.append((1, Request("GET", "/", Headers()), Response(200)))
    face.add_assertion("wrong")
    fake.bugs.append(ZeroDivisionError("bug"))
    face.clear()
    face.check()
    assert face.log == []


def test_the_log_has_the_journal_s_exchanges(face, fake):
    request = Request("PUT", "//a%2Fb?x=1", Headers([("X-A", "1"), ("Content-Length", "4")]), b"body", 4)
    fake.exchanges += [(1, request, Response(404, (("X-B", "2"),), b"gone")), (2, request, None)]
    ((logged, answer),) = face.log
    assert (logged.method, logged.environ["REQUEST_URI"], logged.headers["X-A"]) == ("PUT", "//a%2Fb?x=1", "1")
    assert (logged.get_data(), dict(logged.args)) == (b"body", {"x": "1"})
    assert (answer.status_code, answer.headers["X-B"], answer.get_data()) == (404, "2", b"gone")


def test_the_log_takes_what_was_no_request(face, fake):
    fake.exchanges.append((1, Request("?", "\x16\x03 \xff\r\n[", Headers()), Response(400, (), b"no")))
    assert face.log[0][1].status_code == 400


def test_a_cleared_log_shows_what_comes_later(face, fake):
    fake.exchanges.append((1, Request("GET", "/1", Headers()), Response(200)))
    face.clear_log()
    fake.exchanges.append((2, Request("GET", "/2", Headers()), Response(200)))
    assert [request.path for request, _ in face.log] == ["/2"]


def test_dispatch_answers_in_process(face, endpoint):
    request = WerkzeugRequest(EnvironBuilder(path="/a%2Fb", method="PUT", data=b"body").get_environ())
    answer = face.dispatch(request)
    assert (answer.status_code, answer.get_data()) == (200, b"PUT /a%2Fb body")
    assert answer.headers.get_all("Content-Type") == ["text/plain"]


# Behind somebody's own server


@pytest.fixture(scope="module")
def own_server():
    with HTTPServer(threaded=True) as server:
        yield server


@pytest.fixture
def httpserver(own_server):
    own_server.clear()
    return own_server


def test_a_mounted_fake_answers_with_its_raw_target(httpserver, endpoint, waits):
    base = mount(endpoint, waits, httpserver)
    assert base == httpserver.url_for("/").rstrip("/")
    assert httpx.put(f"{base}/a%2Fb?x=%2B", content=b"body").text == "PUT /a%2Fb?x=%2B body"
    httpserver.check()


def test_handlers_registered_before_and_after_the_mount_win(httpserver, endpoint, waits):
    httpserver.expect_request("/before").respond_with_data("mine")
    base = mount(endpoint, waits, httpserver)
    httpserver.expect_request("/after").respond_with_data("mine")
    httpserver.expect_oneshot_request("/once").respond_with_data("mine")
    texts = [httpx.get(f"{base}/{path}").text for path in ("before", "after", "once", "once", "other")]
    assert texts == ["mine", "mine", "mine", "GET /once ", "GET /other "]
    httpserver.check()


def test_two_fakes_live_behind_one_server(httpserver, endpoint, waits):
    whole = mount(endpoint, waits, httpserver)
    part = mount(endpoint, waits, httpserver, prefix="/kv")
    assert part == f"{whole}/kv"
    texts = [httpx.get(url).text for url in (f"{whole}/a", f"{part}/a", f"{part}", f"{whole}/kvfoo")]
    assert texts == ["GET /a ", "GET /a ", "GET / ", "GET /kvfoo "]


def test_head_and_fields_come_through_a_mount(httpserver, endpoint, waits):
    endpoint.answer = lambda request: Response(200, (("X-A", "1"), ("X-A", "2")), b"body")
    answer = httpx.head(mount(endpoint, waits, httpserver))
    assert (answer.headers["content-length"], answer.headers.get_list("x-a"), answer.content) == ("4", ["1", "2"], b"")
    assert "content-type" not in answer.headers


@pytest.mark.parametrize("kind", ["reset", "empty", "truncate", "wrong_length"])
def test_a_wire_fault_behind_a_mount_breaks_the_connection_and_check_stays_clean(httpserver, endpoint, waits, kind):
    base = mount(endpoint, waits, httpserver)
    endpoint.break_with(kind, 3)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        httpx.get(base)
    httpserver.check()


def test_clearing_the_server_takes_the_mount_away(httpserver, endpoint, waits):
    base = mount(endpoint, waits, httpserver)
    httpserver.clear()
    assert httpx.get(base).status_code == 500
    httpserver.clear()
