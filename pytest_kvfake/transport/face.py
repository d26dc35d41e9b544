"""The two faces that people know from pytest-httpserver: ``kv.server``, and a fake behind their own server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_httpserver.httpserver import HandlerType, HTTPServer, HTTPServerBase, HTTPServerError, RequestMatcher
from werkzeug import Request as WerkzeugRequest
from werkzeug import Response as WerkzeugResponse
from werkzeug.test import EnvironBuilder

from pytest_kvfake.engine.messages import body_of, is_bodyless
from pytest_kvfake.errors import KVFakeConnectionError
from pytest_kvfake.transport.http1 import status_text
from pytest_kvfake.transport.ports import host_for_url
from pytest_kvfake.transport.wsgi import answer_of, breaking_off, hang_up, request_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_kvfake.engine.messages import Endpoint, Request, Response
    from pytest_kvfake.transport.waits import Waits

__all__ = ["ServerFace", "mounted"]


class ServerFace(HTTPServerBase):
    """The socket server of a fake, to its users a ``pytest_httpserver.HTTPServerBase``.

    No werkzeug server runs behind it: starting, stopping and the port are the fake's own.

    Args:
        endpoint: answers what is given to `dispatch`.
        waits: delays and hangs go through it.
        host: where the server listens, or is advertised.
        address: gives the port while the server is running; raises `NotRunningError` else.
        start: starts the fake.
        stop: stops it.
        running: whether it is started.
        exchanges: gives what the journal holds, in order: number, request, and answer or None.
        bugs: hands over, once each, the exceptions that are bugs of the fake.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        waits: Waits,
        *,
        host: str,
        address: Callable[[], int],
        start: Callable[[], object],
        stop: Callable[[], object],
        running: Callable[[], bool],
        exchanges: Callable[[], Iterable[tuple[int, Request, Response | None]]],
        bugs: Callable[[], list[Exception]],
    ) -> None:
        self._endpoint = endpoint
        self._waits = waits
        self._address = address
        self._start = start
        self._stop = stop
        self._running = running
        self._exchanges = exchanges
        self._bugs = bugs
        self._cleared = 0
        super().__init__(host, 0, threaded=True)

    @property
    def port(self) -> int:
        """The port of the fake.

        Raises:
            NotRunningError: the fake is not started.
        """
        return self._address()

    @port.setter
    def port(self, _port: int) -> None:
        """The base class sets it; the fake knows better."""

    @property
    def log(self) -> list[tuple[WerkzeugRequest, WerkzeugResponse]]:
        """The journal's exchanges as werkzeug objects, since the last `clear_log`; a new list each time."""
        base = f"http://{host_for_url(self.host)}:{self.port}" if self.is_running() else "http://localhost"
        return [
            _werkzeug_pair(base, request, response)
            for number, request, response in self._exchanges()
            if response is not None and number > self._cleared
        ]

    @log.setter
    def log(self, _log: list[tuple[WerkzeugRequest, WerkzeugResponse]]) -> None:
        """The base class sets it to an empty list to clear it."""
        self._cleared = max((number for number, _, _ in self._exchanges()), default=self._cleared)

    def __repr__(self) -> str:
        where = f"port={self.port}" if self.is_running() else "not running"
        return f"<{type(self).__name__} host={self.host} {where}>"

    def is_running(self) -> bool:
        """Whether the fake is started."""
        return self._running()

    def start(self) -> None:
        """Starts the fake.

        Raises:
            HTTPServerError: it is running.
        """
        if self.is_running():
            raise HTTPServerError("Server is already running")
        self._start()

    def stop(self) -> None:
        """Stops the fake.

        Raises:
            HTTPServerError: it is not running.
        """
        if not self.is_running():
            raise HTTPServerError("Server is not running")
        self._stop()

    def check_handler_errors(self) -> None:
        """Raises the first exception that is a bug of the fake, and forgets it."""
        self.handler_errors.extend(self._bugs())
        super().check_handler_errors()

    def clear_handler_errors(self) -> None:
        """Forgets the bugs of the fake."""
        self._bugs()
        super().clear_handler_errors()

    def dispatch(self, request: WerkzeugRequest) -> WerkzeugResponse:
        """Answers a werkzeug request, in process."""
        return _respond(self._endpoint, self._waits, request)


def mounted(endpoint: Endpoint, waits: Waits, httpserver: HTTPServer, prefix: str) -> str:
    """Does the work of `wsgi.mount`."""
    prefix = f"/{prefix.strip('/')}".rstrip("/")
    handler = httpserver.expect(_Remainder(httpserver, prefix), HandlerType.PERMANENT)
    handler.respond_with_handler(lambda request: _respond(endpoint, waits, request, prefix))
    return httpserver.url_for(prefix).rstrip("/")


class _Remainder(RequestMatcher):
    """Matches what no other handler matches.

    ``dispatch`` asks ordered and one-shot handlers first by itself; among the permanent ones the first that matches
    would win, so this one asks the others.
    """

    def __init__(self, httpserver: HTTPServer, prefix: str) -> None:
        super().__init__(re.compile(f"{re.escape(prefix)}(?:/|$)"))
        self._httpserver = httpserver
        self._prefix = prefix

    def match(self, request: WerkzeugRequest) -> bool:
        if not self._covers(request):
            return False
        for handler in self._httpserver.handlers:
            other = handler.matcher
            if isinstance(other, _Remainder):
                if len(other._prefix) > len(self._prefix) and other._covers(request):  # noqa: SLF001 - of its own kind
                    return False
            elif other.match(request):
                return False
        return True

    def _covers(self, request: WerkzeugRequest) -> bool:
        return self.match_uri(request)


def _respond(endpoint: Endpoint, waits: Waits, request: WerkzeugRequest, prefix: str = "") -> WerkzeugResponse:
    asked = request_of(request.environ)
    if prefix:
        target = asked.target.removeprefix(prefix)
        asked = asked.with_target(asked.method, target if target.startswith("/") else f"/{target}")
    try:
        answer = answer_of(endpoint, waits, asked, body_of(request.get_data()))
    except KVFakeConnectionError as error:
        hang_up(request.environ)
        # Raised here it would be reported by check() as an error of a handler. Raised while the server sends,
        # it is a ConnectionError, which werkzeug takes for a client that went away: it closes the connection.
        return WerkzeugResponse(breaking_off(b"", error), status=500)
    response = WerkzeugResponse(answer.parts, status=answer.status)
    response.headers.clear()  # werkzeug adds a Content-Type
    response.headers.extend(answer.fields)
    return response


def _werkzeug_pair(base: str, request: Request, response: Response) -> tuple[WerkzeugRequest, WerkzeugResponse]:
    builder = EnvironBuilder(
        path=request.path or "/",
        query_string=request.query,
        base_url=base,
        method=request.method,
        headers=[pair for pair in request.headers.pairs if pair[0].lower() != "content-length"],
        data=request.body,
    )
    environ = builder.get_environ()
    builder.close()
    environ["REQUEST_URI"] = environ["RAW_URI"] = request.target
    body = b"" if is_bodyless(request.method, response.status) else response.body
    answer = WerkzeugResponse(body, status=status_text(response.status))
    answer.headers.clear()
    answer.headers.extend(response.headers)
    return WerkzeugRequest(environ), answer
